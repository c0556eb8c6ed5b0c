# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workgroups: made once, filled within SMC's limits, emptied only when that is said, and told with what members lack."""

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
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import converge
from ansible_collections.cutover.smc.plugins.module_utils._sources import workgroup as _workgroup
from ansible_collections.cutover.smc.plugins.module_utils._sources.workgroup import (
    Desk,
    Sight,
    Wish,
    creation,
    decide,
    view,
)
from ansible_collections.cutover.smc.plugins.modules.smc_workgroup import MODULE
from tests.unit.plugins.builders import a_job, a_source

SAID = {name: spec.get("default") for name, spec in MODULE.argument_spec.items()} | {"name": "wave-7"}


def wish(**params: Any) -> Wish:
    return _workgroup.wish_from({**SAID, **params})


def source(number: int, group: str = "", **fields: Any) -> Source:
    named = {
        "source_id": f"s-{number}",
        "name": f"app-{number}",
        "workgroup_id": group,
        "tags": {VM_TAG: f"u-{number}"},
    }
    return a_source(**(named | fields))


GROUP = Workgroup("wg-1", "wave-7", "the shop")


# --- options ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "7wave", "with space", "a" * 65, "http://x", ""])
def test_names_that_smc_does_not_accept(name: str):
    with pytest.raises(
        InvalidOptionError, match=r"Option 'name' is '.*', which SMC does not accept as a name\. Use 2 to 64"
    ):
        wish(name=name)


@pytest.mark.parametrize("name", ["ab", "Wave.7:x_y-z", "批次-1", "a" * 64])
def test_names_that_it_takes(name: str):
    assert wish(name=name).name == name


@pytest.mark.parametrize("description", ["", "x", "x" * 257, "https://example.com"])
def test_descriptions_that_smc_does_not_take(description: str):
    with pytest.raises(InvalidOptionError, match="Option 'description' is"):
        wish(description=description)


# --- finding ----------------------------------------------------------------------------------------------------


def test_an_ambiguous_name_lists_its_matches():
    groups = [Workgroup("wg-2", "wave-7"), Workgroup("wg-1", "wave-7"), Workgroup("wg-3", "wave-70")]
    with pytest.raises(
        InvalidOptionError, match=r"Several workgroups are called 'wave-7': wg-1, wg-2\. Name the right one by"
    ):
        _workgroup.find(groups, "wave-7")
    assert _workgroup.find(groups, "wave-70") == groups[2]
    assert _workgroup.find(groups, "wave") is None


def test_sources_by_id_and_by_vm_count_once():
    said = wish(source_ids=["s-2", "s-1", "s-9"], vm_uuids=["u-1", "u-3", "u-8"])
    found, missing = _workgroup.look_up([source(1), source(2), source(3), source(4)], said)
    assert [one.source_id for one in found] == ["s-2", "s-1", "s-3"]
    assert missing == ("source_id s-9", "vm_uuid u-8")


def test_two_sources_of_one_vm_are_told():
    with pytest.raises(InvalidOptionError, match="Several sources carry the tag cutover:vm-uuid=u-1: s-1, s-2"):
        _workgroup.look_up([source(1), source(2, tags={VM_TAG: "u-1"})], wish(vm_uuids=["u-1"]))


# --- deciding ---------------------------------------------------------------------------------------------------


def deeds(said: Wish, sight: Sight) -> list[tuple[str, dict[str, Any]]]:
    return [(step.action, step.arguments) for step in decide(said, sight).steps]


def test_what_is_right_is_left_alone():
    sight = Sight(GROUP, (source(1, "wg-1"), source(2, "wg-1")), (source(1, "wg-1"),), (), {"wg-1": "wave-7"})
    assert deeds(wish(source_ids=["s-1"]), sight) == []
    assert deeds(wish(description="the shop"), sight) == []


