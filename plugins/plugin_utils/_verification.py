# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verification of an image: whether it is due, and what its checks showed (pure; private to the collection)."""

from __future__ import annotations

import typing as t

#: How many of the last lines of an output are shown.
_OUTPUT_LINES = 10
_CONSOLE_LINES = 15


def skip_reason(
    newest_image: str, verified_image: str, *, migrated: bool, enabled: bool, configured: bool, force: bool
) -> str:
    """Why the newest image is not verified now; empty when it is.

    :param newest_image: empty when there is no image yet
    :param verified_image: the image that has been verified before; empty without one
    :param configured: the vSwitch, the security group and the instance type are set
    """
    if not enabled:
        return "verification is disabled"
    if not configured:
        return (
            "verification needs verify_image_vswitch_id, verify_image_security_group_id and verify_image_instance_type"
        )
    if migrated:
        return "the VM has been migrated"
    if not newest_image:
        return "it has no image yet"
    # A newer image is not verified automatically. Otherwise an instance would be started after each run.
    if verified_image and not force:
        newer = f"; verify_image_force: true verifies the newest one, {newest_image}"
        return f"image {verified_image} has passed" + (newer if newest_image != verified_image else "")
    return ""


def verification_report(vm: str, started: t.Mapping[str, t.Any], *, keep_failed: bool) -> dict[str, t.Any]:
    """What the checks showed, as lines and, when one failed, as a message.

    :param started: the registered result of ``ecs_verification_instance``; may be that of check mode, or a skipped one
    :param keep_failed: the instance is kept when a check failed
    :return: ``lines``; ``failed``, the names of the failed checks; ``message``, empty when none failed
    """
    results = started.get("checks") or []
    failed = [result for result in results if not result["passed"]]
    lines = []
    if started.get("check_mode"):
        lines += [f"{vm}: would {step}" for step in started.get("plan") or ()]
    for result in results:
        lines += _result_lines(vm, result)
    console = started.get("console_output") or ""
    if failed and console:
        lines.append(f"{vm}: the console output ends with")
        lines += [f"    {line}" for line in console.splitlines()[-_CONSOLE_LINES:]]
    names = [result["name"] for result in failed]
    return {"lines": lines, "failed": names, "message": _message(vm, started, names, keep_failed) if failed else ""}


def _result_lines(vm: str, result: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    if result["passed"]:
        yield f"{vm}: passed: {result['name']}"
        return
    yield f"{vm}: FAILED: {result['name']}: {result['message']}"
    for line in result["output"].splitlines()[-_OUTPUT_LINES:]:
        yield f"    {line}"


def _message(vm: str, started: t.Mapping[str, t.Any], failed: t.Sequence[str], keep_failed: bool) -> str:
    instance = started["instance"]
    agent = (
        "Cloud Assistant's agent did not answer from the instance; it must be installed in the VM when the VM is copied. "
        if started.get("agent") is False
        else ""
    )
    release_text = (
        f"The instance {instance['instance_id']} is kept for examination until {instance['released_at']}."
        if keep_failed
        else "The instance is released. To keep it for examination, set verify_image_keep_failed."
    )
    return f"{vm}: image {instance['image_id']} has not passed its checks: {', '.join(failed)}. {agent}{release_text}"
