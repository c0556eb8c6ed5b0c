# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What SMC itself cannot migrate, as rules: its connectors, guest systems, disks, and the rights that its connector needs.

(Pure; private to the collection.)
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._concerns.rules import (
    BLOCKER,
    NOTE,
    WARNING,
    DiskRule,
    VmRule,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import DiskFacts, VmFacts

_CHECKED = "2026-11-22"
_GUIDE = "SMC guide 'Migrate VMware VMs without agents'"
_GIB = 1 << 30
Release = tuple[int, int]

#: What each release of the connector reads: hardware versions, ESXi releases, vCenter releases.
CONNECTORS: tuple[tuple[str, range, tuple[Release, Release], tuple[Release, Release]], ...] = (
    ("6.7", range(11, 16), ((6, 0), (6, 7)), ((6, 0), (6, 7))),
    ("8.0", range(14, 22), ((6, 7), (8, 0)), ((6, 7), (8, 0))),
)

LARGEST_SYSTEM_DISK_GIB = 2048
LARGEST_DATA_DISK_GIB = 32768
MOST_DISKS = 17

#: What SMC's connector has to be allowed on a VM. Its guide gives the names of the user interface; these are the ids.
CONNECTOR_PRIVILEGES = (
    "VirtualMachine.Config.DiskLease",
    "VirtualMachine.Config.ChangeTracking",
    "VirtualMachine.Provisioning.GetVmFiles",
    "VirtualMachine.Provisioning.DiskRandomAccess",
    "VirtualMachine.Provisioning.DiskRandomRead",
    "VirtualMachine.State.CreateSnapshot",
    "VirtualMachine.State.RemoveSnapshot",
)

# Guest systems as vSphere names them, in lower case.
_WINDOWS_SERVERS = re.compile(r"windows server (2003|2008|2012|2016|2019|2022)\b")
_LISTED_LINUX = re.compile(r"centos|ubuntu|suse|debian|red hat")
_OTHER_LINUX = re.compile(r"linux|oracle|rocky|alma|fedora|photon|amazon|coreos|asianux")


def release_of(version: str) -> t.Optional[Release]:
    """6.7 for version 6.7.0."""
    numbers = re.match(r"^(\d+)\.(\d+)", version)
    return (int(numbers.group(1)), int(numbers.group(2))) if numbers else None


def _no_connector(facts: VmFacts) -> t.Optional[str]:
    hardware, esxi = facts.hardware_version, release_of(facts.esxi_version)
    vcenter = release_of(facts.vcenter_version)
    if hardware is None or not esxi:
        return None
    for _name, hardwares, (oldest, newest), (first, last) in CONNECTORS:
        if hardware in hardwares and oldest <= esxi <= newest and (vcenter is None or first <= vcenter <= last):
            return None
    where = f"ESXi {facts.esxi_version}" + (f" and vCenter {facts.vcenter_version}" if vcenter else "")
    return f"no SMC connector is made for hardware version {hardware} on {where}"


def _system(facts: VmFacts) -> str:
    return facts.guest.os.lower()


def _foreign_guest(facts: VmFacts) -> t.Optional[str]:
    name = _system(facts)
    known = _WINDOWS_SERVERS.search(name) or _LISTED_LINUX.search(name) or _OTHER_LINUX.search(name)
    return f"its guest system, {facts.guest.os}, is none that SMC migrates" if name and not known else None


def _other_linux(facts: VmFacts) -> t.Optional[str]:
    name = _system(facts)
    if not _OTHER_LINUX.search(name) or _LISTED_LINUX.search(name):
        return None
    return f"its guest system, {facts.guest.os}, is migrated as 'Others Linux'"


def _windows(facts: VmFacts) -> t.Optional[str]:
    if not _WINDOWS_SERVERS.search(_system(facts)):
        return None
    return "Windows can be migrated to an image, but outside mainland China not to an instance"


def _large_system_disk(facts: VmFacts) -> t.Optional[str]:
    if not facts.disks:
        return None
    disk = facts.disks[0]
    if disk.size_bytes < LARGEST_SYSTEM_DISK_GIB * _GIB:
        return None
    return (
        f"{disk}, taken for its system disk, has {disk.size_bytes // _GIB} GiB; "
        f"the one that receives it must be larger, and has {LARGEST_SYSTEM_DISK_GIB} GiB at most"
    )


def _many_disks(facts: VmFacts) -> t.Optional[str]:
    count = len(facts.disks)
    return f"it has {count} disks; SMC takes {MOST_DISKS}, of which 16 hold data" if count > MOST_DISKS else None


def _uefi(facts: VmFacts) -> t.Optional[str]:
    return "it boots by UEFI" if facts.boot_mode == "efi" else None


def _connector_rights(facts: VmFacts) -> t.Optional[str]:
    if not facts.connector_lacks:
        return None
    return f"the user of SMC's connector lacks there: {', '.join(facts.connector_lacks)}"


def _large_disk(disk: DiskFacts) -> t.Optional[str]:
    if disk.size_bytes < LARGEST_DATA_DISK_GIB * _GIB:
        return None
    return (
        f"it has {disk.size_bytes // _GIB} GiB; the disk that receives it must be larger, "
        f"and has {LARGEST_DATA_DISK_GIB} GiB at most"
    )


SMC_VM_RULES: tuple[VmRule, ...] = (
    VmRule(
        "system_disk_size",
        BLOCKER,
        _large_system_disk,
        "Make the system disk smaller, or waive this when another disk is the system disk",
        f"{_GUIDE}: no shrinking; SMC API, CreateReplicationJob, SystemDiskSize",
        _CHECKED,
    ),
    VmRule(
        "disk_count",
        BLOCKER,
        _many_disks,
        "Leave disks out of the migration, or merge them",
        "SMC API, CreateReplicationJob, DataDisk.N",
        _CHECKED,
    ),
    VmRule(
        "connector_unsupported",
        WARNING,
        _no_connector,
        "Connector 6.7 is for vCenter and ESXi 6.0 to 6.7 with hardware 11 to 15, connector 8.0 for 6.7 to 8.0 with hardware 14 to 21",
        _GUIDE,
        _CHECKED,
    ),
    VmRule(
        "guest_unsupported",
        WARNING,
        _foreign_guest,
        "Ask Alibaba Cloud, or rebuild it there; SMC migrates Windows Server 2003 to 2022 and Linux",
        _GUIDE,
        _CHECKED,
    ),
    VmRule(
        "connector_privileges",
        WARNING,
        _connector_rights,
        "Have a role with these privileges assigned to that user, also on the VM's host and datastore (Datastore.Browse, Datastore.FileManagement)",
        f"{_GUIDE}; the ids are those of vSphere's own list of privileges",
        _CHECKED,
    ),
    VmRule(
        "guest_other_linux",
        NOTE,
        _other_linux,
        "Try the image before cutover; its network may have to be set up by hand",
        "SMC FAQ",
        _CHECKED,
    ),
    VmRule(
        "windows_destination",
        NOTE,
        _windows,
        "Migrate to an image, as this collection does",
        f"{_GUIDE}: since 2025-11-30",
        _CHECKED,
    ),
    VmRule(
        "uefi_boot",
        NOTE,
        _uefi,
        "Choose an instance type that boots by UEFI, and try the image before cutover",
        "SMC reads boot_mode of each VM; what it does with it is not documented",
        _CHECKED,
    ),
)

SMC_DISK_RULES: tuple[DiskRule, ...] = (
    DiskRule(
        "data_disk_size",
        BLOCKER,
        _large_disk,
        "Make the disk smaller, or name it in skip_disks and leave it out of the migration",
        f"{_GUIDE}: no shrinking; SMC API, CreateReplicationJob, DataDisk.N.Size",
        _CHECKED,
    ),
)
