# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The roles cut_over and roll_back: a failure at each step undone, both ways of stopping, the limit, and what a killed run leaves.

The tests run in the order in which they stand, over one lab: first every VM fails in its own way, then all of them move.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.lab_harness import BIN, LABS, Call, Lab, import_vms, start_lab

HOOK_FAILS, RUN_FAILS, COMPLETION_FAILS = "app-01", "app-02", "app-03"
HANGING, OFF_REFUSED = "app-04", "app-05"
BY_HOOK = (HOOK_FAILS, RUN_FAILS, COMPLETION_FAILS)
BY_SHUTDOWN = (HANGING, OFF_REFUSED)
VMS = BY_HOOK + BY_SHUTDOWN


@pytest.fixture(scope="module")
def session_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of these tests' own; the guest of one of its VMs does not listen."""
    overrides = tmp_path_factory.mktemp("cut_over") / "overrides.json"
    overrides.write_text(json.dumps({HANGING: {"ignores_shutdown": True}}))
    lab = start_lab(LABS / "cut-over", "--vms", str(len(VMS)), "--vm-overrides", str(overrides))
    yield lab
    lab.stop()


@pytest.fixture(scope="module")
def uuids() -> dict[str, str]:
    return {}


@pytest.fixture
def jobs(lab: Lab, call: Call, uuids: dict[str, str]) -> dict[str, str]:
    """VM name -> instance UUID; each VM has been copied once, by the first test that needs it."""
    if not uuids:
        uuids.update(import_vms(lab, call, *VMS))
        for name, uuid in uuids.items():
            assert not call("smc_source", vm_uuid=uuid, vm_name=name).failed
            assert not call("vmware_cbt", name=name).failed
            assert not call("smc_incremental_job", vm_uuid=uuid, interval="7d", images_to_keep=9).failed
        wait_for_the_jobs(call, uuids)
    return uuids


def wait_for_the_jobs(call: Call, uuids: dict[str, str]) -> None:
    found = call("smc_incremental_job_info", vm_uuids=list(uuids.values()), wait_for="idle", wait_timeout="1m")
    assert [job["status"] for job in found["jobs"]] == ["Waiting"] * len(uuids)


