# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the plugins share."""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from darabonba.core import DaraCore
from darabonba.policy import retry

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Reconciler
from tests.unit.plugins.wire import Cloud


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let reconcilers observe again without a pause."""
    monkeypatch.setattr(Reconciler, "pause", lambda self, seconds: None)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The pauses, in milliseconds, that the SDK would make between two attempts."""
    taken: list[int] = []
    monkeypatch.setattr(DaraCore, "sleep", staticmethod(taken.append))
    # A random pause of 0 ms would not be taken at all.
    monkeypatch.setattr(retry, "random", SimpleNamespace(randint=lambda low, high: random.randint(low + 1, high + 1)))
    return taken


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, naps: list[int]) -> Iterator[Cloud]:
    """A cloud that answers by script, and no proxy in between."""
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "DEBUG",
    ):
        monkeypatch.delenv(name, raising=False)
    cloud = Cloud()
    yield cloud
    cloud.close()


@pytest.fixture
def connection(cloud: Cloud) -> Connection:
    return Connection(
        access_key_id="AKID",
        access_key_secret="key-Secret",
        region_id="cn-hangzhou",
        smc_endpoint=cloud.url,
        ecs_endpoint=cloud.url,
    )
