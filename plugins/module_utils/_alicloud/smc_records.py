# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What SMC keeps: sources, jobs, activation codes and workgroups (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.job_attributes import (
    SMALLEST_DISK,
    attribute,
    attributes_of,
    calculated,
    data_disks,
    integer,
    option,
    parts,
    upper_case,
    whole_hours,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.job_lifecycle import Change
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.record import (
    COUNT,
    DAYS,
    DISK_SIZES,
    EMBEDDED,
    EMBEDDED_OBJECT,
    HOURS,
    LIST,
    PERCENT,
    REFERENCE,
    TIME,
    VALUE,
    Codec,
    Record,
    embedded,
    enumeration,
    gib,
    identifier,
    numbered,
    wire,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import ReplicationRun, newest_complete
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import Wire, listed
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import SERVICES_STOPPED_TAG

#: JobType of an agentless migration from VMware. Whether SMC infers it is not documented, so it is always sent.
AGENTLESS_VMWARE = 3


def _tags(answer: Wire) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value") or "" for tag in listed(answer, "Tags", "Tag")}


def _system_disk(answer: Wire) -> int:
    """GiB of the system disk; SMC fills the older shape, the newer one, or both."""
    disks = answer.get("Disks") or {}
    return gib(answer.get("SystemDiskSize")) or gib((disks.get("System") or {}).get("Size"))


def _data_disks(answer: Wire) -> dict[int, int]:
    """GiB of the data disks by their index, in the same two shapes."""
    older = {int(disk["Index"]): gib(disk.get("Size")) for disk in listed(answer, "DataDisks", "DataDisk")}
    newer = listed(answer.get("Disks") or {}, "Data", "Data")
    return older or {index: gib(disk.get("Size")) for index, disk in enumerate(newer, start=1)}


def _system_info(answer: Wire) -> dict[str, t.Any]:
    info = embedded(answer.get("SystemInfo"))
    return info if isinstance(info, dict) else {}


def _hostname(answer: Wire) -> str:
    return str(_system_info(answer).get("hostname") or "")


def _addresses(answer: Wire) -> list[str]:
    value = _system_info(answer).get("ipv4")
    items = value if isinstance(value, list) else str(value or "").replace(";", ",").split(",")
    return [str(item).strip() for item in items if str(item).strip()]


def _runs(answer: Wire) -> list[ReplicationRun]:
    runs = [ReplicationRun.from_wire(run) for run in listed(answer, "ReplicationJobRuns", "ReplicationJobRun")]
    return [run for run in runs if run.began is not None]


def _warnings(answer: Wire) -> dict[str, tuple[str, ...]]:
    kinds = enumeration("InError", "UnRelated", "NotPassed")
    return {
        kinds.read(warning.get("WarningType")): tuple(listed(warning, "SourceIds", "SourceId"))
        for warning in listed(answer, "Warnings", "Warning")
    }


def _reason(*codes: str, status_info: t.Any) -> str:
    """The codes and the text that SMC gives for an error, as far as it gives any."""
    text = status_info.get("error_msg") if isinstance(status_info, dict) else status_info
    return ", ".join(str(part) for part in (*codes, text) if part)


@dataclass(frozen=True)
class Source(Record):
    """A migration source: a VM as SMC knows it. Sizes are in GiB."""

    source_id: str = identifier("SourceId")
    name: str = wire("Name")
    description: str = wire("Description")
    state: str = wire("State", enumeration("Available", "InUse", "Unavailable", "Deleting"))
    error_code: str = wire("ErrorCode")
    status_info: t.Any = wire("StatusInfo", EMBEDDED)
    job_id: str = wire("JobId", REFERENCE)
    workgroup_id: str = wire("WorkgroupId", REFERENCE)
    platform: str = wire("Platform")
    architecture: str = wire("Architecture")
    agent_version: str = wire("AgentVersion")
    heartbeat_seconds: t.Optional[int] = wire("HeartbeatRate", VALUE)
    hostname: str = wire(_hostname)
    ipv4: tuple[str, ...] = wire(_addresses, LIST)
    system_disk_size: int = wire(_system_disk, COUNT)
    data_disk_sizes: dict[int, int] = wire(_data_disks, DISK_SIZES)
    tags: dict[str, str] = wire(_tags, VALUE)
    created: t.Optional[datetime] = wire("CreationTime", TIME, shown="created_at")

    @property
    def online(self) -> bool:
        return self.state in ("Available", "InUse")

    @property
    def error_reason(self) -> str:
        """What is wrong with it; empty when nothing is."""
        return "" if self.online else _reason(self.state, self.error_code, status_info=self.status_info)

    def as_result(self) -> dict[str, t.Any]:
        return dict(super().as_result(), error_reason=self.error_reason)


@dataclass(frozen=True)
class Job(Record):
    """A replication job. Sizes are in GiB.

    The fields that are an ``attribute`` are those that a user can declare. Each has everything that there is to know of it on
    its line: the name in SMC, the forms, the option, when it may be changed, and what a new job gets.
    """

    job_id: str = identifier("JobId")
    source_id: str = wire("SourceId")
    name: str = attribute("Name", change=Change.ANY_TIME)
    description: str = attribute("Description", change=Change.ANY_TIME)
    interval: t.Optional[timedelta] = attribute(
        "Frequency",
        HOURS,
        declared=option(whole_hours("1h", "7d")),
        change=Change.WHEN_WAITING,
        default=timedelta(hours=24),
    )
    images_to_keep: t.Optional[int] = attribute(
        "MaxNumberOfImageToKeep", VALUE, declared=option(integer(1, 10)), change=Change.WHEN_WAITING, default=2
    )
    image_name: str = attribute("ImageName")
    system_disk_size: t.Optional[int] = attribute(
        "SystemDiskSize",
        Codec(lambda size: size or None),
        read=_system_disk,
        declared=option(integer(SMALLEST_DISK, 2048)),
    )
    data_disk_sizes: dict[int, int] = attribute("DataDisk", DISK_SIZES, read=_data_disks, declared=data_disks)
    network_mode: str = attribute("NetMode", numbered({"internet": 0, "vpc": 2}))
    vpc_id: str = attribute("VpcId")
    vswitch_id: str = attribute("VSwitchId")
    instance_type: str = attribute("InstanceType")
    replication_parameters: dict[str, t.Any] = attribute(
        "ReplicationParameters",
        EMBEDDED_OBJECT,
        declared=parts(
            {
                "bandwidth_limit": ("bandwidth_limit", integer(0, 2**31)),
                "compress_level": ("compression_level", integer(0, 10)),
                "checksum": ("checksum", lambda _option, value: value),
            }
        ),
    )
    license_type: str = attribute("LicenseType", declared=option(upper_case), change=Change.NEVER)
    resource_group_id: str = attribute("ResourceGroupId", change=Change.NEVER)
    valid_until: t.Optional[datetime] = attribute(
        "ValidTime", TIME, declared=calculated, change=Change.WHILE_ALIVE, shown="expires_at"
    )
    scheduled_start: t.Optional[datetime] = attribute(
        "ScheduledStartTime", TIME, declared=calculated, shown="scheduled_start_at"
    )
    status: str = wire("Status", enumeration(*job_lifecycle.STATUSES))
    phase: str = wire("BusinessStatus", enumeration(*job_lifecycle.PHASES))
    progress: float = wire("Progress", PERCENT)
    error_code: str = wire("ErrorCode")
    status_info: t.Any = wire("StatusInfo", EMBEDDED)
    incremental: bool = wire("RunOnce", Codec(lambda once: once is False))
    image_id: str = wire("ImageId")
    region_id: str = wire("RegionId")
    intermediate_instance_id: str = wire("TransitionInstanceId", REFERENCE)
    created: t.Optional[datetime] = wire("CreationTime", TIME, shown="created_at")
    ended: t.Optional[datetime] = wire("EndTime", TIME, shown="ended_at")
    tags: dict[str, str] = wire(_tags, VALUE)
    runs: tuple[ReplicationRun, ...] = wire(
        _runs,
        Codec(tuple, show=lambda runs: [run.as_result() for run in sorted(runs, key=lambda run: run.began)]),
    )

    @property
    def has_run(self) -> bool:
        return bool(self.runs) or self.status not in (job_lifecycle.READY, job_lifecycle.EXPIRED)

    @property
    def completion_accepted(self) -> bool:
        """Whether SMC has accepted a completion: the job is Finished, or in the phase that only a completion has."""
        return self.status == job_lifecycle.FINISHED or (
            self.status == job_lifecycle.RUNNING and self.phase == job_lifecycle.CLEANING
        )

    @property
    def completing(self) -> bool:
        """Whether a completion was accepted, or may have been, and is not over.

        The time when the services stopped is a tag of the job from right before its completion is sent until they are started again.
        A run that such a job makes may be that of its completion.
        """
        tagged = bool(self.tags.get(SERVICES_STOPPED_TAG))
        return self.status == job_lifecycle.RUNNING and (tagged or self.phase == job_lifecycle.CLEANING)

    @property
    def newest_run(self) -> t.Optional[ReplicationRun]:
        """The newest run that has made an image."""
        return newest_complete(self.runs)

    @property
    def summary(self) -> str:
        """The job's state in a few words, for progress lines."""
        if self.status == job_lifecycle.RUNNING:
            return f"job {self.job_id}: {self.status}, {self.phase or '?'}, {int(self.progress)} %"
        if self.status == job_lifecycle.IN_ERROR:
            return f"job {self.job_id}: {self.status} ({self.error_reason})"
        return f"job {self.job_id}: {self.status}"

    @property
    def error_reason(self) -> str:
        """What SMC says is wrong; empty when nothing is."""
        return _reason(self.error_code, status_info=self.status_info)


#: Everything about a job that a user can declare, by its name.
JOB_ATTRIBUTES = attributes_of(fields(Job))


@dataclass(frozen=True)
class AccessToken(Record):
    """An activation code, without the code: SMC returns that only once, when it creates it."""

    token_id: str = identifier("AccessTokenId", shown="access_token_id")
    name: str = wire("Name")
    description: str = wire("Description")
    status: str = wire("Status", enumeration("activated", "unactivated", "expired"))
    uses: int = wire("Count", COUNT, shown="max_uses")
    used: int = wire("RegisteredCount", COUNT)
    valid_days: int = wire("TimeToLiveInDays", DAYS, shown="valid_for")
    created: t.Optional[datetime] = wire("CreationTime", TIME, shown="created_at")


@dataclass(frozen=True)
class Workgroup(Record):
    """A group of sources; the warnings are SMC's, as kind -> IDs of the sources that they are about."""

    workgroup_id: str = identifier("WorkgroupId")
    name: str = wire("Name")
    description: str = wire("Description")
    status: str = wire("Status", enumeration("NotStarted", "InProgress", "Cutover", "Completed"))
    tags: dict[str, str] = wire(_tags, VALUE)
    warnings: dict[str, tuple[str, ...]] = wire(
        _warnings, Codec(show=lambda warnings: {kind: list(ids) for kind, ids in sorted(warnings.items())})
    )
