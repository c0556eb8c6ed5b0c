# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs in vCenter: finding the ones that are meant, and reading many of them at once as facts (private to the collection).

Reads come in two stages: cheap properties of all VMs to select by name or place, then devices and files of the selected.
"""

from __future__ import annotations

import difflib
import re
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, NotFoundError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import CBT_MARKER_KEYS
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import state_of
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import (
    PAGE,
    Also,
    Follow,
    Reference,
    Seen,
    VCenter,
)
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

_VM = "VirtualMachine"
# A vApp's parent is a resource pool; where it lies among the folders is another property.
_PLACES = {
    "Folder": ("name", "parent"),
    "Datacenter": ("name", "parent"),
    "VirtualApp": ("name", "parentFolder", "parentVApp"),
}

_VM_DETAILS = {
    _VM: (
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
_AROUND = {
    "HostSystem": ("config.product.build", "config.product.version"),
    "Datastore": ("name", "summary.type"),
    **_PLACES,
}
_DETAILS = {**_VM_DETAILS, **_AROUND}
_UPWARDS = (
    Follow("VirtualApp", "parentFolder", again=True),
    Follow("Folder", "parent", again=True),
    Follow("Datacenter", "parent", again=True),
)
_FOLLOW = (
    Follow(_VM, "runtime.host"),
    Follow(_VM, "datastore"),
    Follow(_VM, "parent"),
    Follow(_VM, "parentVApp"),
    *_UPWARDS,
)

_NOTES = frozenset(key.lower() for key in CBT_MARKER_KEYS)
_POWER = {"poweredOn": ON, "poweredOff": OFF, "suspended": SUSPENDED}
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


def selection_spec() -> dict[str, t.Any]:
    """The argument spec of the options that name one VM."""
    return {
        "moid": {"type": "str"},
        "uuid": {"type": "str", "aliases": ["instance_uuid"]},
        "name": {"type": "str"},
        "folder": {"type": "str"},
        "datacenter": {"type": "str"},
    }


SELECTION_RULES = {
    "required_one_of": [("moid", "uuid", "name")],
    "mutually_exclusive": [("moid", "uuid", "name")],
}


@dataclass(frozen=True)
class Listed:
    """A VM in the inventory, before anything of it is read but its name and place."""

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

    def lies_in(self, folder: t.Optional[str], datacenter: t.Optional[str]) -> bool:
        """Whether it lies in a folder or below it; its path may begin at the root, the datacenter, ``vm`` or below that."""
        if datacenter and self.datacenter != datacenter:
            return False
        if not folder:
            return True
        wanted = tuple(_plain_name(name) for name in folder.strip("/").split("/"))
        below = self.place.index(self.datacenter) if self.datacenter in self.place else 0
        return any(self.place[start : start + len(wanted)] == wanted for start in (0, below, below + 1, below + 2))


def inventory(vcenter: VCenter, with_attributes: bool = False) -> list[Listed]:
    """Every VM that the user may see, by one read.

    :param with_attributes: read the custom attributes too, which costs a second call
    """
    names = ("name", "parent", "parentVApp", "config.instanceUuid", "config.uuid")
    fields = vcenter.custom_fields() if with_attributes else {}
    seen = vcenter.read_all({_VM: (*names, "customValue") if fields else names, **_PLACES})
    places = {one.moid: one for one in seen}
    listed = [_listed(one, places, fields) for one in seen if one.kind == _VM and "name" in one.values]
    return sorted(listed, key=lambda vm: (vm.path, vm.moid))


def locate(vcenter: VCenter, params: t.Mapping[str, t.Any]) -> Reference:
    """The one VM that ``moid``, ``uuid`` or ``name`` (with ``folder`` and ``datacenter``) means.

    :raises InvalidOptionError: none is meant, or more than one
    """
    if params.get("moid"):
        return vcenter.reference(_VM, params["moid"])
    if params.get("uuid"):
        found = vcenter.find_by_uuid(params["uuid"])
        if found is None:
            raise InvalidOptionError(
                f"No VM has the instance UUID '{params['uuid']}' (option 'uuid')",
                remedy="Give the instance UUID, not the BIOS UUID; cutover.smc.vmware_cbt_info lists both",
            )
        return found
    return _locate_by_name(inventory(vcenter), params["name"], params.get("folder"), params.get("datacenter"))


def _locate_by_name(
    listed: t.Sequence[Listed], name: str, folder: t.Optional[str], datacenter: t.Optional[str]
) -> Reference:
    within = [vm for vm in listed if vm.lies_in(folder, datacenter)]
    matches = [vm for vm in within if vm.name == name]
    if len(matches) == 1:
        return matches[0].reference
    place = "".join(
        f" in the {kind} '{value}'" for kind, value in (("folder", folder), ("datacenter", datacenter)) if value
    )
    if matches:
        raise InvalidOptionError(
            f"The name '{name}' fits {len(matches)} VMs{place}: "
            + ", ".join(f"{vm.moid} ({vm.path})" for vm in matches),
            remedy="Name one by 'moid' or 'uuid', or add 'folder' or 'datacenter'",
            details={"matches": [{"moid": vm.moid, "uuid": vm.uuid, "path": vm.path} for vm in matches]},
        )
    elsewhere = [vm.path for vm in listed if vm.name == name]
    close = difflib.get_close_matches(name, sorted({vm.name for vm in within}), n=3)
    if elsewhere:
        remedy = "There is one at " + ", ".join(elsewhere)
    elif close:
        remedy = "Is one of these meant: " + ", ".join(close) + "?"
    else:
        remedy = "Check the spelling, and that the user may see the VM"
    raise InvalidOptionError(
        f"No VM is named '{name}' (option 'name'){place}", remedy=remedy, details={"close_names": close}
    )


def read_facts(vcenter: VCenter, references: t.Sequence[Reference]) -> list[VmFacts]:
    """The facts of VMs, in the order of the references, with one call for each page.

    What lies around them is read once and not with every page: to follow it from each of a hundred VMs would make
    the question as long as the answer.

    :raises NotFoundError: one of them does not exist
    """
    facts: list[VmFacts] = []
    around: dict[str, Seen] = {}
    for start in range(0, len(references), PAGE):
        page = references[start : start + PAGE]
        seen = {one.moid: one for one in vcenter.read(page, _VM_DETAILS)}
        strange = {moid: one for moid, one in _referred(seen.values()) if moid not in around}
        around.update((one.moid, one) for one in vcenter.read(list(strange.values()), _AROUND, _UPWARDS))
        facts += [_facts(seen[reference._moId], around, vcenter) for reference in page]
    return facts


def _referred(seen: t.Iterable[Seen]) -> t.Iterator[tuple[str, Reference]]:
    """The hosts, datastores and folders of VMs, by their ids."""
    for one in seen:
        values = one.values
        single = (values.get(path) for path in ("runtime.host", "parent", "parentVApp"))
        for reference in (*single, *(values.get("datastore") or ())):
            if reference is not None:
                yield reference._moId, reference


def with_task(reference: Reference) -> Also:
    """What :meth:`VCenter.run_task` is to read together with the end of a task, for :func:`facts_in`."""
    return Also(reference, _DETAILS, _FOLLOW)


def facts_in(vcenter: VCenter, reference: Reference, seen: t.Sequence[Seen]) -> t.Optional[VmFacts]:
    """The facts of a VM, if it has been read."""
    by_moid = {one.moid: one for one in seen}
    found = by_moid.get(reference._moId)
    return _facts(found, by_moid, vcenter) if found else None


def read_one(vcenter: VCenter, reference: Reference) -> VmFacts:
    """The facts of one VM, with all that lies around it in one call.

    :raises InvalidOptionError: it does not exist
    """
    try:
        seen = {one.moid: one for one in vcenter.read([reference], _DETAILS, _FOLLOW)}
    except NotFoundError:
        raise InvalidOptionError(
            f"No VM has the managed object id '{reference._moId}' (option 'moid')",
            remedy="A VM that was registered anew has a new one; name it by 'uuid' or 'name'",
        ) from None
    return _facts(seen[reference._moId], seen, vcenter)


def with_fresh_files(vcenter: VCenter, seen: t.Sequence[tuple[Reference, VmFacts]]) -> list[VmFacts]:
    """The facts, read again after a look at the VM's files where these do not show what is requested.

    vCenter lists a VM's files from memory, so that a change tracking file may be there for long before it shows.
    """
    doubtful = [reference for reference, facts in seen if state_of(facts).requested and state_of(facts).needs_stun]
    for reference in doubtful:
        vcenter.refresh_storage(reference)
    fresh = {facts.moid: facts for facts in read_facts(vcenter, doubtful)}
    return [replace(fresh.get(facts.moid, facts), unsettled=facts.unsettled) for _reference, facts in seen]


# From what vCenter shows to facts


def _listed(seen: Seen, places: t.Mapping[str, Seen], fields: t.Mapping[int, str]) -> Listed:
    place, datacenter = _place(seen, places)
    return Listed(
        seen.reference,
        seen.moid,
        _plain_name(seen.values["name"]),
        seen.values.get("config.instanceUuid", ""),
        seen.values.get("config.uuid", ""),
        place,
        datacenter,
        {fields[one.key]: str(one.value) for one in seen.values.get("customValue") or () if one.key in fields},
    )


def _place(seen: Seen, places: t.Mapping[str, Seen]) -> tuple[tuple[str, ...], str]:
    """The names of what a VM lies in, without the root, the outermost first; and its datacenter's name."""
    names: list[str] = []
    datacenter = ""
    parent = _parent(seen)
    while parent is not None and parent in places:
        above = places[parent]
        parent = _parent(above)
        if parent is None:
            break  # the root folder
        names.append(_plain_name(above.values.get("name", above.moid)))
        if above.kind == "Datacenter":
            datacenter = names[-1]
    return tuple(reversed(names)), datacenter


