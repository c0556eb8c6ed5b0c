"""Reads and checks what CreateReplicationJob and ModifyReplicationJobAttribute ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.errors import error, invalid, missing
from lab.alicloud.world.records import Part, Source, SourceDisk, TargetDisk
from lab.alicloud.world.store import Store

SMALLEST_DISK, LARGEST_SYSTEM_DISK, LARGEST_DATA_DISK = 20, 2048, 32768
TARGET_TYPES = {"image": "Image", "containerimage": "ContainerImage", "targetinstance": "TargetInstance"}


@dataclass(frozen=True)
class Cycle:
    """How often a job runs: once, or every `frequency` hours with the newest images kept."""

    run_once: bool
    frequency: int | None = None
    images_to_keep: int | None = None


def cycle(parameters: Parameters) -> Cycle:
    """`RunOnce`, and what an incremental job needs in addition."""
    run_once = parameters.boolean("RunOnce")
    frequency = parameters.integer("Frequency", 1, 168)
    keep = parameters.integer("MaxNumberOfImageToKeep", 1, 10)
    if run_once is None or run_once:
        return Cycle(run_once=True)
    if frequency is None:
        raise missing("Frequency")
    if keep is None:
        raise missing("MaxNumberOfImageToKeep")
    return Cycle(False, frequency, keep)


def license_type(parameters: Parameters) -> str:
    """`LicenseType`: BYOL, or absent."""
    text = parameters.text("LicenseType")
    if text not in ("", "BYOL"):
        raise invalid("LicenseType", "It must be empty or BYOL.")
    return text


def target_type(parameters: Parameters, inferred: bool) -> str:
    """`TargetType`, in any case."""
    text = parameters.text("TargetType")
    if not text:
        if inferred:
            return "Image"
        raise missing("TargetType")
    if text.lower() not in TARGET_TYPES:
        raise invalid("TargetType", f"It must be one of {', '.join(TARGET_TYPES.values())}.")
    return TARGET_TYPES[text.lower()]


def net_mode(parameters: Parameters) -> int | None:
    """`NetMode`: 0 or 2; 1 is not documented."""
    mode = parameters.integer("NetMode")
    if mode not in (None, 0, 2):
        raise invalid("NetMode", "It must be 0 or 2.")
    return mode


def network(store: Store, mode: int, vpc_id: str, vswitch_id: str) -> tuple[str, str]:
    """The VPC and the vSwitch, checked against each other and against what exists."""
    if mode == 2 and not vswitch_id:
        raise missing("VSwitchId")
    if not vswitch_id:
        return vpc_id, ""
    vswitch = store.vswitches.get(vswitch_id)
    if vswitch is None:
        raise error("InvalidVSwitchId.NotFound")
    if vpc_id and vpc_id != vswitch.vpc_id:
        raise error("VSwitchIdVpcId.Mismatch")
    return vswitch.vpc_id, vswitch_id


def valid_time(store: Store, parameters: Parameters, created: datetime) -> datetime | None:
    """`ValidTime`: 7 to 90 days after creation."""
    time = parameters.timestamp("ValidTime")
    if time is None:
        return None
    slack = store.clock.tolerance()
    if not created + timedelta(days=7) - slack <= time <= created + timedelta(days=90) + slack:
        raise invalid("ValidTime", "It must be 7 to 90 days after the job's creation.")
    return time


def scheduled_start(store: Store, parameters: Parameters) -> datetime | None:
    """`ScheduledStartTime`: in the future, within 30 days."""
    time = parameters.timestamp("ScheduledStartTime")
    if time is None:
        return None
    now, slack = store.now(), store.clock.tolerance()
    if not now - slack < time <= now + timedelta(days=30) + slack:
        raise invalid("ScheduledStartTime", "It must be later than now and within 30 days.")
    return time


def system_disk(store: Store, parameters: Parameters, source: Source) -> TargetDisk | None:
    """`SystemDiskSize` with its parts, or the newer `Disks.System`."""
    newer = parameters.below("Disks.System")
    size = parameters.integer("SystemDiskSize", SMALLEST_DISK, LARGEST_SYSTEM_DISK)
    if size is None:
        size = newer.integer("Size", SMALLEST_DISK, LARGEST_DATA_DISK)
    parts = _old_parts(parameters, "SystemDiskPart") or _new_parts(newer)
    if size is None:
        return None
    _check_size(store, "SystemDiskSize", size, parts, source.system_disk)
    return TargetDisk(0, size, parts, newer.boolean("LVM"))


def data_disks(store: Store, parameters: Parameters, source: Source) -> list[TargetDisk]:
    """`DataDisk.N`, or the newer `Disks.Data.N`, whose N is the disk's index."""
    older = [_old_data_disk(item) for item in parameters.objects("DataDisk")]
    disks = older or [
        _new_data_disk(index, parameters.below(f"Disks.Data.{index}")) for index in parameters.indexes("Disks.Data")
    ]
    indexes = [disk.index for disk in disks]
    if len(set(indexes)) != len(indexes):
        raise error("DataDisk.DuplicateIndex")
    for disk in disks:
        if disk.index > len(source.data_disks):
            raise error("ReplicationJobDataDiskIndex.Invalid")
        _check_size(store, f"DataDisk.{disk.index}.Size", disk.size_gib, disk.parts, source.data_disks[disk.index - 1])
    return sorted(disks, key=lambda disk: disk.index)


def _old_data_disk(item: Parameters) -> TargetDisk:
    index = item.integer("Index", 1, 16)
    if index is None:
        raise missing(item.name_of("Index"))
    return TargetDisk(index, _size(item), _old_parts(item, "Part"))


def _new_data_disk(index: int, item: Parameters) -> TargetDisk:
    return TargetDisk(index, _size(item), _new_parts(item), item.boolean("LVM"), item.text("DiskId"))


def _size(item: Parameters) -> int:
    size = item.integer("Size", SMALLEST_DISK, LARGEST_DATA_DISK)
    if size is None:
        raise missing(item.name_of("Size"))
    return size


def _block(item: Parameters) -> bool:
    block = item.boolean("Block")
    return True if block is None else block


def _old_parts(parameters: Parameters, name: str) -> list[Part]:
    parts = []
    for item in parameters.objects(name):
        device, size = item.text("Device"), item.integer("SizeBytes", 0)
        if bool(device) != (size is not None):
            raise missing(item.name_of("SizeBytes" if device else "Device"))
        parts.append(Part(_block(item), device=device, size_bytes=size or 0))
    return parts


def _new_parts(parameters: Parameters) -> list[Part]:
    return [
        Part(_block(item), path=item.text("Path"), size_bytes=item.integer("SizeBytes", 0) or 0)
        for item in parameters.objects("Part")
    ]


def _check_size(store: Store, field: str, size: int, parts: list[Part], source: SourceDisk) -> None:
    """Agentless migration never shrinks: the destination disk is larger than the source disk."""
    size_bytes = size * 1024**3
    equal_passes = store.switches.on("equal_size_accepted")
    if size_bytes < source.size_bytes or (size_bytes == source.size_bytes and not equal_passes):
        raise invalid(field, "The destination disk must be larger than the source disk.")
    if sum(part.size_bytes for part in parts) > size_bytes:
        raise invalid(field, "The partitions exceed the disk.")
