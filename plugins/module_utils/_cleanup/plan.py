# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a migration left, what of it is deleted, and in what order (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Disk, Image, Instance, Snapshot
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import AccessToken, Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._cleanup import billing
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.orphans import (
    Orphan,
    RegionResources,
    find_orphans,
    migration_resources,
    reason_not_orphan,
)
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.prices import BillableResource
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    DELETED_IMAGE_TAG,
    FINAL_RUN_TAG,
    IMAGE_OF_VM_TAG,
    JOB_TAG,
    VERIFIED_IMAGE_TAG,
    VM_TAG,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, View, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import SnapshotFacts


@dataclass(frozen=True)
class CleanupSpec:
    """What may be deleted. Everything that is not named here is kept.

    :ivar orphans: the IDs of orphans to delete; None when orphans are not searched
    :ivar vm_snapshots: the references of SMC's snapshots of the VM to remove although their jobs are over or do not exist
    """

    delete_job: bool = False
    delete_source: bool = False
    images_to_keep: t.Optional[int] = None
    access_token_ids: tuple[str, ...] = ()
    orphans: t.Optional[tuple[str, ...]] = None
    vm_snapshots: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObservedCleanup:
    """What is left of a migration, and what decides on it.

    :ivar instance: the intermediate instance that the job names, while it exists
    :ivar disks: the disks of that instance
    :ivar images: the images of the job's runs that still exist, oldest first
    :ivar undeletable: the images that ECS refused to delete, each with the reason
    :ivar in_disks: the snapshots of images from which disks were created; they are kept
    :ivar unneeded: the snapshots of images that an earlier clean-up deleted
    :ivar snapshots: SMC's snapshots of the VM in vCenter
    :ivar live_jobs: of the other jobs that took these snapshots, those that exist and are not over
    :ivar region: the resources of the region, when orphans are searched
    """

    job: t.Optional[Job]
    source: t.Optional[Source]
    instance: t.Optional[Instance] = None
    disks: tuple[Disk, ...] = ()
    images: tuple[Image, ...] = ()
    undeletable: t.Mapping[str, str] = field(default_factory=dict)
    in_disks: tuple[Snapshot, ...] = ()
    unneeded: tuple[Snapshot, ...] = ()
    tokens: tuple[AccessToken, ...] = ()
    snapshots: tuple[SnapshotFacts, ...] = ()
    live_jobs: frozenset[str] = frozenset()
    region: t.Optional[RegionResources] = None

    @property
    def kept(self) -> dict[str, str]:
        """The images that are kept however many may be deleted, each with the reason."""
        reasons = {image.image_id: _reason_to_keep(image, self.job) for image in self.images}
        reasons.update(self.undeletable)
        return {image_id: reason for image_id, reason in reasons.items() if reason}

    @property
    def own_snapshots(self) -> list[SnapshotFacts]:
        """The VM's snapshots that its own job left."""
        return [snapshot for snapshot in self.snapshots if self.job and snapshot.smc_job_id == self.job.job_id]

    @property
    def stray_snapshots(self) -> list[SnapshotFacts]:
        """The VM's snapshots of other jobs that are over or do not exist."""
        own = self.own_snapshots
        return [
            snapshot for snapshot in self.snapshots if snapshot not in own and snapshot.smc_job_id not in self.live_jobs
        ]

    @property
    def orphans(self) -> list[Orphan]:
        return find_orphans(self.region) if self.region else []


def parse_spec(params: t.Mapping[str, t.Any]) -> CleanupSpec:
    """:raises InvalidOptionError: names the option, the value and the remedy"""
    images_to_keep, orphans = params["images_to_keep"], params["orphans"]
    if images_to_keep is not None and images_to_keep < 1:
        raise InvalidOptionError(
            f"Option 'images_to_keep' is {images_to_keep}",
            remedy="Keep at least 1: the newest image is the result of the migration",
        )
    return CleanupSpec(
        delete_job=params["delete_job"],
        delete_source=params["delete_source"],
        images_to_keep=images_to_keep,
        access_token_ids=tuple(params["access_token_ids"] or ()),
        orphans=None if orphans is None else tuple(orphans),
        vm_snapshots=tuple(params["vm_snapshots"] or ()),
    )


def _reason_to_keep(image: Image, job: t.Optional[Job]) -> str:
    """Why an image must be kept, as far as ECS and SMC show it; empty when it may be deleted."""
    if image.used:
        return "an instance uses it"
    if image.shared:
        return "it is shared with other accounts"
    if FINAL_RUN_TAG in image.tags or (job and job.status == job_lifecycle.FINISHED and job.image_id == image.image_id):
        return "it is the final image"
    if job and job.tags.get(VERIFIED_IMAGE_TAG) == image.image_id:
        return "it is the verified image"
    return ""


