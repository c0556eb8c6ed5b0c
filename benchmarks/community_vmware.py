"""The collection that ours is compared with, from the Python package index, in a virtual environment of its own.

The playbooks of all candidates run from this environment, with the core and the pyvmomi that cutover.smc is developed with.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.servers import BENCH

# The release of the package that belongs to ansible-core 2.19.
ANSIBLE = "ansible==12.3.0"
SHARED = ("ansible-core", "pyvmomi", "requests")

VENV = BENCH / "venv"
PYTHON = VENV / "bin" / "python"
PLAYBOOK = VENV / "bin" / "ansible-playbook"
_STAMP = VENV / "installed.json"


def wanted() -> list[str]:
    """The packages to install: the same versions as ours, and the package with the other collection."""
    return [f"{name}=={importlib.metadata.version(name)}" for name in SHARED] + [ANSIBLE]


def set_up() -> None:
    """Install the packages unless they are installed."""
    if _STAMP.is_file() and json.loads(_STAMP.read_text()) == wanted():
        return
    print(f"installing {ANSIBLE} into {VENV} ...", flush=True)
    if not PYTHON.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Ansible compiles the Python of collections itself at each start, so compiling 40,000 files is unnecessary.
    subprocess.run([*pip, *wanted()[:-1]], check=True)
    subprocess.run([*pip, "--no-compile", ANSIBLE], check=True)
    _STAMP.write_text(json.dumps(wanted()))


def version_of_collection(name: str) -> str:
    """The version of a collection of the package."""
    manifest = next(Path(VENV).glob(f"lib/python3*/site-packages/ansible_collections/{name}/MANIFEST.json"))
    return str(json.loads(manifest.read_text())["collection_info"]["version"])
