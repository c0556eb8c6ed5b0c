# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One VM's whole migration as a value: its stage, the steps that it still needs, and what blocks them (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Image, Instance
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    FINAL_RUN_TAG,
    JOB_TAG,
    SERVICES_STOPPED_TAG,
    SHUT_DOWN_KEY,
    VERIFIED_IMAGE_TAG,
    VM_TAG,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp
from ansible_collections.cutover.smc.plugins.module_utils._sources.source_errors import explain
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import CbtState
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import VmFacts

#: The stages of a migration, in their order.
STAGES = (
    "discovered",
    "tracked",
    "imported",
    "replicating",
    "replicated",
    "verified",
    "cutting_over",
    "cut_over",
    "cleaned_up",
)
#: The steps of the runbook, by the names of their roles, in their order.
STEPS = ("enable_cbt", "import_source", "replicate", "verify_image", "cut_over", "clean_up")

#: A job in one of these does not run until it is started.
_NOT_RUNNING = (job_lifecycle.READY, job_lifecycle.STOPPED, job_lifecycle.IN_ERROR)


@dataclass(frozen=True)
class Obstacle:
    """Why a step cannot be done.

    :ivar step: the first step that it blocks
    :ivar reason: a clause without a final period
    :ivar remedy: an imperative sentence without a final period
    """

    step: str
    reason: str
    remedy: str

    def as_result(self) -> dict[str, str]:
        return {"step": self.step, "reason": self.reason, "remedy": self.remedy}


@dataclass(frozen=True)
class Migration:
    """What vCenter, SMC and ECS know of one VM.

    :ivar vm: the VM's facts
    :ivar cbt: its changed block tracking, without the disks that are skipped
    :ivar vm_blockers: the concerns that block the migration, as (message, remedy)
    :ivar twins: the names of other VMs with the same instance UUID, such as a restored copy
    :ivar source: its source in SMC
    :ivar ambiguity: why its source or job is not certain; empty if it can
    :ivar job: its job in SMC
    :ivar images: those of its images that exist in ECS, by their id; None if ECS could not be read
    :ivar instances: the instances that verify one of its images; None if ECS could not be read
    """

    vm: VmFacts
    cbt: CbtState
    vm_blockers: tuple[tuple[str, str], ...] = ()
    twins: tuple[str, ...] = ()
    source: t.Optional[Source] = None
    ambiguity: str = ""
    job: t.Optional[Job] = None
    images: t.Optional[t.Mapping[str, Image]] = None
    instances: t.Optional[tuple[Instance, ...]] = None

    @property
    def finished(self) -> bool:
        """Whether the migration is complete: the job is Finished, or a completion has tagged the final image."""
        return self._tagged_final_image is not None or (
            self.job is not None and self.job.status == job_lifecycle.FINISHED
        )

    @property
    def newest_image_id(self) -> str:
        """The image of the newest complete run, whether it still exists or not; empty without one."""
        newest = self.job.newest_run if self.job else None
        return (newest.image_id or "") if newest else ""

    @property
    def final_image_id(self) -> str:
        """The image that the migration resulted in, whether it still exists or not; empty until it is complete."""
        if not self.finished:
            return ""
        return self._tagged_final_image or (self.job.image_id if self.job else "") or self.newest_image_id

    @property
    def verified_image_id(self) -> str:
        """The image that was verified and still exists; empty without one."""
        image_id = self.job.tags.get(VERIFIED_IMAGE_TAG, "") if self.job else ""
        return image_id if self.exists(image_id) else ""

    @property
    def services_stopped_at(self) -> str:
        """When the services stopped, as the job records it; empty while they run."""
        return self.job.tags.get(SERVICES_STOPPED_TAG, "") if self.job else ""

    def exists(self, image_id: str) -> t.Optional[bool]:
        """Whether an image exists; None if ECS could not be read."""
        if self.images is None:
            return None
        return bool(image_id) and image_id in self.images

    @property
    def _tagged_final_image(self) -> t.Optional[str]:
        """The newest image that a completion has tagged as the final image of this VM.

        While there is a job, an image that another job completed is the result of an earlier migration.
        """
        tagged = [
            image
            for image in (self.images or {}).values()
            if FINAL_RUN_TAG in image.tags
            and image.tags.get(VM_TAG) == self.vm.uuid
            and (self.job is None or image.tags.get(JOB_TAG, self.job.job_id) == self.job.job_id)
        ]
        newest = max(tagged, key=lambda image: format_timestamp(image.created) or "", default=None)
        return newest.image_id if newest else None


