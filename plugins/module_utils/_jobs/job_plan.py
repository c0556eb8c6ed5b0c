# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is left to do for an incremental job in each of its states (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import JOB_ATTRIBUTES, Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_creation import (
    creation_parameters,
    job_tags,
    with_defaults,
)
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_drift import modifiable, to_view, to_wire
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_spec import JobSpec

_LATER_IMAGE = {"newest_run_started_at": "a later one"}


@dataclass(frozen=True)
class ObservedJob:
    """The job of a VM as it was read.

    :ivar source: the VM's source, None when it is not imported
    :ivar job: the VM's job, None when it has none
    :ivar now: SMC's clock
    :ivar migrated_image: the image of an earlier migration whose job no longer exists
    :ivar resumed: this run has already resumed a failed job
    :ivar first_observed_at: SMC's clock when this run first read the job. The age of an image is calculated from it, because
        otherwise no run might ever be young enough
    """

    source: t.Optional[Source]
    job: t.Optional[Job]
    now: datetime
    migrated_image: t.Optional[str] = None
    resumed: bool = False
    first_observed_at: t.Optional[datetime] = None

    def is_synced(self, spec: JobSpec) -> bool:
        """Whether there is an image as the specification asks for."""
        return self.job is not None and spec.is_synced(self.job.runs, self.first_observed_at or self.now)


def diff_view(observed: ObservedJob) -> dict[str, t.Any]:
    """The job as a diff shows it: what can be declared or matters, not what changes by itself."""
    job = observed.job
    if job is None:
        return {"status": "absent"}
    return {
        "job_id": job.job_id,
        "status": "started" if job.status in (job_lifecycle.RUNNING, job_lifecycle.WAITING) else job.status,
        **to_view({name: getattr(job, name) for name in JOB_ATTRIBUTES}),
        "newest_run_started_at": format_timestamp(job.newest_run.began) if job.newest_run else None,
    }


def plan(spec: JobSpec, observed: ObservedJob) -> Plan:
    """What is left to do for the declared state.

    :raises PreconditionError: when nothing that is allowed leads there
    """
    plan_state = {"present": _present, "synced": _synced, "paused": _paused, "absent": _absent}[spec.state]
    return Plan(tuple(plan_state(spec, observed)))


def is_migrated(spec: JobSpec, observed: ObservedJob) -> bool:
    """Whether the VM was migrated already, by its finished job or, when that no longer exists, by the tags of its image."""
    if spec.recreate:
        return False
    if observed.job is None:
        return observed.migrated_image is not None
    return observed.job.status == job_lifecycle.FINISHED


def _present(spec: JobSpec, observed: ObservedJob) -> t.Iterator[Step]:
    job = observed.job
    if is_migrated(spec, observed):
        return
    if job is None or job.status == job_lifecycle.FINISHED:
        yield from _creation(spec, observed)
        return
    _check_usable(job)
    yield from _amendments(spec, job, observed.now)
    yield from _start(spec, observed, job)
    yield from _first_image(spec, job)


def _check_usable(job: Job) -> None:
    """:raises PreconditionError: when the job cannot be brought to any declared state"""
    if job.status == job_lifecycle.EXPIRED:
        raise PreconditionError(
            f"Job {job.job_id} expired at {format_timestamp(job.valid_until)}",
            remedy="Its images are kept. Delete the job (state: absent, discard_replication: true) and create it again "
            "(this triggers a full copy)",
        )
    if job.status == job_lifecycle.DELETING:
        raise PreconditionError(
            f"Job {job.job_id} is being deleted", remedy="Run this again once it is gone, without its job_id"
        )
    if not job.incremental:
        raise PreconditionError(
            f"Job {job.job_id} of this source is a one-time job, which SMC cannot turn into an incremental one",
            remedy="Let it finish or delete it, then run this again",
        )


def _creation(spec: JobSpec, observed: ObservedJob) -> t.Iterator[Step]:
    source = observed.source.source_id if observed.source else "the source, once it is imported"
    yield Step(
        "create_job",
        f"create the incremental job of {source}",
        {"parameters": creation_parameters(spec, observed.source, observed.job, observed.now)},
        dict(to_view(with_defaults(spec.attributes)), status=job_lifecycle.READY),
        replan_after=True,
    )
    if spec.started and not spec.scheduled_start:
        yield Step("start_job", "start it", {"job_id": ""}, {"status": "started"}, replan_after=True)


def _amendments(spec: JobSpec, job: Job, now: datetime) -> t.Iterator[Step]:
    changes = modifiable(spec, job, now)
    if changes:
        yield Step(
            "modify_job",
            f"modify job {job.job_id}: {', '.join(sorted(changes))}",
            {"job_id": job.job_id, "parameters": to_wire(changes)},
            to_view(changes),
        )
    tags = {key: value for key, value in job_tags(spec, None).items() if job.tags.get(key) != value}
    if tags:
        yield Step("tag_job", f"tag job {job.job_id}: {', '.join(sorted(tags))}", {"job_id": job.job_id, "tags": tags})


