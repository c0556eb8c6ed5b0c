# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the changed block tracking (CBT) and the concerns of many VMs (private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.cutover.smc.plugins.module_utils._cbt.report import describe, summarize
from ansible_collections.cutover.smc.plugins.module_utils._cbt.selection import select_vms, skipped_disks_of_each
from ansible_collections.cutover.smc.plugins.module_utils._concerns.assessment import RULE_IDS
from ansible_collections.cutover.smc.plugins.module_utils._concerns.smc import CONNECTOR_PRIVILEGES
from ansible_collections.cutover.smc.plugins.module_utils._concerns.waivers import read_waivers, today
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, NotFoundError
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, Params, Result
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import PAGE, Connection, VCenter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import VmFacts
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.inventory import (
    inventory,
    read_facts,
    refresh_stale_files,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.properties import Reference
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.tags import tagged_vms
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.vm_properties import InventoryEntry

# A VM may be removed between the listing and the reading of its details.
_ATTEMPTS = 3


def run(params: Params, _context: Context) -> Result:
    """The handler of ``vmware_cbt_info``."""
    waivers = read_waivers(params["waivers"], RULE_IDS)  # an error in them is reported before anything is read
    facts, not_found, _fleet = read_vms(params)
    skips = skipped_disks_of_each(facts, params["skip_disks"])
    day = today()
    vms = [describe(vm, skip, waivers, day, params["snapshots"]) for vm, skip in zip(facts, skips)]
    return {"changed": False, "vms": vms, "not_found": not_found, "summary": summarize(vms, not_found)}


def read_vms(params: Params) -> tuple[list[VmFacts], list[str], list[InventoryEntry]]:
    """Read the VMs that the options select, in one session.

    :return: their facts in inventory order, the names and IDs that match no VM, and every VM that the inventory lists
    :raises InvalidOptionError: a name or ID matches no VM, and option ``fail_on_missing`` is set
    """
    connection = Connection.from_params(params)
    with VCenter(connection) as vcenter:
        facts, not_found, fleet = _read(vcenter, params, _tagged(vcenter, connection, params["tags"]))
    if not_found and params["fail_on_missing"]:
        raise InvalidOptionError(
            f"No VM was found for {', '.join(not_found)}",
            remedy="Check the spelling, 'folder' and 'datacenter', and whether the user may see the VMs",
            details={"not_found": not_found},
        )
    return facts, not_found, fleet


def _tagged(
    vcenter: VCenter, connection: Connection, tags: t.Optional[t.Sequence[str]]
) -> t.Optional[t.Collection[str]]:
    """The IDs of the VMs to which the tags restrict the read; None when there is no such restriction."""
    if tags is None:
        return None
    if not vcenter.is_vcenter:
        raise InvalidOptionError(
            f"{connection} is a stand-alone ESXi host, which has no tags (option 'tags')",
            remedy="Connect to the vCenter of that host, or select by name",
        )
    return tagged_vms(connection, tags)


def _read(
    vcenter: VCenter, params: Params, tagged: t.Optional[t.Collection[str]]
) -> tuple[list[VmFacts], list[str], list[InventoryEntry]]:
    """See :func:`read_vms`."""
    for _attempt in range(_ATTEMPTS):
        entries = inventory(vcenter, bool(params["custom_attributes"]))
        selected, not_found = select_vms([entry for entry in entries if tagged is None or entry.moid in tagged], params)
        references = [entry.reference for entry in selected]
        try:
            facts = refresh_stale_files(vcenter, references, read_facts(vcenter, references))
            if params["connector_user"]:
                facts = _with_missing_privileges(vcenter, references, facts, params["connector_user"])
        except NotFoundError:
            continue
        return facts, not_found, entries
    raise NotFoundError("VMs kept disappearing while they were read", remedy="Run the task again")


def _with_missing_privileges(
    vcenter: VCenter, references: t.Sequence[Reference], facts: t.Sequence[VmFacts], user: str
) -> list[VmFacts]:
    """The facts, with the privileges that the connector's user lacks on each VM; one call for each page."""
    missing: dict[str, tuple[str, ...]] = {}
    for start in range(0, len(references), PAGE):
        missing.update(vcenter.missing_privileges(references[start : start + PAGE], CONNECTOR_PRIVILEGES, user))
    return [replace(vm, connector_lacks=missing.get(vm.moid, ())) for vm in facts]
