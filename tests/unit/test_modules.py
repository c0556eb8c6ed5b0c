# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module has the files and lines that belong to it: an action plugin, an action group, the documentation of that group."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODULES = {path.stem: path.read_text() for path in ROOT.glob("plugins/modules/*.py")}
ACTIONS = {path.stem: path.read_text() for path in ROOT.glob("plugins/action/*.py")}
GROUPS = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]
#: The module that runs on the connectors, and therefore never inside the controller.
ELSEWHERE = {"smc_connector"}


def test_modules_and_action_plugins_belong_together() -> None:
    assert set(ACTIONS) == set(MODULES) - ELSEWHERE


@pytest.mark.parametrize("module", sorted(name for name in ACTIONS if "\nMODULE = " in MODULES[name]))
def test_an_action_plugin_takes_the_definition_of_its_module(module: str) -> None:
    assert f"ansible_collections.cutover.smc.plugins.modules.{module} import" in ACTIONS[module]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_documents_the_action_group_that_it_is_in(module: str) -> None:
    documented = set(re.findall(r"^  - cutover\.smc\.attributes\.(\w+)_group$", MODULES[module], re.MULTILINE))
    assert documented == {group for group, members in GROUPS.items() if module in members}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_that_connects_is_in_an_action_group(module: str) -> None:
    connects = set(re.findall(r"^  - cutover\.smc\.(vmware|alicloud)$", MODULES[module], re.MULTILINE))
    assert not connects or connects & {group for group, members in GROUPS.items() if module in members}


def test_action_groups_name_modules_that_exist() -> None:
    assert {member for members in GROUPS.values() for member in members} <= set(MODULES)
