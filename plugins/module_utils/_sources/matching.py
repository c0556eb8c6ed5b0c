# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of several sources or jobs is the VM's (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import Identity


def single_source(sources: list[Source], vm_uuid: str) -> t.Optional[Source]:
    """The only source that is tagged with a VM; two of them would be two copies of the VM.

    :raises InvalidOptionError: lists the sources
    """
    if len(sources) > 1:
        source_ids = ", ".join(sorted(source.source_id for source in sources))
        raise InvalidOptionError(
            f"Several sources carry the tag {VM_TAG}={vm_uuid}: {source_ids}",
            remedy="Delete the sources that are not used, or select the right one with source_id",
        )
    return sources[0] if sources else None


@dataclass(frozen=True)
class GuestSigns:
    """What is known of a VM by which an untagged source can be recognized.

    :ivar by_address: an IP address is a sign, too
    """

    vm_name: t.Optional[str] = None
    hostname: t.Optional[str] = None
    ipv4: tuple[str, ...] = ()
    by_address: bool = True


NO_SIGNS = GuestSigns()


def match_source(sources: list[Source], signs: GuestSigns) -> t.Optional[Source]:
    """The VM's source among sources that do not carry the tag of a VM yet.

    It is not documented which name SMC gives to an imported source. The source is matched by the name of the VM, then by the host
    name of the guest, then by an IP address. The first of these signs that any source has decides.

    :raises InvalidOptionError: when several sources match
    """
    untagged = [source for source in sources if not source.tags.get(VM_TAG)]
    for sign, matches in (
        (f"vm_name '{signs.vm_name}'", lambda source: signs.vm_name and source.name == signs.vm_name),
        (f"hostname '{signs.hostname}'", lambda source: signs.hostname and source.hostname == signs.hostname),
        (f"ipv4 {', '.join(signs.ipv4)}", lambda source: _matches_address(source, signs)),
    ):
        found = [source for source in untagged if matches(source)]
        if len(found) > 1:
            source_ids = ", ".join(sorted(source.source_id for source in found))
            raise InvalidOptionError(
                f"Several sources match {sign}: {source_ids}", remedy="Select the right one with source_id"
            )
        if found:
            return found[0]
    return None


def _matches_address(source: Source, signs: GuestSigns) -> bool:
    """Whether an address matches and no host name contradicts it.

    An address is not always the guest's own: bridges of containers have the same address everywhere.
    """
    hostnames = {name.split(".")[0].lower() for name in (source.hostname, signs.hostname) if name}
    return signs.by_address and len(hostnames) < 2 and bool(set(signs.ipv4) & set(source.ipv4))


def select_job(jobs: list[Job], identity: Identity, for_deletion: bool = False) -> t.Optional[Job]:
    """The job that matters among all jobs of one identity.

    :param for_deletion: a job that is being deleted matters when there is no other
    :raises PreconditionError: when several jobs are active; only a VM that was imported more than once can have them
    """
    active = sorted({job.job_id for job in jobs if job.status in job_lifecycle.ALIVE})
    if len(active) > 1:
        raise PreconditionError(
            f"Several jobs of {identity} are active: {', '.join(active)}",
            remedy="Delete the jobs that are not used, or select the right one with job_id",
        )
    deleting = [job for job in jobs if job.status == job_lifecycle.DELETING]
    return pick_job(jobs) or (deleting[0] if for_deletion and deleting else None)


def pick_job(jobs: list[Job]) -> t.Optional[Job]:
    """The unfinished job if there is one, else the newest job that is not being deleted."""
    candidates = [job for job in jobs if job.status != job_lifecycle.DELETING]
    return max(
        candidates,
        key=lambda job: (job.status in job_lifecycle.UNFINISHED, format_timestamp(job.created) or ""),
        default=None,
    )
