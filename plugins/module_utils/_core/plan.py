# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as data: the steps from the observed to the desired state (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

View = dict[str, t.Any]


@dataclass(frozen=True)
class Step:
    """One action to take, as data.

    :ivar action: the name of the function that does it
    :ivar arguments: that function's keyword arguments
    :ivar summary: what the user reads, such as ``start job j-1``
    :ivar changes: what it changes in the resource's view, for the diff in check mode
    :ivar mutates: whether it changes anything outside (a wait does not)
    :ivar replan_after: whether the plan must be made again after it, because the state has changed meanwhile
    """

    action: str
    summary: str
    arguments: dict[str, t.Any] = field(default_factory=dict)
    changes: View = field(default_factory=dict)
    mutates: bool = True
    replan_after: bool = False


def wait_step(action: str, summary: str, changes: t.Optional[View] = None, **arguments: t.Any) -> Step:
    """A step that changes nothing itself but waits for a change; the plan is made again after it."""
    return Step(action, summary, arguments, changes or {}, mutates=False, replan_after=True)


@dataclass(frozen=True)
class Plan:
    """What differs between the present and the declared state, in the order in which it is fixed."""

    steps: tuple[Step, ...] = ()

    @property
    def changed(self) -> bool:
        return any(step.mutates for step in self.steps)

    @property
    def summaries(self) -> list[str]:
        return [step.summary for step in self.steps]

    def predicted(self, before: View) -> View:
        """The view after the plan, as far as it can be known."""
        after = dict(before)
        for step in self.steps:
            after.update(step.changes)
        return after
