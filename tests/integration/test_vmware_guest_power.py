# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vmware_guest_power against the lab's vCenter: each state, guests that hang, have no tools or are late, and failing steps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._vsphere import power as vsphere_power
from lab.launcher import Options
from tests.integration.lab_harness import WAYS, VCenterLab, running_vcenter

pytestmark = pytest.mark.lab

PLAIN, OFF_BEFORE, NO_TOOLS, HANGING = "app-01", "app-02", "app-03", "app-04"
OVERRIDES = {
    OFF_BEFORE: {"powered_off": True},
    NO_TOOLS: {"tools": False},
    HANGING: {"ignores_shutdown": True},
}
both_ways = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(scope="module")
def vcenter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VCenterLab]:
    with running_vcenter(tmp_path_factory.mktemp("power"), Options(vms=4, vm_overrides=OVERRIDES)) as access:
        yield access


@pytest.fixture(autouse=True)
def _clean(vcenter: VCenterLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vsphere_power, "_POLL_SECONDS", 0.05)
    vcenter.control.delete("/faults")
    for name in (PLAIN, NO_TOOLS, HANGING):
        power(vcenter, name, "running")
    vcenter.control.delete("/requests")


def power(access: VCenterLab, name: str, state: str, *, check: bool = False, **parameters: Any) -> dict[str, Any]:
    return access.call_module("vmware_guest_power", {"name": name, "state": state} | parameters, check=check)


def present(access: VCenterLab, name: str) -> str:
    return str(access.control.vm(name)["power_state"])


def fault(access: VCenterLab, method: str, name: str, kind: str, **more: Any) -> None:
    access.control.post("/faults", {"target": "vcenter", "method": method, "object": name, "fault": kind} | more)


@contextmanager
def going_off_late(access: VCenterLab, name: str, seconds: float) -> Iterator[None]:
    """The guest OS shuts down by itself after a while, like one that was asked long ago."""

    def power_off() -> None:
        with access.session() as (vcenter, named):
            vcenter.run_task("power off", named(name)[0].PowerOffVM_Task, lambda _line: None, 30)

    timer = threading.Timer(seconds, power_off)
    timer.start()
    yield
    timer.join()


def test_shut_down_again_checked_and_restored(vcenter: VCenterLab) -> None:
    checked = power(vcenter, PLAIN, "shut_down", check=True)
    assert checked["changed"]
    assert checked["diff"]["after"] == {"power_state": "off", "shut_down_here": True}
    assert vcenter.control.mutating_requests() == []

    done = power(vcenter, PLAIN, "shut_down")
    assert done["plan"] == checked["plan"]
    assert done["diff"]["after"] == checked["diff"]["after"]
    assert present(vcenter, PLAIN) == "poweredOff"
    assert "PowerOffVM_Task" not in vcenter.control.mutating_requests()

    for check in (False, True):
        again = power(vcenter, PLAIN, "shut_down", check=check)
        assert (again["changed"], again["plan"]) == (False, [])

    checked = power(vcenter, PLAIN, "restored", check=True)
    assert (checked["changed"], checked["powered_on"], present(vcenter, PLAIN)) == (True, True, "poweredOff")
    restored = power(vcenter, PLAIN, "restored")
    assert restored["plan"] == checked["plan"]
    assert (restored["powered_on"], present(vcenter, PLAIN)) == (True, "poweredOn")
    assert restored["vm"]["shut_down_here"] is False
    for check in (False, True):
        assert power(vcenter, PLAIN, "restored", check=check)["plan"] == []
        assert power(vcenter, PLAIN, "running", check=check)["plan"] == []


def test_a_vm_that_was_off_before_stays_off_unless_it_must_be_running(vcenter: VCenterLab) -> None:
    assert power(vcenter, OFF_BEFORE, "shut_down")["changed"] is False
    assert power(vcenter, OFF_BEFORE, "restored")["changed"] is False
    assert vcenter.control.mutating_requests() == []
    assert power(vcenter, OFF_BEFORE, "running")["plan"] == [f"power on {OFF_BEFORE}"]
    assert present(vcenter, OFF_BEFORE) == "poweredOn"


def test_many_are_asked_at_the_same_time_and_waited_for_afterwards(vcenter: VCenterLab) -> None:
    asked = power(vcenter, HANGING, "shut_down", wait=False)
    assert asked["plan"][-1] == f"ask the guest OS of {HANGING} to shut down"
    assert (asked["vm"]["power_state"], asked["vm"]["shut_down_here"]) == ("on", True)
    fault(vcenter, "ShutdownGuest", HANGING, "ToolsUnavailable")  # they have ended, for the guest is on its way
    with going_off_late(vcenter, HANGING, 0.5):
        waited = power(vcenter, HANGING, "shut_down")
    assert not waited["failed"], waited["msg"]
    assert f"waiting for the guest OS of {HANGING} to shut down" in waited["output"]
    assert power(vcenter, HANGING, "restored")["powered_on"]


