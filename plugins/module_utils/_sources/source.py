# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The source of a VM: recognised after its import, named, tagged, in its workgroup, online, or removed (private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api as _alicloud
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import smc as _smc
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source, Workgroup
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    PreconditionError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import PROJECT_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import converge
from ansible_collections.cutover.smc.plugins.module_utils._core.times import parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._sources import (
    source_errors as _source_health,
)
from ansible_collections.cutover.smc.plugins.module_utils._sources import (
    workgroup as _workgroup,
)
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import Identity
from ansible_collections.cutover.smc.plugins.module_utils._sources.lookup import find_source
from ansible_collections.cutover.smc.plugins.module_utils._sources.matching import GuestSigns, match_source
from ansible_collections.cutover.smc.plugins.module_utils._sources.names import SOURCE_NAME


@dataclass(frozen=True)
class Wish:
    """The declared source, and by what it is recognised."""

    state: str
    source_id: t.Optional[str] = None
    vm_uuid: t.Optional[str] = None
    vm_name: t.Optional[str] = None
    hostname: t.Optional[str] = None
    ipv4: tuple[str, ...] = ()
    name: t.Optional[str] = None
    description: t.Optional[str] = None
    tags: dict[str, str] = field(default_factory=dict)
    delete_jobs: bool = False
    wait: bool = True
    workgroup: t.Optional[str] = None

    @property
    def signs(self) -> GuestSigns:
        """By what an untagged source is recognized; an address alone is not enough to delete one."""
        return GuestSigns(self.vm_name, self.hostname, self.ipv4, by_address=self.state == "present")


@dataclass(frozen=True)
class Sight:
    """What was seen at one look: the source, the jobs that use it, and the workgroup in which it is to be, with its size."""

    source: t.Optional[Source]
    jobs: tuple[Job, ...] = ()
    group: t.Optional[Workgroup] = None
    group_size: int = 0


def wish_from(params: t.Mapping[str, t.Any]) -> Wish:
    """:raises InvalidOptionError: names the option, the value and the remedy"""
    name = params["name"]
    if name is not None:
        SOURCE_NAME.check("name", name)
    tags = dict(params["tags"] or {})
    ours = {VM_TAG: params["vm_uuid"], PROJECT_TAG: params["project"]}
    tags.update({key: value for key, value in ours.items() if value})
    return Wish(
        params["state"],
        params["source_id"],
        params["vm_uuid"],
        params["vm_name"],
        params["hostname"],
        tuple(params["ipv4"] or ()),
        name,
        params["description"],
        tags,
        params["delete_jobs"],
        params["wait"],
        params["workgroup"],
    )


def decide(wish: Wish, sight: Sight) -> Plan:
    """What is left to do for the declared state; pure.

    :raises PreconditionError: when the source does not exist, or may not be deleted
    """
    return _present(wish, sight) if wish.state == "present" else _absent(wish, sight)


def _present(wish: Wish, sight: Sight) -> Plan:
    source = sight.source
    if source is None:
        raise PreconditionError(
            "SMC has no source for VM %s" % (wish.vm_name or wish.vm_uuid or wish.source_id),
            remedy="Import it with the connector first (role import_source); if it is there under another name, give its source_id",
        )
    steps = []
    wanted = {"Name": wish.name, "Description": wish.description}
    actual = {"Name": source.name, "Description": source.description}
    changes = {key: value for key, value in wanted.items() if value is not None and value != actual[key]}
    if changes:
        summary = "set %s of source %s" % (" and ".join(sorted(key.lower() for key in changes)), source.source_id)
        shown = {key.lower(): value for key, value in changes.items()}
        steps.append(Step("modify", summary, {"source_id": source.source_id, "parameters": changes}, shown))
    tags = {key: value for key, value in wish.tags.items() if source.tags.get(key) != value}
    if tags:
        summary = "tag source %s: %s" % (source.source_id, ", ".join(sorted(tags)))
        steps.append(
            Step("tag", summary, {"source_id": source.source_id, "tags": tags}, {"tags": dict(source.tags, **tags)})
        )
    steps += _membership(wish, sight, source)
    if not source.online and wish.wait:
        steps.append(
            wait_step("wait_online", "wait until source %s is online" % source.source_id, source_id=source.source_id)
        )
    return Plan(tuple(steps))


def _membership(wish: Wish, sight: Sight, source: Source) -> t.Iterator[Step]:
    if wish.workgroup is None:
        return
    if wish.workgroup and sight.group is None:
        raise PreconditionError(
            "There is no workgroup '%s' for source %s" % (wish.workgroup, source.source_id),
            remedy="Make it with smc_workgroup first",
        )
    wanted = sight.group.workgroup_id if sight.group else ""
    if source.workgroup_id == wanted:
        return
    if wanted and sight.group_size >= _workgroup.MOST_SOURCES:
        raise PreconditionError(
            "Workgroup %s has %d sources, and SMC allows no more" % (wish.workgroup, sight.group_size),
            remedy="Choose another one for source %s" % source.source_id,
        )
    for action, told, workgroup_id, afterwards in (
        ("leave", "take source %s out of workgroup %s", source.workgroup_id, None),
        ("join", "put source %s into workgroup %s", wanted, wanted),
    ):
        if workgroup_id:
            yield Step(
                action,
                told % (source.source_id, workgroup_id),
                {"workgroup_id": workgroup_id, "source_ids": [source.source_id]},
                {"workgroup_id": afterwards},
            )


