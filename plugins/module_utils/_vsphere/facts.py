# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a VM, its disks, snapshots and guest OS (pure; private to the collection)."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    OWN_SNAPSHOT_PREFIX,
    POWER_ON_AGAIN_KEY,
    SMC_SNAPSHOT_PREFIX,
)

#: The key in the advanced configuration that requests CBT for the VM. vSphere ignores the case of keys, and may return them in another case.
VM_KEY = "ctkEnabled"

#: The power states of a VM.
ON, OFF, SUSPENDED = "on", "off", "suspended"

# SMC names a snapshot smc_<JobId>_<time>. Any other name that begins with smc_ may be a user's.
_SMC_SNAPSHOT = re.compile(rf"^{SMC_SNAPSHOT_PREFIX}(j-[0-9A-Za-z]+)_")


@dataclass(frozen=True)
class DiskFacts:
    """One virtual disk, as far as CBT is concerned.

    :ivar key: the device key, unique in the VM
    :ivar bus: the kind of the controller, ``scsi``, ``sata``, ``ide`` or ``nvme``; empty when it is unknown
    :ivar mode: ``persistent``, ``independent_persistent``, ...
    :ivar backing: ``flat``, ``sparse``, ``sesparse``, ``rdm_virtual``, ``rdm_physical``, ``pmem`` or ``unknown``
    :ivar sharing: the disk's ``sharingMultiWriter`` or ``sharingNone``
    :ivar bus_sharing: the controller's ``noSharing``, ``virtualSharing`` or ``physicalSharing``
    :ivar ctk_file: the disk's ``-ctk.vmdk`` file, if vCenter lists it
    :ivar change_id: the change ID of the device; a snapshot sets it, so a missing one proves nothing
    """

    key: int
    label: str
    bus: str
    bus_number: int
    unit: int
    size_bytes: int = 0
    file: str = ""
    mode: str = "persistent"
    backing: str = "flat"
    sharing: str = "sharingNone"
    bus_sharing: str = "noSharing"
    datastore_type: str = ""
    first_class: bool = False
    ctk_file: t.Optional[str] = None
    change_id: t.Optional[str] = None

    @property
    def address(self) -> str:
        """The disk's controller and unit, such as ``scsi0:1``."""
        return f"{self.bus}{self.bus_number}:{self.unit}" if self.bus else ""

    @property
    def ctk_key(self) -> str:
        """The key in the advanced configuration that requests tracking of this disk."""
        return f"{self.address}.{VM_KEY}" if self.bus else ""

    @property
    def epoch(self) -> str:
        """The part of the change ID that changes when tracking restarts; empty without a change ID."""
        return epoch_of(self.change_id)

    def __str__(self) -> str:
        return f"{self.label} ({self.address})" if self.bus else self.label


@dataclass(frozen=True)
class SnapshotFacts:
    """One snapshot of the VM; ``moid`` is its own reference."""

    moid: str
    name: str

    @property
    def ours(self) -> bool:
        return self.name.startswith(OWN_SNAPSHOT_PREFIX)

    @property
    def of_smc(self) -> bool:
        return self.name.startswith(SMC_SNAPSHOT_PREFIX)

    @property
    def smc_job_id(self) -> t.Optional[str]:
        """The job of SMC that took the snapshot, by its name; None when SMC did not take it."""
        found = _SMC_SNAPSHOT.match(self.name)
        return found.group(1) if found else None


@dataclass(frozen=True)
class GuestFacts:
    """What the VM and VMware Tools report about the guest OS; nothing here decides about CBT."""

    os: str = ""
    family: str = ""
    hostname: str = ""
    ips: tuple[str, ...] = ()
    tools_status: str = ""

    @property
    def tools_running(self) -> bool:
        return self.tools_status == "guestToolsRunning"


@dataclass(frozen=True)
class VmFacts:
    """One VM, as far as CBT is concerned.

    :ivar flag: ``config.changeTrackingEnabled`` as read; it proves nothing
    :ivar settings: the entries of the advanced configuration about CBT, and the collection's markers, as they are spelled
    :ivar esxi_version: the version of its ESXi host; empty when it could not be read
    :ivar connector_lacks: the privileges on the VM that SMC's connector needs and its user lacks, if they were checked
    :ivar activation_pending: this run has changed the CBT configuration of the running VM, and no stun followed yet
    """

    moid: str
    name: str
    uuid: str = ""
    bios_uuid: str = ""
    path: str = ""
    folder: str = ""
    datacenter: str = ""
    power_state: str = ON
    connection_state: str = "connected"
    template: bool = False
    hardware_version: t.Optional[int] = None
    esxi_version: str = ""
    esxi_build: str = ""
    vcenter_version: str = ""
    boot_mode: str = "bios"
    change_version: str = ""
    capability: t.Optional[bool] = None
    consolidation_needed: bool = False
    fault_tolerant: bool = False
    flag: t.Optional[bool] = None
    settings: t.Mapping[str, str] = field(default_factory=dict)
    snapshots: tuple[SnapshotFacts, ...] = ()
    disks: tuple[DiskFacts, ...] = ()
    guest: GuestFacts = GuestFacts()
    connector_lacks: tuple[str, ...] = ()
    activation_pending: bool = False

    def setting(self, key: str) -> t.Optional[str]:
        """The value of an entry of the advanced configuration, found as vSphere finds it: regardless of case."""
        wanted = key.lower()
        return next((value for name, value in self.settings.items() if name.lower() == wanted), None)

    @property
    def running(self) -> bool:
        return self.power_state == ON

    @property
    def power_on_again(self) -> bool:
        return setting_is_true(self.setting(POWER_ON_AGAIN_KEY))

    @property
    def own_snapshots(self) -> tuple[SnapshotFacts, ...]:
        return tuple(snapshot for snapshot in self.snapshots if snapshot.ours)

    @property
    def foreign_snapshots(self) -> tuple[SnapshotFacts, ...]:
        return tuple(snapshot for snapshot in self.snapshots if not snapshot.ours)

    @property
    def sync_running(self) -> bool:
        """Whether SMC is reading the VM now."""
        return any(snapshot.of_smc for snapshot in self.snapshots)


def setting_is_true(value: t.Any) -> bool:
    """Whether vSphere takes a value of the advanced configuration for true."""
    return str(value).strip().lower() in ("true", "1", "yes", "on")


def epoch_of(change_id: t.Optional[str]) -> str:
    """The part of a change ID before the slash, which stays the same as long as tracking continues."""
    return (change_id or "").rpartition("/")[0]


def ctk_file_of(disk_file: str) -> str:
    """The change tracking file that belongs to a disk's descriptor."""
    return (disk_file[: -len(".vmdk")] if disk_file.endswith(".vmdk") else disk_file) + "-ctk.vmdk"
