# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The instance on which an image is verified: made for a while, and always released (private to the collection)."""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass, field
from datetime import timedelta

from ansible_collections.cutover.smc.plugins.module_utils import _alicloud, _ecs, _smc
from ansible_collections.cutover.smc.plugins.module_utils._failure import BadInput, NotReady
from ansible_collections.cutover.smc.plugins.module_utils._plan import Plan, Step, converge, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._task import Run
from ansible_collections.cutover.smc.plugins.module_utils._time import format_moment, parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._waiting import Waiter

#: By this tag, and its value the image, the instance is found again; nothing else is ever released.
TAG = "cutover:verifies-image"
SHORTEST = timedelta(minutes=30)


@dataclass(frozen=True)
class Wish:
    """The declared verification instance."""

    state: str
    image_id: str
    parameters: dict[str, t.Any] = field(default_factory=dict)
    release_after: timedelta = timedelta(hours=2)
    wait: bool = True


@dataclass(frozen=True)
class Sight:
    """What was seen at one look: the image, and its verification instances that are not on their way out."""

    image: t.Optional[_ecs.Image]
    instances: tuple[_ecs.Instance, ...] = ()


def wish_from(params: t.Mapping[str, t.Any]) -> Wish:
    """:raises BadInput: names the option, the value and the remedy"""
    release_after = parse_duration("release_after", params["release_after"])
    if release_after < SHORTEST:
        raise BadInput(
            "Option 'release_after' is '%s'" % params["release_after"],
            remedy="ECS releases an instance after 30m at the earliest",
        )
    tags = {TAG: params["image_id"]}
    tags.update(
        {
            key: value
            for key, value in ((_smc.VM_TAG, params["vm_uuid"]), (_smc.PROJECT_TAG, params["project"]))
            if value
        }
    )
    parameters = {
        "ImageId": params["image_id"],
        "InstanceType": params["instance_type"],
        "VSwitchId": params["vswitch_id"],
        "SecurityGroupId": params["security_group_id"],
        "InstanceName": params["name"] or "cutover-verify-%s" % params["image_id"],
        "InstanceChargeType": "PostPaid",
        "InternetMaxBandwidthOut": 0,
        "KeyPairName": params["key_pair_name"],
        "Tag": [{"Key": key, "Value": value} for key, value in sorted(tags.items())],
    }
    if params["system_disk_category"]:
        parameters["SystemDisk"] = {"Category": params["system_disk_category"]}
    return Wish(params["state"], params["image_id"], parameters, release_after, params["wait"])


def decide(wish: Wish, sight: Sight) -> Plan:
    """What is left to do for the declared state; pure.

    :raises NotReady: when there is no image to start from
    """
    if wish.state == "absent":
        return Plan(
            tuple(
                Step(
                    "release",
                    "release the verification instance %s" % instance.instance_id,
                    {"instance_id": instance.instance_id},
                    {"instances": []},
                )
                for instance in sight.instances
            )
        )
    if not sight.instances:
        if sight.image is None or sight.image.status != "Available":
            raise NotReady(
                "Image %s %s"
                % (wish.image_id, "does not exist" if sight.image is None else "is %s" % sight.image.status),
                remedy="Take an image that smc_incremental_job_info lists as newest_image_id",
            )
        summary = "start a verification instance from image %s, released after %s" % (wish.image_id, wish.release_after)
        return Plan((Step("run", summary, changes={"instances": ["a new one"]}, look_again=True), *_wait(wish, "")))
    if any(instance.status == "Running" for instance in sight.instances):
        return Plan()
    return Plan(tuple(_wait(wish, sight.instances[0].instance_id)))


def _wait(wish: Wish, instance_id: str) -> t.Iterator[Step]:
    if wish.wait:
        yield wait_step("wait_running", "wait until the instance runs", instance_id=instance_id)


def view(sight: Sight) -> dict[str, t.Any]:
    return {"instances": [instance.instance_id for instance in sight.instances]}


class Desk:
    """The verification instances of one image."""

    def __init__(self, ecs: _ecs.Ecs, wish: Wish, params: dict[str, t.Any], run: Run) -> None:
        self._ecs = ecs
        self._wish = wish
        self._run = run
        self._timeout = parse_duration("wait_timeout", params["wait_timeout"]).total_seconds()
        self._interval = params["poll_interval"]
        self.actions: dict[str, t.Callable[..., None]] = {
            "run": self._start,
            "release": self._release,
            "wait_running": self._wait_running,
        }

    def observe(self) -> Sight:
        image = self._ecs.image(self._wish.image_id) if self._wish.state == "present" else None
        return Sight(image, tuple(self._ecs.instances(tags={TAG: self._wish.image_id})))

    def _start(self) -> None:
        released_at = self._ecs.tell_time() + self._wish.release_after
        parameters = dict(self._wish.parameters, AutoReleaseTime=format_moment(released_at.replace(second=0)))
        # ECS compares the parameters that come with a token: the moment of release belongs into it.
        text = repr(sorted(parameters.items(), key=lambda item: item[0]))
        self._ecs.run_instance(
            dict(parameters, ClientToken="cutover-" + hashlib.sha256(text.encode()).hexdigest()[:48])
        )

    def _release(self, instance_id: str) -> None:
        """Release it and wait until it is gone, so that nothing is billed when this ends."""
        self._ecs.delete_instance(instance_id)
        waiter = Waiter(self._timeout, self._interval, self._run.report)
        waiter.until(lambda: self._ecs.instances([instance_id]), lambda found: not found, lambda found: found[0].told)

    def _wait_running(self, instance_id: str) -> None:
        waiter = Waiter(self._timeout, self._interval, self._run.report)
        waiter.until(
            lambda: self._ecs.instances([instance_id]),
            lambda found: bool(found) and found[0].status == "Running",
            lambda found: found[0].told if found else "instance %s is not there" % instance_id,
        )


def ensure(params: dict[str, t.Any], run: Run) -> dict[str, t.Any]:
    """The handler of ``ecs_verification_instance``."""
    wish = wish_from(params)
    connection = _alicloud.Connection.from_params(params)
    desk = Desk(_ecs.Ecs(connection), wish, params, run)
    outcome = converge(desk.observe, lambda sight: decide(wish, sight), desk.actions, view, check_mode=run.check_mode)
    instances = outcome.state.instances
    return outcome.result(instance=instances[0].as_result() if instances else None)