def _start(spec: JobSpec, observed: ObservedJob, job: Job) -> t.Iterator[Step]:
    if not spec.started or job.status not in job_lifecycle.STARTABLE:
        return
    if job.status == job_lifecycle.READY and job.scheduled_start and job.scheduled_start > observed.now:
        return
    if job.status == job_lifecycle.IN_ERROR and observed.resumed:
        instance = f"instance {job.intermediate_instance_id}" if job.intermediate_instance_id else "its instance"
        raise PreconditionError(
            f"Job {job.job_id} failed again after it was resumed: {job.error_reason or 'SMC gives no reason'}",
            remedy=f"Fix the cause and run this again; meanwhile {instance} is billed",
        )
    action, summary = {
        job_lifecycle.READY: ("start_job", f"start job {job.job_id}"),
        job_lifecycle.STOPPED: ("start_job", f"resume job {job.job_id}, which was paused"),
        job_lifecycle.IN_ERROR: ("resume_failed_job", f"resume job {job.job_id}, which had failed"),
    }[job.status]
    yield Step(action, summary, {"job_id": job.job_id}, {"status": "started"}, replan_after=True)


def _first_image(spec: JobSpec, job: Job) -> t.Iterator[Step]:
    waits = spec.wait and spec.state == "present" and spec.started
    if waits and job.newest_run is None and job.status == job_lifecycle.RUNNING:
        yield wait_step(
            "wait_idle", f"wait until the first run of job {job.job_id} has made its image", job_id=job.job_id
        )


def _synced(spec: JobSpec, observed: ObservedJob) -> t.Iterator[Step]:
    job = observed.job
    if job is None and observed.migrated_image and not spec.recreate:
        return
    if not observed.is_synced(spec) and job and job.status == job_lifecycle.FINISHED and not spec.recreate:
        raise PreconditionError(
            f"Job {job.job_id} is Finished, and its newest run is older than required",
            remedy="A finished job does not run again. Create a new one with recreate: true (this triggers a full copy)",
        )
    steps = tuple(_present(spec, observed))
    yield from steps
    if not observed.is_synced(spec):
        yield from _next_image(spec, job, bool(steps) and steps[-1].replan_after)


def _next_image(spec: JobSpec, job: t.Optional[Job], starting: bool) -> t.Iterator[Step]:
    """The steps to an image of a later run.

    :param starting: the steps before create or start the job
    """
    if job is None or starting:
        yield wait_step("wait_idle", "wait until the run has made its image", _LATER_IMAGE, job_id="")
    elif job.status == job_lifecycle.WAITING:
        yield Step(
            "run_job",
            f"start a manual run of job {job.job_id}",
            {"job_id": job.job_id, "after": spec.synced_since},
            _LATER_IMAGE,
            replan_after=True,
        )
    elif job.status != job_lifecycle.RUNNING:
        # Its start is left to its schedule, or to a later run of the module.
        if job.scheduled_start and spec.started:
            raise PreconditionError(
                f"Job {job.job_id} is {job.status} until its scheduled start, so no run will produce an image now",
                remedy=f"Run this again after its scheduled start ({format_timestamp(job.scheduled_start)})",
            )
        raise PreconditionError(
            f"Job {job.job_id} is {job.status} and option started is false, so no run will produce an image",
            remedy="Set started: true",
        )
    elif spec.wait:
        yield wait_step("wait_idle", f"wait until the run of job {job.job_id} has ended", job_id=job.job_id)


def _paused(spec: JobSpec, observed: ObservedJob) -> t.Iterator[Step]:
    job = observed.job
    if job is None:
        raise PreconditionError("There is no job to pause", remedy="Create it first with state: present")
    if job.status == job_lifecycle.RUNNING and not job_lifecycle.may_pause(job.status, job.phase):
        if not spec.wait:
            return
        yield wait_step(
            "wait_pausable", f"wait until job {job.job_id} can be paused (it is {job.phase})", job_id=job.job_id
        )
    if job.status in (job_lifecycle.RUNNING, job_lifecycle.WAITING):
        yield Step(
            "stop_job",
            f"pause job {job.job_id}",
            {"job_id": job.job_id},
            {"status": job_lifecycle.STOPPED},
            replan_after=True,
        )


def _absent(spec: JobSpec, observed: ObservedJob) -> t.Iterator[Step]:
    job = observed.job
    if job is None:
        return
    if job.status != job_lifecycle.DELETING:
        if job.status in job_lifecycle.ALIVE and job.has_run and not spec.discard_replication:
            raise PreconditionError(
                f"Job {job.job_id} is {job.status}; deleting it would discard its replica",
                remedy="Complete it with smc_job_finalize, or set discard_replication: true",
            )
        if not job_lifecycle.may_delete(job.status):
            yield from _paused(replace(spec, state="paused", wait=True), observed)
        yield Step(
            "delete_job",
            f"delete job {job.job_id}",
            {"job_id": job.job_id},
            {"status": "absent"},
            replan_after=not spec.wait,
        )
    if spec.wait:
        yield wait_step("wait_gone", "wait until SMC has deleted it and released its instance", job_id=job.job_id)
