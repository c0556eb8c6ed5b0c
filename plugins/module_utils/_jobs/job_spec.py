# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The desired state of an incremental job, as the options of the module declare it (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.job_attributes import duration_within
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import (
    ReplicationRun,
    began_after,
    newest_complete,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import JOB_ATTRIBUTES
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._core.times import (
    format_duration,
    parse_duration,
    parse_timestamp,
)

#: By how much more than ``valid_at_least`` the validity is extended, so that not every run extends it by what has passed since the last.
EXTENSION = timedelta(days=7)


@dataclass(frozen=True)
class JobSpec:
    """The declared job.

    :ivar state: ``present``, ``synced``, ``paused`` or ``absent``
    :ivar attributes: the declared attributes, by the names of ``Job``; what is not declared is left as it is, or to SMC
    """

    state: str
    attributes: dict[str, t.Any] = field(default_factory=dict)
    valid_for: t.Optional[timedelta] = None
    valid_at_least: t.Optional[timedelta] = None
    scheduled_start: t.Optional[datetime] = None
    synced_since: t.Optional[datetime] = None
    max_age: t.Optional[timedelta] = None
    vm_uuid: t.Optional[str] = None
    project: t.Optional[str] = None
    region_id: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    started: bool = True
    recreate: bool = False
    discard_replication: bool = False
    wait: bool = True

    def is_synced(self, runs: t.Iterable[ReplicationRun], now: datetime) -> bool:
        """Whether there is an image of a run that started as late as declared.

        :param now: SMC's clock
        """
        newest = newest_complete(runs)
        if newest is None:
            return False
        if self.synced_since and not began_after(newest, self.synced_since):
            return False
        return not (self.max_age and now - newest.began > self.max_age)


def parse_spec(params: t.Mapping[str, t.Any], region_id: str) -> JobSpec:
    """Check the options and turn them into a specification.

    :raises InvalidOptionError: names the option, the value and the remedy
    """
    declared = {name: attribute.declared(name, params) for name, attribute in JOB_ATTRIBUTES.items()}
    return JobSpec(
        state=params["state"],
        attributes={name: value for name, value in declared.items() if value is not None},
        valid_for=_validity(params["valid_for"]),
        valid_at_least=_remaining_validity(params["valid_at_least"]),
        scheduled_start=_time(params, "scheduled_start"),
        synced_since=_time(params, "synced_since"),
        max_age=parse_duration("max_age", params["max_age"]) if params["max_age"] else None,
        vm_uuid=params["vm_uuid"],
        project=params["project"],
        region_id=region_id,
        tags=params["tags"] or {},
        started=params["started"],
        recreate=params["recreate"],
        discard_replication=params["discard_replication"],
        # A first image takes as long as a full copy, so state: present waits for it only on request.
        wait=params["state"] != "present" if params["wait"] is None else params["wait"],
    )


def _time(params: t.Mapping[str, t.Any], option: str) -> t.Optional[datetime]:
    return parse_timestamp(option, params[option]) if params[option] else None


def _validity(text: t.Optional[str]) -> t.Optional[timedelta]:
    parse = duration_within(
        job_lifecycle.VALIDITY_FLOOR, job_lifecycle.VALIDITY_CEILING, "counted from the job's creation"
    )
    return None if text is None else t.cast(timedelta, parse("valid_for", text))


def _remaining_validity(text: t.Optional[str]) -> t.Optional[timedelta]:
    if text is None:
        return None
    remaining, most = parse_duration("valid_at_least", text), job_lifecycle.VALIDITY_CEILING - EXTENSION
    if remaining > most:
        raise InvalidOptionError(
            f"Option 'valid_at_least' is '{text}', which is too long",
            remedy=f"Choose up to {format_duration(most)}; a job is valid for "
            f"{format_duration(job_lifecycle.VALIDITY_CEILING)} from its creation at most",
        )
    return remaining
