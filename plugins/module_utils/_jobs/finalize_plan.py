# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Completing a job: only with the proof that no write was lost, or with the loss accepted by name (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Image
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import explain_missing_evidence, proving_run
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job
from ansible_collections.cutover.smc.plugins.module_utils._core import markers
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp, parse_timestamp


@dataclass(frozen=True)
class FinalizeSpec:
    """How the job may be completed.

    :ivar stopped_at: when the services stopped, by SMC's clock
    :ivar final_sync: a final synchronization may be made when no run proves that everything is copied
    :ivar accept_data_loss: the ID of the job that may be completed without proof
    """

    stopped_at: t.Optional[datetime] = None
    final_sync: bool = False
    accept_data_loss: t.Optional[str] = None
    vm_uuid: t.Optional[str] = None
    wait: bool = True


@dataclass(frozen=True)
class ObservedCompletion:
    """The job, the image of its newest run, and SMC's clock."""

    job: Job
    image: t.Optional[Image]
    now: datetime


def parse_spec(params: t.Mapping[str, t.Any]) -> FinalizeSpec:
    """Check the options and turn them into a specification.

    :raises InvalidOptionError: names the option, the value and the remedy
    """
    stopped = params["services_stopped_at"]
    return FinalizeSpec(
        parse_timestamp("services_stopped_at", stopped) if stopped else None,
        params["final_sync"],
        params["accept_data_loss"],
        params["vm_uuid"],
        params["wait"],
    )


def stopped_at(spec: FinalizeSpec, job: Job) -> t.Optional[datetime]:
    """When the services stopped: as declared or, for a Finished job, as tagged on it when it was completed.

    The tag of a job that is active proves nothing: the services may have been started since.
    """
    tagged = job.tags.get(markers.SERVICES_STOPPED_TAG) if job.status == job_lifecycle.FINISHED else None
    return spec.stopped_at or (parse_timestamp(markers.SERVICES_STOPPED_TAG, tagged) if tagged else None)


def diff_view(spec: FinalizeSpec, observed: ObservedCompletion) -> dict[str, t.Any]:
    """The job as a diff shows it."""
    job = observed.job
    return {
        "job_id": job.job_id,
        "status": job.status,
        "services_stopped_at": job.tags.get(markers.SERVICES_STOPPED_TAG),
        "image_marked": job.status == job_lifecycle.FINISHED and not list(_mark(spec, observed)),
    }


def plan(spec: FinalizeSpec, observed: ObservedCompletion) -> Plan:
    """The steps that are left until the job is Finished and its image is tagged.

    :raises PreconditionError: when completing would lose writes, or is not possible
    """
    job = observed.job
    if job.status == job_lifecycle.FINISHED:
        return Plan(tuple(_mark(spec, observed)))
    if job.status == job_lifecycle.RUNNING and job.phase == job_lifecycle.CLEANING:
        return Plan((_finished_step(job),) if spec.wait else ())
    sync_data = _needs_final_sync(spec, job)
    if sync_data is not None and not sync_data:
        _check_image(observed)
    if job.status == job_lifecycle.RUNNING:
        wait = wait_step("wait_idle", f"wait until the run of job {job.job_id} has ended")
        return Plan((wait,) if spec.wait else ())
    if job.status != job_lifecycle.WAITING:
        raise PreconditionError(
            f"Job {job.job_id} is {job.status}; SMC completes a job only while it is Waiting",
            remedy="Bring it to that state with smc_incremental_job and state: synced",
        )
    return Plan(tuple(_completion(spec, job, bool(sync_data))))


def _needs_final_sync(spec: FinalizeSpec, job: Job) -> t.Optional[bool]:
    """Whether completing must make a final synchronization; None when a run in progress will decide it.

    :raises PreconditionError: when neither the runs, nor a final synchronization, nor the user's word covers what was written
    """
    timestamp = stopped_at(spec, job)
    if timestamp is not None and proving_run(job.runs, timestamp):
        return False
    if spec.final_sync:
        return True
    if spec.accept_data_loss == job.job_id:
        return False
    if timestamp is not None and job.status == job_lifecycle.RUNNING and spec.wait:
        return None
    reason = explain_missing_evidence(job.runs, timestamp) if timestamp else "services_stopped_at is not set"
    raise PreconditionError(
        f"Refusing to complete job {job.job_id} because writes could be lost: {reason}",
        remedy="Run the job once more (smc_incremental_job, state: synced, synced_since), or set final_sync: true, "
        f"or accept the loss with accept_data_loss: {job.job_id}",
    )


def _check_image(observed: ObservedCompletion) -> None:
    """The run is not proof enough: its image must exist.

    :raises PreconditionError: when it does not, or cannot be used
    """
    run = observed.job.newest_run
    if run is None:
        return
    if observed.image is None or observed.image.status != "Available":
        state = "does not exist" if observed.image is None else f"is {observed.image.status}"
        raise PreconditionError(
            f"Refusing to complete job {observed.job.job_id}: image {run.image_id} of its newest run {state}",
            remedy="Run the job once more with smc_incremental_job and state: synced",
        )


def _completion(spec: FinalizeSpec, job: Job, sync_data: bool) -> t.Iterator[Step]:
    timestamp = stopped_at(spec, job)
    if timestamp is not None and job.tags.get(markers.SERVICES_STOPPED_TAG) != format_timestamp(timestamp):
        yield Step(
            "tag_job",
            f"tag job {job.job_id} with the time when the services stopped",
            {"job_id": job.job_id, "tags": {markers.SERVICES_STOPPED_TAG: format_timestamp(timestamp)}},
            {"services_stopped_at": format_timestamp(timestamp)},
        )
    method = "with a final synchronization" if sync_data else "without another synchronization"
    yield Step(
        "complete_job",
        f"complete job {job.job_id} {method}",
        {"job_id": job.job_id, "sync_data": sync_data},
        {"status": job_lifecycle.FINISHED if spec.wait else job_lifecycle.RUNNING},
        replan_after=True,
    )
    if spec.wait:
        yield _finished_step(job)
        yield Step("mark_image", "tag the final image", changes={"image_marked": True})


def _finished_step(job: Job) -> Step:
    return wait_step("wait_finished", f"wait until job {job.job_id} is Finished")


def _mark(spec: FinalizeSpec, observed: ObservedCompletion) -> t.Iterator[Step]:
    tags = image_tags(spec, observed.job)
    image = observed.image
    if image is None or all(image.tags.get(key) == value for key, value in tags.items()):
        return
    yield Step(
        "mark_image",
        f"tag the final image {image.image_id}",
        {"image_id": image.image_id, "tags": tags},
        {"image_marked": True},
        replan_after=True,
    )


def image_tags(spec: FinalizeSpec, job: Job) -> dict[str, str]:
    """The tags that identify the final image when its job no longer exists."""
    run = job.newest_run
    own = {
        markers.JOB_TAG: job.job_id,
        markers.FINAL_RUN_TAG: format_timestamp(run.began) if run else None,
        markers.SERVICES_STOPPED_TAG: format_timestamp(stopped_at(spec, job)),
    }
    vm_uuid = spec.vm_uuid or job.tags.get(markers.VM_TAG)
    return {
        **markers.of(vm_uuid=vm_uuid, project=job.tags.get(markers.PROJECT_TAG)),
        **{key: value for key, value in own.items() if value},
    }
