# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waves against the lab: workgroups made, filled, moved between, dissolved; refusals, limits, faults; and both ways to run."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.lab_harness import WAYS, Call, Lab, import_vms

VM = "app-06"
OTHER = "app-07"


@pytest.fixture(scope="module")
def imported() -> dict[str, str]:
    """VM name -> instance UUID, filled by the first test that needs the import."""
    return {}


@pytest.fixture
def uuids(imported: dict[str, str], lab: Lab, call: Call) -> Iterator[dict[str, str]]:
    """Two VMs imported and in no workgroup, before and after; no workgroup is there."""
    if not imported:
        imported.update(import_vms(lab, call, VM, OTHER))
        for name, uuid in imported.items():
            assert not call("smc_source", vm_uuid=uuid, vm_name=name).failed
    lab.reset_requests()
    yield imported
    lab.reset_faults()
    for group in lab.get("/state")["workgroups"]:
        identity = {"workgroup_id": group["workgroup_id"], "state": "absent"}
        assert not call("smc_workgroup", release_members=True, **identity).failed


def members(lab: Lab) -> dict[str, str]:
    """VM name -> name of the workgroup that its source is in, as the simulated cloud knows it."""
    state = lab.get("/state")
    names = {group["workgroup_id"]: group["name"] for group in state["workgroups"]}
    inside = [source for source in state["sources"] if source["workgroup_id"]]
    return {source["vm_name"]: names[source["workgroup_id"]] for source in inside}


@pytest.mark.parametrize("switches", [{}, {"workgroup_repeat": "refused", "workgroup_codes": "generic"}])
def test_a_wave_is_created_filled_and_dissolved(
    lab: Lab, call: Call, uuids: dict[str, str], switches: dict[str, Any]
) -> None:
    lab.post("/switches", switches)
    wanted = {"name": "wave-7", "description": "the shop", "vm_uuids": list(uuids.values()), "project": "spring"}
    checked = call("smc_workgroup", check=True, **wanted)
    assert checked["changed"]
    assert not lab.mutating_requests()

    done = call("smc_workgroup", **wanted)
    assert done["plan"] == checked["plan"]
    assert done["workgroup"]["tags"] == {"cutover:project": "spring"}
    assert [member["missing"] for member in done["workgroup"]["members"]] == [
        ["It has no job. Create an incremental job with smc_incremental_job."]
    ] * 2
    assert members(lab) == {VM: "wave-7", OTHER: "wave-7"}
    in_group = call("smc_source_info", workgroup_id=done["workgroup_id"])["by_vm_uuid"]
    assert sorted(in_group) == sorted(uuids.values())

    lab.reset_requests()
    assert not call("smc_workgroup", **wanted)["changed"]
    assert not call("smc_workgroup", check=True, **wanted)["changed"]
    assert not lab.mutating_requests()

    renamed = call("smc_workgroup", workgroup_id=done["workgroup_id"], name="wave-8", vm_uuids=[uuids[VM]], purge=True)
    assert renamed["changed"]
    assert members(lab) == {VM: "wave-8"}

    lab.reset_requests()
    refused = call("smc_workgroup", name="wave-8", state="absent")
    assert "release_members: true" in refused["msg"]
    assert not lab.mutating_requests()
    over = {"name": "wave-8", "state": "absent", "release_members": True}
    assert call("smc_workgroup", check=True, **over)["changed"]
    assert not lab.mutating_requests()
    assert call("smc_workgroup", **over)["changed"]
    assert not call("smc_workgroup", **over)["changed"]
    assert not call("smc_workgroup", check=True, **over)["changed"]
    assert sorted(call("smc_source_info", vm_uuids=list(uuids.values()))["by_vm_uuid"]) == sorted(uuids.values())


