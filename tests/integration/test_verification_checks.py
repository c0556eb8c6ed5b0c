# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of an image against the lab: commands in the instance by Cloud Assistant, and what is returned without an agent."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.lab_harness import Call, Lab, import_vms

VM = "app-08"


@pytest.fixture(scope="module")
def image() -> dict[str, Any]:
    """The image of a VM, filled by the first test that needs it."""
    return {}


@pytest.fixture
def wanted(image: dict[str, Any], lab: Lab, call: Call) -> Iterator[dict[str, Any]]:
    """A verification instance without checks, as options; it does not exist before and after the test."""
    if not image:
        uuid = import_vms(lab, call, VM)[VM]
        assert not call("smc_source", vm_uuid=uuid, vm_name=VM).failed
        job = call("smc_incremental_job", vm_uuid=uuid, interval="7d", wait=True)["job"]
        image.update(
            image_id=job["runs"][-1]["image_id"],
            instance_type="ecs.c7.large",
            vswitch_id="vsw-lab-isolated",
            security_group_id="sg-lab-isolated",
            release_after="7d",
        )
    lab.post("/switches", {"cloud_assistant_agent": True})
    lab.reset_requests()
    yield image
    lab.reset_faults()
    assert not call("ecs_verification_instance", image_id=image["image_id"], state="absent").failed


GOOD = [
    {"name": "the disk is that of the VM", "command": "sha256sum /dev/vda"},
    {"name": "the system is up", "command": "systemctl is-active ssh", "output_matches": "^active$"},
    {"name": "an end of its own", "command": "echo half; exit 3", "exit_code": 3},
]


def test_checks_are_run_once_and_see_the_disk(lab: Lab, call: Call, wanted: dict[str, Any]) -> None:
    checked = call("ecs_verification_instance", check=True, checks=GOOD, **wanted)
    assert checked["changed"]
    assert checked["checks_passed"] is None
    assert not lab.mutating_requests()

    done = call("ecs_verification_instance", checks=GOOD, **wanted)
    assert not done.failed, done.result
    assert done["plan"] == checked["plan"]
    assert done["checks_passed"]
    assert [check["passed"] for check in done["checks"]] == [True] * 3
    assert done["checks"][0]["output"].split()[0] in {
        disk["sha256"] for disk in lab.get(f"/images/{wanted['image_id']}/disks")
    }
    assert done["instance"]["released_at"]
    assert lab.mutating_requests()["ecs RunCommand"] == 3

    lab.reset_requests()
    assert not call("ecs_verification_instance", checks=GOOD, **wanted)["changed"]
    assert call("ecs_verification_instance", check=True, checks=GOOD, **wanted)["plan"] == []
    assert not lab.mutating_requests()


@pytest.mark.parametrize("record_status", ["Finished", "Failed"])
def test_all_checks_run_before_the_task_fails(lab: Lab, call: Call, wanted: dict[str, Any], record_status: str) -> None:
    lab.post("/switches", {"nonzero_record_status": record_status})
    checks = [
        {"name": "exit code", "command": "echo who broke it; false"},
        {"name": "fine", "command": "hostname"},
        {"name": "output", "command": "echo secret-5d1e", "output_matches": "^public$", "no_output": True},
        {"name": "timeout", "command": "sleep 100", "timeout": "10s"},
        {"name": "wrong system", "command": "Get-Disk", "type": "powershell"},
    ]
    failed = call("ecs_verification_instance", checks=checks, **wanted)
    assert failed.failed
    assert "4 of 5 checks failed on instance" in failed["msg"]
    assert {check["name"]: check["code"] for check in failed["checks"] if not check["passed"]} == {
        "exit code": "ExitCodeNonzero",
        "output": "",
        "timeout": "ExecutionTimeout",
        "wrong system": "InvalidInstance.NotMatch",
    }
    assert failed["checks"][0]["output"] == "who broke it\n"
    assert "secret-5d1e" not in str(failed.result) + failed.shown
    assert "login:" in failed["console_output"]
    assert failed["instance"]["status"] == "Running"

    lab.reset_requests()
    reported = call(
        "ecs_verification_instance", checks=checks[:2], fail_on_check_failure=False, release_failed=True, **wanted
    )
    assert not reported.failed
    assert reported["checks_passed"] is False
    assert lab.mutating_requests()["ecs RunCommand"] == 2
    assert lab.mutating_requests()["ecs DeleteInstance"] == 1


