# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one loop that brings a resource to its desired state, or in check mode only predicts it (private to the collection)."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    OutcomeUnknownError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, View

S = t.TypeVar("S")


#: How often in a row a step may get no usable answer, or meet a world that has moved, before that is the result.
_MOST_HITCHES = 5


@dataclass
class Outcome(t.Generic[S]):
    """What a run of :func:`converge` saw and did."""

    state: S
    before: View
    after: View
    done: list[Step]

    def result(self, **resource: t.Any) -> dict[str, t.Any]:
        """The module's result: ``changed``, ``diff``, ``plan`` and the resource."""
        return dict(
            changed=any(step.mutates for step in self.done),
            diff={"before": self.before, "after": self.after},
            plan=[step.summary for step in self.done],
            **resource,
        )


def converge(
    observe: t.Callable[[], S],
    decide: t.Callable[[S], Plan],
    actions: t.Mapping[str, t.Callable[..., t.Any]],
    view: t.Callable[[S], View],
    *,
    check_mode: bool,
    rounds: int = 20,
    pause: t.Callable[[float], None] = time.sleep,
) -> Outcome[S]:
    """Observe, plan, apply, until nothing is left to do.

    :param observe: reads the present state
    :param decide: pure; what is left to do in that state
    :param actions: the functions that :attr:`Step.action` names
    :param view: the resource as the diff shows it
    :param check_mode: only tell the first plan
    :param rounds: how often the world may be looked at before it is called unsettled
    :param pause: waits for so many seconds, longer with each look in a row that a hitch made necessary
    :raises CutoverError: with what had been done until then in ``partial``
    """
    state = observe()
    before = view(state)
    plan = decide(state)
    if check_mode:
        return Outcome(state, before, plan.predicted(before), list(plan.steps))
    done: list[Step] = []
    hitches = 0
    try:
        for _round in range(rounds):
            if not plan.steps:
                return Outcome(state, before, view(state), done)
            hitch, completed = _apply(plan, actions, done)
            hitches = 0 if hitch is None else 1 if completed else hitches + 1
            if hitch and hitches == _MOST_HITCHES:
                raise hitch
            if hitch:
                pause(2.0 ** (hitches - 2))
            state = observe()
            plan = decide(state)
    except CutoverError as failure:
        failure.partial = _so_far(done)
        raise
    unsettled = CutoverError(
        "The state did not settle after %d looks; still to do: %s" % (rounds, ", ".join(plan.summaries)),
        remedy="Run it again; if it happens again, something else is changing the same resource",
    )
    unsettled.partial = _so_far(done)
    raise unsettled


def _apply(
    plan: Plan, actions: t.Mapping[str, t.Callable[..., t.Any]], done: list[Step]
) -> tuple[t.Optional[CutoverError], int]:
    """Run the steps until one of them makes another look necessary.

    Returns the hitch that did, if it was one, and how many steps went through before.
    """
    for completed, step in enumerate(plan.steps):
        try:
            actions[step.action](**step.arguments)
        except ConflictError as conflict:
            return conflict, completed
        except OutcomeUnknownError as ambiguity:
            # It may have happened: whether it counts as done, the next look shows; that it may have, the result must not hide.
            done.append(step)
            return ambiguity, completed
        done.append(step)
        if step.look_again:
            break
    return None, len(plan.steps)


def _so_far(done: list[Step]) -> dict[str, t.Any]:
    return {"changed": any(step.mutates for step in done), "plan": [step.summary for step in done]}
