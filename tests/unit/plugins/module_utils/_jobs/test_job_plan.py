# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The states of a job: every state it may be in with every state that may be declared, and that plans lead there."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import ReplicationRun
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import JOB_ATTRIBUTES, Job
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    InvalidOptionError,
    PreconditionError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import PROJECT_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Outcome
from ansible_collections.cutover.smc.plugins.module_utils._core.times import read_timestamp
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_plan import (
    ObservedJob,
    diff_view,
    is_migrated,
    plan,
)
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_spec import JobSpec
from tests.unit.plugins.builders import NOW, VM_UUID, a_job, a_run, a_source, at
from tests.unit.plugins.models import ModelReconciler
from tests.unit.plugins.module_utils._jobs.test_job_spec import spec

SINCE = "2026-11-22T17:45:00Z"  # after the run that the built jobs have made
MINUTE = timedelta(minutes=1)
REFUSED = "refused"
NONE = "no job"


def actions(desired: JobSpec, job: Job | None, **observed: Any) -> Any:
    """The plan by the names of its actions, or that there is none."""
    try:
        return [step.action for step in plan(desired, ObservedJob(a_source(), job, NOW, **observed)).steps]
    except PreconditionError:
        return REFUSED


def in_state(text: str) -> Job | None:
    """A job in a state, ``Status`` or ``Status/Phase``; ``Status!`` has made no image yet."""
    if text == NONE:
        return None
    status, phase = [*text.rstrip("!").split("/"), ""][:2]
    fields: dict[str, Any] = {"phase": phase} if phase else {}
    if text.endswith("!"):
        fields["runs"] = (a_run(-5, None, None),) if status == "Running" else ()
    return a_job(status, **fields)


# state of the job: present, present with wait, synced, synced without wait, paused, paused without wait
TABLE: dict[str, tuple[Any, ...]] = {
    NONE: (["create_job", "start_job"],) * 2 + (["create_job", "start_job", "wait_idle"],) * 2 + (REFUSED, REFUSED),
    "Ready": (["start_job"], ["start_job"], ["start_job", "wait_idle"], ["start_job", "wait_idle"], [], []),
    "Running/Preparing": ([], [], ["wait_idle"], [], ["wait_pausable", "stop_job"], []),
    "Running/Syncing": ([], [], ["wait_idle"], [], ["stop_job"], ["stop_job"]),
    "Running/Syncing!": ([], ["wait_idle"], ["wait_idle"], [], ["stop_job"], ["stop_job"]),
    "Running/Processing": ([], [], ["wait_idle"], [], ["wait_pausable", "stop_job"], []),
    "Running/Cleaning": ([], [], ["wait_idle"], [], ["wait_pausable", "stop_job"], []),
    "Stopped": (["start_job"], ["start_job"], ["start_job", "wait_idle"], ["start_job", "wait_idle"], [], []),
    "InError": (
        ["resume_failed_job"],
        ["resume_failed_job"],
        ["resume_failed_job", "wait_idle"],
        ["resume_failed_job", "wait_idle"],
        [],
        [],
    ),
    "Waiting": ([], [], ["run_job"], ["run_job"], ["stop_job"], ["stop_job"]),
    "Waiting!": ([], [], ["run_job"], ["run_job"], ["stop_job"], ["stop_job"]),
    "Finished": ([], [], REFUSED, REFUSED, [], []),
    "Expired": (REFUSED, REFUSED, REFUSED, REFUSED, [], []),
    "Deleting": (REFUSED, REFUSED, REFUSED, REFUSED, [], []),
}
COLUMNS = (
    {"state": "present", "wait": False},
    {"state": "present", "wait": True},
    {"state": "synced", "wait": True, "synced_since": SINCE},
    {"state": "synced", "wait": False, "synced_since": SINCE},
    {"state": "paused", "wait": True},
    {"state": "paused", "wait": False},
)
CELLS = [
    (state, column, expected) for state, row in TABLE.items() for column, expected in zip(COLUMNS, row, strict=True)
]


