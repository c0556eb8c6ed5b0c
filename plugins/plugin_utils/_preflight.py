# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The findings of the preflight checks: as data, as lines, and as the reason why a VM fails (pure; private to the collection)."""

from __future__ import annotations

import typing as t

Facts = t.Mapping[str, t.Any]


def build_report(hosts: t.Mapping[str, Facts]) -> dict[str, list[dict[str, t.Any]]]:
    """The findings about every VM and every connector.

    :param hosts: the variables of each host; a host without the fact ``preflight_vm`` has failed earlier and is left out
    :return: ``vms`` (as ``vmware_cbt_info`` returns them, with ``host``, ``job`` and ``migrated``) and ``connectors``
        (``host``, ``works``, ``message`` and ``connector``)
    """
    checked = {host: facts for host, facts in hosts.items() if "preflight_vm" in facts}
    results = [result for facts in checked.values() for result in _connector_results(facts)]
    return {
        "vms": [
            {
                **facts["preflight_vm"],
                "host": host,
                "job": facts.get("identify_job", {}),
                "migrated": facts.get("identify_migrated", False),
            }
            for host, facts in checked.items()
        ],
        "connectors": [
            {
                "host": result["item"],
                "works": "connector" in result,
                "message": result.get("msg", ""),
                "connector": result.get("connector", {}),
            }
            for result in results
        ],
    }


def summarize(report: Facts) -> list[str]:
    """The report for people: a line for each VM, one for each of its concerns, and one for each connector."""
    lines = []
    for vm in report["vms"]:
        lines.append(f"{vm['name']}: {_state_of(vm)}")
        lines += [
            f"{vm['name']}: {_severity_of(concern)}: {_finding(concern, vm)} [{concern['id']}]"
            for concern in vm["concerns"]
        ]
    return lines + [f"{connector['host']}: {_state_of_connector(connector)}" for connector in report["connectors"]]


def failure_message(vm: Facts, accepted: t.Collection[str]) -> str:
    """Why a VM cannot be migrated, with the remedies; an empty string if nothing blocks it.

    :param vm: the VM as ``vmware_cbt_info`` returns it
    :param accepted: the IDs of the rules whose blockers are accepted
    """
    findings = [_finding(concern, vm) for concern in vm["blockers"] if concern["id"] not in accepted]
    return f"{vm['name']} cannot be migrated as it is: {' '.join(findings)}" if findings else ""


def _connector_results(facts: Facts) -> t.Sequence[Facts]:
    """The results of the connectors that a host has checked."""
    results: t.Sequence[Facts] = facts.get("preflight_connectors", {}).get("results", [])
    return results


def _state_of(vm: Facts) -> str:
    return f"{vm['power_state']}, {_count(vm['disks'], 'disk')}, {_cbt_of(vm['cbt'])}, {_migration_of(vm)}"


def _count(items: t.Sized, noun: str) -> str:
    return f"{len(items)} {noun}" if len(items) == 1 else f"{len(items)} {noun}s"


def _cbt_of(cbt: Facts) -> str:
    if cbt["effective"]:
        return "CBT is in effect"
    return "CBT is requested but not in effect" if cbt["enabled"] else "CBT is off"


def _migration_of(vm: Facts) -> str:
    if vm["migrated"]:
        return "is migrated"
    return f"job {vm['job']['job_id']} is {vm['job']['status']}" if vm["job"] else "no job yet"


def _severity_of(concern: Facts) -> str:
    waiver = concern["waived"]
    waived = f", waived until {waiver['expires']} ({waiver['reason']})" if waiver else ""
    return f"{concern['severity']}{waived}"


def _finding(concern: Facts, vm: Facts) -> str:
    """A concern with its remedy; the subject only if it is a part of the VM."""
    subject = "" if concern["subject"] == vm["name"] else f"{concern['subject']}: "
    return f"{subject}{concern['message']}. {concern['remedy']}."


def _state_of_connector(finding: Facts) -> str:
    if not finding["works"]:
        return f"does not work: {finding['message'] or 'no answer'}"
    connector = finding["connector"]
    return f"{_count(connector['selected'], 'VM')} selected, {connector['free']} slots free"
