"""Describes what was measured, and the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

import yaml

from benchmarks.community_vmware import ANSIBLE, version_of_collection
from benchmarks.figures import table
from lab.paths import ROOT


def load() -> str:
    """The load average of the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def revision(commit: str | None) -> str:
    """What is measured: a commit, or the files as they are, with their last commit."""
    command = ["git", "describe", "--always", *([commit] if commit else ["--dirty=, with changes"])]
    described = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return f"commit {described.stdout.strip()}" if described.returncode == 0 else "no commit"


def describe(measured: str) -> str:
    """The versions and the machine, as a table."""
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    govmomi = re.search(r"vmware/govmomi (\S+)", (ROOT / "lab" / "vcenter" / "go.mod").read_text())
    rows = [
        ("cutover.smc", f"{galaxy['version']} ({measured})"),
        ("community.vmware", f"{version_of_collection('community/vmware')} ({ANSIBLE})"),
        ("ansible-core", importlib.metadata.version("ansible-core")),
        ("pyvmomi", importlib.metadata.version("pyvmomi")),
        ("govmomi, whose simulator lab-vcenter extends", govmomi.group(1) if govmomi else "unknown"),
        ("Python", platform.python_version()),
        ("machine", f"{os.cpu_count()} processors ({_processor()}), {_memory_gib():.0f} GiB, {platform.system()}"),
    ]
    return table(("version", ""), rows)


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found.group(1).strip() if found else platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
