# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the roles agree with those of the modules that they are passed to, and the tool finds where they do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import role_readmes
from tools.role_readmes import PassedOption, contradictions, differences, final_default, passed_options, unexpected

Option = dict[str, Any]
MODULE_SPEC: dict[str, Option] = {
    "mode": {"type": "str", "choices": ["fast", "safe"], "default": "safe"},
    "count": {"type": "int"},
    "timeout": {"type": "str", "default": "6h"},
}


def a_role(directory: Path, options: dict[str, Option], arguments: dict[str, Any], **defaults: Any) -> Path:
    """A role whose only task passes the arguments to the module ``make``."""
    files = {
        "meta/argument_specs.yml": {"argument_specs": {"main": {"options": options}}},
        "defaults/main.yml": defaults,
        "tasks/main.yml": [{"name": "Make it", "cutover.smc.make": arguments}],
    }
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(yaml.safe_dump(content))
    return directory


@pytest.fixture
def contradictions_of(tmp_path: Path) -> Callable[..., list[str]]:
    def found(option: Option, argument: str = "mode", **defaults: Any) -> list[str]:
        role = a_role(tmp_path, {"r_x": option}, {argument: "{{ r_x }}"}, **defaults)
        return list(contradictions(role, {"make": MODULE_SPEC}.__getitem__).values())

    return found


class TestTheRoles:
    def test_agree_with_their_modules(self) -> None:
        found = {
            key: text
            for role in role_readmes.roles()
            for key, text in contradictions(role, role_readmes.module_spec).items()
        }
        assert unexpected(found, role_readmes.INTENDED) == []

    def test_pass_most_of_their_options_on(self) -> None:
        passed = set()
        for role in role_readmes.roles():
            options = role_readmes.specification_of(role)["options"]
            for file in role.glob("tasks/*.yml"):
                passed |= passed_options(role_readmes.tasks_of(yaml.safe_load(file.read_text())), options)
        assert PassedOption("enable_cbt_snapshots", "vmware_cbt", "snapshots") in passed
        assert PassedOption("replicate_valid_at_least", "smc_incremental_job", "valid_at_least") in passed
        assert PassedOption("verify_image_key_pair_name", "ecs_verification_instance", "key_pair_name") in passed


class TestDifferences:
    @pytest.mark.parametrize(
        "option",
        [
            {"type": "str", "choices": ["safe", "fast"], "default": "safe"},
            {"choices": ["fast", "safe"]},
            {"type": "str", "choices": ["fast", "safe"], "default": ""},
        ],
    )
    def test_options_that_agree(self, option: Option) -> None:
        assert differences(option, MODULE_SPEC["mode"]) == {}

    @pytest.mark.parametrize(
        ("option", "module_option", "text"),
        [
            ({"type": "int"}, {"type": "str"}, "type int instead of str"),
            ({}, {"type": "bool"}, "type str instead of bool"),
            ({"type": "path"}, {}, "type path instead of str"),
            ({"type": "list", "elements": "str"}, {"type": "list", "elements": "dict"}, "elements str instead of dict"),
            ({"choices": ["a"]}, {"choices": ["a", "b"]}, "choices ['a'] instead of ['a', 'b']"),
            ({"choices": ["a", "b"]}, {"choices": ["a"]}, "choices ['a', 'b'] instead of ['a']"),
            ({"choices": ["a"]}, {}, "choices ['a'] instead of []"),
            ({}, {"choices": ["a"]}, "choices [] instead of ['a']"),
            ({"default": "1h"}, {"default": "2h"}, "default 1h instead of 2h"),
            ({"type": "bool", "default": False}, {"type": "bool", "default": True}, "default False instead of True"),
        ],
    )
    def test_what_differs_is_found(self, option: Option, module_option: Option, text: str) -> None:
        assert list(differences(option, module_option).values()) == [text]

    def test_a_default_of_one_side_is_no_difference(self) -> None:
        assert differences({"default": "1h"}, {}) == {}
        assert differences({}, {"default": "1h"}) == {}

    def test_suboptions_are_compared(self) -> None:
        module_option = {"type": "dict", "options": {"size": {"type": "int"}, "more": {"type": "str"}}}
        assert differences({"type": "dict", "options": {"size": {"type": "int"}}}, module_option) == {}
        assert differences({"type": "dict", "options": {"size": {"type": "str"}, "index": {}}}, module_option) == {
            "size.type": "size: type str instead of int",
            "index": "suboption index, which the module does not have",
        }


