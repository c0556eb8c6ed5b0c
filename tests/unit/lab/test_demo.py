"""The result of the demonstration: the verdict on a migration, the table, and what is left over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.demo import MEBIBYTE, Migration, left_over, table

GOOD = Migration(
    vm="app-01",
    cbt=True,
    job_id="j-1",
    status="Finished",
    runs=2,
    images=["m-1", "m-2"],
    bytes_sent=[14 * MEBIBYTE, MEBIBYTE // 2],
    services_stopped_at="2026-11-23T05:05:00Z",
    final_run_started_at="2026-11-23T05:12:06Z",
    final_image="m-2",
    disks=[{"key": 2000, "source": "aa" * 32, "image": "aa" * 32}],
)
NOTHING: dict[str, Any] = {"instances": [], "disks": [], "snapshots": [], "tokens": [], "vpcs": [], "images": []}


def test_a_good_migration_is_good() -> None:
    assert GOOD.is_good


@pytest.mark.parametrize(
    "change",
    [
        {"cbt": False},
        {"status": "Waiting"},
        {"disks": []},
        {"disks": [{"key": 2000, "source": "aa" * 32, "image": "bb" * 32}]},
        {"services_stopped_at": ""},
        {"final_run_started_at": "2026-11-23T05:05:00Z"},
        {"final_run_started_at": "2026-11-23T05:04:59Z"},
    ],
)
def test_one_missing_fact_makes_a_migration_bad(change: dict[str, Any]) -> None:
    assert not replace(GOOD, **change).is_good


def test_the_table_shows_what_was_sent_and_whether_the_image_is_the_disk() -> None:
    bad = replace(GOOD, vm="app-02", disks=[{"key": 2000, "source": "aa" * 32, "image": ""}], bytes_sent=[])
    lines = table([GOOD, bad]).splitlines()
    assert "14.0 MiB" in lines[2]
    assert "0.5 MiB" in lines[2]
    assert "yes: aaaaaaaaaaaa" in lines[2]
    assert "NO: aaaaaaaaaaaa" in lines[3]


def test_nothing_is_left_over_besides_images_and_what_existed_before() -> None:
    state = dict(
        NOTHING,
        images=[{"image_id": "m-1"}],
        snapshots=[{"snapshot_id": "s-1", "image_id": "m-1"}],
        vpcs=[{"vpc_id": "vpc-lab"}],
    )
    assert left_over(state, [{"name": "app-01", "snapshots": []}]) == []


@pytest.mark.parametrize(
    ("kind", "record", "expected"),
    [
        ("instances", {"instance_id": "i-1", "name": "No_Delete_SMC_Transition_Instance"}, "instance i-1"),
        ("disks", {"disk_id": "d-1"}, "disk d-1"),
        ("snapshots", {"snapshot_id": "s-1", "image_id": "m-gone"}, "snapshot s-1"),
        ("tokens", {"token_id": "at-1"}, "activation code at-1"),
        ("vpcs", {"vpc_id": "vpc-smc"}, "VPC vpc-smc"),
    ],
)
def test_what_costs_money_is_named(kind: str, record: dict[str, Any], expected: str) -> None:
    (found,) = left_over(dict(NOTHING, **{kind: [record]}), [])
    assert found.startswith(expected)


def test_a_snapshot_of_the_connector_is_named() -> None:
    assert left_over(NOTHING, [{"name": "app-01", "snapshots": ["smc_j-1"]}]) == ["VM snapshot smc_j-1 of app-01"]
