# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Labs for the tests: starting and stopping them, asking their control port, and running modules against them."""

from __future__ import annotations

import importlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import httpx
import pytest
from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_ecs20140526.client import Client as EcsSdk
from alibabacloud_tea_openapi.models import Config
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, ModuleDefinition
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import Connection, VCenter
from lab.access import PROXY_VARIABLES, Endpoints, ansible_variables, environment_variables, sourced
from lab.certificates import write_certificates
from lab.launcher import VCENTER, Options, Starter, make_credentials, vcenter_config
from lab.paths import PYTHON, VCENTER_BINARY, LabDirectory
from lab.processes import stop

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# A directory for each process: parallel test runs must not stop each other's lab.
LABS = ROOT / "build" / "integration" / str(os.getpid())
SECONDS_TO_START = 120

#: The VMs that tests of SMC's modules share. Tests of different files use different VMs otherwise.
FIRST_VM, SECOND_VM = "app-02", "app-03"

#: The two ways to run a module through Ansible.
WAYS = ("in_process", "module")

#: Where ``ansible`` prints the result of a host.
_RESULT = re.compile(r"^localhost \| [A-Z]+!? (?:=>|\|.*=>) ", re.MULTILINE)


class Control:
    """The control port of a lab, or of its vCenter alone."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=60, trust_env=False)

    def get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()

    def post(self, path: str, body: Any) -> Any:
        answer = self._client.post(path, json=body).raise_for_status()
        return answer.json() if answer.content else None

    def delete(self, path: str) -> None:
        self._client.delete(path).raise_for_status()

    def close(self) -> None:
        self._client.close()

    def vm(self, name: str) -> dict[str, Any]:
        """A VM as the lab itself knows it."""
        return next(vm for vm in self.get("/vms") if vm["name"] == name)

    def mutating_requests(self) -> list[str]:
        """The actions that clients have requested since the last reset and that change something."""
        return [request["action"] for request in self.get("/requests") if request["mutating"]]


@dataclass(frozen=True)
class Lab:
    """A running lab: what a client finds in its environment, and the control port."""

    directory: Path
    environment: dict[str, str]
    control: Control = field(repr=False)
    switches: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def inventory(self) -> Path:
        """The ready inventory."""
        return self.directory / "inventory.yml"

    def connector(self, number: int) -> Path:
        """The home of a connector."""
        return self.directory / f"connector-{number}" / "root" / "smc"

    def get(self, path: str) -> Any:
        return self.control.get(path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.control.post(path, body)

    def vm(self, name: str) -> dict[str, Any]:
        return self.control.vm(name)

    def job(self, name: str) -> dict[str, Any]:
        """The newest job of a VM, as the simulated cloud knows it."""
        return next(job for job in reversed(self.get("/state")["jobs"]) if job["vm_name"] == name)

    def mutating_requests(self) -> dict[str, int]:
        """The requests since the last reset that changed anything, with their number."""
        return {
            f"{request['service']} {request['action']}": request["count"]
            for request in self.get("/requests")
            if request["mutating"]
        }

    def reset_requests(self) -> None:
        """Count requests from now on."""
        self.control.delete("/requests")

    def faults(self, *rules: dict[str, Any]) -> None:
        for rule in rules:
            self.post("/faults", rule)

    def reset_faults(self) -> None:
        """Take back every fault, every change of a switch, and of the clock's speed."""
        self.control.delete("/faults")
        self.post("/switches", self.switches)
        self.post("/clock", {"scale": 600})

    def stop(self) -> None:
        self.control.close()
        lab_command("down", directory=self.directory)


