# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A wave of sources, which SMC calls a workgroup: what it is called, and which sources are in it (private to the collection)."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api as _alicloud
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import smc as _smc
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source, Workgroup
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import client_token, unused_client_token
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    InvalidOptionError,
    OutcomeUnknownError,
    PreconditionError,
    UnreachableError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import PROJECT_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import converge
from ansible_collections.cutover.smc.plugins.module_utils._sources.matching import pick_job, single_source
from ansible_collections.cutover.smc.plugins.module_utils._sources.names import WORKGROUP_NAME

MOST_GROUPS = 50
MOST_SOURCES = 50

#: How many sources a message names.
MOST_NAMES = 3


@dataclass(frozen=True)
class Wish:
    """The declared workgroup. What is None is left as it is."""

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
    def told(self) -> str:
        return self.name or self.workgroup_id or ""


@dataclass(frozen=True)
class Sight:
    """What was seen at one look.

    :ivar group: the workgroup, None when there is none
    :ivar members: the sources that are in it
    :ivar wanted: the sources that are to be in it
    :ivar missing: what is named but is no source, such as ``vm_uuid 5039...``
    :ivar names: the names of the account's workgroups, by id
    """

    group: t.Optional[Workgroup]
    members: tuple[Source, ...] = ()
    wanted: tuple[Source, ...] = ()
    missing: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)


def wish_from(params: t.Mapping[str, t.Any]) -> Wish:
    """:raises InvalidOptionError: names the option, the value and the remedy"""
    name, description = params["name"], params["description"]
    if name is not None:
        WORKGROUP_NAME.check("name", name)
    if description is not None and (not 2 <= len(description) <= 256 or re.match("https?://", description)):
        raise InvalidOptionError(
            "Option 'description' is '%s', which SMC does not take" % description,
            remedy="Use 2 to 256 characters that do not begin with http:// or https://",
        )
    tags = dict(params["tags"] or {})
    if params["project"]:
        tags[PROJECT_TAG] = params["project"]
    return Wish(
        params["state"],
        params["workgroup_id"],
        name,
        description,
        tuple(dict.fromkeys(params["source_ids"] or ())),
        tuple(dict.fromkeys(params["vm_uuids"] or ())),
        params["purge"],
        tags,
        params["release_members"],
    )


def find(groups: list[Workgroup], name: str) -> t.Optional[Workgroup]:
    """The workgroup of a name.

    :raises InvalidOptionError: when there are several, with their ids
    """
    found = [group for group in groups if group.name == name]
    if len(found) > 1:
        raise InvalidOptionError(
            "Several workgroups are called '%s': %s" % (name, ", ".join(sorted(group.workgroup_id for group in found))),
            remedy="Name the right one by its id",
        )
    return found[0] if found else None


def find_by_id(groups: list[Workgroup], workgroup_id: str) -> t.Optional[Workgroup]:
    return next((group for group in groups if group.workgroup_id == workgroup_id), None)


def look_up(sources: list[Source], wish: Wish) -> tuple[tuple[Source, ...], tuple[str, ...]]:
    """The sources that the wish names, each once, and what it names that is no source.

    :raises InvalidOptionError: when several sources carry the tag of one VM
    """
    by_id = {source.source_id: source for source in sources}
    found = {source_id: by_id[source_id] for source_id in wish.source_ids if source_id in by_id}
    missing = ["source_id %s" % source_id for source_id in wish.source_ids if source_id not in by_id]
    for vm_uuid in wish.vm_uuids:
        tagged = single_source([source for source in sources if source.tags.get(VM_TAG) == vm_uuid], vm_uuid)
        if tagged:
            found[tagged.source_id] = tagged
        else:
            missing.append("vm_uuid %s" % vm_uuid)
    return tuple(found.values()), tuple(missing)


def decide(wish: Wish, sight: Sight) -> Plan:
    """What is left to do for the declared state; pure.

    :raises InvalidOptionError: when the workgroup does not exist, or would be too large
    :raises PreconditionError: when a source does not exist or is in another workgroup, or the workgroup may not be deleted
    """
    if wish.state == "absent":
        return _absent(wish, sight)
    _check_sources(wish, sight)
    return Plan((*_attributes(wish, sight), *_members(wish, sight)))


