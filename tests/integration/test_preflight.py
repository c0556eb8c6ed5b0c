# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role preflight: only blockers that are not accepted fail a VM, and it writes what it found."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyVmomi import vim

from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import Connection, VCenter
from lab.launcher import VCENTER
from lab.paths import LabDirectory
from tests.integration.lab_harness import Call, Lab

pytestmark = pytest.mark.lab

VM = "app-10"
TWO_DISKS = "app-08"
Playbook = Callable[..., "subprocess.CompletedProcess[str]"]


def _change(lab: Lab, start: Callable[[Any], Any], name: str = VM) -> None:
    """Run a task on a VM, as another client of vCenter does."""
    variables = lab.environment
    connection = Connection(
        variables["VMWARE_HOST"],
        variables["VMWARE_USER"],
        variables["VMWARE_PASSWORD"],
        int(variables["VMWARE_PORT"]),
    )
    with VCenter(connection) as vcenter:
        machine = vcenter.reference("VirtualMachine", lab.vm(name)["moid"])
        vcenter.run_task("change the VM", lambda: start(machine), lambda _line: None, 30)


@pytest.fixture
def patched(lab: Lab) -> Iterator[Lab]:
    """The lab with a snapshot on the VM, as people take one before they patch."""
    _change(lab, lambda vm: vm.CreateSnapshot_Task("before patch", "", False, False))
    yield lab
    _change(lab, lambda vm: vm.RemoveAllSnapshots_Task())


def _set_disk_mode(vm: Any, mode: str) -> Any:
    """Change the mode of the VM's second disk."""
    disks = [device for device in vm.config.hardware.device if isinstance(device, vim.vm.device.VirtualDisk)]
    disks[1].backing.diskMode = mode
    change = vim.vm.device.VirtualDeviceSpec(operation="edit", device=disks[1])
    return vm.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[change]))


@pytest.fixture
def independent(lab: Lab) -> Iterator[Lab]:
    """The lab with an independent disk on a VM, which CBT cannot track."""
    _change(lab, lambda vm: _set_disk_mode(vm, "independent_persistent"), TWO_DISKS)
    yield lab
    _change(lab, lambda vm: _set_disk_mode(vm, "persistent"), TWO_DISKS)


def test_a_blocker_stops_the_vm_until_it_is_waived(patched: Lab, playbook: Playbook, tmp_path: Path) -> None:
    stopped = playbook("preflight", "--limit", f"{VM},connectors")
    assert stopped.returncode != 0
    assert f"{VM} cannot be migrated as it is" in stopped.stdout
    assert "before patch" in stopped.stdout

    report = tmp_path / "preflight.json"
    waiver = {"rule": "snapshots", "reason": "is removed tonight (change 4711)", "expires": "2099-12-31", "vms": [VM]}
    passed = playbook(
        "preflight",
        "--limit",
        f"{VM},connectors",
        cutover_waivers=[waiver],
        preflight_report_file=str(report),
    )
    assert passed.returncode == 0, passed.stdout
    assert "blocker, waived until 2099-12-31 (is removed tonight (change 4711))" in passed.stdout
    assert not any(one.startswith("vcenter") for one in patched.mutating_requests() if "Snapshot" not in one)
    (vm,) = json.loads(report.read_text())["vms"]
    (concern,) = [one for one in vm["concerns"] if one["id"] == "snapshots"]
    assert concern["waived"] == {"reason": "is removed tonight (change 4711)", "expires": "2099-12-31"}


def test_the_missing_privileges_of_the_connectors_user_are_shown_and_fail_no_vm(lab: Lab, playbook: Playbook) -> None:
    control = json.loads(LabDirectory(lab.directory).ready(VCENTER).read_text())["control_port"]
    with httpx.Client(base_url=f"http://127.0.0.1:{control}", trust_env=False) as vcenter:
        denied = {"object": VM, "denied": ["VirtualMachine.Config.DiskLease"]}
        vcenter.post("/privileges", json=denied).raise_for_status()
        try:
            shown = playbook("preflight", "--limit", f"{VM},connectors", preflight_connector_user="LAB\\smc")
            silent = playbook("preflight", "--limit", f"{VM},connectors")
        finally:
            vcenter.delete("/privileges").raise_for_status()
    assert shown.returncode == silent.returncode == 0, shown.stdout
    assert "SMC's connector user lacks these privileges on it: VirtualMachine.Config.DiskLease" in shown.stdout
    assert "connector_privileges" not in silent.stdout


@pytest.mark.parametrize("name", ["hard disk 2", "SCSI0:1"])
def test_a_skipped_disk_blocks_nothing_however_it_is_named(independent: Lab, playbook: Playbook, name: str) -> None:
    passed = playbook("preflight", "--limit", f"{TWO_DISKS},connectors", cutover_skip_disks=[name])
    assert passed.returncode == 0, passed.stdout
    assert "independent_disk" not in passed.stdout


def test_a_disk_that_is_not_skipped_fails_the_vm(independent: Lab, playbook: Playbook) -> None:
    stopped = playbook("preflight", "--limit", f"{TWO_DISKS},connectors", cutover_skip_disks=["hard disk 1"])
    assert stopped.returncode != 0
    assert f"{TWO_DISKS} cannot be migrated as it is" in stopped.stdout
    assert "Hard disk 2 (scsi0:1): it is independent (independent_persistent)" in stopped.stdout


def test_a_misspelled_disk_is_rejected_as_enabling_cbt_would(lab: Lab, call: Call, playbook: Playbook) -> None:
    message = f"{VM} has no disk 'hard disk2' (option 'skip_disks')"
    assert message in call("vmware_cbt", name=VM, skip_disks=["hard disk2"], check=True)["msg"]
    stopped = playbook("preflight", "--limit", f"{VM},connectors", cutover_skip_disks=["hard disk2"])
    assert stopped.returncode != 0
    assert message in stopped.stdout + stopped.stderr


def test_snapshots_that_will_be_removed_fail_no_vm(patched: Lab, playbook: Playbook) -> None:
    passed = playbook("preflight", "--limit", f"{VM},connectors", cutover_snapshots="remove")
    assert passed.returncode == 0, passed.stdout
    assert "before patch" in passed.stdout
    assert not any(
        request.startswith("vcenter") for request in patched.mutating_requests() if "Snapshot" not in request
    )
