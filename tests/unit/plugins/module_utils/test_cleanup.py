# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clearing up: only what is named, only when the migration is over, and in an order that the clouds take."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._cbt import SnapshotFacts
from ansible_collections.cutover.smc.plugins.module_utils._cleanup import (
    Sight,
    Wish,
    decide,
    superfluous,
    things,
    view,
)
from ansible_collections.cutover.smc.plugins.module_utils._failure import BadInput, NotReady
from ansible_collections.cutover.smc.plugins.module_utils._lifecycle import ALIVE
from tests.unit.plugins.builders import a_disk, a_job, a_snapshot, a_source, a_token, an_image, an_instance

EVERYTHING = Wish(delete_job=True, delete_source=True, images_to_keep=1, access_token_ids=("at-1",))
IMAGES = (an_image("m-1"), an_image("m-2", snapshot_ids=("snap-a", "snap-b")), an_image("m-3"))


def a_full_sight(**fields: Any) -> Sight:
    defaults: dict[str, Any] = {
        "job": a_job("Finished"),
        "source": a_source(),
        "instance": an_instance("i-7", name="SMC"),
        "images": IMAGES,
        "tokens": (a_token(),),
        "snapshots": (SnapshotFacts(moid="snapshot-9", name="smc_j-1_2026"),),
    }
    return Sight(**(defaults | fields))


def deeds(wish: Wish, sight: Sight) -> list[tuple[str, str]]:
    return [(step.action, next(iter(step.arguments.values()))) for step in decide(wish, sight).steps]


def test_everything_goes_in_an_order_that_is_taken():
    assert deeds(EVERYTHING, a_full_sight()) == [
        ("delete_instance", "i-7"),
        ("delete_image", "m-1"),
        ("delete_snapshot", "snap-m-1"),
        ("delete_image", "m-2"),
        ("delete_snapshot", "snap-a"),
        ("delete_snapshot", "snap-b"),
        ("delete_vm_snapshot", "snapshot-9"),
        ("delete_token", "at-1"),
        ("delete_job", "j-1"),
        ("wait_job_gone", "j-1"),
        ("delete_source", "s-1"),
    ]


def test_by_default_job_source_and_images_stay():
    assert deeds(Wish(), a_full_sight(tokens=())) == [("delete_instance", "i-7"), ("delete_vm_snapshot", "snapshot-9")]


def test_where_nothing_is_left_nothing_is_done():
    assert deeds(EVERYTHING, Sight(None, None)) == []
    assert not decide(Wish(), Sight(a_job("Finished"), a_source(), images=IMAGES)).changed


@pytest.mark.parametrize("status", sorted(ALIVE))
def test_an_unfinished_migration_is_left_alone(status: str):
    with pytest.raises(NotReady, match=f"Job j-1 is {status}: the migration is not over"):
        decide(EVERYTHING, a_full_sight(job=a_job(status)))


@pytest.mark.parametrize("status", ["Finished", "Expired"])
def test_an_ended_one_is_cleared(status: str):
    assert ("delete_job", "j-1") in deeds(EVERYTHING, a_full_sight(job=a_job(status)))


def test_a_job_on_its_way_out_is_only_waited_for():
    assert deeds(Wish(delete_job=True), Sight(a_job("Deleting"), None)) == [("wait_job_gone", "j-1")]


def test_a_source_with_a_job_stays_with_it():
    with pytest.raises(BadInput, match="'delete_source' needs delete_job: true, for the source still has job j-1"):
        decide(Wish(delete_source=True), a_full_sight())
    assert deeds(Wish(delete_source=True), Sight(None, a_source())) == [("delete_source", "s-1")]
    assert deeds(Wish(delete_source=True), Sight(None, a_source(state="Deleting"))) == []


@pytest.mark.parametrize(("keep", "gone"), [(None, []), (1, ["m-1", "m-2"]), (2, ["m-1"]), (3, []), (9, [])])
def test_the_newest_images_stay(keep: int | None, gone: list[str]):
    assert [image.image_id for image in superfluous(IMAGES, keep)] == gone


