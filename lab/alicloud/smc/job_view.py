"""How a replication job appears on the wire."""

from __future__ import annotations

from typing import Any

from lab.alicloud.smc.sources import smc_tags
from lab.alicloud.world.records import PLAIN_TEXTS, Job, Part, Run, TargetDisk
from lab.alicloud.world.settings import Switches
from lab.alicloud.world.timefmt import seconds_format


def job_view(job: Job, workgroup_id: str, switches: Switches) -> dict[str, Any]:
    """One element of ReplicationJobs.ReplicationJob."""

    def enum(value: str) -> str:
        return value.lower() if switches.on("lower_case_enums") else value

    view: dict[str, Any] = {
        "BusinessStatus": enum(job.business_status),
        "CreationTime": seconds_format(job.created),
        "Description": job.description,
        "EndTime": seconds_format(job.end),
        "ErrorCode": job.error_code,
        "ImageId": _image_id(job, switches),
        "ImageName": job.image_name,
        "JobId": job.job_id,
        "JobType": job.job_type,
        "LicenseType": job.license_type,
        "Name": job.name,
        "NetMode": job.net_mode,
        "Progress": round(job.progress, 1),
        "RegionId": job.region_id,
        "ReplicationJobRuns": {"ReplicationJobRun": _runs(job, switches, enum)},
        "ReplicationParameters": job.replication_parameters,
        "ResourceGroupId": job.resource_group_id,
        "RunOnce": job.run_once,
        "ScheduledStartTime": seconds_format(job.scheduled_start),
        "SourceId": job.source_id,
        "StartTime": seconds_format(job.start),
        "Status": enum(job.status),
        "StatusInfo": job.status_info,
        "Tags": smc_tags(job.tags),
        "TargetType": enum(job.target_type),
        "TransitionInstanceId": job.transition_instance_id,
        "VSwitchId": job.vswitch_id,
        "ValidTime": seconds_format(job.valid_time),
        "VpcId": job.vpc_id,
        "WorkgroupId": workgroup_id,
        **{wire_name: getattr(job, attribute) for wire_name, attribute in PLAIN_TEXTS.items()},
    }
    if not job.run_once:
        view |= {"Frequency": job.frequency, "MaxNumberOfImageToKeep": job.images_to_keep}
    return view | _disks(job, switches.text("disk_shape"))


def _image_id(job: Job, switches: Switches) -> str:
    if not job.run_once and switches.text("job_image_id") == "none":
        return ""
    return job.image_ids[-1] if job.image_ids else ""


def _runs(job: Job, switches: Switches, enum: Any) -> list[dict[str, Any]]:
    runs = [_run(run, enum) for run in job.runs if run.end or switches.on("running_record_listed")]
    return runs if switches.text("run_order") == "oldest_first" else runs[::-1]


def _run(run: Run, enum: Any) -> dict[str, Any]:
    view = {"StartTime": seconds_format(run.start), "Type": enum(run.kind)}
    if run.end:
        view |= {"EndTime": seconds_format(run.end), "ImageId": run.image_id}
    return view


def _disks(job: Job, shape: str) -> dict[str, Any]:
    view: dict[str, Any] = {}
    if shape in ("both", "old"):
        view |= {
            "SystemDiskSize": job.system_disk.size_gib,
            "SystemDiskParts": {"SystemDiskPart": [_old_part(part) for part in job.system_disk.parts]},
            "DataDisks": {
                "DataDisk": [
                    {"Index": d.index, "Size": d.size_gib, "Parts": {"Part": [_old_part(part) for part in d.parts]}}
                    for d in job.data_disks
                ]
            },
        }
    if shape in ("both", "new"):
        view["Disks"] = {
            "System": _new_disk(job.system_disk),
            "Data": {"Data": [_new_disk(disk) for disk in job.data_disks]},
        }
    return view


def _old_part(part: Part) -> dict[str, Any]:
    return {"Block": part.block, "Device": part.device, "SizeBytes": part.size_bytes}


def _new_disk(disk: TargetDisk) -> dict[str, Any]:
    parts = [{"Block": part.block, "Path": part.path, "SizeBytes": part.size_bytes} for part in disk.parts]
    view: dict[str, Any] = {"DiskId": disk.disk_id, "Size": disk.size_gib, "Parts": {"Part": parts}}
    return view if disk.lvm is None else view | {"LVM": disk.lvm}