@dataclass(frozen=True)
class VCenterLab:
    """A running vCenter without a cloud: what its user has in the environment, and its control port."""

    variables: dict[str, str] = field(repr=False)
    control: Control

    def environment(self, **changes: str) -> dict[str, str]:
        """The environment of a user's shell that has sourced the lab's env.sh."""
        inherited = {name: value for name, value in os.environ.items() if name not in PROXY_VARIABLES}
        path = f"{Path(PYTHON).parent}{os.pathsep}{inherited['PATH']}"
        return inherited | ansible_variables() | self.variables | {"PATH": path} | changes

    def call_module(
        self, name: str, parameters: dict[str, Any], *, check: bool = False, **changes: str
    ) -> dict[str, Any]:
        """Run a module's handler in this process.

        :param changes: environment variables that differ from the lab's
        """
        with mock.patch.dict(os.environ, self.environment(**changes), clear=True):
            outcome = call_handler(name, parameters, check=check)
        return {"failed": False, "output": outcome.shown} | outcome.result

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
        way: str = "in_process",
        check: bool = False,
        verbosity: int = 0,
        **changes: str,
    ) -> dict[str, Any]:
        """Run a module by ``ansible`` and return its result, with all that was printed as ``output``.

        :param changes: environment variables that differ from the lab's
        """
        outcome = run_ansible(name, parameters, self.environment(**changes), way=way, check=check, verbosity=verbosity)
        return outcome.result | {"output": outcome.shown}


@dataclass
class Outcome:
    """What a module returned, and all that it showed on the way."""

    result: dict[str, Any]
    shown: str

    def __getitem__(self, name: str) -> Any:
        return self.result[name]

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed"))


Call = Callable[..., Outcome]


class Console:
    """What a user does in the ECS console, by the official SDK. No module deletes a final image."""

    def __init__(self, lab: Lab) -> None:
        self._region = lab.environment["ALIBABA_CLOUD_REGION_ID"]
        endpoint = urlsplit(lab.environment["CUTOVER_ECS_ENDPOINT"])
        self._ecs = EcsSdk(
            Config(
                access_key_id=lab.environment["ALIBABA_CLOUD_ACCESS_KEY_ID"],
                access_key_secret=lab.environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
                region_id=self._region,
                endpoint=endpoint.netloc,
                protocol=endpoint.scheme,
            )
        )

    def delete_images(self, **tags: str) -> None:
        """Delete the images with all these tags."""
        wanted = [ecs_models.DescribeImagesRequestTag(key=key, value=value) for key, value in tags.items()]
        request = ecs_models.DescribeImagesRequest(
            region_id=self._region, image_owner_alias="self", tag=wanted, page_size=100
        )
        for image in self._ecs.describe_images(request).body.images.image:
            self._ecs.delete_image(ecs_models.DeleteImageRequest(region_id=self._region, image_id=image.image_id))

    def tag_image(self, image_id: str, **tags: str) -> None:
        """Add tags to an image."""
        added = [ecs_models.TagResourcesRequestTag(key=key, value=value) for key, value in tags.items()]
        self._ecs.tag_resources(
            ecs_models.TagResourcesRequest(
                region_id=self._region, resource_type="image", resource_id=[image_id], tag=added
            )
        )


def smc_time(call: Call) -> str:
    """SMC's clock, as a user reads it."""
    return str(call("smc_incremental_job_info", job_ids=[])["cloud_time"])


def set_service(lab: Lab, name: str, service: str) -> None:
    """Start or stop the service in a guest: ``running`` or ``stopped``."""
    lab.post(f"/vms/{name}/guest", {"service": service})


def assert_image_is_disk(lab: Lab, image_id: str, vm: str) -> None:
    """The image holds what the disks of the VM hold."""
    image = {disk["key"]: disk["sha256"] for disk in lab.get(f"/images/{image_id}/disks")}
    disks = {disk["key"]: disk["sha256"] for disk in lab.get(f"/vms/{vm}/disks")}
    assert image == disks


