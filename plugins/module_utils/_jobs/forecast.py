# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a job's run history foretells: how long its next run takes, and when the present one ends (pure; private to the collection)."""

from __future__ import annotations

import math
import statistics
import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import ReplicationRun, complete_runs
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_duration

#: How many of the last incremental runs are looked at unless said otherwise.
RUNS = 10
#: Under so many percent, progress says less about the time that is left than earlier runs do.
_TELLING_PERCENT = 5.0
#: Under so many percent points, two looks at a phase do not tell its pace.
_TELLING_GAIN = 0.5
#: A run so many times as long as the median, and at least half as long as the first one, has probably copied everything.
_LIKE_FULL = 3


@dataclass(frozen=True)
class History:
    """What the complete runs say; lengths are in seconds.

    SMC does not tell a full run from an incremental one. The oldest that is listed is taken for the full one and not counted.

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
        """The length that nine runs of ten do not exceed; of fewer than ten runs the longest, to be on the safe side."""
        return sorted(self.lengths)[math.ceil(0.9 * len(self.lengths)) - 1] if self.lengths else None

    @property
    def like_full(self) -> bool:
        """Whether the newest run stands out so much that it has probably copied everything, as without change tracking."""
        if self.first_run is None or len(self.lengths) < 3:
            return False
        newest, usual = self.lengths[-1], statistics.median(self.lengths[:-1])
        return newest > _LIKE_FULL * usual and 2 * newest >= self.first_run


@dataclass(frozen=True)
class Pace:
    """How fast the phase in progress goes: so many percent points in so many seconds."""

    gained: float
    seconds: float


@dataclass(frozen=True)
class Eta:
    """When the run in progress should end.

    :ivar seconds: the time that is left, None when it cannot be told
    :ivar source: what it was reckoned from: ``pace`` (two looks at the same phase), ``progress`` (percent of the run),
        ``history`` (the median of earlier runs), ``unknown``, or ``none`` when no run is in progress
    """

    seconds: t.Optional[int] = None
    source: str = "none"

    @property
    def told(self) -> str:
        if self.seconds is not None:
            return "about %s left" % rounded(self.seconds)
        return "time left unknown" if self.source == "unknown" else ""


def eta(
    running: bool, progress: float, runs: t.Iterable[ReplicationRun], now: datetime, pace: t.Optional[Pace] = None
) -> Eta:
    """When the run in progress should end; SMC itself gives no estimate.

    The pace of the present phase goes first, for phases go at different speeds; then the percent of the whole run; then what is
    left of the median of earlier runs.

    :param running: whether a run is in progress
    :param progress: its percent
    :param runs: all runs of the job
    :param now: the cloud's clock
    """
    if not running:
        return Eta()
    if pace is not None and pace.gained >= _TELLING_GAIN and progress < 100:
        return Eta(int(pace.seconds * (100 - progress) / pace.gained), "pace")
    runs = tuple(runs)
    began = max((run.began for run in runs if run.ended is None), default=None)
    if began is None:
        return Eta(source="unknown")
    elapsed = (now - began).total_seconds()
    if elapsed > 0 and _TELLING_PERCENT <= progress < 100:
        return Eta(int(elapsed * (100 - progress) / progress), "progress")
    usual = History.of(runs).median
    if usual is not None and elapsed < usual:
        return Eta(int(usual - elapsed), "history")
    return Eta(source="unknown")


def forecast(
    running: bool, progress: float, runs: t.Iterable[ReplicationRun], now: datetime, at_most: int = RUNS
) -> dict[str, t.Any]:
    """History and outlook as a result shows them; lengths are in whole seconds."""
    runs = tuple(runs)
    history = History.of(runs, at_most)
    outlook = eta(running, progress, runs, now)
    return {
        "runs": len(history.lengths),
        "median": _whole(history.median),
        "percentile_90": _whole(history.percentile_90),
        "longest": _whole(max(history.lengths, default=None)),
        "first_run": _whole(history.first_run),
        "probably_full_copy": history.like_full,
        "eta": outlook.seconds,
        "eta_from": outlook.source,
        "text": _text(history, outlook),
    }


def _text(history: History, outlook: Eta) -> str:
    """The forecast in a sentence."""
    parts = [_history_told(history)]
    if history.like_full:
        parts.append("the newest took so long that it has probably copied everything")
    if outlook.told:
        parts.append("of the run in progress: %s" % outlook.told)
    return "; ".join(parts) + "."


def _history_told(history: History) -> str:
    median, most = history.median, history.percentile_90
    if median is None or most is None:
        unknown = "How long an incremental run takes is unknown, for none is complete"
        first = history.first_run
        return unknown if first is None else "%s; the first run, a full copy, took %s" % (unknown, rounded(first))
    if len(history.lengths) == 1:
        return "The only incremental run took %s" % rounded(median)
    told = "The last %d incremental runs took %s in the median" % (len(history.lengths), rounded(median))
    return "%s, and nine of ten at most %s" % (told, rounded(most))


def rounded(seconds: float) -> str:
    """A length as people say it: seconds below ten minutes, minutes below a day, hours beyond."""
    grain = 1 if seconds < 600 else 60 if seconds < 86400 else 3600
    return format_duration(timedelta(seconds=round(seconds / grain) * grain))


def _whole(seconds: t.Optional[float]) -> t.Optional[int]:
    return None if seconds is None else int(seconds)
