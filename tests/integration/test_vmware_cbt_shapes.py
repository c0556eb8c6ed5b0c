# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vmware_cbt and vmware_cbt_info with unusual VMs, hosts, users and timing: what is refused, proved and restored, and at what cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.launcher import Options
from tests.integration.lab_harness import VCenterLab, running_vcenter

pytestmark = pytest.mark.lab

PLAIN = {"controller": "scsi0", "unit": 0}
OVERRIDES: dict[str, Any] = {
    "app-01": {
        "disks": [
            PLAIN,
            {"controller": "lsi1", "unit": 9},
            {"controller": "sata1", "unit": 4},
            {"controller": "nvme0", "unit": 3},
            {"controller": "ide1", "unit": 0},
        ],
        "settings": {"SCSI0:0.CTKENABLED": "FALSE", "ctkEnable": "TRUE"},
    },
    "app-02": {"disks": [PLAIN, {"controller": "scsi1", "persistent_memory": True}]},
    "app-03": {"disks": [PLAIN, {"controller": "scsi0", "unit": 1, "first_class": True}]},
    "app-04": {"bus_sharing": "physicalSharing"},
    "app-05": {"fault_tolerance": "running"},
    "app-06": {"consolidation_needed": True},
    "app-07": {"connection_state": "inaccessible"},
    "app-08": {"suspended": True},
    "app-09": {"host": 1},
    "app-10": {"folder": "prod/web", "attributes": {"wave": "1", "owner": "shop"}},
    "app-11": {"folder": "prod", "attributes": {"wave": "2"}},
    "app-17": {"guest_name": "FreeBSD 13", "firmware": "efi"},
}


@pytest.fixture(scope="module")
def vcenter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VCenterLab]:
    """One vCenter with two hosts, of which one is too old; each test has VMs of its own in it."""
    options = Options(vms=20, vm_overrides=_on_the_new_host(OVERRIDES, 20))
    with running_vcenter(
        tmp_path_factory.mktemp("shapes"), options, esxi_versions=["6.7.0-8169922", "3.5.0"]
    ) as access:
        yield access


def _on_the_new_host(overrides: dict[str, Any], count: int) -> dict[str, Any]:
    names = [f"app-{number:02d}" for number in range(1, count + 1)]
    return {name: {"host": 0} | overrides.get(name, {}) for name in names}


@pytest.fixture(autouse=True)
def _clean(vcenter: VCenterLab) -> None:
    for path in ("/faults", "/privileges", "/requests"):
        vcenter.control.delete(path)


def cbt(access: VCenterLab, name: str, check: bool = False, **parameters: Any) -> dict[str, Any]:
    return access.call_module("vmware_cbt", {"name": name} | parameters, check=check)


def info(access: VCenterLab, **parameters: Any) -> list[dict[str, Any]]:
    return access.call_module("vmware_cbt_info", parameters)["vms"]


def settings_of(access: VCenterLab, name: str) -> dict[str, str | None]:
    """The keys of CBT as vCenter has them, without regard to case."""
    (vm,) = info(access, names=[name])
    keys = {"ctkenabled": vm["cbt"]["key"]}
    return keys | {disk["ctk_key"].lower(): disk["ctk_value"] for disk in vm["disks"]}


def calls(access: VCenterLab) -> dict[str, int]:
    return {one["action"]: one["count"] for one in access.control.get("/requests")}


def assert_untouched(access: VCenterLab, name: str) -> None:
    vm = access.control.vm(name)
    assert vm["power_state"] == "poweredOn"
    assert [snapshot for snapshot in vm["snapshots"] if snapshot.startswith("cutover-")] == []


# Cost


def test_enabling_takes_twelve_calls_by_name_and_eleven_by_id(vcenter: VCenterLab) -> None:
    assert cbt(vcenter, "app-12")["vm"]["cbt"]["effective"]
    assert sum(calls(vcenter).values()) <= 12, calls(vcenter)
    moid = vcenter.control.vm("app-13")["moid"]
    vcenter.control.delete("/requests")
    assert vcenter.call_module("vmware_cbt", {"moid": moid})["changed"]
    assert sum(calls(vcenter).values()) <= 11, calls(vcenter)
    assert calls(vcenter)["Login"] == calls(vcenter)["Logout"] == 1


# Shapes


