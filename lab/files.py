"""Writes files atomically, and secrets so that only their owner can read them."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

OWNER_ONLY = 0o600
EVERYBODY_READS = 0o644
EVERYBODY_RUNS = 0o755


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write beside the file and rename: a reader sees the old or the new content, and never wider permissions."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_private(path: Path, content: bytes | str) -> None:
    """Write a file that holds a secret."""
    _write(path, content.encode() if isinstance(content, str) else content, OWNER_ONLY)


def write_public(path: Path, content: bytes | str) -> None:
    """Write a file that every user may read."""
    _write(path, content.encode() if isinstance(content, str) else content, EVERYBODY_READS)


def write_executable(path: Path, content: str) -> None:
    """Write a program."""
    _write(path, content.encode(), EVERYBODY_RUNS)


def write_private_json(path: Path, content: Any) -> None:
    """Write JSON that holds a secret."""
    write_private(path, json.dumps(content, indent=2) + "\n")


def write_public_json(path: Path, content: Any) -> None:
    """Write JSON that every user may read."""
    write_public(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON."""
    return json.loads(path.read_text(encoding="utf-8"))
