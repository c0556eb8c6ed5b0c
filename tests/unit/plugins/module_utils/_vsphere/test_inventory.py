# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding VMs, and reading the facts of many VMs in few calls."""

from __future__ import annotations

from typing import Any

import pytest
from pyVmomi import vim

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, NotFoundError
from ansible_collections.cutover.smc.plugins.module_utils._vsphere import inventory as vsphere_inventory
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


def properties(kind: str, moid: str, values: dict[str, Any]) -> ObjectProperties:
    return ObjectProperties(getattr(vim, kind)(moid), kind, moid, values)


def machine(moid: str, name: str, parent: Any = None, **values: Any) -> ObjectProperties:
    base = {"name": name, "parent": parent or vim.Folder("group-v3"), "config.instanceUuid": f"uuid-{moid}"}
    return properties("VirtualMachine", moid, base | values)


class FakeVCenter:
    """A vCenter that has been read: objects and their properties, without a wire."""

    vcenter_version = "8.0.2"

    def __init__(self, *machines: ObjectProperties, others: tuple[ObjectProperties, ...] = ()) -> None:
        self.objects = [*machines, *(properties(*place) for place in TREE), *others]
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


def test_the_surroundings_of_many_vms_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vsphere_inventory, "PAGE", 2)
    host = properties("HostSystem", "host-9", {"config.product.version": "8.0.2"})
    on = {"runtime.powerState": "poweredOn", "runtime.host": vim.HostSystem("host-9")}
    vcenter = FakeVCenter(*(machine(f"vm-{number}", f"app-{number}", **on) for number in range(1, 6)), others=(host,))
    found = read_facts(vcenter, [vim.VirtualMachine(f"vm-{number}") for number in (5, 4, 3, 2, 1)])
    assert [vm.moid for vm in found] == ["vm-5", "vm-4", "vm-3", "vm-2", "vm-1"]
    assert {(vm.folder, vm.esxi_version) for vm in found} == {("/DC/0/vm", "8.0.2")}
    assert vcenter.questions == [["vm-4", "vm-5"], ["group-v3", "host-9"], ["vm-2", "vm-3"], ["vm-1"]]


def test_places_are_spelled_as_users_see_them() -> None:
    vcenter = FakeVCenter(
        machine("vm-1", "app%2f01"),
        machine("vm-2", "app-02", vim.Folder("group-v4")),
        properties("VirtualMachine", "vm-3", {"name": "app-03", "parentVApp": vim.VirtualApp("resgroup-v5")}),
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


def test_an_unknown_name_is_rejected_with_similar_names() -> None:
    with pytest.raises(InvalidOptionError, match=r"No VM is named 'app-1'.*Did you mean app-01\?"):
        locate(FakeVCenter(machine("vm-1", "app-01")), {"name": "app-1"})


def test_an_unknown_uuid_or_moid_is_rejected() -> None:
    vcenter = FakeVCenter()
    with pytest.raises(InvalidOptionError, match="No VM has the instance UUID 'u'"):
        locate(vcenter, {"uuid": "u"})
    with pytest.raises(InvalidOptionError, match="No VM has the managed object ID 'vm-8'"):
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
def test_a_folder_may_be_given_from_the_root_the_datacenter_or_below_vm(folder: str, within: bool) -> None:
    vcenter = FakeVCenter(
        machine("vm-1", "app-01", vim.Folder("p")),
        others=(
            properties("Folder", "f", {"name": "F", "parent": vim.Folder("group-d1")}),
            properties("Datacenter", "d", {"name": "DC0", "parent": vim.Folder("f")}),
            properties("Folder", "v", {"name": "vm", "parent": vim.Datacenter("d")}),
            properties("Folder", "p", {"name": "prod", "parent": vim.Folder("v")}),
        ),
    )
    assert inventory(vcenter)[0].is_in(folder, None) == within


def test_custom_attributes_are_read_by_name_when_they_are_needed() -> None:
    values = [vim.CustomFieldsManager.StringValue(key=key, value="1") for key in (7, 8)]
    vcenter = FakeVCenter(machine("vm-1", "app-01", customValue=values))
    assert [vm.attributes for vm in inventory(vcenter, with_attributes=True)] == [{"wave": "1"}]
    assert [vm.attributes for vm in inventory(vcenter)] == [{}]


def test_files_are_listed_again_only_where_they_do_not_show_what_is_requested() -> None:
    asked = {
        "config.extraConfig": [vim.option.OptionValue(key="ctkEnabled", value="TRUE")],
        "runtime.powerState": "poweredOn",
    }
    drive = device.VirtualDisk(
        key=1,
        controllerKey=2,
        unitNumber=0,
        backing=device.VirtualDisk.FlatVer2BackingInfo(fileName="[ds] app/app.vmdk"),
        capacityInKB=4,
    )
    vcenter = FakeVCenter(
        machine("vm-1", "app-01", **asked, **{"config.hardware.device": [drive]}),
        machine("vm-2", "app-02", **{"runtime.powerState": "poweredOn"}),
    )
    references = [vim.VirtualMachine("vm-1"), vim.VirtualMachine("vm-2")]
    fresh = refresh_stale_files(vcenter, references, read_facts(vcenter, references))
    assert vcenter.refreshed == ["vm-1"]
    assert [one.name for one in fresh] == ["app-01", "app-02"]
