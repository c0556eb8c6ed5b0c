# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runbook by its playbooks, judged by clients that are not ours: the official SDKs, pyvmomi, and the lab's control interface.

The tests run in the order in which they stand, over one lab: first what must not touch anything, then the migration, then what comes after.
"""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_smc20190601 import models as smc_models
from alibabacloud_smc20190601.client import Client as SmcClient
from alibabacloud_tea_openapi.models import Config
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim

from tests.integration.lab_harness import BIN, LABS, Lab, run_ansible, start_lab

#: What ECS does not tell, as a user would give it.
PRICES = json.dumps({"cutover_prices": {"currency": "USD", "snapshot_gib_month": 0.02}})
VMS = ("app-01", "app-02", "app-03")
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@pytest.fixture(scope="module")
def own_lab() -> Iterator[Lab]:
    lab = start_lab(LABS / "playbooks", "--vms", "3")
    yield lab
    lab.stop()


def play(lab: Lab, name: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook as a user would, after sourcing env.sh."""
    command = [str(BIN / "ansible-playbook"), f"cutover.smc.{name}", "-i", str(lab.inventory), *options]
    variables = os.environ | lab.environment | {"ANSIBLE_NOCOLOR": "1"} | environment
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=400)


def recap(output: str) -> dict[str, dict[str, int]]:
    return {
        host: dict(zip(("ok", "changed", "unreachable", "failed"), map(int, counts), strict=True))
        for host, *counts in RECAP.findall(output)
    }


def sdk(lab: Lab, client: type, endpoint: str) -> Any:
    """A client of the official SDK."""
    return client(
        Config(
            access_key_id=lab.environment["ALIBABA_CLOUD_ACCESS_KEY_ID"],
            access_key_secret=lab.environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
            region_id=lab.environment["ALIBABA_CLOUD_REGION_ID"],
            endpoint=lab.environment[endpoint].removeprefix("http://"),
            protocol="HTTP",
        )
    )


def machines(lab: Lab) -> Iterator[vim.VirtualMachine]:
    """The VMs as pyvmomi sees them."""
    environment = lab.environment
    connection = SmartConnect(
        host=environment["VMWARE_HOST"],
        port=int(environment["VMWARE_PORT"]),
        user=environment["VMWARE_USER"],
        pwd=environment["VMWARE_PASSWORD"],
        sslContext=ssl.create_default_context(cafile=environment["SSL_CERT_FILE"]),
    )
    try:
        content = connection.RetrieveContent()
        view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
        yield from view.view
    finally:
        Disconnect(connection)


def hosts(lab: Lab, name: str, **variables: str) -> str:
    """A further inventory file, in which one host has variables of its own."""
    path = lab.directory / f"only-{name}.yml"
    path.write_text(json.dumps({"migration": {"hosts": {name: variables}}}))
    return str(path)


def migrations(lab: Lab) -> dict[str, dict[str, Any]]:
    """Where the migration of each VM stands, read as a user would."""
    found = run_ansible("migration_info", {}, os.environ | lab.environment)
    assert not found.failed, found.shown
    by_name: dict[str, dict[str, Any]] = found["by_name"]
    return by_name


def test_check_mode_on_a_fresh_lab_completes_and_changes_nothing(own_lab: Lab) -> None:
    own_lab.reset_requests()
    checked = play(own_lab, "migrate", "--check", "--diff")
    assert checked.returncode == 0, checked.stdout[-3000:]
    assert own_lab.mutating_requests() == {}
    assert all(counts["changed"] > 0 and counts["failed"] == 0 for counts in recap(checked.stdout).values())
    assert "ctkEnabled" in checked.stdout
    assert '+    "interval": "7d"' in checked.stdout
    assert {name: (vm["stage"], vm["steps"][0]) for name, vm in migrations(own_lab).items()} == dict.fromkeys(
        VMS, ("discovered", "enable_cbt")
    )


