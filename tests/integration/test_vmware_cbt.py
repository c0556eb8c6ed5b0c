# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vmware_cbt and vmware_cbt_info against the lab's vCenter: every state, every refusal, every failing step, both ways to run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim

from ansible_collections.cutover.smc.plugins.module_utils._cbt import reconciler as cbt_reconciler
from ansible_collections.cutover.smc.plugins.module_utils._vsphere import power as vsphere_power
from lab.launcher import Options
from tests.integration.lab_harness import WAYS, VCenterLab, running_vcenter

pytestmark = pytest.mark.lab

OVERRIDES = {
    "app-03": {"snapshot": "before patch"},
    "app-04": {"hardware_version": 4},
    "app-05": {"disk_mode": "independent_persistent"},
    "app-06": {"powered_off": True},
    "app-07": {"tools": False},
    "app-08": {"ignores_shutdown": True},
    "app-09": {"rdm": "physicalMode"},
    "app-10": {"sharing": "sharingMultiWriter"},
    "app-11": {"template": True, "powered_off": True},
}
both_ways = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(scope="module")
def vcenter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VCenterLab]:
    """The vCenter of most tests; each has VMs of its own in it, so that their order does not matter."""
    with running_vcenter(tmp_path_factory.mktemp("vcenter"), Options(vms=24, vm_overrides=OVERRIDES)) as access:
        yield access


@pytest.fixture(autouse=True)
def _clean(vcenter: VCenterLab, monkeypatch: pytest.MonkeyPatch) -> None:
    # A vCenter on the loopback does in milliseconds what a real one takes seconds for.
    monkeypatch.setattr(cbt_reconciler, "_POLL_SECONDS", 0.1)
    monkeypatch.setattr(vsphere_power, "_POLL_SECONDS", 0.1)
    monkeypatch.setattr(cbt_reconciler, "_REMOVAL_SECONDS", 1.0)
    vcenter.control.delete("/faults")
    vcenter.control.delete("/requests")


def cbt(access: VCenterLab, name: str, **parameters: Any) -> dict[str, Any]:
    """Run vmware_cbt for a VM; what concerns the run and not the module begins with an underscore.

    By Ansible where the way to run matters, else by its handler.
    """
    run = {key[1:]: parameters.pop(key) for key in list(parameters) if key.startswith("_")}
    call = access.run_module if {"way", "verbosity"} & set(run) else access.call_module
    return call("vmware_cbt", {"name": name} | parameters, **run)


def info(access: VCenterLab, *names: str) -> list[dict[str, Any]]:
    return access.call_module("vmware_cbt_info", {"names": list(names)})["vms"]


def assert_tracked(access: VCenterLab, name: str) -> None:
    """By vCenter's own account, and by the files that the module saw."""
    assert all(disk["tracked"] for disk in access.control.vm(name)["disks"])
    (vm,) = info(access, name)
    assert vm["cbt"]["effective"]
    assert not vm["cbt"]["needs_stun"]
    assert all(disk["ctk_file"].endswith("-ctk.vmdk") for disk in vm["disks"])


def assert_as_found(access: VCenterLab, name: str, power: str = "poweredOn") -> None:
    vm = access.control.vm(name)
    assert vm["power_state"] == power
    assert [snapshot for snapshot in vm["snapshots"] if snapshot.startswith("cutover-")] == []


@both_ways
def test_check_do_check_again_do_again(vcenter: VCenterLab, way: str) -> None:
    name = "app-01" if way == "in_process" else "app-02"
    checked = cbt(vcenter, name, _check=True, _way=way)
    assert checked["changed"]
    assert not checked["failed"]
    assert vcenter.control.mutating_requests() == []

    done = cbt(vcenter, name, _way=way)
    assert done["changed"]
    assert done["plan"] == checked["plan"]
    assert done["vm"]["cbt"]["effective"]
    assert not done["snapshots_removed"]
    assert_tracked(vcenter, name)
    assert_as_found(vcenter, name)
    assert "PowerOffVM_Task" not in vcenter.control.mutating_requests()

    vcenter.control.delete("/requests")
    for again in (cbt(vcenter, name, _check=True), cbt(vcenter, name, _way=way)):
        assert (again["changed"], again["plan"]) == (False, [])
    assert vcenter.control.mutating_requests() == []


def test_both_ways_return_the_same(vcenter: VCenterLab) -> None:
    one, other = (cbt(vcenter, "app-12", _check=True, _way=way) for way in WAYS)
    for result in (one, other):
        del result["output"]
    assert one == other