@pytest.mark.parametrize(("state", "params", "expected"), CELLS, ids=[f"{cell[0]}-{cell[1]}" for cell in CELLS])
def test_every_state_with_every_declared_state(state: str, params: dict[str, Any], expected: Any):
    assert actions(spec(**params), in_state(state)) == expected


def test_the_table_has_every_state():
    assert {state.rstrip("!").partition("/")[0] for state in TABLE} == {*lifecycle.STATUSES, NONE}
    assert {f"Running/{phase}" for phase in lifecycle.PHASES} <= set(TABLE)


# state of the job: plain, with discard_replication, that without wait
ABSENT: dict[str, tuple[Any, ...]] = {
    NONE: ([], [], []),
    "Ready": (["delete_job", "wait_gone"], ["delete_job", "wait_gone"], ["delete_job"]),
    "Running/Preparing": (
        REFUSED,
        ["wait_pausable", "stop_job", "delete_job", "wait_gone"],
        ["wait_pausable", "stop_job", "delete_job"],
    ),
    "Running/Syncing": (REFUSED, ["stop_job", "delete_job", "wait_gone"], ["stop_job", "delete_job"]),
    "Stopped": (REFUSED, ["delete_job", "wait_gone"], ["delete_job"]),
    "Stopped!": (REFUSED, ["delete_job", "wait_gone"], ["delete_job"]),
    "InError": (REFUSED, ["delete_job", "wait_gone"], ["delete_job"]),
    "Waiting": (REFUSED, ["delete_job", "wait_gone"], ["delete_job"]),
    "Waiting!": (REFUSED, ["delete_job", "wait_gone"], ["delete_job"]),
    "Finished": (["delete_job", "wait_gone"], ["delete_job", "wait_gone"], ["delete_job"]),
    "Expired": (["delete_job", "wait_gone"], ["delete_job", "wait_gone"], ["delete_job"]),
    "Deleting": (["wait_gone"], ["wait_gone"], []),
}
ABSENT_COLUMNS = ({}, {"discard_replication": True}, {"discard_replication": True, "wait": False})
ABSENT_CELLS = [
    (state, column, expected)
    for state, row in ABSENT.items()
    for column, expected in zip(ABSENT_COLUMNS, row, strict=True)
]


@pytest.mark.parametrize(
    ("state", "params", "expected"), ABSENT_CELLS, ids=[f"{cell[0]}-{cell[1]}" for cell in ABSENT_CELLS]
)
def test_every_state_with_absent(state: str, params: dict[str, Any], expected: Any):
    assert actions(spec(**{"state": "absent", "wait": True, **params}), in_state(state)) == expected


# --- the finer points -------------------------------------------------------------------------------------------


def test_what_is_synced_already_is_only_seen_to_go_on():
    early = spec(state="synced", synced_since="2026-11-22T17:00:00Z")
    assert actions(early, a_job("Waiting")) == []
    assert actions(early, a_job("Stopped")) == ["start_job"]
    assert actions(early, a_job("Finished")) == []
    assert actions(early, a_job("Running")) == []


def test_modifications_come_before_the_start():
    desired = spec(interval="6h", project="spring")
    assert actions(desired, a_job("Waiting")) == ["modify_job", "tag_job"]
    assert actions(desired, a_job("Ready")) == ["modify_job", "tag_job", "start_job"]
    assert actions(desired, a_job("Running")) == ["tag_job"]
    planned = plan(desired, ObservedJob(a_source(), a_job("Waiting"), NOW))
    assert planned.steps[0].arguments == {"job_id": "j-1", "parameters": {"Frequency": 6}}
    assert planned.steps[1].arguments == {"job_id": "j-1", "tags": {PROJECT_TAG: "spring"}}
    assert planned.predicted({})["interval"] == "6h"


def test_a_run_manually_begins_after_the_timestamp_asked_for():
    planned = plan(spec(state="synced", synced_since=SINCE), ObservedJob(a_source(), a_job("Waiting"), NOW))
    assert planned.steps[-1].arguments == {"job_id": "j-1", "after": at(-15)}
    planned = plan(spec(state="synced", max_age="10m"), ObservedJob(a_source(), a_job("Waiting"), NOW))
    assert planned.steps[-1].arguments == {"job_id": "j-1", "after": None}


