# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan to a desired power state of a VM: shut down through its guest OS, running, or as it was before (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, View, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_seconds, parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import OFF, ON, SUSPENDED
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.power_policy import PowerPolicy


@dataclass(frozen=True)
class PowerSpec:
    """The desired power state.

    :ivar state: ``running``, ``shut_down`` or ``restored``
    :ivar wait: wait until the VM is off
    :ivar settle_time: for how many seconds a VM is watched that is on although it was asked to shut down
    :ivar timeout: how many seconds a vCenter task may take
    """

    state: str
    policy: PowerPolicy = field(default_factory=PowerPolicy)
    wait: bool = True
    settle_time: float = 0.0
    timeout: float = 1800


@dataclass(frozen=True)
class ObservedPower:
    """One VM, as far as its power is concerned, and what this run knows that the VM itself does not show.

    :ivar shut_down_here: the marker in its configuration says that this module shut it down
    :ivar asked: this run has asked its guest OS to shut down
    :ivar watched: this run has observed that it does not shut down late, or has just powered it on
    """

    moid: str
    name: str
    uuid: str
    power_state: str
    tools_running: bool
    shut_down_here: bool
    asked: bool = False
    watched: bool = False


def parse_spec(params: t.Mapping[str, t.Any]) -> PowerSpec:
    """The desired state, from the options of ``vmware_guest_power``.

    :raises InvalidOptionError: a duration is invalid
    """

    def seconds(option: str) -> float:
        return parse_duration(option, params[option]).total_seconds()

    policy = PowerPolicy("guest", seconds("shutdown_timeout"), params["shutdown_fallback"])
    return PowerSpec(params["state"], policy, params["wait"], seconds("settle_time"), seconds("timeout"))


def plan(spec: PowerSpec, observed: ObservedPower) -> Plan:
    """What remains to be done.

    :raises PreconditionError: its guest OS cannot be asked to shut down, and its power may not be cut
    """
    if spec.state == "shut_down":
        return Plan(tuple(_shut_down(spec, observed)))
    if spec.state == "restored" and not observed.shut_down_here:
        return Plan()
    return Plan(tuple(_bring_back(spec, observed)))


def diff_view(observed: ObservedPower) -> View:
    """The VM as a diff shows it: only what the plans change."""
    return {"power_state": observed.power_state, "shut_down_here": observed.shut_down_here}


def _shut_down(spec: PowerSpec, observed: ObservedPower) -> t.Iterator[Step]:
    if observed.power_state == OFF or (observed.asked and not spec.wait):
        return
    if spec.policy.fallback != "force":
        _refuse_if_unable(observed)
    if not spec.wait and not observed.tools_running:
        return  # the run that waits does the rest
    if not observed.shut_down_here:
        yield _mark(f"mark {observed.name} as shut down by this module", True)
    verb = "shut down" if observed.power_state == ON else "cut the power of"
    yield Step(
        "shut_down",
        f"{verb} {observed.name}" if spec.wait else f"ask the guest OS of {observed.name} to shut down",
        {"asked": observed.shut_down_here or observed.asked, "suspended": observed.power_state == SUSPENDED},
        {"power_state": OFF} if spec.wait else {},
    )


def _refuse_if_unable(observed: ObservedPower) -> None:
    if observed.power_state == SUSPENDED:
        raise PreconditionError(
            f"{observed.name} is suspended, so its guest OS cannot be asked to shut down",
            remedy="Resume it, or set shutdown_fallback: force, which cuts its power and loses the contents of its memory",
            code="Suspended",
        )
    # VMware Tools stops before the guest OS does, so it may be gone in one that is shutting down.
    if not observed.tools_running and not observed.shut_down_here:
        raise PreconditionError(
            f"VMware Tools is not running in {observed.name}, so its guest OS cannot be asked to shut down",
            remedy="Start VMware Tools, shut the VM down from inside, or set shutdown_fallback: force, which cuts its power",
            code="GuestShutdown",
        )


def _bring_back(spec: PowerSpec, observed: ObservedPower) -> t.Iterator[Step]:
    on = observed.power_state == ON
    if on and observed.shut_down_here and spec.settle_time and not observed.watched:
        yield wait_step(
            "watch",
            f"watch for {format_seconds(spec.settle_time)} whether {observed.name}, which was asked to shut down, stays on",
        )
    if not on:
        yield Step("power_on", f"power on {observed.name}", changes={"power_state": ON})
    if observed.shut_down_here:
        yield _mark(f"remove the shutdown marker from {observed.name}", False)


def _mark(summary: str, shut_down: bool) -> Step:
    return Step("mark", summary, {"value": "TRUE" if shut_down else ""}, {"shut_down_here": shut_down})
