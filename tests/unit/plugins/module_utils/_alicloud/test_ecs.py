# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ECS as the collection sees it: answers, lists of both kinds of paging, and deeds that are fine when done already."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs import EVERY_IMAGE_STATUS, EcsClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import (
    Disk,
    Image,
    Instance,
    Invocation,
    Quote,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from tests.unit.plugins.wire import CLOCK, Cloud, refusal


@pytest.fixture
def ecs(connection: Connection) -> EcsClient:
    return EcsClient(connection)


def test_an_image():
    image = Image.from_wire(
        {
            "ImageId": "m-1",
            "ImageName": "n",
            "Status": "Available",
            "Size": 41,
            "Usage": "instance",
            "CreationTime": "2026-11-22T18:00:07Z",
            "DiskDeviceMappings": {
                "DiskDeviceMapping": [{"SnapshotId": "s-1"}, {"SnapshotId": ""}, {"SnapshotId": "s-2"}]
            },
            "Tags": {"Tag": [{"TagKey": "a", "TagValue": "b"}, {"TagKey": "flag"}]},
        }
    )
    assert (image.snapshot_ids, image.used, image.tags) == (("s-1", "s-2"), True, {"a": "b", "flag": ""})
    assert image.as_result()["created_at"] == "2026-11-22T18:00:07Z"
    bare = Image.from_wire({"ImageId": "m-1", "Usage": "none"})
    assert (bare.snapshot_ids, bare.used, bare.size, bare.created) == ((), False, 0, None)


def test_an_instance_whose_timestamps_have_no_seconds():
    instance = Instance.from_wire(
        {
            "InstanceId": "i-1",
            "Status": "Running",
            "CreationTime": "2026-11-22T18:00Z",
            "AutoReleaseTime": "2026-11-22T20:00Z",
            "VpcAttributes": {"PrivateIpAddress": {"IpAddress": ["10.0.0.7"]}},
        }
    )
    assert instance.private_ipv4 == ("10.0.0.7",)
    assert instance.as_result()["released_at"] == "2026-11-22T20:00:00Z"
    assert instance.created == CLOCK.replace(second=0)
    assert Instance.from_wire({"InstanceId": "i-1", "VpcAttributes": {}}).private_ipv4 == ()


def test_a_region_is_needed(connection: Connection):
    with pytest.raises(InvalidOptionError, match="'region_id' is missing"):
        EcsClient(Connection("A", "B", ecs_endpoint=connection.ecs_endpoint))


def images(total: int, *numbers: int) -> dict[str, Any]:
    return {"TotalCount": total, "Images": {"Image": [{"ImageId": f"m-{number}"} for number in numbers]}}


def test_images_are_read_by_pages_in_every_status(cloud: Cloud, ecs: EcsClient):
    cloud.replies(images(101, *range(100)), images(101, 100))
    assert len(ecs.images(tags={"a": "1"})) == 101
    assert cloud.queries[1] == {
        "RegionId": "cn-hangzhou",
        "ImageOwnerAlias": "self",
        "Status": EVERY_IMAGE_STATUS,
        "Tag.1.Key": "a",
        "Tag.1.Value": "1",
        "PageNumber": "2",
        "PageSize": "100",
    }


def test_one_image(cloud: Cloud, ecs: EcsClient):
    cloud.replies(images(1, 1), images(0))
    assert ecs.image("m-1") == Image("m-1")
    assert ecs.image("m-2") is None
    assert [query["ImageId"] for query in cloud.queries] == ["m-1", "m-2"]


def test_few_images_are_read_one_by_one_and_many_together(cloud: Cloud, ecs: EcsClient):
    cloud.replies(images(1, 1), images(0), images(1, 3))
    assert set(ecs.images_by_id(["m-3", "m-1", "m-2", "m-1"])) == {"m-1", "m-3"}
    assert len(cloud.requests) == 3
    cloud.replies(images(5, 1, 2, 3, 8, 9))
    assert set(ecs.images_by_id([f"m-{number}" for number in (1, 2, 3, 4)])) == {"m-1", "m-2", "m-3"}
    assert len(cloud.requests) == 4
    assert ecs.images_by_id([]) == {}
    assert len(cloud.requests) == 4


def test_instances_are_read_by_token(cloud: Cloud, ecs: EcsClient):
    cloud.replies(
        {"Instances": {"Instance": [{"InstanceId": "i-1"}]}, "NextToken": "t-2"},
        {"Instances": {"Instance": [{"InstanceId": "i-2"}]}, "NextToken": ""},
    )
    assert [instance.instance_id for instance in ecs.instances(["i-1", "i-2"])] == ["i-1", "i-2"]
    assert json.loads(cloud.queries[0]["InstanceIds"]) == ["i-1", "i-2"]
    assert "NextToken" not in cloud.queries[0]
    assert cloud.queries[1]["NextToken"] == "t-2"


def test_many_instances_are_read_in_portions_of_ids(cloud: Cloud, ecs: EcsClient):
    cloud.replies({"Instances": {"Instance": []}, "NextToken": ""}, {"Instances": {"Instance": []}, "NextToken": ""})
    assert ecs.instances([f"i-{number}" for number in range(101)]) == []
    assert [len(json.loads(query["InstanceIds"])) for query in cloud.queries] == [100, 1]


