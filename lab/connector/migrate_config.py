"""The content of vmware_migrate_config.json: one object per VM, facts from vCenter and the operator's choices together."""

from __future__ import annotations

import re
from typing import Any

Entry = dict[str, Any]
Config = dict[str, Entry]

PLATFORMS = (
    "CentOS",
    "Ubuntu",
    "SUSE",
    "OpenSUSE",
    "Debian",
    "RedHat",
    "Others Linux",
    "Windows Server 2003",
    "Windows Server 2008",
    "Windows Server 2012",
    "Windows Server 2016",
    "Windows Server 2019",
    "Windows Server 2022",
)
ARCHITECTURES = ("x86_64", "i386", "arm64")
# What an operator may edit; a refresh takes everything else from vCenter.
EDITABLE = ("platform", "architecture", "migrate")
EDITABLE_OF_A_DISK = ("system_disk", "migrate")
# Prefixes of vSphere's guest ids, longer ones first where one begins another.
_PLATFORM_OF_GUEST_ID = (
    ("centos", "CentOS"),
    ("ubuntu", "Ubuntu"),
    ("opensuse", "OpenSUSE"),
    ("suse", "SUSE"),
    ("sles", "SUSE"),
    ("debian", "Debian"),
    ("rhel", "RedHat"),
    ("redhat", "RedHat"),
    ("oracleLinux", "Others Linux"),
    ("rockylinux", "Others Linux"),
    ("almalinux", "Others Linux"),
    ("fedora", "Others Linux"),
    ("amazonlinux", "Others Linux"),
    ("other2", "Others Linux"),
    ("other3", "Others Linux"),
    ("other4", "Others Linux"),
    ("other5", "Others Linux"),
    ("otherLinux", "Others Linux"),
    ("winNet", "Windows Server 2003"),
    ("winLonghorn", "Windows Server 2008"),
    ("windows7Server", "Windows Server 2008"),
    ("windows8Server", "Windows Server 2012"),
    ("windows9Server", "Windows Server 2016"),
    ("windows2019srv", "Windows Server 2019"),
    ("windows2022srv", "Windows Server 2022"),
)


def platform_of(guest_id: str, guest_name: str) -> str:
    """SMC's name for a guest's system; vSphere's own name, which an import refuses, when SMC has none."""
    for prefix, platform in _PLATFORM_OF_GUEST_ID:
        if guest_id.startswith(prefix):
            return platform
    return guest_name or guest_id


def architecture_of(guest_id: str) -> str:
    """The processor architecture of a guest id."""
    if re.search(r"arm", guest_id, re.IGNORECASE):
        return "arm64"
    return "x86_64" if "64" in guest_id else "i386"


def with_defaults(facts: Entry) -> Entry:
    """A VM as it is first written: facts, and default choices. No VM is migrated before it is chosen."""
    disks = [
        {**disk, "system_disk": position == 0, "migrate": True} for position, disk in enumerate(facts.get("disk", []))
    ]
    return {
        **facts,
        "disk": disks,
        "architecture": architecture_of(facts.get("guest_id", "")),
        "platform": platform_of(facts.get("guest_id", ""), facts.get("guestOS", "")),
        "migrate": False,
    }


def _merged_disks(known: Entry, fresh: Entry) -> list[Entry]:
    """The disks as they are now, each with the operator's choices for it; a disk is known by its key."""
    choices = {disk.get("key"): disk for disk in known.get("disk", [])}
    merged = []
    for disk in fresh["disk"]:
        chosen = choices.get(disk["key"], {})
        merged.append({**disk, **{name: chosen[name] for name in EDITABLE_OF_A_DISK if name in chosen}})
    if merged and not any(disk["system_disk"] for disk in merged):
        merged[0]["system_disk"] = True  # the chosen disk does not exist any more
    return merged


def merge(known: Config, facts: Config) -> Config:
    """The configuration after a refresh: VMs and facts as vCenter shows them, the operator's edits kept."""
    result: Config = {}
    for moref, vm in facts.items():
        fresh = with_defaults(vm)
        before = known.get(moref, {})
        result[moref] = {
            **fresh,
            "disk": _merged_disks(before, fresh),
            **{name: before[name] for name in EDITABLE if name in before},
        }
        result[moref].pop("guest_id", None)
    return result


def chosen(config: Config) -> Config:
    """The VMs that the operator wants migrated."""
    return {moref: vm for moref, vm in config.items() if vm.get("migrate") is True}


def why_refused(vm: Entry) -> str:
    """Why a VM cannot be imported; empty if it can."""
    if vm.get("platform") not in PLATFORMS:
        return f"platform [{vm.get('platform')}] is not supported, set it in vmware_migrate_config.json"
    if vm.get("architecture") not in ARCHITECTURES:
        return f"architecture [{vm.get('architecture')}] is not supported, set it in vmware_migrate_config.json"
    disks = vm.get("disk", [])
    if [disk.get("system_disk") for disk in disks].count(True) != 1:
        return "exactly one disk must be the system disk"
    if not all(disk.get("migrate") for disk in disks if disk.get("system_disk")):
        return "the system disk must be migrated"
    return ""
