# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one loop that brings a resource to its desired state, or in check mode predicts the result (private to the collection)."""

from __future__ import annotations

import abc
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    OutcomeUnknownError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, View

Spec = t.TypeVar("Spec")
Observed = t.TypeVar("Observed")
Actions = t.Mapping[str, t.Callable[..., t.Any]]


@dataclass
class Outcome(t.Generic[Observed]):
    """What :meth:`Reconciler.run` observed and did.

    :ivar observed: the last observation
    :ivar before: the resource before, as the diff shows it
    :ivar after: the resource afterwards; in check mode as far as it can be predicted
    :ivar done: the steps that were done; in check mode those that would be done
    """

    observed: Observed
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


class Reconciler(abc.ABC, t.Generic[Spec, Observed]):
    """Observes a resource, plans what differs from its specification, and applies the plan until nothing is left.

    A subject derives from it and adds effects alone: what is planned and what the diff shows are pure functions of the subject.

    :ivar spec: the desired state
    :ivar context: check mode, progress and warnings
    """

    #: How often the resource is observed before its state counts as unsettled.
    max_rounds = 20
    #: How many times in a row a step may fail to complete because of a conflict or a missing answer.
    max_interruptions = 5

    def __init__(self, spec: Spec, context: Context) -> None:
        self.spec = spec
        self.context = context

    @abc.abstractmethod
    def observe(self) -> Observed:
        """Read the present state; changes nothing."""

    @abc.abstractmethod
    def plan(self, observed: Observed) -> Plan:
        """What is left to do in that state; calls the subject's pure function."""

    @abc.abstractmethod
    def diff_view(self, observed: Observed) -> View:
        """The resource as the diff shows it; calls the subject's pure function."""

    @property
    @abc.abstractmethod
    def actions(self) -> Actions:
        """The functions that :attr:`Step.action` names."""

    def run(self) -> Outcome[Observed]:
        """Observe, plan and apply until the plan is empty; in check mode only predict what the first plan leads to.

        :raises CutoverError: with what had been done until then in ``partial``
        """
        observed = self.observe()
        before = self.diff_view(observed)
        plan = self._checked_plan(observed)
        if self.context.check_mode:
            return Outcome(observed, before, plan.predicted(before), list(plan.steps))
        done: list[Step] = []
        interruptions = 0
        try:
            for _round in range(self.max_rounds):
                if not plan.steps:
                    return Outcome(observed, before, self.diff_view(observed), done)
                interruption, completed = self._apply(plan, done)
                interruptions = 0 if interruption is None else 1 if completed else interruptions + 1
                if interruption and interruptions == self.max_interruptions:
                    raise interruption
                if interruption:
                    self.pause(2.0 ** (interruptions - 2))
                observed = self.observe()
                plan = self._checked_plan(observed)
            raise CutoverError(
                f"The state did not settle after {self.max_rounds} checks; still to do: {', '.join(plan.summaries)}",
                remedy="Run this again. If it happens again, something else is changing the same resource",
            )
        except CutoverError as error:
            error.partial = {"changed": any(step.mutates for step in done), "plan": [step.summary for step in done]}
            raise

    def pause(self, seconds: float) -> None:
        """Wait before the next observation after an interruption; longer with each one in a row."""
        time.sleep(seconds)

    def _checked_plan(self, observed: Observed) -> Plan:
        """The plan, of which every step can be done: a misspelled action fails in check mode already."""
        plan = self.plan(observed)
        unknown = sorted({step.action for step in plan.steps} - set(self.actions))
        if unknown:
            raise LookupError(f"{type(self).__name__} has no action {', '.join(unknown)}")
        return plan

    def _apply(self, plan: Plan, done: list[Step]) -> tuple[t.Optional[CutoverError], int]:
        """Do the steps until one of them requires another observation.

        :return: the conflict or missing answer that did, if any, and how many steps were completed before
        """
        for completed, step in enumerate(plan.steps):
            try:
                self.actions[step.action](**step.arguments)
            except ConflictError as conflict:
                return conflict, completed
            except OutcomeUnknownError as unknown:
                # It may have happened. The next observation shows whether it did; the result must not hide that it may have.
                done.append(step)
                return unknown, completed
            done.append(step)
            if step.replan_after:
                break
        return None, len(plan.steps)
