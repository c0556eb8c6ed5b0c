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
from unittest import mock

import pytest

from lab.access import PROXY_VARIABLES
from tests.integration.lab_harness import (
    BIN,
    FIRST_VM,
    LABS,
    SECOND_VM,
    Call,
    Console,
    Lab,
    Outcome,
    call_handler,
    import_vms,
    run_ansible,
    start_lab,
)


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
    session_lab.reset_faults()
    session_lab.reset_requests()
    yield session_lab
    session_lab.reset_faults()


@pytest.fixture
def call(lab: Lab) -> Call:
    """Run a module's handler in the test's own process."""

    def run(module: str, /, *, check: bool = False, **params: Any) -> Outcome:
        definition = importlib.import_module(f"ansible_collections.cutover.smc.plugins.modules.{module}").MODULE
        if "poll_interval" in definition.argument_spec:
            params.setdefault("poll_interval", 0.3)
        return call_handler(module, params, check=check)

    return run


@pytest.fixture(scope="session")
def imported(session_lab: Lab) -> dict[str, str]:
    """The VMs that the tests of SMC's modules share, imported and recognized: name -> instance UUID."""
    with mock.patch.dict(os.environ, session_lab.environment):
        for name in PROXY_VARIABLES:
            os.environ.pop(name, None)
        session_lab.reset_faults()

        def run(module: str, **params: Any) -> Outcome:
            return call_handler(module, params)

        uuids = import_vms(session_lab, run, FIRST_VM, SECOND_VM)
        for name, uuid in uuids.items():
            recognized = run("smc_source", vm_uuid=uuid, vm_name=name)
            assert not recognized.failed, recognized.result
    return uuids


@pytest.fixture
def no_jobs(imported: dict[str, str], lab: Lab, call: Call) -> Iterator[dict[str, str]]:
    """The shared VMs without a job and without images, before and after."""

    def forget() -> None:
        for uuid in imported.values():
            deleted = call("smc_incremental_job", vm_uuid=uuid, state="absent", discard_replication=True)
            assert not deleted.failed, deleted.result
            Console(lab).delete_images(**{"cutover:vm-uuid": uuid})

    forget()
    lab.reset_requests()
    yield imported
    lab.reset_faults()
    forget()


@pytest.fixture
def ansible(lab: Lab) -> Call:
    """Run a module through ``ansible``, in one of the two ways."""

    def run(
        module: str,
        *,
        way: str = "in_process",
        check: bool = False,
        verbosity: int = 0,
        environment: dict[str, str] | None = None,
        **params: Any,
    ) -> Outcome:
        variables = os.environ | lab.environment | (environment or {})
        return run_ansible(module, params, variables, way=way, check=check, verbosity=verbosity)

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
