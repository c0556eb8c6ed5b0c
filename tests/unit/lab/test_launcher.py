"""The parts of the launcher: certificates, configuration files, what the user sources, starting and ending processes."""

from __future__ import annotations

import argparse
import contextlib
import os
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from lab import launcher
from lab.__main__ import make_parser, parse_switch
from lab.access import HOOKS, environment_script, environment_variables, inventory, write_access
from lab.certificates import write_certificates
from lab.files import write_private, write_public_json
from lab.launcher import Lab, Options, cloud_config, directory_at, status, vcenter_config
from lab.paths import LabDirectory, connectors_for
from lab.processes import LabError, Process, identify, is_alive, start, stop, wait_until_ready
from tests.unit.lab.conftest import CREDENTIALS, ENDPOINTS

SECRETS = (CREDENTIALS.vcenter_password, CREDENTIALS.access_key_secret)
VARIABLES_OF_THE_INTERFACE = {
    "VMWARE_HOST", "VMWARE_PORT", "VMWARE_USER", "VMWARE_PASSWORD", "VMWARE_VALIDATE_CERTS", "SSL_CERT_FILE",
    "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_REGION_ID",
    "CUTOVER_SMC_ENDPOINT", "CUTOVER_ECS_ENDPOINT", "LAB_CONTROL",
}  # fmt: skip


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def directory(tmp_path: Path) -> LabDirectory:
    """The directory of a lab that does not run."""
    path = tmp_path / "a lab"
    path.mkdir()
    return LabDirectory(path)


def test_the_servers_certificate_is_trusted_by_the_bundle_for_both_loopback_names(tmp_path: Path):
    paths = write_certificates(tmp_path / "tls")
    server = x509.load_pem_x509_certificate(paths.server.read_bytes())
    authority = x509.load_pem_x509_certificate(paths.authority.read_bytes())
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert ssl.create_default_context(cafile=str(paths.bundle)).cert_store_stats()["x509_ca"] > 1
    assert stat.S_IMODE(paths.server_key.stat().st_mode) == 0o600


def test_a_file_is_never_readable_by_others_even_if_it_was(tmp_path: Path):
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_the_environment_has_the_variables_of_the_interface(tmp_path: Path):
    variables = environment_variables(ENDPOINTS, CREDENTIALS, tmp_path / "bundle.pem")
    assert set(variables) == VARIABLES_OF_THE_INTERFACE
    assert variables["LAB_CONTROL"] == "http://127.0.0.1:4"
    assert (variables["CUTOVER_SMC_ENDPOINT"], variables["CUTOVER_ECS_ENDPOINT"]) == (
        "http://127.0.0.1:2",
        "http://127.0.0.1:3",
    )


