# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which source is declared, and what is left to do for it (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source, Workgroup
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import PROJECT_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, View, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._sources.matching import NO_SIGNS, GuestSigns
from ansible_collections.cutover.smc.plugins.module_utils._sources.names import SOURCE_NAME
from ansible_collections.cutover.smc.plugins.module_utils._sources.source_errors import explain
from ansible_collections.cutover.smc.plugins.module_utils._sources.workgroup_plan import MAX_SOURCES


@dataclass(frozen=True)
class SourceSpec:
    """The declared source, and how it is found. An attribute without a value is not changed.

    :ivar signs: how the source is recognized when it does not carry the tag of its VM yet
    :ivar workgroup: the name or the ID of the workgroup; empty for none
    """

    state: str
    source_id: t.Optional[str] = None
    vm_uuid: t.Optional[str] = None
    signs: GuestSigns = NO_SIGNS
    name: t.Optional[str] = None
    description: t.Optional[str] = None
    tags: dict[str, str] = field(default_factory=dict)
    delete_jobs: bool = False
    wait: bool = True
    workgroup: t.Optional[str] = None

    @property
    def vm(self) -> str:
        """The VM as messages name it."""
        return self.signs.vm_name or self.vm_uuid or self.source_id or ""


@dataclass(frozen=True)
class ObservedSource:
    """What was read of the source.

    :ivar jobs: the jobs that use the source; read only when the source will be deleted
    :ivar group: the workgroup in which the source must be
    :ivar group_size: how many sources are in that workgroup; read only when the source is not in it
    """

    source: t.Optional[Source]
    jobs: tuple[Job, ...] = ()
    group: t.Optional[Workgroup] = None
    group_size: int = 0


def parse_spec(params: t.Mapping[str, t.Any]) -> SourceSpec:
    """Read the module's options.

    :raises InvalidOptionError: names the option, the value and the remedy
    """
    if params["name"] is not None:
        SOURCE_NAME.check("name", params["name"])
    own_tags = {VM_TAG: params["vm_uuid"], PROJECT_TAG: params["project"]}
    return SourceSpec(
        state=params["state"],
        source_id=params["source_id"],
        vm_uuid=params["vm_uuid"],
        signs=GuestSigns(
            params["vm_name"],
            params["hostname"],
            tuple(params["ipv4"] or ()),
            # An address can belong to several guests, so it is not enough to delete a source.
            by_address=params["state"] == "present",
        ),
        name=params["name"],
        description=params["description"],
        tags={**(params["tags"] or {}), **{key: value for key, value in own_tags.items() if value}},
        delete_jobs=params["delete_jobs"],
        wait=params["wait"],
        workgroup=params["workgroup"],
    )


def plan(spec: SourceSpec, observed: ObservedSource, *, check_mode: bool = False) -> Plan:
    """What is left to do for the declared state.

    :param check_mode: a source or a workgroup that earlier tasks of the same run would create may not exist yet
    :raises PreconditionError: when the source does not exist, or must not be deleted
    """
    if spec.state == "absent":
        return _absent(spec, observed)
    if check_mode and observed.source is None:
        return Plan((_tagging_after_import(spec),))
    if check_mode and observed.source and spec.workgroup and observed.group is None:
        later = Step(
            "join", f"put source {observed.source.source_id} into workgroup {spec.workgroup} after its creation"
        )
        return Plan((*_present(replace(spec, workgroup=None), observed).steps, later))
    return _present(spec, observed)


def _tagging_after_import(spec: SourceSpec) -> Step:
    return Step(
        "tag",
        f"set the name and the tags of the source of {spec.vm} after its import",
        changes={"state": "present", "tags": spec.tags},
    )


def _present(spec: SourceSpec, observed: ObservedSource) -> Plan:
    source = observed.source
    if source is None:
        raise PreconditionError(
            f"SMC has no source for VM {spec.vm}",
            remedy="Import the VM with the connector first (role import_source). If the source exists under another name, set source_id",
        )
    steps = [*_attributes(spec, source), *_tags(spec, source), *_membership(spec, observed, source)]
    if spec.wait and not source.online:
        steps.append(
            wait_step("wait_online", f"wait until source {source.source_id} is online", source_id=source.source_id)
        )
    return Plan(tuple(steps))


