# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts that pyVmomi's own data objects become."""

from __future__ import annotations

from typing import Any

import pytest
from pyVmomi import vim

from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import DiskFacts, SnapshotFacts, VmFacts
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.properties import ObjectProperties
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.vm_properties import facts_from

device = vim.vm.device


def properties(kind: str, moid: str, values: dict[str, Any]) -> ObjectProperties:
    return ObjectProperties(getattr(vim, kind)(moid), kind, moid, values)


def facts(values: dict[str, Any], *surroundings: ObjectProperties) -> VmFacts:
    """The facts of a VM with a name and a power state, and of what else the test gives."""
    vm = properties("VirtualMachine", "vm-1", {"name": "app-01", "runtime.powerState": "poweredOn"} | values)
    return facts_from(vm, {other.moid: other for other in surroundings}, "8.0.2")


def test_a_vm_of_which_nothing_optional_is_set() -> None:
    bare = facts({})
    assert (bare.name, bare.flag, bare.capability, bare.disks, bare.snapshots) == ("app-01", None, None, (), ())
    assert (bare.hardware_version, bare.esxi_version, bare.boot_mode) == (None, "", "bios")


def test_facts_about_host_guest_and_hardware() -> None:
    host = properties("HostSystem", "host-1", {"config.product.version": "6.7.0"})
    vm = facts(
        {
            "config.version": "vmx-07",
            "config.firmware": "efi",
            "runtime.host": vim.HostSystem("host-1"),
            "runtime.faultToleranceState": "running",
            "guest.ipAddress": "192.0.2.1",
            "guest.net": [vim.vm.GuestInfo.NicInfo(ipAddress=["192.0.2.1", "2001:db8::1"]), vim.vm.GuestInfo.NicInfo()],
            "guest.toolsRunningStatus": "guestToolsRunning",
            "config.guestFullName": "Other (64-bit)",
            "guest.guestFullName": "CentOS 7 (64-bit)",
        },
        host,
    )
    assert (vm.hardware_version, vm.boot_mode, vm.esxi_version, vm.fault_tolerant) == (7, "efi", "6.7.0", True)
    assert (vm.guest.ips, vm.guest.os, vm.guest.tools_running) == (
        ("192.0.2.1", "2001:db8::1"),
        "CentOS 7 (64-bit)",
        True,
    )


def test_only_settings_that_matter_are_kept_as_they_are_spelled() -> None:
    options = [
        ("SCSI0:0.ctkEnabled", "true"),
        ("ctkEnable", "TRUE"),
        ("nvram", "x"),
        ("cutover.smc.powerOnAgain", "TRUE"),
    ]
    vm = facts({"config.extraConfig": [vim.option.OptionValue(key=key, value=value) for key, value in options]})
    assert set(vm.settings) == {"SCSI0:0.ctkEnabled", "ctkEnable", "cutover.smc.powerOnAgain"}
    assert vm.setting("scsi0:0.CTKENABLED") == "true"
    assert vm.power_on_again


def test_snapshots_have_their_own_references() -> None:
    def tree(moid: str, name: str, *children: Any) -> Any:
        return vim.vm.SnapshotTree(snapshot=vim.vm.Snapshot(moid), name=name, childSnapshotList=list(children))

    vm = facts(
        {"snapshot.rootSnapshotList": [tree("s-1", "one", tree("s-2", "smc_j-1")), tree("s-3", "cutover-cbt-1")]}
    )
    assert vm.snapshots == (
        SnapshotFacts("s-1", "one"),
        SnapshotFacts("s-2", "smc_j-1"),
        SnapshotFacts("s-3", "cutover-cbt-1"),
    )
    assert vm.sync_running
    assert [one.moid for one in vm.own_snapshots] == ["s-3"]


def disk_of(backing: Any, controller: Any = None, files: tuple[str, ...] = (), unit: int = 3, **more: Any) -> DiskFacts:
    controller = controller or device.ParaVirtualSCSIController(key=1234, busNumber=2, sharedBus="noSharing")
    drive = device.VirtualDisk(
        key=77,
        controllerKey=controller.key,
        unitNumber=unit,
        backing=backing,
        capacityInKB=4,
        capacityInBytes=4096,
        **more,
    )
    listed = [vim.vm.FileLayoutEx.FileInfo(key=index, name=name) for index, name in enumerate(files)]
    store = properties("Datastore", "datastore-1", {"name": "ds", "summary.type": "NFS41"})
    (found,) = facts({"config.hardware.device": [drive, controller], "layoutEx.file": listed}, store).disks
    return found


def flat(**more: Any) -> Any:
    return device.VirtualDisk.FlatVer2BackingInfo(
        **(
            {"fileName": "[ds] app/app.vmdk", "datastore": vim.Datastore("datastore-1"), "diskMode": "persistent"}
            | more
        )
    )


@pytest.mark.parametrize(
    ("controller", "address"),
    [
        (device.ParaVirtualSCSIController(key=202, busNumber=2, sharedBus="noSharing"), "scsi2:3"),
        (device.VirtualLsiLogicSASController(key=7, busNumber=1, sharedBus="noSharing"), "scsi1:3"),
        (device.VirtualAHCIController(key=15000, busNumber=0), "sata0:3"),
        (device.VirtualIDEController(key=200, busNumber=1), "ide1:3"),
        (device.VirtualNVMEController(key=31000, busNumber=3), "nvme3:3"),
        (device.VirtualUSBController(key=9, busNumber=0), ""),
    ],
)
def test_a_disks_address_comes_from_its_controller_and_unit(controller: Any, address: str) -> None:
    assert disk_of(flat(), controller).address == address


@pytest.mark.parametrize(
    ("backing", "kind"),
    [
        (flat(), "flat"),
        (device.VirtualDisk.SeSparseBackingInfo(fileName="[ds] a.vmdk"), "sesparse"),
        (
            device.VirtualDisk.RawDiskMappingVer1BackingInfo(fileName="[ds] a.vmdk", compatibilityMode="physicalMode"),
            "rdm_physical",
        ),
        (
            device.VirtualDisk.RawDiskMappingVer1BackingInfo(fileName="[ds] a.vmdk", compatibilityMode="virtualMode"),
            "rdm_virtual",
        ),
        (device.VirtualDisk.LocalPMemBackingInfo(fileName="[ds] a.vmdk"), "pmem"),
        (device.VirtualDisk.FlatVer1BackingInfo(fileName="[ds] a.vmdk"), "unknown"),
    ],
)
def test_the_backing_decides_what_a_disk_is(backing: Any, kind: str) -> None:
    assert disk_of(backing).backing == kind


def test_the_tracking_file_belongs_to_the_present_descriptor() -> None:
    files = ("[ds] app/app.vmdk", "[ds] app/app-ctk.vmdk")
    assert disk_of(flat(), files=files).ctk_file == "[ds] app/app-ctk.vmdk"
    assert disk_of(flat(fileName="[ds] app/app-000001.vmdk"), files=files).ctk_file is None
    assert disk_of(flat(), files=files[:1]).ctk_file is None


def test_everything_else_about_a_disk() -> None:
    backing = flat(diskMode="independent_nonpersistent", sharing="sharingMultiWriter", changeId="52/3")
    found = disk_of(backing, deviceInfo=vim.Description(label="Hard disk 4", summary=""), vDiskId=vim.vslm.ID(id="f"))
    assert (found.label, found.size_bytes, found.mode, found.sharing) == (
        "Hard disk 4",
        4096,
        "independent_nonpersistent",
        "sharingMultiWriter",
    )
    assert (found.change_id, found.first_class, found.datastore_type) == ("52/3", True, "NFS41")
