"""The records of the cloud: sources, jobs, runs, images, snapshots, instances, disks, tokens, networks."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from lab.alicloud.world.timers import Timer

GIB = 1024**3
TRANSITION_INSTANCE_NAME = "No_Delete_SMC_Transition_Instance"
TEMPORARY_DISK_NAME = "SMC_Temp_Disk"
AGENTLESS_JOB, CROSS_ZONE_JOB = 3, 2
UNFINISHED = ("Ready", "Running", "Stopped", "Waiting", "InError", "Expired")


@dataclass
class SourceDisk:
    """One disk of a source VM, as the connector registered it."""

    key: int
    size_bytes: int
    is_system: bool
    file_name: str = ""

    @property
    def size_gib(self) -> int:
        """The size in whole GiB, rounded up: what a destination disk is compared with."""
        return -(-self.size_bytes // GIB)


@dataclass
class Source:
    """A migration source."""

    source_id: str
    name: str
    vm: dict[str, Any]
    disks: list[SourceDisk]
    created: datetime
    last_heartbeat: float
    vcenter_host: str = ""
    description: str = "Server Source Imported By GotoAliyun."
    tags: dict[str, str] = field(default_factory=dict)
    resource_group_id: str = ""
    deleting: bool = False
    heartbeat_lost: bool = False
    last_job_id: str = ""
    workgroup_id: str = ""

    @property
    def moref(self) -> str:
        """The VM's managed object ID in vCenter."""
        return str(self.vm.get("moref_id", ""))

    @property
    def vm_name(self) -> str:
        """The VM's name in vCenter."""
        return str(self.vm.get("vm_name", ""))

    @property
    def system_disk(self) -> SourceDisk:
        """The disk that the system starts from."""
        return next((disk for disk in self.disks if disk.is_system), self.disks[0])

    @property
    def data_disks(self) -> list[SourceDisk]:
        """The other disks, in order: `Index` N of a job is the Nth of them."""
        system = self.system_disk
        return [disk for disk in self.disks if disk is not system]


@dataclass
class Workgroup:
    """A batch of sources that are migrated together; each source names its group."""

    workgroup_id: str
    name: str
    created: datetime
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Part:
    """A partition choice of a destination disk."""

    block: bool = True
    device: str = ""
    path: str = ""
    size_bytes: int = 0


@dataclass
class TargetDisk:
    """A destination disk of a job: index 0 is the system disk."""

    index: int
    size_gib: int
    parts: list[Part] = field(default_factory=list)
    lvm: bool | None = None
    disk_id: str = ""


@dataclass
class Run:
    """One synchronization of a job, from its start to its image."""

    number: int
    kind: str
    start: datetime
    end: datetime | None = None
    image_id: str = ""
    bytes_sent: int = 0
    bytes_total: int = 0
    full: bool = False
    snapshot_name: str = ""
    final: bool = False
    failed: bool = False
    # From the creation of the snapshot to its removal, in virtual time; tests compare the guest's writes with it.
    snapshot_time: datetime | None = None
    disks: list[dict[str, Any]] = field(default_factory=list)


def plain_text(wire_name: str) -> Any:
    """A field that a request sets and a description shows as it is, under this name, and that may change before the first run."""
    return field(default="", metadata={"wire": wire_name})


@dataclass
class Job:
    """A replication job."""

    job_id: str
    source_id: str
    name: str
    region_id: str
    created: datetime
    valid_time: datetime
    target_type: str
    image_name: str
    run_once: bool
    frequency: int | None
    images_to_keep: int | None
    system_disk: TargetDisk
    data_disks: list[TargetDisk]
    net_mode: int = 0
    vpc_id: str = ""
    vswitch_id: str = ""
    description: str = ""
    instance_type: str = plain_text("InstanceType")
    instance_ram_role: str = plain_text("InstanceRamRole")
    instance_id: str = plain_text("InstanceId")
    launch_template_id: str = plain_text("LaunchTemplateId")
    launch_template_version: str = plain_text("LaunchTemplateVersion")
    license_type: str = ""
    resource_group_id: str = ""
    replication_parameters: str = ""
    container_namespace: str = plain_text("ContainerNamespace")
    container_repository: str = plain_text("ContainerRepository")
    container_tag: str = plain_text("ContainerTag")
    job_type: int = 3
    scheduled_start: datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "Ready"
    business_status: str = ""
    progress: float = 0.0
    error_code: str = ""
    status_info: str = ""
    start: datetime | None = None
    end: datetime | None = None
    transition_instance_id: str = ""
    own_vpc_id: str = ""
    own_security_group_id: str = ""
    runs: list[Run] = field(default_factory=list)
    image_ids: list[str] = field(default_factory=list)
    paused_in_waiting: bool = False
    # The state of the replica: for each disk key the changeId up to which it is complete.
    change_ids: dict[int, str] = field(default_factory=dict)
    attempt: int = 0
    step_timer: Timer | None = None
    schedule_timer: Timer | None = None
    expiry_timer: Timer | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    replicating: threading.Lock = field(default_factory=threading.Lock)

    @property
    def unfinished(self) -> bool:
        """Whether the job occupies its source: a source has one such job at most."""
        return self.status in UNFINISHED

    @property
    def current_run(self) -> Run | None:
        """The run in progress or interrupted, None if the last one is complete or there has not been one."""
        return self.runs[-1] if self.runs and self.runs[-1].end is None else None

    @property
    def completed_runs(self) -> list[Run]:
        """The runs that made an image."""
        return [run for run in self.runs if run.end is not None and run.image_id]


