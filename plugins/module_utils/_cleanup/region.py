# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the resources of a region among which orphans are searched (private to the collection)."""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs import EcsClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.orphans import RegionResources


def read_region(smc: SmcClient, ecs: EcsClient, named: t.Iterable[str]) -> RegionResources:
    """Read a region with a few list calls.

    :param named: IDs of resources; snapshots among them are read although something was created from them

    The jobs are read last: if a job names a resource that was read before, it is seen.
    """
    instances = ecs.instances()
    disks = ecs.disks()
    snapshots = {snapshot.snapshot_id: snapshot for snapshot in ecs.snapshots(usage="none")}
    unread = sorted({identifier for identifier in named if identifier.startswith("s-")} - set(snapshots))
    snapshots.update({snapshot.snapshot_id: snapshot for snapshot in (ecs.snapshots(unread) if unread else [])})
    images = ecs.images()
    jobs = smc.jobs()
    return RegionResources(
        smc.now, tuple(instances), tuple(disks), tuple(snapshots.values()), tuple(images), tuple(jobs)
    )
