"""ECS images: describe and delete."""

from __future__ import annotations

from typing import Any

from lab.alicloud.ecs.common import Listing, check_region, created_in_range, dry_run, ecs_tags, name_matches, tags_match
from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.compute import Compute
from lab.alicloud.world.errors import error
from lab.alicloud.world.records import Image, ImageDisk
from lab.alicloud.world.store import Store
from lab.alicloud.world.timefmt import seconds_format

STATES = ("Creating", "Waiting", "Available", "UnAvailable", "CreateFailed", "Deprecated")

_IMAGES = Listing("Images", "Image")


class Images:
    """The actions on images."""

    def __init__(self, store: Store, compute: Compute) -> None:
        self._store = store
        self._compute = compute

    def describe(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeImages: without `Status` only what is Available; the newest first."""
        check_region(self._store, parameters)
        states = _states(parameters.text("Status", "Available"))
        usage = parameters.text("Usage")
        if usage not in ("", "instance", "none"):
            raise error("InvalidUsage")
        image_ids = [value for value in parameters.text("ImageId").split(",") if value]
        found = [
            image
            for image in reversed(self._store.images.values())
            if image.status in states
            and (not image_ids or image.image_id in image_ids)
            and name_matches(parameters.text("ImageName"), image.name)
            and parameters.text("ImageOwnerAlias", "self") == "self"
            and usage in ("", self._usage(image))
            and self._has_snapshot(image, parameters.text("SnapshotId"))
            and parameters.text("ResourceGroupId") in ("", image.resource_group_id)
            and tags_match(image.tags, parameters)
            and created_in_range(image.created, parameters)
        ]
        dry_run(parameters)
        answer = _IMAGES.page(parameters, found, self._view)
        answer.pop("NextToken")
        return {**answer, "RegionId": self._store.region_id}

    @staticmethod
    def _has_snapshot(image: Image, snapshot_id: str) -> bool:
        return not snapshot_id or any(disk.snapshot_id == snapshot_id for disk in image.disks)

    def _usage(self, image: Image) -> str:
        return "instance" if self._store.image_users(image.image_id) else "none"

    def delete(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteImage: its snapshots are kept."""
        check_region(self._store, parameters)
        image = self._store.images.get(parameters.required("ImageId"))
        if image is None:
            raise error("InvalidImageId.NotFound")
        if self._store.image_users(image.image_id) and not parameters.boolean("Force"):
            raise error("ImageUsingByInstance")
        dry_run(parameters)
        self._compute.delete_image(image.image_id, with_snapshots=False)
        return {}

    def _view(self, image: Image) -> dict[str, Any]:
        return {
            "ImageId": image.image_id,
            "ImageName": image.name,
            "ImageFamily": "",
            "ImageVersion": "",
            "Description": image.description,
            "Status": image.status,
            "Progress": f"{image.progress}%",
            "CreationTime": seconds_format(image.created),
            "Size": image.size_gib,
            "Architecture": image.architecture,
            "Platform": image.platform,
            "OSName": image.os_name,
            "OSNameEn": image.os_name,
            "OSType": image.os_type,
            "BootMode": image.boot_mode,
            "ImageOwnerAlias": "self",
            "ImageOwnerId": 1234567890123456,
            "Usage": self._usage(image),
            "IsSupportCloudinit": False,
            "IsSupportIoOptimized": True,
            "IsSelfShared": "",
            "IsCopied": False,
            "LicenseType": "Auto",
            "ResourceGroupId": image.resource_group_id,
            "Features": {"ImdsSupport": "v1", "NvmeSupport": "unsupported"},
            "DetectionOptions": {"Status": "", "Items": {"Item": []}},
            "DiskDeviceMappings": {"DiskDeviceMapping": [_mapping(image, disk) for disk in image.disks]},
            "Tags": ecs_tags(image.tags),
        }


def _states(text: str) -> set[str]:
    if text.upper() == "ALL":
        return set(STATES)
    states = {state.strip() for state in text.split(",") if state.strip()}
    if not states <= set(STATES):
        raise error("InvalidStatus.NotFound")
    return states


def _mapping(image: Image, disk: ImageDisk) -> dict[str, Any]:
    return {
        "Device": disk.device,
        "Type": disk.kind,
        "Size": str(disk.size_gib),
        "SnapshotId": disk.snapshot_id,
        "Progress": f"{image.progress}%",
        "Encrypted": False,
        "Format": "",
        "RemainTime": 0,
    }
