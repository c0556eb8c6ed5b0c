# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A clean-up deletes only what is named, only when the migration is over, and in the order that the clouds require."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Image, Instance
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.job_lifecycle import ALIVE
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import AccessToken, Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.plan import (
    CleanupSpec,
    ObservedCleanup,
    billable_resources,
    diff_view,
    images_to_delete,
    plan,
)
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.reconciler import CleanupReconciler, run
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    InvalidOptionError,
    PreconditionError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
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

EVERYTHING = CleanupSpec(delete_job=True, delete_source=True, images_to_keep=1, access_token_ids=("at-1",))
IMAGES = (an_image("m-1"), an_image("m-2", snapshot_ids=("snap-a", "snap-b")), an_image("m-3"))


def a_full_observed(**fields: Any) -> ObservedCleanup:
    defaults: dict[str, Any] = {
        "job": a_job("Finished"),
        "source": a_source(),
        "instance": an_instance("i-7", name="SMC"),
        "images": IMAGES,
        "tokens": (a_token(),),
        "snapshots": (SnapshotFacts(moid="snapshot-9", name="smc_j-1_2026"),),
    }
    return ObservedCleanup(**(defaults | fields))


def steps(spec: CleanupSpec, observed: ObservedCleanup) -> list[tuple[str, str]]:
    return [(step.action, next(iter(step.arguments.values()))) for step in plan(spec, observed).steps]


def test_everything_is_deleted_in_the_required_order():
    assert steps(EVERYTHING, a_full_observed()) == [
        ("delete_instance", "i-7"),
        ("delete_image", "m-1"),
        ("delete_snapshot", "snap-m-1"),
        ("delete_image", "m-2"),
        ("delete_snapshot", "snap-a"),
        ("delete_snapshot", "snap-b"),
        ("delete_vm_snapshot", "snapshot-9"),
        ("delete_token", "at-1"),
        ("tag_images", ["m-3"]),
        ("delete_job", "j-1"),
        ("wait_job_gone", "j-1"),
        ("delete_source", "s-1"),
    ]


def test_by_default_job_source_and_images_are_kept():
    assert steps(CleanupSpec(), a_full_observed(tokens=())) == [
        ("delete_instance", "i-7"),
        ("delete_vm_snapshot", "snapshot-9"),
    ]


def test_where_nothing_is_left_nothing_is_planned():
    assert steps(EVERYTHING, ObservedCleanup(None, None)) == []
    assert not plan(CleanupSpec(), ObservedCleanup(a_job("Finished"), a_source(), images=IMAGES)).changed


@pytest.mark.parametrize("status", sorted(ALIVE))
def test_an_unfinished_migration_is_left_alone(status: str):
    with pytest.raises(PreconditionError, match=f"Job j-1 is {status}, so the migration is not over"):
        plan(EVERYTHING, a_full_observed(job=a_job(status)))


@pytest.mark.parametrize("status", ["Finished", "Expired"])
def test_the_rest_of_an_ended_migration_is_deleted(status: str):
    assert ("delete_job", "j-1") in steps(EVERYTHING, a_full_observed(job=a_job(status)))


def test_a_job_that_is_being_deleted_is_only_waited_for():
    assert steps(CleanupSpec(delete_job=True), ObservedCleanup(a_job("Deleting"), None)) == [("wait_job_gone", "j-1")]


def test_a_source_with_a_job_is_kept_with_it():
    with pytest.raises(
        InvalidOptionError, match="'delete_source' needs delete_job: true, because the source still has job j-1"
    ):
        plan(CleanupSpec(delete_source=True), a_full_observed())
    assert steps(CleanupSpec(delete_source=True), ObservedCleanup(None, a_source())) == [("delete_source", "s-1")]
    assert steps(CleanupSpec(delete_source=True), ObservedCleanup(None, a_source(state="Deleting"))) == []


@pytest.mark.parametrize(("keep", "gone"), [(None, []), (1, ["m-1", "m-2"]), (2, ["m-1"]), (3, []), (9, [])])
def test_the_newest_images_are_kept(keep: int | None, gone: list[str]):
    assert [image.image_id for image in images_to_delete(IMAGES, keep)] == gone