def test_no_instance_ids_are_no_instances_and_no_call(cloud: Cloud, ecs: EcsClient):
    assert ecs.instances([]) == []
    assert cloud.requests == []


def test_an_instance_is_made(cloud: Cloud, ecs: EcsClient):
    cloud.replies({"InstanceIdSets": {"InstanceIdSet": ["i-9"]}})
    assert ecs.run_instance({"ImageId": "m-1", "ClientToken": "t"}) == "i-9"
    assert cloud.queries == [{"RegionId": "cn-hangzhou", "Amount": "1", "ImageId": "m-1", "ClientToken": "t"}]


DELETIONS = [
    (lambda ecs: ecs.delete_instance("i-1"), {"InstanceId": "i-1", "Force": "True"}),
    (lambda ecs: ecs.delete_image("m-1"), {"RegionId": "cn-hangzhou", "ImageId": "m-1"}),
    (lambda ecs: ecs.delete_snapshot("s-1"), {"SnapshotId": "s-1"}),
    (lambda ecs: ecs.delete_disk("d-1"), {"DiskId": "d-1"}),
]


@pytest.mark.parametrize(("action", "query"), DELETIONS)
def test_what_is_gone_already_is_fine(cloud: Cloud, ecs: EcsClient, action: Any, query: dict[str, str]):
    cloud.replies({}, refusal("InvalidThing.NotFound", 404), refusal("QuotaExceeded", 400))
    action(ecs)
    action(ecs)
    with pytest.raises(PreconditionError):
        action(ecs)
    assert cloud.queries == [query] * 3


def test_an_image_is_tagged(cloud: Cloud, ecs: EcsClient):
    cloud.replies({})
    ecs.tag_image("m-1", {"b": "2", "a": "1"})
    assert cloud.queries[0] == {
        "RegionId": "cn-hangzhou",
        "ResourceType": "image",
        "ResourceId.1": "m-1",
        "Tag.1.Key": "a",
        "Tag.1.Value": "1",
        "Tag.2.Key": "b",
        "Tag.2.Value": "2",
    }


def test_an_image_knows_who_needs_it_and_how_large_its_snapshots_are():
    mappings = [{"SnapshotId": "s-1", "Size": "40"}, {"SnapshotId": "s-2"}]
    image = Image.from_wire(
        {"ImageId": "m-1", "IsSelfShared": "True", "DiskDeviceMappings": {"DiskDeviceMapping": mappings}}
    )
    assert image.shared
    assert image.snapshot_sizes == {"s-1": 40, "s-2": 0}
    assert not Image.from_wire({"ImageId": "m-1", "IsSelfShared": ""}).shared


def test_disks_are_read_by_token(cloud: Cloud, ecs: EcsClient):
    disk = {
        "DiskId": "d-1",
        "DiskName": "n",
        "Size": 40,
        "Category": "cloud_essd",
        "Type": "system",
        "InstanceId": "i-1",
    }
    cloud.replies(
        {"Disks": {"Disk": [disk]}, "NextToken": "t-2"}, {"Disks": {"Disk": [{"DiskId": "d-2"}]}, "NextToken": ""}
    )
    first, second = ecs.disks(instance_id="i-1")
    assert (first.size, first.category, first.system, first.instance_id) == (40, "cloud_essd", True, "i-1")
    assert second == Disk("d-2")
    assert [query.get("NextToken") for query in cloud.queries] == [None, "t-2"]
    assert cloud.queries[0]["InstanceId"] == "i-1"
    assert ecs.disks([]) == []


def test_snapshots_are_read_in_portions_of_ids_and_by_tag(cloud: Cloud, ecs: EcsClient):
    cloud.replies({"Snapshots": {"Snapshot": [{"SnapshotId": "s-1", "SourceDiskSize": "40", "Usage": "none"}]}}, {}, {})
    found = ecs.snapshots([f"s-{number}" for number in range(101)])
    assert [(one.snapshot_id, one.size, one.usage) for one in found] == [("s-1", 40, "none")]
    assert [len(json.loads(query["SnapshotIds"])) for query in cloud.queries] == [100, 1]
    assert ecs.snapshots(usage="none", tags={"flag": None}) == []
    assert cloud.queries[2]["Tag.1.Key"] == "flag"
    assert "Tag.1.Value" not in cloud.queries[2]


def test_the_price_of_a_type_is_reported_without_its_disk(cloud: Cloud, ecs: EcsClient):
    details = [{"Resource": "systemDisk", "TradePrice": 0.04}, {"Resource": "instanceType", "TradePrice": 0.46}]
    price = {"Currency": "CNY", "TradePrice": 0.5, "DetailInfos": {"DetailInfo": details}}
    cloud.replies({"PriceInfo": {"Price": price}}, {"PriceInfo": {"Price": {"Currency": "CNY", "TradePrice": 0.5}}}, {})
    assert ecs.hourly_price_of_type("ecs.c7.large", "cloud_essd") == Quote(0.46, "CNY")
    assert ecs.hourly_price_of_type("ecs.c7.large", "") is None
    assert ecs.hourly_price_of_type("ecs.c7.large", "") is None
    assert cloud.queries[0] == {
        "RegionId": "cn-hangzhou",
        "ResourceType": "instance",
        "InstanceType": "ecs.c7.large",
        "SystemDisk.Category": "cloud_essd",
        "SystemDisk.Size": "40",
        "PriceUnit": "Hour",
        "Period": "1",
        "Amount": "1",
    }


