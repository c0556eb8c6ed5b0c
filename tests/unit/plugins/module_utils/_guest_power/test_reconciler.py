# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plans of vmware_guest_power for every state of a VM, carried out on a model of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.cutover.smc.plugins.module_utils._guest_power.reconciler import (
    Course,
    PowerFacts,
    Wish,
    decide,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.power import PowerPolicy

FACTS = [
    PowerFacts("vm-1", "app-01", "uuid", power, tools, noted)
    for power, tools, noted in product(("on", "off", "suspended"), (True, False), (True, False))
]
WISHES = [
    Wish(state, PowerPolicy(fallback=fallback), wait, settle)
    for state, fallback, wait, settle in product(
        ("running", "shut_down", "restored"), ("fail", "force"), (True, False), (0.0, 120.0)
    )
]


def after(facts: PowerFacts, step: Step) -> PowerFacts:
    """The VM once a step is done."""
    if step.action == "note":
        return replace(facts, shut_down_here=bool(step.arguments["value"]))
    if step.action == "shut_down":
        assert facts.shut_down_here, "shut down without the note that it was on"
        return replace(facts, power_state="off", tools_running=False)
    if step.action == "power_on":
        return replace(facts, power_state="on")
    return facts


def is_refused(wish: Wish, facts: PowerFacts) -> bool:
    """Whether the guest cannot be asked, and the power must not be cut. The tools of one that was asked may have ended."""
    if wish.state != "shut_down" or wish.policy.fallback == "force" or facts.power_state == "off":
        return False
    return facts.power_state == "suspended" or not (facts.tools_running or facts.shut_down_here)


def carry_out(wish: Wish, facts: PowerFacts, plan: Plan) -> tuple[PowerFacts, Plan]:
    course = Course()
    for _round in range(5):
        for step in plan.steps:
            facts = after(facts, step)
            course = Course(
                course.asked or step.action == "shut_down", course.watched or step.action in ("watch", "power_on")
            )
            if step.replan_after:
                break
        plan = decide(wish, facts, course)
        if not plan.steps:
            break
    return facts, plan


@pytest.mark.parametrize(
    "facts", FACTS, ids=lambda facts: f"{facts.power_state}-{facts.tools_running}-{facts.shut_down_here}"
)
def test_every_plan_ends_in_the_declared_state_and_then_plans_nothing(facts: PowerFacts) -> None:
    for wish in WISHES:
        if is_refused(wish, facts):
            with pytest.raises(PreconditionError, match="shutdown_fallback: force"):
                decide(wish, facts, Course())
            continue
        plan = decide(wish, facts, Course())
        reached, left = carry_out(wish, facts, plan)
        assert left.steps == ()
        if wish.state == "running":
            assert (reached.power_state, reached.shut_down_here) == ("on", False)
        elif wish.state == "restored":
            was_on = facts.power_state == "on" or facts.shut_down_here
            assert (reached.power_state == "on") == was_on
            assert not reached.shut_down_here
        elif wish.wait:
            assert reached.power_state == "off"
            # It is known to have been on, so that it can come back; one that was off before has no note.
            assert reached.shut_down_here == (facts.shut_down_here or facts.power_state != "off")


def test_nothing_is_planned_for_a_vm_that_is_as_declared() -> None:
    off, on = replace(FACTS[0], power_state="off", shut_down_here=False), replace(FACTS[0], shut_down_here=False)
    settle = Wish("restored", PowerPolicy(), True, 120.0)
    assert decide(Wish("shut_down", PowerPolicy()), off, Course()).steps == ()
    assert decide(Wish("running", PowerPolicy()), on, Course()).steps == ()
    assert decide(settle, off, Course()).steps == decide(settle, on, Course()).steps == ()


def test_a_vm_that_may_still_go_down_is_watched() -> None:
    asked = replace(FACTS[0], power_state="on", shut_down_here=True)
    wish = Wish("restored", PowerPolicy(), True, 120.0)
    assert [step.action for step in decide(wish, asked, Course()).steps] == ["watch", "note"]
    assert [step.action for step in decide(wish, asked, Course(watched=True)).steps] == ["note"]
