"""Starts processes that outlive their starter, checks whether they still run, and ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.files import read_json

POLL_SECONDS = 0.05
LINES_OF_LOG_SHOWN = 15


class LabError(Exception):
    """The lab cannot do what was asked; the text says what, why and what next."""


@dataclass(frozen=True)
class Process:
    """A process that the lab started.

    :ivar started: its start time in the kernel's ticks, so that another process with the same id is not
        mistaken for it; 0 where the system has none
    """

    name: str
    pid: int
    started: int

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


def _kernel_view(pid: int) -> tuple[str, int] | None:
    """State letter and start time of a process from /proc, or None when there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[19])


def identify(name: str, pid: int) -> Process:
    """The process with this id, as it is known now."""
    view = _kernel_view(pid)
    return Process(name=name, pid=pid, started=view[1] if view else 0)


def is_alive(process: Process) -> bool:
    """Whether the process still runs; one that has ended and waits for its parent does not."""
    if Path("/proc/self/stat").exists():
        view = _kernel_view(process.pid)
        return view is not None and view[0] not in "ZX" and process.started in (0, view[1])
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def start(name: str, command: Sequence[str], log: Path, environment: Mapping[str, str], directory: Path) -> Process:
    """Start a process in a session of its own, so that it outlives this one and can be ended with its children."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=dict(environment),
            start_new_session=True,
        )
    # No code waits for this child; without this Python would warn when the object is deleted.
    child.returncode = 0
    return identify(name, child.pid)


def tail(log: Path) -> str:
    """The last lines of a log."""
    if not log.is_file():
        return "(there is no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-LINES_OF_LOG_SHOWN:]) or "(the log is empty)"


def wait_until_ready(
    process: Process,
    ready: Path,
    log: Path,
    timeout_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Wait for the file in which a process says where it listens; LabError says why when it does not appear."""
    deadline = clock() + timeout_seconds
    while True:
        if ready.is_file():
            content: dict[str, Any] = read_json(ready)
            return content
        if not is_alive(process):
            raise LabError(f"{process.name} ended while starting. The end of {log}:\n{tail(log)}")
        if clock() >= deadline:
            raise LabError(
                f"{process.name} was not ready after {timeout_seconds:.0f} seconds. The end of {log}:\n{tail(log)}"
            )
        sleep(POLL_SECONDS)


def _signal_group(process: Process, number: signal.Signals) -> None:
    """Signal a process and its children; it leads its session, so its id is the group's."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            pass


def _reap(process: Process) -> None:
    """Collect the exit status if the process is a child of this one."""
    try:
        os.waitpid(process.pid, os.WNOHANG)
    except ChildProcessError:
        pass


def stop(
    processes: Iterable[Process],
    grace_seconds: float = 10.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Process]:
    """Ask processes to end, and kill those that do not; returns the ones that had been running."""
    running = [process for process in processes if is_alive(process)]
    for process in running:
        _signal_group(process, signal.SIGTERM)
    deadline = clock() + grace_seconds
    left = list(running)
    while left and clock() < deadline:
        for process in left:
            _reap(process)
        left = [process for process in left if is_alive(process)]
        if left:
            sleep(POLL_SECONDS)
    for process in left:
        _signal_group(process, signal.SIGKILL)
        _reap(process)
    return running
