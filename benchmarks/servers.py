"""The directories of the benchmarks, and the servers that they measure against: a vCenter alone, or a whole lab."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.running import BenchmarkError
from lab import launcher
from lab.access import PROXY_VARIABLES, Credentials, Endpoints, ansible_variables, environment_variables
from lab.certificates import write_certificates
from lab.launcher import CLOUD, VCENTER, Options, Starter, cloud_config, vcenter_config
from lab.paths import BUILD, PYTHON, ROOT, VCENTER_BINARY, LabDirectory
from lab.processes import stop

BENCH = BUILD / "bench"
LOGS = BENCH / "logs"
TREE = BENCH / "tree"
_MEASURED = ("plugins", "meta")
_COLLECTION = TREE / "ansible_collections" / "cutover" / "smc"

# Creating the disks of a thousand VMs takes longer than a lab's user should wait.
SECONDS_TO_START = 900.0
# The guests write almost nothing, so that the server has nothing else to do.
QUIET_GUESTS = {"guest_interval_ms": 3_600_000}


def copy_collection(commit: str | None) -> None:
    """Copy what is measured, so that a run measures one state of it, even if files are edited meanwhile.

    :param commit: the commit that is measured; None for the files as they are
    """
    shutil.rmtree(TREE, ignore_errors=True)
    _COLLECTION.mkdir(parents=True)
    if commit is None:
        for name in _MEASURED:
            shutil.copytree(ROOT / name, _COLLECTION / name, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        packed = subprocess.run(["git", "archive", commit, *_MEASURED], cwd=ROOT, check=True, stdout=subprocess.PIPE)
        subprocess.run(["tar", "--extract", "--directory", str(_COLLECTION)], input=packed.stdout, check=True)
    sys.path.insert(0, str(TREE))


@dataclass(frozen=True)
class Server:
    """A server that is measured against: how to reach it, and what it was asked."""

    environment: dict[str, str] = field(repr=False)
    endpoints: Endpoints
    client: httpx.Client = field(repr=False)

    def reset_counts(self) -> None:
        self.client.delete("/requests").raise_for_status()

    def calls(self) -> dict[str, int]:
        """The requests since the last reset, by action."""
        counted = self.client.get("/requests").raise_for_status().json()
        return {request["action"]: request["count"] for request in counted}

    def vms(self) -> list[dict[str, Any]]:
        """The VMs as the simulated vCenter itself knows them."""
        found: list[dict[str, Any]] = self.client.get("/vms").raise_for_status().json()
        return found


@contextmanager
def vcenter(name: str, vms: int) -> Iterator[Server]:
    """A fresh vCenter with so many VMs; its files are removed afterwards."""
    with _started(name, Options(vms=vms, switches=dict(QUIET_GUESTS)), cloud=False) as server:
        yield server


@contextmanager
def cloud(name: str) -> Iterator[Server]:
    """A fresh cloud that lets as many jobs run as it has, beside a small vCenter."""
    options = Options(vms=1, switches=dict(QUIET_GUESTS, running_jobs_limit=1000))
    with _started(name, options, cloud=True) as server:
        yield server


@contextmanager
def _started(name: str, options: Options, *, cloud: bool) -> Iterator[Server]:
    directory = LabDirectory(BENCH / name)
    if not VCENTER_BINARY.is_file():
        raise BenchmarkError(f"{VCENTER_BINARY} has not been built; `make bench` builds it")
    shutil.rmtree(directory.path, ignore_errors=True)
    directory.path.mkdir(parents=True)
    starter = Starter(directory)
    try:
        with httpx.Client(timeout=60, trust_env=False) as client:
            yield _server(starter, options, client, cloud)
    finally:
        stop(reversed(starter.processes))
        shutil.rmtree(directory.path, ignore_errors=True)


def _server(starter: Starter, options: Options, client: httpx.Client, cloud: bool) -> Server:
    credentials = launcher.make_credentials()
    certificates = write_certificates(starter.directory.certificates)
    launcher.SECONDS_TO_START[VCENTER] = SECONDS_TO_START
    config = vcenter_config(starter.directory, options, credentials, certificates)
    ready = starter.run_service(VCENTER, [str(VCENTER_BINARY)], config)
    ports = {"smc_port": 0, "ecs_port": 0, "control_port": ready["control_port"]}
    if cloud:
        config = cloud_config(starter.directory, options, credentials, certificates, ready)
        ports = starter.run_service(CLOUD, [PYTHON, "-m", "lab.alicloud"], config)
    endpoints = Endpoints(
        vcenter_port=ready["port"],
        vcenter_control_port=ready["control_port"],
        smc_port=ports["smc_port"],
        ecs_port=ports["ecs_port"],
        control_port=ports["control_port"],
    )
    client.base_url = httpx.URL(endpoints.control)
    return Server(_environment(endpoints, credentials, certificates.bundle), endpoints, client)


def _environment(endpoints: Endpoints, credentials: Credentials, bundle: Path) -> dict[str, str]:
    """What a user of the server would have in the environment, and nothing of a lab that was sourced before."""
    ours = {*PROXY_VARIABLES, "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "ANSIBLE_CONFIG"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return (
        inherited
        | environment_variables(endpoints, credentials, bundle)
        | ansible_variables()
        | {
            "ANSIBLE_COLLECTIONS_PATH": str(TREE),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(TREE)]),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORKS": "5",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        }
    )
