# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of an import and its outcomes, by the functions and by the filters in front of them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.filter import import_outcomes as outcomes_filter
from ansible_collections.cutover.smc.plugins.filter import plan_imports as plan_filter

plan_imports = plan_filter.FilterModule().filters()["plan_imports"]
import_outcomes = outcomes_filter.FilterModule().filters()["import_outcomes"]


def a_host(
    number: int, migrated: bool = False, cbt: bool = True, snapshots: int = 0, **selection: str
) -> dict[str, Any]:
    vm = {
        "name": f"app-{number:02d}",
        "moid": f"vm-{number}",
        "uuid": f"u-{number}",
        "cbt": {"enabled": cbt},
        "snapshots": [{"name": "backup"}] * snapshots,
    }
    return {"vm": vm, "migrated": migrated, "selection": {"moid": f"vm-{number}", **selection}}


def a_connector(*selected: int, cbt: bool = True, has_snapshot: bool = False, slots: int = 10) -> dict[str, Any]:
    """The result of reading a connector that sees the VMs 1 to 9."""
    facts = {"cbt_enabled": cbt, "has_snapshot": has_snapshot}
    return {
        "connector": {
            "selected": [f"vm-{number}" for number in selected],
            "free": slots - len(selected),
            "vms": {f"vm-{number}": facts for number in range(1, 10)},
        }
    }


def sources(*numbers: int) -> dict[str, Any]:
    return {f"u-{number}": {"source_id": f"s-{number}"} for number in numbers}


BROKEN = {"failed": True, "msg": "The directory /smc does not exist.", "error": {"kind": "not_found"}}


def test_a_vm_without_a_source_is_imported_by_the_first_connector_with_a_slot():
    plan = plan_imports(
        {"a": a_host(1, platform="CentOS")}, {"c1": a_connector(5, slots=1), "c2": a_connector()}, sources()
    )
    assert plan == {
        "hosts": {"a": {"moid": "vm-1", "connector": "c2", "missing": True, "stale": False, "error": ""}},
        "work": {"c2": {"vms": [{"moid": "vm-1", "platform": "CentOS"}], "refresh": False}},
        "shares": {"a": ["c2"]},
        "imports": 1,
    }


def test_a_vm_that_a_connector_has_selected_is_imported_there_even_when_it_is_full():
    plan = plan_imports({"a": a_host(1)}, {"c1": a_connector(), "c2": a_connector(1, slots=1)}, sources())
    assert plan["hosts"]["a"]["connector"] == "c2"


def test_a_vm_with_a_source_needs_no_work():
    plan = plan_imports({"a": a_host(1)}, {"c1": a_connector(1)}, sources(1))
    assert plan["hosts"]["a"] == {"moid": "vm-1", "connector": "c1", "missing": False, "stale": False, "error": ""}
    assert (plan["work"], plan["shares"], plan["imports"]) == ({}, {}, 0)


def test_a_vm_with_a_source_needs_no_connector():
    plan = plan_imports({"a": a_host(1)}, {"c1": BROKEN}, sources(1))
    assert plan["hosts"]["a"] == {"moid": "vm-1", "connector": "", "missing": False, "stale": False, "error": ""}


def test_a_migrated_vm_is_left_out():
    plan = plan_imports({"a": a_host(1, migrated=True)}, {"c1": a_connector(1, cbt=False)}, sources())
    assert plan == {"hosts": {}, "work": {}, "shares": {}, "imports": 0}


@pytest.mark.parametrize(
    ("host", "connector", "stale"),
    [
        (a_host(1, cbt=True), a_connector(1, cbt=True), False),
        (a_host(1, cbt=True), a_connector(1, cbt=False), True),
        (a_host(1, cbt=False), a_connector(1, cbt=True), True),
        (a_host(1, snapshots=0), a_connector(1, has_snapshot=True), True),
        (a_host(1, snapshots=1), a_connector(1, has_snapshot=True), False),
        (a_host(1, snapshots=1), a_connector(1, has_snapshot=False), False),
    ],
)
def test_facts_are_stale_when_vcenter_shows_other_cbt_or_no_snapshot_any_more(
    host: dict[str, Any], connector: dict[str, Any], stale: bool
):
    plan = plan_imports({"a": host}, {"c1": connector}, sources(1))
    assert plan["hosts"]["a"]["stale"] is stale
    assert plan["work"] == ({"c1": {"vms": [], "refresh": True}} if stale else {})


def test_a_vm_that_its_connector_does_not_know_yet_is_not_stale():
    plan = plan_imports({"a": a_host(12)}, {"c1": a_connector(cbt=False)}, sources())
    assert plan["work"] == {"c1": {"vms": [{"moid": "vm-12"}], "refresh": False}}


def test_the_work_of_a_connector_is_done_once_for_all_its_vms():
    hosts = {"a": a_host(1), "b": a_host(2), "c": a_host(3, cbt=False)}
    plan = plan_imports(hosts, {"c1": a_connector(3)}, sources(3))
    assert plan["work"] == {"c1": {"vms": [{"moid": "vm-1"}, {"moid": "vm-2"}], "refresh": True}}
    assert plan["shares"] == {"c": ["c1"]}
    assert plan["imports"] == 2


def test_connectors_work_at_the_same_time_each_for_another_host():
    hosts = {"a": a_host(1), "b": a_host(2), "c": a_host(3)}
    connectors = {"c2": a_connector(1), "c1": a_connector(2)}
    plan = plan_imports(hosts, connectors, sources())
    assert plan["work"]["c2"]["vms"] == [{"moid": "vm-1"}, {"moid": "vm-3"}]
    assert plan["shares"] == {"a": ["c1"], "b": ["c2"]}


