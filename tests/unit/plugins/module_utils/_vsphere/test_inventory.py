# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding VMs and turning what vCenter shows, pyVmomi's own data objects, into facts."""

from __future__ import annotations

from typing import Any

import pytest
from pyVmomi import vim

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, NotFoundError
from ansible_collections.cutover.smc.plugins.module_utils._vsphere import inventory as vsphere_inventory
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import DiskFacts, SnapshotFacts, VmFacts
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.inventory import (
    inventory,
    locate,
    read_facts,
    read_one,
    refresh_stale_files,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.properties import ObjectProperties

device = vim.vm.device
TREE = [
    ("Folder", "group-d1", {"name": "Datacenters"}),
    ("Datacenter", "datacenter-2", {"name": "DC%2f0", "parent": vim.Folder("group-d1")}),
    ("Folder", "group-v3", {"name": "vm", "parent": vim.Datacenter("datacenter-2")}),
    ("Folder", "group-v4", {"name": "prod", "parent": vim.Folder("group-v3")}),
    ("VirtualApp", "resgroup-v5", {"name": "shop", "parentFolder": vim.Folder("group-v4")}),
]


def seen(kind: str, moid: str, values: dict[str, Any]) -> ObjectProperties:
    return ObjectProperties(getattr(vim, kind)(moid), kind, moid, values)


def machine(moid: str, name: str, parent: Any = None, **values: Any) -> ObjectProperties:
    base = {"name": name, "parent": parent or vim.Folder("group-v3"), "config.instanceUuid": f"uuid-{moid}"}
    return seen("VirtualMachine", moid, base | values)


class FakeVCenter:
    """A vCenter that has been read: objects and their properties, without a wire."""

    vcenter_version = "8.0.2"

    def __init__(self, *machines: ObjectProperties, others: tuple[ObjectProperties, ...] = ()) -> None:
        self.objects = [*machines, *(seen(*one) for one in TREE), *others]
        self.refreshed: list[str] = []
        self.questions: list[list[str]] = []

    def read_all(self, paths: dict[str, Any]) -> list[ObjectProperties]:
        return [one for one in self.objects if one.kind in paths]

    def read(self, references: list[Any], _paths: Any, traversals: Any = ()) -> list[ObjectProperties]:
        wanted = {reference._moId for reference in references}
        if wanted:
            self.questions.append(sorted(wanted))
        if not wanted <= {one.moid for one in self.objects}:
            raise NotFoundError("gone")
        return [one for one in self.objects if one.moid in wanted or (traversals and one.kind != "VirtualMachine")]

    def custom_fields(self) -> dict[int, str]:
        return {7: "wave"}

    def reference(self, kind: str, moid: str) -> Any:
        return getattr(vim, kind)(moid)

    def find_by_uuid(self, uuid: str) -> Any:
        return next((one.reference for one in self.objects if one.values.get("config.instanceUuid") == uuid), None)

    def refresh_storage(self, reference: Any) -> None:
        self.refreshed.append(reference._moId)


def facts(values: dict[str, Any], *others: ObjectProperties) -> VmFacts:
    present = {"runtime.powerState": "poweredOn"} | values
    vcenter = FakeVCenter(machine("vm-1", "app-01", **present), others=others)
    return read_facts(vcenter, [vim.VirtualMachine("vm-1")])[0]


def test_what_lies_around_many_vms_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vsphere_inventory, "PAGE", 2)
    host = seen("HostSystem", "host-9", {"config.product.version": "8.0.2"})
    on = {"runtime.powerState": "poweredOn", "runtime.host": vim.HostSystem("host-9")}
    vcenter = FakeVCenter(*(machine(f"vm-{number}", f"app-{number}", **on) for number in range(1, 6)), others=(host,))
    found = read_facts(vcenter, [vim.VirtualMachine(f"vm-{number}") for number in (5, 4, 3, 2, 1)])
    assert [vm.moid for vm in found] == ["vm-5", "vm-4", "vm-3", "vm-2", "vm-1"]
    assert {(vm.folder, vm.esxi_version) for vm in found} == {("/DC/0/vm", "8.0.2")}
    assert vcenter.questions == [["vm-4", "vm-5"], ["group-v3", "host-9"], ["vm-2", "vm-3"], ["vm-1"]]


# Finding


