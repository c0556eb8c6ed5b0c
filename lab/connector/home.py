"""One connector's home, /root/smc on the appliance: its files, its log, and its daemon."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.connector.migrate_config import Config
from lab.files import read_json, write_private_json, write_public_json
from lab.paths import ROOT
from lab.processes import Process, is_alive, start, stop

HOME_VARIABLE = "SMC_HOME"
#: What the daemon takes over from the environment in which it is started.
INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "SSL_CERT_FILE", "TMPDIR", "TZ")


class ConnectorError(Exception):
    """The connector cannot do its task; the text is shown after `Error:`."""


@dataclass(frozen=True)
class Connection:
    """The content of vmware_connect_config.json."""

    host: str
    port: int
    user: str
    password: str

    def as_dict(self) -> dict[str, Any]:
        """For the file."""
        return {
            "vmware_host": self.host,
            "vmware_port": self.port,
            "vmware_user": self.user,
            "vmware_password": self.password,
        }


class Home:
    """The files of one connector."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connect_config = path / "vmware_connect_config.json"
        self.migrate_config = path / "vmware_migrate_config.json"
        self.client_data = path / "client_data"
        self.logs = path / "Logs"
        self.log_file = self.logs / "go2aliyun_client.log"
        self.pid_file = self.logs / "go2aliyun_client.pid"

    @classmethod
    def here(cls) -> Home:
        """The home that the running program was started in."""
        return cls(Path(os.environ[HOME_VARIABLE]))

    def read_connection(self) -> Connection:
        """How to reach vCenter."""
        content = self._read(self.connect_config)
        try:
            return Connection(
                host=content["vmware_host"],
                port=int(content["vmware_port"]),
                user=content["vmware_user"],
                password=content["vmware_password"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConnectorError(f"{self.connect_config.name} is not complete ({error}), run configure.sh") from error

    def write_connection(self, connection: Connection) -> None:
        """Record how to reach vCenter; the file holds the password."""
        write_private_json(self.connect_config, connection.as_dict())

    def read_config(self) -> Config:
        """The VMs, with facts and choices as in the file; empty before the first configuration."""
        if not self.migrate_config.is_file():
            return {}
        content = self._read(self.migrate_config)
        if not isinstance(content, dict) or not all(isinstance(vm, dict) for vm in content.values()):
            raise ConnectorError(f"{self.migrate_config.name} is not an object of VMs")
        return content

    def write_config(self, config: Config) -> None:
        """Record the VMs."""
        write_public_json(self.migrate_config, config)

    def read_data(self) -> dict[str, Any]:
        """The client's own state."""
        content = self._read(self.client_data)
        if not isinstance(content, dict):
            raise ConnectorError(f"{self.client_data.name} is not an object")
        return content

    def write_data(self, data: dict[str, Any]) -> None:
        """Record the client's own state."""
        write_private_json(self.client_data, data)

    @staticmethod
    def _read(path: Path) -> Any:
        try:
            return read_json(path)
        except FileNotFoundError as error:
            raise ConnectorError(f"there is no {path.name}, run configure.sh") from error
        except ValueError as error:
            raise ConnectorError(f"{path.name} is not JSON: {error}") from error

    def log(self, line: str) -> None:
        """Add a line to the client's log."""
        self.logs.mkdir(exist_ok=True)
        with self.log_file.open("a") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")

    def daemon(self) -> Process | None:
        """The running daemon."""
        if not self.pid_file.is_file():
            return None
        process = Process(**read_json(self.pid_file))
        return process if is_alive(process) else None

    def start_daemon(self) -> Process:
        """Start the daemon, which reads the configuration as it is now and keeps it until it is restarted."""
        self.logs.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "lab.connector.daemon"]
        # A service does not inherit what its starter has in the environment, above all no credentials of a user.
        inherited = {name: value for name, value in os.environ.items() if name in INHERITED}
        environment = {**inherited, HOME_VARIABLE: str(self.path), "PYTHONPATH": str(ROOT)}
        process = start(f"connector in {self.path.parent.parent.name}", command, self.log_file, environment, self.path)
        write_public_json(self.pid_file, process.as_dict())
        return process

    def stop_daemon(self) -> bool:
        """Stop the daemon; return whether it ran."""
        daemon = self.daemon()
        stopped = stop([daemon]) if daemon else []
        self.pid_file.unlink(missing_ok=True)
        return bool(stopped)