def _absent(wish: Wish, sight: Sight) -> Plan:
    source = sight.source
    if source is None or source.state == "Deleting":
        return Plan()
    jobs = [job for job in sight.jobs if job.status != lifecycle.DELETING]
    unfinished = [job for job in jobs if job.status in lifecycle.UNFINISHED]
    if unfinished:
        raise PreconditionError(
            "Source %s is used by job %s, which is %s" % (source.source_id, unfinished[0].job_id, unfinished[0].status),
            remedy="Complete the job with smc_job_finalize, or delete it with smc_incremental_job and state: absent",
        )
    if jobs and not wish.delete_jobs:
        raise PreconditionError(
            "Source %s still has job %s, which is %s" % (source.source_id, jobs[0].job_id, jobs[0].status),
            remedy="Delete the job first, or say delete_jobs: true",
        )
    summary = "delete source %s%s" % (source.source_id, " with job %s" % jobs[0].job_id if jobs else "")
    return Plan(
        (Step("delete", summary, {"source_id": source.source_id, "with_jobs": bool(jobs)}, {"state": "absent"}),)
    )


def view(sight: Sight) -> dict[str, t.Any]:
    source = sight.source
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


class Desk:
    """The source at hand: looks at it, and does what a plan says."""

    def __init__(self, smc: _smc.Smc, wish: Wish, params: dict[str, t.Any], context: Context) -> None:
        self._smc = smc
        self._wish = wish
        self._context = context
        self._timeout = parse_duration("wait_timeout", params["wait_timeout"]).total_seconds()
        self._interval = params["poll_interval"]
        self.actions: dict[str, t.Callable[..., None]] = {
            "modify": smc.modify_source,
            "tag": lambda source_id, tags: smc.tag("sourceserver", source_id, tags),
            "join": smc.put_into_workgroup,
            "leave": smc.take_out_of_workgroup,
            "delete": smc.delete_source,
            "wait_online": self._wait_online,
        }

    def observe(self) -> Sight:
        source = self._find()
        jobs = self._smc.jobs(source_ids=[source.source_id]) if source and self._wish.state == "absent" else []
        group = self._group() if self._wish.state == "present" else None
        joins = source and group and source.workgroup_id != group.workgroup_id
        size = len(self._smc.sources(workgroup_id=group.workgroup_id)) if group and joins else 0
        return Sight(source, tuple(jobs), group, size)

    def _group(self) -> t.Optional[Workgroup]:
        if not self._wish.workgroup:
            return None
        groups = self._smc.workgroups()
        return _workgroup.find_by_id(groups, self._wish.workgroup) or _workgroup.find(groups, self._wish.workgroup)

    def _find(self) -> t.Optional[Source]:
        named = find_source(self._smc, Identity(source_id=self._wish.source_id, vm_uuid=self._wish.vm_uuid))
        return named if named or self._wish.source_id else match_source(self._smc.sources(), self._wish.signs)

    def _wait_online(self, source_id: str) -> None:
        seen: list[Source] = []

        def look() -> list[Source]:
            seen[:] = self._smc.sources([source_id])
            return seen

        try:
            Waiter(self._timeout, self._interval, self._context.progress).until(
                look, lambda sources: bool(sources) and sources[0].online, lambda sources: _told(source_id, sources)
            )
        except WaitTimeoutError as late:
            if seen:
                late.remedy = _explained(seen[0])[1] or late.remedy
            raise


def _explained(source: Source) -> tuple[str, str]:
    return _source_health.explain(source.state, source.error_code, source.status_info)


def _told(source_id: str, sources: list[Source]) -> str:
    """A source on a progress line."""
    if not sources:
        return "source %s: not there" % source_id
    return "source %s: %s (%s)" % (source_id, _explained(sources[0])[0], sources[0].trouble)


def shown(source: Source) -> dict[str, t.Any]:
    """A source as results show it: with the meaning of its trouble, and what to do about it."""
    meaning, remedy = _explained(source)
    return dict(source.as_result(), explanation=meaning, remedy=remedy)


def ensure(params: dict[str, t.Any], context: Context) -> dict[str, t.Any]:
    """The handler of ``smc_source``; in check mode a source or a workgroup that is yet to come is no failure."""
    wish = wish_from(params)
    desk = Desk(_smc.Smc(_alicloud.Connection.from_params(params)), wish, params, context)

    def plan(sight: Sight) -> Plan:
        if context.check_mode and sight.source is None and wish.state == "present":
            missing = Step(
                "tag",
                "name and tag the source of %s, once it is imported" % (wish.vm_name or wish.vm_uuid),
                changes={"state": "present", "tags": wish.tags},
            )
            return Plan((missing,))
        if context.check_mode and sight.source and wish.state == "present" and wish.workgroup and sight.group is None:
            told = "put source %s into workgroup %s, once it is made" % (sight.source.source_id, wish.workgroup)
            return Plan((*decide(replace(wish, workgroup=None), sight).steps, Step("join", told)))
        return decide(wish, sight)

    outcome = converge(desk.observe, plan, desk.actions, view, check_mode=context.check_mode)
    source = outcome.observed.source
    return outcome.result(source=shown(source) if source else None, source_id=source.source_id if source else None)


def info(params: dict[str, t.Any], _context: Context) -> dict[str, t.Any]:
    """The handler of ``smc_source_info``."""
    smc = _smc.Smc(_alicloud.Connection.from_params(params))
    tags = dict(params["tags"] or {})
    if params["project"]:
        tags[PROJECT_TAG] = params["project"]
    sources = smc.sources(params["source_ids"], params["name"], params["state"], tags, params["workgroup_id"])
    if params["vm_uuids"] is not None:
        sources = [source for source in sources if source.tags.get(VM_TAG) in params["vm_uuids"]]
    return {
        "changed": False,
        "diff": {"before": {}, "after": {}},
        "plan": [],
        "sources": [shown(source) for source in sorted(sources, key=lambda source: source.source_id)],
        "by_vm_uuid": {source.tags[VM_TAG]: shown(source) for source in sources if source.tags.get(VM_TAG)},
    }
