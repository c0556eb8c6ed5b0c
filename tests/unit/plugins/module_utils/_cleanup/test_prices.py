# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prices are read once each, those of the user take precedence, and an unknown price is never treated as free."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Quote
from ansible_collections.cutover.smc.plugins.module_utils._cleanup import billing
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.prices import (
    BillableResource,
    ComputeCost,
    PriceList,
    StorageCost,
    cost_summary,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    InvalidOptionError,
    PreconditionError,
    UnreachableError,
)
from tests.unit.plugins.builders import a_disk, a_snapshot, an_image, an_instance


class Ecs:
    """Returns prices, records what was asked, and fails on request."""

    def __init__(self, failure: CutoverError | None = None, currency: str = "CNY") -> None:
        self.failure = failure
        self.currency = currency
        self.asked: list[tuple[str, str]] = []

    def hourly_price_of_type(self, instance_type: str, category: str) -> Quote | None:
        return self._quote((instance_type, category), 0.5)

    def hourly_price_of_gib(self, category: str, performance_level: str) -> Quote | None:
        return self._quote((category, performance_level), 0.001)

    def _quote(self, question: tuple[str, str], amount: float) -> Quote | None:
        self.asked.append(question)
        if self.failure:
            raise self.failure
        return None if question[0] == "ecs.unlisted" else Quote(amount, self.currency)


def a_resource(identifier: str = "x", *parts: Any, **fields: Any) -> BillableResource:
    return BillableResource("disk", identifier, identifier, "because", parts, **fields)


def test_a_type_and_a_category_are_asked_for_once_however_many_resources_there_are():
    source = Ecs()
    machines = [
        billing.instance(
            an_instance(f"i-{number}", instance_type="ecs.c7.large", charge_type="PostPaid"),
            [a_disk(f"d-{number}", instance_id=f"i-{number}", system=True, size=40 + number)],
            "it is there",
        )
        for number in range(5)
    ]
    costs = cost_summary(machines, (), PriceList(None, source))
    assert source.asked == [("ecs.c7.large", "cloud_essd"), ("cloud_essd", "")]
    assert [item["per_day"] for item in costs["items"]] == [
        pytest.approx(24 * (0.5 + 0.001 * (40 + number))) for number in range(5)
    ]
    assert (costs["currency"], costs["complete"], costs["notes"]) == ("CNY", True, [])


def test_prices_of_the_user_take_precedence_over_those_of_ecs():
    source = Ecs()
    given_prices = {
        "currency": "CNY",
        "snapshot_gib_month": 0.3,
        "disk_gib_month": {"cloud_essd": 3},
        "instance_hour": {"a": "2"},
    }
    prices = PriceList(given_prices, source)
    assert prices.per_day(StorageCost(10)) == pytest.approx(0.1)
    assert prices.per_day(StorageCost(10, "cloud_essd")) == pytest.approx(1)
    assert prices.per_day(ComputeCost("a")) == 48
    assert source.asked == []


def test_what_has_no_price_is_unknown_and_not_free():
    resources = [
        a_resource("a", StorageCost(10)),
        a_resource("b", StorageCost(10, "cloud_essd")),
        a_resource("c", StorageCost(5), StorageCost(5, "cloud")),
    ]
    costs = cost_summary(resources, (), PriceList(None, Ecs()))
    assert [item["per_day"] for item in costs["items"]] == [None, 0.24, None]
    assert costs["per_day"] == 0.24
    assert not costs["complete"]
    assert {one["id"]: one["reason"] for one in costs["unknown"]} == dict.fromkeys(
        "ac", "no price is known for snapshots (option prices, snapshot_gib_month)"
    )


def test_deleted_and_kept_resources_are_summed_separately():
    resources = [
        a_resource("a", StorageCost(10, "cloud")),
        a_resource("b", StorageCost(20, "cloud")),
        a_resource("c", StorageCost(40, "cloud")),
    ]
    costs = cost_summary(resources, {"a", "b"}, PriceList(None, Ecs()))
    assert (costs["per_day"], costs["saved_per_day"]) == (0.96, 0.72)
    assert [item["kept"] for item in costs["items"]] == [False, False, True]


@pytest.mark.parametrize(
    ("failure", "questions", "note"),
    [
        (CutoverError("DescribePrice: no (Forbidden.RAM)", code="Forbidden.RAM"), 1, "Grant ecs:DescribePrice"),
        (UnreachableError("DescribePrice: no usable answer"), 1, "no usable answer"),
        (PreconditionError("DescribePrice: not sold", code="InvalidInstanceType.ValueNotSupported"), 3, "not sold"),
    ],
)
def test_a_price_that_cannot_be_read_is_recorded_and_fails_nothing(failure: CutoverError, questions: int, note: str):
    source = Ecs(failure)
    resources = [a_resource(str(number), StorageCost(1, f"category-{number}")) for number in range(3)]
    costs = cost_summary(resources, (), PriceList(None, source))
    assert len(source.asked) == questions
    assert len(costs["notes"]) == questions
    assert note in costs["notes"][0]
    assert [item["per_day"] for item in costs["items"]] == [None] * 3
    assert costs["per_day"] is None


