# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cost table of a clean-up: what was deleted, what is kept, what it costs, and what could not be read."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.filter.cost_table import cost_table


def costs(*notes: str) -> dict[str, Any]:
    return {"currency": "CNY", "items": [], "unknown": [], "notes": list(notes)}


def table(region: dict[str, Any], *items: dict[str, Any], orphans: tuple[dict[str, Any], ...] = ()) -> list[str]:
    """The lines for one VM."""
    result = {"left": {}, "orphans": list(orphans), "costs": costs("No price.") | {"items": list(items)}}
    host = {"identify_vm": {"name": "app-01", "uuid": "u-1"}, "clean_up_result": result}
    return cost_table(["app-01"], {"app-01": host}, region)


def an_item(identifier: str = "m-1", **fields: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "kind": "image",
        "name": "",
        "kept": True,
        "per_day": 0.25,
        "is_upper_bound": True,
        "vm_uuid": "u-1",
        "reason": "it is the final image",
    } | fields


def test_notes_of_the_vms_and_of_the_region_are_shown_once() -> None:
    lines = table({"costs": costs("No price.", "Job j-9 is InError."), "orphans": []})
    assert lines.count("No price.") == 1
    assert lines.count("Job j-9 is InError.") == 1


def test_a_region_that_could_not_be_read_is_reported() -> None:
    lines = table({"failed": True, "msg": "DescribeDisks: no"})
    assert "Orphans could not be searched: DescribeDisks: no" in lines
    assert "No price." in lines


def test_resources_of_a_vm_that_only_the_region_shows_are_its_own() -> None:
    kept = {
        "id": "i-9",
        "kind": "verification_instance",
        "name": "",
        "kept": True,
        "per_day": 1.5,
        "is_upper_bound": False,
    }
    mine = kept | {"vm_uuid": "u-1", "reason": "it verifies an image until tomorrow"}
    region = costs() | {"items": [mine, mine | {"id": "i-8", "vm_uuid": "u-2"}, mine | {"id": "i-7"}]}
    lines = table(
        {
            "costs": region,
            "orphans": [{"id": "i-7", "kind": "verification_instance", "name": "", "reason": "", "blocked_by": ""}],
        }
    )
    rows = [line.split() for line in lines]
    assert ["app-01", "keep", "verification", "instance", "i-9", "1.50", "CNY"] in [row[:7] for row in rows]
    assert ["total", "keep", "1", "resource", "1.50", "CNY"] in [row[:6] for row in rows]
    assert not any("i-8" in row for row in rows)


def test_the_table_has_a_line_for_each_resource_and_both_totals() -> None:
    kept = an_item(name="app-01_CYCLE_2")
    deleted = an_item(
        "i-1", kind="verification_instance", kept=False, per_day=5.2, is_upper_bound=False, reason="it is old"
    )
    assert table({}, kept, deleted)[:5] == [
        "VM                   action resource               id                                  per day  reason",
        "app-01               keep   image                  m-1                             <= 0.25 CNY  it is the final image "
        "(app-01_CYCLE_2)",
        "app-01               delete verification instance  i-1                                5.20 CNY  it is old",
        "total                keep   1 resource                                             <= 0.25 CNY  per day",
        "total                delete 1 resource                                                5.20 CNY  per day",
    ]


def test_an_unknown_price_is_shown_as_unknown_and_not_as_free() -> None:
    lines = table({}, an_item(per_day=None), an_item("m-2"), an_item("i-1", kept=False, per_day=None))
    assert lines[1].split()[4] == "unknown"
    assert " ".join(lines[4].split()[2:]) == "2 resources <= 0.25 CNY per day, and 1 of unknown price"
    assert " ".join(lines[5].split()[2:]) == "1 resource unknown per day"


def test_a_vm_without_billed_resources_has_a_line() -> None:
    lines = table({})
    assert lines[1].split()[:2] == ["app-01", "nothing"]
    assert [line.split()[2:6] for line in lines[2:4]] == [["0", "resources", "0.00", "CNY"]] * 2


def test_orphans_are_listed_with_what_happens_to_them() -> None:
    blocked = {
        "id": "d-1",
        "kind": "disk",
        "name": "SMC_Temp_Disk",
        "reason": "it is not attached",
        "blocked_by": "job j-1 is unfinished",
    }
    of_vm = {
        "id": "snapshot-4",
        "kind": "vm_snapshot",
        "name": "smc_j-1_x",
        "reason": "job j-1 is over",
        "blocked_by": "",
    }
    deleted = an_item(
        "i-9", kind="instance", kept=False, vm_uuid=None, per_day=2.0, is_upper_bound=False, reason="no job names it"
    )
    region = {"costs": costs() | {"items": [deleted, an_item("d-1", vm_uuid=None)]}, "orphans": [blocked]}
    lines = [" ".join(line.split()) for line in table(region, orphans=(of_vm,))]
    assert "orphan delete instance i-9 2.00 CNY no job names it" in lines
    assert "orphan keep vm snapshot snapshot-4 job j-1 is over (smc_j-1_x)" in lines
    reason = "it is not attached (SMC_Temp_Disk); it must not be deleted now: job j-1 is unfinished"
    assert f"orphan keep disk d-1 <= 0.25 CNY {reason}" in lines
    assert any(line.startswith("Orphans are kept until you name them") for line in lines)
    assert not any(
        "Orphans are kept" in line for line in table({"costs": costs() | {"items": [deleted]}, "orphans": []})
    )


def test_missing_prices_are_named_once() -> None:
    unknown = {"unknown": [{"reason": "no price is known for snapshots"}] * 2}
    host = {
        "identify_vm": {"name": "app-01", "uuid": "u-1"},
        "clean_up_result": {"left": {}, "orphans": [], "costs": costs() | unknown},
    }
    lines = cost_table(["app-01"], {"app-01": host}, {"skipped": True})
    assert lines[-1] == "Unknown: no price is known for snapshots; set it in cutover_prices"
    assert sum(line.startswith("Unknown") for line in lines) == 1


def test_hosts_without_a_result_are_left_out() -> None:
    hostvars = {
        "app-01": {"identify_vm": {"name": "app-01", "uuid": "u-1"}, "clean_up_result": {"skipped": True}},
        "app-02": {},
    }
    assert cost_table(["app-01", "app-02"], hostvars, {}) == []
    with pytest.raises(AnsibleFilterError, match="cost_table requires the registered result"):
        cost_table([], {}, None)
