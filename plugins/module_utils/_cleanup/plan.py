# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a migration left, what of it may go, and in what order (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Disk, Image, Instance, Snapshot
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import AccessToken, Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._cleanup import billing as _billed
from ansible_collections.cutover.smc.plugins.module_utils._cleanup import orphans as _orphans
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.prices import Thing
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    DELETED_IMAGE_TAG,
    FINAL_RUN_TAG,
    IMAGE_OF_VM_TAG,
    JOB_TAG,
    VERIFIED_IMAGE_TAG,
    VM_TAG,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import SnapshotFacts
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.smc_snapshots import job_of


@dataclass(frozen=True)
class Wish:
    """What may go. Anything that is not named here stays.

    :ivar orphans: the ids of orphans; None when none are looked for
    :ivar vm_snapshots: the references of SMC's snapshots of the VM whose jobs are no more
    """

    delete_job: bool = False
    delete_source: bool = False
    images_to_keep: t.Optional[int] = None
    access_token_ids: tuple[str, ...] = ()
    orphans: t.Optional[tuple[str, ...]] = None
    vm_snapshots: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sight:
    """What was seen at one look.

    :ivar instance: the intermediate instance that the job names, while it exists
    :ivar disks: its disks
    :ivar images: the images of the job's runs that still exist, oldest first
    :ivar refused: the images that ECS would not delete, each with its reason
    :ivar in_disks: the snapshots of images of which disks were made, so that they stay
    :ivar unneeded: the snapshots of images that an earlier clean-up has deleted
    :ivar snapshots: SMC's snapshots of the VM in vCenter
    :ivar live_jobs: of the other jobs that took them, those that exist and are not over
    :ivar region: everything in which orphans may be, when they are looked for
    """

    job: t.Optional[Job]
    source: t.Optional[Source]
    instance: t.Optional[Instance] = None
    disks: tuple[Disk, ...] = ()
    images: tuple[Image, ...] = ()
    refused: t.Mapping[str, str] = field(default_factory=dict)
    in_disks: tuple[Snapshot, ...] = ()
    unneeded: tuple[Snapshot, ...] = ()
    tokens: tuple[AccessToken, ...] = ()
    snapshots: tuple[SnapshotFacts, ...] = ()
    live_jobs: frozenset[str] = frozenset()
    region: t.Optional[_orphans.Region] = None

    @property
    def kept(self) -> dict[str, str]:
        """The images that stay however many are to be kept, each with its reason."""
        reasons = {image.image_id: _needed(image, self.job) for image in self.images}
        reasons.update(self.refused)
        return {image_id: reason for image_id, reason in reasons.items() if reason}

    @property
    def own_snapshots(self) -> list[SnapshotFacts]:
        """The VM's snapshots that its job has left."""
        return [one for one in self.snapshots if self.job and job_of(one) == self.job.job_id]

    @property
    def stray_snapshots(self) -> list[SnapshotFacts]:
        """The VM's snapshots whose jobs are over or no more."""
        own = self.own_snapshots
        return [one for one in self.snapshots if one not in own and job_of(one) not in self.live_jobs]

    @property
    def orphans(self) -> list[_orphans.Orphan]:
        return _orphans.find(self.region) if self.region else []


def _needed(image: Image, job: t.Optional[Job]) -> str:
    """Why an image stays, as far as ECS and SMC tell; empty when it may go."""
    if image.used:
        return "an instance uses it"
    if image.shared:
        return "it is shared with other accounts"
    if FINAL_RUN_TAG in image.tags or (job and job.status == lifecycle.FINISHED and job.image_id == image.image_id):
        return "it is the final one"
    if job and job.tags.get(VERIFIED_IMAGE_TAG) == image.image_id:
        return "it is the one that was verified"
    return ""


def decide(wish: Wish, sight: Sight) -> Plan:
    """What is left to clear; pure. Images go before their snapshots, which ECS would refuse otherwise.

    :raises PreconditionError: while the job is unfinished, or an orphan may be needed after all
    :raises InvalidOptionError: when something that is named as an orphan is none
    """
    job = sight.job
    if job is not None and job.status in lifecycle.ALIVE:
        raise PreconditionError(
            "Job %s is %s: the migration is not over" % (job.job_id, job.status),
            remedy="Cut over first (role cut_over, or smc_job_finalize), or give it up with smc_incremental_job, state: absent and "
            "discard_replication: true",
        )
    # Refusals come before anything is done.
    orphan_steps = tuple(_orphan_steps(wish, sight))
    stray_steps = tuple(_stray_steps(wish, sight))
    return Plan(
        (
            *_instance_steps(sight),
            *_image_steps(wish, sight),
            *_snapshot_steps(sight),
            *stray_steps,
            *orphan_steps,
            *_token_steps(sight),
            *_note_steps(wish, sight),
            *_job_steps(wish, sight),
            *_source_steps(wish, sight),
        )
    )


