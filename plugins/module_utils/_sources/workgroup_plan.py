# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which workgroup is declared, with which sources, and what is left to do for it (pure; private to the collection).

A workgroup is SMC's term for a wave of sources that are migrated together.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source, Workgroup
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import client_token
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import PROJECT_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, View
from ansible_collections.cutover.smc.plugins.module_utils._sources.matching import pick_job, single_source
from ansible_collections.cutover.smc.plugins.module_utils._sources.names import WORKGROUP_NAME

#: SMC's quotas: workgroups of an account, and sources in a workgroup.
MAX_WORKGROUPS = 50
MAX_SOURCES = 50

#: How many sources a message names.
MAX_NAMES = 3


@dataclass(frozen=True)
class WorkgroupSpec:
    """The declared workgroup. An attribute without a value is not changed."""

    state: str
    workgroup_id: t.Optional[str] = None
    name: t.Optional[str] = None
    description: t.Optional[str] = None
    source_ids: tuple[str, ...] = ()
    vm_uuids: tuple[str, ...] = ()
    purge: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    release_members: bool = False

    @property
    def label(self) -> str:
        """The workgroup as messages name it."""
        return self.name or self.workgroup_id or ""


@dataclass(frozen=True)
class ObservedWorkgroup:
    """What was read of the workgroup and of the declared sources.

    :ivar group: the workgroup, None when it does not exist
    :ivar members: the sources that are in it
    :ivar declared: the declared sources that exist
    :ivar missing: the declared sources that do not exist, such as ``vm_uuid 5039...``
    :ivar names: the names of the account's workgroups, by ID
    """

    group: t.Optional[Workgroup]
    members: tuple[Source, ...] = ()
    declared: tuple[Source, ...] = ()
    missing: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)

    @property
    def workgroup_id(self) -> str:
        """The ID of the workgroup, empty when it does not exist."""
        return self.group.workgroup_id if self.group else ""

    @property
    def member_ids(self) -> set[str]:
        return {source.source_id for source in self.members}

    @property
    def declared_ids(self) -> set[str]:
        return {source.source_id for source in self.declared}


def parse_spec(params: t.Mapping[str, t.Any]) -> WorkgroupSpec:
    """Read the module's options.

    :raises InvalidOptionError: names the option, the value and the remedy
    """
    name, description = params["name"], params["description"]
    if name is not None:
        WORKGROUP_NAME.check("name", name)
    if description is not None and (not 2 <= len(description) <= 256 or re.match("https?://", description)):
        raise InvalidOptionError(
            f"Option 'description' is '{description}', which SMC does not accept",
            remedy="Use 2 to 256 characters that do not begin with http:// or https://",
        )
    tags = dict(params["tags"] or {})
    if params["project"]:
        tags[PROJECT_TAG] = params["project"]
    return WorkgroupSpec(
        state=params["state"],
        workgroup_id=params["workgroup_id"],
        name=name,
        description=description,
        source_ids=tuple(dict.fromkeys(params["source_ids"] or ())),
        vm_uuids=tuple(dict.fromkeys(params["vm_uuids"] or ())),
        purge=params["purge"],
        tags=tags,
        release_members=params["release_members"],
    )


def workgroup_by_name(groups: list[Workgroup], name: str) -> t.Optional[Workgroup]:
    """The workgroup with a name.

    :raises InvalidOptionError: when several have the name; lists their IDs
    """
    found = [group for group in groups if group.name == name]
    if len(found) > 1:
        workgroup_ids = ", ".join(sorted(group.workgroup_id for group in found))
        raise InvalidOptionError(
            f"Several workgroups are called '{name}': {workgroup_ids}", remedy="Select the right one by its ID"
        )
    return found[0] if found else None


def workgroup_by_id(groups: list[Workgroup], workgroup_id: str) -> t.Optional[Workgroup]:
    return next((group for group in groups if group.workgroup_id == workgroup_id), None)


def match_declared(sources: list[Source], spec: WorkgroupSpec) -> tuple[tuple[Source, ...], tuple[str, ...]]:
    """The declared sources that exist, each once, and the declared ones that do not exist, such as ``vm_uuid 5039...``.

    :raises InvalidOptionError: when several sources carry the tag of one VM
    """
    by_id = {source.source_id: source for source in sources}
    found = {source_id: by_id[source_id] for source_id in spec.source_ids if source_id in by_id}
    missing = [f"source_id {source_id}" for source_id in spec.source_ids if source_id not in by_id]
    for vm_uuid in spec.vm_uuids:
        source = single_source([source for source in sources if source.tags.get(VM_TAG) == vm_uuid], vm_uuid)
        if source:
            found[source.source_id] = source
        else:
            missing.append(f"vm_uuid {vm_uuid}")
    return tuple(found.values()), tuple(missing)


