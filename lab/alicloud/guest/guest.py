"""The system inside an instance: its devices, files and services, and the log of its start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lab.alicloud.world.records import GIB, Disk, Image, Instance
from lab.alicloud.world.store import Store

AGENT_SERVICE = "aliyun"
KERNEL = "6.1.0-28-amd64"


@dataclass(frozen=True)
class Device:
    """A disk as the guest sees it: `size` is ECS's, in bytes; `file` has the image's bytes, and is as long as the source disk."""

    name: str
    size: int
    kind: str
    file: Path | None = None


@dataclass
class Guest:
    """The system of one instance; a copy, so that a command can run without the store's lock."""

    host_name: str
    instance_id: str
    image_id: str
    image_name: str
    os_name: str
    os_type: str
    architecture: str
    booted: datetime
    boots: bool
    devices: dict[str, Device] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    services: frozenset[str] = frozenset()


def guest_of(store: Store, instance: Instance) -> Guest:
    """The guest of an instance; its caller holds the store's lock."""
    image = store.images.get(instance.image_id)
    guest = Guest(
        host_name=(image.host_name if image else "") or instance.host_name,
        instance_id=instance.instance_id,
        image_id=instance.image_id,
        image_name=image.name if image else "",
        os_name=instance.os_name or "Linux",
        os_type=instance.os_type,
        architecture=image.architecture if image else "x86_64",
        booted=instance.started or instance.created,
        boots=instance.boots,
        services=frozenset({"systemd-journald", "cron", "ssh", "sshd"})
        | (frozenset({AGENT_SERVICE}) if store.switches.on("cloud_assistant_agent") else frozenset()),
    )
    disks = [disk for disk in store.disks.values() if disk.instance_id == instance.instance_id]
    for index, disk in enumerate(disks):
        device = _device(f"vd{chr(ord('a') + index)}", disk, image)
        guest.devices[f"/dev/{device.name}"] = device
    guest.files = _files(guest)
    return guest


def _device(name: str, disk: Disk, image: Image | None) -> Device:
    parts = [part for part in image.disks if part.snapshot_id == disk.snapshot_id] if image else []
    if not disk.snapshot_id or not parts:
        return Device(name, disk.size_gib * GIB, disk.kind)
    return Device(name, disk.size_gib * GIB, disk.kind, Path(parts[0].file))


def _files(guest: Guest) -> dict[str, str]:
    return {
        "/etc/hostname": f"{guest.host_name}\n",
        "/etc/os-release": f'PRETTY_NAME="{guest.os_name}"\n',
        "/etc/fstab": "/dev/vda / auto defaults 0 1\n",
        "/proc/version": f"Linux version {KERNEL}\n",
        "/proc/cmdline": "BOOT_IMAGE=/boot/vmlinuz root=/dev/vda ro console=tty0 console=ttyS0,115200n8\n",
        "/proc/partitions": "major minor  #blocks  name\n\n"
        + "".join(
            f" 253 {16 * index:8} {device.size // 1024:10} {device.name}\n"
            for index, device in enumerate(guest.devices.values())
        ),
    }


def console_log(guest: Guest) -> str:
    """What the guest writes to its serial console while it starts; a start that fails ends in a kernel panic."""
    kernel = [
        f"Linux version {KERNEL} ({guest.os_name})",
        f"Command line: {guest.files['/proc/cmdline'].strip()}",
        "DMI: Alibaba Cloud Alibaba Cloud ECS, BIOS 1.0.0",
        f"lab: instance {guest.instance_id} from image {guest.image_id} ({guest.image_name})",
    ]
    kernel += [
        f"virtio_blk virtio{index}: [{device.name}] {device.size // 512} 512-byte logical blocks "
        f"({device.size // GIB} GiB)"
        for index, device in enumerate(guest.devices.values(), start=1)
    ]
    if not guest.boots:
        kernel += [
            'VFS: Cannot open root device "vda" or unknown-block(0,0): error -6',
            "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
            "---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0) ]---",
        ]
    lines = [f"[{0.1 * number:12.6f}] {line}" for number, line in enumerate(kernel)]
    if guest.boots:
        lines += [
            f"[{0.1 * len(kernel):12.6f}] systemd[1]: Hostname set to <{guest.host_name}>.",
            *(f"[\x1b[0;32m  OK  \x1b[0m] Started {service}.service." for service in sorted(guest.services)),
            "[\x1b[0;32m  OK  \x1b[0m] Reached target multi-user.target - Multi-User System.",
            "",
            f"{guest.os_name} {guest.host_name} ttyS0",
            "",
            f"{guest.host_name} login: ",
        ]
    return "\r\n".join(lines)
