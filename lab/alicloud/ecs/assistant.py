"""Cloud Assistant: commands on instances, their states as time passes, and whether the agent answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from lab.alicloud.ecs.command_request import MOST_INSTANCES, is_dry_run, new_invocation, script_of
from lab.alicloud.ecs.command_view import Encoding, invocation_view, overall_status, result_view
from lab.alicloud.ecs.common import Listing, check_region, equals_filters, tags_match
from lab.alicloud.guest.commands import Outcome, run_command
from lab.alicloud.guest.guest import Guest, guest_of
from lab.alicloud.http.validation import checked_client_token
from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.errors import error, invalid, missing
from lab.alicloud.world.records import Instance, Invocation, InvokedInstance
from lab.alicloud.world.store import Store
from lab.alicloud.world.timefmt import seconds_format

LOG = logging.getLogger(__name__)
_LARGEST_OUTPUT = 24 * 1024  # bytes; the end is kept
_KEPT = timedelta(weeks=4)
_DELIVERY, _DELIVERY_PATIENCE = timedelta(seconds=2), timedelta(seconds=60)
_VERSION = {"linux": "2.2.3.857", "windows": "2.1.3.857"}
_USERS = {"linux": ("", "root"), "windows": ("", "System")}
_STATUSES = Listing("InstanceCloudAssistantStatusSet", "InstanceCloudAssistantStatus", largest=50)
_INVOCATIONS = Listing("Invocations", "Invocation", largest=50)
_RESULTS = Listing("InvocationResults", "InvocationResult", largest=50)
_INFO = {
    "InstanceReleased": "the instance has released when create task",
    "InstanceNotRunning": "the instance is not running when create task",
    "AccountNotExists": "the specified account does not exists",
    "ClientNotRunning": "the aliyun service is not running on the instance",
    "DeliveryTimeout": "the command delivery has been timeout",
    "ExecutionTimeout": "the command execution has been timeout",
    "ExecutionException": "the command execution got an exception",
    "ExecutionInterrupted": "the command execution has been interrupted",
    "ExitCodeNonzero": "the command execution exit code is not zero",
}


class Background(Protocol):
    """Does work without the store's lock, then passes its result on with the lock."""

    def __call__(self, work: Callable[[], Outcome], done: Callable[[Outcome], None], /) -> None: ...


