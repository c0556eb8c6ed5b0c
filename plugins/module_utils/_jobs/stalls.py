# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a wait for jobs sees: how far they are, when they should end, and which stand still for what cause (private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api as _alicloud
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import ecs as _ecs
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import smc as _smc
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Instance
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import CutoverError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_moment, parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._jobs import forecast as _forecast
from ansible_collections.cutover.smc.plugins.module_utils._sources import source_errors as _source_health

#: The options of every module that waits for jobs, as ``doc_fragments/waiting.py`` documents them.
STALL_SPEC: dict[str, t.Any] = {
    "stall_after": {"type": "str", "default": "30m"},
    "on_stall": {"type": "str", "choices": ["warn", "fail"], "default": "warn"},
}

#: Standing still takes as many looks as this: of two looks an hour apart, as after a laptop's sleep, the second is the first.
_LOOKS = 3
#: How fast SMC makes snapshots and images, by its own documentation.
_IMAGE_MIB_PER_SECOND = 30
_LONG_RUN = 3


@dataclass(frozen=True)
class Stall:
    """A job that has stood still.

    :ivar since: when it last moved, by the cloud's clock
    :ivar seconds: for how long it had not moved when that was told
    """

    job_id: str
    phase: str
    progress: float
    since: datetime
    seconds: int
    cause: str
    remedy: str

    @property
    def told(self) -> str:
        return "no progress for %s: %s" % (_forecast.rounded(self.seconds), self.cause)

    def as_result(self) -> dict[str, t.Any]:
        return {
            "job_id": self.job_id,
            "phase": self.phase,
            "progress": self.progress,
            "stalled_at": format_moment(self.since),
            "seconds": self.seconds,
            "cause": self.cause,
            "remedy": self.remedy,
        }


@dataclass
class _Track:
    """What has been seen of one job's run."""

    mark: tuple[t.Any, ...]
    moved: datetime
    looks: int = 1
    phase: str = ""
    phase_began: t.Optional[datetime] = None
    phase_progress: float = 0.0
    told: int = 0
    stall: t.Optional[Stall] = None

    def pace(self, job: Job, now: datetime) -> t.Optional[_forecast.Pace]:
        if self.phase_began is None or now <= self.phase_began:
            return None
        return _forecast.Pace(job.progress - self.phase_progress, (now - self.phase_began).total_seconds())


@dataclass
class Facts:
    """What was looked up about jobs that stand still; None is what was not looked up."""

    sources: t.Optional[dict[str, Source]] = None
    instances: t.Optional[dict[str, Instance]] = None
    trouble: str = ""


