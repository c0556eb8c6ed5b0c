# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What things cost a day, by prices that the user gives or ECS tells; nothing is guessed (private to the collection)."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Quote
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    InvalidOptionError,
    UnreachableError,
)

HOURS_A_DAY = 24
DAYS_A_MONTH = 30

PRICES_SPEC: dict[str, t.Any] = {
    "prices": {
        "type": "dict",
        "options": {
            "currency": {"type": "str"},
            "snapshot_gib_month": {"type": "float"},
            "disk_gib_month": {"type": "dict"},
            "instance_hour": {"type": "dict"},
        },
    }
}

PERMISSION = "ecs:DescribePrice"
_FORBIDDEN = re.compile(r"Forbidden|NoPermission|InvalidAction")


@dataclass(frozen=True)
class Computing:
    """An instance's time. Its price is asked together with a system disk of that category, which not every type takes."""

    instance_type: str
    category: str = ""

    def __str__(self) -> str:
        return "instance type %s" % self.instance_type


@dataclass(frozen=True)
class Space:
    """Space that is paid for by the GiB.

    :ivar category: of a disk, such as ``cloud_essd``; empty for a snapshot
    """

    gib: int
    category: str = ""
    performance_level: str = ""

    def __str__(self) -> str:
        return (
            "disk category %s" % " ".join((self.category, self.performance_level)).strip()
            if self.category
            else "snapshots"
        )


Part = t.Union[Computing, Space]


@dataclass(frozen=True)
class Thing:
    """Something that is paid for.

    :ivar why: why it is there
    :ivar parts: what its price is the sum of
    :ivar at_most: whether less may be charged than the parts come to
    :ivar unpriced: why its price cannot be told, empty when it can
    """

    kind: str
    identifier: str
    name: str
    why: str
    parts: tuple[Part, ...] = ()
    vm_uuid: t.Optional[str] = None
    job_id: t.Optional[str] = None
    at_most: bool = False
    unpriced: str = ""


class Seller(t.Protocol):
    """Who tells prices."""

    def hourly_price_of_type(self, instance_type: str, category: str) -> t.Optional[Quote]: ...

    def hourly_price_of_gib(self, category: str, performance_level: str) -> t.Optional[Quote]: ...


class PriceList:
    """Prices, each asked for once. That one cannot be had is noted, and stops nothing.

    :ivar notes: what to tell the user about prices that could not be had
    """

    def __init__(self, given: t.Optional[t.Mapping[str, t.Any]], seller: Seller) -> None:
        given = given or {}
        self._seller = seller
        self._currency: t.Optional[str] = given.get("currency")
        self._snapshot = _amount("snapshot_gib_month", given.get("snapshot_gib_month"))
        self._disks = _amounts("disk_gib_month", given.get("disk_gib_month"))
        self._types = _amounts("instance_hour", given.get("instance_hour"))
        self._asked: dict[tuple[str, str], t.Optional[float]] = {}
        self._silent = False
        self.notes: list[str] = []

    @property
    def currency(self) -> t.Optional[str]:
        return self._currency

    def per_day(self, part: Part) -> t.Optional[float]:
        """What a part costs a day; None when that is unknown."""
        if isinstance(part, Computing):
            hourly = self._types.get(part.instance_type)
            if hourly is None:
                hourly = self._ask(
                    ("type", part.instance_type),
                    str(part),
                    lambda: self._seller.hourly_price_of_type(part.instance_type, part.category),
                )
            return None if hourly is None else hourly * HOURS_A_DAY
        if not part.category:
            return None if self._snapshot is None else self._snapshot / DAYS_A_MONTH * part.gib
        monthly = self._disks.get(part.category)
        if monthly is not None:
            return monthly / DAYS_A_MONTH * part.gib
        hourly = self._ask(
            (part.category, part.performance_level),
            str(part),
            lambda: self._seller.hourly_price_of_gib(part.category, part.performance_level),
        )
        return None if hourly is None else hourly * HOURS_A_DAY * part.gib

    def _ask(self, key: tuple[str, str], what: str, ask: t.Callable[[], t.Optional[Quote]]) -> t.Optional[float]:
        if key not in self._asked and not self._silent:
            self._asked[key] = self._usable(what, self._answer(what, ask))
        return self._asked.get(key)

    def _answer(self, what: str, ask: t.Callable[[], t.Optional[Quote]]) -> t.Optional[Quote]:
        try:
            quote = ask()
        except CutoverError as failure:
            forbidden = bool(_FORBIDDEN.search(failure.code))
            # Whoever may not ask, or gets no answer, would not fare better with the next question.
            self._silent = forbidden or isinstance(failure, UnreachableError)
            grant = " Grant %s, or give the option prices." % PERMISSION if forbidden else ""
            self.notes.append("The price of %s is unknown: %s.%s" % (what, failure.message.rstrip("."), grant))
            return None
        if quote is None:
            self.notes.append("The price of %s is unknown: ECS does not tell it by itself" % what)
        return quote

    def _usable(self, what: str, quote: t.Optional[Quote]) -> t.Optional[float]:
        """The amount, unless it is of another currency than what is known already."""
        if quote is None:
            return None
        self._currency = self._currency or quote.currency or None
        if quote.currency and quote.currency != self._currency:
            self.notes.append(
                "The price of %s is told in %s, the others are in %s" % (what, quote.currency, self._currency)
            )
            return None
        return quote.amount


