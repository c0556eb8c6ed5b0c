# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many jobs at once: whose job is meant, what it is for, when waiting is over, and how few calls that takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as _lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import PROJECT_TAG, SERVICES_STOPPED_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._jobs import info as _jobs_info
from ansible_collections.cutover.smc.plugins.module_utils._jobs.info import select
from ansible_collections.cutover.smc.plugins.module_utils._jobs.wait_goal import WaitGoal, describe
from ansible_collections.cutover.smc.plugins.modules.smc_incremental_job_info import MODULE
from tests.unit.plugins.builders import NOW, a_job, a_run, at
from tests.unit.plugins.wire import Cloud

DEFAULTS = {name: spec.get("default") for name, spec in MODULE.argument_spec.items()}

# goal: state of the job -> (reached, hopeless). The built jobs' newest run began half an hour ago.
GOALS: dict[str, dict[str, tuple[bool, bool]]] = {
    "idle": {
        "Ready": (True, False),
        "Running": (False, False),
        "Stopped": (True, True),
        "InError": (True, True),
        "Waiting": (True, False),
        "Finished": (True, False),
        "Expired": (True, True),
        "Deleting": (True, True),
    },
    "image": {
        "Ready": (False, True),
        "Running": (False, False),
        "Stopped": (True, True),
        "InError": (True, True),
        "Waiting": (True, False),
        "Finished": (True, False),
        "Expired": (True, True),
        "Deleting": (True, True),
    },
    "synced": {
        "Ready": (False, True),
        "Running": (False, False),
        "Stopped": (False, True),
        "InError": (False, True),
        "Waiting": (False, False),
        "Finished": (False, True),
        "Expired": (False, True),
        "Deleting": (False, True),
    },
    "finished": {
        "Ready": (False, True),
        "Running": (False, False),
        "Stopped": (False, True),
        "InError": (False, True),
        "Waiting": (False, False),
        "Finished": (True, False),
        "Expired": (False, True),
        "Deleting": (False, True),
    },
}
CELLS = [(kind, status, *verdict) for kind, row in GOALS.items() for status, verdict in row.items()]


@pytest.mark.parametrize(("kind", "status", "reached", "hopeless"), CELLS)
def test_goals(kind: str, status: str, reached: bool, hopeless: bool):
    goal = WaitGoal(kind, at(-15) if kind == "synced" else None)
    assert (goal.reached(a_job(status)), goal.unreachable(a_job(status))) == (reached, hopeless)


def test_the_goals_are_tried_in_every_state():
    assert all(set(row) == set(_lifecycle.STATUSES) for row in GOALS.values())


@pytest.mark.parametrize(
    ("since", "runs", "reached"),
    [
        (at(-31), (a_run(-30),), True),
        (at(-30), (a_run(-30),), False),
        (at(-31), (a_run(-30, None, None),), False),
        (at(-31), (), False),
        (None, (a_run(-30),), False),
    ],
)
def test_synced_takes_a_complete_run_that_began_later(since: Any, runs: Any, reached: bool):
    assert WaitGoal("synced", since).reached(a_job(runs=runs)) is reached


def test_a_job_that_starts_by_itself_is_not_unreachable():
    assert WaitGoal("image").unreachable(a_job("Ready", scheduled_start=at(60))) is False


# --- telling ----------------------------------------------------------------------------------------------------


def test_a_job_described():
    job = a_job(
        runs=(a_run(-10, None, None), a_run(-30, "m-2"), a_run(-90, "m-1")), valid_until=NOW + timedelta(hours=36)
    )
    shown = describe(job, NOW)
    assert shown["rpo_seconds"] == 1800
    assert shown["images"] == ["m-1", "m-2"]
    assert shown["newest_image_id"] == "m-2"
    assert shown["expires_in"] == "1d12h"
    assert shown["is_billed"] is True
    assert (shown["forecast"]["runs"], shown["forecast"]["median"], shown["eta_seconds"]) == (1, 300, None)
    running = describe(a_job("Running", progress=25.0, runs=(a_run(-60), a_run(-10, None, None))), NOW)
    assert running["eta_seconds"] == running["forecast"]["eta"] == 1800
    bare = describe(a_job("Finished", runs=(), valid_until=at(-1), tags={}), NOW)
    assert [bare[name] for name in ("rpo_seconds", "expires_in", "newest_image_id", "vm_uuid", "is_billed")] == [
        None
    ] * 4 + [False]