def _instance_steps(sight: Sight) -> t.Iterator[Step]:
    """SMC releases the instance itself when the job ends; what is there still is released by the id that the job names."""
    if sight.instance:
        instance_id = sight.instance.instance_id
        summary = "release the intermediate instance %s of job %s" % (
            instance_id,
            sight.job.job_id if sight.job else "",
        )
        yield Step("delete_instance", summary, {"instance_id": instance_id}, {"intermediate_instance": None})


def _image_steps(wish: Wish, sight: Sight) -> t.Iterator[Step]:
    gone = superfluous(sight.images, wish.images_to_keep, sight.kept)
    stay = {"images": [image.image_id for image in sight.images if image not in gone]}
    in_disks = {one.snapshot_id for one in sight.in_disks}
    for image in gone:
        yield Step(
            "delete_image",
            "delete the image %s (%s)" % (image.image_id, image.name),
            {"image_id": image.image_id, "snapshot_ids": image.snapshot_ids},
            stay,
        )
        for snapshot_id in image.snapshot_ids:
            if snapshot_id not in in_disks:
                yield Step("delete_snapshot", "delete its snapshot %s" % snapshot_id, {"snapshot_id": snapshot_id})
    for one in sight.unneeded:
        summary = "delete the snapshot %s of image %s, which is gone" % (one.snapshot_id, one.tags[DELETED_IMAGE_TAG])
        yield Step("delete_snapshot", summary, {"snapshot_id": one.snapshot_id}, {"unneeded_snapshots": []})


def superfluous(images: t.Sequence[Image], keep: t.Optional[int], kept: t.Collection[str] = ()) -> list[Image]:
    """The images beyond the newest ones to keep, oldest first; one that is kept for a reason of its own always stays."""
    if keep is None:
        return []
    return [image for image in images[: max(0, len(images) - keep)] if image.image_id not in kept]


def _snapshot_steps(sight: Sight) -> t.Iterator[Step]:
    own = sight.own_snapshots
    rest = [one.name for one in sight.snapshots if one not in own]
    for snapshot in own:
        yield Step(
            "delete_vm_snapshot",
            "remove the snapshot %s that SMC left on the VM" % snapshot.name,
            {"moid": snapshot.moid},
            {"vm_snapshots": rest},
        )


def _stray_steps(wish: Wish, sight: Sight) -> t.Iterator[Step]:
    """The snapshots of jobs that are no more go only when their own references are named."""
    stray = {one.moid: one for one in sight.stray_snapshots}
    for one in sight.snapshots:
        if one.moid not in wish.vm_snapshots or one in sight.own_snapshots:
            continue
        if one.moid not in stray:
            raise InvalidOptionError(
                "Option 'vm_snapshots' names %s (%s), but job %s, which took it, is not over"
                % (one.moid, one.name, job_of(one)),
                remedy="SMC removes the snapshot itself when its run ends; leave it out",
            )
        summary = "remove the snapshot %s (%s), whose job is over or gone" % (one.moid, one.name)
        yield Step("delete_stray_snapshot", summary, {"moid": one.moid})


def _orphan_steps(wish: Wish, sight: Sight) -> t.Iterator[Step]:
    """What is named as an orphan and is one; what does not exist any more is fine."""
    found = {orphan.identifier: orphan for orphan in sight.orphans}
    for identifier in dict.fromkeys(wish.orphans or ()):
        orphan = found.get(identifier)
        if orphan is None:
            _refuse(sight.region, identifier)
            continue
        if orphan.held:
            raise PreconditionError(
                "Option 'orphans' names %s, which must not go now: %s" % (identifier, orphan.held),
                remedy="Run it again when that is over",
            )
        summary = "delete the orphan %s %s: %s" % (orphan.thing.kind.replace("_", " "), identifier, orphan.thing.why)
        rest = [one for one in found if one not in (wish.orphans or ())]
        yield Step("delete_orphan", summary, {"kind": orphan.thing.kind, "identifier": identifier}, {"orphans": rest})


