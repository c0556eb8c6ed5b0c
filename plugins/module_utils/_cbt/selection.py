# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which VMs, and which of their disks, the options of ``vmware_cbt_info`` select (pure; private to the collection)."""

from __future__ import annotations

import fnmatch
import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import disks_named, skipped_disks
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import VmFacts
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.vm_properties import InventoryEntry

#: The options that select the VMs of a read.
FLEET_SELECTION_SPEC: dict[str, t.Any] = {
    "names": {"type": "list", "elements": "str"},
    "moids": {"type": "list", "elements": "str"},
    "uuids": {"type": "list", "elements": "str"},
    "folder": {"type": "str"},
    "datacenter": {"type": "str"},
    "name_patterns": {"type": "list", "elements": "str"},
    "custom_attributes": {"type": "dict"},
    "tags": {"type": "list", "elements": "str"},
    "connector_user": {"type": "str"},
    "fail_on_missing": {"type": "bool", "default": False},
}


def select_vms(
    entries: t.Sequence[InventoryEntry], params: t.Mapping[str, t.Any]
) -> tuple[list[InventoryEntry], list[str]]:
    """The selected VMs, in inventory order and each once, and the names and IDs that match none of them."""
    within = [entry for entry in entries if _matches_filters(entry, params)]
    if all(params[option] is None for option in ("names", "moids", "uuids")):
        return within, []
    # A list that is given and empty, as a filter over hosts may produce it, selects no VM.
    names, moids, uuids = (params[option] or [] for option in ("names", "moids", "uuids"))
    lower_uuids = {uuid.lower() for uuid in uuids}
    selected = [
        entry for entry in within if entry.name in names or entry.moid in moids or entry.uuid.lower() in lower_uuids
    ]
    known = {key for entry in selected for key in (entry.name, entry.moid, entry.uuid.lower())}
    missing = [name for name in [*names, *moids] if name not in known]
    missing += [uuid for uuid in uuids if uuid.lower() not in known]
    return selected, list(dict.fromkeys(missing))


def _matches_filters(entry: InventoryEntry, params: t.Mapping[str, t.Any]) -> bool:
    """Whether a VM matches the folder, the datacenter, the custom attributes and one of the name patterns."""
    patterns, attributes = params["name_patterns"], params["custom_attributes"] or {}
    return (
        entry.is_in(params["folder"], params["datacenter"])
        and all(entry.attributes.get(name) == str(value) for name, value in attributes.items())
        and (patterns is None or any(fnmatch.fnmatchcase(entry.name.lower(), pattern.lower()) for pattern in patterns))
    )


def skipped_disks_of_each(facts: t.Sequence[VmFacts], names: t.Sequence[str]) -> list[frozenset[int]]:
    """For each VM, the device keys of its disks with one of the names.

    :raises InvalidOptionError: a name matches no disk of any of the VMs
    """
    if len(facts) == 1:
        return [skipped_disks(facts[0], names)]
    for name in names if facts else ():
        if not any(disks_named(vm, name) for vm in facts):
            raise InvalidOptionError(
                f"None of the {len(facts)} selected VMs has a disk '{name}' (option 'skip_disks')",
                remedy="Check the spelling: a label (Hard disk 2), an address (scsi0:1) or a device key (2001)",
            )
    return [frozenset(key for name in names for key in disks_named(vm, name)) for vm in facts]
