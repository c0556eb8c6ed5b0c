# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clearing up: only what is named, only when the migration is over, and in an order that the clouds take."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Image, Instance
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.job_lifecycle import ALIVE
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import AccessToken, Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.plan import (
    Sight,
    Wish,
    decide,
    superfluous,
    things,
    view,
)
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.reconciler import Desk, ensure
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    InvalidOptionError,
    PreconditionError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Outcome, converge
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import Identity
from ansible_collections.cutover.smc.plugins.module_utils._vsphere import client as _vcenter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import SnapshotFacts
from ansible_collections.cutover.smc.plugins.modules.smc_cleanup import MODULE
from tests.unit.plugins.builders import (
    NOW,
    VM_UUID,
    a_disk,
    a_job,
    a_run,
    a_snapshot,
    a_source,
    a_token,
    an_image,
    an_instance,
)

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
        ("note_images", ["m-3"]),
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
    with pytest.raises(PreconditionError, match=f"Job j-1 is {status}: the migration is not over"):
        decide(EVERYTHING, a_full_sight(job=a_job(status)))


@pytest.mark.parametrize("status", ["Finished", "Expired"])
def test_an_ended_one_is_cleared(status: str):
    assert ("delete_job", "j-1") in deeds(EVERYTHING, a_full_sight(job=a_job(status)))


def test_a_job_on_its_way_out_is_only_waited_for():
    assert deeds(Wish(delete_job=True), Sight(a_job("Deleting"), None)) == [("wait_job_gone", "j-1")]


def test_a_source_with_a_job_stays_with_it():
    with pytest.raises(
        InvalidOptionError, match="'delete_source' needs delete_job: true, for the source still has job j-1"
    ):
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
        InvalidOptionError, match=r"names snapshot-5 \(smc_j-live_2026\), but job j-live, which took it, is not over"
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


# --- doing ------------------------------------------------------------------------------------------------------


class Smc:
    """An SMC of jobs."""

    def __init__(self, *jobs: Job) -> None:
        self.known = list(jobs)
        self.now = NOW

    def jobs(self, job_ids: list[str] | None = None, **_filters: Any) -> list[Job]:
        return [job for job in self.known if job_ids is None or job.job_id in job_ids]

    def sources(self, *_ids: Any, **_filters: Any) -> list[Source]:
        return []

    def access_tokens(self, _ids: list[str]) -> list[AccessToken]:
        return []

    delete_access_token = delete_job = delete_source = None


class Ecs:
    """An ECS of instances and images, that keeps a list of what was deleted, and refuses what it is told to."""

    def __init__(self, *instances: Instance, images: tuple[Image, ...] = ()) -> None:
        self.known = list(instances)
        self.stored = list(images)
        self.refuses: dict[str, CutoverError] = {}
        self.deeds: list[tuple[str, Any]] = []

    def instances(self, instance_ids: list[str] | None = None) -> list[Instance]:
        return [one for one in self.known if instance_ids is None or one.instance_id in instance_ids]

    def images(self, *_filters: Any, **_more: Any) -> list[Image]:
        return self.stored

    def images_by_id(self, image_ids: list[str]) -> dict[str, Image]:
        return {image.image_id: image for image in self.stored if image.image_id in image_ids}

    def disks(self, **_filters: Any) -> list[Any]:
        return []

    def snapshots(self, *_filters: Any, **_more: Any) -> list[Any]:
        return []

    def delete_instance(self, instance_id: str) -> None:
        self.deeds.append(("delete_instance", instance_id))
        self.known = [one for one in self.known if one.instance_id != instance_id]

    def tag_snapshots(self, snapshot_ids: list[str], tags: dict[str, str]) -> None:
        self.deeds.append(("tag_snapshots", (tuple(snapshot_ids), tags)))

    def tag_images(self, image_ids: list[str], tags: dict[str, str]) -> None:
        self.deeds.append(("tag_images", (tuple(image_ids), tags)))

    def delete_image(self, image_id: str) -> None:
        if image_id in self.refuses:
            raise self.refuses[image_id]
        self.deeds.append(("delete_image", image_id))
        self.stored = [one for one in self.stored if one.image_id != image_id]

    def delete_snapshot(self, snapshot_id: str) -> None:
        self.deeds.append(("delete_snapshot", snapshot_id))

    delete_disk = delete_snapshot


def a_desk(smc: Smc, ecs: Ecs, wish: Wish, **identity: str) -> Desk:
    run = Context(False, lambda line: None, lambda line: None)
    params = {"wait_timeout": "1m", "poll_interval": 0.01}
    return Desk(smc, ecs, None, wish, Identity(**identity), params, run)  # type: ignore[arg-type]


def cleared(desk: Desk, wish: Wish) -> Outcome[Sight]:
    return converge(
        desk.observe,
        lambda sight: decide(wish, sight),
        desk.actions,
        view,
        check_mode=False,
    )


@pytest.mark.parametrize("identity", [{"job_id": "j-1"}, {"vm_uuid": VM_UUID}])
def test_a_job_that_could_not_be_read_is_not_taken_for_one_that_is_gone(identity: dict[str, str]):
    wish, smc, ecs = Wish(images_to_keep=1), Smc(), Ecs()
    smc.jobs = mock.Mock(side_effect=[InvalidOptionError("the token has expired"), []])  # type: ignore[method-assign]
    with pytest.raises(InvalidOptionError, match="the token has expired"):
        cleared(a_desk(smc, ecs, wish, **identity), wish)
    assert ecs.deeds == []


