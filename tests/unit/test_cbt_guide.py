# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide to CBT says what the modules do: their options, every refusal, and which of them can be waived."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cutover.smc.plugins.module_utils._concerns.assessment import DISK_RULES, VM_RULES

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "cbt.md").read_text()
RULES = (*VM_RULES, *DISK_RULES)


def section(heading: str) -> str:
    """A section of the guide, without its heading."""
    return re.split(r"^## ", GUIDE.partition(f"## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def tasks() -> list[dict[str, Any]]:
    """Every task of a CBT module that the guide shows, of a play or by itself."""
    shown = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)]
    entries = [entry for block in shown if isinstance(block, list) for entry in block]
    found = [task for entry in entries for task in entry.get("tasks", [entry])]
    return [task for task in found if any(key.startswith("cutover.smc.vmware_cbt") for key in task)]


def test_the_guide_shows_both_modules() -> None:
    assert {key for task in tasks() for key in task if key.startswith("cutover.smc.")} == {
        "cutover.smc.vmware_cbt",
        "cutover.smc.vmware_cbt_info",
    }


@pytest.mark.parametrize("task", tasks(), ids=lambda task: task["name"])
def test_its_options_and_choices_exist(task: dict[str, Any]) -> None:
    name = next(key for key in task if key.startswith("cutover.smc."))
    specification = importlib.import_module(
        f"ansible_collections.cutover.smc.plugins.modules.{name.rpartition('.')[2]}"
    ).MODULE.argument_spec
    for option, value in task[name].items():
        assert option in specification
        assert "choices" not in specification[option] or value in specification[option]["choices"]


def test_options_named_in_the_text_exist() -> None:
    specification = importlib.import_module(
        "ansible_collections.cutover.smc.plugins.modules.vmware_cbt"
    ).MODULE.argument_spec
    named = re.findall(r"`(activate|method|snapshots|verify|state|shutdown_fallback|shutdown): (\w+)`", GUIDE)
    assert named
    assert [(option, value) for option, value in named if value not in specification[option]["choices"]] == []


def test_every_refusal_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", section("What each refusal means")))
    assert {rule.id for rule in RULES if rule.blocks} <= explained


def test_it_lists_what_can_be_waived() -> None:
    sentence = re.search(r"Of the refusals only (.*?) can be waived", section("Waivers"), re.DOTALL)
    assert sentence
    waivable = {rule.id for rule in RULES if rule.blocks and rule.waivable}
    assert set(re.findall(r"`(\w+)`", sentence.group(1))) == waivable
