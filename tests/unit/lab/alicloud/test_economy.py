"""How many calls a fleet costs, by the lab's counters: waiting for N jobs is ceil(N / 50) Describe calls per poll, not one per job."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs import EcsClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import CutoverError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import PROJECT_TAG
from ansible_collections.cutover.smc.plugins.module_utils._migration.info import read_cloud
from ansible_collections.cutover.smc.plugins.modules import smc_incremental_job_info
from tests.unit.lab.alicloud.in_process import CONNECTION, REGION, InProcessCloud

FLEET = 120
CALLS_PER_POLL = ceil(FLEET / 50)


@pytest.fixture
def fleet(tmp_path: Path) -> InProcessCloud:
    """120 jobs of one project, which have just been started."""
    lab = InProcessCloud(tmp_path, running_jobs_limit=FLEET)
    for number in range(1, FLEET + 1):
        source = lab.add_source(number, size=4096)
        created = lab.act(
            "smc",
            "CreateReplicationJob",
            SourceId=source.source_id,
            RegionId=REGION,
            Name=f"wave-{number:03}",
            ImageName=f"wave-{number:03}",
            RunOnce=False,
            Frequency=6,
            MaxNumberOfImageToKeep=2,
            SystemDiskSize=20,
            VSwitchId="vsw-lab-isolated",
            Tag=[{"Key": PROJECT_TAG, "Value": "wave"}],
        )
        lab.act("smc", "StartReplicationJob", JobId=created["JobId"])
    return lab


def calls(lab: InProcessCloud) -> dict[str, int]:
    return {str(line["action"]): int(line["count"]) for line in lab.cloud.counters.as_list()}


def wait(lab: InProcessCloud, monkeypatch: pytest.MonkeyPatch, **params: Any) -> tuple[dict[str, Any], int]:
    """Wait for the fleet; returns the result and how often it was polled."""
    naps: list[float] = []
    advance = lab.advance
    monkeypatch.setattr(lab, "advance", lambda seconds: (naps.append(seconds), advance(seconds)))
    lab.cloud.counters.clear()
    result, _lines = lab.call(smc_incremental_job_info.MODULE, wait_for="image", poll_interval=30.0, **params)
    assert not result.get("failed"), result
    return result, 1 + len(naps)


@pytest.mark.parametrize("by_id", [True, False])
def test_one_poll_of_the_fleet_is_three_calls(fleet: InProcessCloud, monkeypatch: pytest.MonkeyPatch, by_id: bool):
    chosen: dict[str, Any] = {"job_ids": sorted(fleet.store.jobs)} if by_id else {"project": "wave"}
    result, polls = wait(fleet, monkeypatch, **chosen)
    assert len(result["jobs"]) == FLEET
    assert all(job["reached"] and job["images"] for job in result["jobs"])
    assert polls > 3
    # Once to find them, then once per poll; all of them are active until the last one ends.
    assert calls(fleet) == {"DescribeReplicationJobs": CALLS_PER_POLL * (1 + polls)}


def test_a_job_that_is_done_is_not_polled_again(fleet: InProcessCloud, monkeypatch: pytest.MonkeyPatch):
    late = sorted(fleet.store.jobs)[:10]
    for job_id in late:
        fleet.cloud.lifecycle.fail(fleet.store.jobs[job_id], "InternalError", "")
    fleet.advance(600)  # by now all others have their image
    for job_id in late:
        fleet.act("smc", "StartReplicationJob", JobId=job_id)
    _result, polls = wait(fleet, monkeypatch, project="wave")
    assert polls > 3
    assert calls(fleet) == {"DescribeReplicationJobs": CALLS_PER_POLL + polls}


def test_a_stalled_fleet_costs_one_more_read_of_its_sources(fleet: InProcessCloud, monkeypatch: pytest.MonkeyPatch):
    fleet.advance(130)  # all of them compare
    for job in fleet.store.jobs.values():
        assert job.business_status == "Syncing"
        fleet.cloud.lifecycle._cancel_step(job)
    result, polls = wait(fleet, monkeypatch, project="wave", stall_after="5m", wait_timeout="8m")
    assert calls(fleet) == {
        "DescribeReplicationJobs": CALLS_PER_POLL * (1 + polls),
        "DescribeSourceServers": CALLS_PER_POLL,
    }
    assert all(len(job["stalls"]) == 1 for job in result["jobs"])


def test_the_migrations_of_the_fleet_cost_a_few_pages(fleet: InProcessCloud):
    fleet.advance(600)  # by now every job has an image
    fleet.cloud.counters.clear()
    with fleet.reached_by_the_collection():
        connection = Connection.from_params(CONNECTION)
        cloud, unread = read_cloud(SmcClient(connection), EcsClient(connection))
    assert unread == ""
    assert (len(cloud.sources), len(cloud.jobs), len(cloud.images or ())) == (FLEET, FLEET, FLEET)
    assert calls(fleet) == {
        "DescribeSourceServers": CALLS_PER_POLL,
        "DescribeReplicationJobs": CALLS_PER_POLL,
        "DescribeImages": ceil(FLEET / 100),
        "DescribeInstances": 1,
    }


def test_a_fleet_whose_images_cannot_be_read_is_read_without_them(
    fleet: InProcessCloud, monkeypatch: pytest.MonkeyPatch
):
    def forbidden(*_arguments: Any, **_options: Any) -> None:
        raise CutoverError("DescribeImages: not authorized (Forbidden.RAM)", remedy="Grant the action in RAM")

    monkeypatch.setattr(EcsClient, "images", forbidden)
    with fleet.reached_by_the_collection():
        connection = Connection.from_params(CONNECTION)
        cloud, unread = read_cloud(SmcClient(connection), EcsClient(connection))
    assert unread == "DescribeImages: not authorized (Forbidden.RAM). Grant the action in RAM."
    assert (len(cloud.jobs), cloud.images, cloud.instances) == (FLEET, None, None)
