# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts, checks and releases the instance on which an image is verified (private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs import EcsClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Instance
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import client_token
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import VERIFIES_IMAGE_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, Params, Result
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, View
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Actions, Outcome, Reconciler
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp, parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._instances.check_runner import MAX_POLL_INTERVAL, CheckRunner
from ansible_collections.cutover.smc.plugins.module_utils._instances.checks import CheckResult
from ansible_collections.cutover.smc.plugins.module_utils._instances.plan import (
    ObservedVerification,
    VerificationSpec,
    diff_view,
    parse_spec,
    plan,
)

#: ECS answers a repeated request for a minute with the first instance, even if that was released. This waits longer.
SECONDS_UNTIL_LISTED = 90


class VerificationReconciler(Reconciler[VerificationSpec, ObservedVerification]):
    """The verification instances of one image.

    :param wait_timeout: how long to wait until an instance runs, or is released
    :param poll_interval: seconds between two polls
    :ivar checks: runs the checks and holds their results
    """

    def __init__(
        self, ecs: EcsClient, spec: VerificationSpec, context: Context, wait_timeout: timedelta, poll_interval: float
    ) -> None:
        super().__init__(spec, context)
        self._ecs = ecs
        self._wait_timeout = wait_timeout.total_seconds()
        self._poll_interval = poll_interval
        self._observed = ObservedVerification(None)
        self.checks = CheckRunner(ecs, spec.checks, spec.agent_timeout, poll_interval, context)

    def observe(self) -> ObservedVerification:
        image = self._ecs.image(self.spec.image_id) if self.spec.state == "present" else None
        found = self._ecs.instances(tags={VERIFIES_IMAGE_TAG: self.spec.image_id})
        # Only what carries the tag may ever be released, so the filter of the service is not relied on.
        instances = tuple(instance for instance in found if instance.tags.get(VERIFIES_IMAGE_TAG) == self.spec.image_id)
        self._observed = ObservedVerification(image, instances, self.checks.progress)
        return self._observed

    def plan(self, observed: ObservedVerification) -> Plan:
        return plan(self.spec, observed)

    def diff_view(self, observed: ObservedVerification) -> View:
        return diff_view(observed)

    @property
    def actions(self) -> Actions:
        return {
            "start": self._start,
            "release": self.release,
            "wait_running": self._wait_running,
            "wait_agent": self.checks.wait_agent,
            "check": self._check,
            "record": self._record,
        }

    def _start(self) -> None:
        released_at = self._ecs.now + self.spec.release_after
        parameters = dict(self.spec.parameters, AutoReleaseTime=format_timestamp(released_at.replace(second=0)))
        # ECS compares the parameters that come with a token, so the token must depend on the time of release, too.
        text = repr(sorted(parameters.items(), key=lambda item: item[0]))
        instance_id = self._ecs.run_instance(dict(parameters, ClientToken=client_token(text)))
        # Until ECS lists it, the next observation would find no instance, and another one would be started.
        waiter = Waiter(SECONDS_UNTIL_LISTED, min(self._poll_interval, MAX_POLL_INTERVAL), self.context.progress)
        waiter.until(
            lambda: self._ecs.instances([instance_id]),
            bool,
            lambda found: f"instance {instance_id} is not listed yet",
        )

    def release(self, instance_id: str) -> None:
        """Release an instance and wait until it does not exist any more, so that nothing is billed afterwards."""
        self._ecs.delete_instance(instance_id)
        self._waiter().until_gone(lambda: self._ecs.instances([instance_id]), lambda instance: instance.summary)

    def _wait_running(self, instance_id: str) -> None:
        self._waiter().until(
            lambda: self._ecs.instances([instance_id]),
            lambda found: bool(found) and found[0].status == "Running",
            lambda found: found[0].summary if found else f"instance {instance_id} does not exist",
        )

    def _check(self, instance_id: str, name: str) -> None:
        instance = self._observed.running or Instance(instance_id)
        self.checks.run_check(instance, name, self._observed.checks_tag)

    def _record(self, instance_id: str) -> None:
        self.checks.record(instance_id, self._observed.checks_tag)

    def _waiter(self) -> Waiter:
        return Waiter(self._wait_timeout, self._poll_interval, self.context.progress)


def run(params: Params, context: Context) -> Result:
    """The handler of ``ecs_verification_instance``."""
    spec = parse_spec(params)
    reconciler = VerificationReconciler(
        EcsClient(Connection.from_params(params)),
        spec,
        context,
        parse_duration("wait_timeout", params["wait_timeout"]),
        params["poll_interval"],
    )
    return build_result(reconciler, reconciler.run(), params)


def build_result(
    reconciler: VerificationReconciler, outcome: Outcome[ObservedVerification], params: t.Mapping[str, t.Any]
) -> Result:
    """The module's result. A failed check is raised here, after all checks have run.

    :raises PreconditionError: when a check failed, unless it is only reported
    """
    instance = outcome.observed.instance
    shown = instance.as_result() if instance else None
    if reconciler.context.check_mode or not reconciler.spec.checks or instance is None:
        return outcome.result(instance=shown, checks=[], checks_passed=None, agent=None, console_output=None)
    checks = reconciler.checks
    results = checks.all_results()
    result = outcome.result(
        instance=shown,
        checks=[check.as_result() for check in results],
        checks_passed=checks.passed,
        agent=checks.agent_answered,
        console_output=None if checks.passed else checks.console_output(instance.instance_id),
    )
    if checks.passed:
        return result
    if params["release_failed"]:
        reconciler.release(instance.instance_id)
        result["plan"] = [*result["plan"], f"release the verification instance {instance.instance_id}"]
    if not params["fail_on_check_failure"]:
        return result
    error = _checks_failed(results, instance, checks.agent_answered, params["release_failed"])
    error.partial = result
    raise error


def _checks_failed(
    results: list[CheckResult], instance: Instance, agent_answered: t.Optional[bool], released: bool
) -> PreconditionError:
    failed = [result for result in results if not result.passed]
    messages = " ".join(f"'{result.name}': {result.message}" for result in failed)
    remedy = (
        "The instance was released"
        if released
        else f"Examine the instance, which releases itself at {format_timestamp(instance.released_at)}"
    )
    if agent_answered is False:
        remedy += (
            ". An image contains the agent only if the agent was installed in the VM when it was copied. "
            "console_output shows whether the system started"
        )
    return PreconditionError(
        f"{len(failed)} of {len(results)} checks failed on instance {instance.instance_id} of image {instance.image_id}. "
        f"{messages}",
        remedy=remedy,
    )