def _check_sources(wish: Wish, sight: Sight) -> None:
    if sight.missing:
        raise PreconditionError(
            "SMC has no source for %s" % ", ".join(sight.missing),
            remedy="Import the VM with the connector first (role import_source), and have smc_source tag it",
        )
    own = sight.group.workgroup_id if sight.group else ""
    elsewhere = [source for source in sight.wanted if source.workgroup_id not in ("", own)]
    if elsewhere:
        places: dict[str, list[Source]] = {}
        for source in elsewhere:
            places.setdefault(_place(sight, source), []).append(source)
        raise PreconditionError(
            "A source is in one workgroup at most, and %s"
            % "; ".join(_told_of(sources, place) for place, sources in places.items()),
            remedy="Leave it out here, or move it with smc_source and its option workgroup",
            details={"elsewhere": {source.source_id: source.workgroup_id for source in elsewhere}},
        )
    size = len(_members_afterwards(wish, sight))
    if size > MOST_SOURCES:
        raise InvalidOptionError(
            "Workgroup %s would have %d sources, and SMC allows %d" % (wish.told, size, MOST_SOURCES),
            remedy="Share them out among several workgroups",
        )


def _told_of(sources: t.Sequence[Source], place: str) -> str:
    """Where sources are, in words that stay few for a whole wave."""
    if len(sources) == 1:
        return "source %s (%s) is in %s" % (sources[0].source_id, sources[0].name, place)
    named = [source.name for source in sources[:MOST_NAMES]] + ["..."] * (len(sources) > MOST_NAMES)
    return "%d sources (%s) are in %s" % (len(sources), ", ".join(named), place)


def _place(sight: Sight, source: Source) -> str:
    name = sight.names.get(source.workgroup_id)
    return "workgroup %s (%s)" % (source.workgroup_id, name) if name else "workgroup %s" % source.workgroup_id


def _members_afterwards(wish: Wish, sight: Sight) -> list[str]:
    wanted = {source.source_id for source in sight.wanted}
    kept = set() if wish.purge else {source.source_id for source in sight.members}
    return sorted(wanted | kept)


def _attributes(wish: Wish, sight: Sight) -> t.Iterator[Step]:
    group = sight.group
    if group is None:
        yield _creation(wish, sight)
        return
    wanted = {"Name": wish.name, "Description": wish.description}
    actual = {"Name": group.name, "Description": group.description}
    changes = {key: value for key, value in wanted.items() if value is not None and value != actual[key]}
    if "Name" in changes and wish.name in sight.names.values():
        raise InvalidOptionError(
            "There is a workgroup called '%s' already" % wish.name, remedy="Choose a name that is not in use"
        )
    if changes:
        yield Step(
            "modify",
            "set %s of workgroup %s" % (" and ".join(sorted(key.lower() for key in changes)), group.workgroup_id),
            {"workgroup_id": group.workgroup_id, "parameters": changes},
            {key.lower(): value for key, value in changes.items()},
        )


def _creation(wish: Wish, sight: Sight) -> Step:
    if not wish.name or wish.workgroup_id:
        raise InvalidOptionError(
            "There is no workgroup with workgroup_id '%s'" % wish.workgroup_id,
            remedy="Give a name alone to have one made",
        )
    if len(sight.names) >= MOST_GROUPS:
        raise PreconditionError(
            "Workgroup %s cannot be created: the account has %d, and SMC allows %d"
            % (wish.name, len(sight.names), MOST_GROUPS),
            remedy="Delete the workgroups of waves that are over (smc_workgroup, state: absent)",
        )
    shown = {"state": "present", "name": wish.name, "description": wish.description or "", "source_ids": []}
    return Step("create", "create workgroup %s" % wish.name, {"parameters": creation(wish)}, shown, replan_after=True)


def creation(wish: Wish) -> dict[str, t.Any]:
    """What is sent to create the workgroup, with a token derived from it."""
    parameters = {
        "Name": wish.name,
        "Description": wish.description,
        "Tag": [{"Key": key, "Value": value} for key, value in sorted(wish.tags.items())],
    }
    return dict(parameters, ClientToken=client_token(json.dumps(parameters, sort_keys=True)))


