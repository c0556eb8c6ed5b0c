# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixtures of the conformance tests: one lab whose clock stands still, and the official clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_smc20190601.client import Client as SmcClient

from lab.access import PROXY_VARIABLES
from tests.conformance.checked import Checked, config
from tests.integration.lab_harness import Lab, start_lab

LABS = Path(__file__).resolve().parents[2] / "build" / "conformance"


@pytest.fixture(scope="session")
def session_lab() -> Iterator[Lab]:
    """The lab of this test session."""
    lab = start_lab(LABS / "lab", "--vms", "4")
    yield lab
    lab.stop()


@pytest.fixture
def lab(session_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The lab with time standing still: what a test wants to happen, it lets happen by moving the clock."""
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    session_lab.reset_faults()
    session_lab.post("/clock", {"scale": 0})
    return session_lab


@pytest.fixture
def smc(lab: Lab) -> Checked:
    """The official SMC client for Python."""
    return Checked(SmcClient(config(lab.environment, "CUTOVER_SMC_ENDPOINT")))


@pytest.fixture
def ecs(lab: Lab) -> Checked:
    """The official ECS client for Python."""
    return Checked(EcsClient(config(lab.environment, "CUTOVER_ECS_ENDPOINT")))