def test_the_age_of_an_image_is_calculated_from_the_first_read():
    waiting = a_job("Waiting", runs=(a_run(-30),))
    assert actions(spec(state="synced", max_age="29m"), waiting) == ["run_job"]
    assert actions(spec(state="synced", max_age="29m"), waiting, first_observed_at=at(-1)) == []


def test_a_job_that_is_not_to_be_started_is_not():
    assert actions(spec(started=False), None) == ["create_job"]
    assert actions(spec(started=False), a_job("Ready")) == []
    assert actions(spec(started=False), a_job("Stopped")) == []


@pytest.mark.parametrize("status", ["Ready", "Stopped", "InError"])
def test_what_is_not_to_be_started_cannot_be_synced(status: str):
    with pytest.raises(PreconditionError, match=f"Job j-1 is {status} and option started is false, so no run"):
        plan(spec(state="synced", started=False, synced_since=SINCE), ObservedJob(a_source(), a_job(status), NOW))
    with pytest.raises(PreconditionError, match=r"after its scheduled start \(2026-11-22T19:00:00Z\)"):
        plan(spec(state="synced"), ObservedJob(a_source(), a_job("Ready", scheduled_start=at(60)), NOW))


def test_a_scheduled_start_is_left_to_smc_until_it_has_passed():
    assert actions(spec(scheduled_start="2026-11-28T20:00:00Z"), None) == ["create_job"]
    assert actions(spec(), a_job("Ready", scheduled_start=at(60))) == []
    assert actions(spec(), a_job("Ready", scheduled_start=at(-60))) == ["start_job"]


def test_what_failed_again_is_not_resumed_for_ever():
    failed = a_job("InError", error_code="InternalError", intermediate_instance_id="i-7")
    assert actions(spec(), failed) == ["resume_failed_job"]
    with pytest.raises(
        PreconditionError, match=r"failed again after it was resumed: InternalError.*instance i-7 is billed"
    ):
        plan(spec(), ObservedJob(a_source(), failed, NOW, resumed=True))


def test_a_one_time_job_is_left_alone():
    with pytest.raises(PreconditionError, match="is a one-time job"):
        plan(spec(), ObservedJob(a_source(), a_job("Waiting", incremental=False), NOW))


def test_a_vm_that_was_migrated_is_left_alone_unless_it_is_to_move_again():
    finished = a_job("Finished")
    assert actions(spec(), finished) == []
    assert actions(spec(recreate=True), finished) == ["create_job", "start_job"]
    assert actions(spec(), None, migrated_image="m-1") == []
    assert actions(spec(state="synced", synced_since=SINCE), None, migrated_image="m-1") == []
    assert actions(spec(recreate=True), None, migrated_image="m-1") == ["create_job", "start_job"]
    assert not is_migrated(spec(), ObservedJob(None, a_job("Waiting"), NOW, migrated_image="m-1"))


def test_refusals_name_the_way_out():
    for desired, state, words in (
        (spec(), "Expired", "state: absent, discard_replication: true"),
        (spec(state="synced", synced_since=SINCE), "Finished", "recreate: true"),
        (spec(state="paused"), NONE, "state: present"),
        (spec(state="absent"), "Waiting", "smc_job_finalize, or set discard_replication: true"),
    ):
        with pytest.raises(PreconditionError) as caught:
            plan(desired, ObservedJob(a_source(), in_state(state), NOW))
        assert words in caught.value.remedy


# --- plans, carried out on a model of what SMC does -------------------------------------------------------------


