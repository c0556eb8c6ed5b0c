# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Switching one VM off and on: asking its guest, cutting its power, and tasks that wait for other tasks (private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    PreconditionError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import Also, Busy, Reference, Seen, VCenter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import OFF
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.inventory import power_state_of

_POLL_SECONDS = 2.0


@dataclass(frozen=True)
class PowerPolicy:
    """How a VM may be switched off.

    :ivar shutdown: ``guest`` asks the guest's system, ``hard`` cuts the power
    :ivar fallback: ``fail`` or ``force``, when the guest does not go down in time
    """

    shutdown: str = "guest"
    timeout: float = 300
    fallback: str = "fail"


class Power:
    """The power of one VM.

    :param policy: how it may be switched off
    :param timeout: how long a task may take, and how long to wait for another one to leave the VM
    """

    def __init__(
        self,
        vcenter: VCenter,
        machine: Reference,
        context: Context,
        policy: PowerPolicy,
        timeout: float,
        name: str = "",
    ) -> None:
        self._vcenter = vcenter
        self._machine = machine
        self._context = context
        self._policy = policy
        self._timeout = timeout
        self.name = name

    def state(self) -> str:
        """``on``, ``off`` or ``suspended``, read now."""
        return power_state_of(
            self._vcenter.read([self._machine], {"VirtualMachine": ("runtime.powerState",)})[0].values
        )

    def shut_down(self, remedy: str, asked: bool = False) -> None:
        """Switch it off as the policy allows.

        :param remedy: what to do when the guest does not go down
        :param asked: whether the guest may be on its way down already, so that its tools may have ended
        :raises PreconditionError: the guest did not go down, and the power may not be cut; it may still go down later
        """
        problem = "" if self._policy.shutdown == "hard" else self._shut_guest_down(asked)
        if self._policy.shutdown != "hard" and not problem:
            return
        if problem and self._policy.fallback != "force":
            raise PreconditionError(problem, remedy=remedy, code="GuestShutdown")
        if problem:
            self._context.warn(f"{problem}; its power is cut, as shutdown_fallback asks")
        self.cut()

    def cut(self) -> None:
        """Cut its power."""
        self.do("power off the VM", self._machine.PowerOffVM_Task)

    def ask_guest(self, asked: bool = False) -> str:
        """Ask the guest to shut down, and do not wait; what was in the way, or nothing."""
        try:
            self._vcenter.submit(f"ask the guest of {self.name} to shut down", self._machine.ShutdownGuest)
        except ConflictError:
            if self.state() != OFF:
                raise
        except CutoverError as failure:
            if failure.code != "ToolsUnavailable":
                raise
            return "" if asked else f"VMware Tools do not run in {self.name}, so its guest cannot be asked to shut down"
        return ""

    def _shut_guest_down(self, asked: bool) -> str:
        """Ask the guest to shut down and wait until the VM is off; what was in the way, or nothing."""
        problem = self.ask_guest(asked)
        if problem:
            return problem
        if self.is_off_within(self._policy.timeout, f"waiting for the guest of {self.name} to shut down"):
            return ""
        return f"The guest of {self.name} did not shut down within {self._policy.timeout:.0f} seconds"

    def is_off_within(self, seconds: float, waiting: str) -> bool:
        """Whether it goes off in so many seconds.

        :param waiting: what is told meanwhile
        """
        try:
            waiter = Waiter(seconds, _POLL_SECONDS, self._context.progress)
            waiter.until(self.state, lambda state: state == OFF, lambda _state: waiting)
        except WaitTimeoutError:
            return False
        return True

    def do(
        self, doing: str, start: t.Callable[[], Reference], also: t.Optional[Also] = None
    ) -> tuple[t.Any, list[Seen]]:
        """Run a task on the VM; while another task has the VM, wait for that one to end."""
        phrase = f"{doing} on {self.name}"

        def attempt() -> t.Optional[tuple[t.Any, list[Seen]]]:
            try:
                return self._vcenter.run_task(phrase, start, self._context.progress, self._timeout, also)
            except Busy:
                return None

        waiter = Waiter(self._timeout, _POLL_SECONDS, self._context.progress)
        done = waiter.until(
            attempt, lambda answer: answer is not None, lambda _answer: f"{phrase}: another task has the VM"
        )
        return done or (None, [])
