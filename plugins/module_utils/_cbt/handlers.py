# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules ``vmware_cbt`` and ``vmware_cbt_info`` do, from options to result (private to the collection)."""

from __future__ import annotations

import fnmatch
import typing as t
from dataclasses import replace

from ansible_collections.cutover.smc.plugins.module_utils._cbt.plan import Wishes
from ansible_collections.cutover.smc.plugins.module_utils._cbt.reconciler import Activation
from ansible_collections.cutover.smc.plugins.module_utils._cbt.report import describe, summarise
from ansible_collections.cutover.smc.plugins.module_utils._concerns.cbt import RULE_IDS
from ansible_collections.cutover.smc.plugins.module_utils._concerns.rules import read_waivers, today
from ansible_collections.cutover.smc.plugins.module_utils._concerns.smc import CONNECTOR_PRIVILEGES
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, NotFoundError
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, Params, Result
from ansible_collections.cutover.smc.plugins.module_utils._core.times import parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import skipped_disks
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import PAGE, Connection, Reference, VCenter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import VmFacts
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.inventory import (
    Listed,
    inventory,
    locate,
    read_facts,
    with_fresh_files,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.power import PowerPolicy
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.tags import tagged_vms

# A VM may be removed between the listing and the reading of its details.
_LISTINGS = 3


def ensure_cbt(params: Params, context: Context) -> Result:
    """The handler of ``vmware_cbt``."""
    if params["state"] == "reset" and params["activate"] == "none":
        raise InvalidOptionError(
            "A reset has to take effect at once, because between its two halves tracking must have ended",
            remedy="Choose another 'activate' than none",
        )
    waivers = read_waivers(params["waivers"], RULE_IDS)
    wishes = Wishes(
        activate=params["activate"],
        method=params["method"],
        snapshots=params["snapshots"],
        verify=params["verify"],
    )
    power = PowerPolicy(
        params["shutdown"],
        parse_duration("shutdown_timeout", params["shutdown_timeout"]).total_seconds(),
        params["shutdown_fallback"],
    )
    timeout = parse_duration("timeout", params["timeout"]).total_seconds()
    with VCenter(Connection.from_params(params)) as vcenter:
        machine = locate(vcenter, params)
        activation = Activation(
            vcenter,
            machine,
            context,
            wishes=wishes,
            power=power,
            timeout=timeout,
            waived=lambda name: {waiver.rule for waiver in waivers if waiver.covers(waiver.rule, name, today())},
        )
        outcome = activation.reach(params["state"], params["skip_disks"])
    facts = outcome.observed
    removing = ("remove_snapshot", "remove_all_snapshots")
    begun_anew = params["state"] == "reset" and any(step.mutates for step in outcome.done)
    if begun_anew and not context.check_mode:
        context.warn(f"Tracking of {facts.name} has begun anew: the next run of its SMC job copies everything")
    return outcome.result(
        next_run_full=begun_anew,
        vm=describe(facts, skipped_disks(facts, params["skip_disks"]), waivers),
        snapshots_removed=any(step.action in removing for step in outcome.done),
    )


def read_cbt(params: Params, _context: Context) -> Result:
    """The handler of ``vmware_cbt_info``."""
    read_waivers(params["waivers"], RULE_IDS)  # a mistake in them is told before anything is read
    connection = Connection.from_params(params)
    with VCenter(connection) as vcenter:
        vms, not_found = _read(vcenter, params, _tagged(vcenter, connection, params["tags"]))
    if not_found and params["fail_on_missing"]:
        raise InvalidOptionError(
            "No VM was found for " + ", ".join(not_found),
            remedy="Check the spelling, 'folder' and 'datacenter', and that the user may see the VMs",
            details={"not_found": not_found},
        )
    return {"changed": False, "vms": vms, "not_found": not_found, "summary": summarise(vms, not_found)}


def _tagged(
    vcenter: VCenter, connection: Connection, tags: t.Optional[t.Sequence[str]]
) -> t.Optional[t.Collection[str]]:
    """The VMs to which the tags restrict the read; None when they do not."""
    if tags is None:
        return None
    if not vcenter.is_vcenter:
        raise InvalidOptionError(
            f"There are no tags on {connection}, which is a stand-alone ESXi host (option 'tags')",
            remedy="Ask the vCenter of that host, or select by name",
        )
    return tagged_vms(connection, tags)


def _read(vcenter: VCenter, params: Params, tagged: t.Optional[t.Collection[str]]) -> tuple[list[Result], list[str]]:
    for _attempt in range(_LISTINGS):
        listed = inventory(vcenter, bool(params["custom_attributes"]))
        selected, not_found = _select([vm for vm in listed if tagged is None or vm.moid in tagged], params)
        references = [vm.reference for vm in selected]
        try:
            facts = with_fresh_files(vcenter, list(zip(references, read_facts(vcenter, references))))
            if params["connector_user"]:
                facts = _with_connector_rights(vcenter, references, facts, params["connector_user"])
        except NotFoundError:
            continue
        waivers = read_waivers(params["waivers"], RULE_IDS)
        return [describe(one, waivers=waivers) for one in facts], not_found
    raise NotFoundError("VMs kept disappearing while they were read", remedy="Run it again")


def _with_connector_rights(
    vcenter: VCenter, references: t.Sequence[Reference], facts: t.Sequence[VmFacts], user: str
) -> list[VmFacts]:
    """The facts, with what the connector's user lacks on each VM; one call for each page."""
    lacking: dict[str, tuple[str, ...]] = {}
    for start in range(0, len(references), PAGE):
        lacking.update(vcenter.missing_privileges(references[start : start + PAGE], CONNECTOR_PRIVILEGES, user))
    return [replace(one, connector_lacks=lacking.get(one.moid, ())) for one in facts]


def _select(listed: t.Sequence[Listed], params: Params) -> tuple[list[Listed], list[str]]:
    """The VMs that are meant, in inventory order and each once, and what was named but is not there."""
    within = [vm for vm in listed if _fits(vm, params)]
    if all(params[option] is None for option in ("names", "moids", "uuids")):
        return within, []
    # A list that is given and empty, as a filter over hosts may make it, means none and not all.
    wanted: dict[str, list[str]] = {option: params[option] or [] for option in ("names", "moids", "uuids")}

    def meant(vm: Listed) -> bool:
        return vm.name in wanted["names"] or vm.moid in wanted["moids"] or vm.uuid.lower() in uuids

    uuids = {uuid.lower() for uuid in wanted["uuids"]}
    selected = [vm for vm in within if meant(vm)]
    known = {vm.name for vm in selected} | {vm.moid for vm in selected} | {vm.uuid.lower() for vm in selected}
    missing = [name for name in wanted["names"] + wanted["moids"] if name not in known]
    missing += [uuid for uuid in wanted["uuids"] if uuid.lower() not in known]
    return selected, list(dict.fromkeys(missing))


def _fits(vm: Listed, params: Params) -> bool:
    """Whether a VM lies in the place, and has the attributes and one of the patterns of names, that are asked for."""
    patterns = params["name_patterns"]
    return (
        vm.lies_in(params["folder"], params["datacenter"])
        and all(vm.attributes.get(name) == str(value) for name, value in (params["custom_attributes"] or {}).items())
        and (patterns is None or any(fnmatch.fnmatchcase(vm.name.lower(), one.lower()) for one in patterns))
    )
