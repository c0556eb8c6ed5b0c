# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role preflight: it stops at blockers alone, until somebody answers for them, and writes what it found."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import Connection, VCenter
from lab.launcher import VCENTER
from lab.places import LabDirectory
from tests.integration.lab_harness import Lab

pytestmark = pytest.mark.lab

VM = "app-10"
Playbook = Callable[..., "subprocess.CompletedProcess[str]"]


def _snapshots(lab: Lab, deed: Callable[[Any], Any]) -> None:
    variables = lab.environment
    connection = Connection(
        variables["VMWARE_HOST"],
        variables["VMWARE_USER"],
        variables["VMWARE_PASSWORD"],
        int(variables["VMWARE_PORT"]),
    )
    with VCenter(connection) as vcenter:
        machine = vcenter.reference("VirtualMachine", lab.vm(VM)["moid"])
        vcenter.run_task("change the snapshots", lambda: deed(machine), lambda _line: None, 30)


@pytest.fixture
def patched(lab: Lab) -> Iterator[Lab]:
    """The lab with a snapshot on the VM, as people take one before they patch."""
    _snapshots(lab, lambda vm: vm.CreateSnapshot_Task("before patch", "", False, False))
    yield lab
    _snapshots(lab, lambda vm: vm.RemoveAllSnapshots_Task())


def test_a_blocker_stops_the_vm_until_it_is_waived(patched: Lab, playbook: Playbook, tmp_path: Path) -> None:
    stopped = playbook("preflight", "--limit", f"{VM},connectors")
    assert stopped.returncode != 0
    assert f"{VM} cannot be migrated as it is" in stopped.stdout
    assert "before patch" in stopped.stdout

    report = tmp_path / "preflight.json"
    waiver = {"rule": "snapshots", "reason": "goes tonight (change 4711)", "expires": "2099-12-31", "vms": [VM]}
    passed = playbook(
        "preflight",
        "--limit",
        f"{VM},connectors",
        cutover_waivers=[waiver],
        preflight_report_file=str(report),
    )
    assert passed.returncode == 0, passed.stdout
    assert "blocker, waived until 2099-12-31 (goes tonight (change 4711))" in passed.stdout
    assert not any(one.startswith("vcenter") for one in patched.mutating_requests() if "Snapshot" not in one)
    (vm,) = json.loads(report.read_text())["vms"]
    (concern,) = [one for one in vm["concerns"] if one["id"] == "snapshots"]
    assert concern["waived"] == {"reason": "goes tonight (change 4711)", "expires": "2099-12-31"}


def test_what_the_connectors_user_lacks_is_told_and_stops_nobody(lab: Lab, playbook: Playbook) -> None:
    control = json.loads(LabDirectory(lab.directory).ready(VCENTER).read_text())["control_port"]
    with httpx.Client(base_url=f"http://127.0.0.1:{control}", trust_env=False) as vcenter:
        denied = {"object": VM, "denied": ["VirtualMachine.Config.DiskLease"]}
        vcenter.post("/privileges", json=denied).raise_for_status()
        try:
            told = playbook("preflight", "--limit", f"{VM},connectors", preflight_connector_user="LAB\\smc")
            silent = playbook("preflight", "--limit", f"{VM},connectors")
        finally:
            vcenter.delete("/privileges").raise_for_status()
    assert told.returncode == silent.returncode == 0, told.stdout
    assert "SMC's connector user lacks these privileges on it: VirtualMachine.Config.DiskLease" in told.stdout
    assert "connector_privileges" not in silent.stdout
