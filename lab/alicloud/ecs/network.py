"""ECS regions, vSwitches and security groups."""

from __future__ import annotations

from typing import Any

from lab.alicloud.ecs.common import Listing, check_region, dry_run, ecs_tags, tags_match
from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.errors import error
from lab.alicloud.world.records import SecurityGroup, VSwitch
from lab.alicloud.world.store import Store
from lab.alicloud.world.timefmt import seconds_format

_VSWITCHES = Listing("VSwitches", "VSwitch", largest=50)
_SECURITY_GROUPS = Listing("SecurityGroups", "SecurityGroup")


class Network:
    """The read actions on networks and regions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe_regions(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeRegions: the one region of the lab."""
        del parameters
        region_id = self._store.region_id
        region = {
            "RegionId": region_id,
            "LocalName": region_id,
            "RegionEndpoint": f"ecs.{region_id}.aliyuncs.com",
            "Status": "available",
        }
        return {"Regions": {"Region": [region]}}

    def describe_vswitches(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeVSwitches of the ECS API."""
        wanted = [value for value in parameters.text("VSwitchId").split(",") if value]
        found = [
            vswitch
            for vswitch in self._store.vswitches.values()
            if (not wanted or vswitch.vswitch_id in wanted)
            and parameters.text("VpcId") in ("", vswitch.vpc_id)
            and parameters.text("ZoneId") in ("", vswitch.zone_id)
        ]
        answer = _VSWITCHES.page(parameters, found, _vswitch_view)
        answer.pop("NextToken")
        return answer

    def describe_security_groups(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeSecurityGroups."""
        check_region(self._store, parameters)
        ids = parameters.json_texts("SecurityGroupIds", 100)
        found = [
            group
            for group in self._store.security_groups.values()
            if (ids is None or group.security_group_id in ids)
            and parameters.text("SecurityGroupId") in ("", group.security_group_id)
            and parameters.text("SecurityGroupName") in ("", group.name)
            and parameters.text("VpcId") in ("", group.vpc_id)
            and tags_match(group.tags, parameters)
        ]
        dry_run(parameters)
        answer = _SECURITY_GROUPS.page(parameters, found, self._group_view)
        return {**answer, "RegionId": self._store.region_id}

    def delete_security_group(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteSecurityGroup: not while an instance is in it."""
        check_region(self._store, parameters)
        group_id = parameters.required("SecurityGroupId")
        if group_id not in self._store.security_groups:
            raise error("InvalidSecurityGroupId.NotFound")
        if any(group_id in instance.security_group_ids for instance in self._store.instances.values()):
            raise error("DependencyViolation")
        del self._store.security_groups[group_id]
        return {}

    def _group_view(self, group: SecurityGroup) -> dict[str, Any]:
        return {
            "SecurityGroupId": group.security_group_id,
            "SecurityGroupName": group.name,
            "VpcId": group.vpc_id,
            "CreationTime": seconds_format(group.created),
            "Description": group.description,
            "SecurityGroupType": "normal",
            "EcsCount": sum(
                group.security_group_id in instance.security_group_ids for instance in self._store.instances.values()
            ),
            "ResourceGroupId": "",
            "ServiceManaged": False,
            "Tags": ecs_tags(group.tags),
        }


def _vswitch_view(vswitch: VSwitch) -> dict[str, Any]:
    return {
        "VSwitchId": vswitch.vswitch_id,
        "VpcId": vswitch.vpc_id,
        "ZoneId": vswitch.zone_id,
        "VSwitchName": vswitch.name,
        "CidrBlock": vswitch.cidr,
        "Status": "Available",
        "AvailableIpAddressCount": 250,
        "CreationTime": seconds_format(vswitch.created),
        "Description": vswitch.description,
        "IsDefault": False,
        "ResourceGroupId": "",
    }
