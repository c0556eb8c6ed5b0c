# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deletes what a migration left, and reports the costs (private to the collection)."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace
from datetime import timedelta

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api as alicloud
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs import EcsClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Disk, Image, Instance, Snapshot
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import complete_runs
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import AccessToken, Job
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.orphans import (
    RegionResources,
    find_orphans,
    idle_jobs,
    reason_not_orphan,
)
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.plan import (
    CleanupSpec,
    ObservedCleanup,
    billable_resources,
    diff_view,
    images_to_delete,
    parse_spec,
    plan,
)
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.prices import PriceList, cost_summary
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.region import read_region
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
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, Params, Result
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, View
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Actions, Outcome, Reconciler
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp, parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import Identity
from ansible_collections.cutover.smc.plugins.module_utils._sources.lookup import find_job, find_source
from ansible_collections.cutover.smc.plugins.module_utils._vsphere import client as vsphere
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import SnapshotFacts
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.smc_snapshots import MachineSnapshots

# With these error codes ECS refuses to delete an image that is still needed.
_IMAGE_NEEDED = re.compile(r"^(ImageUsingByInstance|ImageUseShared|ImageIsExporting|ImageIsImporting|.*ImageCopying)$")


class CleanupReconciler(Reconciler[CleanupSpec, ObservedCleanup]):
    """What one migration left, and the orphans of the region.

    :param vm: SMC's snapshots of the VM; None without a connection to vCenter
    :param wait_timeout: how long to wait until a resource is deleted
    :param poll_interval: seconds between two polls
    :ivar first: the first observation
    :ivar notes: what could not be read and is not required, in sentences
    """

    def __init__(
        self,
        smc: SmcClient,
        ecs: EcsClient,
        vm: t.Optional[MachineSnapshots],
        spec: CleanupSpec,
        identity: Identity,
        context: Context,
        wait_timeout: timedelta,
        poll_interval: float,
    ) -> None:
        super().__init__(spec, context)
        self._smc = smc
        self._ecs = ecs
        self._vm = vm
        self._identity = identity
        self._wait_timeout = wait_timeout.total_seconds()
        self._poll_interval = poll_interval
        self._undeletable: dict[str, str] = {}
        self._owner_tags: dict[str, str] = {}
        self.first: t.Optional[ObservedCleanup] = None
        self.notes: list[str] = []

    def plan(self, observed: ObservedCleanup) -> Plan:
        return plan(self.spec, observed)

    def diff_view(self, observed: ObservedCleanup) -> View:
        return diff_view(observed)

    @property
    def actions(self) -> Actions:
        return {
            "delete_instance": self._delete_instance,
            "delete_image": self._delete_image,
            "delete_snapshot": self._ecs.delete_snapshot,
            "delete_vm_snapshot": self._vm.remove if self._vm else _no_vcenter,
            "delete_stray_snapshot": self._delete_stray_snapshot,
            "delete_orphan": self._delete_orphan,
            "tag_images": self._tag_images,
            "delete_token": self._smc.delete_access_token,
            "delete_job": self._smc.delete_job,
            "wait_job_gone": self._wait_job_gone,
            "delete_source": lambda source_id: self._smc.delete_source(source_id, with_jobs=False),
        }

    # --- observing ------------------------------------------------------------------------------------------------

    def observe(self) -> ObservedCleanup:
        job = self._job()
        source = find_source(self._smc, self._identity, job)
        instance_id = job.intermediate_instance_id if job else None
        instance = next(iter(self._ecs.instances([instance_id])), None) if instance_id else None
        observed = ObservedCleanup(
            job=job,
            source=source,
            instance=instance,
            disks=self._disks(instance),
            images=tuple(self._images(job)),
            undeletable=dict(self._undeletable),
            tokens=tuple(self._tokens()),
            region=self._region(),
        )
        observed = self._with_vm_snapshots(self._with_image_snapshots(observed))
        self.first = self.first or observed
        return observed

    def _job(self) -> t.Optional[Job]:
        job_id = self._identity.job_id
        if not job_id:
            return find_job(self._smc, self._identity)
        # An earlier clean-up may have deleted it. What is left of it is then found by the VM.
        return next(iter(self._smc.jobs([job_id])), None)

    def _disks(self, instance: t.Optional[Instance]) -> tuple[Disk, ...]:
        """The disks of an instance. They matter for its price only, so nothing fails when they cannot be read."""
        if instance is None:
            return ()
        try:
            return tuple(self._ecs.disks(instance_id=instance.instance_id))
        except CutoverError as error:
            note = f"The disks of {instance.instance_id} could not be read: {error}"
            self.notes += [note] if note not in self.notes else []
            return ()

    def _images(self, job: t.Optional[Job]) -> list[Image]:
        if job is not None:
            ids = [run.image_id for run in complete_runs(job.runs) if run.image_id]
            by_id = self._ecs.images_by_id(ids)
            return [by_id[image_id] for image_id in ids if image_id in by_id]
        found = {image.image_id: image for tag in self._image_tags() for image in self._ecs.images(tags=tag)}
        return sorted(found.values(), key=lambda image: format_timestamp(image.created) or "")

    def _image_tags(self) -> t.Iterator[dict[str, str]]:
        """The tags by which the images of a deleted job are found."""
        if self._identity.vm_uuid:
            yield {VM_TAG: self._identity.vm_uuid}
            yield {IMAGE_OF_VM_TAG: self._identity.vm_uuid}
        elif self._identity.job_id:
            yield {JOB_TAG: self._identity.job_id}

    def _with_image_snapshots(self, observed: ObservedCleanup) -> ObservedCleanup:
        """Add the snapshots that matter when images are deleted: those used by disks, and those that an earlier clean-up left."""
        self._owner_tags = self._tags_of_owner(observed)
        if self.spec.images_to_keep is None or not self._owner_tags:
            return observed
        deleted = images_to_delete(observed.images, self.spec.images_to_keep, observed.kept)
        ids = [snapshot_id for image in deleted for snapshot_id in image.snapshot_ids]
        unneeded = self._ecs.snapshots(usage="none", tags={DELETED_IMAGE_TAG: None})
        return replace(
            observed,
            in_disks=tuple(snapshot for snapshot in self._ecs.snapshots(ids) if "disk" in snapshot.usage),
            unneeded=tuple(snapshot for snapshot in unneeded if self._is_of_owner(snapshot)),
        )

    def _tags_of_owner(self, observed: ObservedCleanup) -> dict[str, str]:
        """The tags by which the snapshots and images of this migration are found again."""
        job = observed.job
        job_id = job.job_id if job else self._identity.job_id
        vm_uuid = self._identity.vm_uuid or (job.tags.get(VM_TAG) if job else None)
        return {key: value for key, value in ((JOB_TAG, job_id), (VM_TAG, vm_uuid)) if value}

    def _is_of_owner(self, snapshot: Snapshot) -> bool:
        return any(snapshot.tags.get(key) == value for key, value in self._owner_tags.items())

    def _with_vm_snapshots(self, observed: ObservedCleanup) -> ObservedCleanup:
        snapshots = self._vm.read() if self._vm else []
        own = observed.job.job_id if observed.job else None
        others = sorted({snapshot.smc_job_id for snapshot in snapshots if snapshot.smc_job_id} - {own})
        jobs = self._smc.jobs(others) if others else []
        live = {job.job_id for job in jobs if job.status != job_lifecycle.FINISHED}
        return replace(observed, snapshots=tuple(snapshots), live_jobs=frozenset(live))

    def _tokens(self) -> list[AccessToken]:
        wanted = list(self.spec.access_token_ids)
        return [token for token in self._smc.access_tokens(wanted) if token.token_id in wanted] if wanted else []

    def _region(self) -> t.Optional[RegionResources]:
        return None if self.spec.orphans is None else read_region(self._smc, self._ecs, self.spec.orphans)

    # --- deleting -------------------------------------------------------------------------------------------------

    def _delete_instance(self, instance_id: str) -> None:
        """Release an instance and wait until it does not exist any more, so that nothing is billed afterwards."""
        self._ecs.delete_instance(instance_id)
        self._waiter().until_gone(lambda: self._ecs.instances([instance_id]), lambda instance: instance.summary)

    def _delete_image(self, image_id: str, snapshot_ids: t.Sequence[str]) -> None:
        """Delete an image. Its snapshots are tagged before, because afterwards nothing shows that they were part of it."""
        if snapshot_ids:
            self._ecs.tag_snapshots(list(snapshot_ids), dict(self._owner_tags, **{DELETED_IMAGE_TAG: image_id}))
        try:
            self._ecs.delete_image(image_id)
        except CutoverError as error:
            if not _IMAGE_NEEDED.match(error.code):
                raise
            self._undeletable[image_id] = error.message
            raise ConflictError(error.message) from error

    def _tag_images(self, image_ids: list[str]) -> None:
        # Not with the VM tag of the final image: that one shows that the VM has been migrated.
        names = {VM_TAG: IMAGE_OF_VM_TAG}
        tags = {names.get(key, key): value for key, value in self._owner_tags.items()}
        self._ecs.tag_images(image_ids, tags)

    def _delete_stray_snapshot(self, moid: str) -> None:
        """Remove a snapshot of another job, after reading once more that the job is over or does not exist."""
        observed = self.observe()
        if any(snapshot.moid == moid for snapshot in observed.snapshots):
            if all(snapshot.moid != moid for snapshot in observed.stray_snapshots):
                raise ConflictError(f"The job of snapshot {moid} is active again")
            self.actions["delete_vm_snapshot"](moid=moid)

    def _delete_orphan(self, kind: str, identifier: str) -> None:
        """Delete an orphan, after reading once more that it is one."""
        region = read_region(self._smc, self._ecs, [identifier])
        orphan = next((orphan for orphan in find_orphans(region) if orphan.identifier == identifier), None)
        if orphan is None and not reason_not_orphan(region, identifier):
            return
        if orphan is None or orphan.blocked_by:
            raise ConflictError(f"{identifier} is not an orphan any more")
        delete = {"disk": self._ecs.delete_disk, "snapshot": self._ecs.delete_snapshot}.get(kind, self._delete_instance)
        delete(identifier)

    def _wait_job_gone(self, job_id: str) -> None:
        self._waiter().until_gone(lambda: self._smc.jobs([job_id]), lambda job: job.summary)

    def _waiter(self) -> Waiter:
        return Waiter(self._wait_timeout, self._poll_interval, self.context.progress)


