"""The lab's private protocol between its connector and its cloud: register a VM with an activation code, send heartbeats."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lab.alicloud.smc.tokens import Tokens
from lab.alicloud.world.errors import CloudError, error, invalid, missing
from lab.alicloud.world.records import Source, SourceDisk
from lab.alicloud.world.store import Store


class ConnectorApi:
    """`/connector/register` and `/connector/heartbeat` on the SMC port; not counted among the requests."""

    def __init__(self, store: Store, tokens: Tokens) -> None:
        self._store = store
        self._tokens = tokens

    async def register(self, request: Request) -> Response:
        """Import one VM. If the VM's uuid has a source already, return that source without using up the code."""
        try:
            data = await _json_object(request)
            with self._store.lock:
                return JSONResponse({"source_id": self._register(data)})
        except CloudError as failure:
            return JSONResponse({"Code": failure.code, "Message": failure.message}, failure.status)

    async def heartbeat(self, request: Request) -> Response:
        """Record a heartbeat of the connector's sources. The answer lists the ids that no longer exist."""
        try:
            data = await _json_object(request)
        except CloudError as failure:
            return JSONResponse({"Code": failure.code, "Message": failure.message}, failure.status)
        with self._store.lock:
            unknown = []
            for source_id in data.get("sources", []):
                source = self._store.sources.get(source_id)
                if source is None:
                    unknown.append(source_id)
                else:
                    source.last_heartbeat = self._store.clock.real_seconds()
        return JSONResponse({"unknown": unknown})

    def _register(self, data: dict[str, Any]) -> str:
        vm = data.get("vm")
        if not isinstance(vm, dict) or not vm.get("moref_id"):
            raise missing("vm")
        for name in ("token_id", "token_code"):
            if not data.get(name):
                raise missing(name)
        known = self._known(vm)
        if known is not None:
            known.last_heartbeat = self._store.clock.real_seconds()
            known.vm, known.disks = vm, _disks(vm)
            return known.source_id
        disks = _disks(vm)
        if len(self._store.sources) >= self._store.switches.number("sources_limit"):
            raise error("QuotaExceeded.SourceServer")
        self._tokens.use(str(data["token_id"]), str(data["token_code"]))
        source = Source(
            source_id=self._store.identifiers.make("s"),
            name=self._name(vm),
            vm=vm,
            disks=disks,
            created=self._store.now(),
            last_heartbeat=self._store.clock.real_seconds(),
            vcenter_host=str(data.get("vcenter", {}).get("host", "")),
        )
        self._store.sources[source.source_id] = source
        return source.source_id

    def _known(self, vm: dict[str, Any]) -> Source | None:
        """The source of this VM, unless it is being deleted."""
        return next(
            (
                source
                for source in self._store.sources.values()
                if source.moref == str(vm["moref_id"])
                and source.vm.get("uuid") == vm.get("uuid")
                and not source.deleting
            ),
            None,
        )

    def _name(self, vm: dict[str, Any]) -> str:
        field = {"vm_name": "vm_name", "hostname": "host_name", "ip": "ipv4"}[self._store.switches.text("source_name")]
        return str(vm.get(field) or vm.get("vm_name") or vm["moref_id"])


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        data = await request.json()
    except ValueError as failure:
        raise invalid("body", "It must be JSON.") from failure
    if not isinstance(data, dict):
        raise invalid("body", "It must be a JSON object.")
    return data


def _disks(vm: dict[str, Any]) -> list[SourceDisk]:
    """The disks that the operator left in `vmware_migrate_config.json`; capacities are in KiB."""
    listed = [disk for disk in vm.get("disk", []) if disk.get("migrate", True)]
    if not listed:
        raise invalid("vm.disk", "The VM has no disk to migrate.")
    marked = any(disk.get("system_disk") for disk in listed)
    return [
        SourceDisk(
            key=int(disk["key"]),
            size_bytes=int(disk["capacity"]) * 1024,
            is_system=bool(disk.get("system_disk")) if marked else index == 0,
            file_name=str(disk.get("file_name", "")),
        )
        for index, disk in enumerate(listed)
    ]
