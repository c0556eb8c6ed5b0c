# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The power of one VM: shut down its guest OS, cut its power, and run tasks that wait for other tasks (private to the collection)."""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    PreconditionError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_seconds
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import BusyError, VCenter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import OFF
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.power_policy import PowerPolicy
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.properties import (
    ExtraRead,
    ObjectProperties,
    Reference,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.vm_properties import power_state_of

_POLL_SECONDS = 2.0


class Power:
    """The power of one VM.

    :param policy: how it may be powered off
    :param timeout: how many seconds a task may take, and how many to wait for another task on the VM to end
    :ivar name: the VM's name, for messages
    """

    def __init__(
        self, vcenter: VCenter, machine: Reference, context: Context, policy: PowerPolicy, timeout: float
    ) -> None:
        self._vcenter = vcenter
        self._machine = machine
        self._context = context
        self._policy = policy
        self._timeout = timeout
        self.name = ""

    def state(self) -> str:
        """``on``, ``off`` or ``suspended``, read now."""
        (properties,) = self._vcenter.read([self._machine], {"VirtualMachine": ("runtime.powerState",)})
        return power_state_of(properties.values)

    def shut_down(self, remedy: str, asked: bool = False) -> None:
        """Power the VM off as the policy allows.

        :param remedy: what to do when the guest OS does not shut down
        :param asked: whether the guest OS may already be shutting down, so that VMware Tools may have stopped
        :raises PreconditionError: the guest OS did not shut down, and the power may not be cut; it may still shut down later
        """
        problem = "" if self._policy.shutdown == "hard" else self._shut_guest_down(asked)
        if self._policy.shutdown != "hard" and not problem:
            return
        if problem and self._policy.fallback != "force":
            raise PreconditionError(problem, remedy=remedy, code="GuestShutdown")
        if problem:
            self._context.warn(f"{problem}. Its power is cut because shutdown_fallback is force")
        self.cut()

    def cut(self) -> None:
        """Cut the VM's power."""
        self.do(f"power off {self.name}", self._machine.PowerOffVM_Task)

    def ask_guest(self, asked: bool = False) -> str:
        """Ask the guest OS to shut down, and do not wait.

        :return: the reason why it cannot be asked, or an empty string
        """
        try:
            self._vcenter.submit(f"ask the guest OS of {self.name} to shut down", self._machine.ShutdownGuest)
        except ConflictError:
            if self.state() != OFF:
                raise
        except CutoverError as error:
            if error.code != "ToolsUnavailable":
                raise
            if not asked:
                return f"VMware Tools is not running in {self.name}, so its guest OS cannot be asked to shut down"
        return ""

    def _shut_guest_down(self, asked: bool) -> str:
        """Ask the guest OS to shut down and wait until the VM is off; the reason why it is not, or an empty string."""
        problem = self.ask_guest(asked)
        if problem:
            return problem
        if self.is_off_within(self._policy.timeout, f"waiting for the guest OS of {self.name} to shut down"):
            return ""
        return f"The guest OS of {self.name} did not shut down within {format_seconds(self._policy.timeout)}"

    def is_off_within(self, seconds: float, message: str) -> bool:
        """Whether the VM is off within so many seconds.

        :param message: the line of progress that is shown meanwhile
        """
        try:
            waiter = Waiter(seconds, _POLL_SECONDS, self._context.progress)
            waiter.until(self.state, lambda state: state == OFF, lambda _state: message)
        except WaitTimeoutError:
            return False
        return True

    def do(
        self, doing: str, start: t.Callable[[], Reference], extra: t.Optional[ExtraRead] = None
    ) -> tuple[t.Any, list[ObjectProperties]]:
        """Run a task on the VM; while another task on the VM is running, wait for that one to end.

        :param doing: what the task does, with the VM's name, such as ``power off app-01``
        """

        def attempt() -> t.Optional[tuple[t.Any, list[ObjectProperties]]]:
            try:
                return self._vcenter.run_task(doing, start, self._context.progress, self._timeout, extra)
            except BusyError:
                return None

        waiter = Waiter(self._timeout, _POLL_SECONDS, self._context.progress)
        done = waiter.until(
            attempt,
            lambda answer: answer is not None,
            lambda _answer: f"{doing}: waiting for another task on the VM to end",
        )
        return done or (None, [])