def plan(spec: WorkgroupSpec, observed: ObservedWorkgroup, *, check_mode: bool = False) -> Plan:
    """What is left to do for the declared state.

    :param check_mode: sources that earlier tasks of the same run would import may not exist yet
    :raises InvalidOptionError: when the workgroup does not exist, or would be too large
    :raises PreconditionError: when a source does not exist or is in another workgroup, or the workgroup must not be deleted
    """
    if spec.state == "absent":
        return Plan(tuple(_absent(spec, observed)))
    if check_mode and observed.missing:
        later = Step("join", f"put into workgroup {spec.label} after their import: {', '.join(observed.missing)}")
        return Plan((*plan(spec, replace(observed, missing=())).steps, later))
    _check_sources(spec, observed)
    return Plan((*_attributes(spec, observed), *_membership(spec, observed)))


def _check_sources(spec: WorkgroupSpec, observed: ObservedWorkgroup) -> None:
    if observed.missing:
        raise PreconditionError(
            f"SMC has no source for {', '.join(observed.missing)}",
            remedy="Import the VM with the connector first (role import_source), and tag its source with smc_source",
        )
    elsewhere = [source for source in observed.declared if source.workgroup_id not in ("", observed.workgroup_id)]
    if elsewhere:
        raise PreconditionError(
            f"A source can be in one workgroup only: {_locations(elsewhere, observed)}",
            remedy="Remove the source from the options, or move it with smc_source and its option workgroup",
            details={"elsewhere": {source.source_id: source.workgroup_id for source in elsewhere}},
        )
    size = len(_members_afterwards(spec, observed))
    if size > MAX_SOURCES:
        raise InvalidOptionError(
            f"Workgroup {spec.label} would have {size} sources, and SMC allows {MAX_SOURCES}",
            remedy="Distribute the sources over several workgroups",
        )


def _locations(sources: list[Source], observed: ObservedWorkgroup) -> str:
    """In which workgroups sources are; one clause for each workgroup, so that a complete wave needs few words."""
    by_group: dict[str, list[Source]] = {}
    for source in sources:
        by_group.setdefault(source.workgroup_id, []).append(source)
    return "; ".join(_location(members, workgroup_id, observed) for workgroup_id, members in by_group.items())


def _location(sources: list[Source], workgroup_id: str, observed: ObservedWorkgroup) -> str:
    name = observed.names.get(workgroup_id)
    group = f"workgroup {workgroup_id} ({name})" if name else f"workgroup {workgroup_id}"
    if len(sources) == 1:
        return f"source {sources[0].source_id} ({sources[0].name}) is in {group}"
    names = [source.name for source in sources[:MAX_NAMES]] + ["..."] * (len(sources) > MAX_NAMES)
    return f"{len(sources)} sources ({', '.join(names)}) are in {group}"


def _members_afterwards(spec: WorkgroupSpec, observed: ObservedWorkgroup) -> list[str]:
    kept = set() if spec.purge else observed.member_ids
    return sorted(observed.declared_ids | kept)


def _attributes(spec: WorkgroupSpec, observed: ObservedWorkgroup) -> t.Iterator[Step]:
    group = observed.group
    if group is None:
        yield _creation(spec, observed)
        return
    desired = {"Name": spec.name, "Description": spec.description}
    actual = {"Name": group.name, "Description": group.description}
    changes = {key: value for key, value in desired.items() if value is not None and value != actual[key]}
    if "Name" in changes and spec.name in observed.names.values():
        raise InvalidOptionError(
            f"A workgroup called '{spec.name}' already exists", remedy="Choose a name that is not in use"
        )
    if changes:
        view = {key.lower(): value for key, value in changes.items()}
        yield Step(
            "modify",
            f"set {' and '.join(sorted(view))} of workgroup {group.workgroup_id}",
            {"workgroup_id": group.workgroup_id, "parameters": changes},
            view,
        )


def _creation(spec: WorkgroupSpec, observed: ObservedWorkgroup) -> Step:
    if not spec.name or spec.workgroup_id:
        raise InvalidOptionError(
            f"There is no workgroup with workgroup_id '{spec.workgroup_id}'",
            remedy="Set only the name to create a workgroup",
        )
    if len(observed.names) >= MAX_WORKGROUPS:
        raise PreconditionError(
            f"Workgroup {spec.name} cannot be created: the account has {len(observed.names)}, and SMC allows {MAX_WORKGROUPS}",
            remedy="Delete the workgroups of finished waves (smc_workgroup, state: absent)",
        )
    view = {"state": "present", "name": spec.name, "description": spec.description or "", "source_ids": []}
    return Step(
        "create", f"create workgroup {spec.name}", {"parameters": creation_parameters(spec)}, view, replan_after=True
    )


