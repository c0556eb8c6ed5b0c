# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The source of a VM: recognized without guessing, named and tagged, and not deleted while a job uses it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Workgroup
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import PROJECT_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._sources.matching import GuestSigns, match_source
from ansible_collections.cutover.smc.plugins.module_utils._sources.source_plan import (
    ObservedSource,
    SourceSpec,
    diff_view,
    parse_spec,
    plan,
)
from ansible_collections.cutover.smc.plugins.modules.smc_source import MODULE
from tests.unit.plugins.builders import VM_UUID, a_job, a_source

NOTHING_GIVEN = {name: option.get("default") for name, option in MODULE.argument_spec.items()}


def spec(**params: Any) -> SourceSpec:
    return parse_spec({**NOTHING_GIVEN, **params})


# --- options ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "1st", "with space", "-x", "a" * 129, "a/b", ""])
def test_names_that_smc_does_not_accept(name: str):
    with pytest.raises(
        InvalidOptionError, match=r"Option 'name' is '.*', which SMC does not accept as a name\. Use 2 to 128"
    ):
        spec(name=name)


@pytest.mark.parametrize("name", ["ab", "App_01:x-y", "迁移-1", "a" * 128])
def test_names_that_it_accepts(name: str):
    assert spec(name=name).name == name


def test_own_tags_are_added():
    declared = spec(vm_uuid=VM_UUID, project="spring", tags={"a": "1"})
    assert declared.tags == {"a": "1", VM_TAG: VM_UUID, PROJECT_TAG: "spring"}
    assert spec().tags == {}


# --- matching ------------------------------------------------------------------------------------------------


def new(source_id: str, **fields: Any) -> Any:
    return a_source(**{"source_id": source_id, "name": "", "tags": {}, **fields})


SIGNS = GuestSigns("app-01", "web-1", ("10.0.0.5", "10.0.0.6"))


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        ([], None),
        ([new("s-1", name="app-01"), new("s-2", name="app-02")], "s-1"),
        ([new("s-1", hostname="web-1"), new("s-2")], "s-1"),
        ([new("s-1"), new("s-2", ipv4=("192.168.0.1", "10.0.0.6"))], "s-2"),
        ([new("s-1", hostname="web-1"), new("s-2", name="app-01")], "s-2"),
        ([new("s-1", ipv4=("10.0.0.5",)), new("s-2", hostname="web-1")], "s-2"),
        ([new("s-1", name="app-01", tags={VM_TAG: "another"})], None),
        ([new("s-1", name="app-01", tags={VM_TAG: "another"}), new("s-2", hostname="web-1")], "s-2"),
        ([new("s-1", name="app-01x"), new("s-2", ipv4=("10.0.0.50",))], None),
    ],
)
def test_the_first_sign_that_any_source_has_decides(sources: list[Any], found: str | None):
    for order in (sources, sources[::-1]):
        source = match_source(order, SIGNS)
        assert (source.source_id if source else None) == found


@pytest.mark.parametrize(
    ("sources", "sign"),
    [
        ([new("s-2", name="app-01"), new("s-1", name="app-01")], "vm_name 'app-01'"),
        ([new("s-2", hostname="web-1"), new("s-1", hostname="web-1")], "hostname 'web-1'"),
        ([new("s-2", ipv4=("10.0.0.5",)), new("s-1", ipv4=("10.0.0.6",))], "ipv4 10.0.0.5, 10.0.0.6"),
    ],
)
def test_several_candidates_are_listed_and_none_is_guessed(sources: list[Any], sign: str):
    with pytest.raises(InvalidOptionError) as caught:
        match_source(sources, SIGNS)
    assert str(caught.value) == f"Several sources match {sign}: s-1, s-2. Select the right one with source_id."


@pytest.mark.parametrize(
    ("hostname", "found"), [("", "s-1"), ("WEB-1.example.org", "s-1"), ("web-2", None), ("web-2.example.org", None)]
)
def test_an_address_is_no_sign_of_a_source_with_another_host_name(hostname: str, found: str | None):
    source = match_source([new("s-1", hostname=hostname, ipv4=("10.0.0.5",))], SIGNS)
    assert (source.source_id if source else None) == found


def test_an_address_is_not_enough_to_delete_a_source():
    assert (
        match_source(
            [new("s-1", hostname="", ipv4=("10.0.0.5",))],
            spec(state="absent", vm_uuid=VM_UUID, ipv4=["10.0.0.5"]).signs,
        )
        is None
    )


def test_without_names_and_addresses_nothing_matches():
    nameless = spec(vm_uuid=VM_UUID)
    assert match_source([new("s-1"), new("s-2", name="", hostname="")], nameless.signs) is None


# --- planning ---------------------------------------------------------------------------------------------------


def steps_of(declared: SourceSpec, observed: ObservedSource) -> list[tuple[str, dict[str, Any]]]:
    return [(step.action, step.arguments) for step in plan(declared, observed).steps]


def test_what_is_right_is_not_changed():
    declared = spec(vm_uuid=VM_UUID, name="app-01", description="", tags={})
    assert steps_of(declared, ObservedSource(a_source(state="InUse"))) == []


