# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task that runs as a module and in process: the same results, the same errors, the same secrecy."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.plugins.shell.sh import ShellModule
from ansible.template import Templar

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.plugin_utils._in_process import in_process

SECRET = "s3cr3t-Passw0rd"
ENVIRONMENT_SECRET = "fr0m-Env1ronment"


def handler(params: dict[str, Any], context: Context) -> dict[str, Any]:
    """A handler that does what the option ``act`` says."""
    act = params["act"]
    if act == "echo":
        return {"changed": not context.check_mode, "params": params, "said": f"the password is {params['password']}"}
    if act == "warn":
        context.warn("a warning")
        context.progress("some progress")
        return {"changed": False}
    if act == "refuse":
        error = PreconditionError(f"refused with {params['password']}", remedy="Wait", code="X.Y", http_status=403)
        error.partial = {"changed": True, "plan": ["half of it"]}
        raise error
    raise KeyError(params["password"])


MODULE = ModuleDefinition(
    argument_spec={
        "act": {"type": "str", "choices": ["echo", "warn", "refuse", "break"], "default": "echo"},
        "password": {"type": "str", "no_log": True},
        "token": {"type": "str", "no_log": True, "fallback": (basic.env_fallback, ["TEST_TOKEN"])},
        "count": {"type": "int", "aliases": ["number"]},
        "tags": {"type": "dict"},
        "disks": {"type": "list", "elements": "dict", "options": {"size": {"type": "int", "required": True}}},
        "name": {"type": "str"},
        "uuid": {"type": "str"},
    },
    handler=handler,
    argument_rules={"mutually_exclusive": [("name", "uuid")]},
)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TOKEN", ENVIRONMENT_SECRET)


