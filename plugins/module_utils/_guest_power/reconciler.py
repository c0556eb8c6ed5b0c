# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module ``vmware_guest_power`` does: a VM is shut down through its guest, on, or as it was before (private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    InvalidOptionError,
    NotFoundError,
    PreconditionError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import SHUT_DOWN_KEY
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, Params, Result
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import converge
from ansible_collections.cutover.smc.plugins.module_utils._core.times import parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import Connection, Reference, VCenter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import OFF, ON, SUSPENDED
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.inventory import locate, power_state_of
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.power import Power, PowerPolicy

_PATHS = (
    "name",
    "config.instanceUuid",
    "config.extraConfig",
    "guest.toolsRunningStatus",
    "runtime.powerState",
)
_NO_TOOLS = ("", "guestToolsNotRunning")
_PRIVILEGES: dict[str, tuple[str, ...]] = {
    "note": ("VirtualMachine.Config.AdvancedConfig",),
    # Nobody should shut down what he could not bring back.
    "shut_down": ("VirtualMachine.Interact.PowerOff", "VirtualMachine.Interact.PowerOn"),
    "power_on": ("VirtualMachine.Interact.PowerOn",),
}


@dataclass(frozen=True)
class PowerFacts:
    """One VM, as far as its power is concerned.

    :ivar shut_down_here: whether our note stands in its configuration
    """

    moid: str
    name: str
    uuid: str
    power_state: str
    tools_running: bool
    shut_down_here: bool


@dataclass(frozen=True)
class Course:
    """What has been done in this run, of which the VM itself shows nothing.

    :ivar asked: its guest was asked to shut down
    :ivar watched: it was seen not to go down late, or has just come on
    """

    asked: bool = False
    watched: bool = False


@dataclass(frozen=True)
class Wish:
    """The declared state: ``running``, ``shut_down`` or ``restored``."""

    state: str
    policy: PowerPolicy
    wait: bool = True
    settle: float = 0.0


def decide(wish: Wish, facts: PowerFacts, course: Course) -> Plan:
    """What is left to do; pure.

    :raises PreconditionError: its guest cannot be asked to shut down, and its power may not be cut
    """
    if wish.state == "shut_down":
        return Plan(tuple(_shutting_down(wish, facts, course)))
    if wish.state == "restored" and not facts.shut_down_here:
        return Plan()
    return Plan(tuple(_coming_back(wish, facts, course)))


def _shutting_down(wish: Wish, facts: PowerFacts, course: Course) -> t.Iterator[Step]:
    if facts.power_state == OFF or (course.asked and not wish.wait):
        return
    forced = wish.policy.fallback == "force"
    if not forced and facts.power_state == SUSPENDED:
        raise PreconditionError(
            f"{facts.name} is suspended, so its guest cannot be asked to shut down",
            remedy="Resume it, or say shutdown_fallback: force, which cuts its power and loses what it held in memory",
            code="Suspended",
        )
    # The tools of a guest that is on its way down end before it does.
    if not forced and not facts.tools_running and not facts.shut_down_here:
        raise PreconditionError(
            f"VMware Tools do not run in {facts.name}, so its guest cannot be asked to shut down",
            remedy="Start them, shut the VM down from inside, or say shutdown_fallback: force, which cuts its power",
            code="GuestShutdown",
        )
    if not wish.wait and not facts.tools_running:
        return  # what is left to do, the run that waits does
    if not facts.shut_down_here:
        yield _note(f"note in {facts.name} that it is on and to be shut down", True)
    how = "shut down" if facts.power_state == ON else "cut the power of"
    yield Step(
        "shut_down",
        f"{how} {facts.name}" if wish.wait else f"ask the guest of {facts.name} to shut down",
        {"asked": facts.shut_down_here, "suspended": facts.power_state == SUSPENDED},
        {"power_state": OFF} if wish.wait else {},
    )


def _coming_back(wish: Wish, facts: PowerFacts, course: Course) -> t.Iterator[Step]:
    on = facts.power_state == ON
    if on and facts.shut_down_here and wish.settle and not course.watched:
        yield wait_step(
            "watch", f"see for {wish.settle:.0f} seconds that {facts.name}, which was asked to shut down, stays on"
        )
    if not on:
        yield Step("power_on", f"power on {facts.name}", changes={"power_state": ON})
    if facts.shut_down_here:
        yield _note(f"remove the note in {facts.name} that it was shut down", False)


def _note(summary: str, shut_down: bool) -> Step:
    return Step("note", summary, {"value": "TRUE" if shut_down else ""}, {"shut_down_here": shut_down})


