"""The collection's handlers against the lab's cloud in one process: no HTTP, and waiting moves the virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils import Utils

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api as _alicloud
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import ecs, smc
from ansible_collections.cutover.smc.plugins.module_utils._core import waiting as _waiting
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import OutcomeUnknownError
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, ModuleDefinition
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Reconciler
from lab.alicloud.cloud import Cloud
from lab.alicloud.http.counters import is_mutating
from lab.alicloud.http.wire import Parameters
from lab.alicloud.replication.engine import InlineWorkers
from lab.alicloud.world.clock import VirtualClock
from lab.alicloud.world.errors import CloudError
from lab.alicloud.world.records import Source, SourceDisk
from lab.alicloud.world.settings import Credential, Settings
from tests.unit.lab.alicloud.harness import KEY, REGION, SECRET, FakeDisk, FakeVms, RealTime, vm_object

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
CONNECTION = {"access_key_id": KEY, "access_key_secret": SECRET, "region_id": REGION}


class KilledError(BaseException):
    """The controller is killed here."""


class InProcessCloud:
    """One cloud with its VMs, and the collection's way to it.

    :ivar write_faults: one fault for each of the next writes: ``lost`` (no answer) or ``killed`` (the controller), ``before`` or
        ``after`` the cloud has carried out the request
    """

    def __init__(self, directory: Path, **switches: Any) -> None:
        settings = Settings(directory, [Credential(KEY, SECRET)], region_id=REGION, clock_scale=0, switches=switches)
        real = RealTime()
        self.vms = FakeVms()
        clock = VirtualClock(0, NOON, real.monotonic, real.wall)
        self.cloud = cloud = Cloud(settings, clock, self.vms, InlineWorkers())
        self.store = cloud.store
        self.write_faults: list[tuple[str, str]] = []
        self.smc, self.ecs = cloud.smc_service.actions, cloud.ecs_service.actions

    def now(self) -> datetime:
        return self.store.now()

    def advance(self, seconds: float) -> None:
        self.cloud.engine.advance(timedelta(seconds=seconds))

    def add_source(self, number: int = 1, size: int = 65536) -> Source:
        """A VM with one disk, imported."""
        disk = FakeDisk(2000, bytearray(size))
        self.vms.vms[f"vm-{number}"] = [disk]
        source = Source(
            source_id=self.store.identifiers.make("s"),
            name=f"app-{number}",
            vm=vm_object(number, (size,)),
            disks=[SourceDisk(disk.key, size, is_system=True)],
            created=self.now(),
            last_heartbeat=self.store.clock.real_seconds(),
        )
        self.store.sources[source.source_id] = source
        return source

    def act(self, service: str, action: str, **parameters: Any) -> dict[str, Any]:
        """One request, with its parameters flattened as the SDK does; counted as the gateway counts it."""
        flat = Parameters(Utils.query(parameters))
        with self.store.lock:
            self.cloud.counters.count(service, action, is_mutating(action, flat))
            return {"smc": self.smc, "ecs": self.ecs}[service][action](flat)

    def call(
        self, definition: ModuleDefinition, check_mode: bool = False, **params: Any
    ) -> tuple[dict[str, Any], list[str]]:
        """Run a module's handler; returns its result and its warnings and progress lines."""
        lines: list[str] = []
        defaults = {name: spec.get("default") for name, spec in definition.argument_spec.items()}
        with self.reached_by_the_collection():
            result = definition.execute(
                {**defaults, **CONNECTION, **params}, Context(check_mode, lines.append, lines.append)
            )
        assert "This is a bug" not in str(result.get("msg")), result
        return result, lines

    @contextmanager
    def reached_by_the_collection(self) -> Iterator[None]:
        """Send the collection's calls here, and let its waits pass in virtual time."""
        waiting = _waiting.Waiter.__init__.__kwdefaults__
        with ExitStack() as stack:
            for client in (smc, ecs):
                stack.enter_context(mock.patch.object(client, "Api", lambda *args: InProcessApi(self, args[2])))
            stack.enter_context(
                mock.patch.object(Reconciler, "pause", lambda _reconciler, seconds: self.advance(seconds))
            )
            time = {"clock": lambda: self.now().timestamp(), "sleep": self.advance, "jitter": lambda: 0.5}
            stack.enter_context(mock.patch.dict(waiting, time))
            yield


class InProcessApi(_alicloud.Api):
    """A replacement for the official SDK: the same calls, the same errors."""

    def __init__(self, cloud: InProcessCloud, version: str) -> None:
        self._cloud = cloud
        self._service = {"2019-06-01": "smc", "2014-05-26": "ecs"}[version]
        self.host = self._service
        self.cloud_time: datetime | None = None
        self.clock_offset: int | None = 0

    def read(self, action: str, **parameters: Any) -> dict[str, Any]:
        return self._call(action, parameters, write=False)

    def write(self, action: str, **parameters: Any) -> dict[str, Any]:
        kind, when = self._cloud.write_faults.pop(0) if self._cloud.write_faults else ("", "")
        if when != "before":
            answer = self._call(action, parameters, write=True)
        if kind == "lost":
            raise OutcomeUnknownError(f"{action}: no usable answer", remedy="Run this again")
        if kind == "killed":
            raise KilledError
        return answer

    def _call(self, action: str, parameters: dict[str, Any], write: bool) -> dict[str, Any]:
        self.cloud_time = self._cloud.now().replace(microsecond=0)
        try:
            return self._cloud.act(self._service, action, **parameters)
        except CloudError as refused:
            error = ClientException(
                status_code=refused.status,
                code=refused.code,
                message=refused.message,
                data={"Code": refused.code, "Message": refused.message, "RequestId": "R"},
            )
            raise _alicloud.failure_of(error, action, self.host, write) from None