@pytest.mark.parametrize(
    ("status", "fields", "completing"),
    [
        ("Running", {}, False),
        ("Running", {"phase": "Cleaning"}, True),
        ("Running", {"tags": {SERVICES_STOPPED_TAG: "2026-11-22T17:00:00Z"}}, True),
        ("Running", {"tags": {SERVICES_STOPPED_TAG: ""}}, False),
        ("Waiting", {"tags": {SERVICES_STOPPED_TAG: "2026-11-22T17:00:00Z"}}, False),
        ("InError", {"tags": {SERVICES_STOPPED_TAG: "2026-11-22T17:00:00Z"}}, False),
        ("Finished", {"tags": {SERVICES_STOPPED_TAG: "2026-11-22T17:00:00Z"}}, False),
    ],
)
def test_a_completion_in_progress_is_shown(status: str, fields: Any, completing: bool):
    assert describe(a_job(status, **fields), NOW)["completing"] is completing


# --- selecting and waiting, over the wire -----------------------------------------------------------------------


def wire(job_id: str, status: str = "Waiting", **more: Any) -> dict[str, Any]:
    return {"JobId": job_id, "Status": status, "RunOnce": False, **more}


def of_vm(uuid: str) -> dict[str, Any]:
    return {"Tags": {"Tag": [{"Key": VM_TAG, "Value": uuid}]}}


def answer(*jobs: dict[str, Any]) -> dict[str, Any]:
    return {"TotalCount": len(jobs), "ReplicationJobs": {"ReplicationJob": list(jobs)}}


def ids(query: dict[str, str]) -> list[str]:
    return [value for name, value in query.items() if name.startswith("JobId.")]


def info(cloud: Cloud, connection: Any, check_mode: bool = False, **params: Any) -> tuple[dict[str, Any], list[str]]:
    own = {
        name: getattr(connection, name) for name in ("access_key_id", "access_key_secret", "region_id", "smc_endpoint")
    }
    lines: list[str] = []
    quick = {"wait_timeout": "1m", "poll_interval": 0.0}
    return _jobs_info.run(
        {**DEFAULTS, **own, **quick, **params}, Context(check_mode, lines.append, lines.append)
    ), lines


def test_for_each_vm_the_job_that_matters(cloud: Cloud, connection: Any):
    cloud.replies(
        answer(
            wire("j-1", "Finished", CreationTime="2026-11-20T00:00:00Z", **of_vm("u-1")),
            wire("j-2", "Waiting", CreationTime="2026-11-19T00:00:00Z", **of_vm("u-1")),
            wire("j-3", "Waiting", **of_vm("u-2")),
            wire("j-4"),
        )
    )
    params = {**DEFAULTS, "vm_uuids": ["u-1", "u-3"], "project": "spring"}
    assert [job.job_id for job in select(SmcClient(connection), params)] == ["j-2"]
    assert cloud.queries[0]["Tag.1.Key"] == PROJECT_TAG


def test_without_a_wait_one_call_is_all(cloud: Cloud, connection: Any):
    cloud.replies(answer(wire("j-2", **of_vm("u-2")), wire("j-1", "Running", **of_vm("u-1"))))
    result, _lines = info(cloud, connection)
    assert [job["job_id"] for job in result["jobs"]] == ["j-1", "j-2"]
    assert result["by_vm_uuid"]["u-2"]["job_id"] == "j-2"
    assert {job_id: job["status"] for job_id, job in result["by_job_id"].items()} == {
        "j-1": "Running",
        "j-2": "Waiting",
    }
    assert "reached" not in result["jobs"][0]
    assert (result["changed"], result["cloud_time"]) == (False, "2026-11-22T18:00:07Z")
    assert len(cloud.requests) == 1


def test_without_jobs_the_clock_is_still_reported(cloud: Cloud, connection: Any):
    cloud.replies(answer())
    assert info(cloud, connection, job_ids=[])[0]["cloud_time"] == "2026-11-22T18:00:07Z"
    assert len(cloud.requests) == 1


