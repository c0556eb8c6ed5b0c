"""The time formats that SMC and ECS use on the wire, and the durations of the control interface."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_format(time: datetime | None) -> str:
    """`2026-11-22T17:54:06Z`, the format of SMC and of images; an absent time is an empty text."""
    return "" if time is None else time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def minutes_format(time: datetime | None) -> str:
    """`2026-11-22T17:54Z`, the format of ECS instances."""
    return "" if time is None else time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%MZ")


def http_date(time: datetime) -> str:
    """The value of an HTTP `Date` header."""
    return format_datetime(time.astimezone(timezone.utc), usegmt=True)


def parse_timestamp(text: str) -> datetime:
    """A time in one of the wire formats; ValueError otherwise."""
    for layout in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ"):
        try:
            return datetime.strptime(text, layout).replace(tzinfo=timezone.utc)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a time such as 2026-11-22T17:54:06Z")


def parse_duration(value: str | int | float) -> timedelta:
    """`90`, `90s`, `5m`, `6h`, `2d`, `1h30m` as a duration; ValueError if it is not one."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return timedelta(seconds=value)
    text = str(value).strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return timedelta(seconds=float(text))
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{value!r} is not a duration such as 90s, 5m, 6h or 2d")
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
