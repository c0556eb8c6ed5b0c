# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clearing up after a migration: what it left, what may go, and what goes on costing money (private to the collection)."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field, replace

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.cutover.smc.plugins.module_utils import (
    _alicloud,
    _billed,
    _ecs,
    _evidence,
    _job,
    _orphans,
    _prices,
    _smc,
    _vcenter,
)
from ansible_collections.cutover.smc.plugins.module_utils import _lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._cbt import SnapshotFacts
from ansible_collections.cutover.smc.plugins.module_utils._failure import BadInput, Conflict, Failure, NotReady
from ansible_collections.cutover.smc.plugins.module_utils._finalize import FINAL_RUN_TAG, JOB_TAG
from ansible_collections.cutover.smc.plugins.module_utils._orphans import DELETED_IMAGE_TAG, IMAGE_OF_VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._plan import Outcome, Plan, Step, converge, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._prices import Thing
from ansible_collections.cutover.smc.plugins.module_utils._task import Run
from ansible_collections.cutover.smc.plugins.module_utils._time import format_moment, parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._vm_snapshots import MachineSnapshots, job_of
from ansible_collections.cutover.smc.plugins.module_utils._waiting import Waiter

#: The tag of a job that names the image that was verified.
VERIFIED_TAG = "cutover:verified-image"
# With these ECS refuses to delete an image that somebody needs.
_IMAGE_NEEDED = re.compile(r"^(ImageUsingByInstance|ImageUseShared|ImageIsExporting|ImageIsImporting|.*ImageCopying)$")


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

    job: t.Optional[_smc.Job]
    source: t.Optional[_smc.Source]
    instance: t.Optional[_ecs.Instance] = None
    disks: tuple[_ecs.Disk, ...] = ()
    images: tuple[_ecs.Image, ...] = ()
    refused: t.Mapping[str, str] = field(default_factory=dict)
    in_disks: tuple[_ecs.Snapshot, ...] = ()
    unneeded: tuple[_ecs.Snapshot, ...] = ()
    tokens: tuple[_smc.AccessToken, ...] = ()
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


def _needed(image: _ecs.Image, job: t.Optional[_smc.Job]) -> str:
    """Why an image stays, as far as ECS and SMC tell; empty when it may go."""
    if image.used:
        return "an instance uses it"
    if image.shared:
        return "it is shared with other accounts"
    if FINAL_RUN_TAG in image.tags or (job and job.status == lifecycle.FINISHED and job.image_id == image.image_id):
        return "it is the final one"
    if job and job.tags.get(VERIFIED_TAG) == image.image_id:
        return "it is the one that was verified"
    return ""


