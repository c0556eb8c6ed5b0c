# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs, sources, runs and images for tests: sensible unless said otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Disk, Image, Instance, Snapshot
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import ReplicationRun
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import AccessToken, Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import VM_TAG

#: The cloud's present, in the tests.
NOW = datetime(2026, 11, 22, 18, tzinfo=timezone.utc)
VM_UUID = "50321f0b-0000-4000-8000-000000000001"


def at(minutes: float) -> datetime:
    """So many minutes from now."""
    return NOW + timedelta(minutes=minutes)


def a_run(began: float, image_id: str | None = "m-1", lasted: float | None = 5) -> ReplicationRun:
    """A run that began so many minutes from now; without a length it goes on."""
    return ReplicationRun(at(began), None if lasted is None else at(began + lasted), image_id, "Schedule")


def a_source(**fields: Any) -> Source:
    defaults: dict[str, Any] = {
        "source_id": "s-1",
        "name": "app-01",
        "state": "Available",
        "system_disk_size": 40,
        "data_disk_sizes": {1: 10, 2: 100},
        "tags": {VM_TAG: VM_UUID},
    }
    return Source(**(defaults | fields))


def a_job(status: str = "Waiting", **fields: Any) -> Job:
    """A job in a state; it has made an image half an hour ago unless it was never started."""
    defaults: dict[str, Any] = {
        "job_id": "j-1",
        "source_id": "s-1",
        "name": "cutover-s-1",
        "status": status,
        "phase": "Syncing" if status == "Running" else "",
        "incremental": True,
        "interval": timedelta(hours=24),
        "images_to_keep": 2,
        "image_name": "cutover-s-1",
        "system_disk_size": 41,
        "data_disk_sizes": {1: 20, 2: 101},
        "created": at(-600),
        "valid_until": at(60 * 24 * 30),
        "tags": {VM_TAG: VM_UUID},
        "runs": () if status == "Ready" else (a_run(-30),),
    }
    return Job(**(defaults | fields))


def an_image(image_id: str = "m-1", **fields: Any) -> Image:
    defaults: dict[str, Any] = {
        "name": image_id,
        "status": "Available",
        "size": 41,
        "snapshot_ids": (f"snap-{image_id}",),
    }
    merged = defaults | fields
    return Image(image_id, **({"snapshot_sizes": dict.fromkeys(merged["snapshot_ids"], merged["size"])} | merged))


def a_disk(disk_id: str = "d-1", **fields: Any) -> Disk:
    return Disk(
        disk_id, **({"status": "In_use", "size": 40, "category": "cloud_essd", "charge_type": "PostPaid"} | fields)
    )


def a_snapshot(snapshot_id: str = "s-1", **fields: Any) -> Snapshot:
    return Snapshot(
        snapshot_id, **({"status": "accomplished", "size": 40, "usage": "none", "created": at(-60)} | fields)
    )


def an_instance(instance_id: str = "i-1", **fields: Any) -> Instance:
    return Instance(instance_id, **({"status": "Running"} | fields))


def a_token(token_id: str = "at-1", **fields: Any) -> AccessToken:
    return AccessToken(token_id, **({"name": "wave", "status": "activated"} | fields))