@given(st.lists(st.booleans(), max_size=8), st.integers(1, 5))
def test_the_newest_image_and_those_in_use_are_always_kept(used: list[bool], keep: int):
    images = [an_image(f"m-{number}", used=in_use) for number, in_use in enumerate(used)]
    kept = ObservedCleanup(None, None, images=tuple(images)).kept
    gone = images_to_delete(images, keep, kept)
    assert not any(image.used for image in gone)
    assert len(images) - len(gone) >= min(keep, len(images))
    assert images[-keep:] == [image for image in images[-keep:] if image not in gone]
    after = [image for image in images if image not in gone]
    assert images_to_delete(after, keep, kept) == []


def test_check_mode_shows_what_is_left():
    after = plan(EVERYTHING, a_full_observed()).predicted(diff_view(a_full_observed()))
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
        ({"tags": {"cutover:final-run-began-at": "2026-11-22T18:00:00Z"}}, {}, "it is the final image"),
        ({}, {"image_id": "m-1"}, "it is the final image"),
        ({}, {"tags": {"cutover:verified-image": "m-1"}}, "it is the verified image"),
    ],
)
def test_an_image_that_is_needed_is_kept_with_its_reason(
    fields: dict[str, Any], job: dict[str, Any], reason: str
) -> None:
    images = (an_image("m-1", **fields), an_image("m-2"))
    observed = a_full_observed(job=a_job("Finished", **job), images=images)
    assert observed.kept == {"m-1": reason}
    assert not any(step[0] == "delete_image" for step in steps(EVERYTHING, observed))


def test_an_image_that_ecs_refused_to_delete_is_not_tried_again():
    observed = a_full_observed(undeletable={"m-1": "it is being copied"})
    assert [identifier for action, identifier in steps(EVERYTHING, observed) if action == "delete_image"] == ["m-2"]
    assert observed.kept == {"m-1": "it is being copied"}


def test_a_snapshot_from_which_a_disk_was_created_is_kept_and_listed():
    observed = a_full_observed(in_disks=(a_snapshot("snap-a", usage="image_disk"),))
    assert ("delete_snapshot", "snap-b") in steps(EVERYTHING, observed)
    assert ("delete_snapshot", "snap-a") not in steps(EVERYTHING, observed)
    assert ("snapshot", "snap-a") in [
        (resource.kind, resource.identifier) for resource in billable_resources(observed, of_one_migration=True)
    ]


def test_a_snapshot_whose_image_an_earlier_clean_up_deleted_is_deleted():
    observed = ObservedCleanup(
        a_job("Finished"), None, unneeded=(a_snapshot("snap-9", tags={"cutover:deleted-image": "m-0"}),)
    )
    assert steps(CleanupSpec(images_to_keep=1), observed) == [("delete_snapshot", "snap-9")]


STRAYS = (SnapshotFacts("snapshot-4", "smc_j-gone_2026"), SnapshotFacts("snapshot-5", "smc_j-live_2026"))


def test_the_snapshot_of_a_deleted_job_is_removed_by_its_reference_only():
    observed = a_full_observed(snapshots=STRAYS, live_jobs=frozenset({"j-live"}), instance=None, tokens=())
    assert observed.stray_snapshots == [STRAYS[0]]
    assert steps(CleanupSpec(), observed) == []
    assert steps(CleanupSpec(vm_snapshots=("snapshot-4", "snapshot-77")), observed) == [
        ("delete_stray_snapshot", "snapshot-4")
    ]
    with pytest.raises(
        InvalidOptionError, match=r"names snapshot-5 \(smc_j-live_2026\), but its job j-live is not over"
    ):
        plan(CleanupSpec(vm_snapshots=("snapshot-4", "snapshot-5")), observed)


