# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Daily costs of resources, by the prices that the user gives or ECS returns; a price that is unknown stays unknown (private to the collection)."""

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

HOURS_PER_DAY = 24
DAYS_PER_MONTH = 30

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
class ComputeCost:
    """The time of an instance.

    :ivar system_disk_category: ECS prices a type together with a system disk, and not every type accepts every category
    """

    instance_type: str
    system_disk_category: str = ""

    def __str__(self) -> str:
        return f"instance type {self.instance_type}"


@dataclass(frozen=True)
class StorageCost:
    """Storage that is billed by the GiB.

    :ivar category: of a disk, such as ``cloud_essd``; empty for a snapshot
    """

    gib: int
    category: str = ""
    performance_level: str = ""

    def __str__(self) -> str:
        if not self.category:
            return "snapshots"
        return f"disk category {self.category} {self.performance_level}".strip()


CostComponent = t.Union[ComputeCost, StorageCost]


@dataclass(frozen=True)
class BillableResource:
    """A resource that is billed.

    :ivar reason: why it exists
    :ivar components: its price is the sum of their prices
    :ivar is_upper_bound: whether less than that sum may be charged
    :ivar unpriced_reason: why its price cannot be known; empty when it can
    """

    kind: str
    identifier: str
    name: str
    reason: str
    components: tuple[CostComponent, ...] = ()
    vm_uuid: t.Optional[str] = None
    job_id: t.Optional[str] = None
    is_upper_bound: bool = False
    unpriced_reason: str = ""


class PriceSource(t.Protocol):
    """Returns pay-as-you-go prices; ``Ecs`` is one."""

    def hourly_price_of_type(self, instance_type: str, category: str) -> t.Optional[Quote]: ...

    def hourly_price_of_gib(self, category: str, performance_level: str) -> t.Optional[Quote]: ...


class PriceList:
    """Prices. Each is read at most once. A price that cannot be read is noted and fails nothing.

    :param given: the option ``prices``; what it contains is not read from the source
    :ivar notes: why prices are unknown, in sentences
    """

    def __init__(self, given: t.Optional[t.Mapping[str, t.Any]], source: PriceSource) -> None:
        given = given or {}
        self._source = source
        self._currency: t.Optional[str] = given.get("currency")
        self._snapshot_gib_month = _amount("snapshot_gib_month", given.get("snapshot_gib_month"))
        self._disk_gib_month = _amounts("disk_gib_month", given.get("disk_gib_month"))
        self._instance_hour = _amounts("instance_hour", given.get("instance_hour"))
        self._known: dict[tuple[str, str], t.Optional[float]] = {}
        self._source_unusable = False
        self.notes: list[str] = []

    @property
    def currency(self) -> t.Optional[str]:
        return self._currency

    def per_day(self, component: CostComponent) -> t.Optional[float]:
        """What a component costs per day; None when that is unknown."""
        if isinstance(component, ComputeCost):
            return self._compute_per_day(component)
        if not component.category:
            monthly = self._snapshot_gib_month
            return None if monthly is None else monthly / DAYS_PER_MONTH * component.gib
        return self._disk_per_day(component)

    def _compute_per_day(self, component: ComputeCost) -> t.Optional[float]:
        hourly = self._instance_hour.get(component.instance_type)
        if hourly is None:
            hourly = self._read(
                ("type", component.instance_type),
                component,
                lambda: self._source.hourly_price_of_type(component.instance_type, component.system_disk_category),
            )
        return None if hourly is None else hourly * HOURS_PER_DAY

    def _disk_per_day(self, component: StorageCost) -> t.Optional[float]:
        monthly = self._disk_gib_month.get(component.category)
        if monthly is not None:
            return monthly / DAYS_PER_MONTH * component.gib
        hourly = self._read(
            (component.category, component.performance_level),
            component,
            lambda: self._source.hourly_price_of_gib(component.category, component.performance_level),
        )
        return None if hourly is None else hourly * HOURS_PER_DAY * component.gib

    def _read(
        self, key: tuple[str, str], component: CostComponent, read: t.Callable[[], t.Optional[Quote]]
    ) -> t.Optional[float]:
        if key not in self._known and not self._source_unusable:
            self._known[key] = self._usable_amount(component, self._quote(component, read))
        return self._known.get(key)

    def _quote(self, component: CostComponent, read: t.Callable[[], t.Optional[Quote]]) -> t.Optional[Quote]:
        try:
            quote = read()
        except CutoverError as error:
            forbidden = bool(_FORBIDDEN.search(error.code))
            # Without permission, or without an answer, the next price could not be read either.
            self._source_unusable = forbidden or isinstance(error, UnreachableError)
            remedy = f" Grant {PERMISSION}, or set the option prices." if forbidden else ""
            self.notes.append(f"The price of {component} is unknown: {error.message.rstrip('.')}.{remedy}")
            return None
        if quote is None:
            self.notes.append(f"The price of {component} is unknown: ECS does not return it separately.")
        return quote

    def _usable_amount(self, component: CostComponent, quote: t.Optional[Quote]) -> t.Optional[float]:
        """The amount; None when it is in another currency than the other prices."""
        if quote is None:
            return None
        self._currency = self._currency or quote.currency or None
        if quote.currency and quote.currency != self._currency:
            self.notes.append(
                f"The price of {component} is unknown: ECS returns it in {quote.currency}, but the other prices are in "
                f"{self._currency}."
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
            f"Option 'prices' contains '{value}' for {option}, which is not an amount",
            remedy="Write a number that is not negative, such as 0.12",
        )
    return amount


