"""Lays out the homes of a lab's connectors, configured for its vCenter, with no VM chosen yet."""

from __future__ import annotations

import shlex
from pathlib import Path

from lab.access import Credentials, Endpoints
from lab.connector.home import HOME_VARIABLE, Connection, Home
from lab.connector.migrate_config import merge
from lab.connector.vsphere import read_facts
from lab.files import write_executable, write_private_json, write_public
from lab.paths import PYTHON, ROOT
from lab.processes import Process

# Path of a program in the home, its module, and the way back to the home.
PROGRAMS = (
    ("go2aliyun_client", "lab.connector.client", "."),
    ("configure.sh", "lab.connector.configure", "."),
    ("dist/migrate_configure", "lab.connector.refresh", ".."),
)
LICENCE = "This is the lab's simulation of the SMC client. It is part of cutover.smc and under the same license.\n"


def program(module: str, way_home: str) -> str:
    """A program of the connector: it runs wherever it is called from, with the lab's own Python and environment."""
    return "\n".join(
        [
            "#!/bin/sh",
            "# Part of the lab's simulation of the SMC connector; made by the lab's launcher.",
            f'{HOME_VARIABLE}=$(cd "$(dirname "$0")/{way_home}" && pwd) || exit 1',
            f"PYTHONPATH={shlex.quote(str(ROOT))}",
            f"export {HOME_VARIABLE} PYTHONPATH",
            f'exec {shlex.quote(PYTHON)} -m {module} "$@"',
            "",
        ]
    )


def user_config(credentials: Credentials) -> dict[str, object]:
    """The content of user_config.json; it holds no key, because the lab imports with activation codes."""
    return {
        "access_id": "",
        "secret_key": "",
        "region_id": credentials.region_id,
        "image_name": "",
        "system_disk_size": -1,
        "platform": "",
        "architecture": "",
        "data_disks": [],
        "bandwidth_limit": 0,
    }


def lay_out(path: Path, endpoints: Endpoints, credentials: Credentials, authority: Path) -> Home:
    """One connector's home, without its VMs."""
    for directory in ("dist", "Check", "Excludes", "Logs"):
        (path / directory).mkdir(parents=True)
    for name, module, way_home in PROGRAMS:
        write_executable(path / name, program(module, way_home))
    write_public(path / "EULA", LICENCE)
    write_private_json(path / "user_config.json", user_config(credentials))
    home = Home(path)
    home.write_data(
        {
            "proxy": {"ip_port": "", "user_pwd": ""},
            "smc_endpoint": endpoints.smc,
            "ca_file": str(authority),
            "sources": {},
        }
    )
    home.write_connection(
        Connection(
            host="127.0.0.1",
            port=endpoints.vcenter_port,
            user=credentials.vcenter_user,
            password=credentials.vcenter_password,
        )
    )
    return home


def install_connectors(homes: list[Path], endpoints: Endpoints, credentials: Credentials, authority: Path) -> None:
    """Write all homes; vCenter is read once for all of them."""
    laid_out = [lay_out(path, endpoints, credentials, authority) for path in homes]
    config = merge({}, read_facts(laid_out[0].read_connection(), str(authority)))
    for home in laid_out:
        home.write_config(config)


def daemon_of(path: Path) -> Process | None:
    """The daemon that the connector in this home has started."""
    return Home(path).daemon()
