"""Migration sources: describe, modify, delete, and how they appear on the wire."""

from __future__ import annotations

import json
from typing import Any

from lab.alicloud.http.validation import checked_description, checked_name
from lab.alicloud.http.wire import Parameters, page_bounds
from lab.alicloud.replication.lifecycle import Lifecycle
from lab.alicloud.world.errors import CloudError, error
from lab.alicloud.world.records import Source, SourceDisk
from lab.alicloud.world.store import Store
from lab.alicloud.world.timefmt import seconds_format

STATES = ("Unavailable", "Available", "InUse", "Deleting")
_RELATED = {0: "Server", 1: "Os", 2: "Cross_Zone", 3: "VMWare"}
_AGENT_VERSION = "2.8.6"


def smc_tags(tags: dict[str, str]) -> dict[str, Any]:
    """Tags as SMC writes them: `Key`/`Value`, unlike ECS."""
    return {"Tag": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


def tags_match(tags: dict[str, str], wanted: list[Parameters]) -> bool:
    """Whether all tag filters hold; a filter without a value matches the key alone."""
    return all(
        item.text("Key") in tags and ("Value" not in item or tags[item.text("Key")] == item["Value"]) for item in wanted
    )


class Sources:
    """The actions on sources."""

    def __init__(self, store: Store, lifecycle: Lifecycle) -> None:
        self._store = store
        self._lifecycle = lifecycle

    def find(self, source_id: str) -> Source:
        """The source of this id, or the error that the switch selects."""
        source = self._store.sources.get(source_id)
        if source is None:
            if self._store.switches.text("unknown_source_error") == "invalid_state":
                raise error("SourceServerState.Invalid", "NotExist", "Available")
            raise error("InvalidSourceId.NotFound")
        return source

    def invalid_state(self, source: Source, allowed: str) -> CloudError:
        """This action cannot be done in the source's present state."""
        return error("SourceServerState.Invalid", self._store.source_state(source), allowed)

    # -- actions -------------------------------------------------------------------------------------------------

    def describe(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeSourceServers."""
        number, size = page_bounds(parameters)
        found = [source for source in self._store.sources.values() if self._matches(source, parameters)]
        page = found[(number - 1) * size : number * size]
        return {
            "PageNumber": number,
            "PageSize": size,
            "TotalCount": len(found),
            "SourceServers": {"SourceServer": [self._view(source) for source in page]},
        }

    def _matches(self, source: Source, parameters: Parameters) -> bool:
        ids, related = parameters.texts("SourceId", 100), parameters.texts("RelatedJobType", 100)
        job_id = parameters.text("JobId")
        exact = (
            ("State", self._store.source_state(source)),
            ("ResourceGroupId", source.resource_group_id),
        )
        return (
            (not ids or source.source_id in ids)
            and all(
                not parameters.text(name) or parameters.text(name).lower() == value.lower() for name, value in exact
            )
            and self._name_matches(source, parameters.text("Name"))
            and (not job_id or any(job.job_id == job_id for job in self._store.jobs_of(source.source_id)))
            and (not related or bool(self._related(source) & {value.lower() for value in related}))
            and parameters.text("WorkgroupId") in ("", source.workgroup_id)
            and tags_match(source.tags, parameters.objects("Tag", 20))
        )

    def _name_matches(self, source: Source, name: str) -> bool:
        part = self._store.switches.text("source_name_filter") == "part"
        return name in source.name if part else name in ("", source.name)

    def _related(self, source: Source) -> set[str]:
        jobs = self._store.jobs_of(source.source_id)
        related = {_RELATED[job.job_type] for job in jobs} or {"Not_Related"}
        if source.moref and self._store.switches.on("related_job_type_before_job"):
            related.add("VMWare")
        return {value.lower() for value in related}

    def modify(self, parameters: Parameters) -> dict[str, Any]:
        """ModifySourceServerAttribute."""
        source = self.find(parameters.required("SourceId"))
        name, description = checked_name(parameters, "Name"), checked_description(parameters)
        if source.deleting:
            raise self.invalid_state(source, "Available,InUse,Unavailable")
        if name and any(other.name == name and other is not source for other in self._store.sources.values()):
            raise error("SourceServerName.Duplicate")
        source.name = name or source.name
        if "Description" in parameters:
            source.description = description
        return {}

    def delete(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteSourceServer."""
        source = self.find(parameters.required("SourceId"))
        force = bool(parameters.boolean("Force"))
        if source.deleting:
            raise self.invalid_state(source, "Available,InUse,Unavailable")
        jobs = [job for job in self._store.jobs_of(source.source_id) if job.status != "Deleting"]
        if any(job.status == "Running" for job in jobs):
            raise error("SourceServer.WithRunningReplicationJob")
        if jobs and not force:
            raise error("ReplicationJob.Related", ",".join(job.job_id for job in jobs))
        self._lifecycle.delete_source(source)
        return {}

    # -- view ----------------------------------------------------------------------------------------------------

    def _view(self, source: Source) -> dict[str, Any]:
        online = self._store.source_online(source)
        state = self._store.source_state(source)
        view: dict[str, Any] = {
            "AgentVersion": _AGENT_VERSION,
            "Architecture": source.vm.get("architecture", "x86_64"),
            "CreationTime": seconds_format(source.created),
            "Description": source.description,
            "ErrorCode": "" if online else "SourceServer.Offline",
            "HeartbeatRate": 30,
            "JobId": source.last_job_id,
            "KernelLevel": 1,
            "Name": source.name,
            "Platform": source.vm.get("platform", ""),
            "ReplicationDriver": "SMT",
            "ResourceGroupId": source.resource_group_id,
            "SourceId": source.source_id,
            "State": state.lower() if self._store.switches.on("lower_case_enums") else state,
            "StatusInfo": "" if online else _offline_info(),
            "SystemInfo": _system_info(source.vm, self._store.switches.text("system_info_escaped") == "twice"),
            "Tags": smc_tags(source.tags),
            "WorkgroupId": source.workgroup_id,
        }
        shape = self._store.switches.text("disk_shape")
        if shape in ("both", "old"):
            view |= _old_disks(source)
        if shape in ("both", "new"):
            view["Disks"] = _new_disks(source)
        return view


def _offline_info() -> str:
    return json.dumps({"error_code": "SourceServer.Offline", "error_msg": "No heartbeat of the client was received."})


def _system_info(vm: dict[str, Any], twice: bool) -> str:
    """A JSON string, which may be inside another JSON string."""
    info = {
        "agent_mode": "vmware",
        "agent_type": "goto_aliyun",
        "client_type": "VMware",
        "hostname": str(vm.get("host_name", "")),
        "ipv4": str(vm.get("ipv4", "")),
        "ipv6": "",
        "cores": vm.get("cores", 0),
        "cpu_usage": 0,
        "memory": vm.get("memory", 0),
        "memory_usage": 0,
    }
    return json.dumps(json.dumps(info)) if twice else json.dumps(info)


def _old_disks(source: Source) -> dict[str, Any]:
    return {
        "SystemDiskSize": source.system_disk.size_gib,
        "SystemDiskParts": {"SystemDiskPart": [_old_part(0, source.system_disk)]},
        "DataDisks": {
            "DataDisk": [
                {
                    "Index": index,
                    "Path": disk.file_name,
                    "Size": disk.size_gib,
                    "Parts": {"Part": [_old_part(index, disk)]},
                }
                for index, disk in enumerate(source.data_disks, start=1)
            ]
        },
    }


def _old_part(index: int, disk: SourceDisk) -> dict[str, Any]:
    return {"CanBlock": True, "Device": f"{index}_0", "Need": True, "Path": "", "SizeBytes": disk.size_bytes}


def _new_disks(source: Source) -> dict[str, Any]:
    return {
        "System": _new_disk(source.system_disk, "System"),
        "Data": {"Data": [_new_disk(disk, "Normal") for disk in source.data_disks]},
    }


def _new_disk(disk: SourceDisk, kind: str) -> dict[str, Any]:
    part = {"CanBlock": True, "Path": "", "SizeBytes": disk.size_bytes, "Type": kind}
    return {"Offset": 0, "Size": disk.size_gib, "Parts": {"Part": [part]}}
