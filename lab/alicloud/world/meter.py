"""What everything costs: the present rate of each resource, and what has come together in virtual time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.alicloud.world import prices
from lab.alicloud.world.records import Disk, Instance, Snapshot

_HOUR = timedelta(hours=1)


@dataclass
class Line:
    """One resource on the bill; it stays there when the resource is gone."""

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
        """What it has cost until a moment."""
        end = self.until or now
        return self.so_far + self.per_hour * max(timedelta(0), end - self.measured) / _HOUR

    def settle(self, now: datetime, per_hour: float) -> None:
        """Another rate from now on."""
        self.so_far, self.measured, self.per_hour = self.charged(now), now, per_hour

    def close(self, now: datetime) -> None:
        """The resource is gone."""
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
        """An instance is there from now on."""
        kind = "transition_instance" if instance.job_id else "instance"
        per_hour = prices.instance_hour(instance.instance_type)
        self._open(now, kind, instance.instance_id, instance.name, per_hour, job_id=instance.job_id)

    def instance_rate(self, instance: Instance, now: datetime) -> None:
        """An instance has another state or type; economical stopping is free of charge but for the disks."""
        free = instance.status == "Stopped" and instance.stopped_mode == "StopCharging"
        line = self._lines.get(instance.instance_id)
        if line is not None and line.until is None:
            line.settle(now, 0.0 if free else prices.instance_hour(instance.instance_type))

    def disk(self, disk: Disk, job_id: str, now: datetime) -> None:
        """A disk is there from now on."""
        kind = "transition_disk" if job_id else "disk"
        per_hour = prices.disk_hour(disk.category, disk.performance_level, disk.size_gib)
        self._open(now, kind, disk.disk_id, disk.name, per_hour, job_id=job_id, instance_id=disk.instance_id)

    def snapshot(self, snapshot: Snapshot, job_id: str, now: datetime) -> None:
        """A snapshot is there from now on."""
        per_hour = prices.snapshot_hour(snapshot.source_disk_gib)
        self._open(now, "snapshot", snapshot.snapshot_id, snapshot.name, per_hour, job_id=job_id)

    def gone(self, resource_id: str, now: datetime) -> None:
        """A resource costs nothing any more."""
        line = self._lines.get(resource_id)
        if line is not None:
            line.close(now)

    def lines(self) -> list[Line]:
        """All lines, in the order in which the resources came."""
        return list(self._lines.values())
