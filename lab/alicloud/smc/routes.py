"""The actions of SMC 2019-06-01, and the handler of each."""

from __future__ import annotations

from lab.alicloud.http.service import Service
from lab.alicloud.http.tagging import Tagging
from lab.alicloud.replication.lifecycle import Lifecycle
from lab.alicloud.smc.cross_zone import CrossZone
from lab.alicloud.smc.jobs import Jobs
from lab.alicloud.smc.sources import Sources
from lab.alicloud.smc.tokens import Tokens
from lab.alicloud.smc.workgroups import Workgroups
from lab.alicloud.world.compute import Compute
from lab.alicloud.world.store import Store

# By SMC's metadata these refuse plain HTTP, which the 17 older actions accept.
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


def smc_service(store: Store, compute: Compute, lifecycle: Lifecycle, tokens: Tokens) -> Service:
    """SMC over a store."""
    sources = Sources(store, lifecycle)
    jobs = Jobs(store, lifecycle, sources)
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
    actions = {
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
    return Service("smc", "SMC", "2019-06-01", "smc.aliyuncs.com", actions, HTTPS_ONLY)
