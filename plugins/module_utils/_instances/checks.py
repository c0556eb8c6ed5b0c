# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of an instance: what Cloud Assistant is asked to run, and whether the result is as required (pure; private to the collection)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import typing as t
from dataclasses import dataclass
from datetime import timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Invocation
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import client_token
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import CutoverError, InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._core.times import (
    format_duration,
    format_seconds,
    parse_duration,
)

#: Cloud Assistant accepts this many characters of a command in Base64.
MAX_COMMAND_LENGTH = 24 * 1024
#: How many characters of an output are returned. The end of an output usually shows why a command failed.
MAX_OUTPUT_LENGTH = 4000
MAX_CONSOLE_LENGTH = 6000

_COMMAND_TYPES = {"shell": "RunShellScript", "powershell": "RunPowerShellScript", "bat": "RunBatScript"}
_TERMINAL_SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r(?!\n)")

# What the error codes of Cloud Assistant mean for the author of a check.
_ERROR_REASONS = {
    "ClientNotRunning": "Cloud Assistant's agent does not run in the instance",
    "ClientNotResponse": "Cloud Assistant's agent does not answer",
    "ClientIsUpgrading": "Cloud Assistant's agent is being upgraded",
    "ClientNeedUpgrade": "Cloud Assistant's agent is too old",
    "DeliveryTimeout": "the command did not reach the instance in time",
    "ExecutionTimeout": "the command did not end before its timeout",
    "ExecutionException": "the command could not be run in the instance",
    "ExecutionInterrupted": "the command was interrupted, for example by a restart",
    "InstanceNotRunning": "the instance was not running",
    "InstanceReleased": "the instance has been released",
    "InstanceNotExists": "the instance does not exist any more",
    "InvalidInstance.NotMatch": "this type of command does not run on the instance's operating system",
    "CommandNotApplicable": "this type of command does not run on the instance's operating system",
    "SecurityGroupRuleDenied": "the rules of the security group block Cloud Assistant",
    "TaskConcurrencyLimit": "too many commands are running in the instance already",
}


@dataclass(frozen=True)
class Check:
    """One declared check.

    :ivar kind: ``shell``, ``powershell`` or ``bat``; None selects the one of the instance's operating system
    :ivar output_matches: a regular expression that must be found in the output; None accepts every output
    """

    name: str
    command: str
    kind: t.Optional[str] = None
    timeout: timedelta = timedelta(minutes=1)
    exit_code: int = 0
    output_matches: t.Optional[str] = None
    no_output: bool = False


@dataclass(frozen=True)
class CheckResult:
    """The outcome of a check.

    :ivar message: that it passed, or why it failed, in a sentence
    :ivar code: the error code of Cloud Assistant; empty when the check passed
    """

    name: str
    passed: bool
    message: str
    exit_code: t.Optional[int] = None
    output: str = ""
    truncated: bool = False
    code: str = ""

    def as_result(self) -> dict[str, t.Any]:
        return {
            "name": self.name,
            "passed": self.passed,
            "message": self.message,
            "exit_code": self.exit_code,
            "output": self.output,
            "truncated": self.truncated,
            "code": self.code,
        }


def parse_checks(options: t.Optional[list[dict[str, t.Any]]]) -> tuple[Check, ...]:
    """:raises InvalidOptionError: names the check, the value and the remedy"""
    checks = tuple(_parse_check(option) for option in options or ())
    names = [check.name for check in checks]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise InvalidOptionError(f"Several checks are named '{duplicates[0]}'", remedy="Give each check a unique name")
    return checks


def _parse_check(option: dict[str, t.Any]) -> Check:
    name = option["name"]
    timeout = parse_duration("checks.timeout", option["timeout"])
    if not timedelta(seconds=1) <= timeout <= timedelta(days=1):
        raise InvalidOptionError(
            f"The timeout of check '{name}' is {option['timeout']}", remedy="Choose a timeout of 1s to 1d"
        )
    if len(base64.b64encode(option["command"].encode())) > MAX_COMMAND_LENGTH:
        raise InvalidOptionError(
            f"The command of check '{name}' is too long: Cloud Assistant accepts 18 kB",
            remedy="Download the rest in the command, or put it into the image",
        )
    try:
        re.compile(option["output_matches"] or "")
    except re.error as error:
        raise InvalidOptionError(
            f"Option 'output_matches' of check '{name}' is not a valid regular expression: {error}",
            remedy="Write it in the syntax of Python",
        ) from None
    return Check(
        name=name,
        command=option["command"],
        kind=option["type"],
        timeout=timeout,
        exit_code=option["exit_code"],
        output_matches=option["output_matches"],
        no_output=option["no_output"],
    )


