# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Orphans: resources that SMC or a clean-up left in a region and that no migration needs any more (pure; private to the collection).

A name only makes a resource suspect. What a job names, what an image is based on, and what an active run may be creating is not an
orphan.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Disk, Image, Instance, Snapshot
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import complete_runs
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job
from ansible_collections.cutover.smc.plugins.module_utils._cleanup import billing
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.billing import Owner
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.prices import BillableResource
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    DELETED_IMAGE_TAG,
    IMAGE_OF_VM_TAG,
    JOB_TAG,
    VERIFIES_IMAGE_TAG,
    VM_TAG,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp

# Compared without case: whether the names in ECS are case-sensitive is not documented.
_INTERMEDIATE_INSTANCE_PREFIX = "no_delete_smc_transition"
_TEMPORARY_DISK = "smc_temp_disk"
# How SMC names the snapshots of its images is not documented either.
_SMC_SNAPSHOT = re.compile(r"(?:^|[^a-z])smc(?:[^a-z]|$)|\bj-[0-9a-z]{8,}", re.IGNORECASE)
# A job that is paused for a day is usually resumed on the next one.
_IDLE_AFTER = timedelta(days=2)
_ID = re.compile(r"^[ids]-[0-9A-Za-z]+$")


@dataclass(frozen=True)
class RegionResources:
    """Everything in a region that is, or decides on, an orphan.

    :ivar now: the time by SMC's clock
    :ivar snapshots: those from which nothing was created, and those that were named
    """

    now: datetime
    instances: tuple[Instance, ...] = ()
    disks: tuple[Disk, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    images: tuple[Image, ...] = ()
    jobs: tuple[Job, ...] = ()


@dataclass(frozen=True)
class Orphan:
    """A resource that no migration needs any more.

    :ivar blocked_by: why it must not be deleted now; empty when it may be
    """

    resource: BillableResource
    created: t.Optional[datetime] = None
    blocked_by: str = ""

    @property
    def identifier(self) -> str:
        return self.resource.identifier

    def as_result(self) -> dict[str, t.Any]:
        return {
            "id": self.resource.identifier,
            "kind": self.resource.kind,
            "name": self.resource.name,
            "reason": self.resource.reason,
            "blocked_by": self.blocked_by,
            "created_at": format_timestamp(self.created),
        }


def find_orphans(region: RegionResources) -> list[Orphan]:
    """All orphans of a region."""
    return [
        *_intermediate_instances(region),
        *_verification_instances(region),
        *_temporary_disks(region),
        *_image_snapshots(region),
    ]


def _intermediate_instances(region: RegionResources) -> t.Iterator[Orphan]:
    """Intermediate instances that no job names."""
    unnamed = next(
        (job for job in region.jobs if job.status == job_lifecycle.RUNNING and not job.intermediate_instance_id), None
    )
    blocked_by = (
        f"job {unnamed.job_id} is running and does not name its intermediate instance yet: it may be this one"
        if unnamed
        else ""
    )
    for instance in region.instances:
        if _is_intermediate(instance) and not _job_of(region, instance):
            reason = "its name is that of an intermediate instance, and no job names it"
            yield Orphan(billing.instance(instance, region.disks, reason), instance.created, blocked_by)


def _is_intermediate(instance: Instance) -> bool:
    return instance.name.lower().startswith(_INTERMEDIATE_INSTANCE_PREFIX)


def _job_of(region: RegionResources, instance: Instance) -> t.Optional[Job]:
    return next((job for job in region.jobs if job.intermediate_instance_id == instance.instance_id), None)


def _verification_instances(region: RegionResources) -> t.Iterator[Orphan]:
    """Verification instances of the collection that are not needed any more."""
    for instance in region.instances:
        reason = _verification_over(region, instance) if VERIFIES_IMAGE_TAG in instance.tags else ""
        if reason:
            owner = Owner(instance.tags.get(VM_TAG))
            resource = billing.instance(instance, region.disks, reason, "verification_instance", owner)
            yield Orphan(resource, instance.created)


def _verification_over(region: RegionResources, instance: Instance) -> str:
    image_id = instance.tags[VERIFIES_IMAGE_TAG]
    if all(image.image_id != image_id for image in region.images):
        return f"the image {image_id} that it verifies does not exist any more"
    if instance.released_at is None:
        return f"it verifies image {image_id}, and no time of release is set"
    if instance.released_at < region.now:
        return f"it should have been released at {format_timestamp(instance.released_at)}"
    return ""


def _temporary_disks(region: RegionResources) -> t.Iterator[Orphan]:
    """Temporary disks of SMC that are not attached."""
    # Only jobs whose destination is an instance create them, and these jobs are never incremental.
    job = next((job for job in region.jobs if job.status in job_lifecycle.ALIVE and not job.incremental), None)
    blocked_by = f"job {job.job_id} is unfinished and may be using it" if job else ""
    for disk in region.disks:
        if disk.name.lower() == _TEMPORARY_DISK and not disk.instance_id:
            resource = billing.disk(disk, "it is a temporary disk of SMC that is not attached")
            yield Orphan(resource, disk.created, blocked_by)


def _image_snapshots(region: RegionResources) -> t.Iterator[Orphan]:
    """Snapshots on which no image is based any more."""
    for snapshot in region.snapshots:
        reason = "" if _snapshot_needed_by(region, snapshot) else _snapshot_origin(snapshot)
        if reason:
            owner = Owner(snapshot.tags.get(VM_TAG), snapshot.tags.get(JOB_TAG))
            resource = billing.snapshot(snapshot, reason, owner)
            yield Orphan(resource, snapshot.created, _snapshot_in_progress(region, snapshot))


def _snapshot_needed_by(region: RegionResources, snapshot: Snapshot) -> str:
    image = next((image for image in region.images if snapshot.snapshot_id in image.snapshot_ids), None)
    if image:
        return f"image {image.image_id} is based on it"
    return "" if snapshot.usage in ("", "none") else f"another resource was created from it ({snapshot.usage})"


def _snapshot_origin(snapshot: Snapshot) -> str:
    if DELETED_IMAGE_TAG in snapshot.tags:
        return f"its image {snapshot.tags[DELETED_IMAGE_TAG]} was deleted by a clean-up"
    if _SMC_SNAPSHOT.search(snapshot.name) or _SMC_SNAPSHOT.search(snapshot.description):
        return "its name or description is that of SMC, and no image is based on it"
    return ""


def _snapshot_in_progress(region: RegionResources, snapshot: Snapshot) -> str:
    """Which active run may create an image from it; empty when none does."""
    if snapshot.status not in ("", "accomplished"):
        return "it is being created"
    for job in region.jobs:
        began = max((run.began for run in job.runs if run.ended is None), default=job.created)
        newer = snapshot.created is None or began is None or snapshot.created >= began
        if job.status == job_lifecycle.RUNNING and newer:
            return f"job {job.job_id} is running and may be creating an image from it"
    return ""


def reason_not_orphan(region: RegionResources, identifier: str) -> str:
    """Why a resource that :func:`find_orphans` does not list is not an orphan; empty when it does not exist."""
    if not _ID.match(identifier):
        return "it is not the ID of an ECS instance, disk or snapshot"
    instance = next((instance for instance in region.instances if instance.instance_id == identifier), None)
    if instance:
        return _reason_instance_needed(region, instance)
    disk = next((disk for disk in region.disks if disk.disk_id == identifier), None)
    if disk:
        return f"it is attached to {disk.instance_id}" if disk.instance_id else "it is not a temporary disk of SMC"
    snapshot = next((snapshot for snapshot in region.snapshots if snapshot.snapshot_id == identifier), None)
    if snapshot:
        return _snapshot_needed_by(region, snapshot) or "nothing shows that SMC or a clean-up left it"
    return ""


def _reason_instance_needed(region: RegionResources, instance: Instance) -> str:
    job = _job_of(region, instance)
    if job:
        return f"job {job.job_id}, which is {job.status}, names it as its intermediate instance"
    if VERIFIES_IMAGE_TAG in instance.tags:
        image_id = instance.tags[VERIFIES_IMAGE_TAG]
        return f"it verifies image {image_id} until {format_timestamp(instance.released_at)}"
    return "it is neither an intermediate instance of SMC nor a verification instance"


def migration_resources(region: RegionResources) -> list[BillableResource]:
    """The billable resources of the region's migrations, without the orphans."""
    orphans = {orphan.identifier for orphan in find_orphans(region)}
    instances = []
    for instance in region.instances:
        job = _job_of(region, instance)
        if job:
            reason = f"it is the intermediate instance of the job, which is {job.status}"
            owner = Owner(job.tags.get(VM_TAG), job.job_id)
            instances.append(billing.instance(instance, region.disks, reason, owner=owner))
        elif VERIFIES_IMAGE_TAG in instance.tags and instance.instance_id not in orphans:
            reason = f"it verifies an image until {format_timestamp(instance.released_at)}"
            owner = Owner(instance.tags.get(VM_TAG))
            instances.append(billing.instance(instance, region.disks, reason, "verification_instance", owner))
    return [*instances, *_migration_images(region)]


def _migration_images(region: RegionResources) -> t.Iterator[BillableResource]:
    jobs = {run.image_id: job for job in region.jobs for run in complete_runs(job.runs)}
    for image in region.images:
        job = jobs.get(image.image_id)
        tagged = image.tags.get(VM_TAG) or image.tags.get(IMAGE_OF_VM_TAG)
        vm_uuid = tagged or (job.tags.get(VM_TAG) if job else None)
        if job or vm_uuid or JOB_TAG in image.tags:
            reason = "an instance uses it" if image.used else "it is an image of a migration; its snapshots are billed"
            yield billing.image(image, reason, owner=Owner(vm_uuid, job.job_id if job else image.tags.get(JOB_TAG)))


def idle_jobs(region: RegionResources) -> t.Iterator[str]:
    """A sentence for each job that is paused or in error for two days or more while its intermediate instance is billed."""
    existing = {instance.instance_id for instance in region.instances}
    for job in region.jobs:
        since = max((run.ended or run.began for run in job.runs), default=job.created)
        idle = job.status in (job_lifecycle.STOPPED, job_lifecycle.IN_ERROR)
        if idle and job.intermediate_instance_id in existing and since and region.now - since >= _IDLE_AFTER:
            yield (
                f"Job {job.job_id} is {job.status} and has not run since {format_timestamp(since)}, but its instance "
                f"{job.intermediate_instance_id} is billed. Resume the job (smc_incremental_job), or abort it "
                "(state: absent, discard_replication: true)."
            )
