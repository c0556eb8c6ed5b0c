# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of a completion, by SMC's answers and the job afterwards (pure; private to the collection)."""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import SERVICES_STOPPED_TAG

#: The values of ``error.details.completion`` of a failure.
NOT_SENT = "not_sent"
REFUSED = "refused"
UNKNOWN = "unknown"
ACCEPTED = "accepted"
#: An answer further to the right outweighs the others: a refusal does not undo a completion that may have been accepted before.
_BY_WEIGHT = (NOT_SENT, REFUSED, UNKNOWN, ACCEPTED)


def strongest_answer(*answers: str) -> str:
    """What the answers to several completions in a row mean together."""
    return max(answers, key=_BY_WEIGHT.index)


def completion_of(answer: str, job: t.Optional[Job]) -> str:
    """What became of the completion when a run of the module failed.

    Services must not be started again after ``unknown`` or ``accepted``, because what they write would be in no image. So the
    result is ``not_sent`` or ``refused`` only when a job that was read after the failure confirms it.

    :param answer: the strongest answer to the completions that this run sent; ``not_sent`` when it sent none
    :param job: the job, read after the failure; None when it could not be read
    """
    if answer == ACCEPTED or (job is not None and job.completion_accepted):
        return ACCEPTED
    if job is None or answer == UNKNOWN or job.completing:
        return UNKNOWN
    if answer == REFUSED:
        return REFUSED if job.status == job_lifecycle.WAITING else UNKNOWN
    # A completion of an earlier run may have failed: the job would complete when it is resumed.
    failed = job.status == job_lifecycle.IN_ERROR and bool(job.tags.get(SERVICES_STOPPED_TAG))
    return UNKNOWN if failed else NOT_SENT