#: The plain texts of a job: the name on the wire -> the field.
PLAIN_TEXTS = {item.metadata["wire"]: item.name for item in fields(Job) if "wire" in item.metadata}


@dataclass
class ImageDisk:
    """One disk of an image: the bytes are in a sparse file, as long as the source disk."""

    key: int
    size_bytes: int
    size_gib: int
    device: str
    kind: str
    snapshot_id: str
    file: str
    sha256: str = ""


@dataclass
class Image:
    """An ECS image."""

    image_id: str
    name: str
    created: datetime
    status: str
    disks: list[ImageDisk]
    job_id: str = ""
    run_number: int = 0
    description: str = ""
    progress: int = 0
    platform: str = ""
    os_type: str = "linux"
    os_name: str = ""
    architecture: str = "x86_64"
    boot_mode: str = "BIOS"
    resource_group_id: str = ""
    host_name: str = ""  # what the guest calls itself: without cloud-init an instance from the image continues to
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def size_gib(self) -> int:
        """The size of its system disk: the minimum for the system disk of an instance."""
        return next((disk.size_gib for disk in self.disks if disk.kind == "system"), 0)


@dataclass
class Snapshot:
    """An ECS disk snapshot."""

    snapshot_id: str
    name: str
    created: datetime
    status: str
    source_disk_id: str
    source_disk_gib: int
    source_disk_type: str
    instance_id: str = ""
    image_id: str = ""
    progress: int = 0
    description: str = "Created by SMC"
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Disk:
    """An ECS cloud disk."""

    disk_id: str
    name: str
    created: datetime
    status: str
    size_gib: int
    kind: str
    device: str
    category: str = "cloud_essd"
    performance_level: str = "PL1"
    instance_id: str = ""
    snapshot_id: str = ""
    image_id: str = ""
    delete_with_instance: bool = True
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Instance:
    """An ECS instance."""

    instance_id: str
    name: str
    created: datetime
    status: str
    instance_type: str
    image_id: str
    vpc_id: str
    vswitch_id: str
    security_group_ids: list[str]
    private_ip: str
    mac_address: str
    network_interface_id: str
    host_name: str = ""
    public_ip: str = ""
    charge_type: str = "PostPaid"
    stopped_mode: str = ""
    description: str = ""
    started: datetime | None = None
    auto_release: datetime | None = None
    deletion_protection: bool = False
    os_type: str = "linux"
    os_name: str = ""
    key_pair_name: str = ""
    resource_group_id: str = ""
    job_id: str = ""
    boots: bool = True
    tags: dict[str, str] = field(default_factory=dict)
    state_timer: Timer | None = None
    release_timer: Timer | None = None


@dataclass
class InvokedInstance:
    """The result of a Cloud Assistant command on one instance."""

    instance_id: str
    status: str = "Pending"
    created: datetime | None = None
    start: datetime | None = None
    finish: datetime | None = None
    exit_code: int | None = None
    output: bytes = b""
    dropped: int = 0
    error_code: str = ""
    error_info: str = ""


@dataclass
class Invocation:
    """One RunCommand on its instances."""

    invoke_id: str
    command_id: str
    created: datetime
    kind: str
    content: str
    name: str
    timeout: int
    results: list[InvokedInstance]
    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    username: str = ""
    working_dir: str = ""
    resource_group_id: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Token:
    """An activation code for the connector."""

    token_id: str
    code: str = field(repr=False)
    created: datetime
    count: int
    days: int
    name: str = ""
    description: str = ""
    disabled: bool = False
    registered: int = 0


@dataclass
class Vpc:
    """A virtual private cloud."""

    vpc_id: str
    name: str
    created: datetime
    cidr: str = "10.80.0.0/16"


@dataclass
class VSwitch:
    """A subnet of a VPC."""

    vswitch_id: str
    vpc_id: str
    zone_id: str
    name: str
    created: datetime
    cidr: str = "10.80.1.0/24"
    description: str = ""


@dataclass
class SecurityGroup:
    """A security group of a VPC."""

    security_group_id: str
    vpc_id: str
    name: str
    created: datetime
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
