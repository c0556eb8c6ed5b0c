# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report: what is made of jobs, costs, orphans and failures, as data and as a table."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.filter.migration_report import migration_report
from ansible_collections.cutover.smc.plugins.filter.report_table import report_table as report_table_filter
from ansible_collections.cutover.smc.plugins.plugin_utils._report import build_report, report_table

NOW = "2026-11-22T18:00:00Z"
UUID = "50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b"


def an_item(identifier: str, kind: str = "image", per_day: float | None = 0.25, **fields: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "kind": kind,
        "name": "",
        "vm_uuid": UUID,
        "job_id": "j-1",
        "per_day": per_day,
        "is_upper_bound": kind == "image",
        "kept": True,
        "reason": "",
    } | fields


def a_region(*items: dict[str, Any], orphans: tuple[dict[str, Any], ...] = (), **costs: Any) -> dict[str, Any]:
    return {"costs": {"currency": "CNY", "notes": [], "items": list(items)} | costs, "orphans": list(orphans)}


A_VM = {"name": "app-01", "uuid": UUID, "power_state": "on", "cbt": {"effective": True}}


def a_job(**fields: Any) -> dict[str, Any]:
    return {
        "job_id": "j-1",
        "status": "Waiting",
        "expires_at": "2026-12-22T18:00:00Z",
        "expires_in": "30d",
        "images": ["m-1", "m-2"],
        "runs": [{}, {}],
        "tags": {},
    } | fields


def report(
    region: dict[str, Any], vm: dict[str, Any] | None = None, facts: dict[str, Any] | None = None, **job: Any
) -> tuple[dict[str, Any], list[str]]:
    """The one VM of a report as data, and the lines of the table."""
    jobs = {"cloud_time": NOW, "by_vm_uuid": {UUID: a_job(**job)}}
    hosts = {"app-01": {"identify_vm": A_VM if vm is None else vm} | (facts or {})}
    vms = build_report(hosts, ["app-01"], jobs, region)
    return vms[0], report_table(vms, jobs, region)


def test_deleted_images_are_not_counted() -> None:
    vm, lines = report(a_region(an_item("m-2")))
    assert vm["images"] == ["m-2"]
    assert lines[1].split()[1:5] == ["Waiting", "on", "2", "1"]


def test_without_the_region_the_images_of_the_runs_are_reported() -> None:
    vm, lines = report({"skipped": True})
    assert vm["images"] == ["m-1", "m-2"]
    assert vm["costs"] is None
    assert len(lines) == 2
    failed = report({"failed": True, "msg": "DescribeDisks: no"})[1]
    assert failed[2] == "Costs could not be read: DescribeDisks: no"


@pytest.mark.parametrize(
    ("expires_at", "expires_in", "expected"),
    [
        ("2026-11-29T18:00:01Z", "7d1s", ""),
        ("2026-11-29T06:00:00Z", "6d12h", "app-01 NOTE: job j-1 expires in 6d12h. Complete it, or extend it"),
        ("2026-11-25T06:00:00Z", "2d12h", "app-01 SOON: job j-1 expires in 2d12h. Complete it, or extend it"),
        ("2026-11-23T06:00:00Z", "12h", "app-01 URGENT: job j-1 expires in 12h. Complete it, or extend it"),
        (
            "2026-11-22T06:00:00Z",
            None,
            "app-01 EXPIRED: job j-1 has expired and does not run any more. SMC deletes it 7 days",
        ),
    ],
)
def test_a_job_that_expires_soon_is_warned_of(expires_at: str, expires_in: str | None, expected: str) -> None:
    lines = report(a_region(), expires_at=expires_at, expires_in=expires_in)[1]
    warnings = [line for line in lines if "expire" in line]
    assert len(warnings) == bool(expected)
    assert not expected or warnings[0].startswith(expected)


