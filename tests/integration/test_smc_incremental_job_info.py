# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""smc_incremental_job_info against the lab: one wait for many jobs."""

from __future__ import annotations

from tests.integration.lab_harness import FIRST_VM, Call, Lab


def test_one_wait_for_many_jobs_costs_one_call_per_poll(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    for uuid in no_jobs.values():
        call("smc_incremental_job", vm_uuid=uuid, interval="24h", project="pair")
    lab.reset_requests()
    waited = call("smc_incremental_job_info", project="pair", wait_for="image")
    assert [job["reached"] for job in waited["jobs"]] == [True, True]
    assert all(job["rpo_seconds"] >= 0 for job in waited["jobs"])
    polls = waited.shown.count("2 jobs:") + 2
    describes = next(r["count"] for r in lab.get("/requests") if r["action"] == "DescribeReplicationJobs")
    assert describes <= polls + 20
    assert not lab.mutating_requests()


def test_wait_does_not_fail_for_a_job_that_failed(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    lab.faults({"target": "smc", "kind": "job_in_error", "phase": "Syncing", "count": 1})
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="24h")
    waited = call("smc_incremental_job_info", vm_uuids=[no_jobs[FIRST_VM]], wait_for="image")
    assert not waited.failed
    assert waited["jobs"][0]["reached"] is False
    assert waited["jobs"][0]["status"] == "InError"
