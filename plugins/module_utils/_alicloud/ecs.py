# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of ECS: images, instances, disks, snapshots, prices and Cloud Assistant (private to the collection)."""

from __future__ import annotations

import json
import typing as t
from datetime import datetime, timezone

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Api, Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import (
    Disk,
    Image,
    Instance,
    Invocation,
    Quote,
    Snapshot,
    decoded,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import Wire, listed, wire_tags
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import NotFoundError

IMPORT_ERROR: t.Optional[ImportError] = api.IMPORT_ERROR
try:
    from alibabacloud_ecs20140526.client import Client
except ImportError as error:
    IMPORT_ERROR = error

#: What a module that connects to ECS requires.
LIBRARY = ("alibabacloud-ecs20140526", IMPORT_ERROR)

VERSION = "2014-05-26"
PAGE = 100
#: DescribeImages shows only available images by default.
EVERY_IMAGE_STATUS = "Creating,Waiting,Available,UnAvailable,CreateFailed"
#: GiB of a disk that every category is sold in; disks are priced by the GiB.
PRICED_GIB = 2000


class EcsClient:
    """The ECS API of one region; every list is read to its last page."""

    def __init__(self, connection: Connection) -> None:
        self._region = connection.region
        self._api = Api(connection, Client, VERSION, connection.ecs_endpoint)

    @property
    def now(self) -> datetime:
        """The service's own clock at its last answer; this machine's before the first one."""
        return self._api.cloud_time or datetime.now(timezone.utc)

    def images(self, image_id: t.Optional[str] = None, tags: t.Optional[dict[str, str]] = None) -> list[Image]:
        """Our own images in any state; IDs that do not exist are silently absent."""
        found = self._api.read_pages(
            "DescribeImages",
            ("Images", "Image"),
            PAGE,
            RegionId=self._region,
            ImageOwnerAlias="self",
            Status=EVERY_IMAGE_STATUS,
            ImageId=image_id,
            Tag=wire_tags(tags),
        )
        return [Image.from_wire(wire) for wire in found]

    def image(self, image_id: str) -> t.Optional[Image]:
        """One image, None when it does not exist."""
        return next((image for image in self.images(image_id) if image.image_id == image_id), None)

    def images_by_id(self, image_ids: t.Iterable[str]) -> dict[str, Image]:
        """The images that still exist, by ID; DescribeImages takes one ID or none, so beyond a few it reads all."""
        wanted = set(image_ids)
        if len(wanted) <= 3:
            found = [image for image_id in sorted(wanted) for image in self.images(image_id)]
        else:
            found = self.images()
        return {image.image_id: image for image in found if image.image_id in wanted}

    def instances(
        self,
        instance_ids: t.Optional[list[str]] = None,
        name: t.Optional[str] = None,
        tags: t.Optional[dict[str, str]] = None,
    ) -> list[Instance]:
        return [
            Instance.from_wire(wire)
            for wire in self._by_token(
                "DescribeInstances",
                ("Instances", "Instance"),
                instance_ids,
                "InstanceIds",
                InstanceName=name,
                Tag=wire_tags(tags),
            )
        ]

    def disks(
        self,
        disk_ids: t.Optional[list[str]] = None,
        instance_id: t.Optional[str] = None,
    ) -> list[Disk]:
        return [
            Disk.from_wire(wire)
            for wire in self._by_token(
                "DescribeDisks", ("Disks", "Disk"), disk_ids, "DiskIds", InstanceId=instance_id, Status="All"
            )
        ]

    def snapshots(
        self,
        snapshot_ids: t.Optional[list[str]] = None,
        usage: t.Optional[str] = None,
        tags: t.Optional[t.Mapping[str, t.Optional[str]]] = None,
    ) -> list[Snapshot]:
        return [
            Snapshot.from_wire(wire)
            for wire in self._by_token(
                "DescribeSnapshots",
                ("Snapshots", "Snapshot"),
                snapshot_ids,
                "SnapshotIds",
                Usage=usage,
                Tag=wire_tags(tags),
            )
        ]

    def _by_token(
        self,
        action: str,
        wrapper: tuple[str, str],
        ids: t.Optional[list[str]],
        ids_name: str,
        **parameters: t.Any,
    ) -> list[Wire]:
        """A whole list; IDs that do not exist are silently absent."""
        found: list[Wire] = []
        for start in range(0, 1 if ids is None else len(ids), PAGE):
            portion = None if ids is None else json.dumps(ids[start : start + PAGE])
            given = {"RegionId": self._region, ids_name: portion, **parameters}
            found += self._api.read_by_token(action, wrapper, PAGE, **given)
        return found

    def hourly_price_of_type(self, instance_type: str, category: str) -> t.Optional[Quote]:
        """The price of an hour of an instance type without its disks, pay-as-you-go; None when ECS does not give it separately."""
        parameters: Wire = {"SystemDisk": {"Category": category, "Size": 40}} if category else {}
        price = self._price("instance", InstanceType=instance_type, **parameters)
        details = listed(price, "DetailInfos", "DetailInfo")
        own = next((detail for detail in details if str(detail.get("Resource")).lower() == "instancetype"), None)
        return _quote(own, price, 1) if own else None

    def hourly_price_of_gib(self, category: str, performance_level: str) -> t.Optional[Quote]:
        """The price of an hour of a GiB of disk, pay-as-you-go."""
        disk = {"Category": category, "Size": PRICED_GIB, "PerformanceLevel": performance_level or None}
        price = self._price("disk", DataDisk=[{name: value for name, value in disk.items() if value}])
        return _quote(price, price, PRICED_GIB)

    def _price(self, resource_type: str, **parameters: t.Any) -> Wire:
        body = self._api.read(
            "DescribePrice",
            RegionId=self._region,
            ResourceType=resource_type,
            PriceUnit="Hour",
            Period=1,
            Amount=1,
            **parameters,
        )
        return t.cast(Wire, (body.get("PriceInfo") or {}).get("Price") or {})

    def run_instance(self, parameters: Wire) -> str:
        """Create and start one instance; returns its ID."""
        body = self._api.write("RunInstances", RegionId=self._region, Amount=1, **parameters)
        return str(listed(body, "InstanceIdSets", "InstanceIdSet")[0])

    def delete_instance(self, instance_id: str) -> None:
        """Release an instance, running or not; nothing happens when it no longer exists."""
        try:
            self._api.write("DeleteInstance", InstanceId=instance_id, Force=True)
        except NotFoundError:
            pass

    def delete_image(self, image_id: str) -> None:
        """Delete an image that no instance uses; its snapshots are kept."""
        try:
            self._api.write("DeleteImage", RegionId=self._region, ImageId=image_id)
        except NotFoundError:
            pass

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Delete a snapshot; nothing happens when it no longer exists."""
        try:
            self._api.write("DeleteSnapshot", SnapshotId=snapshot_id)
        except NotFoundError:
            pass

    def delete_disk(self, disk_id: str) -> None:
        """Release a disk that is attached to nothing; nothing happens when it no longer exists."""
        try:
            self._api.write("DeleteDisk", DiskId=disk_id)
        except NotFoundError:
            pass

    def agent_answers(self, instance_id: str) -> bool:
        """Whether the agent of Cloud Assistant in the instance has reported."""
        body = self._api.read("DescribeCloudAssistantStatus", RegionId=self._region, InstanceId=[instance_id])
        found = listed(body, "InstanceCloudAssistantStatusSet", "InstanceCloudAssistantStatus")
        return any(
            status.get("InstanceId") == instance_id and str(status.get("CloudAssistantStatus")).lower() == "true"
            for status in found
        )

    def run_command(self, instance_id: str, parameters: Wire) -> str:
        """Run a command in the instance by Cloud Assistant; returns the ID of its invocation."""
        body = self._api.write("RunCommand", RegionId=self._region, InstanceId=[instance_id], **parameters)
        return str(body["InvokeId"])

    def invocation(self, invoke_id: str, instance_id: str) -> t.Optional[Invocation]:
        """The state of a command; None when Cloud Assistant does not list it yet."""
        body = self._api.read(
            "DescribeInvocationResults",
            RegionId=self._region,
            InvokeId=invoke_id,
            InstanceId=instance_id,
            ContentEncoding="Base64",
        )
        found = listed(body.get("Invocation") or {}, "InvocationResults", "InvocationResult")
        return Invocation.from_wire(found[0]) if found else None

    def console_output(self, instance_id: str) -> str:
        """What the instance wrote to its serial console."""
        body = self._api.read(
            "GetInstanceConsoleOutput", RegionId=self._region, InstanceId=instance_id, RemoveSymbols=True
        )
        return decoded(body.get("ConsoleOutput"))

    def tag_instance(self, instance_id: str, tags: dict[str, str]) -> None:
        """Add tags to an instance."""
        self._tag("instance", [instance_id], tags)

    def tag_image(self, image_id: str, tags: dict[str, str]) -> None:
        """Add tags to an image."""
        self.tag_images([image_id], tags)

    def tag_images(self, image_ids: list[str], tags: dict[str, str]) -> None:
        """Add tags to images, 50 at most."""
        self._tag("image", image_ids, tags)

    def tag_snapshots(self, snapshot_ids: list[str], tags: dict[str, str]) -> None:
        """Add tags to the snapshots of one image, which has 17 disks at most."""
        self._tag("snapshot", snapshot_ids, tags)

    def _tag(self, resource_type: str, resource_ids: list[str], tags: dict[str, str]) -> None:
        self._api.write(
            "TagResources",
            RegionId=self._region,
            ResourceType=resource_type,
            ResourceId=resource_ids,
            Tag=wire_tags(tags),
        )


def _quote(amounts: Wire, price: Wire, units: int) -> t.Optional[Quote]:
    amount = amounts.get("TradePrice")
    return None if amount is None else Quote(float(amount) / units, str(price.get("Currency") or ""))
