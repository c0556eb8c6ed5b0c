# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Completing a job: never when writes may be lost unasked, and always to the end when they are not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import ReplicationRun
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    FINAL_RUN_TAG,
    JOB_TAG,
    PROJECT_TAG,
    SERVICES_STOPPED_TAG,
    VM_TAG,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp
from ansible_collections.cutover.smc.plugins.module_utils._jobs import finalize_plan
from ansible_collections.cutover.smc.plugins.module_utils._jobs.finalize_plan import (
    FinalizeSpec,
    ObservedCompletion,
    image_tags,
    stopped_at,
)
from tests.unit.plugins.builders import NOW, VM_UUID, a_job, a_run, an_image, at
from tests.unit.plugins.models import ModelReconciler

BEFORE = at(-31)  # the built jobs' newest run began a minute later
AFTER = at(-10)
REFUSED = "refused"


def plan(spec: FinalizeSpec, job: Job, image: Any = "m-1") -> Plan:
    return finalize_plan.plan(spec, ObservedCompletion(job, an_image(image) if isinstance(image, str) else image, NOW))


def actions(spec: FinalizeSpec, job: Job, image: Any = "m-1") -> Any:
    try:
        return [step.action for step in plan(spec, job, image).steps]
    except PreconditionError:
        return REFUSED


TO_THE_END = ["tag_job", "complete_job", "wait_finished", "mark_image"]

# what is said: state of the job -> plan
TABLE: list[tuple[FinalizeSpec, dict[str, Any]]] = [
    (
        FinalizeSpec(BEFORE),
        {
            "Waiting": TO_THE_END,
            "Running": ["wait_idle"],
            "Running/Cleaning": ["wait_finished"],
            "Ready": REFUSED,
            "Stopped": REFUSED,
            "InError": REFUSED,
            "Expired": REFUSED,
            "Deleting": REFUSED,
            "Finished": ["mark_image"],
        },
    ),
    (
        FinalizeSpec(AFTER),
        {
            "Waiting": REFUSED,
            "Running": ["wait_idle"],
            "Running/Cleaning": ["wait_finished"],
            "Stopped": REFUSED,
            "Finished": ["mark_image"],
        },
    ),
    (
        FinalizeSpec(),
        {"Waiting": REFUSED, "Running": REFUSED, "Running/Cleaning": ["wait_finished"], "Finished": ["mark_image"]},
    ),
    (
        FinalizeSpec(AFTER, final_sync=True),
        {"Waiting": TO_THE_END, "Running": ["wait_idle"], "Stopped": REFUSED, "Finished": ["mark_image"]},
    ),
    (FinalizeSpec(final_sync=True), {"Waiting": TO_THE_END[1:], "Running": ["wait_idle"]}),
    (FinalizeSpec(accept_data_loss="j-1"), {"Waiting": TO_THE_END[1:], "Running": ["wait_idle"], "Stopped": REFUSED}),
    (FinalizeSpec(accept_data_loss="j-2"), {"Waiting": REFUSED, "Running": REFUSED}),
    (
        FinalizeSpec(BEFORE, wait=False),
        {"Waiting": ["tag_job", "complete_job"], "Running": [], "Running/Cleaning": [], "Finished": ["mark_image"]},
    ),
    (FinalizeSpec(AFTER, wait=False), {"Waiting": REFUSED, "Running": REFUSED}),
]
CELLS = [(spec, state, expected) for spec, row in TABLE for state, expected in row.items()]


@pytest.mark.parametrize(("spec", "state", "expected"), CELLS, ids=[f"{cell[1]}-{cell[0]}" for cell in CELLS])
def test_every_state_with_every_option(spec: FinalizeSpec, state: str, expected: Any):
    status, phase = [*state.split("/"), ""][:2]
    job = a_job(status, **({"phase": phase} if phase else {}), **({"runs": ()} if status == "Ready" else {}))
    assert actions(spec, job) == expected


