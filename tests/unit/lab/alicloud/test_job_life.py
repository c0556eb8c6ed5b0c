"""The life of a job, driven by the official SDKs while the test moves the clock."""

from __future__ import annotations

import hashlib

import pytest
from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_smc20190601 import models as smc_models
from Tea.exceptions import TeaException

from tests.unit.lab.alicloud.harness import MIB, REGION, Lab

TRANSITION = "No_Delete_SMC_Transition_Instance"


def cut_over(lab: Lab, job_id: str, sync_data: bool) -> None:
    lab.smc().cut_over_replication_job(smc_models.CutOverReplicationJobRequest(job_id=job_id, sync_data=sync_data))


def stop(lab: Lab, job_id: str) -> None:
    lab.smc().stop_replication_job(smc_models.StopReplicationJobRequest(job_id=job_id))


def delete(lab: Lab, job_id: str) -> None:
    lab.smc().delete_replication_job(smc_models.DeleteReplicationJobRequest(job_id=job_id))


def runs(lab: Lab, job_id: str) -> list[dict[str, object]]:
    return next(job["runs"] for job in lab.control("GET", "/state")["jobs"] if job["job_id"] == job_id)


def test_first_run_passes_through_all_phases(lab: Lab) -> None:
    job_id = lab.create_job(lab.source())
    assert lab.job(job_id).status == "Ready"
    lab.start(job_id)
    seen = []
    for step in ("60s", "60s", "30s", "70s"):
        seen.append((lab.job(job_id).status, lab.job(job_id).business_status))
        lab.advance(step)
    assert seen == [
        ("Running", "Preparing"),
        ("Running", "Preparing"),
        ("Running", "Syncing"),
        ("Running", "Processing"),
    ]
    job = lab.job(job_id)
    assert (job.status, job.progress, job.business_status) == ("Waiting", 100.0, "")
    (run,) = job.replication_job_runs.replication_job_run
    assert run.type == "Manual"
    assert run.image_id == job.image_id
    assert run.start_time < run.end_time


def test_intermediate_instance_lives_as_long_as_the_job(lab: Lab) -> None:
    job_id = lab.waiting_job()
    (instance,) = lab.instances(instance_name="No_Delete_SMC_*")
    assert instance.instance_name == TRANSITION
    assert instance.instance_id == lab.job(job_id).transition_instance_id
    assert (instance.status, instance.instance_charge_type) == ("Running", "PostPaid")
    cut_over(lab, job_id, sync_data=False)
    assert (lab.job(job_id).status, lab.job(job_id).business_status) == ("Running", "Cleaning")
    lab.advance("1m")
    assert lab.job(job_id).status == "Finished"
    assert lab.instances() == []


def test_tags_of_the_intermediate_instance_are_a_switch(lab: Lab) -> None:
    tag = [smc_models.CreateReplicationJobRequestTag(key="wave", value="1")]
    lab.waiting_job(1, tag=tag)
    lab.switch(job_tags_on_instance=True)
    lab.waiting_job(2, tag=tag)
    newest, oldest = lab.instances()
    assert ([one.tag_key for one in newest.tags.tag], oldest.tags.tag) == (["wave"], [])


def test_image_equals_disks(lab: Lab) -> None:
    disks = [{"index": 1, "size": 20}]
    job_id = lab.waiting_job(
        sizes=(4 * MIB, 2 * MIB), data_disk=[smc_models.CreateReplicationJobRequestDataDisk(**disk) for disk in disks]
    )
    hashes = lab.control("GET", f"/images/{lab.job(job_id).image_id}/disks")
    expected = [
        {"key": disk.key, "size": len(disk.data), "sha256": hashlib.sha256(disk.data).hexdigest()}
        for disk in lab.vms.vms["vm-1"]
    ]
    assert hashes == expected


def test_later_run_sends_only_changes_and_makes_a_complete_image(lab: Lab) -> None:
    job_id = lab.waiting_job()
    disk = lab.vms.vms["vm-1"][0]
    disk.write(3 * MIB, b"x" * 1000)
    lab.advance("6h")
    lab.advance("5m")
    first, second = runs(lab, job_id)
    assert (first["full"], first["bytes_sent"], first["kind"]) == (True, MIB, "Manual")
    assert (second["full"], second["bytes_sent"], second["kind"]) == (False, 1000, "Schedule")
    (row,) = lab.control("GET", f"/images/{lab.job(job_id).image_id}/disks")
    assert row["sha256"] == hashlib.sha256(disk.data).hexdigest()