class Assistant:
    """The actions of Cloud Assistant."""

    def __init__(self, store: Store, background: Background) -> None:
        self._store = store
        self._background = background

    # -- the agent -----------------------------------------------------------------------------------------------

    def _has_agent(self, instance: Instance) -> bool:
        return bool(instance.image_id) and instance.boots and self._store.switches.on("cloud_assistant_agent")

    def _answers_from(self, instance: Instance) -> datetime:
        delay = timedelta(seconds=self._store.switches.number("seconds_agent_start"))
        return (instance.started or instance.created) + delay

    def _answers(self, instance: Instance) -> bool:
        running = instance.status == "Running" and self._has_agent(instance)
        return running and self._store.now() >= self._answers_from(instance)

    def describe_status(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeCloudAssistantStatus: ids that do not exist are silently absent."""
        check_region(self._store, parameters)
        ids, system = parameters.texts("InstanceId", MOST_INSTANCES), parameters.text("OSType").lower()
        if system not in ("", "windows", "linux", "freebsd"):
            raise invalid("OSType")
        found = [
            instance
            for instance in self._store.instances.values()
            if (not ids or instance.instance_id in ids) and system in ("", instance.os_type)
        ]
        return _STATUSES.page(parameters, found, self._status_view)

    def _status_view(self, instance: Instance) -> dict[str, Any]:
        results = self._results_on(instance.instance_id)
        answers = self._answers(instance)
        has_answered = self._has_agent(instance) and self._store.now() >= self._answers_from(instance)
        return {
            "InstanceId": instance.instance_id,
            "CloudAssistantStatus": "true" if answers else "false",
            "CloudAssistantVersion": _VERSION[instance.os_type] if has_answered else "",
            "LastHeartbeatTime": seconds_format(self._store.now()) if answers else "",
            "LastInvokedTime": seconds_format(results[-1].created) if results else "",
            "InvocationCount": len(results),
            "ActiveTaskCount": sum(result.status in ("Pending", "Running") for result in results),
            "OSType": "Windows" if instance.os_type == "windows" else "Linux",
            "SupportSessionManager": answers,
        }

    def _results_on(self, instance_id: str) -> list[InvokedInstance]:
        return [
            result
            for invocation in self._store.invocations.values()
            for result in invocation.results
            if result.instance_id == instance_id
        ]

    # -- running -------------------------------------------------------------------------------------------------

    def run(self, parameters: Parameters) -> dict[str, Any]:
        """RunCommand."""
        check_region(self._store, parameters)
        token = checked_client_token(parameters)
        return self._store.once("RunCommand", token, parameters.fingerprint(), lambda: self._run(parameters))

    def _run(self, parameters: Parameters) -> dict[str, Any]:
        invocation = new_invocation(self._store, parameters)
        if is_dry_run(parameters):
            return self._dry_run(invocation)
        self._store.invocations[invocation.invoke_id] = invocation
        for result in invocation.results:
            self._later(_DELIVERY, partial(self._deliver, invocation, result))
        return {"CommandId": invocation.command_id, "InvokeId": invocation.invoke_id}

    def _dry_run(self, invocation: Invocation) -> dict[str, Any]:
        """A dry run checks the instances as well as the request."""
        instances = [self._store.instances[result.instance_id] for result in invocation.results]
        if any(instance.status != "Running" for instance in instances):
            raise error("IncorrectInstanceStatus")
        silent = [instance.instance_id for instance in instances if not self._answers(instance)]
        if silent:
            raise error("InvalidInstance.AgentNotRunning", ",".join(silent))
        if self._store.switches.text("command_dry_run") == "error":
            raise error("DryRunOperation")
        return {"CommandId": "", "InvokeId": ""}

    # -- as time passes ------------------------------------------------------------------------------------------

    def _later(self, delay: timedelta, action: Callable[[], None]) -> None:
        self._store.timers.at(self._store.now() + delay, action)

    def _deliver(self, invocation: Invocation, result: InvokedInstance) -> None:
        """Pending -> Running, or the reason why it does not run."""
        instance = self._store.instances.get(result.instance_id)
        if instance is None:
            return self._end(result, "Aborted", "InstanceReleased")
        if instance.status != "Running":
            return self._end(result, "Aborted", "InstanceNotRunning")
        if not self._has_agent(instance):
            return self._end(result, "Aborted", "ClientNotRunning")
        wait = self._answers_from(instance) - self._store.now()
        if wait > timedelta(0):
            if self._answers_from(instance) > invocation.created + _DELIVERY_PATIENCE:
                return self._end(result, "Aborted", "DeliveryTimeout")
            return self._later(wait, lambda: self._deliver(invocation, result))
        if invocation.username not in _USERS[instance.os_type]:
            return self._end(result, "Invalid", "AccountNotExists")
        result.status, result.start = "Running", self._store.now()
        guest = guest_of(self._store, instance)
        script = script_of(invocation, instance, self._store.region_id)
        return self._background(lambda: _run(guest, script, invocation), partial(self._finish_later, result))

    def _finish_later(self, result: InvokedInstance, outcome: Outcome) -> None:
        """The outcome is known already; show it when virtual time has reached the end of the command."""
        finish = (result.start or self._store.now()) + timedelta(seconds=outcome.seconds)
        self._later(max(timedelta(0), finish - self._store.now()), lambda: self._finish(result, outcome))

    def _finish(self, result: InvokedInstance, outcome: Outcome) -> None:
        instance = self._store.instances.get(result.instance_id)
        if instance is None or instance.status != "Running":
            code = "InstanceReleased" if instance is None else "ExecutionInterrupted"
            return self._end(result, "Terminated", code)
        result.dropped = max(0, len(outcome.output) - _LARGEST_OUTPUT)
        result.output = outcome.output[result.dropped :]
        result.exit_code = outcome.exit_code
        if outcome.exit_code is None:
            return self._end(result, "Timeout", "ExecutionTimeout")
        if outcome.exit_code:
            return self._end(result, "Failed", "ExitCodeNonzero")
        return self._end(result, "Success", "")

    def _end(self, result: InvokedInstance, status: str, code: str) -> None:
        result.status, result.finish = status, self._store.now()
        result.error_code, result.error_info = code, _INFO.get(code, "")

    # -- reading -------------------------------------------------------------------------------------------------

    def describe_invocations(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeInvocations: the newest first, as long as records are kept."""
        check_region(self._store, parameters)
        encoding, with_output = Encoding.asked_by(parameters), bool(parameters.boolean("IncludeOutput"))
        instance_id = parameters.text("InstanceId")
        if with_output and not instance_id and not parameters.text("InvokeId"):
            raise missing("InvokeId")

        def results(invocation: Invocation) -> list[InvokedInstance]:
            return [result for result in invocation.results if instance_id in ("", result.instance_id)]

        found = [
            invocation
            for invocation in self._invocations(parameters)
            if results(invocation)
            and parameters.text("CommandType") in ("", invocation.kind)
            and (instance_id or parameters.text("CommandName") in ("", invocation.name))
            and parameters.text("InvokeStatus") in ("", *overall_status(invocation))
        ]
        return _INVOCATIONS.page(
            parameters,
            found,
            lambda invocation: invocation_view(invocation, results(invocation), encoding, with_output),
        )

    def describe_results(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeInvocationResults: one element per instance."""
        check_region(self._store, parameters)
        if parameters.boolean("IncludeHistory"):
            raise invalid("IncludeHistory", "The simulator has no scheduled commands.")
        encoding, nonzero = Encoding.asked_by(parameters), self._store.switches.text("nonzero_record_status")
        rows = [
            result_view(invocation, result, encoding, nonzero)
            for invocation in self._invocations(parameters)
            for result in invocation.results
            if parameters.text("InstanceId") in ("", result.instance_id)
        ]
        wanted = parameters.text("InvokeRecordStatus")
        found = [row for row in rows if wanted in ("", row["InvokeRecordStatus"])]
        return {"Invocation": _RESULTS.page(parameters, found, dict)}

    def _invocations(self, parameters: Parameters) -> list[Invocation]:
        """The invocations that are not too old, newest first, by the filters that both actions have."""
        return [
            invocation
            for invocation in reversed(self._store.invocations.values())
            if self._store.now() - invocation.created <= _KEPT
            and tags_match(invocation.tags, parameters)
            and equals_filters(
                parameters,
                {
                    "InvokeId": invocation.invoke_id,
                    "CommandId": invocation.command_id,
                    "ResourceGroupId": invocation.resource_group_id,
                },
            )
        ]


def _run(guest: Guest, script: str, invocation: Invocation) -> Outcome:
    try:
        return run_command(guest, script, invocation.timeout, invocation.working_dir or "/root")
    except Exception:  # whatever a script does to the lab, the state must not stay Running for ever
        LOG.exception("command %s", invocation.invoke_id)
        return Outcome(255, b"lab: the command could not be run\n", 0.0)