@pytest.mark.parametrize(
    ("spec", "sync_data"),
    [
        (FinalizeSpec(BEFORE), False),
        (FinalizeSpec(BEFORE, final_sync=True), False),
        (FinalizeSpec(AFTER, final_sync=True), True),
        (FinalizeSpec(final_sync=True), True),
        (FinalizeSpec(AFTER, accept_data_loss="j-1"), False),
        (FinalizeSpec(AFTER, final_sync=True, accept_data_loss="j-1"), True),
    ],
)
def test_a_last_synchronisation_is_made_exactly_when_it_is_needed_and_allowed(spec: FinalizeSpec, sync_data: bool):
    step = next(step for step in plan(spec, a_job()).steps if step.action == "complete_job")
    assert step.arguments == {"job_id": "j-1", "sync_data": sync_data}
    assert ("without another" in step.summary) is not sync_data


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (a_job(), "not after the services stopped at 2026-11-22T17:50:00Z"),
        (a_job(runs=()), "no run has made an image yet"),
    ],
)
def test_a_refusal_shows_the_reason_and_every_remedy(job: Job, words: str):
    with pytest.raises(PreconditionError) as caught:
        plan(FinalizeSpec(AFTER), job)
    reported = str(caught.value)
    assert reported.startswith("Refusing to complete job j-1 because writes could be lost: ")
    assert words in reported
    for way_out in ("state: synced", "final_sync: true", "accept_data_loss: j-1"):
        assert way_out in reported


def test_not_saying_when_the_services_stopped_is_reported():
    with pytest.raises(PreconditionError, match="services_stopped_at is not set"):
        plan(FinalizeSpec(), a_job())


@pytest.mark.parametrize("image", [None, an_image("m-1", status="Creating"), an_image("m-1", status="UnAvailable")])
def test_the_image_has_to_be_there_and_usable(image: Any):
    with pytest.raises(
        PreconditionError, match=r"image m-1 of its newest run (does not exist|is Creating|is UnAvailable)"
    ):
        plan(FinalizeSpec(BEFORE), a_job(), image)
    assert actions(FinalizeSpec(AFTER, final_sync=True), a_job(), image) == TO_THE_END


def test_what_was_recorded_counts_for_a_job_that_is_over_only():
    """Between a completion that failed and the next try the services may have been started again."""
    noted = {SERVICES_STOPPED_TAG: format_timestamp(BEFORE)}
    assert stopped_at(FinalizeSpec(), a_job(tags=noted, status="Finished")) == BEFORE
    assert stopped_at(FinalizeSpec(), a_job(tags=noted)) is None
    assert actions(FinalizeSpec(), a_job(tags=noted)) == REFUSED
    assert actions(FinalizeSpec(AFTER), a_job(tags=noted)) == REFUSED
    assert actions(FinalizeSpec(BEFORE), a_job(tags=noted)) == TO_THE_END[1:]


def test_the_tags_identify_the_final_image():
    job = a_job(tags={PROJECT_TAG: "spring", VM_TAG: VM_UUID})
    tags = {
        VM_TAG: VM_UUID,
        PROJECT_TAG: "spring",
        JOB_TAG: "j-1",
        FINAL_RUN_TAG: "2026-11-22T17:30:00Z",
        SERVICES_STOPPED_TAG: "2026-11-22T17:29:00Z",
    }
    assert image_tags(FinalizeSpec(BEFORE), job) == tags
    assert image_tags(FinalizeSpec(vm_uuid="other"), a_job(tags={}, runs=())) == {VM_TAG: "other", JOB_TAG: "j-1"}
    finished = replace(job, status="Finished")
    assert actions(FinalizeSpec(BEFORE), finished, an_image("m-1", tags={**tags, "more": "x"})) == []
    assert actions(FinalizeSpec(BEFORE), finished, an_image("m-1", tags={**tags, JOB_TAG: "j-0"})) == ["mark_image"]
    assert actions(FinalizeSpec(BEFORE), finished, None) == []


# --- carried out on a model -------------------------------------------------------------------------------------