def test_a_finished_job_does_not_expire() -> None:
    assert not any("expire" in line for line in report(a_region(), status="Finished", expires_at=NOW)[1])


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ((), "costs nothing"),
        ((an_item("m-1"), an_item("i-1", "instance", 2.0)), "costs <= 2.25 CNY per day"),
        ((an_item("i-1", "instance", 2.0),), "costs 2.00 CNY per day"),
        ((an_item("m-1", per_day=None),), "costs an unknown amount per day"),
        (
            (an_item("m-1", per_day=None), an_item("i-1", "instance", 2.0)),
            "costs <= 2.00 CNY per day, and 1 of unknown price",
        ),
        ((an_item("m-1", vm_uuid=None), an_item("m-9", vm_uuid="other", job_id="j-2")), "costs <= 0.25 CNY per day"),
    ],
)
def test_what_a_vm_costs(items: tuple[dict[str, Any], ...], expected: str) -> None:
    vm, lines = report(a_region(*items))
    assert lines[2].split(None, 1) == ["app-01", expected]
    assert vm["costs"]["complete"] == all(item["per_day"] is not None for item in items)


def test_the_costs_of_a_vm_that_was_not_found_are_not_shown() -> None:
    lines = report(a_region(), vm={})[1]
    assert lines[1].split()[:3] == ["app-01", "unknown", "?"]
    assert not any("costs" in line for line in lines)


@pytest.mark.parametrize(
    ("power_state", "status", "expected"), [("off", "Waiting", 1), ("on", "Waiting", 0), ("off", "Finished", 0)]
)
def test_a_vm_that_is_powered_off_is_warned_of(power_state: str, status: str, expected: int) -> None:
    vm, lines = report(a_region(), vm=A_VM | {"power_state": power_state}, status=status)
    assert vm["power_state"] == power_state
    assert sum(line.startswith("app-01 is off. If its cut-over was interrupted") for line in lines) == expected


def test_orphans_are_shown_and_belong_to_no_vm() -> None:
    orphan = {"id": "i-9", "kind": "instance", "name": "No_Delete", "reason": "no job names it"}
    priced = an_item("i-9", "instance", 5.2)
    vm, lines = report(a_region(priced, orphans=(orphan,), notes=["Grant it."]))
    assert vm["costs"]["items"] == []
    assert lines[3:] == ["orphan: instance i-9 No_Delete, 5.20 CNY per day: no job names it", "Grant it."]


def test_a_total_without_a_known_price_is_unknown_and_not_free() -> None:
    assert report(a_region(an_item("m-1", per_day=None)))[0]["costs"]["per_day"] is None
    assert report(a_region())[0]["costs"]["per_day"] == 0


def test_resources_that_only_the_job_names_follow_those_of_the_vm() -> None:
    by_job, by_vm = an_item("m-1", vm_uuid=None), an_item("m-2", job_id=None)
    both, other = an_item("m-3"), an_item("m-4", vm_uuid=None, job_id="j-2")
    vm = report(a_region(by_job, by_vm, both, other))[0]
    assert [item["id"] for item in vm["costs"]["items"]] == ["m-2", "m-3", "m-1"]


def test_a_migrated_vm_without_a_job_has_its_final_image() -> None:
    hosts = {"app-01": {"identify_vm": A_VM, "identify_migrated": True, "identify_final_image": "m-9"}}
    jobs = {"cloud_time": NOW, "by_vm_uuid": {}}
    (vm,) = build_report(hosts, ["app-01"], jobs, {"skipped": True})
    assert (vm["migrated"], vm["images"], vm["job_id"]) == (True, ["m-9"], None)
    assert report_table([vm], jobs, {})[1].split()[1] == "migrated"


def test_jobs_that_could_not_be_read_are_unknown() -> None:
    jobs = {"failed": True, "msg": "no"}
    vms = build_report({"app-01": {"identify_vm": A_VM}}, ["app-01"], jobs, {"skipped": True})
    assert report_table(vms, jobs, {"skipped": True})[1].split()[:2] == ["app-01", "unknown"]
    known = {"by_vm_uuid": {}}
    assert " no job " in report_table(build_report({"app-01": {"identify_vm": A_VM}}, [], known, {}), known, {})[1]


