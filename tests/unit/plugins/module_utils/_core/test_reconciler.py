# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loop that observes, plans and applies, on a world that is a set of names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    OutcomeUnknownError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Outcome, Reconciler


class World(Reconciler[str, frozenset[str]]):
    """Names that are there, those that should be, and a script of faults for the adding of names."""

    def __init__(self, wanted: str, there: str = "", faults: dict[str, list[Exception | None]] | None = None) -> None:
        super().__init__(wanted, Context(False, lambda line: None, lambda line: None))
        self.there = set(there)
        self.faults = faults or {}
        self.after: dict[str, Callable[[], None]] = {}
        self.calls: list[str] = []
        self.observations = 0
        self.pauses: list[float] = []

    def observe(self) -> frozenset[str]:
        self.observations += 1
        return frozenset(self.there)

    def plan(self, observed: frozenset[str]) -> Plan:
        return Plan(tuple(self.step(name) for name in self.spec if name not in observed))

    def diff_view(self, observed: frozenset[str]) -> dict[str, Any]:
        return dict.fromkeys(sorted(observed), True)

    @property
    def actions(self) -> dict[str, Callable[..., None]]:
        return {"add": self.add, "wait": lambda **arguments: self.calls.append("wait")}

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def step(self, name: str) -> Step:
        return Step("add", f"add {name}", {"name": name}, {name: True})

    def add(self, name: str) -> None:
        self.calls.append(name)
        fault = self.faults.get(name, [None]).pop(0) if self.faults.get(name) else None
        if isinstance(fault, OutcomeUnknownError) and fault.details.get("happened"):
            self.there.add(name)
        if fault:
            raise fault
        self.there.add(name)

    def converge(self, check_mode: bool = False, rounds: int = 20) -> Outcome[frozenset[str]]:
        self.context = Context(check_mode, lambda line: None, lambda line: None)
        self.max_rounds = rounds
        return self.run()


def test_what_exists_is_not_changed_after_one_read():
    world = World("ab", "ab")
    result = world.converge().result()
    assert result == {
        "changed": False,
        "diff": {"before": {"a": True, "b": True}, "after": {"a": True, "b": True}},
        "plan": [],
    }
    assert (world.observations, world.calls) == (1, [])


def test_steps_are_done_in_order_and_observed_afterwards():
    world = World("abc", "b")
    result = world.converge().result(record={"id": 1})
    assert world.calls == ["a", "c"]
    assert world.observations == 2
    assert result["changed"] is True
    assert result["plan"] == ["add a", "add c"]
    assert result["diff"] == {"before": {"b": True}, "after": {"a": True, "b": True, "c": True}}
    assert result["record"] == {"id": 1}


def test_check_mode_observes_once_and_shows_the_same_plan():
    world = World("abc", "b")
    reported = world.converge(check_mode=True).result()
    assert (world.observations, world.calls) == (1, [])
    assert reported == World("abc", "b").converge().result()


@given(st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_check_mode_always_shows_what_is_then_done_and_a_second_run_does_nothing(wanted: set[str], there: set[str]):
    reported = World("".join(sorted(wanted)), "".join(there)).converge(check_mode=True).result()
    world = World("".join(sorted(wanted)), "".join(there))
    assert world.converge().result() == reported
    assert world.converge().result()["changed"] is False


def test_a_write_without_an_answer_that_happened_is_not_repeated_and_not_hidden():
    world = World("ab", faults={"a": [OutcomeUnknownError("no answer", details={"happened": True})]})
    result = world.converge().result()
    assert world.calls == ["a", "b"]
    assert result["changed"] is True
    assert result["plan"] == ["add a", "add b"]


def test_a_write_without_an_answer_that_did_not_happen_is_repeated_after_a_read():
    world = World("ab", faults={"a": [OutcomeUnknownError("no answer")]})
    world.converge()
    assert world.calls == ["a", "a", "b"]
    assert world.observations == 3


def test_after_a_conflict_the_plan_is_made_again_and_the_step_not_counted():
    world = World("ab", faults={"a": [ConflictError("somebody else")]})
    result = world.converge().result()
    assert world.calls == ["a", "a", "b"]
    assert result["plan"] == ["add a", "add b"]


def test_a_conflict_that_another_settled_leaves_nothing_to_do():
    world = World("a", faults={"a": [ConflictError("somebody else")]})
    real = world.add

    def add(name: str) -> None:
        try:
            real(name)
        finally:
            world.there.add(name)

    world.add = add
    assert world.converge().result()["changed"] is False


def test_a_failure_shows_what_had_been_done():
    world = World("abc", faults={"b": [CutoverError("refused")]})
    with pytest.raises(CutoverError, match="refused") as caught:
        world.converge()
    assert caught.value.partial == {"changed": True, "plan": ["add a"]}


def test_a_failure_at_the_first_step_shows_that_nothing_was_done():
    world = World("a", faults={"a": [CutoverError("refused")]})
    with pytest.raises(CutoverError, match="refused") as caught:
        world.converge()
    assert caught.value.partial == {"changed": False, "plan": []}


def test_a_step_that_requires_an_observation_gets_it_before_the_next_step():
    world = World("ab")
    world.step = lambda name: Step("add", f"add {name}", {"name": name}, replan_after=True)
    world.converge()
    assert world.observations == 3


def test_waiting_alone_is_no_change():
    world = World("")
    plans = iter([Plan((wait_step("wait", "wait for it", name="x"), world.step("never"))), Plan()])
    world.plan = lambda observed: next(plans)
    result = world.converge().result()
    assert world.calls == ["wait"]
    assert (result["changed"], result["plan"]) == (False, ["wait for it"])


@pytest.mark.parametrize("kind", [OutcomeUnknownError, ConflictError])
def test_a_lasting_interruption_is_the_result_after_ever_longer_pauses(kind: type[CutoverError]):
    world = World("a", faults={"a": [kind("HTTP 503")] * 9})
    with pytest.raises(kind, match="HTTP 503") as caught:
        world.converge()
    assert world.calls == ["a"] * 5
    assert world.pauses == [0.5, 1.0, 2.0, 4.0]
    assert caught.value.partial["changed"] is (kind is OutcomeUnknownError)


def test_hitches_that_pass_are_not_added_up():
    world = World("abc", faults={name: [ConflictError("busy")] * 4 for name in "abc"})
    assert world.converge(rounds=30).result()["plan"] == ["add a", "add b", "add c"]
    assert world.pauses == [0.5, 1.0, 2.0, 4.0] * 3


def test_a_world_that_never_settles_is_aborted_with_what_was_done():
    world = World("a")
    world.observe = frozenset
    with pytest.raises(CutoverError, match="did not settle after 3 checks; still to do: add a") as caught:
        world.converge(rounds=3)
    assert world.calls == ["a"] * 3
    assert caught.value.partial == {"changed": True, "plan": ["add a"] * 3}


def test_a_prediction_is_the_view_with_all_changes_in_order():
    steps: list[Any] = [Step("x", "", changes={"a": 1, "b": 1}), Step("x", "", changes={"b": 2})]
    before = {"a": 0, "c": 0}
    assert Plan(tuple(steps)).predicted(before) == {"a": 1, "b": 2, "c": 0}
    assert before == {"a": 0, "c": 0}


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_step_that_no_one_can_do_fails_before_anything_is_done(check_mode: bool):
    world = World("ab")
    world.step = lambda name: Step("add" if name == "a" else "ad", f"add {name}", {"name": name})
    with pytest.raises(LookupError, match="World has no action ad"):
        world.converge(check_mode=check_mode)
    assert world.calls == []
