# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two clocks: how far apart they are, and when that is worth a warning."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import clock as _clock
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp
from ansible_collections.cutover.smc.plugins.module_utils._jobs import finalize_reconciler
from ansible_collections.cutover.smc.plugins.module_utils._jobs.clock_warning import clock_warning
from ansible_collections.cutover.smc.plugins.modules.smc_job_finalize import MODULE
from tests.unit.plugins.builders import NOW, a_run, at
from tests.unit.plugins.wire import Answer, Cloud


@pytest.mark.parametrize(("ahead", "seconds"), [(0, 0), (90.4, 90), (-90.4, -90), (86400, 86400)])
def test_the_offset_is_that_of_the_cloud(ahead: float, seconds: int):
    here = NOW
    date = (here + timedelta(seconds=ahead - 0.5)).replace(microsecond=0)
    assert abs(_clock.offset(date, here) - seconds) <= 1


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "this machine's clock agrees with Alibaba Cloud's"),
        (90, "this machine's clock is 1m30s behind Alibaba Cloud's"),
        (-3600, "this machine's clock is 1h ahead of Alibaba Cloud's"),
    ],
)
def test_the_offset_in_words(seconds: int, words: str):
    assert _clock.describe_offset(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "warned"),
    [(None, False), (0, False), (299, False), (300, True), (-300, True), (899, True), (900, False), (-90000, False)],
)
def test_a_refusal_is_warned_of_while_it_can_still_be_averted(seconds: int | None, warned: bool):
    warning = _clock.skew_warning(seconds)
    assert bool(warning) is warned
    assert warning is None or "Alibaba Cloud refuses every call from 15 minutes on" in warning


# The run began half an hour ago by the cloud's clock.
RUN = a_run(-30)


@pytest.mark.parametrize(
    ("timestamp", "seconds", "warned"),
    [
        (at(-31), 0, False),
        (at(-31), 30, False),  # by either clock before the run began
        (at(-31), 61, True),  # by this machine's clock, the services stopped after the run had begun
        (at(-31), -600, False),  # a clock that is ahead makes the timestamp later: nothing is lost
        (at(-29), 600, False),  # nothing is proven anyhow
        (None, 600, False),
        (at(-31), None, False),
    ],
)
def test_a_timestamp_of_a_late_clock_is_reported_when_the_proof_hangs_on_it(
    timestamp: Any, seconds: int | None, warned: bool
):
    here = NOW - timedelta(seconds=seconds or 0)
    assert bool(clock_warning([RUN], timestamp, seconds, here)) is warned


def test_a_timestamp_in_the_future_of_this_machine_was_not_read_from_it():
    hours = timedelta(hours=5)
    assert clock_warning([RUN], at(-31), int(hours.total_seconds()), NOW - hours) is None


@given(st.integers(-7200, 0), st.integers(-7200, 7200), st.integers(-7200, 0))
def test_who_reads_this_machines_clock_loses_nothing_without_a_warning(stopped: int, offset: int, began: int):
    """Whenever a run seems to prove a stop that in truth came later, that is either told or refused as lying in the future."""
    truly = NOW + timedelta(seconds=stopped)
    declared = truly - timedelta(seconds=offset)  # the same timestamp, read from this machine's clock
    run = a_run(began / 60)
    lost = run.began <= truly < NOW and run.began > declared
    if lost:
        assert clock_warning([run], declared, offset, NOW - timedelta(seconds=offset)) is not None


# --- over the wire ----------------------------------------------------------------------------------------------


def finalize(cloud: Cloud, connection: Any, ahead: timedelta, **params: Any) -> tuple[dict[str, Any], list[str]]:
    """Look at a job that is Waiting, in check mode, while the cloud's clock is so far ahead of this machine's."""
    now = datetime.now(timezone.utc) + ahead
    date = {"Date": format_datetime(now, usegmt=True)}
    runs = [
        {
            "StartTime": format_timestamp(now - timedelta(minutes=10)),
            "EndTime": format_timestamp(now - timedelta(minutes=5)),
            "ImageId": "m-1",
        }
    ]
    job = {"JobId": "j-1", "Status": "Waiting", "RunOnce": False, "ReplicationJobRuns": {"ReplicationJobRun": runs}}
    image = {"ImageId": "m-1", "Status": "Available"}
    cloud.replies(
        *([Answer({"TotalCount": 0}, headers=date)] if "services_stopped_at" in params else []),
        Answer({"TotalCount": 1, "ReplicationJobs": {"ReplicationJob": [job]}}, headers=date),
        Answer({"TotalCount": 1, "Images": {"Image": [image]}}, headers=date),
    )
    own = {name: getattr(connection, name) for name in connection.__dataclass_fields__}
    defaults = {name: spec.get("default") for name, spec in MODULE.argument_spec.items()}
    warnings: list[str] = []
    result = finalize_reconciler.run(
        {**defaults, **own, "job_id": "j-1", **params}, Context(True, print, warnings.append)
    )
    return result, warnings


def test_the_offset_is_part_of_the_evidence(cloud: Cloud, connection: Any):
    ahead = timedelta(seconds=40)
    stopped = format_timestamp(datetime.now(timezone.utc) + ahead - timedelta(minutes=15))
    result, warnings = finalize(cloud, connection, ahead, services_stopped_at=stopped)
    assert result["evidence"]["proven"] is True
    assert result["evidence"]["clock_offset"] == pytest.approx(40, abs=2)
    assert warnings == []


def test_a_misleading_clock_is_reported_before_the_job_is_completed(cloud: Cloud, connection: Any):
    ahead = timedelta(minutes=6)
    stopped = format_timestamp(datetime.now(timezone.utc) + ahead - timedelta(minutes=12))
    _result, warnings = finalize(cloud, connection, ahead, services_stopped_at=stopped)
    assert [("refuses every call" in warning, "writes may be lost" in warning) for warning in warnings] == [
        (True, False),
        (False, True),
    ]


def test_a_timestamp_ahead_of_the_cloud_is_refused_with_the_offset(cloud: Cloud, connection: Any):
    behind = -timedelta(minutes=20)
    stopped = format_timestamp(datetime.now(timezone.utc))
    with pytest.raises(
        InvalidOptionError,
        match=r"in the future by SMC's clock .*; this machine's clock is (20m|19m59s|20m1s) ahead",
    ):
        finalize(cloud, connection, behind, services_stopped_at=stopped)