def test_everything_is_sent_when_tracking_is_off_or_restarted(lab: Lab) -> None:
    job_id = lab.waiting_job()
    disk = lab.vms.vms["vm-1"][0]
    disk.tracked = False
    lab.advance("6h5m")
    assert (runs(lab, job_id)[1]["full"], runs(lab, job_id)[1]["bytes_sent"]) == (True, 4 * MIB)
    disk.tracked, disk.tracking_id = True, "52 bb"
    lab.advance("6h5m")
    last = runs(lab, job_id)[2]
    assert last["full"]
    assert last["disks"][0]["reason"] == "first synchronization"
    disk.tracking_id = "52 cc"
    disk.data[MIB : 2 * MIB] = bytes(MIB)  # an area that tracking no longer lists must be zeros in the image
    disk.writes.clear()
    lab.advance("6h5m")
    assert runs(lab, job_id)[3]["disks"][0]["reason"] == "change tracking was restarted"
    (row,) = lab.control("GET", f"/images/{lab.job(job_id).image_id}/disks")
    assert row["sha256"] == hashlib.sha256(disk.data).hexdigest()


def test_interval_counts_from_the_end_of_the_run(lab: Lab) -> None:
    job_id = lab.waiting_job(frequency=1)
    (run,) = lab.job(job_id).replication_job_runs.replication_job_run
    (job,) = lab.control("GET", "/state")["jobs"]
    assert run.end_time == "2026-11-22T12:03:31Z"
    assert job["next_run"] == "2026-11-22T13:03:31Z"


def test_advance_makes_as_many_runs_as_there_would_be(lab: Lab) -> None:
    job_id = lab.waiting_job(frequency=1)
    lab.advance("10h")
    assert len(lab.job(job_id).replication_job_runs.replication_job_run) == 10


def test_changed_interval_applies_after_the_next_run(lab: Lab) -> None:
    job_id = lab.waiting_job()
    request = smc_models.ModifyReplicationJobAttributeRequest(job_id=job_id, frequency=1)
    lab.smc().modify_replication_job_attribute(request)
    lab.advance("5h50m")
    assert len(lab.job(job_id).replication_job_runs.replication_job_run) == 1
    lab.advance("15m")
    assert len(lab.job(job_id).replication_job_runs.replication_job_run) == 2
    lab.advance("1h5m")
    assert len(lab.job(job_id).replication_job_runs.replication_job_run) == 3


def test_oldest_unused_image_is_deleted(lab: Lab) -> None:
    job_id = lab.waiting_job()
    first = lab.job(job_id).image_id
    request = ecs_models.RunInstancesRequest(
        region_id=REGION,
        image_id=first,
        instance_type="ecs.g6.large",
        v_switch_id="vsw-lab-isolated",
        security_group_id="sg-lab-isolated",
    )
    lab.ecs().run_instances(request)
    lab.advance("12h10m")
    names = [image.image_name.partition("_")[2] for image in lab.images()]
    assert names == ["CYCLE_3", "CYCLE_1"]  # the second was deleted, because the first is in use
    assert first in {image.image_id for image in lab.images(usage="instance")}


def test_final_synchronization_ends_the_job(lab: Lab) -> None:
    job_id = lab.waiting_job()
    disk = lab.vms.vms["vm-1"][0]
    disk.write(0, b"last write")
    cut_over(lab, job_id, sync_data=True)
    assert lab.job(job_id).status == "Running"
    lab.advance("10m")
    job = lab.job(job_id)
    assert job.status == "Finished"
    (row,) = lab.control("GET", f"/images/{job.image_id}/disks")
    assert row["sha256"] == hashlib.sha256(disk.data).hexdigest()
    assert lab.vms.snapshots == []


