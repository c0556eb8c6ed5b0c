# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which connector imports which VM, what each connector must do, and the outcome (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.plugin_utils._assignment import assign, distribute

Result = Mapping[str, t.Any]


@dataclass(frozen=True)
class HostPlan:
    """What the import needs of one host.

    :ivar moid: the managed object ID of its VM
    :ivar connector: the connector that imports or serves the VM; empty if no connector does
    :ivar missing: whether the VM has no source and must be imported
    :ivar stale: whether the connector's facts of the VM are out of date
    :ivar error: why the VM cannot be imported, with the remedy; empty when it can, or need not be
    """

    moid: str
    connector: str
    missing: bool
    stale: bool
    error: str = ""


def plan_imports(
    hosts: Mapping[str, Mapping[str, t.Any]],
    connectors: Mapping[str, Result],
    sources: Mapping[str, t.Any],
    group: str,
) -> dict[str, t.Any]:
    """What is left to do so that every VM has a source and every connector knows its VMs as vCenter does.

    :param hosts: for each host ``vm`` (as ``vmware_cbt_info`` returns it), ``migrated`` and ``selection`` (an element of the option
        ``vms`` of ``smc_connector``)
    :param connectors: for each connector the result of ``smc_connector``, which has no ``connector`` when it failed
    :param sources: the sources by the instance UUID of their VM
    :param group: the inventory group of the connectors, for messages
    :return: ``hosts``, ``work``, ``shares`` and ``imports``, as the filter ``plan_imports`` documents them
    """
    pending = {host: known for host, known in hosts.items() if not known["migrated"]}
    working = {name: result["connector"] for name, result in connectors.items() if "connector" in result}
    missing = {host: known["vm"]["moid"] for host, known in pending.items() if known["vm"]["uuid"] not in sources}
    assignment = assign(missing, working)
    plans = {
        host: _plan_host(known["vm"], host in missing, assignment.get(host), working, connectors, group)
        for host, known in pending.items()
    }
    work = _work(plans, pending)
    return {
        "hosts": {host: vars(plan) for host, plan in plans.items()},
        "work": work,
        "shares": {host: share for host, share in distribute(sorted(work), _able(plans)).items() if share},
        "imports": sum(len(part["vms"]) for part in work.values()),
    }


def _plan_host(
    vm: Mapping[str, t.Any],
    missing: bool,
    assigned: t.Optional[str],
    working: Mapping[str, Mapping[str, t.Any]],
    connectors: Mapping[str, Result],
    group: str,
) -> HostPlan:
    moid = vm["moid"]
    serving = (name for name, connector in working.items() if moid in connector["selected"])
    connector = (assigned or "") if missing else next(serving, "")
    facts = working[connector]["vms"].get(moid) if connector else None
    error = _no_slot(vm["name"], working, connectors, group) if missing and not connector else ""
    return HostPlan(moid, connector, missing, bool(facts) and _is_stale(t.cast(Result, facts), vm), error)


def _is_stale(facts: Mapping[str, t.Any], vm: Mapping[str, t.Any]) -> bool:
    """Whether a connector's facts of a VM differ from vCenter in CBT, or show snapshots that do not exist any more."""
    return bool(facts["cbt_enabled"] != vm["cbt"]["enabled"] or (facts["has_snapshot"] and not vm["snapshots"]))


def _no_slot(vm_name: str, working: Mapping[str, t.Any], connectors: Mapping[str, Result], group: str) -> str:
    """Why no connector imports a VM, and what to do."""
    sentences = [f"No connector has a free slot for {vm_name}."]
    if working:
        sentences += [
            f"A connector serves 10 VMs at a time, and all connectors that answer are full ({', '.join(working)}).",
            f"Add a connector to the group {group}, or finish migrations and free their slots with the role clean_up.",
        ]
    if not connectors:
        sentences.append(f"The group {group} has no host. Deploy the SMC connector and add its host to the group.")
    failed = {name: result for name, result in connectors.items() if name not in working}
    return " ".join([*sentences, *(f"{name}: {_message(result)}" for name, result in failed.items())])


def _message(result: Result) -> str:
    return str(result.get("msg", "no answer"))


def _able(plans: Mapping[str, HostPlan]) -> list[str]:
    """The hosts that do not fail before the import; those whose VMs have sources first."""
    able = [(host, plan) for host, plan in plans.items() if not plan.error]
    return [host for host, _plan in sorted(able, key=lambda item: item[1].missing)]


def _work(plans: Mapping[str, HostPlan], hosts: Mapping[str, Mapping[str, t.Any]]) -> dict[str, dict[str, t.Any]]:
    """For each connector that has something to do, the VMs that it imports, and whether it reads vCenter again."""
    work: dict[str, dict[str, t.Any]] = {}
    for host, plan in plans.items():
        if not plan.error and (plan.missing or plan.stale):
            part = work.setdefault(plan.connector, {"vms": [], "refresh": False})
            part["vms"] += [hosts[host]["selection"]] if plan.missing else []
            part["refresh"] = part["refresh"] or plan.stale
    return work


def import_outcomes(
    hosts: Mapping[str, Mapping[str, t.Any]], results: Mapping[str, Result]
) -> dict[str, dict[str, t.Any]]:
    """For each host the source that its VM was imported as, and why the import failed.

    :param hosts: the ``hosts`` of :func:`plan_imports`
    :param results: the result of ``smc_connector`` of each connector that had something to do
    :return: for each host ``source_id``, None when the connector does not say it, and ``error``, empty when there was no error
    """
    return {host: _outcome(plan, results.get(plan["connector"], {})) for host, plan in hosts.items()}


def _outcome(plan: Mapping[str, t.Any], result: Result) -> dict[str, t.Any]:
    imported = [vm for vm in result.get("imported", ()) if vm["moid"] == plan["moid"]]
    return {
        "source_id": imported[0]["source_id"] if imported else None,
        "error": "" if imported or _is_done(plan, result) else f"{plan['connector']}: {_message(result)}",
    }


def _is_done(plan: Mapping[str, t.Any], result: Result) -> bool:
    """Whether a connector has done its work for a VM that it does not name as imported.

    A result with ``connector`` is complete: what failed in it is the import of some VMs, after the connector had read vCenter again.
    """
    needs_work = plan["missing"] or plan["stale"]
    refreshed = "connector" in result
    return not needs_work or not result or (refreshed and (not plan["missing"] or "error" not in result))