def test_a_guest_without_tools_is_refused_before_anything_is_done(vcenter: VCenterLab) -> None:
    for check in (True, False):
        refused = power(vcenter, NO_TOOLS, "shut_down", check=check)
        assert (refused["failed"], refused["error"]["code"]) == (True, "GuestShutdown")
        assert "VMware Tools is not running in app-03" in refused["msg"]
    assert vcenter.control.mutating_requests() == []
    assert power(vcenter, NO_TOOLS, "shut_down", wait=False, shutdown_fallback="force")["changed"] is False
    forced = power(vcenter, NO_TOOLS, "shut_down", shutdown_fallback="force")
    assert (forced["vm"]["power_state"], forced["vm"]["shut_down_here"]) == ("off", True)


def test_a_guest_that_hangs_is_left_on_or_forced(vcenter: VCenterLab) -> None:
    failed = power(vcenter, HANGING, "shut_down", shutdown_timeout="1s")
    assert f"The guest OS of {HANGING} did not shut down within 1s" in failed["msg"]
    assert "shutdown_fallback: force" in failed["error"]["remedy"]
    assert present(vcenter, HANGING) == "poweredOn"
    stayed = power(vcenter, HANGING, "restored", settle_time="0s")
    assert (stayed["changed"], stayed["powered_on"], stayed["vm"]["shut_down_here"]) == (True, False, False)
    forced = power(vcenter, HANGING, "shut_down", shutdown_timeout="1s", shutdown_fallback="force")
    assert (forced["failed"], present(vcenter, HANGING)) == (False, "poweredOff")
    assert "Its power is cut because shutdown_fallback is force" in forced["output"]


def test_a_guest_that_shuts_down_late_is_powered_on_again(vcenter: VCenterLab) -> None:
    assert power(vcenter, HANGING, "shut_down", shutdown_timeout="1s")["failed"]
    with going_off_late(vcenter, HANGING, 0.3):
        restored = power(vcenter, HANGING, "restored", settle_time="20s")
    assert restored["powered_on"]
    assert (present(vcenter, HANGING), restored["vm"]["shut_down_here"]) == ("poweredOn", False)


@pytest.mark.parametrize("kind", ["NotAuthenticated", "DisconnectAfter"])
@pytest.mark.parametrize("method", ["ReconfigVM_Task", "ShutdownGuest"])
def test_a_lost_session_or_connection_loses_nothing(vcenter: VCenterLab, method: str, kind: str) -> None:
    fault(vcenter, method, "*", kind)
    done = power(vcenter, PLAIN, "shut_down")
    assert not done["failed"], done["msg"]
    assert (present(vcenter, PLAIN), done["vm"]["shut_down_here"]) == ("poweredOff", True)
    fault(vcenter, "PowerOnVM_Task" if method == "ShutdownGuest" else method, "*", kind)
    assert not power(vcenter, PLAIN, "restored")["failed"]
    assert present(vcenter, PLAIN) == "poweredOn"


@pytest.mark.parametrize(
    ("method", "state"),
    [("ReconfigVM_Task", "shut_down"), ("ShutdownGuest", "shut_down"), ("PowerOnVM_Task", "restored")],
)
def test_a_step_that_fails_is_completed_by_the_next_run(vcenter: VCenterLab, method: str, state: str) -> None:
    if state == "restored":
        power(vcenter, PLAIN, "shut_down")
    fault(vcenter, method, PLAIN, "GenericVmConfigFault")
    failed = power(vcenter, PLAIN, state)
    assert "The lab was asked for this fault" in failed["msg"]
    assert not power(vcenter, PLAIN, state)["failed"]
    assert present(vcenter, PLAIN) == ("poweredOff" if state == "shut_down" else "poweredOn")


def test_another_task_is_waited_for(vcenter: VCenterLab) -> None:
    fault(vcenter, "ReconfigVM_Task", PLAIN, "TaskInProgress", task=True)
    assert not power(vcenter, PLAIN, "shut_down")["failed"]


@both_ways
def test_both_ways(vcenter: VCenterLab, way: str) -> None:
    wanted = {"name": PLAIN, "state": "shut_down"}
    done = vcenter.run_module("vmware_guest_power", wanted, way=way)
    assert (done["changed"], done["vm"]["power_state"]) == (True, "off")
    refused = vcenter.run_module("vmware_guest_power", {"name": "app-9", "state": "running"}, way=way)
    assert "No VM is named 'app-9'" in refused["msg"]
