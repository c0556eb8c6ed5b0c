# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SMC's state table: which action and which change is possible in which state of a job (pure; private to the collection).

Source: the SDK, the API metadata and the help pages of SMC 2019-06-01.
"""

from __future__ import annotations

import enum
import typing as t
from datetime import datetime, timedelta

READY = "Ready"
RUNNING = "Running"
STOPPED = "Stopped"
IN_ERROR = "InError"
WAITING = "Waiting"
FINISHED = "Finished"
EXPIRED = "Expired"
DELETING = "Deleting"

STATUSES = (READY, RUNNING, STOPPED, IN_ERROR, WAITING, FINISHED, EXPIRED, DELETING)

PREPARING = "Preparing"
SYNCING = "Syncing"
PROCESSING = "Processing"
CLEANING = "Cleaning"

PHASES = (PREPARING, SYNCING, PROCESSING, CLEANING)

#: A source has at most one job in these.
UNFINISHED = frozenset((READY, RUNNING, STOPPED, IN_ERROR, WAITING, EXPIRED))

#: The job continues by itself, or can be made to.
ALIVE = UNFINISHED - {EXPIRED}

#: The intermediate instance exists, and is billed.
BILLED = frozenset((RUNNING, STOPPED, IN_ERROR, WAITING))

#: How long SMC may take to show that it has started what it accepted; its client reports every 30 seconds.
TIME_TO_REACT = timedelta(seconds=180)

#: StartReplicationJob is documented for these. For Waiting, where the console offers a manual run, it is not.
STARTABLE = frozenset((READY, STOPPED, IN_ERROR))

#: The limits of a job's validity, which SMC counts from the job's creation, and what it gives a job for which none is set.
VALIDITY_FLOOR = timedelta(days=7)
VALIDITY_CEILING = timedelta(days=90)
DEFAULT_VALIDITY = timedelta(days=30)


class Change(enum.Enum):
    """When ModifyReplicationJobAttribute accepts an attribute."""

    ANY_TIME = enum.auto()
    #: In every state of a job that has not ended.
    WHILE_ALIVE = enum.auto()
    #: Between two runs, or before the first one.
    WHEN_WAITING = enum.auto()
    BEFORE_FIRST_RUN = enum.auto()
    NEVER = enum.auto()


def may_change(change: Change, status: str, has_run: bool) -> bool:
    """Whether ModifyReplicationJobAttribute accepts such an attribute in this state."""
    before_first_run = status == READY and not has_run
    return {
        Change.ANY_TIME: True,
        Change.WHILE_ALIVE: status in ALIVE,
        Change.WHEN_WAITING: status == WAITING or before_first_run,
        Change.BEFORE_FIRST_RUN: before_first_run,
        Change.NEVER: False,
    }[change]


def why_unchanged(change: Change, status: str) -> str:
    """What a user can do about an attribute that cannot be changed in this state."""
    if change is Change.WHEN_WAITING and status in ALIVE:
        return "SMC accepts it when the job is Waiting; run this again then"
    if change is Change.WHILE_ALIVE:
        return "the job has ended; create a new one"
    return (
        "SMC does not change it once the job exists and has run; delete the job (state: absent) and create it again "
        "(this triggers a full copy)"
    )


def may_pause(status: str, phase: str) -> bool:
    """Whether StopReplicationJob accepts a job that is running."""
    return status == RUNNING and phase == SYNCING


def may_delete(status: str) -> bool:
    """Whether DeleteReplicationJob accepts the job."""
    return status not in (RUNNING, DELETING)


def expires_soon(valid_until: t.Optional[datetime], now: datetime, margin: timedelta = timedelta(days=7)) -> bool:
    """Whether less than the margin is left of the job's validity."""
    return valid_until is not None and valid_until - now < margin
