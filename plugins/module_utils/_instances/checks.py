# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of an instance: what is asked of it, and whether its answer will do (pure; private to the collection)."""

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
from ansible_collections.cutover.smc.plugins.module_utils._core.times import parse_duration

#: Cloud Assistant takes this much of a command in Base64.
LARGEST_COMMAND = 24 * 1024
#: The end of an output is what tells why a command failed.
MOST_OUTPUT = 4000
MOST_CONSOLE = 6000

_KINDS = {"shell": "RunShellScript", "powershell": "RunPowerShellScript", "bat": "RunBatScript"}
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r(?!\n)")

# What Cloud Assistant's error codes mean for the one who wrote the check.
_MEANINGS = {
    "ClientNotRunning": "Cloud Assistant's agent does not run in the instance",
    "ClientNotResponse": "Cloud Assistant's agent does not answer",
    "ClientIsUpgrading": "Cloud Assistant's agent is being upgraded",
    "ClientNeedUpgrade": "Cloud Assistant's agent is too old",
    "DeliveryTimeout": "the command did not reach the instance in time",
    "ExecutionTimeout": "it had not ended when its timeout was over",
    "ExecutionException": "it could not be carried out in the instance",
    "ExecutionInterrupted": "it was interrupted, for instance by a restart",
    "InstanceNotRunning": "the instance did not run",
    "InstanceReleased": "the instance was released meanwhile",
    "InstanceNotExists": "the instance does not exist any more",
    "InvalidInstance.NotMatch": "this type of command does not run on the instance's system",
    "CommandNotApplicable": "this type of command does not run on the instance's system",
    "SecurityGroupRuleDenied": "the rules of the security group keep Cloud Assistant out",
    "TaskConcurrencyLimit": "too many commands run in the instance already",
}


@dataclass(frozen=True)
class Check:
    """One declared check.

    :ivar kind: ``shell``, ``powershell`` or ``bat``; None is what the instance's system takes
    """

    name: str
    command: str
    kind: t.Optional[str] = None
    timeout: timedelta = timedelta(minutes=1)
    exit_code: int = 0
    output_matches: t.Optional[str] = None
    no_output: bool = False


@dataclass(frozen=True)
class Result:
    """How a check went. A check that an earlier run has seen pass is not run again."""

    name: str
    passed: bool
    told: str
    exit_code: t.Optional[int] = None
    output: str = ""
    truncated: bool = False
    code: str = ""

    def as_result(self) -> dict[str, t.Any]:
        return {
            "name": self.name,
            "passed": self.passed,
            "told": self.told,
            "exit_code": self.exit_code,
            "output": self.output,
            "truncated": self.truncated,
            "code": self.code,
        }


def checks_from(options: t.Optional[list[dict[str, t.Any]]]) -> tuple[Check, ...]:
    """:raises InvalidOptionError: names the check, the value and the remedy"""
    checks = tuple(_check(option) for option in options or ())
    names = [check.name for check in checks]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidOptionError(
            "Several checks are called '%s'" % twice[0], remedy="Give each check a name of its own"
        )
    return checks


def _check(option: dict[str, t.Any]) -> Check:
    name = option["name"]
    timeout = parse_duration("checks.timeout", option["timeout"])
    if not timedelta(seconds=1) <= timeout <= timedelta(days=1):
        raise InvalidOptionError(
            "The timeout of check '%s' is %s" % (name, option["timeout"]), remedy="Choose 1s to 1d"
        )
    if len(base64.b64encode(option["command"].encode())) > LARGEST_COMMAND:
        raise InvalidOptionError(
            "The command of check '%s' is too long" % name,
            remedy="Cloud Assistant takes 18 kB; have the command fetch the rest, or put it into the image",
        )
    try:
        re.compile(option["output_matches"] or "")
    except re.error as error:
        raise InvalidOptionError(
            "The option output_matches of check '%s' is no regular expression: %s" % (name, error),
            remedy="Write it as Python takes it",
        ) from None
    return Check(
        name,
        option["command"],
        option["type"],
        timeout,
        option["exit_code"],
        option["output_matches"],
        option["no_output"],
    )


