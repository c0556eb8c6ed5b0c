# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What integration tests share: a way into a lab, its control, and running a module as Ansible runs it, in both ways."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, ModuleDefinition
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import Connection, VCenter
from lab.access import PROXY_VARIABLES, Endpoints, ansible_variables, environment_variables
from lab.certificates import write_certificates
from lab.launcher import VCENTER, Options, Starter, make_credentials, vcenter_config
from lab.places import PYTHON, VCENTER_BINARY, LabDirectory
from lab.processes import stop

#: Where ``ansible`` prints a host's result.
_RESULT = re.compile(r"^localhost \| [A-Z]+!? (?:=>|\|.*=>) ", re.MULTILINE)


class Control:
    """The control port of a lab, or of its vCenter alone."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=60, trust_env=False)

    def get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()

    def post(self, path: str, body: Any) -> None:
        self._client.post(path, json=body).raise_for_status()

    def delete(self, path: str) -> None:
        self._client.delete(path).raise_for_status()

    def vm(self, name: str) -> dict[str, Any]:
        """A VM as the lab itself knows it."""
        return next(vm for vm in self.get("/vms") if vm["name"] == name)

    def mutating_requests(self) -> list[str]:
        """What clients have asked, since the last ``DELETE /requests``, that changes something."""
        return [one["action"] for one in self.get("/requests") if one["mutating"]]


@dataclass(frozen=True)
class Access:
    """How to reach a lab: what its user would have in the environment, and its control."""

    variables: dict[str, str] = field(repr=False)
    control: Control

    def environment(self, **changes: str) -> dict[str, str]:
        """The environment of a user's shell that has sourced the lab's env.sh."""
        inherited = {name: value for name, value in os.environ.items() if name not in PROXY_VARIABLES}
        path = f"{Path(PYTHON).parent}{os.pathsep}{inherited['PATH']}"
        ansible = ansible_variables() | {
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        }
        return inherited | ansible | self.variables | {"PATH": path} | changes

    def call_module(
        self, name: str, parameters: dict[str, Any], *, check: bool = False, **changes: str
    ) -> dict[str, Any]:
        """Run a module's handler in this process, as its action plugin does, without the second that ``ansible`` takes."""
        definition: ModuleDefinition = import_module(f"ansible_collections.cutover.smc.plugins.modules.{name}").MODULE
        lines: list[str] = []
        with mock.patch.dict(os.environ, self.environment(**changes), clear=True):
            validated = ArgumentSpecValidator(definition.argument_spec, **definition.argument_rules).validate(
                parameters
            )
            assert validated.error_messages == []
            result = definition.execute(validated.validated_parameters, Context(check, lines.append, lines.append))
        return {"failed": False, "output": "\n".join(lines)} | result

    @contextmanager
    def session(self) -> Iterator[tuple[VCenter, Callable[[str], list[Any]]]]:
        """A session of the collection's own, and a way to name VMs in it."""
        with mock.patch.dict(os.environ, self.environment(), clear=True):
            connection = Connection(
                self.variables["VMWARE_HOST"],
                self.variables["VMWARE_USER"],
                self.variables["VMWARE_PASSWORD"],
                int(self.variables["VMWARE_PORT"]),
            )
            with VCenter(connection) as vcenter:
                yield vcenter, lambda name: [vcenter.reference("VirtualMachine", self.control.vm(name)["moid"])]

    def run_module(
        self,
        name: str,
        parameters: dict[str, Any],
        *,
        check: bool = False,
        in_process: bool = True,
        verbosity: int = 0,
        **changes: str,
    ) -> dict[str, Any]:
        """Run a module by ``ansible`` and return its result, with all that was printed as ``output``.

        :param changes: environment variables that differ from the lab's
        """
        extra = {"cutover_in_process": in_process, "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        command = [
            "ansible",
            "localhost",
            "-m",
            f"cutover.smc.{name}",
            "-a",
            json.dumps(parameters),
            "-e",
            json.dumps(extra),
        ]
        command += ["--check"] * check + ["-" + "v" * verbosity] * bool(verbosity)
        done = subprocess.run(
            command, env=self.environment(**changes), capture_output=True, text=True, timeout=300, check=False
        )
        result = _result_in(done.stdout)
        result["output"] = done.stdout + done.stderr
        result["failed"] = done.returncode != 0
        return result


@contextmanager
def running_vcenter(path: Path, options: Options, **settings: Any) -> Iterator[Access]:
    """A vCenter without a cloud.

    :param settings: entries of its configuration for which the launcher has no option
    """
    starter = Starter(LabDirectory(path))
    credentials, certificates = make_credentials(), write_certificates(starter.directory.certificates)
    config = vcenter_config(starter.directory, options, credentials, certificates) | settings
    try:
        ready = starter.run_service(VCENTER, [str(VCENTER_BINARY)], config)
        endpoints = Endpoints(ready["port"], ready["control_port"], 0, 0, ready["control_port"])
        variables = environment_variables(endpoints, credentials, certificates.authority)
        yield Access(variables, Control(endpoints.control))
    finally:
        stop(starter.processes)


def _result_in(output: str) -> dict[str, Any]:
    found = _RESULT.search(output)
    assert found, f"no result in the output of ansible:\n{output}"
    return json.JSONDecoder().raw_decode(output[found.end() :])[0]
