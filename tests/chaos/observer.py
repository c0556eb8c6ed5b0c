# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observes what a run shows to other users of the machine: arguments and environments of processes, and temporary files."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

POLL_SECONDS = 0.1


@dataclass
class Observation:
    """What was observed.

    :ivar arguments: of every process on the machine
    :ivar environments: of the processes that are neither the run's nor below it, by their arguments
    :ivar passing: files below the watched directory: their content, and whether another user could have read them
    """

    arguments: set[bytes] = field(default_factory=set)
    environments: dict[bytes, bytes] = field(default_factory=dict)
    passing: dict[str, tuple[bytes, bool]] = field(default_factory=dict)


@contextmanager
def observing(pid: int, directory: Path) -> Iterator[Observation]:
    """Poll for as long as the context lasts.

    :param pid: the run. Its environment, and those of its descendants, contain what its user has put there
    """
    observed, over = Observation(), threading.Event()
    before = {entry.name for entry in Path("/proc").iterdir()}

    def poll() -> None:
        ours = {pid}
        while not over.wait(POLL_SECONDS):
            _read_processes(observed, ours, before)
            _read_files(observed, directory)

    poller = threading.Thread(target=poll, daemon=True)
    poller.start()
    try:
        yield observed
    finally:
        over.set()
        poller.join()


def _read_processes(observed: Observation, ours: set[int], before: set[str]) -> None:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes()
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            observed.arguments.add(arguments)
            if parent in ours:
                ours.add(int(entry.name))
            elif entry.name not in before and int(entry.name) not in ours:
                observed.environments[arguments] = (entry / "environ").read_bytes()
        except (OSError, IndexError):
            continue  # it has ended, or belongs to another user


def _read_files(observed: Observation, directory: Path) -> None:
    for inner, _directories, names in os.walk(directory):
        for path in (Path(inner, name) for name in names):
            with suppress(OSError):  # it has been removed meanwhile
                observed.passing[str(path)] = (path.read_bytes(), can_others_read(path, directory))


def can_others_read(path: Path, top: Path) -> bool:
    """Whether the modes of a file, and of the directories on the way from the top, let another user read it."""
    way = [path, *(parent for parent in path.parents if parent == top or top in parent.parents)]
    modes = [stat.S_IMODE(one.stat().st_mode) for one in way]
    return bool(modes[0] & 0o044) and all(mode & 0o011 for mode in modes[1:])
