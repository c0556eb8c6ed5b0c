# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waivers: a concern is accepted by the ID of its rule, for a reason, until a date (pure; private to the collection)."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError

#: The argument spec of an option that takes waivers.
WAIVERS_SPEC: dict[str, t.Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "rule": {"type": "str", "required": True},
        "reason": {"type": "str", "required": True},
        "expires": {"type": "str", "required": True},
        "vms": {"type": "list", "elements": "str", "default": []},
    },
}


@dataclass(frozen=True)
class Waiver:
    """The decision that what a rule finds is acceptable.

    :ivar expires: the last day on which it is valid
    :ivar vms: the names of the VMs for which it is valid; empty for all
    """

    rule: str
    reason: str
    expires: date
    vms: frozenset[str] = frozenset()

    def covers(self, rule: str, vm: str, today: date) -> bool:
        return rule == self.rule and today <= self.expires and (not self.vms or vm in self.vms)


def today() -> date:
    """The present day in UTC, the time zone in which waivers expire."""
    return datetime.now(timezone.utc).date()


def read_waivers(given: t.Any, rule_ids: t.Collection[str]) -> tuple[Waiver, ...]:
    """Waivers as a user writes them.

    :param rule_ids: the IDs of all rules
    :raises InvalidOptionError: one of them is incomplete, or names an unknown rule
    """
    if not isinstance(given, (list, tuple)):
        raise InvalidOptionError(
            "Waivers must be a list", remedy="Write each as {rule: ..., reason: ..., expires: 2026-12-31}"
        )
    return tuple(_read_waiver(entry, rule_ids) for entry in given)


def _read_waiver(given: t.Any, rule_ids: t.Collection[str]) -> Waiver:
    if not isinstance(given, Mapping):
        raise InvalidOptionError(
            f"A waiver is not a dictionary: {given}", remedy="Write it with the keys rule, reason and expires"
        )
    rule, reason = str(given.get("rule") or ""), str(given.get("reason") or "").strip()
    if rule not in rule_ids:
        raise InvalidOptionError(
            f"Unknown rule '{rule}' in a waiver", remedy=f"The rules are: {', '.join(sorted(rule_ids))}"
        )
    if not reason:
        raise InvalidOptionError(
            f"The waiver for {rule} has no reason", remedy="Write why the risk is accepted, and by whom"
        )
    expires = str(given.get("expires") or "")
    if not re.match(r"^\d{4}-\d{2}-\d{2}$", expires):
        raise InvalidOptionError(
            f"The waiver for {rule} has no valid expiry date: '{expires}'", remedy="Write a date such as 2026-12-31"
        )
    try:
        day = date(*(int(part) for part in expires.split("-")))
    except ValueError:
        raise InvalidOptionError(
            f"The expiry date of the waiver for {rule} does not exist: {expires}",
            remedy="Write a date such as 2026-12-31",
        ) from None
    return Waiver(rule, reason, day, frozenset(str(name) for name in given.get("vms") or ()))


def apply_waivers(
    concerns: t.Sequence[Mapping[str, t.Any]], vm: str, waivers: t.Sequence[Waiver], on: date
) -> list[dict[str, t.Any]]:
    """The concerns of a VM, as results, each with the waiver that covers it on a day in ``waived``, or null."""
    return [dict(concern, waived=_waiver_of(concern["id"], vm, waivers, on)) for concern in concerns]


def _waiver_of(rule: str, vm: str, waivers: t.Sequence[Waiver], on: date) -> t.Optional[dict[str, str]]:
    for waiver in waivers:
        if waiver.covers(rule, vm, on):
            return {"reason": waiver.reason, "expires": waiver.expires.isoformat()}
    return None