def _path(place: t.Iterable[str]) -> str:
    return "/" + "/".join(place)


def _parent(seen: Seen) -> t.Optional[str]:
    for path in ("parentVApp", "parentFolder", "parent"):
        reference = seen.values.get(path)
        if reference is not None:
            return str(reference._moId)
    return None


def _plain_name(name: str) -> str:
    """A name as people see it: vCenter escapes ``/``, ``\\`` and ``%`` in names."""
    return re.sub(r"%(2f|5c|25)", lambda escape: chr(int(escape.group(1), 16)), str(name), flags=re.IGNORECASE)


def _facts(seen: Seen, others: t.Mapping[str, Seen], vcenter: VCenter) -> VmFacts:
    values = seen.values
    place, datacenter = _place(seen, others)
    name = _plain_name(values.get("name", seen.moid))
    host = others.get(_moid(values.get("runtime.host")))
    return VmFacts(
        moid=seen.moid,
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
        vcenter_version=vcenter.version if vcenter.is_vcenter else "",
        boot_mode=str(values.get("config.firmware") or "bios"),
        change_version=str(values.get("config.changeVersion", "")),
        capability=values.get("capability.changeTrackingSupported"),
        consolidation_needed=bool(values.get("runtime.consolidationNeeded", False)),
        fault_tolerant=str(values.get("runtime.faultToleranceState", "notConfigured")) not in _NO_FAULT_TOLERANCE,
        flag=values.get("config.changeTrackingEnabled"),
        settings=_settings(values.get("config.extraConfig") or ()),
        snapshots=tuple(snapshots_of(values.get("snapshot.rootSnapshotList") or ())),
        disks=_disk_facts(values, others),
        guest=_guest(values),
    )


