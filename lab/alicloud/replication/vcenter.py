"""Reads a VM's disks through vCenter, as a real connector does: pyVmomi for snapshots and changed areas, HTTPS for bytes."""

from __future__ import annotations

import logging
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlencode

import urllib3
from pyVim.connect import SmartConnect
from pyVmomi import vim, vmodl

from lab.alicloud.replication.replicator import Area, DiskReader, NotTrackedError, ReplicationError
from lab.alicloud.world.settings import VCenterSettings

LOG = logging.getLogger(__name__)
# By this name the lab's vCenter distinguishes replication from the collection in its request counts.
USER_AGENT = "cutover-lab"
_TASK_POLL_SECONDS = 0.02
_TASK_TIMEOUT_SECONDS = 120.0
_DATASTORE_PATH = re.compile(r"^\[(?P<datastore>[^\]]+)\] (?P<path>.+)\.vmdk$")
Answer = TypeVar("Answer")


class VCenter:
    """One session for all replication: opened when first needed, opened again when it has expired."""

    def __init__(self, settings: VCenterSettings) -> None:
        self._settings = settings
        self._context = ssl.create_default_context(cafile=settings.ca_file or None)
        # urllib3 reads a ranged answer four times as fast as clients that parse HTTP in Python.
        self._http = urllib3.HTTPSConnectionPool(
            settings.host, settings.port, maxsize=8, timeout=60, retries=False, ssl_context=self._context
        )
        self._service: Any = None
        self._lock = threading.Lock()

    def _connected(self) -> Any:
        with self._lock:
            if self._service is None:
                self._service = SmartConnect(
                    host=self._settings.host,
                    port=self._settings.port,
                    user=self._settings.username,
                    pwd=self._settings.password,
                    sslContext=self._context,
                    customHeaders={"User-Agent": USER_AGENT},
                    connectionPoolTimeout=-1,
                )
            return self._service

    def _drop_session(self, service: Any) -> None:
        with self._lock:
            if self._service is service:
                self._service = None

    def call(self, action: Callable[[Any], Answer]) -> Answer:
        """Run an action with the session's stub; once more if the session has expired."""
        for attempt in (1, 2):
            service = self._connected()
            try:
                return action(service._stub)  # pylint: disable=protected-access
            except vim.fault.NotAuthenticated:
                self._drop_session(service)
                if attempt == 2:
                    raise
        raise AssertionError("not reached")

    def wait(self, start: Callable[[Any], Any]) -> Any:
        """Start a task and wait for its result; raise its fault."""
        task = self.call(start)
        deadline = time.monotonic() + _TASK_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            info = self.call(lambda stub: vim.Task(task._moId, stub).info)  # pylint: disable=protected-access
            if info.state == "success":
                return info.result
            if info.state == "error":
                raise cast(Exception, info.error)
            time.sleep(_TASK_POLL_SECONDS)
        raise ReplicationError("SourceServer.TaskTimeout", "A task of vCenter did not end in time.")

    def read(self, path: str, query: dict[str, str], start: int, length: int) -> bytes:
        """A ranged read of a datastore file over HTTPS, with the session's cookie."""
        for attempt in (1, 2):
            service = self._connected()
            cookie = str(service._stub.cookie).split(";", 1)[0]  # pylint: disable=protected-access
            headers = {
                "User-Agent": USER_AGENT,
                "Cookie": cookie,
                "Range": f"bytes={start}-{start + length - 1}",
            }
            answer = self._http.request("GET", f"/folder/{quote(path)}?{urlencode(query)}", headers=headers)
            if answer.status == 401 and attempt == 1:
                self._drop_session(service)
                continue
            break
        if answer.status not in (200, 206):
            raise ReplicationError(
                "SourceServer.ReadFailed", f"Reading {path} at {start} was answered with HTTP {answer.status}."
            )
        data = answer.data
        return data if answer.status == 206 else data[start : start + length]


@dataclass
class _FrozenDisk:
    """A disk in a snapshot."""

    vcenter: VCenter
    vm_id: str
    snapshot_id: str
    key: int
    size: int
    change_id: str
    path: str
    query: dict[str, str]

    def changed_areas(self, since: str) -> list[Area]:
        areas: list[Area] = []
        offset = 0
        while offset < self.size:
            answer = self._query(offset, since)
            areas += [(int(area.start), int(area.length)) for area in answer.changedArea or []]
            # An answer without areas is not the end: the end is where the answered range reaches the disk's end.
            reached = int(answer.startOffset) + int(answer.length)
            if reached <= offset:
                break
            offset = reached
        return areas

    def _query(self, offset: int, since: str) -> Any:
        def ask(stub: Any) -> Any:
            machine = vim.VirtualMachine(self.vm_id, stub)
            return machine.QueryChangedDiskAreas(vim.vm.Snapshot(self.snapshot_id, stub), self.key, offset, since)

        try:
            return self.vcenter.call(ask)
        except (vim.fault.FileFault, vmodl.fault.InvalidArgument) as failure:
            raise NotTrackedError from failure

    def read(self, start: int, length: int) -> bytes:
        return self.vcenter.read(self.path, self.query, start, length)


