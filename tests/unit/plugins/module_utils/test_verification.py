# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verification instance: one for an image, without a public address, released by tag and by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils import _verification
from ansible_collections.cutover.smc.plugins.module_utils._ecs import Image, Instance
from ansible_collections.cutover.smc.plugins.module_utils._failure import BadInput, NotReady
from ansible_collections.cutover.smc.plugins.module_utils._plan import converge
from ansible_collections.cutover.smc.plugins.module_utils._smc import PROJECT_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._task import Run
from ansible_collections.cutover.smc.plugins.module_utils._verification import TAG, Desk, Sight, Wish, decide, view
from ansible_collections.cutover.smc.plugins.modules.ecs_verification_instance import TASK
from tests.unit.plugins.builders import NOW, an_image, an_instance

SAID = {name: spec.get("default") for name, spec in TASK.argument_spec.items()} | {
    "image_id": "m-1",
    "instance_type": "ecs.c7.large",
    "vswitch_id": "vsw-1",
    "security_group_id": "sg-1",
}


def wish(**params: Any) -> Wish:
    return _verification.wish_from({**SAID, **params})


def test_it_is_paid_by_use_and_has_no_public_address():
    parameters = wish(vm_uuid="u-1", project="spring", system_disk_category="cloud_essd").parameters
    assert parameters["InternetMaxBandwidthOut"] == 0
    assert parameters["InstanceChargeType"] == "PostPaid"
    assert parameters["SystemDisk"] == {"Category": "cloud_essd"}
    assert {tag["Key"]: tag["Value"] for tag in parameters["Tag"]} == {TAG: "m-1", VM_TAG: "u-1", PROJECT_TAG: "spring"}
    assert "SystemDisk" not in wish(system_disk_category=None).parameters


def test_ecs_releases_nothing_within_half_an_hour():
    with pytest.raises(BadInput, match="Option 'release_after' is '29m'"):
        wish(release_after="29m")
    assert wish(release_after="30m").release_after == timedelta(minutes=30)


TABLE = [
    ("present", Sight(an_image()), ["run", "wait_running"]),
    ("present", Sight(an_image(), (an_instance(status="Running"),)), []),
    ("present", Sight(an_image(), (an_instance(status="Starting"),)), ["wait_running"]),
    ("present", Sight(None, (an_instance(status="Running"),)), []),
    ("absent", Sight(None), []),
    ("absent", Sight(None, (an_instance("i-1"), an_instance("i-2"))), ["release", "release"]),
]


@pytest.mark.parametrize(("state", "sight", "expected"), TABLE)
def test_every_state(state: str, sight: Sight, expected: list[str]):
    assert [step.action for step in decide(wish(state=state), sight).steps] == expected


def test_without_waiting():
    assert [step.action for step in decide(wish(wait=False), Sight(an_image())).steps] == ["run"]
    assert decide(wish(wait=False), Sight(an_image(), (an_instance(status="Starting"),))).steps == ()


@pytest.mark.parametrize("image", [None, an_image(status="Creating")])
def test_an_image_that_cannot_be_used_is_told(image: Image | None):
    with pytest.raises(NotReady, match=r"Image m-1 (does not exist|is Creating)"):
        decide(wish(), Sight(image))


class Ecs:
    """Instances in memory; one that is made runs at the second look."""

    def __init__(self, *instances: Instance) -> None:
        self.there = {instance.instance_id: instance for instance in instances}
        self.made: list[dict[str, Any]] = []
        self.released: list[str] = []

    def tell_time(self) -> datetime:
        return NOW.replace(second=42)

    def image(self, image_id: str) -> Image:
        return an_image(image_id)

    def instances(self, instance_ids: list[str] | None = None, tags: dict[str, str] | None = None) -> list[Instance]:
        found = [
            instance
            for instance in self.there.values()
            if (instance_ids is None or instance.instance_id in instance_ids)
            and (tags or {}).items() <= instance.tags.items()
        ]
        for instance in found:
            self.there[instance.instance_id] = an_instance(instance.instance_id, tags=instance.tags)
        return found

    def run_instance(self, parameters: dict[str, Any]) -> str:
        self.made.append(parameters)
        tags = {tag["Key"]: tag["Value"] for tag in parameters["Tag"]}
        self.there["i-new"] = an_instance("i-new", status="Pending", tags=tags)
        return "i-new"

    def delete_instance(self, instance_id: str) -> None:
        self.released.append(instance_id)
        del self.there[instance_id]


def ensure(ecs: Ecs, said: Wish, check_mode: bool = False) -> dict[str, Any]:
    params = {"wait_timeout": "1m", "poll_interval": 0.0}
    desk = Desk(ecs, said, params, Run(check_mode, lambda line: None, lambda line: None))
    return converge(desk.observe, lambda sight: decide(said, sight), desk.actions, view, check_mode=check_mode).result()


def test_one_is_made_and_then_left_alone():
    ecs = Ecs(an_instance("i-other", tags={TAG: "m-2"}), an_instance("i-plain"))
    assert ensure(ecs, wish())["changed"] is True
    assert ensure(ecs, wish())["changed"] is False
    (made,) = ecs.made
    assert made["AutoReleaseTime"] == "2026-11-22T20:00:00Z"
    assert len(made["ClientToken"]) <= 64


def test_check_mode_makes_none():
    ecs = Ecs()
    assert ensure(ecs, wish(), check_mode=True)["changed"] is True
    assert ecs.made == []


def test_only_what_carries_the_tag_is_released():
    ecs = Ecs(
        an_instance("i-1", tags={TAG: "m-1"}),
        an_instance("i-2", tags={TAG: "m-2"}),
        an_instance("i-3", name="cutover-verify-m-1"),
    )
    assert ensure(ecs, wish(state="absent"))["changed"] is True
    assert ecs.released == ["i-1"]
    assert ensure(ecs, wish(state="absent"))["changed"] is False
