"""DescribePrice: what an instance or a disk costs, from the lab's own price list."""

from __future__ import annotations

from typing import Any

from lab.alicloud.ecs.common import check_region
from lab.alicloud.http.wire import Parameters
from lab.alicloud.world import prices
from lab.alicloud.world.errors import error, invalid, missing
from lab.alicloud.world.store import Store

_HOURS = {"Hour": 1, "Week": 168, "Month": prices.HOURS_A_MONTH, "Year": 12 * prices.HOURS_A_MONTH}
_PERIODS = {"Hour": 1, "Week": 4, "Month": 9, "Year": 5}
_DEFAULT_SYSTEM_DISK = "cloud_efficiency"


class Pricing:
    """The action on prices."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self, parameters: Parameters) -> dict[str, Any]:
        """DescribePrice of an instance with its disks, or of disks alone."""
        check_region(self._store, parameters)
        kind = parameters.text("ResourceType", "instance")
        if kind not in ("instance", "disk"):
            raise invalid("ResourceType", "The simulator has the prices of instances and disks.")
        unit = parameters.text("PriceUnit", "Hour")
        if unit not in _HOURS:
            raise invalid("PriceUnit", f"It must be one of {', '.join(_HOURS)}.")
        hours = _HOURS[unit] * (parameters.integer("Period", 1, _PERIODS[unit]) or 1)
        amount = parameters.integer("Amount", 1, 1000) or 1
        parts = self._instance(parameters) if kind == "instance" else []
        parts += self._data_disks(parameters, required=kind == "disk")
        return {"PriceInfo": _price_info([(name, per_hour * hours * amount) for name, per_hour in parts])}

    def _instance(self, parameters: Parameters) -> list[tuple[str, float]]:
        instance_type = parameters.required("InstanceType")
        if not prices.is_instance_type(instance_type):
            raise error("InvalidInstanceType.ValueNotSupported")
        parts = [("instanceType", prices.instance_hour(instance_type))]
        disk = parameters.below("SystemDisk")
        if disk or parameters.text("ImageId"):
            least = self._image_size(parameters.text("ImageId"))
            size = disk.integer("Size", 1, 2048) or max(20, least)
            category = disk.text("Category", _DEFAULT_SYSTEM_DISK)
            parts.append(("systemDisk", _disk_hour(disk, category, size)))
        return parts

    def _image_size(self, image_id: str) -> int:
        if not image_id:
            return 0
        image = self._store.images.get(image_id)
        if image is None:
            raise error("InvalidImageId.NotFound")
        return image.size_gib

    @staticmethod
    def _data_disks(parameters: Parameters, required: bool) -> list[tuple[str, float]]:
        disks = parameters.objects("DataDisk", 16)
        if required and not disks:
            raise missing("DataDisk.1.Category")
        parts = []
        for disk in disks:
            category, size = disk.required("Category"), disk.integer("Size", 1, 32768)
            if size is None:
                raise missing(disk.name_of("Size"))
            parts.append(("dataDisk", _disk_hour(disk, category, size)))
        return parts


def _disk_hour(disk: Parameters, category: str, size: int) -> float:
    level = disk.text("PerformanceLevel")
    if not prices.is_disk(category, level):
        raise error("InvalidDiskCategory.ValueNotSupported")
    return prices.disk_hour(category, level, size)


def _price_info(parts: list[tuple[str, float]]) -> dict[str, Any]:
    """The price with its parts; the lab has no discounts."""
    details = [{"Resource": name, **_amounts(amount), "SubRules": {"Rule": []}} for name, amount in parts]
    total = _amounts(sum(amount for _, amount in parts))
    return {
        "Price": {"Currency": prices.CURRENCY, **total, "DetailInfos": {"DetailInfo": details}},
        "Rules": {"Rule": []},
    }


def _amounts(amount: float) -> dict[str, float]:
    return {"OriginalPrice": round(amount, 6), "DiscountPrice": 0.0, "TradePrice": round(amount, 6)}
