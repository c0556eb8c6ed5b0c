"""Runs a candidate as a separate process and measures it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class BenchmarkError(Exception):
    """Something that makes a figure wrong; its text says what."""


@dataclass(frozen=True)
class Finished:
    """A process that has succeeded."""

    output: str
    seconds: float
    processor_seconds: float


def run(command: Sequence[str | Path], environment: Mapping[str, str], log: Path, timeout: float = 1800) -> Finished:
    """Run a command to its end, with all processes that it starts, its output into a file.

    :raises BenchmarkError: it failed; the message contains the end of its output
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    before = os.times()
    started = time.perf_counter()
    with log.open("w") as output:
        done = subprocess.run(
            [str(part) for part in command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    seconds = time.perf_counter() - started
    after = os.times()
    text = log.read_text(errors="replace")
    if done.returncode != 0:
        end = "\n".join(text.splitlines()[-25:])
        raise BenchmarkError(
            f"{' '.join(map(str, command[:4]))} ... ended with {done.returncode}:\n{end}\n(all: {log})"
        )
    processor = (after.children_user - before.children_user) + (after.children_system - before.children_system)
    return Finished(text, seconds, processor)