def digest(checks: t.Iterable[Check]) -> str:
    """What the checks demand, in short; names, timeouts and what is shown make no difference."""
    demands = [[check.kind, check.command, check.exit_code, check.output_matches] for check in checks]
    return hashlib.sha256(json.dumps(demands).encode()).hexdigest()[:32]


def outcome_tag(checks: t.Iterable[Check], passed: bool, before: str) -> str:
    """The value of the tag. It differs after each failure, so that checks that failed are run afresh, not answered from memory."""
    if passed:
        return "passed-%s" % digest(checks)
    match = re.match(r"failed-(\d+)$", before)
    return "failed-%d" % (int(match.group(1)) + 1 if match else 1)


def have_passed(checks: t.Iterable[Check], tag: str) -> bool:
    return tag == "passed-%s" % digest(checks)


def parameters(check: Check, instance_id: str, os_type: str, outcome_before: str) -> dict[str, t.Any]:
    """What Cloud Assistant is sent. The token makes a check that was sent already one and the same, until its outcome is noted."""
    kind = check.kind or ("powershell" if os_type == "windows" else "shell")
    sent = {
        "Type": _KINDS[kind],
        "CommandContent": base64.b64encode(check.command.encode()).decode(),
        "ContentEncoding": "Base64",
        "Timeout": int(check.timeout.total_seconds()),
        "Name": ("cutover: %s" % check.name)[:128],
    }
    text = json.dumps([instance_id, outcome_before, sent], sort_keys=True)
    return dict(sent, ClientToken=client_token(text))


def judge(check: Check, invocation: Invocation) -> Result:
    """Whether what the command did is what the check demands."""
    wrong = _wrong(check, invocation)
    output = "" if check.no_output else clean(invocation.output)
    return Result(
        check.name,
        not wrong,
        wrong or "It has passed.",
        invocation.exit_code,
        tail(output, MOST_OUTPUT),
        len(output) > MOST_OUTPUT or (invocation.dropped > 0 and not check.no_output),
        invocation.error_code if wrong else "",
    )


def _wrong(check: Check, invocation: Invocation) -> str:
    if invocation.status not in ("Success", "Failed") or invocation.exit_code is None:
        return _sentence(_MEANINGS.get(invocation.error_code) or invocation.error_info or invocation.status)
    if invocation.exit_code != check.exit_code:
        return "Its exit code is %d, not %d." % (invocation.exit_code, check.exit_code)
    if check.output_matches is not None and not re.search(check.output_matches, invocation.output, re.MULTILINE):
        return "Its output does not match '%s'." % check.output_matches
    return ""


def refused(check: Check, failure: CutoverError) -> Result:
    """The result of a check that was not taken."""
    return Result(check.name, False, _sentence(_MEANINGS.get(failure.code) or str(failure)), code=failure.code)


def overdue(check: Check, seconds: float) -> Result:
    told = "Cloud Assistant had no result of it after %d seconds." % seconds
    return Result(check.name, False, told, code="ResultTimeout")


def without_agent(check: Check, patience: str) -> Result:
    told = "It was not run: Cloud Assistant's agent has not answered from the instance within %s." % patience
    return Result(check.name, False, told, code="ClientNotRunning")


def known(check: Check) -> Result:
    return Result(check.name, True, "It has passed on this instance before.")


def clean(text: str) -> str:
    """Text without the sequences that only a terminal understands."""
    return _ESCAPES.sub("", text)


def tail(text: str, most: int) -> str:
    """The end of a text, from the beginning of a line if there is one."""
    if len(text) <= most:
        return text
    end = text[-most:]
    line = end.find("\n")
    return end[line + 1 :] if 0 <= line < most // 2 else end


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
