# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Warns when a clock that is behind SMC's can make evidence worthless (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import clock
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import ReplicationRun, proving_run
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp


def clock_warning(
    runs: t.Iterable[ReplicationRun], timestamp: t.Optional[datetime], seconds: t.Optional[int], local_time: datetime
) -> t.Optional[str]:
    """The warning that the evidence holds only if its time was read from SMC's clock; None when it holds in any case.

    A time that was read from a clock behind SMC's is too early, and a run may seem to have started after it that did not.
    A time in the future of this machine's clock was not read from it.

    :param runs: the runs of the job
    :param timestamp: when the services stopped, as declared
    :param seconds: the offset of SMC's clock
    :param local_time: this machine's clock
    """
    if timestamp is None or not seconds or seconds < 0 or timestamp > local_time:
        return None
    runs = tuple(runs)
    by_this_clock = timestamp + timedelta(seconds=seconds)
    if proving_run(runs, timestamp) is None or proving_run(runs, by_this_clock) is not None:
        return None
    return (
        f"{clock.describe_offset(seconds, 'This machine')}. If services_stopped_at ({format_timestamp(timestamp)}) was read from it, the "
        f"services stopped at {format_timestamp(by_this_clock)} by SMC's clock, after the newest run had started, and writes may be "
        "lost. Use the cloud_time that smc_incremental_job_info returns"
    )
