# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The downtime of a cut-over: the estimate from earlier runs against the limit, and what it was (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._core.times import parse_duration, parse_timestamp
from ansible_collections.cutover.smc.plugins.module_utils._jobs.forecast import human_duration

#: With fewer runs, the longest of them says little about the next one.
_FEW_RUNS = 3


def assess(forecast: t.Mapping[str, t.Any], limit: str, interval: t.Optional[str] = None) -> dict[str, t.Any]:
    """Whether a job's forecast fits a downtime limit.

    :param forecast: as ``smc_incremental_job_info`` returns it; empty when there is no job yet
    :param limit: a duration, or nothing
    :param interval: the job's, for the advice

    :raises InvalidOptionError: the limit is not a duration
    """
    seconds = int(parse_duration("cut_over_max_downtime", limit).total_seconds()) if limit else None
    most, median = forecast.get("percentile_90"), forecast.get("median")
    summary = _summary(forecast)
    fits = None if seconds is None or most is None else most <= seconds
    return {
        "fits": fits,
        "message": summary if seconds is None else f"{summary} The limit is {human_duration(seconds)}.",
        "remedy": "" if seconds is None or fits else _remedy(seconds, most, median, interval),
        "limit": seconds,
        "median": median,
        "percentile_90": most,
    }


def _summary(forecast: t.Mapping[str, t.Any]) -> str:
    summary = forecast.get("text") or "The duration of the final run is unknown, because there is no job."
    few = 0 < (forecast.get("runs") or 0) < _FEW_RUNS
    return summary + " Too few runs for a reliable estimate." * few


def _remedy(limit: int, most: t.Optional[float], median: t.Optional[float], interval: t.Optional[str]) -> str:
    """What would make it fit."""
    override = "Or set cut_over_ignore_max_downtime: true."
    if most is None:
        schedule = f" of {interval}" if interval else ""
        return (
            f"Let the job run once or twice more (at its interval{schedule}, or now with smc_incremental_job, state: synced and "
            f"max_age: 1s), which changes nothing on the VM. Its downtime can be estimated then. {override}"
        )
    now = f", now {interval}" if interval else ""
    fits_often = median is not None and median <= limit
    quiet_hours = ", which may be enough, because half of the runs would have fitted" if fits_often else ""
    return (
        f"Set a shorter interval (replicate_interval{now}), so that each run copies less. "
        f"Or cut over in quiet hours, when less is written{quiet_hours}. "
        f"Or set the limit to {human_duration(-(-most // 60) * 60)}. {override}"
    )


def measure(
    estimate: t.Mapping[str, t.Any], stopped_at: t.Any, image_at: t.Any, finished_at: t.Any
) -> dict[str, t.Any]:
    """What the downtime was, compared with the estimate; times may be unknown.

    :param estimate: the result of :func:`assess` before the cut-over
    :param image_at: when the final run ended, and its image existed
    :param finished_at: when the job was Finished
    """
    start = _timestamp("services_stopped_at", stopped_at)
    to_image = _seconds(start, _timestamp("image_at", image_at))
    to_end = _seconds(start, _timestamp("finished_at", finished_at))
    within = {
        name: None if to_image is None or estimate.get(name) is None else to_image <= estimate[name]
        for name in ("percentile_90", "limit")
    }
    return {
        "services_stopped_at": stopped_at or None,
        "image_at": image_at or None,
        "finished_at": finished_at or None,
        "seconds_to_image": to_image,
        "seconds_to_finished": to_end,
        "median": estimate.get("median"),
        "percentile_90": estimate.get("percentile_90"),
        "limit": estimate.get("limit"),
        "within_forecast": within["percentile_90"],
        "within_limit": within["limit"],
        "message": _measured(estimate, to_image, to_end, within),
    }


def _measured(
    estimate: t.Mapping[str, t.Any],
    to_image: t.Optional[int],
    to_end: t.Optional[int],
    within: t.Mapping[str, t.Optional[bool]],
) -> str:
    if to_image is None:
        return "The downtime is not known."
    text = f"The final image existed {human_duration(to_image)} after the services had stopped"
    if to_end is not None:
        text += f", and the job was Finished after {human_duration(to_end)}"
    if within["percentile_90"] is None:
        text += "; there was no estimate"
    else:
        median, most = human_duration(estimate["median"]), human_duration(estimate["percentile_90"])
        text += f"; the estimate was {median} in the median and at most {most}"
        text += "" if within["percentile_90"] else ", which was exceeded"
    if within["limit"] is not None:
        text += f"; the limit of {human_duration(estimate['limit'])} was {'kept' if within['limit'] else 'EXCEEDED'}"
    return f"{text}."


def _timestamp(name: str, value: t.Any) -> t.Optional[datetime]:
    return parse_timestamp(name, value) if value else None


def _seconds(start: t.Optional[datetime], end: t.Optional[datetime]) -> t.Optional[int]:
    return None if start is None or end is None else int((end - start).total_seconds())
