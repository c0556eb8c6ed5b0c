# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""smc_incremental_job against the lab: each state declared, declared again and checked; refusals and faults."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.lab_harness import FIRST_VM, SECOND_VM, Call, Console, Lab, set_service, smc_time


@pytest.mark.parametrize(
    ("option", "value", "remedy"),
    [
        ("interval", "30m", "Choose whole hours from 1h to 7d"),
        ("interval", "8d", "Choose whole hours from 1h to 7d"),
        ("interval", "soon", "Write a number and a unit"),
        ("images_to_keep", 11, "Choose 1 to 10"),
        ("valid_for", "91d", "Choose 7d to 90d"),
        ("system_disk_size", 5, "Choose 20 to 2048"),
        ("scheduled_start", "tomorrow", "Write it in UTC"),
    ],
)
def test_value_that_smc_does_not_offer_is_refused_before_anything_is_sent(
    lab: Lab, call: Call, option: str, value: Any, remedy: str
) -> None:
    refused = call("smc_incremental_job", vm_uuid="any", **{option: value})
    assert refused.failed
    assert f"'{option}'" in refused["msg"]
    assert str(value) in refused["msg"]
    assert remedy in refused["msg"]
    assert lab.get("/requests") == []


def test_job_is_created_once_whatever_happens(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    wanted = {
        "vm_uuid": no_jobs[FIRST_VM],
        "interval": "6h",
        "images_to_keep": 3,
        "project": "spring",
        "valid_for": "60d",
    }
    checked = call("smc_incremental_job", check=True, **wanted)
    assert checked["changed"]
    assert not lab.mutating_requests()

    done = call("smc_incremental_job", wait=True, **wanted)
    assert done["changed"]
    assert done["job"]["status"] == "Waiting"
    assert done["synced"]
    assert done["job"]["interval"] == "6h"
    assert done["job"]["system_disk_size"] == 20
    assert lab.mutating_requests()["smc CreateReplicationJob"] == 1

    lab.reset_requests()
    assert not call("smc_incremental_job", **wanted)["changed"]
    assert not call("smc_incremental_job", check=True, **wanted)["changed"]
    assert not lab.mutating_requests()


@pytest.mark.parametrize("validity", [{}, {"valid_for": "60d"}], ids=["SMC's own validity", "a validity"])
def test_job_is_created_again_however_often_it_was_deleted(
    lab: Lab, call: Call, no_jobs: dict[str, str], validity: dict[str, str]
) -> None:
    """All within the day for which SMC remembers the token of the first one."""
    job = {"vm_uuid": no_jobs[FIRST_VM], "started": False, **validity}
    made = []
    for _round in range(7):
        outcome = call("smc_incremental_job", **job)
        assert not outcome.failed, outcome.result
        made.append(outcome["job"]["job_id"])
        assert not call("smc_incremental_job", **job)["changed"]
        assert not call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="absent").failed
    assert len(set(made)) == len(made)


@pytest.mark.parametrize(
    "kind", ["reset_after_commit", "reset_before_commit", "internal_error", "throttle", "html_502"]
)
@pytest.mark.parametrize("action", ["CreateReplicationJob", "StartReplicationJob"])
def test_network_fault_on_a_write_makes_neither_two_jobs_nor_none(
    lab: Lab, call: Call, no_jobs: dict[str, str], kind: str, action: str
) -> None:
    lab.faults({"target": "smc", "action": action, "kind": kind, "count": 1})
    done = call("smc_incremental_job", vm_uuid=no_jobs[SECOND_VM], interval="24h", wait=True)
    assert not done.failed, done.result
    assert done["changed"]
    jobs = [job for job in lab.get("/state")["jobs"] if job["vm_name"] == SECOND_VM]
    assert len(jobs) == 1


def test_what_smc_still_changes_is_changed_and_the_rest_is_reported(
    lab: Lab, call: Call, no_jobs: dict[str, str]
) -> None:
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="6h", wait=True)
    lab.reset_requests()
    wanted = {
        "vm_uuid": no_jobs[FIRST_VM],
        "interval": "12h",
        "images_to_keep": 5,
        "valid_for": "80d",
        "image_name": "another",
    }
    changed = call("smc_incremental_job", **wanted)
    assert changed["changed"]
    assert (changed["job"]["interval"], changed["job"]["images_to_keep"]) == ("12h", 5)
    assert lab.mutating_requests() == {"smc ModifyReplicationJobAttribute": 1}
    assert [item["attribute"] for item in changed["drift"]] == ["image_name"]
    assert "not another" in changed.shown
    lab.reset_requests()
    assert not call("smc_incremental_job", **wanted)["changed"]
    assert not lab.mutating_requests()


def test_job_created_manually_is_adopted(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    source_id = call("smc_source_info", vm_uuids=[no_jobs[FIRST_VM]])["sources"][0]["source_id"]
    made = call("smc_incremental_job", source_id=source_id, interval="24h", started=False)
    adopted = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], project="spring", interval="24h", started=False)
    assert adopted["job"]["job_id"] == made["job"]["job_id"]
    assert adopted["job"]["tags"]["cutover:project"] == "spring"


