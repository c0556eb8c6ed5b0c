# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VM facts as the modules return them (pure; private to the collection)."""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._concerns.cbt import concerns
from ansible_collections.cutover.smc.plugins.module_utils._concerns.rules import (
    BLOCKER,
    NOTE,
    WARNING,
    Waiver,
    apply_waivers,
    today,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import (
    CbtState,
    DiskState,
    is_verified,
    misspelt_keys,
    state_of,
    verification_of,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import VM_KEY, VmFacts

Result = dict[str, t.Any]


def describe(facts: VmFacts, skip: frozenset[int] = frozenset(), waivers: t.Sequence[Waiver] = ()) -> Result:
    """One VM with its disks, its CBT and what speaks against it."""
    state = state_of(facts, skip)
    found = [concern.as_result() for concern in concerns(facts, skip)]
    return {
        "name": facts.name,
        "moid": facts.moid,
        "uuid": facts.uuid,
        "bios_uuid": facts.bios_uuid,
        "path": facts.path,
        "folder": facts.folder,
        "datacenter": facts.datacenter,
        "template": facts.template,
        "power_state": facts.power_state,
        "guest_os": facts.guest.os,
        "guest_family": facts.guest.family,
        "guest_hostname": facts.guest.hostname,
        "guest_ips": list(facts.guest.ips),
        "tools_status": facts.guest.tools_status,
        "boot_mode": facts.boot_mode,
        "hardware_version": facts.hardware_version,
        "esxi_version": facts.esxi_version,
        "esxi_build": facts.esxi_build,
        "vcenter_version": facts.vcenter_version,
        "snapshots": [snapshot.name for snapshot in facts.snapshots],
        "sync_running": facts.sync_running,
        "cbt": _describe_cbt(facts, state, skip),
        "disks": [_describe_disk(facts, one) for one in state.disks],
        "concerns": apply_waivers(found, facts.name, waivers, today()),
    }


def summarise(described: t.Sequence[Result], not_found: t.Sequence[str]) -> Result:
    """How many VMs stand where."""

    def troubled_by(severity: str) -> list[str]:
        return [
            vm["name"]
            for vm in described
            if any(one["severity"] == severity and not one["waived"] for one in vm["concerns"])
        ]

    return {
        "total": len(described),
        "requested": sum(vm["cbt"]["enabled"] for vm in described),
        "effective": sum(vm["cbt"]["effective"] for vm in described),
        "needs_stun": [vm["name"] for vm in described if vm["cbt"]["needs_stun"]],
        "with_blockers": troubled_by(BLOCKER),
        "with_warnings": troubled_by(WARNING),
        "with_notes": troubled_by(NOTE),
        "not_found": len(not_found),
    }


def _describe_cbt(facts: VmFacts, state: CbtState, skip: frozenset[int]) -> Result:
    return {
        "enabled": state.requested,
        "key": facts.setting(VM_KEY),
        "near_miss_keys": misspelt_keys(facts.settings),
        "last_verified": verification_of(facts)[0] or None,
        "verified": bool(state.disks) and is_verified(facts, skip),
        "effective": state.effective,
        "needs_stun": state.needs_stun,
        "api_flag": facts.flag,
        "supported": facts.capability,
        "disks": {one.disk.address: one.effective for one in state.disks if one.disk.address},
    }


def _describe_disk(facts: VmFacts, one: DiskState) -> Result:
    disk = one.disk
    return {
        "key": disk.key,
        "label": disk.label,
        "address": disk.address,
        "ctk_key": disk.ctk_key,
        "ctk_value": facts.setting(disk.ctk_key) if disk.ctk_key else None,
        "size_bytes": disk.size_bytes,
        "file": disk.file,
        "datastore_type": disk.datastore_type,
        "mode": disk.mode,
        "backing": disk.backing,
        "sharing": disk.sharing,
        "requested": one.requested,
        "effective": one.effective,
        "needs_stun": one.requested != (disk.ctk_file is not None),
        "last_verified": one.verified,
        "ctk_file": disk.ctk_file,
        "change_id": disk.change_id,
    }
