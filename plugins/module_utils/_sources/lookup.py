# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the source and the job of a VM in SMC (private to the collection)."""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import Identity
from ansible_collections.cutover.smc.plugins.module_utils._sources.matching import select_job, single_source


def find_source(smc: SmcClient, identity: Identity, job: t.Optional[Job] = None) -> t.Optional[Source]:
    """The source that the identity names, or else the source of the job.

    :raises InvalidOptionError: when several sources carry the tag of the VM
    """
    source_id = identity.source_id or (job.source_id if job else None)
    if source_id:
        return next(iter(smc.sources([source_id])), None)
    if identity.vm_uuid:
        return single_source(smc.sources(tags={VM_TAG: identity.vm_uuid}), identity.vm_uuid)
    return None


def find_job(smc: SmcClient, identity: Identity, for_deletion: bool = False) -> t.Optional[Job]:
    """The VM's job: its unfinished job, of which SMC allows only one, or else the newest one.

    :param for_deletion: the job will be deleted: one that is being deleted matters too, and one that does not exist is no error
    :raises InvalidOptionError: when no job has the given ID
    :raises PreconditionError: when several jobs are active
    """
    if not identity.job_id:
        return select_job(_jobs_of(smc, identity), identity, for_deletion)
    job = next(iter(smc.jobs([identity.job_id])), None)
    if job is None and not for_deletion:
        raise InvalidOptionError(
            f"There is no job with job_id '{identity.job_id}'", remedy="List the jobs with smc_incremental_job_info"
        )
    return job


def _jobs_of(smc: SmcClient, identity: Identity) -> list[Job]:
    """All jobs that the identity names by something other than their ID."""
    if identity.source_id:
        return smc.jobs(source_ids=[identity.source_id])
    if identity.vm_uuid:
        return _jobs_of_vm(smc, identity.vm_uuid)
    if identity.name:
        # Whether SMC compares the complete name is not documented, and the job of another VM must not be paused or deleted.
        return [job for job in smc.jobs(name=identity.name) if job.name == identity.name]
    return []


def _jobs_of_vm(smc: SmcClient, vm_uuid: str) -> list[Job]:
    """The jobs with the tag of the VM; without an unfinished one also the jobs of the VM's sources.

    A job that was created manually has no tag, but its source has one.
    """
    tagged = smc.jobs(tags={VM_TAG: vm_uuid})
    if any(job.status in job_lifecycle.UNFINISHED for job in tagged):
        return tagged
    sources = smc.sources(tags={VM_TAG: vm_uuid})
    return tagged + smc.jobs(source_ids=[source.source_id for source in sources])
