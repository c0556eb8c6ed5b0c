# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clearing up after a migration: what it left, what may go, and what goes on costing money (private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils import (
    _alicloud,
    _ecs,
    _evidence,
    _job,
    _machines,
    _smc,
    _vcenter,
)
from ansible_collections.cutover.smc.plugins.module_utils import _lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._cbt import SMC_SNAPSHOT_PREFIX, SnapshotFacts
from ansible_collections.cutover.smc.plugins.module_utils._failure import BadInput, NotFound, NotReady
from ansible_collections.cutover.smc.plugins.module_utils._plan import Plan, Step, converge, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._task import Run
from ansible_collections.cutover.smc.plugins.module_utils._time import format_moment, parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._waiting import Waiter


@dataclass(frozen=True)
class Wish:
    """What may go. Anything that is not named here stays."""

    delete_job: bool = False
    delete_source: bool = False
    images_to_keep: t.Optional[int] = None
    access_token_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sight:
    """What was seen at one look.

    :ivar instance: the intermediate instance that the job names, while it exists
    :ivar images: the images of the job's runs that still exist, oldest first
    :ivar snapshots: SMC's snapshots of the VM in vCenter
    """

    job: t.Optional[_smc.Job]
    source: t.Optional[_smc.Source]
    instance: t.Optional[_ecs.Instance] = None
    images: tuple[_ecs.Image, ...] = ()
    tokens: tuple[_smc.AccessToken, ...] = ()
    snapshots: tuple[SnapshotFacts, ...] = ()