def _members(wish: Wish, sight: Sight) -> t.Iterator[Step]:
    present = {source.source_id for source in sight.members}
    wanted = {source.source_id for source in sight.wanted}
    own = sight.group.workgroup_id if sight.group else ""
    leaving, joining = sorted(present - wanted if wish.purge else ()), sorted(wanted - present)
    if leaving:
        yield _release(own, wish.told, leaving, sorted(present - set(leaving)))
    if joining:
        yield Step(
            "join",
            "put into workgroup %s: %s" % (wish.told, ", ".join(joining)),
            {"workgroup_id": own, "source_ids": joining},
            {"source_ids": _members_afterwards(wish, sight)},
        )


def _release(workgroup_id: str, told: str, leaving: list[str], left: list[str]) -> Step:
    return Step(
        "leave",
        "take out of workgroup %s: %s" % (told, ", ".join(leaving)),
        {"workgroup_id": workgroup_id, "source_ids": leaving},
        {"source_ids": left},
    )


def _absent(wish: Wish, sight: Sight) -> Plan:
    group = sight.group
    if group is None:
        return Plan()
    members = sorted(source.source_id for source in sight.members)
    if members and not wish.release_members:
        raise PreconditionError(
            "Workgroup %s (%s) has %s: %s"
            % (
                group.workgroup_id,
                group.name,
                "1 source" if len(members) == 1 else "%d sources" % len(members),
                ", ".join(members),
            ),
            remedy="Say release_members: true, which takes them out of it and leaves them otherwise as they are",
        )
    deletion = Step(
        "delete",
        "delete workgroup %s (%s)" % (group.workgroup_id, group.name),
        {"workgroup_id": group.workgroup_id},
        {"state": "absent"},
    )
    release = [_release(group.workgroup_id, wish.told, members, [])] if members else []
    return Plan((*release, deletion))


def view(sight: Sight) -> dict[str, t.Any]:
    """The workgroup as a diff shows it."""
    if sight.group is None:
        return {"state": "absent"}
    return {
        "state": "present",
        "workgroup_id": sight.group.workgroup_id,
        "name": sight.group.name,
        "description": sight.group.description,
        "source_ids": sorted(source.source_id for source in sight.members),
    }


def lacks(source: Source, job: t.Optional[Job]) -> list[str]:
    """What a member of a wave is without, in sentences; SMC wants all of them to be copied again and again."""
    found = []
    if source.trouble:
        found.append("The source is not ready: %s." % source.trouble)
    if job is None:
        found.append("It has no job. Make an incremental one with smc_incremental_job.")
        return found
    if not job.incremental:
        found.append(
            "Its job %s runs once only. SMC wants incremental jobs in a workgroup: delete it and make one with smc_incremental_job."
            % job.job_id
        )
    if job.status == lifecycle.IN_ERROR:
        found.append("Its job %s has failed: %s." % (job.job_id, job.trouble or "SMC does not say why"))
    elif job.status in (lifecycle.STOPPED, lifecycle.READY):
        found.append("Its job %s is %s. Have smc_incremental_job with started: true run it." % (job.job_id, job.status))
    elif job.status == lifecycle.EXPIRED:
        found.append("Its job %s has expired. Make a new one with smc_incremental_job." % job.job_id)
    return found


def member(source: Source, jobs: list[Job]) -> dict[str, t.Any]:
    """A member as the module returns it: the source, its job's state, and what it lacks."""
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
            "error_reason": job.trouble,
        }
        if job
        else None,
        "missing": lacks(source, job),
    }


