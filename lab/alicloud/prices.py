"""The lab's own price list: invented, of plausible size, and no statement about what Alibaba Cloud charges."""

from __future__ import annotations

from dataclasses import dataclass

CURRENCY = "USD"
HOURS_A_MONTH = 720

# US dollars: an instance by the hour for each vCPU and GiB of memory, burstable families at a fraction of it;
# disks and snapshots by the GiB and month of 720 hours.
VCPU_HOUR = 0.02
MEMORY_GIB_HOUR = 0.005
FAMILY_FACTORS = {"t5": 0.4, "t6": 0.4}
DISK_GIB_MONTH = {
    ("cloud", ""): 0.03,
    ("cloud_efficiency", ""): 0.05,
    ("cloud_ssd", ""): 0.14,
    ("cloud_auto", ""): 0.10,
    ("cloud_essd_entry", ""): 0.05,
    ("cloud_essd", "PL0"): 0.07,
    ("cloud_essd", "PL1"): 0.14,
    ("cloud_essd", "PL2"): 0.28,
    ("cloud_essd", "PL3"): 0.56,
}
SNAPSHOT_GIB_MONTH = 0.02

# vCPUs and MiB by the last part of a type's name: enough for the types that a migration names.
_SIZES = {
    "nano": (1, 512),
    "small": (1, 2048),
    "medium": (1, 4096),
    "large": (2, 8192),
    "xlarge": (4, 16384),
    "2xlarge": (8, 32768),
    "4xlarge": (16, 65536),
}


@dataclass(frozen=True)
class InstanceSize:
    """What an instance type has."""

    vcpus: int
    memory_mib: int


def size_of(instance_type: str) -> InstanceSize:
    """The size of a type such as `ecs.g6.large`; one that is not known is taken for 2 vCPUs with 4 GiB."""
    return InstanceSize(*_SIZES.get(instance_type.rpartition(".")[2], (2, 4096)))


def is_instance_type(text: str) -> bool:
    """Whether a text could be a type: `ecs.FAMILY.SIZE` with a size that is known."""
    parts = text.split(".")
    return len(parts) == 3 and parts[0] == "ecs" and bool(parts[1]) and parts[2] in _SIZES


def instance_hour(instance_type: str) -> float:
    """An hour of an instance type, without disks and traffic."""
    size = size_of(instance_type)
    family = instance_type.removeprefix("ecs.").partition(".")[0].partition("-")[0]
    full = size.vcpus * VCPU_HOUR + size.memory_mib / 1024 * MEMORY_GIB_HOUR
    return full * FAMILY_FACTORS.get(family, 1.0)


def is_disk(category: str, level: str = "") -> bool:
    """Whether there is a price for such a disk."""
    return _disk_key(category, level) in DISK_GIB_MONTH


def disk_hour(category: str, level: str, gib: int) -> float:
    """An hour of a disk."""
    return DISK_GIB_MONTH[_disk_key(category, level)] * gib / HOURS_A_MONTH


def _disk_key(category: str, level: str) -> tuple[str, str]:
    return category, (level or "PL1") if category == "cloud_essd" else ""


def snapshot_hour(gib: int) -> float:
    """An hour of a snapshot, charged at the full size of its disk: more than what is stored, never less."""
    return SNAPSHOT_GIB_MONTH * gib / HOURS_A_MONTH
