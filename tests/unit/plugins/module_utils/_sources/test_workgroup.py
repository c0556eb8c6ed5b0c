# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workgroups: created once, filled within SMC's limits, emptied only on request, and shown with what their members lack."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source, Workgroup
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    InvalidOptionError,
    OutcomeUnknownError,
    PreconditionError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import PROJECT_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._sources import workgroup_reconciler
from ansible_collections.cutover.smc.plugins.module_utils._sources.workgroup_plan import (
    ObservedWorkgroup,
    WorkgroupSpec,
    creation_parameters,
    diff_view,
    match_declared,
    missing_requirements,
    parse_spec,
    plan,
    workgroup_by_name,
)
from ansible_collections.cutover.smc.plugins.module_utils._sources.workgroup_reconciler import WorkgroupReconciler, run
from ansible_collections.cutover.smc.plugins.modules.smc_workgroup import MODULE
from tests.unit.plugins.builders import a_job, a_source

GIVEN = {name: option.get("default") for name, option in MODULE.argument_spec.items()} | {"name": "wave-7"}


def spec(**params: Any) -> WorkgroupSpec:
    return parse_spec({**GIVEN, **params})


def source(number: int, group: str = "", **fields: Any) -> Source:
    named = {
        "source_id": f"s-{number}",
        "name": f"app-{number}",
        "workgroup_id": group,
        "tags": {VM_TAG: f"u-{number}"},
    }
    return a_source(**(named | fields))


GROUP = Workgroup("wg-1", "wave-7", "the shop")
QUIET = Context(False, lambda line: None, lambda line: None)


# --- options ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "7wave", "with space", "a" * 65, "http://x", ""])
def test_names_that_smc_does_not_accept(name: str):
    with pytest.raises(
        InvalidOptionError, match=r"Option 'name' is '.*', which SMC does not accept as a name\. Use 2 to 64"
    ):
        spec(name=name)


@pytest.mark.parametrize("name", ["ab", "Wave.7:x_y-z", "批次-1", "a" * 64])
def test_names_that_it_accepts(name: str):
    assert spec(name=name).name == name


@pytest.mark.parametrize("description", ["", "x", "x" * 257, "https://example.com"])
def test_descriptions_that_smc_does_not_accept(description: str):
    with pytest.raises(InvalidOptionError, match="Option 'description' is"):
        spec(description=description)


# --- matching ----------------------------------------------------------------------------------------------------


def test_an_ambiguous_name_lists_its_matches():
    groups = [Workgroup("wg-2", "wave-7"), Workgroup("wg-1", "wave-7"), Workgroup("wg-3", "wave-70")]
    with pytest.raises(
        InvalidOptionError, match=r"Several workgroups are called 'wave-7': wg-1, wg-2\. Select the right one by"
    ):
        workgroup_by_name(groups, "wave-7")
    assert workgroup_by_name(groups, "wave-70") == groups[2]
    assert workgroup_by_name(groups, "wave") is None


def test_sources_by_id_and_by_vm_count_once():
    declared = spec(source_ids=["s-2", "s-1", "s-9"], vm_uuids=["u-1", "u-3", "u-8"])
    found, missing = match_declared([source(1), source(2), source(3), source(4)], declared)
    assert [one.source_id for one in found] == ["s-2", "s-1", "s-3"]
    assert missing == ("source_id s-9", "vm_uuid u-8")


def test_two_sources_of_one_vm_are_refused():
    with pytest.raises(InvalidOptionError, match="Several sources carry the tag cutover:vm-uuid=u-1: s-1, s-2"):
        match_declared([source(1), source(2, tags={VM_TAG: "u-1"})], spec(vm_uuids=["u-1"]))


# --- planning ---------------------------------------------------------------------------------------------------


def steps_of(declared: WorkgroupSpec, observed: ObservedWorkgroup) -> list[tuple[str, dict[str, Any]]]:
    return [(step.action, step.arguments) for step in plan(declared, observed).steps]


def test_what_is_right_is_not_changed():
    observed = ObservedWorkgroup(
        GROUP, (source(1, "wg-1"), source(2, "wg-1")), (source(1, "wg-1"),), (), {"wg-1": "wave-7"}
    )
    assert steps_of(spec(source_ids=["s-1"]), observed) == []
    assert steps_of(spec(description="the shop"), observed) == []


def test_only_what_differs_is_changed():
    observed = ObservedWorkgroup(
        GROUP, (source(1, "wg-1"), source(2, "wg-1")), (source(2, "wg-1"), source(3), source(4))
    )
    planned = plan(spec(source_ids=["s-2", "s-3", "s-4"], description="another"), observed)
    assert [(step.action, step.arguments) for step in planned.steps] == [
        ("modify", {"workgroup_id": "wg-1", "parameters": {"Description": "another"}}),
        ("join", {"workgroup_id": "wg-1", "source_ids": ["s-3", "s-4"]}),
    ]
    after = planned.predicted(diff_view(observed))
    assert after["source_ids"] == ["s-1", "s-2", "s-3", "s-4"]
    assert after["description"] == "another"