class Model:
    """One source's job, as SMC keeps it; time passes only in waits."""

    def __init__(self, job: Job | None) -> None:
        self.job = job
        self.now = NOW
        self.resumed = False
        self.migrated_image: str | None = None
        self.writes: list[str] = []
        self.actions: dict[str, Callable[..., None]] = {
            name: getattr(self, name)
            for name in [
                "create_job",
                "modify_job",
                "tag_job",
                "start_job",
                "resume_failed_job",
                "run_job",
                "stop_job",
                "delete_job",
                "wait_idle",
                "wait_pausable",
                "wait_gone",
            ]
        }

    def observe(self) -> ObservedJob:
        return ObservedJob(a_source(), self.job, self.now, self.migrated_image, self.resumed)

    def _write(self, name: str, *allowed: str) -> None:
        assert self.job is not None
        assert self.job.status in allowed, f"{name} is refused while the job is {self.job.status}"
        self.writes.append(name)

    def create_job(self, parameters: dict[str, Any]) -> None:
        assert self.job is None or self.job.status == "Finished"
        self.writes.append("create_job")
        self.job = a_job(
            "Ready",
            job_id="j-new",
            name=parameters["Name"],
            interval=timedelta(hours=parameters["Frequency"]),
            images_to_keep=parameters["MaxNumberOfImageToKeep"],
            image_name=parameters["ImageName"],
            system_disk_size=parameters["SystemDiskSize"],
            data_disk_sizes={disk["Index"]: disk["Size"] for disk in parameters["DataDisk"]},
            license_type=parameters.get("LicenseType", ""),
            tags={tag["Key"]: tag["Value"] for tag in parameters["Tag"]},
            created=self.now,
        )
        if "ValidTime" in parameters:
            self.job = replace(self.job, valid_until=read_timestamp(parameters["ValidTime"]))

    def modify_job(self, job_id: str, parameters: dict[str, Any]) -> None:
        assert self.job is not None
        assert job_id == self.job.job_id
        by_wire_name = {attribute.wire: attribute for attribute in JOB_ATTRIBUTES.values()}
        for wire, value in parameters.items():
            attribute = by_wire_name[wire]
            may = lifecycle.may_change(attribute.change, self.job.status, self.job.has_run)
            assert may, f"{wire} while {self.job.status}"
            self.job = replace(self.job, **{attribute.name: attribute.codec.read(value)})
        self.writes.append("modify_job")

    def tag_job(self, job_id: str, tags: dict[str, str]) -> None:
        assert self.job is not None
        self.writes.append("tag_job")
        self.job = replace(self.job, tags={**self.job.tags, **tags})

    def start_job(self, job_id: str) -> None:
        self._write("start_job", "Ready", "Stopped", "InError", "Waiting")
        self.now += MINUTE
        self.job = replace(self.job, status="Running", phase="Syncing", runs=(*self.job.runs, ReplicationRun(self.now)))

    def resume_failed_job(self, job_id: str) -> None:
        self.resumed = True
        self.start_job(job_id)

    def run_job(self, job_id: str, after: Any) -> None:
        self._write("run_job", "Waiting")
        if after is not None:
            self.now = max(self.now, after + MINUTE)
        self.start_job(job_id)

    def stop_job(self, job_id: str) -> None:
        self._write("stop_job", "Running", "Waiting")
        assert self.job.status == "Waiting" or self.job.phase == "Syncing"
        self.job = replace(self.job, status="Stopped", phase="")

    def delete_job(self, job_id: str) -> None:
        self._write("delete_job", "Ready", "Stopped", "InError", "Waiting", "Finished", "Expired")
        self.job = replace(self.job, status="Deleting")

    def wait_idle(self, job_id: str) -> None:
        if self.job.status == "Running":
            self.now += MINUTE
            ended = tuple(
                run if run.ended else replace(run, ended=self.now, image_id=f"m-{number}")
                for number, run in enumerate(self.job.runs)
            )
            self.job = replace(self.job, status="Waiting", phase="", runs=ended)

    def wait_pausable(self, job_id: str) -> None:
        if self.job.status == "Running" and self.job.phase == "Preparing":
            self.job = replace(self.job, phase="Syncing")
        elif self.job.status == "Running":
            self.wait_idle(job_id)

    def wait_gone(self, job_id: str) -> None:
        assert self.job.status == "Deleting"
        self.job = None

    def converge(self, desired: JobSpec, check_mode: bool = False) -> Outcome[ObservedJob]:
        reconciler = ModelReconciler(
            self.observe, lambda observed: plan(desired, observed), diff_view, self.actions, check_mode
        )
        return reconciler.run()


