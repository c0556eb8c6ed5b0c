"""What all actions have in common: they exist, refuse missing and invalid parameters, and know dry runs and methods."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_smc20190601 import models as smc_models
from alibabacloud_smc20190601.client import Client as SmcClient
from alibabacloud_tea_openapi import models as open_api
from darabonba.runtime import RuntimeOptions
from Tea.exceptions import TeaException

from tests.unit.lab.alicloud.harness import REGION, Lab, code_of
from tests.unit.lab.alicloud.test_ecs import run, run_request

VERSIONS = {"smc": "2019-06-01", "ecs": "2014-05-26"}
SMC_ACTIONS = sorted(set(re.findall(r"action='(\w+)'", inspect.getsource(SmcClient))))
# Section 4.4 of the reference: what a migration needs of ECS.
ECS_ACTIONS = [
    "DescribeInstances",
    "DescribeInstanceStatus",
    "StopInstance",
    "StopInstances",
    "StartInstance",
    "DeleteInstance",
    "DeleteInstances",
    "ModifyInstanceAttribute",
    "DescribeImages",
    "DeleteImage",
    "DescribeSnapshots",
    "DeleteSnapshot",
    "DescribeDisks",
    "DeleteDisk",
    "DescribeSecurityGroups",
    "DeleteSecurityGroup",
    "RunInstances",
    "RunCommand",
    "DescribeInvocations",
    "DescribeInvocationResults",
    "DescribeCloudAssistantStatus",
    "GetInstanceConsoleOutput",
    "TagResources",
    "ListTagResources",
    "UntagResources",
    "DescribeRegions",
    "DescribeInstanceTypes",
    "DescribeAvailableResource",
    "DescribeVSwitches",
    "DescribePrice",
]


def call(lab: Lab, service: str, action: str, method: str = "POST", version: str = "", **query: Any) -> Any:
    """One call by the generic client, which is the base of the typed ones."""
    parameters = open_api.Params(
        action=action,
        version=version or VERSIONS[service],
        protocol="HTTP",
        pathname="/",
        method=method,
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    client: SmcClient | EcsClient = lab.smc() if service == "smc" else lab.ecs()
    request = open_api.OpenApiRequest(query={key: str(value) for key, value in query.items()})
    return client.call_api(parameters, request, RuntimeOptions())["body"]


def refusal(lab: Lab, service: str, action: str, **changes: Any) -> str:
    try:
        call(lab, service, action, **changes)
    except TeaException as failure:
        return str(failure.code)
    return ""


def test_the_sdk_has_all_actions_of_the_reference() -> None:
    assert len(SMC_ACTIONS) == 24
    assert set(ECS_ACTIONS) <= set(re.findall(r"action *= *'(\w+)'", inspect.getsource(EcsClient)))


@pytest.mark.parametrize(
    ("service", "action"), [("smc", name) for name in SMC_ACTIONS] + [("ecs", name) for name in ECS_ACTIONS]
)
def test_every_action_exists_by_both_methods(lab: Lab, service: str, action: str) -> None:
    answers = {refusal(lab, service, action, method=method) for method in ("GET", "POST")}
    # Without a parameter an action answers, or names the first parameter that it needs; it never says that the action does not exist.
    assert answers <= {"", "MissingParameter", "MissingParameter.ResourceType"}


@pytest.mark.parametrize("service", ["smc", "ecs"])
def test_what_the_gateway_refuses(lab: Lab, service: str) -> None:
    assert refusal(lab, service, "DescribeEverything") == "InvalidAction"
    assert refusal(lab, service, "TagResources", version="2011-01-01") == "InvalidVersion"
    assert refusal(lab, service, "TagResources", method="PUT") == "UnsupportedHTTPMethod"
    lab.switch(gateway_codes="modern")
    assert refusal(lab, service, "DescribeEverything") == "InvalidAction.NotFound"


@pytest.mark.parametrize(
    ("service", "action", "name", "values"),
    [
        ("smc", "DescribeSourceServers", "PageSize", ("0", "51", "many")),
        ("smc", "DescribeReplicationJobs", "PageSize", ("0", "51")),
        ("smc", "DescribeReplicationJobs", "PageNumber", ("0", "-1")),
        ("smc", "DescribeReplicationJobs", "JobType", ("4", "-1")),
        ("smc", "DescribeWorkgroups", "PageSize", ("0", "51")),
        ("smc", "CreateAccessToken", "Count", ("0", "1001")),
        ("smc", "CreateAccessToken", "TimeToLiveInDays", ("0", "91")),
        ("ecs", "DescribeInstances", "MaxResults", ("0", "101")),
        ("ecs", "DescribeInstances", "PageSize", ("0", "101")),
        ("ecs", "DescribeInstances", "InstanceIds", ("i-1", '{"a": 1}')),
        ("ecs", "DescribeImages", "PageSize", ("0", "101")),
        ("ecs", "DescribeDisks", "MaxResults", ("0", "501")),
        ("ecs", "DescribeCloudAssistantStatus", "MaxResults", ("0", "51")),
        ("ecs", "DescribeInvocationResults", "MaxResults", ("0", "51")),
        ("ecs", "DescribeInvocationResults", "NextToken", ("odd",)),
    ],
)  # fmt: skip
def test_out_of_range(lab: Lab, service: str, action: str, name: str, values: tuple[str, ...]) -> None:
    for value in values:
        with pytest.raises(TeaException) as refused:
            call(lab, service, action, RegionId=REGION, **{name: value})
        assert (refused.value.code, name in str(refused.value.message)) == ("InvalidParameter", True)


@pytest.fixture
def instance_id(lab: Lab) -> str:
    """A verification instance that runs."""
    found = run(lab, str(lab.job(lab.waiting_job()).image_id))
    lab.advance("2m")
    return found


def test_every_dry_run_changes_nothing(lab: Lab, instance_id: str) -> None:
    stopped = run(lab, lab.control("GET", "/state")["images"][0]["image_id"])
    lab.advance("1m")
    lab.ecs().stop_instance(ecs_models.StopInstanceRequest(instance_id=stopped))
    lab.advance("1m")
    image_id = lab.control("GET", "/state")["images"][0]["image_id"]
    before = lab.control("GET", "/state")
    ecs = lab.ecs()
    single = {
        ecs.describe_instances: ecs_models.DescribeInstancesRequest(region_id=REGION),
        ecs.describe_images: ecs_models.DescribeImagesRequest(region_id=REGION),
        ecs.describe_snapshots: ecs_models.DescribeSnapshotsRequest(region_id=REGION),
        ecs.describe_disks: ecs_models.DescribeDisksRequest(region_id=REGION),
        ecs.describe_security_groups: ecs_models.DescribeSecurityGroupsRequest(region_id=REGION),
        ecs.run_instances: run_request(image_id),
        ecs.start_instance: ecs_models.StartInstanceRequest(instance_id=stopped),
        ecs.stop_instance: ecs_models.StopInstanceRequest(instance_id=instance_id),
        ecs.delete_instance: ecs_models.DeleteInstanceRequest(instance_id=instance_id, force=True),
        ecs.delete_image: ecs_models.DeleteImageRequest(region_id=REGION, image_id=image_id, force=True),
    }
    many = {
        ecs.stop_instances: ecs_models.StopInstancesRequest(region_id=REGION, instance_id=[instance_id]),
        ecs.delete_instances: ecs_models.DeleteInstancesRequest(
            region_id=REGION, instance_id=[instance_id], force=True
        ),
    }
    lab.control("DELETE", "/requests")
    for expected, calls in (("DryRunOperation", single), ("DRYRUN.SUCCESS", many)):
        for method, request in calls.items():
            request.dry_run = True
            assert (method.__name__, code_of(method, request)) == (method.__name__, expected)
    assert not any(row["mutating"] for row in lab.control("GET", "/requests"))
    assert lab.control("GET", "/state") == before


def test_dry_run_of_what_would_be_refused_is_refused(lab: Lab, instance_id: str) -> None:
    request = ecs_models.StartInstanceRequest(instance_id=instance_id, dry_run=True)
    assert code_of(lab.ecs().start_instance, request) == "IncorrectInstanceStatus"


def test_stopping_several(lab: Lab, instance_id: str) -> None:
    other = run(lab, lab.control("GET", "/state")["images"][0]["image_id"])
    ids = [instance_id, other]  # the other one is Pending still
    together = ecs_models.StopInstancesRequest(region_id=REGION, instance_id=ids)
    assert code_of(lab.ecs().stop_instances, together) == "IncorrectInstanceStatus"
    together.batch_optimization = "SuccessFirst"
    answers = lab.ecs().stop_instances(together).body.instance_responses.instance_response
    assert [(one.code, one.previous_status, one.current_status) for one in answers] == [
        ("200", "Running", "Stopping"),
        ("IncorrectInstanceStatus", "Pending", "Pending"),
    ]
    unknown = ecs_models.StopInstancesRequest(region_id=REGION, instance_id=["i-none"])
    assert code_of(lab.ecs().stop_instances, unknown) == "InvalidInstanceIds.NotFound"


def test_security_group_can_be_deleted_when_it_is_empty(lab: Lab) -> None:
    job_id = lab.waiting_job()
    transition = lab.instances()[0]
    (group_id,) = transition.security_group_ids.security_group_id
    request = ecs_models.DeleteSecurityGroupRequest(region_id=REGION, security_group_id=group_id)
    assert code_of(lab.ecs().delete_security_group, request) == "DependencyViolation"
    lab.smc().delete_replication_job(smc_models.DeleteReplicationJobRequest(job_id=job_id))
    lab.advance("1m")
    assert code_of(lab.ecs().delete_security_group, request) == "InvalidSecurityGroupId.NotFound"


def test_catalogue(lab: Lab) -> None:
    families = ecs_models.DescribeInstanceTypesRequest(instance_type_family="ecs.g6", minimum_cpu_core_count=4)
    types = lab.ecs().describe_instance_types(families).body.instance_types.instance_type
    assert [(one.instance_type_id, one.cpu_core_count, one.memory_size) for one in types] == [
        ("ecs.g6.xlarge", 4, 16),
        ("ecs.g6.2xlarge", 8, 32),
        ("ecs.g6.4xlarge", 16, 64),
    ]
    first = lab.ecs().describe_instance_types(ecs_models.DescribeInstanceTypesRequest(max_results=20)).body
    rest = ecs_models.DescribeInstanceTypesRequest(max_results=20, next_token=first.next_token)
    second = lab.ecs().describe_instance_types(rest).body
    seen = [one.instance_type_id for body in (first, second) for one in body.instance_types.instance_type]
    assert (len(seen), len(set(seen)), second.next_token) == (28, 28, "")


def available(lab: Lab, destination: str, **values: Any) -> list[list[str]]:
    request = ecs_models.DescribeAvailableResourceRequest(region_id=REGION, destination_resource=destination, **values)
    zones = lab.ecs().describe_available_resource(request).body.available_zones.available_zone
    return [
        [one.value for one in zone.available_resources.available_resource[0].supported_resources.supported_resource]
        for zone in zones
    ]


def test_what_is_available(lab: Lab) -> None:
    assert available(lab, "InstanceType", instance_type="ecs.g6.large") == [["ecs.g6.large"]] * 2
    assert available(lab, "InstanceType", zone_id=f"{REGION}-b", cores=16, memory=64) == [
        ["ecs.g6.4xlarge", "ecs.g7.4xlarge"]
    ]
    assert available(lab, "Zone") == [[f"{REGION}-b"], [f"{REGION}-c"]]
    assert "cloud_essd" in available(lab, "SystemDisk", instance_type="ecs.g6.large")[0]
    for destination, values, code in (
        ("SystemDisk", {}, "MissingParameter"),
        ("Moon", {}, "InvalidParameter"),
        ("InstanceType", {"instance_type": "ecs.x.large"}, "InvalidInstanceType.ValueNotSupported"),
        ("InstanceType", {"zone_id": "moon-a"}, "InvalidParameter"),
    ):
        request = ecs_models.DescribeAvailableResourceRequest(
            region_id=REGION, destination_resource=destination, **values
        )
        assert code_of(lab.ecs().describe_available_resource, request) == code


def test_final_run_counts_among_the_running_jobs(lab: Lab) -> None:
    job_id = lab.waiting_job()
    lab.switch(running_jobs_limit=0)
    request = smc_models.CutOverReplicationJobRequest(job_id=job_id, sync_data=True)
    assert code_of(lab.smc().cut_over_replication_job, request) == "QuotaExceeded.ReplicationJob"
    request.sync_data = False
    assert code_of(lab.smc().cut_over_replication_job, request) == ""


@pytest.mark.parametrize(("code", "status"), [("Throttling", 400), ("Throttling.Api", 429), ("Throttling.User", 403)])
def test_throttling_has_several_codes(lab: Lab, code: str, status: int) -> None:
    for kind in ("throttle", "throttle_retry_after"):
        lab.control("POST", "/faults", {"target": "ecs", "kind": kind, "code": code, "status": status})
        with pytest.raises(TeaException) as refused:
            call(lab, "ecs", "DescribeRegions")
        assert (refused.value.code, refused.value.data["statusCode"]) == (code, status)
