# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What SMC keeps, as small dataclasses: sources, jobs, activation codes and workgroups (pure; private to the collection)."""

from __future__ import annotations

import json
import math
import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as _lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import ReplicationRun, newest_complete
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import Wire, listed
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import SERVICES_STOPPED_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_duration, format_moment, read_moment

#: JobType of an agentless migration from VMware; whether SMC infers it is not documented, so it is always sent.
AGENTLESS_VMWARE = 3


@dataclass(frozen=True)
class Source:
    """A migration source: a VM as SMC knows it. Sizes are in GiB."""

    source_id: str
    name: str = ""
    description: str = ""
    state: str = ""
    error_code: str = ""
    status_info: t.Any = None
    job_id: str = ""
    workgroup_id: str = ""
    platform: str = ""
    architecture: str = ""
    agent_version: str = ""
    heartbeat_seconds: t.Optional[int] = None
    hostname: str = ""
    ipv4: tuple[str, ...] = ()
    system_disk_size: int = 0
    data_disk_sizes: dict[int, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    created: t.Optional[datetime] = None

    @classmethod
    def from_wire(cls, wire: Wire) -> Source:
        system, data = _source_disks(wire)
        info = _embedded(wire.get("SystemInfo"))
        info = info if isinstance(info, dict) else {}
        return cls(
            source_id=wire["SourceId"],
            name=wire.get("Name") or "",
            description=wire.get("Description") or "",
            state=_lifecycle.canonical(wire.get("State"), ("Available", "InUse", "Unavailable", "Deleting")),
            error_code=wire.get("ErrorCode") or "",
            status_info=_embedded(wire.get("StatusInfo")),
            job_id=wire.get("JobId") or "",
            workgroup_id=wire.get("WorkgroupId") or "",
            platform=wire.get("Platform") or "",
            architecture=wire.get("Architecture") or "",
            agent_version=wire.get("AgentVersion") or "",
            heartbeat_seconds=wire.get("HeartbeatRate"),
            hostname=str(info.get("hostname") or ""),
            ipv4=_addresses(info.get("ipv4")),
            system_disk_size=system,
            data_disk_sizes=data,
            tags=_tags(wire),
            created=read_moment(wire.get("CreationTime")),
        )

    @property
    def online(self) -> bool:
        return self.state in ("Available", "InUse")

    @property
    def trouble(self) -> str:
        """What is wrong with it, empty when nothing is."""
        if self.online:
            return ""
        told = self.status_info.get("error_msg") if isinstance(self.status_info, dict) else self.status_info
        return ", ".join(str(part) for part in (self.state, self.error_code, told) if part)

    def as_result(self) -> dict[str, t.Any]:
        return {
            "source_id": self.source_id,
            "name": self.name,
            "description": self.description,
            "state": self.state,
            "error_code": self.error_code,
            "status_info": self.status_info,
            "error_reason": self.trouble,
            "job_id": self.job_id or None,
            "workgroup_id": self.workgroup_id or None,
            "platform": self.platform,
            "architecture": self.architecture,
            "agent_version": self.agent_version,
            "heartbeat_seconds": self.heartbeat_seconds,
            "hostname": self.hostname,
            "ipv4": list(self.ipv4),
            "system_disk_size": self.system_disk_size,
            "data_disk_sizes": {str(index): size for index, size in sorted(self.data_disk_sizes.items())},
            "tags": self.tags,
            "created_at": format_moment(self.created),
        }


@dataclass(frozen=True)
class Job:
    """A replication job. Sizes are in GiB, the interval in hours."""

    job_id: str
    source_id: str = ""
    name: str = ""
    description: str = ""
    status: str = ""
    phase: str = ""
    progress: float = 0.0
    error_code: str = ""
    status_info: t.Any = None
    incremental: bool = False
    interval_hours: t.Optional[int] = None
    images_to_keep: t.Optional[int] = None
    image_name: str = ""
    image_id: str = ""
    system_disk_size: t.Optional[int] = None
    data_disk_sizes: dict[int, int] = field(default_factory=dict)
    network_mode: str = "internet"
    vpc_id: str = ""
    vswitch_id: str = ""
    instance_type: str = ""
    replication_parameters: dict[str, t.Any] = field(default_factory=dict)
    license_type: str = ""
    resource_group_id: str = ""
    region_id: str = ""
    intermediate_instance_id: str = ""
    created: t.Optional[datetime] = None
    scheduled_start: t.Optional[datetime] = None
    valid_until: t.Optional[datetime] = None
    ended: t.Optional[datetime] = None
    tags: dict[str, str] = field(default_factory=dict)
    runs: tuple[ReplicationRun, ...] = ()

    @classmethod
    def from_wire(cls, wire: Wire) -> Job:
        system, data = _job_disks(wire)
        parameters = _embedded(wire.get("ReplicationParameters"))
        return cls(
            job_id=wire["JobId"],
            source_id=wire.get("SourceId") or "",
            name=wire.get("Name") or "",
            description=wire.get("Description") or "",
            status=_lifecycle.canonical(wire.get("Status"), _lifecycle.STATUSES),
            phase=_lifecycle.canonical(wire.get("BusinessStatus"), _lifecycle.PHASES),
            progress=float(wire.get("Progress") or 0),
            error_code=wire.get("ErrorCode") or "",
            status_info=_embedded(wire.get("StatusInfo")),
            incremental=wire.get("RunOnce") is False,
            interval_hours=wire.get("Frequency"),
            images_to_keep=wire.get("MaxNumberOfImageToKeep"),
            image_name=wire.get("ImageName") or "",
            image_id=wire.get("ImageId") or "",
            system_disk_size=system,
            data_disk_sizes=data,
            network_mode="vpc" if wire.get("NetMode") == 2 else "internet",
            vpc_id=wire.get("VpcId") or "",
            vswitch_id=wire.get("VSwitchId") or "",
            instance_type=wire.get("InstanceType") or "",
            replication_parameters=parameters if isinstance(parameters, dict) else {},
            license_type=wire.get("LicenseType") or "",
            resource_group_id=wire.get("ResourceGroupId") or "",
            region_id=wire.get("RegionId") or "",
            intermediate_instance_id=wire.get("TransitionInstanceId") or "",
            created=read_moment(wire.get("CreationTime")),
            scheduled_start=read_moment(wire.get("ScheduledStartTime")),
            valid_until=read_moment(wire.get("ValidTime")),
            ended=read_moment(wire.get("EndTime")),
            tags=_tags(wire),
            runs=_runs(wire),
        )

    @property
    def has_run(self) -> bool:
        return bool(self.runs) or self.status not in (_lifecycle.READY, _lifecycle.EXPIRED)

    @property
    def completion_accepted(self) -> bool:
        """Whether SMC has accepted a completion: the job is Finished, or in the phase that only a completion has."""
        return self.status == _lifecycle.FINISHED or (
            self.status == _lifecycle.RUNNING and self.phase == _lifecycle.CLEANING
        )

    @property
    def completing(self) -> bool:
        """Whether a completion was accepted, or may have been, and is not over.

        The time when the services stopped is a tag of the job from right before its completion is sent until they are started again.
        A run that such a job makes may be that of its completion.
        """
        tagged = bool(self.tags.get(SERVICES_STOPPED_TAG))
        return self.status == _lifecycle.RUNNING and (tagged or self.phase == _lifecycle.CLEANING)

    @property
    def newest_run(self) -> t.Optional[ReplicationRun]:
        return newest_complete(self.runs)

    @property
    def told(self) -> str:
        """The job's state in a few words, for progress lines."""
        if self.status == _lifecycle.RUNNING:
            return "job %s: %s, %s, %d %%" % (self.job_id, self.status, self.phase or "?", self.progress)
        if self.status == _lifecycle.IN_ERROR:
            return "job %s: %s (%s)" % (self.job_id, self.status, self.trouble)
        return "job %s: %s" % (self.job_id, self.status)

    @property
    def trouble(self) -> str:
        told = self.status_info.get("error_msg") if isinstance(self.status_info, dict) else self.status_info
        return ", ".join(str(part) for part in (self.error_code, told) if part)

    def as_result(self) -> dict[str, t.Any]:
        return {
            "job_id": self.job_id,
            "source_id": self.source_id,
            "name": self.name,
            "description": self.description,
            "status": self.status,
            "phase": self.phase,
            "progress": self.progress,
            "error_code": self.error_code,
            "status_info": self.status_info,
            "incremental": self.incremental,
            "interval": format_duration(timedelta(hours=self.interval_hours)) if self.interval_hours else None,
            "images_to_keep": self.images_to_keep,
            "image_name": self.image_name,
            "image_id": self.image_id,
            "system_disk_size": self.system_disk_size,
            "data_disk_sizes": {str(index): size for index, size in sorted(self.data_disk_sizes.items())},
            "network_mode": self.network_mode,
            "vpc_id": self.vpc_id,
            "vswitch_id": self.vswitch_id,
            "instance_type": self.instance_type,
            "replication_parameters": self.replication_parameters,
            "license_type": self.license_type,
            "resource_group_id": self.resource_group_id,
            "region_id": self.region_id,
            "intermediate_instance_id": self.intermediate_instance_id or None,
            "created_at": format_moment(self.created),
            "scheduled_start_at": format_moment(self.scheduled_start),
            "expires_at": format_moment(self.valid_until),
            "ended_at": format_moment(self.ended),
            "tags": self.tags,
            "runs": [run.as_result() for run in sorted(self.runs, key=lambda run: run.began)],
        }


@dataclass(frozen=True)
class AccessToken:
    """An activation code, without the code: SMC tells that only once, when it is made."""

    token_id: str
    name: str = ""
    description: str = ""
    status: str = ""
    uses: int = 0
    used: int = 0
    valid_days: int = 0
    created: t.Optional[datetime] = None

    @classmethod
    def from_wire(cls, wire: Wire) -> AccessToken:
        return cls(
            token_id=wire["AccessTokenId"],
            name=wire.get("Name") or "",
            description=wire.get("Description") or "",
            status=_lifecycle.canonical(wire.get("Status"), ("activated", "unactivated", "expired")),
            uses=int(wire.get("Count") or 0),
            used=int(wire.get("RegisteredCount") or 0),
            valid_days=int(wire.get("TimeToLiveInDays") or 0),
            created=read_moment(wire.get("CreationTime")),
        )

    def as_result(self) -> dict[str, t.Any]:
        return {
            "access_token_id": self.token_id,
            "name": self.name,
            "description": self.description,
            "status": self.status,
            "max_uses": self.uses,
            "used": self.used,
            "valid_for": f"{self.valid_days}d",
            "created_at": format_moment(self.created),
        }


@dataclass(frozen=True)
class Workgroup:
    """A wave of sources; the warnings are SMC's, as kind -> ids of the sources that they are about."""

    workgroup_id: str
    name: str = ""
    description: str = ""
    status: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def from_wire(cls, wire: Wire) -> Workgroup:
        warnings = listed(wire, "Warnings", "Warning")
        return cls(
            workgroup_id=wire["WorkgroupId"],
            name=wire.get("Name") or "",
            description=wire.get("Description") or "",
            status=_lifecycle.canonical(wire.get("Status"), ("NotStarted", "InProgress", "Cutover", "Completed")),
            tags=_tags(wire),
            warnings={
                _lifecycle.canonical(warning.get("WarningType"), ("InError", "UnRelated", "NotPassed")): tuple(
                    listed(warning, "SourceIds", "SourceId")
                )
                for warning in warnings
            },
        )

    def as_result(self) -> dict[str, t.Any]:
        return {
            "workgroup_id": self.workgroup_id,
            "name": self.name,
            "description": self.description,
            "status": self.status,
            "tags": self.tags,
            "warnings": {kind: list(source_ids) for kind, source_ids in sorted(self.warnings.items())},
        }


def _tags(wire: Wire) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value") or "" for tag in listed(wire, "Tags", "Tag")}


def _runs(wire: Wire) -> tuple[ReplicationRun, ...]:
    runs = []
    for record in listed(wire, "ReplicationJobRuns", "ReplicationJobRun"):
        began = read_moment(record.get("StartTime"))
        if began is not None:
            runs.append(
                ReplicationRun(
                    began, read_moment(record.get("EndTime")), record.get("ImageId") or None, record.get("Type") or ""
                )
            )
    return tuple(runs)


def _embedded(text: t.Any) -> t.Any:
    """JSON that SMC sends inside a string, sometimes escaped twice; the text itself when it is none."""
    value = text
    for _level in range(3):
        if not isinstance(value, str) or not value.strip():
            break
        try:
            value = json.loads(value)
        except ValueError:
            break
    return value or None


def _addresses(value: t.Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else str(value or "").replace(";", ",").split(",")
    return tuple(str(item).strip() for item in items if str(item).strip())


def _source_disks(wire: Wire) -> tuple[int, dict[int, int]]:
    """System disk and data disks by index; SMC fills the older shape, the newer one, or both."""
    system = _gib(wire.get("SystemDiskSize"))
    data = {int(disk["Index"]): _gib(disk.get("Size")) for disk in listed(wire, "DataDisks", "DataDisk")}
    disks = wire.get("Disks") or {}
    if not system:
        system = _gib((disks.get("System") or {}).get("Size"))
    if not data:
        data = {index: _gib(disk.get("Size")) for index, disk in enumerate(listed(disks, "Data", "Data"), start=1)}
    return system, data


def _job_disks(wire: Wire) -> tuple[t.Optional[int], dict[int, int]]:
    system, data = _source_disks(wire)
    return system or None, data


def _gib(size: t.Any) -> int:
    return math.ceil(float(size or 0))
