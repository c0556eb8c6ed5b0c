"""ECS instances: describe, run, start, stop, delete, modify."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from lab.alicloud.ecs.common import (
    Listing,
    check_region,
    created_in_range,
    dry_run,
    ecs_tags,
    equals_filters,
    name_matches,
    tags_match,
)
from lab.alicloud.http.faults import Faults
from lab.alicloud.http.validation import checked_client_token
from lab.alicloud.http.wire import Parameters
from lab.alicloud.world import prices
from lab.alicloud.world.compute import Compute, NewDisk, NewInstance
from lab.alicloud.world.errors import error, invalid, missing
from lab.alicloud.world.records import Image, Instance
from lab.alicloud.world.store import Store
from lab.alicloud.world.timefmt import minutes_format

STATES = ("Pending", "Running", "Starting", "Stopping", "Stopped")
LEAST_RELEASE_DELAY = timedelta(minutes=30)
_INSTANCES = Listing("Instances", "Instance", smallest_by_token=10)
_STATUSES = Listing("InstanceStatuses", "InstanceStatus", largest=50)


class Instances:
    """The actions on instances."""

    def __init__(self, store: Store, compute: Compute, faults: Faults) -> None:
        self._store = store
        self._compute = compute
        self._faults = faults

    # -- reading -------------------------------------------------------------------------------------------------

    def describe(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeInstances: the newest first; IDs that do not exist are silently absent."""
        check_region(self._store, parameters)
        if parameters.text("Status") not in ("", *STATES):
            raise error("InvalidStatus.NotFound")
        ids = parameters.json_texts("InstanceIds", 100)
        found = [
            instance
            for instance in reversed(self._store.instances.values())
            if (ids is None or instance.instance_id in ids) and self._matches(instance, parameters)
        ]
        dry_run(parameters)
        return _INSTANCES.page(parameters, found, self._view)

    def _matches(self, instance: Instance, parameters: Parameters) -> bool:
        """Whether all filters of DescribeInstances except the ids match."""
        fields = {
            "Status": instance.status,
            "InstanceChargeType": instance.charge_type,
            "VpcId": instance.vpc_id,
            "VSwitchId": instance.vswitch_id,
            "ImageId": instance.image_id,
            "ZoneId": self._store.zone_of(instance),
            "ResourceGroupId": instance.resource_group_id,
        }
        case_sensitive = self._store.switches.on("instance_name_case_sensitive")
        return (
            equals_filters(parameters, fields)
            and name_matches(parameters.text("InstanceName"), instance.name, case_sensitive)
            and parameters.text("SecurityGroupId") in ("", *instance.security_group_ids)
            and tags_match(instance.tags, parameters)
            and created_in_range(instance.created, parameters)
        )

    def describe_status(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeInstanceStatus."""
        check_region(self._store, parameters)
        ids = parameters.texts("InstanceId")
        if len(ids) > 100:
            raise error("InvalidParameter.TooManyInstanceIds")
        found = [instance for instance in self._store.instances.values() if not ids or instance.instance_id in ids]

        def view(instance: Instance) -> dict[str, Any]:
            return {"InstanceId": instance.instance_id, "Status": instance.status}

        answer = _STATUSES.page(parameters, found, view)
        answer.pop("NextToken")
        return answer

    def _view(self, instance: Instance) -> dict[str, Any]:
        size = prices.size_of(instance.instance_type)
        return {
            "InstanceId": instance.instance_id,
            "InstanceName": instance.name,
            "Status": instance.status,
            "RegionId": self._store.region_id,
            "ZoneId": self._store.zone_of(instance),
            "InstanceType": instance.instance_type,
            "ImageId": instance.image_id,
            "Description": instance.description,
            "CreationTime": minutes_format(instance.created),
            "StartTime": minutes_format(instance.started),
            "ExpiredTime": "2099-12-31T15:59Z",
            "AutoReleaseTime": minutes_format(instance.auto_release),
            "InstanceChargeType": instance.charge_type,
            "StoppedMode": instance.stopped_mode or "Not-applicable",
            "DeletionProtection": instance.deletion_protection,
            "Cpu": size.vcpus,
            "Memory": size.memory_mib,
            "OSName": instance.os_name,
            "OSNameEn": instance.os_name,
            "OSType": instance.os_type,
            "HostName": instance.host_name,
            "SerialNumber": instance.instance_id,
            "InstanceNetworkType": "vpc",
            "InternetChargeType": "PayByTraffic",
            "InternetMaxBandwidthOut": 1 if instance.public_ip else 0,
            "ResourceGroupId": instance.resource_group_id,
            "KeyPairName": instance.key_pair_name,
            "SpotStrategy": "NoSpot",
            "PublicIpAddress": {"IpAddress": [instance.public_ip] if instance.public_ip else []},
            "InnerIpAddress": {"IpAddress": []},
            "EipAddress": {"IpAddress": "", "AllocationId": "", "InternetChargeType": ""},
            "VpcAttributes": {
                "VpcId": instance.vpc_id,
                "VSwitchId": instance.vswitch_id,
                "NatIpAddress": "",
                "PrivateIpAddress": {"IpAddress": [instance.private_ip]},
            },
            "SecurityGroupIds": {"SecurityGroupId": instance.security_group_ids},
            "OperationLocks": {"LockReason": []},
            "NetworkInterfaces": {"NetworkInterface": [_interface(instance)]},
            "InstanceTypeFamily": instance.instance_type.rpartition(".")[0],
            "IoOptimized": True,
            "MetadataOptions": {"HttpEndpoint": "enabled", "HttpTokens": "optional", "HttpPutResponseHopLimit": 1},
            "CpuOptions": {"CoreCount": max(1, size.vcpus // 2), "ThreadsPerCore": min(2, size.vcpus), "Numa": ""},
            "ImageOptions": {"LoginAsNonRoot": False},
            "Tags": ecs_tags(instance.tags),
        }

    # -- running -------------------------------------------------------------------------------------------------

    def run(self, parameters: Parameters) -> dict[str, Any]:
        """RunInstances."""
        check_region(self._store, parameters)
        token = checked_client_token(parameters)
        return self._store.once("RunInstances", token, parameters.fingerprint(), lambda: self._run(parameters))

    def _run(self, parameters: Parameters) -> dict[str, Any]:
        image = self._image(parameters.required("ImageId"))
        amount = parameters.integer("Amount", 1, 100) or 1
        new = self._new_instance(parameters, image)
        release = self._release_time(parameters)
        dry_run(parameters)
        ids = []
        for number in range(1, amount + 1):
            if number > 1:
                new.private_ip = ""
            instance = self._compute.create_instance(new)
            instance.boots = self._faults.boot_fault(image) is None
            self._compute.release_at(instance, release)
            ids.append(instance.instance_id)
        return {
            "InstanceIdSets": {"InstanceIdSet": ids},
            "TradePrice": round(amount * prices.instance_hour(new.instance_type), 6),
        }

    def _image(self, image_id: str) -> Image:
        image = self._store.images.get(image_id)
        if image is None:
            raise error("InvalidImageId.NotFound")
        if image.status != "Available":
            raise error("IncorrectImageStatus")
        return image

    def _new_instance(self, parameters: Parameters, image: Image) -> NewInstance:
        if not parameters.text("InstanceType"):
            raise missing("InstanceType")
        vswitch = self._store.vswitches.get(parameters.required("VSwitchId"))
        if vswitch is None:
            raise error("InvalidVSwitchId.NotFound")
        groups = parameters.texts("SecurityGroupIds") or [parameters.required("SecurityGroupId")]
        for group_id in groups:
            group = self._store.security_groups.get(group_id)
            if group is None:
                raise error("InvalidSecurityGroupId.NotFound")
            if group.vpc_id != vswitch.vpc_id:
                raise error("InvalidSecurityGroupId.VPCMismatch")
        charge_type = parameters.text("InstanceChargeType", "PostPaid")
        if charge_type != "PostPaid":
            raise invalid("InstanceChargeType", "The simulator sells PostPaid only.")
        bandwidth = parameters.integer("InternetMaxBandwidthOut", 0, 100) or 0
        return NewInstance(
            name=parameters.text("InstanceName", "launch-advisor"),
            instance_type=parameters.text("InstanceType"),
            image_id=image.image_id,
            vpc_id=vswitch.vpc_id,
            vswitch_id=vswitch.vswitch_id,
            security_group_ids=groups,
            disks=self._disks(parameters, image),
            public=bandwidth > 0,
            private_ip=parameters.text("PrivateIpAddress"),
            host_name=parameters.text("HostName"),
            description=parameters.text("Description"),
            os_type=image.os_type,
            os_name=image.os_name,
            key_pair_name=parameters.text("KeyPairName"),
            resource_group_id=parameters.text("ResourceGroupId"),
            deletion_protection=bool(parameters.boolean("DeletionProtection")),
            tags=parameters.tags(),
        )

    def _disks(self, parameters: Parameters, image: Image) -> list[NewDisk]:
        """The image's disks, the system disk as large as requested, then the disks that the request adds."""
        system = parameters.below("SystemDisk")
        requested = system.integer("Size", 20, 2048)
        if requested is not None and requested < image.size_gib:
            raise error("InvalidSystemDiskSize.LessThanImageSize")
        disks = []
        for disk in image.disks:
            new = NewDisk(disk.kind, disk.size_gib, disk.snapshot_id)
            if disk.kind == "system":
                self._set_category(new, system)
                new.size_gib = requested or disk.size_gib
            disks.append(new)
        for item in parameters.objects("DataDisk", 16):
            kept = item.boolean("DeleteWithInstance") is False
            found = [disk for disk in disks if disk.snapshot_id and disk.snapshot_id == item.text("SnapshotId")]
            new = found[0] if found else NewDisk("data", 20)
            new.size_gib = item.integer("Size", new.size_gib if found else 1, 65536) or new.size_gib
            new.delete_with_instance = not kept
            self._set_category(new, item)
            if not found:
                disks.append(new)
        return disks

    @staticmethod
    def _set_category(disk: NewDisk, requested: Parameters) -> None:
        disk.category = requested.text("Category", disk.category)
        if not prices.is_disk(disk.category, requested.text("PerformanceLevel")):
            raise error("InvalidDiskCategory.ValueNotSupported")
        disk.performance_level = requested.text("PerformanceLevel", "PL1" if disk.category == "cloud_essd" else "")

    def _release_time(self, parameters: Parameters, name: str = "AutoReleaseTime") -> datetime | None:
        try:
            time = parameters.timestamp(name)
        except Exception as failure:
            raise error("InvalidAutoReleaseTime.Malformed") from failure
        if time is None:
            return None
        if time < self._store.now() + LEAST_RELEASE_DELAY - self._store.clock.tolerance():
            raise error("InvalidAutoReleaseTime.Malformed")
        return time.replace(second=0)

    # -- changing ------------------------------------------------------------------------------------------------

    def _find(self, parameters: Parameters) -> Instance:
        instance = self._store.instances.get(parameters.required("InstanceId"))
        if instance is None:
            raise error("InvalidInstanceId.NotFound")
        return instance

    def start(self, parameters: Parameters) -> dict[str, Any]:
        """StartInstance."""
        instance = self._find(parameters)
        if instance.status != "Stopped":
            raise error("IncorrectInstanceStatus")
        dry_run(parameters)
        image = self._store.images.get(instance.image_id)
        instance.boots = image is None or self._faults.boot_fault(image) is None
        self._compute.start_instance(instance)
        return {}

    def stop(self, parameters: Parameters) -> dict[str, Any]:
        """StopInstance."""
        instance = self._find(parameters)
        mode = _stopped_mode(parameters)
        if instance.status != "Running":
            raise error("IncorrectInstanceStatus")
        dry_run(parameters)
        self._compute.stop_instance(instance, mode)
        return {}

    def stop_many(self, parameters: Parameters) -> dict[str, Any]:
        """StopInstances: all or none, unless `BatchOptimization` asks for those that can be stopped."""
        check_region(self._store, parameters)
        ids, mode = parameters.texts("InstanceId", 100), _stopped_mode(parameters)
        if not ids:
            raise missing("InstanceId.1")
        if any(instance_id not in self._store.instances for instance_id in ids):
            raise error("InvalidInstanceIds.NotFound")
        optimization = parameters.text("BatchOptimization", "AllTogether")
        if optimization not in ("AllTogether", "SuccessFirst"):
            raise invalid("BatchOptimization")
        found = [self._store.instances[instance_id] for instance_id in dict.fromkeys(ids)]
        if optimization == "AllTogether" and any(instance.status != "Running" for instance in found):
            raise error("IncorrectInstanceStatus")
        dry_run(parameters, "DRYRUN.SUCCESS")
        return {"InstanceResponses": {"InstanceResponse": [self._stopped(instance, mode) for instance in found]}}

    def _stopped(self, instance: Instance, mode: str) -> dict[str, Any]:
        before = instance.status
        if before != "Running":
            failure = error("IncorrectInstanceStatus")
            code, message = failure.code, failure.message
        else:
            self._compute.stop_instance(instance, mode)
            code, message = "200", "success"
        return {
            "InstanceId": instance.instance_id,
            "PreviousStatus": before,
            "CurrentStatus": instance.status,
            "Code": code,
            "Message": message,
        }

    def modify(self, parameters: Parameters) -> dict[str, Any]:
        """ModifyInstanceAttribute."""
        instance = self._find(parameters)
        protection = parameters.boolean("DeletionProtection")
        if protection is not None:
            instance.deletion_protection = protection
        instance.name = parameters.text("InstanceName", instance.name)
        instance.host_name = parameters.text("HostName", instance.host_name)
        if "Description" in parameters:
            instance.description = parameters.text("Description")
        instance.security_group_ids = parameters.texts("SecurityGroupIds") or instance.security_group_ids
        return {}

    def modify_auto_release_time(self, parameters: Parameters) -> dict[str, Any]:
        """ModifyInstanceAutoReleaseTime: without a time, the instance is not released automatically any more."""
        instance = self._find(parameters)
        self._compute.release_at(instance, self._release_time(parameters))
        return {}

    def delete(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteInstance."""
        instance = self._find(parameters)
        self._check_deletable(instance, bool(parameters.boolean("Force")))
        dry_run(parameters)
        self._compute.delete_instance(instance.instance_id)
        return {}

    def delete_many(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteInstances: all or none."""
        check_region(self._store, parameters)
        ids = parameters.texts("InstanceId", 100)
        if not ids:
            raise missing("InstanceId.1")
        token = checked_client_token(parameters)
        return self._store.once(
            "DeleteInstances", token, parameters.fingerprint(), lambda: self._delete_many(parameters, ids)
        )

    def _delete_many(self, parameters: Parameters, ids: list[str]) -> dict[str, Any]:
        for instance_id in ids:
            if instance_id not in self._store.instances:
                raise error("InvalidInstanceIds.NotFound")
            self._check_deletable(self._store.instances[instance_id], bool(parameters.boolean("Force")))
        dry_run(parameters, "DRYRUN.SUCCESS")
        for instance_id in ids:
            self._compute.delete_instance(instance_id)
        return {}

    @staticmethod
    def _check_deletable(instance: Instance, force: bool) -> None:
        if instance.deletion_protection:
            raise error("InvalidOperation.DeletionProtection")
        if instance.status != "Stopped" and not (force and instance.status == "Running"):
            raise error("IncorrectInstanceStatus")


def _stopped_mode(parameters: Parameters) -> str:
    mode = parameters.text("StoppedMode", "KeepCharging")
    if mode not in ("KeepCharging", "StopCharging", "Not-applicable"):
        raise invalid("StoppedMode")
    return mode


def _interface(instance: Instance) -> dict[str, Any]:
    return {
        "NetworkInterfaceId": instance.network_interface_id,
        "MacAddress": instance.mac_address,
        "PrimaryIpAddress": instance.private_ip,
        "Type": "Primary",
        "PrivateIpSets": {"PrivateIpSet": [{"PrivateIpAddress": instance.private_ip, "Primary": True}]},
    }