def _refuse(region: t.Optional[_orphans.Region], identifier: str) -> None:
    reason = _orphans.why_not(region, identifier) if region else ""
    if reason:
        raise InvalidOptionError(
            "Option 'orphans' names %s, which is no orphan: %s" % (identifier, reason),
            remedy="Name only what is listed as an orphan; nothing was deleted",
        )


def _token_steps(sight: Sight) -> t.Iterator[Step]:
    for token in sight.tokens:
        yield Step(
            "delete_token",
            "delete the activation code %s" % token.token_id,
            {"token_id": token.token_id},
            {"access_tokens": []},
        )


def _note_steps(wish: Wish, sight: Sight) -> t.Iterator[Step]:
    """Only the job tells whose its images are: before it goes, that is noted on those that stay."""
    if not wish.delete_job or not sight.job or sight.job.status == lifecycle.DELETING:
        return
    gone = superfluous(sight.images, wish.images_to_keep, sight.kept)
    ids = [
        image.image_id
        for image in sight.images
        if image not in gone and not {VM_TAG, IMAGE_OF_VM_TAG, JOB_TAG} & set(image.tags)
    ]
    if ids:
        yield Step("note_images", "note whose the images %s are" % ", ".join(ids), {"image_ids": ids})


def _job_steps(wish: Wish, sight: Sight) -> t.Iterator[Step]:
    if wish.delete_job and sight.job:
        job_id = sight.job.job_id
        if sight.job.status != lifecycle.DELETING:
            yield Step("delete_job", "delete job %s" % job_id, {"job_id": job_id}, {"job": None})
        yield wait_step("wait_job_gone", "wait until job %s is gone" % job_id, job_id=job_id)


def _source_steps(wish: Wish, sight: Sight) -> t.Iterator[Step]:
    if not wish.delete_source or not sight.source or sight.source.state == "Deleting":
        return
    if sight.job and not wish.delete_job:
        raise InvalidOptionError(
            "Option 'delete_source' needs delete_job: true, for the source still has job %s" % sight.job.job_id
        )
    source_id = sight.source.source_id
    yield Step("delete_source", "delete source %s" % source_id, {"source_id": source_id}, {"source": None})


def view(sight: Sight) -> dict[str, t.Any]:
    return {
        "job": sight.job.job_id if sight.job else None,
        "source": sight.source.source_id if sight.source and sight.source.state != "Deleting" else None,
        "intermediate_instance": sight.instance.instance_id if sight.instance else None,
        "images": [image.image_id for image in sight.images],
        "unneeded_snapshots": [one.snapshot_id for one in sight.unneeded],
        "access_tokens": [token.token_id for token in sight.tokens],
        "vm_snapshots": [snapshot.name for snapshot in sight.snapshots],
        "orphans": [orphan.identifier for orphan in sight.orphans],
    }


def things(sight: Sight, named: bool) -> list[Thing]:
    """What is paid for: of the VM, or else of the whole region; and the orphans that were looked for.

    :param named: a VM, a source or a job is named
    """
    own = list(_own_things(sight)) if named else _orphans.needed(sight.region) if sight.region else []
    known = {thing.identifier for thing in own}
    return own + [orphan.thing for orphan in sight.orphans if orphan.identifier not in known]


def _own_things(sight: Sight) -> t.Iterator[Thing]:
    job = sight.job
    tags = job.tags if job else sight.source.tags if sight.source else {}
    owner = _billed.Owner(tags.get(VM_TAG), job.job_id if job else None)
    if sight.instance:
        why = "the intermediate instance of the job"
        yield _billed.instance(sight.instance, sight.disks, why, owner=owner)
    kept = sight.kept
    in_disks = {one.snapshot_id for one in sight.in_disks}
    for image in sight.images:
        why = kept.get(image.image_id, "an image itself is free, the snapshots behind it are not")
        yield _billed.image(image, why, in_disks, owner)
    for one in sight.in_disks:
        yield _billed.snapshot(one, "a disk was made of it", owner)
    for one in sight.unneeded:
        yield _billed.snapshot(one, "its image %s is gone" % one.tags[DELETED_IMAGE_TAG], owner)
