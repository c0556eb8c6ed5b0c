# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VM facts as the modules return them (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import date

from ansible_collections.cutover.smc.plugins.module_utils._concerns.assessment import REMOVABLE, concerns
from ansible_collections.cutover.smc.plugins.module_utils._concerns.rules import BLOCKER, NOTE, WARNING
from ansible_collections.cutover.smc.plugins.module_utils._concerns.waivers import Waiver, apply_waivers
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import (
    CbtState,
    DiskState,
    is_verified,
    misspelled_keys,
    state_of,
    verification_of,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import VM_KEY, VmFacts

Result = dict[str, t.Any]


def describe(
    facts: VmFacts,
    skip: frozenset[int] = frozenset(),
    waivers: t.Sequence[Waiver] = (),
    on: date = date.max,
    snapshots: str = "refuse",
) -> Result:
    """One VM with its disks, its CBT and its concerns.

    :param skip: the device keys of the disks that are not checked
    :param on: the day on which the waivers must be valid
    :param snapshots: ``remove`` when ``vmware_cbt`` may remove snapshots, so that they do not block
    """
    state = state_of(facts, skip)
    found = apply_waivers([concern.as_result() for concern in concerns(facts, skip)], facts.name, waivers, on)
    removable = REMOVABLE if snapshots == "remove" else frozenset()
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
        "disks": [_describe_disk(facts, disk_state) for disk_state in state.disks],
        "concerns": found,
        "blockers": [
            concern
            for concern in found
            if concern["severity"] == BLOCKER and not concern["waived"] and concern["id"] not in removable
        ],
    }


def summarize(vms: t.Sequence[Result], not_found: t.Sequence[str]) -> Result:
    """How many VMs are in which state, and which have concerns."""

    def with_concerns(severity: str) -> list[str]:
        return [
            vm["name"]
            for vm in vms
            if any(concern["severity"] == severity and not concern["waived"] for concern in vm["concerns"])
        ]

    return {
        "total": len(vms),
        "requested": sum(vm["cbt"]["enabled"] for vm in vms),
        "effective": sum(vm["cbt"]["effective"] for vm in vms),
        "needs_stun": [vm["name"] for vm in vms if vm["cbt"]["needs_stun"]],
        "with_blockers": [vm["name"] for vm in vms if vm["blockers"]],
        "with_warnings": with_concerns(WARNING),
        "with_notes": with_concerns(NOTE),
        "not_found": len(not_found),
    }


def _describe_cbt(facts: VmFacts, state: CbtState, skip: frozenset[int]) -> Result:
    return {
        "enabled": state.requested,
        "key": facts.setting(VM_KEY),
        "misspelled_keys": misspelled_keys(facts.settings),
        "last_verified": verification_of(facts)[0] or None,
        "verified": bool(state.disks) and is_verified(facts, skip),
        "effective": state.effective,
        "needs_stun": state.needs_stun,
        "api_flag": facts.flag,
        "supported": facts.capability,
        "disks": {
            disk_state.disk.address: disk_state.effective for disk_state in state.disks if disk_state.disk.address
        },
    }


def _describe_disk(facts: VmFacts, disk_state: DiskState) -> Result:
    disk = disk_state.disk
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
        "requested": disk_state.requested,
        "effective": disk_state.effective,
        "needs_stun": disk_state.requested != (disk.ctk_file is not None),
        "last_verified": disk_state.verified,
        "ctk_file": disk.ctk_file,
        "change_id": disk.change_id,
    }
