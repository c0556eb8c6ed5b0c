"""Copies the collection to a directory of its own for ansible-test, which refuses a checkout that is reached by links.

Copies the files that git tracks or would track (new files that are not ignored), and removes from the
destination the files that no longer exist. Unchanged files keep their times, so that caches stay valid.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

#: What the Galaxy archive does not contain; other checks (ruff, mypy, pytest, go vet) cover it.
NOT_THE_COLLECTION = (
    "lab",
    "benchmarks",
    "tools",
    "tests/chaos",
    "tests/conformance",
    "tests/integration",
    "tests/unit/benchmarks",
    "tests/unit/chaos",
    "tests/unit/lab",
)


def files_to_copy(source: Path) -> list[Path]:
    """The files of the collection and of its unit tests, relative to its root."""
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=source,
            check=True,
            capture_output=True,
        ).stdout
        names = [Path(os.fsdecode(name)) for name in listing.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):
        # A source archive has no git; then everything that is not hidden or built belongs to the collection.
        names = [
            path.relative_to(source)
            for path in source.rglob("*")
            if not {part for part in path.relative_to(source).parts if part in {"build", "__pycache__", ".git"}}
        ]
    return sorted(name for name in names if (source / name).is_file() and not _is_apart(name))


def _is_apart(name: Path) -> bool:
    return any(name.is_relative_to(directory) for directory in NOT_THE_COLLECTION)


def remove_what_is_gone(destination: Path, wanted: set[Path]) -> None:
    """Delete files that the source no longer has, and directories that become empty."""
    for directory, _children, names in os.walk(destination, topdown=False):
        here = Path(directory)
        if {"output", ".git"} & set(here.relative_to(destination).parts):
            continue  # what ansible-test writes, and the repository that keeps it from asking an outer one
        for name in names:
            if (here / name).relative_to(destination) not in wanted:
                (here / name).unlink()
        if here != destination and not any(here.iterdir()):
            here.rmdir()


def copy_collection(source: Path, destination: Path) -> int:
    """Make destination equal to source; returns how many files had to be copied."""
    wanted = files_to_copy(source)
    destination.mkdir(parents=True, exist_ok=True)
    remove_what_is_gone(destination, set(wanted))
    copied = 0
    for name in wanted:
        target = destination / name
        if target.is_file() and filecmp.cmp(source / name, target, shallow=False):
            shutil.copymode(source / name, target)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, target)
        copied += 1
    make_repository(destination)
    return copied


def make_repository(destination: Path) -> None:
    """Make the copy a repository of its own.

    ansible-test asks git for the files, and the repository around a copy under build/ would list none.
    """
    if not (destination / ".git").exists() and shutil.which("git"):
        subprocess.run(["git", "init", "--quiet", str(destination)], check=True)


def main() -> int:
    """Copy from the source to the destination of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("destination", type=Path)
    arguments = parser.parse_args()
    print(f"copied {copy_collection(arguments.source, arguments.destination)} changed files to {arguments.destination}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
