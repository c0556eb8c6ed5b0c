# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What SMC or a clean-up left in a region and nothing needs any more: how it is recognised, and what speaks against removing it (private to the collection).

Names only make something suspect. What a job names, what an image rests on, and what a run in progress may be making is no orphan.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import ecs as _ecs
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import runs as _evidence
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import smc as _smc
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Disk, Image, Instance, Snapshot
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job
from ansible_collections.cutover.smc.plugins.module_utils._cleanup import billing as _billed
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.billing import Owner
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.prices import Thing
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    DELETED_IMAGE_TAG,
    IMAGE_OF_VM_TAG,
    JOB_TAG,
    VERIFIES_IMAGE_TAG,
    VM_TAG,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_moment

# Compared without case: whether ECS minds the case of names is not documented.
_TRANSITION = "no_delete_smc_transition"
_TEMPORARY_DISK = "smc_temp_disk"
# How SMC names the snapshots behind its images is not documented either.
_OF_SMC = re.compile(r"(?:^|[^a-z])smc(?:[^a-z]|$)|\bj-[0-9a-z]{8,}", re.IGNORECASE)
# Whoever pauses a job for the day goes on with it on the next one.
_LONG_IDLE = timedelta(days=2)
_ID = re.compile(r"^[ids]-[0-9A-Za-z]+$")


