# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What run histories foretell: the figures, what they rest on, and that the unknown is called unknown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import ReplicationRun
from ansible_collections.cutover.smc.plugins.module_utils._jobs.forecast import (
    History,
    Pace,
    estimate,
    forecast,
    human_duration,
)
from tests.unit.plugins.builders import NOW, a_run

MINUTE = 60


def runs(*minutes: float) -> list[ReplicationRun]:
    """Complete runs of these lengths, a day apart, the last of them yesterday."""
    return [a_run(-1440 * (len(minutes) - index), lasted=lasted) for index, lasted in enumerate(minutes)]


def going_on(began: float) -> ReplicationRun:
    return a_run(began, None, None)


def test_the_first_run_is_full_and_not_counted():
    history = History.of(runs(70, 9, 5, 7))
    assert history.first_run == 70 * MINUTE
    assert history.lengths == (9 * MINUTE, 5 * MINUTE, 7 * MINUTE)
    assert (history.median, history.percentile_90) == (7 * MINUTE, 9 * MINUTE)


def test_of_twenty_runs_two_may_be_longer_than_the_percentile():
    history = History.of(runs(70, *range(1, 21)), at_most=20)
    assert history.percentile_90 == 18 * MINUTE
    assert history.median == 10.5 * MINUTE


def test_only_the_last_runs_count():
    history = History.of(runs(70, 60, 50, 3, 2, 1), at_most=3)
    assert history.lengths == (3 * MINUTE, 2 * MINUTE, 1 * MINUTE)
    assert history.first_run == 70 * MINUTE


def test_what_is_not_complete_does_not_count():
    history = History.of([*runs(70, 5), going_on(-3), ReplicationRun(NOW, NOW, None)])
    assert history.lengths == (5 * MINUTE,)


@given(st.lists(st.integers(0, 10**6), max_size=40), st.integers(1, 30), st.randoms())
def test_figures_are_lengths_of_the_last_runs_whatever_the_order(lengths: list[int], at_most: int, random: Any):
    listed = runs(*lengths)
    random.shuffle(listed)
    history = History.of(listed, at_most)
    counted = sorted(60 * length for length in lengths[1:][-at_most:])
    assert sorted(history.lengths) == counted
    if counted:
        assert history.median is not None
        assert history.percentile_90 in counted
        assert history.median <= max(counted)
        # Nine of ten do not exceed it, and it is the least of which that is true.
        within = sum(length <= history.percentile_90 for length in counted)
        below = sum(length < history.percentile_90 for length in counted)
        assert 10 * within >= 9 * len(counted) > 10 * below
    else:
        assert history.median is history.percentile_90 is None


@pytest.mark.parametrize(
    ("lengths", "suspected"),
    [
        ((70, 5, 6, 60), True),
        ((70, 5, 6, 30), False),  # long, but no full copy
        ((6, 5, 6, 6), False),  # a small VM: a full copy is no longer than an increment
        ((70, 60, 65, 60), False),  # none of them stands out
        ((70, 5, 60), False),  # too few to say
        ((), False),
    ],
)
def test_a_run_that_has_probably_copied_everything_is_noticed(lengths: tuple[float, ...], suspected: bool):
    assert History.of(runs(*lengths)).probably_full_copy is suspected


@pytest.mark.parametrize(
    ("progress", "listed", "pace", "expected"),
    [
        (25.0, [*runs(70, 9), going_on(-10)], None, (1800, "progress")),
        (25.0, [*runs(70, 9), going_on(-10)], Pace(5.0, 60), (900, "pace")),
        (25.0, [*runs(70, 9), going_on(-10)], Pace(0.0, 600), (1800, "progress")),
        (4.0, [*runs(70, 9), going_on(-2)], None, (420, "history")),
        (4.0, [*runs(70, 9), going_on(-12)], None, (None, "unknown")),
        (0.0, [going_on(-12)], None, (None, "unknown")),
        (100.0, [*runs(70, 9), going_on(-12)], None, (None, "unknown")),
        (50.0, runs(70, 9), None, (None, "unknown")),  # SMC does not list the run in progress
        (50.0, runs(70, 9), Pace(10.0, 60), (300, "pace")),
    ],
)
def test_how_long_it_should_still_take(
    progress: float, listed: list[ReplicationRun], pace: Pace | None, expected: tuple[int | None, str]
):
    outlook = estimate(True, progress, listed, NOW, pace)
    assert (outlook.seconds, outlook.source) == expected


