"""A smaller stand-in for PowerShell on guests with Windows: the few commands that README.md lists."""

from __future__ import annotations

import re
from collections.abc import Callable

from lab.alicloud.guest.guest import Guest
from lab.alicloud.guest.shell import Outcome
from lab.alicloud.world.diskfiles import sha256_of

_STATEMENTS = re.compile(r"[;\n]")
_UNKNOWN = (
    "{name} : The term '{name}' is not recognized as the name of a cmdlet, function, script file, or operable program."
)


class PowerShell:
    """Runs one script on one guest; an unknown command ends it with exit code 1."""

    def __init__(self, guest: Guest, timeout: float) -> None:
        self._guest = guest
        self._timeout = timeout
        self._seconds = 0.0
        self._commands: dict[str, Callable[[str], str]] = {
            "write-output": _unquoted,
            "echo": _unquoted,
            "hostname": lambda rest: guest.host_name,
            "get-disk": lambda rest: self._disks(),
            "get-filehash": self._hash,
            "start-sleep": self._sleep,
        }

    def run(self, script: str) -> Outcome:
        """The whole script."""
        output = ""
        for statement in filter(None, (part.strip() for part in _STATEMENTS.split(script))):
            name, _, rest = statement.partition(" ")
            if name.lower() == "exit":
                code = rest.strip() or "0"
                return Outcome(int(code) if code.isdigit() else 1, output.encode(), self._seconds)
            action = self._commands.get(name.lower())
            if action is None:
                return Outcome(1, (output + _UNKNOWN.format(name=name) + "\r\n").encode(), self._seconds)
            try:
                text = action(rest.strip())
            except OSError as failure:
                return Outcome(1, f"{output}{name} : {failure}\r\n".encode(), self._seconds)
            if self._seconds > self._timeout:
                return Outcome(None, output.encode(), self._timeout)
            output += f"{text}\r\n" if text else ""
        return Outcome(0, output.encode(), self._seconds)

    def _disks(self) -> str:
        rows = [f"{number} {device.size}" for number, device in enumerate(self._guest.devices.values())]
        return "\r\n".join(["Number Size", *rows])

    def _hash(self, rest: str) -> str:
        match = re.search(r"PhysicalDrive(\d+)", rest, re.IGNORECASE)
        devices = list(self._guest.devices.values())
        if match is None or int(match.group(1)) >= len(devices):
            raise OSError("Cannot find path because it does not exist.")
        device = devices[int(match.group(1))]
        if device.file is None or not device.file.is_file():
            raise OSError("The device is not readable.")
        return f"SHA256 {sha256_of(device.file, device.content_length).upper()}"

    def _sleep(self, rest: str) -> str:
        match = re.search(r"(\d+)$", rest)
        self._seconds += float(match.group(1)) if match else 0.0
        return ""


def _unquoted(rest: str) -> str:
    return rest.strip("'\"")
