# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The source of a VM, read and changed in an SMC in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import PreconditionError, WaitTimeoutError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Outcome
from ansible_collections.cutover.smc.plugins.module_utils._sources.source_plan import ObservedSource, parse_spec
from ansible_collections.cutover.smc.plugins.module_utils._sources.source_reconciler import SourceReconciler
from ansible_collections.cutover.smc.plugins.modules.smc_source import MODULE
from tests.unit.plugins.builders import VM_UUID, a_source

NOTHING_GIVEN = {name: option.get("default") for name, option in MODULE.argument_spec.items()}


class Smc:
    """Sources in memory, filtered as SMC filters."""

    def __init__(self, *sources: Source) -> None:
        self.known = {source.source_id: source for source in sources}
        self.writes: list[str] = []

    def sources(self, source_ids: list[str] | None = None, tags: dict[str, str] | None = None) -> list[Source]:
        return [
            source
            for source in self.known.values()
            if (source_ids is None or source.source_id in source_ids) and (tags or {}).items() <= source.tags.items()
        ]

    def jobs(self, source_ids: list[str]) -> list[Job]:
        return []

    def tag(self, resource_type: str, resource_id: str, tags: dict[str, str]) -> None:
        self.writes.append(f"tag {resource_type} {resource_id}")
        source = self.known[resource_id]
        self.known[resource_id] = replace(source, tags={**source.tags, **tags})

    def delete_source(self, source_id: str, with_jobs: bool) -> None:
        self.writes.append(f"delete {source_id}")
        del self.known[source_id]

    modify_source = put_into_workgroup = take_out_of_workgroup = None


def reconcile(smc: Smc, **params: Any) -> Outcome[ObservedSource]:
    context = Context(False, lambda line: None, lambda line: None)
    spec = parse_spec({**NOTHING_GIVEN, **params})
    return SourceReconciler(smc, spec, context, timedelta(0), 0.0).run()  # type: ignore[arg-type]


def untagged(**fields: Any) -> Source:
    return a_source(**{"name": "imported-1", "hostname": "", "ipv4": ("10.0.0.5",), "tags": {}, **fields})


OF_VM = {"vm_uuid": VM_UUID, "vm_name": "app-01", "hostname": "web-1", "ipv4": ["10.0.0.5"]}


def test_an_untagged_source_that_only_its_address_identifies_is_tagged_but_never_deleted():
    smc = Smc(untagged())
    outcome = reconcile(smc, state="absent", **OF_VM)
    assert (outcome.done, smc.writes) == ([], [])
    reconcile(smc, **OF_VM)
    assert smc.writes == ["tag sourceserver s-1"]


@pytest.mark.parametrize("fields", [{"name": "app-01"}, {"hostname": "web-1"}, {"tags": {VM_TAG: VM_UUID}}])
def test_a_source_that_its_name_host_name_or_tag_identifies_is_deleted(fields: dict[str, Any]):
    smc = Smc(untagged(**fields))
    reconcile(smc, state="absent", **OF_VM)
    assert smc.writes == ["delete s-1"]


def test_an_id_that_does_not_exist_is_not_replaced_by_a_similar_source():
    smc = Smc(untagged(name="app-01"))
    assert reconcile(smc, state="absent", source_id="s-9", **OF_VM).done == []
    with pytest.raises(PreconditionError, match="SMC has no source for VM app-01"):
        reconcile(smc, source_id="s-9", **OF_VM)
    assert smc.writes == []


def test_a_wait_that_ends_without_the_source_online_has_the_remedy_of_its_error():
    smc = Smc(a_source(state="Unavailable", error_code="SourceServer.Offline"))
    with pytest.raises(WaitTimeoutError, match="its connector sends no heartbeat") as caught:
        reconcile(smc, **OF_VM)
    assert caught.value.remedy.startswith("Check that the connector runs")
