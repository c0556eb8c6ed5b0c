# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Creates, fills, empties and deletes a workgroup of SMC (private to the collection)."""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Workgroup
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import unused_client_token
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    OutcomeUnknownError,
    PreconditionError,
    UnreachableError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, Params, Result
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, View
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Actions, Reconciler
from ansible_collections.cutover.smc.plugins.module_utils._sources.workgroup_plan import (
    ObservedWorkgroup,
    WorkgroupSpec,
    diff_view,
    match_declared,
    member_result,
    parse_spec,
    plan,
    tag_drift,
    workgroup_by_id,
    workgroup_by_name,
)


class WorkgroupReconciler(Reconciler[WorkgroupSpec, ObservedWorkgroup]):
    """One workgroup and its members."""

    def __init__(self, smc: SmcClient, spec: WorkgroupSpec, context: Context) -> None:
        super().__init__(spec, context)
        self._smc = smc
        self._created_id: t.Optional[str] = None

    def observe(self) -> ObservedWorkgroup:
        groups = self._smc.workgroups()
        group = self._select(groups)
        # A source says in which workgroup it is, so one read finds both the members and the declared sources.
        needed = group is not None or self.spec.source_ids or self.spec.vm_uuids
        sources = self._smc.sources() if needed else []
        declared, missing = match_declared(sources, self.spec)
        members = tuple(source for source in sources if group and source.workgroup_id == group.workgroup_id)
        names = {group.workgroup_id: group.name for group in groups}
        return ObservedWorkgroup(group, members, declared, missing, names)

    def _select(self, groups: list[Workgroup]) -> t.Optional[Workgroup]:
        workgroup_id = self.spec.workgroup_id or self._created_id
        return (
            workgroup_by_id(groups, workgroup_id) if workgroup_id else workgroup_by_name(groups, self.spec.name or "")
        )

    def plan(self, observed: ObservedWorkgroup) -> Plan:
        return plan(self.spec, observed, check_mode=self.context.check_mode)

    def diff_view(self, observed: ObservedWorkgroup) -> View:
        return diff_view(observed)

    @property
    def actions(self) -> Actions:
        return {
            "create": self._create,
            "modify": self._smc.modify_workgroup,
            "join": self._join,
            "leave": self._smc.take_out_of_workgroup,
            "delete": self._smc.delete_workgroup,
        }

    def _create(self, parameters: dict[str, t.Any]) -> None:
        """Create the workgroup once.

        SMC answers a client token that has created a workgroup before with that workgroup, even if it was deleted since then. In
        that case the token is replaced. If the answer to the second request is lost, the next observation finds the workgroup by name.
        """
        for token in (parameters["ClientToken"], unused_client_token()):
            created_id = self._smc.create_workgroup({**parameters, "ClientToken": token})
            if workgroup_by_id(self._smc.workgroups(), created_id):
                self._created_id = created_id
                return
        raise PreconditionError(
            f"SMC has created workgroup {created_id}, but does not list it", remedy="Run it again in a minute"
        )

    def _join(self, workgroup_id: str, source_ids: list[str]) -> None:
        try:
            self._smc.put_into_workgroup(workgroup_id, source_ids)
        except (OutcomeUnknownError, UnreachableError):
            raise
        except CutoverError as error:
            single_runs = self._jobs_that_run_once(source_ids)
            if not single_runs:
                raise
            # It is not certain from the documentation that SMC requires incremental jobs. Here it can be the reason of the refusal.
            raise PreconditionError(
                f"{error.message}. SMC requires incremental jobs in a workgroup, and {'; '.join(single_runs)}",
                remedy="Delete these jobs and create incremental ones with smc_incremental_job, or remove the sources from the options",
                code=error.code,
                request_id=error.request_id,
                http_status=error.http_status,
            ) from None

    def _jobs_that_run_once(self, source_ids: list[str]) -> list[str]:
        """The unfinished jobs that are not incremental, in clauses for a message."""
        jobs = self._smc.jobs(source_ids=source_ids)
        return [
            f"job {job.job_id} of source {job.source_id} runs only once"
            for job in jobs
            if job.status in job_lifecycle.UNFINISHED and not job.incremental
        ]

    def member_results(self, observed: ObservedWorkgroup) -> list[dict[str, t.Any]]:
        """The members with their jobs, as the module returns them; the jobs are read in one call."""
        members = sorted(observed.members, key=lambda source: source.source_id)
        jobs = self._smc.jobs(source_ids=[source.source_id for source in members])
        return [member_result(source, jobs) for source in members]


def run(params: Params, context: Context) -> Result:
    """The handler of ``smc_workgroup``."""
    spec = parse_spec(params)
    reconciler = WorkgroupReconciler(SmcClient(Connection.from_params(params)), spec, context)
    outcome = reconciler.run()
    group = outcome.observed.group
    drift = tag_drift(spec, group)
    if drift:
        context.warn(
            f"Workgroup {spec.label} lacks these tags: {', '.join(drift)}. SMC sets tags only when it creates a workgroup"
        )
    if group is None:
        return outcome.result(workgroup=None, workgroup_id=None)
    workgroup = {**group.as_result(), "members": reconciler.member_results(outcome.observed)}
    return outcome.result(workgroup=workgroup, workgroup_id=group.workgroup_id)