def creation_parameters(spec: WorkgroupSpec) -> dict[str, t.Any]:
    """The request that creates the workgroup, in SMC's names, with a client token that is derived from its content."""
    parameters = {
        "Name": spec.name,
        "Description": spec.description,
        "Tag": [{"Key": key, "Value": value} for key, value in sorted(spec.tags.items())],
    }
    return {**parameters, "ClientToken": client_token(json.dumps(parameters, sort_keys=True))}


def _membership(spec: WorkgroupSpec, observed: ObservedWorkgroup) -> t.Iterator[Step]:
    present, declared = observed.member_ids, observed.declared_ids
    leaving = sorted(present - declared) if spec.purge else []
    joining = sorted(declared - present)
    if leaving:
        yield _release(spec, observed.workgroup_id, leaving, sorted(present - set(leaving)))
    if joining:
        yield Step(
            "join",
            f"put into workgroup {spec.label}: {', '.join(joining)}",
            {"workgroup_id": observed.workgroup_id, "source_ids": joining},
            {"source_ids": _members_afterwards(spec, observed)},
        )


def _release(spec: WorkgroupSpec, workgroup_id: str, leaving: list[str], remaining: list[str]) -> Step:
    return Step(
        "leave",
        f"take out of workgroup {spec.label}: {', '.join(leaving)}",
        {"workgroup_id": workgroup_id, "source_ids": leaving},
        {"source_ids": remaining},
    )


def _absent(spec: WorkgroupSpec, observed: ObservedWorkgroup) -> t.Iterator[Step]:
    group = observed.group
    if group is None:
        return
    members = sorted(observed.member_ids)
    if members and not spec.release_members:
        count = "1 source" if len(members) == 1 else f"{len(members)} sources"
        raise PreconditionError(
            f"Workgroup {group.workgroup_id} ({group.name}) has {count}: {', '.join(members)}",
            remedy="Set release_members: true, which takes the sources out of the workgroup and changes nothing else of them",
        )
    if members:
        yield _release(spec, group.workgroup_id, members, [])
    yield Step(
        "delete",
        f"delete workgroup {group.workgroup_id} ({group.name})",
        {"workgroup_id": group.workgroup_id},
        {"state": "absent"},
    )


def diff_view(observed: ObservedWorkgroup) -> View:
    """The workgroup as the diff shows it."""
    if observed.group is None:
        return {"state": "absent"}
    return {
        "state": "present",
        "workgroup_id": observed.group.workgroup_id,
        "name": observed.group.name,
        "description": observed.group.description,
        "source_ids": sorted(observed.member_ids),
    }


def tag_drift(spec: WorkgroupSpec, group: t.Optional[Workgroup]) -> list[str]:
    """The declared tags that an existing workgroup does not have; SMC sets tags only when it creates a workgroup."""
    if group is None or spec.state == "absent":
        return []
    return sorted(key for key, value in spec.tags.items() if group.tags.get(key) != value)


def missing_requirements(source: Source, job: t.Optional[Job]) -> list[str]:
    """What a member still needs for an incremental migration, in sentences."""
    found = []
    if source.error_reason:
        found.append(f"The source is not ready: {source.error_reason}.")
    if job is None:
        found.append("It has no job. Create an incremental job with smc_incremental_job.")
        return found
    if not job.incremental:
        found.append(
            f"Its job {job.job_id} runs only once. SMC requires incremental jobs in a workgroup: "
            "delete the job and create an incremental one with smc_incremental_job."
        )
    if job.status == job_lifecycle.IN_ERROR:
        found.append(f"Its job {job.job_id} has failed: {job.error_reason or 'SMC gives no reason'}.")
    elif job.status in (job_lifecycle.STOPPED, job_lifecycle.READY):
        found.append(f"Its job {job.job_id} is {job.status}. Start it with smc_incremental_job and started: true.")
    elif job.status == job_lifecycle.EXPIRED:
        found.append(f"Its job {job.job_id} has expired. Create a new one with smc_incremental_job.")
    return found


def member_result(source: Source, jobs: list[Job]) -> dict[str, t.Any]:
    """A member as the module returns it: the source, the state of its job, and what is missing."""
    job = pick_job([job for job in jobs if job.source_id == source.source_id])
    return {
        "source_id": source.source_id,
        "name": source.name,
        "vm_uuid": source.tags.get(VM_TAG),
        "state": source.state,
        "job": {
            "job_id": job.job_id,
            "status": job.status,
            "phase": job.phase,
            "progress": job.progress,
            "incremental": job.incremental,
            "error_reason": job.error_reason,
        }
        if job
        else None,
        "missing": missing_requirements(source, job),
    }
