"""Starts and stops a lab: certificates, credentials, the simulated vCenter, the simulated cloud and the connectors."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.access import PROXY_VARIABLES, Credentials, Endpoints, write_access
from lab.certificates import Certificates, write_certificates
from lab.connector.install import daemon_of, install_connectors
from lab.files import read_json, write_private_json
from lab.paths import PYTHON, ROOT, VCENTER_BINARY, LabDirectory, connectors_for
from lab.processes import LabError, Process, is_alive, start, stop, tail, wait_until_ready

VCENTER = "vcenter"
CLOUD = "alicloud"
SERVICES = (VCENTER, CLOUD)
SECONDS_TO_START = {VCENTER: 60.0, CLOUD: 30.0}
# These switches belong to the simulated vCenter; all others belong to the cloud.
VCENTER_SWITCHES = {
    "change_tracking_read_back": "at_once or after_stun: when vCenter shows a request for change tracking",
    "changed_areas_per_page": "how many changed areas one answer holds",
    "guest_interval_ms": "milliseconds between two writes of a guest",
    "seed": "seed of the disks' content, of the guests' writes, and of faults with a probability, in the cloud too",
}


@dataclass(frozen=True)
class Options:
    """The options of a lab."""

    vms: int = 3
    clock_scale: float = 600.0
    vcenter_version: str = "6.7.0"
    vm_overrides: dict[str, Any] = field(default_factory=dict)
    switches: dict[str, Any] = field(default_factory=dict)

    def vcenter_switches(self) -> dict[str, Any]:
        """The switches that are the vCenter's."""
        return {name: value for name, value in self.switches.items() if name in VCENTER_SWITCHES}

    def cloud_switches(self) -> dict[str, Any]:
        """The switches that are the cloud's."""
        return {name: value for name, value in self.switches.items() if name not in VCENTER_SWITCHES}


@dataclass(frozen=True)
class Lab:
    """A lab that has been started."""

    directory: LabDirectory
    options: Options
    endpoints: Endpoints
    processes: tuple[Process, ...]

    def as_dict(self) -> dict[str, Any]:
        """For the state file."""
        return {
            "options": asdict(self.options),
            "endpoints": asdict(self.endpoints),
            "processes": [process.as_dict() for process in self.processes],
        }


@dataclass(frozen=True)
class Status:
    """The state of a lab."""

    lab: Lab | None
    dead: tuple[str, ...]

    @property
    def is_up(self) -> bool:
        """Whether everything runs."""
        return self.lab is not None and not self.dead


@contextlib.contextmanager
def only_one(directory: LabDirectory) -> Iterator[None]:
    """Prevent two launchers from working on the same directory at the same time."""
    with directory.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def load(directory: LabDirectory) -> Lab | None:
    """The lab that the directory's state file describes."""
    if not directory.state.is_file():
        return None
    state = read_json(directory.state)
    return Lab(
        directory=directory,
        options=Options(**state["options"]),
        endpoints=Endpoints(**state["endpoints"]),
        processes=tuple(Process(**process) for process in state["processes"]),
    )


def status(directory: LabDirectory) -> Status:
    """The state of the lab in the directory."""
    lab = load(directory)
    dead = tuple(process.name for process in lab.processes if not is_alive(process)) if lab else ()
    return Status(lab=lab, dead=dead)


def make_credentials() -> Credentials:
    """Random secrets in the shapes that clients expect."""
    return Credentials(
        vcenter_user="migration@vsphere.local",
        vcenter_password=secrets.token_urlsafe(18),
        access_key_id=f"LTAI5t{secrets.token_hex(9)}",
        access_key_secret=secrets.token_urlsafe(24),
    )


def vcenter_config(
    directory: LabDirectory, options: Options, credentials: Credentials, certificates: Certificates
) -> dict[str, Any]:
    """The simulated vCenter's configuration."""
    return {
        "directory": str(directory.of(VCENTER)),
        "vms": options.vms,
        "username": credentials.vcenter_user,
        "password": credentials.vcenter_password,
        "tls_certificate": str(certificates.server),
        "tls_key": str(certificates.server_key),
        "vcenter_version": options.vcenter_version,
        "esxi_version": options.vcenter_version,
        "vm_overrides": options.vm_overrides,
        "guest_interval_ms": 500,
        **options.vcenter_switches(),
    }


def cloud_config(
    directory: LabDirectory,
    options: Options,
    credentials: Credentials,
    certificates: Certificates,
    vcenter: dict[str, Any],
) -> dict[str, Any]:
    """The simulated cloud's configuration."""
    return {
        "directory": str(directory.of(CLOUD)),
        "access_key_id": credentials.access_key_id,
        "access_key_secret": credentials.access_key_secret,
        "region_id": credentials.region_id,
        "clock_scale": options.clock_scale,
        "switches": options.cloud_switches(),
        "seed": options.switches.get("seed", 1),
        "vcenter": {
            "host": "127.0.0.1",
            "port": vcenter["port"],
            "username": credentials.vcenter_user,
            "password": credentials.vcenter_password,
            "ca_file": str(certificates.authority),
            "control_url": f"http://127.0.0.1:{vcenter['control_port']}",
        },
    }


