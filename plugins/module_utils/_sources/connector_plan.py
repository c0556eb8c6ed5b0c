# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which VMs a connector must import, and what is left to do for it (pure; private to the collection)."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, View
from ansible_collections.cutover.smc.plugins.module_utils._sources.connector_config import (
    CONFIG_FILE,
    Config,
    VmSelection,
    apply_selection,
    facts_view,
    selected_vms,
    selection_view,
    vm_name,
    vm_names,
)
from ansible_collections.cutover.smc.plugins.module_utils._sources.connector_output import NO_OUTPUT, ClientOutput

#: How many VMs one connector imports and serves at the same time.
SLOTS = 10


@dataclass(frozen=True)
class ConnectorSpec:
    """What is declared of a connector.

    :ivar vms: the VMs that must be imported; others stay selected
    :ivar deselected: the managed object IDs of VMs whose slots must be free
    :ivar refresh: whether the connector must read the VMs from vCenter again
    :ivar source_ids: the sources that SMC has now; None relies on what the client has logged about its imports
    :ivar has_code: whether an activation code is given
    """

    vms: tuple[VmSelection, ...] = ()
    deselected: tuple[str, ...] = ()
    refresh: bool = False
    source_ids: t.Optional[frozenset[str]] = None
    has_code: bool = False


@dataclass(frozen=True)
class ObservedConnector:
    """What was read of the connector, and what this run has done so far.

    :ivar config: the content of the file of VMs
    :ivar log: what the client's log says about imports
    :ivar output: what the client has written about imports during this run
    :ivar refreshed: whether this run has read the VMs from vCenter again
    :ivar stale: whether the client still works with facts from before a refresh
    :ivar tried: the VMs whose import this run has requested
    """

    config: Config
    log: ClientOutput = NO_OUTPUT
    output: ClientOutput = NO_OUTPUT
    refreshed: bool = False
    stale: bool = False
    tried: frozenset[str] = frozenset()


def parse_spec(params: t.Mapping[str, t.Any]) -> ConnectorSpec:
    """Read the module's options.

    :raises InvalidOptionError: when the same VM must be imported and deselected
    """
    vms = tuple(
        VmSelection(vm["moid"], vm["platform"], vm["architecture"], vm["system_disk_key"]) for vm in params["vms"] or ()
    )
    deselected = tuple(params["deselected_vms"] or ())
    both = sorted({vm.moid for vm in vms} & set(deselected))
    if both:
        raise InvalidOptionError(
            f"Options 'vms' and 'deselected_vms' both name {', '.join(both)}", remedy="Name each VM in only one of them"
        )
    source_ids = params["source_ids"]
    return ConnectorSpec(
        vms,
        deselected,
        params["refresh"],
        None if source_ids is None else frozenset(source_ids),
        bool(params["access_token_code"]),
    )


def has_client(config: Config, log: ClientOutput) -> bool:
    """Whether there is a client that can be restarted; without any line about imports the selection decides."""
    return bool(selected_vms(config)) and (log.has_imported or not log.errors)


def imported_sources(spec: ConnectorSpec, observed: ObservedConnector) -> dict[str, str]:
    """The source IDs of the imported VMs whose sources still exist, by managed object ID."""
    logged = observed.log.sources
    if spec.source_ids is not None:
        logged = {moid: source_id for moid, source_id in logged.items() if source_id in spec.source_ids}
    return {**logged, **observed.output.sources}


