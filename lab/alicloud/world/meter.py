"""The bill: the current rate of each resource, and its cost so far in virtual time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.alicloud.world import prices
from lab.alicloud.world.records import Disk, Instance, Snapshot

_HOUR = timedelta(hours=1)


@dataclass
class Line:
    """One resource on the bill; it is kept when the resource has been deleted."""

    kind: str
    resource_id: str
    name: str
    job_id: str
    instance_id: str
    since: datetime
    per_hour: float
    measured: datetime
    so_far: float = 0.0
    until: datetime | None = None

    def charged(self, now: datetime) -> float:
        """Its cost until a time."""
        end = self.until or now
        return self.so_far + self.per_hour * max(timedelta(0), end - self.measured) / _HOUR

    def settle(self, now: datetime, per_hour: float) -> None:
        """Change the rate from now on."""
        self.so_far, self.measured, self.per_hour = self.charged(now), now, per_hour

    def close(self, now: datetime) -> None:
        """End the line: the resource has been deleted."""
        self.settle(now, 0.0)
        self.until = self.until or now


class Meter:
    """The bill. Its caller holds the store's lock."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    def _open(self, now: datetime, kind: str, resource_id: str, name: str, per_hour: float, **owner: str) -> None:
        job_id, instance_id = owner.get("job_id", ""), owner.get("instance_id", "")
        self._lines[resource_id] = Line(kind, resource_id, name, job_id, instance_id, now, per_hour, now)

    def instance(self, instance: Instance, now: datetime) -> None:
        """Add an instance from now on."""
        kind = "transition_instance" if instance.job_id else "instance"
        per_hour = prices.instance_hour(instance.instance_type)
        self._open(now, kind, instance.instance_id, instance.name, per_hour, job_id=instance.job_id)

    def instance_rate(self, instance: Instance, now: datetime) -> None:
        """Update the rate after a change of state; an instance stopped with StopCharging costs only its disks."""
        free = instance.status == "Stopped" and instance.stopped_mode == "StopCharging"
        line = self._lines.get(instance.instance_id)
        if line is not None and line.until is None:
            line.settle(now, 0.0 if free else prices.instance_hour(instance.instance_type))

    def disk(self, disk: Disk, job_id: str, now: datetime) -> None:
        """Add a disk from now on."""
        kind = "transition_disk" if job_id else "disk"
        per_hour = prices.disk_hour(disk.category, disk.performance_level, disk.size_gib)
        self._open(now, kind, disk.disk_id, disk.name, per_hour, job_id=job_id, instance_id=disk.instance_id)

    def snapshot(self, snapshot: Snapshot, job_id: str, now: datetime) -> None:
        """Add a snapshot from now on."""
        per_hour = prices.snapshot_hour(snapshot.source_disk_gib)
        self._open(now, "snapshot", snapshot.snapshot_id, snapshot.name, per_hour, job_id=job_id)

    def close(self, resource_id: str, now: datetime) -> None:
        """End the cost of a resource."""
        line = self._lines.get(resource_id)
        if line is not None:
            line.close(now)

    def lines(self) -> list[Line]:
        """All lines, in the order of the creation of the resources."""
        return list(self._lines.values())
