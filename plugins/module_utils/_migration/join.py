# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Joins what vCenter, SMC and ECS list to one migration for each VM (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from collections import defaultdict

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Image, Instance
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import complete_runs
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import CutoverError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import VERIFIES_IMAGE_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._migration.migration import Migration
from ansible_collections.cutover.smc.plugins.module_utils._sources.matching import (
    GuestSigns,
    match_source,
    pick_job,
    single_source,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import state_of
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import VmFacts
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.vm_properties import InventoryEntry

#: The concerns that block a VM, as (message, remedy), by its managed object ID.
Blockers = t.Mapping[str, t.Sequence[tuple[str, str]]]


class Cloud(t.NamedTuple):
    """What SMC and ECS list.

    :ivar images: None if ECS could not be read
    :ivar instances: the instances that verify an image; None if ECS could not be read
    """

    sources: t.Sequence[Source]
    jobs: t.Sequence[Job]
    images: t.Optional[t.Sequence[Image]] = None
    instances: t.Optional[t.Sequence[Instance]] = None


def join(
    vms: t.Sequence[VmFacts],
    cloud: Cloud,
    skips: t.Mapping[str, frozenset[int]],
    blockers: Blockers,
    fleet: t.Iterable[InventoryEntry],
) -> list[Migration]:
    """The migration of each VM, in the order of the VMs.

    :param skips: the device keys of the disks that are skipped, by the VM's managed object ID
    :param fleet: every VM that vCenter lists: a copy of a selected VM need not be selected itself
    """
    index = _Index(cloud)
    names = defaultdict(list)
    for vm in fleet:
        names[vm.uuid].append((vm.moid, vm.name))
    return [
        index.migration(
            vm,
            skips.get(vm.moid, frozenset()),
            tuple(blockers.get(vm.moid, ())),
            tuple(sorted(name for moid, name in names[vm.uuid] if moid != vm.moid)) if vm.uuid else (),
        )
        for vm in vms
    ]


class _Index:
    """The lists of the cloud, by what they are looked up by, so that a fleet costs no search for each VM."""

    def __init__(self, cloud: Cloud) -> None:
        self._sources_by_vm: dict[str, list[Source]] = defaultdict(list)
        self._jobs_by_vm: dict[str, list[Job]] = defaultdict(list)
        self._jobs_by_source: dict[str, list[Job]] = defaultdict(list)
        self._sources = {source.source_id: source for source in cloud.sources}
        self._untagged = [source for source in cloud.sources if not source.tags.get(VM_TAG)]
        for source in cloud.sources:
            self._sources_by_vm[source.tags.get(VM_TAG, "")].append(source)
        for job in cloud.jobs:
            self._jobs_by_vm[job.tags.get(VM_TAG, "")].append(job)
            self._jobs_by_source[job.source_id].append(job)
        self._images = None if cloud.images is None else {image.image_id: image for image in cloud.images}
        self._images_by_vm: dict[str, list[Image]] = defaultdict(list)
        for image in cloud.images or ():
            self._images_by_vm[image.tags.get(VM_TAG, "")].append(image)
        self._instances = cloud.instances

    def migration(
        self,
        vm: VmFacts,
        skip: frozenset[int],
        blockers: tuple[tuple[str, str], ...],
        twins: tuple[str, ...],
    ) -> Migration:
        ambiguity = ""
        jobs = list(self._jobs_by_vm[vm.uuid]) if vm.uuid else []
        try:
            source = self._source(vm, jobs)
        except CutoverError as error:
            source, ambiguity = None, error.message
        if source is not None:
            known = {job.job_id for job in jobs}
            jobs += [job for job in self._jobs_by_source[source.source_id] if job.job_id not in known]
        active = sorted(job.job_id for job in jobs if job.status in job_lifecycle.ALIVE)
        if len(active) > 1:
            ambiguity = f"Several jobs of {vm.name} are active: {', '.join(active)}"
        job = None if len(active) > 1 else pick_job(jobs)
        images = self._images_of(vm, job)
        return Migration(
            vm=vm,
            cbt=state_of(vm, skip),
            vm_blockers=blockers,
            twins=twins,
            source=source,
            ambiguity=ambiguity,
            job=job,
            images=images,
            instances=self._instances_of(images),
        )

    def _source(self, vm: VmFacts, jobs: t.Sequence[Job]) -> t.Optional[Source]:
        """The source with the VM's tag, or that of its job, or an untagged one that is recognized by the VM's names.

        An IP address alone is no sign in a fleet: bridges of containers have the same address everywhere.

        :raises CutoverError: several sources are the VM's
        """
        tagged = single_source(self._sources_by_vm[vm.uuid] if vm.uuid else [], vm.uuid)
        if tagged is not None:
            return tagged
        job = pick_job(list(jobs))
        if job is not None and job.source_id in self._sources:
            return self._sources[job.source_id]
        return match_source(self._untagged, GuestSigns(vm.name, vm.guest.hostname or None, by_address=False))

    def _images_of(self, vm: VmFacts, job: t.Optional[Job]) -> t.Optional[dict[str, Image]]:
        """The images of the VM's runs, and those with the VM's tag, as far as they exist."""
        if self._images is None:
            return None
        found = {image.image_id: image for image in (self._images_by_vm[vm.uuid] if vm.uuid else ())}
        ids = [run.image_id for run in complete_runs(job.runs)] + [job.image_id] if job else []
        found.update({image_id: self._images[image_id] for image_id in ids if image_id in self._images})
        return found

    def _instances_of(self, images: t.Optional[t.Mapping[str, Image]]) -> t.Optional[tuple[Instance, ...]]:
        if self._instances is None or images is None:
            return None
        return tuple(instance for instance in self._instances if instance.tags.get(VERIFIES_IMAGE_TAG) in images)
