"""Counts what one poll of many replication jobs costs, by `smc_incremental_job_info` and by a call for each job."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.modules.smc_incremental_job_info import MODULE
from benchmarks.figures import Goal, Sample, Series, comparison, number
from benchmarks.running import BenchmarkError
from benchmarks.servers import Server, cloud

POLL, SINGLE = "`smc_incremental_job_info`", "one call for each job"
DESCRIBE = "DescribeReplicationJobs"
POLLS = 4


def measure_polling(jobs: int) -> tuple[str, list[Goal]]:
    """The table about polling, and the goal."""
    print(f"polling {jobs} jobs ...", flush=True)
    with cloud("polling") as server:
        # While SMC's clock is stopped, the jobs keep running and no data is copied.
        server.client.post("/clock", json={"scale": 0}).raise_for_status()
        options = _connection(server)
        smc = SmcClient(Connection.from_params(options))
        ids = _start_jobs(server, smc, jobs)
        together = Series(POLL, [_sample(server, jobs, lambda: _info(options, ids)) for _round in range(POLLS)])
        apart = Series(SINGLE, [_sample(server, jobs, lambda: [smc.jobs([job_id]) for job_id in ids])])
        calls, polls = _wait(server, options, ids)
    text = [
        f"### One poll of {jobs} running SMC jobs, in one Python process",
        comparison({POLL: together, SINGLE: apart}, POLL, calls_named="Describe calls", unit="job"),
        f"A wait for all of them made {polls} polls with {calls} `{DESCRIBE}` calls, {number(calls / polls)} per poll.",
    ]
    aim = f"one poll of {jobs} jobs takes ceil({jobs} / 50) = {math.ceil(jobs / 50)} Describe calls"
    return "\n\n".join(text), [Goal(aim, math.ceil(jobs / 50), calls / polls)]


def _connection(server: Server) -> dict[str, str]:
    environment = server.environment
    return {
        "access_key_id": environment["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        "access_key_secret": environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        "region_id": environment["ALIBABA_CLOUD_REGION_ID"],
        "smc_endpoint": environment["CUTOVER_SMC_ENDPOINT"],
        "ecs_endpoint": environment["CUTOVER_ECS_ENDPOINT"],
    }


def _start_jobs(server: Server, smc: SmcClient, jobs: int) -> list[str]:
    """Import the VMs as a connector does, and start a job for each."""
    token, code = smc.create_access_token("benchmark", None, jobs, 1)
    started = []
    for number_of_vm in range(1, jobs + 1):
        body = {"token_id": token, "token_code": code, "vm": _vm(number_of_vm), "vcenter": {"host": "127.0.0.1"}}
        answer = server.client.post(f"{server.endpoints.smc}/connector/register", json=body).raise_for_status()
        job_id = smc.create_job(_job(answer.json()["source_id"]))
        smc.start_job(job_id)
        started.append(job_id)
    return started


def _vm(number_of_vm: int) -> dict[str, Any]:
    """One element of the connector's vmware_migrate_config.json."""
    return {
        "vm_name": f"app-{number_of_vm:03}",
        "moref_id": f"vm-{number_of_vm}",
        "uuid": f"5000-{number_of_vm}",
        "cores": 2,
        "memory": 2048,
        "boot_mode": "bios",
        "ipv4": f"192.0.2.{number_of_vm}",
        "host_name": f"app-{number_of_vm:03}.example.com",
        "guestOS": "Debian GNU/Linux 12 (64-bit)",
        "platform": "Debian",
        "architecture": "x86_64",
        "migrate": True,
        "disk": [{"key": 2000, "capacity": 32 * 1024, "system_disk": True, "migrate": True}],
    }


def _job(source_id: str) -> dict[str, Any]:
    return {
        "SourceId": source_id,
        "RegionId": "cn-hangzhou",
        "JobType": 3,
        "RunOnce": False,
        "Frequency": 24,
        "MaxNumberOfImageToKeep": 2,
        "TargetType": "Image",
        "ImageName": f"image-{source_id}",
        "Name": f"job-{source_id}",
        "SystemDiskSize": 20,
        "VSwitchId": "vsw-lab-isolated",
    }


def _sample(server: Server, jobs: int, poll: Callable[[], object]) -> Sample:
    server.reset_counts()
    processor, started = time.process_time(), time.perf_counter()
    poll()
    seconds, processor_seconds = time.perf_counter() - started, time.process_time() - processor
    return Sample(seconds, processor_seconds, jobs, server.calls())


def _info(options: dict[str, str], ids: list[str], **more: Any) -> dict[str, Any]:
    """Run the module's handler."""
    given = {**options, "job_ids": ids, **more}
    checked = ArgumentSpecValidator(MODULE.argument_spec, **MODULE.argument_rules).validate(given)
    quiet = Context(check_mode=False, progress=lambda line: None, warn=lambda line: None)
    result = MODULE.execute(checked.validated_parameters, quiet)
    if checked.error_messages or result.get("failed") or len(result["jobs"]) != len(ids):
        raise BenchmarkError(f"the jobs could not be read: {checked.error_messages or result.get('msg')}")
    if any(job["status"] != "Running" for job in result["jobs"]):
        raise BenchmarkError("some jobs are not running, so a wait would not poll them")
    return result


def _wait(server: Server, options: dict[str, str], ids: list[str]) -> tuple[int, int]:
    """Wait until a timeout; return the number of calls and polls."""
    with mock.patch.object(SmcClient, "jobs", autospec=True, side_effect=SmcClient.jobs) as polled:
        server.reset_counts()
        _info(options, ids, wait_for="idle", wait_timeout="3s", poll_interval=0.5)
    return server.calls()[DESCRIBE], polled.call_count
