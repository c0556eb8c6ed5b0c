"""Migration of an instance to another zone."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_smc20190601 import models as smc_models

from tests.unit.lab.alicloud.harness import REGION, Lab, code_of
from tests.unit.lab.alicloud.test_ecs import run


@pytest.fixture
def instance_id(lab: Lab) -> str:
    """A running instance in the first zone."""
    found = run(lab, str(lab.job(lab.waiting_job()).image_id))
    lab.advance("1m")
    return found


def request(instance: str, **changes: Any) -> smc_models.CreateCrossZoneMigrationJobRequest:
    values = {"region_id": REGION, "instance_id": instance, "target_zone_id": f"{REGION}-c", **changes}
    return smc_models.CreateCrossZoneMigrationJobRequest(**values)


def instance_of(lab: Lab, instance_id: str) -> Any:
    return next(instance for instance in lab.instances() if instance.instance_id == instance_id)


def test_instance_is_stopped_migrated_and_started(lab: Lab, instance_id: str) -> None:
    before = instance_of(lab, instance_id)
    asked = request(instance_id, target_instance_type="ecs.g6.xlarge", client_token="t-1")
    job_id = lab.smc().create_cross_zone_migration_job(asked).body.job_id
    assert lab.smc().create_cross_zone_migration_job(asked).body.job_id == job_id
    job = lab.job(job_id)
    assert (job.status, job.business_status, job.job_type, job.instance_id) == ("Running", "Preparing", 2, instance_id)
    lab.advance("1m")
    assert instance_of(lab, instance_id).status == "Stopped"
    lab.advance("10m")
    after = instance_of(lab, instance_id)
    assert (before.zone_id, after.zone_id) == (f"{REGION}-b", f"{REGION}-c")
    assert (after.status, after.instance_type) == ("Running", "ecs.g6.xlarge")
    assert after.vpc_attributes.v_switch_id == "vsw-lab-other-zone"
    assert lab.job(job_id).status == "Finished"
    filters = smc_models.DescribeSourceServersRequest(related_job_type=["Cross_Zone"])
    (source,) = lab.smc().describe_source_servers(filters).body.source_servers.source_server
    assert (source.name, source.state) == ("verify-app-01", "Available")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"region_id": None}, "MissingParameter"),
        ({"instance_id": None}, "MissingParameter"),
        ({"instance_id": "i-none"}, "InvalidInstanceId.NotFound"),
        ({"target_zone_id": None}, "MissingParameter"),
        ({"target_zone_id": f"{REGION}-b"}, "InvalidParameter"),
        ({"target_zone_id": f"{REGION}-z"}, "InvalidParameter"),
        ({"target_vswitch_id": "vsw-none"}, "InvalidVSwitchId.NotFound"),
        ({"target_instance_type": "ecs.c7.large"}, "InvalidParameter"),
        ({"disk": [smc_models.CreateCrossZoneMigrationJobRequestDisk(disk_id="d-none")]}, "InvalidDiskId.NotFound"),
    ],
)
def test_invalid_requests_are_refused(lab: Lab, instance_id: str, changes: dict[str, Any], code: str) -> None:
    assert code_of(lab.smc().create_cross_zone_migration_job, request(instance_id, **changes)) == code


def test_one_job_at_a_time_and_no_intermediate_instances(lab: Lab, instance_id: str) -> None:
    transition = next(instance for instance in lab.instances() if instance.instance_id != instance_id)
    assert code_of(lab.smc().create_cross_zone_migration_job, request(transition.instance_id)) == "InvalidParameter"
    lab.smc().create_cross_zone_migration_job(request(instance_id))
    lab.advance("1m")
    again = code_of(lab.smc().create_cross_zone_migration_job, request(instance_id))
    assert again == "SourceServerState.Invalid"


def test_instance_released_during_a_migration(lab: Lab, instance_id: str) -> None:
    job_id = lab.smc().create_cross_zone_migration_job(request(instance_id)).body.job_id
    lab.cloud.compute.delete_instance(instance_id)
    lab.advance("10m")
    job = lab.job(job_id)
    assert (job.status, job.error_code) == ("InError", "InvalidInstanceId.NotFound")
    start = smc_models.StartReplicationJobRequest(job_id=job_id)
    assert code_of(lab.smc().start_replication_job, start) == "ReplicationJob.InvalidStatus"
