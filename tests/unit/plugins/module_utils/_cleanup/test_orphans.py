# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Orphans are recognized by what refers to them, never by their names alone, and are not deleted while they may be needed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._cleanup.orphans import (
    Orphan,
    RegionResources,
    find_orphans,
    idle_jobs,
    migration_resources,
    reason_not_orphan,
)
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.plan import CleanupSpec, ObservedCleanup, plan
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from tests.unit.plugins.builders import NOW, VM_UUID, a_disk, a_job, a_run, a_snapshot, an_image, an_instance, at

TRANSITION = "No_Delete_SMC_Transition_Instance"


def a_region(**fields: Any) -> RegionResources:
    return RegionResources(NOW, **fields)


def orphans(**fields: Any) -> dict[str, Orphan]:
    return {orphan.identifier: orphan for orphan in find_orphans(a_region(**fields))}


@pytest.mark.parametrize("name", [TRANSITION, TRANSITION.lower(), "NO_DELETE_SMC_TRANSITION_INSTANCE_2"])
def test_an_intermediate_instance_that_no_job_names(name: str):
    instances = (an_instance("i-1", name=name), an_instance("i-2", name=name), an_instance("i-3", name="web"))
    found = orphans(instances=instances, jobs=(a_job(intermediate_instance_id="i-2"),))
    assert list(found) == ["i-1"]
    assert found["i-1"].blocked_by == ""
    assert found["i-1"].resource.reason == "its name is that of an intermediate instance, and no job names it"


def test_while_a_running_job_names_no_instance_none_may_be_deleted():
    jobs = (a_job("Running", job_id="j-9"), a_job("Waiting", intermediate_instance_id="i-2"))
    found = orphans(instances=(an_instance("i-1", name=TRANSITION),), jobs=jobs)
    assert found["i-1"].blocked_by.startswith("job j-9 is running and does not name its intermediate instance yet")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"released_at": at(60)}, ""),
        ({"released_at": at(-5)}, "it should have been released at 2026-11-22T17:55:00Z"),
        ({}, "it verifies image m-1, and no time of release is set"),
        (
            {"released_at": at(60), "tags": {"cutover:verifies-image": "m-gone"}},
            "the image m-gone that it verifies does not exist any more",
        ),
        ({"tags": {"cutover:vm-uuid": VM_UUID}}, ""),
    ],
)
def test_a_verification_instance_that_is_not_needed_any_more(fields: dict[str, Any], why: str):
    instance = an_instance("i-1", **({"tags": {"cutover:verifies-image": "m-1"}} | fields))
    found = orphans(instances=(instance,), images=(an_image("m-1"),))
    assert [orphan.resource.reason for orphan in found.values()] == ([why] if why else [])


def test_a_temporary_disk_that_is_not_attached():
    disks = (
        a_disk("d-1", name="SMC_Temp_Disk"),
        a_disk("d-2", name="smc_temp_disk", instance_id="i-1"),
        a_disk("d-3", name="data"),
    )
    assert list(orphans(disks=disks)) == ["d-1"]
    assert orphans(disks=disks, jobs=(a_job(incremental=True),))["d-1"].blocked_by == ""
    one_off = a_job("InError", incremental=False)
    assert orphans(disks=disks, jobs=(one_off,))["d-1"].blocked_by == "job j-1 is unfinished and may be using it"
    assert orphans(disks=disks, jobs=(a_job("Finished", incremental=False),))["d-1"].blocked_by == ""


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
def test_a_snapshot_on_which_no_image_is_based(fields: dict[str, Any], orphan: bool):
    fields = dict(fields)
    snapshot = a_snapshot(fields.pop("snapshot_id", "s-1"), **fields)
    found = orphans(snapshots=(snapshot,), images=(an_image("m-1"),))
    assert list(found) == ([snapshot.snapshot_id] if orphan else [])


