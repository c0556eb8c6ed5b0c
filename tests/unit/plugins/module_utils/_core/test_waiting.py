# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The polling loop, by a clock that only its own sleeping moves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    UnreachableError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter


class Time:
    """A clock that stands still but while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.naps: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


class World:
    """Shows what a script says, one item a look; the last for ever. Exceptions are raised."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.polls = 0

    def poll(self) -> Any:
        item = self.script[min(self.polls, len(self.script) - 1)]
        self.polls += 1
        if isinstance(item, Exception):
            raise item
        return item


def wait(world: World, timeout: float = 100, interval: float = 10, jitter: float = 0.5) -> tuple[Any, Time, list[str]]:
    time, reported = Time(), []
    waiter = Waiter(timeout, interval, reported.append, clock=time.clock, sleep=time.sleep, jitter=lambda: jitter)
    try:
        seen: Any = waiter.until(world.poll, lambda state: state == "done", str)
    except CutoverError as failure:
        seen = failure
    return seen, time, reported


def test_what_is_done_is_not_waited_for():
    seen, time, reported = wait(World("done"))
    assert (seen, time.naps, reported) == ("done", [], [])


def test_it_polls_at_every_interval_and_shows_changes_once():
    world = World("a", "a", "b", "done")
    seen, time, reported = wait(world)
    assert seen == "done"
    assert time.naps == [10, 10, 10]
    assert reported == ["a", "b"]


def test_it_is_never_silent_for_more_than_half_a_minute():
    _seen, _time, reported = wait(World("a"), timeout=100, interval=10)
    assert reported == ["a"] * 4


def test_the_deadline_is_kept_and_the_last_state_reported():
    seen, time, _reported = wait(World("a", "b"), timeout=25)
    assert isinstance(seen, WaitTimeoutError)
    assert str(seen).startswith("Timed out after 25s; the last state was: b. Run this again to continue waiting")
    assert time.naps == [10, 10, 5]


def test_a_state_reached_at_the_deadline_counts():
    seen, time, _reported = wait(World("a", "a", "done"), timeout=20)
    assert seen == "done"
    assert time.now == 1020


def test_no_time_at_all_is_one_poll():
    world = World("a")
    seen, time, _reported = wait(world, timeout=0)
    assert isinstance(seen, WaitTimeoutError)
    assert (world.polls, time.naps) == (1, [])


def test_a_poll_without_an_answer_is_repeated_and_reported():
    seen, _time, reported = wait(World("a", UnreachableError("no route"), "done"))
    assert seen == "done"
    assert reported == ["a", "no route."]


def test_no_answer_at_the_deadline_is_what_is_raised():
    silence = UnreachableError("no route")
    assert wait(World("a", silence), timeout=15)[0] is silence


def test_an_answer_after_silence_makes_it_a_time_out_again():
    assert isinstance(wait(World(UnreachableError("no route"), "a"), timeout=15)[0], WaitTimeoutError)


def test_any_other_failure_ends_it_immediately():
    refusal = CutoverError("gone")
    seen, time, _reported = wait(World("a", refusal))
    assert seen is refusal
    assert time.naps == [10]


@given(st.floats(0, 1, exclude_max=True), st.floats(0.1, 60), st.floats(0, 600))
def test_naps_spread_by_a_fifth_and_never_pass_the_deadline(jitter: float, interval: float, timeout: float):
    _seen, time, _reported = wait(World("a"), timeout, interval, jitter)
    assert all(0.8 * interval <= nap <= 1.2 * interval for nap in time.naps[:-1])
    assert time.now - 1000 == pytest.approx(timeout)


def test_two_waits_share_one_deadline():
    time = Time()
    waiter = Waiter(30, 10, lambda line: None, clock=time.clock, sleep=time.sleep, jitter=lambda: 0.5)
    assert waiter.until(World("a", "a", "done").poll, lambda state: state == "done", str) == "done"
    with pytest.raises(WaitTimeoutError):
        waiter.until(World("a").poll, lambda state: state == "done", str)
    assert time.now == 1030


def test_a_wait_until_nothing_exists():
    time, lines = Time(), []
    world = World(["i-1", "i-2"], ["i-2"], [])
    waiter = Waiter(100, 10, lines.append, clock=time.clock, sleep=time.sleep, jitter=lambda: 0.5)
    waiter.until_gone(world.poll, lambda found: f"instance {found}")
    assert (world.polls, lines) == (3, ["instance i-1", "instance i-2"])


def test_what_still_exists_at_the_deadline_is_named():
    time = Time()
    waiter = Waiter(20, 10, lambda line: None, clock=time.clock, sleep=time.sleep, jitter=lambda: 0.5)
    with pytest.raises(WaitTimeoutError, match="the last state was: instance i-1"):
        waiter.until_gone(lambda: ["i-1"], lambda found: f"instance {found}")
