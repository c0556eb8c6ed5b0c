# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs checks in an instance by Cloud Assistant and collects their results (private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs import EcsClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Instance, Invocation
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    OutcomeUnknownError,
    UnreachableError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import CHECKS_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._instances.checks import (
    MAX_CONSOLE_LENGTH,
    Check,
    CheckResult,
    clean,
    command_parameters,
    judge,
    outcome_tag,
    overdue,
    passed_before,
    refused,
    tail,
    without_agent,
)
from ansible_collections.cutover.smc.plugins.module_utils._instances.plan import CheckProgress

#: A command that takes a second must not be polled as rarely as a job that takes hours.
MAX_POLL_INTERVAL = 5.0
#: Cloud Assistant stops trying to deliver a command after a minute.
DELIVERY_TIME = timedelta(minutes=2)


class CheckRunner:
    """The checks of one instance, and what this run knows of them.

    :ivar agent_answered: whether Cloud Assistant's agent has answered; None when it was not needed
    :ivar results: the results of this run, by the name of the check
    """

    def __init__(
        self,
        ecs: EcsClient,
        checks: t.Sequence[Check],
        agent_timeout: timedelta,
        poll_interval: float,
        context: Context,
    ) -> None:
        self._ecs = ecs
        self._checks = checks
        self._agent_timeout = agent_timeout
        self._poll_interval = poll_interval
        self._context = context
        self._recorded = False
        self.agent_answered: t.Optional[bool] = None
        self.results: dict[str, CheckResult] = {}

    @property
    def progress(self) -> CheckProgress:
        return CheckProgress(self.agent_answered is not None, frozenset(self.results), self._recorded)

    @property
    def passed(self) -> bool:
        """Whether no check has failed in this run."""
        return all(result.passed for result in self.results.values())

    def all_results(self) -> list[CheckResult]:
        """A result for each check, in the declared order."""
        return [self.results.get(check.name) or passed_before(check) for check in self._checks]

    def wait_agent(self, instance_id: str) -> None:
        """Wait for the agent. When it does not answer, the remaining checks fail."""
        waiter = Waiter(self._agent_timeout.total_seconds(), self._poll_interval, self._context.progress)
        try:
            waiter.until(
                lambda: self._ecs.agent_answers(instance_id),
                bool,
                lambda answers: f"instance {instance_id}: Cloud Assistant does not answer yet",
            )
            self.agent_answered = True
        except WaitTimeoutError:
            self.agent_answered = False
            for check in self._checks:
                self.results.setdefault(check.name, without_agent(check, self._agent_timeout))

    def run_check(self, instance: Instance, name: str, tag_before: str) -> None:
        """Run one check.

        :param tag_before: the outcome of earlier checks that is recorded on the instance
        """
        check = next(check for check in self._checks if check.name == name)
        parameters = command_parameters(check, instance.instance_id, instance.os_type, tag_before)
        self._context.progress(f"instance {instance.instance_id}: check '{name}'")
        try:
            invoke_id = self._ecs.run_command(instance.instance_id, parameters)
        except (OutcomeUnknownError, UnreachableError):
            raise
        except CutoverError as error:
            self.results[name] = refused(check, error)
            return
        self.results[name] = self._wait_result(check, invoke_id, instance.instance_id)

    def _wait_result(self, check: Check, invoke_id: str, instance_id: str) -> CheckResult:
        timeout = (check.timeout + DELIVERY_TIME).total_seconds()
        waiter = Waiter(timeout, min(self._poll_interval, MAX_POLL_INTERVAL), self._context.progress)
        try:
            invocation = waiter.until(
                lambda: self._ecs.invocation(invoke_id, instance_id),
                lambda found: found is not None and found.ended,
                lambda found: f"check '{check.name}': {found.status if found else 'no result yet'}",
            )
        except WaitTimeoutError:
            return overdue(check, timeout)
        return judge(check, t.cast(Invocation, invocation))

    def record(self, instance_id: str, tag_before: str) -> None:
        """Record the outcome on the instance, so that a later run does not repeat checks that passed."""
        self._ecs.tag_instance(instance_id, {CHECKS_TAG: outcome_tag(self._checks, self.passed, tag_before)})
        self._recorded = True

    def console_output(self, instance_id: str) -> t.Optional[str]:
        """The end of the console output; None with a warning when it cannot be read, because the results matter more."""
        try:
            text = clean(self._ecs.console_output(instance_id))
        except CutoverError as error:
            self._context.warn(f"The console of instance {instance_id} could not be read: {error}")
            return None
        return tail(text, MAX_CONSOLE_LENGTH)
