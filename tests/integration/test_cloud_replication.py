# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cloud's replication reads real bytes through the lab's vCenter: snapshots, changed areas, ranges, sessions."""

from __future__ import annotations

import hashlib
import json
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim

from lab.alicloud.replication.replicator import DiskReader, NotTrackedError, ReplicationError
from lab.alicloud.replication.vcenter import VCenterDiskSource
from lab.alicloud.world.settings import VCenterSettings
from tests.integration.lab_harness import LABS, Lab, start_lab

NAME = "app-02"  # it has two disks
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def own_lab() -> Iterator[Lab]:
    """A lab whose VMs these tests may change."""
    running = start_lab(LABS / "lab-of-replication", "--vms", "2")
    yield running
    running.stop()


@pytest.fixture
def settings(own_lab: Lab) -> Iterator[VCenterSettings]:
    """How the lab's own replication logs in."""
    environment = own_lab.environment
    yield VCenterSettings(
        environment["VMWARE_HOST"],
        int(environment["VMWARE_PORT"]),
        environment["VMWARE_USER"],
        environment["VMWARE_PASSWORD"],
        environment["SSL_CERT_FILE"],
    )
    own_lab.reset_faults()


@pytest.fixture
def moref(own_lab: Lab) -> str:
    return str(own_lab.vm(NAME)["moid"])


def never() -> bool:
    return False


def digest(reader: DiskReader) -> str:
    """The hash of a whole disk, read in ranges."""
    pieces = (reader.read(start, min(MIB, reader.size - start)) for start in range(0, reader.size, MIB))
    return hashlib.sha256(b"".join(pieces)).hexdigest()


def service(lab: Lab, state: str) -> None:
    lab.post(f"/vms/{NAME}/guest", {"service": state})


def present(lab: Lab) -> dict[int, str]:
    """What the guest sees now, by disk."""
    return {disk["key"]: disk["sha256"] for disk in lab.get(f"/vms/{NAME}/disks")}


def test_frozen_bytes_are_those_of_the_snapshot(own_lab: Lab, settings: VCenterSettings, moref: str):
    service(own_lab, "stopped")
    before = present(own_lab)
    with VCenterDiskSource(settings).frozen(moref, "smc_test", never) as disks:
        assert own_lab.vm(NAME)["snapshots"] == ["smc_test"]
        service(own_lab, "running")
        wait_until(lambda: present(own_lab) != before)
        assert {key: digest(reader) for key, reader in disks.items()} == before
    assert own_lab.vm(NAME)["snapshots"] == []


def test_snapshot_is_removed_when_reading_fails(own_lab: Lab, settings: VCenterSettings, moref: str):
    with pytest.raises(ZeroDivisionError), VCenterDiskSource(settings).frozen(moref, "smc_test", never):
        raise ZeroDivisionError
    assert own_lab.vm(NAME)["snapshots"] == []


def test_replication_is_not_counted_among_the_requests(own_lab: Lab, settings: VCenterSettings, moref: str):
    own_lab.reset_requests()
    with VCenterDiskSource(settings).frozen(moref, "smc_test", never) as disks:
        next(iter(disks.values())).read(0, MIB)
    assert [row for row in own_lab.get("/requests") if row["service"] == "vcenter"] == []


def test_expired_session_is_opened_again(
    own_lab: Lab, settings: VCenterSettings, moref: str, monkeypatch: pytest.MonkeyPatch
):
    logins: list[str] = []

    def counted(**arguments: Any) -> Any:
        logins.append(arguments["user"])
        return SmartConnect(**arguments)

    monkeypatch.setattr("lab.alicloud.replication.vcenter.SmartConnect", counted)
    source = VCenterDiskSource(settings)
    with source.frozen(moref, "smc_test", never):
        pass
    own_lab.faults(
        {
            "target": "vcenter",
            "method": "CreateSnapshot_Task",
            "object": NAME,
            "fault": "NotAuthenticated",
            "client": "lab",
        }
    )
    with source.frozen(moref, "smc_test", never) as disks:
        assert len(disks) == 2
    assert len(logins) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"password": "wrong"}, "SourceServer.InvalidLogin"),
        ({"port": 9}, "SourceServer.VCenterUnreachable"),
        ({}, "SourceServer.NotFound"),
    ],
)
def test_failures_have_codes_and_show_no_password(settings: VCenterSettings, change: dict[str, Any], code: str):
    source = VCenterDiskSource(replace(settings, **change))
    with pytest.raises(ReplicationError) as failure, source.frozen("vm-none", "smc_test", never):
        pytest.fail("there is no such VM")
    assert failure.value.code == code
    assert settings.password not in json.dumps([failure.value.message, repr(settings)])


def test_changed_areas_hold_all_that_changed(own_lab: Lab, settings: VCenterSettings, moref: str):
    source = VCenterDiskSource(settings)
    with source.frozen(moref, "smc_off", never) as disks:
        assert [reader.change_id for reader in disks.values()] == ["", ""]
        with pytest.raises(NotTrackedError):
            next(iter(disks.values())).changed_areas("*")
    enable_tracking(settings, moref)
    service(own_lab, "running")
    with source.frozen(moref, "smc_full", never) as disks:
        copies = {key: bytearray(reader.size) for key, reader in disks.items()}
        apply_areas(disks, copies, dict.fromkeys(disks, "*"))
        since = {key: reader.change_id for key, reader in disks.items()}
    first = present(own_lab)
    wait_until(lambda: present(own_lab) != first)
    service(own_lab, "stopped")
    with source.frozen(moref, "smc_increment", never) as disks:
        sent = apply_areas(disks, copies, since)
    assert 0 < sent < sum(len(copy) for copy in copies.values()) / 2
    assert {key: hashlib.sha256(copy).hexdigest() for key, copy in copies.items()} == present(own_lab)


def apply_areas(disks: dict[int, DiskReader], copies: dict[int, bytearray], since: dict[int, str]) -> int:
    """Bring the copies up to date and give the number of bytes that it took."""
    sent = 0
    for key, reader in disks.items():
        for start, length in reader.changed_areas(since[key]):
            copies[key][start : start + length] = reader.read(start, length)
            sent += length
    return sent


def wait_until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "the guest writes nothing"
        time.sleep(0.1)


def enable_tracking(settings: VCenterSettings, moref: str) -> None:
    """Ask for changed block tracking; the next snapshot, a stun, lets it take effect."""
    context = ssl.create_default_context(cafile=settings.ca_file)
    session = SmartConnect(
        host=settings.host, port=settings.port, user=settings.username, pwd=settings.password, sslContext=context
    )
    task = vim.VirtualMachine(moref, session._stub).ReconfigVM_Task(vim.vm.ConfigSpec(changeTrackingEnabled=True))
    wait_until(lambda: task.info.state in ("success", "error"))
    assert task.info.state == "success"
    Disconnect(session)