def _amounts(option: str, values: t.Optional[t.Mapping[str, t.Any]]) -> dict[str, t.Optional[float]]:
    return {name: _amount(f"{option} of {name}", value) for name, value in (values or {}).items()}


def cost_summary(
    resources: t.Iterable[BillableResource], deleted: t.Collection[str], prices: PriceList
) -> dict[str, t.Any]:
    """What resources cost per day, separately and in total.

    :param deleted: the IDs of the resources that were deleted, or would be
    """
    resources = list(resources)
    items = [_item(resource, resource.identifier not in deleted, prices) for resource in resources]
    return {
        "currency": prices.currency,
        "per_day": total([item["per_day"] for item in items if item["kept"]]),
        "saved_per_day": total([item["per_day"] for item in items if not item["kept"]]),
        "complete": all(item["per_day"] is not None for item in items),
        "items": items,
        "unknown": [
            {
                "id": resource.identifier,
                "kind": resource.kind,
                "reason": resource.unpriced_reason or _missing_prices(resource, prices),
            }
            for resource, item in zip(resources, items)
            if item["per_day"] is None
        ],
        "notes": list(prices.notes),
    }


def _item(resource: BillableResource, kept: bool, prices: PriceList) -> dict[str, t.Any]:
    amounts = [] if resource.unpriced_reason else [prices.per_day(component) for component in resource.components]
    unknown = bool(resource.unpriced_reason) or None in amounts
    return {
        "id": resource.identifier,
        "kind": resource.kind,
        "name": resource.name,
        "vm_uuid": resource.vm_uuid,
        "job_id": resource.job_id,
        "per_day": None if unknown else total(amounts),
        "is_upper_bound": resource.is_upper_bound,
        "kept": kept,
        "reason": resource.reason,
    }


def _missing_prices(resource: BillableResource, prices: PriceList) -> str:
    """Which prices are missing."""
    names = sorted({str(component) for component in resource.components if prices.per_day(component) is None})
    reason = f"no price is known for {', '.join(names)}"
    return f"{reason} (option prices, snapshot_gib_month)" if "snapshots" in names else reason


def total(amounts: t.Sequence[t.Optional[float]]) -> t.Optional[float]:
    """The sum of the amounts that are known; None when there are amounts and none of them is known."""
    known = [amount for amount in amounts if amount is not None]
    return round(sum(known), 4) if known or not amounts else None
