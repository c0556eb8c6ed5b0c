# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SMC as the collection sees it: what its answers become, how lists are read, and what writes send."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import ReplicationRun
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import (
    AccessToken,
    Job,
    Source,
    Workgroup,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import CutoverError
from tests.unit.plugins.builders import a_job, a_run, a_source, at
from tests.unit.plugins.wire import CLOCK, Cloud, refusal


@pytest.fixture
def smc(connection: Connection) -> SmcClient:
    return SmcClient(connection)


# --- sources ----------------------------------------------------------------------------------------------------


def source(**wire: Any) -> Source:
    return Source.from_wire({"SourceId": "s-1", **wire})


OLDER_SHAPE = {
    "SystemDiskSize": 40,
    "DataDisks": {"DataDisk": [{"Index": 2, "Size": 100}, {"Index": 1, "Size": 10}]},
}
NEWER_SHAPE = {"Disks": {"System": {"Size": 40}, "Data": {"Data": [{"Size": 10}, {"Size": 100}]}}}


@pytest.mark.parametrize(
    "wire",
    [
        OLDER_SHAPE,
        NEWER_SHAPE,
        OLDER_SHAPE | NEWER_SHAPE,
        {"SystemDiskSize": 40, "DataDisks": {"DataDisk": []}, "Disks": {"Data": NEWER_SHAPE["Disks"]["Data"]}},
        {
            "SystemDiskSize": "39.2",
            "DataDisks": {"DataDisk": [{"Index": "1", "Size": 9.5}, {"Index": 2, "Size": "100"}]},
        },
    ],
)
def test_disks_in_every_shape(wire: dict[str, Any]):
    found = source(**wire)
    assert (found.system_disk_size, found.data_disk_sizes) == (40, {1: 10, 2: 100})


@pytest.mark.parametrize(
    "wire", [{}, {"DataDisks": None, "Disks": None}, {"DataDisks": {}, "Disks": {"System": None, "Data": None}}]
)
def test_no_disks_at_all(wire: dict[str, Any]):
    assert (source(**wire).system_disk_size, source(**wire).data_disk_sizes) == (0, {})


INFO = {"hostname": "web-1", "ipv4": "10.0.0.5,192.168.1.5"}


@pytest.mark.parametrize(
    "text", [json.dumps(INFO), json.dumps(json.dumps(INFO)), json.dumps(json.dumps(json.dumps(INFO))), INFO]
)
def test_system_info_however_often_it_is_escaped(text: Any):
    found = source(SystemInfo=text)
    assert (found.hostname, found.ipv4) == ("web-1", ("10.0.0.5", "192.168.1.5"))


@pytest.mark.parametrize(
    ("ipv4", "addresses"),
    [
        ("10.0.0.5", ("10.0.0.5",)),
        ("10.0.0.5; 10.0.0.6", ("10.0.0.5", "10.0.0.6")),
        (["10.0.0.5", " 10.0.0.6 "], ("10.0.0.5", "10.0.0.6")),
        ("", ()),
        (None, ()),
    ],
)
def test_addresses(ipv4: Any, addresses: tuple[str, ...]):
    assert source(SystemInfo=json.dumps({"ipv4": ipv4})).ipv4 == addresses


@pytest.mark.parametrize("text", [None, "", "no json", "[1, 2]", '"text"'])
def test_system_info_that_is_none_is_no_error(text: Any):
    assert (source(SystemInfo=text).hostname, source(SystemInfo=text).ipv4) == ("", ())


@pytest.mark.parametrize(
    ("wire", "error_reason"),
    [
        ({"State": "available", "ErrorCode": "old"}, ""),
        ({"State": "INUSE"}, ""),
        (
            {
                "State": "unavailable",
                "ErrorCode": "SourceServer.Offline",
                "StatusInfo": json.dumps({"error_code": "S1", "error_msg": "no rsync"}),
            },
            "Unavailable, SourceServer.Offline, no rsync",
        ),
        ({"State": "Unavailable", "StatusInfo": "asleep"}, "Unavailable, asleep"),
        ({"State": "Deleting"}, "Deleting"),
    ],
)
def test_error_in_words(wire: dict[str, Any], error_reason: str):
    assert source(**wire).error_reason == error_reason
    assert source(**wire).online is (error_reason == "")


def test_tags_and_timestamps():
    found = source(
        CreationTime="2026-11-22T18:00:07Z",
        Tags={"Tag": [{"Key": "a", "Value": "b"}, {"Key": "flag"}, {"Key": "none", "Value": None}]},
    )
    assert found.tags == {"a": "b", "flag": "", "none": ""}
    assert found.created == CLOCK
    assert found.as_result()["created_at"] == "2026-11-22T18:00:07Z"


# --- jobs -------------------------------------------------------------------------------------------------------


def job(**wire: Any) -> Job:
    return Job.from_wire({"JobId": "j-1", **wire})


def test_a_whole_job():
    found = job(
        SourceId="s-1",
        Name="n",
        Status="running",
        BusinessStatus="SYNCING",
        Progress=41.5,
        RunOnce=False,
        Frequency=6,
        MaxNumberOfImageToKeep=3,
        NetMode=2,
        VSwitchId="vsw-1",
        TransitionInstanceId="i-1",
        CreationTime="2026-11-22T10:00:00Z",
        ValidTime="2026-12-22T10:00:00Z",
        ReplicationParameters='{"bandwidth_limit":0,"checksum":true}',
        ReplicationJobRuns={
            "ReplicationJobRun": [
                {"StartTime": "2026-11-22T17:00:00Z", "Type": "Manual"},
                {
                    "StartTime": "2026-11-22T12:00:00Z",
                    "EndTime": "2026-11-22T12:30:00Z",
                    "ImageId": "m-1",
                    "Type": "Schedule",
                },
                {"EndTime": "2026-11-22T12:30:00Z"},
            ]
        },
        **OLDER_SHAPE,
    )
    assert (found.status, found.phase, found.progress) == ("Running", "Syncing", 41.5)
    assert (found.incremental, found.interval, found.images_to_keep) == (True, timedelta(hours=6), 3)
    assert (found.network_mode, found.vswitch_id, found.intermediate_instance_id) == ("vpc", "vsw-1", "i-1")
    assert found.replication_parameters == {"bandwidth_limit": 0, "checksum": True}
    assert (found.system_disk_size, found.data_disk_sizes) == (40, {1: 10, 2: 100})
    hour = datetime(2026, 11, 22, tzinfo=timezone.utc)
    assert found.runs == (
        ReplicationRun(hour.replace(hour=17), None, None, "Manual"),
        ReplicationRun(hour.replace(hour=12), hour.replace(hour=12, minute=30), "m-1", "Schedule"),
    )
    assert found.newest_run == found.runs[1]
    assert found.summary == "job j-1: Running, Syncing, 41 %"
    shown = found.as_result()
    assert [run["started_at"] for run in shown["runs"]] == ["2026-11-22T12:00:00Z", "2026-11-22T17:00:00Z"]
    assert shown["interval"] == "6h"
    json.dumps(shown)


@pytest.mark.parametrize(("wire", "incremental"), [({"RunOnce": False}, True), ({"RunOnce": True}, False), ({}, False)])
def test_only_a_declared_job_is_incremental(wire: dict[str, Any], incremental: bool):
    assert job(**wire).incremental is incremental


@pytest.mark.parametrize("wire", [{"NetMode": 0}, {}, {"NetMode": None}])
def test_other_networks_are_the_internet(wire: dict[str, Any]):
    assert job(**wire).network_mode == "internet"


@pytest.mark.parametrize("text", ["BandWidthLimit:0", "", None, "[]"])
def test_parameters_that_are_no_json_are_none(text: Any):
    assert job(ReplicationParameters=text).replication_parameters == {}


def test_an_unknown_state_is_shown_as_it_came():
    assert job(Status="Hibernating").status == "Hibernating"
    assert job().status == ""


@pytest.mark.parametrize(
    ("found", "has_run"),
    [
        (a_job("Ready"), False),
        (a_job("Ready", runs=(a_run(-5, None, None),)), True),
        (a_job("Expired", runs=()), False),
        (a_job("Stopped", runs=()), True),
        (a_job("Waiting", runs=()), True),
    ],
)
def test_whether_it_has_run(found: Job, has_run: bool):
    assert found.has_run is has_run


def test_what_is_reported_of_a_failed_job():
    found = job(Status="InError", ErrorCode="InternalError", StatusInfo=json.dumps({"error_msg": "disk full"}))
    assert found.summary == "job j-1: InError (InternalError, disk full)"
    assert job(Status="Waiting", Progress=100).summary == "job j-1: Waiting"


# --- activation codes -------------------------------------------------------------------------------------------


def test_an_activation_code():
    found = AccessToken.from_wire(
        {
            "AccessTokenId": "at-1",
            "Count": "10",
            "RegisteredCount": "2",
            "TimeToLiveInDays": "30",
            "Status": "Activated",
        }
    )
    assert (found.uses, found.used, found.valid_days, found.status) == (10, 2, 30, "activated")
    assert AccessToken.from_wire({"AccessTokenId": "at-1", "Count": None}).uses == 0


# --- lists ------------------------------------------------------------------------------------------------------


def page(total: int, *numbers: int) -> dict[str, Any]:
    return {
        "TotalCount": total,
        "ReplicationJobs": {"ReplicationJob": [{"JobId": f"j-{number}"} for number in numbers]},
    }


def test_lists_are_read_to_the_last_page(cloud: Cloud, smc: SmcClient):
    cloud.replies(page(101, *range(50)), page(101, *range(50, 100)), page(101, 100))
    assert [found.job_id for found in smc.jobs()] == [f"j-{number}" for number in range(101)]
    assert [query["PageNumber"] for query in cloud.queries] == ["1", "2", "3"]
    assert {query["PageSize"] for query in cloud.queries} == {"50"}


@pytest.mark.parametrize("total", [0, 50, 100])
def test_a_full_last_page_is_the_last(cloud: Cloud, smc: SmcClient, total: int):
    pages = [page(total, *range(start, start + 50)) for start in range(0, total, 50)] or [page(0)]
    cloud.replies(*pages)
    assert len(smc.jobs()) == total
    assert len(cloud.requests) == len(pages)


def test_a_list_that_shrinks_meanwhile_ends(cloud: Cloud, smc: SmcClient):
    cloud.replies(page(60, *range(50)), page(60))
    assert len(smc.jobs()) == 50
    assert len(cloud.requests) == 2


def test_fifty_ids_cost_one_call(cloud: Cloud, smc: SmcClient):
    cloud.replies(page(50, *range(50)), page(50, *range(50, 100)), page(1, 100))
    assert len(smc.jobs([f"j-{number}" for number in range(101)])) == 101
    assert [sum(name.startswith("JobId.") for name in query) for query in cloud.queries] == [50, 50, 1]
    assert cloud.queries[1]["JobId.1"] == "j-50"
    assert cloud.queries[2]["JobId.1"] == "j-100"


@pytest.mark.parametrize("filters", [{"job_ids": []}, {"source_ids": []}, {"job_ids": ["j-1"], "source_ids": []}])
def test_no_ids_are_no_jobs_and_no_call(cloud: Cloud, smc: SmcClient, filters: dict[str, Any]):
    assert smc.jobs(**filters) == []
    assert cloud.requests == []


def test_no_source_ids_are_no_sources_and_no_call(cloud: Cloud, smc: SmcClient):
    assert smc.sources([]) == []
    assert cloud.requests == []


def test_filters(cloud: Cloud, smc: SmcClient):
    cloud.replies({}, {})
    assert smc.jobs(source_ids=["s-1"], name="n", status="Waiting", tags={"b": "2", "a": "1"}) == []
    assert smc.sources(state="Available", tags={"a": "1"}) == []
    assert cloud.queries == [
        {
            "PageNumber": "1",
            "PageSize": "50",
            "SourceId.1": "s-1",
            "Name": "n",
            "Status": "Waiting",
            "Tag.1.Key": "a",
            "Tag.1.Value": "1",
            "Tag.2.Key": "b",
            "Tag.2.Value": "2",
        },
        {"PageNumber": "1", "PageSize": "50", "State": "Available", "Tag.1.Key": "a", "Tag.1.Value": "1"},
    ]


# --- writes -----------------------------------------------------------------------------------------------------

WRITES = [
    (lambda smc: smc.modify_job("j-1", {"Name": "n"}), "ModifyReplicationJobAttribute", {"JobId": "j-1", "Name": "n"}),
    (lambda smc: smc.start_job("j-1"), "StartReplicationJob", {"JobId": "j-1"}),
    (lambda smc: smc.stop_job("j-1"), "StopReplicationJob", {"JobId": "j-1"}),
    (lambda smc: smc.complete_job("j-1", True), "CutOverReplicationJob", {"JobId": "j-1", "SyncData": "True"}),
    (lambda smc: smc.complete_job("j-1", False), "CutOverReplicationJob", {"JobId": "j-1", "SyncData": "False"}),
    (lambda smc: smc.delete_job("j-1"), "DeleteReplicationJob", {"JobId": "j-1"}),
    (
        lambda smc: smc.modify_source("s-1", {"Description": "d"}),
        "ModifySourceServerAttribute",
        {"SourceId": "s-1", "Description": "d"},
    ),
    (lambda smc: smc.delete_source("s-1", False), "DeleteSourceServer", {"SourceId": "s-1", "Force": "False"}),
    (
        lambda smc: smc.tag("replicationjob", "j-1", {"a": "1"}),
        "TagResources",
        {"ResourceType": "replicationjob", "ResourceId.1": "j-1", "Tag.1.Key": "a", "Tag.1.Value": "1"},
    ),
    (lambda smc: smc.disable_access_token("at-1"), "DisableAccessToken", {"AccessTokenId": "at-1"}),
    (lambda smc: smc.delete_access_token("at-1"), "DeleteAccessToken", {"AccessTokenId": "at-1"}),
]


@pytest.mark.parametrize(("write", "action", "query"), WRITES)
def test_writes_as_they_are_sent(cloud: Cloud, smc: SmcClient, write: Any, action: str, query: dict[str, str]):
    cloud.replies({})
    write(smc)
    assert (cloud.actions, cloud.queries) == ([action], [query])


def test_creations_return_what_was_made(cloud: Cloud, smc: SmcClient):
    cloud.replies({"JobId": "j-9"}, {"AccessTokenId": "at-9", "AccessTokenCode": "c0de"})
    assert smc.create_job({"SourceId": "s-1"}) == "j-9"
    assert smc.create_access_token("wave", None, 10, 2) == ("at-9", "c0de")
    assert cloud.queries[1] == {"Name": "wave", "Count": "10", "TimeToLiveInDays": "2"}


def test_the_clock(cloud: Cloud, smc: SmcClient):
    cloud.replies({})
    assert smc.read_clock() == CLOCK
    assert smc.now == CLOCK
    assert cloud.actions == ["DescribeReplicationJobs"]


def test_results_are_plain_data():
    for record in (a_source(), a_job(scheduled_start=at(1), ended=at(2))):
        assert json.loads(json.dumps(record.as_result())) == record.as_result()


# --- workgroups -------------------------------------------------------------------------------------------------


def test_a_workgroup():
    found = Workgroup.from_wire(
        {
            "WorkgroupId": "wg-1",
            "Name": "wave-7",
            "Status": "inprogress",
            "Tags": {"Tag": [{"Key": "a", "Value": "b"}]},
            "Warnings": {
                "Warning": [
                    {"WarningType": "UNRELATED", "SourceIds": {"SourceId": ["s-1", "s-2"]}},
                    {"WarningType": "NotPassed"},
                ]
            },
        }
    )
    assert (found.status, found.description, found.tags) == ("InProgress", "", {"a": "b"})
    assert found.as_result()["warnings"] == {"NotPassed": [], "UnRelated": ["s-1", "s-2"]}
    assert Workgroup.from_wire({"WorkgroupId": "wg-1", "Warnings": None}).warnings == {}


def test_what_is_sent_for_workgroups(cloud: Cloud, smc: SmcClient):
    cloud.replies(
        {"TotalCount": 1, "Workgroups": {"Workgroup": [{"WorkgroupId": "wg-1"}]}},
        {"WorkgroupId": "wg-2"},
        {},
        {},
        {},
        {"TotalCount": 1, "SourceServers": {"SourceServer": [{"SourceId": "s-1", "WorkgroupId": "wg-2"}]}},
    )
    assert [group.workgroup_id for group in smc.workgroups()] == ["wg-1"]
    parameters = {"Name": "wave-7", "Description": None, "Tag": [], "ClientToken": "t"}
    assert smc.create_workgroup(parameters) == "wg-2"
    smc.modify_workgroup("wg-2", {"Description": "new"})
    smc.put_into_workgroup("wg-2", ["s-1", "s-2"])
    smc.take_out_of_workgroup("wg-2", ["s-1"])
    assert smc.sources(workgroup_id="wg-2")[0].as_result()["workgroup_id"] == "wg-2"
    assert [(request.action, request.query) for request in cloud.requests] == [
        ("DescribeWorkgroups", {"PageNumber": "1", "PageSize": "50"}),
        ("CreateWorkgroup", {"Name": "wave-7", "ClientToken": "t"}),
        ("ModifyWorkgroupAttribute", {"WorkgroupId": "wg-2", "Description": "new"}),
        ("AssociateSourceServers", {"WorkgroupId": "wg-2", "SourceId.1": "s-1", "SourceId.2": "s-2"}),
        ("DisassociateSourceServers", {"WorkgroupId": "wg-2", "SourceId.1": "s-1"}),
        ("DescribeSourceServers", {"PageNumber": "1", "PageSize": "50", "WorkgroupId": "wg-2"}),
    ]


def test_a_workgroup_that_is_gone_already_is_fine(cloud: Cloud, smc: SmcClient):
    cloud.replies({}, refusal("InvalidWorkgroupId.NotFound", 404), refusal("Workgroup.NotEmpty", 400))
    smc.delete_workgroup("wg-1")
    smc.delete_workgroup("wg-1")
    with pytest.raises(CutoverError, match="NotEmpty"):
        smc.delete_workgroup("wg-1")
