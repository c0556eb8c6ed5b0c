# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixtures of the integration tests: a lab, and the ways to run a module or a playbook against it."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.access import PROXY_VARIABLES
from tests.integration.labs import BIN, LABS, Call, Lab, Outcome, result_in, start_lab


@pytest.fixture(scope="session")
def session_lab() -> Iterator[Lab]:
    """The lab of this test session. Tests of different files use different VMs of it."""
    lab = start_lab(LABS / "lab", "--vms", "10")
    yield lab
    lab.stop()


@pytest.fixture
def lab(session_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """The lab, without the faults of other tests, in the environment of the test."""
    for name, value in session_lab.environment.items():
        monkeypatch.setenv(name, value)
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    session_lab.mend()
    session_lab.forget_requests()
    yield session_lab
    session_lab.mend()


@pytest.fixture
def call(lab: Lab) -> Call:
    """Run a module's handler in the test's own process, its arguments validated as Ansible does."""

    def run(module: str, /, *, check: bool = False, **params: Any) -> Outcome:
        from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

        definition = importlib.import_module(f"ansible_collections.cutover.smc.plugins.modules.{module}").MODULE
        core_module = importlib.import_module("ansible_collections.cutover.smc.plugins.module_utils._core.module")
        if "poll_interval" in definition.argument_spec:
            params.setdefault("poll_interval", 0.3)
        validation = ArgumentSpecValidator(definition.argument_spec, **definition.argument_rules).validate(params)
        shown: list[str] = []
        if validation.error_messages:
            return Outcome({"failed": True, "msg": ", ".join(validation.error_messages)}, "")
        runner = core_module.Context(check_mode=check, progress=shown.append, warn=shown.append)
        return Outcome(definition.execute(validation.validated_parameters, runner), "\n".join(shown))

    return run


@pytest.fixture
def ansible(lab: Lab) -> Call:
    """Run a module through ``ansible``, in the one way or the other."""

    def run(
        module: str,
        *,
        way: str = "in_process",
        check: bool = False,
        verbosity: int = 0,
        environment: dict[str, str] | None = None,
        **params: Any,
    ) -> Outcome:
        command = [str(BIN / "ansible"), "localhost", "-m", f"cutover.smc.{module}"]
        command += ["-e", json.dumps({"cutover_in_process": way == "in_process"})]
        command += ["-a", json.dumps(params)] if params else []
        command += ["--check"] if check else []
        command += [f"-{'v' * verbosity}"] if verbosity else []
        quiet = {
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        }
        answer = subprocess.run(
            command,
            env=os.environ | lab.environment | quiet | (environment or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        shown = answer.stdout + answer.stderr
        return Outcome(dict(result_in(answer.stdout), failed=answer.returncode != 0), shown)

    return run


@pytest.fixture
def playbook(lab: Lab) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a playbook of the collection over the lab's inventory."""

    def run(name: str, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        command = [str(BIN / "ansible-playbook"), f"cutover.smc.{name}", "-i", str(lab.inventory), *options]
        command += ["-e", json.dumps(variables)] if variables else []
        environment = os.environ | lab.environment | {"ANSIBLE_NOCOLOR": "1"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)

    return run
