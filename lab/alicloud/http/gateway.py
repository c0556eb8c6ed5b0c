"""The endpoint of one service: reads a request, applies faults, verifies it, runs its action, answers."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lab.alicloud.http.counters import Counters, is_mutating
from lab.alicloud.http.faults import Faults, Rule
from lab.alicloud.http.server import reset_connection
from lab.alicloud.http.service import Service
from lab.alicloud.http.signature import SignedRequest, Verifier
from lab.alicloud.http.wire import SIGNING, Parameters
from lab.alicloud.world.errors import TEMPLATES, CloudError, error, missing
from lab.alicloud.world.ids import request_id
from lab.alicloud.world.journal import Entry
from lab.alicloud.world.store import Store
from lab.alicloud.world.timefmt import http_date

LOG = logging.getLogger(__name__)
_TROUBLESHOOT = "https://api.alibabacloud.com/troubleshoot?q={code}&product={product}&requestId={request_id}"
_HTML_502 = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass
class Call:
    """One parsed request."""

    action: str
    parameters: Parameters
    signed: SignedRequest
    version: str
    encrypted: bool


class Gateway:
    """Answers all requests to `/` of one service."""

    def __init__(self, service: Service, verifier: Verifier, store: Store, faults: Faults, counters: Counters) -> None:
        self._service = service
        self._verifier = verifier
        self._store = store
        self._faults = faults
        self._counters = counters

    async def answer(self, request: Request) -> Response:
        """The Starlette endpoint."""
        call = await self._read(request)
        with self._store.lock:
            mutating = is_mutating(call.action, call.parameters)
            self._counters.count(self._service.name, call.action or "?", mutating)
            entry = self._record(call) if mutating else None
            fault = self._faults.request_fault(self._service.name, call.action)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(float(fault.options.get("delay_ms", 3000)) / 1000)
        if fault is not None and fault.kind == "reset_before_commit":
            return reset_connection(request)
        if fault is not None and fault.kind == "html_502":
            return self._plain(_HTML_502, 502, "text/html")
        response = self._respond(call, fault, entry)
        if fault is not None and fault.kind == "late_answer":
            await asyncio.sleep(float(fault.options.get("delay_ms", 3000)) / 1000)
        if fault is not None and fault.kind == "reset_after_commit":
            return reset_connection(request)
        return response

    def _record(self, call: Call) -> Entry:
        sent = {name: value for name, value in call.parameters.items() if name not in SIGNING}
        return self._store.journal.arrived(self._service.name, call.action, self._store.now(), sent)

    async def _read(self, request: Request) -> Call:
        body = await request.body()
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = request.url.query
        parameters = Parameters.from_request(query, body, headers.get("content-type", ""))
        return Call(
            action=headers.get("x-acs-action") or parameters.text("Action"),
            version=headers.get("x-acs-version") or parameters.text("Version"),
            parameters=parameters,
            encrypted="https" in (request.url.scheme, headers.get("x-forwarded-proto")),
            signed=SignedRequest(request.method, request.url.path, query, headers, body),
        )

    def _respond(self, call: Call, fault: Rule | None, entry: Entry | None) -> Response:
        identifier = request_id()
        try:
            if fault is not None:
                _raise_fault(fault)
            body = self._run_action(call)
            if entry is not None:
                entry.done(body)
        except CloudError as failure:
            if entry is not None:
                entry.refused(failure.code)
            return self._error(failure, identifier)
        except Exception:
            LOG.exception("%s %s", self._service.name, call.action)
            return self._error(error("InternalError"), identifier)
        return self._json({**body, "RequestId": identifier}, 200, {})

    def _run_action(self, call: Call) -> dict[str, Any]:
        if call.signed.method not in ("GET", "POST"):
            raise error("UnsupportedHTTPMethod")
        if not call.action:
            raise missing("Action")
        with self._store.lock:
            self._verifier.verify(call.signed)
            if call.version != self._service.version:
                raise error("InvalidVersion")
            https_only = call.action in self._service.https_only and self._store.switches.on("workgroup_https_only")
            if https_only and not call.encrypted:
                raise error("InvalidProtocol.NeedSsl")
            action = self._service.actions.get(call.action)
            if action is None:
                modern = self._store.switches.text("gateway_codes") == "modern"
                raise error("InvalidAction.NotFound" if modern else "InvalidAction")
            return action(call.parameters)

    # -- answers -------------------------------------------------------------------------------------------------

    def _error(self, failure: CloudError, identifier: str) -> Response:
        recommend = _TROUBLESHOOT.format(code=failure.code, product=self._service.product, request_id=identifier)
        body = {
            "RequestId": identifier,
            "HostId": self._service.host,
            "Code": failure.code,
            "Message": failure.message,
            "Recommend": recommend,
        }
        if failure.status == 403 and failure.code.startswith("Forbidden"):
            body["AccessDeniedDetail"] = json.dumps({"PolicyType": "AccountLevelIdentityBasedPolicy"})
        return self._json(body, failure.status, failure.headers)

    def _json(self, body: dict[str, Any], status: int, headers: Mapping[str, str]) -> Response:
        text = json.dumps(body, ensure_ascii=False)
        return self._plain(text, status, "application/json;charset=utf-8", headers)

    def _plain(self, text: str, status: int, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
        # The Date of an answer is the virtual time; this is how a client learns SMC's clock.
        all_headers = {"Date": http_date(self._store.now()), "Server": "lab", **(headers or {})}
        return Response(text, status_code=status, media_type=media_type, headers=all_headers)


def _raise_fault(fault: Rule) -> None:
    """Refuse the call as the rule says; kinds that are not refusals pass."""
    options = fault.options
    if fault.kind in ("throttle", "throttle_retry_after"):
        code = str(options.get("code", "Throttling.User"))
        failure = CloudError(code, TEMPLATES["Throttling.User"][1], int(options.get("status", 400)))
        if fault.kind == "throttle":
            raise failure
        failure.headers["x-acs-retry-after"] = str(int(options.get("retry_after_ms", 1000)))
        raise failure
    if fault.kind == "internal_error":
        raise error("InternalError")
    if fault.kind == "service_unavailable":
        raise error("ServiceUnavailable")
    if fault.kind == "clock_skew":
        raise error("IllegalTimestamp")
    if fault.kind == "error":
        raise CloudError(
            str(options.get("code", "InternalError")),
            str(options.get("message", "An injected error.")),
            int(options.get("status", 400)),
        )
