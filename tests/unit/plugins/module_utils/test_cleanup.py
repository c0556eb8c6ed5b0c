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
    still_billed,
    superfluous,
    view,
)
from ansible_collections.cutover.smc.plugins.module_utils._failure import BadInput, NotReady
from ansible_collections.cutover.smc.plugins.module_utils._lifecycle import ALIVE
from tests.unit.plugins.builders import a_job, a_source, a_token, an_image, an_instance

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
    gone = superfluous(images, keep)
    assert not any(image.used for image in gone)
    assert len(images) - len(gone) >= min(keep, len(images))
    assert images[-keep:] == [image for image in images[-keep:] if image not in gone]
    after = [image for image in images if image not in gone]
    assert superfluous(after, keep) == [] or len(after) > keep


def test_check_mode_shows_what_is_left():
    after = decide(EVERYTHING, a_full_sight()).predicted(view(a_full_sight()))
    assert after == {
        "job": None,
        "source": None,
        "intermediate_instance": None,
        "images": ["m-3"],
        "access_tokens": [],
        "vm_snapshots": [],
    }


def test_what_goes_on_costing_money():
    billed = still_billed(a_full_sight(images=(an_image("m-2", used=True), an_image("m-3"))))
    assert [(item["kind"], item["id"]) for item in billed] == [("instance", "i-7"), ("image", "m-2"), ("image", "m-3")]
    assert billed[1]["why"] == "an instance uses it"
    assert billed[2]["snapshot_ids"] == ["snap-m-3"]
    assert still_billed(Sight(None, None)) == []
