# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What speaks against CBT or against a migration by SMC, pure: the rules about CBT as data, and the functions that ask all rules.

(Private to the collection.)
"""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._concerns.esxi_bugs import CBT_BUG_RULES
from ansible_collections.cutover.smc.plugins.module_utils._concerns.rules import (
    ALL_STATES,
    BLOCKER,
    NOTE,
    TRACKING_STATES,
    WARNING,
    Concern,
    DiskRule,
    VmRule,
)
from ansible_collections.cutover.smc.plugins.module_utils._concerns.smc import SMC_DISK_RULES, SMC_VM_RULES, release_of
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import (
    epochs_changed,
    misspelt_keys,
    state_of,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import VmFacts

_CHECKED = "2026-11-22"


def concerns(facts: VmFacts, skip: frozenset[int] = frozenset()) -> list[Concern]:
    """Everything that the rules find, the gravest first. Skipped disks are not asked about."""
    found = [Concern(rule, facts.name, message) for rule in VM_RULES for message in [rule.find(facts)] if message]
    found += [
        Concern(rule, str(disk), message, disk)
        for disk in facts.disks
        if disk.key not in skip
        for rule in DISK_RULES
        for message in [rule.find(disk)]
        if message
    ]
    return sorted(found, key=lambda concern: (BLOCKER, WARNING, NOTE).index(concern.severity))


def refusals(
    facts: VmFacts,
    state: str,
    skip: frozenset[int] = frozenset(),
    removing: bool = False,
    waived: t.Container[str] = (),
) -> list[Concern]:
    """What forbids bringing about a state now.

    :param removing: the VM's snapshots may be removed, so that they forbid nothing
    :param waived: the ids of rules whose findings somebody has accepted; those that cannot be accepted forbid it still
    """
    removed = ("snapshots", "consolidation_needed") if removing else ()
    return [
        concern
        for concern in _present(facts, skip)
        if state in concern.rule.refuses
        and concern.id not in removed
        and (concern.rule.absolute or concern.id not in waived)
    ]


def _present(facts: VmFacts, skip: frozenset[int]) -> list[Concern]:
    """The concerns, and the snapshots also where they only trouble a change and not what is."""
    found = concerns(facts, skip)
    known = {concern.id for concern in found}
    extra = [
        Concern(rule, facts.name, message)
        for rule, message in ((_SNAPSHOTS, _snapshot_names(facts)), (_SYNC, _sync_names(facts)))
        if message and rule.id not in known
    ]
    return extra + found


# Conditions about a VM.


def _effective(facts: VmFacts) -> bool:
    return bool(facts.disks) and state_of(facts).effective


def _snapshot_names(facts: VmFacts) -> t.Optional[str]:
    names = [snapshot.name for snapshot in facts.foreign_snapshots if not snapshot.of_smc]
    return f"it has {_count(names, 'snapshot')}: {', '.join(names)}" if names else None


def _sync_names(facts: VmFacts) -> t.Optional[str]:
    names = [snapshot.name for snapshot in facts.foreign_snapshots if snapshot.of_smc]
    return f"SMC is synchronising it at this moment, by its snapshot {', '.join(names)}" if names else None


def _while_untracked(find: t.Callable[[VmFacts], t.Optional[str]]) -> t.Callable[[VmFacts], t.Optional[str]]:
    return lambda facts: None if _effective(facts) else find(facts)


def _while_tracked(find: t.Callable[[VmFacts], t.Optional[str]]) -> t.Callable[[VmFacts], t.Optional[str]]:
    return lambda facts: find(facts) if _effective(facts) else None


def _old_hardware(facts: VmFacts) -> t.Optional[str]:
    version = facts.hardware_version
    return f"its hardware version is {version}; CBT needs 7 or later" if version is not None and version < 7 else None


def _old_esxi(facts: VmFacts) -> t.Optional[str]:
    release = release_of(facts.esxi_version)
    return f"it runs on ESXi {facts.esxi_version}; CBT needs 4.0 or later" if release and release < (4, 0) else None


def _incapable(facts: VmFacts) -> t.Optional[str]:
    return "vSphere says that it does not support changed block tracking" if facts.capability is False else None


def _requested_only(facts: VmFacts) -> t.Optional[str]:
    state = state_of(facts)
    if not state.requested or state.effective:
        return None
    untracked = ", ".join(str(one.disk) for one in state.disks if not one.effective)
    when = "power-on" if facts.power_state != "on" else "stun or power cycle"
    return f"CBT is requested but has not taken effect on {untracked or 'it'}; that needs a {when}"


def _new_epoch(facts: VmFacts) -> t.Optional[str]:
    disks = epochs_changed(facts)
    return (
        f"tracking has begun anew since it was last verified: {', '.join(str(disk) for disk in disks)}"
        if disks
        else None
    )


def _misspelt(facts: VmFacts) -> t.Optional[str]:
    keys = misspelt_keys(facts.settings)
    return (
        f"its advanced configuration has keys that look like CBT keys but are none: {', '.join(keys)}" if keys else None
    )


def _count(things: t.Sequence[t.Any], noun: str) -> str:
    return f"{len(things)} {noun}" + ("" if len(things) == 1 else "s")


_SNAPSHOTS = VmRule(
    "snapshots",
    BLOCKER,
    _while_untracked(_snapshot_names),
    "Remove the snapshots (snapshots: remove does it) before CBT is changed, because increments can be wrong otherwise",
    "Broadcom KB 320557; Veritas 100033481 (silent since vSphere 6.5)",
    _CHECKED,
    ALL_STATES,
    absolute=True,
)
_SYNC = VmRule(
    "sync_running",
    BLOCKER,
    _while_untracked(_sync_names),
    "Wait until the synchronisation ends, or pause the job; its snapshot is SMC's own and must not be removed",
    "SMC names its snapshots smc_<JobId>_<time>",
    _CHECKED,
    ALL_STATES,
    absolute=True,
)

VM_RULES: tuple[VmRule, ...] = (
    VmRule(
        "template",
        BLOCKER,
        lambda facts: "it is a template, which cannot be reconfigured" if facts.template else None,
        "Convert it to a virtual machine first",
        "ReconfigVM_Task answers NotSupported",
        _CHECKED,
        ALL_STATES,
        absolute=True,
    ),
    VmRule(
        "not_connected",
        BLOCKER,
        lambda facts: f"its state is '{facts.connection_state}'" if facts.connection_state != "connected" else None,
        "Bring its ESXi host back, or register the VM again",
        "vSphere API, VirtualMachineConnectionState",
        _CHECKED,
        ALL_STATES,
        absolute=True,
    ),
    VmRule(
        "suspended",
        BLOCKER,
        lambda facts: "it is suspended" if facts.power_state == "suspended" else None,
        "Power it on or off first",
        "ReconfigVM_Task answers InvalidPowerState",
        _CHECKED,
        ALL_STATES,
        absolute=True,
    ),
    _SYNC,
    _SNAPSHOTS,
    VmRule(
        "consolidation_needed",
        BLOCKER,
        lambda facts: "its disks need consolidation" if facts.consolidation_needed else None,
        "Consolidate its disks (snapshots: remove does it)",
        "Broadcom KB 320557",
        _CHECKED,
        ALL_STATES,
        absolute=True,
    ),
    VmRule(
        "hardware_version",
        BLOCKER,
        _old_hardware,
        "Upgrade its virtual hardware to version 7 or later",
        "Broadcom KB 320557",
        _CHECKED,
        TRACKING_STATES,
        absolute=True,
    ),
    VmRule(
        "cbt_unsupported",
        BLOCKER,
        _incapable,
        "Upgrade its virtual hardware, or migrate it without CBT, which copies everything at every run",
        "vSphere API, VirtualMachineCapability.changeTrackingSupported",
        _CHECKED,
        TRACKING_STATES,
        absolute=True,
    ),
    VmRule(
        "esxi_version",
        BLOCKER,
        _old_esxi,
        "Move it to an ESXi host of version 4.0 or later",
        "VDDK guide",
        _CHECKED,
        TRACKING_STATES,
        absolute=True,
    ),
    VmRule(
        "no_disks",
        BLOCKER,
        lambda facts: None if facts.disks else "it has no virtual disk",
        "There is nothing to track or to migrate",
        "SMC copies disks",
        _CHECKED,
        TRACKING_STATES,
        absolute=True,
    ),
    VmRule(
        "snapshots_kept",
        WARNING,
        _while_tracked(_snapshot_names),
        "Remove the snapshots; reverting to one would make the next increments wrong",
        "Broadcom KB 320557",
        _CHECKED,
    ),
    VmRule(
        "fault_tolerance",
        BLOCKER,
        lambda facts: "fault tolerance is on" if facts.fault_tolerant else None,
        "Turn fault tolerance off for the migration, because its disks are shared",
        "Broadcom KB 313527",
        _CHECKED,
        TRACKING_STATES,
    ),
    VmRule(
        "requested_only",
        WARNING,
        _requested_only,
        "Run cutover.smc.vmware_cbt with state: enabled, or power the VM on if it is off",
        "VDDK guide: CBT takes effect at power-on or stun",
        _CHECKED,
    ),
    VmRule(
        "epoch_changed",
        WARNING,
        _new_epoch,
        "Find out what reset it (a crash, a revert, another tool); expect that the next SMC run copies everything, and verify again",
        "Broadcom KB 320557; change ids are <epoch>/<number>",
        _CHECKED,
    ),
    VmRule(
        "misspelt_keys",
        NOTE,
        _misspelt,
        "Remove them; the keys are ctkEnabled and scsiX:Y.ctkEnabled",
        "Broadcom KB 1031873",
        _CHECKED,
    ),
    VmRule(
        "sync_in_progress",
        NOTE,
        _while_tracked(_sync_names),
        "Nothing is to be done",
        "SMC names its snapshots smc_<JobId>_<time>",
        _CHECKED,
    ),
    VmRule(
        "tools_absent",
        NOTE,
        lambda facts: (
            "VMware Tools do not run in it, so it cannot be shut down cleanly from outside"
            if facts.running and not facts.guest.tools_running
            else None
        ),
        "Start VMware Tools, or do not ask for a power cycle",
        "vSphere API, GuestInfo.toolsRunningStatus",
        _CHECKED,
    ),
    *CBT_BUG_RULES,
    *SMC_VM_RULES,
)


DISK_RULES: tuple[DiskRule, ...] = (
    DiskRule(
        "independent_disk",
        BLOCKER,
        lambda disk: f"it is independent ({disk.mode})" if disk.mode.startswith("independent") else None,
        "Make it dependent while the VM is off, or name it in skip_disks; snapshots leave independent disks out",
        "Broadcom KB 320557",
        _CHECKED,
        TRACKING_STATES,
        absolute=True,
    ),
    DiskRule(
        "physical_rdm",
        BLOCKER,
        lambda disk: "it is a raw device mapping in physical mode" if disk.backing == "rdm_physical" else None,
        "Map it in virtual compatibility mode, or name it in skip_disks",
        "Broadcom KB 320557",
        _CHECKED,
        TRACKING_STATES,
        absolute=True,
    ),
    DiskRule(
        "shared_disk",
        BLOCKER,
        lambda disk: "it is shared with other VMs (multi-writer)" if disk.sharing == "sharingMultiWriter" else None,
        "Stop sharing it, or name it in skip_disks",
        "Broadcom KB 313527",
        _CHECKED,
        TRACKING_STATES,
        absolute=True,
    ),
    DiskRule(
        "shared_bus",
        BLOCKER,
        lambda disk: (
            f"its controller shares the bus ({disk.bus_sharing})" if disk.bus_sharing not in ("", "noSharing") else None
        ),
        "Set the controller's bus sharing to none, or name the disk in skip_disks",
        "ManageIQ manageiq-providers-vmware 423",
        _CHECKED,
        TRACKING_STATES,
        absolute=True,
    ),
    DiskRule(
        "persistent_memory",
        BLOCKER,
        lambda disk: "it lies in persistent memory" if disk.backing == "pmem" else None,
        "Move it to a VMFS or NFS datastore, or name it in skip_disks",
        "vSphere API: its backing has no changeId",
        _CHECKED,
        TRACKING_STATES,
        absolute=True,
    ),
    DiskRule(
        "unknown_disk",
        BLOCKER,
        lambda disk: (
            "its controller or its backing is of a kind that CBT is not known to support"
            if not disk.bus or disk.backing == "unknown"
            else None
        ),
        "Move it to a SCSI, SATA, IDE or NVMe controller, or name it in skip_disks",
        "vSphere API: the backing has no changeId",
        _CHECKED,
        TRACKING_STATES,
    ),
    DiskRule(
        "first_class_disk",
        BLOCKER,
        lambda disk: (
            "it is a first class disk, as container platforms attach them; once tracked, it can be attached only to VMs that have CBT on"
            if disk.first_class
            else None
        ),
        "Name it in skip_disks, or waive this when every VM that may get the disk has CBT on",
        "Broadcom KB 88193",
        _CHECKED,
        TRACKING_STATES,
    ),
    DiskRule(
        "nfs_disk",
        WARNING,
        lambda disk: (
            "it lies on NFS, where vSphere cannot tell which blocks are in use"
            if disk.datastore_type.upper().startswith("NFS")
            else None
        ),
        "The first run may read the whole disk",
        "VDDK guide, QueryChangedDiskAreas",
        _CHECKED,
    ),
    *SMC_DISK_RULES,
)

#: The ids of all rules, which waivers may name.
RULE_IDS = frozenset([rule.id for rule in VM_RULES] + [rule.id for rule in DISK_RULES])
