"""CreateCrossZoneMigrationJob: an instance is stopped, moved to another zone of its region, and started again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from lab.alicloud.http.validation import checked_client_token
from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.compute import Compute
from lab.alicloud.world.errors import error, invalid, missing
from lab.alicloud.world.records import CROSS_ZONE_JOB, GIB, Disk, Instance, Job, Source, SourceDisk, TargetDisk, VSwitch
from lab.alicloud.world.store import Store

_LEVELS = ("", "PL0", "PL1", "PL2", "PL3")
# An instance needs no connector, so its source is always online.
_ALWAYS_HEARD = float("inf")


class CrossZone:
    """The action, and the life of its jobs."""

    def __init__(self, store: Store, compute: Compute) -> None:
        self._store = store
        self._compute = compute

    def create(self, parameters: Parameters) -> dict[str, Any]:
        """CreateCrossZoneMigrationJob: the job runs immediately."""
        token = checked_client_token(parameters)
        return self._store.once(
            "CreateCrossZoneMigrationJob", token, parameters.fingerprint(), lambda: self._create(parameters)
        )

    def _create(self, parameters: Parameters) -> dict[str, Any]:
        store = self._store
        if parameters.required("RegionId") != store.region_id:
            raise invalid("RegionId")
        instance = self._instance(parameters)
        vswitch = self._target(parameters, instance)
        instance_type = self._instance_type(parameters, instance)
        disks = self._disks(parameters, instance)
        parameters.boolean("AutoPay")
        source = self._source(instance, disks)
        if store.unfinished_job(source.source_id):
            raise error("SourceServerState.Invalid", "InUse", "Available")
        if len(store.jobs) >= store.switches.number("jobs_limit"):
            raise error("QuotaExceeded.ReplicationJob")
        store.sources[source.source_id] = source
        job = self._job(parameters, source, instance, vswitch, disks)
        store.jobs[job.job_id] = job
        source.last_job_id = job.job_id
        self._run(job, instance, vswitch, instance_type)
        return {"JobId": job.job_id}

    # -- the request ---------------------------------------------------------------------------------------------

    def _instance(self, parameters: Parameters) -> Instance:
        instance = self._store.instances.get(parameters.required("InstanceId"))
        if instance is None:
            raise error("InvalidInstanceId.NotFound")
        if instance.job_id:
            raise invalid("InstanceId", "It is the intermediate instance of a replication job.")
        if instance.status not in ("Running", "Stopped"):
            raise error("IncorrectInstanceStatus")
        return instance

    def _target(self, parameters: Parameters, instance: Instance) -> VSwitch:
        """The vSwitch to move to: named, or the one of the named zone."""
        vswitch_id, zone_id = parameters.text("TargetVSwitchId"), parameters.text("TargetZoneId")
        if not vswitch_id and not zone_id:
            raise missing("TargetZoneId")
        vswitches = [vswitch for vswitch in self._store.vswitches.values() if zone_id in ("", vswitch.zone_id)]
        if not vswitches:
            raise invalid("TargetZoneId")
        vswitch = next((vswitch for vswitch in vswitches if vswitch_id in ("", vswitch.vswitch_id)), None)
        if vswitch is None:
            raise error("InvalidVSwitchId.NotFound")
        if vswitch.vpc_id != instance.vpc_id:
            raise error("VSwitchIdVpcId.Mismatch")
        if vswitch.zone_id == self._store.zone_of(instance):
            raise invalid("TargetZoneId", "The instance is in this zone already.")
        return vswitch

    @staticmethod
    def _instance_type(parameters: Parameters, instance: Instance) -> str:
        wanted = parameters.text("TargetInstanceType", instance.instance_type)
        if wanted.rpartition(".")[0] != instance.instance_type.rpartition(".")[0]:
            raise invalid("TargetInstanceType", "It must be of the same instance family.")
        return wanted

    def _disks(self, parameters: Parameters, instance: Instance) -> list[Disk]:
        disks = {disk.disk_id: disk for disk in self._store.disks.values() if disk.instance_id == instance.instance_id}
        for item in parameters.objects("Disk", 17):
            if item.required("DiskId") not in disks:
                raise error("InvalidDiskId.NotFound")
            if not item.text("Category", "cloud_essd").startswith("cloud"):
                raise invalid(item.name_of("Category"))
            if item.text("PerformanceLevel") not in _LEVELS:
                raise invalid(item.name_of("PerformanceLevel"))
        return list(disks.values())

    # -- what is made of it --------------------------------------------------------------------------------------

    def _source(self, instance: Instance, disks: list[Disk]) -> Source:
        """The instance as a migration source; an earlier job's source is used again."""
        known = (
            source for source in self._store.sources.values() if source.vm.get("instance_id") == instance.instance_id
        )
        return next(known, None) or Source(
            source_id=self._store.identifiers.make("s"),
            name=instance.name,
            vm={
                "instance_id": instance.instance_id,
                "vm_name": instance.name,
                "host_name": instance.host_name,
                "ipv4": instance.private_ip,
                "platform": instance.os_name,
            },
            disks=[
                SourceDisk(number, disk.size_gib * GIB, disk.kind == "system")
                for number, disk in enumerate(disks, 2000)
            ],
            created=self._store.now(),
            last_heartbeat=_ALWAYS_HEARD,
            description="",
        )

    def _job(
        self, parameters: Parameters, source: Source, instance: Instance, vswitch: VSwitch, disks: list[Disk]
    ) -> Job:
        now = self._store.now()
        job_id = self._store.identifiers.make("j")
        sizes = [disk.size_gib for disk in sorted(disks, key=lambda disk: disk.kind != "system")]
        return Job(
            job_id=job_id,
            source_id=source.source_id,
            name=job_id,
            region_id=self._store.region_id,
            created=now,
            valid_time=now + timedelta(days=30),
            target_type="TargetInstance",
            image_name="",
            run_once=True,
            frequency=None,
            images_to_keep=None,
            system_disk=TargetDisk(0, sizes[0]),
            data_disks=[TargetDisk(index, size) for index, size in enumerate(sizes[1:], start=1)],
            vpc_id=vswitch.vpc_id,
            vswitch_id=vswitch.vswitch_id,
            instance_id=instance.instance_id,
            instance_type=parameters.text("TargetInstanceType"),
            resource_group_id=parameters.text("ResourceGroupId"),
            job_type=CROSS_ZONE_JOB,
            start=now,
        )

    # -- as time passes ------------------------------------------------------------------------------------------

    def _run(self, job: Job, instance: Instance, vswitch: VSwitch, instance_type: str) -> None:
        """Preparing (the instance stops) -> Processing (it is moved) -> Cleaning (it starts) -> Finished."""
        was_running = instance.status == "Running"
        if was_running:
            self._compute.stop_instance(instance)

        def move() -> None:
            instance.vswitch_id, instance.instance_type = vswitch.vswitch_id, instance_type
            instance.private_ip = self._store.next_private_ip()
            self._store.meter.instance_rate(instance, self._store.now())
            if was_running:
                self._compute.start_instance(instance)
            self._step(job, "Cleaning", "cleaning", finish)

        def finish() -> None:
            job.status, job.business_status, job.progress = "Finished", "", 100.0
            job.end = self._store.now()

        job.status = "Running"
        self._step(job, "Preparing", "preparing", lambda: self._step(job, "Processing", "processing", move))

    def _step(self, job: Job, phase: str, seconds: str, following: Callable[[], None]) -> None:
        if job.instance_id not in self._store.instances:
            job.status, job.business_status, job.error_code = "InError", "", "InvalidInstanceId.NotFound"
            job.status_info = "The instance was released."
            return
        job.business_status = phase
        due = self._store.now() + timedelta(seconds=self._store.switches.number(f"seconds_{seconds}"))
        job.step_timer = self._store.timers.at(due, following)