def lab_command(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run the lab's command line."""
    command = [sys.executable, "-m", "lab", *arguments, "--directory", str(directory)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_TO_START, check=False)


def start_lab(directory: Path, *options: str) -> Lab:
    """Start a fresh lab in a directory of its own."""
    lab_command("down", directory=directory)
    shutil.rmtree(directory, ignore_errors=True)
    started = lab_command("up", *options, directory=directory)
    if started.returncode != 0:
        pytest.fail(f"the lab did not start:\n{started.stdout}{started.stderr}", pytrace=False)
    # Only the lab is connected to, and each session would spend 65 ms on reading the system's CAs as well.
    environment = sourced(directory / "env.sh") | {"SSL_CERT_FILE": str(directory / "tls" / "ca.pem")}
    control = Control(environment["LAB_CONTROL"])
    return Lab(directory, environment, control, control.get("/switches"))


@contextmanager
def running_vcenter(path: Path, options: Options, **settings: Any) -> Iterator[VCenterLab]:
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
        yield VCenterLab(variables, Control(endpoints.control))
    finally:
        stop(starter.processes)


def call_handler(module: str, parameters: dict[str, Any], *, check: bool = False) -> Outcome:
    """Run a module's handler in this process, its arguments validated as Ansible does: without the second that ``ansible`` takes."""
    definition: ModuleDefinition = importlib.import_module(
        f"ansible_collections.cutover.smc.plugins.modules.{module}"
    ).MODULE
    validated = ArgumentSpecValidator(definition.argument_spec, **definition.argument_rules).validate(parameters)
    if validated.error_messages:
        return Outcome({"failed": True, "msg": ", ".join(validated.error_messages)}, "")
    lines: list[str] = []
    context = Context(check_mode=check, progress=lines.append, warn=lines.append)
    return Outcome(definition.execute(validated.validated_parameters, context), "\n".join(lines))


def run_ansible(
    module: str,
    parameters: dict[str, Any],
    environment: Mapping[str, str],
    *,
    way: str = "in_process",
    check: bool = False,
    verbosity: int = 0,
) -> Outcome:
    """Run a module by ``ansible``, in one of the two ways."""
    extra = {"cutover_in_process": way == "in_process", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    command = [str(BIN / "ansible"), "localhost", "-m", f"cutover.smc.{module}", "-e", json.dumps(extra)]
    command += ["-a", json.dumps(parameters)] if parameters else []
    command += ["--check"] * check + ["-" + "v" * verbosity] * bool(verbosity)
    quiet = {
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
    }
    done = subprocess.run(
        command, env={**environment, **quiet}, capture_output=True, text=True, check=False, timeout=300
    )
    return Outcome(dict(result_in(done.stdout), failed=done.returncode != 0), done.stdout + done.stderr)


def result_in(output: str) -> dict[str, Any]:
    """The result that ``ansible`` has printed for localhost."""
    found = _RESULT.search(output)
    assert found, f"no result in the output of ansible:\n{output}"
    result: dict[str, Any] = json.JSONDecoder().raw_decode(output[found.end() :])[0]
    return result


def import_vms(lab: Lab, call: Call, *names: str, token: Outcome | None = None) -> dict[str, str]:
    """Import VMs through the connector as a person would; returns VM name -> instance UUID."""
    home = lab.connector(1)
    config = home / "vmware_migrate_config.json"
    choices = json.loads(config.read_text())
    for entry in choices.values():
        entry["migrate"] = entry["migrate"] or entry["vm_name"] in names
    config.write_text(json.dumps(choices))
    # A code is shown once: one of the same name, made by other tests, would come without it.
    token = token or call("smc_access_token", name=f"integration-{secrets.token_hex(4)}")
    answer = subprocess.run(
        [str(home / "go2aliyun_client")],
        input=f"{token['access_token']['access_token_id']}\n{token['access_token_code']}\n",
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ, **lab.environment),
        cwd=home,
    )
    assert "Error" not in answer.stdout, answer.stdout
    return {name: lab.vm(name)["uuid"] for name in names}
