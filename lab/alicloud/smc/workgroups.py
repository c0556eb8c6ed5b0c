"""Workgroups: batches of sources, with a state that follows their jobs."""

from __future__ import annotations

from typing import Any

from lab.alicloud.http.validation import checked_client_token, checked_workgroup_description, checked_workgroup_name
from lab.alicloud.http.wire import Parameters, page_bounds
from lab.alicloud.smc.sources import Sources, smc_tags, tags_match
from lab.alicloud.world.errors import CloudError, error, invalid
from lab.alicloud.world.records import Job, Source, Workgroup
from lab.alicloud.world.store import Store

STATUSES = ("NotStarted", "InProgress", "Cutover", "Completed")


class Workgroups:
    """The actions on workgroups."""

    def __init__(self, store: Store, sources: Sources) -> None:
        self._store = store
        self._sources = sources

    # -- groups --------------------------------------------------------------------------------------------------

    def create(self, parameters: Parameters) -> dict[str, Any]:
        """CreateWorkgroup."""
        token = checked_client_token(parameters)
        return self._store.once("CreateWorkgroup", token, parameters.fingerprint(), lambda: self._create(parameters))

    def _create(self, parameters: Parameters) -> dict[str, Any]:
        store = self._store
        workgroup_id = store.identifiers.make("wg")
        group = Workgroup(
            workgroup_id=workgroup_id,
            name=checked_workgroup_name(parameters) or workgroup_id,
            created=store.now(),
            description=checked_workgroup_description(parameters),
            tags=parameters.tags(),
        )
        self._check_name(group.name, None)
        if len(store.workgroups) >= store.switches.number("workgroups_limit"):
            raise self._conflict("QuotaExceeded.Workgroup")
        store.workgroups[workgroup_id] = group
        return {"WorkgroupId": workgroup_id}

    def describe(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeWorkgroups: the newest first."""
        number, size = page_bounds(parameters)
        ids, name, status = parameters.texts("WorkgroupId", 50), parameters.text("Name"), parameters.text("Status")
        if status and status not in STATUSES:
            raise invalid("Status", f"It must be one of {', '.join(STATUSES)}.")
        wanted_tags = parameters.objects("Tag", 20)
        found = [
            group
            for group in reversed(self._store.workgroups.values())
            if (not ids or group.workgroup_id in ids)
            and name in ("", group.name)
            and status in ("", self._status(group))
            and tags_match(group.tags, wanted_tags)
        ]
        page = found[(number - 1) * size : number * size]
        return {
            "PageNumber": number,
            "PageSize": size,
            "TotalCount": len(found),
            "Workgroups": {"Workgroup": [self._view(group) for group in page]},
        }

    def modify(self, parameters: Parameters) -> dict[str, Any]:
        """ModifyWorkgroupAttribute: at any time."""
        group = self._find(parameters)
        name, description = checked_workgroup_name(parameters), checked_workgroup_description(parameters)
        self._check_name(name, group)
        group.name = name or group.name
        group.description = description or group.description
        return {}

    def delete(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteWorkgroup: only without sources."""
        group = self._find(parameters)
        members = self._store.members(group.workgroup_id)
        if members:
            raise self._conflict("SourceServer.Related", ",".join(source.source_id for source in members))
        del self._store.workgroups[group.workgroup_id]
        return {}

    # -- members -------------------------------------------------------------------------------------------------

    def associate(self, parameters: Parameters) -> dict[str, Any]:
        """AssociateSourceServers: all of them or none."""
        group = self._find(parameters)
        sources = self._named(parameters)
        for source in sources:
            self._check_joins(source, group)
        limit = self._store.switches.number("workgroup_sources_limit")
        newcomers = [source for source in sources if source.workgroup_id != group.workgroup_id]
        if len(self._store.members(group.workgroup_id)) + len(newcomers) > limit:
            raise self._conflict("QuotaExceeded.WorkgroupSourceServer", limit)
        for source in newcomers:
            source.workgroup_id = group.workgroup_id
        return {}

    def _check_joins(self, source: Source, group: Workgroup) -> None:
        switches = self._store.switches
        if source.deleting:
            raise self._sources.invalid_state(source, "Available,InUse,Unavailable")
        member = source.workgroup_id == group.workgroup_id
        elsewhere = source.workgroup_id and not member
        if (elsewhere and switches.text("workgroup_move") == "refused") or (
            member and switches.text("workgroup_repeat") == "refused"
        ):
            raise self._conflict("SourceServer.AssociatedWithWorkgroup", source.source_id, source.workgroup_id)
        job = self._store.unfinished_job(source.source_id)
        if job and job.run_once and switches.on("workgroup_needs_incremental"):
            raise self._conflict("ReplicationJob.NotIncremental", source.source_id)

    def disassociate(self, parameters: Parameters) -> dict[str, Any]:
        """DisassociateSourceServers: all of them or none."""
        group = self._find(parameters)
        sources = self._named(parameters)
        strangers = [source for source in sources if source.workgroup_id != group.workgroup_id]
        if strangers and self._store.switches.text("workgroup_repeat") == "refused":
            code = "SourceServer.NotAssociatedWithWorkgroup"
            raise self._conflict(code, strangers[0].source_id, group.workgroup_id)
        for source in sources:
            if source not in strangers:
                source.workgroup_id = ""
        return {}

    def _named(self, parameters: Parameters) -> list[Source]:
        parameters.required("SourceId.1")
        return [self._sources.find(source_id) for source_id in dict.fromkeys(parameters.texts("SourceId", 50))]

    # -- checks --------------------------------------------------------------------------------------------------

    def _find(self, parameters: Parameters) -> Workgroup:
        group = self._store.workgroups.get(parameters.required("WorkgroupId"))
        if group is not None:
            return group
        if self._store.switches.text("workgroup_codes") == "generic":
            raise invalid("WorkgroupId")
        raise error("InvalidWorkgroupId.NotFound")

    def _check_name(self, name: str, group: Workgroup | None) -> None:
        if any(other.name == name and other is not group for other in self._store.workgroups.values()):
            raise self._conflict("WorkgroupName.Duplicate")

    def _conflict(self, code: str, *values: object) -> CloudError:
        """A refusal because of the existing state: a code of its own, or the generic one of the platform."""
        if self._store.switches.text("workgroup_codes") == "generic":
            return error("OperationConflict")
        return error(code, *values)

    # -- view ----------------------------------------------------------------------------------------------------

    def _view(self, group: Workgroup) -> dict[str, Any]:
        return {
            "Description": group.description,
            "Name": group.name,
            "Status": self._status(group),
            "Tags": smc_tags(group.tags),
            "Warnings": {"Warning": self._warnings(group)},
            "WorkgroupId": group.workgroup_id,
        }

    def _last_jobs(self, group: Workgroup) -> dict[str, Job | None]:
        members = self._store.members(group.workgroup_id)
        return {source.source_id: self._last_job(source) for source in members}

    def _last_job(self, source: Source) -> Job | None:
        jobs = [job for job in self._store.jobs_of(source.source_id) if job.status != "Deleting"]
        return jobs[-1] if jobs else None

    def _status(self, group: Workgroup) -> str:
        jobs = list(self._last_jobs(group).values())
        started = [job for job in jobs if job is not None and job.start is not None]
        if not started or self._store.switches.text("workgroup_status") == "not_started":
            return "NotStarted"
        finished = sum(job.status == "Finished" for job in started)
        if finished == len(jobs):
            return "Completed"
        return "Cutover" if finished or any(_cutting_over(job) for job in started) else "InProgress"

    def _warnings(self, group: Workgroup) -> list[dict[str, Any]]:
        """Jobs in error and sources without a job; the lab has no migration drills."""
        jobs = self._last_jobs(group)
        found = {
            "InError": [source_id for source_id, job in jobs.items() if job is not None and job.status == "InError"],
            "UnRelated": [source_id for source_id, job in jobs.items() if job is None],
        }
        return [{"WarningType": kind, "SourceIds": {"SourceId": ids}} for kind, ids in found.items() if ids]


def _cutting_over(job: Job) -> bool:
    final = job.current_run is not None and job.current_run.final
    return final or (job.status == "Running" and job.business_status == "Cleaning")