def test_what_is_billed():
    observed = a_full_observed(
        images=(an_image("m-2", used=True), an_image("m-3")), disks=(a_disk("d-1", instance_id="i-7", system=True),)
    )
    resources = billable_resources(observed, of_one_migration=True)
    assert [(resource.kind, resource.identifier) for resource in resources] == [
        ("instance", "i-7"),
        ("image", "m-2"),
        ("image", "m-3"),
    ]
    assert resources[1].reason == "an instance uses it"
    assert {resource.job_id for resource in resources} == {"j-1"}
    assert billable_resources(ObservedCleanup(None, None), of_one_migration=True) == []


# --- acting ------------------------------------------------------------------------------------------------------


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
    """An ECS of instances and images, that keeps a list of what was deleted, and refuses on request."""

    def __init__(self, *instances: Instance, images: tuple[Image, ...] = ()) -> None:
        self.known = list(instances)
        self.stored = list(images)
        self.refuses: dict[str, CutoverError] = {}
        self.calls: list[tuple[str, Any]] = []

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
        self.calls.append(("delete_instance", instance_id))
        self.known = [one for one in self.known if one.instance_id != instance_id]

    def tag_snapshots(self, snapshot_ids: list[str], tags: dict[str, str]) -> None:
        self.calls.append(("tag_snapshots", (tuple(snapshot_ids), tags)))

    def tag_images(self, image_ids: list[str], tags: dict[str, str]) -> None:
        self.calls.append(("tag_images", (tuple(image_ids), tags)))

    def delete_image(self, image_id: str) -> None:
        if image_id in self.refuses:
            raise self.refuses[image_id]
        self.calls.append(("delete_image", image_id))
        self.stored = [one for one in self.stored if one.image_id != image_id]

    def delete_snapshot(self, snapshot_id: str) -> None:
        self.calls.append(("delete_snapshot", snapshot_id))

    delete_disk = delete_snapshot


def a_reconciler(smc: Smc, ecs: Ecs, spec: CleanupSpec, **identity: str) -> CleanupReconciler:
    context = Context(False, lambda line: None, lambda line: None)
    return CleanupReconciler(
        smc,  # type: ignore[arg-type]
        ecs,  # type: ignore[arg-type]
        None,
        spec,
        Identity(**identity),
        context,
        timedelta(minutes=1),
        0.01,
    )


@pytest.mark.parametrize("identity", [{"job_id": "j-1"}, {"vm_uuid": VM_UUID}])
def test_a_job_that_could_not_be_read_is_not_taken_for_a_deleted_one(identity: dict[str, str]):
    spec, smc, ecs = CleanupSpec(images_to_keep=1), Smc(), Ecs()
    smc.jobs = mock.Mock(side_effect=[InvalidOptionError("the token has expired"), []])  # type: ignore[method-assign]
    with pytest.raises(InvalidOptionError, match="the token has expired"):
        a_reconciler(smc, ecs, spec, **identity).run()
    assert ecs.calls == []


def test_an_orphan_that_a_job_names_before_it_is_deleted_is_kept():
    spec = CleanupSpec(orphans=("i-1",))
    smc, ecs = Smc(), Ecs(an_instance("i-1", name="No_Delete_SMC_Transition_Instance"))
    reconciler = a_reconciler(smc, ecs, spec)
    assert plan(spec, reconciler.observe()).changed
    smc.known.append(a_job("Waiting", intermediate_instance_id="i-1"))
    with pytest.raises(ConflictError, match="i-1 is not an orphan any more"):
        reconciler.actions["delete_orphan"](kind="instance", identifier="i-1")
    with pytest.raises(InvalidOptionError, match="is not an orphan: job j-1, which is Waiting, names it"):
        reconciler.run()
    assert ecs.calls == []


def test_an_orphan_that_is_missing_when_it_should_be_deleted_is_fine():
    smc, ecs = Smc(), Ecs()
    a_reconciler(smc, ecs, CleanupSpec(orphans=())).actions["delete_orphan"](kind="instance", identifier="i-1")
    assert ecs.calls == []


MIGRATED = {"runs": (a_run(-90, "m-1"), a_run(-60, "m-2"), a_run(-30, "m-3")), "image_id": "m-3"}