def test_the_price_of_a_disk_is_reported_by_the_gib(cloud: Cloud, ecs: EcsClient):
    cloud.replies({"PriceInfo": {"Price": {"Currency": "CNY", "TradePrice": 4}}}, {"PriceInfo": {}})
    assert ecs.hourly_price_of_gib("cloud_essd", "PL1") == Quote(0.002, "CNY")
    assert ecs.hourly_price_of_gib("cloud", "") is None
    assert cloud.queries[0]["DataDisk.1.Category"] == "cloud_essd"
    assert cloud.queries[0]["DataDisk.1.PerformanceLevel"] == "PL1"
    assert "DataDisk.1.PerformanceLevel" not in cloud.queries[1]


def test_snapshots_are_tagged_together(cloud: Cloud, ecs: EcsClient):
    cloud.replies({})
    ecs.tag_snapshots(["s-1", "s-2"], {"a": "1"})
    assert cloud.queries[0]["ResourceType"] == "snapshot"
    assert (cloud.queries[0]["ResourceId.1"], cloud.queries[0]["ResourceId.2"]) == ("s-1", "s-2")


# --- Cloud Assistant and the console ----------------------------------------------------------------------------


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


@pytest.mark.parametrize(
    ("statuses", "answers"),
    [
        ([{"InstanceId": "i-1", "CloudAssistantStatus": "true"}], True),
        ([{"InstanceId": "i-1", "CloudAssistantStatus": "True"}], True),
        ([{"InstanceId": "i-1", "CloudAssistantStatus": "false"}], False),
        ([{"InstanceId": "i-2", "CloudAssistantStatus": "true"}], False),
        ([{"InstanceId": "i-1"}], False),
        ([], False),
    ],
)
def test_whether_the_agent_answers(cloud: Cloud, ecs: EcsClient, statuses: list[Any], answers: bool):
    cloud.replies({"InstanceCloudAssistantStatusSet": {"InstanceCloudAssistantStatus": statuses}})
    assert ecs.agent_answers("i-1") is answers
    assert cloud.queries == [{"RegionId": "cn-hangzhou", "InstanceId.1": "i-1"}]


def test_a_command_and_its_result(cloud: Cloud, ecs: EcsClient):
    result = {
        "InvocationStatus": "Failed",
        "InvokeRecordStatus": "Finished",
        "ExitCode": 3,
        "Output": encoded("ä\xff".encode("latin-1")),
        "Dropped": 7,
        "ErrorCode": "ExitCodeNonzero",
        "ErrorInfo": "not zero",
    }
    cloud.replies(
        {"InvokeId": "t-1", "CommandId": "c-1"},
        {"Invocation": {"InvocationResults": {"InvocationResult": []}}},
        {"Invocation": {"InvocationResults": {"InvocationResult": [{"InvokeRecordStatus": "Running", "Output": ""}]}}},
        {"Invocation": {"InvocationResults": {"InvocationResult": [result]}}},
    )
    assert ecs.run_command("i-1", {"Type": "RunShellScript", "ClientToken": "t"}) == "t-1"
    assert ecs.invocation("t-1", "i-1") is None
    assert ecs.invocation("t-1", "i-1") == Invocation("Running")
    assert ecs.invocation("t-1", "i-1") == Invocation("Failed", 3, "\ufffd\ufffd", 7, "ExitCodeNonzero", "not zero")
    assert cloud.queries[0] == {
        "RegionId": "cn-hangzhou",
        "InstanceId.1": "i-1",
        "Type": "RunShellScript",
        "ClientToken": "t",
    }
    assert cloud.queries[1] == {
        "RegionId": "cn-hangzhou",
        "InvokeId": "t-1",
        "InstanceId": "i-1",
        "ContentEncoding": "Base64",
    }


@pytest.mark.parametrize(
    ("sent", "text"), [(encoded(b"login: "), "login: "), ("", ""), (None, ""), ("not base64!", "not base64!")]
)
def test_the_console(cloud: Cloud, ecs: EcsClient, sent: str | None, text: str):
    cloud.replies({"InstanceId": "i-1", "ConsoleOutput": sent})
    assert ecs.console_output("i-1") == text


def test_an_instance_is_tagged(cloud: Cloud, ecs: EcsClient):
    cloud.replies({})
    ecs.tag_instance("i-1", {"cutover:checks": "failed-1"})
    assert cloud.queries[0] == {
        "RegionId": "cn-hangzhou",
        "ResourceType": "instance",
        "ResourceId.1": "i-1",
        "Tag.1.Key": "cutover:checks",
        "Tag.1.Value": "failed-1",
    }
