# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of SMC: sources, jobs, activation codes and workgroups (private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Api, Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import (
    AccessToken,
    Job,
    Source,
    Workgroup,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import Wire, listed, wire_tags
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import NotFoundError

IMPORT_ERROR: t.Optional[ImportError] = api.IMPORT_ERROR
try:
    from alibabacloud_smc20190601.client import Client
except ImportError as error:
    IMPORT_ERROR = error

#: What a module that connects to SMC requires.
LIBRARY = ("alibabacloud-smc20190601", IMPORT_ERROR)

VERSION = "2019-06-01"
PAGE = 50


class SmcClient:
    """The SMC API; every list is read to its last page."""

    def __init__(self, connection: Connection) -> None:
        self._api = Api(connection, Client, VERSION, connection.smc_endpoint)

    @property
    def now(self) -> datetime:
        """SMC's own clock at its last answer; this machine's before the first one."""
        return self._api.cloud_time or datetime.now(timezone.utc)

    @property
    def clock_offset(self) -> t.Optional[int]:
        """By how many seconds SMC's clock was ahead of this machine's at its last answer."""
        return self._api.clock_offset

    def read_clock(self) -> datetime:
        """Read SMC's clock, by the cheapest read."""
        self._api.read("DescribeReplicationJobs", PageNumber=1, PageSize=1)
        return self.now

    def sources(
        self,
        source_ids: t.Optional[list[str]] = None,
        name: t.Optional[str] = None,
        state: t.Optional[str] = None,
        tags: t.Optional[dict[str, str]] = None,
        workgroup_id: t.Optional[str] = None,
    ) -> list[Source]:
        pages = [
            self._api.read_pages(
                "DescribeSourceServers",
                ("SourceServers", "SourceServer"),
                PAGE,
                SourceId=ids,
                Name=name,
                State=state,
                Tag=wire_tags(tags),
                WorkgroupId=workgroup_id,
            )
            for ids in _chunks(source_ids)
        ]
        return [Source.from_wire(wire) for page in pages for wire in page]

    def jobs(
        self,
        job_ids: t.Optional[list[str]] = None,
        source_ids: t.Optional[list[str]] = None,
        name: t.Optional[str] = None,
        status: t.Optional[str] = None,
        tags: t.Optional[dict[str, str]] = None,
    ) -> list[Job]:
        """Jobs that match all filters; 50 IDs cost one call."""
        found = []
        for jobs in _chunks(job_ids):
            for sources in _chunks(source_ids):
                found += self._api.read_pages(
                    "DescribeReplicationJobs",
                    ("ReplicationJobs", "ReplicationJob"),
                    PAGE,
                    JobId=jobs,
                    SourceId=sources,
                    Name=name,
                    Status=status,
                    Tag=wire_tags(tags),
                )
        return [Job.from_wire(wire) for wire in found]

    def create_job(self, parameters: Wire) -> str:
        """Create a job; the parameters are in SMC's names. Returns its ID."""
        return str(self._api.write("CreateReplicationJob", **parameters)["JobId"])

    def modify_job(self, job_id: str, parameters: Wire) -> None:
        self._api.write("ModifyReplicationJobAttribute", JobId=job_id, **parameters)

    def start_job(self, job_id: str) -> None:
        self._api.write("StartReplicationJob", JobId=job_id)

    def stop_job(self, job_id: str) -> None:
        self._api.write("StopReplicationJob", JobId=job_id)

    def complete_job(self, job_id: str, sync_data: bool) -> None:
        """Complete a job; SyncData is always sent, because its default loses what was written since the last run."""
        self._api.write("CutOverReplicationJob", JobId=job_id, SyncData=sync_data)

    def delete_job(self, job_id: str) -> None:
        self._api.write("DeleteReplicationJob", JobId=job_id)

    def modify_source(self, source_id: str, parameters: Wire) -> None:
        self._api.write("ModifySourceServerAttribute", SourceId=source_id, **parameters)

    def delete_source(self, source_id: str, with_jobs: bool) -> None:
        self._api.write("DeleteSourceServer", SourceId=source_id, Force=with_jobs)

    def tag(self, resource_type: str, resource_id: str, tags: dict[str, str]) -> None:
        """Add tags; the type is ``sourceserver`` or ``replicationjob``."""
        self._api.write("TagResources", ResourceType=resource_type, ResourceId=[resource_id], Tag=wire_tags(tags))

    def tag_job(self, job_id: str, tags: dict[str, str]) -> None:
        """Add tags to a job."""
        self.tag("replicationjob", job_id, tags)

    def access_tokens(self, token_ids: t.Optional[list[str]] = None, name: t.Optional[str] = None) -> list[AccessToken]:
        body = self._api.read("ListAccessTokens", AccessTokenId=token_ids, Name=name)
        return [AccessToken.from_wire(wire) for wire in listed(body, "AccessTokens", "AccessToken")]

    def create_access_token(
        self, name: str, description: t.Optional[str], uses: int, valid_days: int
    ) -> tuple[str, str]:
        """Create an activation code; returns its ID and the code, which is a secret."""
        body = self._api.write(
            "CreateAccessToken", Name=name, Description=description, Count=str(uses), TimeToLiveInDays=str(valid_days)
        )
        return str(body["AccessTokenId"]), str(body["AccessTokenCode"])

    def disable_access_token(self, token_id: str) -> None:
        self._api.write("DisableAccessToken", AccessTokenId=token_id)

    def delete_access_token(self, token_id: str) -> None:
        self._api.write("DeleteAccessToken", AccessTokenId=token_id)

    def workgroups(self) -> list[Workgroup]:
        """All workgroups, of which an account has 50 at most; how SMC compares names is not documented."""
        found = self._api.read_pages("DescribeWorkgroups", ("Workgroups", "Workgroup"), PAGE)
        return [Workgroup.from_wire(wire) for wire in found]

    def create_workgroup(self, parameters: Wire) -> str:
        """Create a workgroup; the parameters are in SMC's names. Returns its ID."""
        return str(self._api.write("CreateWorkgroup", **parameters)["WorkgroupId"])

    def modify_workgroup(self, workgroup_id: str, parameters: Wire) -> None:
        self._api.write("ModifyWorkgroupAttribute", WorkgroupId=workgroup_id, **parameters)

    def delete_workgroup(self, workgroup_id: str) -> None:
        """Delete a workgroup that has no sources; nothing happens when it no longer exists."""
        try:
            self._api.write("DeleteWorkgroup", WorkgroupId=workgroup_id)
        except NotFoundError:
            pass

    def put_into_workgroup(self, workgroup_id: str, source_ids: list[str]) -> None:
        self._api.write("AssociateSourceServers", WorkgroupId=workgroup_id, SourceId=source_ids)

    def take_out_of_workgroup(self, workgroup_id: str, source_ids: list[str]) -> None:
        self._api.write("DisassociateSourceServers", WorkgroupId=workgroup_id, SourceId=source_ids)


def _chunks(ids: t.Optional[list[str]]) -> t.Iterator[t.Optional[list[str]]]:
    """IDs in portions that one call accepts; no filter is one portion, an empty list has no portion."""
    if ids is None:
        yield None
        return
    for start in range(0, len(ids), PAGE):
        yield ids[start : start + PAGE]
