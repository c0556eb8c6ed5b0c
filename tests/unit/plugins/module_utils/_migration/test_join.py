# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists of vCenter, SMC and ECS become one migration for each VM, and nothing of another VM."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._core.markers import VERIFIES_IMAGE_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._migration.join import Cloud, join
from ansible_collections.cutover.smc.plugins.module_utils._migration.migration import Migration
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import GuestFacts, VmFacts
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.vm_properties import InventoryEntry
from tests.unit.plugins.builders import a_job, a_run, a_source, an_image, an_instance, at


def vm(number: int, uuid: str | None = None, **fields: Any) -> VmFacts:
    return VmFacts(f"vm-{number}", f"app-{number}", f"u-{number}" if uuid is None else uuid, **fields)


def entry(facts: VmFacts) -> InventoryEntry:
    return InventoryEntry(None, facts.moid, facts.name, facts.uuid, "", (), "")  # type: ignore[arg-type]


def joined(vms: list[VmFacts], others: list[VmFacts] | None = None, **cloud: Any) -> list[Migration]:
    lists = Cloud(cloud.get("sources", []), cloud.get("jobs", []), cloud.get("images", []), cloud.get("instances", []))
    return join(vms, lists, {}, {}, [entry(facts) for facts in [*vms, *(others or [])]])


def tagged(number: int) -> dict[str, str]:
    return {VM_TAG: f"u-{number}"}


def test_each_vm_gets_what_is_its_own():
    first, second, third = joined(
        [vm(1), vm(2), vm(3)],
        sources=[a_source(source_id=f"s-{number}", tags=tagged(number)) for number in (1, 2)],
        jobs=[
            a_job(job_id=f"j-{number}", source_id=f"s-{number}", tags=tagged(number), runs=(a_run(-30, f"m-{number}"),))
            for number in (1, 2)
        ],
        images=[an_image("m-1"), an_image("m-2"), an_image("m-other"), an_image("m-9", tags=tagged(2))],
        instances=[
            an_instance("i-1", tags={VERIFIES_IMAGE_TAG: "m-1"}),
            an_instance("i-x", tags={VERIFIES_IMAGE_TAG: "m-x"}),
        ],
    )
    assert (first.source and first.source.source_id, first.job and first.job.job_id) == ("s-1", "j-1")
    assert set(first.images or ()) == {"m-1"}
    assert [instance.instance_id for instance in first.instances or ()] == ["i-1"]
    assert (second.source and second.source.source_id, second.job and second.job.job_id) == ("s-2", "j-2")
    assert set(second.images or ()) == {"m-2", "m-9"}
    assert (third.source, third.job, third.images, third.instances) == (None, None, {}, ())


def test_a_job_without_a_tag_is_found_by_its_source():
    (found,) = joined([vm(1)], sources=[a_source(tags=tagged(1))], jobs=[a_job(tags={})])
    assert found.job is not None


def test_a_source_without_a_tag_is_found_by_its_job_or_by_the_names_of_the_vm():
    (by_job,) = joined([vm(1)], sources=[a_source(name="x", tags={})], jobs=[a_job(tags=tagged(1))])
    assert by_job.source is not None
    (by_name,) = joined([vm(1)], sources=[a_source(name="app-1", tags={})])
    assert by_name.source is not None
    guest = GuestFacts(hostname="db.example.com", ips=("10.0.0.7",))
    (by_hostname,) = joined([vm(1, guest=guest)], sources=[a_source(name="x", hostname="db.example.com", tags={})])
    assert by_hostname.source is not None
    (by_address,) = joined([vm(1, guest=guest)], sources=[a_source(name="x", ipv4=("10.0.0.7",), tags={})])
    assert by_address.source is None


def test_a_source_with_the_tag_of_another_vm_is_not_taken_for_its_name():
    (found,) = joined([vm(1)], sources=[a_source(name="app-1", tags=tagged(2))])
    assert found.source is None


def test_the_unfinished_job_counts_or_else_the_newest():
    older, newer = (
        a_job("Finished", job_id=f"j-{name}", created=at(minutes), tags=tagged(1))
        for name, minutes in (("a", -90), ("b", -30))
    )
    (found,) = joined([vm(1)], jobs=[newer, older])
    assert found.job == newer
    alive = a_job(job_id="j-c", created=at(-600), tags=tagged(1))
    (found,) = joined([vm(1)], jobs=[newer, alive, older])
    assert found.job == alive
    (found,) = joined([vm(1)], jobs=[a_job("Deleting", tags=tagged(1))])
    assert found.job is None


def test_several_sources_or_active_jobs_are_reported_and_none_is_picked():
    sources = [a_source(source_id=f"s-{number}", tags=tagged(1)) for number in (1, 2)]
    ambiguous, other = joined([vm(1), vm(2)], sources=[*sources, a_source(source_id="s-3", tags=tagged(2))])
    assert ambiguous.source is None
    assert "Several sources carry the tag" in ambiguous.ambiguity
    assert "s-1, s-2" in ambiguous.ambiguity
    assert (other.source and other.source.source_id, other.ambiguity) == ("s-3", "")
    jobs = [a_job(job_id=f"j-{number}", tags=tagged(1)) for number in (1, 2)]
    (ambiguous,) = joined([vm(1)], jobs=jobs)
    assert (ambiguous.job, ambiguous.ambiguity) == (None, "Several jobs of app-1 are active: j-1, j-2")


def test_vms_that_share_a_uuid_are_each_others_twins_also_when_only_one_is_selected():
    copy = VmFacts("vm-9", "app-1-restored", "u-1")
    (found,) = joined([vm(1)], [copy, vm(2)])
    assert found.twins == ("app-1-restored",)
    assert [found.twins for found in joined([vm(1), copy])] == [("app-1-restored",), ("app-1",)]


def test_vms_without_a_uuid_share_nothing():
    for found in joined([vm(1, uuid=""), vm(2, uuid="")], sources=[a_source(name="x", tags={})], jobs=[a_job(tags={})]):
        assert (found.twins, found.source, found.job) == ((), None, None)


@pytest.mark.parametrize("missing", ["images", "instances"])
def test_what_could_not_be_read_is_unknown(missing: str):
    (found,) = joined([vm(1)], **{missing: None})
    assert getattr(found, missing) is None