def test_only_what_differs_is_changed():
    declared = spec(vm_uuid=VM_UUID, name="other", project="spring", tags={"a": "1"})
    source = a_source(description="theirs", tags={VM_TAG: VM_UUID, "a": "0", "b": "2"})
    assert steps_of(declared, ObservedSource(source)) == [
        ("modify", {"source_id": "s-1", "parameters": {"Name": "other"}}),
        ("tag", {"source_id": "s-1", "tags": {"a": "1", PROJECT_TAG: "spring"}}),
    ]
    after = plan(declared, ObservedSource(source)).predicted(diff_view(ObservedSource(source)))
    assert after["name"] == "other"
    assert after["tags"] == {VM_TAG: VM_UUID, "a": "1", "b": "2", PROJECT_TAG: "spring"}
    assert after["description"] == "theirs"


def test_a_description_can_be_emptied():
    assert steps_of(spec(description=""), ObservedSource(a_source(description="x")))[0][1]["parameters"] == {
        "Description": ""
    }


@pytest.mark.parametrize(("wait", "steps"), [(True, ["wait_online"]), (False, [])])
def test_a_source_that_is_offline_is_waited_for(wait: bool, steps: list[str]):
    declared = spec(vm_uuid=VM_UUID, wait=wait)
    assert [name for name, _arguments in steps_of(declared, ObservedSource(a_source(state="Unavailable")))] == steps


def test_a_source_that_does_not_exist_is_an_error_with_a_remedy():
    with pytest.raises(
        PreconditionError, match=r"SMC has no source for VM app-01\. Import the VM with the connector first"
    ):
        plan(spec(vm_uuid=VM_UUID, vm_name="app-01"), ObservedSource(None))


WAVE = Workgroup("wg-1", "wave-7")


@pytest.mark.parametrize(
    ("workgroup", "present", "group", "expected"),
    [
        (None, "wg-2", None, []),
        ("wave-7", "wg-1", WAVE, []),
        ("", "", None, []),
        ("wave-7", "", WAVE, [("join", "wg-1")]),
        ("wave-7", "wg-2", WAVE, [("leave", "wg-2"), ("join", "wg-1")]),
        ("", "wg-2", None, [("leave", "wg-2")]),
    ],
)
def test_a_source_is_migrated_to_the_declared_workgroup(
    workgroup: str | None, present: str, group: Workgroup | None, expected: list[tuple[str, str]]
):
    observed = ObservedSource(a_source(workgroup_id=present), group=group)
    planned = plan(spec(vm_uuid=VM_UUID, workgroup=workgroup), observed)
    assert [(step.action, step.arguments["workgroup_id"]) for step in planned.steps] == expected
    assert all(step.arguments["source_ids"] == ["s-1"] for step in planned.steps)
    afterwards = present if workgroup is None else WAVE.workgroup_id if workgroup else ""
    assert planned.predicted(diff_view(observed))["workgroup_id"] == (afterwards or None)


def test_a_workgroup_that_does_not_exist_or_is_full_is_an_error():
    with pytest.raises(
        PreconditionError, match=r"There is no workgroup 'wave-7' for source s-1\. Create it with smc_workgroup"
    ):
        plan(spec(vm_uuid=VM_UUID, workgroup="wave-7"), ObservedSource(a_source()))
    with pytest.raises(PreconditionError, match="Workgroup wave-7 has 50 sources"):
        plan(spec(vm_uuid=VM_UUID, workgroup="wave-7"), ObservedSource(a_source(), group=WAVE, group_size=50))


ABSENT = {"state": "absent", "vm_uuid": VM_UUID}


@pytest.mark.parametrize(
    ("params", "observed", "expected"),
    [
        ({}, ObservedSource(None), []),
        ({}, ObservedSource(a_source(state="Deleting")), []),
        ({}, ObservedSource(a_source()), [("delete", {"source_id": "s-1", "with_jobs": False})]),
        ({}, ObservedSource(a_source(), (a_job("Deleting"),)), [("delete", {"source_id": "s-1", "with_jobs": False})]),
        (
            {"delete_jobs": True},
            ObservedSource(a_source(), (a_job("Finished"),)),
            [("delete", {"source_id": "s-1", "with_jobs": True})],
        ),
    ],
)
def test_absent(params: dict[str, Any], observed: ObservedSource, expected: list[Any]):
    assert steps_of(spec(**ABSENT, **params), observed) == expected


@pytest.mark.parametrize("delete_jobs", [False, True])
@pytest.mark.parametrize("status", ["Ready", "Running", "Stopped", "InError", "Waiting", "Expired"])
def test_an_unfinished_job_keeps_its_source(status: str, delete_jobs: bool):
    observed = ObservedSource(a_source(), (a_job("Finished", job_id="j-0"), a_job(status)))
    with pytest.raises(PreconditionError, match=f"Source s-1 is used by job j-1, which is {status}"):
        plan(spec(**ABSENT, delete_jobs=delete_jobs), observed)


def test_a_finished_job_is_deleted_only_on_request():
    with pytest.raises(PreconditionError, match=r"still has job j-1, which is Finished\. .*delete_jobs: true"):
        plan(spec(**ABSENT), ObservedSource(a_source(), (a_job("Finished"),)))


def test_the_diff_view():
    assert diff_view(ObservedSource(None)) == {"state": "absent"}
    assert diff_view(ObservedSource(a_source(state="Deleting")))["state"] == "absent"
    assert diff_view(ObservedSource(a_source(state="Unavailable")))["state"] == "present"