@pytest.mark.parametrize(
    ("cut_over", "read", "expected"),
    [
        ({"run_started_at": "B1"}, {"evidence": {"run_started_at": "B2"}}, {"run_started_at": "B1"}),
        (None, {"evidence": {"run_started_at": "B2"}}, {"run_started_at": "B2"}),
        (None, {"skipped": True}, None),
    ],
)
def test_the_evidence_of_this_run_precedes_the_one_that_was_read(cut_over: Any, read: Any, expected: Any) -> None:
    facts = {"report_evidence": read} | ({"cut_over_evidence": cut_over} if cut_over else {})
    vm, lines = report(a_region(), facts=facts)
    assert vm["evidence"] == expected
    assert lines[1].split()[6] == (expected or {}).get("run_started_at", "-")


def test_when_the_services_stopped_is_read_from_the_tag_of_the_job() -> None:
    vm, lines = report(a_region(), tags={"cutover:services-stopped-at": "2026-11-22T17:00:00Z"})
    assert vm["services_stopped_at"] == "2026-11-22T17:00:00Z"
    assert lines[1].split()[5] == "2026-11-22T17:00:00Z"


@pytest.mark.parametrize(
    ("facts", "status", "stopped"),
    [
        ({"cut_over_open_job": "j-1"}, "Running", True),
        ({"cut_over_open_job": "j-1"}, "Finished", False),
        ({}, "", False),
    ],
)
def test_a_host_that_failed_without_a_message_is_reported(facts: dict[str, Any], status: str, stopped: bool) -> None:
    jobs = {"cloud_time": NOW, "by_vm_uuid": {UUID: a_job(status=status)}}
    vms = build_report({"app-01": {"identify_vm": A_VM} | facts}, [], jobs, {"skipped": True})
    line = report_table(vms, jobs, {"skipped": True})[-1]
    assert line.startswith("app-01 FAILED: The play did not finish for this host.")
    assert ("run roll_back" in line) is stopped


def test_a_recorded_failure_names_the_step() -> None:
    failure = {"step": "Verify the newest image", "message": "no agent"}
    vm, lines = report(a_region(), facts={"cutover_failure": failure})
    assert vm["failure"] == failure
    assert lines[-1] == 'app-01 FAILED at "Verify the newest image": no agent'


def test_the_filters_read_the_variables_of_the_hosts() -> None:
    hostvars = {"app-01": {"identify_vm": A_VM}, "app-02": {"cutover_vm_name": "the second"}, "other": {}}
    jobs = {"cloud_time": NOW, "by_vm_uuid": {UUID: a_job()}}
    vms = migration_report(["app-01", "app-02"], hostvars, ["app-01"], jobs, {"skipped": True})
    assert [(vm["host"], vm["vm"], vm["job_id"]) for vm in vms] == [
        ("app-01", "app-01", "j-1"),
        ("app-02", "the second", None),
    ]
    assert [line.split()[0] for line in report_table_filter(vms, jobs, {})[1:]] == ["app-01", "the", "the"]
    with pytest.raises(AnsibleFilterError, match="migration_report requires the registered results"):
        migration_report([], {}, [], None, {})
    with pytest.raises(AnsibleFilterError, match="report_table requires the registered results"):
        report_table_filter([], {}, None)


@pytest.mark.parametrize(
    ("status", "exists", "shown"),
    [("Finished", True, "m-1"), ("Finished", False, "GONE"), ("Finished", None, "m-1"), ("Waiting", False, "m-1")],
)
def test_no_older_image_takes_the_place_of_a_final_one_that_is_gone(
    status: str, exists: bool | None, shown: str
) -> None:
    evidence = {"image_id": "m-2", "image_exists": exists, "run_started_at": "B1", "services_stopped_at": "A1"}
    _vm, lines = report(a_region(an_item("m-1")), facts={"cut_over_evidence": evidence}, status=status)
    assert lines[1].split()[-1] == shown
    gone = [line for line in lines if line.startswith("app-01 has no final image: m-2 does not exist any more.")]
    assert bool(gone) is (shown == "GONE")
