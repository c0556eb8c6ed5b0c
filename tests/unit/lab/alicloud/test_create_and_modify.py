"""What CreateReplicationJob and ModifyReplicationJobAttribute accept and refuse."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_smc20190601 import models as smc_models
from Tea.exceptions import TeaException

from tests.unit.lab.alicloud.harness import MIB, Lab, job_request

GIB = 1024 * MIB


def refusal(lab: Lab, source: str, **changes: Any) -> tuple[str, str]:
    with pytest.raises(TeaException) as failure:
        lab.smc().create_replication_job(job_request(source, **changes))
    return str(failure.value.code), str(failure.value.data["Message"])


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"region_id": None}, "MissingParameter", "RegionId"),
        ({"source_id": None}, "MissingParameter", "SourceId"),
        ({"frequency": None}, "MissingParameter", "Frequency"),
        ({"frequency": 0}, "InvalidParameter", "Frequency"),
        ({"frequency": 169}, "InvalidParameter", "Frequency"),
        ({"max_number_of_image_to_keep": None}, "MissingParameter", "MaxNumberOfImageToKeep"),
        ({"max_number_of_image_to_keep": 11}, "InvalidParameter", "MaxNumberOfImageToKeep"),
        ({"image_name": None}, "MissingParameter", "ImageName"),
        ({"image_name": "1st"}, "InvalidParameter", "ImageName"),
        ({"name": "a"}, "InvalidParameter", "Name"),
        ({"name": "with space"}, "InvalidParameter", "Name"),
        ({"name": "https://example.com"}, "InvalidParameter", "Name"),
        ({"description": "two words"}, "InvalidParameter", "Description"),
        ({"target_type": "ContainerImage"}, "InvalidParameter", "TargetType"),
        ({"target_type": "Tape"}, "InvalidParameter", "TargetType"),
        ({"job_type": 0}, "InvalidParameter", "JobType"),
        ({"system_disk_size": None}, "MissingParameter", "SystemDiskSize"),
        ({"system_disk_size": 19}, "InvalidParameter", "SystemDiskSize"),
        ({"system_disk_size": 2049}, "InvalidParameter", "SystemDiskSize"),
        ({"net_mode": 1}, "InvalidParameter", "NetMode"),
        ({"net_mode": 2, "v_switch_id": None}, "MissingParameter", "VSwitchId"),
        ({"v_switch_id": "vsw-none"}, "InvalidVSwitchId.NotFound", ""),
        ({"vpc_id": "vpc-other"}, "VSwitchIdVpcId.Mismatch", ""),
        ({"license_type": "GPL"}, "InvalidParameter", "LicenseType"),
        ({"valid_time": "2026-11-28T12:00:00Z"}, "InvalidParameter", "ValidTime"),
        ({"valid_time": "2027-02-21T12:00:00Z"}, "InvalidParameter", "ValidTime"),
        ({"valid_time": "next week"}, "InvalidParameter", "ValidTime"),
        ({"scheduled_start_time": "2026-11-22T12:00:00Z"}, "InvalidParameter", "ScheduledStartTime"),
        ({"scheduled_start_time": "2026-12-23T12:00:00Z"}, "InvalidParameter", "ScheduledStartTime"),
        ({"replication_parameters": "BandWidthLimit:0"}, "InvalidParameter", "ReplicationParameters"),
        ({"replication_parameters": f'{{"a":"{"x" * 2048}"}}'}, "InvalidParameter", "ReplicationParameters"),
        ({"client_token": "x" * 65}, "InvalidParameter", "ClientToken"),
    ],
)
def test_refused_parameters(lab: Lab, changes: dict[str, Any], code: str, named: str) -> None:
    found = refusal(lab, lab.source(), **changes)
    assert found[0] == code
    assert f'"{named}"' in found[1] or not named
    assert lab.control("GET", "/state")["jobs"] == []


@pytest.mark.parametrize(
    ("disks", "code"),
    [
        ([{"index": 2, "size": 20}], "ReplicationJobDataDiskIndex.Invalid"),
        ([{"index": 1, "size": 20}, {"index": 1, "size": 30}], "DataDisk.DuplicateIndex"),
        ([{"index": 17, "size": 20}], "InvalidParameter"),
        ([{"index": 1}], "MissingParameter"),
        ([{"size": 20}], "MissingParameter"),
        ([{"index": 1, "size": 19}], "InvalidParameter"),
    ],
)
def test_refused_data_disks(lab: Lab, disks: list[dict[str, int]], code: str) -> None:
    data_disks = [smc_models.CreateReplicationJobRequestDataDisk(**disk) for disk in disks]
    assert refusal(lab, lab.source(1, (MIB * 4, MIB)), data_disk=data_disks)[0] == code


@pytest.mark.parametrize(
    ("tag", "accepted"),
    [
        (("cutover:vm-uuid", "x"), True),
        (("key", ""), True),
        (("aliyun-key", "x"), False),
        (("acs:key", "x"), False),
        (("key", "https://x"), False),
        (("k" * 129, "x"), False),
    ],
)
def test_tags(lab: Lab, tag: tuple[str, str], accepted: bool) -> None:
    tags = [smc_models.CreateReplicationJobRequestTag(key=tag[0], value=tag[1])]
    source_id = lab.source()
    if accepted:
        job = lab.job(lab.create_job(source_id, tag=tags))
        assert [(item.key, item.value) for item in job.tags.tag] == [tag]
    else:
        assert refusal(lab, source_id, tag=tags)[0] == "InvalidParameter"


def big_vm(lab: Lab, gib: int) -> str:
    """A source whose disk is only declared, so that its size can be compared."""
    vm = lab.add_vm()
    vm["disk"][0]["capacity"] = gib * 1024 * 1024
    return lab.register(vm)


def test_destination_disk_has_to_be_larger(lab: Lab) -> None:
    source_id = big_vm(lab, 40)
    assert refusal(lab, source_id, system_disk_size=39)[0] == "InvalidParameter"
    assert refusal(lab, source_id, system_disk_size=40)[0] == "InvalidParameter"
    lab.switch(equal_size_accepted=True)
    assert refusal(lab, source_id, system_disk_size=39)[0] == "InvalidParameter"
    assert lab.job(lab.create_job(source_id, system_disk_size=40)).system_disk_size == 40


def test_newer_disk_shape_is_accepted(lab: Lab) -> None:
    disks = smc_models.CreateReplicationJobRequestDisks(
        system=smc_models.CreateReplicationJobRequestDisksSystem(size=25),
        data=[smc_models.CreateReplicationJobRequestDisksData(size=30)],
    )
    job = lab.job(lab.create_job(lab.source(1, (MIB, MIB)), system_disk_size=None, disks=disks))
    assert (job.system_disk_size, job.data_disks.data_disk[0].size) == (25, 30)
    assert (job.disks.system.size, job.disks.data.data[0].size) == (25, 30)


def test_one_unfinished_job_per_source(lab: Lab) -> None:
    source_id = lab.source()
    lab.create_job(source_id)
    code, message = refusal(lab, source_id, name="another", image_name="another")
    assert code == "SourceServerState.Invalid"
    assert message == (
        "The specified source server status: InUse is invalid. "
        "This operation can only be performed in the following status: Available."
    )


def test_names_are_unique(lab: Lab) -> None:
    lab.create_job(lab.source(1), name="job-a", image_name="image-a")
    second = lab.source(2)
    assert refusal(lab, second, name="job-a", image_name="image-b")[0] == "ReplicationJobName.Duplicate"
    code, message = refusal(lab, second, name="job-b", image_name="image-a")
    assert code == "ImageName.UsedByReplicationJob"
    assert '"image-a"' in message


def test_image_name_that_is_taken_gets_the_job_id(lab: Lab) -> None:
    first = lab.waiting_job(1, image_name="golden")
    (image,) = lab.images()
    lab.smc().delete_replication_job(smc_models.DeleteReplicationJobRequest(job_id=first))
    lab.advance("1m")
    second = lab.waiting_job(2, image_name="golden")
    assert {found.image_name for found in lab.images()} == {image.image_name, f"golden_CYCLE_1_{second}"}


def test_client_token(lab: Lab) -> None:
    source_id = lab.source()
    first = lab.create_job(source_id, client_token="token-1")
    assert lab.create_job(source_id, client_token="token-1") == first
    assert refusal(lab, source_id, client_token="token-1", frequency=7)[0] == "IdempotentParameterMismatch"
    assert refusal(lab, source_id, client_token="token-2")[0] == "SourceServerState.Invalid"


def test_client_token_is_forgotten_after_its_time(lab: Lab) -> None:
    first = lab.create_job(lab.source(), client_token="token-1")
    source_id = lab.job(first).source_id
    lab.smc().delete_replication_job(smc_models.DeleteReplicationJobRequest(job_id=first))
    lab.advance("23h")
    assert lab.create_job(source_id, client_token="token-1") == first
    lab.advance("1h")
    assert lab.create_job(source_id, client_token="token-1") != first


def test_refused_creation_may_be_repeated_with_the_same_token(lab: Lab) -> None:
    source_id = lab.source()
    assert refusal(lab, source_id, client_token="token-1", frequency=999)[0] == "InvalidParameter"
    assert lab.create_job(source_id, client_token="token-1")


def test_quota(lab: Lab) -> None:
    lab.switch(jobs_limit=1)
    lab.create_job(lab.source(1))
    assert refusal(lab, lab.source(2))[0] == "QuotaExceeded.ReplicationJob"


def test_defaults(lab: Lab) -> None:
    job_id = lab.create_job(lab.source(), name=None, job_type=None, target_type=None)
    job = lab.job(job_id)
    assert (job.job_type, job.target_type, job.net_mode, job.valid_time) == (3, "Image", 0, "2026-12-22T12:00:00Z")
    assert job.creation_time == "2026-11-22T12:00:00Z"


def modify(lab: Lab, job_id: str, **changes: Any) -> str:
    """The code of the refusal, empty when it was accepted."""
    try:
        request = smc_models.ModifyReplicationJobAttributeRequest(job_id=job_id, **changes)
        lab.smc().modify_replication_job_attribute(request)
    except TeaException as failure:
        return str(failure.code)
    return ""


ALWAYS = {"name": "renamed", "description": "described"}
VALIDITY = {"valid_time": "2027-01-01T00:00:00Z"}
CYCLE = {"frequency": 12, "max_number_of_image_to_keep": 3}
REST = {"image_name": "other", "system_disk_size": 50, "instance_type": "ecs.g6.large", "net_mode": 2}


def in_state(lab: Lab, status: str) -> str:
    """A job in some state."""
    job_id = lab.create_job(lab.source())
    if status != "Ready":
        lab.vms.unreachable = status == "InError"
        lab.start(job_id)
    if status == "Stopped":
        lab.advance("2m10s")
        lab.smc().stop_replication_job(smc_models.StopReplicationJobRequest(job_id=job_id))
    if status in ("InError", "Waiting", "Finished"):
        lab.advance("10m")
    if status == "Finished":
        lab.smc().cut_over_replication_job(smc_models.CutOverReplicationJobRequest(job_id=job_id))
        lab.advance("10m")
    assert lab.job(job_id).status == status
    return job_id


@pytest.mark.parametrize(
    ("status", "validity", "cycle", "rest"),
    [
        ("Ready", True, True, True),
        ("Running", True, False, False),
        ("Stopped", True, False, False),
        ("InError", True, False, False),
        ("Waiting", True, True, False),
        ("Finished", False, False, False),
    ],
)
def test_which_attribute_changes_when(lab: Lab, status: str, validity: bool, cycle: bool, rest: bool) -> None:
    job_id = in_state(lab, status)
    assert modify(lab, job_id, **ALWAYS) == ""
    for changes, allowed in ((VALIDITY, validity), (CYCLE, cycle), (REST, rest)):
        assert modify(lab, job_id, **changes) == ("" if allowed else "ReplicationJob.InvalidStatus")
        for name, value in changes.items():
            assert (getattr(lab.job(job_id), name) == value) is allowed


def test_modify_changes_all_or_nothing(lab: Lab) -> None:
    job_id = lab.waiting_job()
    assert modify(lab, job_id, frequency=12, image_name="other") == "ReplicationJob.InvalidStatus"
    assert lab.job(job_id).frequency == 6


def test_validity_can_be_extended_up_to_ninety_days_after_creation(lab: Lab) -> None:
    job_id = lab.create_job(lab.source())
    lab.advance("20d")
    assert modify(lab, job_id, valid_time="2027-02-20T12:00:01Z") == "InvalidParameter"
    assert modify(lab, job_id, valid_time="2027-02-20T12:00:00Z") == ""
    lab.advance("20d")
    assert lab.job(job_id).status == "Ready"


def test_scheduled_start_can_be_cancelled(lab: Lab) -> None:
    job_id = lab.create_job(lab.source(), scheduled_start_time="2026-11-22T13:00:00Z")
    assert modify(lab, job_id, scheduled_start_time="") == ""
    lab.advance("2h")
    assert lab.job(job_id).status == "Ready"


@pytest.mark.parametrize(("choice", "code"), [("not_found", "InvalidJobId.NotFound"), ("invalid_status", "ReplicationJob.InvalidStatus")])  # fmt: skip
def test_unknown_job_is_a_switch(lab: Lab, choice: str, code: str) -> None:
    lab.switch(unknown_job_error=choice)
    assert modify(lab, "j-none", name="renamed") == code
