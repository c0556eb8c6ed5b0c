"""ECS disk snapshots: describe and delete."""

from __future__ import annotations

from typing import Any

from lab.alicloud.ecs.common import Listing, check_region, created_in_range, dry_run, ecs_tags, name_matches, tags_match
from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.compute import Compute
from lab.alicloud.world.errors import error
from lab.alicloud.world.records import Snapshot
from lab.alicloud.world.store import Store
from lab.alicloud.world.timefmt import seconds_format

_SNAPSHOTS = Listing("Snapshots", "Snapshot")


class Snapshots:
    """The actions on snapshots."""

    def __init__(self, store: Store, compute: Compute) -> None:
        self._store = store
        self._compute = compute

    def describe(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeSnapshots: the newest first."""
        check_region(self._store, parameters)
        status, usage = parameters.text("Status", "all"), parameters.text("Usage")
        if status not in ("progressing", "accomplished", "failed", "all"):
            raise error("InvalidStatus.NotFound")
        if usage not in ("", "image", "disk", "image_disk", "none"):
            raise error("InvalidUsage")
        ids = parameters.json_texts("SnapshotIds", 100)
        found = [
            snapshot
            for snapshot in reversed(self._store.snapshots.values())
            if (ids is None or snapshot.snapshot_id in ids)
            and status in ("all", snapshot.status)
            and usage in ("", self._usage(snapshot))
            and name_matches(parameters.text("SnapshotName"), snapshot.name)
            and parameters.text("DiskId") in ("", snapshot.source_disk_id)
            and parameters.text("InstanceId") in ("", snapshot.instance_id)
            and parameters.text("SourceDiskType").lower() in ("", snapshot.source_disk_type)
            and parameters.text("SnapshotType", "all") in ("all", "user")
            and tags_match(snapshot.tags, parameters)
            and created_in_range(snapshot.created, parameters)
        ]
        dry_run(parameters)
        return _SNAPSHOTS.page(parameters, found, self._view)

    def delete(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteSnapshot: not while an image needs it; with disks made from it only by Force."""
        snapshot = self._store.snapshots.get(parameters.required("SnapshotId"))
        if snapshot is None:
            raise error("InvalidSnapshotId.NotFound")
        if snapshot.image_id:
            raise error("SnapshotCreatedImage")
        if self._disks_made(snapshot) and not parameters.boolean("Force"):
            raise error("SnapshotCreatedDisk")
        self._compute.delete_snapshot(snapshot)
        return {}

    def _disks_made(self, snapshot: Snapshot) -> bool:
        return any(disk.snapshot_id == snapshot.snapshot_id for disk in self._store.disks.values())

    def _usage(self, snapshot: Snapshot) -> str:
        uses = [
            name for name, used in (("image", bool(snapshot.image_id)), ("disk", self._disks_made(snapshot))) if used
        ]
        return "_".join(uses) or "none"

    def _view(self, snapshot: Snapshot) -> dict[str, Any]:
        return {
            "SnapshotId": snapshot.snapshot_id,
            "SnapshotName": snapshot.name,
            "Status": snapshot.status,
            "Progress": f"{snapshot.progress}%",
            "SourceDiskId": snapshot.source_disk_id,
            "SourceDiskSize": str(snapshot.source_disk_gib),
            "SourceDiskType": snapshot.source_disk_type,
            "CreationTime": seconds_format(snapshot.created),
            "LastModifiedTime": seconds_format(snapshot.created),
            "Usage": self._usage(snapshot),
            "Description": snapshot.description,
            "RegionId": self._store.region_id,
            "SnapshotType": "user",
            "Category": "standard",
            "Encrypted": False,
            "Available": snapshot.status == "accomplished",
            "RemainTime": 0,
            "Tags": ecs_tags(snapshot.tags),
        }