@pytest.mark.parametrize(("name", "method"), [("app-13", "both"), ("app-14", "advanced_config")])
def test_a_power_cycle_shuts_the_guest_down_and_powers_on_again(vcenter: VCenterLab, name: str, method: str) -> None:
    done = cbt(vcenter, name, activate="power_cycle", method=method)
    assert done["vm"]["power_state"] == "on"
    assert "ShutdownGuest" in vcenter.control.mutating_requests()
    assert "PowerOffVM_Task" not in vcenter.control.mutating_requests()
    assert "CreateSnapshot_Task" not in vcenter.control.mutating_requests()
    assert_tracked(vcenter, name)
    assert cbt(vcenter, name)["plan"] == []


def test_a_vm_that_is_off_is_configured_and_stays_off(vcenter: VCenterLab) -> None:
    done = cbt(vcenter, "app-06")
    assert vcenter.control.mutating_requests() == ["ReconfigVM_Task"]
    assert done["vm"]["power_state"] == "off"
    assert cbt(vcenter, "app-06")["changed"] is False
    assert_as_found(vcenter, "app-06", "poweredOff")


def test_disabled_and_enabled_again(vcenter: VCenterLab) -> None:
    cbt(vcenter, "app-15")
    checked = cbt(vcenter, "app-15", state="disabled", _check=True)
    done = cbt(vcenter, "app-15", state="disabled")
    assert done["plan"] == checked["plan"] != []
    assert not any(disk["tracked"] for disk in vcenter.control.vm("app-15")["disks"])
    expected = {"enabled": False, "key": None, "effective": False, "needs_stun": False, "api_flag": False}
    assert {name: done["vm"]["cbt"][name] for name in expected} == expected
    assert cbt(vcenter, "app-15", state="disabled")["changed"] is False
    cbt(vcenter, "app-15")
    assert_tracked(vcenter, "app-15")


@pytest.mark.parametrize("activate", ["stun", "power_cycle"])
def test_a_reset_begins_a_new_epoch(vcenter: VCenterLab, activate: str) -> None:
    before = _epochs(cbt(vcenter, "app-16"))
    done = cbt(vcenter, "app-16", state="reset", activate=activate)
    assert done["plan"] == cbt(vcenter, "app-16", state="reset", activate=activate, _check=True)["plan"]
    assert not before & _epochs(done)
    assert_tracked(vcenter, "app-16")
    assert_as_found(vcenter, "app-16")


def _epochs(result: dict[str, Any]) -> set[str]:
    """The part of the change IDs that changes when tracking restarts; a tracked disk has one from its first stun."""
    return {disk["change_id"].rpartition("/")[0] for disk in result["vm"]["disks"] if disk["change_id"]}


@pytest.mark.parametrize("method", ["api", "both"])
@pytest.mark.parametrize("read_back", ["after_stun", "at_once"])
def test_all_states_however_vcenter_reads_the_flag_back(tmp_path: Path, read_back: str, method: str) -> None:
    """Sources disagree on when ``changeTrackingEnabled`` shows a request, so that nothing may rest on it."""
    options = Options(vms=6, switches={"change_tracking_read_back": read_back})
    with running_vcenter(tmp_path, options) as access:
        for state in ("enabled", "reset", "disabled", "enabled"):
            done = cbt(access, "app-06", state=state, method=method)
            assert done["changed"], done
            assert done["vm"]["cbt"]["effective"] == (state != "disabled")
            assert not done["vm"]["cbt"]["needs_stun"]
            if state != "reset":
                assert cbt(access, "app-06", state=state, method=method)["plan"] == []


# Refusals


def test_snapshots_are_refused_with_their_names(vcenter: VCenterLab) -> None:
    refused = cbt(vcenter, "app-03")
    assert refused["failed"]
    assert "before patch" in refused["msg"]
    assert refused["error"]["code"] == "snapshots"
    assert vcenter.control.mutating_requests() == []


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("app-04", "hardware_version", "hardware version is 4"),
        ("app-05", "independent_disk", "Hard disk 2 (scsi0:1): it is independent"),
        ("app-09", "physical_rdm", "physical mode"),
        ("app-10", "shared_disk", "multi-writer"),
        ("app-11", "template", "it is a template"),
    ],
)
def test_what_cannot_be_tracked_is_refused(vcenter: VCenterLab, name: str, code: str, words: str) -> None:
    for check in (True, False):
        refused = cbt(vcenter, name, _check=check)
        assert refused["failed"]
        assert words in refused["msg"]
        assert code in [concern["id"] for concern in refused["error"]["details"]["concerns"]]
        assert refused["error"]["remedy"]
    assert vcenter.control.mutating_requests() == []


