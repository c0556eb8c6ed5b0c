# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Estimates from a job's run history: how long its next run takes, and when the present one ends (pure; private to the collection)."""

from __future__ import annotations

import math
import statistics
import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import ReplicationRun, complete_runs
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_duration

#: How many of the last incremental runs count by default.
RUNS = 10
#: Below this percentage, progress says less about the time left than earlier runs do.
_MEANINGFUL_PERCENT = 5.0
#: Below so many percentage points, two polls of a phase do not show its pace.
_MEANINGFUL_GAIN = 0.5
#: A run this many times as long as the median, and at least half as long as the first one, was probably a full copy.
_FULL_COPY_FACTOR = 3


@dataclass(frozen=True)
class History:
    """What the complete runs show; durations are in seconds.

    SMC does not distinguish a full run from an incremental one. The oldest that is listed counts as the full one, and is left out.

    :ivar first_run: how long the full run took, None when no run is complete
    :ivar lengths: how long the last incremental runs took, oldest first
    """

    first_run: t.Optional[float] = None
    lengths: tuple[float, ...] = ()

    @classmethod
    def of(cls, runs: t.Iterable[ReplicationRun], at_most: int = RUNS) -> History:
        """The history of a job's runs; the last ``at_most`` incremental ones count."""
        lengths = [
            max(0.0, (run.ended - run.began).total_seconds()) for run in complete_runs(runs) if run.ended is not None
        ]
        return cls(lengths[0], tuple(lengths[1:][-at_most:])) if lengths else cls()

    @property
    def median(self) -> t.Optional[float]:
        return statistics.median(self.lengths) if self.lengths else None

    @property
    def percentile_90(self) -> t.Optional[float]:
        """The duration that nine runs of ten do not exceed; of fewer than ten runs the longest, because that is the safe choice."""
        return sorted(self.lengths)[math.ceil(0.9 * len(self.lengths)) - 1] if self.lengths else None

    @property
    def probably_full_copy(self) -> bool:
        """Whether the newest run took so much longer that it was probably a full copy, as without change tracking."""
        if self.first_run is None or len(self.lengths) < 3:
            return False
        newest, usual = self.lengths[-1], statistics.median(self.lengths[:-1])
        return newest > _FULL_COPY_FACTOR * usual and 2 * newest >= self.first_run


@dataclass(frozen=True)
class Pace:
    """The pace of the phase in progress: percentage points gained in so many seconds."""

    gained: float
    seconds: float


@dataclass(frozen=True)
class Eta:
    """When the run in progress should end.

    :ivar seconds: the time left, None when it is unknown
    :ivar source: what it was calculated from: ``pace`` (two polls of the same phase), ``progress`` (percent of the run),
        ``history`` (the median of earlier runs), ``unknown``, or ``none`` when no run is in progress
    """

    seconds: t.Optional[int] = None
    source: str = "none"

    @property
    def summary(self) -> str:
        if self.seconds is not None:
            return f"about {human_duration(self.seconds)} left"
        return "time left unknown" if self.source == "unknown" else ""


def estimate(
    running: bool, progress: float, runs: t.Iterable[ReplicationRun], now: datetime, pace: t.Optional[Pace] = None
) -> Eta:
    """When the run in progress should end; SMC itself gives no estimate.

    The pace of the present phase comes first, because phases differ in speed; then the percentage of the whole run; then what is
    left of the median of earlier runs.

    :param running: whether a run is in progress
    :param progress: its percentage
    :param runs: all runs of the job
    :param now: SMC's clock
    """
    if not running:
        return Eta()
    if pace is not None and pace.gained >= _MEANINGFUL_GAIN and progress < 100:
        return Eta(int(pace.seconds * (100 - progress) / pace.gained), "pace")
    runs = tuple(runs)
    began = max((run.began for run in runs if run.ended is None), default=None)
    if began is None:
        return Eta(source="unknown")
    elapsed = (now - began).total_seconds()
    if elapsed > 0 and _MEANINGFUL_PERCENT <= progress < 100:
        return Eta(int(elapsed * (100 - progress) / progress), "progress")
    usual = History.of(runs).median
    if usual is not None and elapsed < usual:
        return Eta(int(usual - elapsed), "history")
    return Eta(source="unknown")


def forecast(
    running: bool, progress: float, runs: t.Iterable[ReplicationRun], now: datetime, at_most: int = RUNS
) -> dict[str, t.Any]:
    """History and outlook as a result shows them; durations are in whole seconds."""
    runs = tuple(runs)
    history = History.of(runs, at_most)
    outlook = estimate(running, progress, runs, now)
    return {
        "runs": len(history.lengths),
        "median": _whole(history.median),
        "percentile_90": _whole(history.percentile_90),
        "longest": _whole(max(history.lengths, default=None)),
        "first_run": _whole(history.first_run),
        "probably_full_copy": history.probably_full_copy,
        "eta": outlook.seconds,
        "eta_from": outlook.source,
        "text": _text(history, outlook),
    }


def _text(history: History, outlook: Eta) -> str:
    """The forecast in a sentence."""
    parts = [_history_summary(history)]
    if history.probably_full_copy:
        parts.append("the newest took so long that it was probably a full copy")
    if outlook.summary:
        parts.append(f"run in progress: {outlook.summary}")
    return "; ".join(parts) + "."


def _history_summary(history: History) -> str:
    median, most = history.median, history.percentile_90
    if median is None or most is None:
        unknown = "The duration of an incremental run is unknown, because none is complete"
        first = history.first_run
        return unknown if first is None else f"{unknown}; the first run, a full copy, took {human_duration(first)}"
    if len(history.lengths) == 1:
        return f"The only incremental run took {human_duration(median)}"
    return (
        f"The last {len(history.lengths)} incremental runs took {human_duration(median)} in the median, "
        f"and nine of ten at most {human_duration(most)}"
    )


def human_duration(seconds: float) -> str:
    """A duration in a readable precision: seconds below ten minutes, minutes below a day, hours beyond."""
    grain = 1 if seconds < 600 else 60 if seconds < 86400 else 3600
    return format_duration(timedelta(seconds=round(seconds / grain) * grain))


def _whole(seconds: t.Optional[float]) -> t.Optional[int]:
    return None if seconds is None else round(seconds)
