# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules about CBT: each finds what it is for, says so, and forbids what it must."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._cbt import DiskFacts, GuestFacts, SnapshotFacts, VmFacts
from ansible_collections.cutover.smc.plugins.module_utils._cbt_report import describe, summarise
from ansible_collections.cutover.smc.plugins.module_utils._cbt_rules import (
    BLOCKER,
    DISK_RULES,
    VM_RULES,
    concerns,
    refusals,
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


def forbidding(facts: VmFacts, state: str = "enabled", **how: Any) -> list[str]:
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
        ("connector_unsupported", "warning", {"esxi_version": "5.5.0"}),
        ("fault_tolerance", "warning", {"fault_tolerant": True}),
        ("requested_only", "warning", {"settings": {"ctkenabled": "TRUE"}}),
        ("misspelt_keys", "note", {"settings": {"ctkEnable": "TRUE"}}),
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
        ("first_class_disk", "warning", {"first_class": True}),
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
    ("hardware", "esxi"), [(11, "6.0.0"), (15, "6.7.0"), (13, "6.5.0"), (14, "7.0.3"), (21, "8.0.2"), (17, "6.7.0")]
)
def test_what_some_connector_reads_is_no_concern(hardware: int, esxi: str) -> None:
    assert "connector_unsupported" not in found(replace(FINE, hardware_version=hardware, esxi_version=esxi))


def test_every_rule_has_an_id_of_its_own_and_a_remedy_and_a_source() -> None:
    rules = VM_RULES + DISK_RULES
    assert len({rule.id for rule in rules}) == len(rules)
    assert all(rule.remedy and rule.source for rule in rules)
    assert all(rule.severity == BLOCKER for rule in rules if rule.refuses)


def test_a_tracked_vm_with_snapshots_is_no_longer_blocked() -> None:
    assert found(replace(TRACKED, snapshots=SNAPSHOT)) == {"snapshots_kept": "warning"}
    assert found(replace(TRACKED, snapshots=SYNC)) == {"sync_in_progress": "note"}


def test_but_changing_its_cbt_is_refused() -> None:
    assert forbidding(replace(TRACKED, snapshots=SNAPSHOT), "reset") == ["snapshots"]
    assert forbidding(replace(TRACKED, snapshots=SYNC), "disabled", removing=True) == ["sync_running"]


def test_what_may_be_removed_forbids_nothing() -> None:
    facts = replace(FINE, snapshots=SNAPSHOT, consolidation_needed=True)
    assert forbidding(facts) == ["snapshots", "consolidation_needed"]
    assert forbidding(facts, removing=True) == []


def test_a_disk_that_cannot_be_tracked_does_not_forbid_to_switch_cbt_off() -> None:
    facts = replace(TRACKED, disks=(replace(FINE_DISK, mode="independent_persistent"),))
    assert forbidding(facts, "enabled") == ["independent_disk"]
    assert forbidding(facts, "disabled") == []


def test_a_summary_counts_vms() -> None:
    vms = [describe(FINE), describe(TRACKED), describe(replace(FINE, name="app-02", snapshots=SNAPSHOT))]
    assert summarise(vms, ["nowhere"]) == {
        "total": 3,
        "requested": 1,
        "effective": 1,
        "needs_stun": [],
        "with_blockers": ["app-02"],
        "with_warnings": [],
        "with_notes": [],
        "not_found": 1,
    }