@dataclass
class Watch:
    """Looks over a wait's shoulder.

    Standing still is measured by the cloud's clock, which is that of the work: what the controller does meanwhile, asleep or busy,
    says nothing about it, and the moments of runs, intervals and forecasts are in the same clock.

    :ivar smc: answers what the sources do
    :ivar connection: leads to ECS, which answers whether an intermediate instance is there
    :ivar stall_after: for how long a job may stand still
    :ivar run: receives the warnings
    """

    smc: _smc.Smc
    connection: _alicloud.Connection
    stall_after: timedelta
    run: Context
    stalls: list[Stall] = field(default_factory=list)
    _tracks: dict[str, _Track] = field(default_factory=dict)

    @classmethod
    def from_params(
        cls, smc: _smc.Smc, connection: _alicloud.Connection, params: t.Mapping[str, t.Any], context: Context
    ) -> Watch:
        return cls(smc, connection, parse_duration("stall_after", params["stall_after"]), context)

    def see(self, jobs: t.Iterable[Job]) -> None:
        """Take note of what a look has shown; looks up the cause of what stands still, by one call for all jobs."""
        now = self.smc.now
        still = [job for job in jobs if self._stands_still(job, now)]
        if not still or not self.stall_after:
            return
        facts = self._look_up(still)
        for job in still:
            track = self._tracks[job.job_id]
            cause, remedy = likely_cause(job, now, facts)
            idle = int((now - track.moved).total_seconds())
            track.stall = Stall(job.job_id, job.phase, job.progress, track.moved, idle, cause, remedy)
            track.told += 1
            self.stalls.append(track.stall)
            self.run.warn("Job %s: %s. %s" % (job.job_id, track.stall.told, remedy))

    def stall_of(self, job_id: str) -> t.Optional[Stall]:
        """The stall that the job is in, if it is."""
        track = self._tracks.get(job_id)
        return track.stall if track else None

    def see_or_fail(self, job: Job, fails: bool) -> Job:
        """Take note of one job, and end the wait for it when it stands still and that is to be a failure."""
        self.see([job])
        stall = self.stall_of(job.job_id)
        if fails and stall is not None:
            raise PreconditionError(
                "Job %s is %s, %s at %d %% with %s" % (job.job_id, job.status, job.phase, job.progress, stall.told),
                remedy=stall.remedy,
                details={"stall": stall.as_result()},
            )
        return job

    def eta(self, job: Job) -> _forecast.Eta:
        now, track = self.smc.now, self._tracks.get(job.job_id)
        pace = track.pace(job, now) if track else None
        return _forecast.eta(job.status == lifecycle.RUNNING, job.progress, job.runs, now, pace)

    def tell(self, job: Job) -> str:
        """One job on a progress line: state, phase, percent, the time that is left, and that it stands still."""
        stall = self.stall_of(job.job_id)
        return ", ".join(part for part in (job.told, self.eta(job).told, stall.told if stall else "") if part)

    def tell_all(self, jobs: list[Job]) -> str:
        """All jobs on one line: a count per state, how far the running ones are, and how many stand still."""
        if len(jobs) == 1:
            return self.tell(jobs[0])
        still = [job.job_id for job in jobs if self.stall_of(job.job_id)]
        told = summary(jobs, self.eta)
        return "%s; without progress: %s" % (told, ", ".join(still)) if still else told

    def _stands_still(self, job: Job, now: datetime) -> bool:
        if job.status != lifecycle.RUNNING:
            self._tracks.pop(job.job_id, None)
            return False
        mark = (job.phase, job.progress, len(job.runs))
        track = self._tracks.get(job.job_id)
        if track is None or track.phase != job.phase:
            track = self._tracks[job.job_id] = _Track(mark, now, 0, job.phase, now, job.progress)
        if track.mark != mark:
            track.mark, track.moved, track.looks, track.told, track.stall = mark, now, 0, 0, None
        track.looks += 1
        return track.looks >= _LOOKS and now - track.moved >= self.stall_after * (track.told + 1)

    def _look_up(self, jobs: list[Job]) -> Facts:
        """One call: about the sources when a job is first told to stand still, about the instances when it still does."""
        facts = Facts()
        try:
            copying = [job for job in jobs if job.phase in (lifecycle.PREPARING, lifecycle.SYNCING)]
            if any(self._tracks[job.job_id].told == 0 and job.phase == lifecycle.SYNCING for job in copying):
                found = self.smc.sources(sorted({job.source_id for job in copying if job.source_id}))
                facts.sources = {source.source_id: source for source in found}
            elif _ecs.IMPORT_ERROR is None and self.connection.region_id:
                ids = sorted({job.intermediate_instance_id for job in copying if job.intermediate_instance_id})
                found_instances = _ecs.Ecs(self.connection).instances(ids)
                facts.instances = {instance.instance_id: instance for instance in found_instances}
        except CutoverError as failure:
            facts.trouble = failure.message
        return facts


def likely_cause(job: Job, now: datetime, facts: Facts) -> tuple[str, str]:
    """Why a job probably stands still, and what to do; what was seen goes before what is supposed."""
    if job.phase == lifecycle.PROCESSING:
        return _image_cause(job)
    if job.phase == lifecycle.CLEANING:
        return "SMC releases the intermediate resources", "Wait; if it lasts, look for them in the ECS console"
    seen = _source_cause(job, facts.sources) or _instance_cause(job, facts.instances)
    if seen:
        return seen
    cause, remedy = _preparing_cause(job) if job.phase == lifecycle.PREPARING else _copying_cause(job, now)
    return ("%s (looking closer failed: %s)" % (cause, facts.trouble) if facts.trouble else cause), remedy


