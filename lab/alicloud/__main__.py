"""Starts one cloud: `python -m lab.alicloud --config FILE --ready FILE`; SIGTERM ends it cleanly."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from lab.alicloud.cloud import Cloud
from lab.alicloud.http.server import listening_socket, make_server
from lab.alicloud.replication.engine import thread_workers
from lab.alicloud.replication.replicator import DiskReader, DiskSource, ReplicationError
from lab.alicloud.world.clock import VirtualClock
from lab.alicloud.world.settings import Settings


class NoVCenter:
    """The disk source of a cloud without vCenter: every run fails with a reason."""

    def is_on(self, moref: str) -> bool:
        """Fail: no vCenter can be asked."""
        del moref
        raise ReplicationError("SourceServer.VCenterUnreachable", "This lab has no vCenter.")

    def frozen(
        self, moref: str, snapshot_name: str, keep_snapshot: Callable[[], bool]
    ) -> AbstractContextManager[dict[int, DiskReader]]:
        """Fail: no disk can be read."""
        del moref, snapshot_name, keep_snapshot
        raise ReplicationError("SourceServer.VCenterUnreachable", "This lab has no vCenter.")


def _disk_source(settings: Settings) -> DiskSource:
    if settings.vcenter is None:
        return NoVCenter()
    from lab.alicloud.replication.vcenter import VCenterDiskSource  # pyVmomi is slow to import

    return VCenterDiskSource(settings.vcenter)


def _write_ready(path: Path, ports: dict[str, int]) -> None:
    """Write the ports and the process id. A reader that sees the file sees all of it."""
    draft = path.with_name(path.name + ".draft")
    draft.write_text(json.dumps({**ports, "pid": os.getpid()}), encoding="utf-8")
    draft.replace(path)


async def _serve(settings: Settings, ready: Path) -> None:
    cloud = Cloud(
        settings,
        VirtualClock(settings.clock_scale),
        _disk_source(settings),
        thread_workers(settings.replication_workers),
    )
    applications_by_port = {
        "smc_port": (settings.smc_listen, cloud.smc()),
        "ecs_port": (settings.ecs_listen, cloud.ecs()),
        "control_port": (settings.control_listen, cloud.control()),
    }
    sockets = {name: listening_socket(listen) for name, (listen, _) in applications_by_port.items()}
    servers = {name: make_server(application) for name, (_, application) in applications_by_port.items()}

    def end() -> None:
        for server in servers.values():
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    cloud.engine.start()
    _write_ready(ready, {name: bound.getsockname()[1] for name, bound in sockets.items()})
    try:
        await asyncio.gather(*(server.serve([sockets[name]]) for name, server in servers.items()))
    finally:
        await asyncio.to_thread(cloud.engine.stop)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="lab.alicloud", description="A simulated Alibaba Cloud (SMC and ECS).")
    parser.add_argument(
        "--config", type=Path, required=True, help="JSON configuration file, which only its owner may read"
    )
    parser.add_argument("--ready", type=Path, required=True, help="file to write ports and pid to once all is up")
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = Settings.from_file(options.config)
    settings.directory.mkdir(parents=True, exist_ok=True)
    asyncio.run(_serve(settings, options.ready))
    return 0


if __name__ == "__main__":
    sys.exit(main())
