# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Orphans: recognised by what refers to them, never by their names alone, and held while they may be needed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._cleanup.orphans import (
    Orphan,
    Region,
    find,
    idle,
    needed,
    why_not,
)
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.plan import Sight, Wish, decide
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from tests.unit.plugins.builders import NOW, VM_UUID, a_disk, a_job, a_run, a_snapshot, an_image, an_instance, at

TRANSITION = "No_Delete_SMC_Transition_Instance"


def a_region(**fields: Any) -> Region:
    return Region(NOW, **fields)


def orphans(**fields: Any) -> dict[str, Orphan]:
    return {orphan.identifier: orphan for orphan in find(a_region(**fields))}


@pytest.mark.parametrize("name", [TRANSITION, TRANSITION.lower(), "NO_DELETE_SMC_TRANSITION_INSTANCE_2"])
def test_an_intermediate_instance_that_no_job_names(name: str):
    instances = (an_instance("i-1", name=name), an_instance("i-2", name=name), an_instance("i-3", name="web"))
    found = orphans(instances=instances, jobs=(a_job(intermediate_instance_id="i-2"),))
    assert list(found) == ["i-1"]
    assert found["i-1"].held == ""
    assert found["i-1"].thing.why == "it is an intermediate instance by its name, and no job names it"


def test_while_a_running_job_names_no_instance_none_may_go():
    jobs = (a_job("Running", job_id="j-9"), a_job("Waiting", intermediate_instance_id="i-2"))
    found = orphans(instances=(an_instance("i-1", name=TRANSITION),), jobs=jobs)
    assert found["i-1"].held.startswith("job j-9 is running and names no intermediate instance yet")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"released_at": at(60)}, ""),
        ({"released_at": at(-5)}, "it was to be released at 2026-11-22T17:55:00Z"),
        ({}, "it verifies image m-1, and nothing releases it"),
        (
            {"released_at": at(60), "tags": {"cutover:verifies-image": "m-gone"}},
            "the image m-gone that it verifies is gone",
        ),
        ({"tags": {"cutover:vm-uuid": VM_UUID}}, ""),
    ],
)
def test_a_verification_instance_past_its_purpose(fields: dict[str, Any], why: str):
    instance = an_instance("i-1", **({"tags": {"cutover:verifies-image": "m-1"}} | fields))
    found = orphans(instances=(instance,), images=(an_image("m-1"),))
    assert [orphan.thing.why for orphan in found.values()] == ([why] if why else [])


def test_a_temporary_disk_attached_to_nothing():
    disks = (
        a_disk("d-1", name="SMC_Temp_Disk"),
        a_disk("d-2", name="smc_temp_disk", instance_id="i-1"),
        a_disk("d-3", name="data"),
    )
    assert list(orphans(disks=disks)) == ["d-1"]
    assert orphans(disks=disks, jobs=(a_job(incremental=True),))["d-1"].held == ""
    one_off = a_job("InError", incremental=False)
    assert orphans(disks=disks, jobs=(one_off,))["d-1"].held == "job j-1 is unfinished and may be using it"
    assert orphans(disks=disks, jobs=(a_job("Finished", incremental=False),))["d-1"].held == ""


@pytest.mark.parametrize(
    ("fields", "orphan"),
    [
        ({"tags": {"cutover:deleted-image": "m-0"}}, True),
        ({"name": "SMC_j-bp1x0o5u1h3k9w2q8z7e_2_0"}, True),
        ({"description": "Created by SMC"}, True),
        ({"name": "before j-bp1x0o5u1h3k9w2q8z7e"}, True),
        ({"name": "nightly", "description": "of the shop"}, False),
        ({"name": "smcfarland"}, False),
        ({"tags": {"cutover:deleted-image": "m-0"}, "usage": "disk"}, False),
        ({"snapshot_id": "snap-m-1", "name": "SMC"}, False),
    ],
)
def test_a_snapshot_on_which_no_image_rests(fields: dict[str, Any], orphan: bool):
    fields = dict(fields)
    snapshot = a_snapshot(fields.pop("snapshot_id", "s-1"), **fields)
    found = orphans(snapshots=(snapshot,), images=(an_image("m-1"),))
    assert list(found) == ([snapshot.snapshot_id] if orphan else [])


