"""How DescribeInvocations and DescribeInvocationResults show commands and what came of them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from lab.alicloud.ecs.common import ecs_tags
from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.records import Invocation, InvokedInstance
from lab.alicloud.world.timefmt import seconds_format

_FAILED = ("Invalid", "Aborted", "Failed", "Timeout", "Error")


@dataclass(frozen=True)
class Encoding:
    """How a request wants texts: in Base64, unless it asks for plain text."""

    plain: bool

    @classmethod
    def asked_by(cls, parameters: Parameters) -> Encoding:
        """The encoding that a request asks for."""
        return cls(parameters.text("ContentEncoding", "Base64").lower() == "plaintext")

    def encode(self, data: bytes) -> str:
        """A text of an answer."""
        return data.decode("utf-8", "replace") if self.plain else base64.b64encode(data).decode()


def overall_status(invocation: Invocation) -> tuple[str, str]:
    """`InvocationStatus` and `InvokeStatus` of all instances together."""
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


def record_status(result: InvokedInstance, nonzero: str) -> str:
    """`InvokeRecordStatus`; `nonzero` is that of a command that ended with another exit code than 0."""
    if result.status == "Failed":
        return nonzero
    known = {"Pending": "Running", "Running": "Running", "Terminated": "Stopped", "Success": "Finished"}
    return known.get(result.status, "Failed")


def invocation_view(
    invocation: Invocation, results: list[InvokedInstance], encoding: Encoding, with_output: bool
) -> dict[str, Any]:
    """One `Invocation`, with those of its results that are asked for."""
    invocation_status, invoke_status = overall_status(invocation)
    return {
        "CommandContent": encoding.encode(invocation.content.encode()),
        "CommandDescription": invocation.description,
        "CommandId": invocation.command_id,
        "CommandName": invocation.name,
        "CommandType": invocation.kind,
        "CreationTime": seconds_format(invocation.created),
        "Frequency": "",
        "InvocationStatus": invocation_status,
        "InvokeId": invocation.invoke_id,
        "InvokeInstances": {"InvokeInstance": [_instance_view(result, encoding, with_output) for result in results]},
        "InvokeStatus": invoke_status,
        "Parameters": json.dumps(invocation.parameters),
        "RepeatMode": "Once",
        "Tags": ecs_tags(invocation.tags),
        "Timed": False,
        "Timeout": invocation.timeout,
        "Username": invocation.username,
        "WorkingDir": invocation.working_dir,
    }


def result_view(invocation: Invocation, result: InvokedInstance, encoding: Encoding, nonzero: str) -> dict[str, Any]:
    """One `InvocationResult`."""
    return {
        **_outcome(result),
        "CommandId": invocation.command_id,
        "FinishedTime": seconds_format(result.finish),
        "InvokeId": invocation.invoke_id,
        "InvokeRecordStatus": record_status(result, nonzero),
        "Output": encoding.encode(result.output),
        "Tags": ecs_tags(invocation.tags),
        "Username": invocation.username,
    }


def _instance_view(result: InvokedInstance, encoding: Encoding, with_output: bool) -> dict[str, Any]:
    return {
        **_outcome(result),
        "CreationTime": seconds_format(result.created),
        "FinishTime": seconds_format(result.finish),
        "InstanceInvokeStatus": record_status(result, "Failed"),
        **({"Output": encoding.encode(result.output)} if with_output else {}),
        "Timed": False,
        "UpdateTime": seconds_format(result.finish or result.start or result.created),
    }


def _outcome(result: InvokedInstance) -> dict[str, Any]:
    """What both actions show of one instance; there is no exit code before the end."""
    return {
        "Dropped": result.dropped,
        "ErrorCode": result.error_code,
        "ErrorInfo": result.error_info,
        **({} if result.exit_code is None else {"ExitCode": result.exit_code}),
        "InstanceId": result.instance_id,
        "InvocationStatus": result.status,
        "Repeats": int(result.start is not None),
        "StartTime": seconds_format(result.start),
        "StopTime": "",
    }