@pytest.mark.parametrize(
    ("created", "status", "held"),
    [
        (at(-5), "accomplished", "job j-1 is running and may be creating an image from it"),
        (at(-90), "accomplished", ""),
        (at(-90), "progressing", "it is being created"),
        (None, "accomplished", "job j-1 is running and may be creating an image from it"),
    ],
)
def test_a_snapshot_from_which_a_run_may_be_creating_an_image(created: Any, status: str, held: str):
    snapshot = a_snapshot(name="SMC_x", created=created, status=status)
    job = a_job("Running", intermediate_instance_id="i-1", runs=(a_run(-60), a_run(-10, None, None)))
    assert orphans(snapshots=(snapshot,), jobs=(job,))["s-1"].blocked_by == held


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
        ("i-web", "it is neither an intermediate instance of SMC nor a verification instance"),
        ("d-root", "it is attached to i-web"),
        ("d-data", "it is not a temporary disk of SMC"),
        ("s-image", "image m-1 is based on it"),
        ("s-disk", "another resource was created from it (disk)"),
        ("s-own", "nothing shows that SMC or a clean-up left it"),
        ("m-1", "it is not the ID of an ECS instance, disk or snapshot"),
        ("snapshot-12", "it is not the ID of an ECS instance, disk or snapshot"),
    ],
)
def test_what_is_not_an_orphan_is_refused_with_the_reason_before_anything_is_deleted(identifier: str, reason: str):
    assert reason_not_orphan(REGION, identifier) == reason
    with pytest.raises(InvalidOptionError, match=rf"^{identifier} \(option 'orphans'\) is not an orphan") as refused:
        plan(CleanupSpec(orphans=("i-orphan", identifier)), ObservedCleanup(None, None, region=REGION))
    assert reason in str(refused.value)


def test_orphans_are_deleted_when_they_are_named_and_missing_ones_are_fine():
    observed = ObservedCleanup(None, None, region=REGION)
    assert [one.identifier for one in observed.orphans] == ["i-orphan", "d-temp", "s-left"]
    assert not plan(CleanupSpec(orphans=()), observed).changed
    steps = plan(CleanupSpec(orphans=("s-left", "i-gone", "i-orphan", "s-left")), observed)
    assert [step.arguments for step in steps.steps] == [
        {"kind": "snapshot", "identifier": "s-left"},
        {"kind": "instance", "identifier": "i-orphan"},
    ]


def test_an_orphan_that_must_not_be_deleted_now_is_refused():
    jobs = (a_job("Running", job_id="j-9"),)
    observed = ObservedCleanup(None, None, region=a_region(instances=(an_instance("i-1", name=TRANSITION),), jobs=jobs))
    with pytest.raises(PreconditionError, match="names i-1, which must not be deleted now: job j-9 is running"):
        plan(CleanupSpec(orphans=("i-1",)), observed)


@pytest.mark.parametrize(
    ("status", "days", "found"),
    [("InError", 3, True), ("Stopped", 3, True), ("Stopped", 1, False), ("Waiting", 3, False), ("Expired", 3, False)],
)
def test_a_job_that_is_idle_for_days_while_its_instance_is_billed(status: str, days: int, found: bool):
    job = a_job(status, runs=(a_run(-24 * 60 * days - 5),), intermediate_instance_id="i-1")
    notes = list(idle_jobs(a_region(instances=(an_instance("i-1"),), jobs=(job,))))
    assert [note.partition(",")[0] for note in notes] == (
        [f"Job j-1 is {status} and has not run since 2026-11-19T18:00:00Z"] if found else []
    )
    assert list(idle_jobs(a_region(jobs=(job,)))) == []


def test_the_resources_of_migrations_are_found_with_their_vms():
    found = {resource.identifier: resource for resource in migration_resources(REGION)}
    assert list(found) == ["i-used", "i-verifies", "m-1"]
    assert found["i-used"].vm_uuid == found["m-1"].vm_uuid == VM_UUID
    assert found["i-used"].job_id == "j-1"
