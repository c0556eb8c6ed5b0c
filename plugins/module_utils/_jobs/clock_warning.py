# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Warns when a clock that is behind SMC's makes a proof worthless (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import clock
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import runs as _evidence
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_moment


def misleading(
    runs: t.Iterable[_evidence.ReplicationRun], moment: t.Optional[datetime], seconds: t.Optional[int], here: datetime
) -> t.Optional[str]:
    """The warning that a proof holds only if its moment was read from the cloud's clock, None when it holds anyhow.

    A moment that was read from a clock behind the cloud's is too early, and a run may seem to have begun after it that did not.
    What lies in the future of this machine's clock has not been read from it.

    :param runs: the runs of the job
    :param moment: when the services stopped, as the user says
    :param seconds: the offset of the cloud's clock
    :param here: this machine's clock
    """
    if moment is None or not seconds or seconds < 0 or moment > here:
        return None
    runs = tuple(runs)
    by_this_clock = moment + timedelta(seconds=seconds)
    if _evidence.proving_run(runs, moment) is None or _evidence.proving_run(runs, by_this_clock) is not None:
        return None
    return (
        "%s. If services_stopped_at (%s) was read from it, the services stopped at %s by the cloud's clock, after the newest run "
        "had begun, and writes may be lost. Take the moment from the cloud_time that smc_incremental_job_info returns"
        % (clock.told(seconds).capitalize(), format_moment(moment), format_moment(by_this_clock))
    )
