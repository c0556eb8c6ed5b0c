# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prices: each asked for once, what the user gives goes first, and what is not known is never free."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Quote
from ansible_collections.cutover.smc.plugins.module_utils._cleanup import billing as _billed
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.prices import (
    Computing,
    PriceList,
    Space,
    Thing,
    ledger,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    InvalidOptionError,
    PreconditionError,
    UnreachableError,
)
from tests.unit.plugins.builders import a_disk, a_snapshot, an_image, an_instance


class Seller:
    """Tells prices, counts the questions, and fails when told to."""

    def __init__(self, failure: CutoverError | None = None, currency: str = "CNY") -> None:
        self.failure = failure
        self.currency = currency
        self.asked: list[tuple[str, str]] = []

    def hourly_price_of_type(self, instance_type: str, category: str) -> Quote | None:
        return self._tell((instance_type, category), 0.5)

    def hourly_price_of_gib(self, category: str, performance_level: str) -> Quote | None:
        return self._tell((category, performance_level), 0.001)

    def _tell(self, question: tuple[str, str], amount: float) -> Quote | None:
        self.asked.append(question)
        if self.failure:
            raise self.failure
        return None if question[0] == "ecs.untold" else Quote(amount, self.currency)


def a_thing(identifier: str = "x", *parts: Any, **fields: Any) -> Thing:
    return Thing("disk", identifier, identifier, "because", parts, **fields)


def test_a_type_and_a_category_are_asked_for_once_however_many_things_there_are():
    seller = Seller()
    machines = [
        _billed.instance(
            an_instance(f"i-{number}", instance_type="ecs.c7.large", charge_type="PostPaid"),
            [a_disk(f"d-{number}", instance_id=f"i-{number}", system=True, size=40 + number)],
            "it is there",
        )
        for number in range(5)
    ]
    told = ledger(machines, (), PriceList(None, seller))
    assert seller.asked == [("ecs.c7.large", "cloud_essd"), ("cloud_essd", "")]
    assert [item["per_day"] for item in told["items"]] == [
        pytest.approx(24 * (0.5 + 0.001 * (40 + number))) for number in range(5)
    ]
    assert (told["currency"], told["complete"], told["notes"]) == ("CNY", True, [])


def test_what_the_user_gives_goes_before_what_ecs_tells():
    seller = Seller()
    given_prices = {
        "currency": "CNY",
        "snapshot_gib_month": 0.3,
        "disk_gib_month": {"cloud_essd": 3},
        "instance_hour": {"a": "2"},
    }
    prices = PriceList(given_prices, seller)
    assert prices.per_day(Space(10)) == pytest.approx(0.1)
    assert prices.per_day(Space(10, "cloud_essd")) == pytest.approx(1)
    assert prices.per_day(Computing("a")) == 48
    assert seller.asked == []


def test_what_has_no_price_is_unknown_and_not_free():
    things = [a_thing("a", Space(10)), a_thing("b", Space(10, "cloud_essd")), a_thing("c", Space(5), Space(5, "cloud"))]
    told = ledger(things, (), PriceList(None, Seller()))
    assert [item["per_day"] for item in told["items"]] == [None, 0.24, None]
    assert told["per_day"] == 0.24
    assert not told["complete"]
    assert {one["id"]: one["why"] for one in told["unknown"]} == dict.fromkeys(
        "ac", "no price is known of snapshots (option prices, snapshot_gib_month)"
    )


def test_what_goes_is_summed_apart_from_what_stays():
    things = [a_thing("a", Space(10, "cloud")), a_thing("b", Space(20, "cloud")), a_thing("c", Space(40, "cloud"))]
    told = ledger(things, {"a", "b"}, PriceList(None, Seller()))
    assert (told["per_day"], told["saved_per_day"]) == (0.96, 0.72)
    assert [item["stays"] for item in told["items"]] == [False, False, True]


@pytest.mark.parametrize(
    ("failure", "questions", "note"),
    [
        (CutoverError("DescribePrice: no (Forbidden.RAM)", code="Forbidden.RAM"), 1, "Grant ecs:DescribePrice"),
        (UnreachableError("DescribePrice: no usable answer"), 1, "no usable answer"),
        (PreconditionError("DescribePrice: not sold", code="InvalidInstanceType.ValueNotSupported"), 3, "not sold"),
    ],
)
def test_a_price_that_cannot_be_had_is_noted_and_fails_nothing(failure: CutoverError, questions: int, note: str):
    seller = Seller(failure)
    things = [a_thing(str(number), Space(1, f"category-{number}")) for number in range(3)]
    told = ledger(things, (), PriceList(None, seller))
    assert len(seller.asked) == questions
    assert len(told["notes"]) == questions
    assert note in told["notes"][0]
    assert [item["per_day"] for item in told["items"]] == [None] * 3
    assert told["per_day"] == 0


