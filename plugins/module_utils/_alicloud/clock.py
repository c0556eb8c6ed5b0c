# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far this machine's clock is from the cloud's, and whom that can mislead (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_duration

#: Alibaba Cloud refuses signatures whose moment is further away than this. A call that was answered has not met the limit.
_REFUSED_FROM = 15 * 60
_NEAR_REFUSAL = 5 * 60
_HALF_A_SECOND = timedelta(milliseconds=500)


def offset(cloud_time: datetime, here: datetime) -> int:
    """By how many seconds the cloud's clock is ahead of this machine's; negative when it is behind.

    :param cloud_time: the date of an answer, in whole seconds, so that on average half a second has been cut off
    :param here: this machine's clock when the answer had arrived
    """
    return round((cloud_time + _HALF_A_SECOND - here).total_seconds())


def told(seconds: int) -> str:
    """The offset in words, from this machine's side."""
    if not seconds:
        return "this machine's clock agrees with the cloud's"
    return "this machine's clock is %s %s the cloud's" % (
        format_duration(timedelta(seconds=abs(seconds))),
        "behind" if seconds > 0 else "ahead of",
    )


def near_refusal(seconds: t.Optional[int]) -> t.Optional[str]:
    """The warning that calls are about to be refused, None when they are not.

    Beyond the limit there is nothing to warn of: a call that is refused says so itself, and one that was not refutes the limit.
    """
    if seconds is None or not _NEAR_REFUSAL <= abs(seconds) < _REFUSED_FROM:
        return None
    return "%s; from %d minutes on Alibaba Cloud refuses every call. Set the clock (NTP)" % (
        told(seconds).capitalize(),
        _REFUSED_FROM // 60,
    )
