# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is sent to create an incremental job (pure; private to the collection)."""

from __future__ import annotations

import json
import typing as t
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.job_attributes import SMALLEST_DISK
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.job_lifecycle import DEFAULT_VALIDITY
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import (
    AGENTLESS_VMWARE,
    JOB_ATTRIBUTES,
    Job,
    Source,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import client_token, wire_tags
from ansible_collections.cutover.smc.plugins.module_utils._core import markers
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_drift import to_wire
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_spec import EXTENSION, JobSpec


def with_defaults(attributes: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The declared attributes, and the defaults of a new job."""
    defaults = {name: attribute.default for name, attribute in JOB_ATTRIBUTES.items() if attribute.default is not None}
    return {**defaults, **attributes}


def creation_parameters(
    spec: JobSpec, source: t.Optional[Source], previous: t.Optional[Job], now: datetime
) -> dict[str, t.Any]:
    """The parameters of CreateReplicationJob, in SMC's names.

    Destination disks must be larger than the source's. What is not declared is the source's size plus one GiB, at least 20 GiB.

    :param previous: the finished job of the source
    :param now: SMC's clock
    """
    attributes = with_defaults(spec.attributes)
    if source:
        attributes.setdefault("name", default_name(source, previous))
        attributes.setdefault("system_disk_size", larger(source.system_disk_size))
        calculated = {index: larger(size) for index, size in source.data_disk_sizes.items()}
        attributes["data_disk_sizes"] = {**calculated, **attributes.get("data_disk_sizes", {})}
    if attributes.get("name"):
        attributes.setdefault("image_name", attributes["name"])
    validities = [spec.valid_for] if spec.valid_for else []
    if spec.valid_at_least and spec.valid_at_least > (spec.valid_for or DEFAULT_VALIDITY):
        validities.append(spec.valid_at_least + EXTENSION)
    if validities:
        attributes["valid_until"] = now + max(validities)
    attributes["scheduled_start"] = spec.scheduled_start
    parameters = dict(
        to_wire(attributes),
        JobType=AGENTLESS_VMWARE,
        TargetType="Image",
        RunOnce=False,
        RegionId=spec.region_id,
        Tag=wire_tags(job_tags(spec, source)) or [],
        **({"SourceId": source.source_id} if source else {}),
    )
    return dict(parameters, ClientToken=creation_token(parameters, previous))


def default_name(source: Source, previous: t.Optional[Job]) -> str:
    """A name that no job has: SMC requires it to be unique, and a finished job keeps its own."""
    name = f"cutover-{source.source_id}"
    return f"{name}-{previous.job_id[-6:]}" if previous else name


def larger(size: int) -> int:
    """GiB of a destination disk for a source disk of this size."""
    return max(SMALLEST_DISK, size + 1)


def job_tags(spec: JobSpec, source: t.Optional[Source]) -> dict[str, str]:
    """The tags that the job must have; without a declared VM, the source names it."""
    vm_uuid = spec.vm_uuid or (source.tags.get(markers.VM_TAG) if source else None)
    return {**spec.tags, **markers.of(vm_uuid=vm_uuid, project=spec.project)}


def creation_token(parameters: dict[str, t.Any], previous: t.Optional[Job]) -> str:
    """Derived from what is created and from the job before it: the same creation, however often it is sent, makes one job.

    Times are left out, because they are calculated from the clock and differ between two attempts.
    """
    lasting = {key: value for key, value in parameters.items() if key not in ("ValidTime", "ScheduledStartTime")}
    return client_token(json.dumps([lasting, previous.job_id if previous else None], sort_keys=True))
