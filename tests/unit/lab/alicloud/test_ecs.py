"""ECS as far as a migration needs it: instances, images, snapshots, disks, networks, tags, dry runs."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ecs20140526 import models as ecs_models
from Tea.exceptions import TeaException

from tests.unit.lab.alicloud.harness import REGION, Lab, code_of


def run_request(image: str, **changes: Any) -> ecs_models.RunInstancesRequest:
    values = {
        "region_id": REGION,
        "image_id": image,
        "instance_type": "ecs.g6.large",
        "v_switch_id": "vsw-lab-isolated",
        "security_group_id": "sg-lab-isolated",
        "instance_name": "verify-app-01",
        **changes,
    }
    return ecs_models.RunInstancesRequest(**values)


def run(lab: Lab, image_id: str, **changes: Any) -> str:
    return str(lab.ecs().run_instances(run_request(image_id, **changes)).body.instance_id_sets.instance_id_set[0])


def delete_request(instance_id: str, **changes: Any) -> ecs_models.DeleteInstanceRequest:
    return ecs_models.DeleteInstanceRequest(instance_id=instance_id, **changes)


@pytest.fixture
def image_id(lab: Lab) -> str:
    return str(lab.job(lab.waiting_job()).image_id)


def test_image_as_the_typed_model_reads_it(lab: Lab, image_id: str) -> None:
    (image,) = lab.images()
    (mapping,) = image.disk_device_mappings.disk_device_mapping
    assert image.image_id == image_id
    assert (image.status, image.progress, image.size, image.image_owner_alias) == ("Available", "100%", 20, "self")
    assert (image.ostype, image.architecture, image.boot_mode, image.usage) == ("linux", "x86_64", "BIOS", "none")
    assert (mapping.device, mapping.type, mapping.size) == ("/dev/xvda", "system", "20")
    request = ecs_models.DescribeSnapshotsRequest(region_id=REGION, snapshot_ids=f'["{mapping.snapshot_id}"]')
    (snapshot,) = lab.ecs().describe_snapshots(request).body.snapshots.snapshot
    assert (snapshot.status, snapshot.usage, snapshot.source_disk_type) == ("accomplished", "image", "system")


def test_image_in_creation_is_listed_only_on_request(lab: Lab) -> None:
    job_id = lab.create_job(lab.source())
    lab.start(job_id)
    lab.advance("2m40s")
    assert lab.images() == []
    (image,) = lab.images(status="Creating,Available")
    assert image.status == "Creating"
    assert code_of(lab.ecs().run_instances, run_request(image.image_id)) == "IncorrectImageStatus"


def test_verification_instance(lab: Lab, image_id: str) -> None:
    instance_id = run(lab, image_id, tag=[ecs_models.RunInstancesRequestTag(key="purpose", value="verify")])
    ids = f'["{instance_id}"]'
    (instance,) = lab.instances(instance_ids=ids)
    assert (instance.status, instance.image_id, instance.instance_name) == ("Pending", image_id, "verify-app-01")
    assert instance.vpc_attributes.v_switch_id == "vsw-lab-isolated"
    assert instance.security_group_ids.security_group_id == ["sg-lab-isolated"]
    assert instance.public_ip_address.ip_address == []
    assert [(tag.tag_key, tag.tag_value) for tag in instance.tags.tag] == [("purpose", "verify")]
    lab.advance("30s")
    status = ecs_models.DescribeInstanceStatusRequest(region_id=REGION, instance_id=[instance_id])
    (row,) = lab.ecs().describe_instance_status(status).body.instance_statuses.instance_status
    assert (row.instance_id, row.status) == (instance_id, "Running")
    disks = ecs_models.DescribeDisksRequest(region_id=REGION, instance_id=instance_id)
    (disk,) = lab.ecs().describe_disks(disks).body.disks.disk
    assert (disk.type, disk.size, disk.delete_with_instance) == ("system", 20, True)
    lab.ecs().delete_instance(delete_request(instance_id, force=True))
    assert lab.instances(instance_ids=ids) == []
    assert lab.ecs().describe_disks(disks).body.disks.disk == []


def test_stop_start_and_protection(lab: Lab, image_id: str) -> None:
    instance_id, ecs = run(lab, image_id, deletion_protection=True), lab.ecs()
    assert (
        code_of(ecs.start_instance, ecs_models.StartInstanceRequest(instance_id=instance_id))
        == "IncorrectInstanceStatus"
    )
    lab.advance("30s")
    assert (
        code_of(ecs.delete_instance, delete_request(instance_id, force=True)) == "InvalidOperation.DeletionProtection"
    )
    ecs.modify_instance_attribute(
        ecs_models.ModifyInstanceAttributeRequest(instance_id=instance_id, deletion_protection=False)
    )
    assert code_of(ecs.delete_instance, delete_request(instance_id)) == "IncorrectInstanceStatus"
    ecs.stop_instance(ecs_models.StopInstanceRequest(instance_id=instance_id, stopped_mode="StopCharging"))
    lab.advance("30s")
    (instance,) = lab.instances(instance_name="verify-*")
    assert (instance.status, instance.stopped_mode) == ("Stopped", "StopCharging")
    ecs.start_instance(ecs_models.StartInstanceRequest(instance_id=instance_id))
    lab.advance("30s")
    assert lab.instances(instance_name="verify-*")[0].status == "Running"
    ecs.delete_instances(ecs_models.DeleteInstancesRequest(region_id=REGION, instance_id=[instance_id], force=True))
    assert code_of(ecs.delete_instance, delete_request(instance_id, force=True)) == "InvalidInstanceId.NotFound"


def test_automatic_release(lab: Lab, image_id: str) -> None:
    now = lab.control("GET", "/clock")["now"]
    assert now == "2026-11-22T12:10:00Z"
    too_soon = run_request(image_id, auto_release_time="2026-11-22T12:39:00Z")
    assert code_of(lab.ecs().run_instances, too_soon) == "InvalidAutoReleaseTime.Malformed"
    run(lab, image_id, auto_release_time="2026-11-22T12:40:30Z")
    assert lab.instances(instance_name="verify-*")[0].auto_release_time == "2026-11-22T12:40Z"
    lab.advance("29m59s")
    assert len(lab.instances(instance_name="verify-*")) == 1
    lab.advance("1s")
    assert lab.instances(instance_name="verify-*") == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"image_id": "m-none"}, "InvalidImageId.NotFound"),
        ({"v_switch_id": "vsw-none"}, "InvalidVSwitchId.NotFound"),
        ({"security_group_id": "sg-none"}, "InvalidSecurityGroupId.NotFound"),
        ({"security_group_id": None}, "MissingParameter"),
        ({"instance_type": None}, "MissingParameter"),
        ({"region_id": "cn-beijing"}, "InvalidRegionId.NotFound"),
        ({"amount": 101}, "InvalidParameter"),
        ({"dry_run": True}, "DryRunOperation"),
        (
            {"system_disk": ecs_models.RunInstancesRequestSystemDisk(size="30")},
            "",
        ),
    ],
)
def test_run_instances_checks(lab: Lab, image_id: str, changes: dict[str, Any], code: str) -> None:
    assert code_of(lab.ecs().run_instances, run_request(image_id, **changes)) == code
    assert len(lab.instances(instance_name="verify-*")) == (0 if code else 1)


def test_system_disk_below_the_image(lab: Lab) -> None:
    image_id = lab.job(lab.waiting_job(system_disk_size=40)).image_id
    small = run_request(image_id, system_disk=ecs_models.RunInstancesRequestSystemDisk(size="39"))
    assert code_of(lab.ecs().run_instances, small) == "InvalidSystemDiskSize.LessThanImageSize"


def test_client_token_of_run_instances(lab: Lab, image_id: str) -> None:
    first = run(lab, image_id, client_token="t")
    assert run(lab, image_id, client_token="t") == first
    other = run_request(image_id, client_token="t", instance_name="other")
    assert code_of(lab.ecs().run_instances, other) == "IdempotentParameterMismatch"


def test_dry_run_succeeds_by_an_error_and_counts_as_reading(lab: Lab, image_id: str) -> None:
    instance_id = run(lab, image_id)
    lab.advance("1m")
    lab.control("DELETE", "/requests")
    ecs = lab.ecs()
    assert code_of(ecs.delete_instance, delete_request(instance_id, force=True, dry_run=True)) == "DryRunOperation"
    many = ecs_models.DeleteInstancesRequest(region_id=REGION, instance_id=[instance_id], force=True, dry_run=True)
    assert code_of(ecs.delete_instances, many) == "DRYRUN.SUCCESS"
    assert not any(row["mutating"] for row in lab.control("GET", "/requests"))
    assert len(lab.instances(instance_name="verify-*")) == 1


def test_image_in_use_and_its_snapshots(lab: Lab, image_id: str) -> None:
    instance_id, ecs = run(lab, image_id), lab.ecs()
    lab.advance("1m")
    plain = ecs_models.DeleteImageRequest(region_id=REGION, image_id=image_id)
    snapshots = ecs_models.DescribeSnapshotsRequest(region_id=REGION)
    (snapshot,) = ecs.describe_snapshots(snapshots).body.snapshots.snapshot
    remove = ecs_models.DeleteSnapshotRequest(snapshot_id=snapshot.snapshot_id)
    assert code_of(ecs.delete_image, plain) == "ImageUsingByInstance"
    assert code_of(ecs.delete_snapshot, remove) == "SnapshotCreatedImage"
    assert (
        code_of(ecs.delete_image, ecs_models.DeleteImageRequest(region_id=REGION, image_id=image_id, force=True)) == ""
    )
    assert code_of(ecs.delete_snapshot, remove) == "SnapshotCreatedDisk"
    ecs.delete_instance(delete_request(instance_id, force=True))
    assert code_of(ecs.delete_snapshot, remove) == ""
    assert code_of(ecs.delete_snapshot, remove) == "InvalidSnapshotId.NotFound"
    assert code_of(ecs.delete_image, plain) == "InvalidImageId.NotFound"


@pytest.mark.parametrize(("with_image", "left"), [(True, 1), (False, 2)])
def test_snapshots_of_a_pruned_image_are_a_switch(lab: Lab, with_image: bool, left: int) -> None:
    lab.switch(prune_deletes_snapshots=with_image)
    lab.waiting_job(max_number_of_image_to_keep=1)
    lab.advance("6h5m")
    request = ecs_models.DescribeSnapshotsRequest(region_id=REGION)
    assert len(lab.images()) == 1
    assert len(lab.ecs().describe_snapshots(request).body.snapshots.snapshot) == left


def test_paging_by_token(lab: Lab, image_id: str) -> None:
    lab.ecs().run_instances(run_request(image_id, amount=24))
    names: list[str] = []
    token, pages = None, 0
    while token != "":
        request = ecs_models.DescribeInstancesRequest(region_id=REGION, max_results=10, next_token=token)
        body = lab.ecs().describe_instances(request).body
        names += [instance.instance_id for instance in body.instances.instance]
        token, pages = body.next_token, pages + 1
    assert (len(set(names)), len(names), pages) == (25, 25, 3)


@pytest.mark.parametrize(("sensitive", "found"), [(True, 0), (False, 1)])
def test_name_filter_case_is_a_switch(lab: Lab, image_id: str, sensitive: bool, found: int) -> None:
    lab.switch(instance_name_case_sensitive=sensitive)
    assert len(lab.instances(instance_name="no_delete_smc_*")) == found


def test_image_tags_are_kept(lab: Lab, image_id: str) -> None:
    tag = ecs_models.TagResourcesRequestTag(key="cutover:vm-uuid", value="5000-1")
    request = ecs_models.TagResourcesRequest(region_id=REGION, resource_type="image", resource_id=[image_id], tag=[tag])
    lab.ecs().tag_resources(request)
    wanted = ecs_models.DescribeImagesRequestTag(key="cutover:vm-uuid", value="5000-1")
    assert [image.image_id for image in lab.images(tag=[wanted])] == [image_id]
    listing = ecs_models.ListTagResourcesRequest(region_id=REGION, resource_type="image", resource_id=[image_id])
    (row,) = lab.ecs().list_tag_resources(listing).body.tag_resources.tag_resource
    assert (row.resource_type, row.tag_key, row.tag_value) == ("image", "cutover:vm-uuid", "5000-1")


def test_network_and_region(lab: Lab) -> None:
    ecs = lab.ecs()
    (group,) = ecs.describe_security_groups(
        ecs_models.DescribeSecurityGroupsRequest(region_id=REGION)
    ).body.security_groups.security_group
    vswitches = ecs_models.DescribeVSwitchesRequest(v_switch_id="vsw-lab-isolated")
    (vswitch,) = ecs.describe_vswitches(vswitches).body.v_switches.v_switch
    (region,) = ecs.describe_regions(ecs_models.DescribeRegionsRequest()).body.regions.region
    assert (group.security_group_id, group.vpc_id) == ("sg-lab-isolated", vswitch.vpc_id)
    assert region.region_id == REGION


def test_filters_by_creation(lab: Lab, image_id: str) -> None:
    def images(key: str, value: str) -> int:
        return len(lab.images(filter=[ecs_models.DescribeImagesRequestFilter(key=key, value=value)]))

    assert lab.images()[0].creation_time.startswith("2026-11-22T12:02:30")
    assert (images("CreationStartTime", "2026-11-22T12:02Z"), images("CreationStartTime", "2026-11-22T12:03Z")) == (
        1,
        0,
    )
    assert (images("CreationEndTime", "2026-11-22T12:02Z"), images("CreationEndTime", "2026-11-22T12:03Z")) == (0, 1)
    for key, value, code in (
        ("Color", "red", "InvalidFilterKey.NotFound"),
        ("CreationEndTime", "now", "InvalidFilterValue"),
    ):
        with pytest.raises(TeaException) as refused:
            images(key, value)
        assert refused.value.code == code


def test_release_time_can_be_cancelled(lab: Lab, image_id: str) -> None:
    instance_id = run(lab, image_id, auto_release_time="2026-11-22T13:00:00Z")
    lab.ecs().modify_instance_auto_release_time(
        ecs_models.ModifyInstanceAutoReleaseTimeRequest(instance_id=instance_id)
    )
    lab.advance("2h")
    assert len(lab.instances(instance_name="verify-*")) == 1


def test_disk_of_an_instance_is_not_deleted(lab: Lab, image_id: str) -> None:
    instance_id, ecs = run(lab, image_id), lab.ecs()
    (disk,) = ecs.describe_disks(
        ecs_models.DescribeDisksRequest(region_id=REGION, instance_id=instance_id)
    ).body.disks.disk
    assert code_of(ecs.delete_disk, ecs_models.DeleteDiskRequest(disk_id=disk.disk_id)) == "IncorrectDiskStatus"
    assert code_of(ecs.delete_disk, ecs_models.DeleteDiskRequest(disk_id="d-none")) == "InvalidDiskId.NotFound"
