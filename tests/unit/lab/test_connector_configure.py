"""configure.sh and dist/migrate_configure: what they ask and what they write."""

from __future__ import annotations

import stat
from collections.abc import Callable

import pytest

from lab.connector import configure as configure_module
from lab.connector import refresh as refresh_module
from lab.connector.configure import configure, numbers
from lab.connector.home import Connection, ConnectorError, Home
from lab.connector.refresh import refresh
from tests.unit.lab.test_migrate_config import vm_facts


def answers(*given: str) -> Callable[[str], str]:
    """An operator who answers in this order."""
    left = list(given)
    return lambda question: left.pop(0)


@pytest.fixture(autouse=True)
def vcenter(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, object]]:
    """A vCenter with two hosts and three VMs, one with a system that SMC does not know."""
    facts = {
        "vm-1": vm_facts("app-01", "vm-1"),
        "vm-2": vm_facts("app-02", "vm-2")
        | {"host": "esx-2", "guest_id": "solaris11_64Guest", "guestOS": "Solaris 11"},
        "vm-3": vm_facts("app-03", "vm-3"),
    }
    for module in (configure_module, refresh_module):
        monkeypatch.setattr(module, "read_facts", lambda connection, ca_file: facts)
    return facts


def test_the_answers_are_written(home: Home):
    printed: list[str] = []
    configure(home, answers("vc.example", "admin", "", "1", "2", ""), answers("secret"), printed.append)
    assert home.read_connection() == Connection("vc.example", 443, "admin", "secret")
    assert stat.S_IMODE(home.connect_config.stat().st_mode) == 0o600
    assert {vm["vm_name"]: vm["migrate"] for vm in home.read_config().values()} == {
        "app-01": False,
        "app-02": False,
        "app-03": True,
    }
    assert printed[0].split() == ["1", "esx-1"]
    assert "secret" not in home.log_file.read_text()


def test_an_unknown_system_is_asked_for(home: Home):
    configure(home, answers("vc", "admin", "8443", "2", "0", "1", "6"), answers("secret"), lambda line: None)
    vm = home.read_config()["vm-2"]
    assert (vm["migrate"], vm["architecture"], vm["platform"]) == (True, "i386", "Others Linux")
    assert home.read_connection().port == 8443


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (("", "admin", ""), "address, user and password are needed"),
        (("vc", "admin", "https"), "the port is a number"),
        (("vc", "admin", "", "9"), "9 is not a number from the list"),
    ],
)
def test_a_wrong_answer_is_refused_and_no_file_is_written(home: Home, given: tuple[str, ...], complaint: str):
    before = home.connect_config.read_bytes()
    with pytest.raises(ConnectorError, match=complaint):
        configure(home, answers(*given), answers("secret"), lambda line: None)
    assert home.connect_config.read_bytes() == before


def test_numbers():
    assert numbers("0", 3) == numbers("", 3) == [0, 1, 2]
    assert numbers("3, 1", 3) == [2, 0]


def test_a_refresh_takes_facts_and_keeps_choices(home: Home, vcenter: dict[str, dict[str, object]]):
    assert refresh(home) == 3
    config = home.read_config()
    config["vm-1"]["migrate"] = True
    home.write_config(config)
    vcenter["vm-1"]["CBT_enabled"] = True
    refresh(home)
    vm = home.read_config()["vm-1"]
    assert (vm["migrate"], vm["CBT_enabled"]) == (True, True)