def test_what_differs_is_mended_and_others_stay():
    sight = Sight(GROUP, (source(1, "wg-1"), source(2, "wg-1")), (source(2, "wg-1"), source(3), source(4)))
    plan = decide(wish(source_ids=["s-2", "s-3", "s-4"], description="another"), sight)
    assert [(step.action, step.arguments) for step in plan.steps] == [
        ("modify", {"workgroup_id": "wg-1", "parameters": {"Description": "another"}}),
        ("join", {"workgroup_id": "wg-1", "source_ids": ["s-3", "s-4"]}),
    ]
    after = plan.predicted(view(sight))
    assert after["source_ids"] == ["s-1", "s-2", "s-3", "s-4"]
    assert after["description"] == "another"


def test_purging_takes_out_the_others_first():
    sight = Sight(GROUP, (source(1, "wg-1"), source(2, "wg-1")), (source(2, "wg-1"), source(3)))
    plan = decide(wish(source_ids=["s-2", "s-3"], purge=True), sight)
    assert [(step.action, step.arguments["source_ids"]) for step in plan.steps] == [
        ("leave", ["s-1"]),
        ("join", ["s-3"]),
    ]
    assert plan.predicted(view(sight))["source_ids"] == ["s-2", "s-3"]
    assert deeds(wish(source_ids=[], purge=True), Sight(GROUP, (source(1, "wg-1"),))) == [
        ("leave", {"workgroup_id": "wg-1", "source_ids": ["s-1"]})
    ]


def test_a_workgroup_is_renamed_by_its_id_but_not_to_a_name_in_use():
    sight = Sight(GROUP, names={"wg-1": "wave-7", "wg-2": "wave-8"})
    assert deeds(wish(workgroup_id="wg-1", name="wave-9"), sight)[0][1]["parameters"] == {"Name": "wave-9"}
    with pytest.raises(InvalidOptionError, match="There is a workgroup called 'wave-8' already"):
        decide(wish(workgroup_id="wg-1", name="wave-8"), sight)


def test_an_id_that_does_not_exist_makes_no_workgroup():
    with pytest.raises(InvalidOptionError, match="There is no workgroup with workgroup_id 'wg-9'"):
        decide(wish(workgroup_id="wg-9"), Sight(None))


def test_a_source_of_another_workgroup_is_named_with_its_place():
    sight = Sight(GROUP, (), (source(1, "wg-2"), source(2), source(3, "wg-4")), (), {"wg-2": "wave-8"})
    with pytest.raises(PreconditionError) as caught:
        decide(wish(source_ids=["s-1", "s-2", "s-3"]), sight)
    assert "source s-1 (app-1) is in workgroup wg-2 (wave-8); source s-3 (app-3) is in workgroup wg-4" in str(
        caught.value
    )
    assert caught.value.details == {"elsewhere": {"s-1": "wg-2", "s-3": "wg-4"}}


def test_a_whole_wave_in_another_workgroup_is_told_in_few_words():
    wave = tuple(source(number, "wg-2") for number in range(1, 6))
    sight = Sight(GROUP, (), wave, (), {"wg-2": "wave-8"})
    with pytest.raises(
        PreconditionError, match=r"5 sources \(app-1, app-2, app-3, \.\.\.\) are in workgroup wg-2 \(wave-8\)\."
    ):
        decide(wish(source_ids=[one.source_id for one in wave]), sight)


def test_sources_that_do_not_exist_are_all_named():
    with pytest.raises(PreconditionError, match="SMC has no source for source_id s-9, vm_uuid u-8"):
        decide(wish(), Sight(GROUP, missing=("source_id s-9", "vm_uuid u-8")))


@pytest.mark.parametrize(
    ("present", "wanted", "purge", "fits"), [(30, 20, False, True), (30, 21, False, False), (50, 50, True, True)]
)
def test_a_workgroup_holds_fifty(present: int, wanted: int, purge: bool, fits: bool):
    members = tuple(source(number, "wg-1") for number in range(present))
    others = tuple(source(number) for number in range(100, 100 + wanted))
    sight = Sight(GROUP, members, others)
    said = wish(source_ids=["any"], purge=purge)
    if fits:
        assert deeds(said, sight)[-1][0] == "join"
    else:
        with pytest.raises(InvalidOptionError, match="would have 51 sources, and SMC allows 50"):
            decide(said, sight)