def test_pause_and_resume_in_one_run(lab: Lab) -> None:
    job_id = lab.create_job(lab.source())
    lab.start(job_id)
    with pytest.raises(TeaException) as refused:
        stop(lab, job_id)
    assert refused.value.code == "ReplicationJob.InvalidBusinessStatus"
    lab.advance("2m10s")
    stop(lab, job_id)
    lab.advance("7h")
    assert lab.job(job_id).status == "Stopped"
    assert len(lab.instances()) == 1
    lab.start(job_id)
    lab.advance("10m")
    assert lab.job(job_id).status == "Waiting"
    assert len(lab.job(job_id).replication_job_runs.replication_job_run) == 1


def test_stop_while_bytes_are_copied_drops_the_copy(lab: Lab) -> None:
    job_id = lab.create_job(lab.source())
    lab.start(job_id)
    lab.vms.on_read = lambda: stop_inside(lab, job_id)
    lab.advance("10m")
    assert lab.job(job_id).status == "Stopped"
    assert lab.images(status="ALL") == []
    assert (lab.vms.snapshots, len(lab.vms.taken)) == ([], 1)


def stop_inside(lab: Lab, job_id: str) -> None:
    """Do what StopReplicationJob does, in the copying thread, which holds the lock."""
    jobs = lab.cloud.store.jobs
    lab.vms.on_read = lambda: None
    lab.cloud.lifecycle.stop(jobs[job_id])


def test_unreachable_vm_is_an_error_and_the_job_resumes(lab: Lab) -> None:
    job_id = lab.create_job(lab.source())
    lab.vms.unreachable = True
    lab.start(job_id)
    lab.advance("10m")
    job = lab.job(job_id)
    assert (job.status, job.error_code) == ("InError", "SourceServer.VCenterUnreachable")
    assert len(lab.instances()) == 1
    lab.vms.unreachable = False
    lab.start(job_id)
    lab.advance("10m")
    assert (lab.job(job_id).status, lab.job(job_id).error_code) == ("Waiting", "")


@pytest.mark.parametrize(("choice", "status"), [("copied", "Waiting"), ("refused", "InError")])
def test_a_vm_that_is_powered_off_is_a_switch(lab: Lab, choice: str, status: str) -> None:
    job_id = lab.waiting_job()
    lab.switch(powered_off_sources=choice)
    lab.vms.off.update(lab.vms.vms)
    lab.start(job_id)
    lab.advance("10m")
    job = lab.job(job_id)
    assert (job.status, job.error_code) == (status, "SourceServer.PoweredOff" if choice == "refused" else "")


def test_job_is_not_resumed_without_its_instance(lab: Lab) -> None:
    job_id = lab.create_job(lab.source())
    lab.vms.unreachable = True
    lab.start(job_id)
    lab.advance("10m")
    lab.control("POST", "/faults", {"target": "smc", "kind": "instance_gone", "job": job_id})
    with pytest.raises(TeaException) as refused:
        lab.start(job_id)
    assert refused.value.code == "InvalidInstanceId.NotFound"


def test_scheduled_run_without_the_instance_is_an_error(lab: Lab) -> None:
    job_id = lab.waiting_job()
    lab.control("POST", "/faults", {"target": "smc", "kind": "instance_gone"})
    lab.advance("7h")
    assert (lab.job(job_id).status, lab.job(job_id).error_code) == ("InError", "InvalidInstanceId.NotFound")


def test_manual_run_of_a_waiting_job(lab: Lab) -> None:
    job_id = lab.waiting_job()
    lab.start(job_id)
    lab.advance("10m")
    assert [run.type for run in lab.job(job_id).replication_job_runs.replication_job_run] == ["Manual", "Manual"]


def test_strict_documentation_refuses_start_on_waiting(lab: Lab) -> None:
    job_id = lab.waiting_job()
    lab.switch(start_on_waiting=False)
    with pytest.raises(TeaException) as refused:
        lab.start(job_id)
    assert refused.value.data["Message"] == (
        "The specified replication job status: Waiting is invalid. "
        "This operation can only be performed in the following status: Ready,Stopped,InError."
    )


@pytest.mark.parametrize(("then", "status"), [("run", "Running"), ("waiting", "Waiting")])
def test_pausing_a_waiting_job_is_a_switch(lab: Lab, then: str, status: str) -> None:
    job_id = lab.waiting_job()
    with pytest.raises(TeaException) as refused:
        stop(lab, job_id)
    assert refused.value.code == "ReplicationJob.InvalidStatus"
    lab.switch(stop_on_waiting=True, start_after_paused_waiting=then)
    stop(lab, job_id)
    lab.advance("1d")
    assert lab.job(job_id).status == "Stopped"
    lab.start(job_id)
    assert lab.job(job_id).status == status


