"""A lab started by its own command line, as a user starts it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 120


@dataclass(frozen=True)
class RunningLab:
    """A lab that runs.

    :ivar environment: what a shell has after sourcing the lab's env.sh
    """

    directory: Path
    environment: dict[str, str]
    control: httpx.Client

    def connector(self, number: int) -> Path:
        """The home of a connector."""
        return self.directory / f"connector-{number}" / "root" / "smc"


def lab_command(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run the lab's command line."""
    command = [sys.executable, "-m", "lab", *arguments, "--directory", str(directory)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_TO_START, check=False)


def sourced(script: Path) -> dict[str, str]:
    """The environment of a shell that has sourced a script."""
    shown = subprocess.run(
        ["sh", "-c", f". {shlex.quote(str(script))} && env -0"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    ).stdout
    return dict(line.partition("=")[::2] for line in shown.split("\0") if line)


def start_lab(directory: Path, *options: str) -> RunningLab:
    """Start a fresh lab."""
    lab_command("down", directory=directory)
    started = lab_command("up", *options, directory=directory)
    if started.returncode != 0:
        pytest.fail(f"the lab did not start:\n{started.stdout}{started.stderr}", pytrace=False)
    environment = sourced(directory / "env.sh")
    control = httpx.Client(base_url=environment["LAB_CONTROL"], trust_env=False, timeout=60)
    return RunningLab(directory=directory, environment=environment, control=control)