def test_disks_on_every_bus_are_tracked_and_given_back_as_they_were(vcenter: VCenterLab) -> None:
    before = settings_of(vcenter, "app-01")
    done = cbt(vcenter, "app-01")
    assert [disk["address"] for disk in done["vm"]["disks"]] == ["scsi0:0", "scsi1:9", "ide1:0", "sata1:4", "nvme0:3"]
    assert all(disk["effective"] for disk in done["vm"]["disks"])
    assert done["vm"]["cbt"]["misspelled_keys"] == ["ctkEnable"]
    assert cbt(vcenter, "app-01")["plan"] == []
    checked = cbt(vcenter, "app-01", check=True, state="disabled")
    disabled = cbt(vcenter, "app-01", state="disabled")
    assert disabled["plan"] == checked["plan"]
    assert settings_of(vcenter, "app-01") == before
    assert cbt(vcenter, "app-01", state="disabled")["plan"] == []


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("app-02", "persistent_memory"),
        ("app-03", "first_class_disk"),
        ("app-04", "shared_bus"),
        ("app-05", "fault_tolerance"),
        ("app-06", "consolidation_needed"),
        ("app-07", "not_connected"),
        ("app-08", "suspended"),
        ("app-09", "esxi_version"),
    ],
)
def test_what_cannot_be_tracked_is_refused(vcenter: VCenterLab, name: str, rule: str) -> None:
    refused = cbt(vcenter, name)
    assert rule in [concern["id"] for concern in refused["error"]["details"]["concerns"]]
    assert refused["error"]["remedy"]
    assert vcenter.control.mutating_requests() == []


def test_a_concern_may_be_waived_where_increments_stay_right(vcenter: VCenterLab) -> None:
    waiver = {"rule": "first_class_disk", "reason": "all nodes have CBT on", "expires": "9999-12-31"}
    expired = cbt(vcenter, "app-03", waivers=[waiver | {"expires": "2020-01-01"}])
    assert expired["error"]["code"] == "first_class_disk"
    done = cbt(vcenter, "app-03", waivers=[waiver])
    assert done["vm"]["cbt"]["effective"]
    (concern,) = [one for one in done["vm"]["concerns"] if one["id"] == "first_class_disk"]
    assert concern["waived"] == {"reason": "all nodes have CBT on", "expires": "9999-12-31"}
    assert cbt(vcenter, "app-06", waivers=[waiver | {"rule": "consolidation_needed"}])["failed"]


def test_disks_are_consolidated_when_snapshots_may_be_removed(vcenter: VCenterLab) -> None:
    done = cbt(vcenter, "app-06", snapshots="remove")
    assert done["plan"][0] == "consolidate the disks of app-06"
    assert done["vm"]["cbt"]["effective"]


# Proof


def test_a_query_proves_tracking_until_something_else_restarts_it(vcenter: VCenterLab) -> None:
    checked = cbt(vcenter, "app-14", check=True, verify="query")
    done = cbt(vcenter, "app-14", verify="query")
    assert done["plan"] == checked["plan"]
    assert done["vm"]["cbt"]["verified"]
    assert all(disk["last_verified"] for disk in done["vm"]["disks"])
    assert calls(vcenter)["QueryChangedDiskAreas"] == len(done["vm"]["disks"])
    assert_untouched(vcenter, "app-14")
    assert cbt(vcenter, "app-14", verify="query")["plan"] == []
    vcenter.control.post("/vms/app-14/tracking/reset", {})
    (vm,) = info(vcenter, names=["app-14"])
    assert "epoch_changed" in [one["id"] for one in vm["concerns"]]
    assert not vm["cbt"]["verified"]
    assert cbt(vcenter, "app-14", verify="query")["vm"]["cbt"]["verified"]
    reset = cbt(vcenter, "app-14", state="reset")
    assert reset["next_run_full"]
    assert "is a full copy" in reset["output"]
    assert "epoch_changed" not in [one["id"] for one in reset["vm"]["concerns"]]


def test_a_query_that_fails_leaves_no_snapshot_and_is_made_again(vcenter: VCenterLab) -> None:
    cbt(vcenter, "app-14", state="disabled")
    fault = {"method": "QueryChangedDiskAreas", "object": "app-14", "fault": "FileFault", "details": {"File": "x"}}
    vcenter.control.post("/faults", fault)
    failed = cbt(vcenter, "app-14", verify="query")
    assert "cannot be queried" in failed["msg"]
    assert_untouched(vcenter, "app-14")
    assert cbt(vcenter, "app-14", verify="query")["vm"]["cbt"]["verified"]


def test_a_request_alone_waits_for_the_next_stun(vcenter: VCenterLab) -> None:
    done = cbt(vcenter, "app-15", activate="none")
    assert done["vm"]["cbt"]["enabled"]
    assert done["vm"]["cbt"]["needs_stun"]
    assert vcenter.control.mutating_requests() == ["ReconfigVM_Task"]
    assert cbt(vcenter, "app-15", activate="none")["plan"] == []
    assert cbt(vcenter, "app-15")["vm"]["cbt"]["effective"]
    assert "Option 'activate' cannot be none" in cbt(vcenter, "app-15", state="reset", activate="none")["msg"]