@pytest.mark.parametrize(("boots", "words"), [(True, "login:"), (False, "panic")])
def test_the_console_output_shows_why_no_agent_answers(
    lab: Lab, call: Call, wanted: dict[str, Any], boots: bool, words: str
) -> None:
    if boots:
        lab.post("/switches", {"cloud_assistant_agent": False})
    else:
        lab.faults({"kind": "boot_fails", "image": wanted["image_id"]})
    failed = call("ecs_verification_instance", checks=GOOD, agent_timeout="1s", **wanted)
    assert failed.failed
    assert failed["agent"] is False
    assert words in failed["console_output"]
    assert "ecs RunCommand" not in lab.mutating_requests()


def test_a_network_fault_runs_no_check_twice(lab: Lab, call: Call, wanted: dict[str, Any]) -> None:
    lab.faults({"target": "ecs", "action": "RunCommand", "kind": "reset_after_commit", "count": 1})
    done = call("ecs_verification_instance", checks=GOOD[2:], **wanted)
    assert not done.failed, done.result
    assert done["checks_passed"]


def tags(lab: Lab) -> dict[str, str]:
    found: dict[str, str] = lab.job(VM)["tags"]
    return found


def test_the_role_tags_an_image_only_when_its_checks_have_passed(
    lab: Lab, call: Call, playbook: Callable[..., subprocess.CompletedProcess[str]], wanted: dict[str, Any]
) -> None:
    job_id = lab.job(VM)["job_id"]
    verified = {"cutover:verified-image": wanted["image_id"]}
    assert not call("smc_incremental_job", job_id=job_id, tags=verified, started=False).failed
    broken = [GOOD[1], {"name": "the shop answers", "command": "echo no shop here; exit 7"}]
    again = {"verify_image_force": True, "verify_image_keep_failed": True}
    failed = playbook("verify_image", "--limit", VM, verify_image_checks=broken, **again)
    assert failed.returncode != 0
    assert f"{VM}: passed: the system is up" in failed.stdout
    assert f"{VM}: FAILED: the shop answers: The exit code is 7, not 0." in failed.stdout
    assert "no shop here" in failed.stdout
    assert "the console output ends with" in failed.stdout
    assert "login:" in failed.stdout
    assert "is kept for examination until" in failed.stdout
    assert tags(lab)["cutover:verified-image"] == ""
    (kept,) = [one for one in lab.get("/state")["instances"] if one["image_id"] == wanted["image_id"]]

    passed = playbook("verify_image", "--limit", VM, verify_image_checks=GOOD)
    assert passed.returncode == 0, passed.stdout[-3000:]
    assert f"{VM}: passed: the disk is that of the VM" in passed.stdout
    assert tags(lab)["cutover:verified-image"] == wanted["image_id"]
    assert kept["instance_id"] not in {one["instance_id"] for one in lab.get("/state")["instances"]}


def test_the_role_clears_the_verified_image_when_the_hook_fails(
    lab: Lab,
    call: Call,
    playbook: Callable[..., subprocess.CompletedProcess[str]],
    wanted: dict[str, Any],
    tmp_path: Path,
) -> None:
    verified = {"cutover:verified-image": wanted["image_id"]}
    assert not call("smc_incremental_job", job_id=lab.job(VM)["job_id"], tags=verified, started=False).failed
    hook = tmp_path / "hook.yml"
    hook.write_text("- name: Check that it serves\n  ansible.builtin.fail:\n    msg: It does not serve.\n")
    failed = playbook("verify_image", "--limit", VM, verify_image_checks_tasks=str(hook), verify_image_force=True)
    assert "It does not serve." in failed.stdout
    assert tags(lab)["cutover:verified-image"] == ""
    assert wanted["image_id"] not in {one["image_id"] for one in lab.get("/state")["instances"]}