def play(lab: Lab, name: str, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    """Run a playbook; the VMs of one half are stopped by hooks, those of the other are shut down."""
    hosts = {name: {"cut_over_stop_method": "guest_shutdown"} for name in BY_SHUTDOWN}
    inventory = lab.directory / "flavours.yml"
    inventory.write_text(json.dumps({"migration": {"hosts": hosts}}))
    command = [str(BIN / "ansible-playbook"), f"cutover.smc.{name}", "-i", str(lab.inventory), "-i", str(inventory)]
    defaults = {"cut_over_shutdown_timeout": "1s", "roll_back_settle_time": "1s", "cutover_poll_interval": 0.3}
    command += ["-e", json.dumps(defaults | variables), "--forks", "6", *options]
    environment = os.environ | lab.environment | {"ANSIBLE_NOCOLOR": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def failure_text(output: str, name: str) -> str:
    """The message of the last failure of a host."""
    return re.findall(rf"^fatal: \[{name}[^]]*\]: .*$", output, re.MULTILINE)[-1]


def serves(lab: Lab, name: str) -> bool:
    vm = lab.vm(name)
    return bool(vm["power_state"] == "poweredOn" and vm["service"] == "running")


def noted(lab: Lab, name: str) -> bool:
    """Whether the job says when the services had stopped."""
    return bool(lab.job(name)["tags"].get("cutover:services-stopped-at"))


def hook_for(lab: Lab, name: str, content: str) -> str:
    path = lab.directory / "hooks" / name
    path.write_text(content)
    return str(path)


def host_file(lab: Lab, *names: str, **variables: str) -> tuple[str, str]:
    """A further inventory file, in which some hosts have variables of their own."""
    path = lab.directory / "own.yml"
    path.write_text(json.dumps({"migration": {"hosts": dict.fromkeys(names, variables)}}))
    return "-i", str(path)


def test_each_vm_that_fails_before_the_point_of_no_return_serves_again(
    lab: Lab, call: Call, jobs: dict[str, str]
) -> None:
    fails = "---\n- name: Stop what does not stop\n  ansible.builtin.fail:\n    msg: postgresql is still running\n"
    hook = hook_for(lab, "stop_fails.yml", fails)
    lab.post("/switches", {"powered_off_sources": "refused"})
    ids = {name: lab.job(name)["job_id"] for name in VMS}
    lab.faults(
        {"target": "smc", "kind": "job_in_error", "phase": "Processing", "job": ids[RUN_FAILS], "message": "disk full"},
        {
            "target": "smc",
            "kind": "error",
            "action": "CutOverReplicationJob",
            "count": 0,
            "status": 403,
            "code": "Forbidden.RAM",
            "message": "User not authorized.",
        },
    )
    failed = play(lab, "cut_over", *host_file(lab, HOOK_FAILS, cut_over_stop_services_tasks=hook))
    assert failed.returncode != 0
    shown = failed.stdout
    assert {name: serves(lab, name) for name in VMS} == dict.fromkeys(VMS, True), shown[-6000:]
    for name in VMS:
        assert f"{name} was not cut over: " in failure_text(shown, name)
        assert not noted(lab, name)
    assert "postgresql is still running" in failure_text(shown, HOOK_FAILS)
    assert "disk full" in failure_text(shown, RUN_FAILS)
    assert "was not completed, and has been started again" in failure_text(shown, RUN_FAILS)
    assert "Forbidden.RAM" in failure_text(shown, COMPLETION_FAILS)
    for name in BY_HOOK:
        assert "Its services have been started again" in failure_text(shown, name)
    assert "did not shut down within 1s" in failure_text(shown, HANGING)
    assert "It is on" in failure_text(shown, HANGING)
    for words in ("SourceServer.PoweredOff", "It has been powered on again", "cut_over_stop_method: services"):
        assert words in failure_text(shown, OFF_REFUSED)
    lab.reset_faults()
    wait_for_the_jobs(call, jobs)


def test_a_refused_completion_powers_a_vm_on_again_and_a_small_budget_touches_none(
    lab: Lab, jobs: dict[str, str]
) -> None:
    refused = {"kind": "error", "status": 403, "code": "Forbidden.RAM", "message": "User not authorized."}
    lab.faults({"target": "smc", "action": "CutOverReplicationJob", "count": 0} | refused)
    before = lab.job(COMPLETION_FAILS)["runs"]
    tight = host_file(lab, COMPLETION_FAILS, HANGING, cut_over_max_downtime="1s")
    failed = play(lab, "cut_over", *tight, "--limit", f"{OFF_REFUSED},{COMPLETION_FAILS},{HANGING}").stdout

    assert "Forbidden.RAM" in failure_text(failed, OFF_REFUSED)
    assert "It has been powered on again" in failure_text(failed, OFF_REFUSED)
    assert serves(lab, OFF_REFUSED)
    assert (lab.job(OFF_REFUSED)["status"], noted(lab, OFF_REFUSED)) == ("Waiting", False)

    for words in (
        "its downtime may exceed the limit. The only incremental run took",
        "The limit is 1s.",
        "replicate_interval, now 7d",
        "cut_over_ignore_max_downtime: true",
        "Nothing was changed.",
    ):
        assert words in failure_text(failed, COMPLETION_FAILS)
    assert lab.job(COMPLETION_FAILS)["runs"] == before
    for words in (
        "its downtime cannot be estimated. The duration of an incremental run is unknown",
        "Let the job run once or twice more (at its interval of 7d",
        "Nothing was changed.",
    ):
        assert words in failure_text(failed, HANGING)
    assert "rescued=0" in re.findall(rf"^{COMPLETION_FAILS} .*$", failed, re.MULTILINE)[-1]


def test_what_a_killed_run_has_left_is_undone_unless_the_job_is_being_completed(
    lab: Lab, call: Call, jobs: dict[str, str]
) -> None:
    # Killed with the VM off, the timestamp noted on the job, and the completion not sent.
    assert not call("vmware_guest_power", name=OFF_REFUSED, state="shut_down").failed
    timestamp = {"cutover:services-stopped-at": "2026-01-01T00:00:00Z"}
    assert not call("smc_incremental_job", vm_uuid=jobs[OFF_REFUSED], tags=timestamp).failed
    # Killed with the services stopped.
    lab.post(f"/vms/{RUN_FAILS}/guest", {"service": "stopped"})
    # Killed after the point of no return, and not Finished yet.
    lab.post(f"/vms/{HOOK_FAILS}/guest", {"service": "stopped"})
    stopped_at = call("smc_incremental_job_info", job_ids=[])["cloud_time"]
    call("smc_incremental_job", vm_uuid=jobs[HOOK_FAILS], state="synced", synced_since=stopped_at)
    lab.post("/switches", {"seconds_cleaning": 100_000})
    call("smc_job_finalize", vm_uuid=jobs[HOOK_FAILS], services_stopped_at=stopped_at, wait=False)

    back = play(lab, "roll_back", "--limit", f"{OFF_REFUSED},{RUN_FAILS},{HOOK_FAILS}").stdout
    assert serves(lab, OFF_REFUSED), back[-4000:]
    assert serves(lab, RUN_FAILS), back[-4000:]
    assert not noted(lab, OFF_REFUSED)
    assert "is being completed or may be" in failure_text(back, HOOK_FAILS)
    assert lab.vm(HOOK_FAILS)["service"] == "stopped"

    # Killed right after the completion was sent, which SMC gets to only while the VM is to be rolled back.
    lab.post(f"/vms/{RUN_FAILS}/guest", {"service": "stopped"})
    call("smc_incremental_job", vm_uuid=jobs[RUN_FAILS], tags=timestamp)
    lab.faults({"target": "smc", "action": "CutOverReplicationJob", "kind": "slow", "delay_ms": 6000})
    job_id = lab.job(RUN_FAILS)["job_id"]
    with ThreadPoolExecutor() as beside:
        beside.submit(call, "smc_job_finalize", job_id=job_id, accept_data_loss=job_id, wait=False)
        back = play(lab, "roll_back", "--limit", RUN_FAILS, roll_back_settle_time="9s").stdout
    assert "is being completed or may be" in failure_text(back, RUN_FAILS)
    assert lab.vm(RUN_FAILS)["service"] == "stopped"
    lab.post("/clock", {"advance": "30h"})


def test_both_ways_of_stopping_lose_nothing_and_show_the_downtime(lab: Lab, jobs: dict[str, str]) -> None:
    moving = (COMPLETION_FAILS, HANGING, OFF_REFUSED)
    options = {
        "cut_over_max_downtime": "2d",
        "cut_over_ignore_max_downtime": True,
        "cut_over_shutdown_fallback": "force",
    }
    moved = play(lab, "cut_over", "--limit", ",".join(moving), **options)
    assert moved.returncode == 0, moved.stdout[-6000:]
    for name in moving:
        job = lab.job(name)
        assert job["status"] == "Finished"
        image = {disk["key"]: disk["sha256"] for disk in lab.get(f"/images/{job['image_ids'][-1]}/disks")}
        assert image == {disk["key"]: disk["sha256"] for disk in lab.get(f"/vms/{name}/disks")}
        assert not serves(lab, name)
        measured = re.search(rf'"{name}: (The final image existed .*)"', moved.stdout)
        assert measured, moved.stdout[-3000:]
        assert ("there was no estimate" in measured[1]) == (name == HANGING)
        assert measured[1].endswith("the limit of 2d was kept.")
    assert {lab.vm(name)["power_state"] for name in BY_SHUTDOWN} == {"poweredOff"}
    assert lab.vm(COMPLETION_FAILS)["power_state"] == "poweredOn"
