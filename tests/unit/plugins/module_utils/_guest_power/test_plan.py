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
from ansible_collections.cutover.smc.plugins.module_utils._guest_power.plan import ObservedPower, PowerSpec, plan
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.power_policy import PowerPolicy

VMS = [
    ObservedPower("vm-1", "app-01", "uuid", power, tools, marked)
    for power, tools, marked in product(("on", "off", "suspended"), (True, False), (True, False))
]
SPECS = [
    PowerSpec(state, PowerPolicy(fallback=fallback), wait, settle)
    for state, fallback, wait, settle in product(
        ("running", "shut_down", "restored"), ("fail", "force"), (True, False), (0.0, 120.0)
    )
]


def after(observed: ObservedPower, step: Step) -> ObservedPower:
    """The VM, and what the run knows, when a step is done."""
    if step.action == "mark":
        return replace(observed, shut_down_here=bool(step.arguments["value"]))
    if step.action == "shut_down":
        assert observed.shut_down_here, "shut down without the marker that it was on"
        return replace(observed, power_state="off", tools_running=False, asked=True)
    if step.action == "power_on":
        return replace(observed, power_state="on", watched=True)
    assert step.action == "watch"
    return replace(observed, watched=True)


def is_refused(spec: PowerSpec, observed: ObservedPower) -> bool:
    """Whether the guest OS cannot be asked, and the power must not be cut. VMware Tools of one that was asked may have stopped."""
    if spec.state != "shut_down" or spec.policy.fallback == "force" or observed.power_state == "off":
        return False
    return observed.power_state == "suspended" or not (observed.tools_running or observed.shut_down_here)


def carry_out(spec: PowerSpec, observed: ObservedPower) -> tuple[ObservedPower, Plan]:
    """The VM after up to five rounds, and what remains to be done then."""
    remaining = plan(spec, observed)
    for _round in range(5):
        for step in remaining.steps:
            observed = after(observed, step)
            if step.replan_after:
                break
        remaining = plan(spec, observed)
        if not remaining.steps:
            break
    return observed, remaining


@pytest.mark.parametrize("observed", VMS, ids=lambda vm: f"{vm.power_state}-{vm.tools_running}-{vm.shut_down_here}")
def test_every_plan_ends_in_the_declared_state_and_then_plans_nothing(observed: ObservedPower) -> None:
    for spec in SPECS:
        if is_refused(spec, observed):
            with pytest.raises(PreconditionError, match="shutdown_fallback: force"):
                plan(spec, observed)
            continue
        reached, remaining = carry_out(spec, observed)
        assert remaining.steps == ()
        if spec.state == "running":
            assert (reached.power_state, reached.shut_down_here) == ("on", False)
        elif spec.state == "restored":
            was_on = observed.power_state == "on" or observed.shut_down_here
            assert (reached.power_state == "on") == was_on
            assert not reached.shut_down_here
        elif spec.wait:
            assert reached.power_state == "off"
            # It is known to have been on, so that it can be restored; one that was off before has no marker.
            assert reached.shut_down_here == (observed.shut_down_here or observed.power_state != "off")


def test_nothing_is_planned_for_a_vm_that_is_as_declared() -> None:
    off, on = replace(VMS[0], power_state="off", shut_down_here=False), replace(VMS[0], shut_down_here=False)
    restored = PowerSpec("restored", settle_time=120.0)
    assert plan(PowerSpec("shut_down"), off).steps == ()
    assert plan(PowerSpec("running"), on).steps == ()
    assert plan(restored, off).steps == plan(restored, on).steps == ()


def test_a_vm_that_may_still_shut_down_is_watched() -> None:
    asked = replace(VMS[0], power_state="on", shut_down_here=True)
    restored = PowerSpec("restored", settle_time=120.0)
    assert [step.action for step in plan(restored, asked).steps] == ["watch", "mark"]
    assert [step.action for step in plan(restored, replace(asked, watched=True)).steps] == ["mark"]


def test_a_vm_whose_guest_was_asked_in_this_run_is_not_asked_again_without_waiting() -> None:
    on = replace(VMS[0], power_state="on", shut_down_here=True, asked=True)
    assert plan(PowerSpec("shut_down", wait=False), on).steps == ()
    (step,) = plan(PowerSpec("shut_down"), on).steps
    assert step.arguments["asked"]
