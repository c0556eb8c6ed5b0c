# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disks that are skipped for each of many VMs, and what blocks a VM after that."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._cbt.info import skipped_disks_of_each
from ansible_collections.cutover.smc.plugins.module_utils._cbt.report import describe, summarize
from ansible_collections.cutover.smc.plugins.module_utils._concerns.assessment import RULE_IDS
from ansible_collections.cutover.smc.plugins.module_utils._concerns.waivers import read_waivers
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import DiskFacts, SnapshotFacts, VmFacts

FIRST = DiskFacts(2000, "Hard disk 1", "scsi", 0, 0)
SECOND = DiskFacts(2001, "Hard disk 2", "scsi", 0, 1, mode="independent_persistent")
ONE_DISK = VmFacts(moid="vm-1", name="app-01", disks=(FIRST,))
TWO_DISKS = VmFacts(moid="vm-2", name="app-02", disks=(FIRST, SECOND))
SNAPSHOT = (SnapshotFacts("s-1", "before patch"),)


def blockers(facts: VmFacts, **how: Any) -> list[str]:
    return [concern["id"] for concern in describe(facts, **how)["blockers"]]


@pytest.mark.parametrize("name", ["hard disk 2", "Hard disk 2", "SCSI0:1", " scsi0:1 ", "2001", 2001])
def test_a_name_applies_to_each_vm_that_has_such_a_disk(name: Any) -> None:
    assert skipped_disks_of_each([ONE_DISK, TWO_DISKS], [name]) == [frozenset(), {2001}]
    assert skipped_disks_of_each([TWO_DISKS], [name]) == [{2001}]


def test_several_names_are_joined() -> None:
    assert skipped_disks_of_each([ONE_DISK, TWO_DISKS], ["scsi0:0", "scsi0:1"]) == [{2000}, {2000, 2001}]


def test_a_misspelled_disk_of_one_vm_is_rejected_as_by_vmware_cbt() -> None:
    with pytest.raises(InvalidOptionError, match=r"app-02 has no disk 'hard disk2' .*Hard disk 2 \(scsi0:1\)"):
        skipped_disks_of_each([TWO_DISKS], ["hard disk2"])


def test_a_disk_that_none_of_many_vms_has_is_rejected() -> None:
    with pytest.raises(InvalidOptionError, match="None of the 2 selected VMs has a disk 'hard disk2'"):
        skipped_disks_of_each([ONE_DISK, TWO_DISKS], ["scsi0:1", "hard disk2"])


def test_no_vms_need_no_disks() -> None:
    assert skipped_disks_of_each([], ["hard disk 2"]) == []


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
