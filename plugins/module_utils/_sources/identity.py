# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which VM's source and job are meant, by id, tag or name, and finding them (private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import smc as _smc
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_moment

#: The source or job of a VM can be named in three ways.
IDENTITY_SPEC: dict[str, t.Any] = {
    "job_id": {"type": "str"},
    "source_id": {"type": "str"},
    "vm_uuid": {"type": "str"},
}


@dataclass(frozen=True)
class Identity:
    """Which VM's job is meant."""

    job_id: t.Optional[str] = None
    source_id: t.Optional[str] = None
    vm_uuid: t.Optional[str] = None
    name: t.Optional[str] = None

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any], by_name: bool = False) -> Identity:
        """What the options name.

        :param by_name: the name of the job tells which one is meant when nothing else does
        """
        job_id, source_id, vm_uuid = (params.get(name) or None for name in ("job_id", "source_id", "vm_uuid"))
        nameless = job_id or source_id or vm_uuid or not by_name
        return cls(job_id, source_id, vm_uuid, None if nameless else params["name"])

    def __str__(self) -> str:
        given = [(name, getattr(self, name)) for name in ("job_id", "source_id", "vm_uuid", "name")]
        return ", ".join("%s %s" % (name, value) for name, value in given if value)


def find_source(smc: _smc.Smc, identity: Identity, job: t.Optional[Job]) -> t.Optional[Source]:
    """The source that the identity, or else the job, names."""
    source_id = identity.source_id or (job.source_id if job else None)
    if source_id:
        return next(iter(smc.sources([source_id])), None)
    if identity.vm_uuid:
        return sole_source(smc.sources(tags={VM_TAG: identity.vm_uuid}), identity.vm_uuid)
    return None


def sole_source(sources: list[Source], vm_uuid: str) -> t.Optional[Source]:
    """The one source of a VM; two would mean two copies of it.

    :raises InvalidOptionError: lists the sources
    """
    if len(sources) > 1:
        raise InvalidOptionError(
            "Several sources carry the tag %s=%s: %s"
            % (VM_TAG, vm_uuid, ", ".join(sorted(source.source_id for source in sources))),
            remedy="Delete the ones that are not used, or name the right one with source_id",
        )
    return sources[0] if sources else None


def find_job(smc: _smc.Smc, identity: Identity, leaving: bool = False) -> t.Optional[Job]:
    """The VM's job: its unfinished one, of which SMC allows only one, or else the newest.

    :param leaving: the job is to go, so that one that is being deleted matters too, and one that is gone is no fault
    :raises InvalidOptionError: when a job id is given that does not exist
    :raises PreconditionError: when several jobs go on, which only a VM that was imported more than once can have
    """
    if identity.job_id:
        jobs = smc.jobs([identity.job_id])
        if not jobs and leaving:
            return None
        if not jobs:
            raise InvalidOptionError(
                "There is no job with job_id '%s'" % identity.job_id,
                remedy="List the jobs with smc_incremental_job_info",
            )
        return jobs[0]
    jobs = []
    if identity.source_id:
        jobs = smc.jobs(source_ids=[identity.source_id])
    elif identity.vm_uuid:
        jobs = smc.jobs(tags={VM_TAG: identity.vm_uuid})
        if not any(job.status in lifecycle.UNFINISHED for job in jobs):
            # A job that was made by hand carries no tag, but its source does.
            sources = smc.sources(tags={VM_TAG: identity.vm_uuid})
            jobs = jobs + smc.jobs(source_ids=[source.source_id for source in sources])
    elif identity.name:
        # Whether SMC looks for the whole name is not documented, and another VM's job is not to be paused or deleted.
        jobs = [job for job in smc.jobs(name=identity.name) if job.name == identity.name]
    alive = sorted({job.job_id for job in jobs if job.status in lifecycle.ALIVE})
    if len(alive) > 1:
        raise PreconditionError(
            "Several jobs of %s go on: %s" % (identity, ", ".join(alive)),
            remedy="Delete the ones that are not used, or name the right one with job_id",
        )
    picked = pick_job(jobs)
    return next((job for job in jobs if job.status == lifecycle.DELETING), None) if leaving and not picked else picked


def pick_job(jobs: list[Job]) -> t.Optional[Job]:
    """The unfinished job if there is one, else the newest that is not being deleted."""
    candidates = [job for job in jobs if job.status != lifecycle.DELETING]
    return max(
        candidates, key=lambda job: (job.status in lifecycle.UNFINISHED, format_moment(job.created) or ""), default=None
    )
