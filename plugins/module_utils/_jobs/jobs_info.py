# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many jobs in few calls: what they are doing, what they have made, and one shared wait for them all (private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import (
    api as _alicloud,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import (
    clock as _clock,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import (
    runs as _evidence,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import (
    smc as _smc,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, WaitTimeoutError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import PROJECT_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.times import (
    format_duration,
    format_moment,
    parse_duration,
    parse_moment,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._jobs import forecast as _forecast
from ansible_collections.cutover.smc.plugins.module_utils._jobs.stalls import Stall, Watch
from ansible_collections.cutover.smc.plugins.module_utils._sources.matching import pick_job


@dataclass(frozen=True)
class Goal:
    """What a wait is for.

    :ivar kind: ``idle`` (no run in progress), ``image`` (a complete image), ``synced`` (a complete run that began after a
        moment), ``finished``
    :ivar since: the moment for ``synced``
    """

    kind: str
    since: t.Optional[datetime] = None

    def reached(self, job: Job) -> bool:
        if self.kind == "finished":
            return job.status == lifecycle.FINISHED
        if job.status == lifecycle.RUNNING:
            return False
        if self.kind == "image":
            return job.newest_run is not None
        if self.kind == "synced":
            newest = job.newest_run
            return newest is not None and self.since is not None and _evidence.began_after(newest, self.since)
        return True

    def hopeless(self, job: Job) -> bool:
        """Whether waiting cannot help: nothing is going on that would lead there by itself."""
        if job.status in (lifecycle.IN_ERROR, lifecycle.STOPPED, lifecycle.EXPIRED, lifecycle.DELETING):
            return True
        if job.status == lifecycle.READY and self.kind != "idle":
            return job.scheduled_start is None
        return job.status == lifecycle.FINISHED and not self.reached(job)


def select(smc: _smc.Smc, params: t.Mapping[str, t.Any]) -> list[Job]:
    """The jobs that the options choose; for each VM asked for, the one that matters."""
    tags = dict(params["tags"] or {})
    if params["project"]:
        tags[PROJECT_TAG] = params["project"]
    jobs = smc.jobs(params["job_ids"], params["source_ids"], params["name"], params["status"], tags)
    if params["vm_uuids"] is None:
        return jobs
    by_vm: dict[str, list[Job]] = {}
    for job in jobs:
        by_vm.setdefault(job.tags.get(VM_TAG, ""), []).append(job)
    picked = [pick_job(by_vm.get(vm_uuid, [])) for vm_uuid in params["vm_uuids"]]
    return [job for job in picked if job is not None]


def describe(job: Job, now: datetime, forecast_runs: int = _forecast.RUNS) -> dict[str, t.Any]:
    """A job with what follows from it: how old its newest image is, how long its runs take, when it expires."""
    newest = job.newest_run
    forecast = _forecast.forecast(job.status == lifecycle.RUNNING, job.progress, job.runs, now, forecast_runs)
    return dict(
        job.as_result(),
        vm_uuid=job.tags.get(VM_TAG),
        rpo_seconds=int((now - newest.began).total_seconds()) if newest else None,
        eta_seconds=forecast["eta"],
        forecast=forecast,
        expires_in=format_duration(job.valid_until - now) if job.valid_until and job.valid_until > now else None,
        images=[run.image_id for run in _evidence.complete_runs(job.runs)],
        newest_image_id=newest.image_id if newest else None,
        is_billed=job.status in lifecycle.BILLED,
        completing=job.completing,
        error_reason=job.trouble,
    )


def info(params: dict[str, t.Any], context: Context) -> dict[str, t.Any]:
    """The handler of ``smc_incremental_job_info``.

    A job that fails, or does not get there in time, does not fail the module: each host judges its own job afterwards.
    """
    if params["forecast_runs"] < 1:
        raise InvalidOptionError("Option 'forecast_runs' is %d" % params["forecast_runs"], remedy="Choose 1 or more")
    connection = _alicloud.Connection.from_params(params)
    smc = _smc.Smc(connection)
    watch = Watch.from_params(smc, connection, params, context)
    jobs = select(smc, params)
    smc_time = smc.now if jobs else smc.tell_time()
    reached: dict[str, bool] = {}
    if params["wait_for"] and not context.check_mode:
        jobs, reached = _wait(smc, jobs, params, context, watch)
        smc_time = smc.now
    warning = _clock.near_refusal(smc.clock_offset)
    if warning:
        context.warn(warning)
    described = [
        dict(
            describe(job, smc_time, params["forecast_runs"]),
            **(_of_wait(job.job_id, reached[job.job_id], watch.stalls) if job.job_id in reached else {}),
        )
        for job in jobs
    ]
    return {
        "changed": False,
        "jobs": sorted(described, key=lambda job: str(job["job_id"])),
        "by_job_id": {job["job_id"]: job for job in described},
        "by_vm_uuid": {job["vm_uuid"]: job for job in described if job["vm_uuid"]},
        "cloud_time": format_moment(smc_time),
        "clock_offset": smc.clock_offset,
    }


def _of_wait(job_id: str, reached: bool, stalls: list[Stall]) -> dict[str, t.Any]:
    """What the wait has shown of one job."""
    return {"reached": reached, "stalls": [stall.as_result() for stall in stalls if stall.job_id == job_id]}


def _wait(
    smc: _smc.Smc, jobs: list[Job], params: t.Mapping[str, t.Any], context: Context, watch: Watch
) -> tuple[list[Job], dict[str, bool]]:
    """One loop for all jobs; 50 of them cost one call a look."""
    goals = _goals(jobs, params)
    ids = [job.job_id for job in jobs]
    seen = {job.job_id: job for job in jobs}

    def settled(job: Job) -> bool:
        given_up = params["on_stall"] == "fail" and watch.stall_of(job.job_id) is not None
        return given_up or goals[job.job_id].reached(job) or goals[job.job_id].hopeless(job)

    def look() -> list[Job]:
        # What has arrived need not be asked for again.
        open_ids = [job_id for job_id in ids if not settled(seen[job_id])]
        found = {job.job_id: job for job in smc.jobs(open_ids)}
        # One that SMC does not list any more has been deleted, and is not waited for.
        gone = {job_id: replace(seen[job_id], status=lifecycle.DELETING) for job_id in open_ids if job_id not in found}
        seen.update(found, **gone)
        watch.see(found.values())
        return [seen[job_id] for job_id in ids]

    timeout = parse_duration("wait_timeout", params["wait_timeout"]).total_seconds()
    try:
        Waiter(timeout, params["poll_interval"], context.progress).until(
            look, lambda current: all(settled(job) for job in current), watch.tell_all
        )
    except WaitTimeoutError as late:
        context.warn(str(late))
    current = [seen[job_id] for job_id in ids]
    return current, {job.job_id: goals[job.job_id].reached(job) for job in current}


def _goals(jobs: list[Job], params: t.Mapping[str, t.Any]) -> dict[str, Goal]:
    common = parse_moment("synced_since", params["synced_since"]) if params["synced_since"] else None
    own = {
        job_id: parse_moment("synced_since_by_job", moment)
        for job_id, moment in (params["synced_since_by_job"] or {}).items()
    }
    return {job.job_id: Goal(params["wait_for"], own.get(job.job_id, common)) for job in jobs}
