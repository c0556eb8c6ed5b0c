# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Labs for the integration tests: starting, asking and stopping them."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.access import sourced

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# Test runs beside each other must not stop each other's lab.
LABS = ROOT / "build" / "integration" / str(os.getpid())
SECONDS_TO_START = 120

#: The two ways to run a module through Ansible.
WAYS = ("in_process", "module")


@dataclass(frozen=True)
class Lab:
    """A running lab: what a client finds in its environment, and the control interface."""

    directory: Path
    environment: dict[str, str]
    control: httpx.Client = field(repr=False)
    switches: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def inventory(self) -> Path:
        """The ready inventory."""
        return self.directory / "inventory.yml"

    def connector(self, number: int) -> Path:
        """The home of a connector."""
        return self.directory / f"connector-{number}" / "root" / "smc"

    def get(self, path: str) -> Any:
        return self.control.get(path).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.control.post(path, json=body).raise_for_status()
        return answer.json() if answer.content else None

    def vm(self, name: str) -> dict[str, Any]:
        return next(vm for vm in self.get("/vms") if vm["name"] == name)

    def job(self, name: str) -> dict[str, Any]:
        """The newest job of a VM, as the simulated cloud knows it."""
        return next(job for job in reversed(self.get("/state")["jobs"]) if job["vm_name"] == name)

    def mutating(self) -> dict[str, int]:
        """The requests since the last reset that changed anything, with their number."""
        return {
            f"{request['service']} {request['action']}": request["count"]
            for request in self.get("/requests")
            if request["mutating"]
        }

    def forget_requests(self) -> None:
        """Count from now on."""
        self.control.delete("/requests").raise_for_status()

    def faults(self, *rules: dict[str, Any]) -> None:
        for rule in rules:
            self.post("/faults", rule)

    def mend(self) -> None:
        """Take back every fault, every change of a switch, and of the clock's speed."""
        self.control.delete("/faults").raise_for_status()
        self.post("/switches", self.switches)
        self.post("/clock", {"scale": 600})

    def stop(self) -> None:
        self.control.close()
        lab_command("down", directory=self.directory)


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
    # Nothing but the lab is connected to, and each session would spend 65 ms on reading the system's CAs as well.
    environment = sourced(directory / "env.sh") | {"SSL_CERT_FILE": str(directory / "tls" / "ca.pem")}
    control = httpx.Client(base_url=environment["LAB_CONTROL"], timeout=60, trust_env=False)
    return Lab(directory, environment, control, control.get("/switches").raise_for_status().json())


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

_RESULT = re.compile(r"^localhost \| [A-Z]+!? => ", re.MULTILINE)


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
