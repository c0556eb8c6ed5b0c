# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the playbook, follows its progress, and kills it at the given point."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.scenarios import Kill
from tests.integration.lab_harness import BIN, Lab

SECONDS_FOR_A_RUN = 240
SECONDS_TO_READ = 30
#: Between two polls of the progress: a run may end before it reaches the point of its kill.
POLL_SECONDS = 0.25
TASK = b"TASK ["


def environment_of(lab: Lab) -> dict[str, str]:
    """A user's environment, with a home of Ansible in the lab's directory."""
    own = {
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOME": str(lab.directory / "ansible"),
        "ANSIBLE_REMOTE_TEMP": str(lab.directory / "ansible" / "tmp"),
    }
    return os.environ | lab.environment | own


@dataclass(frozen=True)
class Ended:
    """A run that has ended.

    :ivar status: its exit status; negative when a signal ended it
    :ivar hit: what it was doing when it was killed
    """

    status: int
    output: str
    hit: str


class Playbook:
    """One run of ``migrate`` in a process group of its own."""

    def __init__(self, lab: Lab, *options: str, **environment: str) -> None:
        self._lab = lab
        self._first_entry = len(lab.get("/journal"))
        self._vcenter_requests_before = self._vcenter_request_counts()
        self._lines: list[bytes] = []
        self._tasks = 0
        self._progress = threading.Condition()
        command = [str(BIN / "ansible-playbook"), "cutover.smc.migrate", "-i", str(lab.inventory), *options]
        self._process = subprocess.Popen(
            command,
            env=environment_of(lab) | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._progress:
                self._lines.append(line)
                self._tasks += line.startswith(TASK)
                self._progress.notify_all()

    def _is_running(self) -> bool:
        return self._process.poll() is None

    def run_until(self, kill: Kill | None) -> Ended:
        """Run to the end, or until it is killed."""
        hit = ""
        try:
            if kill and self._reaches(kill):
                hit = f"{self._last_task()} ({self._tasks} task lines, {len(self._entries())} requests)"
                self._kill(kill.spares_workers)
            status = self._process.wait(SECONDS_FOR_A_RUN)
        except subprocess.TimeoutExpired:
            self._kill(spares_workers=False)
            status = self._process.wait()
        except BaseException:
            self._kill(spares_workers=False)
            raise
        return Ended(status, self._output(kill is not None and kill.spares_workers), hit)

    def _output(self, has_survivors: bool) -> str:
        """The output. Spared workers keep the pipe open; they are not waited for, so that the next run meets them."""
        if not has_survivors:
            self._reader.join(SECONDS_TO_READ)
        return b"".join(self._lines).decode(errors="replace")

    def _reaches(self, kill: Kill) -> bool:
        if kill.trigger != "task":
            return self._reaches_request(kill)
        with self._progress:
            while self._tasks < kill.number:
                if not self._is_running():
                    return False
                self._progress.wait(POLL_SECONDS)
        time.sleep(kill.after_seconds)
        return self._is_running()

    def _reaches_request(self, kill: Kill) -> bool:
        service, action = kill.request
        while self._is_running():
            entries = self._entries()
            arrived = [entry for entry in entries if not service or (entry["service"], entry["action"]) == kill.request]
            count = len(arrived)
            if service == "vcenter":
                count = self._vcenter_request_counts().get(action, 0) - self._vcenter_requests_before.get(action, 0)
            if count >= kill.number:
                return True
            wait = 0.05 if service == "vcenter" else POLL_SECONDS
            self._lab.get(f"/journal?after={self._first_entry + len(entries)}&wait={wait}")
        return False

    def _vcenter_request_counts(self) -> dict[str, int]:
        return {one["action"]: one["count"] for one in self._lab.get("/requests") if one["service"] == "vcenter"}

    def _entries(self) -> list[dict[str, Any]]:
        """The requests since the run was started."""
        return self._lab.get(f"/journal?after={self._first_entry}")

    def _last_task(self) -> str:
        with self._progress:
            tasks = [line for line in self._lines if line.startswith(TASK)]
        return tasks[-1].decode().strip(" *\n") if tasks else "before the first task"

    def _kill(self, spares_workers: bool) -> None:
        """Kill the process group. Workers lead groups of their own, so they are searched for when they must die as well."""
        workers = [] if spares_workers else descendants(self.pid, self._lab.directory)
        for pid in (self.pid, *workers):
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if pid == self.pid else os.kill)(pid, signal.SIGKILL)


def descendants(pid: int, lab: Path) -> list[int]:
    """The descendants of a process, without those of the connector: the appliance does not die."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
            except (OSError, IndexError):
                continue
            if f"{lab}/connector-" not in command and "\0lab.connector." not in command:
                children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found
