# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is billed for instances, disks, snapshots and images of ECS (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Disk, Image, Instance, Snapshot
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.prices import (
    BillableResource,
    ComputeCost,
    CostComponent,
    StorageCost,
)

PAY_AS_YOU_GO = "PostPaid"


@dataclass(frozen=True)
class Owner:
    """The VM and the job to whose migration a resource belongs."""

    vm_uuid: t.Optional[str] = None
    job_id: t.Optional[str] = None


NO_OWNER = Owner()


def instance(
    resource: Instance, disks: t.Iterable[Disk], reason: str, kind: str = "instance", owner: Owner = NO_OWNER
) -> BillableResource:
    """An instance with its attached disks. Its network traffic is not included.

    :param reason: why the instance exists
    """
    attached = [disk for disk in disks if disk.instance_id == resource.instance_id]
    components: list[CostComponent] = [_disk_storage(disk) for disk in attached]
    if resource.stopped_mode != "StopCharging":
        system_category = next((disk.category for disk in attached if disk.system), "")
        components.insert(0, ComputeCost(resource.instance_type, system_category))
    unpriced_reason = ""
    if resource.charge_type not in ("", PAY_AS_YOU_GO):
        unpriced_reason = f"it is paid in advance ({resource.charge_type})"
    elif not attached:
        unpriced_reason = "its disks could not be read"
    return BillableResource(
        kind=kind,
        identifier=resource.instance_id,
        name=resource.name,
        reason=reason,
        components=tuple(components),
        vm_uuid=owner.vm_uuid,
        job_id=owner.job_id,
        is_upper_bound=resource.spot,
        unpriced_reason=unpriced_reason,
    )


def disk(resource: Disk, reason: str, owner: Owner = NO_OWNER) -> BillableResource:
    """A disk that is billed by itself."""
    return BillableResource(
        kind="disk",
        identifier=resource.disk_id,
        name=resource.name,
        reason=reason,
        components=(_disk_storage(resource),),
        vm_uuid=owner.vm_uuid,
        job_id=owner.job_id,
        unpriced_reason="" if resource.charge_type in ("", PAY_AS_YOU_GO) else "it is paid in advance",
    )


def snapshot(resource: Snapshot, reason: str, owner: Owner = NO_OWNER) -> BillableResource:
    """A snapshot. ECS bills what it stores, and that is at most the size of its disk."""
    return BillableResource(
        kind="snapshot",
        identifier=resource.snapshot_id,
        name=resource.name,
        reason=reason,
        components=(StorageCost(resource.size),),
        vm_uuid=owner.vm_uuid,
        job_id=owner.job_id,
        is_upper_bound=True,
    )


def image(
    resource: Image, reason: str, excluded_snapshots: t.Collection[str] = (), owner: Owner = NO_OWNER
) -> BillableResource:
    """An image with its snapshots. The image itself is free.

    :param excluded_snapshots: snapshots of the image that are listed separately
    """
    sizes = [size for snapshot_id, size in resource.snapshot_sizes.items() if snapshot_id not in excluded_snapshots]
    sizes_known = all(sizes) and (sizes or excluded_snapshots)
    return BillableResource(
        kind="image",
        identifier=resource.image_id,
        name=resource.name,
        reason=reason,
        components=tuple(StorageCost(size) for size in sizes),
        vm_uuid=owner.vm_uuid,
        job_id=owner.job_id,
        is_upper_bound=True,
        unpriced_reason="" if sizes_known else "ECS does not return the size of its snapshots",
    )


def _disk_storage(resource: Disk) -> StorageCost:
    return StorageCost(resource.size, resource.category, resource.performance_level)
