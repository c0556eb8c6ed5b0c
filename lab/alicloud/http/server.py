"""HTTP servers on loopback by uvicorn: several in one event loop, with connections that can be reset on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

# The open connections by the client's address, so that a fault can reset one.
_TRANSPORTS: dict[tuple[str, int], asyncio.Transport] = {}


class ResettableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol that remembers its transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # asyncio does this only for sockets that were made with an explicit protocol; without it the body of each
        # answer waits 40 ms for the client to acknowledge the headers.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.client:
            _TRANSPORTS[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client:
            _TRANSPORTS.pop(self.client, None)
        super().connection_lost(exc)


class _Nothing(Response):
    """A response of which nothing is sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send


def reset_connection(request: Request) -> Response:
    """Reset the client's connection: it does not learn whether its request was carried out."""
    transport = _TRANSPORTS.get((request.client.host, request.client.port)) if request.client else None
    if transport is not None:
        connection = transport.get_extra_info("socket")
        # Without lingering, closing sends RST instead of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return _Nothing()


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process: there are three of them in one."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listening_socket(listen: str) -> socket.socket:
    """A bound socket for `host:port`; port 0 takes a free one."""
    host, _, port = listen.rpartition(":")
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host.strip("[]"), int(port)))
    bound.listen(128)
    bound.set_inheritable(False)
    return bound


def make_server(application: ASGIApp) -> Server:
    """A quiet server that writes neither `Date` nor `Server`: the applications do."""
    options: dict[str, Any] = {
        "http": ResettableProtocol,
        "date_header": False,
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "lifespan": "off",
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": 3,
    }
    return Server(uvicorn.Config(application, **options))
