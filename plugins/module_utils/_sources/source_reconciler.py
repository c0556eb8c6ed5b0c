# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, tags and deletes the source of a VM, moves it between workgroups, and waits until it is online (private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Source, Workgroup
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import WaitTimeoutError
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, Params, Result
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, View
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Actions, Reconciler
from ansible_collections.cutover.smc.plugins.module_utils._core.times import parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import Identity
from ansible_collections.cutover.smc.plugins.module_utils._sources.lookup import find_source
from ansible_collections.cutover.smc.plugins.module_utils._sources.matching import match_source
from ansible_collections.cutover.smc.plugins.module_utils._sources.source_plan import (
    ObservedSource,
    SourceSpec,
    describe,
    diff_view,
    explanation,
    parse_spec,
    plan,
    to_result,
)
from ansible_collections.cutover.smc.plugins.module_utils._sources.workgroup_plan import (
    workgroup_by_id,
    workgroup_by_name,
)


class SourceReconciler(Reconciler[SourceSpec, ObservedSource]):
    """The source of one VM.

    :param wait_timeout: how long to wait until the source is online
    :param poll_interval: seconds between two polls
    """

    def __init__(
        self, smc: SmcClient, spec: SourceSpec, context: Context, wait_timeout: timedelta, poll_interval: float
    ) -> None:
        super().__init__(spec, context)
        self._smc = smc
        self._wait_timeout = wait_timeout.total_seconds()
        self._poll_interval = poll_interval

    def observe(self) -> ObservedSource:
        source = self._find()
        if self.spec.state == "absent":
            jobs = self._smc.jobs(source_ids=[source.source_id]) if source else []
            return ObservedSource(source, tuple(jobs))
        group = self._group()
        joins = source and group and source.workgroup_id != group.workgroup_id
        size = len(self._smc.sources(workgroup_id=group.workgroup_id)) if group and joins else 0
        return ObservedSource(source, group=group, group_size=size)

    def _find(self) -> t.Optional[Source]:
        """The source by its ID or its tag; an ID that does not exist is not replaced by a source that looks alike."""
        named = find_source(self._smc, Identity(source_id=self.spec.source_id, vm_uuid=self.spec.vm_uuid))
        return named if named or self.spec.source_id else match_source(self._smc.sources(), self.spec.signs)

    def _group(self) -> t.Optional[Workgroup]:
        if not self.spec.workgroup:
            return None
        groups = self._smc.workgroups()
        return workgroup_by_id(groups, self.spec.workgroup) or workgroup_by_name(groups, self.spec.workgroup)

    def plan(self, observed: ObservedSource) -> Plan:
        return plan(self.spec, observed, check_mode=self.context.check_mode)

    def diff_view(self, observed: ObservedSource) -> View:
        return diff_view(observed)

    @property
    def actions(self) -> Actions:
        return {
            "modify": self._smc.modify_source,
            "tag": self._tag,
            "join": self._smc.put_into_workgroup,
            "leave": self._smc.take_out_of_workgroup,
            "delete": self._smc.delete_source,
            "wait_online": self._wait_online,
        }

    def _tag(self, source_id: str, tags: dict[str, str]) -> None:
        self._smc.tag("sourceserver", source_id, tags)

    def _wait_online(self, source_id: str) -> None:
        last: list[Source] = []

        def poll() -> list[Source]:
            last[:] = self._smc.sources([source_id])
            return last

        waiter = Waiter(self._wait_timeout, self._poll_interval, self.context.progress)
        try:
            waiter.until(
                poll,
                lambda sources: bool(sources) and sources[0].online,
                lambda sources: describe(source_id, sources),
            )
        except WaitTimeoutError as error:
            if last:
                error.remedy = explanation(last[0])[1] or error.remedy
            raise


def run(params: Params, context: Context) -> Result:
    """The handler of ``smc_source``."""
    reconciler = SourceReconciler(
        SmcClient(Connection.from_params(params)),
        parse_spec(params),
        context,
        parse_duration("wait_timeout", params["wait_timeout"]),
        params["poll_interval"],
    )
    outcome = reconciler.run()
    source = outcome.observed.source
    return outcome.result(source=to_result(source) if source else None, source_id=source.source_id if source else None)
