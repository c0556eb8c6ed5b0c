# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The downtime of a cut-over: what earlier runs foretell against what may be spent, and what it was (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._core.times import parse_duration, parse_moment
from ansible_collections.cutover.smc.plugins.module_utils._jobs.forecast import rounded

#: Below so many runs, the longest of them says little about the next one.
_FEW_RUNS = 3


def assess(forecast: t.Mapping[str, t.Any], budget: str, interval: t.Optional[str] = None) -> dict[str, t.Any]:
    """What a job's forecast says about a downtime that may be spent.

    :param forecast: as ``smc_incremental_job_info`` returns it; empty when there is no job yet
    :param budget: a duration, or nothing
    :param interval: the job's, for the advice

    :raises InvalidOptionError: the budget is no duration
    """
    seconds = int(parse_duration("cut_over_max_downtime", budget).total_seconds()) if budget else None
    most, median = forecast.get("percentile_90"), forecast.get("median")
    told = _told(forecast)
    fits = None if seconds is None or most is None else most <= seconds
    return {
        "fits": fits,
        "message": told if seconds is None else "%s The budget is %s." % (told, rounded(seconds)),
        "remedy": "" if seconds is None or fits else _remedy(seconds, most, median, interval),
        "budget": seconds,
        "median": median,
        "percentile_90": most,
    }


def _told(forecast: t.Mapping[str, t.Any]) -> str:
    told = forecast.get("text") or "How long the last run takes is unknown, for there is no job."
    few = 0 < (forecast.get("runs") or 0) < _FEW_RUNS
    return told + " So few runs foretell little." * few


def _remedy(budget: int, most: t.Optional[float], median: t.Optional[float], interval: t.Optional[str]) -> str:
    """What would make it fit."""
    override = "Or say cut_over_ignore_max_downtime: true."
    if most is None:
        return (
            "Let the job make a run or two more (at its interval%s, or now by smc_incremental_job with state: synced and max_age: 1s), "
            "which changes nothing on the VM; then it can be foretold. %s"
            % (" of %s" % interval if interval else "", override)
        )
    advice = [
        "A shorter interval (replicate_interval%s) leaves each run less to copy"
        % (", now %s" % interval if interval else "")
    ]
    if median is not None and median <= budget:
        advice.append("half of the runs would have fitted, so that quiet hours, in which less is written, may do")
    else:
        advice.append("so do quiet hours, in which less is written")
    advice.append("a budget of %s would fit" % rounded(-(-most // 60) * 60))
    return "%s. %s" % ("; ".join(advice), override)


def measure(
    assessment: t.Mapping[str, t.Any], stopped_at: t.Any, image_at: t.Any, finished_at: t.Any
) -> dict[str, t.Any]:
    """What the downtime was, against what had been foretold; a moment that is not known is none.

    :param assessment: what :func:`assess` said before
    :param image_at: when the final run ended, and its image was there
    :param finished_at: when the job was Finished
    """
    start = _moment("services_stopped_at", stopped_at)
    to_image = _seconds(start, _moment("image_at", image_at))
    to_end = _seconds(start, _moment("finished_at", finished_at))
    within = {
        name: None if to_image is None or assessment.get(name) is None else to_image <= assessment[name]
        for name in ("percentile_90", "budget")
    }
    return {
        "services_stopped_at": stopped_at or None,
        "image_at": image_at or None,
        "finished_at": finished_at or None,
        "seconds_to_image": to_image,
        "seconds_to_finished": to_end,
        "median": assessment.get("median"),
        "percentile_90": assessment.get("percentile_90"),
        "budget": assessment.get("budget"),
        "within_forecast": within["percentile_90"],
        "within_budget": within["budget"],
        "message": _measured(assessment, to_image, to_end, within),
    }


def _measured(
    assessment: t.Mapping[str, t.Any],
    to_image: t.Optional[int],
    to_end: t.Optional[int],
    within: t.Mapping[str, t.Optional[bool]],
) -> str:
    if to_image is None:
        return "How long it was down is not known."
    told = "The final image was there %s after the services had stopped" % rounded(to_image)
    told += "" if to_end is None else ", and the job Finished after %s" % rounded(to_end)
    if within["percentile_90"] is None:
        told += "; nothing had been foretold"
    else:
        told += "; foretold were %s in the median and at most %s" % (
            rounded(assessment["median"]),
            rounded(assessment["percentile_90"]),
        )
        told += "" if within["percentile_90"] else ", which was exceeded"
    if within["budget"] is not None:
        told += "; the budget of %s was %s" % (
            rounded(assessment["budget"]),
            "kept" if within["budget"] else "EXCEEDED",
        )
    return told + "."


def _moment(name: str, value: t.Any) -> t.Optional[datetime]:
    return parse_moment(name, value) if value else None


def _seconds(start: t.Optional[datetime], end: t.Optional[datetime]) -> t.Optional[int]:
    return None if start is None or end is None else int((end - start).total_seconds())
