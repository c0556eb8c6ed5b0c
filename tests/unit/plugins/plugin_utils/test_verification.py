# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verification of an image: whether it is due, and what is shown of its checks."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.filter.verification_report import verification_report
from ansible_collections.cutover.smc.plugins.filter.verification_skip_reason import verification_skip_reason

INSTANCE = {"instance_id": "i-1", "image_id": "m-1", "released_at": "2026-11-22T20:00:00Z"}


def a_check(name: str, failure: str = "", output: str = "") -> dict[str, Any]:
    return {"name": name, "passed": not failure, "message": failure or "The check passed.", "output": output}


def lines_of(*checks: dict[str, Any], **started: Any) -> list[str]:
    started = {"checks": list(checks), "instance": INSTANCE} | started
    return list(verification_report(started, "app-01", keep_failed=False)["lines"])


def test_nothing_is_shown_without_checks() -> None:
    assert lines_of() == []
    assert lines_of(plan=[], check_mode=True) == []
    assert lines_of(plan=["start"]) == []
    assert verification_report({"skipped": True}, "app-01", False) == {"lines": [], "failed": [], "message": ""}


def test_checks_that_pass_are_a_line_each() -> None:
    assert lines_of(a_check("disk", output="long"), a_check("ssh")) == ["app-01: passed: disk", "app-01: passed: ssh"]


def test_a_check_that_fails_shows_the_end_of_its_output_and_of_the_console() -> None:
    output = "".join(f"line {number}\n" for number in range(20))
    lines = lines_of(a_check("disk", "The exit code is 1, not 0.", output), console_output="booting\nlogin: ")
    assert lines[0] == "app-01: FAILED: disk: The exit code is 1, not 0."
    assert [line.strip() for line in lines[1:11]] == [f"line {number}" for number in range(10, 20)]
    assert [line.strip() for line in lines[11:]] == ["app-01: the console output ends with", "booting", "login:"]


def test_in_check_mode_what_would_be_done_is_shown() -> None:
    plan = ["start a verification instance from image m-1, released after 2h", "run check 'ssh'"]
    assert lines_of(plan=plan, check_mode=True) == [f"app-01: would {step}" for step in plan]


@pytest.mark.parametrize("agent", [True, False, None])
@pytest.mark.parametrize("kept", [True, False])
def test_the_failure_reports_the_instance_and_a_missing_agent(agent: bool | None, kept: bool) -> None:
    started = {"checks": [a_check("disk", "no"), a_check("ssh")], "agent": agent, "instance": INSTANCE}
    report = verification_report(started, "app-01", kept)
    assert report["failed"] == ["disk"]
    message = report["message"]
    assert message.startswith("app-01: image m-1 has not passed its checks: disk. ")
    assert ("i-1 is kept for examination until 2026-11-22T20:00:00Z" in message) is kept
    assert ("The instance is released" in message) is not kept
    assert ("it must be installed in the VM when the VM is copied. The instance" in message) is (agent is False)


def test_the_report_requires_a_registered_result() -> None:
    with pytest.raises(AnsibleFilterError, match="verification_report requires the registered result"):
        verification_report(None, "app-01", False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"enabled": False}, "verification is disabled"),
        (
            {"required_settings": ["vsw-1", "", "t"]},
            "verification needs verify_image_vswitch_id, verify_image_security_group_id and verify_image_instance_type",
        ),
        ({"migrated": True}, "the VM has been migrated"),
        ({"images": []}, "it has no image yet"),
        ({"verified_image": "m-2"}, "image m-2 has passed"),
        ({"verified_image": "m-1"}, "image m-1 has passed; verify_image_force: true verifies the newest one, m-2"),
        ({"verified_image": "m-1", "force": True}, ""),
        ({"verified_image": "m-2", "force": True}, ""),
        ({"images": [], "force": True}, "it has no image yet"),
    ],
)
def test_when_the_newest_image_is_not_verified(changes: dict[str, Any], reason: str) -> None:
    options: dict[str, Any] = {
        "images": ["m-1", "m-2"],
        "verified_image": "",
        "migrated": False,
        "enabled": True,
        "required_settings": ["vsw-1", "sg-1", "t"],
        "force": False,
    }
    assert verification_skip_reason(**(options | changes)) == reason
