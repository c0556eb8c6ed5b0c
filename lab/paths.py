"""The paths of files: in the checkout, and in the directory of one lab."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
VCENTER_BINARY = BUILD / "bin" / "lab-vcenter"
COLLECTION_TREE = BUILD / "tree"
PYTHON = sys.executable
VMS_PER_CONNECTOR = 10


@dataclass(frozen=True)
class LabDirectory:
    """The files of one lab; several labs have several directories."""

    path: Path

    @property
    def state(self) -> Path:
        """The launcher's record of what runs: its pid file."""
        return self.path / "lab.json"

    @property
    def lock(self) -> Path:
        """Held while a lab starts or stops."""
        return self.path / ".lock"

    @property
    def environment(self) -> Path:
        """What the user sources."""
        return self.path / "env.sh"

    @property
    def inventory(self) -> Path:
        """The ready inventory."""
        return self.path / "inventory.yml"

    @property
    def hooks(self) -> Path:
        """The task files that the inventory names."""
        return self.path / "hooks"

    @property
    def certificates(self) -> Path:
        """CA and server certificate."""
        return self.path / "tls"

    def of(self, service: str) -> Path:
        """A service's own directory."""
        return self.path / service

    def config(self, service: str) -> Path:
        """A service's configuration."""
        return self.path / service / "config.json"

    def ready(self, service: str) -> Path:
        """The file that shows that a service listens."""
        return self.path / service / "ready.json"

    def log(self, service: str) -> Path:
        """A service's output."""
        return self.path / "logs" / f"{service}.log"

    def connector_home(self, number: int) -> Path:
        """What is /root/smc on the real appliance."""
        return self.path / f"connector-{number}" / "root" / "smc"

    def connector_homes(self) -> list[Path]:
        """The homes of all existing connectors."""
        found = [entry for entry in self.path.glob("connector-*/root/smc") if entry.is_dir()]
        return sorted(found, key=lambda home: int(home.parent.parent.name.rpartition("-")[2]))


def connectors_for(vms: int) -> int:
    """How many connectors a lab with so many VMs gets: one serves ten active sources."""
    return max(1, -(-vms // VMS_PER_CONNECTOR))