def power_state_of(values: t.Mapping[str, t.Any]) -> str:
    """``on``, ``off`` or ``suspended``."""
    return _POWER[str(values["runtime.powerState"])]


def _moid(reference: t.Any) -> str:
    return str(reference._moId) if reference is not None else ""


def _hardware_version(version: str) -> t.Optional[int]:
    number = re.match(r"^vmx-0*(\d+)$", version)
    return int(number.group(1)) if number else None


def _settings(options: t.Iterable[t.Any]) -> dict[str, str]:
    """The entries of the advanced configuration that have to do with CBT or with us."""
    return {
        option.key: str(option.value)
        for option in options
        if "ctk" in option.key.lower() or option.key.lower() in _NOTES
    }


def snapshots_of(trees: t.Iterable[t.Any]) -> t.Iterator[SnapshotFacts]:
    """All snapshots of a tree, parents before children."""
    for tree in trees:
        yield SnapshotFacts(tree.snapshot._moId, _plain_name(tree.name))
        yield from snapshots_of(tree.childSnapshotList or ())


def _disk_facts(values: t.Mapping[str, t.Any], others: t.Mapping[str, Seen]) -> tuple[DiskFacts, ...]:
    devices = values.get("config.hardware.device") or ()
    by_key = {device.key: device for device in devices}
    files = {file.name for file in values.get("layoutEx.file") or ()}
    disks = [_disk(device, by_key, files, others) for device in devices if _is_a(device, "VirtualDisk")]
    return tuple(sorted(disks, key=lambda disk: disk.key))


def _disk(
    device: t.Any, by_key: t.Mapping[int, t.Any], files: t.Collection[str], others: t.Mapping[str, Seen]
) -> DiskFacts:
    # The key of a device says nothing about its place: that is its controller's bus number and its own unit.
    controller = by_key.get(device.controllerKey)
    backing = device.backing
    file = getattr(backing, "fileName", None) or ""
    datastore = others.get(_moid(getattr(backing, "datastore", None)))
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


def _is_a(thing: t.Any, kind: str) -> bool:
    """Whether a data object of pyVmomi is of a kind or derived from it, by name, so that no SDK is needed here."""
    return any(getattr(one, "_wsdlName", "") == kind for one in type(thing).__mro__)


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
