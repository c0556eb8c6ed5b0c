# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The source and the job of a VM: found by ID, tag or name, and never guessed among several."""

from __future__ import annotations

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import Identity
from ansible_collections.cutover.smc.plugins.module_utils._sources.lookup import find_job, find_source
from ansible_collections.cutover.smc.plugins.module_utils._sources.matching import pick_job
from tests.unit.plugins.builders import VM_UUID, a_job, a_source, at


class Smc:
    """Jobs and sources in memory, filtered as SMC filters; part of the name is enough."""

    def __init__(self, jobs: tuple[Job, ...] = (), sources: tuple[Source, ...] = ()) -> None:
        self._jobs, self._sources = jobs, sources

    def jobs(self, job_ids=None, source_ids=None, name=None, tags=None) -> list[Job]:
        return [
            job
            for job in self._jobs
            if (job_ids is None or job.job_id in job_ids)
            and (source_ids is None or job.source_id in source_ids)
            and (name is None or name in job.name)
            and (tags or {}).items() <= job.tags.items()
        ]

    def sources(self, source_ids=None, tags=None) -> list[Source]:
        return [
            source
            for source in self._sources
            if (source_ids is None or source.source_id in source_ids) and (tags or {}).items() <= source.tags.items()
        ]


OF_VM = Identity(vm_uuid=VM_UUID)


def test_a_job_by_its_id():
    assert find_job(Smc((a_job(),)), Identity(job_id="j-1")).job_id == "j-1"
    with pytest.raises(InvalidOptionError, match="There is no job with job_id 'j-2'"):
        find_job(Smc((a_job(),)), Identity(job_id="j-2"))


def test_a_job_by_its_source_or_its_vm():
    smc = Smc((a_job(job_id="j-other", source_id="s-2", tags={}), a_job()))
    assert find_job(smc, Identity(source_id="s-1")).job_id == "j-1"
    assert find_job(smc, OF_VM).job_id == "j-1"
    assert find_job(smc, Identity(source_id="s-3")) is None
    assert find_job(smc, Identity(vm_uuid="another")) is None


def test_a_job_by_its_name_when_nothing_else_is_given():
    smc = Smc((a_job(job_id="j-other", name="app-010"), a_job("Finished", name="app-01")))
    by_name = Identity.from_params({"name": "app-01"}, by_name=True)
    assert find_job(smc, by_name).job_id == "j-1"
    assert str(by_name) == "name app-01"
    assert find_job(smc, Identity.from_params({"name": "app-0"}, by_name=True)) is None
    # Beside another option, the name is an attribute that the job will get.
    assert Identity.from_params({"name": "app-01", "source_id": "s-1"}, by_name=True).name is None
    assert Identity.from_params({"name": "app-01"}).name is None


def test_a_job_that_will_be_deleted_may_be_deleted_already_or_just_now():
    deleting = a_job("Deleting")
    for identity in (Identity(job_id="j-1"), Identity(source_id="s-1"), OF_VM):
        assert find_job(Smc((deleting,)), identity, for_deletion=True).status == "Deleting"
        assert find_job(Smc(()), identity, for_deletion=True) is None
    assert find_job(Smc((deleting, a_job(job_id="j-2"))), OF_VM, for_deletion=True).job_id == "j-2"
    assert find_job(Smc((deleting,)), OF_VM) is None


def test_a_job_that_was_created_manually_is_found_by_the_tag_of_its_source():
    smc = Smc((a_job(tags={}),), (a_source(),))
    assert find_job(smc, OF_VM).job_id == "j-1"


def test_the_unfinished_job_precedes_any_other():
    finished = a_job("Finished", job_id="j-new", created=at(-1))
    manual = a_job("Ready", job_id="j-manual", created=at(-900), tags={})
    assert find_job(Smc((finished, manual), (a_source(),)), OF_VM).job_id == "j-manual"


def test_several_active_jobs_are_listed_and_none_is_picked():
    twice = (a_job(), a_job("Running", job_id="j-2", source_id="s-2"))
    with pytest.raises(PreconditionError, match=f"Several jobs of vm_uuid {VM_UUID} are active: j-1, j-2"):
        find_job(Smc(twice), OF_VM)
    assert find_job(Smc(twice), Identity(source_id="s-2")).job_id == "j-2"
    expired = a_job("Expired", job_id="j-0", source_id="s-0", created=at(-9000))
    assert find_job(Smc((expired, a_job())), OF_VM).job_id == "j-1"


@pytest.mark.parametrize(
    ("jobs", "picked"),
    [
        ([], None),
        ([a_job("Deleting")], None),
        ([a_job("Finished", job_id="a", created=at(-9)), a_job("Finished", job_id="b", created=at(-3))], "b"),
        ([a_job("Expired", job_id="a", created=at(-9)), a_job("Finished", job_id="b", created=at(-3))], "a"),
        ([a_job("Deleting", job_id="a", created=at(-1)), a_job("Finished", job_id="b", created=at(-3))], "b"),
        ([a_job("Waiting", job_id="a", created=None), a_job("Finished", job_id="b")], "a"),
    ],
)
def test_of_several_jobs_one_matters(jobs: list[Job], picked: str | None):
    for order in (jobs, jobs[::-1]):
        found = pick_job(order)
        assert (found.job_id if found else None) == picked


def test_the_source_of_a_job():
    smc = Smc((), (a_source(), a_source(source_id="s-2", tags={})))
    assert find_source(smc, OF_VM, None).source_id == "s-1"
    assert find_source(smc, OF_VM, a_job(source_id="s-2")).source_id == "s-2"
    assert find_source(smc, Identity(source_id="s-2"), None).source_id == "s-2"
    assert find_source(smc, Identity(source_id="s-9"), None) is None
    assert find_source(smc, Identity(job_id="j-1"), None) is None


def test_two_sources_of_one_vm_are_listed_and_none_is_picked():
    smc = Smc((), (a_source(), a_source(source_id="s-2")))
    with pytest.raises(
        InvalidOptionError, match=r"Several sources carry the tag cutover:vm-uuid=.*: s-1, s-2\. Delete"
    ):
        find_source(smc, OF_VM, None)