class Model:
    """A job, what its guest writes, and what its images hold."""

    def __init__(self, job: Job, stopped: datetime) -> None:
        self.job = job
        self.image_tags: dict[str, str] = {}
        self.now = NOW
        self.stopped = stopped
        self.synced: list[bool] = []

    def observe(self) -> ObservedCompletion:
        newest = self.job.newest_run
        image = an_image(newest.image_id, tags=self.image_tags) if newest else None
        return ObservedCompletion(self.job, image, self.now)

    def _end_run(self) -> None:
        self.now += timedelta(minutes=1)
        runs = tuple(
            run if run.ended else replace(run, ended=self.now, image_id=f"m-late-{number}")
            for number, run in enumerate(self.job.runs)
        )
        self.job = replace(self.job, runs=runs)

    def tag_job(self, job_id: str, tags: dict[str, str]) -> None:
        self.job = replace(self.job, tags={**self.job.tags, **tags})

    def complete_job(self, job_id: str, sync_data: bool) -> None:
        assert self.job.status == "Waiting"
        self.synced.append(sync_data)
        if sync_data:
            self.now += timedelta(minutes=1)
            self.job = replace(self.job, runs=(*self.job.runs, ReplicationRun(self.now)))
        self.job = replace(self.job, status="Running", phase="Syncing" if sync_data else "Cleaning")

    def wait_idle(self) -> None:
        self._end_run()
        self.job = replace(self.job, status="Finished" if self.synced else "Waiting", phase="")

    def wait_finished(self) -> None:
        self._end_run()
        self.job = replace(self.job, status="Finished", phase="")

    def mark_image(self, image_id: str, tags: dict[str, str]) -> None:
        assert image_id == self.job.newest_run.image_id
        self.image_tags = {**self.image_tags, **tags}

    def finalize(self, spec: FinalizeSpec, check_mode: bool = False) -> dict[str, Any] | None:
        names = ("tag_job", "complete_job", "wait_idle", "wait_finished", "mark_image")
        try:
            reconciler = ModelReconciler(
                self.observe,
                lambda observed: finalize_plan.plan(spec, observed),
                lambda observed: finalize_plan.diff_view(spec, observed),
                {name: getattr(self, name) for name in names},
                check_mode,
            )
            return reconciler.run().result()
        except PreconditionError:
            return None


MINUTES = st.integers(-60, 0)
SPECS = st.builds(
    FinalizeSpec,
    st.one_of(st.none(), MINUTES.map(at)),
    st.booleans(),
    st.sampled_from([None, "j-1", "j-other"]),
    st.none(),
    st.just(True),
)
JOBS = st.builds(
    lambda status, began, running: a_job(
        status,
        runs=(
            *(a_run(minute, f"m{minute}", 1) for minute in began),
            *([a_run(running, None, None)] if status == "Running" else []),
        ),
    ),
    st.sampled_from(["Waiting", "Running", "Stopped"]),
    st.sets(MINUTES, max_size=3),
    MINUTES,
)


@given(SPECS, JOBS)
def test_a_job_is_only_ever_finished_with_proof_or_with_the_loss_accepted_by_name(spec: FinalizeSpec, job: Job):
    model = Model(job, spec.stopped_at or NOW)
    model.finalize(spec)
    if model.job.status != "Finished":
        assert model.synced == []
        return
    newest = model.job.newest_run
    proven = spec.stopped_at is not None and newest is not None and newest.began > spec.stopped_at
    assert proven or model.synced == [True] or spec.accept_data_loss == "j-1"


@given(SPECS, JOBS)
def test_once_finished_there_is_nothing_left_to_do(spec: FinalizeSpec, job: Job):
    model = Model(job, spec.stopped_at or NOW)
    if model.finalize(spec) is not None:
        assert model.job.status == "Finished"
        again = model.finalize(spec)
        assert again["changed"] is False
        assert again["plan"] == []
        if model.job.newest_run:
            assert model.image_tags[JOB_TAG] == "j-1"


@given(SPECS, JOBS)
def test_check_mode_completes_nothing(spec: FinalizeSpec, job: Job):
    model = Model(job, spec.stopped_at or NOW)
    reported = model.finalize(spec, check_mode=True)
    assert (model.synced, model.job, model.image_tags) == ([], job, {})
    if reported is not None and job.status == "Waiting":
        assert reported["changed"] is True
        assert reported["diff"]["after"]["status"] == "Finished"