def test_job_of_a_vm_that_is_not_imported(call: Call) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    refused = call("smc_incremental_job", vm_uuid=unknown, interval="6h")
    assert refused.failed
    assert "SMC has no source for vm_uuid" in refused["msg"]
    planned = call("smc_incremental_job", vm_uuid=unknown, interval="6h", check=True)
    assert planned["plan"] == ["create the incremental job of the source, once it is imported", "start it"]


def test_synced_starts_one_manual_run(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="7d", wait=True)
    since = smc_time(call)
    lab.reset_requests()
    checked = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="synced", synced_since=since, check=True)
    assert checked["changed"]
    assert not lab.mutating_requests()
    done = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="synced", synced_since=since)
    assert done["synced"]
    assert len(done["job"]["runs"]) == 2
    assert done["job"]["runs"][-1]["started_at"] > since
    assert lab.mutating_requests() == {"smc StartReplicationJob": 1}
    lab.reset_requests()
    assert not call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="synced", synced_since=since)["changed"]
    assert not lab.mutating_requests()


def test_later_runs_send_what_has_changed_only(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    assert not call("vmware_cbt", name=FIRST_VM, state="enabled").failed
    set_service(lab, FIRST_VM, "running")
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="7d", wait=True)
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="synced", synced_since=smc_time(call))
    first, second = lab.job(FIRST_VM)["runs"][:2]
    assert first["full"]
    assert not second["full"]
    assert 0 < second["bytes_sent"] < first["bytes_sent"]


def test_one_run_is_enough_for_any_max_age(call: Call, no_jobs: dict[str, str]) -> None:
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="7d", wait=True)
    done = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="synced", max_age="1s")
    assert done["synced"]
    assert len(done["job"]["runs"]) == 2


def test_synced_since_in_the_future_is_refused(call: Call, imported: dict[str, str]) -> None:
    refused = call(
        "smc_incremental_job", vm_uuid=imported[FIRST_VM], state="synced", synced_since="2099-01-01T00:00:00Z"
    )
    assert refused.failed
    assert "is in the future by SMC's clock" in refused["msg"]


def test_manual_run_that_smc_refuses_is_explained(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="7d", wait=True)
    lab.post("/switches", {"start_on_waiting": False})
    refused = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="synced", synced_since=smc_time(call))
    assert refused.failed
    assert refused["error"]["code"] == "ReplicationJob.InvalidStatus"
    assert "final_sync: true" in refused["msg"]
    done = call("smc_job_finalize", vm_uuid=no_jobs[FIRST_VM], services_stopped_at=smc_time(call), final_sync=True)
    assert done["evidence"]["proven"]


def test_failed_job_is_resumed(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    lab.faults({"target": "smc", "kind": "job_in_error", "phase": "Syncing", "count": 1})
    done = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="24h", wait=True)
    assert done["job"]["status"] == "Waiting"
    assert any("which had failed" in step for step in done["plan"])


def test_job_that_fails_again_is_reported_as_billed(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    lab.post("/clock", {"scale": 60})
    lab.faults({"target": "smc", "kind": "job_in_error", "phase": "Syncing", "count": 0})
    failed = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="24h", wait=True)
    assert failed.failed
    assert "failed again after it was resumed" in failed["msg"]
    assert "is billed" in failed["msg"]
    assert failed["changed"]


@pytest.mark.parametrize("afterwards", ["run", "waiting"])
def test_paused_and_resumed(lab: Lab, call: Call, no_jobs: dict[str, str], afterwards: str) -> None:
    lab.post("/switches", {"stop_on_waiting": True, "start_after_paused_waiting": afterwards})
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="24h", wait=True)
    paused = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="paused")
    assert paused["job"]["status"] == "Stopped"
    assert not call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="paused")["changed"]
    resumed = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM])
    assert resumed["changed"]
    assert resumed["job"]["status"] in ("Running", "Waiting")


def test_pause_that_smc_refuses_is_explained(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="7d", wait=True)
    refused = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="paused")
    assert refused.failed
    assert "SMC pauses a job while it is Running and Syncing" in refused["msg"]


def test_replica_is_discarded_only_on_request(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="24h", wait=True)
    lab.reset_requests()
    refused = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="absent")
    assert refused.failed
    assert "discard_replication: true" in refused["msg"]
    assert not lab.mutating_requests()
    instance = lab.job(FIRST_VM)["transition_instance_id"]
    assert call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="absent", discard_replication=True)["changed"]
    assert instance not in {known["instance_id"] for known in lab.get("/state")["instances"]}
    assert not call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="absent")["changed"]


def test_an_image_without_the_tags_of_a_completion_does_not_make_the_vm_migrated(
    lab: Lab, call: Call, no_jobs: dict[str, str]
) -> None:
    made = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="24h", wait=True)
    Console(lab).tag_image(made["job"]["runs"][-1]["image_id"], **{"cutover:vm-uuid": no_jobs[FIRST_VM]})
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="absent", discard_replication=True)
    checked = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], check=True)
    assert (checked["migrated"], checked["changed"]) == (False, True)