def test_without_a_run_in_progress_nothing_is_left():
    outlook = estimate(False, 25.0, [*runs(70, 9), going_on(-10)], NOW, Pace(5.0, 60))
    assert (outlook.seconds, outlook.source, outlook.summary) == (None, "none", "")


@given(
    st.booleans(), st.floats(0, 100), st.lists(st.integers(0, 10**5), max_size=5), st.integers(-(10**5), 10), st.data()
)
def test_an_estimate_is_never_negative_and_always_names_its_source(
    running: bool, progress: float, lengths: list[int], began: int, data: st.DataObject
):
    pace = data.draw(st.none() | st.builds(Pace, st.floats(-10, 100), st.floats(0, 1e6)))
    outlook = estimate(running, progress, [*runs(*lengths), going_on(began)], NOW, pace)
    assert (outlook.seconds is not None) == (outlook.source in ("pace", "progress", "history"))
    assert outlook.seconds is None or outlook.seconds >= 0
    assert running or outlook.source == "none"


@pytest.mark.parametrize(
    ("listed", "running", "text"),
    [
        ([], False, "The duration of an incremental run is unknown, because none is complete."),
        (
            runs(70),
            False,
            "The duration of an incremental run is unknown, because none is complete; the first run, a full copy, took 1h10m.",
        ),
        (runs(70, 9), False, "The only incremental run took 9m."),
        (
            [*runs(70, 9, 13), going_on(-10)],
            True,
            "The last 2 incremental runs took 11m in the median, and nine of ten at most 13m; run in progress: about 30m left.",
        ),
        (
            runs(70, 5, 6, 60),
            False,
            "The last 3 incremental runs took 6m in the median, and nine of ten at most 1h; "
            "the newest took so long that it was probably a full copy.",
        ),
        (
            [going_on(-10)],
            True,
            "The duration of an incremental run is unknown, because none is complete; run in progress: about 30m left.",
        ),
    ],
)
def test_in_a_sentence(listed: list[ReplicationRun], running: bool, text: str):
    assert forecast(running, 25.0, listed, NOW)["text"] == text


def test_an_unknown_end_is_shown_as_unknown():
    shown = forecast(True, 0.0, [going_on(-10)], NOW)
    assert shown["text"].endswith("run in progress: time left unknown.")
    assert (shown["eta"], shown["eta_from"]) == (None, "unknown")


def test_the_result():
    assert forecast(True, 25.0, [*runs(70, 9, 13), going_on(-10)], NOW) == {
        "runs": 2,
        "median": 660,
        "percentile_90": 780,
        "longest": 780,
        "first_run": 4200,
        "probably_full_copy": False,
        "eta": 1800,
        "eta_from": "progress",
        "text": "The last 2 incremental runs took 11m in the median, and nine of ten at most 13m; run in progress: about 30m left.",
    }


def test_a_figure_is_rounded_as_its_text_is():
    # Runs of 177 and 178 s: their median is 177.5 s.
    result = forecast(False, 0.0, runs(10, 177 / 60, 178 / 60), NOW)
    assert "2m58s in the median" in result["text"]
    assert result["median"] == 178


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (59.6, "1m"), (599, "9m59s"), (601, "10m"), (5399, "1h30m"), (90000, "1d1h"), (91000, "1d1h")],
)
def test_durations_in_readable_form(seconds: float, shown: str):
    assert human_duration(seconds) == shown
