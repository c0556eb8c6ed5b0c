# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles are data and calls: what is computed is a filter or a module with tests of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"
NAMES = sorted(path.parent.name for path in ROLES.glob("*/meta"))
#: Roles whose ``vars`` still hold expressions.
NOT_YET = {"identify"}


@pytest.mark.parametrize("role", NAMES)
def test_a_role_has_no_programs_in_templates(role: str) -> None:
    assert [path.name for path in (ROLES / role).rglob("*.j2")] == []
    tasks = "".join(path.read_text() for path in (ROLES / role / "tasks").glob("*.yml"))
    assert "{%" not in tasks


@pytest.mark.parametrize("role", [name for name in NAMES if name not in NOT_YET])
def test_the_variables_of_a_role_are_constants(role: str) -> None:
    for path in (ROLES / role).glob("vars/*.yml"):
        assert "{{" not in path.read_text(), path.name


def keywords(tasks: list[dict[str, Any]], keyword: str) -> Iterator[Any]:
    """The values of a keyword of tasks, those in blocks too."""
    for task in tasks:
        if keyword in task:
            yield task[keyword]
        for part in ("block", "rescue", "always"):
            yield from keywords(task.get(part, []), keyword)


@pytest.mark.parametrize("role", NAMES)
@pytest.mark.parametrize("keyword", ["check_mode", "diff"])
def test_check_mode_of_a_play_or_a_block_is_not_overridden_by_an_expression(role: str, keyword: str) -> None:
    """``ansible_check_mode`` knows the command line only: a task that computes its keyword from it would act in a block in check mode."""
    for path in (ROLES / role / "tasks").glob("*.yml"):
        values = list(keywords(yaml.safe_load(path.read_text()), keyword))
        assert all(isinstance(value, bool) for value in values), path.name


def boolean_options(role: str) -> list[str]:
    """The options of a role that are true or false."""
    options = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]
    return [name for name, option in options.get("options", {}).items() if option.get("type") == "bool"]


@pytest.mark.parametrize("role", NAMES)
def test_boolean_options_are_read_as_booleans(role: str) -> None:
    """An extra variable or an answer of a survey is text, and the text "false" is true to Jinja: services would keep running."""
    passed_on = re.compile(r"\s*\w+: \"\{\{ \w+(?: \| default\(omit(?:, true)?\))? \}\}\"")  # the module converts it
    paths = [*(ROLES / role).glob("tasks/*.yml"), *(ROLES / role).glob("vars/*.yml")]
    lines = [line for path in paths for line in path.read_text().splitlines() if not passed_on.fullmatch(line)]
    assert [
        line
        for line in lines
        for name in boolean_options(role)
        if re.search(rf"\b{name}\b(?! \| bool\b)(?![=:])", line)
    ] == []


#: What is run with a hook that is null, as a line ``roll_back_start_services_tasks:`` without a value makes it.
WITHOUT_A_VALUE = """
- hosts: localhost
  gather_facts: false
  vars: {identify_migrated: false, identify_vm: {name: app-01}, cut_over_stop_services_tasks: null, roll_back_start_services_tasks: null}
  tasks:
    - ansible.builtin.include_role: {name: cutover.smc.roll_back, tasks_from: start}
    - ansible.builtin.include_role: {name: cutover.smc.cut_over, tasks_from: validate}
"""


def test_a_hook_without_a_value_is_no_hook(tmp_path: Path) -> None:
    """Otherwise it would pass the checks, and fail when the services have been stopped."""
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(WITHOUT_A_VALUE)
    settings = {"ANSIBLE_COLLECTIONS_PATH": str(ROLES.parent / "build" / "tree"), "ANSIBLE_HOME": str(tmp_path)}
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-c", "local", str(playbook)]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)
    assert "No way to stop the services of app-01 is configured" in done.stdout + done.stderr
    assert re.search(r"ok=\d+ +changed=0 +unreachable=0 +failed=1", done.stdout)