@given(st.lists(st.booleans(), max_size=8), st.integers(1, 5))
def test_the_newest_image_and_those_in_use_always_stay(used: list[bool], keep: int):
    images = [an_image(f"m-{number}", used=in_use) for number, in_use in enumerate(used)]
    kept = Sight(None, None, images=tuple(images)).kept
    gone = superfluous(images, keep, kept)
    assert not any(image.used for image in gone)
    assert len(images) - len(gone) >= min(keep, len(images))
    assert images[-keep:] == [image for image in images[-keep:] if image not in gone]
    after = [image for image in images if image not in gone]
    assert superfluous(after, keep, kept) == []


def test_check_mode_shows_what_is_left():
    after = decide(EVERYTHING, a_full_sight()).predicted(view(a_full_sight()))
    assert after == {
        "job": None,
        "source": None,
        "intermediate_instance": None,
        "images": ["m-3"],
        "unneeded_snapshots": [],
        "access_tokens": [],
        "vm_snapshots": [],
        "orphans": [],
    }


@pytest.mark.parametrize(
    ("fields", "job", "reason"),
    [
        ({"used": True}, {}, "an instance uses it"),
        ({"shared": True}, {}, "it is shared with other accounts"),
        ({"tags": {"cutover:final-run-began-at": "2026-11-22T18:00:00Z"}}, {}, "it is the final one"),
        ({}, {"image_id": "m-1"}, "it is the final one"),
        ({}, {"tags": {"cutover:verified-image": "m-1"}}, "it is the one that was verified"),
    ],
)
def test_an_image_that_somebody_needs_stays_with_its_reason(
    fields: dict[str, Any], job: dict[str, Any], reason: str
) -> None:
    images = (an_image("m-1", **fields), an_image("m-2"))
    sight = a_full_sight(job=a_job("Finished", **job), images=images)
    assert sight.kept == {"m-1": reason}
    assert not any(deed[0] == "delete_image" for deed in deeds(EVERYTHING, sight))


def test_an_image_that_ecs_refused_to_delete_is_not_asked_for_again():
    sight = a_full_sight(refused={"m-1": "it is being copied"})
    assert [identifier for action, identifier in deeds(EVERYTHING, sight) if action == "delete_image"] == ["m-2"]
    assert sight.kept == {"m-1": "it is being copied"}


def test_a_snapshot_of_which_a_disk_was_made_stays_and_is_told():
    sight = a_full_sight(in_disks=(a_snapshot("snap-a", usage="image_disk"),))
    assert ("delete_snapshot", "snap-b") in deeds(EVERYTHING, sight)
    assert ("delete_snapshot", "snap-a") not in deeds(EVERYTHING, sight)
    assert ("snapshot", "snap-a") in [(thing.kind, thing.identifier) for thing in things(sight, named=True)]


def test_a_snapshot_whose_image_an_earlier_clean_up_deleted_goes():
    sight = Sight(a_job("Finished"), None, unneeded=(a_snapshot("snap-9", tags={"cutover:deleted-image": "m-0"}),))
    assert deeds(Wish(images_to_keep=1), sight) == [("delete_snapshot", "snap-9")]


STRAYS = (SnapshotFacts("snapshot-4", "smc_j-gone_2026"), SnapshotFacts("snapshot-5", "smc_j-live_2026"))


def test_the_snapshot_of_a_job_that_is_no_more_goes_by_its_own_reference_only():
    sight = a_full_sight(snapshots=STRAYS, live_jobs=frozenset({"j-live"}), instance=None, tokens=())
    assert sight.stray_snapshots == [STRAYS[0]]
    assert deeds(Wish(), sight) == []
    assert deeds(Wish(vm_snapshots=("snapshot-4", "snapshot-77")), sight) == [("delete_stray_snapshot", "snapshot-4")]
    with pytest.raises(
        BadInput, match=r"names snapshot-5 \(smc_j-live_2026\), but job j-live, which took it, is not over"
    ):
        decide(Wish(vm_snapshots=("snapshot-4", "snapshot-5")), sight)


def test_what_is_paid_for():
    sight = a_full_sight(
        images=(an_image("m-2", used=True), an_image("m-3")), disks=(a_disk("d-1", instance_id="i-7", system=True),)
    )
    told = things(sight, named=True)
    assert [(thing.kind, thing.identifier) for thing in told] == [
        ("instance", "i-7"),
        ("image", "m-2"),
        ("image", "m-3"),
    ]
    assert told[1].why == "an instance uses it"
    assert {thing.job_id for thing in told} == {"j-1"}
    assert things(Sight(None, None), named=True) == []