def test_snapshots_are_tagged_before_their_image_is_deleted():
    smc, ecs = Smc(a_job("Finished", **MIGRATED)), Ecs(images=IMAGES)
    spec = CleanupSpec(images_to_keep=1)
    a_reconciler(smc, ecs, spec, job_id="j-1").run()
    note = {"cutover:job-id": "j-1", "cutover:vm-uuid": VM_UUID}
    assert ecs.calls[:3] == [
        ("tag_snapshots", (("snap-m-1",), note | {"cutover:deleted-image": "m-1"})),
        ("delete_image", "m-1"),
        ("delete_snapshot", "snap-m-1"),
    ]
    assert [image.image_id for image in ecs.stored] == ["m-3"]


@pytest.mark.parametrize("code", ["ImageUsingByInstance", "ImageUseShared", "OperationDenied.ImageCopying"])
def test_an_image_that_ecs_refuses_to_delete_is_kept_with_its_snapshots(code: str):
    smc, ecs = Smc(a_job("Finished", **MIGRATED)), Ecs(images=IMAGES)
    ecs.refuses["m-1"] = CutoverError(f"DeleteImage: it is needed ({code})", code=code)
    spec = CleanupSpec(images_to_keep=1)
    observed = a_reconciler(smc, ecs, spec, job_id="j-1").run().observed
    assert observed.kept == {"m-1": f"DeleteImage: it is needed ({code})", "m-3": "it is the final image"}
    assert ("delete_snapshot", "snap-m-1") not in ecs.calls
    assert ("delete_image", "m-2") in ecs.calls


def test_images_are_tagged_before_their_job_is_deleted():
    images = (an_image("m-1"), an_image("m-2", tags={"cutover:vm-uuid": VM_UUID}))
    smc, ecs = Smc(a_job("Finished", **MIGRATED)), Ecs(images=images)
    reconciler = a_reconciler(smc, ecs, CleanupSpec(delete_job=True), job_id="j-1")
    step = next(step for step in plan(CleanupSpec(delete_job=True), reconciler.observe()).steps)
    assert (step.action, step.arguments) == ("tag_images", {"image_ids": ["m-1"]})
    reconciler.actions[step.action](**step.arguments)
    assert ecs.calls == [("tag_images", (("m-1",), {"cutover:job-id": "j-1", "cutover:image-of-vm": VM_UUID}))]
    noted = an_image("m-1", tags={"cutover:image-of-vm": VM_UUID})
    assert [
        step[0]
        for step in steps(CleanupSpec(delete_job=True), ObservedCleanup(a_job("Finished"), None, images=(noted,)))
    ] == [
        "delete_job",
        "wait_job_gone",
    ]


def test_any_other_refusal_fails():
    smc, ecs = Smc(a_job("Finished", **MIGRATED)), Ecs(images=IMAGES)
    ecs.refuses["m-1"] = CutoverError("DeleteImage: no (Forbidden.RAM)", code="Forbidden.RAM")
    spec = CleanupSpec(images_to_keep=1)
    with pytest.raises(CutoverError, match="Forbidden"):
        a_reconciler(smc, ecs, spec, job_id="j-1").run()


def test_disks_that_may_not_be_read_leave_a_price_unknown_and_fail_nothing(monkeypatch: pytest.MonkeyPatch):
    def refuse(**_filters: Any) -> None:
        raise CutoverError("DescribeDisks: no (Forbidden.RAM)", remedy="Grant the action to this identity in RAM")

    spec = CleanupSpec()
    smc = Smc(a_job("Finished", intermediate_instance_id="i-1"))
    ecs = Ecs(an_instance("i-1"))
    monkeypatch.setattr(ecs, "disks", refuse)
    reconciler = a_reconciler(smc, ecs, spec, job_id="j-1")
    reconciler.run()
    assert ecs.calls == [("delete_instance", "i-1")]
    assert reconciler.notes == [
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
        "delete_job": False,
        "delete_source": False,
        "access_token_ids": None,
        "orphans": None,
    }
    with pytest.raises(
        PreconditionError if vm_uuid else InvalidOptionError, match="pyvmomi" if vm_uuid else "'images_to_keep' is 0"
    ):
        run(params, Context(True, lambda line: None, lambda line: None))
