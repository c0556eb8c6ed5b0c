# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the migrations of many VMs in one pass over vCenter, SMC and ECS (private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import clock
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs import EcsClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._cbt.info import read_vms
from ansible_collections.cutover.smc.plugins.module_utils._cbt.report import describe as describe_vm
from ansible_collections.cutover.smc.plugins.module_utils._cbt.selection import skipped_disks_of_each
from ansible_collections.cutover.smc.plugins.module_utils._concerns.assessment import RULE_IDS
from ansible_collections.cutover.smc.plugins.module_utils._concerns.waivers import read_waivers, today
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import CutoverError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import VERIFIES_IMAGE_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, Params, Result
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp
from ansible_collections.cutover.smc.plugins.module_utils._jobs.wait_goal import describe as describe_job
from ansible_collections.cutover.smc.plugins.module_utils._migration.join import Cloud, join
from ansible_collections.cutover.smc.plugins.module_utils._migration.migration import (
    STAGES,
    Migration,
    expires_at,
    needed_steps,
    obstacles,
    stage,
)


def run(params: Params, context: Context) -> Result:
    """The handler of ``migration_info``."""
    waivers = read_waivers(params["waivers"], RULE_IDS)  # an error in them is reported before anything is read
    vms, not_found, fleet = read_vms(params)
    skips = {vm.moid: skip for vm, skip in zip(vms, skipped_disks_of_each(vms, params["skip_disks"]))}
    day = today()
    described = {vm.moid: describe_vm(vm, skips[vm.moid], waivers, day, params["snapshots"]) for vm in vms}
    blockers = {
        moid: [(concern["message"], concern["remedy"]) for concern in vm["blockers"]] for moid, vm in described.items()
    }
    connection = Connection.from_params(params)
    smc = SmcClient(connection)
    cloud, unread = read_cloud(smc, EcsClient(connection))
    warning = clock.skew_warning(smc.clock_offset)
    for text in filter(None, (warning, unread)):
        context.warn(text)
    found = join(vms, cloud, skips, blockers, fleet)
    migrations = [
        as_result(migration, described[migration.vm.moid], smc.now, params["steps"], params["forecast_runs"])
        for migration in found
    ]
    return {
        "changed": False,
        "migrations": migrations,
        "by_name": {migration["name"]: migration for migration in migrations},
        "summary": summarize(migrations, not_found),
        "not_found": not_found,
        "unread": unread,
        "cloud_time": format_timestamp(smc.now),
        "clock_offset": smc.clock_offset,
    }


def read_cloud(smc: SmcClient, ecs: EcsClient) -> tuple[Cloud, str]:
    """All sources and jobs of the account, and our own images and verification instances of the region.

    Sources come before jobs: a job that is created in between belongs to a source that has been read.

    :return: the lists, and why ECS could not be read; a fleet whose images are unknown can still be shown
    """
    sources = smc.sources()
    jobs = smc.jobs()
    try:
        images = ecs.images()
        instances = ecs.instances(tags={VERIFIES_IMAGE_TAG: None})  # type: ignore[dict-item]
    except CutoverError as error:
        return Cloud(sources, jobs), str(error)
    return Cloud(sources, jobs, images, instances), ""


def as_result(
    migration: Migration, vm: Result, now: datetime, wanted: t.Sequence[str], forecast_runs: int
) -> dict[str, t.Any]:
    """One migration as the module returns it; what is not known is null."""
    job, images = migration.job, migration.images
    final = migration.final_image_id
    return {
        "name": migration.vm.name,
        "moid": migration.vm.moid,
        "uuid": migration.vm.uuid,
        "stage": stage(migration),
        "steps": needed_steps(migration, wanted),
        "blocked_by": [obstacle.as_result() for obstacle in obstacles(migration)],
        "vm": vm,
        "source": dict(migration.source.as_result()) if migration.source else None,
        "job": describe_job(job, now, forecast_runs) if job else None,
        "images": None if images is None else [images[image_id].as_result() for image_id in sorted(images)],
        "newest_image_id": migration.newest_image_id or None,
        "verified_image_id": migration.verified_image_id or None,
        "final_image": {"image_id": final, "exists": migration.exists(final)} if final else None,
        "instances": None
        if migration.instances is None
        else [instance.as_result() for instance in migration.instances],
        "services_stopped_at": migration.services_stopped_at or None,
        "expires_at": format_timestamp(expires_at(migration)),
    }


def summarize(migrations: t.Sequence[Result], not_found: t.Sequence[str]) -> Result:
    """How many VMs are in which stage, which need which step, and which are blocked."""
    steps: dict[str, list[str]] = {}
    for migration in migrations:
        for step in migration["steps"]:
            steps.setdefault(step, []).append(migration["name"])
    return {
        "total": len(migrations),
        "stages": {name: sum(migration["stage"] == name for migration in migrations) for name in STAGES},
        "steps": steps,
        "blocked": [migration["name"] for migration in migrations if migration["blocked_by"]],
        "not_found": len(not_found),
    }