def environment_of_services() -> dict[str, str]:
    """The environment of the lab's own processes: nothing of a lab that the user may have sourced."""
    unwanted = {*PROXY_VARIABLES, "SSL_CERT_FILE", "SSL_CERT_DIR", "DEBUG", "COVERAGE_PROCESS_START"}
    inherited = {name: value for name, value in os.environ.items() if name not in unwanted}
    return inherited | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


class Starter:
    """Starts a lab step by step, recording what runs, so that a failure can stop it."""

    def __init__(self, directory: LabDirectory) -> None:
        self.directory = directory
        self.processes: list[Process] = []

    def run_service(self, name: str, command: list[str], config: dict[str, Any]) -> dict[str, Any]:
        """Start a service and wait until it says where it listens."""
        self.directory.of(name).mkdir()
        write_private_json(self.directory.config(name), config)
        arguments = [str(self.directory.config(name)), str(self.directory.ready(name))]
        flags = ["-config", "-ready"] if name == VCENTER else ["--config", "--ready"]
        process = start(
            name,
            [*command, flags[0], arguments[0], flags[1], arguments[1]],
            self.directory.log(name),
            environment_of_services(),
            ROOT,
        )
        self.processes.append(process)
        return wait_until_ready(process, self.directory.ready(name), self.directory.log(name), SECONDS_TO_START[name])

    def start(self, options: Options) -> Lab:
        """Start everything and write the access files."""
        credentials = make_credentials()
        certificates = write_certificates(self.directory.certificates)
        vcenter = self.run_service(
            VCENTER, [str(VCENTER_BINARY)], vcenter_config(self.directory, options, credentials, certificates)
        )
        cloud = self.run_service(
            CLOUD,
            [PYTHON, "-m", "lab.alicloud"],
            cloud_config(self.directory, options, credentials, certificates, vcenter),
        )
        endpoints = Endpoints(
            vcenter_port=vcenter["port"],
            vcenter_control_port=vcenter["control_port"],
            smc_port=cloud["smc_port"],
            ecs_port=cloud["ecs_port"],
            control_port=cloud["control_port"],
        )
        homes = [self.directory.connector_home(number + 1) for number in range(connectors_for(options.vms))]
        install_connectors(homes, endpoints, credentials, certificates.authority)
        write_access(self.directory, options.vms, endpoints, credentials, certificates.bundle)
        lab = Lab(directory=self.directory, options=options, endpoints=endpoints, processes=tuple(self.processes))
        write_private_json(self.directory.state, lab.as_dict())
        return lab


def daemons(directory: LabDirectory) -> list[Process]:
    """The heartbeat daemons that connectors of this lab have started."""
    found = [daemon_of(home) for home in directory.connector_homes()]
    return [daemon for daemon in found if daemon is not None]


def forget(directory: LabDirectory) -> None:
    """Remove what an earlier lab left in the directory: only what a launcher writes there."""
    for name in (*SERVICES, directory.hooks.name, directory.certificates.name, "logs"):
        shutil.rmtree(directory.path / name, ignore_errors=True)
    for home in directory.connector_homes():
        shutil.rmtree(home.parent.parent, ignore_errors=True)
    for file in (directory.environment, directory.inventory, directory.state):
        file.unlink(missing_ok=True)


def up(directory: LabDirectory, options: Options) -> tuple[Lab, bool]:
    """Ensure a lab runs in the directory; return it, and whether it was started."""
    if not VCENTER_BINARY.is_file():
        raise LabError(f"{VCENTER_BINARY} has not been built. `make lab` builds it and starts the lab.")
    directory.path.mkdir(parents=True, exist_ok=True)
    with only_one(directory):
        present = status(directory)
        if present.is_up and present.lab is not None:
            return present.lab, False
        _stop(directory)
        forget(directory)
        starter = Starter(directory)
        try:
            return starter.start(options), True
        except BaseException:
            stop(starter.processes)
            raise


def _stop(directory: LabDirectory) -> list[str]:
    """Stop what runs of the lab: connectors first, because they talk to the servers."""
    lab = load(directory)
    stopped = stop(daemons(directory))
    stopped += stop(reversed(lab.processes)) if lab else []
    return [process.name for process in stopped]


def down(directory: LabDirectory) -> list[str]:
    """Stop the lab in the directory; its logs are kept. Return the names of what was running."""
    if not directory.path.is_dir():
        return []
    with only_one(directory):
        stopped = _stop(directory)
        for file in (directory.state, directory.environment):
            file.unlink(missing_ok=True)
        return stopped


def explain_dead(directory: LabDirectory, names: tuple[str, ...]) -> str:
    """Why services of a lab no longer run, from their logs."""
    return "\n".join(
        f"{name} has ended. The end of {directory.log(name)}:\n{tail(directory.log(name))}" for name in names
    )


def default_directory() -> LabDirectory:
    """Where `make lab` puts its lab."""
    return LabDirectory(ROOT / "build" / "lab")


def directory_at(path: Path | str) -> LabDirectory:
    """The lab directory at a path."""
    return LabDirectory(Path(path).absolute())