def digest(checks: t.Iterable[Check]) -> str:
    """A hash of what the checks require. Names, timeouts and the visibility of the output make no difference."""
    requirements = [[check.kind, check.command, check.exit_code, check.output_matches] for check in checks]
    return hashlib.sha256(json.dumps(requirements).encode()).hexdigest()[:32]


def outcome_tag(checks: t.Iterable[Check], passed: bool, before: str) -> str:
    """The value of the tag that records the outcome.

    It differs after each failure. The client tokens depend on it, so failed checks are run again instead of being answered with
    their former result.
    """
    if passed:
        return f"passed-{digest(checks)}"
    match = re.match(r"failed-(\d+)$", before)
    return f"failed-{int(match.group(1)) + 1 if match else 1}"


def have_passed(checks: t.Iterable[Check], tag: str) -> bool:
    return tag == f"passed-{digest(checks)}"


def command_parameters(check: Check, instance_id: str, os_type: str, tag_before: str) -> dict[str, t.Any]:
    """The parameters of ``RunCommand``. With the same client token, Cloud Assistant runs a command once only.

    :param tag_before: the recorded outcome of earlier checks; a new outcome leads to a new token
    """
    kind = check.kind or ("powershell" if os_type == "windows" else "shell")
    parameters = {
        "Type": _COMMAND_TYPES[kind],
        "CommandContent": base64.b64encode(check.command.encode()).decode(),
        "ContentEncoding": "Base64",
        "Timeout": int(check.timeout.total_seconds()),
        "Name": f"cutover: {check.name}"[:128],
    }
    text = json.dumps([instance_id, tag_before, parameters], sort_keys=True)
    return dict(parameters, ClientToken=client_token(text))


def judge(check: Check, invocation: Invocation) -> CheckResult:
    """Compare the result of the command with what the check requires."""
    reason = _failure_reason(check, invocation)
    output = "" if check.no_output else clean(invocation.output)
    return CheckResult(
        name=check.name,
        passed=not reason,
        message=reason or "The check passed.",
        exit_code=invocation.exit_code,
        output=tail(output, MAX_OUTPUT_LENGTH),
        truncated=len(output) > MAX_OUTPUT_LENGTH or (invocation.dropped > 0 and not check.no_output),
        code=invocation.error_code if reason else "",
    )


def _failure_reason(check: Check, invocation: Invocation) -> str:
    if invocation.status not in ("Success", "Failed") or invocation.exit_code is None:
        return _sentence(_ERROR_REASONS.get(invocation.error_code) or invocation.error_info or invocation.status)
    if invocation.exit_code != check.exit_code:
        return f"The exit code is {invocation.exit_code}, not {check.exit_code}."
    if check.output_matches is not None and not re.search(check.output_matches, invocation.output, re.MULTILINE):
        return f"The output does not match '{check.output_matches}'."
    return ""


def refused(check: Check, error: CutoverError) -> CheckResult:
    """The result of a check that Cloud Assistant did not accept."""
    return CheckResult(check.name, False, _sentence(_ERROR_REASONS.get(error.code) or str(error)), code=error.code)


def overdue(check: Check, seconds: float) -> CheckResult:
    """The result of a check of which Cloud Assistant returns no result."""
    message = f"Cloud Assistant returned no result within {format_seconds(seconds)}."
    return CheckResult(check.name, False, message, code="ResultTimeout")


def without_agent(check: Check, agent_timeout: timedelta) -> CheckResult:
    """The result of a check that was not run because the agent does not answer."""
    message = (
        "The check was not run, because Cloud Assistant's agent did not answer from the instance within "
        f"{format_duration(agent_timeout)}."
    )
    return CheckResult(check.name, False, message, code="ClientNotRunning")


def passed_before(check: Check) -> CheckResult:
    """The result of a check that an earlier run has recorded as passed; it is not run again."""
    return CheckResult(check.name, True, "The check passed on this instance before.")


def clean(text: str) -> str:
    """Text without the control sequences of a terminal."""
    return _TERMINAL_SEQUENCES.sub("", text)


def tail(text: str, length: int) -> str:
    """The last characters of a text, from the start of a line if possible."""
    if len(text) <= length:
        return text
    end = text[-length:]
    line = end.find("\n")
    return end[line + 1 :] if 0 <= line < length // 2 else end


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
