"""Replication jobs: create, describe, modify, start, stop, cut over, delete."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from lab.alicloud.http.validation import (
    checked_client_token,
    checked_image_name,
    checked_job_description,
    checked_name,
    checked_replication_parameters,
)
from lab.alicloud.http.wire import Parameters, page_bounds
from lab.alicloud.replication.lifecycle import Lifecycle
from lab.alicloud.smc import job_request
from lab.alicloud.smc.job_view import job_view
from lab.alicloud.smc.sources import Sources, tags_match
from lab.alicloud.world.errors import CloudError, error, invalid, missing
from lab.alicloud.world.records import AGENTLESS_JOB, PLAIN_TEXTS, Job, Source
from lab.alicloud.world.store import Store

DEFAULT_VALIDITY = timedelta(days=30)
# Section 2.5: in which states which attribute may change.
_ANY = ("Ready", "Running", "Stopped", "InError", "Waiting", "Finished", "Expired")
_VALIDITY_STATES = ("Ready", "Running", "Stopped", "InError", "Waiting")
# Everything else may change only before the first run.
_BEFORE_FIRST_RUN = frozenset(PLAIN_TEXTS) | {
    "TargetType",
    "ImageName",
    "NetMode",
    "VSwitchId",
    "VpcId",
    "SystemDiskSize",
    "SystemDiskPart",
    "DataDisk",
    "ScheduledStartTime",
    "ReplicationParameters",
}


class Jobs:
    """The actions on jobs."""

    def __init__(self, store: Store, lifecycle: Lifecycle, sources: Sources) -> None:
        self._store = store
        self._lifecycle = lifecycle
        self._sources = sources

    # -- create --------------------------------------------------------------------------------------------------

    def create(self, parameters: Parameters) -> dict[str, Any]:
        """CreateReplicationJob: the job is Ready afterwards."""
        token = checked_client_token(parameters)
        return self._store.once(
            "CreateReplicationJob", token, parameters.fingerprint(), lambda: self._create(parameters)
        )

    def _create(self, parameters: Parameters) -> dict[str, Any]:
        region_id = parameters.required("RegionId")
        source = self._sources.find(parameters.required("SourceId"))
        job_type = self._job_type(parameters)
        name = checked_name(parameters, "Name")
        if not source.moref:
            raise invalid("SourceId", "It is not a VMware source.")
        job = self._new_job(parameters, source, name)
        job.region_id, job.job_type = region_id, job_type
        self._set_plain_texts(job, parameters)
        if job.target_type == "TargetInstance" and not job.instance_id:
            raise missing("InstanceId")
        self._check_capacity(source, job, name)
        self._lifecycle.created(job)
        return {"JobId": job.job_id}

    def _new_job(self, parameters: Parameters, source: Source, name: str) -> Job:
        """The job that a request describes, checked by itself; the order of the checks is the order of the codes."""
        store, now = self._store, self._store.now()
        cycle = self._cycle(parameters, source)
        target_type, image_name = self._target(parameters, cycle)
        system_disk = job_request.system_disk(store, parameters, source)
        if system_disk is None:
            raise missing("SystemDiskSize")
        data_disks = job_request.data_disks(store, parameters, source)
        net_mode = job_request.net_mode(parameters) or 0
        vpc_id, vswitch_id = job_request.network(
            store, net_mode, parameters.text("VpcId"), parameters.text("VSwitchId")
        )
        license_type = job_request.license_type(parameters)
        job_id = store.identifiers.make("j")
        return Job(
            job_id=job_id,
            source_id=source.source_id,
            name=name or job_id,
            region_id=store.region_id,
            created=now,
            valid_time=job_request.valid_time(store, parameters, now) or now + DEFAULT_VALIDITY,
            target_type=target_type,
            image_name=image_name,
            run_once=cycle.run_once,
            frequency=cycle.frequency,
            images_to_keep=cycle.images_to_keep,
            system_disk=system_disk,
            data_disks=data_disks,
            net_mode=net_mode,
            vpc_id=vpc_id,
            vswitch_id=vswitch_id,
            description=checked_job_description(parameters, store.switches.on("strict_description")),
            license_type=license_type,
            resource_group_id=parameters.text("ResourceGroupId"),
            replication_parameters=checked_replication_parameters(parameters),
            scheduled_start=job_request.scheduled_start(store, parameters),
            tags=parameters.tags(),
        )

    def _cycle(self, parameters: Parameters, source: Source) -> job_request.Cycle:
        cycle = job_request.cycle(parameters)
        needs_incremental = source.workgroup_id and self._store.switches.on("workgroup_needs_incremental")
        if cycle.run_once and needs_incremental:
            raise invalid("RunOnce", "The source is in a workgroup, which takes incremental jobs only.")
        return cycle

    def _target(self, parameters: Parameters, cycle: job_request.Cycle) -> tuple[str, str]:
        """The target type and the image's name."""
        target_type = job_request.target_type(parameters, self._store.switches.on("target_type_inferred"))
        if not cycle.run_once and target_type != "Image":
            raise invalid("TargetType", "An incremental job needs the target type Image.")
        image_name = checked_image_name(parameters)
        if target_type == "Image" and not image_name:
            raise missing("ImageName")
        return target_type, image_name

    def _check_capacity(self, source: Source, job: Job, name: str) -> None:
        """Refuse what other resources rule out: the state of the source, the quota, names in use."""
        if self._store.source_state(source) != "Available":
            raise self._sources.invalid_state(source, "Available")
        if len(self._store.jobs) >= self._store.switches.number("jobs_limit"):
            raise error("QuotaExceeded.ReplicationJob")
        if name and any(other.name == name for other in self._store.jobs.values()):
            raise error("ReplicationJobName.Duplicate")
        self._check_image_name(job, job.image_name)

    def _job_type(self, parameters: Parameters) -> int:
        job_type = parameters.integer("JobType", 0, 3)
        if job_type is None and self._store.switches.on("job_type_inferred"):
            return 3
        if job_type != 3:
            raise invalid("JobType", "An agentless VMware source needs the job type 3.")
        return job_type

    def _check_image_name(self, job: Job, name: str) -> None:
        others = (other for other in self._store.jobs.values() if other is not job and other.status != "Deleting")
        if name and any(other.image_name == name and other.region_id == job.region_id for other in others):
            raise error("ImageName.UsedByReplicationJob", name)

    @staticmethod
    def _set_plain_texts(job: Job, parameters: Parameters) -> None:
        for wire_name, attribute in PLAIN_TEXTS.items():
            if wire_name in parameters:
                setattr(job, attribute, parameters.text(wire_name))

    # -- describe ------------------------------------------------------------------------------------------------

    def describe(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeReplicationJobs: the newest job first."""
        number, size = page_bounds(parameters)
        ids, source_ids = parameters.texts("JobId", 50), parameters.texts("SourceId", 50)
        instance_ids, wanted_tags = parameters.texts("InstanceId", 21), parameters.objects("Tag", 20)
        job_type = parameters.integer("JobType", 0, 3)
        found = [
            job
            for job in reversed(self._store.jobs.values())
            if (not ids or job.job_id in ids)
            and (not source_ids or job.source_id in source_ids)
            and (not instance_ids or job.instance_id in instance_ids)
            and (job_type is None or job.job_type == job_type)
            and self._texts_match(job, parameters)
            and tags_match(job.tags, wanted_tags)
        ]
        page = found[(number - 1) * size : number * size]
        return {
            "PageNumber": number,
            "PageSize": size,
            "TotalCount": len(found),
            "ReplicationJobs": {"ReplicationJob": [self._view(job) for job in page]},
        }

    def _view(self, job: Job) -> dict[str, Any]:
        source = self._store.sources.get(job.source_id)
        return job_view(job, source.workgroup_id if source else "", self._store.switches)

    @staticmethod
    def _texts_match(job: Job, parameters: Parameters) -> bool:
        exact = {
            "Name": job.name,
            "RegionId": job.region_id,
            "ResourceGroupId": job.resource_group_id,
            "Status": job.status,
            "BusinessStatus": job.business_status,
        }
        return all(not parameters.text(name) or parameters.text(name) == value for name, value in exact.items())

    # -- modify --------------------------------------------------------------------------------------------------

    def modify(self, parameters: Parameters) -> dict[str, Any]:
        """ModifyReplicationJobAttribute: everything is checked before anything is changed."""
        job = self._find(parameters)
        if job.status == "Deleting":
            raise self._invalid_status(job, _ANY)
        changes: list[Callable[[], None]] = []
        self._modify_names(job, parameters, changes)
        self._modify_validity(job, parameters, changes)
        self._modify_cycle(job, parameters, changes)
        self._modify_rest(job, parameters, changes)
        for change in changes:
            change()
        return {}

    def _modify_names(self, job: Job, parameters: Parameters, changes: list[Callable[[], None]]) -> None:
        name = checked_name(parameters, "Name")
        if name and any(other.name == name and other is not job for other in self._store.jobs.values()):
            raise error("ReplicationJobName.Duplicate")
        if name:
            changes.append(lambda: setattr(job, "name", name))
        if "Description" in parameters:
            description = checked_job_description(parameters, self._store.switches.on("strict_description"))
            changes.append(lambda: setattr(job, "description", description))

    def _modify_validity(self, job: Job, parameters: Parameters, changes: list[Callable[[], None]]) -> None:
        time = job_request.valid_time(self._store, parameters, job.created)
        if time is not None:
            self._require(job, _VALIDITY_STATES)
            chosen = time
            changes.append(lambda: self._lifecycle.set_valid_time(job, chosen))

    def _modify_cycle(self, job: Job, parameters: Parameters, changes: list[Callable[[], None]]) -> None:
        frequency = parameters.integer("Frequency", 1, 168)
        keep = parameters.integer("MaxNumberOfImageToKeep", 1, 10)
        if frequency is None and keep is None:
            return
        allowed: tuple[str, ...] = ("Ready", "Waiting")
        if self._store.switches.on("frequency_when_stopped"):
            allowed += ("Stopped", "InError")
        self._require(job, allowed)
        # The timer that is set already is kept: a new interval applies from the end of the next synchronization on.
        if frequency is not None:
            changes.append(lambda: setattr(job, "frequency", frequency))
        if keep is not None:
            changes.append(lambda: setattr(job, "images_to_keep", keep))

    def _modify_rest(self, job: Job, parameters: Parameters, changes: list[Callable[[], None]]) -> None:
        """Everything else may change only as long as the job has never run."""
        source = self._store.sources[job.source_id]
        if not any(name.partition(".")[0] in _BEFORE_FIRST_RUN for name in parameters):
            return
        self._require(job, ("Ready",))
        changes.append(lambda: self._set_plain_texts(job, parameters))
        if parameters.text("TargetType"):
            kind = job_request.target_type(parameters, inferred=False)
            changes.append(lambda: setattr(job, "target_type", kind))
        image_name = checked_image_name(parameters)
        if image_name:
            self._check_image_name(job, image_name)
            changes.append(lambda: setattr(job, "image_name", image_name))
        self._modify_network(job, parameters, changes)
        system_disk = job_request.system_disk(self._store, parameters, source)
        if system_disk:
            changes.append(lambda: setattr(job, "system_disk", system_disk))
        data_disks = job_request.data_disks(self._store, parameters, source)
        if data_disks:
            changes.append(lambda: setattr(job, "data_disks", data_disks))
        if "ScheduledStartTime" in parameters:
            time = job_request.scheduled_start(self._store, parameters)
            changes.append(lambda: self._lifecycle.set_scheduled_start(job, time))
        if "ReplicationParameters" in parameters:
            text = checked_replication_parameters(parameters)
            changes.append(lambda: setattr(job, "replication_parameters", text))

    def _modify_network(self, job: Job, parameters: Parameters, changes: list[Callable[[], None]]) -> None:
        if not any(name in parameters for name in ("NetMode", "VSwitchId", "VpcId")):
            return
        asked_mode = job_request.net_mode(parameters)
        mode = job.net_mode if asked_mode is None else asked_mode
        vswitch_id = parameters.text("VSwitchId") if "VSwitchId" in parameters else job.vswitch_id
        vpc_id, vswitch_id = job_request.network(self._store, mode, parameters.text("VpcId"), vswitch_id)

        def change() -> None:
            job.net_mode, job.vpc_id, job.vswitch_id = mode, vpc_id, vswitch_id

        changes.append(change)

    # -- actions on the state ------------------------------------------------------------------------------------

    def start(self, parameters: Parameters) -> dict[str, Any]:
        """StartReplicationJob: starts, resumes, and, by switch, runs a Waiting job manually."""
        job = self._find(parameters)
        allowed: tuple[str, ...] = ("Ready", "Stopped", "InError")
        if self._store.switches.on("start_on_waiting"):
            allowed += ("Waiting",)
        self._require(job, allowed if job.job_type == AGENTLESS_JOB else ())
        self._require_online(job)
        if job.transition_instance_id and job.transition_instance_id not in self._store.instances:
            raise error("InvalidInstanceId.NotFound")  # it was released manually: the job cannot be resumed
        self._require_running_quota()
        self._lifecycle.resume(job, "Manual")
        return {}

    def stop(self, parameters: Parameters) -> dict[str, Any]:
        """StopReplicationJob: only while Syncing, or, by switch, while Waiting."""
        job = self._find(parameters)
        allowed: tuple[str, ...] = ("Running",)
        if self._store.switches.on("stop_on_waiting"):
            allowed += ("Waiting",)
        self._require(job, allowed)
        if job.status == "Running" and job.business_status != "Syncing":
            raise error("ReplicationJob.InvalidBusinessStatus", job.business_status, "Syncing")
        self._lifecycle.stop(job)
        return {}

    def cut_over(self, parameters: Parameters) -> dict[str, Any]:
        """CutOverReplicationJob: ends the cycle of a Waiting job."""
        job = self._find(parameters)
        sync_data = bool(parameters.boolean("SyncData"))
        self._require(job, ("Waiting",))
        if sync_data:
            self._require_online(job)
            self._require_running_quota()
        self._lifecycle.cut_over(job, sync_data)
        return {}

    def delete(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteReplicationJob: not while Running, unless the switch allows it."""
        job = self._find(parameters)
        allowed = tuple(status for status in _ANY if status != "Running" or self._store.switches.on("delete_running"))
        self._require(job, allowed)
        self._lifecycle.delete(job)
        return {}

    def _find(self, parameters: Parameters) -> Job:
        job = self._store.jobs.get(parameters.required("JobId"))
        if job is None:
            if self._store.switches.text("unknown_job_error") == "invalid_status":
                raise error("ReplicationJob.InvalidStatus", "NotExist", ",".join(_ANY))
            raise error("InvalidJobId.NotFound")
        return job

    def _require(self, job: Job, allowed: tuple[str, ...]) -> None:
        if job.status not in allowed:
            raise self._invalid_status(job, allowed)

    @staticmethod
    def _invalid_status(job: Job, allowed: tuple[str, ...]) -> CloudError:
        return error("ReplicationJob.InvalidStatus", job.status, ",".join(allowed))

    def _require_running_quota(self) -> None:
        if self._lifecycle.running_count() >= self._store.switches.number("running_jobs_limit"):
            raise error("QuotaExceeded.ReplicationJob")

    def _require_online(self, job: Job) -> None:
        source = self._store.sources[job.source_id]
        if source.deleting or not self._store.source_online(source):
            raise self._sources.invalid_state(source, "Available,InUse")
