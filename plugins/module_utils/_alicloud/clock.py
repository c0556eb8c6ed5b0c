# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far this machine's clock is from Alibaba Cloud's, and when that is a problem (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_duration

#: Alibaba Cloud refuses signatures whose time is further away than this. A call that was answered was within the limit.
_REFUSED_FROM = 15 * 60
_NEAR_REFUSAL = 5 * 60
_HALF_A_SECOND = timedelta(milliseconds=500)


def offset(cloud_time: datetime, local_time: datetime) -> int:
    """By how many seconds a service's clock is ahead of this machine's; negative when it is behind.

    :param cloud_time: the date of an answer, in whole seconds, so that on average half a second was cut off
    :param local_time: this machine's clock when the answer arrived
    """
    return round((cloud_time + _HALF_A_SECOND - local_time).total_seconds())


def describe_offset(seconds: int, machine: str = "this machine") -> str:
    """The offset in words, from this machine's side."""
    if not seconds:
        return f"{machine}'s clock agrees with Alibaba Cloud's"
    direction = "behind" if seconds > 0 else "ahead of"
    return f"{machine}'s clock is {format_duration(timedelta(seconds=abs(seconds)))} {direction} Alibaba Cloud's"


def skew_warning(seconds: t.Optional[int]) -> t.Optional[str]:
    """The warning that calls will soon be refused; None when they will not.

    Beyond the limit there is nothing to warn of: a call that is refused says so itself, and one that was not disproves the limit.
    """
    if seconds is None or not _NEAR_REFUSAL <= abs(seconds) < _REFUSED_FROM:
        return None
    return (
        f"{describe_offset(seconds, 'This machine')}; Alibaba Cloud refuses every call from {_REFUSED_FROM // 60} minutes on. "
        "Set the clock (NTP)"
    )
