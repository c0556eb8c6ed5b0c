"""More jobs than SMC runs at the same time: a start waits for its turn, and a final run does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.modules import smc_incremental_job
from tests.unit.lab.alicloud.in_process import InProcessCloud

OPTIONS: dict[str, Any] = {"poll_interval": 30.0, "wait_timeout": "6h", "vswitch_id": "vsw-lab-isolated"}
REFUSAL = "QuotaExceeded.ReplicationJob"


@pytest.fixture
def lab(tmp_path: Path) -> InProcessCloud:
    """A cloud that runs one job at a time, and three VMs."""
    lab = InProcessCloud(tmp_path, running_jobs_limit=1)
    for number in (1, 2, 3):
        lab.add_source(number, size=4096)
    return lab


def present(lab: InProcessCloud, number: int, **params: Any) -> tuple[dict[str, Any], list[str]]:
    source_id = list(lab.store.sources)[number - 1]
    return lab.call(smc_incremental_job.MODULE, source_id=source_id, **{**OPTIONS, **params})


def running(lab: InProcessCloud) -> list[str]:
    return [job.status for job in lab.store.jobs.values()]


def test_each_job_is_started_when_another_run_ends(lab: InProcessCloud):
    for number in (1, 2, 3):
        result, lines = present(lab, number)
        assert not result.get("failed"), result
        assert result["job"]["status"] == "Running"
        waited = [line for line in lines if "waiting until SMC's quota of running jobs allows a start" in line]
        assert bool(waited) is (number > 1)
    assert running(lab) == ["Waiting", "Waiting", "Running"]


def test_a_start_that_waits_too_long_fails_with_the_reason_and_can_be_repeated(lab: InProcessCloud):
    assert not present(lab, 1)[0].get("failed")
    result, _lines = present(lab, 2, wait_timeout="1m")
    assert result["error"]["kind"] == "wait_timeout"
    assert "waiting until SMC's quota of running jobs allows a start" in result["msg"]
    assert running(lab) == ["Running", "Ready"]
    assert present(lab, 2)[0]["job"]["status"] == "Running"
    assert len(lab.store.jobs) == 2


def test_a_final_run_does_not_wait_with_the_services_stopped(lab: InProcessCloud):
    assert not present(lab, 1, wait=True)[0].get("failed")
    assert present(lab, 2)[0]["job"]["status"] == "Running"
    (first, *_others) = lab.store.jobs
    started = lab.now()
    result, _lines = lab.call(smc_incremental_job.MODULE, job_id=first, state="synced", max_age="1s", **OPTIONS)
    assert (result["error"]["kind"], result["error"]["code"]) == ("precondition", REFUSAL)
    assert (lab.now() - started).total_seconds() < 60


def test_check_mode_starts_and_waits_for_nothing(lab: InProcessCloud):
    assert not present(lab, 1)[0].get("failed")
    source_id = list(lab.store.sources)[1]
    started = lab.now()
    result, _lines = lab.call(smc_incremental_job.MODULE, check_mode=True, source_id=source_id, **OPTIONS)
    assert result["changed"] is True
    assert (len(lab.store.jobs), lab.now()) == (1, started)