def test_places_are_told_as_people_see_them() -> None:
    vcenter = FakeVCenter(
        machine("vm-1", "app%2f01"),
        machine("vm-2", "app-02", vim.Folder("group-v4")),
        seen("VirtualMachine", "vm-3", {"name": "app-03", "parentVApp": vim.VirtualApp("resgroup-v5")}),
    )
    found = {vm.moid: (vm.path, vm.datacenter) for vm in inventory(vcenter)}
    assert found == {
        "vm-1": ("/DC/0/vm/app/01", "DC/0"),
        "vm-2": ("/DC/0/vm/prod/app-02", "DC/0"),
        "vm-3": ("/DC/0/vm/prod/shop/app-03", "DC/0"),
    }


@pytest.mark.parametrize("how", [{"moid": "vm-2"}, {"uuid": "uuid-vm-2"}, {"name": "app-02"}])
def test_one_vm_is_located(how: dict[str, str]) -> None:
    vcenter = FakeVCenter(machine("vm-1", "app-01"), machine("vm-2", "app-02"))
    assert locate(vcenter, how)._moId == "vm-2"


def test_an_ambiguous_name_lists_the_matches_and_a_folder_decides() -> None:
    vcenter = FakeVCenter(machine("vm-1", "app-01"), machine("vm-2", "app-01", vim.Folder("group-v4")))
    with pytest.raises(InvalidOptionError, match=r"2 VMs are named 'app-01': .*vm-1 \(/DC/0/vm/app-01\)") as caught:
        locate(vcenter, {"name": "app-01"})
    assert [match["moid"] for match in caught.value.details["matches"]] == ["vm-1", "vm-2"]
    assert locate(vcenter, {"name": "app-01", "folder": "prod"})._moId == "vm-2"
    with pytest.raises(InvalidOptionError, match="A VM of this name exists at /DC/0/vm/app-01, /DC/0/vm/prod/app-01"):
        locate(vcenter, {"name": "app-01", "datacenter": "elsewhere"})


def test_a_name_that_fits_nothing_is_told_with_names_like_it() -> None:
    with pytest.raises(InvalidOptionError, match=r"No VM is named 'app-1'.*Did you mean app-01\?"):
        locate(FakeVCenter(machine("vm-1", "app-01")), {"name": "app-1"})


def test_a_uuid_or_moid_that_fits_nothing_is_told() -> None:
    vcenter = FakeVCenter()
    with pytest.raises(InvalidOptionError, match="No VM has the instance UUID 'u'"):
        locate(vcenter, {"uuid": "u"})
    with pytest.raises(InvalidOptionError, match="No VM has the managed object id 'vm-8'"):
        read_one(vcenter, locate(vcenter, {"moid": "vm-8"}))


@pytest.mark.parametrize(
    ("folder", "within"),
    [
        ("prod", True),
        ("/prod/", True),
        ("vm/prod", True),
        ("DC0/vm", True),
        ("/F/DC0/vm/prod", True),
        ("F", True),
        ("shop", False),
        ("pro", False),
        ("DC0/prod", False),
        ("prod/shop/x", False),
    ],
)
def test_a_folder_may_be_told_from_the_root_the_datacenter_or_below_vm(folder: str, within: bool) -> None:
    vcenter = FakeVCenter(
        machine("vm-1", "app-01", vim.Folder("p")),
        others=(
            seen("Folder", "f", {"name": "F", "parent": vim.Folder("group-d1")}),
            seen("Datacenter", "d", {"name": "DC0", "parent": vim.Folder("f")}),
            seen("Folder", "v", {"name": "vm", "parent": vim.Datacenter("d")}),
            seen("Folder", "p", {"name": "prod", "parent": vim.Folder("v")}),
        ),
    )
    assert inventory(vcenter)[0].is_in(folder, None) == within


def test_custom_attributes_are_told_by_name_when_asked_for() -> None:
    values = [vim.CustomFieldsManager.StringValue(key=key, value="1") for key in (7, 8)]
    vcenter = FakeVCenter(machine("vm-1", "app-01", customValue=values))
    assert [vm.attributes for vm in inventory(vcenter, with_attributes=True)] == [{"wave": "1"}]
    assert [vm.attributes for vm in inventory(vcenter)] == [{}]


# Facts