def _amount(option: str, value: t.Any) -> t.Optional[float]:
    try:
        amount = None if value is None else float(value)
    except (TypeError, ValueError):
        amount = -1.0
    if amount is not None and amount < 0:
        raise InvalidOptionError(
            "Option 'prices' has '%s' as %s" % (value, option), remedy="Give an amount, such as 0.12"
        )
    return amount


def _amounts(option: str, values: t.Optional[t.Mapping[str, t.Any]]) -> dict[str, t.Optional[float]]:
    return {name: _amount("%s of %s" % (option, name), value) for name, value in (values or {}).items()}


def ledger(things: t.Iterable[Thing], gone: t.Collection[str], prices: PriceList) -> dict[str, t.Any]:
    """What things cost a day, one by one and together.

    :param gone: the ids of the things that go, or have gone
    """
    items = [_item(thing, thing.identifier not in gone, prices) for thing in things]
    known = [item for item in items if item["per_day"] is not None]
    return {
        "currency": prices.currency,
        "per_day": _sum(item["per_day"] for item in known if item["stays"]),
        "saved_per_day": _sum(item["per_day"] for item in known if not item["stays"]),
        "complete": len(known) == len(items),
        "items": items,
        "unknown": [
            {"id": thing.identifier, "kind": thing.kind, "why": thing.unpriced or _missing(thing, prices)}
            for thing, item in zip(things, items)
            if item["per_day"] is None
        ],
        "notes": list(prices.notes),
    }


def _item(thing: Thing, stays: bool, prices: PriceList) -> dict[str, t.Any]:
    amounts = [] if thing.unpriced else [prices.per_day(part) for part in thing.parts]
    known = [amount for amount in amounts if amount is not None]
    return {
        "id": thing.identifier,
        "kind": thing.kind,
        "name": thing.name,
        "vm_uuid": thing.vm_uuid,
        "job_id": thing.job_id,
        "per_day": _sum(known) if len(known) == len(amounts) and not thing.unpriced else None,
        "at_most": thing.at_most,
        "stays": stays,
        "why": thing.why,
    }


def _missing(thing: Thing, prices: PriceList) -> str:
    """Which prices are missing, in a sentence."""
    names = sorted({str(part) for part in thing.parts if prices.per_day(part) is None})
    told = "no price is known of %s" % ", ".join(names)
    return told + " (option prices, snapshot_gib_month)" if "snapshots" in names else told


def _sum(amounts: t.Iterable[float]) -> float:
    return round(sum(amounts), 4)
