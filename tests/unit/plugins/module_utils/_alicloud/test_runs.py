# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof that no write was lost: it must never say so when it is not so."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import (
    ReplicationRun,
    began_after,
    complete_runs,
    evidence,
    explain_missing_evidence,
    newest_complete,
    proving_run,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def complete(began: float, image_id: str = "m-1") -> ReplicationRun:
    return ReplicationRun(at(began), at(began + 1), image_id)


SECONDS = st.integers(-3600, 3600).map(lambda seconds: NOON + timedelta(seconds=seconds))
MOMENTS = st.tuples(SECONDS, st.integers(0, 999999)).map(lambda pair: pair[0].replace(microsecond=pair[1]))
RUNS = st.lists(
    st.builds(
        ReplicationRun,
        SECONDS,
        st.one_of(st.none(), SECONDS),
        st.one_of(st.none(), st.just(""), st.sampled_from(["m-1", "m-2", "m-3"])),
    ),
    max_size=6,
)


@given(RUNS, MOMENTS)
def test_a_proving_run_made_an_image_and_began_strictly_after(runs: list[ReplicationRun], stopped_at: datetime):
    run = proving_run(runs, stopped_at)
    if run is not None:
        assert run in runs
        assert run.image_id
        assert run.ended is not None
        assert run.began > stopped_at.replace(microsecond=0)
        # Whatever the fractions of a second that SMC does not tell: it began after.
        assert run.began >= stopped_at.replace(microsecond=0) + timedelta(seconds=1)


@given(RUNS, MOMENTS)
def test_nothing_is_proven_when_the_newest_complete_run_is_older(runs: list[ReplicationRun], stopped_at: datetime):
    began = [run.began for run in runs if run.ended is not None and run.image_id]
    if not began or max(began) <= stopped_at.replace(microsecond=0):
        assert proving_run(runs, stopped_at) is None
        assert evidence(runs, stopped_at)["proven"] is False
    else:
        assert evidence(runs, stopped_at)["proven"] is True


@given(RUNS, MOMENTS, st.randoms())
def test_the_order_of_the_runs_does_not_matter(runs: list[ReplicationRun], stopped_at: datetime, random):
    shuffled = list(runs)
    random.shuffle(shuffled)
    found, again = proving_run(runs, stopped_at), proving_run(shuffled, stopped_at)
    assert (found is None) == (again is None)
    assert found is None or found.began == again.began


@pytest.mark.parametrize(
    ("began", "stopped", "after"),
    [
        (NOON, NOON, False),
        (NOON + timedelta(seconds=1), NOON, True),
        (NOON + timedelta(seconds=1), NOON.replace(microsecond=999999), True),
        (NOON, NOON.replace(microsecond=1), False),
        (NOON - timedelta(seconds=1), NOON, False),
    ],
)
def test_the_very_same_second_does_not_count(began: datetime, stopped: datetime, after: bool):
    assert began_after(ReplicationRun(began), stopped) is after


def test_an_active_run_or_one_without_image_is_not_complete():
    running, failed, empty = ReplicationRun(at(5)), ReplicationRun(at(6), at(7)), ReplicationRun(at(8), at(9), "")
    older, newer = complete(1, "m-1"), complete(2, "m-2")
    assert complete_runs([newer, running, failed, empty, older]) == [older, newer]
    assert newest_complete([newer, running, older]) == newer
    assert newest_complete([running, failed]) is None


def test_why_nothing_is_proven():
    assert explain_missing_evidence([ReplicationRun(at(5))], NOON) == "no run has made an image yet"
    assert (
        "started at 2026-11-22T11:59:00Z, which is not after the services stopped at 2026-11-22T12:00:00Z"
        in explain_missing_evidence([complete(-1)], NOON)
    )


def test_the_result():
    assert evidence([complete(1, "m-7")], NOON) == {
        "proven": True,
        "services_stopped_at": "2026-11-22T12:00:00Z",
        "run_started_at": "2026-11-22T12:01:00Z",
        "run_ended_at": "2026-11-22T12:02:00Z",
        "image_id": "m-7",
    }
    unsaid = evidence([complete(1, "m-7")], None)
    assert (unsaid["proven"], unsaid["services_stopped_at"], unsaid["image_id"]) == (False, None, "m-7")
    assert evidence([complete(-1)], NOON)["image_id"] is None