def test_purge_takes_out_the_others_first():
    observed = ObservedWorkgroup(GROUP, (source(1, "wg-1"), source(2, "wg-1")), (source(2, "wg-1"), source(3)))
    planned = plan(spec(source_ids=["s-2", "s-3"], purge=True), observed)
    assert [(step.action, step.arguments["source_ids"]) for step in planned.steps] == [
        ("leave", ["s-1"]),
        ("join", ["s-3"]),
    ]
    assert planned.predicted(diff_view(observed))["source_ids"] == ["s-2", "s-3"]
    assert steps_of(spec(source_ids=[], purge=True), ObservedWorkgroup(GROUP, (source(1, "wg-1"),))) == [
        ("leave", {"workgroup_id": "wg-1", "source_ids": ["s-1"]})
    ]


def test_a_workgroup_is_renamed_by_its_id_but_not_to_a_name_in_use():
    observed = ObservedWorkgroup(GROUP, names={"wg-1": "wave-7", "wg-2": "wave-8"})
    assert steps_of(spec(workgroup_id="wg-1", name="wave-9"), observed)[0][1]["parameters"] == {"Name": "wave-9"}
    with pytest.raises(InvalidOptionError, match="A workgroup called 'wave-8' already exists"):
        plan(spec(workgroup_id="wg-1", name="wave-8"), observed)


def test_an_id_that_does_not_exist_creates_no_workgroup():
    with pytest.raises(InvalidOptionError, match="There is no workgroup with workgroup_id 'wg-9'"):
        plan(spec(workgroup_id="wg-9"), ObservedWorkgroup(None))


def test_a_source_of_another_workgroup_is_named_with_that_workgroup():
    observed = ObservedWorkgroup(GROUP, (), (source(1, "wg-2"), source(2), source(3, "wg-4")), (), {"wg-2": "wave-8"})
    with pytest.raises(PreconditionError) as caught:
        plan(spec(source_ids=["s-1", "s-2", "s-3"]), observed)
    assert "source s-1 (app-1) is in workgroup wg-2 (wave-8); source s-3 (app-3) is in workgroup wg-4" in str(
        caught.value
    )
    assert caught.value.details == {"elsewhere": {"s-1": "wg-2", "s-3": "wg-4"}}


def test_a_complete_wave_in_another_workgroup_needs_few_words():
    wave = tuple(source(number, "wg-2") for number in range(1, 6))
    observed = ObservedWorkgroup(GROUP, (), wave, (), {"wg-2": "wave-8"})
    with pytest.raises(
        PreconditionError, match=r"5 sources \(app-1, app-2, app-3, \.\.\.\) are in workgroup wg-2 \(wave-8\)\."
    ):
        plan(spec(source_ids=[one.source_id for one in wave]), observed)


def test_sources_that_do_not_exist_are_all_named():
    with pytest.raises(PreconditionError, match="SMC has no source for source_id s-9, vm_uuid u-8"):
        plan(spec(), ObservedWorkgroup(GROUP, missing=("source_id s-9", "vm_uuid u-8")))


@pytest.mark.parametrize(
    ("present", "wanted", "purge", "fits"), [(30, 20, False, True), (30, 21, False, False), (50, 50, True, True)]
)
def test_a_workgroup_holds_fifty(present: int, wanted: int, purge: bool, fits: bool):
    members = tuple(source(number, "wg-1") for number in range(present))
    others = tuple(source(number) for number in range(100, 100 + wanted))
    observed = ObservedWorkgroup(GROUP, members, others)
    declared = spec(source_ids=["any"], purge=purge)
    if fits:
        assert steps_of(declared, observed)[-1][0] == "join"
    else:
        with pytest.raises(InvalidOptionError, match="would have 51 sources, and SMC allows 50"):
            plan(declared, observed)


def test_an_account_holds_fifty_workgroups():
    names = {f"wg-{number}": f"wave-{number}" for number in range(100, 149)}
    assert [name for name, _arguments in steps_of(spec(), ObservedWorkgroup(None, names=names))] == ["create"]
    with pytest.raises(PreconditionError, match="the account has 50, and SMC allows 50"):
        plan(spec(), ObservedWorkgroup(None, names=names | {"wg-1": "wave-1"}))