def test_a_disk_that_cannot_be_tracked_may_be_skipped(vcenter: VCenterLab) -> None:
    done = cbt(vcenter, "app-05", skip_disks=["scsi0:1"])
    assert done["vm"]["cbt"]["effective"]
    assert [disk["tracked"] for disk in vcenter.control.vm("app-05")["disks"]] == [True, False]
    assert cbt(vcenter, "app-05", skip_disks=["Hard disk 2"])["changed"] is False
    assert cbt(vcenter, "app-05")["failed"]


def test_snapshots_are_removed_when_that_is_asked(vcenter: VCenterLab) -> None:
    checked = cbt(vcenter, "app-03", snapshots="remove", _check=True)
    assert vcenter.control.vm("app-03")["snapshots"] == ["before patch"]
    done = cbt(vcenter, "app-03", snapshots="remove")
    assert done["plan"] == checked["plan"]
    assert "before patch" in done["plan"][0]
    assert done["snapshots_removed"]
    assert vcenter.control.vm("app-03")["snapshots"] == []
    assert_tracked(vcenter, "app-03")


def test_a_running_synchronization_is_respected(vcenter: VCenterLab) -> None:
    with _Client(vcenter) as client:
        client.snapshot("app-17", "smc_j-123_20261122")
        refused = cbt(vcenter, "app-17", snapshots="remove")
        assert refused["error"]["code"] == "sync_running"
        assert "SMC is synchronizing it" in refused["msg"]
        assert vcenter.control.vm("app-17")["snapshots"] == ["smc_j-123_20261122"]


def test_a_vm_whose_cbt_is_on_is_left_alone_with_snapshots(vcenter: VCenterLab) -> None:
    cbt(vcenter, "app-18")
    with _Client(vcenter) as client:
        client.snapshot("app-18", "smc_j-123_20261122")
        assert cbt(vcenter, "app-18")["plan"] == []
        (vm,) = info(vcenter, "app-18")
        assert vm["sync_running"]
        assert [one for one in vm["concerns"] if one["severity"] == "blocker"] == []


# Input and connection


def test_an_unknown_name_is_rejected_with_similar_names(vcenter: VCenterLab) -> None:
    refused = cbt(vcenter, "ap-01")
    assert "No VM is named 'ap-01' (option 'name')" in refused["msg"]
    assert "app-01" in refused["msg"]


@pytest.mark.parametrize("parameters", [{"moid": "vm-9999"}, {"uuid": "00000000-0000-0000-0000-000000000000"}])
def test_an_unknown_id_is_rejected(vcenter: VCenterLab, parameters: dict[str, str]) -> None:
    refused = vcenter.call_module("vmware_cbt", parameters)
    (option, value) = next(iter(parameters.items()))
    assert value in refused["msg"]
    assert f"option '{option}'" in refused["msg"]


def test_a_vm_is_named_by_moid_uuid_or_name_and_folder(vcenter: VCenterLab) -> None:
    vm = vcenter.control.vm("app-19")
    ways = [{"moid": vm["moid"]}, {"uuid": vm["uuid"]}, {"name": "app-19", "folder": "/DC0/vm", "datacenter": "DC0"}]
    found = [vcenter.call_module("vmware_cbt", way, check=True)["vm"]["moid"] for way in ways]
    assert found == [vm["moid"]] * 3
    assert "elsewhere" in vcenter.call_module("vmware_cbt", {"name": "app-19", "folder": "elsewhere"})["msg"]


@both_ways
def test_a_wrong_password_ends_in_one_clear_sentence(vcenter: VCenterLab, way: str) -> None:
    refused = cbt(vcenter, "app-01", _way=way, _verbosity=3, _VMWARE_PASSWORD="not the secret of anyone")
    assert "rejected the user 'migration@vsphere.local' or the password" in refused["msg"]
    assert "Traceback" not in refused["output"]
    assert "not the secret of anyone" not in refused["output"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"VMWARE_PORT": "1"}, "cannot be reached (Connection refused)"),
        ({"VMWARE_HOST": "vcenter.invalid"}, "The host name 'vcenter.invalid' cannot be resolved"),
        ({"SSL_CERT_FILE": "/dev/null"}, "is not trusted"),
        ({"SSL_CERT_FILE": "/dev/null", "VMWARE_VALIDATE_CERTS": "false"}, ""),
    ],
)
def test_connection_faults_have_messages_of_their_own(vcenter: VCenterLab, changes: dict[str, str], words: str) -> None:
    result = cbt(vcenter, "app-19", _check=True, _verbosity=3, **{f"_{key}": value for key, value in changes.items()})
    assert result["failed"] == bool(words)
    assert words in result.get("msg", "")
    assert "Traceback" not in result["output"]
    assert vcenter.variables["VMWARE_PASSWORD"] not in result["output"]