def _no_vcenter(**_arguments: t.Any) -> None:
    raise PreconditionError(
        "A snapshot of the VM cannot be removed without a connection to vCenter",
        remedy="Set hostname, username and password",
    )


def run(params: Params, context: Context) -> Result:
    """The handler of ``smc_cleanup``."""
    spec = parse_spec(params)
    if not (params["hostname"] and params["vm_uuid"]):
        if spec.vm_snapshots:
            raise InvalidOptionError(
                "Option 'vm_snapshots' needs vm_uuid, and hostname with its credentials",
                remedy="Set vm_uuid, hostname, username and password",
            )
        return _clean_up(spec, params, context, None)
    for library, error in vsphere.REQUIRES:
        if error is not None:
            raise PreconditionError(
                missing_required_lib(library), remedy="Or set hostname to an empty string, which leaves vCenter out"
            )
    with vsphere.VCenter(vsphere.Connection.from_params(params)) as vcenter:
        timeout = parse_duration("wait_timeout", params["wait_timeout"]).total_seconds()
        return _clean_up(spec, params, context, MachineSnapshots(vcenter, params["vm_uuid"], context, timeout))


def _clean_up(spec: CleanupSpec, params: Params, context: Context, vm: t.Optional[MachineSnapshots]) -> Result:
    connection = alicloud.Connection.from_params(params)
    identity = Identity.from_params(params)
    ecs = EcsClient(connection)
    prices = PriceList(params["prices"], ecs)
    reconciler = CleanupReconciler(
        SmcClient(connection),
        ecs,
        vm,
        spec,
        identity,
        context,
        parse_duration("wait_timeout", params["wait_timeout"]),
        params["poll_interval"],
    )
    outcome = reconciler.run()
    observed = outcome.observed
    return outcome.result(
        left={
            "job": observed.job.as_result() if observed.job else None,
            "source_id": observed.source.source_id if observed.source else None,
            "images": [image.as_result() for image in observed.images],
            "kept": observed.kept,
        },
        orphans=[
            *(orphan.as_result() for orphan in observed.orphans),
            *(_stray_result(snapshot) for snapshot in observed.stray_snapshots),
        ],
        costs=_costs(reconciler, outcome, bool(str(identity)), prices),
        connector_refresh_needed=any(
            step.action in ("delete_vm_snapshot", "delete_stray_snapshot") for step in outcome.done
        ),
    )


