"""Reads from vCenter the facts that vmware_migrate_config.json holds, all VMs in one request."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim, vmodl

from lab.connector.home import Connection, ConnectorError
from lab.connector.migrate_config import Config, Entry

# By this name the lab's vCenter distinguishes its own clients from the collection under test.
USER_AGENT = "cutover-lab-connector"
SECONDS_TO_CONNECT = 10
VM_PROPERTIES = (
    "name",
    "config.uuid",
    "config.version",
    "config.firmware",
    "config.guestId",
    "config.guestFullName",
    "config.changeTrackingEnabled",
    "config.hardware",
    "config.template",
    "runtime.host",
    "runtime.powerState",
    "runtime.connectionState",
    "guest.toolsRunningStatus",
    "guest.ipAddress",
    "guest.hostName",
    "snapshot",
)
HOST_PROPERTIES = ("name", "summary.hardware.cpuModel", "summary.config.product.version")


@dataclass(frozen=True)
class Host:
    """The facts of an ESXi host that a VM's object contains."""

    name: str
    cpu: str
    version: str


@contextmanager
def session(connection: Connection, ca_file: str) -> Iterator[Any]:
    """A session with vCenter; every failure to open it is one sentence."""
    server = f"vCenter {connection.host}:{connection.port}"
    try:
        service = SmartConnect(
            host=connection.host,
            port=connection.port,
            user=connection.user,
            pwd=connection.password,
            sslContext=ssl.create_default_context(cafile=ca_file or None),
            customHeaders={"User-Agent": USER_AGENT},
            httpConnectionTimeout=SECONDS_TO_CONNECT,
        )
    except vim.fault.InvalidLogin as error:
        raise ConnectorError(f"{server} refused the login of {connection.user}") from error
    except ssl.SSLError as error:
        raise ConnectorError(f"the certificate of {server} is not trusted: {error.reason}") from error
    except (OSError, vmodl.MethodFault) as error:
        raise ConnectorError(f"{server} cannot be reached: {error}") from error
    try:
        yield service
    finally:
        Disconnect(service)


def _read(service: Any, kind: Any, names: tuple[str, ...]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Properties of all objects of a kind: each object with those that it has."""
    content = service.RetrieveContent()
    view = content.viewManager.CreateContainerView(content.rootFolder, [kind], True)
    try:
        query = vmodl.query.PropertyCollector
        travel = query.TraversalSpec(name="view", path="view", skip=False, type=type(view))
        wanted = query.FilterSpec(
            objectSet=[query.ObjectSpec(obj=view, skip=True, selectSet=[travel])],
            propSet=[query.PropertySpec(type=kind, pathSet=list(names), all=False)],
        )
        page = content.propertyCollector.RetrievePropertiesEx([wanted], query.RetrieveOptions())
        while page is not None:
            for item in page.objects:
                yield item.obj, {entry.name: entry.val for entry in item.propSet}
            page = content.propertyCollector.ContinueRetrievePropertiesEx(page.token) if page.token else None
    finally:
        view.Destroy()


def read_hosts(service: Any) -> dict[str, Host]:
    """The ESXi hosts by their managed object IDs."""
    return {
        host._moId: Host(
            name=values.get("name", ""),
            cpu=values.get("summary.hardware.cpuModel", ""),
            version=values.get("summary.config.product.version", ""),
        )
        for host, values in _read(service, vim.HostSystem, HOST_PROPERTIES)
    }


def disk_facts(disk: Any) -> Entry:
    """One disk's facts."""
    backing = disk.backing
    return {
        "key": disk.key,
        "uuid": getattr(backing, "uuid", None) or "",
        "capacity": disk.capacityInKB,
        "file_name": backing.fileName,
        "change_id": getattr(backing, "changeId", None) or "",
    }


def vm_facts(moref: str, values: dict[str, Any], hosts: dict[str, Host]) -> Entry:
    """One VM's facts, under the names of vmware_migrate_config.json; guest_id is dropped before the file is written."""
    hardware = values["config.hardware"]
    host_id = values["runtime.host"]._moId if values.get("runtime.host") else ""
    host = hosts.get(host_id, Host("", "", ""))
    cards = [device.macAddress for device in hardware.device if isinstance(device, vim.vm.device.VirtualEthernetCard)]
    return {
        "vm_name": values.get("name", ""),
        "moref_id": moref,
        "uuid": values.get("config.uuid", ""),
        "cores": hardware.numCPU,
        "memory": hardware.memoryMB,
        "boot_mode": values.get("config.firmware") or "bios",
        "vdisk_num": sum(isinstance(device, vim.vm.device.VirtualDisk) for device in hardware.device),
        "host": host.name,
        "cpu_info": host.cpu,
        "virt_type": "VMware",
        "host_id": host_id,
        "CBT_enabled": bool(values.get("config.changeTrackingEnabled")),
        "power_state": values.get("runtime.powerState", ""),
        "connect_state": values.get("runtime.connectionState", ""),
        "mac": cards[0] if cards else "",
        "tools_state": values.get("guest.toolsRunningStatus") or "guestToolsNotRunning",
        "ipv4": values.get("guest.ipAddress") or "",
        "guestOS": values.get("config.guestFullName") or "",
        "host_name": values.get("guest.hostName") or "",
        "disk": [disk_facts(device) for device in hardware.device if isinstance(device, vim.vm.device.VirtualDisk)],
        "hardware_version": values.get("config.version", ""),
        "host_version": host.version,
        "snapshot_state": values.get("snapshot") is not None,
        "guest_id": values.get("config.guestId") or "",
    }


def read_facts(connection: Connection, ca_file: str) -> Config:
    """All VMs of a vCenter by their managed object IDs, in the order of their names."""
    with session(connection, ca_file) as service:
        hosts = read_hosts(service)
        facts = {
            vm._moId: vm_facts(vm._moId, values, hosts)
            for vm, values in _read(service, vim.VirtualMachine, VM_PROPERTIES)
            if "config.hardware" in values and not values.get("config.template")
        }
    return dict(sorted(facts.items(), key=lambda item: (item[1]["vm_name"], item[0])))