def test_a_price_that_is_not_returned_separately_is_unknown():
    prices = PriceList(None, Ecs())
    assert prices.per_day(ComputeCost("ecs.unlisted")) is None
    assert prices.notes == ["The price of instance type ecs.unlisted is unknown: ECS does not return it separately."]


def test_amounts_of_two_currencies_are_not_added():
    prices = PriceList({"currency": "USD", "snapshot_gib_month": 0.3}, Ecs(currency="CNY"))
    costs = cost_summary([a_resource("a", StorageCost(30)), a_resource("b", StorageCost(1, "cloud"))], (), prices)
    assert (costs["currency"], costs["per_day"]) == ("USD", 0.3)
    assert costs["unknown"][0]["id"] == "b"
    assert costs["notes"] == [
        "The price of disk category cloud is unknown: ECS returns it in CNY, but the other prices are in USD."
    ]


@pytest.mark.parametrize(
    "prices", [{"snapshot_gib_month": -1}, {"disk_gib_month": {"cloud": "dear"}}, {"instance_hour": {"a": -2}}]
)
def test_an_invalid_amount_is_refused(prices: dict[str, Any]):
    with pytest.raises(InvalidOptionError, match="Option 'prices' contains"):
        PriceList(prices, Ecs())


@given(st.lists(st.tuples(st.integers(1, 500), st.booleans()), max_size=8))
def test_totals_are_the_sums_of_their_items(sizes: list[tuple[int, bool]]):
    resources = [a_resource(str(number), StorageCost(size, "cloud")) for number, (size, _stays) in enumerate(sizes)]
    gone = {str(number) for number, (_size, stays) in enumerate(sizes) if not stays}
    costs = cost_summary(resources, gone, PriceList(None, Ecs()))
    assert costs["per_day"] == pytest.approx(sum(size for size, stays in sizes if stays) * 0.024, abs=0.001)
    assert costs["saved_per_day"] == pytest.approx(sum(size for size, stays in sizes if not stays) * 0.024, abs=0.001)


# --- what is billed --------------------------------------------------------------------------------------------


def test_an_instance_that_is_stopped_economically_costs_its_disks_only():
    disks = [a_disk("d-1", instance_id="i-1", system=True), a_disk("d-2", instance_id="i-other")]
    running = an_instance(instance_type="t", charge_type="PostPaid", stopped_mode="Not-applicable")
    stopped = an_instance(instance_type="t", charge_type="PostPaid", stopped_mode="StopCharging")
    assert billing.instance(running, disks, "why").components == (
        ComputeCost("t", "cloud_essd"),
        StorageCost(40, "cloud_essd"),
    )
    assert billing.instance(stopped, disks, "why").components == (StorageCost(40, "cloud_essd"),)


@pytest.mark.parametrize(
    ("resource", "unpriced"),
    [
        (billing.instance(an_instance(charge_type="PrePaid"), [a_disk(instance_id="i-1")], "w"), "in advance"),
        (billing.instance(an_instance(charge_type="PostPaid"), [], "w"), "disks could not be read"),
        (billing.disk(a_disk(charge_type="PrePaid"), "w"), "in advance"),
        (billing.image(an_image(snapshot_sizes={"s-1": 0}), "w"), "size of its snapshots"),
        (billing.image(an_image(snapshot_ids=(), snapshot_sizes={}), "w"), "size of its snapshots"),
    ],
)
def test_an_unknown_price_has_a_reason(resource: BillableResource, unpriced: str):
    costs = cost_summary([resource], (), PriceList({"snapshot_gib_month": 1}, Ecs()))
    assert costs["items"][0]["per_day"] is None
    assert unpriced in costs["unknown"][0]["reason"]


def test_an_image_costs_its_snapshots_at_most():
    image = an_image("m-1", snapshot_ids=("a", "b"), snapshot_sizes={"a": 20, "b": 40})
    assert billing.image(image, "why").components == (StorageCost(20), StorageCost(40))
    assert billing.image(image, "why").is_upper_bound
    assert billing.image(image, "why", excluded_snapshots={"a"}).components == (StorageCost(40),)
    assert billing.snapshot(a_snapshot(size=7), "why").components == (StorageCost(7),)
