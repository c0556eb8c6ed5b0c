# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of the preflight checks, its lines and its failure message, by the filters that the role preflight uses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.filter.preflight_failure import FilterModule as Failure
from ansible_collections.cutover.smc.plugins.filter.preflight_report import FilterModule as Report
from ansible_collections.cutover.smc.plugins.filter.preflight_summary import FilterModule as Summary

preflight_failure = Failure().filters()["preflight_failure"]
preflight_report = Report().filters()["preflight_report"]
preflight_summary = Summary().filters()["preflight_summary"]

Facts = dict[str, Any]
CONNECTOR = {"selected": ["vm-33"], "free": 9, "vms": {}}


def a_concern(**fields: Any) -> Facts:
    concern = {
        "id": "snapshots",
        "severity": "blocker",
        "subject": "app-01",
        "disk": None,
        "message": "it has 1 snapshot",
        "remedy": "Remove it",
        "waived": None,
    }
    return concern | fields


A_DISK_CONCERN = a_concern(
    id="independent_disk", subject="Hard disk 2 (scsi0:1)", disk=2001, message="it is independent", remedy="Change it"
)


def a_vm(*concerns: Facts, blockers: tuple[Facts, ...] = (), **fields: Any) -> Facts:
    vm = {
        "name": "app-01",
        "power_state": "on",
        "disks": [{"key": 2000}],
        "cbt": {"enabled": False, "effective": False},
        "concerns": list(concerns),
        "blockers": list(blockers),
    }
    return vm | fields


def host_facts(vm: Facts | None = None, *results: Facts, **facts: Any) -> Facts:
    """The facts of a host whose VM was checked, with the results of the connectors that it has checked."""
    known = {"preflight_vm": vm or a_vm(), "identify_job": {}, "identify_migrated": False}
    return known | {"preflight_connectors": {"changed": False, "results": list(results)}} | facts


def lines(**hosts: Facts) -> list[str]:
    found: list[str] = preflight_summary(preflight_report(list(hosts), hosts))
    return found


class TestReport:
    def test_a_vm_is_reported_as_it_was_checked_with_its_host_and_its_job(self) -> None:
        vm = a_vm(a_concern())
        report = preflight_report(["h1"], {"h1": host_facts(vm, identify_job={"job_id": "j-1"})})
        assert report == {
            "vms": [vm | {"host": "h1", "job": {"job_id": "j-1"}, "migrated": False}],
            "connectors": [],
        }

    def test_vms_are_in_the_order_of_the_hosts(self) -> None:
        hosts = {name: host_facts(a_vm(name=name)) for name in ("a", "b", "c")}
        assert [vm["host"] for vm in preflight_report(["c", "a"], hosts)["vms"]] == ["c", "a"]

    def test_a_host_that_failed_earlier_is_left_out(self) -> None:
        failed = {"preflight_connectors": {"results": [{"item": "c9", "connector": CONNECTOR}]}}
        assert preflight_report(["h1", "h2"], {"h1": failed, "h2": {}}) == {"vms": [], "connectors": []}

    def test_a_vm_whose_migration_status_is_unknown_has_no_job(self) -> None:
        (vm,) = preflight_report(["h1"], {"h1": {"preflight_vm": a_vm()}})["vms"]
        assert (vm["job"], vm["migrated"]) == ({}, False)

    def test_connectors_of_all_hosts_are_reported(self) -> None:
        hosts = {
            "h1": host_facts(None, {"item": "c1", "connector": CONNECTOR}),
            "h2": host_facts(None, {"item": "c2", "failed": True, "msg": "No such file"}, {"item": "c3"}),
        }
        assert preflight_report(["h1", "h2"], hosts)["connectors"] == [
            {"host": "c1", "works": True, "message": "", "connector": CONNECTOR},
            {"host": "c2", "works": False, "message": "No such file", "connector": {}},
            {"host": "c3", "works": False, "message": "", "connector": {}},
        ]

    def test_it_can_be_written_as_json(self) -> None:
        report = preflight_report(["h1"], {"h1": host_facts(a_vm(a_concern()), {"item": "c1"})})
        assert json.loads(json.dumps(report)) == report

    def test_requires_hostvars(self) -> None:
        with pytest.raises(AnsibleFilterError, match="requires a list of hosts, and hostvars"):
            preflight_report(["h1"], ["h1"])


