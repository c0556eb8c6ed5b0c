# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules about changed block tracking (CBT), as data (pure; private to the collection)."""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._concerns.rules import (
    ALL_STATES,
    BLOCKER,
    NOTE,
    TRACKING_STATES,
    WARNING,
    Rule,
)
from ansible_collections.cutover.smc.plugins.module_utils._concerns.smc import release_of
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import (
    epochs_changed,
    misspelled_keys,
    state_of,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import DiskFacts, VmFacts

_CHECKED = "2026-11-22"
_Condition = t.Callable[[VmFacts], t.Optional[str]]


def _effective(facts: VmFacts) -> bool:
    return bool(facts.disks) and state_of(facts).effective


def snapshot_names(facts: VmFacts) -> t.Optional[str]:
    """What is found about a VM with snapshots that are neither SMC's nor the collection's."""
    names = [snapshot.name for snapshot in facts.foreign_snapshots if not snapshot.of_smc]
    if not names:
        return None
    noun = "1 snapshot" if len(names) == 1 else f"{len(names)} snapshots"
    return f"it has {noun}: {', '.join(names)}"


def sync_names(facts: VmFacts) -> t.Optional[str]:
    """What is found about a VM that SMC is reading now."""
    names = [snapshot.name for snapshot in facts.foreign_snapshots if snapshot.of_smc]
    return f"SMC is synchronizing it now, with its snapshot {', '.join(names)}" if names else None


def _while_untracked(condition: _Condition) -> _Condition:
    return lambda facts: None if _effective(facts) else condition(facts)


def _while_tracked(condition: _Condition) -> _Condition:
    return lambda facts: condition(facts) if _effective(facts) else None


def _old_hardware(facts: VmFacts) -> t.Optional[str]:
    version = facts.hardware_version
    return f"its hardware version is {version}; CBT needs 7 or later" if version is not None and version < 7 else None


def _old_esxi(facts: VmFacts) -> t.Optional[str]:
    release = release_of(facts.esxi_version)
    return f"it runs on ESXi {facts.esxi_version}; CBT needs 4.0 or later" if release and release < (4, 0) else None


def _incapable(facts: VmFacts) -> t.Optional[str]:
    return "vSphere reports that it does not support changed block tracking" if facts.capability is False else None


def _requested_only(facts: VmFacts) -> t.Optional[str]:
    state = state_of(facts)
    if not state.requested or state.effective:
        return None
    untracked = ", ".join(str(disk.disk) for disk in state.disks if not disk.effective)
    activation = "power-on" if facts.power_state != "on" else "stun or power cycle"
    where = f" for {untracked}" if untracked else ""
    return f"CBT is requested but not in effect{where}; it needs a {activation}"


def _restarted(facts: VmFacts) -> t.Optional[str]:
    disks = epochs_changed(facts)
    return f"tracking has restarted since it was last verified: {', '.join(map(str, disks))}" if disks else None


def _misspelled(facts: VmFacts) -> t.Optional[str]:
    keys = misspelled_keys(facts.settings)
    return (
        f"its advanced configuration has keys that look like CBT keys but are not: {', '.join(keys)}" if keys else None
    )


SNAPSHOTS: Rule[VmFacts] = Rule(
    id="snapshots",
    severity=BLOCKER,
    when=_while_untracked(snapshot_names),
    remedy="Remove the snapshots before CBT is changed (snapshots: remove does it), because increments can be wrong otherwise",
    source="Broadcom KB 320557; Veritas 100033481 (silent since vSphere 6.5)",
    checked=_CHECKED,
    blocks=ALL_STATES,
    waivable=False,
)
SYNC: Rule[VmFacts] = Rule(
    id="sync_running",
    severity=BLOCKER,
    when=_while_untracked(sync_names),
    remedy="Wait until the synchronization ends, or pause the job; the snapshot is SMC's own and must not be removed",
    source="SMC names its snapshots smc_<JobId>_<time>",
    checked=_CHECKED,
    blocks=ALL_STATES,
    waivable=False,
)

CBT_VM_RULES: tuple[Rule[VmFacts], ...] = (
    Rule(
        id="template",
        severity=BLOCKER,
        when=lambda facts: "it is a template, which cannot be reconfigured" if facts.template else None,
        remedy="Convert it to a virtual machine first",
        source="ReconfigVM_Task fails with NotSupported",
        checked=_CHECKED,
        blocks=ALL_STATES,
        waivable=False,
    ),
    Rule(
        id="not_connected",
        severity=BLOCKER,
        when=lambda facts: (
            f"its state is '{facts.connection_state}'" if facts.connection_state != "connected" else None
        ),
        remedy="Restore its ESXi host, or register the VM again",
        source="vSphere API, VirtualMachineConnectionState",
        checked=_CHECKED,
        blocks=ALL_STATES,
        waivable=False,
    ),
    Rule(
        id="suspended",
        severity=BLOCKER,
        when=lambda facts: "it is suspended" if facts.power_state == "suspended" else None,
        remedy="Power it on or off first",
        source="ReconfigVM_Task fails with InvalidPowerState",
        checked=_CHECKED,
        blocks=ALL_STATES,
        waivable=False,
    ),
    SYNC,
    SNAPSHOTS,
    Rule(
        id="consolidation_needed",
        severity=BLOCKER,
        when=lambda facts: "its disks need consolidation" if facts.consolidation_needed else None,
        remedy="Consolidate its disks (snapshots: remove does it)",
        source="Broadcom KB 320557",
        checked=_CHECKED,
        blocks=ALL_STATES,
        waivable=False,
    ),
    Rule(
        id="hardware_version",
        severity=BLOCKER,
        when=_old_hardware,
        remedy="Upgrade its virtual hardware to version 7 or later",
        source="Broadcom KB 320557",
        checked=_CHECKED,
        blocks=TRACKING_STATES,
        waivable=False,
    ),
    Rule(
        id="cbt_unsupported",
        severity=BLOCKER,
        when=_incapable,
        remedy="Upgrade its virtual hardware, or migrate it without CBT (every run is then a full copy)",
        source="vSphere API, VirtualMachineCapability.changeTrackingSupported",
        checked=_CHECKED,
        blocks=TRACKING_STATES,
        waivable=False,
    ),
    Rule(
        id="esxi_version",
        severity=BLOCKER,
        when=_old_esxi,
        remedy="Move it to an ESXi host with version 4.0 or later",
        source="VDDK guide",
        checked=_CHECKED,
        blocks=TRACKING_STATES,
        waivable=False,
    ),
    Rule(
        id="no_disks",
        severity=BLOCKER,
        when=lambda facts: None if facts.disks else "it has no virtual disk",
        remedy="Add a disk, or leave the VM out of the migration",
        source="SMC copies disks",
        checked=_CHECKED,
        blocks=TRACKING_STATES,
        waivable=False,
    ),
    Rule(
        id="snapshots_kept",
        severity=WARNING,
        when=_while_tracked(snapshot_names),
        remedy="Remove the snapshots; reverting to one would make the next increments wrong",
        source="Broadcom KB 320557",
        checked=_CHECKED,
    ),
    Rule(
        id="fault_tolerance",
        severity=BLOCKER,
        when=lambda facts: "fault tolerance is on" if facts.fault_tolerant else None,
        remedy="Turn fault tolerance off for the migration, because the VM shares its disks",
        source="Broadcom KB 313527",
        checked=_CHECKED,
        blocks=TRACKING_STATES,
    ),
    Rule(
        id="requested_only",
        severity=WARNING,
        when=_requested_only,
        remedy="Run cutover.smc.vmware_cbt with state: enabled, or power on a VM that is off",
        source="VDDK guide: CBT takes effect at power-on or stun",
        checked=_CHECKED,
    ),
    Rule(
        id="epoch_changed",
        severity=WARNING,
        when=_restarted,
        remedy="Find out what reset it (a crash, a revert, another tool), and verify it again; the next SMC run is a full copy",
        source="Broadcom KB 320557; change IDs are <epoch>/<number>",
        checked=_CHECKED,
    ),
    Rule(
        id="misspelled_keys",
        severity=NOTE,
        when=_misspelled,
        remedy="Remove them; the valid keys are ctkEnabled and scsiX:Y.ctkEnabled",
        source="Broadcom KB 1031873",
        checked=_CHECKED,
    ),
    Rule(
        id="sync_in_progress",
        severity=NOTE,
        when=_while_tracked(sync_names),
        remedy="No action is needed",
        source="SMC names its snapshots smc_<JobId>_<time>",
        checked=_CHECKED,
    ),
    Rule(
        id="tools_absent",
        severity=NOTE,
        when=lambda facts: (
            "VMware Tools is not running in it, so its guest OS cannot be shut down from outside"
            if facts.running and not facts.guest.tools_running
            else None
        ),
        remedy="Start VMware Tools, or do not use a power cycle",
        source="vSphere API, GuestInfo.toolsRunningStatus",
        checked=_CHECKED,
    ),
)


CBT_DISK_RULES: tuple[Rule[DiskFacts], ...] = (
    Rule(
        id="independent_disk",
        severity=BLOCKER,
        when=lambda disk: f"it is independent ({disk.mode})" if disk.mode.startswith("independent") else None,
        remedy="Make it dependent while the VM is off, or name it in skip_disks; snapshots exclude independent disks",
        source="Broadcom KB 320557",
        checked=_CHECKED,
        blocks=TRACKING_STATES,
        waivable=False,
    ),
    Rule(
        id="physical_rdm",
        severity=BLOCKER,
        when=lambda disk: "it is a raw device mapping in physical mode" if disk.backing == "rdm_physical" else None,
        remedy="Map it in virtual compatibility mode, or name it in skip_disks",
        source="Broadcom KB 320557",
        checked=_CHECKED,
        blocks=TRACKING_STATES,
        waivable=False,
    ),
    Rule(
        id="shared_disk",
        severity=BLOCKER,
        when=lambda disk: (
            "it is shared with other VMs (multi-writer)" if disk.sharing == "sharingMultiWriter" else None
        ),
        remedy="Stop sharing it, or name it in skip_disks",
        source="Broadcom KB 313527",
        checked=_CHECKED,
        blocks=TRACKING_STATES,
        waivable=False,
    ),
    Rule(
        id="shared_bus",
        severity=BLOCKER,
        when=lambda disk: (
            f"its controller shares the bus ({disk.bus_sharing})" if disk.bus_sharing not in ("", "noSharing") else None
        ),
        remedy="Set the controller's bus sharing to none, or name the disk in skip_disks",
        source="ManageIQ manageiq-providers-vmware 423",
        checked=_CHECKED,
        blocks=TRACKING_STATES,
        waivable=False,
    ),
    Rule(
        id="persistent_memory",
        severity=BLOCKER,
        when=lambda disk: "it is in persistent memory" if disk.backing == "pmem" else None,
        remedy="Move it to a VMFS or NFS datastore, or name it in skip_disks",
        source="vSphere API: its backing has no changeId",
        checked=_CHECKED,
        blocks=TRACKING_STATES,
        waivable=False,
    ),
    Rule(
        id="unknown_disk",
        severity=BLOCKER,
        when=lambda disk: (
            "its controller or backing is of a type that CBT is not known to support"
            if not disk.bus or disk.backing == "unknown"
            else None
        ),
        remedy="Move it to a SCSI, SATA, IDE or NVMe controller, or name it in skip_disks",
        source="vSphere API: the backing has no changeId",
        checked=_CHECKED,
        blocks=TRACKING_STATES,
    ),
    Rule(
        id="first_class_disk",
        severity=BLOCKER,
        when=lambda disk: (
            "it is a first class disk, as container platforms use; once tracked, it can be attached only to VMs with CBT enabled"
            if disk.first_class
            else None
        ),
        remedy="Name it in skip_disks, or waive this if every VM to which it may be attached has CBT enabled",
        source="Broadcom KB 88193",
        checked=_CHECKED,
        blocks=TRACKING_STATES,
    ),
    Rule(
        id="nfs_disk",
        severity=WARNING,
        when=lambda disk: (
            "it is on NFS, where vSphere cannot report which blocks are in use"
            if disk.datastore_type.upper().startswith("NFS")
            else None
        ),
        remedy="No action is needed; the first run may read the whole disk",
        source="VDDK guide, QueryChangedDiskAreas",
        checked=_CHECKED,
    ),
)
