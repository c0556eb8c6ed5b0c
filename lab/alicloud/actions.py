"""Which action of which service is done by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lab.alicloud.compute import Compute
from lab.alicloud.ecs.assistant import Assistant, Background
from lab.alicloud.ecs.catalog import Catalog
from lab.alicloud.ecs.console import Console
from lab.alicloud.ecs.disks import Disks
from lab.alicloud.ecs.images import Images
from lab.alicloud.ecs.instances import Instances
from lab.alicloud.ecs.network import Network
from lab.alicloud.ecs.pricing import Pricing
from lab.alicloud.ecs.snapshots import Snapshots
from lab.alicloud.faults import Faults
from lab.alicloud.smc.cross_zone import CrossZone
from lab.alicloud.smc.jobs import Jobs
from lab.alicloud.smc.sources import Sources
from lab.alicloud.smc.tokens import Tokens
from lab.alicloud.smc.workgroups import Workgroups
from lab.alicloud.store import Store
from lab.alicloud.tagging import Tagging
from lab.alicloud.wire import Parameters

Action = Callable[[Parameters], dict[str, Any]]
Actions = Mapping[str, Action]


# By the metadata these refuse plain HTTP, which the 17 older actions accept.
HTTPS_ONLY = frozenset(
    {
        "CreateWorkgroup",
        "DescribeWorkgroups",
        "ModifyWorkgroupAttribute",
        "DeleteWorkgroup",
        "AssociateSourceServers",
        "DisassociateSourceServers",
    }
)


def smc_actions(store: Store, compute: Compute, sources: Sources, jobs: Jobs, tokens: Tokens) -> Actions:
    """SMC 2019-06-01."""
    workgroups, cross_zone = Workgroups(store, sources), CrossZone(store, compute)
    tagging = Tagging(
        {
            "sourceserver": lambda: {key: source.tags for key, source in store.sources.items()},
            "replicationjob": lambda: {key: job.tags for key, job in store.jobs.items()},
        },
        key_limit=64,
        value_limit=64,
        shown=lambda kind: f"ALIYUN::SMC::{kind.upper()}",
    )
    return {
        "DescribeSourceServers": sources.describe,
        "ModifySourceServerAttribute": sources.modify,
        "DeleteSourceServer": sources.delete,
        "CreateReplicationJob": jobs.create,
        "DescribeReplicationJobs": jobs.describe,
        "ModifyReplicationJobAttribute": jobs.modify,
        "StartReplicationJob": jobs.start,
        "StopReplicationJob": jobs.stop,
        "CutOverReplicationJob": jobs.cut_over,
        "DeleteReplicationJob": jobs.delete,
        "CreateAccessToken": tokens.create,
        "ListAccessTokens": tokens.list,
        "DisableAccessToken": tokens.disable,
        "DeleteAccessToken": tokens.delete,
        "TagResources": tagging.tag,
        "ListTagResources": tagging.list,
        "UntagResources": tagging.untag,
        "CreateWorkgroup": workgroups.create,
        "DescribeWorkgroups": workgroups.describe,
        "ModifyWorkgroupAttribute": workgroups.modify,
        "DeleteWorkgroup": workgroups.delete,
        "AssociateSourceServers": workgroups.associate,
        "DisassociateSourceServers": workgroups.disassociate,
        "CreateCrossZoneMigrationJob": cross_zone.create,
    }


def ecs_actions(store: Store, compute: Compute, faults: Faults, background: Background) -> Actions:
    """ECS 2014-05-26."""
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
    return {
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
