"""Cloud Assistant and console output, by the official SDK's typed models."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models as ecs_models

from lab.alicloud.world.records import Instance
from tests.unit.lab.alicloud.harness import REGION, Lab, code_of
from tests.unit.lab.alicloud.test_ecs import run


@pytest.fixture
def image_id(lab: Lab) -> str:
    return str(lab.job(lab.waiting_job()).image_id)


@pytest.fixture
def instance_id(lab: Lab, image_id: str) -> str:
    """A running instance whose agent answers."""
    lab.switch(cloud_assistant_agent=True)
    found = run(lab, image_id)
    lab.advance("2m")
    return found


def command(instance_id: str, script: str, /, **changes: Any) -> ecs_models.RunCommandRequest:
    values: dict[str, Any] = {
        "region_id": REGION,
        "type": "RunShellScript",
        "command_content": script,
        "instance_id": [instance_id],
        **changes,
    }
    return ecs_models.RunCommandRequest(**values)


def send(lab: Lab, instance_id: str, script: str, /, **changes: Any) -> str:
    return str(lab.ecs().run_command(command(instance_id, script, **changes)).body.invoke_id)


def result(lab: Lab, invoke_id: str, **changes: Any) -> Any:
    values: dict[str, Any] = {"region_id": REGION, "invoke_id": invoke_id, "content_encoding": "PlainText", **changes}
    answer = lab.ecs().describe_invocation_results(ecs_models.DescribeInvocationResultsRequest(**values)).body
    (found,) = answer.invocation.invocation_results.invocation_result
    return found


def invocations(lab: Lab, **filters: Any) -> list[Any]:
    request = ecs_models.DescribeInvocationsRequest(region_id=REGION, **filters)
    return list(lab.ecs().describe_invocations(request).body.invocations.invocation)


def agent(lab: Lab, instance_id: str) -> Any:
    request = ecs_models.DescribeCloudAssistantStatusRequest(region_id=REGION, instance_id=[instance_id])
    answer = lab.ecs().describe_cloud_assistant_status(request).body
    (found,) = answer.instance_cloud_assistant_status_set.instance_cloud_assistant_status
    return found


def instance_of(lab: Lab, instance_id: str) -> Instance:
    return lab.cloud.store.instances[instance_id]


def test_states_over_virtual_time(lab: Lab, instance_id: str) -> None:
    invoke_id = send(lab, instance_id, "echo begun; sleep 10; echo ended")
    seen = []
    for step in ("3s", "8s", "2s"):
        seen.append((result(lab, invoke_id).invocation_status, result(lab, invoke_id).invoke_record_status))
        lab.advance(step)
    assert seen == [("Pending", "Running"), ("Running", "Running"), ("Running", "Running")]
    done = result(lab, invoke_id)
    assert (done.invocation_status, done.invoke_record_status, done.exit_code) == ("Success", "Finished", 0)
    assert (done.output, done.error_code) == ("begun\nended\n", "")
    assert done.start_time < done.finished_time


def test_hash_is_of_the_images_real_bytes(lab: Lab, instance_id: str) -> None:
    content = bytes(lab.vms.vms["vm-1"][0].data)
    invoke_id = send(lab, instance_id, "sha256sum /dev/vda")
    lab.advance("10s")
    assert result(lab, invoke_id).output == f"{hashlib.sha256(content).hexdigest()}  /dev/vda\n"


def test_exit_code_and_time_out(lab: Lab, instance_id: str) -> None:
    failed, slow = send(lab, instance_id, "exit 4"), send(lab, instance_id, "sleep 1h", timeout=30)
    lab.advance("40s")
    answer = result(lab, failed)
    assert (answer.invocation_status, answer.exit_code, answer.error_code) == ("Failed", 4, "ExitCodeNonzero")
    assert answer.invoke_record_status == "Finished"
    lab.switch(nonzero_record_status="Failed")
    assert result(lab, failed).invoke_record_status == "Failed"
    answer = result(lab, slow)
    assert (answer.invocation_status, answer.error_code, answer.exit_code) == ("Timeout", "ExecutionTimeout", None)


def test_encodings(lab: Lab, instance_id: str) -> None:
    encoded = base64.b64encode(b"echo 'two words'").decode()
    invoke_id = send(lab, instance_id, encoded, content_encoding="base64")
    lab.advance("10s")
    assert base64.b64decode(result(lab, invoke_id, content_encoding=None).output) == b"two words\n"
    (shown,) = invocations(lab, invoke_id=invoke_id, include_output=True)
    assert (shown.command_content, shown.invoke_instances.invoke_instance[0].output) == (
        encoded,
        base64.b64encode(b"two words\n").decode(),
    )
    (shown,) = invocations(lab, invoke_id=invoke_id, content_encoding="PlainText")
    assert (shown.command_content, shown.invoke_instances.invoke_instance[0].output) == ("echo 'two words'", None)


def test_parameters_are_filled_in(lab: Lab, instance_id: str) -> None:
    script = "echo {{ Greeting }} {{ACS::InstanceId}}"
    invoke_id = send(lab, instance_id, script, enable_parameter=True, parameters={"greeting": "hello"})
    lab.advance("10s")
    assert result(lab, invoke_id).output == f"hello {instance_id}\n"


def test_long_output_keeps_its_end(lab: Lab, instance_id: str) -> None:
    invoke_id = send(lab, instance_id, "head -c 30000 /dev/vdb; echo end")
    lab.advance("10s")
    found = result(lab, invoke_id)
    assert found.output.startswith("head: cannot open '/dev/vdb' for reading: No such file")
    invoke_id = send(lab, instance_id, "head -c 30000 /dev/vda; echo end")
    lab.advance("10s")
    found = result(lab, invoke_id)
    assert (len(found.output), found.dropped, found.output[-4:]) == (24 * 1024, 30004 - 24 * 1024, "end\n")


def test_without_agent_nothing_runs(lab: Lab, image_id: str) -> None:
    instance_id = run(lab, image_id)
    lab.advance("5m")
    assert (agent(lab, instance_id).cloud_assistant_status, agent(lab, instance_id).last_heartbeat_time) == (
        "false",
        "",
    )
    invoke_id = send(lab, instance_id, "true")
    lab.advance("10s")
    answer = result(lab, invoke_id)
    assert (answer.invocation_status, answer.error_code, answer.invoke_record_status) == (
        "Aborted",
        "ClientNotRunning",
        "Failed",
    )


def test_agent_needs_time_to_start(lab: Lab, image_id: str) -> None:
    lab.switch(cloud_assistant_agent=True, seconds_agent_start=40)
    instance_id = run(lab, image_id)
    lab.advance("35s")
    assert (lab.instances()[0].status, agent(lab, instance_id).cloud_assistant_status) == ("Running", "false")
    waiting = send(lab, instance_id, "true")
    lab.advance("40s")
    assert agent(lab, instance_id).cloud_assistant_status == "true"
    assert result(lab, waiting).invocation_status == "Success"
    lab.switch(seconds_agent_start=600)
    late = send(lab, instance_id, "true")
    lab.advance("10s")
    assert (result(lab, late).invocation_status, result(lab, late).error_code) == ("Aborted", "DeliveryTimeout")


def test_instance_that_stops_or_is_deleted(lab: Lab, instance_id: str) -> None:
    running = send(lab, instance_id, "sleep 30")
    lab.advance("5s")
    lab.ecs().stop_instance(ecs_models.StopInstanceRequest(instance_id=instance_id))
    lab.advance("1m")
    stopped = send(lab, instance_id, "true")
    lab.advance("10s")
    assert (result(lab, running).invocation_status, result(lab, running).error_code) == (
        "Terminated",
        "ExecutionInterrupted",
    )
    assert (result(lab, stopped).invocation_status, result(lab, stopped).error_code) == (
        "Aborted",
        "InstanceNotRunning",
    )
    gone = send(lab, instance_id, "true")
    lab.cloud.compute.delete_instance(instance_id)
    lab.advance("10s")
    assert result(lab, gone).error_code == "InstanceReleased"


def test_unknown_user(lab: Lab, instance_id: str) -> None:
    invoke_id = send(lab, instance_id, "true", username="postgres")
    lab.advance("10s")
    assert (result(lab, invoke_id).invocation_status, result(lab, invoke_id).error_code) == (
        "Invalid",
        "AccountNotExists",
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"region_id": None}, "MissingParameter"),
        ({"region_id": "cn-nowhere"}, "InvalidRegionId.NotFound"),
        ({"type": None}, "MissingParameter"),
        ({"type": "RunPython"}, "InvalidParameter"),
        ({"type": "RunPowerShellScript"}, "InvalidInstance.NotMatch"),
        ({"command_content": None}, "MissingParameter"),
        ({"command_content": "not base64!", "content_encoding": "Base64"}, "CmdContent.DecodeError"),
        ({"command_content": "x" * 18433}, "CmdContent.ExceedLimit"),
        ({"instance_id": None}, "MissingParameter"),
        ({"instance_id": ["i-none"]}, "InvalidInstance.NotFound"),
        ({"instance_id": [f"i-{number}" for number in range(101)]}, "InstanceIds.ExceedLimit"),
        ({"timeout": 0}, "InvalidParameter"),
        ({"repeat_mode": "Period"}, "InvalidParameter"),
        ({"name": "n" * 129}, "InvalidParameter"),
    ],
)
def test_invalid_commands_are_refused(lab: Lab, instance_id: str, changes: dict[str, Any], code: str) -> None:
    assert code_of(lab.ecs().run_command, command(instance_id, "true", **changes)) == code


def test_client_token_runs_once(lab: Lab, instance_id: str) -> None:
    assert send(lab, instance_id, "true", client_token="t") == send(lab, instance_id, "true", client_token="t")
    other = command(instance_id, "false", client_token="t")
    assert code_of(lab.ecs().run_command, other) == "IdempotentParameterMismatch"


def test_dry_run(lab: Lab, instance_id: str) -> None:
    lab.control("DELETE", "/requests")
    request = command(instance_id, "true", repeat_mode="DryRun")
    assert code_of(lab.ecs().run_command, request) == "DryRunOperation"
    lab.switch(command_dry_run="answer")
    assert code_of(lab.ecs().run_command, request) == ""
    lab.switch(cloud_assistant_agent=False)
    assert code_of(lab.ecs().run_command, request) == "InvalidInstance.AgentNotRunning"
    assert [(row["action"], row["mutating"]) for row in lab.control("GET", "/requests")] == [("RunCommand", False)]
    assert invocations(lab) == []


def test_several_instances_have_one_overall_state(lab: Lab, image_id: str, instance_id: str) -> None:
    other = run(lab, image_id)
    lab.advance("2m")
    instance_of(lab, other).boots = False
    invoke_id = send(lab, instance_id, "true", instance_id=[instance_id, other])
    assert invocations(lab)[0].invocation_status == "Pending"
    lab.advance("10s")
    (both,) = invocations(lab, invoke_id=invoke_id)
    assert (both.invocation_status, both.invoke_status) == ("PartialFailed", "PartialFailed")
    assert result(lab, invoke_id, instance_id=other).error_code == "ClientNotRunning"
    assert result(lab, invoke_id, invoke_record_status="Finished").instance_id == instance_id
    assert len(invocations(lab, instance_id=other)[0].invoke_instances.invoke_instance) == 1


def test_instances_by_tag_and_pages(lab: Lab, instance_id: str) -> None:
    instance_of(lab, instance_id).tags["wave"] = "1"
    tag = ecs_models.RunCommandRequestResourceTag(key="wave", value="1")
    by_tag = command("", "true", instance_id=None, resource_tag=[tag])
    ids = [str(lab.ecs().run_command(by_tag).body.invoke_id) for _ in range(3)]
    request = ecs_models.DescribeInvocationsRequest(region_id=REGION, max_results=2)
    first = lab.ecs().describe_invocations(request).body
    request.next_token = first.next_token
    second = lab.ecs().describe_invocations(request).body
    found = [*first.invocations.invocation, *second.invocations.invocation]
    assert [invocation.invoke_id for invocation in found] == ids[::-1]
    assert not second.next_token


def console(lab: Lab, instance_id: str, **changes: Any) -> str:
    request = ecs_models.GetInstanceConsoleOutputRequest(region_id=REGION, instance_id=instance_id, **changes)
    answer = lab.ecs().get_instance_console_output(request).body
    assert answer.instance_id == instance_id
    return base64.b64decode(answer.console_output).decode()


def test_console_output(lab: Lab, image_id: str) -> None:
    instance_id = run(lab, image_id)
    assert console(lab, instance_id) == ""
    lab.advance("1m")
    assert console(lab, instance_id).endswith("app1.example.com login: ")
    assert "\x1b" in console(lab, instance_id)
    assert "\x1b" not in console(lab, instance_id, remove_symbols=True)
    assert image_id in console(lab, instance_id)
    request = ecs_models.GetInstanceConsoleOutputRequest(region_id=REGION, instance_id="i-none")
    assert code_of(lab.ecs().get_instance_console_output, request) == "InvalidInstanceId.NotFound"


def test_boot_that_fails(lab: Lab, image_id: str) -> None:
    lab.switch(cloud_assistant_agent=True)
    lab.control("POST", "/faults", {"target": "ecs", "kind": "boot_fails", "image": image_id})
    broken, sound = run(lab, image_id), run(lab, image_id)
    lab.advance("2m")
    assert {instance.status for instance in lab.instances()} == {"Running"}
    assert (agent(lab, broken).cloud_assistant_status, agent(lab, sound).cloud_assistant_status) == ("false", "true")
    assert ("Kernel panic" in console(lab, broken), "Kernel panic" in console(lab, sound)) == (True, False)
    lab.ecs().stop_instance(ecs_models.StopInstanceRequest(instance_id=broken))
    lab.advance("1m")
    lab.ecs().start_instance(ecs_models.StartInstanceRequest(instance_id=broken))
    lab.advance("2m")
    assert agent(lab, broken).cloud_assistant_status == "true"


def test_windows_answers_to_powershell_only(lab: Lab) -> None:
    lab.switch(cloud_assistant_agent=True)
    vm = lab.add_vm()
    vm["platform"] = "Windows Server 2022"
    job_id = lab.create_job(lab.register(vm))
    lab.start(job_id)
    lab.advance("10m")
    instance_id = run(lab, str(lab.job(job_id).image_id))
    lab.advance("2m")
    assert code_of(lab.ecs().run_command, command(instance_id, "true")) == "InvalidInstance.NotMatch"
    invoke_id = send(lab, instance_id, "Write-Output hello", type="RunPowerShellScript")
    lab.advance("10s")
    assert result(lab, invoke_id).output == "hello\r\n"
    assert console(lab, instance_id) == ""
    assert agent(lab, instance_id).ostype == "Windows"
