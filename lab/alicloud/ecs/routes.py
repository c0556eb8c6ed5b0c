"""The actions of ECS 2014-05-26, and the handler of each."""

from __future__ import annotations

from lab.alicloud.ecs.assistant import Assistant, Background
from lab.alicloud.ecs.catalog import Catalog
from lab.alicloud.ecs.console import Console
from lab.alicloud.ecs.disks import Disks
from lab.alicloud.ecs.images import Images
from lab.alicloud.ecs.instances import Instances
from lab.alicloud.ecs.network import Network
from lab.alicloud.ecs.pricing import Pricing
from lab.alicloud.ecs.snapshots import Snapshots
from lab.alicloud.http.faults import Faults
from lab.alicloud.http.service import Service
from lab.alicloud.http.tagging import Tagging
from lab.alicloud.world.compute import Compute
from lab.alicloud.world.store import Store


def ecs_service(store: Store, compute: Compute, faults: Faults, background: Background) -> Service:
    """ECS over a store."""
    assistant, console, catalog = Assistant(store, background), Console(store), Catalog(store)
    instances, images, network = Instances(store, compute, faults), Images(store, compute), Network(store)
    snapshots, disks = Snapshots(store, compute), Disks(store, compute)
    tagging = Tagging(
        {
            "instance": lambda: {key: instance.tags for key, instance in store.instances.items()},
            "image": lambda: {key: image.tags for key, image in store.images.items()},
            "snapshot": lambda: {key: snapshot.tags for key, snapshot in store.snapshots.items()},
            "disk": lambda: {key: disk.tags for key, disk in store.disks.items()},
            "securitygroup": lambda: {key: group.tags for key, group in store.security_groups.items()},
        },
        key_limit=128,
        value_limit=128,
        shown=lambda kind: kind,
    )
    actions = {
        "DescribeInstances": instances.describe,
        "DescribeInstanceStatus": instances.describe_status,
        "RunInstances": instances.run,
        "StartInstance": instances.start,
        "StopInstance": instances.stop,
        "StopInstances": instances.stop_many,
        "DeleteInstance": instances.delete,
        "DeleteInstances": instances.delete_many,
        "ModifyInstanceAttribute": instances.modify,
        "ModifyInstanceAutoReleaseTime": instances.modify_auto_release_time,
        "DescribeImages": images.describe,
        "DeleteImage": images.delete,
        "DescribeSnapshots": snapshots.describe,
        "DeleteSnapshot": snapshots.delete,
        "DescribeDisks": disks.describe,
        "DeleteDisk": disks.delete,
        "DescribeSecurityGroups": network.describe_security_groups,
        "DeleteSecurityGroup": network.delete_security_group,
        "DescribeVSwitches": network.describe_vswitches,
        "DescribeRegions": network.describe_regions,
        "DescribePrice": Pricing(store).describe,
        "DescribeInstanceTypes": catalog.describe_types,
        "DescribeAvailableResource": catalog.describe_available,
        "RunCommand": assistant.run,
        "DescribeInvocations": assistant.describe_invocations,
        "DescribeInvocationResults": assistant.describe_results,
        "DescribeCloudAssistantStatus": assistant.describe_status,
        "GetInstanceConsoleOutput": console.output,
        "TagResources": tagging.tag,
        "ListTagResources": tagging.list,
        "UntagResources": tagging.untag,
    }
    return Service("ecs", "Ecs", "2014-05-26", f"ecs.{store.region_id}.aliyuncs.com", actions)
