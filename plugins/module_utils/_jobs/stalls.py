# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs that stall: what is known of one, its likely cause, and a line of progress (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Instance
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp
from ansible_collections.cutover.smc.plugins.module_utils._jobs.forecast import Eta, History, human_duration
from ansible_collections.cutover.smc.plugins.module_utils._sources import source_errors

#: The options of every module that waits for jobs, as ``doc_fragments/waiting.py`` documents them.
STALL_SPEC: dict[str, t.Any] = {
    "stall_after": {"type": "str", "default": "30m"},
    "on_stall": {"type": "str", "choices": ["warn", "fail"], "default": "warn"},
}

#: How fast SMC makes snapshots and images, by its own documentation.
_IMAGE_MIB_PER_SECOND = 30
_LONG_RUN = 3


@dataclass(frozen=True)
class Stall:
    """A job without progress.

    :ivar since: when it last made progress, by SMC's clock
    :ivar seconds: for how long it had made none when this was noticed
    """

    job_id: str
    phase: str
    progress: float
    since: datetime
    seconds: int
    cause: str
    remedy: str

    @property
    def summary(self) -> str:
        return f"no progress for {human_duration(self.seconds)}: {self.cause}"

    def as_result(self) -> dict[str, t.Any]:
        return {
            "job_id": self.job_id,
            "phase": self.phase,
            "progress": self.progress,
            "stalled_at": format_timestamp(self.since),
            "seconds": self.seconds,
            "cause": self.cause,
            "remedy": self.remedy,
        }


@dataclass
class StallContext:
    """What was read about stalled jobs; None is what was not read.

    :ivar error_reason: why it could not be read; empty when it could
    """

    sources: t.Optional[dict[str, Source]] = None
    instances: t.Optional[dict[str, Instance]] = None
    error_reason: str = ""


def likely_cause(job: Job, now: datetime, context: StallContext) -> tuple[str, str]:
    """Why a job is probably stalled, and what to do; what was read outweighs what is supposed."""
    if job.phase == job_lifecycle.PROCESSING:
        return _image_cause(job)
    if job.phase == job_lifecycle.CLEANING:
        return "SMC releases the intermediate resources", "Wait; if it lasts, check for them in the ECS console"
    found = _source_cause(job, context.sources) or _instance_cause(job, context.instances)
    if found:
        return found
    cause, remedy = _preparing_cause(job) if job.phase == job_lifecycle.PREPARING else _copying_cause(job, now)
    return (
        f"{cause} (the check for the cause failed: {context.error_reason})" if context.error_reason else cause
    ), remedy


def _image_cause(job: Job) -> tuple[str, str]:
    size = (job.system_disk_size or 0) + sum(job.data_disk_sizes.values())
    usual = human_duration(size * 1024 / _IMAGE_MIB_PER_SECOND)
    return (
        f"SMC is making the image, which takes up to {usual} for {size} GiB",
        "Wait; if it takes longer, check the snapshots of the intermediate instance in the ECS console",
    )


def _source_cause(job: Job, sources: t.Optional[dict[str, Source]]) -> t.Optional[tuple[str, str]]:
    if sources is None:
        return None
    source = sources.get(job.source_id)
    if source is None:
        return (
            f"its source {job.source_id} no longer exists",
            "Delete the job, import the VM again and create a new one",
        )
    if source.online:
        return None
    meaning, remedy = source_errors.explain(source.state, source.error_code, source.status_info)
    return f"its source {source.source_id} is not ready: {meaning} ({source.error_reason})", remedy


def _instance_cause(job: Job, instances: t.Optional[dict[str, Instance]]) -> t.Optional[tuple[str, str]]:
    instance_id = job.intermediate_instance_id
    if instances is None or not instance_id:
        return None
    instance = instances.get(instance_id)
    if instance is None:
        return (
            f"its intermediate instance {instance_id} no longer exists, and it cannot continue without it",
            "Delete the job (state: absent, discard_replication: true) and create it again (this triggers a full copy)",
        )
    if instance.status != "Running":
        return f"its intermediate instance {instance_id} is {instance.status}", "Start the instance in ECS"
    return None


def _preparing_cause(job: Job) -> tuple[str, str]:
    if job.intermediate_instance_id:
        return (
            f"its intermediate instance {job.intermediate_instance_id} exists but does not answer SMC",
            "Check that its security group allows TCP 8080 and 8703, and that the instance was not changed or stopped",
        )
    return (
        "SMC has not created an intermediate instance yet, perhaps because of stock, quota or balance",
        "Set a vswitch_id and an instance_type that is in stock, and check the account's quotas",
    )


def _copying_cause(job: Job, now: datetime) -> tuple[str, str]:
    limit = job.replication_parameters.get("bandwidth_limit")
    began = max((run.began for run in job.runs if run.ended is None), default=None)
    usual = History.of(job.runs).median
    if limit:
        return f"bandwidth_limit {limit} slows the copying down", "Raise it for the next job, or wait"
    if job.newest_run is None:
        return (
            "the first run compares and copies all disks, and shows little progress on large ones",
            "Wait, and check that the connector's network and the ports 8080 and 8703 of the intermediate instance are open",
        )
    if usual is not None and began is not None and (now - began).total_seconds() > _LONG_RUN * usual:
        return (
            f"it takes much longer than earlier runs (median {human_duration(usual)}) and is probably a full copy, as when CBT is "
            "off or was restarted",
            "Check CBT with vmware_cbt_info, and check the snapshots of the VM",
        )
    return (
        "the source is online; the comparison of its data, or a slow network, takes time",
        "Wait, and check the load of the datastore and the connector's network",
    )


def summary_of(jobs: list[Job], eta: t.Callable[[Job], Eta]) -> str:
    """All jobs on one line: a count per state, how far the running ones are on average, and when the last of them should end."""
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        state = f"{job.status}/{job.phase}" if job.status == job_lifecycle.RUNNING and job.phase else job.status
        groups.setdefault(state, []).append(job)
    parts = []
    for state, group in sorted(groups.items()):
        notes = []
        if group[0].status == job_lifecycle.RUNNING:
            notes.append(f"{int(sum(job.progress for job in group) / len(group))} %")
            notes.append(_last_of([eta(job) for job in group]).summary)
        text = ", ".join(note for note in notes if note)
        parts.append(f"{len(group)} {state}" + (f" ({text})" if text else ""))
    return f"{len(jobs)} jobs: {', '.join(parts)}"


def _last_of(etas: list[Eta]) -> Eta:
    """The latest end, unknown as soon as one of them is."""
    unknown = [eta for eta in etas if eta.seconds is None]
    return unknown[0] if unknown else max(etas, key=lambda eta: eta.seconds or 0)
