# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules: each finds what it is for, reports it, and blocks what it must."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._concerns.assessment import (
    DISK_RULES,
    VM_RULES,
    concerns,
    refusals,
)
from ansible_collections.cutover.smc.plugins.module_utils._concerns.rules import BLOCKER
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import (
    DiskFacts,
    GuestFacts,
    SnapshotFacts,
    VmFacts,
)

FINE_DISK = DiskFacts(2000, "Hard disk 1", "scsi", 0, 0, 1 << 30, "[ds] a/a.vmdk")
FINE = VmFacts(
    moid="vm-1",
    name="app-01",
    hardware_version=14,
    esxi_version="6.7.0",
    capability=True,
    guest=GuestFacts(tools_status="guestToolsRunning"),
    disks=(FINE_DISK,),
)
TRACKED = replace(
    FINE,
    settings={"ctkEnabled": "TRUE", "scsi0:0.ctkEnabled": "TRUE"},
    disks=(replace(FINE_DISK, ctk_file="[ds] a/a-ctk.vmdk"),),
)
SNAPSHOT = (SnapshotFacts("s-1", "before patch"),)
SYNC = (SnapshotFacts("s-2", "smc_j-1_2026"),)


def found(facts: VmFacts) -> dict[str, str]:
    return {concern.id: concern.severity for concern in concerns(facts)}


def blocking(facts: VmFacts, state: str = "enabled", **how: Any) -> list[str]:
    return [concern.id for concern in refusals(facts, state, **how)]


def test_a_fine_vm_raises_no_concern() -> None:
    assert concerns(FINE) == []
    assert concerns(TRACKED) == []


@pytest.mark.parametrize(
    ("rule", "severity", "fields"),
    [
        ("template", "blocker", {"template": True}),
        ("not_connected", "blocker", {"connection_state": "inaccessible"}),
        ("suspended", "blocker", {"power_state": "suspended"}),
        ("sync_running", "blocker", {"snapshots": SYNC}),
        ("snapshots", "blocker", {"snapshots": SNAPSHOT}),
        ("consolidation_needed", "blocker", {"consolidation_needed": True}),
        ("hardware_version", "blocker", {"hardware_version": 6}),
        ("cbt_unsupported", "blocker", {"capability": False}),
        ("esxi_version", "blocker", {"esxi_version": "3.5.0"}),
        ("no_disks", "blocker", {"disks": ()}),
        ("connector_unsupported", "warning", {"hardware_version": 22}),
        ("connector_unsupported", "warning", {"hardware_version": 13, "vcenter_version": "7.0.3"}),
        ("connector_unsupported", "warning", {"vcenter_version": "5.5.0"}),
        ("connector_privileges", "warning", {"connector_lacks": ("VirtualMachine.Config.DiskLease",)}),
        ("disk_count", "blocker", {"disks": tuple(replace(FINE_DISK, key=2000 + key, unit=key) for key in range(18))}),
        ("system_disk_size", "blocker", {"disks": (replace(FINE_DISK, size_bytes=2 << 40),)}),
        ("guest_unsupported", "warning", {"guest": GuestFacts("FreeBSD 13", tools_status="guestToolsRunning")}),
        ("guest_unsupported", "warning", {"guest": GuestFacts("Microsoft Windows 10 (64-bit)")}),
        ("guest_other_linux", "note", {"guest": GuestFacts("Oracle Linux 8 (64-bit)")}),
        ("windows_destination", "note", {"guest": GuestFacts("Microsoft Windows Server 2019 (64-bit)")}),
        ("uefi_boot", "note", {"boot_mode": "efi"}),
        (
            "cbt_bug_grown_disk",
            "warning",
            {"esxi_version": "5.5.0", "disks": (replace(FINE_DISK, size_bytes=200 << 30),)},
        ),
        ("cbt_bug_consolidation", "warning", {"esxi_version": "6.0.0", "esxi_build": "3029758"}),
        (
            "epoch_changed",
            "warning",
            {
                "settings": {"cutover.smc.cbtVerified": "2026-11-22T20:00:00Z;2000=52 2d-77"},
                "disks": (replace(FINE_DISK, change_id="52 2d-78/4"),),
            },
        ),
        ("connector_unsupported", "warning", {"esxi_version": "5.5.0"}),
        ("fault_tolerance", "blocker", {"fault_tolerant": True}),
        ("requested_only", "warning", {"settings": {"ctkenabled": "TRUE"}}),
        ("misspelled_keys", "note", {"settings": {"ctkEnable": "TRUE"}}),
        ("tools_absent", "note", {"guest": GuestFacts(tools_status="guestToolsNotRunning")}),
    ],
)
def test_rules_about_vms(rule: str, severity: str, fields: dict[str, Any]) -> None:
    assert found(replace(FINE, **fields)).get(rule) == severity