def test_an_orphan_that_a_job_takes_up_between_the_look_and_the_deed_stays():
    wish = Wish(orphans=("i-1",))
    smc, ecs = Smc(), Ecs(an_instance("i-1", name="No_Delete_SMC_Transition_Instance"))
    desk = a_desk(smc, ecs, wish)
    assert decide(wish, desk.observe()).changed
    smc.known.append(a_job("Waiting", intermediate_instance_id="i-1"))
    with pytest.raises(ConflictError, match="i-1 is no orphan any more"):
        desk.actions["delete_orphan"](kind="instance", identifier="i-1")
    with pytest.raises(InvalidOptionError, match="which is no orphan: job j-1, which is Waiting, names it"):
        cleared(desk, wish)
    assert ecs.deeds == []


def test_an_orphan_that_is_gone_at_the_deed_is_fine():
    smc, ecs = Smc(), Ecs()
    a_desk(smc, ecs, Wish(orphans=())).actions["delete_orphan"](kind="instance", identifier="i-1")
    assert ecs.deeds == []


MOVED = {"runs": (a_run(-90, "m-1"), a_run(-60, "m-2"), a_run(-30, "m-3")), "image_id": "m-3"}


def test_snapshots_are_noted_before_their_image_goes():
    smc, ecs = Smc(a_job("Finished", **MOVED)), Ecs(images=IMAGES)
    wish = Wish(images_to_keep=1)
    cleared(a_desk(smc, ecs, wish, job_id="j-1"), wish)
    note = {"cutover:job-id": "j-1", "cutover:vm-uuid": VM_UUID}
    assert ecs.deeds[:3] == [
        ("tag_snapshots", (("snap-m-1",), note | {"cutover:deleted-image": "m-1"})),
        ("delete_image", "m-1"),
        ("delete_snapshot", "snap-m-1"),
    ]
    assert [image.image_id for image in ecs.stored] == ["m-3"]


@pytest.mark.parametrize("code", ["ImageUsingByInstance", "ImageUseShared", "OperationDenied.ImageCopying"])
def test_an_image_that_ecs_does_not_give_up_stays_with_its_snapshots(code: str):
    smc, ecs = Smc(a_job("Finished", **MOVED)), Ecs(images=IMAGES)
    ecs.refuses["m-1"] = CutoverError("DeleteImage: it is needed (%s)" % code, code=code)
    wish = Wish(images_to_keep=1)
    sight = cleared(a_desk(smc, ecs, wish, job_id="j-1"), wish).observed
    assert sight.kept == {"m-1": f"DeleteImage: it is needed ({code})", "m-3": "it is the final one"}
    assert ("delete_snapshot", "snap-m-1") not in ecs.deeds
    assert ("delete_image", "m-2") in ecs.deeds


def test_whose_the_images_are_is_noted_before_their_job_goes():
    images = (an_image("m-1"), an_image("m-2", tags={"cutover:vm-uuid": VM_UUID}))
    smc, ecs = Smc(a_job("Finished", **MOVED)), Ecs(images=images)
    desk = a_desk(smc, ecs, Wish(delete_job=True), job_id="j-1")
    step = next(step for step in decide(Wish(delete_job=True), desk.observe()).steps)
    assert (step.action, step.arguments) == ("note_images", {"image_ids": ["m-1"]})
    desk.actions[step.action](**step.arguments)
    assert ecs.deeds == [("tag_images", (("m-1",), {"cutover:job-id": "j-1", "cutover:image-of-vm": VM_UUID}))]
    noted = an_image("m-1", tags={"cutover:image-of-vm": VM_UUID})
    assert [deed[0] for deed in deeds(Wish(delete_job=True), Sight(a_job("Finished"), None, images=(noted,)))] == [
        "delete_job",
        "wait_job_gone",
    ]


def test_any_other_refusal_ends_it():
    smc, ecs = Smc(a_job("Finished", **MOVED)), Ecs(images=IMAGES)
    ecs.refuses["m-1"] = CutoverError("DeleteImage: no (Forbidden.RAM)", code="Forbidden.RAM")
    wish = Wish(images_to_keep=1)
    with pytest.raises(CutoverError, match="Forbidden"):
        cleared(a_desk(smc, ecs, wish, job_id="j-1"), wish)


def test_disks_that_may_not_be_read_leave_a_price_unknown_and_fail_nothing(monkeypatch: pytest.MonkeyPatch):
    def refuse(**_filters: Any) -> None:
        raise CutoverError("DescribeDisks: no (Forbidden.RAM)", remedy="Grant the action to this identity in RAM")

    wish = Wish()
    smc = Smc(a_job("Finished", intermediate_instance_id="i-1"))
    ecs = Ecs(an_instance("i-1"))
    monkeypatch.setattr(ecs, "disks", refuse)
    desk = a_desk(smc, ecs, wish, job_id="j-1")
    cleared(desk, wish)
    assert ecs.deeds == [("delete_instance", "i-1")]
    assert desk.notes == [
        "The disks of i-1 could not be read: DescribeDisks: no (Forbidden.RAM). Grant the action to this identity in RAM."
    ]


@pytest.mark.parametrize("vm_uuid", [None, VM_UUID])
def test_pyvmomi_is_needed_only_for_the_snapshots_of_a_vm(monkeypatch: pytest.MonkeyPatch, vm_uuid: str | None):
    assert "pyvmomi" not in [name for name, _error in MODULE.required_libraries]
    monkeypatch.setattr(_vcenter, "REQUIRES", (("pyvmomi", ImportError("none")),))
    params = {
        "hostname": "vc.example.com",
        "vm_uuid": vm_uuid,
        "vm_snapshots": None,
        "images_to_keep": 0 if not vm_uuid else 1,
    }
    with pytest.raises(
        PreconditionError if vm_uuid else InvalidOptionError, match="pyvmomi" if vm_uuid else "'images_to_keep' is 0"
    ):
        ensure(params, Context(True, lambda line: None, lambda line: None))
