# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stage of a migration, the steps that it needs and what blocks it, from what vCenter, SMC and ECS know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Image
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    FINAL_RUN_TAG,
    JOB_TAG,
    SERVICES_STOPPED_TAG,
    SHUT_DOWN_KEY,
    VERIFIED_IMAGE_TAG,
    VM_TAG,
)
from ansible_collections.cutover.smc.plugins.module_utils._migration.migration import (
    STAGES,
    STEPS,
    Migration,
    expires_at,
    needed_steps,
    obstacles,
    stage,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import state_of
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import VM_KEY, DiskFacts, VmFacts
from tests.unit.plugins.builders import VM_UUID, a_job, a_run, a_source, an_image, an_instance, at

DISK = DiskFacts(2000, "Hard disk 1", "scsi", 0, 0)
UNTRACKED = VmFacts("vm-1", "app-01", VM_UUID, disks=(DISK,))
TRACKED = replace(
    UNTRACKED,
    settings={VM_KEY: "TRUE", DISK.ctk_key: "TRUE"},
    disks=(replace(DISK, ctk_file="app-01-ctk.vmdk"),),
)
FINAL_TAGS = {VM_TAG: VM_UUID, FINAL_RUN_TAG: "2026-11-22T17:30:00Z"}
ALL_BUT_CLEAN_UP = ["enable_cbt", "import_source", "replicate", "verify_image", "cut_over"]


def images(*found: Image) -> dict[str, Image]:
    return {image.image_id: image for image in found}


def migration(vm: VmFacts = TRACKED, **known: Any) -> Migration:
    return Migration(vm, state_of(vm), **({"images": {}, "instances": ()} | known))


M1 = images(an_image("m-1"))
VERIFIED = a_job(tags={VM_TAG: VM_UUID, VERIFIED_IMAGE_TAG: "m-1"})
STOPPED = a_job(tags={VM_TAG: VM_UUID, SERVICES_STOPPED_TAG: "2026-11-22T17:00:00Z"})
FINISHED = a_job("Finished", image_id="m-1")
FINAL = images(an_image("m-1", tags=FINAL_TAGS))
EARLIER = images(an_image("m-0", tags={**FINAL_TAGS, JOB_TAG: "j-0"}))
SHUT_DOWN = replace(TRACKED, power_state="off", settings={**TRACKED.settings, SHUT_DOWN_KEY: "TRUE"})

TABLE = {
    "nothing done": (migration(UNTRACKED), "discovered", ALL_BUT_CLEAN_UP),
    "CBT on": (migration(), "tracked", ALL_BUT_CLEAN_UP[1:]),
    "imported": (migration(source=a_source()), "imported", ALL_BUT_CLEAN_UP[2:]),
    "imported without CBT": (
        migration(UNTRACKED, source=a_source()),
        "imported",
        ["enable_cbt", *ALL_BUT_CLEAN_UP[2:]],
    ),
    "job created": (migration(source=a_source(), job=a_job("Ready")), "replicating", ALL_BUT_CLEAN_UP[2:]),
    "first run": (migration(source=a_source(), job=a_job("Running", runs=())), "replicating", ALL_BUT_CLEAN_UP[2:]),
    "waiting": (migration(source=a_source(), job=a_job(), images=M1), "replicated", ["verify_image", "cut_over"]),
    "a later run": (
        migration(source=a_source(), job=a_job("Running"), images=M1),
        "replicated",
        ["verify_image", "cut_over"],
    ),
    "paused": (
        migration(source=a_source(), job=a_job("Stopped"), images=M1),
        "replicated",
        ["replicate", "verify_image", "cut_over"],
    ),
    "image gone": (migration(source=a_source(), job=a_job()), "replicating", ["verify_image", "cut_over"]),
    "ECS unread": (migration(source=a_source(), job=VERIFIED, images=None), "replicated", ["verify_image", "cut_over"]),
    "verified": (migration(source=a_source(), job=VERIFIED, images=M1), "verified", ["cut_over"]),
    "an older image verified": (
        migration(
            source=a_source(),
            job=replace(VERIFIED, runs=(a_run(-90), a_run(-30, "m-2"))),
            images=images(an_image("m-1"), an_image("m-2")),
        ),
        "verified",
        ["verify_image", "cut_over"],
    ),
    "the verified image gone": (
        migration(source=a_source(), job=replace(VERIFIED, runs=(a_run(-30, "m-2"),)), images=images(an_image("m-2"))),
        "replicated",
        ["verify_image", "cut_over"],
    ),
    "services stopped": (
        migration(source=a_source(), job=STOPPED, images=M1),
        "cutting_over",
        ["verify_image", "cut_over"],
    ),
    "completing": (
        migration(source=a_source(), job=a_job("Running", phase="Cleaning"), images=M1),
        "cutting_over",
        ["verify_image", "cut_over"],
    ),
    "shut down": (
        migration(SHUT_DOWN, source=a_source(), job=a_job(), images=M1),
        "cutting_over",
        ["verify_image", "cut_over"],
    ),
    "finished": (migration(source=a_source(), job=FINISHED, images=FINAL), "cut_over", ["clean_up"]),
    "finished, CBT off": (migration(UNTRACKED, job=FINISHED, images=FINAL), "cut_over", ["clean_up"]),
    "finished, image gone": (migration(job=FINISHED), "cut_over", ["clean_up"]),
    "finished, ECS unread": (migration(job=FINISHED, images=None, instances=None), "cut_over", ["clean_up"]),
    "migrated again": (
        migration(source=a_source(), job=a_job("Running"), images=EARLIER | M1),
        "replicated",
        ["verify_image", "cut_over"],
    ),
    "only the image left": (migration(images=FINAL), "cleaned_up", []),
    "an instance left": (migration(images=FINAL, instances=(an_instance(),)), "cleaned_up", ["clean_up"]),
}


@pytest.mark.parametrize(("known", "reached", "steps"), TABLE.values(), ids=TABLE)
def test_stage_and_steps(known: Migration, reached: str, steps: list[str]):
    assert stage(known) == reached
    assert needed_steps(known) == steps


def test_the_table_has_every_stage():
    assert {reached for _known, reached, _steps in TABLE.values()} == set(STAGES)


@given(st.sets(st.sampled_from(STEPS)), st.sampled_from(list(TABLE.values())))
def test_steps_that_are_not_wanted_are_left_out(wanted: set[str], row: tuple[Migration, str, list[str]]):
    known, _reached, steps = row
    assert needed_steps(known, wanted) == [step for step in steps if step in wanted]


def blocked(known: Migration) -> list[tuple[str, str]]:
    return [(obstacle.step, obstacle.reason) for obstacle in obstacles(known)]


@pytest.mark.parametrize(
    "name", ["nothing done", "waiting", "verified", "services stopped", "finished", "only the image left"]
)
def test_nothing_blocks_a_migration_without_errors(name: str):
    assert blocked(TABLE[name][0]) == []


def test_concerns_about_the_vm_block_the_next_step():
    known = migration(source=a_source(), job=a_job(), images=M1, vm_blockers=(("It has snapshots", "Remove them"),))
    assert blocked(known) == [("verify_image", "It has snapshots")]


def test_a_copy_of_the_vm_blocks_it():
    ((step, reason),) = blocked(migration(twins=("app-01-restored",)))
    assert step == "import_source"
    assert "has the same instance UUID as app-01-restored" in reason


def test_an_offline_source_and_a_failed_job_block_replication_with_their_reasons():
    source = a_source(state="Unavailable", error_code="SourceServer.Offline")
    job = a_job("InError", error_code="Disk.Full")
    assert blocked(migration(source=source, job=job, images=M1)) == [
        ("replicate", "Source s-1 is Unavailable: its connector sends no heartbeat"),
        ("replicate", "Job j-1 is InError: Disk.Full"),
    ]


def test_an_expired_job_blocks_replication():
    assert blocked(migration(source=a_source(), job=a_job("Expired"), images=M1)) == [
        ("replicate", "Job j-1 has expired")
    ]


def test_a_migration_that_is_not_certain_is_blocked():
    assert blocked(migration(ambiguity="Several sources carry the tag")) == [
        ("import_source", "Several sources carry the tag")
    ]


@pytest.mark.parametrize("vm_blockers", [(), (("It has snapshots", "Remove them"),)])
def test_a_final_image_that_is_gone_is_seen_and_no_older_one_takes_its_place(vm_blockers: tuple[tuple[str, str], ...]):
    older = images(an_image("m-0", tags={VM_TAG: VM_UUID}))
    job = replace(FINISHED, runs=(a_run(-90, "m-0"), a_run(-30)))
    known = migration(job=job, images=older, vm_blockers=vm_blockers)
    assert known.final_image_id == "m-1"
    assert known.exists("m-1") is False
    assert blocked(known) == [("clean_up", "The final image m-1 does not exist any more")]


def test_the_final_image_of_an_earlier_migration_is_not_that_of_this_one():
    assert migration(job=FINISHED, images=EARLIER | M1).final_image_id == "m-1"
    assert migration(images=EARLIER).final_image_id == "m-0"


def test_images_that_could_not_be_read_are_unknown_and_not_gone():
    known = migration(job=FINISHED, images=None, instances=None)
    assert known.exists("m-1") is None
    ((step, reason),) = blocked(known)
    assert (step, "ECS could not be read" in reason) == ("clean_up", True)


def test_only_an_unfinished_job_expires():
    assert expires_at(migration(job=a_job(valid_until=at(60)))) == at(60)
    assert expires_at(migration(job=FINISHED, images=FINAL)) is None
    assert expires_at(migration()) is None


def test_a_finished_migration_with_active_jobs_beside_it_is_not_taken_for_clean():
    known = migration(images=FINAL, ambiguity="Several jobs of app-01 are active: j-1, j-2")
    assert blocked(known) == [("clean_up", "Several jobs of app-01 are active: j-1, j-2")]