def test_an_account_holds_fifty_workgroups():
    names = {f"wg-{number}": f"wave-{number}" for number in range(100, 149)}
    assert [name for name, _arguments in deeds(wish(), Sight(None, names=names))] == ["create"]
    with pytest.raises(PreconditionError, match="the account has 50, and SMC allows 50"):
        decide(wish(), Sight(None, names=names | {"wg-1": "wave-1"}))


def test_a_workgroup_with_members_goes_only_when_that_is_said():
    sight = Sight(GROUP, (source(2, "wg-1"), source(1, "wg-1")))
    with pytest.raises(
        PreconditionError, match=r"Workgroup wg-1 \(wave-7\) has 2 sources: s-1, s-2\. .*release_members: true"
    ):
        decide(wish(state="absent"), sight)
    assert [name for name, _arguments in deeds(wish(state="absent", release_members=True), sight)] == [
        "leave",
        "delete",
    ]
    assert deeds(wish(state="absent"), Sight(GROUP)) == [("delete", {"workgroup_id": "wg-1"})]
    assert deeds(wish(state="absent"), Sight(None)) == []


# --- what a member lacks ----------------------------------------------------------------------------------------

TROUBLED = source(1, state="Unavailable", error_code="SourceServer.Offline")


@pytest.mark.parametrize(
    ("one", "job", "words"),
    [
        (source(1), a_job("Waiting"), []),
        (source(1), a_job("Running"), []),
        (source(1), None, ["It has no job"]),
        (source(1), a_job("Waiting", incremental=False), ["runs once only"]),
        (source(1), a_job("InError", error_code="E1"), ["has failed: E1"]),
        (source(1), a_job("Stopped"), ["is Stopped. Have smc_incremental_job"]),
        (source(1), a_job("Expired"), ["has expired"]),
        (TROUBLED, None, ["SourceServer.Offline", "It has no job"]),
    ],
)
def test_what_a_member_lacks(one: Source, job: Job | None, words: list[str]):
    said = _workgroup.lacks(one, job)
    assert [[word for word in words if word in sentence] for sentence in said] == [[word] for word in words]


# --- doing ------------------------------------------------------------------------------------------------------


class Smc:
    """Workgroups and sources in memory; a token that has made a workgroup answers with that one for ever."""

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
            made = f"wg-{len(self.tokens) + 1}"
            self.tokens[token] = made
            self.there[made] = Workgroup(made, parameters["Name"], parameters["Description"] or "")
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