def test_a_vm_of_which_nothing_optional_is_set() -> None:
    bare = facts({})
    assert (bare.name, bare.flag, bare.capability, bare.disks, bare.snapshots) == ("app-01", None, None, (), ())
    assert (bare.hardware_version, bare.esxi_version, bare.boot_mode) == (None, "", "bios")


def test_what_is_told_of_host_guest_and_hardware() -> None:
    host = seen("HostSystem", "host-1", {"config.product.version": "6.7.0"})
    told = facts(
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
    assert (told.hardware_version, told.boot_mode, told.esxi_version, told.fault_tolerant) == (7, "efi", "6.7.0", True)
    assert (told.guest.ips, told.guest.os, told.guest.tools_running) == (
        ("192.0.2.1", "2001:db8::1"),
        "CentOS 7 (64-bit)",
        True,
    )


def test_only_settings_that_matter_are_kept_as_they_are_spelt() -> None:
    options = [
        ("SCSI0:0.ctkEnabled", "true"),
        ("ctkEnable", "TRUE"),
        ("nvram", "x"),
        ("cutover.smc.powerOnAgain", "TRUE"),
    ]
    told = facts({"config.extraConfig": [vim.option.OptionValue(key=key, value=value) for key, value in options]})
    assert set(told.settings) == {"SCSI0:0.ctkEnabled", "ctkEnable", "cutover.smc.powerOnAgain"}
    assert told.setting("scsi0:0.CTKENABLED") == "true"
    assert told.power_on_again


def test_snapshots_are_told_with_their_own_references() -> None:
    def tree(moid: str, name: str, *children: Any) -> Any:
        return vim.vm.SnapshotTree(snapshot=vim.vm.Snapshot(moid), name=name, childSnapshotList=list(children))

    told = facts(
        {"snapshot.rootSnapshotList": [tree("s-1", "one", tree("s-2", "smc_j-1")), tree("s-3", "cutover-cbt-1")]}
    )
    assert told.snapshots == (
        SnapshotFacts("s-1", "one"),
        SnapshotFacts("s-2", "smc_j-1"),
        SnapshotFacts("s-3", "cutover-cbt-1"),
    )
    assert told.sync_running
    assert [one.moid for one in told.own_snapshots] == ["s-3"]


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
    store = seen("Datastore", "datastore-1", {"name": "ds", "summary.type": "NFS41"})
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


def test_the_tracking_file_lies_beside_the_present_descriptor() -> None:
    files = ("[ds] app/app.vmdk", "[ds] app/app-ctk.vmdk")
    assert disk_of(flat(), files=files).ctk_file == "[ds] app/app-ctk.vmdk"
    assert disk_of(flat(fileName="[ds] app/app-000001.vmdk"), files=files).ctk_file is None
    assert disk_of(flat(), files=files[:1]).ctk_file is None


def test_everything_else_that_a_disk_tells() -> None:
    backing = flat(diskMode="independent_nonpersistent", sharing="sharingMultiWriter", changeId="52/3")
    found = disk_of(backing, deviceInfo=vim.Description(label="Hard disk 4", summary=""), vDiskId=vim.vslm.ID(id="f"))
    assert (found.label, found.size_bytes, found.mode, found.sharing) == (
        "Hard disk 4",
        4096,
        "independent_nonpersistent",
        "sharingMultiWriter",
    )
    assert (found.change_id, found.first_class, found.datastore_type) == ("52/3", True, "NFS41")


def test_files_are_looked_at_again_only_where_they_do_not_show_what_is_requested() -> None:
    asked = {
        "config.extraConfig": [vim.option.OptionValue(key="ctkEnabled", value="TRUE")],
        "runtime.powerState": "poweredOn",
    }
    drive = device.VirtualDisk(key=1, controllerKey=2, unitNumber=0, backing=flat(), capacityInKB=4)
    vcenter = FakeVCenter(
        machine("vm-1", "app-01", **asked, **{"config.hardware.device": [drive]}),
        machine("vm-2", "app-02", **{"runtime.powerState": "poweredOn"}),
    )
    references = [vim.VirtualMachine("vm-1"), vim.VirtualMachine("vm-2")]
    fresh = refresh_stale_files(vcenter, references, read_facts(vcenter, references))
    assert vcenter.refreshed == ["vm-1"]
    assert [one.name for one in fresh] == ["app-01", "app-02"]