@pytest.mark.parametrize(
    ("created", "status", "held"),
    [
        (at(-5), "accomplished", "job j-1 is running and may be making an image of it"),
        (at(-90), "accomplished", ""),
        (at(-90), "progressing", "it is being made"),
        (None, "accomplished", "job j-1 is running and may be making an image of it"),
    ],
)
def test_a_snapshot_of_which_a_run_may_be_making_an_image(created: Any, status: str, held: str):
    snapshot = a_snapshot(name="SMC_x", created=created, status=status)
    job = a_job("Running", intermediate_instance_id="i-1", runs=(a_run(-60), a_run(-10, None, None)))
    assert orphans(snapshots=(snapshot,), jobs=(job,))["s-1"].held == held


REGION = a_region(
    instances=(
        an_instance("i-orphan", name=TRANSITION),
        an_instance("i-used", name=TRANSITION),
        an_instance("i-verifies", tags={"cutover:verifies-image": "m-1"}, released_at=at(60)),
        an_instance("i-web", name="web"),
    ),
    disks=(a_disk("d-temp", name="SMC_Temp_Disk"), a_disk("d-root", instance_id="i-web"), a_disk("d-data")),
    snapshots=(
        a_snapshot("s-left", name="SMC_1"),
        a_snapshot("s-image", usage="image"),
        a_snapshot("s-disk", name="SMC_2", usage="disk"),
        a_snapshot("s-own", name="nightly"),
    ),
    images=(an_image("m-1", snapshot_ids=("s-image",)),),
    jobs=(a_job("Waiting", intermediate_instance_id="i-used"),),
)


@pytest.mark.parametrize(
    ("identifier", "reason"),
    [
        ("i-used", "job j-1, which is Waiting, names it as its intermediate instance"),
        ("i-verifies", "it verifies image m-1 until 2026-11-22T19:00:00Z"),
        ("i-web", "it is no instance of SMC's or of a verification"),
        ("d-root", "it is attached to i-web"),
        ("d-data", "it is no temporary disk of SMC"),
        ("s-image", "image m-1 rests on it"),
        ("s-disk", "something was made of it (disk)"),
        ("s-own", "nothing says that SMC or a clean-up left it"),
        ("m-1", "it is not the id of an instance, a disk or a snapshot of ECS"),
        ("snapshot-12", "it is not the id of an instance, a disk or a snapshot of ECS"),
    ],
)
def test_what_is_no_orphan_is_refused_with_the_reason_before_anything_goes(identifier: str, reason: str):
    assert why_not(REGION, identifier) == reason
    with pytest.raises(InvalidOptionError, match=f"names {identifier}, which is no orphan") as refused:
        decide(Wish(orphans=("i-orphan", identifier)), Sight(None, None, region=REGION))
    assert reason in str(refused.value)


def test_orphans_go_when_they_are_named_and_what_is_gone_is_fine():
    sight = Sight(None, None, region=REGION)
    assert [one.identifier for one in sight.orphans] == ["i-orphan", "d-temp", "s-left"]
    assert not decide(Wish(orphans=()), sight).changed
    plan = decide(Wish(orphans=("s-left", "i-gone", "i-orphan", "s-left")), sight)
    assert [step.arguments for step in plan.steps] == [
        {"kind": "snapshot", "identifier": "s-left"},
        {"kind": "instance", "identifier": "i-orphan"},
    ]


def test_an_orphan_that_is_held_is_refused():
    jobs = (a_job("Running", job_id="j-9"),)
    sight = Sight(None, None, region=a_region(instances=(an_instance("i-1", name=TRANSITION),), jobs=jobs))
    with pytest.raises(PreconditionError, match="names i-1, which must not go now: job j-9 is running"):
        decide(Wish(orphans=("i-1",)), sight)


@pytest.mark.parametrize(
    ("status", "days", "told"),
    [("InError", 3, True), ("Stopped", 3, True), ("Stopped", 1, False), ("Waiting", 3, False), ("Expired", 3, False)],
)
def test_a_job_that_has_long_been_idle_while_its_instance_is_paid_for(status: str, days: int, told: bool):
    job = a_job(status, runs=(a_run(-24 * 60 * days - 5),), intermediate_instance_id="i-1")
    notes = list(idle(a_region(instances=(an_instance("i-1"),), jobs=(job,))))
    assert [note.partition(",")[0] for note in notes] == (
        [f"Job j-1 is {status} and has not run since 2026-11-19T18:00:00Z"] if told else []
    )
    assert list(idle(a_region(jobs=(job,)))) == []


def test_what_migrations_need_is_told_with_their_vms():
    told = {thing.identifier: thing for thing in needed(REGION)}
    assert list(told) == ["i-used", "i-verifies", "m-1"]
    assert told["i-used"].vm_uuid == told["m-1"].vm_uuid == VM_UUID
    assert told["i-used"].job_id == "j-1"
