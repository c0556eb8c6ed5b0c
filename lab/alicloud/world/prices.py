"""The lab's own price list: plausible invented values, not what Alibaba Cloud charges."""

from __future__ import annotations

import re
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

_VCPUS = {"nano": 1, "small": 1, "medium": 1, "large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16}
# GiB of memory for a vCPU, by the first letter of a family; burstable ones have it in their names (`c1m2`).
_MEMORY = {"c": 2.0, "g": 4.0, "r": 8.0}
_RATIO = re.compile(r"c(\d)m(\d)")


@dataclass(frozen=True)
class InstanceSize:
    """The size of an instance type."""

    vcpus: int
    memory_mib: int


def size_of(instance_type: str) -> InstanceSize:
    """The size of a type such as `ecs.g6.large`; an unknown one counts as 2 vCPUs with 2 GiB each."""
    family, _, size = instance_type.removeprefix("ecs.").rpartition(".")
    vcpus = _VCPUS.get(size, 2)
    ratio = _RATIO.search(family)
    memory = int(ratio.group(2)) / int(ratio.group(1)) if ratio else _MEMORY.get(family[:1], 2.0)
    return InstanceSize(vcpus, int(vcpus * memory * 1024))


def is_instance_type(text: str) -> bool:
    """Whether a text could be a type: `ecs.FAMILY.SIZE` with a size that is known."""
    parts = text.split(".")
    return len(parts) == 3 and parts[0] == "ecs" and bool(parts[1]) and parts[2] in _VCPUS


def instance_hour(instance_type: str) -> float:
    """The price of an instance type per hour, without disks and traffic."""
    size = size_of(instance_type)
    family = instance_type.removeprefix("ecs.").partition(".")[0].partition("-")[0]
    full = size.vcpus * VCPU_HOUR + size.memory_mib / 1024 * MEMORY_GIB_HOUR
    return full * FAMILY_FACTORS.get(family, 1.0)


def is_disk(category: str, level: str = "") -> bool:
    """Whether there is a price for such a disk."""
    return _disk_key(category, level) in DISK_GIB_MONTH


def disk_hour(category: str, level: str, gib: int) -> float:
    """The price of a disk per hour."""
    return DISK_GIB_MONTH[_disk_key(category, level)] * gib / HOURS_A_MONTH


def _disk_key(category: str, level: str) -> tuple[str, str]:
    return category, (level or "PL1") if category == "cloud_essd" else ""


def snapshot_hour(gib: int) -> float:
    """The price of a snapshot per hour, for the full size of its disk: an upper bound of what is stored."""
    return SNAPSHOT_GIB_MONTH * gib / HOURS_A_MONTH
