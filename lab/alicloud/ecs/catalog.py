"""What can be bought: instance types, and in which zones they and disks are available."""

from __future__ import annotations

from typing import Any

from lab.alicloud.ecs.common import check_region
from lab.alicloud.http.wire import Parameters
from lab.alicloud.world import prices
from lab.alicloud.world.errors import error, invalid, missing
from lab.alicloud.world.store import Store

FAMILIES = ("ecs.c6", "ecs.c7", "ecs.g6", "ecs.g7", "ecs.r6", "ecs.r7")
SIZES = ("large", "xlarge", "2xlarge", "4xlarge")
BURSTABLE = ("ecs.t5-lc1m2.small", "ecs.t5-lc1m2.large", "ecs.t6-c1m2.large", "ecs.t6-c2m1.large")
TYPES = (*BURSTABLE, *(f"{family}.{size}" for family in FAMILIES for size in SIZES))
_DESTINATIONS = ("Zone", "IoOptimized", "InstanceType", "Network", "SystemDisk", "DataDisk")
_PAGE, _LARGEST_PAGE = 100, 1600


class Catalog:
    """The read actions on what can be bought."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe_types(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeInstanceTypes."""
        named, family = parameters.texts("InstanceTypes"), parameters.text("InstanceTypeFamily")
        least_cores, most_cores = (
            parameters.integer(name, 1, 1024) for name in ("MinimumCpuCoreCount", "MaximumCpuCoreCount")
        )
        found = [
            instance_type
            for instance_type in TYPES
            if (not named or instance_type in named)
            and family in ("", _family(instance_type))
            and (least_cores or 0) <= prices.size_of(instance_type).vcpus <= (most_cores or 1024)
        ]
        size = parameters.integer("MaxResults", 1, _LARGEST_PAGE) or _PAGE
        text = parameters.text("NextToken", "0")
        if not text.isdigit():
            raise invalid("NextToken")
        start = int(text)
        return {
            "NextToken": str(start + size) if start + size < len(found) else "",
            "InstanceTypes": {"InstanceType": [_type_view(name) for name in found[start : start + size]]},
        }

    def describe_available(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeAvailableResource: all of the catalog in both zones."""
        check_region(self._store, parameters)
        wanted = parameters.required("DestinationResource")
        if wanted not in _DESTINATIONS:
            raise invalid("DestinationResource", f"It must be one of {', '.join(_DESTINATIONS)}.")
        instance_type = parameters.text("InstanceType")
        if wanted == "SystemDisk" and not instance_type:
            raise missing("InstanceType")
        if instance_type and instance_type not in TYPES:
            raise error("InvalidInstanceType.ValueNotSupported")
        zones = sorted({vswitch.zone_id for vswitch in self._store.vswitches.values()})
        if parameters.text("ZoneId") and parameters.text("ZoneId") not in zones:
            raise invalid("ZoneId")
        supported = self._supported(parameters, wanted, instance_type)
        return {
            "AvailableZones": {
                "AvailableZone": [
                    {
                        "RegionId": self._store.region_id,
                        "ZoneId": zone_id,
                        "Status": "Available",
                        "StatusCategory": "WithStock",
                        "AvailableResources": {
                            "AvailableResource": [
                                {
                                    "Type": wanted,
                                    "SupportedResources": {"SupportedResource": supported or [_available(zone_id)]},
                                }
                            ]
                        },
                    }
                    for zone_id in zones
                    if parameters.text("ZoneId") in ("", zone_id)
                ]
            }
        }

    @staticmethod
    def _supported(parameters: Parameters, wanted: str, instance_type: str) -> list[dict[str, Any]]:
        """The supported resources of a zone; none if zones themselves are asked for."""
        if wanted == "InstanceType":
            cores, memory = parameters.integer("Cores", 1, 1024), parameters.text("Memory")
            sizes = ((name, prices.size_of(name)) for name in TYPES if instance_type in ("", name))
            return [
                _available(name)
                for name, size in sizes
                if cores in (None, size.vcpus) and (not memory or float(memory) * 1024 == size.memory_mib)
            ]
        if wanted in ("SystemDisk", "DataDisk"):
            most = 2048 if wanted == "SystemDisk" else 32768
            categories = sorted({category for category, _ in prices.DISK_GIB_MONTH})
            return [{**_available(category), "Min": 20, "Max": most, "Unit": "GiB"} for category in categories]
        return {"IoOptimized": [_available("optimized")], "Network": [_available("vpc")]}.get(wanted, [])


def _family(instance_type: str) -> str:
    return instance_type.rpartition(".")[0].partition("-")[0]


def _available(value: str) -> dict[str, Any]:
    return {"Value": value, "Status": "Available", "StatusCategory": "WithStock"}


def _type_view(instance_type: str) -> dict[str, Any]:
    size = prices.size_of(instance_type)
    return {
        "InstanceTypeId": instance_type,
        "InstanceTypeFamily": _family(instance_type),
        "InstanceFamilyLevel": "CreditEntryLevel" if instance_type in BURSTABLE else "EnterpriseLevel",
        "CpuArchitecture": "X86",
        "CpuCoreCount": size.vcpus,
        "MemorySize": size.memory_mib / 1024,
        "DiskQuantity": 17,
        "EniQuantity": 2,
        "GPUAmount": 0,
        "GPUSpec": "",
    }
