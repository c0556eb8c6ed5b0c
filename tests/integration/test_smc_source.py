# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""smc_source and smc_source_info against the lab: names, tags, deletion, and reads through faults."""

from __future__ import annotations

from tests.integration.lab_harness import FIRST_VM, Call, Lab


def test_source_is_recognized_named_and_tagged(lab: Lab, call: Call, imported: dict[str, str]) -> None:
    wanted = {
        "vm_uuid": imported[FIRST_VM],
        "vm_name": FIRST_VM,
        "name": "renamed-app",
        "project": "spring",
        "tags": {"owner": "shop"},
    }
    checked = call("smc_source", check=True, **wanted)
    assert checked["changed"]
    assert not lab.mutating_requests()

    done = call("smc_source", **wanted)
    assert done["changed"]
    assert done["source"]["name"] == "renamed-app"
    assert done["source"]["tags"] == {
        "cutover:vm-uuid": imported[FIRST_VM],
        "cutover:project": "spring",
        "owner": "shop",
    }
    assert checked["plan"] == done["plan"]

    lab.reset_requests()
    assert not call("smc_source", **wanted)["changed"]
    assert not call("smc_source", check=True, **wanted)["changed"]
    assert not lab.mutating_requests()
    assert call("smc_source", **dict(wanted, name=FIRST_VM))["changed"]


def test_source_that_is_not_imported_is_reported(call: Call, lab: Lab) -> None:
    refused = call("smc_source", vm_uuid="00000000-0000-0000-0000-000000000000", vm_name="nowhere")
    assert refused.failed
    assert "SMC has no source for VM nowhere. Import the VM with the connector first" in refused["msg"]
    planned = call("smc_source", vm_uuid="00000000-0000-0000-0000-000000000000", vm_name="nowhere", check=True)
    assert planned["changed"]
    assert planned["plan"] == ["set the name and the tags of the source of nowhere after its import"]


def test_source_info_by_vm_and_state(call: Call, imported: dict[str, str]) -> None:
    found = call("smc_source_info", vm_uuids=list(imported.values()))
    assert sorted(found["by_vm_uuid"]) == sorted(imported.values())
    assert call("smc_source_info", state="Unavailable")["sources"] == []


def test_source_with_an_unfinished_job_is_not_deleted(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="24h", started=False)
    lab.reset_requests()
    refused = call("smc_source", vm_uuid=no_jobs[FIRST_VM], state="absent", delete_jobs=True)
    assert refused.failed
    assert "is used by job" in refused["msg"]
    assert not lab.mutating_requests()


def test_read_is_repeated_through_throttling(lab: Lab, call: Call, imported: dict[str, str]) -> None:
    lab.faults({"target": "smc", "action": "DescribeSourceServers", "kind": "throttle", "count": 2})
    assert not call("smc_source_info", vm_uuids=[imported[FIRST_VM]]).failed