def test_an_invalid_duration_is_rejected(vcenter: VCenterLab) -> None:
    assert "Option 'timeout' is not a duration: 'soon'" in cbt(vcenter, "app-01", timeout="soon")["msg"]


# Failing steps: afterwards the VM is on, nothing of ours is left, and a second run completes


FAILING_STEPS = [
    ("stun", "ReconfigVM_Task"),
    ("stun", "CreateSnapshot_Task"),
    ("power_cycle", "ReconfigVM_Task"),
    ("power_cycle", "PowerOffVM_Task"),
    ("power_cycle", "PowerOnVM_Task"),
]


@pytest.mark.parametrize("as_task", [False, True], ids=["call", "task"])
@pytest.mark.parametrize(("activate", "method"), FAILING_STEPS)
def test_a_failing_step_leaves_the_vm_as_it_was(vcenter: VCenterLab, method: str, as_task: bool, activate: str) -> None:
    cbt(vcenter, "app-20", state="disabled")
    _fault(vcenter, method, "app-20", "GenericVmConfigFault", task=as_task)
    failed = cbt(vcenter, "app-20", activate=activate, shutdown="hard")
    assert failed["failed"]
    assert "The lab was asked for this fault" in failed["msg"]
    assert failed["plan"] == [] or failed["changed"]
    assert_as_found(vcenter, "app-20")
    cbt(vcenter, "app-20", activate=activate, shutdown="hard")
    assert_tracked(vcenter, "app-20")
    assert_as_found(vcenter, "app-20")


@pytest.mark.parametrize("as_task", [False, True], ids=["call", "task"])
def test_our_snapshot_is_removed_at_the_second_attempt(vcenter: VCenterLab, as_task: bool) -> None:
    cbt(vcenter, "app-20", state="disabled")
    _fault(vcenter, "RemoveSnapshot_Task", "*", "GenericVmConfigFault", task=as_task)
    assert not cbt(vcenter, "app-20")["failed"]
    assert_as_found(vcenter, "app-20")


def test_our_snapshot_that_could_not_be_removed_is_reported_and_removed_by_the_next_run(vcenter: VCenterLab) -> None:
    cbt(vcenter, "app-20", state="disabled")
    _fault(vcenter, "RemoveSnapshot_Task", "*", "GenericVmConfigFault", count=-1)
    failed = cbt(vcenter, "app-20")
    assert "of app-20 still exists" in failed["msg"]
    vcenter.control.delete("/faults")
    assert "remove snapshot cutover-cbt-" in cbt(vcenter, "app-20")["plan"][0]
    assert_as_found(vcenter, "app-20")
    assert_tracked(vcenter, "app-20")


def test_a_vm_that_cannot_be_powered_on_again_is_reported(vcenter: VCenterLab) -> None:
    cbt(vcenter, "app-20", state="disabled")
    _fault(vcenter, "PowerOnVM_Task", "app-20", "GenericVmConfigFault", count=-1)
    failed = cbt(vcenter, "app-20", activate="power_cycle", shutdown="hard")
    assert "app-20 was on and is now OFF" in failed["msg"]
    vcenter.control.delete("/faults")
    assert cbt(vcenter, "app-20")["vm"]["power_state"] == "on"
    assert_tracked(vcenter, "app-20")


def test_a_missing_privilege_is_named_with_the_vm(vcenter: VCenterLab) -> None:
    _fault(vcenter, "ReconfigVM_Task", "app-21", "NoPermission")
    failed = cbt(vcenter, "app-21")
    assert "lacks the privilege VirtualMachine.Config.AdvancedConfig on app-21" in failed["msg"]


def test_another_task_in_progress_is_waited_for(vcenter: VCenterLab) -> None:
    _fault(vcenter, "ReconfigVM_Task", "app-21", "TaskInProgress", task=True)
    _fault(vcenter, "CreateSnapshot_Task", "app-21", "TaskInProgress")
    assert not cbt(vcenter, "app-21")["failed"]
    assert_tracked(vcenter, "app-21")


