"""Workgroups, by the official SDK's typed models."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_smc20190601 import models as smc_models
from alibabacloud_tea_openapi import models as open_api

from tests.unit.lab.alicloud.harness import Lab, code_of
from tests.unit.lab.alicloud.test_sources_tokens_tags import sources


def create(lab: Lab, name: str = "wave-1", **values: Any) -> str:
    return str(lab.smc().create_workgroup(smc_models.CreateWorkgroupRequest(name=name, **values)).body.workgroup_id)


def groups(lab: Lab, **filters: Any) -> list[Any]:
    answer = lab.smc().describe_workgroups(smc_models.DescribeWorkgroupsRequest(**filters)).body
    return list(answer.workgroups.workgroup)


def associate(lab: Lab, group: str, *source_ids: str) -> str:
    request = smc_models.AssociateSourceServersRequest(workgroup_id=group, source_id=list(source_ids))
    return code_of(lab.smc().associate_source_servers, request)


def disassociate(lab: Lab, group: str, *source_ids: str) -> str:
    request = smc_models.DisassociateSourceServersRequest(workgroup_id=group, source_id=list(source_ids))
    return code_of(lab.smc().disassociate_source_servers, request)


def delete(lab: Lab, group: str) -> str:
    return code_of(lab.smc().delete_workgroup, smc_models.DeleteWorkgroupRequest(workgroup_id=group))


def modify(lab: Lab, group: str, **values: Any) -> str:
    request = smc_models.ModifyWorkgroupAttributeRequest(workgroup_id=group, **values)
    return code_of(lab.smc().modify_workgroup_attribute, request)


def test_a_group_from_creation_to_deletion(lab: Lab) -> None:
    tag = smc_models.CreateWorkgroupRequestTag(key="wave", value="1")
    group = create(lab, description="the first wave", tag=[tag])
    (found,) = groups(lab)
    assert (found.workgroup_id, found.name, found.description, found.status) == (
        group,
        "wave-1",
        "the first wave",
        "NotStarted",
    )
    assert (found.tags.tag[0].key, found.tags.tag[0].value, found.warnings.warning) == ("wave", "1", [])
    assert modify(lab, group, name="wave-one", description="renamed") == ""
    assert (groups(lab)[0].name, groups(lab)[0].description) == ("wave-one", "renamed")
    assert delete(lab, group) == ""
    assert groups(lab) == []
    assert delete(lab, group) == "InvalidWorkgroupId.NotFound"


def test_client_token_makes_one_group(lab: Lab) -> None:
    assert create(lab, client_token="t-1") == create(lab, client_token="t-1")
    request = smc_models.CreateWorkgroupRequest(name="other", client_token="t-1")
    assert code_of(lab.smc().create_workgroup, request) == "IdempotentParameterMismatch"
    assert len(groups(lab)) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"name": "w"},
        {"name": "1wave"},
        {"name": "w" * 65},
        {"name": "http://wave"},
        {"name": "wave", "description": "d"},
        {"name": "wave", "description": "d" * 257},
        {"name": "wave", "description": "https://wave"},
        {"name": "wave", "client_token": "t" * 65},
    ],
)
def test_values_out_of_range_are_refused(lab: Lab, values: dict[str, str]) -> None:
    assert code_of(lab.smc().create_workgroup, smc_models.CreateWorkgroupRequest(**values)) == "InvalidParameter"


def test_name_is_unique(lab: Lab) -> None:
    group = create(lab, "wave.1")
    assert code_of(lab.smc().create_workgroup, smc_models.CreateWorkgroupRequest(name="wave.1")) == (
        "WorkgroupName.Duplicate"
    )
    other = create(lab, "wave-2")
    assert modify(lab, other, name="wave.1") == "WorkgroupName.Duplicate"
    assert modify(lab, group, name="wave.1") == ""


def test_filters_and_pages(lab: Lab) -> None:
    ids = [create(lab, f"wave-{number:02}") for number in range(12)]
    answer = lab.smc().describe_workgroups(smc_models.DescribeWorkgroupsRequest()).body
    assert (answer.page_number, answer.page_size, answer.total_count) == (1, 10, 12)
    assert [group.workgroup_id for group in groups(lab, page_number=2)] == [ids[1], ids[0]]
    assert [group.name for group in groups(lab, workgroup_id=[ids[3], ids[5]])] == ["wave-05", "wave-03"]
    assert [group.workgroup_id for group in groups(lab, name="wave-07")] == [ids[7]]
    assert (len(groups(lab, status="NotStarted", page_size=50)), groups(lab, status="Completed")) == (12, [])
    for values in ({"page_size": 51}, {"status": "Odd"}, {"workgroup_id": ["w"] * 51}):
        request = smc_models.DescribeWorkgroupsRequest(**values)
        assert code_of(lab.smc().describe_workgroups, request) == "InvalidParameter"


def test_members_show_their_group(lab: Lab) -> None:
    group = create(lab)
    first, second = lab.source(1), lab.source(2)
    assert associate(lab, group, first, second) == ""
    assert {source.source_id for source in sources(lab, workgroup_id=group)} == {first, second}
    assert sources(lab, source_id=[first])[0].workgroup_id == group
    assert lab.job(lab.create_job(first)).workgroup_id == group
    assert lab.control("GET", "/state")["workgroups"][0]["source_ids"] == [first, second]
    assert delete(lab, group) == "SourceServer.Related"
    assert disassociate(lab, group, first, second) == ""
    assert sources(lab, workgroup_id=group) == []
    assert delete(lab, group) == ""


def test_deleted_source_leaves_its_group(lab: Lab) -> None:
    group, source = create(lab), lab.source()
    associate(lab, group, source)
    lab.smc().delete_source_server(smc_models.DeleteSourceServerRequest(source_id=source))
    assert associate(lab, group, source) == "SourceServerState.Invalid"
    lab.advance("1m")
    assert delete(lab, group) == ""


def test_moving_between_groups_is_a_switch(lab: Lab) -> None:
    first, second, source = create(lab, "wave-1"), create(lab, "wave-2"), lab.source()
    associate(lab, first, source)
    assert associate(lab, second, source) == "SourceServer.AssociatedWithWorkgroup"
    lab.switch(workgroup_move="moved")
    assert associate(lab, second, source) == ""
    assert sources(lab)[0].workgroup_id == second


def test_repeating_is_a_switch(lab: Lab) -> None:
    group, source = create(lab), lab.source()
    assert [associate(lab, group, source), associate(lab, group, source)] == ["", ""]
    assert [disassociate(lab, group, source), disassociate(lab, group, source)] == ["", ""]
    lab.switch(workgroup_repeat="refused")
    assert disassociate(lab, group, source) == "SourceServer.NotAssociatedWithWorkgroup"
    assert [associate(lab, group, source), associate(lab, group, source)] == [
        "",
        "SourceServer.AssociatedWithWorkgroup",
    ]


def test_limits(lab: Lab) -> None:
    lab.switch(workgroups_limit=1, workgroup_sources_limit=1)
    group = create(lab)
    request = smc_models.CreateWorkgroupRequest(name="wave-2")
    assert code_of(lab.smc().create_workgroup, request) == "QuotaExceeded.Workgroup"
    first, second = lab.source(1), lab.source(2)
    assert associate(lab, group, first, second) == "QuotaExceeded.WorkgroupSourceServer"
    assert sources(lab, workgroup_id=group) == []
    assert associate(lab, group, first) == ""
    assert associate(lab, group, second) == "QuotaExceeded.WorkgroupSourceServer"


def test_incremental_rule_is_a_switch(lab: Lab) -> None:
    group, first, second = create(lab), lab.source(1), lab.source(2)
    once = {"run_once": True, "frequency": None, "max_number_of_image_to_keep": None}
    lab.create_job(first, **once)
    assert associate(lab, group, first) == "ReplicationJob.NotIncremental"
    assert associate(lab, group, second) == ""
    with pytest.raises(Exception, match="incremental jobs only"):
        lab.create_job(second, **once)
    lab.switch(workgroup_needs_incremental=False)
    assert associate(lab, group, first) == ""
    assert lab.job(lab.create_job(second, **once)).run_once is True


def test_unknown_and_missing(lab: Lab) -> None:
    group = create(lab)
    assert associate(lab, "wg-none", lab.source()) == "InvalidWorkgroupId.NotFound"
    assert associate(lab, group, "s-none") == "InvalidSourceId.NotFound"
    assert associate(lab, group) == "MissingParameter"
    assert associate(lab, "", "s-none") == "MissingParameter"
    assert associate(lab, group, *[f"s-{number}" for number in range(51)]) == "InvalidParameter"


def test_generic_codes_are_a_switch(lab: Lab) -> None:
    lab.switch(workgroup_codes="generic")
    group = create(lab)
    associate(lab, group, lab.source())
    assert delete(lab, group) == "OperationConflict"
    assert delete(lab, "wg-none") == "InvalidParameter"


def test_status_and_warnings_follow_the_jobs(lab: Lab) -> None:
    group, first, second = create(lab), lab.source(1), lab.source(2)

    def seen() -> tuple[str, dict[str, list[str]]]:
        (found,) = groups(lab)
        return found.status, {item.warning_type: item.source_ids.source_id for item in found.warnings.warning}

    associate(lab, group, first, second)
    assert seen() == ("NotStarted", {"UnRelated": [first, second]})
    jobs = [lab.create_job(first), lab.create_job(second)]
    assert seen() == ("NotStarted", {})
    lab.control("POST", "/faults", {"kind": "job_in_error", "source": second})
    for job in jobs:
        lab.start(job)
    lab.advance("10m")
    assert seen() == ("InProgress", {"InError": [second]})
    lab.start(jobs[1])
    lab.advance("10m")
    lab.smc().cut_over_replication_job(smc_models.CutOverReplicationJobRequest(job_id=jobs[0], sync_data=True))
    assert seen() == ("Cutover", {})
    lab.advance("10m")
    assert (seen()[0], lab.job(jobs[0]).status) == ("Cutover", "Finished")
    lab.smc().cut_over_replication_job(smc_models.CutOverReplicationJobRequest(job_id=jobs[1], sync_data=False))
    lab.advance("10m")
    assert seen() == ("Completed", {})
    lab.switch(workgroup_status="not_started")
    assert seen()[0] == "NotStarted"


def test_https_only_is_a_switch(lab: Lab) -> None:
    lab.switch(workgroup_https_only=True)
    request = smc_models.CreateWorkgroupRequest(name="wave-1")
    assert code_of(lab.smc().create_workgroup, request) == "InvalidProtocol.NeedSsl"
    lab.source()  # the older actions accept plain HTTP
    encrypted = lab.smc(global_parameters=open_api.GlobalParameters(headers={"x-forwarded-proto": "https"}))
    assert code_of(encrypted.create_workgroup, request) == ""


def test_groups_are_counted(lab: Lab) -> None:
    lab.control("DELETE", "/requests")
    create(lab)
    groups(lab)
    assert lab.control("GET", "/requests") == [
        {"service": "smc", "action": "CreateWorkgroup", "count": 1, "mutating": True},
        {"service": "smc", "action": "DescribeWorkgroups", "count": 1, "mutating": False},
    ]