def plan(spec: ConnectorSpec, observed: ObservedConnector, *, check_mode: bool = False) -> Plan:
    """What is left to do for the declared state.

    :param check_mode: the activation code may be missing: the task that creates it has created none
    :raises PreconditionError: when the connector does not find a VM, or has no slot for it
    :raises InvalidOptionError: when an activation code is needed and is not given
    """
    unknown = [vm.moid for vm in spec.vms if vm.moid not in observed.config]
    if unknown and observed.refreshed:
        raise PreconditionError(
            f"The connector does not find {', '.join(unknown)} in vCenter, although it has read the VMs again",
            remedy="Check the managed object ID, and that the connector's vCenter user has access to the VM",
        )
    steps: list[Step] = []
    if not observed.refreshed and (spec.refresh or unknown):
        steps.append(Step("refresh", "read the VMs from vCenter again", mutates=False, replan_after=True))
    steps += _selection(spec, observed)
    pending = _pending(spec, observed)
    if pending:
        names = vm_names(observed.config, pending)
        if not spec.has_code and not check_mode:
            raise InvalidOptionError(
                f"An activation code is required to import {names}",
                remedy="Create one with smc_access_token, and set access_token_id and access_token_code",
            )
        steps.append(Step("import_vms", f"import {names}", {"moids": pending}, replan_after=True))
    elif observed.stale:
        steps.append(Step("rerun", "restart the connector's client with the new facts", replan_after=True))
    return Plan(tuple(steps))


def _pending(spec: ConnectorSpec, observed: ObservedConnector) -> list[str]:
    """The VMs that are not imported, and whose import this run has not tried yet."""
    done = imported_sources(spec, observed).keys() | observed.tried
    return [vm.moid for vm in spec.vms if vm.moid not in done]


def _selection(spec: ConnectorSpec, observed: ObservedConnector) -> t.Iterator[Step]:
    after = apply_selection(observed.config, spec.vms, spec.deselected)
    selected = selected_vms(after)
    if len(selected) > SLOTS and spec.vms:
        raise PreconditionError(
            f"The connector serves at most {SLOTS} VMs, and {len(selected)} would be selected: {vm_names(after, selected)}",
            remedy="Import the other VMs on another connector (filter assign_connectors), or free the slots of finished migrations "
            "with deselected_vms",
        )
    changed = [moid for moid in after if after[moid] != observed.config[moid]]
    if changed:
        yield Step(
            "write_selection",
            f"update the selection in {CONFIG_FILE}: {vm_names(after, changed)}",
            changes={"vms": selection_view(after)},
        )


def diff_view(observed: ObservedConnector) -> View:
    """The connector as the diff shows it: which VMs are selected, and how."""
    return {"vms": selection_view(observed.config)}


def to_result(spec: ConnectorSpec, observed: ObservedConnector) -> dict[str, t.Any]:
    """The connector as the module returns it."""
    sources = imported_sources(spec, observed)
    selection = selection_view(observed.config)
    selected = selected_vms(observed.config)
    return {
        "selected": selected,
        "free": max(0, SLOTS - len(selected)),
        "vms": {
            moid: {**selection[moid], **facts_view(vm), "source_id": sources.get(moid)}
            for moid, vm in observed.config.items()
        },
    }


def import_results(spec: ConnectorSpec, observed: ObservedConnector) -> dict[str, list[dict[str, t.Any]]]:
    """The declared VMs as the module returns them: imported, or not imported with the reason."""
    sources = imported_sources(spec, observed)
    imported, not_imported = [], []
    for moid in dict.fromkeys(vm.moid for vm in spec.vms):
        name = vm_name(observed.config.get(moid, {})) or None
        reason = observed.output.errors.get(moid)
        if moid in sources or (moid in observed.tried and reason is None):
            imported.append({"moid": moid, "name": name, "source_id": sources.get(moid)})
        elif moid in observed.tried:
            not_imported.append({"moid": moid, "name": name, "reason": reason})
    return {"imported": imported, "not_imported": not_imported}


def import_error(result: dict[str, t.Any]) -> PreconditionError:
    """The error about VMs that were not imported; what was imported stays imported and is in the partial result.

    :param result: the module's result
    """
    failed = result["not_imported"]
    names = ", ".join(vm["name"] or vm["moid"] for vm in failed)
    reasons = dict.fromkeys(vm["reason"] for vm in failed)
    if any(re.search(r"token|activation", reason, re.IGNORECASE) for reason in reasons):
        remedy = "Create a new activation code with smc_access_token: a code is valid until it has expired, is used up or disabled"
    else:
        remedy = "Fix the reported cause and run it again. The connector's directory Logs has more details"
    error = PreconditionError(f"The connector did not import {names}: {'; '.join(reasons)}", remedy=remedy)
    error.partial = result
    return error