def plan(spec: CleanupSpec, observed: ObservedCleanup) -> Plan:
    """What is left to delete. Images are deleted before their snapshots, as ECS requires.

    :raises PreconditionError: while the job is unfinished, or when an orphan may be needed after all
    :raises InvalidOptionError: when a resource that is named as an orphan is not one
    """
    job = observed.job
    if job is not None and job.status in job_lifecycle.ALIVE:
        raise PreconditionError(
            f"Job {job.job_id} is {job.status}, so the migration is not over",
            remedy="Complete it first (role cut_over, or smc_job_finalize), or abort it with smc_incremental_job, state: absent and "
            "discard_replication: true",
        )
    # What is refused is refused before anything is deleted.
    orphan_steps = tuple(_orphan_steps(spec, observed))
    stray_steps = tuple(_stray_snapshot_steps(spec, observed))
    return Plan(
        (
            *_instance_steps(observed),
            *_image_steps(spec, observed),
            *_own_snapshot_steps(observed),
            *stray_steps,
            *orphan_steps,
            *_token_steps(observed),
            *_tag_steps(spec, observed),
            *_job_steps(spec, observed),
            *_source_steps(spec, observed),
        )
    )


def _instance_steps(observed: ObservedCleanup) -> t.Iterator[Step]:
    """SMC releases the instance when the job ends. If it still exists, it is released by the ID that the job names."""
    if observed.instance:
        instance_id = observed.instance.instance_id
        job_id = observed.job.job_id if observed.job else ""
        summary = f"release the intermediate instance {instance_id} of job {job_id}"
        yield Step("delete_instance", summary, {"instance_id": instance_id}, {"intermediate_instance": None})


def _image_steps(spec: CleanupSpec, observed: ObservedCleanup) -> t.Iterator[Step]:
    deleted = images_to_delete(observed.images, spec.images_to_keep, observed.kept)
    rest = {"images": [image.image_id for image in observed.images if image not in deleted]}
    in_disks = {snapshot.snapshot_id for snapshot in observed.in_disks}
    for image in deleted:
        yield Step(
            "delete_image",
            f"delete the image {image.image_id} ({image.name})",
            {"image_id": image.image_id, "snapshot_ids": image.snapshot_ids},
            rest,
        )
        for snapshot_id in image.snapshot_ids:
            if snapshot_id not in in_disks:
                yield Step("delete_snapshot", f"delete its snapshot {snapshot_id}", {"snapshot_id": snapshot_id})
    for snapshot in observed.unneeded:
        image_id = snapshot.tags[DELETED_IMAGE_TAG]
        summary = f"delete the snapshot {snapshot.snapshot_id} of the deleted image {image_id}"
        yield Step("delete_snapshot", summary, {"snapshot_id": snapshot.snapshot_id}, {"unneeded_snapshots": []})


def images_to_delete(images: t.Sequence[Image], keep: t.Optional[int], kept: t.Collection[str] = ()) -> list[Image]:
    """The images beyond the newest ones to keep, oldest first.

    :param images: oldest first
    :param keep: how many of the newest to keep; None keeps all
    :param kept: the IDs of images that are kept for another reason
    """
    if keep is None:
        return []
    return [image for image in images[: max(0, len(images) - keep)] if image.image_id not in kept]


def _own_snapshot_steps(observed: ObservedCleanup) -> t.Iterator[Step]:
    own = observed.own_snapshots
    rest = [snapshot.name for snapshot in observed.snapshots if snapshot not in own]
    for snapshot in own:
        yield Step(
            "delete_vm_snapshot",
            f"remove the snapshot {snapshot.name} that SMC left on the VM",
            {"moid": snapshot.moid},
            {"vm_snapshots": rest},
        )


def _stray_snapshot_steps(spec: CleanupSpec, observed: ObservedCleanup) -> t.Iterator[Step]:
    """The snapshots of other jobs are removed only when their references are named."""
    stray = {snapshot.moid for snapshot in observed.stray_snapshots}
    for snapshot in observed.snapshots:
        if snapshot.moid not in spec.vm_snapshots or snapshot in observed.own_snapshots:
            continue
        if snapshot.moid not in stray:
            raise InvalidOptionError(
                f"Option 'vm_snapshots' names {snapshot.moid} ({snapshot.name}), but its job {snapshot.smc_job_id} is not over",
                remedy="Remove it from the option; SMC removes the snapshot itself when its run ends",
            )
        summary = f"remove the snapshot {snapshot.moid} ({snapshot.name}), whose job is over or does not exist"
        yield Step("delete_stray_snapshot", summary, {"moid": snapshot.moid})


