# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ECS keeps: images, instances, disks, snapshots, results of commands and prices (pure; private to the collection)."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.record import (
    COUNT,
    LIST,
    TEXT,
    TIME,
    VALUE,
    Codec,
    Record,
    identifier,
    wire,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import Wire, listed


def _tags(answer: Wire) -> dict[str, str]:
    """Tags of a resource; ECS spells them differently from SMC."""
    return {tag["TagKey"]: tag.get("TagValue") or "" for tag in listed(answer, "Tags", "Tag")}


def _snapshot_sizes(answer: Wire) -> dict[str, int]:
    """GiB of the snapshots of an image, by their IDs."""
    mappings = listed(answer, "DiskDeviceMappings", "DiskDeviceMapping")
    return {mapping["SnapshotId"]: int(mapping.get("Size") or 0) for mapping in mappings if mapping.get("SnapshotId")}


def _private_addresses(answer: Wire) -> t.Any:
    return ((answer.get("VpcAttributes") or {}).get("PrivateIpAddress") or {}).get("IpAddress")


def decoded(text: t.Optional[str]) -> str:
    """Text that ECS sends in Base64, in whatever encoding the guest wrote it; unchanged when it is not Base64."""
    try:
        return base64.b64decode(text or "", validate=True).decode("utf-8", "replace")
    except ValueError:
        return text or ""


@dataclass(frozen=True)
class Image(Record):
    """A custom image. Sizes are in GiB."""

    image_id: str = identifier("ImageId")
    name: str = wire("ImageName")
    status: str = wire("Status")
    progress: str = wire("Progress", shown=False)
    size: int = wire("Size", COUNT)
    used: bool = wire("Usage", Codec(lambda usage: usage == "instance"))
    shared: bool = wire("IsSelfShared", Codec(lambda shared: str(shared or "").lower() == "true"), shown=False)
    snapshot_ids: tuple[str, ...] = wire(_snapshot_sizes, LIST)
    snapshot_sizes: dict[str, int] = wire(_snapshot_sizes, VALUE, shown=False)
    tags: dict[str, str] = wire(_tags, VALUE)
    created: t.Optional[datetime] = wire("CreationTime", TIME, shown="created_at")


@dataclass(frozen=True)
class Instance(Record):
    """An ECS instance."""

    instance_id: str = identifier("InstanceId")
    name: str = wire("InstanceName")
    status: str = wire("Status")
    image_id: str = wire("ImageId")
    instance_type: str = wire("InstanceType")
    charge_type: str = wire("InstanceChargeType", shown=False)
    stopped_mode: str = wire("StoppedMode", shown=False)
    spot: bool = wire("SpotStrategy", Codec(lambda strategy: (strategy or "NoSpot") != "NoSpot"), shown=False)
    os_type: str = wire("OSType", Codec(lambda os_type: (os_type or "").lower()))
    private_ipv4: tuple[str, ...] = wire(_private_addresses, LIST)
    tags: dict[str, str] = wire(_tags, VALUE)
    created: t.Optional[datetime] = wire("CreationTime", TIME, shown="created_at")
    released_at: t.Optional[datetime] = wire("AutoReleaseTime", TIME)

    @property
    def summary(self) -> str:
        return f"instance {self.instance_id}: {self.status}"


@dataclass(frozen=True)
class Disk(Record):
    """A cloud disk. The size is in GiB."""

    disk_id: str = identifier("DiskId")
    name: str = wire("DiskName")
    status: str = wire("Status")
    instance_id: str = wire("InstanceId")
    size: int = wire("Size", COUNT)
    category: str = wire("Category")
    performance_level: str = wire("PerformanceLevel")
    charge_type: str = wire("DiskChargeType")
    system: bool = wire("Type", Codec(lambda kind: kind == "system"))
    created: t.Optional[datetime] = wire("CreationTime", TIME, shown="created_at")


@dataclass(frozen=True)
class Snapshot(Record):
    """A snapshot of a cloud disk. The size is its disk's, in GiB; what it stores may be less.

    :ivar usage: ``image``, ``disk``, ``image_disk`` or ``none``
    """

    snapshot_id: str = identifier("SnapshotId")
    name: str = wire("SnapshotName")
    description: str = wire("Description")
    status: str = wire("Status")
    size: int = wire("SourceDiskSize", COUNT)
    usage: str = wire("Usage")
    tags: dict[str, str] = wire(_tags, VALUE)
    created: t.Optional[datetime] = wire("CreationTime", TIME, shown="created_at")


@dataclass(frozen=True)
class Invocation(Record):
    """The result of a command that Cloud Assistant ran in an instance.

    :ivar status: ``Pending``, ``Running``, ``Success``, ``Failed`` (an exit code other than 0), or why it did not end by itself
    :ivar dropped: how many bytes of output Cloud Assistant did not keep
    """

    status: str = wire(lambda answer: answer.get("InvocationStatus") or answer.get("InvokeRecordStatus"))
    exit_code: t.Optional[int] = wire("ExitCode", Codec(lambda code: None if code is None else int(code)))
    output: str = wire("Output", Codec(decoded))
    dropped: int = wire("Dropped", COUNT)
    error_code: str = wire("ErrorCode", TEXT)
    error_info: str = wire("ErrorInfo", TEXT)

    @property
    def ended(self) -> bool:
        return self.status not in ("", "Pending", "Scheduled", "Running", "Stopping")


@dataclass(frozen=True)
class Quote:
    """A price of ECS."""

    amount: float
    currency: str
