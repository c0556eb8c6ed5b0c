# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ECS keeps, as small dataclasses: images, instances, disks and snapshots (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import Wire, listed
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_moment, read_moment


@dataclass(frozen=True)
class Image:
    """A custom image. The size is in GiB."""

    image_id: str
    name: str = ""
    status: str = ""
    progress: str = ""
    size: int = 0
    used: bool = False
    shared: bool = False
    snapshot_ids: tuple[str, ...] = ()
    snapshot_sizes: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    created: t.Optional[datetime] = None

    @classmethod
    def from_wire(cls, wire: Wire) -> Image:
        mappings = listed(wire, "DiskDeviceMappings", "DiskDeviceMapping")
        return cls(
            image_id=wire["ImageId"],
            name=wire.get("ImageName") or "",
            status=wire.get("Status") or "",
            progress=wire.get("Progress") or "",
            size=int(wire.get("Size") or 0),
            used=wire.get("Usage") == "instance",
            shared=str(wire.get("IsSelfShared") or "").lower() == "true",
            snapshot_ids=tuple(mapping["SnapshotId"] for mapping in mappings if mapping.get("SnapshotId")),
            snapshot_sizes={
                mapping["SnapshotId"]: int(mapping.get("Size") or 0)
                for mapping in mappings
                if mapping.get("SnapshotId")
            },
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
            "created_at": format_moment(self.created),
        }


@dataclass(frozen=True)
class Instance:
    """An ECS instance."""

    instance_id: str
    name: str = ""
    status: str = ""
    image_id: str = ""
    instance_type: str = ""
    charge_type: str = ""
    stopped_mode: str = ""
    spot: bool = False
    os_type: str = ""
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
            charge_type=wire.get("InstanceChargeType") or "",
            stopped_mode=wire.get("StoppedMode") or "",
            spot=(wire.get("SpotStrategy") or "NoSpot") != "NoSpot",
            os_type=(wire.get("OSType") or "").lower(),
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
            "os_type": self.os_type,
            "private_ipv4": list(self.private_ipv4),
            "tags": self.tags,
            "created_at": format_moment(self.created),
            "released_at": format_moment(self.released_at),
        }


@dataclass(frozen=True)
class Disk:
    """A cloud disk. The size is in GiB."""

    disk_id: str
    name: str = ""
    status: str = ""
    instance_id: str = ""
    size: int = 0
    category: str = ""
    performance_level: str = ""
    charge_type: str = ""
    system: bool = False
    created: t.Optional[datetime] = None

    @classmethod
    def from_wire(cls, wire: Wire) -> Disk:
        return cls(
            disk_id=wire["DiskId"],
            name=wire.get("DiskName") or "",
            status=wire.get("Status") or "",
            instance_id=wire.get("InstanceId") or "",
            size=int(wire.get("Size") or 0),
            category=wire.get("Category") or "",
            performance_level=wire.get("PerformanceLevel") or "",
            charge_type=wire.get("DiskChargeType") or "",
            system=wire.get("Type") == "system",
            created=read_moment(wire.get("CreationTime")),
        )


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a cloud disk. The size is its disk's, in GiB; what it stores may be less.

    :ivar usage: ``image``, ``disk``, ``image_disk`` or ``none``
    """

    snapshot_id: str
    name: str = ""
    description: str = ""
    status: str = ""
    size: int = 0
    usage: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    created: t.Optional[datetime] = None

    @classmethod
    def from_wire(cls, wire: Wire) -> Snapshot:
        return cls(
            snapshot_id=wire["SnapshotId"],
            name=wire.get("SnapshotName") or "",
            description=wire.get("Description") or "",
            status=wire.get("Status") or "",
            size=int(wire.get("SourceDiskSize") or 0),
            usage=wire.get("Usage") or "",
            tags=_tags(wire),
            created=read_moment(wire.get("CreationTime")),
        )


def _tags(wire: Wire) -> dict[str, str]:
    """Tags of a resource; ECS spells them otherwise than SMC."""
    return {tag["TagKey"]: tag.get("TagValue") or "" for tag in listed(wire, "Tags", "Tag")}


@dataclass(frozen=True)
class Invocation:
    """What became of a command that Cloud Assistant was given for an instance.

    :ivar status: ``Pending``, ``Running``, ``Success``, ``Failed`` (another exit code than 0), or why it came to no end of its own
    :ivar dropped: how many bytes of output Cloud Assistant has not kept
    """

    status: str
    exit_code: t.Optional[int] = None
    output: str = ""
    dropped: int = 0
    error_code: str = ""
    error_info: str = ""

    @property
    def ended(self) -> bool:
        return self.status not in ("", "Pending", "Scheduled", "Running", "Stopping")


@dataclass(frozen=True)
class Quote:
    """A price that ECS tells."""

    amount: float
    currency: str