def stage(migration: Migration) -> str:
    """Where the migration stands: the last of :data:`STAGES` that it has reached."""
    job = migration.job
    if migration.finished:
        return "cut_over" if job else "cleaned_up"
    if job is None:
        if migration.source is not None:
            return "imported"
        return "tracked" if migration.cbt.effective else "discovered"
    if migration.services_stopped_at or job.completing or migration.vm.setting(SHUT_DOWN_KEY) is not None:
        return "cutting_over"
    if migration.verified_image_id:
        return "verified"
    # While ECS cannot be read, a run that SMC lists as complete counts as having an image.
    return (
        "replicated"
        if migration.newest_image_id and migration.exists(migration.newest_image_id) is not False
        else "replicating"
    )


def needed_steps(migration: Migration, wanted: t.Container[str] = STEPS) -> list[str]:
    """The steps that the migration still needs, in their order.

    :param wanted: the steps that are wanted at all
    """
    return [step for step in STEPS if step in wanted and _NEEDED[step](migration)]


def obstacles(migration: Migration) -> list[Obstacle]:
    """What blocks the migration, the first step first. One that is complete is only blocked by what endangers its result."""
    return sorted(_obstacles(migration), key=lambda obstacle: STEPS.index(obstacle.step))


def _needs_replication(migration: Migration) -> bool:
    job = migration.job
    if migration.finished:
        return False
    return job is None or job.status in _NOT_RUNNING or not migration.newest_image_id


def _needs_clean_up(migration: Migration) -> bool:
    return migration.finished and (migration.job is not None or bool(migration.instances))


_NEEDED: dict[str, t.Callable[[Migration], bool]] = {
    "enable_cbt": lambda migration: not migration.finished and not migration.cbt.effective,
    "import_source": lambda migration: not migration.finished and migration.source is None,
    "replicate": _needs_replication,
    "verify_image": lambda migration: (
        not migration.finished
        and (not migration.newest_image_id or migration.verified_image_id != migration.newest_image_id)
    ),
    "cut_over": lambda migration: not migration.finished,
    "clean_up": _needs_clean_up,
}


def _obstacles(migration: Migration) -> t.Iterator[Obstacle]:
    if migration.finished:
        yield from _obstacles_of_result(migration)
        return
    first = next(iter(needed_steps(migration)), "cut_over")
    for message, remedy in migration.vm_blockers:
        yield Obstacle(first, message, remedy)
    if migration.twins:
        names = ", ".join(migration.twins)
        yield Obstacle(
            first,
            f"{migration.vm.name} has the same instance UUID as {names}, so a job of one may be taken for the other's",
            "Remove the copy from the inventory, or give it a UUID of its own (uuid.bios and vc.uuid in its configuration)",
        )
    if migration.ambiguity:
        yield Obstacle(
            "import_source" if migration.source is None else "replicate", migration.ambiguity, "Delete what is not used"
        )
    yield from _obstacles_of_source(migration)
    yield from _obstacles_of_job(migration)


def _obstacles_of_result(migration: Migration) -> t.Iterator[Obstacle]:
    """A final image that is gone cannot be made again by the job that made it."""
    if migration.ambiguity:
        yield Obstacle("clean_up", migration.ambiguity, "Delete what is not used")
    final = migration.final_image_id
    if migration.images is None:
        yield Obstacle(
            "clean_up",
            "ECS could not be read, so the final image is unknown",
            "Grant ecs:DescribeImages and read again",
        )
    elif not final or not migration.exists(final):
        name = f"The final image {final}" if final else "The final image"
        yield Obstacle(
            "clean_up",
            f"{name} does not exist any more",
            "Keep the VM and the older images, and migrate the VM again (smc_incremental_job with recreate: true)",
        )


def _obstacles_of_source(migration: Migration) -> t.Iterator[Obstacle]:
    source = migration.source
    if source is not None and not source.online:
        meaning, remedy = explain(source.state, source.error_code, source.status_info)
        yield Obstacle("replicate", f"Source {source.source_id} is {source.state}: {meaning}", remedy)


def _obstacles_of_job(migration: Migration) -> t.Iterator[Obstacle]:
    job = migration.job
    if job is None:
        return
    if job.status == job_lifecycle.IN_ERROR:
        yield Obstacle(
            "replicate",
            f"Job {job.job_id} is InError: {job.error_reason or 'SMC gives no reason'}",
            "Correct what SMC reports, then run the role replicate, which starts the job again",
        )
    if job.status == job_lifecycle.EXPIRED:
        yield Obstacle(
            "replicate",
            f"Job {job.job_id} has expired",
            "Delete the job (smc_incremental_job, state: absent) and replicate the VM again, which makes a full copy",
        )


def expires_at(migration: Migration) -> t.Optional[datetime]:
    """When the job expires; None without an unfinished job."""
    job = migration.job
    return job.valid_until if job is not None and job.status in job_lifecycle.UNFINISHED else None
