# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a wait for many jobs waits for, and what follows from a job (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import began_after, complete_runs
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_duration, parse_timestamp
from ansible_collections.cutover.smc.plugins.module_utils._jobs.forecast import RUNS, forecast


@dataclass(frozen=True)
class WaitGoal:
    """What is waited for.

    :ivar kind: ``idle`` (no run in progress), ``image`` (a complete image), ``synced`` (a complete run that started after a
        time), ``finished``
    :ivar since: the time for ``synced``
    """

    kind: str
    since: t.Optional[datetime] = None

    def reached(self, job: Job) -> bool:
        """Whether the job has reached the goal."""
        if self.kind == "finished":
            return job.status == job_lifecycle.FINISHED
        if job.status == job_lifecycle.RUNNING:
            return False
        if self.kind == "image":
            return job.newest_run is not None
        if self.kind == "synced":
            newest = job.newest_run
            return newest is not None and self.since is not None and began_after(newest, self.since)
        return True

    def unreachable(self, job: Job) -> bool:
        """Whether waiting cannot help, because nothing is in progress that would lead there."""
        stopped = (job_lifecycle.IN_ERROR, job_lifecycle.STOPPED, job_lifecycle.EXPIRED, job_lifecycle.DELETING)
        if job.status in stopped:
            return True
        if job.status == job_lifecycle.READY and self.kind != "idle":
            return job.scheduled_start is None
        return job.status == job_lifecycle.FINISHED and not self.reached(job)


def goals_of(job_ids: t.Iterable[str], params: t.Mapping[str, t.Any]) -> dict[str, WaitGoal]:
    """What each job is waited for, by its ID.

    :raises InvalidOptionError: a time cannot be read
    """
    common = parse_timestamp("synced_since", params["synced_since"]) if params["synced_since"] else None
    own = {
        job_id: parse_timestamp("synced_since_by_job", timestamp)
        for job_id, timestamp in (params["synced_since_by_job"] or {}).items()
    }
    return {job_id: WaitGoal(params["wait_for"], own.get(job_id, common)) for job_id in job_ids}


def describe(job: Job, now: datetime, forecast_runs: int = RUNS) -> dict[str, t.Any]:
    """A job with what follows from it: how old its newest image is, how long its runs take, when it expires.

    :param now: SMC's clock
    """
    newest = job.newest_run
    outlook = forecast(job.status == job_lifecycle.RUNNING, job.progress, job.runs, now, forecast_runs)
    return dict(
        job.as_result(),
        vm_uuid=job.tags.get(VM_TAG),
        rpo_seconds=int((now - newest.began).total_seconds()) if newest else None,
        eta_seconds=outlook["eta"],
        forecast=outlook,
        expires_in=format_duration(job.valid_until - now) if job.valid_until and job.valid_until > now else None,
        images=[run.image_id for run in complete_runs(job.runs)],
        newest_image_id=newest.image_id if newest else None,
        is_billed=job.status in job_lifecycle.BILLED,
        completing=job.completing,
        error_reason=job.error_reason,
    )
