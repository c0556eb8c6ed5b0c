# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module has the files and lines that belong to it: an action plugin, an action group, the documentation of that group."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

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


def documentation(path: Path, variable: str) -> Any:
    """What a plugin documents in one of its variables; None when it has none."""
    found = re.search(rf'^{variable} = r?"""\n(.*?)"""', path.read_text(), re.DOTALL | re.MULTILINE)
    return yaml.safe_load(found.group(1)) if found else None


def without_sample(values: dict[str, Any], prefix: str = "") -> list[str]:
    """The names of the return values, at any depth, that show no example."""
    found: list[str] = []
    for name, value in values.items():
        inner = value.get("contains")
        found += without_sample(inner, f"{prefix}{name}.") if inner else [] if "sample" in value else [prefix + name]
    return found


PLUGINS = {f"{path.parent.name}/{path.stem}": path for path in ROOT.glob("plugins/*/*.py") if path.stem[0] != "_"}
#: Plugins of which some return values have no sample yet.
NO_SAMPLES_YET = {
    "filter/assign_connectors",
    "filter/preflight_report",
    "filter/waive_concerns",
    "modules/smc_connector",
    "modules/smc_workgroup",
}
DOCUMENTED = sorted(name for name in PLUGINS if name.startswith(("modules/", "filter/")))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documentation_can_be_read(name: str) -> None:
    # antsibull-docs does not fail at a variable that it cannot read.
    assert all(documentation(PLUGINS[name], variable) for variable in ("DOCUMENTATION", "EXAMPLES", "RETURN"))


@pytest.mark.parametrize("name", [name for name in DOCUMENTED if name not in NO_SAMPLES_YET])
def test_every_return_value_has_a_sample(name: str) -> None:
    assert without_sample(documentation(PLUGINS[name], "RETURN")) == []