def test_a_workgroup_with_members_is_deleted_only_on_request():
    observed = ObservedWorkgroup(GROUP, (source(2, "wg-1"), source(1, "wg-1")))
    with pytest.raises(
        PreconditionError, match=r"Workgroup wg-1 \(wave-7\) has 2 sources: s-1, s-2\. .*release_members: true"
    ):
        plan(spec(state="absent"), observed)
    assert [name for name, _arguments in steps_of(spec(state="absent", release_members=True), observed)] == [
        "leave",
        "delete",
    ]
    assert steps_of(spec(state="absent"), ObservedWorkgroup(GROUP)) == [("delete", {"workgroup_id": "wg-1"})]
    assert steps_of(spec(state="absent"), ObservedWorkgroup(None)) == []


# --- what a member lacks ----------------------------------------------------------------------------------------

TROUBLED = source(1, state="Unavailable", error_code="SourceServer.Offline")


@pytest.mark.parametrize(
    ("member", "job", "words"),
    [
        (source(1), a_job("Waiting"), []),
        (source(1), a_job("Running"), []),
        (source(1), None, ["It has no job"]),
        (source(1), a_job("Waiting", incremental=False), ["runs only once"]),
        (source(1), a_job("InError", error_code="E1"), ["has failed: E1"]),
        (source(1), a_job("Stopped"), ["is Stopped. Start it with smc_incremental_job"]),
        (source(1), a_job("Expired"), ["has expired"]),
        (TROUBLED, None, ["SourceServer.Offline", "It has no job"]),
    ],
)
def test_what_a_member_lacks(member: Source, job: Job | None, words: list[str]):
    sentences = missing_requirements(member, job)
    assert [[word for word in words if word in sentence] for sentence in sentences] == [[word] for word in words]


# --- reconciling ------------------------------------------------------------------------------------------------------


class Smc:
    """Workgroups and sources in memory; a token that has created a workgroup is always answered with it."""

    def __init__(self, *sources: Source, groups: tuple[Workgroup, ...] = ()) -> None:
        self.there = {group.workgroup_id: group for group in groups}
        self.known = {one.source_id: one for one in sources}
        self.tokens: dict[str, str] = {}
        self.lost_answers = 0
        self.calls: list[str] = []

    def workgroups(self) -> list[Workgroup]:
        return list(self.there.values())

    def sources(self) -> list[Source]:
        return list(self.known.values())

    def jobs(self, source_ids: list[str]) -> list[Job]:
        return [a_job("Waiting", job_id=f"j-{source_id}", source_id=source_id) for source_id in source_ids]

    def create_workgroup(self, parameters: dict[str, Any]) -> str:
        self.calls.append("create")
        token = parameters["ClientToken"]
        if token not in self.tokens:
            created = f"wg-{len(self.tokens) + 1}"
            self.tokens[token] = created
            self.there[created] = Workgroup(created, parameters["Name"], parameters["Description"] or "")
        if self.lost_answers:
            self.lost_answers -= 1
            raise OutcomeUnknownError("no answer")
        return self.tokens[token]

    def modify_workgroup(self, workgroup_id: str, parameters: dict[str, Any]) -> None:
        self.calls.append("modify")
        shown = {key.lower(): value for key, value in parameters.items()}
        self.there[workgroup_id] = replace(self.there[workgroup_id], **shown)

    def delete_workgroup(self, workgroup_id: str) -> None:
        self.calls.append("delete")
        del self.there[workgroup_id]

    def put_into_workgroup(self, workgroup_id: str, source_ids: list[str]) -> None:
        self.calls.append("join")
        for source_id in source_ids:
            self.known[source_id] = replace(self.known[source_id], workgroup_id=workgroup_id)

    def take_out_of_workgroup(self, workgroup_id: str, source_ids: list[str]) -> None:
        self.calls.append("leave")
        for source_id in source_ids:
            assert self.known[source_id].workgroup_id == workgroup_id
            self.known[source_id] = replace(self.known[source_id], workgroup_id="")


