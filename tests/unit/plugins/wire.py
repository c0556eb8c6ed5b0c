# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Alibaba Cloud on the wire that answers by script: the official SDK talks to it over HTTP."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

CLOCK = datetime(2026, 11, 22, 18, 0, 7, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Request:
    """What arrived."""

    action: str
    version: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What is answered: JSON, or bytes as they are; a status of 0 closes the connection without an answer.

    :ivar delay: seconds until the answer
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body or {}).encode()


def refusal(code: str, status: int = 400, message: str = "No.", **headers: str) -> Answer:
    """An error as the gateway sends it."""
    body = {"RequestId": "REQ-1", "HostId": "smc.aliyuncs.com", "Code": code, "Message": message}
    return Answer(body, status, headers)


HANG_UP = Answer(status=0)


class Cloud:
    """Answers request after request as the script says, and fails a test that asks more than it says."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: list[Answer] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return "http://" + self.endpoint

    def replies(self, *answers: Answer | dict[str, Any]) -> None:
        self.script += [answer if isinstance(answer, Answer) else Answer(answer) for answer in answers]

    @property
    def actions(self) -> list[str]:
        return [request.action for request in self.requests]

    @property
    def queries(self) -> list[dict[str, str]]:
        return [request.query for request in self.requests]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _next(self, request: Request) -> Answer:
        self.requests.append(request)
        if not self.script:
            return refusal("Test.NothingLeftToSay", 400, "the script has ended")
        return self.script.pop(0)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = cloud._next(
                    Request(
                        headers.get("x-acs-action", ""),
                        headers.get("x-acs-version", ""),
                        dict(parse_qsl(urlsplit(self.path).query)),
                        headers,
                    )
                )
                self.close_connection = True
                time.sleep(answer.delay)
                if answer.status == 0:
                    return
                self.send_response_only(answer.status)
                self.send_header("Date", answer.headers.get("Date") or format_datetime(CLOCK, usegmt=True))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer.content)))
                for name, value in answer.headers.items():
                    if name != "Date":
                        self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler
