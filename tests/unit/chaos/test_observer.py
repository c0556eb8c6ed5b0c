# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The observer finds secrets that are planted in arguments, in other environments, and in temporary files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.observer import Observation, can_others_read, observing
from tests.chaos.secret_forms import search

SECRET = "planted-0123456789"
WAIT = [sys.executable, "-c", "input()"]


def wait_for(seen: Callable[[], bool]) -> None:
    """Until the observer has come by."""
    deadline = time.monotonic() + 20
    while not seen():
        assert time.monotonic() < deadline, "the observer has not seen it"
        time.sleep(0.01)


def finds(observed: Observation, kind: str) -> bool:
    held = {"arguments": observed.arguments, "environments": observed.environments.values()}[kind]
    return bool(search({"secret": SECRET}, (("process", content) for content in list(held))))


def test_secrets_in_the_arguments_of_any_process_are_seen(tmp_path: Path) -> None:
    command = [*WAIT, f"--password={SECRET}"]
    with observing(os.getpid(), tmp_path) as observed, subprocess.Popen(command, stdin=subprocess.PIPE) as shown:
        wait_for(lambda: finds(observed, "arguments"))
        shown.communicate(b"\n")


def test_the_environment_of_another_process_is_read_and_that_of_the_run_is_not(tmp_path: Path) -> None:
    with subprocess.Popen(WAIT, stdin=subprocess.PIPE) as run, observing(run.pid, tmp_path) as observed:
        with subprocess.Popen(WAIT, env={"PASSWORD": SECRET}, stdin=subprocess.PIPE) as stranger:
            wait_for(lambda: finds(observed, "environments"))
            stranger.communicate(b"\n")
        run.communicate(b"\n")
    with (
        observing(os.getpid(), tmp_path) as own,
        subprocess.Popen([*WAIT, "mine"], env={"PASSWORD": SECRET}, stdin=subprocess.PIPE) as below,
    ):
        wait_for(lambda: any(b"mine" in one for one in list(own.arguments)))
        below.communicate(b"\n")
    assert not finds(own, "environments")


@pytest.mark.parametrize(
    ("mode_of_file", "mode_of_directory", "is_open"),
    [(0o644, 0o755, True), (0o600, 0o755, False), (0o644, 0o700, False)],
)
def test_a_file_that_passes_is_kept_with_who_could_read_it(
    tmp_path: Path, mode_of_file: int, mode_of_directory: int, is_open: bool
) -> None:
    tmp_path.chmod(0o755)
    inner = tmp_path / "inner"
    inner.mkdir()
    inner.chmod(mode_of_directory)
    path = inner / "arguments"
    with observing(os.getpid(), tmp_path) as observed:
        path.write_text(SECRET)
        path.chmod(mode_of_file)
        wait_for(lambda: str(path) in observed.passing)
        wait_for(lambda: observed.passing[str(path)] == (SECRET.encode(), is_open))
        path.unlink()
    assert can_others_read(inner, tmp_path) is (mode_of_directory == 0o755)
