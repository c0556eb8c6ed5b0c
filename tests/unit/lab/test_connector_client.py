"""The connector's client: what it imports, what it refuses, what it prints."""

from __future__ import annotations

import contextlib
import io
import stat
from collections.abc import Callable

import httpx
import pytest

from lab.connector import client as client_module
from lab.connector.client import NOT_FINISHED, make_parser, run
from lab.connector.cloud import Cloud
from lab.connector.daemon import Heartbeat
from lab.connector.home import ConnectorError, Home
from lab.connector.migrate_config import merge
from tests.unit.lab.conftest import SmcInMemory
from tests.unit.lab.test_migrate_config import vm_facts

RunClient = Callable[..., tuple[int, list[str]]]


def choose(home: Home, *names: str, of: int = 3) -> None:
    """Write a configuration of several VMs with some of them chosen."""
    facts = {f"vm-{number}": vm_facts(f"app-{number:02d}", f"vm-{number}") for number in range(1, of + 1)}
    config = merge(home.read_config(), facts)
    for vm in config.values():
        vm["migrate"] = vm["vm_name"] in names
    home.write_config(config)


@pytest.fixture
def run_client(home: Home, smc: SmcInMemory, monkeypatch: pytest.MonkeyPatch) -> RunClient:
    """Runs the client with a vCenter that answers and a daemon whose starts are only recorded."""
    running: list[bool] = []
    monkeypatch.setattr(client_module, "check_vcenter", lambda connection, ca_file: None)
    monkeypatch.setattr(client_module, "Cloud", lambda endpoint: Cloud(endpoint, httpx.MockTransport(smc)))
    monkeypatch.setattr(home, "start_daemon", lambda: running.append(True))
    monkeypatch.setattr(home, "stop_daemon", lambda: bool(running) and bool(running.pop()))
    monkeypatch.setattr(home, "daemon", lambda: running[-1] if running else None)

    def run_it(*arguments: str, typed: str = "at-1\nright-code\n") -> tuple[int, list[str]]:
        printed: list[str] = []
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        with contextlib.redirect_stdout(io.StringIO()):
            status = run(make_parser().parse_args(list(arguments)), home, printed.append)
        return status, printed

    return run_it


def test_chosen_vms_are_imported_and_named_before_their_source(home: Home, smc: SmcInMemory, run_client: RunClient):
    choose(home, "app-01", "app-03")
    status, printed = run_client()
    assert status == 0
    assert printed == [
        "Import VM [app-01] moref [vm-1] ...",
        "Import Source Server [s-lab1] Successfully!",
        "Import VM [app-03] moref [vm-3] ...",
        "Import Source Server [s-lab2] Successfully!",
    ]
    assert home.daemon()
    body = smc.requests[0][1]
    assert (body["token_id"], body["vm"]["vm_name"], body["vcenter"]["port"]) == ("at-1", "app-01", 1443)


def test_the_code_can_be_given_by_flags(home: Home, run_client: RunClient):
    choose(home, "app-01")
    assert run_client("--accesstokenid=at-1", "--accesstokencode=right-code", typed="")[0] == 0


def test_a_vm_is_imported_once(home: Home, smc: SmcInMemory, run_client: RunClient):
    choose(home, "app-01")
    run_client()
    choose(home, "app-01", "app-02")
    status, printed = run_client()
    assert status == 0
    assert printed == ["Import VM [app-02] moref [vm-2] ...", "Import Source Server [s-lab2] Successfully!"]
    status, printed = run_client(typed="")
    assert (status, printed) == (0, ["All chosen VMs are imported already."])
    assert smc.sources == ["s-lab1", "s-lab2"]


def test_a_source_deleted_in_the_cloud_is_imported_again(home: Home, smc: SmcInMemory, run_client: RunClient):
    choose(home, "app-01")
    run_client()
    smc.sources[:] = ["s-another"]
    status, printed = run_client()
    assert (status, printed[-1]) == (0, "Import Source Server [s-lab2] Successfully!")


def test_ten_active_sources_at_most(home: Home, smc: SmcInMemory, run_client: RunClient):
    names = [f"app-{number:02d}" for number in range(1, 13)]
    choose(home, *names, of=12)
    status, printed = run_client()
    assert status == 0
    assert len(smc.sources) == 10
    assert [line for line in printed if "waits" in line] == [
        f"VM [{name}] waits: 10 sources are active, the most that a connector serves." for name in names[10:]
    ]
    choose(home, *names[2:], of=12)  # the operator removes two that are done
    run_client()
    assert len(smc.sources) == 12


def test_a_wrong_code_is_an_error_and_no_source_is_served(home: Home, run_client: RunClient):
    choose(home, "app-01")
    status, printed = run_client(typed="at-1\nwrong\n")
    assert status == 1
    assert printed[-2:] == [
        "Error: Import VM [app-01] failed, InvalidAccessToken.NotFound: The code is wrong.",
        NOT_FINISHED,
    ]
    assert home.daemon() is None
    assert "wrong" not in home.log_file.read_text().replace("code is wrong", "")


