# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads many jobs in few calls, and waits for all of them in one loop (private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import clock, job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job
from ansible_collections.cutover.smc.plugins.module_utils._core import markers
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, WaitTimeoutError
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp, parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._jobs.stall_detector import StallDetector
from ansible_collections.cutover.smc.plugins.module_utils._jobs.wait_goal import describe, goals_of
from ansible_collections.cutover.smc.plugins.module_utils._sources.matching import pick_job


def select(smc: SmcClient, params: t.Mapping[str, t.Any]) -> list[Job]:
    """The jobs that the options select; for each VM asked for, its unfinished job or else its newest."""
    tags = {**(params["tags"] or {}), **markers.of(project=params["project"])}
    jobs = smc.jobs(params["job_ids"], params["source_ids"], params["name"], params["status"], tags)
    if params["vm_uuids"] is None:
        return jobs
    by_vm: dict[str, list[Job]] = {}
    for job in jobs:
        by_vm.setdefault(job.tags.get(markers.VM_TAG, ""), []).append(job)
    picked = [pick_job(by_vm.get(vm_uuid, [])) for vm_uuid in params["vm_uuids"]]
    return [job for job in picked if job is not None]


def run(params: dict[str, t.Any], context: Context) -> dict[str, t.Any]:
    """The handler of ``smc_incremental_job_info``.

    A job that fails, or is late, does not fail the module: each host judges its own job afterwards.
    """
    if params["forecast_runs"] < 1:
        raise InvalidOptionError(f"Option 'forecast_runs' is {params['forecast_runs']}", remedy="Choose 1 or more")
    connection = Connection.from_params(params)
    smc = SmcClient(connection)
    detector = StallDetector.from_params(smc, connection, params, context)
    jobs = select(smc, params)
    cloud_time = smc.now if jobs else smc.read_clock()
    waited: dict[str, dict[str, t.Any]] = {}
    if params["wait_for"] and not context.check_mode:
        jobs, waited = _wait(smc, jobs, params, context, detector)
        cloud_time = smc.now
    warning = clock.skew_warning(smc.clock_offset)
    if warning:
        context.warn(warning)
    described = [dict(describe(job, cloud_time, params["forecast_runs"]), **waited.get(job.job_id, {})) for job in jobs]
    return {
        "changed": False,
        "jobs": sorted(described, key=lambda job: str(job["job_id"])),
        "by_job_id": {job["job_id"]: job for job in described},
        "by_vm_uuid": {job["vm_uuid"]: job for job in described if job["vm_uuid"]},
        "cloud_time": format_timestamp(cloud_time),
        "clock_offset": smc.clock_offset,
    }


def _wait(
    smc: SmcClient, jobs: list[Job], params: t.Mapping[str, t.Any], context: Context, detector: StallDetector
) -> tuple[list[Job], dict[str, dict[str, t.Any]]]:
    """One loop for all jobs; 50 of them cost one call a poll.

    :return: the jobs as last read, and what the wait adds to the result of each
    """
    ids = [job.job_id for job in jobs]
    goals = goals_of(ids, params)
    seen = {job.job_id: job for job in jobs}

    def settled(job: Job) -> bool:
        stalled = params["on_stall"] == "fail" and detector.stall_of(job.job_id) is not None
        return stalled or goals[job.job_id].reached(job) or goals[job.job_id].unreachable(job)

    def poll() -> list[Job]:
        # A job that has reached its goal need not be read again.
        open_ids = [job_id for job_id in ids if not settled(seen[job_id])]
        found = {job.job_id: job for job in smc.jobs(open_ids)}
        # A job that SMC does not list any more has been deleted, and is not waited for.
        deleted = {
            job_id: replace(seen[job_id], status=job_lifecycle.DELETING) for job_id in open_ids if job_id not in found
        }
        seen.update(found, **deleted)
        detector.record(found.values())
        return [seen[job_id] for job_id in ids]

    timeout = parse_duration("wait_timeout", params["wait_timeout"]).total_seconds()
    try:
        Waiter(timeout, params["poll_interval"], context.progress).until(
            poll, lambda current: all(settled(job) for job in current), detector.summarize
        )
    except WaitTimeoutError as late:
        context.warn(str(late))
    current = [seen[job_id] for job_id in ids]
    stalls = {job_id: [stall.as_result() for stall in detector.stalls if stall.job_id == job_id] for job_id in ids}
    return current, {
        job.job_id: {"reached": goals[job.job_id].reached(job), "stalls": stalls[job.job_id]} for job in current
    }
