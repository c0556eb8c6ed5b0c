"""The SMC modules against the lab: each verb done, done again, checked, checked again; refusals; and both ways to run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api as _alicloud
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import ecs as _ecs
from tests.integration.lab_harness import WAYS, Call, Lab, import_vms

CONNECTION = {
    "access_key_id": "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "access_key_secret": "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "region_id": "ALIBABA_CLOUD_REGION_ID",
    "ecs_endpoint": "CUTOVER_ECS_ENDPOINT",
}

VM = "app-02"
OTHER = "app-03"


@pytest.fixture(scope="module")
def imported() -> dict[str, str]:
    """VM name -> instance UUID, filled by the first test that needs the import."""
    return {}


@pytest.fixture
def uuids(imported: dict[str, str], lab: Lab, call: Call) -> dict[str, str]:
    if not imported:
        imported.update(import_vms(lab, call, VM, OTHER))
        for name, uuid in imported.items():
            assert not call("smc_source", vm_uuid=uuid, vm_name=name).failed
        lab.reset_requests()
    return imported


@pytest.fixture
def no_jobs(lab: Lab, call: Call, uuids: dict[str, str]) -> Iterator[dict[str, str]]:
    """Both VMs imported and without a job, before and after."""
    forget_migrations(call, uuids)
    lab.reset_requests()
    yield uuids
    lab.reset_faults()
    forget_migrations(call, uuids)


def forget_migrations(call: Call, uuids: dict[str, str]) -> None:
    """Delete the jobs, and the images by whose tags a VM is known to have moved."""
    ecs = _ecs.EcsClient(
        _alicloud.Connection(**{name: os.environ.get(variable) for name, variable in CONNECTION.items()})
    )
    for uuid in uuids.values():
        outcome = call("smc_incremental_job", vm_uuid=uuid, state="absent", discard_replication=True)
        assert not outcome.failed, outcome.result
        for image in ecs.images(tags={"cutover:vm-uuid": uuid}):
            ecs.delete_image(image.image_id)


def clock(call: Call) -> str:
    return call("smc_incremental_job_info", job_ids=[])["cloud_time"]


def set_service(lab: Lab, name: str, service: str) -> None:
    lab.post(f"/vms/{name}/guest", {"service": service})


def assert_image_is_disk(lab: Lab, image_id: str, vm: str) -> None:
    image = {disk["key"]: disk["sha256"] for disk in lab.get(f"/images/{image_id}/disks")}
    disks = {disk["key"]: disk["sha256"] for disk in lab.get(f"/vms/{vm}/disks")}
    assert image == disks


# --- activation codes -------------------------------------------------------------------------------------------


def test_access_token_life(lab: Lab, call: Call) -> None:
    checked = call("smc_access_token", name="life", check=True)
    assert checked["changed"]
    assert checked["access_token_code"] is None
    assert not lab.mutating_requests()

    made = call("smc_access_token", name="life", max_uses=3, valid_for="2d")
    assert made["changed"]
    assert made["access_token_code"]
    token = made["access_token"]
    assert (token["max_uses"], token["valid_for"], token["used"]) == (3, "2d", 0)

    again = call("smc_access_token", name="life")
    assert not again["changed"]
    assert again["access_token_code"] is None

    assert call("smc_access_token", access_token_id=token["access_token_id"], state="disabled")["changed"]

    assert call("smc_access_token", access_token_id=token["access_token_id"], state="absent")["changed"]
    assert not call("smc_access_token", access_token_id=token["access_token_id"], state="absent")["changed"]


@pytest.mark.parametrize("reading", ["enabled", "used"])
def test_used_access_token_is_disabled_once(lab: Lab, call: Call, uuids: dict[str, str], reading: str) -> None:
    lab.post("/switches", {"token_status": reading})
    made = call("smc_access_token", name=f"used-{reading}")
    import_vms(lab, call, "app-04" if reading == "enabled" else "app-05", token=made)
    named = {"access_token_id": made["access_token"]["access_token_id"], "state": "disabled"}
    assert call("smc_access_token", **named)["changed"]
    assert not call("smc_access_token", **named)["changed"]


def test_access_token_of_too_many_uses_is_refused_before_anything_is_sent(lab: Lab, call: Call) -> None:
    refused = call("smc_access_token", name="many", max_uses=1001)
    assert refused.failed
    assert "Option 'max_uses' is 1001" in refused["msg"]
    assert not lab.mutating_requests()


@pytest.mark.parametrize("way", WAYS)
def test_access_token_is_never_shown(lab: Lab, ansible: Call, way: str) -> None:
    made = ansible("smc_access_token", way=way, name=f"hidden-{way}", verbosity=3)
    assert not made.failed
    known = {token["name"] for token in lab.get("/state")["tokens"]}
    assert f"hidden-{way}" in known
    assert "access_token_code" not in made.shown


# --- sources ----------------------------------------------------------------------------------------------------


def test_source_is_recognised_named_and_tagged(lab: Lab, call: Call, uuids: dict[str, str]) -> None:
    wanted = {
        "vm_uuid": uuids[VM],
        "vm_name": VM,
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
    assert done["source"]["tags"] == {"cutover:vm-uuid": uuids[VM], "cutover:project": "spring", "owner": "shop"}
    assert checked["plan"] == done["plan"]

    lab.reset_requests()
    assert not call("smc_source", **wanted)["changed"]
    assert not call("smc_source", check=True, **wanted)["changed"]
    assert not lab.mutating_requests()
    assert call("smc_source", **dict(wanted, name=VM))["changed"]


def test_source_that_is_not_imported_is_told(call: Call, lab: Lab) -> None:
    refused = call("smc_source", vm_uuid="00000000-0000-0000-0000-000000000000", vm_name="nowhere")
    assert refused.failed
    assert "SMC has no source for VM nowhere. Import the VM with the connector first" in refused["msg"]
    planned = call("smc_source", vm_uuid="00000000-0000-0000-0000-000000000000", vm_name="nowhere", check=True)
    assert planned["changed"]
    assert planned["plan"] == ["set the name and the tags of the source of nowhere after its import"]


def test_source_info_by_vm_and_state(call: Call, uuids: dict[str, str]) -> None:
    found = call("smc_source_info", vm_uuids=list(uuids.values()))
    assert sorted(found["by_vm_uuid"]) == sorted(uuids.values())
    assert call("smc_source_info", state="Unavailable")["sources"] == []


def test_source_with_an_unfinished_job_is_not_deleted(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="24h", started=False)
    lab.reset_requests()
    refused = call("smc_source", vm_uuid=no_jobs[VM], state="absent", delete_jobs=True)
    assert refused.failed
    assert "is used by job" in refused["msg"]
    assert not lab.mutating_requests()


# --- jobs -------------------------------------------------------------------------------------------------------


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
    wanted = {"vm_uuid": no_jobs[VM], "interval": "6h", "images_to_keep": 3, "project": "spring", "valid_for": "60d"}
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
def test_job_is_made_anew_however_often_it_was_deleted(
    lab: Lab, call: Call, no_jobs: dict[str, str], validity: dict[str, str]
) -> None:
    """All within the day for which SMC remembers the token of the first one."""
    job = {"vm_uuid": no_jobs[VM], "started": False, **validity}
    made = []
    for _round in range(7):
        outcome = call("smc_incremental_job", **job)
        assert not outcome.failed, outcome.result
        made.append(outcome["job"]["job_id"])
        assert not call("smc_incremental_job", **job)["changed"]
        assert not call("smc_incremental_job", vm_uuid=no_jobs[VM], state="absent").failed
    assert len(set(made)) == len(made)


@pytest.mark.parametrize(
    "kind", ["reset_after_commit", "reset_before_commit", "internal_error", "throttle", "html_502"]
)
@pytest.mark.parametrize("action", ["CreateReplicationJob", "StartReplicationJob"])
def test_network_fault_on_a_write_makes_neither_two_jobs_nor_none(
    lab: Lab, call: Call, no_jobs: dict[str, str], kind: str, action: str
) -> None:
    lab.faults({"target": "smc", "action": action, "kind": kind, "count": 1})
    done = call("smc_incremental_job", vm_uuid=no_jobs[OTHER], interval="24h", wait=True)
    assert not done.failed, done.result
    assert done["changed"]
    jobs = [job for job in lab.get("/state")["jobs"] if job["vm_name"] == OTHER]
    assert len(jobs) == 1


def test_read_is_repeated_through_throttling(lab: Lab, call: Call, uuids: dict[str, str]) -> None:
    lab.faults({"target": "smc", "action": "DescribeSourceServers", "kind": "throttle", "count": 2})
    assert not call("smc_source_info", vm_uuids=[uuids[VM]]).failed


def test_what_smc_still_changes_is_changed_and_the_rest_is_told(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="6h", wait=True)
    lab.reset_requests()
    wanted = {
        "vm_uuid": no_jobs[VM],
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


def test_job_made_by_hand_is_adopted(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    source_id = call("smc_source_info", vm_uuids=[no_jobs[VM]])["sources"][0]["source_id"]
    made = call("smc_incremental_job", source_id=source_id, interval="24h", started=False)
    adopted = call("smc_incremental_job", vm_uuid=no_jobs[VM], project="spring", interval="24h", started=False)
    assert adopted["job"]["job_id"] == made["job"]["job_id"]
    assert adopted["job"]["tags"]["cutover:project"] == "spring"


def test_job_of_a_vm_that_is_not_imported(call: Call) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    refused = call("smc_incremental_job", vm_uuid=unknown, interval="6h")
    assert refused.failed
    assert "SMC has no source for vm_uuid" in refused["msg"]
    planned = call("smc_incremental_job", vm_uuid=unknown, interval="6h", check=True)
    assert planned["plan"] == ["create the incremental job of the source, once it is imported", "start it"]


def test_synced_runs_the_job_by_hand_once(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="7d", wait=True)
    since = clock(call)
    lab.reset_requests()
    checked = call("smc_incremental_job", vm_uuid=no_jobs[VM], state="synced", synced_since=since, check=True)
    assert checked["changed"]
    assert not lab.mutating_requests()
    done = call("smc_incremental_job", vm_uuid=no_jobs[VM], state="synced", synced_since=since)
    assert done["synced"]
    assert len(done["job"]["runs"]) == 2
    assert done["job"]["runs"][-1]["started_at"] > since
    assert lab.mutating_requests() == {"smc StartReplicationJob": 1}
    lab.reset_requests()
    assert not call("smc_incremental_job", vm_uuid=no_jobs[VM], state="synced", synced_since=since)["changed"]
    assert not lab.mutating_requests()


def test_later_runs_send_what_has_changed_only(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    assert not call("vmware_cbt", name=VM, state="enabled").failed
    set_service(lab, VM, "running")
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="7d", wait=True)
    call("smc_incremental_job", vm_uuid=no_jobs[VM], state="synced", synced_since=clock(call))
    first, second = lab.job(VM)["runs"][:2]
    assert first["full"]
    assert not second["full"]
    assert 0 < second["bytes_sent"] < first["bytes_sent"]


def test_however_young_an_image_is_to_be_one_run_is_enough(call: Call, no_jobs: dict[str, str]) -> None:
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="7d", wait=True)
    done = call("smc_incremental_job", vm_uuid=no_jobs[VM], state="synced", max_age="1s")
    assert done["synced"]
    assert len(done["job"]["runs"]) == 2


def test_synced_since_in_the_future_is_refused(call: Call, uuids: dict[str, str]) -> None:
    refused = call("smc_incremental_job", vm_uuid=uuids[VM], state="synced", synced_since="2099-01-01T00:00:00Z")
    assert refused.failed
    assert "lies in the future of the cloud's clock" in refused["msg"]


def test_run_by_hand_that_smc_refuses_is_explained(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="7d", wait=True)
    lab.post("/switches", {"start_on_waiting": False})
    refused = call("smc_incremental_job", vm_uuid=no_jobs[VM], state="synced", synced_since=clock(call))
    assert refused.failed
    assert refused["error"]["code"] == "ReplicationJob.InvalidStatus"
    assert "final_sync: true" in refused["msg"]
    done = call("smc_job_finalize", vm_uuid=no_jobs[VM], services_stopped_at=clock(call), final_sync=True)
    assert done["evidence"]["proven"]


def test_failed_job_is_resumed(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    lab.faults({"target": "smc", "kind": "job_in_error", "phase": "Syncing", "count": 1})
    done = call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="24h", wait=True)
    assert done["job"]["status"] == "Waiting"
    assert any("which had failed" in step for step in done["plan"])


def test_job_that_fails_again_is_told_with_its_cost(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    lab.post("/clock", {"scale": 60})
    lab.faults({"target": "smc", "kind": "job_in_error", "phase": "Syncing", "count": 0})
    failed = call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="24h", wait=True)
    assert failed.failed
    assert "failed again after it was resumed" in failed["msg"]
    assert "is billed" in failed["msg"]
    assert failed["changed"]


@pytest.mark.parametrize("afterwards", ["run", "waiting"])
def test_paused_and_resumed(lab: Lab, call: Call, no_jobs: dict[str, str], afterwards: str) -> None:
    lab.post("/switches", {"stop_on_waiting": True, "start_after_paused_waiting": afterwards})
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="24h", wait=True)
    paused = call("smc_incremental_job", vm_uuid=no_jobs[VM], state="paused")
    assert paused["job"]["status"] == "Stopped"
    assert not call("smc_incremental_job", vm_uuid=no_jobs[VM], state="paused")["changed"]
    resumed = call("smc_incremental_job", vm_uuid=no_jobs[VM])
    assert resumed["changed"]
    assert resumed["job"]["status"] in ("Running", "Waiting")


def test_pause_that_smc_refuses_is_explained(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="7d", wait=True)
    refused = call("smc_incremental_job", vm_uuid=no_jobs[VM], state="paused")
    assert refused.failed
    assert "SMC pauses a job while it is Running and Syncing" in refused["msg"]


def test_replication_is_thrown_away_only_when_told(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="24h", wait=True)
    lab.reset_requests()
    refused = call("smc_incremental_job", vm_uuid=no_jobs[VM], state="absent")
    assert refused.failed
    assert "discard_replication: true" in refused["msg"]
    assert not lab.mutating_requests()
    instance = lab.job(VM)["transition_instance_id"]
    assert call("smc_incremental_job", vm_uuid=no_jobs[VM], state="absent", discard_replication=True)["changed"]
    assert instance not in {known["instance_id"] for known in lab.get("/state")["instances"]}
    assert not call("smc_incremental_job", vm_uuid=no_jobs[VM], state="absent")["changed"]


def test_an_image_that_no_completion_has_marked_does_not_tell_that_the_vm_has_moved(
    lab: Lab, call: Call, no_jobs: dict[str, str]
) -> None:
    made = call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="24h", wait=True)
    ecs = _ecs.EcsClient(
        _alicloud.Connection(**{name: os.environ.get(variable) for name, variable in CONNECTION.items()})
    )
    ecs.tag_image(made["job"]["runs"][-1]["image_id"], {"cutover:vm-uuid": no_jobs[VM]})
    call("smc_incremental_job", vm_uuid=no_jobs[VM], state="absent", discard_replication=True)
    checked = call("smc_incremental_job", vm_uuid=no_jobs[VM], check=True)
    assert (checked["migrated"], checked["changed"]) == (False, True)


def test_one_wait_for_many_jobs_costs_one_call_a_look(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    for uuid in no_jobs.values():
        call("smc_incremental_job", vm_uuid=uuid, interval="24h", project="pair")
    lab.reset_requests()
    waited = call("smc_incremental_job_info", project="pair", wait_for="image")
    assert [job["reached"] for job in waited["jobs"]] == [True, True]
    assert all(job["rpo_seconds"] >= 0 for job in waited["jobs"])
    looks = waited.shown.count("2 jobs:") + 2
    describes = next(r["count"] for r in lab.get("/requests") if r["action"] == "DescribeReplicationJobs")
    assert describes <= looks + 20
    assert not lab.mutating_requests()


def test_wait_does_not_fail_for_a_job_that_failed(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    lab.faults({"target": "smc", "kind": "job_in_error", "phase": "Syncing", "count": 1})
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="24h")
    waited = call("smc_incremental_job_info", vm_uuids=[no_jobs[VM]], wait_for="image")
    assert not waited.failed
    assert waited["jobs"][0]["reached"] is False
    assert waited["jobs"][0]["status"] == "InError"


# --- completing -------------------------------------------------------------------------------------------------


def test_completing_without_proof_is_refused_and_completes_nothing(
    lab: Lab, call: Call, no_jobs: dict[str, str]
) -> None:
    set_service(lab, VM, "running")
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="7d", wait=True)
    lab.reset_requests()
    refused = call("smc_job_finalize", vm_uuid=no_jobs[VM], services_stopped_at=clock(call))
    assert refused.failed
    assert "writes could be lost" in refused["msg"]
    assert "synced_since" in refused["msg"]
    assert not lab.mutating_requests()
    unsaid = call("smc_job_finalize", vm_uuid=no_jobs[VM])
    assert unsaid.failed
    assert "services_stopped_at" in unsaid["msg"]
    assert not lab.mutating_requests()
    assert lab.job(VM)["status"] == "Waiting"


def test_completing_with_proof_keeps_every_write(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    set_service(lab, VM, "running")
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="7d", wait=True)
    set_service(lab, VM, "stopped")
    stopped_at = clock(call)
    call("smc_incremental_job", vm_uuid=no_jobs[VM], state="synced", synced_since=stopped_at)
    lab.reset_requests()
    checked = call("smc_job_finalize", vm_uuid=no_jobs[VM], services_stopped_at=stopped_at, check=True)
    assert checked["changed"]
    assert not lab.mutating_requests()

    done = call("smc_job_finalize", vm_uuid=no_jobs[VM], services_stopped_at=stopped_at)
    assert done["finished"]
    assert done["evidence"]["proven"]
    assert done["evidence"]["run_started_at"] > stopped_at
    assert done["image"]["tags"]["cutover:vm-uuid"] == no_jobs[VM]
    assert_image_is_disk(lab, done["evidence"]["image_id"], VM)

    lab.reset_requests()
    again = call("smc_job_finalize", vm_uuid=no_jobs[VM])
    assert not again["changed"]
    assert again["evidence"]["proven"]
    moved = call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="6h")
    assert moved["migrated"]
    assert not moved["changed"]
    assert not lab.mutating_requests()


def test_final_sync_makes_the_proof_itself(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    set_service(lab, OTHER, "running")
    call("smc_incremental_job", vm_uuid=no_jobs[OTHER], interval="7d", wait=True)
    set_service(lab, OTHER, "stopped")
    done = call("smc_job_finalize", vm_uuid=no_jobs[OTHER], services_stopped_at=clock(call), final_sync=True)
    assert done["finished"]
    assert done["evidence"]["proven"]
    assert_image_is_disk(lab, done["evidence"]["image_id"], OTHER)


def test_loss_is_accepted_by_the_name_of_the_job_only(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    job_id = call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="7d", wait=True)["job"]["job_id"]
    assert call("smc_job_finalize", vm_uuid=no_jobs[VM], accept_data_loss="yes").failed
    assert lab.job(VM)["status"] == "Waiting"
    done = call("smc_job_finalize", vm_uuid=no_jobs[VM], accept_data_loss=job_id)
    assert done["finished"]
    assert not done["evidence"]["proven"]
    assert "nothing proves" in done.shown


@pytest.mark.parametrize("kind", ["reset_after_commit", "reset_before_commit", "internal_error"])
def test_network_fault_while_completing_is_survived(lab: Lab, call: Call, no_jobs: dict[str, str], kind: str) -> None:
    set_service(lab, VM, "stopped")
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="7d", wait=True)
    stopped_at = clock(call)
    call("smc_incremental_job", vm_uuid=no_jobs[VM], state="synced", synced_since=stopped_at)
    lab.faults({"target": "smc", "action": "CutOverReplicationJob", "kind": kind, "count": 1})
    done = call("smc_job_finalize", vm_uuid=no_jobs[VM], services_stopped_at=stopped_at)
    assert done["finished"]
    assert done["evidence"]["proven"]


def test_refusal_after_a_completion_without_an_answer_is_not_taken_for_its_refusal(
    lab: Lab, call: Call, no_jobs: dict[str, str]
) -> None:
    """SMC may have accepted the first one, and refuse the second because of that, before it shows either."""
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="7d", wait=True)
    job_id = lab.job(VM)["job_id"]
    completion = {"target": "smc", "action": "CutOverReplicationJob"}
    refusal = {**completion, "kind": "error", "status": 400, "code": "ReplicationJob.InvalidStatus"}
    lab.faults({**completion, "kind": "reset_before_commit"}, refusal)
    outcome = call("smc_job_finalize", vm_uuid=no_jobs[VM], accept_data_loss=job_id)
    assert outcome.failed
    assert (outcome["error"]["kind"], outcome["error"]["http_status"]) == ("outcome_unknown", None)
    assert "does not show yet whether it was accepted" in outcome["msg"]
    assert "Leave the services stopped" in outcome["msg"]
    assert lab.job(VM)["status"] == "Waiting"

    lab.faults(refusal)
    outcome = call("smc_job_finalize", vm_uuid=no_jobs[VM], accept_data_loss=job_id)
    assert outcome["error"]["kind"] == "precondition"


# --- verifying and clearing up ----------------------------------------------------------------------------------


def test_verification_instance_is_made_for_a_while_and_released(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    image = call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="7d", wait=True)["job"]["runs"][-1]["image_id"]
    wanted = {
        "image_id": image,
        "instance_type": "ecs.c7.large",
        "vswitch_id": "vsw-lab-isolated",
        "security_group_id": "sg-lab-isolated",
    }
    lab.reset_requests()
    assert call("ecs_verification_instance", check=True, **wanted)["changed"]
    assert not lab.mutating_requests()
    made = call("ecs_verification_instance", **wanted)
    assert made["instance"]["status"] == "Running"
    assert made["instance"]["released_at"]
    assert not call("ecs_verification_instance", **wanted)["changed"]
    assert call("ecs_verification_instance", image_id=image, state="absent")["changed"]
    assert not call("ecs_verification_instance", image_id=image, state="absent")["changed"]
    unknown = call("ecs_verification_instance", **dict(wanted, image_id="m-unknown"))
    assert "Image m-unknown does not exist" in unknown["msg"]


def test_clean_up_waits_for_the_end_and_keeps_what_it_is_told_to(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    set_service(lab, VM, "stopped")
    call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="7d", images_to_keep=5, wait=True)
    lab.reset_requests()
    early = call("smc_cleanup", vm_uuid=no_jobs[VM])
    assert early.failed
    assert "the migration is not over" in early["msg"]
    assert not lab.mutating_requests()
    final = call("smc_job_finalize", vm_uuid=no_jobs[VM], services_stopped_at=clock(call), final_sync=True)["evidence"][
        "image_id"
    ]

    lab.reset_requests()
    assert call("smc_cleanup", vm_uuid=no_jobs[VM], images_to_keep=1, delete_job=True, check=True)["changed"]
    assert not lab.mutating_requests()
    cleared = call("smc_cleanup", vm_uuid=no_jobs[VM], images_to_keep=1, delete_job=True)
    assert [image["image_id"] for image in cleared["left"]["images"]] == [final]
    assert cleared["left"]["job"] is None
    assert [item["id"] for item in cleared["costs"]["items"] if item["kept"]] == [final]
    lab.reset_requests()
    assert not call("smc_cleanup", vm_uuid=no_jobs[VM], images_to_keep=1, delete_job=True)["changed"]
    moved = call("smc_incremental_job", vm_uuid=no_jobs[VM], interval="6h")
    assert moved["migrated"]
    assert moved["migrated_image_id"] == final
    assert not lab.mutating_requests()


# --- both ways to run -------------------------------------------------------------------------------------------


def _steady(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what a clock or the way of running puts into it."""
    passing = ("cloud_time", "invocation", "_ansible_no_log", "warnings", "rpo_seconds", "expires_in", "clock_offset")
    if isinstance(result, dict):
        return {key: _steady(value) for key, value in result.items() if key not in passing}
    return [_steady(item) for item in result] if isinstance(result, list) else result  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("module", "params", "check"),
    [
        ("smc_source_info", {}, False),
        ("smc_source", {"vm_name": "nowhere"}, False),
        ("smc_incremental_job_info", {}, False),
        ("smc_incremental_job", {"vm_uuid": "VM", "interval": "6h"}, True),
        ("smc_incremental_job", {"vm_uuid": "VM", "interval": "30m"}, False),
        ("smc_job_finalize", {"vm_uuid": "VM"}, False),
        ("smc_cleanup", {"vm_uuid": "VM", "orphans": [], "prices": {"snapshot_gib_month": 0.1}}, True),
        ("smc_access_token", {"name": "both"}, True),
        ("ecs_verification_instance", {"image_id": "m-unknown", "state": "absent"}, False),
    ],
)
def test_both_ways_return_the_same(
    lab: Lab, ansible: Call, uuids: dict[str, str], module: str, params: dict[str, Any], check: bool
) -> None:
    params = {key: uuids[OTHER] if value == "VM" else value for key, value in params.items()}
    results = [_steady(ansible(module, way=way, check=check, **params).result) for way in WAYS]
    assert results[0] == results[1]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "wrong-secret-7b1f"}, "Alibaba Cloud refused the signature"),
        ({"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAIunknown"}, "Alibaba Cloud does not accept the access key"),
        ({"CUTOVER_SMC_ENDPOINT": "http://127.0.0.1:9"}, "no usable answer from 127.0.0.1:9"),
        ({"DEBUG": "sdk"}, "prints credentials"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence_without_a_secret(
    lab: Lab, ansible: Call, way: str, environment: dict[str, str], sentence: str
) -> None:
    failed = ansible("smc_source_info", way=way, environment=environment, verbosity=3)
    assert failed.failed
    assert sentence in failed["msg"]
    assert "Traceback" not in failed.shown
    for secret in ("wrong-secret-7b1f", lab.environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]):
        assert secret not in failed.shown
