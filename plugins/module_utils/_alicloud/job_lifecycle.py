# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SMC's state table: which action and which attribute in which state (pure; private to the collection).

Source: the dossier of the SMC 2019-06-01 API, its sections 2.1 to 2.6, made from the SDK, the API metadata and the help pages.
"""

from __future__ import annotations

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

#: The job goes on by itself, or can be made to.
ALIVE = UNFINISHED - {EXPIRED}

#: The intermediate instance exists, and is billed.
BILLED = frozenset((RUNNING, STOPPED, IN_ERROR, WAITING))

#: How long SMC may take to show that it has begun what it accepted; its client reports every 30 seconds.
TIME_TO_REACT = timedelta(seconds=180)

#: StartReplicationJob is documented for these; for Waiting, where the console offers a run by hand, it is not.
STARTABLE = frozenset((READY, STOPPED, IN_ERROR))

_ANY_TIME = frozenset(("name", "description"))
_CYCLE = frozenset(("interval_hours", "images_to_keep"))
_IMMUTABLE = frozenset(("license_type", "resource_group_id"))

VALIDITY_FLOOR = timedelta(days=7)
VALIDITY_CEILING = timedelta(days=90)
#: SMC deletes an expired job, with its history, after this.
EXPIRED_KEPT_FOR = timedelta(days=7)


def canonical(value: t.Optional[str], known: t.Iterable[str]) -> str:
    """The documented spelling of an enumeration's value, whatever its case; an unknown value as it came."""
    folded = (value or "").casefold()
    return next((name for name in known if name.casefold() == folded), value or "")


def settable(attribute: str, status: str, has_run: bool) -> bool:
    """Whether ModifyReplicationJobAttribute takes the attribute in this state."""
    if attribute in _IMMUTABLE:
        return False
    if attribute in _ANY_TIME:
        return True
    if attribute == "valid_until":
        return status in ALIVE
    if attribute in _CYCLE:
        return status == WAITING or (status == READY and not has_run)
    return status == READY and not has_run


def why_not_settable(attribute: str, status: str) -> str:
    """What a user can do about an attribute that the present state does not let change."""
    if attribute in _CYCLE and status in ALIVE:
        return "SMC takes it when the job is Waiting; run this again then"
    if attribute == "valid_until":
        return "the job has ended; create a new one"
    return "SMC does not change it once the job exists and has run; delete the job (state: absent) and create it again, which copies everything anew"


def may_pause(status: str, phase: str) -> bool:
    return status == RUNNING and phase == SYNCING


def may_delete(status: str) -> bool:
    return status not in (RUNNING, DELETING)


def expires_soon(valid_until: t.Optional[datetime], now: datetime, margin: timedelta = timedelta(days=7)) -> bool:
    return valid_until is not None and valid_until - now < margin
