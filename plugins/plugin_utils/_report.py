# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a migration: what is known of each VM, and the same as a table (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._cleanup.prices import total
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import SERVICES_STOPPED_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.times import read_timestamp
from ansible_collections.cutover.smc.plugins.plugin_utils._costs import (
    costs_of,
    missing_price_lines,
    show_price,
)

Facts = t.Mapping[str, t.Any]

#: Below so many days until the job expires, each with how the warning begins.
_EXPIRY_WARNINGS = ((1, "URGENT"), (3, "SOON"), (7, "NOTE"))
_SECONDS_PER_DAY = 86400
_COLUMNS = "{:<20} {:<14} {:<5} {:>5} {:>7}  {:<20}  {:<20}  {}"


class _Region:
    """The costs of a region, indexed by VM and by job.

    :ivar known: whether the region could be read
    :ivar images: the IDs of the images that exist
    """

    def __init__(self, region: Facts) -> None:
        costs = costs_of(region)
        self.known = costs is not None
        self.currency = (costs or {}).get("currency")
        items = list((costs or {}).get("items") or ())
        orphans = {orphan["id"] for orphan in region.get("orphans") or ()}
        self.images = {item["id"] for item in items if item["kind"] == "image"}
        self._by_vm: dict[str, list[Facts]] = {}
        self._by_job: dict[str, list[Facts]] = {}
        for item in items:
            if item["id"] in orphans:
                continue
            for index, key in ((self._by_vm, item["vm_uuid"]), (self._by_job, item["job_id"])):
                if key:
                    index.setdefault(key, []).append(item)

    def items_of(self, vm_uuid: t.Optional[str], job_id: t.Optional[str]) -> list[Facts]:
        """The billed resources of a VM: those with its tag, then those that only its job names."""
        of_vm = self._by_vm.get(vm_uuid or "", [])
        of_job = [item for item in self._by_job.get(job_id or "", []) if item["vm_uuid"] != vm_uuid]
        return [*of_vm, *of_job]

    def costs(self, vm_uuid: t.Optional[str], job_id: t.Optional[str]) -> t.Optional[dict[str, t.Any]]:
        if not self.known:
            return None
        items = self.items_of(vm_uuid, job_id)
        return {
            "currency": self.currency,
            "per_day": total([item["per_day"] for item in items]),
            "complete": all(item["per_day"] is not None for item in items),
            "items": items,
        }


def build_report(
    hosts: t.Mapping[str, Facts], active_hosts: t.Collection[str], jobs: Facts, region: Facts
) -> list[dict[str, t.Any]]:
    """Everything that is known of each VM.

    :param hosts: the variables of each host, of which the facts of the roles are used
    :param active_hosts: the hosts that have not failed
    :param jobs: the registered result of ``smc_incremental_job_info``; may be a failed one
    :param region: the registered result of ``smc_cleanup`` with ``orphans``; may be a failed or a skipped one
    """
    resources = _Region(region)
    now = read_timestamp(jobs.get("cloud_time"))
    by_vm_uuid = jobs.get("by_vm_uuid") or {}
    return [_report_of(host, facts, by_vm_uuid, now, resources, host in active_hosts) for host, facts in hosts.items()]


def _report_of(
    host: str,
    facts: Facts,
    by_vm_uuid: t.Mapping[str, Facts],
    now: t.Optional[datetime],
    region: _Region,
    active: bool,
) -> dict[str, t.Any]:
    vm = facts.get("identify_vm") or {}
    job = by_vm_uuid.get(vm.get("uuid") or "") or {}
    final_image = facts.get("identify_final_image")
    images = job.get("images")
    if images is None:
        images = [final_image] if final_image else []
    return {
        "host": host,
        "vm": vm.get("name") or facts.get("cutover_vm_name") or host,
        "uuid": vm.get("uuid"),
        "moid": vm.get("moid"),
        "power_state": vm.get("power_state"),
        "cbt": (vm.get("cbt") or {}).get("effective"),
        "migrated": job.get("status") == "Finished" or (not job and bool(facts.get("identify_migrated"))),
        "job_id": job.get("job_id"),
        "status": job.get("status"),
        "phase": job.get("phase"),
        "progress": job.get("progress"),
        "error_reason": job.get("error_reason") or "",
        "runs": list(job.get("runs") or ()),
        "images": [image for image in images if image in region.images] if region.known else list(images),
        "rpo_seconds": job.get("rpo_seconds"),
        "expires_in": job.get("expires_in"),
        "expires_in_days": _days_until_expiry(job, now),
        "is_billed": bool(job.get("is_billed")),
        "costs": region.costs(vm.get("uuid"), job.get("job_id")),
        "services_stopped_at": (job.get("tags") or {}).get(SERVICES_STOPPED_TAG) or None,
        "evidence": facts.get("cut_over_evidence") or (facts.get("report_evidence") or {}).get("evidence"),
        "failure": facts.get("cutover_failure") or (None if active else _failure_without_message(facts, job)),
    }