def test_deletion_is_asynchronous_and_takes_the_instance(lab: Lab) -> None:
    job_id = lab.waiting_job()
    delete(lab, job_id)
    assert lab.job(job_id).status == "Deleting"
    lab.advance("1m")
    request = smc_models.DescribeReplicationJobsRequest(job_id=[job_id])
    assert lab.smc().describe_replication_jobs(request).body.replication_jobs.replication_job == []
    assert lab.instances() == []
    assert len(lab.images()) == 1


def test_running_job_is_not_deleted_unless_switched(lab: Lab) -> None:
    job_id = lab.create_job(lab.source())
    lab.start(job_id)
    with pytest.raises(TeaException) as refused:
        delete(lab, job_id)
    assert refused.value.code == "ReplicationJob.InvalidStatus"
    lab.switch(delete_running=True)
    delete(lab, job_id)
    assert lab.job(job_id).status == "Deleting"


def test_expiry_and_removal_seven_days_later(lab: Lab) -> None:
    job_id = lab.create_job(lab.source())
    lab.advance("30d1m")
    assert lab.job(job_id).status == "Expired"
    lab.advance("7d")
    assert lab.control("GET", "/state")["jobs"] == []


@pytest.mark.parametrize(("expires", "status"), [(True, "Expired"), (False, "Waiting")])
def test_expiry_of_a_waiting_job_is_a_switch(lab: Lab, expires: bool, status: str) -> None:
    lab.switch(waiting_expires=expires)
    job_id = lab.waiting_job(frequency=168, valid_time="2026-11-30T12:00:00Z")
    lab.advance("8d")
    assert lab.job(job_id).status == status


def test_scheduled_start(lab: Lab) -> None:
    job_id = lab.create_job(lab.source(), scheduled_start_time="2026-11-22T13:00:00Z")
    lab.advance("59m")
    assert lab.job(job_id).status == "Ready"
    lab.advance("10m")
    assert lab.job(job_id).status == "Waiting"
    assert lab.job(job_id).replication_job_runs.replication_job_run[0].type == "Schedule"


def test_run_once_job_finishes(lab: Lab) -> None:
    job_id = lab.create_job(lab.source(), run_once=True, frequency=None, max_number_of_image_to_keep=None)
    lab.start(job_id)
    lab.advance("10m")
    assert lab.job(job_id).status == "Finished"
    (image,) = lab.images()
    assert image.image_name == lab.job(job_id).image_name


def test_silent_connector_fails_the_running_job(lab: Lab) -> None:
    job_id = lab.create_job(lab.source())
    lab.start(job_id)
    lab.time.offset = 31
    lab.cloud.engine.check_heartbeats()
    assert (lab.job(job_id).status, lab.job(job_id).error_code) == ("InError", "SourceServer.Offline")
    with pytest.raises(TeaException) as refused:
        lab.start(job_id)
    assert refused.value.code == "SourceServerState.Invalid"


def test_own_vpc_per_job_without_vswitch_up_to_the_quota(lab: Lab) -> None:
    lab.switch(vpc_quota=2)
    first = lab.create_job(lab.source(1), v_switch_id=None)
    second = lab.create_job(lab.source(2), v_switch_id=None)
    lab.start(first)
    lab.start(second)
    assert (lab.job(second).status, lab.job(second).error_code) == ("InError", "QuotaExceeded.Vpc")
    lab.advance("10m")
    cut_over(lab, first, sync_data=False)
    lab.advance("10m")
    assert [vpc["vpc_id"] for vpc in lab.control("GET", "/state")["vpcs"]] == ["vpc-lab"]


def test_fifty_jobs_at_the_same_time(lab: Lab) -> None:
    jobs = [lab.create_job(lab.source(number, (2 * MIB,))) for number in range(1, 51)]
    for job_id in jobs:
        lab.start(job_id)
    extra = lab.create_job(lab.source(51))
    with pytest.raises(TeaException) as refused:
        lab.start(extra)
    assert refused.value.code == "QuotaExceeded.ReplicationJob"
    lab.advance("10m")
    request = smc_models.DescribeReplicationJobsRequest(job_id=jobs, page_size=50)
    found = lab.smc().describe_replication_jobs(request).body.replication_jobs.replication_job
    assert [job.status for job in found] == ["Waiting"] * 50