@dataclass(frozen=True)
class Region:
    """All of a region in which orphans may be.

    :ivar now: the cloud's clock
    :ivar snapshots: those that nothing was made of, and those that were asked for
    """

    now: datetime
    instances: tuple[Instance, ...] = ()
    disks: tuple[Disk, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    images: tuple[Image, ...] = ()
    jobs: tuple[Job, ...] = ()


@dataclass(frozen=True)
class Orphan:
    """Something that nothing needs any more.

    :ivar held: why it must not be removed now, empty when it may be
    """

    thing: Thing
    created: t.Optional[datetime] = None
    held: str = ""

    @property
    def identifier(self) -> str:
        return self.thing.identifier

    def as_result(self) -> dict[str, t.Any]:
        return {
            "id": self.thing.identifier,
            "kind": self.thing.kind,
            "name": self.thing.name,
            "why": self.thing.why,
            "held": self.held,
            "created": format_moment(self.created),
        }


def read(smc: _smc.Smc, ecs: _ecs.Ecs, named: t.Iterable[str]) -> Region:
    """Read a region, with what is named by id.

    The jobs come last: whatever SMC had made until then is named by one of them, if by any.
    """
    instances = ecs.instances()
    disks = ecs.disks()
    snapshots = {one.snapshot_id: one for one in ecs.snapshots(usage="none")}
    wanted = sorted({one for one in named if one.startswith("s-")} - set(snapshots))
    snapshots.update({one.snapshot_id: one for one in (ecs.snapshots(wanted) if wanted else [])})
    images = ecs.images()
    jobs = smc.jobs()
    return Region(smc.now, tuple(instances), tuple(disks), tuple(snapshots.values()), tuple(images), tuple(jobs))


def find(region: Region) -> list[Orphan]:
    """All orphans of a region."""
    return [*_instances(region), *_verifiers(region), *_disks(region), *_snapshots(region)]


def _instances(region: Region) -> t.Iterator[Orphan]:
    """Intermediate instances that no job names."""
    unnamed = next(
        (job for job in region.jobs if job.status == lifecycle.RUNNING and not job.intermediate_instance_id), None
    )
    held = (
        "job %s is running and names no intermediate instance yet: this may be its own" % unnamed.job_id
        if unnamed
        else ""
    )
    for one in region.instances:
        if _is_transition(one) and not _job_of(region, one):
            why = "it is an intermediate instance by its name, and no job names it"
            yield Orphan(_billed.instance(one, region.disks, why), one.created, held)


def _is_transition(one: Instance) -> bool:
    return one.name.lower().startswith(_TRANSITION)


def _job_of(region: Region, one: Instance) -> t.Optional[Job]:
    return next((job for job in region.jobs if job.intermediate_instance_id == one.instance_id), None)


def _verifiers(region: Region) -> t.Iterator[Orphan]:
    """Verification instances of ours past their purpose."""
    for one in region.instances:
        why = _overdue(region, one) if VERIFIES_IMAGE_TAG in one.tags else ""
        if why:
            thing = _billed.instance(one, region.disks, why, "verification_instance", Owner(one.tags.get(VM_TAG)))
            yield Orphan(thing, one.created)


def _overdue(region: Region, one: Instance) -> str:
    image_id = one.tags[VERIFIES_IMAGE_TAG]
    if all(image.image_id != image_id for image in region.images):
        return "the image %s that it verifies is gone" % image_id
    if one.released_at is None:
        return "it verifies image %s, and nothing releases it" % image_id
    if one.released_at < region.now:
        return "it was to be released at %s" % format_moment(one.released_at)
    return ""


def _disks(region: Region) -> t.Iterator[Orphan]:
    """Temporary disks that are attached to nothing."""
    # Only jobs with an instance for their destination make them, and these are never incremental.
    other = next((job for job in region.jobs if job.status in lifecycle.ALIVE and not job.incremental), None)
    held = "job %s is unfinished and may be using it" % other.job_id if other else ""
    for one in region.disks:
        if one.name.lower() == _TEMPORARY_DISK and not one.instance_id:
            yield Orphan(_billed.disk(one, "it is a temporary disk of SMC, attached to nothing"), one.created, held)


def _snapshots(region: Region) -> t.Iterator[Orphan]:
    """Snapshots on which no image rests any more."""
    for one in region.snapshots:
        why = "" if _needed_by(region, one) else _origin(one)
        if why:
            thing = _billed.snapshot(one, why, Owner(one.tags.get(VM_TAG), one.tags.get(JOB_TAG)))
            yield Orphan(thing, one.created, _in_the_making(region, one))


def _needed_by(region: Region, one: Snapshot) -> str:
    image = next((image for image in region.images if one.snapshot_id in image.snapshot_ids), None)
    if image:
        return "image %s rests on it" % image.image_id
    return "" if one.usage in ("", "none") else "something was made of it (%s)" % one.usage


def _origin(one: Snapshot) -> str:
    if DELETED_IMAGE_TAG in one.tags:
        return "its image %s was deleted by a clean-up" % one.tags[DELETED_IMAGE_TAG]
    if _OF_SMC.search(one.name) or _OF_SMC.search(one.description):
        return "it is SMC's by its name or description, and no image rests on it"
    return ""


def _in_the_making(region: Region, one: Snapshot) -> str:
    """Whether a run in progress may be about to make an image of it; empty when not."""
    if one.status not in ("", "accomplished"):
        return "it is being made"
    for job in region.jobs:
        began = max((run.began for run in job.runs if run.ended is None), default=job.created)
        if job.status == lifecycle.RUNNING and (one.created is None or began is None or one.created >= began):
            return "job %s is running and may be making an image of it" % job.job_id
    return ""


def why_not(region: Region, identifier: str) -> str:
    """Why something that is no orphan is none; empty when it does not exist, or not any more."""
    if not _ID.match(identifier):
        return "it is not the id of an instance, a disk or a snapshot of ECS"
    instance = next((one for one in region.instances if one.instance_id == identifier), None)
    if instance:
        return _why_not_instance(region, instance)
    disk = next((one for one in region.disks if one.disk_id == identifier), None)
    if disk:
        return "it is attached to %s" % disk.instance_id if disk.instance_id else "it is no temporary disk of SMC"
    snapshot = next((one for one in region.snapshots if one.snapshot_id == identifier), None)
    if snapshot:
        return _needed_by(region, snapshot) or "nothing says that SMC or a clean-up left it"
    return ""


def _why_not_instance(region: Region, instance: Instance) -> str:
    job = _job_of(region, instance)
    if job:
        return "job %s, which is %s, names it as its intermediate instance" % (job.job_id, job.status)
    if VERIFIES_IMAGE_TAG in instance.tags:
        return "it verifies image %s until %s" % (
            instance.tags[VERIFIES_IMAGE_TAG],
            format_moment(instance.released_at),
        )
    return "it is no instance of SMC's or of a verification"


def needed(region: Region) -> list[Thing]:
    """What migrations have in the region that is paid for and is no orphan."""
    orphans = {orphan.identifier for orphan in find(region)}
    things = []
    for one in region.instances:
        job = _job_of(region, one)
        if job:
            why = "the intermediate instance of the job, which is %s" % job.status
            things.append(_billed.instance(one, region.disks, why, owner=Owner(job.tags.get(VM_TAG), job.job_id)))
        elif VERIFIES_IMAGE_TAG in one.tags and one.instance_id not in orphans:
            things.append(
                _billed.instance(
                    one,
                    region.disks,
                    "it verifies an image until %s" % format_moment(one.released_at),
                    "verification_instance",
                    Owner(one.tags.get(VM_TAG)),
                )
            )
    return [*things, *_needed_images(region)]


def idle(region: Region) -> t.Iterator[str]:
    """The jobs that have long been paused or in error, and whose instances are paid for all the same; in sentences."""
    there = {one.instance_id for one in region.instances}
    for job in region.jobs:
        since = max((run.ended or run.began for run in job.runs), default=job.created)
        still = job.status in (lifecycle.STOPPED, lifecycle.IN_ERROR) and job.intermediate_instance_id in there
        if still and since and region.now - since >= _LONG_IDLE:
            yield (
                "Job %s is %s and has not run since %s, while instance %s is paid for: resume it (smc_incremental_job), or give it up "
                "(state: absent, discard_replication: true)"
                % (job.job_id, job.status, format_moment(since), job.intermediate_instance_id)
            )


def _needed_images(region: Region) -> t.Iterator[Thing]:
    jobs = {run.image_id: job for job in region.jobs for run in _evidence.complete_runs(job.runs)}
    for image in region.images:
        job = jobs.get(image.image_id)
        tagged = image.tags.get(VM_TAG) or image.tags.get(IMAGE_OF_VM_TAG)
        vm_uuid = tagged or (job.tags.get(VM_TAG) if job else None)
        if job or vm_uuid or JOB_TAG in image.tags:
            why = (
                "an instance uses it" if image.used else "an image of a migration; the snapshots behind it are paid for"
            )
            yield _billed.image(image, why, owner=Owner(vm_uuid, job.job_id if job else image.tags.get(JOB_TAG)))
