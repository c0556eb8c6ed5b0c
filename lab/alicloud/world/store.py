"""The cloud's state in memory, behind one lock, with the look-ups that several packages need."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lab.alicloud.world.clock import VirtualClock
from lab.alicloud.world.errors import error
from lab.alicloud.world.ids import Identifiers
from lab.alicloud.world.journal import Journal
from lab.alicloud.world.meter import Meter
from lab.alicloud.world.records import (
    Disk,
    Image,
    Instance,
    Invocation,
    Job,
    SecurityGroup,
    Snapshot,
    Source,
    Token,
    Vpc,
    VSwitch,
    Workgroup,
)
from lab.alicloud.world.settings import Switches
from lab.alicloud.world.timers import Timers


@dataclass
class Store:
    """All state. Reading or writing it requires holding `lock`."""

    region_id: str
    clock: VirtualClock
    switches: Switches
    identifiers: Identifiers
    lock: threading.RLock = field(default_factory=threading.RLock)
    timers: Timers = field(default_factory=Timers)
    meter: Meter = field(default_factory=Meter)
    sources: dict[str, Source] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    workgroups: dict[str, Workgroup] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    disks: dict[str, Disk] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    invocations: dict[str, Invocation] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    vpcs: dict[str, Vpc] = field(default_factory=dict)
    vswitches: dict[str, VSwitch] = field(default_factory=dict)
    security_groups: dict[str, SecurityGroup] = field(default_factory=dict)
    # Every activation code there ever was, so that a test can search for leaked ones.
    codes: list[str] = field(default_factory=list)
    journal: Journal = field(default_factory=Journal)
    client_tokens: dict[tuple[str, str], tuple[datetime, str, dict[str, Any]]] = field(default_factory=dict)
    _address_counter: int = 9

    def __post_init__(self) -> None:
        now = self.now()
        self.vpcs["vpc-lab"] = Vpc("vpc-lab", "lab", now)
        self.vswitches["vsw-lab-isolated"] = VSwitch("vsw-lab-isolated", "vpc-lab", self.zone_id, "lab-isolated", now)
        self.vswitches["vsw-lab-other-zone"] = VSwitch(
            "vsw-lab-other-zone", "vpc-lab", f"{self.region_id}-c", "lab-other-zone", now, cidr="10.80.128.0/24"
        )
        self.security_groups["sg-lab-isolated"] = SecurityGroup("sg-lab-isolated", "vpc-lab", "lab-isolated", now)

    @property
    def zone_id(self) -> str:
        """The zone of the region in which everything is, unless its vSwitch is in the other one."""
        return f"{self.region_id}-b"

    def now(self) -> datetime:
        """The virtual time."""
        return self.clock.now()

    def zone_of(self, instance: Instance) -> str:
        """The zone of an instance: its vSwitch's."""
        vswitch = self.vswitches.get(instance.vswitch_id)
        return vswitch.zone_id if vswitch else self.zone_id

    def next_private_ip(self) -> str:
        """A free address of the lab's vSwitch."""
        self._address_counter += 1
        return f"10.80.{1 + self._address_counter // 250}.{self._address_counter % 250 + 1}"

    def once(self, action: str, token: str, fingerprint: str, create: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Run `create` once per client token: a repeated request gets the first answer, a different one is refused."""
        if not token:
            return create()
        known = self.client_tokens.get((action, token))
        lifetime = timedelta(hours=self.switches.number("client_token_hours"))
        if known is not None and self.now() < known[0] + lifetime:
            if known[1] != fingerprint:
                raise error("IdempotentParameterMismatch")
            return known[2]
        answer = create()
        self.client_tokens[(action, token)] = (self.now(), fingerprint, answer)
        return answer

    def source_online(self, source: Source) -> bool:
        """Whether the connector of this source has sent a heartbeat recently, in real time."""
        silence = self.clock.real_seconds() - source.last_heartbeat
        return not source.heartbeat_lost and silence <= self.switches.number("heartbeat_timeout")

    def source_state(self, source: Source) -> str:
        """`State` of a source: section 3.1 of the reference."""
        if source.deleting:
            return "Deleting"
        if not self.source_online(source):
            return "Unavailable"
        return "InUse" if self.unfinished_job(source.source_id) else "Available"

    def members(self, workgroup_id: str) -> list[Source]:
        """The sources of a workgroup."""
        return [source for source in self.sources.values() if source.workgroup_id == workgroup_id]

    def jobs_of(self, source_id: str) -> list[Job]:
        """All jobs of a source, oldest first."""
        return [job for job in self.jobs.values() if job.source_id == source_id]

    def unfinished_job(self, source_id: str) -> Job | None:
        """The job that occupies the source."""
        return next((job for job in self.jobs_of(source_id) if job.unfinished), None)

    def image_users(self, image_id: str) -> list[Instance]:
        """The instances that were started from an image."""
        return [instance for instance in self.instances.values() if instance.image_id == image_id]
