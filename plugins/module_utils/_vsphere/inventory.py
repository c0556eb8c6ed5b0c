# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs in vCenter: find the selected ones, and read the facts of many VMs in few calls (private to the collection).

Reads come in two stages: a few properties of all VMs to select by name or place, then devices and files of the selected VMs.
"""

from __future__ import annotations

import difflib
import typing as t
from dataclasses import replace

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, NotFoundError
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import state_of
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import PAGE, VCenter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import VmFacts
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.properties import (
    ExtraRead,
    ObjectProperties,
    Reference,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.vm_properties import (
    ALL_PATHS,
    FROM_VM,
    PLACE_PATHS,
    SURROUNDING_PATHS,
    UPWARD,
    VM,
    VM_PATHS,
    InventoryEntry,
    facts_from,
    inventory_entry,
    references_in,
)


def selection_spec() -> dict[str, t.Any]:
    """The argument spec of the options that select one VM."""
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


def inventory(vcenter: VCenter, with_attributes: bool = False) -> list[InventoryEntry]:
    """Every VM that the user may see, in one read, sorted by path.

    :param with_attributes: read the custom attributes too, which costs a second call
    """
    names = ("name", "parent", "parentVApp", "config.instanceUuid", "config.uuid")
    fields = vcenter.custom_fields() if with_attributes else {}
    objects = vcenter.read_all({VM: (*names, "customValue") if fields else names, **PLACE_PATHS})
    by_moid = {properties.moid: properties for properties in objects}
    entries = [
        inventory_entry(properties, by_moid, fields)
        for properties in objects
        if properties.kind == VM and "name" in properties.values
    ]
    return sorted(entries, key=lambda entry: (entry.path, entry.moid))


def locate(vcenter: VCenter, params: t.Mapping[str, t.Any]) -> Reference:
    """The one VM that ``moid``, ``uuid`` or ``name`` (with ``folder`` and ``datacenter``) selects.

    :raises InvalidOptionError: no VM is selected, or more than one
    """
    if params.get("moid"):
        return vcenter.reference(VM, params["moid"])
    if params.get("uuid"):
        found = vcenter.find_by_uuid(params["uuid"])
        if found is None:
            raise InvalidOptionError(
                f"No VM has the instance UUID '{params['uuid']}' (option 'uuid')",
                remedy="Give the instance UUID, not the BIOS UUID; cutover.smc.vmware_cbt_info returns both",
            )
        return found
    return _locate_by_name(inventory(vcenter), params["name"], params.get("folder"), params.get("datacenter"))


def _locate_by_name(
    entries: t.Sequence[InventoryEntry], name: str, folder: t.Optional[str], datacenter: t.Optional[str]
) -> Reference:
    within = [entry for entry in entries if entry.is_in(folder, datacenter)]
    matches = [entry for entry in within if entry.name == name]
    if len(matches) == 1:
        return matches[0].reference
    place = "".join(
        f" in the {kind} '{value}'" for kind, value in (("folder", folder), ("datacenter", datacenter)) if value
    )
    if matches:
        listed = ", ".join(f"{entry.moid} ({entry.path})" for entry in matches)
        raise InvalidOptionError(
            f"{len(matches)} VMs are named '{name}'{place}: {listed}",
            remedy="Select one by 'moid' or 'uuid', or add 'folder' or 'datacenter'",
            details={"matches": [{"moid": entry.moid, "uuid": entry.uuid, "path": entry.path} for entry in matches]},
        )
    elsewhere = [entry.path for entry in entries if entry.name == name]
    close = difflib.get_close_matches(name, sorted({entry.name for entry in within}), n=3)
    if elsewhere:
        remedy = f"A VM of this name exists at {', '.join(elsewhere)}"
    elif close:
        remedy = f"Did you mean {', '.join(close)}?"
    else:
        remedy = "Check the spelling, and whether the user may see the VM"
    raise InvalidOptionError(
        f"No VM is named '{name}' (option 'name'){place}", remedy=remedy, details={"close_names": close}
    )


def read_facts(vcenter: VCenter, references: t.Sequence[Reference]) -> list[VmFacts]:
    """The facts of VMs, in the order of the references, with one call for each page.

    Their hosts, datastores and folders are read once and not with every page: a traversal from each of a hundred VMs would
    make the request as long as the answer.

    :raises NotFoundError: one of them does not exist
    """
    facts: list[VmFacts] = []
    surroundings: dict[str, ObjectProperties] = {}
    for start in range(0, len(references), PAGE):
        page = references[start : start + PAGE]
        vms = {properties.moid: properties for properties in vcenter.read(page, VM_PATHS)}
        unknown = {moid: reference for moid, reference in references_in(vms.values()) if moid not in surroundings}
        read = vcenter.read(list(unknown.values()), SURROUNDING_PATHS, UPWARD)
        surroundings.update((properties.moid, properties) for properties in read)
        facts += [facts_from(vms[reference._moId], surroundings, vcenter.vcenter_version) for reference in page]
    return facts


def facts_after_task(reference: Reference) -> ExtraRead:
    """What :meth:`VCenter.run_task` must read together with the end of a task, for :func:`facts_in`."""
    return ExtraRead(reference, ALL_PATHS, FROM_VM)


def facts_in(vcenter: VCenter, reference: Reference, objects: t.Sequence[ObjectProperties]) -> t.Optional[VmFacts]:
    """The facts of a VM, if it is among the objects that have been read."""
    by_moid = {properties.moid: properties for properties in objects}
    vm = by_moid.get(reference._moId)
    return facts_from(vm, by_moid, vcenter.vcenter_version) if vm else None


def read_one(vcenter: VCenter, reference: Reference) -> VmFacts:
    """The facts of one VM, with its surroundings, in one call.

    :raises InvalidOptionError: it does not exist
    """
    try:
        by_moid = {properties.moid: properties for properties in vcenter.read([reference], ALL_PATHS, FROM_VM)}
    except NotFoundError:
        raise no_such_moid(reference) from None
    return facts_from(by_moid[reference._moId], by_moid, vcenter.vcenter_version)


def no_such_moid(reference: Reference) -> InvalidOptionError:
    """The error about a VM that was selected by a managed object ID and does not exist."""
    return InvalidOptionError(
        f"No VM has the managed object ID '{reference._moId}' (option 'moid')",
        remedy="A VM that was registered again has a new ID; select it by 'uuid' or 'name'",
    )


def refresh_stale_files(
    vcenter: VCenter, references: t.Sequence[Reference], facts: t.Sequence[VmFacts]
) -> list[VmFacts]:
    """The facts, where the VM's files do not show what is requested, read again after vCenter has refreshed its list of files.

    vCenter lists a VM's files from memory, so a change tracking file may exist for a long time before it is listed.
    """
    stale = [
        reference for reference, vm in zip(references, facts) if state_of(vm).requested and state_of(vm).needs_stun
    ]
    for reference in stale:
        vcenter.refresh_storage(reference)
    fresh = {vm.moid: vm for vm in read_facts(vcenter, stale)}
    return [replace(fresh.get(vm.moid, vm), activation_pending=vm.activation_pending) for vm in facts]