@pytest.mark.parametrize("typed", ["", "at-1\n", "\n\n"])
def test_a_missing_code_is_an_error(home: Home, run_client: RunClient, typed: str):
    choose(home, "app-01")
    status, printed = run_client(typed=typed)
    assert (status, printed) == (1, ["Error: an activation id and an activation code are needed", NOT_FINISHED])


def test_one_vm_that_fails_does_not_stop_the_others(home: Home, smc: SmcInMemory, run_client: RunClient):
    choose(home, "app-01", "app-02")
    config = home.read_config()
    config["vm-1"]["platform"] = "Oracle Solaris 11"
    home.write_config(config)
    status, printed = run_client()
    assert status == 1
    assert printed[1].startswith("Error: Import VM [app-01] failed, platform [Oracle Solaris 11] is not supported")
    assert printed[3] == "Import Source Server [s-lab1] Successfully!"
    assert printed[-1] == NOT_FINISHED
    assert home.daemon()


def test_no_chosen_vm_is_an_error(home: Home, run_client: RunClient):
    choose(home)
    status, printed = run_client()
    assert status == 1
    assert printed[0] == 'Error: no VM is chosen, set "migrate": true in vmware_migrate_config.json'


def test_an_unreachable_smc_is_an_error(home: Home, smc: SmcInMemory, run_client: RunClient):
    choose(home, "app-01")
    smc.unreachable = True
    status, printed = run_client()
    assert (status, printed[-1]) == (1, NOT_FINISHED)
    assert "connect to SMC failed" in printed[-2]


def test_an_unreachable_vcenter_is_an_error(home: Home, run_client: RunClient, monkeypatch: pytest.MonkeyPatch):
    def refuse(connection: object, ca_file: str) -> None:
        raise ConnectorError("vCenter 127.0.0.1:1443 cannot be reached: refused")

    monkeypatch.setattr(client_module, "check_vcenter", refuse)
    choose(home, "app-01")
    assert run_client() == (1, ["Error: vCenter 127.0.0.1:1443 cannot be reached: refused", NOT_FINISHED])


def test_a_damaged_configuration_is_an_error(home: Home, run_client: RunClient):
    home.migrate_config.write_text("{")
    status, printed = run_client()
    assert status == 1
    assert printed[0].startswith("Error: vmware_migrate_config.json is not JSON")


def test_access_keys_are_refused(run_client: RunClient):
    status, printed = run_client("--accessid=LTAI", "--secretkey=x")
    assert (status, printed[0]) == (1, "Error: the lab's connector takes activation codes only")


def test_rerun_needs_a_source_and_restarts_the_daemon(home: Home, run_client: RunClient):
    choose(home, "app-01")
    assert run_client("--rerun") == (1, ["Error: no source has been imported", NOT_FINISHED])
    run_client()
    assert run_client("--rerun") == (0, ["Rerun with the present configuration, 1 sources."])
    assert home.daemon()


def test_abort_stops_the_daemon(home: Home, run_client: RunClient):
    choose(home, "app-01")
    run_client()
    assert run_client("--abort") == (0, ["Aborted."])
    assert run_client("--abort") == (0, ["Not running."])


def test_a_daemon_keeps_the_facts_of_its_start(home: Home, smc: SmcInMemory, run_client: RunClient):
    choose(home, "app-01")
    run_client()
    heartbeat = Heartbeat(home, Cloud("http://lab", httpx.MockTransport(smc)))
    config = home.read_config()
    config["vm-1"]["CBT_enabled"] = True
    home.write_config(config)
    smc.requests.clear()
    heartbeat.beat()
    heartbeat.beat()
    assert [
        body.get("facts", {}).get("s-lab1", {}).get("CBT_enabled")
        for path, body in smc.requests
        if path == "/connector/heartbeat"
    ] == [False, None]
    Heartbeat(home, Cloud("http://lab", httpx.MockTransport(smc))).beat()
    assert smc.requests[-1][1]["facts"]["s-lab1"]["CBT_enabled"] is True


def test_a_daemon_logs_an_error_once_and_its_end(home: Home, smc: SmcInMemory, run_client: RunClient):
    choose(home, "app-01")
    run_client()
    heartbeat = Heartbeat(home, Cloud("http://lab", httpx.MockTransport(smc)))
    smc.unreachable = True
    heartbeat.beat()
    heartbeat.beat()
    smc.unreachable = False
    heartbeat.beat()
    lines = home.log_file.read_text().splitlines()
    assert sum("Error: connect to SMC failed" in line for line in lines) == 1
    assert lines[-1].endswith("Connected to SMC again.")


def test_only_the_owner_can_read_secrets(home: Home):
    for file in (home.connect_config, home.client_data, home.path / "user_config.json"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
