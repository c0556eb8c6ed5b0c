# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of an instance: what they require, what is sent, how results are judged, and how much of them is shown."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Invocation
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import CutoverError, InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._instances import checks
from ansible_collections.cutover.smc.plugins.module_utils._instances.checks import Check, judge, parse_checks
from ansible_collections.cutover.smc.plugins.modules.ecs_verification_instance import MODULE

OPTION = {name: spec.get("default") for name, spec in MODULE.argument_spec["checks"]["options"].items()}


def option(**values: Any) -> dict[str, Any]:
    return {**OPTION, "name": "ssh", "command": "true", **values}


def check(**values: Any) -> Check:
    return parse_checks([option(**values)])[0]


# --- options ----------------------------------------------------------------------------------------------------


def test_the_defaults():
    assert check() == Check("ssh", "true", None, timedelta(minutes=1), 0, None, False)
    assert parse_checks(None) == ()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"timeout": "0s"}, "The timeout of check 'ssh' is 0s. Choose a timeout of 1s to 1d."),
        ({"timeout": "2d"}, "The timeout of check 'ssh' is 2d"),
        ({"timeout": "soon"}, "'checks.timeout' is not a duration: 'soon'"),
        ({"command": "x" * 18433}, "The command of check 'ssh' is too long: Cloud Assistant accepts 18 kB"),
        ({"output_matches": "("}, "'output_matches' of check 'ssh' is not a valid regular expression"),
    ],
)
def test_an_invalid_check_is_refused(values: dict[str, Any], words: str):
    with pytest.raises(InvalidOptionError) as caught:
        check(**values)
    assert words in str(caught.value)


def test_a_command_may_be_as_long_as_cloud_assistant_accepts():
    assert len(check(command="x" * 18432).command) == 18432


def test_names_are_unique():
    with pytest.raises(InvalidOptionError, match="Several checks are named 'ssh'"):
        parse_checks([option(), option(command="false"), option(name="other")])


# --- the outcome that is recorded on the instance ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "same"),
    [
        ({"name": "other"}, True),
        ({"timeout": "2m"}, True),
        ({"no_output": True}, True),
        ({"command": "false"}, False),
        ({"type": "bat"}, False),
        ({"exit_code": 1}, False),
        ({"output_matches": ""}, False),
    ],
)
def test_checks_that_passed_are_recognized(values: dict[str, Any], same: bool):
    tag = checks.outcome_tag([check()], True, "failed-3")
    assert len(tag) <= 128
    assert checks.have_passed([check(**values)], tag) is same
    assert not checks.have_passed([check(), check(name="more")], tag)


def test_every_failure_has_another_tag():
    failures = [""]
    for _number in range(3):
        failures.append(checks.outcome_tag([check()], False, failures[-1]))
    assert failures[1:] == ["failed-1", "failed-2", "failed-3"]
    assert checks.outcome_tag([check()], False, "passed-0123") == "failed-1"
    assert not checks.have_passed([check()], "failed-1")


# --- what is sent -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "os_type", "sent"),
    [
        (None, "linux", "RunShellScript"),
        (None, "", "RunShellScript"),
        (None, "windows", "RunPowerShellScript"),
        ("shell", "windows", "RunShellScript"),
        ("bat", "windows", "RunBatScript"),
        ("powershell", "windows", "RunPowerShellScript"),
    ],
)
def test_the_operating_system_selects_the_type_of_command(kind: str | None, os_type: str, sent: str):
    assert checks.command_parameters(check(type=kind), "i-1", os_type, "")["Type"] == sent


def test_a_command_is_sent_whole():
    sent = checks.command_parameters(
        check(name="n" * 200, command="echo 'ä' {{x}}\n", timeout="90s"), "i-1", "linux", ""
    )
    assert base64.b64decode(sent["CommandContent"]).decode() == "echo 'ä' {{x}}\n"
    assert (sent["ContentEncoding"], sent["Timeout"], len(sent["Name"])) == ("Base64", 90, 128)


def test_the_client_token_is_the_same_until_the_outcome_is_recorded():
    def token(instance_id: str = "i-1", before: str = "", **values: Any) -> str:
        return str(checks.command_parameters(check(**values), instance_id, "linux", before)["ClientToken"])

    assert token() == token()
    assert len({token(), token("i-2"), token(before="failed-1"), token(command="false"), token(name="b")}) == 5
    assert len(token()) <= 64


# --- judging ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "invocation", "message"),
    [
        ({}, Invocation("Success", 0), ""),
        ({}, Invocation("Failed", 3, error_code="ExitCodeNonzero"), "The exit code is 3, not 0."),
        ({"exit_code": 3}, Invocation("Failed", 3, error_code="ExitCodeNonzero"), ""),
        ({"exit_code": 3}, Invocation("Success", 0), "The exit code is 0, not 3."),
        ({"output_matches": "^active$"}, Invocation("Success", 0, "first\nactive\nlast"), ""),
        ({"output_matches": "^active$"}, Invocation("Success", 0, "inactive"), "The output does not match '^active$'."),
        (
            {},
            Invocation("Timeout", error_code="ExecutionTimeout", error_info="the command execution has been timeout"),
            "The command did not end before its timeout.",
        ),
        ({}, Invocation("Aborted", error_code="Code.OfTomorrow", error_info="it is dark"), "It is dark."),
        ({}, Invocation("Terminated"), "Terminated."),
        ({}, Invocation("Success"), "Success."),
    ],
)
def test_a_verdict_has_a_reason(values: dict[str, Any], invocation: Invocation, message: str):
    result = judge(check(**values), invocation)
    assert (result.passed, result.message) == (not message, message or "The check passed.")
    assert result.code == ("" if result.passed else invocation.error_code)


@pytest.mark.parametrize("status", ["Pending", "Scheduled", "Running", "Stopping", ""])
def test_what_has_not_ended(status: str):
    assert not Invocation(status).ended
    assert Invocation("Cancelled").ended


def test_the_end_of_a_long_output_is_shown():
    text = "".join(f"line {number}\n" for number in range(1000))
    result = judge(check(), Invocation("Success", 0, text))
    assert result.truncated
    assert len(result.output) <= checks.MAX_OUTPUT_LENGTH
    assert result.output.startswith("line ")
    assert result.output.endswith("line 999\n")
    assert judge(check(), Invocation("Success", 0, "short", dropped=5)).truncated
    assert not judge(check(), Invocation("Success", 0, "\x1b[0;32mgreen\x1b[0m")).truncated
    assert judge(check(), Invocation("Success", 0, "\x1b[0;32mgreen\x1b[0m\r\n")).output == "green\r\n"
    assert checks.tail("x" * 50, 20) == "x" * 20


def test_a_secret_output_is_matched_and_not_shown():
    secret = check(output_matches="hunter2", no_output=True)
    result = judge(secret, Invocation("Success", 0, "password: hunter2", dropped=1))
    assert result.passed
    assert (result.output, result.truncated) == ("", False)
    assert "hunter2" not in str(judge(check(no_output=True), Invocation("Failed", 1, "hunter2")).as_result())


def test_a_refusal_is_a_result():
    assert checks.refused(check(), CutoverError("no", code="InvalidInstance.NotMatch")).message == (
        "This type of command does not run on the instance's operating system."
    )
    assert checks.refused(check(), CutoverError("it was refused", code="X")).as_result()["code"] == "X"