class VCenterDiskSource:
    """The real disk source of the lab."""

    def __init__(self, settings: VCenterSettings) -> None:
        self._vcenter = VCenter(settings)
        self._datacenters: dict[str, str] = {}

    def is_on(self, moref: str) -> bool:
        """Whether vCenter shows the VM as powered on."""
        with _mapped_to_replication_failures():
            state = self._vcenter.call(lambda stub: vim.VirtualMachine(moref, stub).runtime.powerState)
        return str(state) != "poweredOff"

    @contextmanager
    def frozen(
        self, moref: str, snapshot_name: str, keep_snapshot: Callable[[], bool]
    ) -> Iterator[dict[int, DiskReader]]:
        """Create a snapshot of the VM and remove it at the end, by its reference and not by its name."""
        with _mapped_to_replication_failures():
            snapshot_id = self._take_snapshot(moref, snapshot_name)
        try:
            with _mapped_to_replication_failures():
                yield self._disks(moref, snapshot_id)
        finally:
            if not keep_snapshot():
                self._remove_snapshot(snapshot_id)

    def _take_snapshot(self, moref: str, name: str) -> str:
        snapshot = self._vcenter.wait(
            lambda stub: vim.VirtualMachine(moref, stub).CreateSnapshot_Task(
                name=name, description="Created by SMC", memory=False, quiesce=False
            )
        )
        return str(snapshot._moId)  # pylint: disable=protected-access

    def _remove_snapshot(self, snapshot_id: str) -> None:
        for attempt in range(1, 6):
            try:
                self._vcenter.wait(
                    lambda stub: vim.vm.Snapshot(snapshot_id, stub).RemoveSnapshot_Task(removeChildren=False)
                )
                return
            except vmodl.fault.ManagedObjectNotFound:
                return  # another client removed it
            except Exception as failure:  # whatever the error is, the snapshot must be removed
                LOG.warning("removing snapshot %s, attempt %d: %s", snapshot_id, attempt, type(failure).__name__)
                time.sleep(0.2 * attempt)
        LOG.error("snapshot %s could not be removed from its VM", snapshot_id)

    def _disks(self, moref: str, snapshot_id: str) -> dict[int, DiskReader]:
        devices = self._vcenter.call(lambda stub: vim.vm.Snapshot(snapshot_id, stub).config.hardware.device)
        datacenter = self._datacenter(moref)
        readers: dict[int, DiskReader] = {}
        for device in devices:
            if not isinstance(device, vim.vm.device.VirtualDisk):
                continue
            backing: Any = device.backing
            found = _DATASTORE_PATH.match(backing.fileName)
            if found is None:
                raise ReplicationError("SourceServer.ReadFailed", f"{backing.fileName} is not a datastore path.")
            size = int(device.capacityInBytes or device.capacityInKB * 1024)
            readers[int(device.key)] = _FrozenDisk(
                vcenter=self._vcenter,
                vm_id=moref,
                snapshot_id=snapshot_id,
                key=int(device.key),
                size=size,
                change_id=getattr(backing, "changeId", None) or "",
                path=f"{found['path']}-flat.vmdk",
                query={"dcPath": datacenter, "dsName": found["datastore"], "snapshot": snapshot_id},
            )
        return readers

    def _datacenter(self, moref: str) -> str:
        """The name of the VM's datacenter, read once."""
        if moref not in self._datacenters:
            self._datacenters[moref] = self._vcenter.call(
                lambda stub: _datacenter_name(vim.VirtualMachine(moref, stub))
            )
        return self._datacenters[moref]


def _datacenter_name(entity: Any) -> str:
    while entity is not None and not isinstance(entity, vim.Datacenter):
        entity = entity.parent
    if entity is None:
        raise ReplicationError("SourceServer.NotFound", "The VM is in no datacenter.")
    return str(entity.name)


@contextmanager
def _mapped_to_replication_failures() -> Iterator[None]:
    """Map every error of vCenter and the network to a failure of the run, with a code for the job."""
    try:
        yield
    except vmodl.fault.ManagedObjectNotFound as failure:
        raise ReplicationError("SourceServer.NotFound", "vCenter does not know the VM any more.") from failure
    except vim.fault.InvalidLogin as failure:
        raise ReplicationError("SourceServer.InvalidLogin", "vCenter refused the connector's login.") from failure
    except vmodl.MethodFault as failure:
        raise ReplicationError("SourceServer.VCenterFault", f"vCenter answered {type(failure).__name__}.") from failure
    except (OSError, urllib3.exceptions.HTTPError) as failure:
        raise ReplicationError("SourceServer.VCenterUnreachable", f"vCenter cannot be reached: {failure}") from failure