class TestPassedOptions:
    @pytest.mark.parametrize(
        "value",
        [
            "{{ r_x }}",
            "{{r_x}}",
            "{{ r_x | default(omit) }}",
            "{{ r_x | default(omit, true) }}",
            "{{ r_x | default(__r_name) }}",
            "{{ r_x if __r_wanted else omit }}",
        ],
    )
    def test_an_option_as_an_argument(self, value: str) -> None:
        tasks = [{"name": "Make it", "cutover.smc.make": {"mode": value}, "register": "r_made"}]
        assert passed_options(tasks, ["r_x"]) == {PassedOption("r_x", "make", "mode")}

    @pytest.mark.parametrize("value", ["{{ r_x | length }}", "{{ r_x.y }}", "{{ [r_x] }}", "r_x", "{{ r_y }}", 3, None])
    def test_other_arguments_are_not_options(self, value: object) -> None:
        assert passed_options([{"cutover.smc.make": {"mode": value}}], ["r_x"]) == set()

    def test_other_collections_and_free_form_are_not_read(self) -> None:
        tasks = [{"ansible.builtin.debug": {"msg": "{{ r_x }}"}}, {"cutover.smc.make": "{{ r_x }}"}]
        assert passed_options(tasks, ["r_x"]) == set()

    def test_module_defaults_and_blocks_are_read(self) -> None:
        task = {"cutover.smc.make": {"count": "{{ r_y }}"}}
        entries = [
            {
                "module_defaults": {"cutover.smc.make": {"mode": "{{ r_x }}"}},
                "block": [{"block": [], "rescue": [task]}],
            }
        ]
        assert passed_options(role_readmes.tasks_of(entries), ["r_x", "r_y"]) == {
            PassedOption("r_x", "make", "mode"),
            PassedOption("r_y", "make", "count"),
        }


class TestContradictions:
    def test_an_option_that_agrees(self, contradictions_of: Callable[..., list[str]]) -> None:
        assert contradictions_of({"choices": ["fast", "safe"], "default": "safe"}, r_x="safe") == []

    def test_an_option_that_differs(self, contradictions_of: Callable[..., list[str]]) -> None:
        assert contradictions_of({"type": "str"}, "count") == [
            "r_x is passed to count of make, but has type str instead of int"
        ]

    def test_an_option_that_the_module_does_not_have(self, contradictions_of: Callable[..., list[str]]) -> None:
        assert contradictions_of({}, "speed") == ["r_x is passed to speed of make, which does not exist"]

    @pytest.mark.parametrize(
        ("default", "count"),
        [("6h", 0), ("1h", 1), ("{{ cutover_x | default('6h') }}", 0), ("{{ cutover_x | default('1h') }}", 1)],
    )
    def test_the_default_is_that_of_the_defaults_file(
        self, contradictions_of: Callable[..., list[str]], default: str, count: int
    ) -> None:
        assert len(contradictions_of({}, "timeout", r_x=default)) == count

    @pytest.mark.parametrize(
        ("value", "default"),
        [("5m", "5m"), ("{{ x | default(30) }}", 30), ("{{ x | default([]) }}", []), ("{{ x }}", "{{ x }}"), (2, 2)],
    )
    def test_the_constant_behind_a_replaceable_default(self, value: Any, default: Any) -> None:
        assert final_default(value) == default


def test_intended_contradictions_are_not_reported_and_must_exist() -> None:
    found = {("r_x", "default"): "x differs", ("r_y", "type"): "y differs"}
    assert unexpected(found, [("r_x", "default")]) == ["y differs"]
    assert unexpected(found, []) == ["x differs", "y differs"]
    assert unexpected({}, [("r_x", "default")]) == ["r_x: its default does not differ; remove it from INTENDED"]
