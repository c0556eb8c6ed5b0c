# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How VMs are described, what blocks them, and how they are counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._cbt.report import describe, summarize
from ansible_collections.cutover.smc.plugins.module_utils._concerns.assessment import RULE_IDS
from ansible_collections.cutover.smc.plugins.module_utils._concerns.waivers import read_waivers
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import (
    DiskFacts,
    GuestFacts,
    SnapshotFacts,
    VmFacts,
)

FIRST = DiskFacts(2000, "Hard disk 1", "scsi", 0, 0, file="[ds] a/a.vmdk")
SECOND = DiskFacts(2001, "Hard disk 2", "scsi", 0, 1, mode="independent_persistent")
ONE_DISK = VmFacts(moid="vm-1", name="app-01", guest=GuestFacts(tools_status="guestToolsRunning"), disks=(FIRST,))
TWO_DISKS = VmFacts(moid="vm-2", name="app-02", disks=(FIRST, SECOND))
TRACKED = replace(
    ONE_DISK,
    settings={"ctkEnabled": "TRUE", "scsi0:0.ctkEnabled": "TRUE"},
    disks=(replace(FIRST, ctk_file="[ds] a/a-ctk.vmdk"),),
)
SNAPSHOT = (SnapshotFacts("s-1", "before patch"),)


def blockers(facts: VmFacts, **how: Any) -> list[str]:
    return [concern["id"] for concern in describe(facts, **how)["blockers"]]


def test_a_skipped_disk_blocks_nothing() -> None:
    assert blockers(TWO_DISKS) == ["independent_disk"]
    assert blockers(TWO_DISKS, skip=frozenset([2001])) == []


def test_snapshots_that_may_be_removed_block_nothing_but_are_still_concerns() -> None:
    facts = replace(ONE_DISK, snapshots=SNAPSHOT, consolidation_needed=True)
    assert blockers(facts) == ["snapshots", "consolidation_needed"]
    assert blockers(facts, snapshots="remove") == []
    described = describe(facts, snapshots="remove")
    assert {"snapshots", "consolidation_needed"} <= {concern["id"] for concern in described["concerns"]}
    assert summarize([described], [])["with_blockers"] == []
    assert summarize([describe(facts)], [])["with_blockers"] == ["app-01"]


@pytest.mark.parametrize(("day", "found"), [(date(2026, 12, 31), []), (date(2027, 1, 1), ["snapshots"])])
def test_a_waived_concern_blocks_nothing_while_the_waiver_is_valid(day: date, found: list[str]) -> None:
    waivers = read_waivers([{"rule": "snapshots", "reason": "change 4711", "expires": "2026-12-31"}], RULE_IDS)
    assert blockers(replace(ONE_DISK, snapshots=SNAPSHOT), waivers=waivers, on=day) == found


def test_warnings_and_notes_block_nothing() -> None:
    facts = replace(ONE_DISK, settings={"ctkEnabled": "TRUE"}, boot_mode="efi")
    assert {concern["severity"] for concern in describe(facts)["concerns"]} == {"warning", "note"}
    assert blockers(facts) == []


def test_a_waived_blocker_is_not_counted() -> None:
    waivers = read_waivers([{"rule": "fault_tolerance", "reason": "change 4711", "expires": "9999-12-31"}], RULE_IDS)
    vm = describe(replace(ONE_DISK, fault_tolerant=True), waivers=waivers)
    assert vm["concerns"][0]["waived"]
    assert summarize([vm], [])["with_blockers"] == []


def test_a_summary_counts_vms() -> None:
    vms = [describe(ONE_DISK), describe(TRACKED), describe(replace(ONE_DISK, name="app-02", snapshots=SNAPSHOT))]
    assert summarize(vms, ["nowhere"]) == {
        "total": 3,
        "requested": 1,
        "effective": 1,
        "needs_stun": [],
        "with_blockers": ["app-02"],
        "with_warnings": [],
        "with_notes": [],
        "not_found": 1,
    }