def test_a_change_in_between_leads_to_a_new_plan(vcenter: VCenterLab) -> None:
    _fault(vcenter, "ReconfigVM_Task", "app-22", "ConcurrentAccess", task=True)
    assert not cbt(vcenter, "app-22")["failed"]
    assert_tracked(vcenter, "app-22")


@pytest.mark.parametrize("fault", ["Disconnect", "DisconnectAfter", "NotAuthenticated"])
@pytest.mark.parametrize(
    "method", ["ReconfigVM_Task", "CreateSnapshot_Task", "RemoveSnapshot_Task", "RetrievePropertiesEx"]
)
def test_a_lost_connection_or_session_loses_nothing(vcenter: VCenterLab, method: str, fault: str) -> None:
    cbt(vcenter, "app-23", state="disabled")
    vcenter.control.delete("/requests")
    _fault(vcenter, method, "*", fault)
    done = cbt(vcenter, "app-23")
    assert not done["failed"], done["msg"]
    assert_tracked(vcenter, "app-23")
    assert_as_found(vcenter, "app-23")


def test_a_guest_without_tools_is_not_cut_off_unasked(vcenter: VCenterLab) -> None:
    failed = cbt(vcenter, "app-07", activate="power_cycle")
    assert "VMware Tools is not running" in failed["msg"]
    assert_as_found(vcenter, "app-07")
    done = cbt(vcenter, "app-07", activate="power_cycle", shutdown_fallback="force")
    assert done["vm"]["cbt"]["effective"]
    assert_as_found(vcenter, "app-07")


def test_a_guest_that_does_not_go_down_is_left_running_or_forced(vcenter: VCenterLab) -> None:
    failed = cbt(vcenter, "app-08", activate="power_cycle", shutdown_timeout="1s")
    assert "did not shut down within 1s" in failed["msg"]
    assert_as_found(vcenter, "app-08")
    done = cbt(vcenter, "app-08", activate="power_cycle", shutdown_timeout="1s", shutdown_fallback="force")
    assert done["vm"]["power_state"] == "on"
    assert_tracked(vcenter, "app-08")


def test_a_vm_that_a_killed_run_left_off_comes_on_again(vcenter: VCenterLab) -> None:
    with _Client(vcenter) as client:
        client.configure("app-24", "cutover.smc.powerOnAgain", "TRUE")
        client.power_off("app-24")
    done = cbt(vcenter, "app-24")
    assert done["vm"]["power_state"] == "on"
    assert_tracked(vcenter, "app-24")
    assert_as_found(vcenter, "app-24")
    assert cbt(vcenter, "app-24")["changed"] is False


# Information


@both_ways
def test_info_reads_many_vms_in_few_calls(vcenter: VCenterLab, way: str) -> None:
    names = [f"app-{number:02d}" for number in range(1, 13) if number != 5]  # a disk of app-05 may be skipped by now
    result = vcenter.run_module("vmware_cbt_info", {"names": [*names, "nowhere"]}, way=way)
    reads = {one["action"]: one["count"] for one in vcenter.control.get("/requests")}
    # The inventory, the selected VMs, and their surroundings.
    assert reads["RetrievePropertiesEx"] == 3
    assert vcenter.control.mutating_requests() == []
    assert [vm["name"] for vm in result["vms"]] == names
    assert result["not_found"] == ["nowhere"]
    assert result["summary"]["total"] == len(names)
    for vm in result["vms"]:
        known = vcenter.control.vm(vm["name"])
        assert (vm["moid"], vm["uuid"], vm["bios_uuid"]) == (known["moid"], known["uuid"], known["bios_uuid"])
        assert [(disk["key"], disk["size_bytes"]) for disk in vm["disks"]] == [
            (disk["key"], disk["size"]) for disk in known["disks"]
        ]
        assert vm["boot_mode"] == known["boot_mode"]
        assert vm["esxi_version"] == "6.7.0"
        assert vm["folder"] == "/DC0/vm"


def test_info_shows_every_blocker(vcenter: VCenterLab) -> None:
    found = {vm["name"]: {one["id"] for one in vm["concerns"]} for vm in info(vcenter, *OVERRIDES)}
    assert "hardware_version" in found["app-04"]
    assert "connector_unsupported" in found["app-04"]
    assert "independent_disk" in found["app-05"]
    assert "tools_absent" in found["app-07"]
    assert "physical_rdm" in found["app-09"]
    assert "shared_disk" in found["app-10"]
    assert "template" in found["app-11"]


