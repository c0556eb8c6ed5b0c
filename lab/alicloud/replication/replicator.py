"""One synchronization: snapshot, changed areas, ranged reads, replica, image. `DiskSource` is where the bytes come from."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lab.alicloud.world.diskfiles import DiskFiles, copy_sparse, write_block

CHUNK = 1024 * 1024
EVERYTHING = "*"
Area = tuple[int, int]


class ReplicationError(Exception):
    """A run cannot continue; `code` becomes the job's ErrorCode."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class CancelledRunError(Exception):
    """The job was stopped or deleted while its run was copying."""


class NotTrackedError(Exception):
    """Changed areas are not available: tracking is off, or has been restarted."""


class DiskReader(Protocol):
    """One disk in a snapshot."""

    size: int
    change_id: str  # empty when changed block tracking is off for this disk

    def changed_areas(self, since: str) -> list[Area]:
        """(start, length) of what changed since a changeId, or of all allocated areas for `*`; NotTrackedError."""

    def read(self, start: int, length: int) -> bytes:
        """Bytes of the disk."""


class DiskSource(Protocol):
    """A source of VM snapshots to read: vCenter, or a fake in unit tests."""

    def is_on(self, moref: str) -> bool:
        """Whether the VM is powered on."""

    def frozen(
        self, moref: str, snapshot_name: str, keep_snapshot: Callable[[], bool]
    ) -> AbstractContextManager[dict[int, DiskReader]]:
        """A snapshot of the VM, its disks by key; removed at the end unless `keep_snapshot()` is true."""


@dataclass
class Order:
    """What one run must copy."""

    job_id: str
    moref: str
    snapshot_name: str
    image_id: str
    disk_keys: list[int]
    change_ids: dict[int, str]
    cancel: threading.Event
    keep_snapshot: Callable[[], bool]
    progress: Callable[[int, int], None]  # bytes sent, bytes to send
    refuses_powered_off: bool = False


@dataclass
class DiskResult:
    """The result of copying one disk."""

    key: int
    size: int
    change_id: str
    full: bool
    bytes_sent: int
    reason: str
    file: Path = field(default_factory=Path)


@dataclass
class _Plan:
    reader: DiskReader
    areas: list[Area]
    result: DiskResult


def epoch(change_id: str) -> str:
    """The uuid part of a changeId: a different one means that tracking was restarted."""
    return change_id.rpartition("/")[0]


class Replicator:
    """Runs orders: several at a time, but one per job."""

    def __init__(self, source: DiskSource, files: DiskFiles) -> None:
        self._source = source
        self._files = files

    def run(self, order: Order) -> list[DiskResult]:
        """Copy what changed and make the complete image files of this run."""
        self._check(order)
        if order.refuses_powered_off and not self._source.is_on(order.moref):
            raise ReplicationError("SourceServer.PoweredOff", "The source server is powered off.")
        try:
            with self._source.frozen(order.moref, order.snapshot_name, order.keep_snapshot) as readers:
                plans = [self._plan(order, key, readers) for key in order.disk_keys]
                self._transfer(order, plans)
            for plan in plans:
                self._check(order)
                plan.result.file = self._files.image_file(order.image_id, plan.result.key)
                copy_sparse(self._files.replica(order.job_id, plan.result.key, plan.reader.size)[0], plan.result.file)
            return [plan.result for plan in plans]
        except BaseException:
            self._files.delete_image(order.image_id)
            raise

    @staticmethod
    def _check(order: Order) -> None:
        if order.cancel.is_set():
            raise CancelledRunError

    def _plan(self, order: Order, key: int, readers: dict[int, DiskReader]) -> _Plan:
        reader = readers.get(key)
        if reader is None:
            raise ReplicationError("SourceServer.DiskNotFound", f"The source VM has no disk with key {key} any more.")
        since = order.change_ids.get(key, "")
        if since and reader.change_id and epoch(since) == epoch(reader.change_id):
            try:
                return self._planned(key, reader, reader.changed_areas(since), full=False, reason="changed areas")
            except NotTrackedError:
                pass  # the increment cannot be trusted: copy everything
        order.change_ids.pop(key, None)
        if not reader.change_id:
            return self._planned(key, reader, [(0, reader.size)], full=True, reason="change tracking is off")
        # Only allocated areas will be sent, so the replica must have zeros elsewhere.
        self._files.delete_replica(order.job_id, key)
        reason = "change tracking was restarted" if since else "first synchronization"
        try:
            areas = reader.changed_areas(EVERYTHING)
        except NotTrackedError:
            areas, reason = [(0, reader.size)], "allocated areas are not known"
        return self._planned(key, reader, areas, full=True, reason=reason)

    @staticmethod
    def _planned(key: int, reader: DiskReader, areas: list[Area], full: bool, reason: str) -> _Plan:
        return _Plan(reader, areas, DiskResult(key, reader.size, reader.change_id, full, 0, reason))

    def _transfer(self, order: Order, plans: list[_Plan]) -> None:
        total = sum(length for plan in plans for _, length in plan.areas)
        sent = 0
        order.progress(0, total)
        for plan in plans:
            path, _ = self._files.replica(order.job_id, plan.result.key, plan.reader.size)
            handle = os.open(path, os.O_RDWR)
            try:
                for start, length in _chunks(plan.areas):
                    self._check(order)
                    data = plan.reader.read(start, length)
                    if len(data) != length:
                        raise ReplicationError("SourceServer.ReadFailed", f"Short read at {start}.")
                    write_block(handle, start, data)
                    plan.result.bytes_sent += length
                    sent += length
                    order.progress(sent, total)
            finally:
                os.close(handle)


def _chunks(areas: list[Area]) -> list[Area]:
    """The areas cut into pieces that are small enough to show progress."""
    return [
        (position, min(CHUNK, start + length - position))
        for start, length in areas
        for position in range(start, start + length, CHUNK)
    ]
