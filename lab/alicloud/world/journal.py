"""All requests that change something, in the order of arrival: tests use it to check a whole history, not only its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from lab.alicloud.world.timefmt import seconds_format

# Of an answer only the names of resources are kept: an answer may hold an activation code.
_NAMING = ("JobId", "AccessTokenId", "SnapshotId", "TaskId", "WorkgroupId", "InvokeId")


@dataclass
class Entry:
    """One request.

    :ivar number: counted from 1
    :ivar service: `smc`, `ecs`, or `guest` for the service in a VM
    :ivar at: the virtual time of its arrival
    :ivar outcome: `done`, or the error code of the refusal; empty until the request has ended
    :ivar made: the ids in its answer
    """

    number: int
    service: str
    action: str
    at: str
    parameters: dict[str, str]
    outcome: str = ""
    made: list[str] = field(default_factory=list)

    def done(self, answer: Mapping[str, Any]) -> None:
        """It was carried out."""
        self.outcome = "done"
        self.made = [str(answer[name]) for name in _NAMING if name in answer]
        self.made += (answer.get("InstanceIdSets") or {}).get("InstanceIdSet") or []

    def refused(self, code: str) -> None:
        """It was refused."""
        self.outcome = code


class Journal:
    """All entries. Its caller holds the store's lock."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def arrived(self, service: str, action: str, at: datetime, parameters: Mapping[str, str]) -> Entry:
        """Record a request; its caller records the outcome in the entry."""
        entry = Entry(len(self._entries) + 1, service, action, seconds_format(at), dict(parameters))
        self._entries.append(entry)
        return entry

    def after(self, number: int) -> list[dict[str, Any]]:
        """The entries after the one with this number."""
        return [asdict(entry) for entry in self._entries[number:]]
