"""Faults by rule, request counters, clock and switches: the tests of the collection rely on them."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_smc20190601 import models as smc_models
from darabonba.policy.retry import RetryOptions
from Tea.exceptions import TeaException

from tests.unit.lab.alicloud.harness import HTTP, Lab, job_request


def add(lab: Lab, **rule: Any) -> None:
    lab.control("POST", "/faults", {"target": "smc", **rule})


def describe(lab: Lab) -> str:
    """The outcome of a Describe: empty, or the code of its refusal, or the name of the underlying error."""
    try:
        lab.smc().describe_replication_jobs(smc_models.DescribeReplicationJobsRequest())
    except TeaException as failure:
        return str(failure.code or type(failure).__name__)
    return ""


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("throttle", "Throttling.User"),
        ("throttle_retry_after", "Throttling.User"),
        ("internal_error", "InternalError"),
        ("service_unavailable", "ServiceUnavailable"),
        ("clock_skew", "IllegalTimestamp"),
        ("html_502", "UnretryableException"),
        ("reset_before_commit", "UnretryableException"),
        ("reset_after_commit", "UnretryableException"),
    ],
)
def test_each_kind_once(lab: Lab, kind: str, code: str) -> None:
    add(lab, kind=kind, action="DescribeReplicationJobs")
    assert [describe(lab), describe(lab)] == [code, ""]


def test_nth_and_count(lab: Lab) -> None:
    add(lab, kind="throttle", action="DescribeReplicationJobs", nth=2, count=2)
    assert [describe(lab) for _ in range(5)] == ["", "Throttling.User", "Throttling.User", "", ""]


def test_other_actions_and_services_are_not_hit(lab: Lab) -> None:
    add(lab, kind="throttle", action="CreateReplicationJob", count=0)
    lab.control("POST", "/faults", {"target": "ecs", "kind": "throttle", "count": 0})
    assert describe(lab) == ""


def test_probability_is_repeatable_by_seed(lab: Lab) -> None:
    add(lab, kind="throttle", probability=0.5, count=0)
    outcomes = [describe(lab) for _ in range(40)]
    assert 8 < outcomes.count("") < 32


def test_retry_after_is_what_the_sdk_waits_for(lab: Lab) -> None:
    add(lab, kind="throttle_retry_after", retry_after_ms=1)
    options = RetryOptions(
        {"retryable": True, "retryCondition": [{"maxAttempts": 2, "exception": ["ThrottlingException"]}]}
    )
    client = lab.smc(retry_options=options)
    assert client.describe_replication_jobs(smc_models.DescribeReplicationJobsRequest()).body.total_count == 0
    assert lab.control("GET", "/faults")[0]["hits"] == 1


def test_reset_after_commit_has_an_effect(lab: Lab) -> None:
    source_id = lab.source()
    add(lab, kind="reset_after_commit", action="CreateReplicationJob")
    request = job_request(source_id, client_token="token")
    with pytest.raises(TeaException):
        lab.smc().create_replication_job(request)
    (job,) = lab.control("GET", "/state")["jobs"]
    assert lab.smc().create_replication_job(request).body.job_id == job["job_id"]


def test_reset_before_commit_has_no_effect(lab: Lab) -> None:
    source_id = lab.source()
    add(lab, kind="reset_before_commit", action="CreateReplicationJob")
    with pytest.raises(TeaException):
        lab.smc().create_replication_job(job_request(source_id))
    assert lab.control("GET", "/state")["jobs"] == []


def test_chosen_error(lab: Lab) -> None:
    add(lab, kind="error", status=403, code="EntityNotExist.Role", message="Please assign the role.")
    with pytest.raises(TeaException) as refused:
        lab.smc().describe_replication_jobs(smc_models.DescribeReplicationJobsRequest())
    assert (refused.value.code, refused.value.data["statusCode"]) == ("EntityNotExist.Role", 403)


@pytest.mark.parametrize("kind", ["slow", "late_answer"])
def test_slow_answer(lab: Lab, kind: str) -> None:
    add(lab, kind=kind, delay_ms=1)
    assert describe(lab) == ""


def test_journal_lists_changes_with_their_outcome(lab: Lab) -> None:
    source_id = lab.source()
    before = len(lab.control("GET", "/journal"))
    add(lab, kind="throttle", action="CreateReplicationJob")
    add(lab, kind="reset_after_commit", action="CreateReplicationJob")
    request = job_request(source_id, client_token="token")
    for _ in range(2):
        with pytest.raises(TeaException):
            lab.smc().create_replication_job(request)
    describe(lab)
    job_id = lab.smc().create_replication_job(request).body.job_id
    entries = lab.control("GET", f"/journal?after={before}")
    assert [(entry["number"] - before, entry["outcome"], entry["made"]) for entry in entries] == [
        (1, "Throttling.User", []),
        (2, "done", [job_id]),
        (3, "done", [job_id]),
    ]
    assert entries[0]["action"] == "CreateReplicationJob"
    assert entries[0]["parameters"]["SourceId"] == source_id
    assert lab.control("GET", f"/journal?after={before + 2}&wait=5") == entries[2:]
    assert lab.control("GET", f"/journal?after={before + 3}&wait=0.01") == []


def test_journal_keeps_no_activation_code(lab: Lab) -> None:
    answer = lab.smc().create_access_token(smc_models.CreateAccessTokenRequest(name="token", count="1")).body
    (entry,) = lab.control("GET", "/journal")
    assert entry["made"] == [answer.access_token_id]
    assert answer.access_token_code not in str(entry)
    assert lab.control("GET", "/secrets") == {"activation_codes": [answer.access_token_code], "sessions": []}


@pytest.mark.parametrize("phase", ["Preparing", "Syncing", "Processing"])
def test_job_in_error_at_a_phase(lab: Lab, phase: str) -> None:
    add(lab, kind="job_in_error", phase=phase, error_code="S11", message="no way", source="app-01")
    job_id = lab.create_job(lab.source())
    lab.start(job_id)
    lab.advance("10m")
    job = lab.job(job_id)
    assert (job.status, job.error_code, job.status_info) == ("InError", "S11", "no way")
    assert lab.images(status="ALL") == []
    lab.start(job_id)
    lab.advance("10m")
    assert lab.job(job_id).status == "Waiting"


def test_heartbeat_lost_until_faults_are_deleted(lab: Lab) -> None:
    source_id = lab.source()
    request = smc_models.DescribeSourceServersRequest(source_id=[source_id])

    def state() -> str:
        return str(lab.smc().describe_source_servers(request).body.source_servers.source_server[0].state)

    add(lab, kind="heartbeat_lost", source="app-01")
    HTTP.post(lab.url("smc", "/connector/heartbeat"), json={"sources": [source_id]})
    assert state() == "Unavailable"
    lab.control("DELETE", "/faults")
    assert state() == "Available"


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "explode"},
        {"kind": "throttle", "target": "moon"},
        {"kind": "throttle", "nth": 0},
        {"kind": "throttle", "probability": 2},
        {"target": "vcenter", "fault": "NoPermission"},
    ],
)
def test_invalid_rules_are_refused(lab: Lab, rule: dict[str, Any]) -> None:
    answer = HTTP.post(lab.url("control", "/faults"), json=rule)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize("values", [{"nothing": True}, {"start_on_waiting": "yes"}, {"disk_shape": "round"}])
def test_invalid_switches_are_refused(lab: Lab, values: dict[str, Any]) -> None:
    before = lab.control("GET", "/switches")
    assert HTTP.post(lab.url("control", "/switches"), json=values).status_code == 400
    assert lab.control("GET", "/switches") == before


def test_requests_are_counted_by_action(lab: Lab) -> None:
    source_id = lab.source()
    lab.control("DELETE", "/requests")
    lab.create_job(source_id)
    describe(lab)
    describe(lab)
    assert lab.control("GET", "/requests") == [
        {"service": "smc", "action": "CreateReplicationJob", "count": 1, "mutating": True},
        {"service": "smc", "action": "DescribeReplicationJobs", "count": 2, "mutating": False},
    ]


def test_clock(lab: Lab) -> None:
    assert lab.control("GET", "/clock") == {"now": "2026-11-22T12:00:00Z", "scale": 0}
    assert lab.control("POST", "/clock", {"advance": "1d2h"})["now"] == "2026-11-23T14:00:00Z"
    assert lab.control("POST", "/clock", {"scale": 600})["scale"] == 600
    lab.time.offset = 6
    assert lab.control("GET", "/clock")["now"] == "2026-11-23T15:00:00Z"
    for senseless in ({"advance": "soon"}, {"scale": -1}, {"scale": "fast"}):
        assert HTTP.post(lab.url("control", "/clock"), json=senseless).status_code == 400


def test_jump_runs_what_is_due_only_once(lab: Lab) -> None:
    job_id = lab.waiting_job(frequency=1)
    lab.control("POST", "/clock", {"advance": "10h", "jump": True})
    assert len(lab.job(job_id).replication_job_runs.replication_job_run) == 2


def test_unknown_image(lab: Lab) -> None:
    assert HTTP.get(lab.url("control", "/images/m-none/disks")).status_code == 404
    assert HTTP.get(lab.url("control", "/vms")).status_code == 404