PARAMS = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["present", "synced", "paused", "absent"]),
        "started": st.booleans(),
        "wait": st.booleans(),
        "recreate": st.booleans(),
        "discard_replication": st.booleans(),
    },
    optional={
        "interval": st.sampled_from(["1h", "24h", "7d"]),
        "images_to_keep": st.integers(1, 10),
        "image_name": st.sampled_from(["cutover-s-1", "other"]),
        "valid_for": st.sampled_from(["7d", "90d"]),
        "project": st.just("spring"),
        "vm_uuid": st.just(VM_UUID),
        "synced_since": st.sampled_from(["2026-11-22T17:00:00Z", SINCE]),
        "max_age": st.sampled_from(["10m", "2h"]),
    },
)
STATES = st.sampled_from([state for state in TABLE if state != "Deleting"])


def settled_or_refused(model: Model, desired: JobSpec, check_mode: bool = False) -> Outcome[ObservedJob] | None:
    try:
        return model.converge(desired, check_mode)
    except PreconditionError:
        return None


@given(STATES, PARAMS)
def test_once_done_there_is_nothing_left_to_do(state: str, params: dict[str, Any]):
    desired, model = spec(**params), Model(in_state(state))
    if settled_or_refused(model, desired) is None:
        return
    model.resumed = False
    writes = list(model.writes)
    again = settled_or_refused(model, desired)
    assert model.writes == writes
    assert again is None or not any(step.mutates for step in again.done)


@given(STATES, PARAMS)
def test_check_mode_shows_the_first_plan_and_writes_nothing(state: str, params: dict[str, Any]):
    desired, model = spec(**params), Model(in_state(state))
    try:
        first = plan(desired, model.observe())
    except PreconditionError:
        assert settled_or_refused(model, desired, check_mode=True) is None
        return
    before = copy.copy(model.job)
    reported = model.converge(desired, check_mode=True)
    assert [step.summary for step in reported.done] == first.summaries
    assert (model.writes, model.job) == ([], before)


@given(STATES, PARAMS)
def test_check_mode_reports_changed_exactly_when_the_run_changes_something(state: str, params: dict[str, Any]):
    desired = spec(**params)
    reported = settled_or_refused(Model(in_state(state)), desired, check_mode=True)
    model = Model(in_state(state))
    done = settled_or_refused(model, desired)
    if reported is not None and done is not None:
        assert bool(model.writes) == done.result()["changed"]
        # A wait may end in a state that leaves something to do, or nothing; without one, check mode knows.
        if not reported.done or reported.done[0].mutates:
            assert reported.result()["changed"] == done.result()["changed"]


@given(STATES, PARAMS)
def test_what_was_declared_is_so_in_the_end(state: str, params: dict[str, Any]):
    desired, model = spec(**params), Model(in_state(state))
    outcome = settled_or_refused(model, desired)
    if outcome is None:
        return
    job = outcome.observed.job
    if desired.state == "absent":
        assert job is None or job.status == "Deleting"
    elif desired.state == "paused":
        assert desired.wait is False or job.status in ("Ready", "Stopped", "InError", "Finished", "Expired")
    elif desired.state == "synced" and desired.wait:
        assert desired.is_synced(job.runs, outcome.observed.now)
    if desired.state == "present" and desired.started and not is_migrated(desired, outcome.observed):
        assert job.status in ("Running", "Waiting", "Finished")


@given(STATES, PARAMS)
def test_a_replica_is_never_thrown_away_unasked(state: str, params: dict[str, Any]):
    desired, model = spec(**params), Model(in_state(state))
    job = model.job
    settled_or_refused(model, desired)
    if "delete_job" in model.writes and job.status in lifecycle.ALIVE and job.has_run:
        assert desired.discard_replication
        assert desired.state == "absent"


def test_a_conflict_makes_it_observe_again():
    model = Model(a_job("Waiting"))
    real, tries = model.actions["run_job"], []

    def moved_first(**arguments: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            model.start_job("j-1")
            raise ConflictError("its scheduled run has begun")
        real(**arguments)

    model.actions["run_job"] = moved_first
    model.converge(spec(state="synced", synced_since=SINCE))
    assert tries == [1]
    assert model.job.status == "Waiting"


def test_invalid_options_are_refused_before_any_read():
    with pytest.raises(InvalidOptionError):
        spec(interval="30m")