# Moments and users


def test_a_snapshot_that_appears_during_the_change_is_noticed(vcenter: VCenterLab) -> None:
    before = settings_of(vcenter, "app-16")
    vcenter.control.post(
        "/faults", {"method": "ReconfigVM_Task", "object": "app-16", "fault": "Snapshot nightly backup"}
    )
    refused = cbt(vcenter, "app-16")
    assert "nightly backup" in refused["msg"]
    assert refused["error"]["code"] == "snapshots"
    assert {key: value == "TRUE" for key, value in settings_of(vcenter, "app-16").items()} == dict.fromkeys(
        before, False
    )
    assert vcenter.control.vm("app-16")["snapshots"] == ["nightly backup"]
    assert cbt(vcenter, "app-16", snapshots="remove")["vm"]["cbt"]["effective"]


@pytest.mark.parametrize(
    ("parameters", "privilege"),
    [
        ({}, "VirtualMachine.Config.ChangeTracking"),
        ({"method": "advanced_config"}, "VirtualMachine.Config.AdvancedConfig"),
        ({}, "VirtualMachine.State.RemoveSnapshot"),
        ({"activate": "power_cycle"}, "VirtualMachine.Interact.PowerOn"),
        ({"verify": "query"}, "VirtualMachine.Provisioning.DiskRandomRead"),
    ],
)
def test_a_missing_privilege_is_reported_before_anything_is_changed(
    vcenter: VCenterLab, parameters: dict[str, str], privilege: str
) -> None:
    vcenter.control.post("/privileges", {"object": "app-18", "denied": [privilege]})
    for check in (True, False):
        refused = cbt(vcenter, "app-18", check=check, **parameters)
        assert f"lacks the privilege {privilege} on app-18" in refused["msg"]
    assert vcenter.control.mutating_requests() == []


def test_the_missing_privileges_of_the_connectors_user_are_a_concern(vcenter: VCenterLab) -> None:
    vcenter.control.post("/privileges", {"object": "app-18", "denied": ["VirtualMachine.Config.DiskLease"]})
    found = {vm["name"]: vm for vm in info(vcenter, names=["app-18", "app-19"], connector_user="LAB\\smc")}
    lacking = {
        name: [one["message"] for one in vm["concerns"] if one["id"] == "connector_privileges"]
        for name, vm in found.items()
    }
    assert lacking == {
        "app-18": ["SMC's connector user lacks these privileges on it: VirtualMachine.Config.DiskLease"],
        "app-19": [],
    }


def test_a_session_that_ends_in_between_is_opened_again(vcenter: VCenterLab) -> None:
    names = {"VirtualMachine": ("name",)}
    with vcenter.session() as (session, references):
        vms = references("app-19")
        for _round in range(2):
            assert session.read(vms, names)[0].values == {"name": "app-19"}
            vcenter.control.delete("/sessions")
    assert calls(vcenter)["Login"] == 2


def test_vms_are_selected_by_pattern_folder_and_attributes(vcenter: VCenterLab) -> None:
    def names(**how: Any) -> list[str]:
        return sorted(vm["name"] for vm in info(vcenter, **how))

    assert names(name_patterns=["APP-0[12]", "app-2?"]) == ["app-01", "app-02", "app-20"]
    assert names(folder="prod") == ["app-10", "app-11"]
    assert names(custom_attributes={"wave": "1"}) == ["app-10"]
    assert names(folder="prod", custom_attributes={"wave": "3"}) == []
    assert names(name_patterns=[]) == []


def test_limits_of_smc_are_concerns(vcenter: VCenterLab) -> None:
    (vm,) = info(vcenter, names=["app-17"])
    found = {one["id"]: one for one in vm["concerns"]}
    assert {"guest_unsupported", "uefi_boot"} <= set(found)
    assert all(one["source"] and one["checked"] for one in found.values())
    assert (vm["esxi_version"], vm["esxi_build"], vm["vcenter_version"]) == ("6.7.0", "8169922", "6.7.0")


@pytest.mark.parametrize("version", ["6.7.0", "8.0.2"])
def test_a_standalone_host_is_a_vcenter_too(tmp_path_factory: pytest.TempPathFactory, version: str) -> None:
    path = tmp_path_factory.mktemp("esxi")
    with running_vcenter(path, Options(vms=2), standalone_esxi=True, esxi_version=version) as host:
        for state, effective in (("enabled", True), ("reset", True), ("disabled", False)):
            done = cbt(host, "app-02", state=state, verify="query")
            assert (done["changed"], done["vm"]["cbt"]["effective"]) == (True, effective), done
        (vm,) = info(host, names=["app-02"])
        assert (vm["datacenter"], vm["esxi_version"], vm["vcenter_version"]) == ("ha-datacenter", version, "")