def _days_until_expiry(job: Facts, now: t.Optional[datetime]) -> t.Optional[float]:
    """Negative when the job has expired; None for a job that cannot expire."""
    expires_at = read_timestamp(job.get("expires_at"))
    if expires_at is None or now is None or job.get("status") == "Finished":
        return None
    return round((expires_at - now).total_seconds() / _SECONDS_PER_DAY, 1)


def _failure_without_message(facts: Facts, job: Facts) -> dict[str, t.Any]:
    """A host that failed outside of the block that records its failure."""
    message = "The play did not finish for this host. The error is shown above."
    if facts.get("cut_over_open_job") and job.get("status") != "Finished":
        message += " Its services may be stopped: run the playbook again, or run roll_back."
    return {"step": None, "message": message}


def report_table(vms: t.Sequence[Facts], jobs: Facts, region: Facts) -> list[str]:
    """The report as lines of text: a table of the VMs, then warnings, costs, orphans and failures.

    :param vms: what :func:`build_report` returned
    """
    lines = [
        _COLUMNS.format(
            "VM", "migration", "CBT", "runs", "images", "services stopped", "final run started", "newest image"
        )
    ]
    jobs_known = jobs.get("by_vm_uuid") is not None
    lines += [_vm_line(vm, jobs_known) for vm in vms]
    lines += [
        f"{vm['vm']} is {vm['power_state']}. If its cut-over was interrupted, run cut_over again, or run roll_back, which powers on "
        "a VM that was shut down for its cut-over."
        for vm in vms
        if vm["power_state"] not in ("on", None) and vm["job_id"] and not vm["migrated"]
    ]
    lines += [
        f"{vm['vm']} has no final image: {vm['evidence'].get('image_id') or 'it'} does not exist any more. Keep the VM and the older images, and migrate "
        "the VM again (smc_incremental_job with recreate: true)."
        for vm in vms
        if _final_image_is_gone(vm)
    ]
    lines += [_expiry_line(vm) for vm in vms if vm["expires_in_days"] is not None and vm["expires_in_days"] < 7]
    lines += _cost_lines(vms, region)
    lines += [_failure_line(vm) for vm in vms if vm["failure"]]
    return lines


def _vm_line(vm: Facts, jobs_known: bool) -> str:
    evidence = vm["evidence"] or {}
    no_job = "no job" if jobs_known and vm["uuid"] else "unknown"
    return _COLUMNS.format(
        vm["vm"],
        "migrated" if vm["migrated"] else vm["status"] or no_job,
        {True: "on", False: "off"}.get(vm["cbt"], "?"),
        len(vm["runs"]),
        len(vm["images"]),
        evidence.get("services_stopped_at") or vm["services_stopped_at"] or "-",
        evidence.get("run_started_at") or "-",
        "GONE" if _final_image_is_gone(vm) else vm["images"][-1] if vm["images"] else "-",
    )


def _final_image_is_gone(vm: Facts) -> bool:
    """Whether the final image was looked for and does not exist; an older image never takes its place."""
    return vm["migrated"] and (vm["evidence"] or {}).get("image_exists") is False


def _expiry_line(vm: Facts) -> str:
    days = vm["expires_in_days"]
    if days <= 0:
        return f"{vm['vm']} EXPIRED: job {vm['job_id']} has expired and does not run any more. SMC deletes it 7 days after its expiry."
    urgency = next(word for limit, word in _EXPIRY_WARNINGS if days < limit)
    return (
        f"{vm['vm']} {urgency}: job {vm['job_id']} expires in {vm['expires_in']}. Complete it, or extend it to at most 90 days from "
        "its creation (replicate_valid_for, replicate_valid_at_least)."
    )


def _cost_lines(vms: t.Sequence[Facts], region: Facts) -> t.Iterator[str]:
    costs = costs_of(region)
    if costs is None:
        if region.get("failed"):
            yield f"Costs could not be read: {region.get('msg') or ''}"
        return
    currency = costs.get("currency")
    for vm in vms:
        if vm["uuid"]:
            yield f"{vm['vm']:<20} {_cost_of(vm['costs'])}"
    prices = {item["id"]: item for item in costs["items"]}
    for orphan in region.get("orphans") or ():
        price = prices.get(orphan["id"]) or {"per_day": None, "is_upper_bound": False}
        amount = show_price(price["per_day"], price["is_upper_bound"], currency)
        shown = "of unknown price" if price["per_day"] is None else f"{amount} per day"
        yield f"orphan: {orphan['kind'].replace('_', ' ')} {orphan['id']} {orphan['name']}, {shown}: {orphan['reason']}"
    yield from costs.get("notes") or ()
    yield from missing_price_lines([costs])


def _cost_of(costs: Facts) -> str:
    items = costs["items"]
    unknown = sum(item["per_day"] is None for item in items)
    if not items:
        return "costs nothing"
    if unknown == len(items):
        return "costs an unknown amount per day"
    amount = show_price(costs["per_day"], any(item["is_upper_bound"] for item in items), costs["currency"])
    return f"costs {amount} per day" + (f", and {unknown} of unknown price" if unknown else "")


def _failure_line(vm: Facts) -> str:
    failure = vm["failure"]
    step = f' at "{failure["step"]}"' if failure.get("step") else ""
    return f"{vm['vm']} FAILED{step}: {failure['message']}"