def test_sixty_jobs_cost_two_calls_per_poll_and_only_while_they_run(cloud: Cloud, connection: Any):
    names = [f"j-{number:02d}" for number in range(60)]
    first, second = names[:50], names[50:]
    cloud.replies(
        # the jobs there are
        answer(*(wire(name, "Running") for name in first)),
        answer(*(wire(name, "Running") for name in second)),
        # first poll: all but two have ended
        answer(*(wire(name, "Running" if name == "j-07" else "Waiting") for name in first)),
        answer(*(wire(name, "Running" if name == "j-55" else "Waiting") for name in second)),
        # second poll: only these two are asked for
        answer(wire("j-07", "Waiting"), wire("j-55", "Running")),
        answer(wire("j-55", "InError", ErrorCode="X")),
    )
    result, lines = info(cloud, connection, job_ids=names, wait_for="idle")
    assert [len(ids(query)) for query in cloud.queries] == [50, 10, 50, 10, 2, 1]
    assert ids(cloud.queries[4]) == ["j-07", "j-55"]
    assert all(job["reached"] for job in result["jobs"])
    assert lines[0] == "60 jobs: 2 Running (0 %, time left unknown), 58 Waiting"


def test_a_job_that_cannot_reach_the_goal_ends_the_wait(cloud: Cloud, connection: Any):
    cloud.replies(answer(wire("j-1", "Running"), wire("j-2", "InError")), answer(wire("j-1", "Stopped")))
    result, _lines = info(cloud, connection, job_ids=["j-1", "j-2"], wait_for="finished")
    assert {job["job_id"]: job["reached"] for job in result["jobs"]} == {"j-1": False, "j-2": False}
    assert ids(cloud.queries[1]) == ["j-1"]


def test_what_has_arrived_is_not_asked_again(cloud: Cloud, connection: Any):
    cloud.replies(answer(wire("j-1", "Waiting")))
    assert info(cloud, connection, job_ids=["j-1"], wait_for="idle")[0]["jobs"][0]["reached"] is True
    assert len(cloud.requests) == 1


def test_the_forecast_rests_on_as_many_runs_as_asked_for(cloud: Cloud, connection: Any):
    runs = [
        {"StartTime": f"2026-11-{day}T10:00:00Z", "EndTime": f"2026-11-{day}T10:0{day % 10}:00Z", "ImageId": f"m-{day}"}
        for day in (12, 13, 14, 15)
    ]
    for at_most, counted, median in ((10, 3, 240), (2, 2, 270)):
        cloud.replies(answer(wire("j-1", ReplicationJobRuns={"ReplicationJobRun": runs})))
        result, _lines = info(cloud, connection, job_ids=["j-1"], forecast_runs=at_most)
        forecast = result["jobs"][0]["forecast"]
        assert (forecast["runs"], forecast["median"]) == (counted, median)
    with pytest.raises(InvalidOptionError, match="Choose 1 or more"):
        info(cloud, connection, job_ids=["j-1"], forecast_runs=0)


def test_a_late_job_is_a_warning_and_not_a_failure(cloud: Cloud, connection: Any):
    cloud.replies(answer(wire("j-1", "Running")), answer(wire("j-1", "Running")))
    result, lines = info(cloud, connection, job_ids=["j-1"], wait_for="idle", wait_timeout="0s")
    assert result["jobs"][0]["reached"] is False
    assert lines[-1].startswith("Timed out after 0s")


def test_each_job_may_have_its_own_timestamp(cloud: Cloud, connection: Any):
    run = {
        "ReplicationJobRuns": {
            "ReplicationJobRun": [
                {"StartTime": "2026-11-22T17:00:00Z", "EndTime": "2026-11-22T17:10:00Z", "ImageId": "m-1"}
            ]
        }
    }
    cloud.replies(answer(wire("j-1", **run), wire("j-2", "Stopped", **run)))
    result, _lines = info(
        cloud,
        connection,
        job_ids=["j-1", "j-2"],
        wait_for="synced",
        synced_since="2026-11-22T17:30:00Z",
        synced_since_by_job={"j-1": "2026-11-22T16:59:59Z"},
    )
    assert {job["job_id"]: job["reached"] for job in result["jobs"]} == {"j-1": True, "j-2": False}


def test_check_mode_does_not_wait(cloud: Cloud, connection: Any):
    cloud.replies(answer(wire("j-1", "Running")))
    result, _lines = info(cloud, connection, check_mode=True, job_ids=["j-1"], wait_for="idle")
    assert "reached" not in result["jobs"][0]


def test_a_job_that_vanishes_meanwhile_ends_the_wait(cloud: Cloud, connection: Any):
    cloud.replies(answer(wire("j-1", "Running")), answer())
    result, _lines = info(cloud, connection, job_ids=["j-1"], wait_for="finished")
    assert (result["jobs"][0]["reached"], result["jobs"][0]["status"]) == (False, "Deleting")
    assert len(cloud.requests) == 2
