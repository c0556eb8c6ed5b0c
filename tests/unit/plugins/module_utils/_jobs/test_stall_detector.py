# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for jobs: what the progress line shows, when a stall is noticed, its cause, and how few calls that takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._jobs import forecast as _forecast
from ansible_collections.cutover.smc.plugins.module_utils._jobs.stall_detector import StallDetector
from ansible_collections.cutover.smc.plugins.module_utils._jobs.stalls import StallContext, likely_cause, summary_of
from tests.unit.plugins.builders import NOW, a_job, a_run, a_source, an_instance, at
from tests.unit.plugins.wire import Answer, Cloud, refusal

HALF_AN_HOUR = timedelta(minutes=30)
RUNS = {
    "ReplicationJobRuns": {"ReplicationJobRun": [{"StartTime": "2026-11-22T17:50:00Z"}]},
    "TransitionInstanceId": "i-1",
}


class Scene:
    """A watch over jobs that SMC shows at timestamps of its own clock."""

    def __init__(self, cloud: Cloud, connection: Any, stall_after: timedelta = HALF_AN_HOUR) -> None:
        self.cloud = cloud
        self.smc = SmcClient(connection)
        self.warnings: list[str] = []
        self.watch = StallDetector(self.smc, connection, stall_after, Context(False, print, self.warnings.append))

    def poll(self, minutes: float, *progress: float, phase: str = "Syncing", then: Any = ()) -> list[Job]:
        """Look at jobs of this progress, so many minutes from now; ``then`` is answered to what is looked up."""
        date = {"Date": format_datetime(at(minutes), usegmt=True)}
        jobs = [
            {
                "JobId": f"j-{number}",
                "SourceId": f"s-{number}",
                "Status": "Running",
                "BusinessStatus": phase,
                "Progress": percent,
                "RunOnce": False,
                **RUNS,
            }
            for number, percent in enumerate(progress, start=1)
        ]
        self.cloud.replies(Answer({"TotalCount": len(jobs), "ReplicationJobs": {"ReplicationJob": jobs}}, headers=date))
        self.cloud.replies(*(Answer(answer.body, answer.status, {**answer.headers, **date}) for answer in then))
        seen = self.smc.jobs([f"j-{number}" for number in range(1, len(jobs) + 1)])
        self.watch.record(seen)
        return seen


def sources(*states: str) -> Answer:
    shown = [
        {"SourceId": f"s-{number}", "State": state, "ErrorCode": "" if state == "InUse" else "SourceServer.Offline"}
        for number, state in enumerate(states, start=1)
    ]
    return Answer({"TotalCount": len(shown), "SourceServers": {"SourceServer": shown}})


def instances(*statuses: str) -> Answer:
    shown = [{"InstanceId": "i-1", "Status": status} for status in statuses]
    return Answer({"Instances": {"Instance": shown}})


@pytest.fixture
def scene(cloud: Cloud, connection: Any) -> Scene:
    return Scene(cloud, connection)


def test_a_job_that_moves_is_reported_with_what_is_left(scene: Scene):
    (job,) = scene.poll(0, 20.0)
    assert scene.watch.summary(job) == "job j-1: Running, Syncing, 20 %, about 40m left"
    (job,) = scene.poll(10, 40.0)
    # Twenty points in ten minutes: the pace of the phase goes before that of the run.
    assert scene.watch.summary(job) == "job j-1: Running, Syncing, 40 %, about 30m left"
    (job,) = scene.poll(11, 90.0, phase="Processing")
    assert scene.watch.summary(job) == "job j-1: Running, Processing, 90 %, about 2m20s left"
    assert scene.warnings == []