@pytest.mark.parametrize(
    ("rule", "severity", "fields"),
    [
        ("independent_disk", "blocker", {"mode": "independent_persistent"}),
        ("independent_disk", "blocker", {"mode": "independent_nonpersistent"}),
        ("physical_rdm", "blocker", {"backing": "rdm_physical"}),
        ("shared_disk", "blocker", {"sharing": "sharingMultiWriter"}),
        ("shared_bus", "blocker", {"bus_sharing": "physicalSharing"}),
        ("persistent_memory", "blocker", {"backing": "pmem"}),
        ("unknown_disk", "blocker", {"backing": "unknown"}),
        ("unknown_disk", "blocker", {"bus": ""}),
        ("data_disk_size", "blocker", {"size_bytes": 32 << 40}),
        ("first_class_disk", "blocker", {"first_class": True}),
        ("nfs_disk", "warning", {"datastore_type": "NFS41"}),
    ],
)
def test_rules_about_disks(rule: str, severity: str, fields: dict[str, Any]) -> None:
    facts = replace(FINE, disks=(FINE_DISK, replace(FINE_DISK, key=2001, label="Hard disk 2", unit=1, **fields)))
    (concern,) = [one for one in concerns(facts) if one.id == rule]
    assert concern.severity == severity
    assert concern.subject.startswith("Hard disk 2")
    assert concern.as_result()["disk"] == 2001
    assert concerns(facts, frozenset([2001])) == []


@pytest.mark.parametrize(
    ("hardware", "esxi", "vcenter"),
    [
        (11, "6.0.0", "6.0.0"),
        (15, "6.7.0", "6.7.0"),
        (13, "6.5.0", ""),
        (14, "7.0.3", "8.0.2"),
        (21, "8.0.2", "8.0.2"),
        (17, "6.7.0", "7.0.0"),
    ],
)
def test_what_some_connector_reads_is_no_concern(hardware: int, esxi: str, vcenter: str) -> None:
    facts = replace(FINE, hardware_version=hardware, esxi_version=esxi, vcenter_version=vcenter)
    assert "connector_unsupported" not in found(facts)


@pytest.mark.parametrize("build", ["3247720", "20000000"])
def test_a_bug_that_is_fixed_is_no_concern(build: str) -> None:
    assert "cbt_bug_consolidation" not in found(replace(FINE, esxi_version="6.0.0", esxi_build=build))


@pytest.mark.parametrize(
    "name", ["CentOS 7 (64-bit)", "Red Hat Enterprise Linux 8 (64-bit)", "SUSE Linux Enterprise 15", ""]
)
def test_a_guest_that_smc_lists_is_no_concern(name: str) -> None:
    assert found(replace(FINE, guest=GuestFacts(name, tools_status="guestToolsRunning"))) == {}


def test_every_rule_has_an_id_of_its_own_and_a_remedy_and_a_source() -> None:
    rules = VM_RULES + DISK_RULES
    assert len({rule.id for rule in rules}) == len(rules)
    assert all(rule.remedy and rule.source and date.fromisoformat(rule.checked) for rule in rules)
    assert all(rule.severity == BLOCKER for rule in rules if rule.blocks)


def test_a_tracked_vm_with_snapshots_is_no_longer_blocked() -> None:
    assert found(replace(TRACKED, snapshots=SNAPSHOT)) == {"snapshots_kept": "warning"}
    assert found(replace(TRACKED, snapshots=SYNC)) == {"sync_in_progress": "note"}


def test_but_changing_its_cbt_is_refused() -> None:
    assert blocking(replace(TRACKED, snapshots=SNAPSHOT), "reset") == ["snapshots"]
    assert blocking(replace(TRACKED, snapshots=SYNC), "disabled", removing=True) == ["sync_running"]


def test_what_may_be_removed_blocks_nothing() -> None:
    facts = replace(FINE, snapshots=SNAPSHOT, consolidation_needed=True)
    assert blocking(facts) == ["snapshots", "consolidation_needed"]
    assert blocking(facts, removing=True) == []


def test_a_disk_that_cannot_be_tracked_does_not_block_disabling_cbt() -> None:
    facts = replace(TRACKED, disks=(replace(FINE_DISK, mode="independent_persistent"),))
    assert blocking(facts, "enabled") == ["independent_disk"]
    assert blocking(facts, "disabled") == []


def test_a_waivable_concern_blocks_nothing_when_it_is_waived() -> None:
    facts = replace(FINE, fault_tolerant=True, snapshots=SNAPSHOT)
    assert blocking(facts) == ["snapshots", "fault_tolerance"]
    assert blocking(facts, waived={"snapshots", "fault_tolerance"}) == ["snapshots"]
