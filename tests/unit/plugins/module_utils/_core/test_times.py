# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durations and timestamps: what is read, what is refused, and that what is written is read back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._core.times import (
    format_duration,
    format_seconds,
    format_timestamp,
    parse_duration,
    parse_timestamp,
    read_timestamp,
)

EVENING = datetime(2026, 11, 22, 18, 0, 5, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("6h", timedelta(hours=6)),
        ("1d12h", timedelta(hours=36)),
        ("1w", timedelta(days=7)),
        (" 2D ", timedelta(days=2)),
        ("0h", timedelta()),
    ],
)
def test_durations(text: str, duration: timedelta):
    assert parse_duration("interval", text) == duration


@pytest.mark.parametrize("text", ["", "6", "h", "6 h", "-6h", "1.5h", "6h!", "6h\n6", "six hours", "6hours", None])
def test_what_is_no_duration_is_named_with_its_option(text: str):
    with pytest.raises(
        InvalidOptionError, match=r"(?s)Option 'interval' is not a duration: '.*'\. Write a number and a unit"
    ):
        parse_duration("interval", text)


@given(st.integers(0, 10**9))
def test_a_written_duration_is_read_back(seconds: int):
    duration = timedelta(seconds=seconds)
    assert parse_duration("x", format_duration(duration)) == duration


@pytest.mark.parametrize(("hours", "text"), [(1, "1h"), (24, "1d"), (36, "1d12h"), (168, "7d"), (0, "0s")])
def test_durations_are_written_shortly(hours: int, text: str):
    assert format_duration(timedelta(hours=hours)) == text


@pytest.mark.parametrize(
    "text",
    ["2026-11-22T18:00:05Z", "2026-11-22T18:00:05z", "2026-11-22T19:00:05+01:00", " 2026-11-22T18:00:05+00:00 "],
)
def test_timestamps(text: str):
    assert parse_timestamp("since", text) == EVENING


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-22T18:00:05", "2026-11-22", "18:00Z", "2026-13-22T18:00:05Z"]
)
def test_what_is_no_timestamp_is_named_with_its_option(text: str):
    with pytest.raises(InvalidOptionError, match="Option 'since' is not a time with a time zone"):
        parse_timestamp("since", text)


@pytest.mark.parametrize(
    ("text", "timestamp"),
    [
        ("2026-11-22T18:00:05Z", EVENING),
        ("2026-11-22T18:00Z", EVENING.replace(second=0)),
        ("", None),
        (None, None),
        ("soon", None),
    ],
)
def test_what_the_clouds_send(text: str, timestamp: datetime):
    assert read_timestamp(text) == timestamp


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.timezones()))
def test_a_written_timestamp_is_read_back_to_the_second(timestamp: datetime):
    written = format_timestamp(timestamp)
    assert read_timestamp(written) == parse_timestamp("x", written)
    assert abs((read_timestamp(written) - timestamp).total_seconds()) < 1


def test_no_timestamp_is_none():
    assert format_timestamp(None) is None


@pytest.mark.parametrize(("seconds", "text"), [(300, "5m"), (0, "0s"), (0.4, "0s"), (21600.0, "6h"), (90, "1m30s")])
def test_seconds_are_shown_as_a_user_writes_them(seconds: float, text: str):
    assert format_seconds(seconds) == text