@pytest.mark.parametrize(
    ("environment", "options", "sentence"),
    [
        (
            {"VMWARE_PASSWORD": "not-the-password-91c2"},
            (),
            r"rejected the user 'migration@vsphere.local' or the password",
        ),
        ({"VMWARE_PORT": "9"}, (), r"127\.0\.0\.1:9"),
        ({"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}, (), r"certificate"),
        ({"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "not-the-secret-91c2"}, (), r"refused the signature"),
        ({}, ("-e", "replicate_interval=30m"), r"'interval' is '30m', which SMC does not offer"),
        ({}, ("-e", "cutover_vm_name=app-1"), r"app-1\b"),
        ({}, ("-e", "cutover_vm_name=app-01"), r"and another host of the play select the same VM app-01"),
    ],
)
def test_errors_are_reported_before_anything_is_changed(
    own_lab: Lab, environment: dict[str, str], options: tuple[str, ...], sentence: str
) -> None:
    own_lab.reset_requests()
    failed = play(own_lab, "migrate", "-vvv", *options, **environment)
    assert failed.returncode != 0
    shown = failed.stdout + failed.stderr
    assert re.search(sentence, shown), shown[-3000:]
    assert "Traceback (most recent call last)" not in shown
    for secret in (
        "91c2",
        own_lab.environment["VMWARE_PASSWORD"],
        own_lab.environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
    ):
        assert secret not in shown
    if not options or "interval" in options[1]:
        assert "smc CreateReplicationJob" not in own_lab.mutating_requests()


@pytest.mark.parametrize(
    ("variable", "hook"),
    [
        ("cut_over_stop_services_tasks", "/no/stop.yml"),
        ("cut_over_stop_services_tasks", "hooks/stop.yml"),
        ("verify_image_checks_tasks", "/no/check.yml"),
    ],
)
def test_a_missing_hook_is_reported_before_anything_is_changed(own_lab: Lab, variable: str, hook: str) -> None:
    own_lab.reset_requests()
    failed = play(
        own_lab,
        "migrate",
        "--limit",
        "app-03",
        "-i",
        hosts(own_lab, "app-03", **{variable: hook}),
    )
    assert failed.returncode != 0
    assert f"{variable} ({hook}) is not the absolute path of a file on the controller" in failed.stdout
    assert "Nothing was changed." in failed.stdout
    assert own_lab.mutating_requests() == {}


@pytest.mark.parametrize(
    ("text", "reported"),
    [("- name: [", "cannot be used by Ansible: YAML parsing failed"), ("just words", "is not a list of tasks")],
)
def test_an_unreadable_hook_is_reported_before_anything_is_changed(own_lab: Lab, text: str, reported: str) -> None:
    hook = own_lab.directory / "unreadable.yml"
    hook.write_text(text)
    own_lab.reset_requests()
    wrong = json.dumps({"roll_back_start_services_tasks": str(hook)})
    failed = play(own_lab, "cut_over", "--limit", "app-03", "--check", "-e", wrong)
    assert failed.returncode != 0
    assert re.search(
        rf"roll_back_start_services_tasks \({re.escape(str(hook))}\) {reported}[^\n]* Nothing was changed\.",
        failed.stdout,
    )
    assert own_lab.mutating_requests() == {}


def test_a_misspelled_module_in_a_hook_is_reported_before_anything_is_changed(own_lab: Lab) -> None:
    hook = own_lab.directory / "misspelt.yml"
    hook.write_text(
        "- name: Stop\n  ansible.builtin.servize:\n    name: '{{ item }}'\n  loop: '{{ not_there.results }}'\n"
    )
    own_lab.reset_requests()
    wrong = json.dumps({"roll_back_start_services_tasks": str(hook)})
    failed = play(own_lab, "cut_over", "--limit", "app-03", "--check", "-e", wrong)
    assert failed.returncode != 0
    assert "ansible.builtin.servize" in failed.stdout + failed.stderr
    assert own_lab.mutating_requests() == {}

    hook.write_text(hook.read_text().replace("servize", "service"))
    assert play(own_lab, "cut_over", "--limit", "app-03", "--check", "-e", wrong).returncode == 0


def test_a_killed_run_continues_when_it_is_started_again(own_lab: Lab) -> None:
    """The other VMs are left to the tests after this one; only app-01 is killed half-way, while its first run is copying."""
    command = [
        str(BIN / "ansible-playbook"),
        "cutover.smc.replicate",
        "-i",
        str(own_lab.inventory),
        "--limit",
        "app-01,connectors",
    ]
    assert play(own_lab, "import_source", "--limit", "app-01,connectors").returncode == 0
    own_lab.post("/clock", {"scale": 60})
    victim = subprocess.Popen(
        command,
        env=os.environ | own_lab.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not own_lab.mutating_requests().get("smc StartReplicationJob") and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    own_lab.post("/clock", {"scale": 600})
    again = play(own_lab, "replicate", "--limit", "app-01,connectors")
    assert again.returncode == 0, again.stdout[-3000:]
    assert len([job for job in own_lab.get("/state")["jobs"] if job["vm_name"] == "app-01"]) == 1


def test_one_vm_that_fails_leaves_the_others_going_and_is_reported_at_the_end(own_lab: Lab) -> None:
    """app-03 fails in its stop hook; the services of app-03 run afterwards, and its job goes on."""
    hook = own_lab.directory / "hooks" / "stop_fails.yml"
    hook.write_text(
        "---\n- name: Stop what does not stop\n  ansible.builtin.fail:\n    msg: postgresql is still running\n"
    )
    migrated = play(own_lab, "migrate", "-i", hosts(own_lab, "app-03", cut_over_stop_services_tasks=str(hook)))
    counts = recap(migrated.stdout)
    assert migrated.returncode != 0
    assert counts["app-01"]["failed"] == counts["app-02"]["failed"] == 0, migrated.stdout[-4000:]
    assert counts["app-03"]["failed"] >= 1
    assert "postgresql is still running" in migrated.stdout.rsplit("PLAY RECAP", 1)[0][-6000:]
    states = {name: own_lab.job(name)["status"] for name in VMS}
    assert states == {"app-01": "Finished", "app-02": "Finished", "app-03": "Waiting"}
    assert own_lab.vm("app-03")["service"] == "running"


def test_finalizing_without_a_fresh_run_is_refused(own_lab: Lab) -> None:
    command = [str(BIN / "ansible"), "localhost", "-m", "cutover.smc.smc_job_finalize", "-a"]
    uuid = own_lab.vm("app-03")["uuid"]
    own_lab.reset_requests()
    refused = subprocess.run(
        [*command, f"vm_uuid={uuid} services_stopped_at={own_lab.get('/clock')['now']}"],
        env=os.environ | own_lab.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "writes could be lost" in refused.stdout
    assert own_lab.mutating_requests() == {}
    assert own_lab.job("app-03")["status"] == "Waiting"


def test_migration_ends_as_promised(own_lab: Lab) -> None:
    migrated = play(own_lab, "migrate")
    assert migrated.returncode == 0, migrated.stdout[-4000:]

    smc, ecs = sdk(own_lab, SmcClient, "CUTOVER_SMC_ENDPOINT"), sdk(own_lab, EcsClient, "CUTOVER_ECS_ENDPOINT")
    region = own_lab.environment["ALIBABA_CLOUD_REGION_ID"]
    jobs = smc.describe_replication_jobs(smc_models.DescribeReplicationJobsRequest(page_size=50)).body
    jobs = jobs.replication_jobs.replication_job
    assert sorted(job.status for job in jobs) == ["Finished"] * 3
    images = ecs.describe_images(
        ecs_models.DescribeImagesRequest(
            region_id=region,
            image_owner_alias="self",
            page_size=100,
            status="Creating,Available,UnAvailable,CreateFailed",
        )
    ).body.images.image
    assert {image.status for image in images} == {"Available"}
    assert {job.image_id for job in jobs} <= {image.image_id for image in images}
    instances = ecs.describe_instances(ecs_models.DescribeInstancesRequest(region_id=region, max_results=100)).body
    assert instances.instances.instance == []

    for machine in machines(own_lab):
        assert machine.config.changeTrackingEnabled
        assert machine.snapshot is None if hasattr(machine, "snapshot") else True
        disks = [device for device in machine.config.hardware.device if isinstance(device, vim.vm.device.VirtualDisk)]
        ctk_files = [file.name for file in machine.layoutEx.file if file.name.endswith("-ctk.vmdk")]
        assert len(ctk_files) == len(disks)

    for name in VMS:
        image_id = own_lab.job(name)["image_ids"][-1]
        image = {disk["key"]: disk["sha256"] for disk in own_lab.get(f"/images/{image_id}/disks")}
        assert image == {disk["key"]: disk["sha256"] for disk in own_lab.get(f"/vms/{name}/disks")}
        assert own_lab.vm(name)["snapshots"] == []
        assert own_lab.vm(name)["power_state"] == "poweredOn"
    assert own_lab.get("/state")["tokens"] == []


@pytest.mark.parametrize(("in_process", "vms"), [(True, VMS), (False, VMS[:1])], ids=["in process", "as modules"])
def test_migrating_again_changes_nothing(own_lab: Lab, in_process: bool, vms: tuple[str, ...]) -> None:
    own_lab.reset_requests()
    again = play(own_lab, "migrate", "--limit", ",".join(vms), "-e", json.dumps({"cutover_in_process": in_process}))
    assert again.returncode == 0, again.stdout[-4000:]
    assert {host: counts["changed"] for host, counts in recap(again.stdout).items() if counts["ok"]} == dict.fromkeys(
        vms, 0
    )
    assert own_lab.mutating_requests() == {}


@pytest.mark.parametrize(
    "name", ["preflight", "enable_cbt", "import_source", "replicate", "verify_image", "cut_over", "clean_up", "report"]
)
def test_each_playbook_by_itself_changes_nothing_any_more(own_lab: Lab, name: str) -> None:
    own_lab.reset_requests()
    again = play(own_lab, name, "-e", PRICES)
    assert again.returncode == 0, again.stdout[-4000:]
    assert own_lab.mutating_requests() == {}
    if name == "clean_up":
        final = own_lab.job("app-01")["image_ids"][-1]
        assert re.search(rf"app-01 +keep +image +{final} +<= \d+\.\d\d USD  it is the final image", again.stdout)
        assert re.search(r"total +keep +\d+ resources +<= \d+\.\d\d USD", again.stdout)


def test_the_report_shows_what_is_there_and_what_it_costs(own_lab: Lab) -> None:
    """An image that is gone is counted no more, and its snapshots are orphans."""
    ecs = sdk(own_lab, EcsClient, "CUTOVER_ECS_ENDPOINT")
    region = own_lab.environment["ALIBABA_CLOUD_REGION_ID"]
    (older, *_newer) = own_lab.job("app-01")["image_ids"]
    ecs.delete_image(ecs_models.DeleteImageRequest(region_id=region, image_id=older))
    path = own_lab.directory / "report.json"
    reported = play(own_lab, "report", "-e", PRICES, "-e", json.dumps({"report_path": str(path)}))
    assert reported.returncode == 0, reported.stdout[-3000:]
    (vm,) = (one for one in json.loads(path.read_text()) if one["host"] == "app-01")
    assert len(vm["images"]) == len(vm["runs"]) - 1
    assert older not in vm["images"]
    assert vm["costs"]["complete"]
    assert re.search(r"app-01 +costs <= \d+\.\d\d USD per day", reported.stdout)
    assert re.search(r"orphan: snapshot s-\w+ .* per day: its name or description is that of SMC", reported.stdout)


def test_the_fleet_read_knows_finished_migrations_and_a_final_image_that_is_gone(own_lab: Lab) -> None:
    own_lab.reset_requests()
    fleet = migrations(own_lab)
    assert {name: (vm["stage"], vm["steps"], vm["blocked_by"]) for name, vm in fleet.items()} == dict.fromkeys(
        VMS, ("cut_over", ["clean_up"], [])
    )
    for name, vm in fleet.items():
        assert vm["final_image"] == {"image_id": own_lab.job(name)["image_ids"][-1], "exists": True}
        assert vm["job"]["status"] == "Finished"
    assert own_lab.mutating_requests() == {}

    final = fleet["app-02"]["final_image"]["image_id"]
    region = own_lab.environment["ALIBABA_CLOUD_REGION_ID"]
    ecs = sdk(own_lab, EcsClient, "CUTOVER_ECS_ENDPOINT")
    ecs.delete_image(ecs_models.DeleteImageRequest(region_id=region, image_id=final))
    fleet = migrations(own_lab)
    assert fleet["app-02"]["final_image"] == {"image_id": final, "exists": False}
    assert [obstacle["reason"] for obstacle in fleet["app-02"]["blocked_by"]] == [
        f"The final image {final} does not exist any more"
    ]
    assert fleet["app-01"]["blocked_by"] == []

    for name in ("cut_over", "migrate"):
        failed = play(own_lab, name, "--limit", "app-02")
        assert failed.returncode != 0
        assert f"its final image {final} does not exist" in failed.stdout
    shown = play(own_lab, "report").stdout
    assert re.search(r"app-02 +migrated .* GONE", shown)
    assert f"app-02 has no final image: {final} does not exist any more." in shown


def test_a_vm_that_was_migrated_is_not_rolled_back(own_lab: Lab) -> None:
    own_lab.reset_requests()
    refused = play(own_lab, "roll_back")
    assert refused.returncode != 0
    assert own_lab.mutating_requests() == {}
    assert {own_lab.vm(name)["service"] for name in VMS} == {"stopped"}