def decide(wish: Wish, sight: Sight) -> Plan:
    """What is left to clear; pure. Images go before their snapshots, which ECS would refuse otherwise.

    :raises NotReady: while the job is unfinished
    """
    job = sight.job
    if job is not None and job.status in lifecycle.ALIVE:
        raise NotReady(
            "Job %s is %s: the migration is not over" % (job.job_id, job.status),
            remedy="Complete it with smc_job_finalize, or give it up with smc_incremental_job, state: absent and discard_replication: true",
        )
    return Plan(
        (
            *_instance_steps(sight),
            *_image_steps(wish, sight),
            *_snapshot_steps(sight),
            *_token_steps(sight),
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
    for image in superfluous(sight.images, wish.images_to_keep):
        yield Step(
            "delete_image",
            "delete the image %s (%s)" % (image.image_id, image.name),
            {"image_id": image.image_id},
            _less_images(wish, sight),
        )
        for snapshot_id in image.snapshot_ids:
            yield Step("delete_snapshot", "delete its snapshot %s" % snapshot_id, {"snapshot_id": snapshot_id})


def _less_images(wish: Wish, sight: Sight) -> dict[str, t.Any]:
    gone = superfluous(sight.images, wish.images_to_keep)
    return {"images": [image.image_id for image in sight.images if image not in gone]}


def superfluous(images: t.Sequence[_ecs.Image], keep: t.Optional[int]) -> list[_ecs.Image]:
    """The images beyond the newest ones to keep, oldest first; one that an instance uses always stays."""
    if keep is None:
        return []
    return [image for image in images[: max(0, len(images) - keep)] if not image.used]


def _snapshot_steps(sight: Sight) -> t.Iterator[Step]:
    for snapshot in sight.snapshots:
        yield Step(
            "delete_vm_snapshot",
            "remove the snapshot %s that SMC left on the VM" % snapshot.name,
            {"moid": snapshot.moid},
            {"vm_snapshots": []},
        )


def _token_steps(sight: Sight) -> t.Iterator[Step]:
    for token in sight.tokens:
        yield Step(
            "delete_token",
            "delete the activation code %s" % token.token_id,
            {"token_id": token.token_id},
            {"access_tokens": []},
        )


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
        "access_tokens": [token.token_id for token in sight.tokens],
        "vm_snapshots": [snapshot.name for snapshot in sight.snapshots],
    }


def still_billed(sight: Sight) -> list[dict[str, t.Any]]:
    """What goes on costing money, and why it is there."""
    billed: list[dict[str, t.Any]] = []
    if sight.instance:
        billed.append(
            _bill("instance", sight.instance.instance_id, sight.instance.name, "the intermediate instance of the job")
        )
    for image in sight.images:
        why = "an instance uses it" if image.used else "an image itself is free, the snapshots behind it are not"
        billed.append(_bill("image", image.image_id, image.name, why, image.size, list(image.snapshot_ids)))
    return billed


def _bill(
    kind: str,
    identifier: str,
    name: str,
    why: str,
    size: t.Optional[int] = None,
    snapshots: t.Optional[list[str]] = None,
) -> dict[str, t.Any]:
    return {"kind": kind, "id": identifier, "name": name, "why": why, "size": size, "snapshot_ids": snapshots or []}


# --- doing ------------------------------------------------------------------------------------------------------


class Desk:
    """The migration at hand: looks at what it left, and does what a plan says."""

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
        self.actions: dict[str, t.Callable[..., None]] = {
            "delete_instance": ecs.delete_instance,
            "delete_image": ecs.delete_image,
            "delete_snapshot": ecs.delete_snapshot,
            "delete_vm_snapshot": vm.remove if vm else _no_vcenter,
            "delete_token": smc.delete_access_token,
            "delete_job": smc.delete_job,
            "wait_job_gone": self._wait_job_gone,
            "delete_source": lambda source_id: smc.delete_source(source_id, with_jobs=False),
        }

    def observe(self) -> Sight:
        job = self._job()
        source = _job.find_source(self._smc, self._identity, job)
        instance_id = job.intermediate_instance_id if job else None
        return Sight(
            job,
            source,
            next(iter(self._ecs.instances([instance_id])), None) if instance_id else None,
            tuple(self._images(job)),
            tuple(self._tokens()),
            tuple(self._vm.of_job(job.job_id if job else None) if self._vm else ()),
        )

    def _job(self) -> t.Optional[_smc.Job]:
        try:
            return _job.find_job(self._smc, self._identity)
        except BadInput:
            # The job of an earlier clean-up: what is left of it is found by the VM.
            return None

    def _images(self, job: t.Optional[_smc.Job]) -> list[_ecs.Image]:
        if job is not None:
            ids = [run.image_id for run in _evidence.complete_runs(job.runs) if run.image_id]
            by_id = self._ecs.images_by_id(ids)
            return [by_id[image_id] for image_id in ids if image_id in by_id]
        if self._identity.vm_uuid:
            return sorted(
                self._ecs.images(tags={_smc.VM_TAG: self._identity.vm_uuid}),
                key=lambda image: format_moment(image.created) or "",
            )
        return []

    def _tokens(self) -> list[_smc.AccessToken]:
        wanted = list(self._wish.access_token_ids)
        return [token for token in self._smc.access_tokens(wanted) if token.token_id in wanted] if wanted else []

    def _wait_job_gone(self, job_id: str) -> None:
        waiter = Waiter(self._timeout, self._interval, self._run.report)
        waiter.until(lambda: self._smc.jobs([job_id]), lambda jobs: not jobs, lambda jobs: jobs[0].told)


class MachineSnapshots:
    """The snapshots that SMC took of one VM, in vCenter."""

    def __init__(self, vcenter: _vcenter.VCenter, vm_uuid: str, run: Run, timeout: float) -> None:
        self._vcenter = vcenter
        self._machine = _machines.locate(vcenter, {"uuid": vm_uuid})
        self._run = run
        self._timeout = timeout

    def of_job(self, job_id: t.Optional[str]) -> list[SnapshotFacts]:
        """Of one job; without a job, none: another job may be taking its own at this moment."""
        if not job_id:
            return []
        prefix = "%s%s_" % (SMC_SNAPSHOT_PREFIX, job_id)
        return [
            snapshot
            for snapshot in _machines.read_one(self._vcenter, self._machine).snapshots
            if snapshot.name.startswith(prefix)
        ]

    def remove(self, moid: str) -> None:
        """Remove one snapshot by its own reference; one that is gone already is fine."""
        snapshot = self._vcenter.reference("VirtualMachineSnapshot", moid)
        try:
            self._vcenter.run_task(
                "remove a snapshot of SMC",
                lambda: snapshot.RemoveSnapshot_Task(removeChildren=False, consolidate=True),
                self._run.report,
                self._timeout,
            )
        except NotFound:
            pass


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
    if params["hostname"] and params["vm_uuid"]:
        with _vcenter.VCenter(_vcenter.Connection.from_params(params)) as vcenter:
            timeout = parse_duration("wait_timeout", params["wait_timeout"]).total_seconds()
            return _clear(params, run, MachineSnapshots(vcenter, params["vm_uuid"], run, timeout))
    return _clear(params, run, None)


def _clear(params: dict[str, t.Any], run: Run, machine: t.Optional[MachineSnapshots]) -> dict[str, t.Any]:
    connection = _alicloud.Connection.from_params(params)
    wish = Wish(
        params["delete_job"], params["delete_source"], params["images_to_keep"], tuple(params["access_token_ids"] or ())
    )
    desk = Desk(
        _smc.Smc(connection), _ecs.Ecs(connection), machine, wish, _job.Identity.from_params(params), params, run
    )
    outcome = converge(desk.observe, lambda sight: decide(wish, sight), desk.actions, view, check_mode=run.check_mode)
    sight = outcome.state
    return outcome.result(
        left={
            "job": sight.job.as_result() if sight.job else None,
            "source_id": sight.source.source_id if sight.source else None,
            "images": [image.as_result() for image in sight.images],
        },
        billed=still_billed(sight),
        connector_must_reread=any(step.action == "delete_vm_snapshot" for step in outcome.done),
    )
