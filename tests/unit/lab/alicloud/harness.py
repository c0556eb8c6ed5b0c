"""The harness of the tests: fake VMs, real time that a test moves, and a cloud on real ports, driven by the official SDKs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_smc20190601 import models as smc_models
from alibabacloud_smc20190601.client import Client as SmcClient
from alibabacloud_tea_openapi import models as open_api
from starlette.types import ASGIApp, Receive, Scope, Send
from Tea.exceptions import TeaException

from lab.alicloud.cloud import Cloud
from lab.alicloud.http.server import Server, listening_socket, make_server
from lab.alicloud.replication.replicator import Area, DiskReader, NotTrackedError, ReplicationError, epoch
from lab.alicloud.world.settings import Credential

# One client for all tests: making one reads the system's certificates, which takes longer than a test.
HTTP = httpx.Client(trust_env=False, timeout=60)
KEY, SECRET, REGION = "LTAItestkey", "test-secret", "cn-hangzhou"
TEMPORARY = Credential("STS.testkey", "sts-secret", "sts-token")
MIB = 1024 * 1024


@dataclass
class FakeDisk:
    """A disk in memory with changed block tracking: every write is a new generation."""

    key: int
    data: bytearray
    tracked: bool = True
    tracking_id: str = "52 aa"
    writes: list[tuple[int, int, int]] = field(default_factory=list)  # generation, start, length
    generation: int = 1

    def write(self, start: int, data: bytes) -> None:
        """Write as the guest does."""
        self.data[start : start + len(data)] = data
        self.writes.append((self.generation, start, len(data)))


@dataclass
class FrozenFakeDisk:
    """A fake disk in a snapshot."""

    disk: FakeDisk
    content: bytes
    change_id: str
    on_read: Callable[[], None]

    @property
    def size(self) -> int:
        return len(self.content)

    def changed_areas(self, since: str) -> list[Area]:
        if since == "*":
            return sorted({(start, length) for _, start, length in self.disk.writes})
        if epoch(since) != self.disk.tracking_id:
            raise NotTrackedError
        generation = int(since.rpartition("/")[2])
        return sorted({(start, length) for seen, start, length in self.disk.writes if seen > generation})

    def read(self, start: int, length: int) -> bytes:
        self.on_read()
        return self.content[start : start + length]


@dataclass
class FakeVms:
    """A disk source in memory: VMs by managed object id."""

    vms: dict[str, list[FakeDisk]] = field(default_factory=dict)
    snapshots: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    unreachable: bool = False
    off: set[str] = field(default_factory=set)
    on_read: Callable[[], None] = lambda: None

    def is_on(self, moref: str) -> bool:
        return moref not in self.off

    @contextmanager
    def frozen(
        self, moref: str, snapshot_name: str, keep_snapshot: Callable[[], bool]
    ) -> Iterator[dict[int, DiskReader]]:
        if self.unreachable or moref not in self.vms:
            raise ReplicationError("SourceServer.VCenterUnreachable", "no such VM")
        self.snapshots.append(snapshot_name)
        self.taken.append(snapshot_name)
        try:
            yield {disk.key: self._freeze(disk) for disk in self.vms[moref]}
        finally:
            if not keep_snapshot():
                self.snapshots.remove(snapshot_name)

    def _freeze(self, disk: FakeDisk) -> FrozenFakeDisk:
        change_id = f"{disk.tracking_id}/{disk.generation}" if disk.tracked else ""
        disk.generation += 1
        return FrozenFakeDisk(disk, bytes(disk.data), change_id, lambda: self.on_read())


class RealTime:
    """Real time that a test moves: heartbeats and signatures depend on it."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.step = 0.0  # how much time passes at each reading of the clock

    def monotonic(self) -> float:
        self.offset += self.step
        return 1000.0 + self.offset

    def wall(self) -> datetime:
        return datetime.now(timezone.utc) + timedelta(seconds=self.offset)


