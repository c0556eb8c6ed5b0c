"""Cloud Assistant: commands on instances, their states as time passes, and whether the agent answers."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from lab.alicloud.ecs.common import check_region, ecs_tags, paged, tags_match
from lab.alicloud.guest.commands import Outcome, run_command
from lab.alicloud.guest.guest import Guest, guest_of
from lab.alicloud.http.validation import checked_client_token
from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.errors import error, invalid, missing
from lab.alicloud.world.records import Instance, Invocation, InvokedInstance
from lab.alicloud.world.store import Store
from lab.alicloud.world.timefmt import seconds_format

LOG = logging.getLogger(__name__)
_KINDS = {"RunShellScript": "linux", "RunBatScript": "windows", "RunPowerShellScript": "windows"}
_LARGEST_CONTENT = _LARGEST_OUTPUT = 24 * 1024
_MOST_INSTANCES = 100
_KEPT = timedelta(weeks=4)
_DELIVERY, _DELIVERY_PATIENCE = timedelta(seconds=2), timedelta(seconds=60)
_VERSION = {"linux": "2.2.3.857", "windows": "2.1.3.857"}
_USERS = {"linux": ("", "root"), "windows": ("", "System")}
_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_:\-]+)\s*\}\}")
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
_FAILED = ("Invalid", "Aborted", "Failed", "Timeout", "Error")


class Background(Protocol):
    """Does work without the store's lock and hands its result on with it."""

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
        ids, system = parameters.texts("InstanceId", _MOST_INSTANCES), parameters.text("OSType").lower()
        if system not in ("", "windows", "linux", "freebsd"):
            raise invalid("OSType")
        found = [
            instance
            for instance in self._store.instances.values()
            if (not ids or instance.instance_id in ids) and system in ("", instance.os_type)
        ]
        outer, inner = "InstanceCloudAssistantStatusSet", "InstanceCloudAssistantStatus"
        return paged(parameters, found, self._status_view, outer, inner, most=50)

    def _status_view(self, instance: Instance) -> dict[str, Any]:
        here = self._results_on(instance.instance_id)
        answers = self._answers(instance)
        heard = self._has_agent(instance) and self._store.now() >= self._answers_from(instance)
        return {
            "InstanceId": instance.instance_id,
            "CloudAssistantStatus": "true" if answers else "false",
            "CloudAssistantVersion": _VERSION[instance.os_type] if heard else "",
            "LastHeartbeatTime": seconds_format(self._store.now()) if answers else "",
            "LastInvokedTime": seconds_format(here[-1].created) if here else "",
            "InvocationCount": len(here),
            "ActiveTaskCount": sum(result.status in ("Pending", "Running") for result in here),
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
        kind = parameters.required("Type")
        if kind not in _KINDS:
            raise invalid("Type", f"It must be one of {', '.join(_KINDS)}.")
        content = _content(parameters)
        custom = _custom_parameters(parameters)
        dry = self._dry(parameters)
        instances = self._instances(parameters, kind)
        invocation = Invocation(
            invoke_id=self._store.identifiers.make("t"),
            command_id=self._store.identifiers.make("c"),
            created=self._store.now(),
            kind=kind,
            content=content,
            name=_bounded(parameters, "Name", 128) or "RunCommand",
            timeout=parameters.integer("Timeout", 1, 86400) or 60,
            results=[InvokedInstance(instance.instance_id, created=self._store.now()) for instance in instances],
            description=_bounded(parameters, "Description", 512),
            parameters=custom,
            username=_bounded(parameters, "Username", 255),
            working_dir=_bounded(parameters, "WorkingDir", 200),
            resource_group_id=parameters.text("ResourceGroupId"),
            tags=parameters.tags(64, 128),
        )
        if dry:
            return self._checked_only(instances)
        self._store.invocations[invocation.invoke_id] = invocation
        for result in invocation.results:
            self._later(_DELIVERY, partial(self._deliver, invocation, result))
        return {"CommandId": invocation.command_id, "InvokeId": invocation.invoke_id}

    @staticmethod
    def _dry(parameters: Parameters) -> bool:
        mode = parameters.text("RepeatMode", "Once")
        if mode not in ("Once", "DryRun") or parameters.text("Frequency"):
            raise invalid("RepeatMode", "The simulator runs commands Once, or checks them by DryRun.")
        return mode == "DryRun"

    def _checked_only(self, instances: list[Instance]) -> dict[str, Any]:
        """The dry run looks at the instances as well as at the request."""
        if any(instance.status != "Running" for instance in instances):
            raise error("IncorrectInstanceStatus")
        silent = [instance.instance_id for instance in instances if not self._answers(instance)]
        if silent:
            raise error("InvalidInstance.AgentNotRunning", ",".join(silent))
        if self._store.switches.text("command_dry_run") == "error":
            raise error("DryRunOperation")
        return {"CommandId": "", "InvokeId": ""}

    def _instances(self, parameters: Parameters, kind: str) -> list[Instance]:
        ids, wanted = parameters.texts("InstanceId"), parameters.objects("ResourceTag", 20)
        if ids and wanted:
            raise invalid("ResourceTag", "It cannot be given together with InstanceId.")
        if wanted:
            ids = [
                instance.instance_id
                for instance in self._store.instances.values()
                if all(instance.tags.get(item.text("Key")) == item.text("Value") for item in wanted)
            ]
        if not ids:
            raise missing("InstanceId.1")
        if len(ids) > _MOST_INSTANCES:
            raise error("InstanceIds.ExceedLimit", _MOST_INSTANCES)
        unknown = [instance_id for instance_id in ids if instance_id not in self._store.instances]
        if unknown:
            raise error("InvalidInstance.NotFound", ",".join(unknown))
        found = [self._store.instances[instance_id] for instance_id in dict.fromkeys(ids)]
        others = [instance.instance_id for instance in found if instance.os_type != _KINDS[kind]]
        if others:
            raise error("InvalidInstance.NotMatch", ",".join(others))
        return found

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
        script = _filled(invocation, instance, self._store.region_id)
        return self._background(
            lambda: _carried_out(guest, script, invocation), lambda outcome: self._carried(result, outcome)
        )

    def _carried(self, result: InvokedInstance, outcome: Outcome) -> None:
        """The stand-in knows already what the command will have done; virtual time has yet to get there."""
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
        plain, output = _plain_text(parameters), bool(parameters.boolean("IncludeOutput"))
        instance_id = parameters.text("InstanceId")
        if output and not instance_id and not parameters.text("InvokeId"):
            raise missing("InvokeId")
        found = [
            invocation
            for invocation in self._invocations(parameters)
            if parameters.text("CommandType") in ("", invocation.kind)
            and (instance_id or parameters.text("CommandName") in ("", invocation.name))
            and parameters.text("InvokeStatus") in ("", _overall(invocation)[0], _overall(invocation)[1])
            and (not instance_id or any(result.instance_id == instance_id for result in invocation.results))
        ]

        def view(invocation: Invocation) -> dict[str, Any]:
            shown = [result for result in invocation.results if instance_id in ("", result.instance_id)]
            return _invocation_view(invocation, shown, plain, output)

        return paged(parameters, found, view, "Invocations", "Invocation", most=50)

    def describe_results(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeInvocationResults: one element per instance."""
        check_region(self._store, parameters)
        if parameters.boolean("IncludeHistory"):
            raise invalid("IncludeHistory", "The simulator has no scheduled commands.")
        plain, wanted = _plain_text(parameters), parameters.text("InvokeRecordStatus")
        failed = self._store.switches.text("nonzero_record_status")
        rows = [
            _result_view(invocation, result, plain, failed)
            for invocation in self._invocations(parameters)
            for result in invocation.results
            if parameters.text("InstanceId") in ("", result.instance_id)
        ]
        found = [row for row in rows if wanted in ("", row["InvokeRecordStatus"])]
        return {"Invocation": paged(parameters, found, dict, "InvocationResults", "InvocationResult", most=50)}

    def _invocations(self, parameters: Parameters) -> list[Invocation]:
        return [
            invocation
            for invocation in reversed(self._store.invocations.values())
            if self._store.now() - invocation.created <= _KEPT
            and parameters.text("InvokeId") in ("", invocation.invoke_id)
            and parameters.text("CommandId") in ("", invocation.command_id)
            and parameters.text("ResourceGroupId") in ("", invocation.resource_group_id)
            and tags_match(invocation.tags, parameters)
        ]


# -- reading a request -------------------------------------------------------------------------------------------


def _bounded(parameters: Parameters, name: str, most: int) -> str:
    text = parameters.text(name)
    if len(text) > most:
        raise invalid(name, f"At most {most} characters are allowed.")
    return text


def _content(parameters: Parameters) -> str:
    """CommandContent, decoded; the limit holds for its Base64 form. An encoding that is not known means plain text."""
    text = parameters.required("CommandContent")
    if parameters.text("ContentEncoding").lower() != "base64":
        encoded, content = base64.b64encode(text.encode()).decode(), text
    else:
        try:
            encoded, content = text, base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as failure:
            raise error("CmdContent.DecodeError") from failure
    if len(encoded) > _LARGEST_CONTENT:
        raise error("CmdContent.ExceedLimit")
    return content


def _custom_parameters(parameters: Parameters) -> dict[str, str]:
    text = parameters.text("Parameters")
    if not text or not parameters.boolean("EnableParameter"):
        return {}
    try:
        values = json.loads(text)
    except ValueError as failure:
        raise invalid("Parameters", "It must be a JSON object.") from failure
    if not isinstance(values, dict) or len(values) > 10 or not all(0 < len(key) <= 64 for key in values):
        raise invalid("Parameters", "It must be a JSON object of at most 10 keys of 1 to 64 characters.")
    return {str(key): str(value) for key, value in values.items()}


def _filled(invocation: Invocation, instance: Instance, region_id: str) -> str:
    """The script with its `{{name}}` filled in; names are not case-sensitive, unknown ones stay empty."""
    builtin = {
        "ACS::RegionId": region_id,
        "ACS::InstanceId": instance.instance_id,
        "ACS::InstanceName": instance.name,
        "ACS::InvokeId": invocation.invoke_id,
        "ACS::CommandId": invocation.command_id,
    }
    values = {key.lower(): value for key, value in {**builtin, **invocation.parameters}.items()}
    if not invocation.parameters:
        return invocation.content
    return _PLACEHOLDER.sub(lambda match: values.get(match.group(1).lower(), ""), invocation.content)


def _carried_out(guest: Guest, script: str, invocation: Invocation) -> Outcome:
    try:
        return run_command(guest, script, invocation.timeout, invocation.working_dir or "/root")
    except Exception:  # the state must not stay Running for ever, whatever a stranger's script does to the stand-in
        LOG.exception("command %s", invocation.invoke_id)
        return Outcome(255, b"lab-sh: internal error\n", 0.0)


# -- writing an answer -------------------------------------------------------------------------------------------


def _plain_text(parameters: Parameters) -> bool:
    return parameters.text("ContentEncoding", "Base64").lower() == "plaintext"


def _encoded(data: bytes, plain: bool) -> str:
    return data.decode("utf-8", "replace") if plain else base64.b64encode(data).decode()


def _overall(invocation: Invocation) -> tuple[str, str]:
    """InvocationStatus and InvokeStatus of all instances together."""
    states = {result.status for result in invocation.results}
    if "Pending" in states:
        return "Pending", "Running"
    if "Running" in states:
        return "Running", "Running"
    if states <= {"Terminated"}:
        return "Stopped", "Stopped"
    if states <= {"Success", "Terminated"}:
        return "Success", "Finished"
    if states <= {*_FAILED, "Terminated"}:
        return "Failed", "Failed"
    return "PartialFailed", "PartialFailed"


def _record_status(result: InvokedInstance, nonzero: str) -> str:
    if result.status in ("Pending", "Running"):
        return "Running"
    if result.status == "Terminated":
        return "Stopped"
    if result.status == "Failed":
        return nonzero
    return "Finished" if result.status == "Success" else "Failed"


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _invocation_view(
    invocation: Invocation, results: list[InvokedInstance], plain: bool, output: bool
) -> dict[str, Any]:
    invocation_status, invoke_status = _overall(invocation)
    return {
        "CommandContent": _encoded(invocation.content.encode(), plain),
        "CommandDescription": invocation.description,
        "CommandId": invocation.command_id,
        "CommandName": invocation.name,
        "CommandType": invocation.kind,
        "CreationTime": seconds_format(invocation.created),
        "Frequency": "",
        "InvocationStatus": invocation_status,
        "InvokeId": invocation.invoke_id,
        "InvokeInstances": {"InvokeInstance": [_instance_view(result, plain, output) for result in results]},
        "InvokeStatus": invoke_status,
        "Parameters": json.dumps(invocation.parameters),
        "RepeatMode": "Once",
        "Tags": ecs_tags(invocation.tags),
        "Timed": False,
        "Timeout": invocation.timeout,
        "Username": invocation.username,
        "WorkingDir": invocation.working_dir,
    }


def _instance_view(result: InvokedInstance, plain: bool, output: bool) -> dict[str, Any]:
    return _known(
        {
            "CreationTime": seconds_format(result.created),
            "Dropped": result.dropped,
            "ErrorCode": result.error_code,
            "ErrorInfo": result.error_info,
            "ExitCode": result.exit_code,
            "FinishTime": seconds_format(result.finish),
            "InstanceId": result.instance_id,
            "InstanceInvokeStatus": _record_status(result, "Failed"),
            "InvocationStatus": result.status,
            "Output": _encoded(result.output, plain) if output else None,
            "Repeats": int(result.start is not None),
            "StartTime": seconds_format(result.start),
            "StopTime": "",
            "Timed": False,
            "UpdateTime": seconds_format(result.finish or result.start or result.created),
        }
    )


def _result_view(invocation: Invocation, result: InvokedInstance, plain: bool, nonzero: str) -> dict[str, Any]:
    return _known(
        {
            "CommandId": invocation.command_id,
            "Dropped": result.dropped,
            "ErrorCode": result.error_code,
            "ErrorInfo": result.error_info,
            "ExitCode": result.exit_code,
            "FinishedTime": seconds_format(result.finish),
            "InstanceId": result.instance_id,
            "InvocationStatus": result.status,
            "InvokeId": invocation.invoke_id,
            "InvokeRecordStatus": _record_status(result, nonzero),
            "Output": _encoded(result.output, plain),
            "Repeats": int(result.start is not None),
            "StartTime": seconds_format(result.start),
            "StopTime": "",
            "Tags": ecs_tags(invocation.tags),
            "Username": invocation.username,
        }
    )
