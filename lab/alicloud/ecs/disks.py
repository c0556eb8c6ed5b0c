"""ECS cloud disks: describe and delete."""

from __future__ import annotations

from typing import Any

from lab.alicloud.ecs.common import Listing, check_region, dry_run, ecs_tags, name_matches, tags_match
from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.compute import Compute
from lab.alicloud.world.errors import error
from lab.alicloud.world.records import Disk
from lab.alicloud.world.store import Store
from lab.alicloud.world.timefmt import seconds_format

_DISKS = Listing("Disks", "Disk", largest=500, smallest_by_token=10)


class Disks:
    """The actions on disks."""

    def __init__(self, store: Store, compute: Compute) -> None:
        self._store = store
        self._compute = compute

    def describe(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeDisks: the newest first."""
        check_region(self._store, parameters)
        ids = parameters.json_texts("DiskIds", 100)
        status, kind = parameters.text("Status", "All"), parameters.text("DiskType", "all")
        found = [
            disk
            for disk in reversed(self._store.disks.values())
            if (ids is None or disk.disk_id in ids)
            and status in ("All", disk.status)
            and kind in ("all", disk.kind)
            and name_matches(parameters.text("DiskName"), disk.name)
            and parameters.text("InstanceId") in ("", disk.instance_id)
            and parameters.text("SnapshotId") in ("", disk.snapshot_id)
            and tags_match(disk.tags, parameters)
        ]
        dry_run(parameters)
        return _DISKS.page(parameters, found, self._view)

    def delete(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteDisk: only a disk that is not attached."""
        disk = self._store.disks.get(parameters.required("DiskId"))
        if disk is None:
            raise error("InvalidDiskId.NotFound")
        if disk.status != "Available":
            raise error("IncorrectDiskStatus")
        self._compute.delete_disk(disk)
        return {}

    def _view(self, disk: Disk) -> dict[str, Any]:
        return {
            "DiskId": disk.disk_id,
            "DiskName": disk.name,
            "Status": disk.status,
            "InstanceId": disk.instance_id,
            "Size": disk.size_gib,
            "Category": disk.category,
            "PerformanceLevel": disk.performance_level,
            "Type": disk.kind,
            "Device": disk.device,
            "DeleteWithInstance": disk.delete_with_instance,
            "Encrypted": False,
            "Portable": disk.kind == "data",
            "ImageId": disk.image_id,
            "SourceSnapshotId": disk.snapshot_id,
            "DiskChargeType": "PostPaid",
            "CreationTime": seconds_format(disk.created),
            "RegionId": self._store.region_id,
            "ZoneId": self._store.zone_id,
            "Description": "",
            "Tags": ecs_tags(disk.tags),
        }
