# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which VMs are selected, and which disks are skipped for each of them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._cbt.selection import select_vms, skipped_disks_of_each
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import DiskFacts, VmFacts
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.vm_properties import InventoryEntry

VMS = [
    InventoryEntry(None, "vm-1", "app-01", "UUID-1", "", ("DC0", "vm", "prod"), "DC0", {"wave": "1"}),
    InventoryEntry(
        None, "vm-2", "app-02", "uuid-2", "", ("DC0", "vm", "prod", "web"), "DC0", {"wave": "1", "owner": "shop"}
    ),
    InventoryEntry(None, "vm-3", "app-02", "uuid-3", "", ("DC1", "vm"), "DC1"),
]
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


def selected(**options: Any) -> tuple[list[str], list[str]]:
    """The IDs of the selected VMs, and the names and IDs that match none."""
    names = ("names", "moids", "uuids", "name_patterns", "custom_attributes", "folder", "datacenter")
    found, missing = select_vms(VMS, dict.fromkeys(names) | options)
    return [entry.moid for entry in found], missing


@pytest.mark.parametrize(
    ("options", "moids"),
    [
        ({}, ["vm-1", "vm-2", "vm-3"]),
        ({"names": ["app-02"]}, ["vm-2", "vm-3"]),
        ({"names": ["app-02"], "moids": ["vm-1", "vm-2"]}, ["vm-1", "vm-2", "vm-3"]),
        ({"uuids": ["uuid-1", "UUID-3"]}, ["vm-1", "vm-3"]),
        ({"names": []}, []),
        ({"names": ["app-02"], "datacenter": "DC1"}, ["vm-3"]),
        ({"folder": "prod"}, ["vm-1", "vm-2"]),
        ({"folder": "prod", "name_patterns": ["APP-?2", "nothing"]}, ["vm-2"]),
        ({"name_patterns": []}, []),
        ({"custom_attributes": {"wave": 1}}, ["vm-1", "vm-2"]),
        ({"custom_attributes": {"wave": "1", "owner": "shop"}}, ["vm-2"]),
    ],
)
def test_vms_are_selected_by_names_and_filters(options: dict[str, Any], moids: list[str]) -> None:
    assert selected(**options) == (moids, [])


def test_what_matches_no_selected_vm_is_returned_once() -> None:
    options = {"names": ["app-01", "app-09", "app-09"], "moids": ["vm-9"], "uuids": ["UUID-9"], "folder": "web"}
    assert selected(**options) == ([], ["app-01", "app-09", "vm-9", "UUID-9"])