@pytest.mark.parametrize(
    ("connectors", "error"),
    [
        (
            {},
            "No connector has a free slot for app-01. The group smc has no host. "
            "Deploy the SMC connector and add its host to the group.",
        ),
        ({"c1": BROKEN}, "No connector has a free slot for app-01. c1: The directory /smc does not exist."),
        ({"c1": {"failed": True}}, "No connector has a free slot for app-01. c1: no answer"),
        (
            {"c1": a_connector(5, slots=1), "c2": BROKEN, "c3": a_connector(6, slots=1)},
            "No connector has a free slot for app-01. "
            "A connector serves 10 VMs at a time, and all connectors that answer are full (c1, c3). "
            "Add a connector to the group smc, or finish migrations and free their slots with the role clean_up. "
            "c2: The directory /smc does not exist.",
        ),
    ],
)
def test_a_vm_without_a_connector_has_a_reason_and_no_work(connectors: dict[str, Any], error: str):
    plan = plan_imports({"a": a_host(1), "b": a_host(2)}, connectors, sources(2), "smc")
    assert plan["hosts"]["a"] == {"moid": "vm-1", "connector": "", "missing": True, "stale": False, "error": error}
    assert plan["hosts"]["b"]["error"] == ""
    assert plan["work"] == {}


NUMBERS = st.sets(st.integers(1, 9))


@given(NUMBERS, NUMBERS, NUMBERS, st.integers(0, 4))
def test_every_vm_has_a_source_or_work_or_a_reason(vms: set[int], known: set[int], selected: set[int], free: int):
    hosts = {f"h{number}": a_host(number) for number in sorted(vms)}
    connectors = {"c1": a_connector(*selected, slots=len(selected) + free), "c2": BROKEN}
    plan = plan_imports(hosts, connectors, sources(*known))
    imported = [selection["moid"] for part in plan["work"].values() for selection in part["vms"]]
    refused = [host["moid"] for host in plan["hosts"].values() if host["error"]]
    assert sorted(imported + refused) == [f"vm-{number}" for number in sorted(vms - known)]
    assert plan["imports"] == len(imported)
    assert sorted(name for names in plan["shares"].values() for name in names) == sorted(plan["work"])
    assert all(not plan["hosts"][host]["error"] for host in plan["shares"])


# --- outcomes ---------------------------------------------------------------------------------------------------

PLANNED = plan_imports(
    {"a": a_host(1), "b": a_host(2), "c": a_host(3)}, {"c1": a_connector(1, 2), "c2": a_connector(3)}, sources(3)
)["hosts"]


def test_each_host_has_the_source_of_its_vm():
    imported = [{"moid": "vm-1", "source_id": "s-1"}, {"moid": "vm-2", "source_id": None}]
    assert import_outcomes(PLANNED, {"c1": {"connector": {}, "imported": imported}}) == {
        "a": {"source_id": "s-1", "error": ""},
        "b": {"source_id": None, "error": ""},
        "c": {"source_id": None, "error": ""},
    }


def test_a_vm_that_was_refused_does_not_fail_the_one_that_was_imported():
    result = {
        "failed": True,
        "msg": "The connector did not import app-02: quota.",
        "error": {"kind": "precondition"},
        "connector": {},
        "imported": [{"moid": "vm-1", "source_id": "s-1"}],
    }
    outcomes = import_outcomes(PLANNED, {"c1": result})
    assert outcomes["a"] == {"source_id": "s-1", "error": ""}
    assert outcomes["b"] == {"source_id": None, "error": "c1: The connector did not import app-02: quota."}


@pytest.mark.parametrize(
    ("result", "error"),
    [
        ({"unreachable": True, "msg": "Connection timed out"}, "c1: Connection timed out"),
        ({"failed": True}, "c1: no answer"),
        ({"connector": {}, "imported": []}, ""),
    ],
)
def test_a_connector_that_fails_is_the_reason(result: dict[str, Any], error: str):
    assert import_outcomes(PLANNED, {"c1": result})["a"]["error"] == error


REFUSED = {"failed": True, "msg": "refused", "error": {"kind": "precondition"}, "connector": {}, "imported": []}
GONE = {"unreachable": True, "msg": "Connection timed out"}


@pytest.mark.parametrize(
    ("missing", "stale", "result", "error"),
    [
        (False, False, REFUSED, ""),
        (False, False, GONE, ""),
        (False, True, REFUSED, ""),
        (False, True, GONE, "c1: Connection timed out"),
        (True, False, REFUSED, "c1: refused"),
        (True, True, REFUSED, "c1: refused"),
    ],
)
def test_a_connector_fails_only_the_vms_for_which_it_did_not_do_its_work(
    missing: bool, stale: bool, result: dict[str, Any], error: str
):
    host = {"moid": "vm-1", "connector": "c1", "missing": missing, "stale": stale, "error": ""}
    assert import_outcomes({"a": host}, {"c1": result})["a"]["error"] == error


# --- filters ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hosts", "connectors", "known"),
    [
        (["a"], {}, {}),
        ({}, None, {}),
        ({}, {}, []),
        ({"a": {}}, {}, {}),
        ({"a": a_host(1)}, {"c1": {"connector": {"free": 1}}}, {}),
    ],
)
def test_other_input_of_plan_imports_is_refused(hosts: object, connectors: object, known: object):
    with pytest.raises(AnsibleFilterError, match="plan_imports"):
        plan_imports(hosts, connectors, known)


@pytest.mark.parametrize(("hosts", "results"), [(["a"], {}), ({}, None), ({"a": {}}, {})])
def test_other_input_of_import_outcomes_is_refused(hosts: object, results: object):
    with pytest.raises(AnsibleFilterError, match="import_outcomes"):
        import_outcomes(hosts, results)