def test_a_shell_that_sources_the_script_has_the_variables_and_no_proxy(tmp_path: Path):
    script = tmp_path / "env.sh"
    script.write_text(environment_script({"A": "it's; $(touch x)", "B": "two words"}))
    shown = subprocess.run(
        ["sh", "-c", f'. "{script}" && printf "%s|%s|%s|%s" "$A" "$B" "${{HTTPS_PROXY-none}}" "$PATH"'],
        env={"PATH": "/usr/bin:/bin", "HTTPS_PROXY": "http://proxy"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown == f"it's; $(touch x)|two words|none|{Path(sys.executable).parent}:/usr/bin:/bin"


def test_the_inventory_has_every_vm_and_a_connector_per_ten(directory: LabDirectory):
    groups = inventory(21, directory)
    assert list(groups["migration"]["hosts"])[:2] == ["app-01", "app-02"]
    assert len(groups["migration"]["hosts"]) == 21
    assert list(groups["connectors"]["hosts"]) == ["connector-1", "connector-2", "connector-3"]
    home = groups["connectors"]["hosts"]["connector-2"]["cutover_connector_path"]
    assert home == str(directory.path / "connector-2" / "root" / "smc")


@pytest.mark.parametrize(("vms", "connectors"), [(1, 1), (10, 1), (11, 2), (50, 5)])
def test_connectors_for(vms: int, connectors: int):
    assert connectors_for(vms) == connectors


def test_only_env_sh_contains_secrets(directory: LabDirectory):
    write_access(directory, 2, ENDPOINTS, CREDENTIALS, directory.path / "bundle.pem")
    assert stat.S_IMODE(directory.environment.stat().st_mode) == 0o600
    for file in [directory.inventory, *directory.hooks.iterdir()]:
        assert not any(secret in file.read_text() for secret in SECRETS)
    hooks = [
        value
        for key, value in yaml.safe_load(directory.inventory.read_text())["migration"]["vars"].items()
        if key.endswith("_tasks")
    ]
    assert len(hooks) == len(HOOKS)
    assert all(Path(hook).is_file() for hook in hooks)


@pytest.mark.parametrize("name", HOOKS)
def test_hooks_are_lists_of_tasks_with_full_names(name: str):
    tasks = yaml.safe_load(HOOKS[name])
    assert all(task["name"].startswith(f"{name.removesuffix('.yml')} | ") for task in tasks)
    assert all(any(key.startswith("ansible.builtin.") for key in task) for task in tasks)


def test_switches_are_passed_to_the_server_that_they_belong_to(directory: LabDirectory, tmp_path: Path):
    options = Options(
        switches={"change_tracking_read_back": "at_once", "stop_on_waiting": True},
        vm_overrides={"app-01": {"tools": False}},
    )
    certificates = write_certificates(tmp_path / "tls")
    vcenter = vcenter_config(directory, options, CREDENTIALS, certificates)
    cloud = cloud_config(directory, options, CREDENTIALS, certificates, {"port": 1443, "control_port": 8080})
    assert vcenter["change_tracking_read_back"] == "at_once"
    assert vcenter["vm_overrides"] == {"app-01": {"tools": False}}
    assert "stop_on_waiting" not in vcenter
    assert cloud["switches"] == {"stop_on_waiting": True}
    assert cloud["vcenter"]["control_url"] == "http://127.0.0.1:8080"


def test_switches_are_read_as_json_or_text():
    assert parse_switch("stop_on_waiting=true") == ("stop_on_waiting", True)
    assert parse_switch("disk_shape=old") == ("disk_shape", "old")
    with pytest.raises(argparse.ArgumentTypeError):
        parse_switch("stop_on_waiting")


@pytest.mark.parametrize("arguments", [["up", "--vms", "0"], ["up", "--switch", "x"], ["stop"], []])
def test_a_wrong_command_line_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as refused:
        make_parser().parse_args(arguments)
    assert refused.value.code == 2
    assert "usage: python -m lab" in capsys.readouterr().err


def test_a_process_is_started_identified_and_ended(tmp_path: Path):
    sleeper = start("sleeper", ["sleep", "60"], tmp_path / "logs" / "sleeper.log", os.environ, tmp_path)
    assert is_alive(sleeper)
    assert not is_alive(Process(sleeper.name, sleeper.pid, sleeper.started + 1)), "another process with the same id"
    assert stop([sleeper]) == [sleeper]
    assert not is_alive(sleeper)
    assert stop([sleeper]) == []


def test_a_process_that_ignores_the_request_to_end_is_killed(tmp_path: Path):
    os.mkfifo(tmp_path / "deaf")
    script = "trap '' TERM; echo > deaf; while :; do sleep 1; done"
    stubborn = start("stubborn", ["sh", "-c", script], tmp_path / "stubborn.log", os.environ, tmp_path)
    (tmp_path / "deaf").read_bytes()  # waits until the signal is ignored
    clock = Clock()
    stop([stubborn], grace_seconds=1, clock=clock, sleep=clock.sleep)
    assert clock.now >= 1
    with contextlib.suppress(ChildProcessError):
        os.waitpid(stubborn.pid, 0)
    assert not is_alive(stubborn)


def test_a_process_that_ends_while_starting_is_reported_with_the_end_of_its_log(tmp_path: Path):
    log = tmp_path / "server.log"
    log.write_text("\n".join(f"line {number}" for number in range(100)) + "\nport in use\n")
    with pytest.raises(LabError) as message:
        wait_until_ready(Process("server", 2**22 + 1, 1), tmp_path / "ready", log, 5)
    assert "server ended while starting" in str(message.value)
    assert str(message.value).endswith("port in use")
    assert "line 1\n" not in str(message.value)


def test_waiting_for_a_process_is_bounded(tmp_path: Path):
    clock = Clock()
    with pytest.raises(LabError, match="was not ready after 5 seconds"):
        wait_until_ready(identify("me", os.getpid()), tmp_path / "ready", tmp_path / "log", 5, clock, clock.sleep)
    write_public_json(tmp_path / "ready", {"port": 1})
    assert wait_until_ready(identify("me", os.getpid()), tmp_path / "ready", tmp_path / "log", 5) == {"port": 1}


def test_the_state_of_a_lab(directory: LabDirectory):
    assert not status(directory).is_up
    alive, dead = identify("vcenter", os.getpid()), Process("alicloud", 2**22 + 1, 1)
    lab = Lab(directory, Options(), ENDPOINTS, (alive, dead))
    write_public_json(directory.state, lab.as_dict())
    assert status(directory).lab == lab
    assert (status(directory).is_up, status(directory).dead) == (False, ("alicloud",))


def test_a_running_lab_is_not_started_again(directory: LabDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    binary = tmp_path / "lab-vcenter"
    binary.touch()
    monkeypatch.setattr(launcher, "VCENTER_BINARY", binary)
    lab = Lab(directory, Options(vms=2), ENDPOINTS, (identify("vcenter", os.getpid()),))
    write_public_json(directory.state, lab.as_dict())
    assert launcher.up(directory, Options(vms=5)) == (lab, False)


def test_only_the_files_of_a_dead_lab_are_removed(
    directory: LabDirectory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    binary = tmp_path / "lab-vcenter"
    binary.touch()
    monkeypatch.setattr(launcher, "VCENTER_BINARY", binary)
    write_access(directory, 2, ENDPOINTS, CREDENTIALS, directory.path / "bundle.pem")
    directory.connector_home(1).mkdir(parents=True)
    mine = directory.path / "notes.txt"
    mine.write_text("mine")

    class BrokenError(Exception):
        pass

    def fail(self: launcher.Starter, options: Options) -> Lab:
        raise BrokenError

    monkeypatch.setattr(launcher.Starter, "start", fail)
    with pytest.raises(BrokenError):
        launcher.up(directory, Options())
    assert sorted(entry.name for entry in directory.path.iterdir()) == [".lock", "notes.txt"]


def test_a_simulator_that_was_not_built_is_an_error(
    directory: LabDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(launcher, "VCENTER_BINARY", tmp_path / "nowhere")
    with pytest.raises(LabError, match="`make lab` builds it"):
        launcher.up(directory, Options())


def test_stopping_a_lab_that_was_never_started(tmp_path: Path):
    assert launcher.down(directory_at(tmp_path / "nothing")) == []
    assert not (tmp_path / "nothing").exists()
