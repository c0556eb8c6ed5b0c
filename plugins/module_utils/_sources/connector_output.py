# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the connector's client writes about imports, on its output and in its log (pure; private to the collection).

Source: the dossier of the SMC 2019-06-01 API, its section 3.2. SMC does not document the lines.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

_VM_LINE = re.compile(r"Import VM \[(?P<name>.*)\] moref \[(?P<moid>[^\[\]]+)\]")
_SOURCE_LINE = re.compile(r"Import Source Server \[(?P<source>[^\[\]]+)\] Successfully")
_ERROR_LINE = re.compile(r"\bError\b", re.IGNORECASE)
#: The last line of a client that failed; the reason is in the lines before.
NOT_FINISHED = "Goto Aliyun Not Finished!"


@dataclass(frozen=True)
class ClientOutput:
    """What lines of the client say about imports.

    :ivar sources: the source ID of each imported VM, by the VM's managed object ID
    :ivar errors: the error line of each VM that was not imported, by the VM's managed object ID
    :ivar unnamed: the IDs of sources whose VM the client did not name
    :ivar general: error lines that name no VM
    """

    sources: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    unnamed: tuple[str, ...] = ()
    general: tuple[str, ...] = ()

    @property
    def has_imported(self) -> bool:
        return bool(self.sources or self.unnamed)


NO_OUTPUT = ClientOutput()


def parse_lines(lines: t.Iterable[str]) -> ClientOutput:
    """Read lines of the client's output or log; the last line about a VM decides."""
    sources: dict[str, str] = {}
    errors: dict[str, str] = {}
    unnamed: list[str] = []
    general: list[str] = []
    current: t.Optional[str] = None
    for line in lines:
        vm, source = _VM_LINE.search(line), _SOURCE_LINE.search(line)
        if vm:
            current = vm.group("moid")
        elif source and current:
            sources[current] = source.group("source")
            errors.pop(current, None)
            current = None
        elif source:
            unnamed.append(source.group("source"))
        elif _ERROR_LINE.search(line) and current:
            errors[current] = line.strip()
            current = None
        elif _ERROR_LINE.search(line):
            general.append(line.strip())
    return ClientOutput(sources, errors, tuple(unnamed), tuple(general))


def parse_import(moids: t.Sequence[str], status: int, lines: t.Sequence[str]) -> ClientOutput:
    """Read the output of one import.

    A source without the name of its VM belongs to the only VM of the import. When the client fails, its reason applies to every VM
    that it did not import and about which it wrote nothing.

    :param moids: the managed object IDs of the VMs that were to be imported
    :param status: the client's exit status
    """
    output = parse_lines(lines)
    if len(moids) == 1 and len(output.unnamed) == 1 and not output.sources:
        output = ClientOutput({moids[0]: output.unnamed[0]}, output.errors, (), output.general)
    if status == 0:
        return output
    reason = " ".join(output.general) or error_line(lines, status)
    failed = {moid: reason for moid in moids if moid not in output.sources}
    return ClientOutput(output.sources, {**failed, **output.errors}, output.unnamed, output.general)


def error_line(lines: t.Sequence[str], status: int) -> str:
    """The line in which a program of the connector says why it failed."""
    meaningful = [line for line in lines if NOT_FINISHED not in line]
    errors = [line for line in meaningful if _ERROR_LINE.search(line)]
    return (errors or meaningful or [f"it ended with status {status} and wrote nothing"])[-1]


def without_secret(text: str, secret: t.Optional[str]) -> str:
    """The text as it may be shown."""
    return text.replace(secret, "********") if secret else text