def _orphan_steps(spec: CleanupSpec, observed: ObservedCleanup) -> t.Iterator[Step]:
    """The orphans that are named. A named resource that does not exist any more needs no step."""
    found = {orphan.identifier: orphan for orphan in observed.orphans}
    rest = [identifier for identifier in found if identifier not in (spec.orphans or ())]
    for identifier in dict.fromkeys(spec.orphans or ()):
        orphan = found.get(identifier)
        if orphan is None:
            _check_is_gone(observed.region, identifier)
            continue
        if orphan.blocked_by:
            raise PreconditionError(
                f"Option 'orphans' names {identifier}, which must not be deleted now: {orphan.blocked_by}",
                remedy="Run it again when that is over",
            )
        resource = orphan.resource
        summary = f"delete the orphan {resource.kind.replace('_', ' ')} {identifier}: {resource.reason}"
        yield Step("delete_orphan", summary, {"kind": resource.kind, "identifier": identifier}, {"orphans": rest})


def _check_is_gone(region: t.Optional[RegionResources], identifier: str) -> None:
    reason = reason_not_orphan(region, identifier) if region else ""
    if reason:
        raise InvalidOptionError(
            f"{identifier} (option 'orphans') is not an orphan: {reason}",
            remedy="Name only resources that are listed as orphans. Nothing was deleted",
        )


def _token_steps(observed: ObservedCleanup) -> t.Iterator[Step]:
    for token in observed.tokens:
        yield Step(
            "delete_token",
            f"delete the activation code {token.token_id}",
            {"token_id": token.token_id},
            {"access_tokens": []},
        )


def _tag_steps(spec: CleanupSpec, observed: ObservedCleanup) -> t.Iterator[Step]:
    """Only the job shows to which VM its images belong, so the kept ones are tagged before the job is deleted."""
    if not spec.delete_job or not observed.job or observed.job.status == job_lifecycle.DELETING:
        return
    deleted = images_to_delete(observed.images, spec.images_to_keep, observed.kept)
    untagged = [
        image.image_id
        for image in observed.images
        if image not in deleted and not {VM_TAG, IMAGE_OF_VM_TAG, JOB_TAG} & set(image.tags)
    ]
    if untagged:
        summary = f"tag the images {', '.join(untagged)} with their VM and job"
        yield Step("tag_images", summary, {"image_ids": untagged})


def _job_steps(spec: CleanupSpec, observed: ObservedCleanup) -> t.Iterator[Step]:
    if spec.delete_job and observed.job:
        job_id = observed.job.job_id
        if observed.job.status != job_lifecycle.DELETING:
            yield Step("delete_job", f"delete job {job_id}", {"job_id": job_id}, {"job": None})
        yield wait_step("wait_job_gone", f"wait until job {job_id} is deleted", job_id=job_id)


def _source_steps(spec: CleanupSpec, observed: ObservedCleanup) -> t.Iterator[Step]:
    if not spec.delete_source or not observed.source or observed.source.state == "Deleting":
        return
    if observed.job and not spec.delete_job:
        raise InvalidOptionError(
            f"Option 'delete_source' needs delete_job: true, because the source still has job {observed.job.job_id}"
        )
    source_id = observed.source.source_id
    yield Step("delete_source", f"delete source {source_id}", {"source_id": source_id}, {"source": None})


def diff_view(observed: ObservedCleanup) -> View:
    """The IDs of what is left."""
    source = observed.source
    return {
        "job": observed.job.job_id if observed.job else None,
        "source": source.source_id if source and source.state != "Deleting" else None,
        "intermediate_instance": observed.instance.instance_id if observed.instance else None,
        "images": [image.image_id for image in observed.images],
        "unneeded_snapshots": [snapshot.snapshot_id for snapshot in observed.unneeded],
        "access_tokens": [token.token_id for token in observed.tokens],
        "vm_snapshots": [snapshot.name for snapshot in observed.snapshots],
        "orphans": [orphan.identifier for orphan in observed.orphans],
    }


def billable_resources(observed: ObservedCleanup, of_one_migration: bool) -> list[BillableResource]:
    """The billable resources of one migration, or of all in the region; and the orphans, when they were searched."""
    if of_one_migration:
        resources = list(_own_resources(observed))
    else:
        resources = migration_resources(observed.region) if observed.region else []
    known = {resource.identifier for resource in resources}
    return resources + [orphan.resource for orphan in observed.orphans if orphan.identifier not in known]


def _own_resources(observed: ObservedCleanup) -> t.Iterator[BillableResource]:
    job = observed.job
    tags = job.tags if job else observed.source.tags if observed.source else {}
    owner = billing.Owner(tags.get(VM_TAG), job.job_id if job else None)
    if observed.instance:
        reason = "it is the intermediate instance of the job"
        yield billing.instance(observed.instance, observed.disks, reason, owner=owner)
    kept = observed.kept
    in_disks = {snapshot.snapshot_id for snapshot in observed.in_disks}
    for image in observed.images:
        reason = kept.get(image.image_id, "an image is free, but its snapshots are billed")
        yield billing.image(image, reason, in_disks, owner)
    for snapshot in observed.in_disks:
        yield billing.snapshot(snapshot, "a disk was created from it", owner)
    for snapshot in observed.unneeded:
        yield billing.snapshot(snapshot, f"its image {snapshot.tags[DELETED_IMAGE_TAG]} does not exist any more", owner)
