# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notices which jobs stall while they are waited for, and reads the cause (private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import ecs, job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import CutoverError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.times import parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._jobs.forecast import Eta, Pace, estimate
from ansible_collections.cutover.smc.plugins.module_utils._jobs.stalls import (
    Stall,
    StallContext,
    likely_cause,
    summary_of,
)

#: A stall takes as many polls as this: of two polls an hour apart, as after a laptop's sleep, the second counts as the first.
_POLLS = 3


@dataclass
class _Progress:
    """What was seen of one job's run.

    :ivar mark: changes whenever the run makes progress
    :ivar reports: how often the present stall was reported
    """

    mark: tuple[t.Any, ...]
    progressed_at: datetime
    polls: int = 1
    phase: str = ""
    phase_began: t.Optional[datetime] = None
    phase_progress: float = 0.0
    reports: int = 0
    stall: t.Optional[Stall] = None

    def pace(self, job: Job, now: datetime) -> t.Optional[Pace]:
        if self.phase_began is None or now <= self.phase_began:
            return None
        return Pace(job.progress - self.phase_progress, (now - self.phase_began).total_seconds())


@dataclass
class StallDetector:
    """Watches the jobs that a wait reads.

    A stall is measured by SMC's clock, because the work is SMC's: what the controller does meanwhile, asleep or busy, says nothing
    about it, and the times of runs, intervals and forecasts are in the same clock.

    :ivar smc: reads the sources
    :ivar connection: for ECS, which knows whether an intermediate instance exists
    :ivar stall_after: for how long a job may make no progress; zero turns the detection off
    :ivar context: receives the warnings
    :ivar fails: whether a stalled job ends the wait for it
    :ivar stalls: every stall that was noticed
    """

    smc: SmcClient
    connection: Connection
    stall_after: timedelta
    context: Context
    fails: bool = False
    stalls: list[Stall] = field(default_factory=list)
    _progress: dict[str, _Progress] = field(default_factory=dict)

    @classmethod
    def from_params(
        cls, smc: SmcClient, connection: Connection, params: t.Mapping[str, t.Any], context: Context
    ) -> StallDetector:
        """The detector that the options of a module describe."""
        stall_after = parse_duration("stall_after", params["stall_after"])
        return cls(smc, connection, stall_after, context, params["on_stall"] == "fail")

    def record(self, jobs: t.Iterable[Job]) -> None:
        """Record what a poll has read; reads the cause of stalls, by one call for all jobs."""
        now = self.smc.now
        stalled = [job for job in jobs if self._is_stalled(job, now)]
        if not stalled or not self.stall_after:
            return
        context = self._read_context(stalled)
        for job in stalled:
            progress = self._progress[job.job_id]
            cause, remedy = likely_cause(job, now, context)
            idle = int((now - progress.progressed_at).total_seconds())
            progress.stall = Stall(job.job_id, job.phase, job.progress, progress.progressed_at, idle, cause, remedy)
            progress.reports += 1
            self.stalls.append(progress.stall)
            self.context.warn(f"Job {job.job_id}: {progress.stall.summary}. {remedy}")

    def stall_of(self, job_id: str) -> t.Optional[Stall]:
        """The stall that the job is in, if it is."""
        progress = self._progress.get(job_id)
        return progress.stall if progress else None

    def record_or_raise(self, job: Job) -> Job:
        """Record one job.

        :raises PreconditionError: it is stalled, and that is a failure
        """
        self.record([job])
        stall = self.stall_of(job.job_id)
        if self.fails and stall is not None:
            raise PreconditionError(
                f"Job {job.job_id} is {job.status}, {job.phase} at {int(job.progress)} % with {stall.summary}",
                remedy=stall.remedy,
                details={"stall": stall.as_result()},
            )
        return job

    def eta(self, job: Job) -> Eta:
        """When the run in progress should end."""
        now, progress = self.smc.now, self._progress.get(job.job_id)
        pace = progress.pace(job, now) if progress else None
        return estimate(job.status == job_lifecycle.RUNNING, job.progress, job.runs, now, pace)

    def summary(self, job: Job) -> str:
        """One job on a progress line: state, phase, percent, the time left, and that it is stalled."""
        stall = self.stall_of(job.job_id)
        parts = (job.summary, self.eta(job).summary, stall.summary if stall else "")
        return ", ".join(part for part in parts if part)

    def summarize(self, jobs: list[Job]) -> str:
        """All jobs on one line: a count per state, how far the running ones are, and which are stalled."""
        if len(jobs) == 1:
            return self.summary(jobs[0])
        stalled = [job.job_id for job in jobs if self.stall_of(job.job_id)]
        text = summary_of(jobs, self.eta)
        return f"{text}; without progress: {', '.join(stalled)}" if stalled else text

    def _is_stalled(self, job: Job, now: datetime) -> bool:
        if job.status != job_lifecycle.RUNNING:
            self._progress.pop(job.job_id, None)
            return False
        mark = (job.phase, job.progress, len(job.runs))
        progress = self._progress.get(job.job_id)
        if progress is None or progress.phase != job.phase:
            progress = self._progress[job.job_id] = _Progress(mark, now, 0, job.phase, now, job.progress)
        if progress.mark != mark:
            progress.mark, progress.progressed_at, progress.polls = mark, now, 0
            progress.reports, progress.stall = 0, None
        progress.polls += 1
        overdue = now - progress.progressed_at >= self.stall_after * (progress.reports + 1)
        return progress.polls >= _POLLS and overdue

    def _read_context(self, jobs: list[Job]) -> StallContext:
        """One call: the sources when the stall of a job is first noticed, the instances when it lasts."""
        context = StallContext()
        try:
            copying = [job for job in jobs if job.phase in (job_lifecycle.PREPARING, job_lifecycle.SYNCING)]
            if any(self._is_new_sync_stall(job) for job in copying):
                sources = self.smc.sources(sorted({job.source_id for job in copying if job.source_id}))
                context.sources = {source.source_id: source for source in sources}
            elif ecs.IMPORT_ERROR is None and self.connection.region_id:
                ids = sorted({job.intermediate_instance_id for job in copying if job.intermediate_instance_id})
                instances = ecs.EcsClient(self.connection).instances(ids)
                context.instances = {instance.instance_id: instance for instance in instances}
        except CutoverError as error:
            context.error_reason = error.message
        return context

    def _is_new_sync_stall(self, job: Job) -> bool:
        return job.phase == job_lifecycle.SYNCING and self._progress[job.job_id].reports == 0
