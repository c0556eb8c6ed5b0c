# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""smc_job_finalize against the lab: only with proof, and what becomes of a completion whose answer is lost."""

from __future__ import annotations

import pytest

from tests.integration.lab_harness import FIRST_VM, SECOND_VM, Call, Lab, assert_image_is_disk, set_service, smc_time


def test_completing_without_proof_is_refused_and_completes_nothing(
    lab: Lab, call: Call, no_jobs: dict[str, str]
) -> None:
    set_service(lab, FIRST_VM, "running")
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="7d", wait=True)
    lab.reset_requests()
    refused = call("smc_job_finalize", vm_uuid=no_jobs[FIRST_VM], services_stopped_at=smc_time(call))
    assert refused.failed
    assert "writes could be lost" in refused["msg"]
    assert "synced_since" in refused["msg"]
    assert not lab.mutating_requests()
    unsaid = call("smc_job_finalize", vm_uuid=no_jobs[FIRST_VM])
    assert unsaid.failed
    assert "services_stopped_at" in unsaid["msg"]
    assert not lab.mutating_requests()
    assert lab.job(FIRST_VM)["status"] == "Waiting"


def test_completing_with_proof_keeps_every_write(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    set_service(lab, FIRST_VM, "running")
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="7d", wait=True)
    set_service(lab, FIRST_VM, "stopped")
    stopped_at = smc_time(call)
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="synced", synced_since=stopped_at)
    lab.reset_requests()
    checked = call("smc_job_finalize", vm_uuid=no_jobs[FIRST_VM], services_stopped_at=stopped_at, check=True)
    assert checked["changed"]
    assert not lab.mutating_requests()

    done = call("smc_job_finalize", vm_uuid=no_jobs[FIRST_VM], services_stopped_at=stopped_at)
    assert done["finished"]
    assert done["evidence"]["proven"]
    assert done["evidence"]["run_started_at"] > stopped_at
    assert done["image"]["tags"]["cutover:vm-uuid"] == no_jobs[FIRST_VM]
    assert_image_is_disk(lab, done["evidence"]["image_id"], FIRST_VM)

    lab.reset_requests()
    again = call("smc_job_finalize", vm_uuid=no_jobs[FIRST_VM])
    assert not again["changed"]
    assert again["evidence"]["proven"]
    moved = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="6h")
    assert moved["migrated"]
    assert not moved["changed"]
    assert not lab.mutating_requests()


def test_final_sync_makes_the_proof_itself(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    set_service(lab, SECOND_VM, "running")
    call("smc_incremental_job", vm_uuid=no_jobs[SECOND_VM], interval="7d", wait=True)
    set_service(lab, SECOND_VM, "stopped")
    done = call("smc_job_finalize", vm_uuid=no_jobs[SECOND_VM], services_stopped_at=smc_time(call), final_sync=True)
    assert done["finished"]
    assert done["evidence"]["proven"]
    assert_image_is_disk(lab, done["evidence"]["image_id"], SECOND_VM)


def test_loss_is_accepted_by_the_name_of_the_job_only(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    job_id = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="7d", wait=True)["job"]["job_id"]
    assert call("smc_job_finalize", vm_uuid=no_jobs[FIRST_VM], accept_data_loss="yes").failed
    assert lab.job(FIRST_VM)["status"] == "Waiting"
    done = call("smc_job_finalize", vm_uuid=no_jobs[FIRST_VM], accept_data_loss=job_id)
    assert done["finished"]
    assert not done["evidence"]["proven"]
    assert "nothing proves" in done.shown


@pytest.mark.parametrize("kind", ["reset_after_commit", "reset_before_commit", "internal_error"])
def test_network_fault_while_completing_is_survived(lab: Lab, call: Call, no_jobs: dict[str, str], kind: str) -> None:
    set_service(lab, FIRST_VM, "stopped")
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="7d", wait=True)
    stopped_at = smc_time(call)
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], state="synced", synced_since=stopped_at)
    lab.faults({"target": "smc", "action": "CutOverReplicationJob", "kind": kind, "count": 1})
    done = call("smc_job_finalize", vm_uuid=no_jobs[FIRST_VM], services_stopped_at=stopped_at)
    assert done["finished"]
    assert done["evidence"]["proven"]


def test_refusal_after_a_completion_without_an_answer_is_not_taken_for_its_refusal(
    lab: Lab, call: Call, no_jobs: dict[str, str]
) -> None:
    """SMC may have accepted the first one, and refuse the second because of that, before it shows either."""
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="7d", wait=True)
    job_id = lab.job(FIRST_VM)["job_id"]
    completion = {"target": "smc", "action": "CutOverReplicationJob"}
    refusal = {**completion, "kind": "error", "status": 400, "code": "ReplicationJob.InvalidStatus"}
    lab.faults({**completion, "kind": "reset_before_commit"}, refusal)
    outcome = call("smc_job_finalize", vm_uuid=no_jobs[FIRST_VM], accept_data_loss=job_id)
    assert outcome.failed
    assert (outcome["error"]["kind"], outcome["error"]["http_status"]) == ("outcome_unknown", None)
    assert "does not show yet whether it was accepted" in outcome["msg"]
    assert "Leave the services stopped" in outcome["msg"]
    assert outcome["error"]["details"]["completion"] == "unknown"
    assert lab.job(FIRST_VM)["status"] == "Waiting"

    lab.faults(refusal)
    outcome = call("smc_job_finalize", vm_uuid=no_jobs[FIRST_VM], accept_data_loss=job_id)
    assert outcome["error"]["kind"] == "precondition"
    assert outcome["error"]["details"]["completion"] == "refused"