def test_a_stall_is_reported_once_with_its_cause_and_costs_one_call(scene: Scene):
    scene.poll(0, 20.0)
    scene.poll(15, 20.0)
    (job,) = scene.poll(30, 20.0, then=[sources("Unavailable")])
    reported = "no progress for 30m: its source s-1 is not ready: its connector sends no heartbeat (Unavailable, SourceServer.Offline)"
    assert scene.warnings == [
        f"Job j-1: {reported}. Check that the connector runs (go2aliyun_client) and reaches "
        "vCenter and Alibaba Cloud, that its clock is correct, and that it still lists the VM"
    ]
    assert scene.watch.summary(job).endswith(reported)
    scene.poll(45, 20.0)
    assert scene.cloud.actions.count("DescribeSourceServers") == 1
    assert len(scene.warnings) == 1
    (stall,) = scene.watch.stalls
    assert stall.as_result() == {
        "job_id": "j-1",
        "phase": "Syncing",
        "progress": 20.0,
        "stalled_at": "2026-11-22T18:00:00Z",
        "seconds": 1800,
        "cause": "its source s-1 is not ready: its connector sends no heartbeat (Unavailable, SourceServer.Offline)",
        "remedy": "Check that the connector runs (go2aliyun_client) and reaches vCenter and Alibaba Cloud, that its clock is correct, "
        "and that it still lists the VM",
    }


def test_when_it_lasts_the_instance_is_read_too(scene: Scene):
    for minutes in (0, 15):
        scene.poll(minutes, 20.0)
    scene.poll(30, 20.0, then=[sources("InUse")])
    assert "the first run compares and copies all disks" in scene.warnings[-1]
    scene.poll(45, 20.0)
    scene.poll(60, 20.0, then=[instances()])
    assert "its intermediate instance i-1 no longer exists" in scene.warnings[-1]
    assert scene.cloud.actions[-1] == "DescribeInstances"
    scene.poll(90, 20.0, then=[instances("Stopped")])
    assert "its intermediate instance i-1 is Stopped. Start the instance in ECS" in scene.warnings[-1]
    assert [stall.seconds for stall in scene.watch.stalls] == [1800, 3600, 5400]


def test_going_on_ends_it(scene: Scene):
    for minutes in (0, 15):
        scene.poll(minutes, 20.0)
    scene.poll(30, 20.0, then=[sources("InUse")])
    (job,) = scene.poll(31, 20.5)
    assert "no progress" not in scene.watch.summary(job)
    assert scene.watch.stall_of("j-1") is None
    assert len(scene.watch.stalls) == 1
    # From here it takes another half an hour.
    scene.poll(45, 20.5)
    scene.poll(60, 20.5)
    assert len(scene.warnings) == 1


def test_another_phase_or_another_run_is_progress_too(scene: Scene):
    scene.poll(0, 90.0)
    scene.poll(29, 90.0)
    scene.poll(31, 90.0, phase="Processing")
    scene.poll(60, 90.0, phase="Processing")
    assert scene.warnings == []


def test_two_polls_far_apart_prove_nothing(scene: Scene):
    """As after a laptop's sleep: that nothing was seen to move is no wonder."""
    scene.poll(0, 20.0)
    scene.poll(600, 20.0)
    assert scene.warnings == []
    scene.poll(601, 20.0, then=[sources("InUse")])
    assert len(scene.warnings) == 1


def test_the_clock_is_the_clouds(scene: Scene):
    """A cloud in which hours pass while this machine's clock counts milliseconds has stood still for hours."""
    for minutes in (0, 300, 600):
        scene.poll(minutes, 20.0, then=[sources("InUse")] if minutes == 600 else [])
    assert "no progress for 10h" in scene.warnings[0]


def test_nothing_is_read_when_it_is_disabled(cloud: Cloud, connection: Any):
    scene = Scene(cloud, connection, timedelta(0))
    for minutes in (0, 300, 600, 900):
        scene.poll(minutes, 20.0)
    assert scene.warnings == []


def test_many_that_stall_cost_one_call_together(scene: Scene):
    still = [20.0] * 30
    scene.poll(0, *still, 1.0)
    scene.poll(15, *still, 2.0)
    jobs = scene.poll(30, *still, 3.0, then=[sources(*["InUse"] * 29, "Unavailable")])
    assert scene.cloud.actions.count("DescribeSourceServers") == 1
    assert len(scene.warnings) == 30
    line = scene.watch.summarize(jobs)
    assert line.startswith("31 jobs: 31 Running/Syncing (19 %, ")
    assert line.partition("without progress: ")[2].split(", ") == [f"j-{number}" for number in range(1, 31)]


def test_a_cause_that_cannot_be_read_is_no_failure(scene: Scene):
    scene.poll(0, 20.0)
    scene.poll(15, 20.0)
    scene.poll(30, 20.0, then=[refusal("Forbidden.RAM", 403, "not yours")])
    assert "(the check for the cause failed: DescribeSourceServers: not yours (Forbidden.RAM))" in scene.warnings[0]


