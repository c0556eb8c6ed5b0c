# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cost table of a clean-up, and how a price is shown (pure; private to the collection)."""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._cleanup.prices import total

Item = t.Mapping[str, t.Any]
Costs = t.Mapping[str, t.Any]

_COLUMNS = "{:<20} {:<6} {:<22} {:<24} {:>18}  {}"


def show_price(amount: t.Optional[float], is_upper_bound: bool, currency: t.Optional[str]) -> str:
    """A price such as ``<= 2.25 CNY``; an unknown price is shown as such, never as 0."""
    if amount is None:
        return "unknown"
    return f"{'<= ' if is_upper_bound else ''}{amount:.2f}{f' {currency}' if currency else ''}"


def costs_of(region: t.Mapping[str, t.Any]) -> t.Optional[Costs]:
    """The costs in a registered result of ``smc_cleanup``; None when the region was not, or could not be, read."""
    return region.get("costs")


def missing_price_lines(costs: t.Iterable[Costs]) -> list[str]:
    """A line for each price that is not known, without duplicates."""
    reasons = dict.fromkeys(unknown["reason"] for cost in costs for unknown in cost.get("unknown") or ())
    return [f"Unknown: {reason}; set it in cutover_prices" for reason in reasons]


def cost_table(cleaned: t.Sequence[tuple[str, str, t.Mapping[str, t.Any]]], region: t.Mapping[str, t.Any]) -> list[str]:
    """What was deleted and what is kept, with daily costs, totals, orphans and notes, as lines of text.

    :param cleaned: for each VM its name, its instance UUID, and what ``smc_cleanup`` returned for it
    :param region: the registered result of ``smc_cleanup`` with ``orphans``; may be a failed or a skipped one
    """
    if not cleaned:
        return []
    costs = [result["costs"] for _name, _uuid, result in cleaned]
    of_region = costs_of(region) or {}
    region_items = list(of_region.get("items") or ())
    orphans = [orphan for _name, _uuid, result in cleaned for orphan in result["orphans"]]
    orphans += region.get("orphans") or ()
    currency = next((cost["currency"] for cost in [*costs, of_region] if cost.get("currency")), None)

    others = _other_items(cleaned, region_items, orphans)
    lines = [_COLUMNS.format("VM", "action", "resource", "id", "per day", "reason")]
    for name, uuid, result in cleaned:
        items = [*result["costs"]["items"], *(item for item in others if item["vm_uuid"] == uuid)]
        lines += [_item_line(name, item, currency) for item in items]
        if not items:
            lines.append(_COLUMNS.format(name, "", "nothing", "", "", "there are no billed resources"))
    all_items = [*(item for cost in costs for item in cost["items"]), *others]
    lines += [_total_line(all_items, True, currency), _total_line(all_items, False, currency)]
    lines += _orphan_lines(region_items, orphans, currency)
    if region.get("failed"):
        lines.append(f"Orphans could not be searched: {region.get('msg') or 'see above'}")
    lines += dict.fromkeys(note for cost in [*costs, of_region] for note in cost.get("notes") or ())
    return lines + missing_price_lines(costs)


def _other_items(
    cleaned: t.Sequence[tuple[str, str, t.Mapping[str, t.Any]]],
    region_items: t.Sequence[Item],
    orphans: t.Sequence[Item],
) -> list[Item]:
    """What the region has of these VMs beside what their jobs name, such as a verification instance kept after failed checks."""
    uuids = {uuid for _name, uuid, _result in cleaned}
    known = {item["id"] for _name, _uuid, result in cleaned for item in result["costs"]["items"]}
    known |= {orphan["id"] for orphan in orphans}
    return [item for item in region_items if item.get("vm_uuid") in uuids and item["kept"] and item["id"] not in known]


def _item_line(first: str, item: Item, currency: t.Optional[str]) -> str:
    return _COLUMNS.format(
        first,
        "keep" if item["kept"] else "delete",
        item["kind"].replace("_", " "),
        item["id"],
        show_price(item["per_day"], item["is_upper_bound"], currency),
        _with_name(item["reason"], item["name"]),
    )


def _with_name(reason: str, name: str) -> str:
    return f"{reason} ({name})" if name else reason


def _total_line(items: t.Sequence[Item], kept: bool, currency: t.Optional[str]) -> str:
    items = [item for item in items if item["kept"] == kept]
    known = [item for item in items if item["per_day"] is not None]
    unknown = len(items) - len(known)
    return _COLUMNS.format(
        "total",
        "keep" if kept else "delete",
        f"{len(items)} resource{'' if len(items) == 1 else 's'}",
        "",
        show_price(total([item["per_day"] for item in items]), any(item["is_upper_bound"] for item in known), currency),
        f"per day, and {unknown} of unknown price" if unknown and known else "per day",
    )


def _orphan_lines(
    region_items: t.Sequence[Item], orphans: t.Sequence[Item], currency: t.Optional[str]
) -> t.Iterator[str]:
    prices = {item["id"]: item for item in region_items}
    deleted = [item for item in region_items if not item["kept"]]
    for item in deleted:
        yield _item_line("orphan", item, currency)
    deleted_ids = {item["id"] for item in deleted}
    kept = [orphan for orphan in orphans if orphan["id"] not in deleted_ids]
    for orphan in kept:
        price = prices.get(orphan["id"]) or {"per_day": None, "is_upper_bound": False}
        reason = _with_name(orphan["reason"], orphan["name"])
        if orphan["blocked_by"]:
            reason += f"; it must not be deleted now: {orphan['blocked_by']}"
        yield _COLUMNS.format(
            "orphan",
            "keep",
            orphan["kind"].replace("_", " "),
            orphan["id"],
            # A snapshot in vCenter costs nothing at Alibaba Cloud.
            "" if orphan["kind"] == "vm_snapshot" else show_price(price["per_day"], price["is_upper_bound"], currency),
            reason,
        )
    if kept:
        yield (
            "Orphans are kept until you name them: by ID in clean_up_orphans, or in clean_up_vm_snapshots for snapshots of VMs."
        )