@pytest.fixture
def as_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the task as the process on a target does, and read what it prints."""

    def run(definition: ModuleDefinition = MODULE, check: bool = False, **params: Any) -> dict[str, Any]:
        arguments = dict(params, _ansible_check_mode=check, _ansible_verbosity=3, _ansible_tracebacks_for=["error"])
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit):
            run_as_module(definition)
        return json.loads(capsys.readouterr().out)

    return run


class Connection:
    """What the action class reads of a connection."""

    def __init__(self, transport: str = "local", become: Any = None) -> None:
        self.transport = transport
        self.become = become
        self._shell = ShellModule()
        self._shell.set_options()


def action(
    definition: ModuleDefinition, args: dict[str, Any], connection: Connection | None = None, **task_keywords: Any
) -> Any:
    """The action plugin of a task, as a worker has it."""
    settings = {
        "async_val": 0,
        "check_mode": False,
        "delegate_to": None,
        "environment": None,
        "diff": False,
        **task_keywords,
    }
    plugin = in_process(definition)(
        task=SimpleNamespace(args=args, action="test", resolved_action="basic.py", **settings),
        connection=connection or Connection(),
        play_context=None,
        loader=None,
        templar=Templar(loader=None),
        shared_loader_obj=None,
    )
    plugin._execute_module = lambda **how: {"ran": "as a module", "how": how}
    return plugin


def here(definition: ModuleDefinition = MODULE, check: bool = False, **params: Any) -> dict[str, Any]:
    return action(definition, params, check_mode=check).run(task_vars={})


def common(result: dict[str, Any]) -> dict[str, Any]:
    """The result without what the machinery of each way adds."""
    return {key: value for key, value in result.items() if key not in ("invocation", "warnings", "failed", "exception")}


CASES = [
    {"act": "echo", "password": SECRET, "count": "3", "tags": {"a": "b"}, "disks": [{"size": "40"}]},
    {"act": "echo", "number": 7, "name": "app-01"},
    {"act": "echo", "password": SECRET, "tags": {"note": f"contains {SECRET}"}},
    {"act": "refuse", "password": SECRET},
    {"act": "break", "password": SECRET},
    {"act": "dance"},
    {"count": "many"},
    {"name": "a", "uuid": "b"},
    {"disks": [{}]},
    {"disks": [{"size": 1, "colour": "red"}]},
    {"colour": "red"},
]


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("params", CASES, ids=json.dumps)
def test_both_ways_return_the_same_and_neither_shows_a_secret(as_module: Any, params: dict[str, Any], check: bool):
    module, in_process_result = as_module(check=check, **params), here(check=check, **params)
    assert common(in_process_result) == common(module)
    assert in_process_result.get("failed", False) == module.get("failed", False)
    for result in (module, in_process_result):
        assert SECRET not in json.dumps(result)
        assert ENVIRONMENT_SECRET not in json.dumps(result)


@pytest.mark.parametrize("way", ["module", "here"])
def test_an_error_is_returned_with_what_was_done(as_module: Any, way: str):
    result = (as_module if way == "module" else here)(act="refuse", password="some-other-word")
    assert result["failed"] is True
    assert result["changed"] is True
    assert result["plan"] == ["half of it"]
    assert result["msg"] == "refused with ********. Wait."
    assert (result["error"]["kind"], result["error"]["code"], result["error"]["http_status"]) == (
        "precondition",
        "X.Y",
        403,
    )


@pytest.mark.parametrize("way", ["module", "here"])
def test_a_bug_is_reported_with_its_line_and_without_a_traceback(as_module: Any, way: str):
    result = (as_module if way == "module" else here)(act="break", password="some-other-word")
    assert result["failed"] is True
    assert "Unexpected KeyError in test_two_ways.py line" in result["msg"]
    assert "please report it" in result["msg"]
    assert "Traceback" not in json.dumps(result)
    assert "some-other-word" not in json.dumps(result)


@pytest.mark.parametrize("way", ["module", "here"])
def test_options_reach_the_handler_as_the_argument_spec_converts_them(as_module: Any, way: str):
    params = (as_module if way == "module" else here)(number="7", disks=[{"size": "40"}])["params"]
    assert params["count"] == 7
    assert params["disks"] == [{"size": 40}]
    assert params["tags"] is None


def test_check_mode_reaches_the_handler(as_module: Any):
    assert as_module(check=True)["changed"] is False
    assert here(check=True)["changed"] is False
    assert here()["changed"] is True


def test_a_missing_library_is_named_and_the_task_runs_as_a_module(as_module: Any):
    definition = ModuleDefinition(
        {}, lambda params, context: {"changed": False}, required_libraries=(("some-sdk", ImportError("no")),)
    )
    assert "some-sdk" in as_module(definition)["msg"]
    assert action(definition, {}).run(task_vars={})["ran"] == "as a module"


AS_MODULE = [
    ({"connection": Connection("ssh")}, {}),
    ({"connection": Connection(become="sudo")}, {}),
    ({"async_val": 30}, {}),
    ({"environment": [{"HTTPS_PROXY": "http://proxy"}]}, {}),
    ({}, {"cutover_in_process": False}),
    ({}, {"cutover_in_process": "no"}),
    ({}, {"ansible_python_interpreter": "/usr/bin/python-of-another-kind"}),
    ({"delegate_to": "far"}, {"ansible_delegated_vars": {"far": {"ansible_python_interpreter": "/usr/bin/other"}}}),
]


@pytest.mark.parametrize(("task_keywords", "variables"), AS_MODULE)
def test_a_task_that_would_differ_in_process_runs_as_a_module(task_keywords: dict[str, Any], variables: dict[str, Any]):
    assert action(MODULE, {}, **task_keywords).run(task_vars=variables)["ran"] == "as a module"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"cutover_in_process": True},
        {"ansible_python_interpreter": sys.executable},
        {"ansible_python_interpreter": "auto_silent"},
    ],
)
def test_on_the_controller_it_runs_in_process(variables: dict[str, Any]):
    assert "ran" not in action(MODULE, {}).run(task_vars=variables)


def test_a_secret_that_is_created_is_not_shown(as_module: Any):
    definition = ModuleDefinition(
        {}, lambda params, context: {"changed": True, "code": "new-secret"}, returns_secret=True
    )
    assert action(definition, {}).run(task_vars={})["_ansible_no_log"] is True
    assert action(definition, {}, connection=Connection("ssh")).run(task_vars={})["_ansible_no_log"] is True
    assert "_ansible_no_log" not in here()