def decide(wish: Wish, sight: Sight) -> Plan:
    """What is left to clear; pure. Images go before their snapshots, which ECS would refuse otherwise.

    :raises NotReady: while the job is unfinished, or an orphan may be needed after all
    :raises BadInput: when something that is named as an orphan is none
    """
    job = sight.job
    if job is not None and job.status in lifecycle.ALIVE:
        raise NotReady(
            "Job %s is %s: the migration is not over" % (job.job_id, job.status),
            remedy="Complete it with smc_job_finalize, or give it up with smc_incremental_job, state: absent and discard_replication: true",
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


def superfluous(
    images: t.Sequence[_ecs.Image], keep: t.Optional[int], kept: t.Collection[str] = ()
) -> list[_ecs.Image]:
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
            raise BadInput(
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
            raise NotReady(
                "Option 'orphans' names %s, which must not go now: %s" % (identifier, orphan.held),
                remedy="Run it again when that is over",
            )
        summary = "delete the orphan %s %s: %s" % (orphan.thing.kind.replace("_", " "), identifier, orphan.thing.why)
        rest = [one for one in found if one not in (wish.orphans or ())]
        yield Step("delete_orphan", summary, {"kind": orphan.thing.kind, "identifier": identifier}, {"orphans": rest})


def _refuse(region: t.Optional[_orphans.Region], identifier: str) -> None:
    reason = _orphans.why_not(region, identifier) if region else ""
    if reason:
        raise BadInput(
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
        if image not in gone and not {_smc.VM_TAG, IMAGE_OF_VM_TAG, JOB_TAG} & set(image.tags)
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
        raise BadInput(
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
    owner = _billed.Owner(tags.get(_smc.VM_TAG), job.job_id if job else None)
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


# --- doing ------------------------------------------------------------------------------------------------------


class Desk:
    """The migration at hand: looks at what it left, and does what a plan says.

    :ivar first: what the first look showed
    :ivar notes: what could not be read, and is not needed
    """

    def __init__(
        self,
        smc: _smc.Smc,
        ecs: _ecs.Ecs,
        vm: t.Optional[MachineSnapshots],
        wish: Wish,
        identity: _job.Identity,
        params: dict[str, t.Any],
        run: Run,
    ) -> None:
        self._smc = smc
        self._ecs = ecs
        self._vm = vm
        self._wish = wish
        self._identity = identity
        self._run = run
        self._timeout = parse_duration("wait_timeout", params["wait_timeout"]).total_seconds()
        self._interval = params["poll_interval"]
        self._refused: dict[str, str] = {}
        self._note: dict[str, str] = {}
        self.first: t.Optional[Sight] = None
        self.notes: list[str] = []
        self.actions: dict[str, t.Callable[..., None]] = {
            "delete_instance": self._release,
            "delete_image": self._delete_image,
            "delete_snapshot": ecs.delete_snapshot,
            "delete_vm_snapshot": vm.remove if vm else _no_vcenter,
            "delete_stray_snapshot": self._delete_stray_snapshot,
            "delete_orphan": self._delete_orphan,
            "note_images": self._note_images,
            "delete_token": smc.delete_access_token,
            "delete_job": smc.delete_job,
            "wait_job_gone": self._wait_job_gone,
            "delete_source": lambda source_id: smc.delete_source(source_id, with_jobs=False),
        }

    def observe(self) -> Sight:
        job = self._job()
        source = _job.find_source(self._smc, self._identity, job)
        instance_id = job.intermediate_instance_id if job else None
        instance = next(iter(self._ecs.instances([instance_id])), None) if instance_id else None
        sight = Sight(
            job,
            source,
            instance,
            self._disks(instance),
            tuple(self._images(job)),
            dict(self._refused),
            tokens=tuple(self._tokens()),
            region=self._region(),
        )
        sight = self._with_vm_snapshots(self._with_snapshots(sight))
        self.first = self.first or sight
        return sight

    def _job(self) -> t.Optional[_smc.Job]:
        try:
            return _job.find_job(self._smc, self._identity)
        except BadInput:
            # The job of an earlier clean-up: what is left of it is found by the VM.
            return None

    def _disks(self, instance: t.Optional[_ecs.Instance]) -> tuple[_ecs.Disk, ...]:
        """The disks of an instance, which matter for its price alone, so that nothing fails without them."""
        if instance is None:
            return ()
        try:
            return tuple(self._ecs.disks(instance_id=instance.instance_id))
        except Failure as failure:
            note = "The disks of %s could not be read: %s" % (instance.instance_id, failure)
            self.notes += [note] if note not in self.notes else []
            return ()

    def _images(self, job: t.Optional[_smc.Job]) -> list[_ecs.Image]:
        if job is not None:
            ids = [run.image_id for run in _evidence.complete_runs(job.runs) if run.image_id]
            by_id = self._ecs.images_by_id(ids)
            return [by_id[image_id] for image_id in ids if image_id in by_id]
        found = {image.image_id: image for tag in self._tags_of_images() for image in self._ecs.images(tags=tag)}
        return sorted(found.values(), key=lambda image: format_moment(image.created) or "")

    def _tags_of_images(self) -> t.Iterator[dict[str, str]]:
        """The tags by which the images of a job that is gone are found."""
        if self._identity.vm_uuid:
            yield {_smc.VM_TAG: self._identity.vm_uuid}
            yield {IMAGE_OF_VM_TAG: self._identity.vm_uuid}
        elif self._identity.job_id:
            yield {JOB_TAG: self._identity.job_id}

    def _with_snapshots(self, sight: Sight) -> Sight:
        """What is to be known of snapshots when images are to go: of which disks were made, and which an earlier clean-up left."""
        self._note = self._whose(sight)
        if self._wish.images_to_keep is None or not self._note:
            return sight
        gone = superfluous(sight.images, self._wish.images_to_keep, sight.kept)
        ids = [snapshot_id for image in gone for snapshot_id in image.snapshot_ids]
        return replace(
            sight,
            in_disks=tuple(one for one in self._ecs.snapshots(ids) if "disk" in one.usage),
            unneeded=tuple(
                one for one in self._ecs.snapshots(usage="none", tags={DELETED_IMAGE_TAG: None}) if self._ours(one)
            ),
        )

    def _whose(self, sight: Sight) -> dict[str, str]:
        """The tags by which the snapshots of this migration are found again."""
        job = sight.job
        job_id = job.job_id if job else self._identity.job_id
        vm_uuid = self._identity.vm_uuid or (job.tags.get(_smc.VM_TAG) if job else None)
        return {key: value for key, value in ((JOB_TAG, job_id), (_smc.VM_TAG, vm_uuid)) if value}

    def _ours(self, snapshot: _ecs.Snapshot) -> bool:
        return any(snapshot.tags.get(key) == value for key, value in self._note.items())

    def _with_vm_snapshots(self, sight: Sight) -> Sight:
        snapshots = self._vm.read() if self._vm else []
        own = sight.job.job_id if sight.job else None
        others = sorted({job_id for job_id in map(job_of, snapshots) if job_id and job_id != own})
        live = {job.job_id for job in (self._smc.jobs(others) if others else ()) if job.status != lifecycle.FINISHED}
        return replace(sight, snapshots=tuple(snapshots), live_jobs=frozenset(live))

    def _tokens(self) -> list[_smc.AccessToken]:
        wanted = list(self._wish.access_token_ids)
        return [token for token in self._smc.access_tokens(wanted) if token.token_id in wanted] if wanted else []

    def _region(self) -> t.Optional[_orphans.Region]:
        return None if self._wish.orphans is None else _orphans.read(self._smc, self._ecs, self._wish.orphans)

    def _release(self, instance_id: str) -> None:
        """Release an instance and wait until it is gone, so that nothing is billed when this ends."""
        self._ecs.delete_instance(instance_id)
        waiter = Waiter(self._timeout, self._interval, self._run.report)
        waiter.until(lambda: self._ecs.instances([instance_id]), lambda found: not found, lambda found: found[0].told)

    def _delete_image(self, image_id: str, snapshot_ids: t.Sequence[str]) -> None:
        """Delete an image; its snapshots are noted before, because nothing would tell afterwards that they were its."""
        if snapshot_ids:
            self._ecs.tag_snapshots(list(snapshot_ids), dict(self._note, **{DELETED_IMAGE_TAG: image_id}))
        try:
            self._ecs.delete_image(image_id)
        except Failure as failure:
            if not _IMAGE_NEEDED.match(failure.code):
                raise
            self._refused[image_id] = failure.message
            raise Conflict(failure.message) from failure

    def _note_images(self, image_ids: list[str]) -> None:
        # Not by the tag that the final image carries: that one tells that the VM has moved.
        names = {_smc.VM_TAG: IMAGE_OF_VM_TAG}
        tags = {names.get(key, key): value for key, value in self._note.items()}
        self._ecs.tag_images(image_ids, tags)

    def _delete_stray_snapshot(self, moid: str) -> None:
        """Remove a snapshot of a job that is no more, after a further look at the jobs."""
        sight = self.observe()
        if any(one.moid == moid for one in sight.snapshots):
            if all(one.moid != moid for one in sight.stray_snapshots):
                raise Conflict("Snapshot %s is no stray one any more" % moid)
            self.actions["delete_vm_snapshot"](moid=moid)

    def _delete_orphan(self, kind: str, identifier: str) -> None:
        """Delete an orphan, after a further look whether it still is one."""
        region = _orphans.read(self._smc, self._ecs, [identifier])
        orphan = next((one for one in _orphans.find(region) if one.identifier == identifier), None)
        if orphan is None and not _orphans.why_not(region, identifier):
            return
        if orphan is None or orphan.held:
            raise Conflict("%s is no orphan any more" % identifier)
        deed = {"disk": self._ecs.delete_disk, "snapshot": self._ecs.delete_snapshot}.get(kind, self._release)
        deed(identifier)

    def _wait_job_gone(self, job_id: str) -> None:
        waiter = Waiter(self._timeout, self._interval, self._run.report)
        waiter.until(lambda: self._smc.jobs([job_id]), lambda jobs: not jobs, lambda jobs: jobs[0].told)


def _no_vcenter(**_arguments: t.Any) -> None:
    raise NotReady(
        "A snapshot of the VM was to be removed without a connection to vCenter",
        remedy="Give hostname, username and password",
    )


def ensure(params: dict[str, t.Any], run: Run) -> dict[str, t.Any]:
    """The handler of ``smc_cleanup``."""
    keep = params["images_to_keep"]
    if keep is not None and keep < 1:
        raise BadInput(
            "Option 'images_to_keep' is %d" % keep,
            remedy="Keep at least 1: the newest image is what the migration was for",
        )
    if not (params["hostname"] and params["vm_uuid"]):
        if params["vm_snapshots"]:
            raise BadInput("Option 'vm_snapshots' needs vm_uuid, and hostname with its credentials")
        return _clear(params, run, None)
    for library, error in _vcenter.REQUIRES:
        if error is not None:
            raise NotReady(missing_required_lib(library), remedy="Or leave vCenter out with an empty hostname")
    with _vcenter.VCenter(_vcenter.Connection.from_params(params)) as vcenter:
        timeout = parse_duration("wait_timeout", params["wait_timeout"]).total_seconds()
        return _clear(params, run, MachineSnapshots(vcenter, params["vm_uuid"], run, timeout))


def _clear(params: dict[str, t.Any], run: Run, machine: t.Optional[MachineSnapshots]) -> dict[str, t.Any]:
    connection = _alicloud.Connection.from_params(params)
    orphans = params["orphans"]
    wish = Wish(
        params["delete_job"],
        params["delete_source"],
        params["images_to_keep"],
        tuple(params["access_token_ids"] or ()),
        None if orphans is None else tuple(orphans),
        tuple(params["vm_snapshots"] or ()),
    )
    identity = _job.Identity.from_params(params)
    ecs = _ecs.Ecs(connection)
    prices = _prices.PriceList(params["prices"], ecs)
    desk = Desk(_smc.Smc(connection), ecs, machine, wish, identity, params, run)
    outcome = converge(desk.observe, lambda sight: decide(wish, sight), desk.actions, view, check_mode=run.check_mode)
    sight = outcome.state
    return outcome.result(
        left={
            "job": sight.job.as_result() if sight.job else None,
            "source_id": sight.source.source_id if sight.source else None,
            "images": [image.as_result() for image in sight.images],
            "kept": sight.kept,
        },
        orphans=[
            *(orphan.as_result() for orphan in sight.orphans),
            *(_stray_result(snapshot) for snapshot in sight.stray_snapshots),
        ],
        costs=_costs(desk, outcome, bool(str(identity)), prices),
        connector_must_reread=any(
            step.action in ("delete_vm_snapshot", "delete_stray_snapshot") for step in outcome.done
        ),
    )


def _stray_result(snapshot: SnapshotFacts) -> dict[str, t.Any]:
    why = "job %s, which took it, is over or gone" % job_of(snapshot)
    return {"id": snapshot.moid, "kind": "vm_snapshot", "name": snapshot.name, "why": why, "held": "", "created": None}


_GOING = ("instance_id", "image_id", "snapshot_id", "identifier")


def _costs(desk: Desk, outcome: Outcome[Sight], named: bool, prices: _prices.PriceList) -> dict[str, t.Any]:
    """What was there at the first look or is at the last, and which of it goes."""
    looks = (desk.first or outcome.state, outcome.state)
    seen = {thing.identifier: thing for sight in looks for thing in things(sight, named)}
    going = {str(step.arguments[name]) for step in outcome.done for name in _GOING if name in step.arguments}
    told = _prices.ledger(seen.values(), going, prices)
    return dict(told, notes=[*desk.notes, *told["notes"]])