def run_module(smc: Smc, monkeypatch: pytest.MonkeyPatch, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    monkeypatch.setattr(workgroup_reconciler, "SmcClient", lambda connection: smc)
    warnings: list[str] = []
    result = run({**GIVEN, **params}, Context(check_mode, lambda line: None, warnings.append))
    return dict(result, warnings_shown=warnings)


def test_do_again_check_and_check_again(monkeypatch: pytest.MonkeyPatch):
    smc = Smc(source(1), source(2))
    wanted = {"vm_uuids": ["u-1", "u-2"], "description": "the shop"}
    checked = run_module(smc, monkeypatch, check_mode=True, **wanted)
    assert smc.calls == []
    done = run_module(smc, monkeypatch, **wanted)
    assert smc.calls == ["create", "join"]
    assert checked["plan"] == done["plan"] == ["create workgroup wave-7", "put into workgroup wave-7: s-1, s-2"]
    assert checked["diff"]["after"].items() <= done["diff"]["after"].items()
    assert [member["job"]["job_id"] for member in done["workgroup"]["members"]] == ["j-s-1", "j-s-2"]
    assert run_module(smc, monkeypatch, **wanted)["changed"] is False
    assert run_module(smc, monkeypatch, check_mode=True, **wanted)["changed"] is False
    assert smc.calls == ["create", "join"]


def test_the_end_of_a_wave(monkeypatch: pytest.MonkeyPatch):
    smc = Smc(source(1, "wg-1"), source(2), groups=(GROUP,))
    over = {"state": "absent", "release_members": True}
    assert run_module(smc, monkeypatch, check_mode=True, **over)["changed"] is True
    assert smc.calls == []
    assert run_module(smc, monkeypatch, **over)["workgroup"] is None
    assert smc.calls == ["leave", "delete"]
    assert len(smc.known) == 2
    assert run_module(smc, monkeypatch, **over)["changed"] is False


def test_a_lost_answer_creates_neither_two_workgroups_nor_none(monkeypatch: pytest.MonkeyPatch):
    smc = Smc(source(1))
    smc.lost_answers = 1
    done = run_module(smc, monkeypatch, source_ids=["s-1"])
    assert list(smc.there) == ["wg-1"]
    assert done["workgroup"]["workgroup_id"] == "wg-1"
    assert smc.calls == ["create", "join"]


def test_a_deleted_workgroup_is_created_again_in_spite_of_its_token(monkeypatch: pytest.MonkeyPatch):
    smc = Smc()
    run_module(smc, monkeypatch)
    run_module(smc, monkeypatch, state="absent")
    assert run_module(smc, monkeypatch)["workgroup_id"] == "wg-2"
    assert list(smc.there) == ["wg-2"]


def test_a_workgroup_that_smc_does_not_list_is_an_error():
    class Unlisting(Smc):
        def create_workgroup(self, parameters: dict[str, Any]) -> str:
            return "wg-nowhere"

    with pytest.raises(PreconditionError, match="SMC has created workgroup wg-nowhere, but does not list it"):
        WorkgroupReconciler(Unlisting(), spec(), QUIET).run()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "refusal", [ConflictError("busy", code="OperationConflict"), CutoverError("no", code="X.NotIncremental")]
)
def test_a_refused_source_is_reported_with_its_job(monkeypatch: pytest.MonkeyPatch, refusal: CutoverError):
    class Strict(Smc):
        incremental = False

        def put_into_workgroup(self, workgroup_id: str, source_ids: list[str]) -> None:
            raise refusal

        def jobs(self, source_ids: list[str]) -> list[Job]:
            return [a_job("Waiting", source_id="s-1", incremental=self.incremental)]

    smc = Strict(source(1), groups=(GROUP,))
    with pytest.raises(PreconditionError, match="and job j-1 of source s-1 runs only once") as caught:
        run_module(smc, monkeypatch, source_ids=["s-1"])
    assert caught.value.code == refusal.code
    smc.incremental = True
    with pytest.raises(type(refusal)) as unexplained:
        WorkgroupReconciler(smc, spec(), QUIET)._join("wg-1", ["s-1"])  # type: ignore[arg-type]
    assert unexplained.value is refusal


def test_tokens_are_short_and_differ_with_what_is_created():
    tokens = {creation_parameters(spec(description=text))["ClientToken"] for text in (None, "one", "two")}
    assert len(tokens) == 3
    assert all(len(token) <= 64 for token in tokens)


def test_tags_that_smc_does_not_set_any_more_are_warned_about(monkeypatch: pytest.MonkeyPatch):
    smc = Smc(groups=(replace(GROUP, tags={"a": "1"}),))
    assert run_module(smc, monkeypatch, tags={"a": "1"})["warnings_shown"] == []
    again = run_module(smc, monkeypatch, tags={"a": "1"}, project="spring")
    assert again["changed"] is False
    assert again["warnings_shown"] == [
        f"Workgroup wave-7 lacks these tags: {PROJECT_TAG}. SMC sets tags only when it creates a workgroup"
    ]


def test_in_check_mode_a_source_may_be_imported_later(monkeypatch: pytest.MonkeyPatch):
    smc = Smc(source(1))
    checked = run_module(smc, monkeypatch, check_mode=True, vm_uuids=["u-1", "u-2"])
    assert checked["plan"] == [
        "create workgroup wave-7",
        "put into workgroup wave-7: s-1",
        "put into workgroup wave-7 after their import: vm_uuid u-2",
    ]
    with pytest.raises(PreconditionError, match="SMC has no source for vm_uuid u-2"):
        run_module(smc, monkeypatch, vm_uuids=["u-1", "u-2"])
    assert smc.calls == []