@pytest.mark.parametrize("moving", ["refused", "moved"])
def test_a_source_changes_its_wave_only_by_its_own_declaration(
    lab: Lab, call: Call, uuids: dict[str, str], moving: str
) -> None:
    lab.post("/switches", {"workgroup_move": moving})
    call("smc_workgroup", name="wave-1", vm_uuids=[uuids[VM]])
    call("smc_workgroup", name="wave-2")
    lab.reset_requests()
    refused = call("smc_workgroup", name="wave-2", vm_uuids=list(uuids.values()))
    assert refused.failed
    assert "(wave-1)" in refused["msg"]
    assert "smc_source" in refused["msg"]
    assert not lab.mutating_requests()

    assert call("smc_source", vm_uuid=uuids[VM], workgroup="wave-2", check=True)["changed"]
    assert not lab.mutating_requests()
    moved = call("smc_source", vm_uuid=uuids[VM], workgroup="wave-2")
    assert moved["changed"]
    assert members(lab) == {VM: "wave-2"}
    lab.reset_requests()
    assert not call("smc_source", vm_uuid=uuids[VM], workgroup=moved["source"]["workgroup_id"])["changed"]
    assert not lab.mutating_requests()
    assert call("smc_source", vm_uuid=uuids[VM], workgroup="")["source"]["workgroup_id"] is None
    assert "There is no workgroup 'wave-9'" in call("smc_source", vm_uuid=uuids[VM], workgroup="wave-9")["msg"]


@pytest.mark.parametrize("kind", ["reset_after_commit", "reset_before_commit"])
def test_a_network_fault_creates_neither_two_waves_nor_none(
    lab: Lab, call: Call, uuids: dict[str, str], kind: str
) -> None:
    for action in ("CreateWorkgroup", "AssociateSourceServers"):
        lab.faults({"target": "smc", "action": action, "kind": kind, "count": 1})
    done = call("smc_workgroup", name="wave-7", vm_uuids=[uuids[VM]])
    assert not done.failed, done.result
    assert [group["name"] for group in lab.get("/state")["workgroups"]] == ["wave-7"]
    assert members(lab) == {VM: "wave-7"}


def test_a_deleted_wave_can_be_created_again_immediately(lab: Lab, call: Call, uuids: dict[str, str]) -> None:
    first = call("smc_workgroup", name="wave-7")["workgroup_id"]
    call("smc_workgroup", name="wave-7", state="absent")
    again = call("smc_workgroup", name="wave-7")
    assert again["workgroup_id"] not in (None, first)


def test_a_missing_source_is_named_before_anything_is_sent(lab: Lab, call: Call, uuids: dict[str, str]) -> None:
    refused = call("smc_workgroup", name="wave-7", vm_uuids=[uuids[VM], "u-unknown"], source_ids=["s-unknown"])
    assert "SMC has no source for source_id s-unknown, vm_uuid u-unknown" in refused["msg"]
    assert not lab.mutating_requests()


def test_both_ways_return_the_same(lab: Lab, ansible: Call, call: Call, uuids: dict[str, str]) -> None:
    call("smc_workgroup", name="wave-7", vm_uuids=[uuids[VM]])
    wanted = {"name": "wave-7", "vm_uuids": list(uuids.values())}
    results = [ansible("smc_workgroup", way=way, check=True, **wanted).result for way in WAYS]
    shown = [{key: result[key] for key in ("changed", "plan", "workgroup", "failed")} for result in results]
    assert shown[0] == shown[1]
    assert shown[0]["changed"]


def test_the_role_puts_vms_into_the_wave_that_the_inventory_names(
    lab: Lab, call: Call, playbook: Callable[..., subprocess.CompletedProcess[str]], uuids: dict[str, str]
) -> None:
    call("smc_workgroup", name="wave-1", vm_uuids=[uuids[OTHER]])
    waves = f"{{{{ {{'{VM}': 'wave-7', '{OTHER}': 'wave-8'}}[inventory_hostname] }}}}"
    options = {"replicate_wait": False, "replicate_valid_at_least": "70d"}
    done = playbook("replicate", "--limit", f"{VM},{OTHER}", replicate_workgroup=waves, **options)
    assert members(lab) == {VM: "wave-7", OTHER: "wave-1"}
    assert re.search(rf"^{VM} .* failed=0 ", done.stdout, re.MULTILINE)
    assert re.search(rf"^{OTHER} .* failed=1 ", done.stdout, re.MULTILINE)
    assert f"{OTHER} is not in workgroup wave-8: " in done.stdout
    assert "(wave-1)" in done.stdout
    jobs = call("smc_incremental_job_info", vm_uuids=[uuids[VM]])["jobs"]
    assert [job["expires_in"][:2] for job in jobs] == ["76"]  # what is asked for and a week, a few hours ago