def ensure(smc: Smc, monkeypatch: pytest.MonkeyPatch, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    monkeypatch.setattr(_workgroup._smc, "Smc", lambda connection: smc)
    warnings: list[str] = []
    result = _workgroup.ensure({**SAID, **params}, Context(check_mode, lambda line: None, warnings.append))
    return dict(result, warned=warnings)


def test_do_again_check_and_check_again(monkeypatch: pytest.MonkeyPatch):
    smc = Smc(source(1), source(2))
    wanted = {"vm_uuids": ["u-1", "u-2"], "description": "the shop"}
    checked = ensure(smc, monkeypatch, check_mode=True, **wanted)
    assert smc.calls == []
    done = ensure(smc, monkeypatch, **wanted)
    assert smc.calls == ["create", "join"]
    assert checked["plan"] == done["plan"] == ["create workgroup wave-7", "put into workgroup wave-7: s-1, s-2"]
    assert checked["diff"]["after"].items() <= done["diff"]["after"].items()
    assert [member["job"]["job_id"] for member in done["workgroup"]["members"]] == ["j-s-1", "j-s-2"]
    assert ensure(smc, monkeypatch, **wanted)["changed"] is False
    assert ensure(smc, monkeypatch, check_mode=True, **wanted)["changed"] is False
    assert smc.calls == ["create", "join"]


def test_the_end_of_a_wave(monkeypatch: pytest.MonkeyPatch):
    smc = Smc(source(1, "wg-1"), source(2), groups=(GROUP,))
    over = {"state": "absent", "release_members": True}
    assert ensure(smc, monkeypatch, check_mode=True, **over)["changed"] is True
    assert smc.calls == []
    assert ensure(smc, monkeypatch, **over)["workgroup"] is None
    assert smc.calls == ["leave", "delete"]
    assert len(smc.known) == 2
    assert ensure(smc, monkeypatch, **over)["changed"] is False


def test_a_lost_answer_makes_neither_two_workgroups_nor_none(monkeypatch: pytest.MonkeyPatch):
    smc = Smc(source(1))
    smc.lost_answers = 1
    done = ensure(smc, monkeypatch, source_ids=["s-1"])
    assert list(smc.there) == ["wg-1"]
    assert done["workgroup"]["workgroup_id"] == "wg-1"
    assert smc.calls == ["create", "join"]


def test_a_workgroup_that_was_deleted_is_made_anew_in_spite_of_its_token(monkeypatch: pytest.MonkeyPatch):
    smc = Smc()
    ensure(smc, monkeypatch)
    ensure(smc, monkeypatch, state="absent")
    assert ensure(smc, monkeypatch)["workgroup_id"] == "wg-2"
    assert list(smc.there) == ["wg-2"]


def test_a_cloud_that_makes_nothing_is_told():
    class Liar(Smc):
        def create_workgroup(self, parameters: dict[str, Any]) -> str:
            return "wg-nowhere"

    desk = Desk(Liar(), wish())  # type: ignore[arg-type]
    with pytest.raises(PreconditionError, match="SMC has created workgroup wg-nowhere, and does not list it"):
        converge(desk.observe, lambda sight: decide(wish(), sight), desk.actions, view, check_mode=False)


@pytest.mark.parametrize(
    "refusal", [ConflictError("busy", code="OperationConflict"), CutoverError("no", code="X.NotIncremental")]
)
def test_a_refused_source_is_told_with_its_job(monkeypatch: pytest.MonkeyPatch, refusal: CutoverError):
    class Strict(Smc):
        incremental = False

        def put_into_workgroup(self, workgroup_id: str, source_ids: list[str]) -> None:
            raise refusal

        def jobs(self, source_ids: list[str]) -> list[Job]:
            return [a_job("Waiting", source_id="s-1", incremental=self.incremental)]

    smc = Strict(source(1), groups=(GROUP,))
    with pytest.raises(PreconditionError, match="and job j-1 of source s-1 runs once only") as caught:
        ensure(smc, monkeypatch, source_ids=["s-1"])
    assert caught.value.code == refusal.code
    smc.incremental = True
    with pytest.raises(type(refusal)) as unexplained:
        Desk(smc, wish())._join("wg-1", ["s-1"])  # type: ignore[arg-type]
    assert unexplained.value is refusal


def test_tokens_are_short_and_differ_with_what_is_created():
    tokens = {creation(wish(description=text))["ClientToken"] for text in (None, "one", "two")}
    assert len(tokens) == 3
    assert all(len(token) <= 64 for token in tokens)


def test_tags_that_smc_sets_no_more_are_told(monkeypatch: pytest.MonkeyPatch):
    smc = Smc(groups=(replace(GROUP, tags={"a": "1"}),))
    assert ensure(smc, monkeypatch, tags={"a": "1"})["warned"] == []
    again = ensure(smc, monkeypatch, tags={"a": "1"}, project="spring")
    assert again["changed"] is False
    assert again["warned"] == [f"Workgroup wave-7 lacks tags, which SMC sets only when one is created: {PROJECT_TAG}"]


def test_in_check_mode_a_source_may_be_imported_later(monkeypatch: pytest.MonkeyPatch):
    smc = Smc(source(1))
    checked = ensure(smc, monkeypatch, check_mode=True, vm_uuids=["u-1", "u-2"])
    assert checked["plan"] == [
        "create workgroup wave-7",
        "put into workgroup wave-7: s-1",
        "put into workgroup wave-7, once imported: vm_uuid u-2",
    ]
    with pytest.raises(PreconditionError, match="SMC has no source for vm_uuid u-2"):
        ensure(smc, monkeypatch, vm_uuids=["u-1", "u-2"])
    assert smc.calls == []