def _image_cause(job: Job) -> tuple[str, str]:
    size = (job.system_disk_size or 0) + sum(job.data_disk_sizes.values())
    usual = _forecast.rounded(size * 1024 / _IMAGE_MIB_PER_SECOND)
    return (
        "SMC makes the image, which of %d GiB takes up to %s" % (size, usual),
        "Wait; if it takes longer, look at the snapshots of the intermediate instance in the ECS console",
    )


def _source_cause(job: Job, sources: t.Optional[dict[str, Source]]) -> t.Optional[tuple[str, str]]:
    if sources is None:
        return None
    source = sources.get(job.source_id)
    if source is None:
        return "its source %s is gone" % job.source_id, "Delete the job, import the VM again and create a new one"
    if source.online:
        return None
    meaning, remedy = _source_health.explain(source.state, source.error_code, source.status_info)
    return "its source %s is in trouble: %s (%s)" % (source.source_id, meaning, source.trouble), remedy


def _instance_cause(job: Job, instances: t.Optional[dict[str, Instance]]) -> t.Optional[tuple[str, str]]:
    instance_id = job.intermediate_instance_id
    if instances is None or not instance_id:
        return None
    instance = instances.get(instance_id)
    if instance is None:
        return (
            "its intermediate instance %s is gone, without which it cannot go on" % instance_id,
            "Delete the job (state: absent, discard_replication: true) and create it again, which copies everything anew",
        )
    if instance.status != "Running":
        return "its intermediate instance %s is %s" % (instance_id, instance.status), "Start the instance in ECS"
    return None


def _preparing_cause(job: Job) -> tuple[str, str]:
    if job.intermediate_instance_id:
        return (
            "its intermediate instance %s is there but does not answer SMC" % job.intermediate_instance_id,
            "See that its security group admits TCP 8080 and 8703, and that nobody has changed or stopped it",
        )
    return (
        "SMC has made no intermediate instance yet, perhaps for want of stock, quota or balance",
        "Name a vswitch_id and an instance_type that is in stock, and look at the account's quotas",
    )


def _copying_cause(job: Job, now: datetime) -> tuple[str, str]:
    limit = job.replication_parameters.get("bandwidth_limit")
    began = max((run.began for run in job.runs if run.ended is None), default=None)
    usual = _forecast.History.of(job.runs).median
    if limit:
        return "bandwidth_limit %s slows the copying down" % limit, "Raise it for the next job, or wait"
    if job.newest_run is None:
        return (
            "the first run compares and copies all disks, and shows little progress on large ones",
            "Wait, and see that the connector's network and the ports 8080 and 8703 of the intermediate instance are open",
        )
    if usual is not None and began is not None and (now - began).total_seconds() > _LONG_RUN * usual:
        return (
            "it runs much longer than earlier runs (%s in the median) and probably copies everything, as when CBT is off or was "
            "restarted" % _forecast.rounded(usual),
            "Look with vmware_cbt_info, and at the snapshots of the VM",
        )
    return (
        "the source is online; the comparison of its data, or a slow network, takes time",
        "Wait, and look at the load of the datastore and at the connector's network",
    )


def summary(jobs: list[Job], eta: t.Callable[[Job], _forecast.Eta]) -> str:
    """All jobs on one line: a count per state, how far the running ones are on average, and when the last of them should end."""
    counts: dict[str, list[Job]] = {}
    for job in jobs:
        told = "%s/%s" % (job.status, job.phase) if job.status == lifecycle.RUNNING and job.phase else job.status
        counts.setdefault(told, []).append(job)
    parts = []
    for told, group in sorted(counts.items()):
        notes = []
        if group[0].status == lifecycle.RUNNING:
            notes.append("%d %%" % (sum(job.progress for job in group) / len(group)))
            notes.append(_last_of([eta(job) for job in group]).told)
        notes = [note for note in notes if note]
        parts.append("%d %s%s" % (len(group), told, " (%s)" % ", ".join(notes) if notes else ""))
    return "%d jobs: %s" % (len(jobs), ", ".join(parts))


def _last_of(etas: list[_forecast.Eta]) -> _forecast.Eta:
    """The latest end, unknown as soon as one of them is."""
    unknown = [eta for eta in etas if eta.seconds is None]
    return unknown[0] if unknown else max(etas, key=lambda eta: eta.seconds or 0)
