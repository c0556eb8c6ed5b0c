# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role verify_image says of checks, by its own template and variables and Ansible's own templating."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[2] / "roles" / "verify_image"


def a_check(name: str, told: str = "", output: str = "") -> dict[str, Any]:
    return {"name": name, "passed": not told, "message": told or "The check passed.", "output": output}


def known(started: dict[str, Any], check_mode: bool = False, **options: Any) -> Templar:
    loader = DataLoader()
    variables: dict[str, Any] = loader.load_from_file(str(ROLE / "vars" / "main.yml"), trusted_as_template=True) | {
        "ansible_check_mode": check_mode,
        "identify_vm": {"name": "app-01"},
        "verify_image_keep_failed": False,
        "verify_image_started": started,
    }
    return Templar(loader, variables=variables | options)


def said(*checks: dict[str, Any], check_mode: bool = False, **started: Any) -> list[str]:
    text = (ROLE / "templates" / "check_results.j2").read_text()
    shown = known({"checks": list(checks)} | started, check_mode).template(trust_as_template(text))
    return str(shown or "").splitlines()


def test_nothing_is_said_without_checks() -> None:
    assert said() == []
    assert said(plan=[], check_mode=True) == []


def test_checks_that_pass_are_a_line_each() -> None:
    assert said(a_check("disk", output="long"), a_check("ssh")) == ["app-01: passed: disk", "app-01: passed: ssh"]


def test_a_check_that_fails_shows_the_end_of_its_output_and_of_the_console() -> None:
    output = "".join(f"line {number}\n" for number in range(20))
    lines = said(a_check("disk", "The exit code is 1, not 0.", output), console_output="booting\nlogin: ")
    assert lines[0] == "app-01: FAILED: disk: The exit code is 1, not 0."
    assert [line.strip() for line in lines[1:11]] == [f"line {number}" for number in range(10, 20)]
    assert [line.strip() for line in lines[11:]] == ["app-01: the console ends with", "booting", "login:"]


def test_in_check_mode_what_would_be_done_is_told() -> None:
    plan = ["start a verification instance from image m-1, released after 2:00:00", "run check 'ssh'"]
    assert said(plan=plan, check_mode=True) == [f"app-01: would {step}" for step in plan]


@pytest.mark.parametrize("agent", [True, False, None])
@pytest.mark.parametrize("kept", [True, False])
def test_the_failure_says_what_becomes_of_the_instance_and_whether_the_agent_was_missing(
    agent: bool | None, kept: bool
) -> None:
    instance = {"instance_id": "i-1", "released_at": "2026-11-22T20:00:00Z"}
    templar = known({"checks": [], "agent": agent, "instance": instance}, verify_image_keep_failed=kept)
    fate = str(templar.template(trust_as_template("{{ __verify_image_fate }}")))
    assert ("i-1 stays to be looked at until 2026-11-22T20:00:00Z" in fate) is kept
    assert ("The instance is released" in fate) is not kept
    assert ("it has to be in the VM when the VM is copied. The instance" in fate) is (agent is False)
