"""Prices and the bill: what every resource costs per day, and has cost in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ecs20140526 import models as ecs_models

from lab.alicloud.world import prices
from tests.unit.lab.alicloud.harness import MIB, REGION, Lab, code_of
from tests.unit.lab.alicloud.test_ecs import run, run_request
from tests.unit.lab.alicloud.test_job_life import cut_over

TRANSITION_TYPE = "ecs.t5-lc1m2.small"


def bill(lab: Lab) -> dict[str, Any]:
    answer: dict[str, Any] = lab.control("GET", "/bill")
    return answer


def per_day(lab: Lab) -> dict[str, float]:
    """What each kind of resource costs per day now."""
    found: dict[str, float] = {}
    for line in bill(lab)["lines"]:
        if not line["until"]:
            found[line["kind"]] = found.get(line["kind"], 0.0) + line["per_day"]
    return found


def price(lab: Lab, **values: Any) -> Any:
    request = ecs_models.DescribePriceRequest(region_id=REGION, **values)
    return lab.ecs().describe_price(request).body.price_info.price


def test_empty_lab_costs_nothing(lab: Lab) -> None:
    lab.source()
    assert bill(lab) == {
        "now": "2026-11-22T12:00:00Z",
        "currency": "USD",
        "per_day": 0,
        "so_far": 0,
        "lines": [],
    }


def test_job_costs_from_its_first_run_until_it_is_over(lab: Lab) -> None:
    job_id = lab.waiting_job(sizes=(2 * MIB, MIB))
    instance, disk = 24 * prices.instance_hour(TRANSITION_TYPE), 24 * prices.disk_hour("cloud_essd", "PL1", 20)
    snapshot = 24 * prices.snapshot_hour(20)
    assert per_day(lab) == pytest.approx(
        {"transition_instance": instance, "transition_disk": disk, "snapshot": snapshot}, abs=1e-6
    )
    assert {line["job_id"] for line in bill(lab)["lines"]} == {job_id}
    before = bill(lab)
    lab.advance("1h")
    assert bill(lab)["so_far"] - before["so_far"] == pytest.approx(before["per_day"] / 24, abs=1e-5)
    cut_over(lab, job_id, sync_data=False)
    lab.advance("10m")
    assert per_day(lab) == pytest.approx({"snapshot": snapshot}, abs=1e-6)
    gone = [line for line in bill(lab)["lines"] if line["until"]]
    assert {line["kind"] for line in gone} == {"transition_instance", "transition_disk"}
    lived = next(line["so_far"] for line in gone if line["kind"] == "transition_instance")
    lab.advance("1d")
    after = next(line for line in bill(lab)["lines"] if line["kind"] == "transition_instance")
    assert (after["so_far"], after["per_day"]) == (lived, 0)
    assert 0 < lived < instance / 24 * 1.5


def test_economical_stop_spares_the_instance_but_not_its_disks(lab: Lab) -> None:
    image_id = str(lab.job(lab.waiting_job()).image_id)
    instance_id = run(lab, image_id)
    lab.advance("1m")
    full = per_day(lab)["instance"]
    assert full == pytest.approx(24 * prices.instance_hour("ecs.g6.large"))
    for mode, expected in (("KeepCharging", full), ("StopCharging", 0)):
        lab.ecs().stop_instance(ecs_models.StopInstanceRequest(instance_id=instance_id, stopped_mode=mode))
        lab.advance("1m")
        assert per_day(lab)["instance"] == pytest.approx(expected)
        assert per_day(lab)["disk"] > 0
        lab.ecs().start_instance(ecs_models.StartInstanceRequest(instance_id=instance_id))
        lab.advance("1m")
    assert per_day(lab)["instance"] == pytest.approx(full)
    lab.ecs().delete_instance(ecs_models.DeleteInstanceRequest(instance_id=instance_id, force=True))
    assert "instance" not in per_day(lab)


def test_disk_that_outlives_its_instance_continues_to_cost(lab: Lab) -> None:
    image_id = str(lab.job(lab.waiting_job()).image_id)
    data = ecs_models.RunInstancesRequestDataDisk(size=100, category="cloud_ssd", delete_with_instance=False)
    instance_id = run(lab, image_id, data_disk=[data])
    lab.advance("1m")
    lab.ecs().delete_instance(ecs_models.DeleteInstanceRequest(instance_id=instance_id, force=True))
    assert per_day(lab)["disk"] == pytest.approx(24 * prices.disk_hour("cloud_ssd", "", 100))
    (disk,) = [disk for disk in lab.control("GET", "/state")["disks"] if not disk["instance_id"]]
    lab.ecs().delete_disk(ecs_models.DeleteDiskRequest(disk_id=disk["disk_id"]))
    assert "disk" not in per_day(lab)


def test_snapshots_cost_after_their_image(lab: Lab) -> None:
    image_id = str(lab.job(lab.waiting_job()).image_id)
    lab.ecs().delete_image(ecs_models.DeleteImageRequest(region_id=REGION, image_id=image_id))
    (line,) = [line for line in bill(lab)["lines"] if line["kind"] == "snapshot"]
    assert (line["image_id"], line["per_day"] > 0) == ("", True)
    lab.ecs().delete_snapshot(ecs_models.DeleteSnapshotRequest(snapshot_id=line["resource_id"]))
    assert "snapshot" not in per_day(lab)


def test_price_of_an_instance_with_its_disks(lab: Lab) -> None:
    system = ecs_models.DescribePriceRequestSystemDisk(category="cloud_essd", size=40, performance_level="PL0")
    data = ecs_models.DescribePriceRequestDataDisk(category="cloud_ssd", size=100)
    reported = price(lab, instance_type="ecs.g6.large", system_disk=system, data_disk=[data])
    parts = {detail.resource: detail.trade_price for detail in reported.detail_infos.detail_info}
    assert parts == pytest.approx(
        {
            "instanceType": prices.instance_hour("ecs.g6.large"),
            "systemDisk": prices.disk_hour("cloud_essd", "PL0", 40),
            "dataDisk": prices.disk_hour("cloud_ssd", "", 100),
        },
        abs=1e-6,
    )
    assert (reported.currency, reported.discount_price) == ("USD", 0)
    assert reported.trade_price == pytest.approx(sum(parts.values()), abs=1e-5)
    twice = price(lab, instance_type="ecs.g6.large", amount=2, price_unit="Month")
    assert twice.trade_price == pytest.approx(2 * prices.HOURS_A_MONTH * prices.instance_hour("ecs.g6.large"))


def test_price_of_a_disk(lab: Lab) -> None:
    disk = ecs_models.DescribePriceRequestDataDisk(category="cloud_essd", size=1000)
    assert price(lab, resource_type="disk", data_disk=[disk]).trade_price == pytest.approx(
        prices.disk_hour("cloud_essd", "PL1", 1000), abs=1e-6
    )


def test_price_of_the_image_s_system_disk(lab: Lab) -> None:
    image_id = str(lab.job(lab.waiting_job(system_disk_size=60)).image_id)
    reported = price(lab, instance_type="ecs.g6.large", image_id=image_id)
    assert reported.detail_infos.detail_info[1].trade_price == pytest.approx(
        prices.disk_hour("cloud_efficiency", "", 60), abs=1e-6
    )


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({}, "MissingParameter"),
        ({"instance_type": "g6"}, "InvalidInstanceType.ValueNotSupported"),
        ({"instance_type": "ecs.g6.large", "price_unit": "Day"}, "InvalidParameter"),
        ({"instance_type": "ecs.g6.large", "price_unit": "Hour", "period": 2}, "InvalidParameter"),
        ({"instance_type": "ecs.g6.large", "image_id": "m-none"}, "InvalidImageId.NotFound"),
        ({"resource_type": "bandwidth"}, "InvalidParameter"),
        ({"resource_type": "disk"}, "MissingParameter"),
        (
            {"resource_type": "disk", "data_disk": [ecs_models.DescribePriceRequestDataDisk(category="cloud_ssd")]},
            "MissingParameter",
        ),
        (
            {"resource_type": "disk", "data_disk": [ecs_models.DescribePriceRequestDataDisk(category="tape", size=1)]},
            "InvalidDiskCategory.ValueNotSupported",
        ),
    ],
)
def test_invalid_filters_are_refused(lab: Lab, values: dict[str, Any], code: str) -> None:
    request = ecs_models.DescribePriceRequest(region_id=REGION, **values)
    assert code_of(lab.ecs().describe_price, request) == code


def test_disks_are_as_requested(lab: Lab) -> None:
    image_id = str(lab.job(lab.waiting_job()).image_id)
    odd = run_request(image_id, system_disk=ecs_models.RunInstancesRequestSystemDisk(category="tape"))
    assert code_of(lab.ecs().run_instances, odd) == "InvalidDiskCategory.ValueNotSupported"
    system = ecs_models.RunInstancesRequestSystemDisk(category="cloud_essd", performance_level="PL0", size="50")
    instance_id = run(lab, image_id, system_disk=system)
    request = ecs_models.DescribeDisksRequest(region_id=REGION, instance_id=instance_id)
    (disk,) = lab.ecs().describe_disks(request).body.disks.disk
    assert (disk.category, disk.performance_level, disk.size) == ("cloud_essd", "PL0", 50)
