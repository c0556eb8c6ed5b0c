"""Builds one cloud from its parts."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from lab.alicloud.control.connector_api import ConnectorApi
from lab.alicloud.control.control_api import Control, ControlError, error_response
from lab.alicloud.ecs.routes import ecs_service
from lab.alicloud.http.counters import Counters
from lab.alicloud.http.faults import Faults
from lab.alicloud.http.gateway import Gateway
from lab.alicloud.http.service import Service
from lab.alicloud.http.signature import Verifier
from lab.alicloud.replication.engine import Engine, Workers
from lab.alicloud.replication.lifecycle import Lifecycle
from lab.alicloud.replication.replicator import DiskSource, Replicator
from lab.alicloud.smc.routes import smc_service
from lab.alicloud.smc.tokens import Tokens
from lab.alicloud.world.clock import VirtualClock
from lab.alicloud.world.compute import Compute
from lab.alicloud.world.diskfiles import DiskFiles
from lab.alicloud.world.ids import Identifiers
from lab.alicloud.world.settings import Settings, Switches
from lab.alicloud.world.store import Store

_ALL_METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD"]


class Cloud:
    """One simulated Alibaba Cloud: three applications over one store and one engine."""

    def __init__(self, settings: Settings, clock: VirtualClock, source: DiskSource, workers: Workers) -> None:
        self.settings = settings
        self.store = Store(settings.region_id, clock, Switches(settings.switches), Identifiers(settings.region_id))
        self.faults = Faults(settings.seed)
        self.counters = Counters()
        files = DiskFiles(settings.directory)
        self.compute = Compute(self.store, files)
        self.lifecycle = lifecycle = Lifecycle(self.store, self.compute, files, self.faults)
        self.engine = Engine(self.store, lifecycle, Replicator(source, files), workers)
        self.tokens = Tokens(self.store)
        self.smc_service = smc_service(self.store, self.compute, lifecycle, self.tokens)
        self.ecs_service = ecs_service(self.store, self.compute, self.faults, self.engine.background)
        self._verifier = Verifier(
            settings.credentials,
            clock.wall_time,
            lambda: self.store.switches.text("gateway_codes") == "modern",
        )

    def smc(self) -> Starlette:
        """The application of the SMC port, with the connector's protocol beside it."""
        gateway = self._gateway(self.smc_service)
        connector = ConnectorApi(self.store, self.tokens)
        return Starlette(
            routes=[
                Route("/", gateway.answer, methods=_ALL_METHODS),
                Route("/connector/register", connector.register, methods=["POST"]),
                Route("/connector/heartbeat", connector.heartbeat, methods=["POST"]),
            ]
        )

    def ecs(self) -> Starlette:
        """The application of the ECS port."""
        gateway = self._gateway(self.ecs_service)
        return Starlette(routes=[Route("/", gateway.answer, methods=_ALL_METHODS)])

    def _gateway(self, service: Service) -> Gateway:
        return Gateway(service, self._verifier, self.store, self.faults, self.counters)

    def control(self) -> Starlette:
        """The application of the control port."""
        url = self.settings.vcenter.control_url if self.settings.vcenter else ""
        control = Control(self.store, self.engine, self.compute, self.faults, self.counters, url)
        return Starlette(
            routes=[
                Route("/requests", control.requests, methods=["GET", "DELETE"]),
                Route("/journal", control.journal, methods=["GET"]),
                Route("/secrets", control.secrets, methods=["GET"]),
                Route("/vms", control.forward, methods=["GET"]),
                Route("/vms/{rest:path}", control.forward, methods=["GET", "POST"]),
                Route("/images/{image_id}/disks", control.image_disks, methods=["GET"]),
                Route("/clock", control.clock, methods=["GET", "POST"]),
                Route("/faults", control.faults, methods=["GET", "POST", "DELETE"]),
                Route("/switches", control.switches, methods=["GET", "POST"]),
                Route("/state", control.state, methods=["GET"]),
                Route("/bill", control.bill, methods=["GET"]),
            ],
            exception_handlers={ControlError: error_response},
        )
