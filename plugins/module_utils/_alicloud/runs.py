# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What proves that no write was lost (pure; private to the collection).

Writes end when the services stop. An image holds them all only if the run that made it began after that moment. The moments
compared are the cloud's own: when the run began comes from SMC, and when the services had stopped is read from the same clock.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_moment


@dataclass(frozen=True)
class ReplicationRun:
    """One run of an incremental job.

    :ivar began: when SMC began it, by SMC's clock, whole seconds
    :ivar ended: when it ended, None while it runs or when it failed
    :ivar image_id: the image it made, None until then
    :ivar kind: ``Manual`` or ``Schedule``
    """

    began: datetime
    ended: t.Optional[datetime] = None
    image_id: t.Optional[str] = None
    kind: str = ""

    @property
    def complete(self) -> bool:
        return self.ended is not None and bool(self.image_id)

    def as_result(self) -> dict[str, t.Any]:
        return {
            "started_at": format_moment(self.began),
            "ended_at": format_moment(self.ended),
            "image_id": self.image_id,
            "type": self.kind,
        }


def complete_runs(runs: t.Iterable[ReplicationRun]) -> list[ReplicationRun]:
    """The runs that made an image, oldest first; the order in which SMC lists runs is not documented."""
    return sorted((run for run in runs if run.complete), key=lambda run: run.began)


def newest_complete(runs: t.Iterable[ReplicationRun]) -> t.Optional[ReplicationRun]:
    return next(iter(reversed(complete_runs(runs))), None)


def began_after(run: ReplicationRun, moment: datetime) -> bool:
    """Whether everything written until the moment is in the run.

    Moments have whole seconds, so a run of the very same second may have begun before: it does not count.
    """
    return run.began > moment.replace(microsecond=0)


def proving_run(runs: t.Iterable[ReplicationRun], stopped_at: datetime) -> t.Optional[ReplicationRun]:
    """The newest complete run that began after the services stopped."""
    newest = newest_complete(runs)
    return newest if newest is not None and began_after(newest, stopped_at) else None


def what_is_missing(runs: t.Iterable[ReplicationRun], stopped_at: datetime) -> str:
    """Why the runs prove nothing, in a sentence."""
    newest = newest_complete(runs)
    if newest is None:
        return "no run has made an image yet"
    return (
        "the newest complete run began at %s, which is not after the services stopped at %s, so writes made in between are in no image"
        % (
            format_moment(newest.began),
            format_moment(stopped_at),
        )
    )


def evidence(runs: t.Iterable[ReplicationRun], stopped_at: t.Optional[datetime]) -> dict[str, t.Any]:
    """The proof, or its absence, as a result shows it."""
    run = proving_run(runs, stopped_at) if stopped_at else newest_complete(runs)
    return {
        "proven": bool(stopped_at and run),
        "services_stopped_at": format_moment(stopped_at),
        "run_started_at": format_moment(run.began) if run else None,
        "run_ended_at": format_moment(run.ended) if run else None,
        "image_id": run.image_id if run else None,
    }
