# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a verification instance should be, and what is left to do for it (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Image, Instance
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    CHECKS_TAG,
    PROJECT_TAG,
    VERIFIES_IMAGE_TAG,
    VM_TAG,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, View, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_duration, parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._instances.checks import (
    Check,
    have_passed,
    outcome_tag,
    parse_checks,
)

#: ECS accepts an AutoReleaseTime of 30 minutes from now at the earliest.
MIN_RELEASE_AFTER = timedelta(minutes=30)


@dataclass(frozen=True)
class VerificationSpec:
    """The desired verification instance.

    :ivar state: ``present`` or ``absent``
    :ivar parameters: of ``RunInstances``, without the time of release and the client token
    :ivar wait: whether to wait until the instance runs
    :ivar agent_timeout: how long to wait for Cloud Assistant's agent
    """

    state: str
    image_id: str
    parameters: dict[str, t.Any] = field(default_factory=dict)
    release_after: timedelta = timedelta(hours=2)
    wait: bool = True
    checks: tuple[Check, ...] = ()
    agent_timeout: timedelta = timedelta(minutes=5)


@dataclass(frozen=True)
class CheckProgress:
    """What this run has done for the checks of an instance.

    :ivar agent_awaited: Cloud Assistant's agent has answered, or its timeout has passed
    :ivar checked: the names of the checks that have a result
    :ivar recorded: the outcome is recorded on the instance
    """

    agent_awaited: bool = False
    checked: frozenset[str] = frozenset()
    recorded: bool = False


@dataclass(frozen=True)
class ObservedVerification:
    """An image and its verification instances.

    :ivar progress: what this run has already done for the checks
    """

    image: t.Optional[Image]
    instances: tuple[Instance, ...] = ()
    progress: CheckProgress = CheckProgress()

    @property
    def running(self) -> t.Optional[Instance]:
        return next((instance for instance in self.instances if instance.status == "Running"), None)

    @property
    def instance(self) -> t.Optional[Instance]:
        """The instance that runs, or else the first one."""
        return self.running or next(iter(self.instances), None)

    @property
    def checks_tag(self) -> str:
        """The outcome of the checks that is recorded on the instance; empty without one."""
        return self.instance.tags.get(CHECKS_TAG, "") if self.instance else ""


def parse_spec(params: t.Mapping[str, t.Any]) -> VerificationSpec:
    """:raises InvalidOptionError: names the option, the value and the remedy"""
    release_after = parse_duration("release_after", params["release_after"])
    if release_after < MIN_RELEASE_AFTER:
        raise InvalidOptionError(
            f"Option 'release_after' is '{params['release_after']}', which is too short",
            remedy="Set it to 30m or more; ECS releases no instance earlier",
        )
    checks = parse_checks(params["checks"]) if params["state"] == "present" else ()
    if checks and not params["wait"]:
        raise InvalidOptionError(
            "Option 'checks' requires wait: true, because checks need a running instance",
            remedy="Set wait to true, or remove the checks",
        )
    return VerificationSpec(
        state=params["state"],
        image_id=params["image_id"],
        parameters=_parameters(params),
        release_after=release_after,
        wait=params["wait"],
        checks=checks,
        agent_timeout=parse_duration("agent_timeout", params["agent_timeout"]),
    )


def _parameters(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The instance has no public address and is billed by use."""
    tags = {VERIFIES_IMAGE_TAG: params["image_id"], VM_TAG: params["vm_uuid"], PROJECT_TAG: params["project"]}
    parameters = {
        "ImageId": params["image_id"],
        "InstanceType": params["instance_type"],
        "VSwitchId": params["vswitch_id"],
        "SecurityGroupId": params["security_group_id"],
        "InstanceName": params["name"] or f"cutover-verify-{params['image_id']}",
        "InstanceChargeType": "PostPaid",
        "InternetMaxBandwidthOut": 0,
        "KeyPairName": params["key_pair_name"],
        "Tag": [{"Key": key, "Value": value} for key, value in sorted(tags.items()) if value],
    }
    if params["system_disk_category"]:
        parameters["SystemDisk"] = {"Category": params["system_disk_category"]}
    return parameters


def plan(spec: VerificationSpec, observed: ObservedVerification) -> Plan:
    """What is left to do.

    :raises PreconditionError: when the image to start from does not exist or is not available
    """
    if spec.state == "absent":
        return Plan(tuple(_release_step(instance) for instance in observed.instances))
    if not observed.instances:
        _check_image(spec, observed.image)
        summary = f"start a verification instance from image {spec.image_id}, released after {format_duration(spec.release_after)}"
        start = Step("start", summary, changes={"instances": ["a new one"]}, replan_after=True)
        return Plan((start, *_wait_steps(spec, ""), *_check_steps(spec, observed, "")))
    if observed.running:
        return Plan(tuple(_check_steps(spec, observed, observed.running.instance_id)))
    instance_id = observed.instances[0].instance_id
    return Plan((*_wait_steps(spec, instance_id), *_check_steps(spec, observed, instance_id)))


def _release_step(instance: Instance) -> Step:
    summary = f"release the verification instance {instance.instance_id}"
    return Step("release", summary, {"instance_id": instance.instance_id}, {"instances": []})


def _check_image(spec: VerificationSpec, image: t.Optional[Image]) -> None:
    if image is None or image.status != "Available":
        raise PreconditionError(
            f"Image {spec.image_id} {'does not exist' if image is None else f'is {image.status}'}",
            remedy="Use an image that smc_incremental_job_info returns as newest_image_id",
        )


def _wait_steps(spec: VerificationSpec, instance_id: str) -> t.Iterator[Step]:
    if spec.wait:
        yield wait_step("wait_running", "wait until the instance runs", instance_id=instance_id)


def _check_steps(spec: VerificationSpec, observed: ObservedVerification, instance_id: str) -> t.Iterator[Step]:
    """The checks without a result, in order; none when the tag of the instance shows that these very checks have passed."""
    progress = observed.progress
    if not spec.checks or progress.recorded or have_passed(spec.checks, observed.checks_tag):
        return
    open_checks = [check for check in spec.checks if check.name not in progress.checked]
    if open_checks and not progress.agent_awaited:
        yield wait_step("wait_agent", "wait until Cloud Assistant answers from the instance", instance_id=instance_id)
    for check in open_checks:
        yield Step("check", f"run check '{check.name}'", {"instance_id": instance_id, "name": check.name})
    yield Step(
        "record",
        "record the outcome of the checks on the instance",
        {"instance_id": instance_id},
        {"checks": outcome_tag(spec.checks, True, "")},
    )


def diff_view(observed: ObservedVerification) -> View:
    """The instances, and the recorded outcome of their checks."""
    shown: View = {"instances": [instance.instance_id for instance in observed.instances]}
    return dict(shown, checks=observed.checks_tag) if observed.checks_tag else shown