@dataclass
class Lab:
    """A running cloud, and the operations of the tests on it."""

    cloud: Cloud
    vms: FakeVms
    time: RealTime
    ports: dict[str, int]

    def __post_init__(self) -> None:
        self._smc = SmcClient(self.config("smc"))
        self._ecs = EcsClient(self.config("ecs"))

    def config(self, service: str, **changes: Any) -> open_api.Config:
        values = {
            "access_key_id": KEY,
            "access_key_secret": SECRET,
            "protocol": "HTTP",
            "endpoint": f"127.0.0.1:{self.ports[service]}",
            "region_id": REGION,
            **changes,
        }
        return open_api.Config(**values)

    def smc(self, **changes: Any) -> SmcClient:
        return SmcClient(self.config("smc", **changes)) if changes else self._smc

    def ecs(self, **changes: Any) -> EcsClient:
        return EcsClient(self.config("ecs", **changes)) if changes else self._ecs

    def url(self, service: str, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.ports[service]}{path}"

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = HTTP.request(method, self.url("control", path), json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def advance(self, duration: str) -> None:
        self.control("POST", "/clock", {"advance": duration})

    def switch(self, **values: Any) -> None:
        self.control("POST", "/switches", values)

    def add_vm(self, number: int = 1, sizes: tuple[int, ...] = (4 * MIB,)) -> dict[str, Any]:
        """A VM with its disks, as the connector would describe it."""
        moref = f"vm-{number}"
        disks = [FakeDisk(2000 + index, bytearray(size)) for index, size in enumerate(sizes)]
        for disk in disks:
            disk.write(MIB, bytes([number]) * MIB)
        self.vms.vms[moref] = disks
        return vm_object(number, sizes)

    def register(self, vm: dict[str, Any]) -> str:
        """Import a VM as the connector does, with an activation code of its own."""
        created = self.smc().create_access_token(smc_models.CreateAccessTokenRequest(count="1")).body
        answer = self.connector(vm, created.access_token_id, created.access_token_code)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["source_id"])

    def connector(self, vm: dict[str, Any], token_id: str, code: str) -> httpx.Response:
        body = {"token_id": token_id, "token_code": code, "vm": vm, "vcenter": {"host": "vc"}}
        return HTTP.post(self.url("smc", "/connector/register"), json=body)

    def source(self, number: int = 1, sizes: tuple[int, ...] = (4 * MIB,)) -> str:
        return self.register(self.add_vm(number, sizes))

    def create_job(self, source_id: str, **changes: Any) -> str:
        return str(self.smc().create_replication_job(job_request(source_id, **changes)).body.job_id)

    def start(self, job_id: str) -> None:
        self.smc().start_replication_job(smc_models.StartReplicationJobRequest(job_id=job_id))

    def job(self, job_id: str) -> smc_models.DescribeReplicationJobsResponseBodyReplicationJobsReplicationJob:
        request = smc_models.DescribeReplicationJobsRequest(job_id=[job_id])
        found = self.smc().describe_replication_jobs(request).body.replication_jobs.replication_job
        assert len(found) == 1
        return found[0]

    def waiting_job(self, number: int = 1, sizes: tuple[int, ...] = (4 * MIB,), **changes: Any) -> str:
        """A job whose first run is complete."""
        job_id = self.create_job(self.source(number, sizes), **changes)
        self.start(job_id)
        self.advance("10m")
        assert self.job(job_id).status == "Waiting"
        return job_id

    def images(self, **filters: Any) -> list[Any]:
        request = ecs_models.DescribeImagesRequest(region_id=REGION, page_size=100, **filters)
        return list(self.ecs().describe_images(request).body.images.image)

    def instances(self, **filters: Any) -> list[Any]:
        request = ecs_models.DescribeInstancesRequest(region_id=REGION, max_results=100, **filters)
        return list(self.ecs().describe_instances(request).body.instances.instance)


def vm_object(number: int, sizes: tuple[int, ...]) -> dict[str, Any]:
    """One element of vmware_migrate_config.json."""
    return {
        "vm_name": f"app-{number:02}",
        "moref_id": f"vm-{number}",
        "uuid": f"5000-{number}",
        "cores": 2,
        "memory": 2048,
        "boot_mode": "bios",
        "ipv4": f"192.0.2.{number}",
        "host_name": f"app{number}.example.com",
        "guestOS": "Debian GNU/Linux 12 (64-bit)",
        "platform": "Debian",
        "architecture": "x86_64",
        "migrate": True,
        "disk": [
            {"key": 2000 + index, "capacity": size // 1024, "system_disk": index == 0, "migrate": True}
            for index, size in enumerate(sizes)
        ],
    }


def job_request(source: str, **changes: Any) -> smc_models.CreateReplicationJobRequest:
    """A valid incremental job; a change to None removes a parameter."""
    values: dict[str, Any] = {
        "source_id": source,
        "region_id": REGION,
        "job_type": 3,
        "run_once": False,
        "frequency": 6,
        "max_number_of_image_to_keep": 2,
        "target_type": "Image",
        "image_name": f"image-{source[-6:]}",
        "name": f"job-{source[-6:]}",
        "system_disk_size": 20,
        "v_switch_id": "vsw-lab-isolated",
        **changes,
    }
    return smc_models.CreateReplicationJobRequest(**values)


def code_of(call: Any, request: Any) -> str:
    """The code of a refusal, empty when it was accepted."""
    try:
        call(request)
    except TeaException as failure:
        return str(failure.code)
    return ""


class Servers:
    """The three servers in a thread of their own, for all tests: each test puts its own cloud behind them."""

    def __init__(self) -> None:
        self._applications: dict[str, ASGIApp] = {}
        self._sockets = {name: listening_socket("127.0.0.1:0") for name in ("smc", "ecs", "control")}
        self.ports = {name: bound.getsockname()[1] for name, bound in self._sockets.items()}
        self._servers: dict[str, Server] = {name: make_server(self._door(name)) for name in self._sockets}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()  # the sockets listen already, so a client that connects now only has to wait

    def _door(self, name: str) -> ASGIApp:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await self._applications[name](scope, receive, send)

        return application

    def put(self, cloud: Cloud) -> None:
        """Make this cloud answer from now on."""
        self._applications = {"smc": cloud.smc(), "ecs": cloud.ecs(), "control": cloud.control()}

    async def _serve(self) -> None:
        await asyncio.gather(*(server.serve([self._sockets[name]]) for name, server in self._servers.items()))

    def stop(self) -> None:
        for server in self._servers.values():
            server.should_exit = True
        self._thread.join(timeout=10)
