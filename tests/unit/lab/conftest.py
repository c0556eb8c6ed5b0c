"""Fixtures of the lab's tests: a connector's home, and an SMC that answers from memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.access import Credentials, Endpoints
from lab.connector.home import Home
from lab.connector.install import lay_out

ENDPOINTS = Endpoints(vcenter_port=1443, vcenter_control_port=1, smc_port=2, ecs_port=3, control_port=4)
CREDENTIALS = Credentials(
    vcenter_user="migration@vsphere.local",
    vcenter_password="vcenter-secret",
    access_key_id="LTAI5tlab",
    access_key_secret="cloud-secret",
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A connector's home as the launcher writes it."""
    return lay_out(tmp_path / "connector-1" / "root" / "smc", ENDPOINTS, CREDENTIALS, tmp_path / "ca.pem")


class SmcInMemory:
    """SMC's side of the connector protocol."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.code = "right-code"
        self.sources: list[str] = []
        self.unreachable = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.unreachable:
            raise httpx.ConnectError("connection refused", request=request)
        body = json.loads(request.content)
        self.requests.append((request.url.path, body))
        if request.url.path == "/connector/heartbeat":
            return httpx.Response(
                200, json={"unknown": [known for known in body["sources"] if known not in self.sources]}
            )
        if body["token_code"] != self.code:
            return httpx.Response(404, json={"Code": "InvalidAccessToken.NotFound", "Message": "The code is wrong."})
        self.sources.append(f"s-lab{len(self.sources) + 1}")
        return httpx.Response(200, json={"source_id": self.sources[-1]})


@pytest.fixture
def smc() -> SmcInMemory:
    """An SMC that knows no source yet."""
    return SmcInMemory()
