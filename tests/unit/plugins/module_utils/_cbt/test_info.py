# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disks that are skipped for each of many VMs."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._cbt.info import skipped_disks_of_each
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import DiskFacts, VmFacts

FIRST = DiskFacts(2000, "Hard disk 1", "scsi", 0, 0)
SECOND = DiskFacts(2001, "Hard disk 2", "scsi", 0, 1, mode="independent_persistent")
ONE_DISK = VmFacts(moid="vm-1", name="app-01", disks=(FIRST,))
TWO_DISKS = VmFacts(moid="vm-2", name="app-02", disks=(FIRST, SECOND))


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
