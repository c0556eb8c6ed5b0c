# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of ECS is paid for, and by what: instances, disks, and the snapshots behind images (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Disk, Image, Instance, Snapshot
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.prices import Computing, Part, Space, Thing

PAY_AS_YOU_GO = "PostPaid"


@dataclass(frozen=True)
class Owner:
    """Whose migration something belongs to."""

    vm_uuid: t.Optional[str] = None
    job_id: t.Optional[str] = None


NOBODY = Owner()


def instance(one: Instance, disks: t.Iterable[Disk], why: str, kind: str = "instance", owner: Owner = NOBODY) -> Thing:
    """An instance with the disks that are attached to it. Its traffic is not in it."""
    own = [disk for disk in disks if disk.instance_id == one.instance_id]
    parts: list[Part] = [_space(disk) for disk in own]
    if one.stopped_mode != "StopCharging":
        system = next((disk.category for disk in own if disk.system), "")
        parts.insert(0, Computing(one.instance_type, system))
    unpriced = ""
    if one.charge_type not in ("", PAY_AS_YOU_GO):
        unpriced = "it is paid for in advance (%s)" % one.charge_type
    elif not own:
        unpriced = "its disks could not be read"
    return Thing(
        kind,
        one.instance_id,
        one.name,
        why,
        tuple(parts),
        owner.vm_uuid,
        owner.job_id,
        at_most=one.spot,
        unpriced=unpriced,
    )


def disk(one: Disk, why: str, owner: Owner = NOBODY) -> Thing:
    """A disk by itself."""
    unpriced = "it is paid for in advance" if one.charge_type not in ("", PAY_AS_YOU_GO) else ""
    return Thing("disk", one.disk_id, one.name, why, (_space(one),), owner.vm_uuid, owner.job_id, unpriced=unpriced)


def snapshot(one: Snapshot, why: str, owner: Owner = NOBODY) -> Thing:
    """A snapshot by itself. What it stores is charged, which its disk's size bounds."""
    return Thing(
        "snapshot", one.snapshot_id, one.name, why, (Space(one.size),), owner.vm_uuid, owner.job_id, at_most=True
    )


def image(one: Image, why: str, without: t.Collection[str] = (), owner: Owner = NOBODY) -> Thing:
    """An image, which is free itself, with its snapshots.

    :param without: snapshots of it that are told apart
    """
    sizes = [size for snapshot_id, size in one.snapshot_sizes.items() if snapshot_id not in without]
    unpriced = "" if all(sizes) and (sizes or without) else "ECS does not tell the size of its snapshots"
    parts = tuple(Space(size) for size in sizes)
    return Thing(
        "image", one.image_id, one.name, why, parts, owner.vm_uuid, owner.job_id, at_most=True, unpriced=unpriced
    )


def _space(one: Disk) -> Space:
    return Space(one.size, one.category, one.performance_level)
