# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Indirect node counting: the queries find each node once, by an id that stays, and none in check mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jq
import pytest
import yaml

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Instance
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job

ROOT = Path(__file__).resolve().parents[2]
QUERIES = yaml.safe_load((ROOT / "extensions" / "audit" / "event_query.yml").read_text())
UUID = "50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b"

JOB = Job("j-1", tags={"cutover:vm-uuid": UUID}).as_result()
INSTANCE = Instance("i-1", image_id="m-1").as_result()
RESULTS: dict[str, dict[str, Any]] = {
    "vmware_cbt": {"changed": True, "vm": {"name": "app-01", "moid": "vm-1", "uuid": UUID}},
    "smc_incremental_job": {"changed": True, "job": JOB},
    "smc_job_finalize": {"changed": True, "job": JOB, "finished": True},
    "ecs_verification_instance": {"changed": True, "instance": INSTANCE},
}
EMPTY: dict[str, dict[str, Any]] = {
    "vmware_cbt": {"changed": False, "failed": True, "msg": "no"},
    "smc_incremental_job": {"changed": True, "job": None},
    "smc_job_finalize": {"changed": True, "job": Job("j-1").as_result()},
    "ecs_verification_instance": {"changed": True, "instance": None},
}


def nodes(module: str, result: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = jq.compile(QUERIES[f"cutover.smc.{module}"]["query"]).input_value(result).all()
    return found


def test_every_query_belongs_to_a_module_and_is_tested() -> None:
    assert {name.rpartition(".")[2] for name in QUERIES} == set(RESULTS)
    assert all((ROOT / "plugins" / "modules" / f"{module}.py").is_file() for module in RESULTS)


@pytest.mark.parametrize("module", RESULTS)
def test_finds_the_node(module: str) -> None:
    (node,) = nodes(module, RESULTS[module])
    assert node["name"] in (UUID, "i-1")
    assert list(node["canonical_facts"].values()) == [node["name"]]
    assert node["facts"]["infra_bucket"] == "compute"


def test_a_vm_is_one_node_for_every_module() -> None:
    found = [nodes(module, RESULTS[module]) for module in ("vmware_cbt", "smc_incremental_job", "smc_job_finalize")]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("module", RESULTS)
def test_counts_nothing_in_check_mode(module: str) -> None:
    assert nodes(module, dict(RESULTS[module], check_mode=True)) == []


@pytest.mark.parametrize("module", EMPTY)
def test_counts_nothing_where_there_is_nothing(module: str) -> None:
    assert nodes(module, EMPTY[module]) == []
