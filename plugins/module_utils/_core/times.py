# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durations and times as users write them and as Alibaba Cloud does (pure; private to the collection)."""

from __future__ import annotations

import re
import typing as t
from datetime import datetime, timedelta, timezone

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"^(?:\d+[smhdw])+$")
_DURATION_PART = re.compile(r"(\d+)([smhdw])")
_MOMENT_FORMATS = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ")


def parse_duration(option: str, value: str) -> timedelta:
    """Read ``90s``, ``30m``, ``6h``, ``2d``, ``1w`` or a sequence of them such as ``1d12h``.

    :raises InvalidOptionError: names the option and the value
    """
    text = str(value).strip().lower()
    if not _DURATION.match(text):
        raise InvalidOptionError(
            f"Option '{option}' is not a duration: '{value}'",
            remedy="Write a number and a unit (s, m, h, d, w), for example 6h or 2d",
        )
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text)))


def format_duration(duration: timedelta) -> str:
    """The shortest spelling that :func:`parse_duration` reads back, such as ``1d12h``."""
    seconds = int(duration.total_seconds())
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, seconds = divmod(seconds, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def format_seconds(seconds: float) -> str:
    """A number of seconds as a duration, such as ``5m`` for 300."""
    return format_duration(timedelta(seconds=round(seconds)))


def parse_timestamp(option: str, value: str) -> datetime:
    """Read an ISO 8601 time with a time zone, such as ``2026-11-22T18:00:00Z``.

    :raises InvalidOptionError: names the option and the value
    """
    text = str(value).strip()
    if text.endswith(("Z", "z")):
        text = text[:-1] + "+00:00"
    try:
        timestamp = datetime.fromisoformat(text)
    except ValueError:
        timestamp = None
    if timestamp is None or timestamp.tzinfo is None:
        raise InvalidOptionError(
            f"Option '{option}' is not a time with a time zone: '{value}'",
            remedy="Write it in UTC as 2026-11-22T18:00:00Z",
        )
    return timestamp.astimezone(timezone.utc)


def read_timestamp(text: t.Optional[str]) -> t.Optional[datetime]:
    """Read a time that an Alibaba Cloud API sent (SMC has seconds, ECS instances minutes only); None when absent."""
    for shape in _MOMENT_FORMATS:
        try:
            return datetime.strptime(text or "", shape).replace(tzinfo=timezone.utc)
        except ValueError:
            continue
    return None


@t.overload
def format_timestamp(timestamp: datetime) -> str: ...


@t.overload
def format_timestamp(timestamp: t.Optional[datetime]) -> t.Optional[str]: ...


def format_timestamp(timestamp: t.Optional[datetime]) -> t.Optional[str]:
    """A time as SMC writes it: UTC, whole seconds, ``Z``."""
    return timestamp.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if timestamp else None
