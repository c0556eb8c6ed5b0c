"""Sources, activation codes and tags of SMC."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alibabacloud_smc20190601 import models as smc_models
from Tea.exceptions import TeaException

from tests.unit.lab.alicloud.harness import HTTP, MIB, Lab, code_of


def sources(lab: Lab, **filters: Any) -> list[Any]:
    request = smc_models.DescribeSourceServersRequest(**filters)
    return list(lab.smc().describe_source_servers(request).body.source_servers.source_server)


def test_source_as_the_typed_model_reads_it(lab: Lab) -> None:
    source_id = lab.source(1, (4 * MIB, 2 * MIB))
    (source,) = sources(lab)
    assert (source.source_id, source.name, source.state, source.platform) == (
        source_id,
        "app-01",
        "Available",
        "Debian",
    )
    info = json.loads(json.loads(source.system_info))
    assert (info["hostname"], info["ipv4"]) == ("app1.example.com", "192.0.2.1")
    assert source.data_disks.data_disk[0].parts.part[0].size_bytes == 2 * MIB
    assert source.disks.system.parts.part[0].size_bytes == 4 * MIB
    assert source.disks.data.data[0].size == 1
    assert source.system_disk_parts.system_disk_part[0].device == "0_0"


@pytest.mark.parametrize(("shape", "old", "new"), [("old", True, False), ("new", False, True), ("both", True, True)])
def test_disk_shape_is_a_switch(lab: Lab, shape: str, old: bool, new: bool) -> None:
    lab.switch(disk_shape=shape)
    job_id = lab.create_job(lab.source())
    (source,) = sources(lab)
    assert (source.data_disks is not None, source.disks is not None) == (old, new)
    assert (lab.job(job_id).system_disk_size is not None, lab.job(job_id).disks is not None) == (old, new)


@pytest.mark.parametrize(
    ("choice", "name"), [("vm_name", "app-01"), ("hostname", "app1.example.com"), ("ip", "192.0.2.1")]
)
def test_source_name_is_a_switch(lab: Lab, choice: str, name: str) -> None:
    lab.switch(source_name=choice)
    lab.source()
    assert sources(lab)[0].name == name


def test_name_filter_is_a_switch(lab: Lab) -> None:
    for number in (1, 2):
        lab.source(number)
    assert ([source.name for source in sources(lab, name="app-01")], sources(lab, name="app-")) == (["app-01"], [])
    lab.switch(source_name_filter="part")
    assert [source.name for source in sources(lab, name="app-")] == ["app-01", "app-02"]


def test_escaping_of_system_info_is_a_switch(lab: Lab) -> None:
    lab.source()
    lab.switch(system_info_escaped="once")
    assert json.loads(sources(lab)[0].system_info)["hostname"] == "app1.example.com"


def test_state_of_a_source(lab: Lab) -> None:
    source_id = lab.source()
    lab.create_job(source_id)
    assert sources(lab)[0].state == "InUse"
    lab.time.offset = 31
    (offline,) = sources(lab)
    assert (offline.state, offline.error_code) == ("Unavailable", "SourceServer.Offline")
    assert json.loads(offline.status_info)["error_code"] == "SourceServer.Offline"
    HTTP.post(lab.url("smc", "/connector/heartbeat"), json={"sources": [source_id]})
    assert sources(lab)[0].state == "InUse"


def test_lower_case_enumerations_are_a_switch(lab: Lab) -> None:
    job_id = lab.waiting_job()
    lab.switch(lower_case_enums=True)
    assert (lab.job(job_id).status, lab.job(job_id).target_type, sources(lab)[0].state) == ("waiting", "image", "inuse")


def test_paging_and_filters(lab: Lab) -> None:
    ids = [lab.source(number) for number in range(1, 13)]
    assert len(sources(lab)) == 10
    assert len(sources(lab, page_number=2)) == 2
    assert [source.source_id for source in sources(lab, source_id=[ids[3]])] == [ids[3]]
    assert [source.name for source in sources(lab, name="app-07")] == ["app-07"]
    assert sources(lab, name="app") == []
    assert sources(lab, state="InUse") == []
    with pytest.raises(TeaException) as refused:
        sources(lab, page_size=51)
    assert refused.value.code == "InvalidParameter"


@pytest.mark.parametrize("before", [True, False])
def test_related_job_type_before_a_job_is_a_switch(lab: Lab, before: bool) -> None:
    lab.switch(related_job_type_before_job=before)
    source_id = lab.source()
    assert len(sources(lab, related_job_type=["VMWare"])) == int(before)
    assert len(sources(lab, related_job_type=["Not_Related"])) == 1
    lab.create_job(source_id)
    assert len(sources(lab, related_job_type=["VMWare"])) == 1
    assert sources(lab, related_job_type=["Not_Related"]) == []


def test_rename(lab: Lab) -> None:
    first = lab.source(1)
    lab.source(2)
    modify = lab.smc().modify_source_server_attribute

    def request(name: str, source_id: str = first) -> Any:
        return smc_models.ModifySourceServerAttributeRequest(source_id=source_id, name=name, description="free text")

    assert code_of(modify, request("web")) == ""
    assert code_of(modify, request("app-02")) == "SourceServerName.Duplicate"
    assert code_of(modify, request("web", "s-none")) == "InvalidSourceId.NotFound"
    lab.switch(unknown_source_error="invalid_state")
    assert code_of(modify, request("web", "s-none")) == "SourceServerState.Invalid"
    assert [(source.name, source.description) for source in sources(lab, source_id=[first])] == [("web", "free text")]


def test_deletion(lab: Lab) -> None:
    source_id = lab.source()
    job_id = lab.create_job(source_id)
    delete = lab.smc().delete_source_server
    plain = smc_models.DeleteSourceServerRequest(source_id=source_id)
    forced = smc_models.DeleteSourceServerRequest(source_id=source_id, force=True)
    with pytest.raises(TeaException) as refused:
        delete(plain)
    assert refused.value.code == "ReplicationJob.Related"
    assert job_id in refused.value.data["Message"]
    lab.start(job_id)
    assert code_of(delete, forced) == "SourceServer.WithRunningReplicationJob"
    lab.advance("10m")
    delete(forced)
    assert sources(lab)[0].state == "Deleting"
    lab.advance("1m")
    state = lab.control("GET", "/state")
    assert (state["sources"], state["jobs"], state["instances"]) == ([], [], [])


# -- activation codes ----------------------------------------------------------------------------------------------


def tokens(lab: Lab, **filters: Any) -> list[Any]:
    body = lab.smc().list_access_tokens(smc_models.ListAccessTokensRequest(**filters)).body
    return list(body.access_tokens.access_token)


def create_token(lab: Lab, **values: str) -> tuple[str, str]:
    body = lab.smc().create_access_token(smc_models.CreateAccessTokenRequest(**values)).body
    return body.access_token_id, body.access_token_code


def test_token_counts_its_uses(lab: Lab) -> None:
    token_id, code = create_token(lab, name="wave-1", count="2", time_to_live_in_days="5")
    (token,) = tokens(lab, access_token_id=[token_id])
    assert (token.count, token.registered_count, token.time_to_live_in_days, token.status) == (
        "2",
        "0",
        "5",
        "activated",
    )
    first = lab.connector(lab.add_vm(1), token_id, code)
    again = lab.connector(lab.add_vm(1), token_id, code)
    assert first.json() == again.json()
    assert tokens(lab)[0].registered_count == "1"
    assert lab.connector(lab.add_vm(2), token_id, code).status_code == 200
    refused = lab.connector(lab.add_vm(3), token_id, code)
    assert (refused.status_code, refused.json()["Code"]) == (403, "InvalidAccessToken.CountExceeded")
    assert lab.connector(lab.add_vm(3), token_id, "wrong").json()["Code"] == "InvalidAccessToken.NotFound"


def test_token_expires(lab: Lab) -> None:
    token_id, code = create_token(lab, time_to_live_in_days="1")
    lab.advance("24h")
    assert tokens(lab)[0].status == "expired"
    assert lab.connector(lab.add_vm(), token_id, code).json()["Code"] == "InvalidAccessToken.Expired"


@pytest.mark.parametrize(("meaning", "fresh", "disabled"), [("enabled", "activated", "unactivated"), ("used", "unactivated", "expired")])  # fmt: skip
def test_disabled_token(lab: Lab, meaning: str, fresh: str, disabled: str) -> None:
    lab.switch(token_status=meaning)
    token_id, code = create_token(lab)
    assert tokens(lab)[0].status == fresh
    lab.smc().disable_access_token(smc_models.DisableAccessTokenRequest(access_token_id=token_id))
    assert tokens(lab)[0].status == disabled
    assert lab.connector(lab.add_vm(), token_id, code).json()["Code"] == "InvalidAccessToken.Disabled"
    lab.smc().delete_access_token(smc_models.DeleteAccessTokenRequest(access_token_id=token_id))
    assert tokens(lab) == []


@pytest.mark.parametrize("values", [{"count": "0"}, {"count": "1001"}, {"time_to_live_in_days": "91"}, {"count": "x"}])
def test_token_ranges(lab: Lab, values: dict[str, str]) -> None:
    assert code_of(lab.smc().create_access_token, smc_models.CreateAccessTokenRequest(**values)) == "InvalidParameter"


def test_code_is_never_shown_again(lab: Lab) -> None:
    _, code = create_token(lab)
    assert code not in json.dumps([token.to_map() for token in tokens(lab)])
    assert code not in json.dumps(lab.control("GET", "/state"))


# -- tags ----------------------------------------------------------------------------------------------------------


def tag(lab: Lab, ids: list[str], kind: str = "sourceserver", **tags: str) -> str:
    items = [smc_models.TagResourcesRequestTag(key=key, value=value) for key, value in tags.items()]
    return code_of(
        lab.smc().tag_resources, smc_models.TagResourcesRequest(resource_id=ids, resource_type=kind, tag=items)
    )


def tag_rows(lab: Lab, **filters: Any) -> list[Any]:
    request = smc_models.ListTagResourcesRequest(resource_type="sourceserver", **filters)
    return list(lab.smc().list_tag_resources(request).body.tag_resources.tag_resource)


def test_tags_are_set_listed_filtered_and_removed(lab: Lab) -> None:
    first, second = lab.source(1), lab.source(2)
    assert tag(lab, [first, second], project="a", wave="1") == ""
    assert tag(lab, [second], wave="2") == ""
    rows = tag_rows(lab)
    assert {(row.resource_id, row.tag_key, row.tag_value) for row in rows} == {
        (first, "project", "a"),
        (first, "wave", "1"),
        (second, "project", "a"),
        (second, "wave", "2"),
    }
    assert rows[0].resource_type == "ALIYUN::SMC::SOURCESERVER"
    wave_two = smc_models.DescribeSourceServersRequestTag(key="wave", value="2")
    assert [source.source_id for source in sources(lab, tag=[wave_two])] == [second]
    untag = smc_models.UntagResourcesRequest(resource_id=[first], resource_type="sourceserver", tag_key=["wave"])
    lab.smc().untag_resources(untag)
    assert [row.tag_key for row in tag_rows(lab, resource_id=[first])] == ["project"]
    everything = smc_models.UntagResourcesRequest(resource_id=[second], resource_type="sourceserver", all=True)
    lab.smc().untag_resources(everything)
    assert tag_rows(lab, resource_id=[second]) == []


def test_refused_tag_requests(lab: Lab) -> None:
    source_id = lab.source()
    assert tag(lab, [source_id], kind="", a="b") == "MissingParameter.ResourceType"
    assert tag(lab, [source_id], kind="disk", a="b") == "InvalidResourceType.NotFound"
    assert tag(lab, ["s-none"], a="b") == "InvalidResourceId.NotFound"
    assert tag(lab, [source_id, source_id], a="b") == "Duplicate.ResourceId"
    assert tag(lab, [f"s-{number}" for number in range(51)], a="b") == "NumberExceed.ResourceIds"
    assert tag(lab, [source_id], **{f"k{number}": "v" for number in range(21)}) == "NumberExceed.Tags"
    assert tag(lab, [source_id], **{"k" * 65: "v"}) == "InvalidParameter"


def test_job_filters(lab: Lab) -> None:
    first, second = lab.waiting_job(1), lab.create_job(lab.source(2))
    describe = lab.smc().describe_replication_jobs

    def ids(**filters: Any) -> set[str]:
        found = describe(smc_models.DescribeReplicationJobsRequest(**filters)).body.replication_jobs.replication_job
        return {job.job_id for job in found}

    assert ids() == {first, second}
    assert ids(status="Waiting") == {first}
    assert ids(source_id=[lab.job(second).source_id]) == {second}
    assert ids(name=lab.job(second).name, status="Waiting") == set()
    assert ids(job_id=["j-none"]) == set()
    too_many = smc_models.DescribeReplicationJobsRequest(job_id=[f"j-{number}" for number in range(51)])
    assert code_of(describe, too_many) == "InvalidParameter"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"token_id": "at", "token_code": "c"}, "MissingParameter"),
        ({"token_id": "at", "vm": {"moref_id": "vm-1"}}, "MissingParameter"),
        ({"token_id": "at", "token_code": "c", "vm": {"moref_id": "vm-1", "disk": []}}, "InvalidParameter"),
        ([], "InvalidParameter"),
    ],
)
def test_invalid_imports_are_refused(lab: Lab, body: Any, code: str) -> None:
    answer = HTTP.post(lab.url("smc", "/connector/register"), json=body)
    assert (answer.status_code, answer.json()["Code"]) == (400, code)


def test_source_quota_and_unknown_heartbeats(lab: Lab) -> None:
    lab.switch(sources_limit=1)
    lab.source(1)
    token_id, code = create_token(lab)
    assert lab.connector(lab.add_vm(2), token_id, code).json()["Code"] == "QuotaExceeded.SourceServer"
    answer = HTTP.post(lab.url("smc", "/connector/heartbeat"), json={"sources": ["s-none"]})
    assert answer.json() == {"unknown": ["s-none"]}
