"""Runs a command of Cloud Assistant for real: a shell in a scratch directory that holds the instance's files and disks."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab.alicloud.guest.guest import KERNEL, Guest
from lab.alicloud.world.diskfiles import copy_sparse, sha256_of

_STAND_INS = Path(__file__).with_name("bin")
_CONFINED = Path(__file__).with_name("confined.py")
# The programs of this machine that a check may use; none of them is made to change it.
_TOOLS = (
    "awk", "basename", "bash", "cat", "cksum", "cmp", "comm", "cut", "date", "dirname", "env", "expr", "false", "find", "fold",
    "grep", "gunzip", "gzip", "head", "join", "ls", "md5sum", "mkdir", "od", "paste", "printf", "readlink", "rev", "sed", "seq",
    "sh", "sha1sum", "sha256sum", "sha512sum", "sort", "sqlite3", "stat", "strings", "tail", "tee", "test", "touch", "tr",
    "true", "uniq", "wc", "xargs", "zcat",
)  # fmt: skip
_REAL_SECONDS = 20  # the longest that a command may take in real time
# The absolute paths of a script that are the instance's own.
_PATH = re.compile(
    r"(?<![\w./:\\])/(?=dev/(?:[sv]|xv)d|(?:etc|proc|sys|run|root|home|var|srv|opt|mnt|data|boot|tmp)(?![\w.-]))"
)
_BLOCK_DEVICE_TEST = re.compile(r"(?<=\s)-b(?=\s+[\"']?/dev/)")
_STATEMENTS = re.compile(r"[;\n]")


@dataclass(frozen=True)
class Outcome:
    """What came of a command: no exit code when its time was up; `seconds` is virtual time."""

    exit_code: int | None
    output: bytes
    seconds: float


def run_command(guest: Guest, script: str, timeout: float, directory: str = "/root") -> Outcome:
    """Run a script on a guest, in its directory, for at most `timeout` seconds of virtual time."""
    if guest.os_type == "windows":
        return _run_on_windows(guest, script)
    with tempfile.TemporaryDirectory(prefix="lab-guest-") as name:
        scratch = Path(name)
        _prepare(scratch, guest)
        return _run_shell(scratch, guest, script, timeout, directory)


def _prepare(scratch: Path, guest: Guest) -> None:
    """Fill the scratch directory: `root` is the instance's file tree, `bin` its commands, the rest is for those."""
    root = scratch / "root"
    for file, text in guest.files.items():
        path = root / file.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_translated(text, root))
    (root / "dev").mkdir()
    for device in guest.devices.values():
        if device.file is not None and device.file.is_file():
            copy_sparse(device.file, root / "dev" / device.name)
        elif device.file is None:
            with (root / "dev" / device.name).open("wb") as empty:
                empty.truncate(device.size)
    shutil.copytree(_STAND_INS, scratch / "bin")
    for tool in _TOOLS:
        if found := shutil.which(tool, path="/usr/bin:/bin"):
            (scratch / "bin" / tool).symlink_to(found)
    disks = (f"{d.name} {d.size} {'/' if d.kind == 'system' else ''}\n" for d in guest.devices.values())
    (scratch / "disks").write_text("".join(disks))
    (scratch / "services").write_text("".join(f"{service}\n" for service in sorted(guest.services)))


def _translated(text: str, root: Path) -> str:
    """A text with the instance's absolute paths put below `root`; of the output, the reverse is done."""
    return _PATH.sub(lambda _: f"{root}/", text)


def _run_shell(scratch: Path, guest: Guest, script: str, timeout: float, directory: str) -> Outcome:
    root = scratch / "root"
    working_directory = Path(f"{root}{os.path.normpath(f'/{directory}')}")  # no `..` leaves the root
    working_directory.mkdir(parents=True, exist_ok=True)
    shell = "/bin/bash" if script.startswith(("#!/bin/bash", "#!/usr/bin/env bash")) else "/bin/sh"
    # A plain file cannot be a block device, and only root could make one.
    translated = _translated(_BLOCK_DEVICE_TEST.sub("-e", script), root)
    command = [sys.executable, "-I", "-S", str(_CONFINED), str(scratch), shell, translated]
    exit_code, output = _execute(command, working_directory, _environment(scratch, guest, timeout), scratch / "output")
    output = output.replace(str(root).encode(), b"")
    slept = float((scratch / "slept").read_text()) if (scratch / "slept").exists() else 0.0
    if exit_code is None or slept > timeout:
        return Outcome(None, output, timeout)
    return Outcome(exit_code if exit_code >= 0 else 128 - exit_code, output, slept)


def _environment(scratch: Path, guest: Guest, timeout: float) -> dict[str, str]:
    return {
        "PATH": f"{scratch}/bin",
        "HOME": f"{scratch}/root/root",
        "HOSTNAME": guest.host_name,
        "USER": "root",
        "LANG": "C",
        "LAB_GUEST": str(scratch),
        "LAB_TIMEOUT": str(timeout),
        "LAB_KERNEL": KERNEL,
        "LAB_ARCHITECTURE": guest.architecture,
    }


def _execute(command: list[str], directory: Path, environment: dict[str, str], file: Path) -> tuple[int | None, bytes]:
    """Exit code, negative for a signal and None if the real time was up, and output, which `file` limits in size."""
    with file.open("w+b") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            exit_code: int | None = process.wait(_REAL_SECONDS)
        except subprocess.TimeoutExpired:
            exit_code = None
        finally:
            with contextlib.suppress(ProcessLookupError):  # processes that it left in the background, too
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        return exit_code, output.read()


def _run_on_windows(guest: Guest, script: str) -> Outcome:
    """Run the few PowerShell commands that the lab knows; any other one ends the script with exit code 1."""
    disks = [device.file for device in guest.devices.values()]
    output = ""
    for statement in filter(None, map(str.strip, _STATEMENTS.split(script))):
        name, _, rest = statement.partition(" ")
        number = re.search(r"PhysicalDrive(\d+)$", rest)
        if name == "exit":
            return Outcome(int(rest or 0), output.encode(), 0.0)
        if name in ("Write-Output", "echo"):
            output += rest.strip("'\"")
        elif name == "hostname":
            output += guest.host_name
        elif name == "Get-FileHash" and number and int(number[1]) < len(disks) and (disk := disks[int(number[1])]):
            output += f"SHA256 {sha256_of(disk, disk.stat().st_size).upper()}"
        else:
            return Outcome(1, f"{output}{name} : The lab does not know this command.\r\n".encode(), 0.0)
        output += "\r\n"
    return Outcome(0, output.encode(), 0.0)
