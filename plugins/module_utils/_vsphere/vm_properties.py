# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which properties of a VM and its surroundings are read, and the facts that they become (pure; private to the collection)."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.cutover.smc.plugins.module_utils._core.markers import VM_MARKER_KEYS
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import (
    OFF,
    ON,
    SUSPENDED,
    DiskFacts,
    GuestFacts,
    SnapshotFacts,
    VmFacts,
    ctk_file_of,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.properties import (
    ObjectProperties,
    Reference,
    Traversal,
)

VM = "VirtualMachine"
# The parent of a vApp is a resource pool; its folder is another property.
PLACE_PATHS = {
    "Folder": ("name", "parent"),
    "Datacenter": ("name", "parent"),
    "VirtualApp": ("name", "parentFolder", "parentVApp"),
}
VM_PATHS = {
    VM: (
        "name",
        "parent",
        "parentVApp",
        "capability.changeTrackingSupported",
        "config.changeTrackingEnabled",
        "config.changeVersion",
        "config.extraConfig",
        "config.firmware",
        "config.guestFullName",
        "config.hardware.device",
        "config.instanceUuid",
        "config.template",
        "config.uuid",
        "config.version",
        "datastore",
        "guest.guestFamily",
        "guest.guestFullName",
        "guest.hostName",
        "guest.ipAddress",
        "guest.net",
        "guest.toolsRunningStatus",
        "layoutEx.file",
        "runtime.connectionState",
        "runtime.consolidationNeeded",
        "runtime.faultToleranceState",
        "runtime.host",
        "runtime.powerState",
        "snapshot.rootSnapshotList",
    ),
}
#: What is read of the hosts, datastores and folders that VMs refer to.
SURROUNDING_PATHS = {
    "HostSystem": ("config.product.build", "config.product.version"),
    "Datastore": ("name", "summary.type"),
    **PLACE_PATHS,
}
ALL_PATHS = {**VM_PATHS, **SURROUNDING_PATHS}
#: From a folder or vApp up to the root folder.
UPWARD = (
    Traversal("VirtualApp", "parentFolder", recursive=True),
    Traversal("Folder", "parent", recursive=True),
    Traversal("Datacenter", "parent", recursive=True),
)
#: From a VM to its surroundings.
FROM_VM = (
    Traversal(VM, "runtime.host"),
    Traversal(VM, "datastore"),
    Traversal(VM, "parent"),
    Traversal(VM, "parentVApp"),
    *UPWARD,
)

_MARKER_KEYS = frozenset(key.lower() for key in VM_MARKER_KEYS)
_POWER_STATES = {"poweredOn": ON, "poweredOff": OFF, "suspended": SUSPENDED}
_NO_FAULT_TOLERANCE = ("notConfigured", "disabled")
_BUSES = {
    "VirtualSCSIController": "scsi",
    "VirtualSATAController": "sata",
    "VirtualIDEController": "ide",
    "VirtualNVMEController": "nvme",
}
_BACKINGS = {
    "VirtualDiskFlatVer2BackingInfo": "flat",
    "VirtualDiskSeSparseBackingInfo": "sesparse",
    "VirtualDiskSparseVer2BackingInfo": "sparse",
    "VirtualDiskRawDiskVer2BackingInfo": "rdm_physical",
    "VirtualDiskLocalPMemBackingInfo": "pmem",
}

Objects = t.Mapping[str, ObjectProperties]


# The inventory


@dataclass(frozen=True)
class InventoryEntry:
    """A VM in the inventory, before anything but its name and place is read."""

    reference: Reference
    moid: str
    name: str
    uuid: str
    bios_uuid: str
    place: tuple[str, ...]
    datacenter: str
    attributes: t.Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"{_path(self.place)}/{self.name}"

    def is_in(self, folder: t.Optional[str], datacenter: t.Optional[str]) -> bool:
        """Whether it is in a folder or below it; the folder's path may begin at the root, the datacenter, ``vm`` or below that."""
        if datacenter and self.datacenter != datacenter:
            return False
        if not folder:
            return True
        wanted = tuple(_plain_name(name) for name in folder.strip("/").split("/"))
        below = self.place.index(self.datacenter) if self.datacenter in self.place else 0
        return any(self.place[start : start + len(wanted)] == wanted for start in (0, below, below + 1, below + 2))


def inventory_entry(vm: ObjectProperties, places: Objects, fields: t.Mapping[int, str]) -> InventoryEntry:
    """A VM of the inventory.

    :param places: the folders, datacenters and vApps, by their IDs
    :param fields: the names of the custom attributes, by their keys
    """
    place, datacenter = _place_of(vm, places)
    custom_values = vm.values.get("customValue") or ()
    return InventoryEntry(
        vm.reference,
        vm.moid,
        _plain_name(vm.values["name"]),
        vm.values.get("config.instanceUuid", ""),
        vm.values.get("config.uuid", ""),
        place,
        datacenter,
        {fields[value.key]: str(value.value) for value in custom_values if value.key in fields},
    )


def _place_of(vm: ObjectProperties, places: Objects) -> tuple[tuple[str, ...], str]:
    """The names of the VM's folders, without the root, the outermost first; and the name of its datacenter."""
    names: list[str] = []
    datacenter = ""
    parent = _parent_of(vm)
    while parent is not None and parent in places:
        above = places[parent]
        parent = _parent_of(above)
        if parent is None:
            break  # the root folder
        names.append(_plain_name(above.values.get("name", above.moid)))
        if above.kind == "Datacenter":
            datacenter = names[-1]
    return tuple(reversed(names)), datacenter


def _path(place: t.Iterable[str]) -> str:
    return f"/{'/'.join(place)}"


def _parent_of(properties: ObjectProperties) -> t.Optional[str]:
    for path in ("parentVApp", "parentFolder", "parent"):
        reference = properties.values.get(path)
        if reference is not None:
            return str(reference._moId)
    return None


def _plain_name(name: str) -> str:
    """A name as users see it: vCenter escapes ``/``, ``\\`` and ``%`` in names."""
    return re.sub(r"%(2f|5c|25)", lambda escape: chr(int(escape.group(1), 16)), str(name), flags=re.IGNORECASE)


# Facts


def facts_from(vm: ObjectProperties, surroundings: Objects, vcenter_version: str) -> VmFacts:
    """The facts of a VM.

    :param surroundings: its host, datastores and folders, by their IDs
    :param vcenter_version: the version of vCenter; empty on a stand-alone ESXi host
    """
    values = vm.values
    place, datacenter = _place_of(vm, surroundings)
    name = _plain_name(values.get("name", vm.moid))
    host = surroundings.get(_moid_of(values.get("runtime.host")))
    return VmFacts(
        moid=vm.moid,
        name=name,
        uuid=values.get("config.instanceUuid", ""),
        bios_uuid=values.get("config.uuid", ""),
        path=f"{_path(place)}/{name}",
        folder=_path(place),
        datacenter=datacenter,
        power_state=power_state_of(values),
        connection_state=str(values.get("runtime.connectionState", "connected")),
        template=bool(values.get("config.template", False)),
        hardware_version=_hardware_version(values.get("config.version", "")),
        esxi_version=str(host.values.get("config.product.version", "")) if host else "",
        esxi_build=str(host.values.get("config.product.build", "")) if host else "",
        vcenter_version=vcenter_version,
        boot_mode=str(values.get("config.firmware") or "bios"),
        change_version=str(values.get("config.changeVersion", "")),
        capability=values.get("capability.changeTrackingSupported"),
        consolidation_needed=bool(values.get("runtime.consolidationNeeded", False)),
        fault_tolerant=str(values.get("runtime.faultToleranceState", "notConfigured")) not in _NO_FAULT_TOLERANCE,
        flag=values.get("config.changeTrackingEnabled"),
        settings=_settings(values.get("config.extraConfig") or ()),
        snapshots=tuple(snapshots_of(values.get("snapshot.rootSnapshotList") or ())),
        disks=_disks(values, surroundings),
        guest=_guest(values),
    )


def references_in(vms: t.Iterable[ObjectProperties]) -> t.Iterator[tuple[str, Reference]]:
    """The hosts, datastores and folders that VMs refer to, with their ids."""
    for vm in vms:
        single = (vm.values.get(path) for path in ("runtime.host", "parent", "parentVApp"))
        for reference in (*single, *(vm.values.get("datastore") or ())):
            if reference is not None:
                yield reference._moId, reference


def power_state_of(values: t.Mapping[str, t.Any]) -> str:
    """``on``, ``off`` or ``suspended``."""
    return _POWER_STATES[str(values["runtime.powerState"])]


def snapshots_of(trees: t.Iterable[t.Any]) -> t.Iterator[SnapshotFacts]:
    """All snapshots of a tree, parents before children."""
    for tree in trees:
        yield SnapshotFacts(tree.snapshot._moId, _plain_name(tree.name))
        yield from snapshots_of(tree.childSnapshotList or ())


def _moid_of(reference: t.Any) -> str:
    return str(reference._moId) if reference is not None else ""


def _hardware_version(version: str) -> t.Optional[int]:
    number = re.match(r"^vmx-0*(\d+)$", version)
    return int(number.group(1)) if number else None


def _settings(options: t.Iterable[t.Any]) -> dict[str, str]:
    """The entries of the advanced configuration that concern CBT, and the collection's markers."""
    return {
        option.key: str(option.value)
        for option in options
        if "ctk" in option.key.lower() or option.key.lower() in _MARKER_KEYS
    }


def _disks(values: t.Mapping[str, t.Any], surroundings: Objects) -> tuple[DiskFacts, ...]:
    devices = values.get("config.hardware.device") or ()
    by_key = {device.key: device for device in devices}
    files = {file.name for file in values.get("layoutEx.file") or ()}
    disks = [_disk(device, by_key, files, surroundings) for device in devices if _is_a(device, "VirtualDisk")]
    return tuple(sorted(disks, key=lambda disk: disk.key))


def _disk(device: t.Any, by_key: t.Mapping[int, t.Any], files: t.Collection[str], surroundings: Objects) -> DiskFacts:
    # The key of a device does not contain its address: that is its controller's bus number and its own unit.
    controller = by_key.get(device.controllerKey)
    backing = device.backing
    file = getattr(backing, "fileName", None) or ""
    datastore = surroundings.get(_moid_of(getattr(backing, "datastore", None)))
    ctk_file = ctk_file_of(file)
    return DiskFacts(
        key=device.key,
        label=device.deviceInfo.label if device.deviceInfo else f"disk {device.key}",
        bus=_bus(controller),
        bus_number=controller.busNumber if controller is not None else 0,
        unit=device.unitNumber or 0,
        size_bytes=device.capacityInBytes or (device.capacityInKB or 0) * 1024,
        file=file,
        mode=str(getattr(backing, "diskMode", None) or "persistent"),
        backing=_backing(backing),
        sharing=str(getattr(backing, "sharing", None) or "sharingNone"),
        bus_sharing=str(getattr(controller, "sharedBus", None) or "noSharing"),
        datastore_type=str(datastore.values.get("summary.type", "")) if datastore else "",
        first_class=bool(getattr(device, "vDiskId", None)),
        ctk_file=ctk_file if file and ctk_file in files else None,
        change_id=getattr(backing, "changeId", None) or None,
    )


def _bus(controller: t.Any) -> str:
    return next((bus for kind, bus in _BUSES.items() if controller is not None and _is_a(controller, kind)), "")


def _backing(backing: t.Any) -> str:
    if _is_a(backing, "VirtualDiskRawDiskMappingVer1BackingInfo"):
        return "rdm_physical" if str(backing.compatibilityMode) == "physicalMode" else "rdm_virtual"
    return next((name for kind, name in _BACKINGS.items() if _is_a(backing, kind)), "unknown")


def _is_a(data_object: t.Any, kind: str) -> bool:
    """Whether a data object of pyVmomi is of a kind or derived from it, by name, so that no SDK is needed here."""
    return any(getattr(base, "_wsdlName", "") == kind for base in type(data_object).__mro__)


def _guest(values: t.Mapping[str, t.Any]) -> GuestFacts:
    addresses = [address for card in values.get("guest.net") or () for address in card.ipAddress or ()]
    first = values.get("guest.ipAddress")
    return GuestFacts(
        os=str(values.get("guest.guestFullName") or values.get("config.guestFullName") or ""),
        family=str(values.get("guest.guestFamily") or ""),
        hostname=str(values.get("guest.hostName") or ""),
        ips=tuple(dict.fromkeys(([str(first)] if first else []) + [str(address) for address in addresses])),
        tools_status=str(values.get("guest.toolsRunningStatus") or ""),
    )
