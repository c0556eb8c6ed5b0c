# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SMC's clock: checks times that come from elsewhere against it, and waits for it (private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import clock
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter


def check_not_in_the_future(option: str, timestamp: t.Optional[datetime], smc: SmcClient) -> None:
    """A time from another clock could be in the future of SMC's, and no run would ever have started after it.

    :raises InvalidOptionError: names the option, the value and SMC's time
    """
    if timestamp and timestamp > smc.read_clock() + timedelta(minutes=1):
        raise InvalidOptionError(
            f"Option '{option}' is {format_timestamp(timestamp)}, which is in the future by SMC's clock "
            f"({format_timestamp(smc.now)}); {clock.describe_offset(smc.clock_offset or 0)}",
            remedy="Use the cloud_time that smc_incremental_job_info returns",
        )


def wait_until_after(timestamp: datetime, smc: SmcClient, progress: t.Callable[[str], None]) -> None:
    """Wait until SMC's clock has passed the time, so that a run that starts now starts after it: times have whole seconds."""
    Waiter(90, 0.3, progress).until(
        smc.read_clock, lambda now: now > timestamp, lambda now: f"SMC's clock is at {format_timestamp(now)}"
    )
