"""Runs that are stalled in the lab, and the modules: what they warn of, what they return, and when they abort."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.modules import (
    smc_incremental_job,
    smc_incremental_job_info,
    smc_job_finalize,
)
from lab.alicloud.world.records import Job, Source
from tests.unit.lab.alicloud.in_process import InProcessCloud

PRESENT = {"vswitch_id": "vsw-lab-isolated", "wait": True, "poll_interval": 60.0, "wait_timeout": "6h"}


class Migration:
    """One VM whose first run can be stalled."""

    def __init__(self, directory: Path) -> None:
        self.lab = InProcessCloud(directory)
        self.source: Source = self.lab.add_source()

    @property
    def job(self) -> Job:
        (job,) = self.lab.store.jobs.values()
        return job

    def present(self, **params: Any) -> tuple[dict[str, Any], list[str]]:
        return self.lab.call(smc_incremental_job.MODULE, source_id=self.source.source_id, **{**PRESENT, **params})

    def stall(self) -> None:
        """Start a run that compares, and never ends."""
        assert not self.present(wait=False)[0].get("failed")
        self.lab.advance(125)
        assert self.job.business_status == "Syncing"
        self.lab.cloud.lifecycle._cancel_step(self.job)


@pytest.fixture
def migration(tmp_path: Path) -> Migration:
    return Migration(tmp_path)


def test_a_long_comparison_is_reported_and_waited_for(migration: Migration):
    migration.lab.store.switches.update({"seconds_comparing": 4000})
    result, lines = migration.present()
    assert not result.get("failed"), result
    assert result["job"]["status"] == "Waiting"
    assert [stall["phase"] for stall in result["stalls"]] == ["Syncing", "Syncing"]
    assert 1800 <= result["stalls"][0]["seconds"] < 1900
    warnings = [line for line in lines if line.startswith(f"Job {migration.job.job_id}: no progress for 30m")]
    assert len(warnings) == 1
    assert any("Running, Syncing, 5 %" in line and "no progress for 30m" in line for line in lines)


def test_a_run_that_moves_has_no_stall(migration: Migration):
    result, lines = migration.present(stall_after="3m")
    assert result["stalls"] == []
    assert not any("no progress" in line for line in lines)


def test_a_silent_connector_is_named_and_can_end_the_wait(migration: Migration):
    migration.stall()
    migration.source.heartbeat_lost = True
    result, _lines = migration.present(on_stall="fail")
    assert result["failed"]
    assert "with no progress for 30m: its source" in result["msg"]
    assert "its connector sends no heartbeat" in result["msg"]
    assert "go2aliyun_client" in result["error"]["remedy"]
    assert result["error"]["details"]["stall"]["phase"] == "Syncing"


def test_a_released_instance_is_named_when_the_stall_lasts(migration: Migration):
    migration.stall()
    migration.lab.cloud.compute.delete_instance(migration.job.transition_instance_id)
    result, lines = migration.present(wait_timeout="70m")
    assert result["error"]["kind"] == "wait_timeout"
    reported = [line for line in lines if line.startswith("Job ")]
    assert "the first run compares and copies all disks" in reported[0]
    assert f"its intermediate instance {migration.job.transition_instance_id} no longer exists" in reported[1]
    assert "no longer exists" in result["msg"]


def test_the_wait_for_many_jobs_aborts_a_stalled_one(migration: Migration):
    migration.stall()
    asked = {"job_ids": [migration.job.job_id], "wait_for": "image", "poll_interval": 60.0, "wait_timeout": "6h"}
    before = migration.lab.now()
    result, _lines = migration.lab.call(smc_incremental_job_info.MODULE, on_stall="fail", **asked)
    assert (migration.lab.now() - before).total_seconds() < 2000
    (job,) = result["jobs"]
    assert job["reached"] is False
    assert len(job["stalls"]) == 1
    patient, _lines = migration.lab.call(smc_incremental_job_info.MODULE, **{**asked, "wait_timeout": "65m"})
    assert [stall["seconds"] // 60 for stall in patient["jobs"][0]["stalls"]] == [30, 60]


def test_the_end_of_a_job_can_be_stalled_too(migration: Migration):
    assert migration.present()[0]["job"]["status"] == "Waiting"
    migration.lab.store.switches.update({"seconds_cleaning": 4000})
    result, _lines = migration.lab.call(
        smc_job_finalize.MODULE,
        source_id=migration.source.source_id,
        accept_data_loss=migration.job.job_id,
        poll_interval=60.0,
    )
    assert result["finished"]
    assert result["stalls"][0]["phase"] == "Cleaning"
    assert "releases the intermediate resources" in result["stalls"][0]["cause"]
