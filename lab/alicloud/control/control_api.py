"""`$LAB_CONTROL`: clock, faults, switches, counters, state, image hashes; requests for vCenter are passed on to it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lab.alicloud.control.state_view import bill_view, state_view
from lab.alicloud.http.counters import Counters
from lab.alicloud.http.faults import SOURCE_KINDS, Faults, Rule, source_matches
from lab.alicloud.replication.engine import Engine
from lab.alicloud.world.compute import Compute
from lab.alicloud.world.diskfiles import sha256_of
from lab.alicloud.world.store import Store
from lab.alicloud.world.timefmt import parse_duration, seconds_format

JOURNAL_POLL_SECONDS = 0.005


class ControlError(Exception):
    """The control request cannot be served; its text says why."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Control:
    """The endpoints of the control port."""

    def __init__(
        self, store: Store, engine: Engine, compute: Compute, faults: Faults, counters: Counters, vcenter_url: str
    ) -> None:
        self._store = store
        self._engine = engine
        self._compute = compute
        self._faults = faults
        self._counters = counters
        self._vcenter_url = vcenter_url.rstrip("/")
        self._http: httpx.AsyncClient | None = None

    # -- vCenter's part ------------------------------------------------------------------------------------------

    async def _vcenter(self, method: str, path: str, body: bytes = b"") -> httpx.Response | None:
        """Ask vCenter's control port; None when the lab has no vCenter."""
        if not self._vcenter_url:
            return None
        if self._http is None:
            self._http = httpx.AsyncClient(trust_env=False, timeout=120)
        try:
            return await self._http.request(method, self._vcenter_url + path, content=body)
        except httpx.HTTPError as failure:
            raise ControlError(f"the lab's vCenter does not answer: {failure}", 502) from failure

    async def forward(self, request: Request) -> Response:
        """`/vms…`: the answer of vCenter's control port. A start or stop of a guest's service is recorded in the journal."""
        body = await request.body()
        answer = await self._vcenter(request.method, request.url.path, body)
        if answer is None:
            raise ControlError("this lab has no vCenter", 404)
        if request.url.path.endswith("/guest") and answer.is_success:
            with self._store.lock:
                details = {"vm": request.path_params["rest"].partition("/")[0]}
                service = json.loads(body)["service"]
                self._store.journal.arrived("guest", service, self._store.now(), details).done({})
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    # -- requests ------------------------------------------------------------------------------------------------

    async def requests(self, request: Request) -> Response:
        """`GET /requests`, `DELETE /requests`."""
        answer = await self._vcenter(request.method, "/requests")
        with self._store.lock:
            if request.method == "DELETE":
                self._counters.clear()
                return JSONResponse({})
            rows = self._counters.as_list()
        return JSONResponse(rows + (answer.json() if answer is not None else []))

    async def journal(self, request: Request) -> Response:
        """`GET /journal?after=0&wait=0`: the entries after that number; waits at most that many seconds for one."""
        after = int(request.query_params.get("after", "0"))
        patience = float(request.query_params.get("wait", "0"))
        while True:
            with self._store.lock:
                entries = self._store.journal.after(after)
            if entries or patience <= 0:
                return JSONResponse(entries)
            await asyncio.sleep(JOURNAL_POLL_SECONDS)
            patience -= JOURNAL_POLL_SECONDS

    async def secrets(self, request: Request) -> Response:
        """`GET /secrets`: the secrets that exist, which no client should show."""
        answer = await self._vcenter(request.method, "/sessions")
        with self._store.lock:
            codes = list(self._store.codes)
        return JSONResponse({"activation_codes": codes, "sessions": answer.json() if answer is not None else []})

    # -- clock ---------------------------------------------------------------------------------------------------

    async def clock(self, request: Request) -> Response:
        """`GET /clock`, `POST /clock` `{"scale": 600}` or `{"advance": "6h"}`, which can be sent together."""
        if request.method == "POST":
            data = await _json_object(request)
            try:
                if "scale" in data:
                    self._set_scale(float(data["scale"]))
                if "advance" in data:
                    duration = parse_duration(data["advance"])
                    await run_in_threadpool(self._engine.advance, duration, bool(data.get("jump", False)))
            except (ValueError, TypeError) as failure:
                raise ControlError(str(failure)) from failure
        clock = self._store.clock
        return JSONResponse({"now": seconds_format(clock.now()), "scale": clock.scale})

    def _set_scale(self, scale: float) -> None:
        self._store.clock.set_scale(scale)
        self._store.timers.changed()

    # -- switches and faults -------------------------------------------------------------------------------------

    async def switches(self, request: Request) -> Response:
        """`GET /switches`, `POST /switches` with those to set."""
        data = await _json_object(request) if request.method == "POST" else {}
        with self._store.lock:
            try:
                self._store.switches.update(data)
            except ValueError as failure:
                raise ControlError(str(failure)) from failure
            return JSONResponse(self._store.switches.as_dict())

    async def faults(self, request: Request) -> Response:
        """`GET /faults`, `POST /faults` with one rule or a list, `DELETE /faults`."""
        if request.method == "DELETE":
            await self._vcenter("DELETE", "/faults")
            with self._store.lock:
                self._faults.clear()
                for source in self._store.sources.values():
                    source.heartbeat_lost = False
            return JSONResponse({})
        if request.method == "POST":
            for data in await _json_objects(request):
                await self._add_fault(data)
        with self._store.lock:
            return JSONResponse([rule.as_dict() for rule in self._faults.rules()])

    async def _add_fault(self, data: dict[str, Any]) -> None:
        if data.get("target") == "vcenter":
            answer = await self._vcenter("POST", "/faults", json.dumps(data).encode())
            if answer is None or answer.status_code >= 400:
                raise ControlError(answer.text if answer is not None else "this lab has no vCenter")
            return
        try:
            rule = Rule.from_json(data)
        except (ValueError, TypeError) as failure:
            raise ControlError(str(failure)) from failure
        with self._store.lock:
            if rule.kind in SOURCE_KINDS:
                self._lose_heartbeats(str(rule.options.get("source", "*")))
            elif rule.kind == "instance_gone" and "phase" not in rule.options:
                self._release_instances(str(rule.options.get("job", "*")))
            else:
                self._faults.add(rule)
        await run_in_threadpool(self._engine.check_heartbeats)

    def _lose_heartbeats(self, wanted: str) -> None:
        for source in self._store.sources.values():
            if source_matches(wanted, source):
                source.heartbeat_lost = True

    def _release_instances(self, wanted: str) -> None:
        for job in self._store.jobs.values():
            if wanted in ("*", job.job_id, job.name):
                self._compute.delete_instance(job.transition_instance_id)

    # -- state and images ----------------------------------------------------------------------------------------

    async def state(self, request: Request) -> Response:
        """`GET /state`."""
        del request
        with self._store.lock:
            return JSONResponse(state_view(self._store))

    async def bill(self, request: Request) -> Response:
        """`GET /bill`: what everything costs per day, and has cost so far."""
        del request
        with self._store.lock:
            return JSONResponse(bill_view(self._store))

    async def image_disks(self, request: Request) -> Response:
        """`GET /images/ID/disks`: the hash over the length of the source disk."""
        with self._store.lock:
            image = self._store.images.get(request.path_params["image_id"])
        if image is None:
            raise ControlError("there is no such image", 404)
        rows = []
        for disk in image.disks:
            # The bytes of an image never change, so each disk is hashed once.
            if not disk.sha256:
                try:
                    disk.sha256 = await asyncio.to_thread(sha256_of, Path(disk.file), disk.size_bytes)
                except FileNotFoundError as failure:
                    raise ControlError("the image was deleted meanwhile", 404) from failure
            rows.append({"key": disk.key, "size": disk.size_bytes, "sha256": disk.sha256})
        return JSONResponse(rows)


def error_response(request: Request, failure: Exception) -> Response:
    """The answer to a refused control request."""
    del request
    status = failure.status if isinstance(failure, ControlError) else 500
    return JSONResponse({"error": str(failure)}, status)


async def _json_objects(request: Request) -> list[dict[str, Any]]:
    try:
        data = await request.json()
    except ValueError as failure:
        raise ControlError("the body must be JSON") from failure
    items = data if isinstance(data, list) else [data]
    if not all(isinstance(item, dict) for item in items):
        raise ControlError("the body must be a JSON object")
    return items


async def _json_object(request: Request) -> dict[str, Any]:
    return (await _json_objects(request))[0]