@pytest.mark.parametrize(("residual", "left"), [(False, 0), (True, 1)])
def test_snapshot_of_a_job_deleted_while_copying_is_a_switch(lab: Lab, residual: bool, left: int) -> None:
    lab.switch(delete_running=True, residual_snapshot_on_delete=residual)
    job_id = lab.create_job(lab.source())
    lab.start(job_id)

    def delete_inside() -> None:
        lab.vms.on_read = lambda: None
        lab.cloud.lifecycle.delete(lab.cloud.store.jobs[job_id])

    lab.vms.on_read = delete_inside
    lab.advance("10m")
    assert len(lab.vms.snapshots) == left
    assert lab.control("GET", "/state")["jobs"] == []


@pytest.mark.parametrize(("choice", "keys"), [("skipped", [2000]), ("copied", [2000, 2001])])
def test_data_disk_that_is_not_listed_is_a_switch(lab: Lab, choice: str, keys: list[int]) -> None:
    lab.switch(unlisted_data_disks=choice)
    job_id = lab.waiting_job(sizes=(2 * MIB, 2 * MIB))
    assert [row["key"] for row in lab.control("GET", f"/images/{lab.job(job_id).image_id}/disks")] == keys


def test_scheduled_run_waits_for_its_turn(lab: Lab) -> None:
    first, second = lab.waiting_job(1), lab.create_job(lab.source(2))
    lab.advance("5h50m")
    lab.switch(running_jobs_limit=1, seconds_preparing=1800)
    lab.start(second)
    lab.advance("10m")
    assert lab.job(first).status == "Waiting"
    lab.advance("30m")
    assert [run.type for run in lab.job(first).replication_job_runs.replication_job_run] == ["Manual", "Schedule"]


def test_offline_source_fails_the_scheduled_run(lab: Lab) -> None:
    job_id = lab.waiting_job()
    lab.control("POST", "/faults", {"target": "smc", "kind": "heartbeat_lost", "source": "app-01"})
    lab.advance("7h")
    assert (lab.job(job_id).status, lab.job(job_id).error_code) == ("InError", "SourceServer.Offline")
    lab.control("DELETE", "/faults")
    lab.start(job_id)
    lab.advance("10m")
    assert lab.job(job_id).status == "Waiting"


@pytest.mark.parametrize(("choice", "phase"), [("empty", ""), ("last", "Processing")])
def test_phase_of_an_idle_job_is_a_switch(lab: Lab, choice: str, phase: str) -> None:
    lab.switch(business_status_when_idle=choice)
    assert lab.job(lab.waiting_job()).business_status == phase


def test_how_runs_are_listed_is_a_switch(lab: Lab) -> None:
    job_id = lab.waiting_job()
    lab.start(job_id)

    def starts() -> list[str]:
        return [run.start_time for run in lab.job(job_id).replication_job_runs.replication_job_run]

    oldest_first = starts()
    assert len(oldest_first) == 2
    lab.switch(run_order="newest_first")
    assert starts() == oldest_first[::-1]
    lab.switch(running_record_listed=False)
    assert starts() == oldest_first[:1]
    assert lab.job(job_id).image_id
    lab.switch(job_image_id="none")
    assert lab.job(job_id).image_id == ""


def test_time_passes_by_itself(lab: Lab) -> None:
    """The driver: with the clock running, a job comes to its end although no test moves it."""
    job_id = lab.create_job(lab.source())
    lab.start(job_id)
    changed = lab.cloud.engine.changed
    lab.time.step = 0.1  # a virtual minute once the clock runs
    lab.cloud.engine.start()
    try:
        lab.control("POST", "/clock", {"scale": 600})
        with changed:
            assert changed.wait_for(lambda: lab.cloud.store.jobs[job_id].status == "Waiting", 20)
    finally:
        lab.time.step = 0
        lab.cloud.engine.stop()
    (run,) = lab.job(job_id).replication_job_runs.replication_job_run
    assert run.start_time < run.end_time
