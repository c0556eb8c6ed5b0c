# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring one VM into the desired power state: the effects behind the steps of a plan (private to the collection)."""

from __future__ import annotations

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import NotFoundError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import SHUT_DOWN_KEY
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, Params, Result
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, View
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Actions, Reconciler
from ansible_collections.cutover.smc.plugins.module_utils._guest_power.plan import (
    ObservedPower,
    PowerSpec,
    diff_view,
    parse_spec,
    plan,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import Connection, VCenter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.inventory import locate, no_such_moid
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.power import Power
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.properties import Reference
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.vm_properties import power_state_of

_PATHS = (
    "name",
    "config.instanceUuid",
    "config.extraConfig",
    "guest.toolsRunningStatus",
    "runtime.powerState",
)
_NO_TOOLS = ("", "guestToolsNotRunning")
_PRIVILEGES: dict[str, tuple[str, ...]] = {
    "mark": ("VirtualMachine.Config.AdvancedConfig",),
    # A user who could not power the VM on again must not shut it down.
    "shut_down": ("VirtualMachine.Interact.PowerOff", "VirtualMachine.Interact.PowerOn"),
    "power_on": ("VirtualMachine.Interact.PowerOn",),
}
_REMEDY = (
    "Shut it down from inside, increase shutdown_timeout, or set shutdown_fallback: force, which cuts its power. "
    "It may still shut down later; state: restored then powers it on again"
)


class PowerReconciler(Reconciler[PowerSpec, ObservedPower]):
    """Brings one VM into the desired power state."""

    def __init__(self, spec: PowerSpec, context: Context, vcenter: VCenter, machine: Reference) -> None:
        super().__init__(spec, context)
        self._vcenter = vcenter
        self._machine = machine
        self._power = Power(vcenter, machine, context, spec.policy, spec.timeout)
        self._asked = False
        self._watched = False
        self._privileges_checked = False

    def observe(self) -> ObservedPower:
        try:
            (properties,) = self._vcenter.read([self._machine], {"VirtualMachine": _PATHS})
        except NotFoundError:
            raise no_such_moid(self._machine) from None
        values = properties.values
        settings = {option.key.lower(): str(option.value) for option in values.get("config.extraConfig") or ()}
        self._power.name = str(values.get("name", properties.moid))
        return ObservedPower(
            moid=properties.moid,
            name=self._power.name,
            uuid=str(values.get("config.instanceUuid", "")),
            power_state=power_state_of(values),
            tools_running=str(values.get("guest.toolsRunningStatus") or "") not in _NO_TOOLS,
            shut_down_here=settings.get(SHUT_DOWN_KEY.lower(), "").upper() == "TRUE",
            asked=self._asked,
            watched=self._watched,
        )

    def plan(self, observed: ObservedPower) -> Plan:
        found = plan(self.spec, observed)
        if found.changed and not self._privileges_checked:
            self._privileges_checked = True
            needed = dict.fromkeys(name for step in found.steps for name in _PRIVILEGES.get(step.action, ()))
            self._vcenter.require_privileges(self._machine, observed.name, list(needed), found.summaries)
        return found

    def diff_view(self, observed: ObservedPower) -> View:
        return diff_view(observed)

    @property
    def actions(self) -> Actions:
        return {
            "mark": self._mark,
            "shut_down": self._shut_down,
            "power_on": self._power_on,
            "watch": self._watch,
        }

    def _mark(self, value: str) -> None:
        self._power.do(
            f"change the shutdown marker in {self._power.name}",
            lambda: self._vcenter.reconfigure(
                self._machine, flag=None, settings={SHUT_DOWN_KEY: value}, change_version=""
            ),
        )

    def _shut_down(self, asked: bool, suspended: bool) -> None:
        if suspended:
            self._power.cut()
        elif self.spec.wait:
            self._power.shut_down(_REMEDY, asked)
        else:
            self._ask_guest(asked)
        self._asked = True

    def _ask_guest(self, asked: bool) -> None:
        problem = self._power.ask_guest(asked)
        if not problem:
            return
        if self.spec.policy.fallback != "force":
            raise PreconditionError(problem, remedy=_REMEDY, code="GuestShutdown")
        self.context.warn(problem)  # the run that waits cuts its power

    def _power_on(self) -> None:
        self._asked, self._watched = False, True  # an earlier request to its guest OS is over
        self._power.do(f"power on {self._power.name}", self._machine.PowerOnVM_Task)

    def _watch(self) -> None:
        self._power.is_off_within(
            self.spec.settle_time, f"watching whether {self._power.name}, which was asked to shut down, stays on"
        )
        self._watched = True


def run(params: Params, context: Context) -> Result:
    """The handler of ``vmware_guest_power``."""
    spec = parse_spec(params)
    with VCenter(Connection.from_params(params)) as vcenter:
        outcome = PowerReconciler(spec, context, vcenter, locate(vcenter, params)).run()
    observed = outcome.observed
    return outcome.result(
        powered_on=any(step.action == "power_on" for step in outcome.done),
        vm={
            "moid": observed.moid,
            "name": observed.name,
            "uuid": observed.uuid,
            "power_state": observed.power_state,
            "tools_running": observed.tools_running,
            "shut_down_here": observed.shut_down_here,
        },
    )
