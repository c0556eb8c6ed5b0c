"""What both services do to compute resources: instances with their disks, images with their snapshots."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from lab.alicloud.world.diskfiles import DiskFiles
from lab.alicloud.world.records import Disk, Image, ImageDisk, Instance, Job, Snapshot, Source
from lab.alicloud.world.store import Store


@dataclass
class NewDisk:
    """The attributes of a disk of a new instance."""

    kind: str
    size_gib: int
    snapshot_id: str = ""
    category: str = "cloud_essd"
    performance_level: str = "PL1"
    delete_with_instance: bool = True


@dataclass
class NewInstance:
    """The attributes of a new instance."""

    name: str
    instance_type: str
    image_id: str
    vpc_id: str
    vswitch_id: str
    security_group_ids: list[str]
    disks: list[NewDisk]
    public: bool = False
    private_ip: str = ""
    host_name: str = ""
    description: str = ""
    job_id: str = ""
    os_type: str = "linux"
    os_name: str = ""
    key_pair_name: str = ""
    resource_group_id: str = ""
    deletion_protection: bool = False
    running_immediately: bool = False
    tags: dict[str, str] = field(default_factory=dict)


def device_name(index: int) -> str:
    """`/dev/xvda` for the system disk, `/dev/xvdb` for the first data disk."""
    return f"/dev/xvd{chr(ord('a') + index)}"


def os_type_of(platform: str) -> str:
    """`windows` or `linux`, as ECS distinguishes them."""
    return "windows" if platform.lower().startswith("windows") else "linux"


class Compute:
    """Makes and removes resources in the store; its caller holds the store's lock."""

    def __init__(self, store: Store, files: DiskFiles) -> None:
        self._store = store
        self._files = files

    # -- instances -----------------------------------------------------------------------------------------------

    def create_instance(self, new: NewInstance) -> Instance:
        """An instance with its disks; it is Running after a while, or immediately."""
        store, now = self._store, self._store.now()
        make = store.identifiers.make
        instance = Instance(
            instance_id=make("i"),
            name=new.name,
            created=now,
            status="Running" if new.running_immediately else "Pending",
            instance_type=new.instance_type,
            image_id=new.image_id,
            vpc_id=new.vpc_id,
            vswitch_id=new.vswitch_id,
            security_group_ids=list(new.security_group_ids),
            private_ip=new.private_ip or store.next_private_ip(),
            mac_address=store.identifiers.mac_address(),
            network_interface_id=make("eni"),
            host_name=new.host_name,
            public_ip=f"203.0.113.{len(store.instances) % 250 + 1}" if new.public else "",
            description=new.description,
            started=now if new.running_immediately else None,
            deletion_protection=new.deletion_protection,
            os_type=new.os_type,
            os_name=new.os_name,
            key_pair_name=new.key_pair_name,
            resource_group_id=new.resource_group_id,
            job_id=new.job_id,
            tags=dict(new.tags),
        )
        store.instances[instance.instance_id] = instance
        if not instance.host_name:
            instance.host_name = instance.instance_id.replace("i-", "iz", 1) + "z"
        store.meter.instance(instance, now)
        for index, disk in enumerate(new.disks):
            self._create_disk(instance, index, disk)
        if not new.running_immediately:
            self._later_status(instance, "Running", self._start_time())
        return instance

    def _create_disk(self, instance: Instance, index: int, new: NewDisk) -> None:
        disk = Disk(
            disk_id=self._store.identifiers.make("d"),
            name="",
            created=instance.created,
            status="In_use",
            size_gib=new.size_gib,
            kind=new.kind,
            device=device_name(index),
            category=new.category,
            performance_level=new.performance_level,
            instance_id=instance.instance_id,
            snapshot_id=new.snapshot_id,
            image_id=instance.image_id if new.kind == "system" else "",
            delete_with_instance=new.delete_with_instance,
        )
        self._store.disks[disk.disk_id] = disk
        self._store.meter.disk(disk, instance.job_id, instance.created)

    def _start_time(self) -> timedelta:
        return timedelta(seconds=self._store.switches.number("seconds_instance_start"))

    def _later_status(self, instance: Instance, status: str, delay: timedelta) -> None:
        if instance.state_timer:
            instance.state_timer.cancel()

        def arrive() -> None:
            instance.status = status
            if status == "Running":
                instance.started = self._store.now()
            self._store.meter.instance_rate(instance, self._store.now())

        instance.state_timer = self._store.timers.at(self._store.now() + delay, arrive)

    def start_instance(self, instance: Instance) -> None:
        """Stopped -> Starting -> Running."""
        instance.status = "Starting"
        instance.stopped_mode = ""
        self._store.meter.instance_rate(instance, self._store.now())
        self._later_status(instance, "Running", self._start_time())

    def stop_instance(self, instance: Instance, mode: str = "KeepCharging") -> None:
        """Running -> Stopping -> Stopped."""
        instance.status = "Stopping"
        instance.stopped_mode = mode
        self._later_status(instance, "Stopped", self._start_time())

    def release_at(self, instance: Instance, time: datetime | None) -> None:
        """Release the instance automatically at a time; None cancels that."""
        if instance.release_timer:
            instance.release_timer.cancel()
        instance.auto_release = time
        if time is not None:
            instance.release_timer = self._store.timers.at(time, lambda: self.delete_instance(instance.instance_id))

    def delete_instance(self, instance_id: str) -> None:
        """Remove an instance and the disks that are deleted with it; keep the others as detached disks."""
        instance = self._store.instances.pop(instance_id, None)
        if instance is None:
            return
        for timer in (instance.state_timer, instance.release_timer):
            if timer:
                timer.cancel()
        self._store.meter.close(instance_id, self._store.now())
        for disk in [disk for disk in self._store.disks.values() if disk.instance_id == instance_id]:
            if disk.delete_with_instance:
                self.delete_disk(disk)
            else:
                disk.instance_id, disk.status = "", "Available"

    def delete_disk(self, disk: Disk) -> None:
        """Remove a disk."""
        del self._store.disks[disk.disk_id]
        self._store.meter.close(disk.disk_id, self._store.now())

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """Remove a snapshot."""
        del self._store.snapshots[snapshot.snapshot_id]
        self._store.meter.close(snapshot.snapshot_id, self._store.now())

    # -- images --------------------------------------------------------------------------------------------------

    def create_image(
        self, job: Job, source: Source, image_id: str, name: str, files: dict[int, tuple[int, Path]]
    ) -> Image:
        """The image of a job's run, `Creating`, with a snapshot behind each disk."""
        now = self._store.now()
        platform = str(source.vm.get("platform", ""))
        image = Image(
            image_id=image_id,
            name=name,
            created=now,
            status="Creating",
            disks=[],
            job_id=job.job_id,
            run_number=job.runs[-1].number,
            platform=platform,
            os_type=os_type_of(platform),
            os_name=str(source.vm.get("guestOS", platform)),
            architecture=str(source.vm.get("architecture", "x86_64")),
            boot_mode="UEFI" if "efi" in str(source.vm.get("boot_mode", "bios")).lower() else "BIOS",
            resource_group_id=job.resource_group_id,
            host_name=str(source.vm.get("host_name", "")),
        )
        system_key = source.system_disk.key
        transition_disks = [
            disk for disk in self._store.disks.values() if disk.instance_id == job.transition_instance_id
        ]
        ordered = sorted(files, key=lambda key: (key != system_key, key))
        for index, key in enumerate(ordered):
            size, path = files[key]
            kind = "system" if key == system_key else "data"
            gib = self._target_size(job, source, key)
            disk_id = transition_disks[index].disk_id if index < len(transition_disks) else ""
            snapshot = Snapshot(
                snapshot_id=self._store.identifiers.make("s"),
                name=f"SMC_{job.job_id}_{job.runs[-1].number}_{index}",
                created=now,
                status="progressing",
                source_disk_id=disk_id,
                source_disk_gib=gib,
                source_disk_type=kind,
                instance_id=job.transition_instance_id,
                image_id=image_id,
            )
            self._store.snapshots[snapshot.snapshot_id] = snapshot
            self._store.meter.snapshot(snapshot, job.job_id, now)
            image.disks.append(ImageDisk(key, size, gib, device_name(index), kind, snapshot.snapshot_id, str(path)))
        self._store.images[image_id] = image
        return image

    @staticmethod
    def _target_size(job: Job, source: Source, key: int) -> int:
        if key == source.system_disk.key:
            return job.system_disk.size_gib
        for index, disk in enumerate(source.data_disks, start=1):
            if disk.key == key:
                return next((target.size_gib for target in job.data_disks if target.index == index), disk.size_gib)
        return 0

    def finish_image(self, image: Image) -> None:
        """Creating -> Available; its snapshots become `accomplished`."""
        image.status, image.progress = "Available", 100
        for disk in image.disks:
            snapshot = self._store.snapshots.get(disk.snapshot_id)
            if snapshot:
                snapshot.status, snapshot.progress = "accomplished", 100

    def delete_image(self, image_id: str, with_snapshots: bool) -> None:
        """Remove an image and its bytes; keep its snapshots unless `with_snapshots` is set."""
        image = self._store.images.pop(image_id, None)
        if image is None:
            return
        for disk in image.disks:
            snapshot = self._store.snapshots.get(disk.snapshot_id)
            if snapshot and with_snapshots:
                self.delete_snapshot(snapshot)
            elif snapshot:
                snapshot.image_id = ""
        self._files.delete_image(image_id)
