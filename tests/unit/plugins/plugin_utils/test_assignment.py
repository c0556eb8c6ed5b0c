# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which connector imports which VM, and which host works on which connector, by the functions and their filters."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.filter.assign_connectors import FilterModule as Assign
from ansible_collections.cutover.smc.plugins.filter.distribute_connectors import FilterModule as Distribute
from ansible_collections.cutover.smc.plugins.plugin_utils._assignment import assign

assign_connectors = Assign().filters()["assign_connectors"]
distribute_connectors = Distribute().filters()["distribute_connectors"]


def test_assigned_vms_keep_their_connector_and_the_rest_follow_in_order():
    vms = {"a": "vm-1", "b": "vm-2", "c": "vm-3", "d": "vm-4", "e": "vm-5"}
    connectors = {"c1": {"selected": ["vm-4"], "free": 1}, "c2": {"selected": [], "free": 2}}
    assert assign_connectors(vms, connectors) == {"a": "c1", "b": "c2", "c": "c2", "d": "c1"}


def test_a_full_connector_keeps_its_own():
    assert assign({"a": "vm-1", "b": "vm-2"}, {"c1": {"selected": ["vm-1"], "free": 0}}) == {"a": "c1"}


def test_without_connectors_no_one_has_one():
    assert assign({"a": "vm-1"}, {}) == {}


@pytest.mark.parametrize(
    "connectors", [["c1"], None, {"c1": {"free": 1}}, {"c1": {"selected": [], "free": "many"}}, {"c1": None}]
)
def test_what_is_no_dictionary_of_connectors_is_refused(connectors: object):
    with pytest.raises(AnsibleFilterError, match="assign_connectors"):
        assign_connectors({"a": "vm-1"}, connectors)


CONNECTORS = st.dictionaries(
    st.sampled_from(["c1", "c2", "c3"]),
    st.sets(st.integers(1, 30), max_size=10).map(
        lambda chosen: {"selected": [f"vm-{number}" for number in sorted(chosen)], "free": 10 - len(chosen)}
    ),
)


@given(st.sets(st.integers(1, 40)), CONNECTORS)
def test_no_connector_gets_more_than_ten_and_no_slot_is_free_while_a_vm_waits(numbers: set[int], connectors: dict):
    vms = {f"app-{number}": f"vm-{number}" for number in sorted(numbers)}
    homes = assign(vms, connectors)
    settled = {moid for connector in connectors.values() for moid in connector["selected"]}
    newcomers = {
        name: [host for host, home in homes.items() if home == name and vms[host] not in settled] for name in connectors
    }
    assert all(len(newcomers[name]) <= connectors[name]["free"] for name in connectors)
    assert all(vms[host] in connectors[home]["selected"] for host, home in homes.items() if vms[host] in settled)
    if set(vms) - set(homes):
        assert all(len(newcomers[name]) == connectors[name]["free"] for name in connectors)


@given(st.sets(st.integers(1, 25)), CONNECTORS)
def test_an_imported_vm_keeps_its_connector(numbers: set[int], connectors: dict):
    vms = {f"app-{number}": f"vm-{number}" for number in sorted(numbers)}
    homes = assign(vms, connectors)
    after = {
        name: {
            "selected": sorted({*connector["selected"], *(vms[host] for host, home in homes.items() if home == name)})
        }
        for name, connector in connectors.items()
    }
    for connector in after.values():
        connector["free"] = max(0, 10 - len(connector["selected"]))
    assert assign(vms, after) == homes


def test_shares_are_in_order_and_the_first_are_larger():
    shares = distribute_connectors(["c1", "c2", "c3", "c4", "c5"], ["a", "b", "c"])
    assert shares == {"a": ["c1", "c2"], "b": ["c3", "c4"], "c": ["c5"]}
    assert list(shares) == ["a", "b", "c"]


def test_a_host_that_is_not_needed_has_an_empty_share():
    assert distribute_connectors(["c1"], ["a", "b"]) == {"a": ["c1"], "b": []}
    assert distribute_connectors([], ["a"]) == {"a": []}


def test_without_hosts_nothing_is_distributed():
    assert distribute_connectors(["c1"], []) == {}


@pytest.mark.parametrize("arguments", [("c1", ["a"]), (["c1"], "a"), (None, ["a"]), ({"c1": 1}, ["a"])])
def test_what_is_not_a_list_is_not_distributed(arguments: tuple[object, object]):
    with pytest.raises(AnsibleFilterError, match="distribute_connectors requires"):
        distribute_connectors(*arguments)


@given(st.integers(0, 40), st.integers(1, 40))
def test_every_connector_has_one_host_and_shares_differ_by_one_at_most(connectors: int, hosts: int):
    names = [f"c{number}" for number in range(connectors)]
    shares = distribute_connectors(names, [f"h{number}" for number in range(hosts)])
    assert [name for share in shares.values() for name in share] == names
    sizes = [len(share) for share in shares.values()]
    assert len(sizes) == hosts
    assert max(sizes) - min(sizes) <= 1