class TestSummary:
    @pytest.mark.parametrize(
        ("cbt", "text"),
        [
            ({"enabled": True, "effective": True}, "CBT is in effect"),
            ({"enabled": True, "effective": False}, "CBT is requested but not in effect"),
            ({"enabled": False, "effective": False}, "CBT is off"),
        ],
    )
    def test_a_vm_is_one_line(self, cbt: Facts, text: str) -> None:
        assert lines(h1=host_facts(a_vm(cbt=cbt))) == [f"app-01: on, 1 disk, {text}, no job yet"]

    @pytest.mark.parametrize(
        ("facts", "text"),
        [
            ({}, "no job yet"),
            ({"identify_job": {"job_id": "j-1", "status": "Waiting"}}, "job j-1 is Waiting"),
            ({"identify_migrated": True}, "is migrated"),
            ({"identify_migrated": True, "identify_job": {"job_id": "j-1", "status": "Finished"}}, "is migrated"),
        ],
    )
    def test_the_line_ends_with_the_migration(self, facts: Facts, text: str) -> None:
        vm = a_vm(power_state="off", disks=[{}, {}])
        assert lines(h1=host_facts(vm, **facts)) == [f"app-01: off, 2 disks, CBT is off, {text}"]

    def test_each_concern_is_a_line_with_its_remedy_and_rule(self) -> None:
        assert lines(h1=host_facts(a_vm(a_concern(severity="warning"), A_DISK_CONCERN)))[1:] == [
            "app-01: warning: it has 1 snapshot. Remove it. [snapshots]",
            "app-01: blocker: Hard disk 2 (scsi0:1): it is independent. Change it. [independent_disk]",
        ]

    def test_a_waived_concern_names_the_waiver(self) -> None:
        concern = a_concern(waived={"reason": "change 4711", "expires": "2099-12-31"})
        assert lines(h1=host_facts(a_vm(concern)))[1] == (
            "app-01: blocker, waived until 2099-12-31 (change 4711): it has 1 snapshot. Remove it. [snapshots]"
        )

    @pytest.mark.parametrize(
        ("result", "text"),
        [
            ({"connector": CONNECTOR}, "1 VM selected, 9 slots free"),
            ({"connector": CONNECTOR | {"selected": [], "free": 10}}, "0 VMs selected, 10 slots free"),
            ({"unreachable": True, "msg": "Connection refused"}, "does not work: Connection refused"),
            ({"failed": True}, "does not work: no answer"),
        ],
    )
    def test_each_connector_is_a_line_after_the_vms(self, result: Facts, text: str) -> None:
        found = lines(h1=host_facts(None, {"item": "c1"} | result), h2=host_facts(a_vm(name="app-02")))
        assert [line.partition(":")[0] for line in found] == ["app-01", "app-02", "c1"]
        assert found[-1] == f"c1: {text}"

    @pytest.mark.parametrize("report", [[], {}, {"vms": []}, "vms connectors"])
    def test_requires_a_report(self, report: object) -> None:
        with pytest.raises(AnsibleFilterError, match="preflight_summary requires the report"):
            preflight_summary(report)


class TestFailure:
    def test_a_vm_without_blockers_does_not_fail(self) -> None:
        assert preflight_failure(a_vm(a_concern(severity="warning")), []) == ""

    def test_all_blockers_are_named_with_their_remedies(self) -> None:
        assert preflight_failure(a_vm(blockers=(a_concern(), A_DISK_CONCERN))) == (
            "app-01 cannot be migrated as it is: it has 1 snapshot. Remove it. "
            "Hard disk 2 (scsi0:1): it is independent. Change it."
        )

    def test_accepted_blockers_are_left_out(self) -> None:
        vm = a_vm(blockers=(a_concern(), A_DISK_CONCERN))
        assert preflight_failure(vm, ["snapshots"]) == (
            "app-01 cannot be migrated as it is: Hard disk 2 (scsi0:1): it is independent. Change it."
        )
        assert preflight_failure(vm, ["independent_disk", "snapshots"]) == ""

    @pytest.mark.parametrize("vm", [None, [], {"name": "app-01"}, {"blockers": []}])
    def test_requires_a_vm(self, vm: object) -> None:
        with pytest.raises(AnsibleFilterError, match="preflight_failure requires a VM"):
            preflight_failure(vm)
