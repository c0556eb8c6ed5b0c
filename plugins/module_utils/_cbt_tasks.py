# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules ``vmware_cbt`` and ``vmware_cbt_info`` do, from options to result (private to the collection)."""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._cbt import Wishes, skipped_disks
from ansible_collections.cutover.smc.plugins.module_utils._cbt_activation import Activation, PowerPolicy
from ansible_collections.cutover.smc.plugins.module_utils._cbt_report import describe, summarise
from ansible_collections.cutover.smc.plugins.module_utils._failure import BadInput, NotFound
from ansible_collections.cutover.smc.plugins.module_utils._machines import (
    Listed,
    inventory,
    locate,
    read_facts,
    with_fresh_files,
)
from ansible_collections.cutover.smc.plugins.module_utils._task import Params, Result, Run
from ansible_collections.cutover.smc.plugins.module_utils._time import parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._vcenter import Connection, VCenter

# A VM may be removed between the listing and the reading of its details.
_LISTINGS = 3


def ensure_cbt(params: Params, run: Run) -> Result:
    """The handler of ``vmware_cbt``."""
    wishes = Wishes(activate=params["activate"], method=params["method"], snapshots=params["snapshots"])
    power = PowerPolicy(
        params["shutdown"],
        parse_duration("shutdown_timeout", params["shutdown_timeout"]).total_seconds(),
        params["shutdown_fallback"],
    )
    timeout = parse_duration("timeout", params["timeout"]).total_seconds()
    with VCenter(Connection.from_params(params)) as vcenter:
        machine = locate(vcenter, params)
        activation = Activation(vcenter, machine, run, wishes=wishes, power=power, timeout=timeout)
        outcome = activation.reach(params["state"], params["skip_disks"])
    facts = outcome.state
    removing = ("remove_snapshot", "remove_all_snapshots")
    return outcome.result(
        vm=describe(facts, skipped_disks(facts, params["skip_disks"])),
        snapshots_removed=any(step.action in removing for step in outcome.done),
    )


def read_cbt(params: Params, _run: Run) -> Result:
    """The handler of ``vmware_cbt_info``."""
    with VCenter(Connection.from_params(params)) as vcenter:
        vms, not_found = _read(vcenter, params)
    if not_found and params["fail_on_missing"]:
        raise BadInput(
            "No VM was found for " + ", ".join(not_found),
            remedy="Check the spelling, 'folder' and 'datacenter', and that the user may see the VMs",
            details={"not_found": not_found},
        )
    return {"changed": False, "vms": vms, "not_found": not_found, "summary": summarise(vms, not_found)}


def _read(vcenter: VCenter, params: Params) -> tuple[list[Result], list[str]]:
    for _attempt in range(_LISTINGS):
        selected, not_found = _select(inventory(vcenter), params)
        references = [vm.reference for vm in selected]
        try:
            facts = with_fresh_files(vcenter, list(zip(references, read_facts(vcenter, references))))
        except NotFound:
            continue
        return [describe(one) for one in facts], not_found
    raise NotFound("VMs kept disappearing while they were read", remedy="Run it again")


def _select(listed: t.Sequence[Listed], params: Params) -> tuple[list[Listed], list[str]]:
    """The VMs that are meant, in inventory order and each once, and what was named but is not there."""
    within = [vm for vm in listed if vm.lies_in(params["folder"], params["datacenter"])]
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
