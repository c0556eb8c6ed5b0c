# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runs of a job, and the evidence that no write was lost (pure; private to the collection).

Writes end when the services stop. An image holds them all only if the run that made it started after that time. The times that are
compared are the cloud's own: when the run started comes from SMC, and when the services had stopped is read from the same clock.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.record import TIME, Codec, Record, wire
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp


@dataclass(frozen=True)
class ReplicationRun(Record):
    """One run of an incremental job.

    :ivar began: when SMC started it, by SMC's clock, whole seconds
    :ivar ended: when it ended, None while it runs or when it failed
    :ivar image_id: the image that it made, None until then
    :ivar kind: ``Manual`` or ``Schedule``
    """

    began: datetime = wire("StartTime", TIME, shown="started_at")
    ended: t.Optional[datetime] = wire("EndTime", TIME, shown="ended_at")
    image_id: t.Optional[str] = wire("ImageId", Codec(lambda image_id: image_id or None))
    kind: str = wire("Type", shown="type")

    @property
    def complete(self) -> bool:
        return self.ended is not None and bool(self.image_id)


def complete_runs(runs: t.Iterable[ReplicationRun]) -> list[ReplicationRun]:
    """The runs that made an image, oldest first; the order in which SMC lists runs is not documented."""
    return sorted((run for run in runs if run.complete), key=lambda run: run.began)


def newest_complete(runs: t.Iterable[ReplicationRun]) -> t.Optional[ReplicationRun]:
    """The newest run that made an image."""
    return next(iter(reversed(complete_runs(runs))), None)


def began_after(run: ReplicationRun, timestamp: datetime) -> bool:
    """Whether everything written until that time is in the run.

    Times have whole seconds, so a run of the very same second may have started before: it does not count.
    """
    return run.began > timestamp.replace(microsecond=0)


def proving_run(runs: t.Iterable[ReplicationRun], stopped_at: datetime) -> t.Optional[ReplicationRun]:
    """The newest complete run, if it started after the services stopped."""
    newest = newest_complete(runs)
    return newest if newest is not None and began_after(newest, stopped_at) else None


def explain_missing_evidence(runs: t.Iterable[ReplicationRun], stopped_at: datetime) -> str:
    """Why the runs prove nothing, in a sentence."""
    newest = newest_complete(runs)
    if newest is None:
        return "no run has made an image yet"
    return (
        f"the newest complete run started at {format_timestamp(newest.began)}, which is not after the services stopped at "
        f"{format_timestamp(stopped_at)}, so writes made in between are in no image"
    )


def evidence(runs: t.Iterable[ReplicationRun], stopped_at: t.Optional[datetime]) -> dict[str, t.Any]:
    """The proof, or its absence, as a result shows it."""
    run = proving_run(runs, stopped_at) if stopped_at else newest_complete(runs)
    return {
        "proven": bool(stopped_at and run),
        "services_stopped_at": format_timestamp(stopped_at),
        "run_started_at": format_timestamp(run.began) if run else None,
        "run_ended_at": format_timestamp(run.ended) if run else None,
        "image_id": run.image_id if run else None,
    }
