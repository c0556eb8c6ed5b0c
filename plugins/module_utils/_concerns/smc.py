# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What SMC itself cannot migrate, as rules: its connectors, guest OSs, disks, and the privileges that its connector needs.

(Pure; private to the collection.)
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._concerns.rules import (
    BLOCKER,
    NOTE,
    WARNING,
    Rule,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import DiskFacts, VmFacts

_CHECKED = "2026-11-22"
_GUIDE = "SMC guide 'Migrate VMware VMs without agents'"
_GIB = 1 << 30
Release = tuple[int, int]

#: What each release of the connector supports: hardware versions, ESXi releases, vCenter releases.
CONNECTORS: tuple[tuple[str, range, tuple[Release, Release], tuple[Release, Release]], ...] = (
    ("6.7", range(11, 16), ((6, 0), (6, 7)), ((6, 0), (6, 7))),
    ("8.0", range(14, 22), ((6, 7), (8, 0)), ((6, 7), (8, 0))),
)

MAX_SYSTEM_DISK_GIB = 2048
MAX_DATA_DISK_GIB = 32768
MAX_DISKS = 17

#: The privileges that SMC's connector needs on a VM. Its guide uses the names of the user interface; these are the IDs.
CONNECTOR_PRIVILEGES = (
    "VirtualMachine.Config.DiskLease",
    "VirtualMachine.Config.ChangeTracking",
    "VirtualMachine.Provisioning.GetVmFiles",
    "VirtualMachine.Provisioning.DiskRandomAccess",
    "VirtualMachine.Provisioning.DiskRandomRead",
    "VirtualMachine.State.CreateSnapshot",
    "VirtualMachine.State.RemoveSnapshot",
)

# Guest OSs as vSphere names them, in lower case.
_WINDOWS_SERVERS = re.compile(r"windows server (2003|2008|2012|2016|2019|2022)\b")
_LISTED_LINUX = re.compile(r"centos|ubuntu|suse|debian|red hat")
_OTHER_LINUX = re.compile(r"linux|oracle|rocky|alma|fedora|photon|amazon|coreos|asianux")


def release_of(version: str) -> t.Optional[Release]:
    """The major and minor number of a version: ``(6, 7)`` for ``6.7.0``; None when it is unknown."""
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
    where = (
        f"ESXi {facts.esxi_version} and vCenter {facts.vcenter_version}" if vcenter else f"ESXi {facts.esxi_version}"
    )
    return f"no SMC connector supports hardware version {hardware} on {where}"


def _guest_os(facts: VmFacts) -> str:
    return facts.guest.os.lower()


def _unsupported_guest(facts: VmFacts) -> t.Optional[str]:
    name = _guest_os(facts)
    known = _WINDOWS_SERVERS.search(name) or _LISTED_LINUX.search(name) or _OTHER_LINUX.search(name)
    return f"guest OS {facts.guest.os} is not supported by SMC" if name and not known else None


def _other_linux(facts: VmFacts) -> t.Optional[str]:
    name = _guest_os(facts)
    if not _OTHER_LINUX.search(name) or _LISTED_LINUX.search(name):
        return None
    return f"guest OS {facts.guest.os} is migrated as 'Others Linux'"


def _windows(facts: VmFacts) -> t.Optional[str]:
    if not _WINDOWS_SERVERS.search(_guest_os(facts)):
        return None
    return "Windows can be migrated to an image, but outside mainland China not to an instance"


def _large_system_disk(facts: VmFacts) -> t.Optional[str]:
    if not facts.disks:
        return None
    disk = facts.disks[0]
    if disk.size_bytes < MAX_SYSTEM_DISK_GIB * _GIB:
        return None
    return (
        f"{disk}, assumed to be the system disk, has {disk.size_bytes // _GIB} GiB; "
        f"the target disk must be larger, and can have at most {MAX_SYSTEM_DISK_GIB} GiB"
    )


def _many_disks(facts: VmFacts) -> t.Optional[str]:
    count = len(facts.disks)
    return (
        f"it has {count} disks; SMC migrates at most {MAX_DISKS}, 16 of them data disks" if count > MAX_DISKS else None
    )


def _uefi(facts: VmFacts) -> t.Optional[str]:
    return "it boots with UEFI" if facts.boot_mode == "efi" else None


def _connector_privileges(facts: VmFacts) -> t.Optional[str]:
    if not facts.connector_lacks:
        return None
    return f"SMC's connector user lacks these privileges on it: {', '.join(facts.connector_lacks)}"


def _large_disk(disk: DiskFacts) -> t.Optional[str]:
    if disk.size_bytes < MAX_DATA_DISK_GIB * _GIB:
        return None
    return (
        f"it has {disk.size_bytes // _GIB} GiB; "
        f"the target disk must be larger, and can have at most {MAX_DATA_DISK_GIB} GiB"
    )


SMC_VM_RULES: tuple[Rule[VmFacts], ...] = (
    Rule(
        id="system_disk_size",
        severity=BLOCKER,
        when=_large_system_disk,
        remedy="Make the system disk smaller, or waive this when another disk is the system disk",
        source=f"{_GUIDE}: no shrinking; SMC API, CreateReplicationJob, SystemDiskSize",
        checked=_CHECKED,
    ),
    Rule(
        id="disk_count",
        severity=BLOCKER,
        when=_many_disks,
        remedy="Leave disks out of the migration, or merge them",
        source="SMC API, CreateReplicationJob, DataDisk.N",
        checked=_CHECKED,
    ),
    Rule(
        id="connector_unsupported",
        severity=WARNING,
        when=_no_connector,
        remedy="Use connector 6.7 for vCenter and ESXi 6.0 to 6.7 with hardware 11 to 15, or connector 8.0 for 6.7 to 8.0 with hardware 14 to 21",
        source=_GUIDE,
        checked=_CHECKED,
    ),
    Rule(
        id="guest_unsupported",
        severity=WARNING,
        when=_unsupported_guest,
        remedy="Ask Alibaba Cloud, or rebuild the server there; SMC migrates Windows Server 2003 to 2022 and Linux",
        source=_GUIDE,
        checked=_CHECKED,
    ),
    Rule(
        id="connector_privileges",
        severity=WARNING,
        when=_connector_privileges,
        remedy="Assign that user a role with these privileges on the VM, and with Datastore.Browse and Datastore.FileManagement on its host and datastore",
        source=f"{_GUIDE}; the IDs are those of vSphere's own list of privileges",
        checked=_CHECKED,
    ),
    Rule(
        id="guest_other_linux",
        severity=NOTE,
        when=_other_linux,
        remedy="Verify the image before the cut-over; its network may have to be configured manually",
        source="SMC FAQ",
        checked=_CHECKED,
    ),
    Rule(
        id="windows_destination",
        severity=NOTE,
        when=_windows,
        remedy="Migrate to an image, as this collection does",
        source=f"{_GUIDE}: since 2025-11-30",
        checked=_CHECKED,
    ),
    Rule(
        id="uefi_boot",
        severity=NOTE,
        when=_uefi,
        remedy="Choose an instance type that boots with UEFI, and verify the image before the cut-over",
        source="SMC reads boot_mode of each VM; how it uses it is not documented",
        checked=_CHECKED,
    ),
)

SMC_DISK_RULES: tuple[Rule[DiskFacts], ...] = (
    Rule(
        id="data_disk_size",
        severity=BLOCKER,
        when=_large_disk,
        remedy="Make the disk smaller, or name it in skip_disks and leave it out of the migration",
        source=f"{_GUIDE}: no shrinking; SMC API, CreateReplicationJob, DataDisk.N.Size",
        checked=_CHECKED,
    ),
)