class Desk:
    """The VM at hand: looks at it, and does what a plan says."""

    def __init__(self, vcenter: VCenter, machine: Reference, context: Context, wish: Wish, timeout: float) -> None:
        self._vcenter = vcenter
        self._machine = machine
        self._context = context
        self._wish = wish
        self._power = Power(vcenter, machine, context, wish.policy, timeout)
        self._course = Course()
        self._privileges_known = False
        self.actions: dict[str, t.Callable[..., t.Any]] = {
            "note": self._write_note,
            "shut_down": self._shut_down,
            "power_on": self._power_on,
            "watch": self._watch,
        }

    def observe(self) -> PowerFacts:
        try:
            (seen,) = self._vcenter.read([self._machine], {"VirtualMachine": _PATHS})
        except NotFoundError:
            raise InvalidOptionError(
                f"No VM has the managed object id '{self._machine._moId}' (option 'moid')",
                remedy="A VM that was registered anew has a new one; name it by 'uuid' or 'name'",
            ) from None
        notes = {option.key.lower(): str(option.value) for option in seen.values.get("config.extraConfig") or ()}
        self._power.name = str(seen.values.get("name", seen.moid))
        return PowerFacts(
            moid=seen.moid,
            name=self._power.name,
            uuid=str(seen.values.get("config.instanceUuid", "")),
            power_state=power_state_of(seen.values),
            tools_running=str(seen.values.get("guest.toolsRunningStatus") or "") not in _NO_TOOLS,
            shut_down_here=notes.get(SHUT_DOWN_KEY.lower(), "").upper() == "TRUE",
        )

    def decide(self, facts: PowerFacts) -> Plan:
        plan = decide(self._wish, facts, self._course)
        if plan.changed and not self._privileges_known:
            self._privileges_known = True
            self._refuse_without_privileges(facts, plan)
        return plan

    def _refuse_without_privileges(self, facts: PowerFacts, plan: Plan) -> None:
        needed = [privilege for step in plan.steps for privilege in _PRIVILEGES.get(step.action, ())]
        missing = self._vcenter.missing_privileges([self._machine], list(dict.fromkeys(needed))).get(facts.moid, ())
        if missing:
            raise PreconditionError(
                f"The user lacks the {'privilege' if len(missing) == 1 else 'privileges'} {', '.join(missing)} on {facts.name}, "
                "so that nothing was begun",
                remedy="Have a role that holds them assigned to the user on the VM or above it",
                code="NoPermission",
                details={"privileges": list(missing), "entity": facts.name, "plan": plan.summaries},
            )

    def _write_note(self, value: str) -> None:
        self._power.do(
            "write our note",
            lambda: self._vcenter.reconfigure(
                self._machine, flag=None, settings={SHUT_DOWN_KEY: value}, change_version=""
            ),
        )

    def _shut_down(self, asked: bool, suspended: bool) -> None:
        remedy = (
            "Shut it down from inside, raise 'shutdown_timeout', or say shutdown_fallback: force, which cuts its power. "
            "It may still go down later; state: restored then powers it on again"
        )
        if suspended:
            self._power.cut()
        elif self._wish.wait:
            self._power.shut_down(remedy, asked or self._course.asked)
        else:
            self._ask(remedy, asked)
        self._course = Course(asked=True)

    def _ask(self, remedy: str, asked: bool) -> None:
        problem = self._power.ask_guest(asked)
        if not problem:
            return
        if self._wish.policy.fallback != "force":
            raise PreconditionError(problem, remedy=remedy, code="GuestShutdown")
        self._context.warn(problem)  # its power is cut by the run that waits

    def _power_on(self) -> None:
        self._course = Course(watched=True)  # what was asked of its guest before is over
        self._power.do("power on the VM", self._machine.PowerOnVM_Task)

    def _watch(self) -> None:
        self._power.is_off_within(
            self._wish.settle, f"seeing that {self._power.name}, which was asked to shut down, stays on"
        )
        self._course = Course(watched=True)


def ensure(params: Params, context: Context) -> Result:
    """The handler of ``vmware_guest_power``."""

    def seconds(option: str) -> float:
        return parse_duration(option, params[option]).total_seconds()

    policy = PowerPolicy("guest", seconds("shutdown_timeout"), params["shutdown_fallback"])
    wish = Wish(params["state"], policy, params["wait"], seconds("settle"))
    timeout = seconds("timeout")
    with VCenter(Connection.from_params(params)) as vcenter:
        desk = Desk(vcenter, locate(vcenter, params), context, wish, timeout)
        outcome = converge(desk.observe, desk.decide, desk.actions, _view, check_mode=context.check_mode)
    return outcome.result(
        powered_on=any(step.action == "power_on" for step in outcome.done),
        vm=asdict(outcome.observed),
    )


def _view(facts: PowerFacts) -> dict[str, t.Any]:
    return {"power_state": facts.power_state, "shut_down_here": facts.shut_down_here}