def test_a_price_that_is_not_told_apart_is_unknown():
    prices = PriceList(None, Seller())
    assert prices.per_day(Computing("ecs.untold")) is None
    assert prices.notes == ["The price of instance type ecs.untold is unknown: ECS does not tell it by itself"]


def test_amounts_of_two_currencies_are_not_added():
    prices = PriceList({"currency": "USD", "snapshot_gib_month": 0.3}, Seller(currency="CNY"))
    told = ledger([a_thing("a", Space(30)), a_thing("b", Space(1, "cloud"))], (), prices)
    assert (told["currency"], told["per_day"]) == ("USD", 0.3)
    assert told["unknown"][0]["id"] == "b"
    assert told["notes"] == ["The price of disk category cloud is told in CNY, the others are in USD"]


@pytest.mark.parametrize(
    "prices", [{"snapshot_gib_month": -1}, {"disk_gib_month": {"cloud": "dear"}}, {"instance_hour": {"a": -2}}]
)
def test_an_amount_that_is_none_is_refused(prices: dict[str, Any]):
    with pytest.raises(InvalidOptionError, match="Option 'prices' has"):
        PriceList(prices, Seller())


@given(st.lists(st.tuples(st.integers(1, 500), st.booleans()), max_size=8))
def test_totals_are_the_sums_of_their_items(sizes: list[tuple[int, bool]]):
    things = [a_thing(str(number), Space(size, "cloud")) for number, (size, _stays) in enumerate(sizes)]
    gone = {str(number) for number, (_size, stays) in enumerate(sizes) if not stays}
    told = ledger(things, gone, PriceList(None, Seller()))
    assert told["per_day"] == pytest.approx(sum(size for size, stays in sizes if stays) * 0.024, abs=0.001)
    assert told["saved_per_day"] == pytest.approx(sum(size for size, stays in sizes if not stays) * 0.024, abs=0.001)


# --- what is paid for -------------------------------------------------------------------------------------------


def test_an_instance_that_is_stopped_economically_costs_its_disks_only():
    disks = [a_disk("d-1", instance_id="i-1", system=True), a_disk("d-2", instance_id="i-other")]
    running = an_instance(instance_type="t", charge_type="PostPaid", stopped_mode="Not-applicable")
    stopped = an_instance(instance_type="t", charge_type="PostPaid", stopped_mode="StopCharging")
    assert _billed.instance(running, disks, "why").parts == (Computing("t", "cloud_essd"), Space(40, "cloud_essd"))
    assert _billed.instance(stopped, disks, "why").parts == (Space(40, "cloud_essd"),)


@pytest.mark.parametrize(
    ("thing", "unpriced"),
    [
        (_billed.instance(an_instance(charge_type="PrePaid"), [a_disk(instance_id="i-1")], "w"), "in advance"),
        (_billed.instance(an_instance(charge_type="PostPaid"), [], "w"), "disks could not be read"),
        (_billed.disk(a_disk(charge_type="PrePaid"), "w"), "in advance"),
        (_billed.image(an_image(snapshot_sizes={"s-1": 0}), "w"), "size of its snapshots"),
        (_billed.image(an_image(snapshot_ids=(), snapshot_sizes={}), "w"), "size of its snapshots"),
    ],
)
def test_what_cannot_be_priced_says_why(thing: Thing, unpriced: str):
    told = ledger([thing], (), PriceList({"snapshot_gib_month": 1}, Seller()))
    assert told["items"][0]["per_day"] is None
    assert unpriced in told["unknown"][0]["why"]


def test_an_image_costs_its_snapshots_at_most():
    image = an_image("m-1", snapshot_ids=("a", "b"), snapshot_sizes={"a": 20, "b": 40})
    assert _billed.image(image, "why").parts == (Space(20), Space(40))
    assert _billed.image(image, "why").at_most
    assert _billed.image(image, "why", without={"a"}).parts == (Space(40),)
    assert _billed.snapshot(a_snapshot(size=7), "why").parts == (Space(7),)