def _attributes(spec: SourceSpec, source: Source) -> t.Iterator[Step]:
    desired = {"Name": spec.name, "Description": spec.description}
    actual = {"Name": source.name, "Description": source.description}
    changes = {key: value for key, value in desired.items() if value is not None and value != actual[key]}
    if changes:
        view = {key.lower(): value for key, value in changes.items()}
        yield Step(
            "modify",
            f"set {' and '.join(sorted(view))} of source {source.source_id}",
            {"source_id": source.source_id, "parameters": changes},
            view,
        )


def _tags(spec: SourceSpec, source: Source) -> t.Iterator[Step]:
    tags = {key: value for key, value in spec.tags.items() if source.tags.get(key) != value}
    if tags:
        yield Step(
            "tag",
            f"tag source {source.source_id}: {', '.join(sorted(tags))}",
            {"source_id": source.source_id, "tags": tags},
            {"tags": {**source.tags, **tags}},
        )


def _membership(spec: SourceSpec, observed: ObservedSource, source: Source) -> t.Iterator[Step]:
    """Take the source out of its workgroup and put it into the declared one: a source is in one workgroup at most."""
    if spec.workgroup is None:
        return
    group = observed.group
    if spec.workgroup and group is None:
        raise PreconditionError(
            f"There is no workgroup '{spec.workgroup}' for source {source.source_id}",
            remedy="Create it with smc_workgroup first",
        )
    desired = group.workgroup_id if group else ""
    if source.workgroup_id == desired:
        return
    if desired and observed.group_size >= MAX_SOURCES:
        raise PreconditionError(
            f"Workgroup {spec.workgroup} has {observed.group_size} sources, and SMC allows no more",
            remedy=f"Choose another workgroup for source {source.source_id}",
        )
    if source.workgroup_id:
        yield _move("leave", "take source {} out of workgroup {}", source, source.workgroup_id, None)
    if desired:
        yield _move("join", "put source {} into workgroup {}", source, desired, desired)


def _move(action: str, summary: str, source: Source, workgroup_id: str, afterwards: t.Optional[str]) -> Step:
    return Step(
        action,
        summary.format(source.source_id, workgroup_id),
        {"workgroup_id": workgroup_id, "source_ids": [source.source_id]},
        {"workgroup_id": afterwards},
    )


def _absent(spec: SourceSpec, observed: ObservedSource) -> Plan:
    source = observed.source
    if source is None or source.state == "Deleting":
        return Plan()
    jobs = [job for job in observed.jobs if job.status != job_lifecycle.DELETING]
    unfinished = [job for job in jobs if job.status in job_lifecycle.UNFINISHED]
    if unfinished:
        raise PreconditionError(
            f"Source {source.source_id} is used by job {unfinished[0].job_id}, which is {unfinished[0].status}",
            remedy="Complete the job with smc_job_finalize, or delete it with smc_incremental_job and state: absent",
        )
    if jobs and not spec.delete_jobs:
        raise PreconditionError(
            f"Source {source.source_id} still has job {jobs[0].job_id}, which is {jobs[0].status}",
            remedy="Delete the job first, or set delete_jobs: true",
        )
    summary = f"delete source {source.source_id}{f' with job {jobs[0].job_id}' if jobs else ''}"
    return Plan(
        (Step("delete", summary, {"source_id": source.source_id, "with_jobs": bool(jobs)}, {"state": "absent"}),)
    )


def diff_view(observed: ObservedSource) -> View:
    """The source as the diff shows it."""
    source = observed.source
    if source is None:
        return {"state": "absent"}
    return {
        "source_id": source.source_id,
        "state": "present" if source.state != "Deleting" else "absent",
        "name": source.name,
        "description": source.description,
        "tags": source.tags,
        "workgroup_id": source.workgroup_id or None,
    }


def describe(source_id: str, sources: t.Sequence[Source]) -> str:
    """The state of a source as a progress line shows it.

    :param sources: what SMC lists for the ID: the source, or nothing
    """
    if not sources:
        return f"source {source_id}: does not exist"
    meaning, _remedy = explanation(sources[0])
    return f"source {source_id}: {meaning} ({sources[0].error_reason})"


def explanation(source: Source) -> tuple[str, str]:
    """The meaning of a source's error and its remedy; both are empty when the source is online."""
    return explain(source.state, source.error_code, source.status_info)


def to_result(source: Source) -> dict[str, t.Any]:
    """The source as modules return it: with the meaning of its error, and the remedy."""
    meaning, remedy = explanation(source)
    return {**source.as_result(), "explanation": meaning, "remedy": remedy}
