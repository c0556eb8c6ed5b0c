"""The fixture: a cloud whose clock is stopped until a test moves it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.alicloud.cloud import Cloud
from lab.alicloud.replication.engine import InlineWorkers
from lab.alicloud.world.clock import VirtualClock
from lab.alicloud.world.settings import Credential, Settings
from tests.unit.lab.alicloud.harness import KEY, REGION, SECRET, TEMPORARY, FakeVms, Lab, RealTime, Servers


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    running = Servers()
    yield running
    running.stop()


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: Servers) -> Lab:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings(tmp_path, [Credential(KEY, SECRET), TEMPORARY], region_id=REGION, clock_scale=0)
    time = RealTime()
    clock = VirtualClock(0, datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc), time.monotonic, time.wall)
    vms = FakeVms()
    cloud = Cloud(settings, clock, vms, InlineWorkers())
    servers.put(cloud)
    return Lab(cloud, vms, time, servers.ports)
