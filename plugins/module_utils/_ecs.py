# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ECS: instances, images and snapshots as small dataclasses (private to the collection)."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timezone

from ansible_collections.cutover.smc.plugins.module_utils import _alicloud
from ansible_collections.cutover.smc.plugins.module_utils._failure import NotFound
from ansible_collections.cutover.smc.plugins.module_utils._time import format_moment, read_moment

IMPORT_ERROR: t.Optional[ImportError] = _alicloud.IMPORT_ERROR
try:
    from alibabacloud_ecs20140526.client import Client
except ImportError as error:
    IMPORT_ERROR = error

#: What a module that talks to ECS requires.
LIBRARY = ("alibabacloud-ecs20140526", IMPORT_ERROR)

VERSION = "2014-05-26"
PAGE = 100
#: DescribeImages shows only available images unless it is told otherwise.
EVERY_IMAGE_STATUS = "Creating,Waiting,Available,UnAvailable,CreateFailed"

Wire = dict[str, t.Any]


@dataclass(frozen=True)
class Image:
    """A custom image. The size is in GiB."""

    image_id: str
    name: str = ""
    status: str = ""
    progress: str = ""
    size: int = 0
    used: bool = False
    snapshot_ids: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    created: t.Optional[datetime] = None

    @classmethod
    def from_wire(cls, wire: Wire) -> Image:
        mappings = _alicloud.listed(wire, "DiskDeviceMappings", "DiskDeviceMapping")
        return cls(
            image_id=wire["ImageId"],
            name=wire.get("ImageName") or "",
            status=wire.get("Status") or "",
            progress=wire.get("Progress") or "",
            size=int(wire.get("Size") or 0),
            used=wire.get("Usage") == "instance",
            snapshot_ids=tuple(mapping["SnapshotId"] for mapping in mappings if mapping.get("SnapshotId")),
            tags=_tags(wire),
            created=read_moment(wire.get("CreationTime")),
        )

    def as_result(self) -> dict[str, t.Any]:
        return {
            "image_id": self.image_id,
            "name": self.name,
            "status": self.status,
            "size": self.size,
            "used": self.used,
            "snapshot_ids": list(self.snapshot_ids),
            "tags": self.tags,
            "created": format_moment(self.created),
        }


@dataclass(frozen=True)
class Instance:
    """An ECS instance."""

    instance_id: str
    name: str = ""
    status: str = ""
    image_id: str = ""
    instance_type: str = ""
    private_ipv4: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    created: t.Optional[datetime] = None
    released_at: t.Optional[datetime] = None

    @classmethod
    def from_wire(cls, wire: Wire) -> Instance:
        network = (wire.get("VpcAttributes") or {}).get("PrivateIpAddress") or {}
        return cls(
            instance_id=wire["InstanceId"],
            name=wire.get("InstanceName") or "",
            status=wire.get("Status") or "",
            image_id=wire.get("ImageId") or "",
            instance_type=wire.get("InstanceType") or "",
            private_ipv4=tuple(network.get("IpAddress") or ()),
            tags=_tags(wire),
            created=read_moment(wire.get("CreationTime")),
            released_at=read_moment(wire.get("AutoReleaseTime")),
        )

    @property
    def told(self) -> str:
        return "instance %s: %s" % (self.instance_id, self.status)

    def as_result(self) -> dict[str, t.Any]:
        return {
            "instance_id": self.instance_id,
            "name": self.name,
            "status": self.status,
            "image_id": self.image_id,
            "instance_type": self.instance_type,
            "private_ipv4": list(self.private_ipv4),
            "tags": self.tags,
            "created": format_moment(self.created),
            "released_at": format_moment(self.released_at),
        }


class Ecs:
    """The ECS API of one region; every list is read to its last page."""

    def __init__(self, connection: _alicloud.Connection) -> None:
        self._region = connection.region
        self._api = _alicloud.Api(connection, Client, VERSION, connection.ecs_endpoint)

    def tell_time(self) -> datetime:
        """The service's own clock at its last answer; this machine's before the first one."""
        return self._api.cloud_time or datetime.now(timezone.utc)

    def images(self, image_id: t.Optional[str] = None, tags: t.Optional[dict[str, str]] = None) -> list[Image]:
        """Our own images in any state; ids that do not exist are silently absent."""
        found: list[Wire] = []
        page = 1
        while True:
            body = self._api.read(
                "DescribeImages",
                RegionId=self._region,
                ImageOwnerAlias="self",
                Status=EVERY_IMAGE_STATUS,
                ImageId=image_id,
                Tag=_alicloud.wire_tags(tags),
                PageNumber=page,
                PageSize=PAGE,
            )
            items = _alicloud.listed(body, "Images", "Image")
            found += items
            if not items or page * PAGE >= int(body.get("TotalCount") or 0):
                return [Image.from_wire(wire) for wire in found]
            page += 1

    def image(self, image_id: str) -> t.Optional[Image]:
        return next((image for image in self.images(image_id) if image.image_id == image_id), None)

    def images_by_id(self, image_ids: t.Iterable[str]) -> dict[str, Image]:
        """The images that still exist, by id; DescribeImages takes one id or none, so beyond a few it reads all."""
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
        if instance_ids == []:
            return []
        found: list[Wire] = []
        next_token: t.Optional[str] = None
        while True:
            body = self._api.read(
                "DescribeInstances",
                RegionId=self._region,
                InstanceIds=json.dumps(instance_ids) if instance_ids else None,
                InstanceName=name,
                Tag=_alicloud.wire_tags(tags),
                MaxResults=PAGE,
                NextToken=next_token,
            )
            found += _alicloud.listed(body, "Instances", "Instance")
            next_token = body.get("NextToken")
            if not next_token:
                return [Instance.from_wire(wire) for wire in found]

    def run_instance(self, parameters: Wire) -> str:
        """Create and start one instance; returns its id."""
        body = self._api.write("RunInstances", RegionId=self._region, Amount=1, **parameters)
        return str(_alicloud.listed(body, "InstanceIdSets", "InstanceIdSet")[0])

    def delete_instance(self, instance_id: str) -> None:
        """Release an instance, running or not; one that is gone already is fine."""
        try:
            self._api.write("DeleteInstance", InstanceId=instance_id, Force=True)
        except NotFound:
            pass

    def delete_image(self, image_id: str) -> None:
        """Delete an image that no instance uses; its snapshots stay."""
        try:
            self._api.write("DeleteImage", RegionId=self._region, ImageId=image_id)
        except NotFound:
            pass

    def delete_snapshot(self, snapshot_id: str) -> None:
        try:
            self._api.write("DeleteSnapshot", SnapshotId=snapshot_id)
        except NotFound:
            pass

    def tag_image(self, image_id: str, tags: dict[str, str]) -> None:
        self._api.write(
            "TagResources",
            RegionId=self._region,
            ResourceType="image",
            ResourceId=[image_id],
            Tag=_alicloud.wire_tags(tags),
        )


def _tags(wire: Wire) -> dict[str, str]:
    """Tags of a resource; ECS spells them otherwise than SMC."""
    return {tag["TagKey"]: tag.get("TagValue") or "" for tag in _alicloud.listed(wire, "Tags", "Tag")}