def test_info_of_everything_and_by_every_kind_of_name(vcenter: VCenterLab) -> None:
    everything = vcenter.call_module("vmware_cbt_info", {})
    assert everything["summary"]["total"] == 24
    first = everything["vms"][0]
    by_ids = vcenter.call_module(
        "vmware_cbt_info", {"moids": [first["moid"]], "uuids": [first["uuid"].upper(), "none"]}
    )
    assert ([vm["name"] for vm in by_ids["vms"]], by_ids["not_found"]) == ([first["name"]], ["none"])
    assert vcenter.call_module("vmware_cbt_info", {"folder": "elsewhere"})["vms"] == []
    assert vcenter.call_module("vmware_cbt_info", {"names": []})["vms"] == []


@pytest.mark.parametrize("name", ["hard disk 2", "SCSI0:1", "2001"])
def test_info_skips_disks_as_enabling_does(vcenter: VCenterLab, name: str) -> None:
    def blockers(*names: str, **parameters: Any) -> dict[str, list[str]]:
        result = vcenter.call_module("vmware_cbt_info", {"names": list(names)} | parameters)
        return {vm["name"]: [concern["id"] for concern in vm["blockers"]] for vm in result["vms"]}

    disks = {disk["address"]: disk["key"] for disk in info(vcenter, "app-05")[0]["disks"]}
    name = str(disks["scsi0:1"]) if name == "2001" else name
    assert blockers("app-05", "app-09") == {"app-05": ["independent_disk"], "app-09": ["physical_rdm"]}
    assert blockers("app-05", skip_disks=[name]) == {"app-05": []}
    assert blockers("app-04", "app-05", skip_disks=[name])["app-05"] == []
    assert vcenter.control.mutating_requests() == []


def test_info_rejects_a_misspelled_disk(vcenter: VCenterLab) -> None:
    one = vcenter.call_module("vmware_cbt_info", {"names": ["app-05"], "skip_disks": ["hard disk2"]})
    assert "app-05 has no disk 'hard disk2' (option 'skip_disks')" in one["msg"]
    assert one["msg"] == cbt(vcenter, "app-05", skip_disks=["hard disk2"], _check=True)["msg"]
    several = vcenter.call_module("vmware_cbt_info", {"names": ["app-04", "app-05"], "skip_disks": ["hard disk2"]})
    assert "None of the 2 selected VMs has a disk 'hard disk2'" in several["msg"]


def test_info_fails_for_missing_vms_when_asked(vcenter: VCenterLab) -> None:
    failed = vcenter.call_module("vmware_cbt_info", {"names": ["nowhere"], "fail_on_missing": True})
    assert "No VM was found for nowhere" in failed["msg"]


# Helpers


def _fault(access: VCenterLab, method: str, vm: str, fault: str, task: bool = False, count: int = 1) -> None:
    rule = {"target": "vcenter", "method": method, "object": vm, "fault": fault, "task": task, "count": count}
    access.control.post("/faults", rule)


class _Client:
    """Another client of vCenter, such as a backup product or a user."""

    def __init__(self, access: VCenterLab) -> None:
        self._access = access

    def __enter__(self) -> _Client:
        variables = self._access.variables
        self._service = SmartConnect(
            host=variables["VMWARE_HOST"],
            port=int(variables["VMWARE_PORT"]),
            user=variables["VMWARE_USER"],
            pwd=variables["VMWARE_PASSWORD"],
            disableSslCertValidation=True,
        )
        return self

    def __exit__(self, *_error: object) -> None:
        Disconnect(self._service)

    def _machine(self, name: str) -> Any:
        return self._service.content.searchIndex.FindByInventoryPath(f"/DC0/vm/{name}")

    def _wait(self, task: Any) -> None:
        while str(task.info.state) in ("queued", "running"):
            pass
        assert str(task.info.state) == "success", task.info.error

    def snapshot(self, name: str, snapshot: str) -> None:
        self._wait(self._machine(name).CreateSnapshot_Task(snapshot, "", False, False))

    def configure(self, name: str, key: str, value: str) -> None:
        spec = vim.vm.ConfigSpec(extraConfig=[vim.option.OptionValue(key=key, value=value)])
        self._wait(self._machine(name).ReconfigVM_Task(spec))

    def power_off(self, name: str) -> None:
        self._wait(self._machine(name).PowerOffVM_Task())