class Desk:
    """The workgroup at hand: looks at it, and does what a plan says."""

    def __init__(self, smc: _smc.Smc, wish: Wish) -> None:
        self._smc = smc
        self._wish = wish
        self._made: t.Optional[str] = None
        self.actions: dict[str, t.Callable[..., None]] = {
            "create": self._create,
            "modify": smc.modify_workgroup,
            "join": self._join,
            "leave": smc.take_out_of_workgroup,
            "delete": smc.delete_workgroup,
        }

    def observe(self) -> Sight:
        groups = self._smc.workgroups()
        group = self._pick(groups)
        # One read for members and for what is named: which workgroup a source is in stands with the source.
        needed = group is not None or self._wish.source_ids or self._wish.vm_uuids
        sources = self._smc.sources() if needed else []
        wanted, missing = look_up(sources, self._wish)
        members = [source for source in sources if group and source.workgroup_id == group.workgroup_id]
        names = {known.workgroup_id: known.name for known in groups}
        return Sight(group, tuple(members), wanted, missing, names)

    def _pick(self, groups: list[Workgroup]) -> t.Optional[Workgroup]:
        workgroup_id = self._wish.workgroup_id or self._made
        return find_by_id(groups, workgroup_id) if workgroup_id else find(groups, self._wish.name or "")

    def _create(self, parameters: dict[str, t.Any]) -> None:
        """Create it, once: a token that has made a workgroup before answers with that one, even when it was deleted since.

        Another token may be any then: were its answer lost, the next look would find the workgroup by its name.
        """
        for token in (parameters["ClientToken"], unused_client_token()):
            made = self._smc.create_workgroup(dict(parameters, ClientToken=token))
            if find_by_id(self._smc.workgroups(), made):
                self._made = made
                return
        raise PreconditionError(
            "SMC has created workgroup %s, and does not list it" % made, remedy="Run it again in a minute"
        )

    def _join(self, workgroup_id: str, source_ids: list[str]) -> None:
        try:
            self._smc.put_into_workgroup(workgroup_id, source_ids)
        except CutoverError as refusal:
            told = (
                [] if isinstance(refusal, (OutcomeUnknownError, UnreachableError)) else self._run_once_only(source_ids)
            )
            if not told:
                raise
            # Whether SMC insists on incremental jobs is not documented for certain; here it may be why it refused.
            raise PreconditionError(
                "%s. SMC wants incremental jobs in a workgroup, and %s" % (refusal.message, "; ".join(told)),
                remedy="Delete these jobs and make incremental ones with smc_incremental_job, or leave the sources out",
                code=refusal.code,
                request_id=refusal.request_id,
                http_status=refusal.http_status,
            ) from None

    def _run_once_only(self, source_ids: list[str]) -> list[str]:
        jobs = self._smc.jobs(source_ids=source_ids)
        unfinished = [job for job in jobs if job.status in lifecycle.UNFINISHED and not job.incremental]
        return ["job %s of source %s runs once only" % (job.job_id, job.source_id) for job in unfinished]

    def members(self, sight: Sight) -> list[dict[str, t.Any]]:
        """The members with their jobs, which are read in one call."""
        jobs = self._smc.jobs(source_ids=[source.source_id for source in sight.members])
        return [member(source, jobs) for source in sorted(sight.members, key=lambda source: source.source_id)]


def ensure(params: dict[str, t.Any], context: Context) -> dict[str, t.Any]:
    """The handler of ``smc_workgroup``; in check mode sources that are yet to be imported are no failure."""
    wish = wish_from(params)
    desk = Desk(_smc.Smc(_alicloud.Connection.from_params(params)), wish)

    def plan(sight: Sight) -> Plan:
        if not (context.check_mode and wish.state == "present" and sight.missing):
            return decide(wish, sight)
        later = Step("join", "put into workgroup %s, once imported: %s" % (wish.told, ", ".join(sight.missing)))
        return Plan((*decide(wish, replace(sight, missing=())).steps, later))

    outcome = converge(desk.observe, plan, desk.actions, view, check_mode=context.check_mode)
    group = outcome.observed.group
    drift = _tag_drift(wish, group)
    if drift:
        context.warn(
            "Workgroup %s lacks tags, which SMC sets only when one is created: %s" % (wish.told, ", ".join(drift))
        )
    workgroup = dict(group.as_result(), members=desk.members(outcome.observed)) if group else None
    return outcome.result(workgroup=workgroup, workgroup_id=group.workgroup_id if group else None)


def _tag_drift(wish: Wish, group: t.Optional[Workgroup]) -> list[str]:
    if group is None or wish.state == "absent":
        return []
    return sorted(key for key, value in wish.tags.items() if group.tags.get(key) != value)
