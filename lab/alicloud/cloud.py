"""Puts one cloud together from its parts."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from lab.alicloud.actions import Actions, ecs_actions, smc_actions
from lab.alicloud.clock import VirtualClock
from lab.alicloud.compute import Compute
from lab.alicloud.connector_api import ConnectorApi
from lab.alicloud.control import Control, Refused, refusal
from lab.alicloud.counters import Counters
from lab.alicloud.diskfiles import DiskFiles
from lab.alicloud.engine import Engine, Workers
from lab.alicloud.faults import Faults
from lab.alicloud.gateway import Gateway, Service
from lab.alicloud.ids import Identifiers
from lab.alicloud.lifecycle import Lifecycle
from lab.alicloud.replication import DiskSource, Replicator
from lab.alicloud.settings import Settings, Switches
from lab.alicloud.signature import Verifier
from lab.alicloud.smc.jobs import Jobs
from lab.alicloud.smc.sources import Sources
from lab.alicloud.smc.tokens import Tokens
from lab.alicloud.store import Store

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
        self._sources = Sources(self.store, lifecycle)
        self._jobs = Jobs(self.store, lifecycle, self._sources)
        self._verifier = Verifier(
            settings.credentials,
            clock.wall_time,
            lambda: self.store.switches.text("gateway_codes") == "modern",
        )

    def smc(self) -> Starlette:
        """The application of the SMC port, with the connector's protocol beside it."""
        actions = smc_actions(self.store, self.compute, self._sources, self._jobs, self.tokens)
        gateway = self._gateway(Service("smc", "SMC", "2019-06-01", "smc.aliyuncs.com"), actions)
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
        host = f"ecs.{self.settings.region_id}.aliyuncs.com"
        actions = ecs_actions(self.store, self.compute, self.faults, self.engine.background)
        gateway = self._gateway(Service("ecs", "Ecs", "2014-05-26", host), actions)
        return Starlette(routes=[Route("/", gateway.answer, methods=_ALL_METHODS)])

    def _gateway(self, service: Service, actions: Actions) -> Gateway:
        return Gateway(service, actions, self._verifier, self.store, self.faults, self.counters)

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
            exception_handlers={Refused: refusal},
        )