def _stray_result(snapshot: SnapshotFacts) -> dict[str, t.Any]:
    """A VM snapshot in the shape of :meth:`Orphan.as_result`."""
    return {
        "id": snapshot.moid,
        "kind": "vm_snapshot",
        "name": snapshot.name,
        "reason": f"job {snapshot.smc_job_id}, which took it, is over or does not exist",
        "blocked_by": "",
        "created_at": None,
    }


#: The names of the step arguments that contain the ID of a deleted resource.
_DELETED_ARGUMENTS = ("instance_id", "image_id", "snapshot_id", "identifier")


def _costs(
    reconciler: CleanupReconciler, outcome: Outcome[ObservedCleanup], of_one_migration: bool, prices: PriceList
) -> dict[str, t.Any]:
    """The costs of what the first or the last observation shows, and which of it was deleted or would be."""
    observed = outcome.observed
    resources = {
        resource.identifier: resource
        for observation in (reconciler.first or observed, observed)
        for resource in billable_resources(observation, of_one_migration)
    }
    deleted = {
        str(step.arguments[name]) for step in outcome.done for name in _DELETED_ARGUMENTS if name in step.arguments
    }
    summary = cost_summary(resources.values(), deleted, prices)
    idle = idle_jobs(observed.region) if observed.region else ()
    return dict(summary, notes=[*reconciler.notes, *summary["notes"], *idle])