def test_processing_of_a_big_image_is_reported_without_a_call(scene: Scene):
    for minutes in (0, 15, 30):
        scene.poll(minutes, 90.0, phase="Processing")
    assert "SMC is making the image" in scene.warnings[0]
    assert set(scene.cloud.actions) == {"DescribeReplicationJobs"}


def test_it_fails_when_that_is_asked_for(scene: Scene):
    for minutes in (0, 15):
        scene.watch.record_or_raise(scene.poll(minutes, 20.0)[0])
    (job,) = scene.poll(30, 20.0, then=[sources("Unavailable")])
    assert scene.watch.record_or_raise(job) is job
    scene.watch.fails = True
    with pytest.raises(
        PreconditionError, match=r"Job j-1 is Running, Syncing at 20 % with no progress for 30m: its source"
    ) as caught:
        scene.watch.record_or_raise(job)
    assert caught.value.details["stall"]["seconds"] == 1800


# --- causes -----------------------------------------------------------------------------------------------------

RUNNING = a_job("Running", progress=20.0, intermediate_instance_id="i-1", runs=(a_run(-10, None, None),))
REPLICATED = replace(RUNNING, runs=(a_run(-900, lasted=70), a_run(-600), a_run(-300), *RUNNING.runs))


@pytest.mark.parametrize(
    ("job", "context", "words"),
    [
        (RUNNING, StallContext(sources={}), "its source s-1 no longer exists"),
        (
            RUNNING,
            StallContext(sources={"s-1": a_source(state="Unavailable", error_code="SourceServer.Offline")}),
            "its connector sends no heartbeat (Unavailable, SourceServer.Offline)",
        ),
        (
            RUNNING,
            StallContext(sources={"s-1": a_source(state="InUse")}),
            "the first run compares and copies all disks",
        ),
        (RUNNING, StallContext(instances={"i-1": an_instance("i-1", status="Stopped")}), "i-1 is Stopped"),
        (RUNNING, StallContext(instances={"i-1": an_instance("i-1")}), "the first run compares"),
        (RUNNING, StallContext(instances={}), "i-1 no longer exists"),
        (
            replace(RUNNING, replication_parameters={"bandwidth_limit": 100}),
            StallContext(),
            "bandwidth_limit 100 slows",
        ),
        (REPLICATED, StallContext(), "the comparison of its data, or a slow network"),
        (
            replace(REPLICATED, runs=(*REPLICATED.runs[:-1], a_run(-60, None, None))),
            StallContext(),
            "much longer than earlier runs (median 5m) and is probably a full copy",
        ),
        (replace(RUNNING, phase="Preparing"), StallContext(), "i-1 exists but does not answer SMC"),
        (
            replace(RUNNING, phase="Preparing", intermediate_instance_id=""),
            StallContext(),
            "not created an intermediate instance yet, perhaps because of stock, quota or balance",
        ),
        (replace(RUNNING, phase="Processing"), StallContext(), "the image, which takes up to 1h32m for 162 GiB"),
        (replace(RUNNING, phase="Cleaning"), StallContext(), "releases the intermediate resources"),
        (REPLICATED, StallContext(error_reason="no route"), "(the check for the cause failed: no route)"),
    ],
)
def test_likely_causes(job: Job, context: StallContext, words: str):
    cause, remedy = likely_cause(job, NOW, context)
    assert words in cause
    assert remedy


# --- a fleet on one line ----------------------------------------------------------------------------------------


def test_a_fleet_on_one_line():
    jobs = [
        a_job("Running", progress=10.0),
        a_job("Running", progress=30.0),
        a_job("Waiting"),
        a_job("Running", phase="Processing", progress=99.0),
    ]
    left = {10.0: _forecast.Eta(600, "pace"), 30.0: _forecast.Eta(300, "pace"), 99.0: _forecast.Eta(None, "unknown")}
    assert summary_of(jobs, lambda job: left[job.progress]) == (
        "4 jobs: 1 Running/Processing (99 %, time left unknown), 2 Running/Syncing (20 %, about 10m left), 1 Waiting"
    )
    assert summary_of([], lambda job: _forecast.Eta()) == "0 jobs: "
