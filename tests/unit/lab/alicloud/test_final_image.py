"""What is left of the proof when the final image of a finished job is deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.modules import smc_incremental_job, smc_job_finalize
from tests.unit.lab.alicloud.in_process import REGION, InProcessCloud

WAIT: dict[str, Any] = {"poll_interval": 30.0, "wait_timeout": "6h"}


@pytest.fixture
def lab(tmp_path: Path) -> InProcessCloud:
    """A cloud with a finished job that has made two images."""
    lab = InProcessCloud(tmp_path)
    source = lab.add_source()
    created, _lines = lab.call(
        smc_incremental_job.MODULE, source_id=source.source_id, vswitch_id="vsw-lab-isolated", wait=True, **WAIT
    )
    assert not created.get("failed"), created
    lab.advance(60)
    stopped_at = lab.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    synced, _lines = lab.call(
        smc_incremental_job.MODULE, source_id=source.source_id, state="synced", synced_since=stopped_at, **WAIT
    )
    assert not synced.get("failed"), synced
    done, _lines = lab.call(smc_job_finalize.MODULE, source_id=source.source_id, services_stopped_at=stopped_at, **WAIT)
    assert done["evidence"]["proven"] is True, done
    return lab


def read(lab: InProcessCloud) -> tuple[dict[str, Any], list[str]]:
    (job_id,) = lab.store.jobs
    return lab.call(smc_job_finalize.MODULE, job_id=job_id, **WAIT)


def test_an_image_that_exists_is_part_of_the_proof(lab: InProcessCloud):
    result, lines = read(lab)
    evidence = result["evidence"]
    assert (evidence["proven"], evidence["image_exists"], result["changed"]) == (True, True, False)
    assert result["image"]["image_id"] == evidence["image_id"]
    assert lines == []


def test_without_its_image_nothing_is_proven_and_no_older_image_takes_its_place(lab: InProcessCloud):
    (job,) = lab.store.jobs.values()
    (_older, final) = job.image_ids
    lab.act("ecs", "DeleteImage", RegionId=REGION, ImageId=final)
    result, lines = read(lab)
    evidence = result["evidence"]
    assert (evidence["proven"], evidence["image_exists"], evidence["image_id"]) == (False, False, final)
    assert result["image"] is None
    assert lines == [f"Job {job.job_id} is Finished, but its final image {final} does not exist"]
