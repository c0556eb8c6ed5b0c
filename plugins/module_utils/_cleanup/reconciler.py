# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clearing up after a migration: looks at what it left, does what the plan says, and tells what it costs (private to the collection)."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import (
    api as _alicloud,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import (
    ecs as _ecs,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import (
    runs as _evidence,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import (
    smc as _smc,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Disk, Image, Instance, Snapshot
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import AccessToken, Job
from ansible_collections.cutover.smc.plugins.module_utils._cleanup import orphans as _orphans
from ansible_collections.cutover.smc.plugins.module_utils._cleanup import prices as _prices
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.plan import (
    Sight,
    Wish,
    decide,
    superfluous,
    things,
    view,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    InvalidOptionError,
    PreconditionError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    DELETED_IMAGE_TAG,
    IMAGE_OF_VM_TAG,
    JOB_TAG,
    VM_TAG,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Outcome, converge
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_moment, parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._sources import identity as _identity
from ansible_collections.cutover.smc.plugins.module_utils._vsphere import client as _vcenter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import SnapshotFacts
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.smc_snapshots import MachineSnapshots, job_of

# With these ECS refuses to delete an image that somebody needs.
_IMAGE_NEEDED = re.compile(r"^(ImageUsingByInstance|ImageUseShared|ImageIsExporting|ImageIsImporting|.*ImageCopying)$")


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
        identity: _identity.Identity,
        params: dict[str, t.Any],
        context: Context,
    ) -> None:
        self._smc = smc
        self._ecs = ecs
        self._vm = vm
        self._wish = wish
        self._identity = identity
        self._context = context
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
        source = _identity.find_source(self._smc, self._identity, job)
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

    def _job(self) -> t.Optional[Job]:
        job_id = self._identity.job_id
        if not job_id:
            return _identity.find_job(self._smc, self._identity)
        # One that is gone is that of an earlier clean-up: what is left of it is found by the VM.
        return next(iter(self._smc.jobs([job_id])), None)

    def _disks(self, instance: t.Optional[Instance]) -> tuple[Disk, ...]:
        """The disks of an instance, which matter for its price alone, so that nothing fails without them."""
        if instance is None:
            return ()
        try:
            return tuple(self._ecs.disks(instance_id=instance.instance_id))
        except CutoverError as failure:
            note = "The disks of %s could not be read: %s" % (instance.instance_id, failure)
            self.notes += [note] if note not in self.notes else []
            return ()

    def _images(self, job: t.Optional[Job]) -> list[Image]:
        if job is not None:
            ids = [run.image_id for run in _evidence.complete_runs(job.runs) if run.image_id]
            by_id = self._ecs.images_by_id(ids)
            return [by_id[image_id] for image_id in ids if image_id in by_id]
        found = {image.image_id: image for tag in self._tags_of_images() for image in self._ecs.images(tags=tag)}
        return sorted(found.values(), key=lambda image: format_moment(image.created) or "")

    def _tags_of_images(self) -> t.Iterator[dict[str, str]]:
        """The tags by which the images of a job that is gone are found."""
        if self._identity.vm_uuid:
            yield {VM_TAG: self._identity.vm_uuid}
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
        vm_uuid = self._identity.vm_uuid or (job.tags.get(VM_TAG) if job else None)
        return {key: value for key, value in ((JOB_TAG, job_id), (VM_TAG, vm_uuid)) if value}

    def _ours(self, snapshot: Snapshot) -> bool:
        return any(snapshot.tags.get(key) == value for key, value in self._note.items())

    def _with_vm_snapshots(self, sight: Sight) -> Sight:
        snapshots = self._vm.read() if self._vm else []
        own = sight.job.job_id if sight.job else None
        others = sorted({job_id for job_id in map(job_of, snapshots) if job_id and job_id != own})
        live = {job.job_id for job in (self._smc.jobs(others) if others else ()) if job.status != lifecycle.FINISHED}
        return replace(sight, snapshots=tuple(snapshots), live_jobs=frozenset(live))

    def _tokens(self) -> list[AccessToken]:
        wanted = list(self._wish.access_token_ids)
        return [token for token in self._smc.access_tokens(wanted) if token.token_id in wanted] if wanted else []

    def _region(self) -> t.Optional[_orphans.Region]:
        return None if self._wish.orphans is None else _orphans.read(self._smc, self._ecs, self._wish.orphans)

    def _release(self, instance_id: str) -> None:
        """Release an instance and wait until it is gone, so that nothing is billed when this ends."""
        self._ecs.delete_instance(instance_id)
        waiter = Waiter(self._timeout, self._interval, self._context.progress)
        waiter.until(lambda: self._ecs.instances([instance_id]), lambda found: not found, lambda found: found[0].told)

    def _delete_image(self, image_id: str, snapshot_ids: t.Sequence[str]) -> None:
        """Delete an image; its snapshots are noted before, because nothing would tell afterwards that they were its."""
        if snapshot_ids:
            self._ecs.tag_snapshots(list(snapshot_ids), dict(self._note, **{DELETED_IMAGE_TAG: image_id}))
        try:
            self._ecs.delete_image(image_id)
        except CutoverError as failure:
            if not _IMAGE_NEEDED.match(failure.code):
                raise
            self._refused[image_id] = failure.message
            raise ConflictError(failure.message) from failure

    def _note_images(self, image_ids: list[str]) -> None:
        # Not by the tag that the final image carries: that one tells that the VM has moved.
        names = {VM_TAG: IMAGE_OF_VM_TAG}
        tags = {names.get(key, key): value for key, value in self._note.items()}
        self._ecs.tag_images(image_ids, tags)

    def _delete_stray_snapshot(self, moid: str) -> None:
        """Remove a snapshot of a job that is no more, after a further look at the jobs."""
        sight = self.observe()
        if any(one.moid == moid for one in sight.snapshots):
            if all(one.moid != moid for one in sight.stray_snapshots):
                raise ConflictError("Snapshot %s is no stray one any more" % moid)
            self.actions["delete_vm_snapshot"](moid=moid)

    def _delete_orphan(self, kind: str, identifier: str) -> None:
        """Delete an orphan, after a further look whether it still is one."""
        region = _orphans.read(self._smc, self._ecs, [identifier])
        orphan = next((one for one in _orphans.find(region) if one.identifier == identifier), None)
        if orphan is None and not _orphans.why_not(region, identifier):
            return
        if orphan is None or orphan.held:
            raise ConflictError("%s is no orphan any more" % identifier)
        deed = {"disk": self._ecs.delete_disk, "snapshot": self._ecs.delete_snapshot}.get(kind, self._release)
        deed(identifier)

    def _wait_job_gone(self, job_id: str) -> None:
        waiter = Waiter(self._timeout, self._interval, self._context.progress)
        waiter.until(lambda: self._smc.jobs([job_id]), lambda jobs: not jobs, lambda jobs: jobs[0].told)


def _no_vcenter(**_arguments: t.Any) -> None:
    raise PreconditionError(
        "A snapshot of the VM was to be removed without a connection to vCenter",
        remedy="Give hostname, username and password",
    )


def ensure(params: dict[str, t.Any], context: Context) -> dict[str, t.Any]:
    """The handler of ``smc_cleanup``."""
    keep = params["images_to_keep"]
    if keep is not None and keep < 1:
        raise InvalidOptionError(
            "Option 'images_to_keep' is %d" % keep,
            remedy="Keep at least 1: the newest image is what the migration was for",
        )
    if not (params["hostname"] and params["vm_uuid"]):
        if params["vm_snapshots"]:
            raise InvalidOptionError("Option 'vm_snapshots' needs vm_uuid, and hostname with its credentials")
        return _clear(params, context, None)
    for library, error in _vcenter.REQUIRES:
        if error is not None:
            raise PreconditionError(missing_required_lib(library), remedy="Or leave vCenter out with an empty hostname")
    with _vcenter.VCenter(_vcenter.Connection.from_params(params)) as vcenter:
        timeout = parse_duration("wait_timeout", params["wait_timeout"]).total_seconds()
        return _clear(params, context, MachineSnapshots(vcenter, params["vm_uuid"], context, timeout))


def _clear(params: dict[str, t.Any], context: Context, machine: t.Optional[MachineSnapshots]) -> dict[str, t.Any]:
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
    identity = _identity.Identity.from_params(params)
    ecs = _ecs.Ecs(connection)
    prices = _prices.PriceList(params["prices"], ecs)
    desk = Desk(_smc.Smc(connection), ecs, machine, wish, identity, params, context)
    outcome = converge(
        desk.observe, lambda sight: decide(wish, sight), desk.actions, view, check_mode=context.check_mode
    )
    sight = outcome.observed
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
    looks = (desk.first or outcome.observed, outcome.observed)
    seen = {thing.identifier: thing for sight in looks for thing in things(sight, named)}
    going = {str(step.arguments[name]) for step in outcome.done for name in _GOING if name in step.arguments}
    told = _prices.ledger(seen.values(), going, prices)
    idle = _orphans.idle(outcome.observed.region) if outcome.observed.region else ()
    return dict(told, notes=[*desk.notes, *told["notes"], *idle])
