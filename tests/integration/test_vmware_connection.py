# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection to vCenter through an HTTP proxy, and the tags, which are not read with the vSphere API."""

from __future__ import annotations

import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.launcher import Options
from tests.integration.lab_harness import VCenterLab, running_vcenter

pytestmark = pytest.mark.lab


class ConnectProxy(socketserver.ThreadingTCPServer):
    """A proxy that knows CONNECT alone, and remembers where it was asked to connect to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.targets: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Tunnel(socketserver.StreamRequestHandler):
    # A byte read ahead would be missing in the tunnel.
    rbufsize = 0
    server: ConnectProxy

    def handle(self) -> None:
        method, target, _version = self.rfile.readline().decode().split()
        while self.rfile.readline().strip():
            pass
        if method != "CONNECT":
            self.wfile.write(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
            return
        self.server.targets.append(target)
        host, port = target.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as beyond:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _carry(self.connection, beyond)


def _carry(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one side has ended."""
    while True:
        for end in select.select([one, other], [], [])[0]:
            content = end.recv(65536)
            if not content:
                return
            (other if end is one else one).sendall(content)


def calls_since(access: VCenterLab) -> dict[str, int]:
    """How often each action was asked for since the last ``DELETE /requests``."""
    return {one["action"]: one["count"] for one in access.control.get("/requests")}


@contextmanager
def running_proxy() -> Iterator[ConnectProxy]:
    with ConnectProxy() as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def vcenter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VCenterLab]:
    overrides = {"app-02": {"tags": ["wave:7", "os:linux"]}, "app-03": {"tags": ["wave:7"]}}
    with running_vcenter(tmp_path_factory.mktemp("connection"), Options(vms=3, vm_overrides=overrides)) as access:
        yield access


def names(access: VCenterLab, **parameters: Any) -> list[str]:
    result = access.call_module("vmware_cbt_info", parameters)
    assert not result["failed"], result
    return [vm["name"] for vm in result["vms"]]


def test_the_proxy_of_the_options_is_the_way_to_vcenter(vcenter: VCenterLab) -> None:
    with running_proxy() as proxy:
        assert names(vcenter, proxy_host="127.0.0.1", proxy_port=proxy.port) == ["app-01", "app-02", "app-03"]
        assert set(proxy.targets) == {f"{vcenter.variables['VMWARE_HOST']}:{vcenter.variables['VMWARE_PORT']}"}


def test_the_proxy_of_the_environment_is_the_way_to_vcenter(vcenter: VCenterLab) -> None:
    with running_proxy() as proxy:
        where = {"VMWARE_PROXY_HOST": "127.0.0.1", "VMWARE_PROXY_PORT": str(proxy.port)}
        result = vcenter.call_module("vmware_cbt", {"name": "app-01"}, **where)
        assert result["vm"]["cbt"]["effective"]
        assert proxy.targets


def test_a_proxy_that_is_down_is_not_passed_by(vcenter: VCenterLab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    result = vcenter.call_module("vmware_cbt_info", {"proxy_host": "127.0.0.1", "proxy_port": port})
    assert "cannot be reached (Connection refused)" in result["msg"]


def test_vms_are_selected_by_tags(vcenter: VCenterLab) -> None:
    assert names(vcenter, tags=["wave:7"]) == ["app-02", "app-03"]
    assert names(vcenter, tags=["7", "linux"]) == ["app-02"]
    assert names(vcenter, tags=["wave:7"], names=["app-01", "app-03"]) == ["app-03"]
    assert names(vcenter, tags=[]) == []


def test_tags_cost_a_call_each_and_none_when_they_are_not_asked_for(vcenter: VCenterLab) -> None:
    def calls(**parameters: Any) -> dict[str, int]:
        vcenter.control.delete("/requests")
        names(vcenter, **parameters)
        return {action: count for action, count in calls_since(vcenter).items() if action.startswith("HTTP")}

    assert calls() == {}
    assert calls(tags=["wave:7"]) == {
        "HTTP POST session": 1,
        "HTTP GET tag": 3,
        "HTTP GET category": 1,
        "HTTP POST tag-association list-attached-objects": 1,
        "HTTP DELETE session": 1,
    }
    assert vcenter.control.mutating_requests() == []


def test_tags_are_read_through_the_proxy(vcenter: VCenterLab) -> None:
    with running_proxy() as proxy:
        assert names(vcenter, tags=["os:linux"], proxy_host="127.0.0.1", proxy_port=proxy.port) == ["app-02"]
        assert len(proxy.targets) == 2


def test_an_unknown_tag_is_rejected_with_similar_tags(vcenter: VCenterLab) -> None:
    result = vcenter.call_module("vmware_cbt_info", {"tags": ["wave:8"]})
    assert "vCenter has no tag 'wave:8' (option 'tags'). Did you mean wave:7?" in result["msg"]


def test_a_session_that_idles_too_long_is_opened_again(tmp_path: Path) -> None:
    with running_vcenter(tmp_path, Options(vms=1), session_timeout="200ms") as access:
        # While another task has the VM nothing is asked of vCenter, for longer than it keeps an idle session.
        busy = {"target": "vcenter", "method": "ReconfigVM_Task", "object": "app-01", "fault": "TaskInProgress"}
        access.control.post("/faults", busy | {"count": 2, "task": True})
        result = access.call_module("vmware_cbt", {"name": "app-01"})
        calls = calls_since(access)
    assert result["vm"]["cbt"]["effective"]
    assert calls["Login"] >= 2
