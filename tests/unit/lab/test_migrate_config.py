"""The connector's VM configuration: facts are refreshed, the operator's choices are kept."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from lab.connector.migrate_config import PLATFORMS, architecture_of, chosen, merge, platform_of, why_refused

DOCUMENTED_FIELDS = {
    "vm_name", "moref_id", "uuid", "cores", "memory", "boot_mode", "vdisk_num", "host", "cpu_info", "virt_type", "host_id",
    "CBT_enabled", "power_state", "connect_state", "mac", "tools_state", "ipv4", "guestOS", "host_name", "disk",
    "architecture", "platform", "migrate", "hardware_version", "host_version", "snapshot_state",
}  # fmt: skip
DOCUMENTED_FIELDS_OF_A_DISK = {"key", "uuid", "capacity", "file_name", "change_id", "system_disk", "migrate"}


def disk_facts(key: int) -> dict[str, Any]:
    return {
        "key": key,
        "uuid": f"6000c29-{key}",
        "capacity": 32768,
        "file_name": f"[ds] app/{key}.vmdk",
        "change_id": "",
    }


def vm_facts(name: str = "app-01", moref: str = "vm-33", disks: tuple[int, ...] = (2000, 2001)) -> dict[str, Any]:
    return {
        "vm_name": name, "moref_id": moref, "uuid": "4210", "cores": 2, "memory": 2048, "boot_mode": "bios",
        "vdisk_num": len(disks), "host": "esx-1", "cpu_info": "cpu", "virt_type": "VMware", "host_id": "host-20",
        "CBT_enabled": False, "power_state": "poweredOn", "connect_state": "connected", "mac": "00:50:56:00:00:01",
        "tools_state": "guestToolsRunning", "ipv4": "10.0.0.1", "guestOS": "CentOS 7 (64-bit)", "host_name": name,
        "disk": [disk_facts(key) for key in disks], "hardware_version": "vmx-13", "host_version": "6.7.0",
        "snapshot_state": False, "guest_id": "centos7_64Guest",
    }  # fmt: skip


def test_a_vm_has_the_documented_fields_and_no_others():
    vm = merge({}, {"vm-33": vm_facts()})["vm-33"]
    assert set(vm) == DOCUMENTED_FIELDS
    assert all(set(disk) == DOCUMENTED_FIELDS_OF_A_DISK for disk in vm["disk"])


def test_no_vm_is_migrated_before_it_is_chosen():
    config = merge({}, {"vm-33": vm_facts(), "vm-34": vm_facts("app-02", "vm-34")})
    assert chosen(config) == {}
    config["vm-34"]["migrate"] = True
    assert list(chosen(config)) == ["vm-34"]


def test_the_first_disk_is_the_system_disk_and_every_disk_is_migrated():
    disks = merge({}, {"vm-33": vm_facts()})["vm-33"]["disk"]
    assert [(disk["system_disk"], disk["migrate"]) for disk in disks] == [(True, True), (False, True)]


def test_a_refresh_keeps_what_the_operator_edited_and_renews_what_vcenter_shows():
    known = merge({}, {"vm-33": vm_facts()})
    vm = known["vm-33"]
    vm.update(migrate=True, platform="Others Linux", architecture="arm64", cores=99)
    vm["disk"][0]["system_disk"], vm["disk"][1]["system_disk"], vm["disk"][1]["migrate"] = False, True, False
    fresh = vm_facts()
    fresh.update(CBT_enabled=True, snapshot_state=True)
    fresh["disk"][0]["change_id"] = "52 de/7"

    after = merge(known, {"vm-33": fresh})["vm-33"]

    assert (after["migrate"], after["platform"], after["architecture"]) == (True, "Others Linux", "arm64")
    assert [(disk["system_disk"], disk["migrate"]) for disk in after["disk"]] == [(False, True), (True, False)]
    assert (after["cores"], after["CBT_enabled"], after["snapshot_state"]) == (2, True, True)
    assert after["disk"][0]["change_id"] == "52 de/7"


def test_a_refresh_changes_nothing_when_nothing_has_changed():
    known = merge({}, {"vm-33": vm_facts()})
    known["vm-33"]["migrate"] = True
    assert merge(copy.deepcopy(known), {"vm-33": vm_facts()}) == known


def test_choices_follow_a_disk_by_its_key_and_a_new_disk_gets_defaults():
    known = merge({}, {"vm-33": vm_facts(disks=(2000, 2001))})
    known["vm-33"]["disk"][1]["migrate"] = False
    disks = merge(known, {"vm-33": vm_facts(disks=(2000, 2002, 2001))})["vm-33"]["disk"]
    assert {disk["key"]: disk["migrate"] for disk in disks} == {2000: True, 2002: True, 2001: False}


def test_a_vm_always_has_a_system_disk_even_if_the_chosen_one_was_removed():
    known = merge({}, {"vm-33": vm_facts()})
    known["vm-33"]["disk"][0]["system_disk"] = False
    known["vm-33"]["disk"][1]["system_disk"] = True
    disks = merge(known, {"vm-33": vm_facts(disks=(2000,))})["vm-33"]["disk"]
    assert [disk["system_disk"] for disk in disks] == [True]


def test_a_vm_that_vcenter_no_longer_has_is_removed():
    known = merge({}, {"vm-33": vm_facts(), "vm-34": vm_facts("app-02", "vm-34")})
    assert list(merge(known, {"vm-34": vm_facts("app-02", "vm-34")})) == ["vm-34"]


@pytest.mark.parametrize(
    ("guest_id", "platform"),
    [
        ("centos7_64Guest", "CentOS"),
        ("ubuntu64Guest", "Ubuntu"),
        ("opensuse64Guest", "OpenSUSE"),
        ("sles12_64Guest", "SUSE"),
        ("debian10_64Guest", "Debian"),
        ("rhel7_64Guest", "RedHat"),
        ("other3xLinux64Guest", "Others Linux"),
        ("windows9Server64Guest", "Windows Server 2016"),
        ("windows2019srv_64Guest", "Windows Server 2019"),
    ],
)
def test_platforms_are_smcs_names(guest_id: str, platform: str):
    assert platform in PLATFORMS
    assert platform_of(guest_id, "whatever vSphere calls it") == platform


def test_a_platform_that_smc_does_not_know_keeps_vspheres_name_and_is_refused():
    facts = vm_facts()
    facts.update(guest_id="solaris11_64Guest", guestOS="Oracle Solaris 11 (64-bit)")
    vm = merge({}, {"vm-33": facts})["vm-33"]
    assert vm["platform"] == "Oracle Solaris 11 (64-bit)"
    assert "platform [Oracle Solaris 11 (64-bit)] is not supported" in why_refused(vm)


@pytest.mark.parametrize(
    ("guest_id", "architecture"),
    [("centos7_64Guest", "x86_64"), ("centosGuest", "i386"), ("arm_debian12_64Guest", "arm64")],
)
def test_architectures(guest_id: str, architecture: str):
    assert architecture_of(guest_id) == architecture


def test_an_import_needs_exactly_one_migrated_system_disk():
    vm = merge({}, {"vm-33": vm_facts()})["vm-33"]
    assert why_refused(vm) == ""
    vm["disk"][0]["migrate"] = False
    assert why_refused(vm) == "the system disk must be migrated"
    vm["disk"][1]["system_disk"] = True
    assert why_refused(vm) == "exactly one disk must be the system disk"
    vm["architecture"] = "sparc"
    assert "architecture [sparc]" in why_refused(vm)
