"""The lab itself: it starts, can be reached as its interface says, imports VMs through a connector, and stops."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from alibabacloud_smc20190601.client import Client
from alibabacloud_smc20190601.models import CreateAccessTokenRequest, DescribeSourceServersRequest
from alibabacloud_tea_openapi.models import Config

from tests.integration.lab_harness import LABS, Lab, lab_command, start_lab

LAB = LABS / "lab-of-its-own"


@pytest.fixture(scope="module")
def own_lab() -> Iterator[Lab]:
    """A lab that these tests may stop, beside the session's."""
    running = start_lab(LAB, "--vms", "2")
    yield running
    running.stop()


@pytest.fixture
def smc(own_lab: Lab) -> Client:
    """SMC by the official SDK."""
    environment = own_lab.environment
    return Client(
        Config(
            access_key_id=environment["ALIBABA_CLOUD_ACCESS_KEY_ID"],
            access_key_secret=environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
            region_id=environment["ALIBABA_CLOUD_REGION_ID"],
            endpoint=environment["CUTOVER_SMC_ENDPOINT"].removeprefix("http://"),
            protocol="HTTP",
        )
    )


def run_connector(home: Path, program: str, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program of a connector as an operator would."""
    command = [str(home / program), *arguments]
    return subprocess.run(command, cwd=home, input=typed, capture_output=True, text=True, timeout=60, check=False)


def test_a_second_start_reports_a_running_lab_and_changes_nothing(own_lab: Lab):
    before = (own_lab.directory / "env.sh").read_bytes()
    again = lab_command("up", "--vms", "2", directory=LAB)
    assert again.returncode == 0
    assert "The lab was up already." in again.stdout
    assert (own_lab.directory / "env.sh").read_bytes() == before


def test_the_status_names_what_runs(own_lab: Lab):
    shown = json.loads(lab_command("status", "--json", directory=LAB).stdout)
    assert shown["up"] is True
    assert [process["name"] for process in shown["processes"]] == ["vcenter", "alicloud"]


def test_two_labs_run_side_by_side(own_lab: Lab):
    beside = start_lab(LABS / "lab-beside", "--vms", "1")
    try:
        assert len(own_lab.get("/vms")) == 2
        assert len(beside.get("/vms")) == 1
    finally:
        beside.stop()
    assert len(own_lab.get("/vms")) == 2


def test_a_connector_imports_the_chosen_vms_and_serves_them(own_lab: Lab, smc: Client):
    home = own_lab.connector(1)
    config = json.loads((home / "vmware_migrate_config.json").read_text())
    assert [vm["vm_name"] for vm in config.values()] == ["app-01", "app-02"]
    next(iter(config.values()))["migrate"] = True
    (home / "vmware_migrate_config.json").write_text(json.dumps(config))
    token = smc.create_access_token(CreateAccessTokenRequest(name="lab-test", count="1", time_to_live_in_days="1")).body

    refused = run_connector(home, "go2aliyun_client", typed=f"{token.access_token_id}\nwrong\n")
    assert refused.returncode == 1
    assert refused.stdout.splitlines()[-1] == "Goto Aliyun Not Finished!"
    assert "Error: Import VM [app-01] failed" in refused.stdout

    typed = f"{token.access_token_id}\n{token.access_token_code}\n"
    imported = run_connector(home, "go2aliyun_client", typed=typed)
    assert imported.returncode == 0, imported.stdout + imported.stderr
    sources = smc.describe_source_servers(DescribeSourceServersRequest()).body.source_servers.source_server
    assert [(source.state, source.name) for source in sources] == [("Available", "app-01")]
    assert f"Import Source Server [{sources[0].source_id}] Successfully!" in imported.stdout

    assert run_connector(home, "dist/migrate_configure").returncode == 0
    assert json.loads((home / "vmware_migrate_config.json").read_text()) == config
    assert run_connector(home, "go2aliyun_client", "--rerun").returncode == 0
    written = "".join(file.read_text() for file in home.rglob("*") if file.is_file())
    assert token.access_token_code not in written


def test_configuring_with_a_wrong_password_is_reported_in_one_sentence(own_lab: Lab):
    environment = own_lab.environment
    typed = f"127.0.0.1\n{environment['VMWARE_USER']}\nwrong\n{environment['VMWARE_PORT']}\n"
    configured = run_connector(own_lab.connector(1), "configure.sh", typed=typed)
    assert configured.returncode == 1
    assert "refused the login" in configured.stdout
    assert "Traceback" not in configured.stdout + configured.stderr


def test_a_stopped_lab_leaves_no_process_and_no_secret(own_lab: Lab):
    processes = json.loads(lab_command("status", "--json", directory=LAB).stdout)["processes"]
    stopped = lab_command("down", directory=LAB)
    assert stopped.returncode == 0
    assert not any(Path(f"/proc/{process['pid']}/cmdline").exists() and _runs(process["pid"]) for process in processes)
    assert not (LAB / "env.sh").exists()
    assert lab_command("status", directory=LAB).returncode == 3
    assert lab_command("down", directory=LAB).stdout == "The lab was not running.\n"


def _runs(pid: int) -> bool:
    """Whether a process exists and is not a dead one that nobody has collected."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
