# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watches what a run shows of itself to others on the machine: arguments and environments of processes, and files that come and go."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

SECONDS_BETWEEN_LOOKS = 0.1


@dataclass
class Sight:
    """What was seen.

    :ivar arguments: of every process on the machine
    :ivar environments: of the processes that are neither the run's nor below it, by their arguments
    :ivar passing: files below the watched directory: what they held, and whether somebody else could have read them
    """

    arguments: set[bytes] = field(default_factory=set)
    environments: dict[bytes, bytes] = field(default_factory=dict)
    passing: dict[str, tuple[bytes, bool]] = field(default_factory=dict)


@contextmanager
def watching(pid: int, directory: Path) -> Iterator[Sight]:
    """Look again and again for as long as the context lasts.

    :param pid: the run, whose environment holds what its user has put there, as do those of the processes below it
    """
    sight, over = Sight(), threading.Event()
    before = {entry.name for entry in Path("/proc").iterdir()}

    def look_on() -> None:
        ours = {pid}
        while not over.wait(SECONDS_BETWEEN_LOOKS):
            _look_at_processes(sight, ours, before)
            _look_at_files(sight, directory)

    looker = threading.Thread(target=look_on, daemon=True)
    looker.start()
    try:
        yield sight
    finally:
        over.set()
        looker.join()


def _look_at_processes(sight: Sight, ours: set[int], before: set[str]) -> None:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes()
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            sight.arguments.add(arguments)
            if parent in ours:
                ours.add(int(entry.name))
            elif entry.name not in before and int(entry.name) not in ours:
                sight.environments[arguments] = (entry / "environ").read_bytes()
        except (OSError, IndexError):
            continue  # it has ended, or is somebody else's


def _look_at_files(sight: Sight, directory: Path) -> None:
    for inner, _directories, names in os.walk(directory):
        for path in (Path(inner, name) for name in names):
            with suppress(OSError):  # it has been removed meanwhile
                sight.passing[str(path)] = (path.read_bytes(), can_others_read(path, directory))


def can_others_read(path: Path, top: Path) -> bool:
    """Whether the modes of a file, and of the directories on the way from the top, let somebody else read it."""
    way = [path, *(parent for parent in path.parents if parent == top or top in parent.parents)]
    modes = [stat.S_IMODE(one.stat().st_mode) for one in way]
    return bool(modes[0] & 0o044) and all(mode & 0o011 for mode in modes[1:])
