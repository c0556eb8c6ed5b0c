# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verdict on a good migration has no violations, and each planted violation is found."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.scenarios import FAULTS, RECORDED, Kill, Scenario
from tests.chaos.verdict import Evidence, violations

Corruption = Callable[[Evidence], None]
ISOLATED = {"VSwitchId": "vsw-lab-isolated", "SecurityGroupId": "sg-lab-isolated", "AutoReleaseTime": "later"}


def entry(number: int, service: str, action: str, made: tuple[str, ...] = (), **parameters: str) -> dict[str, Any]:
    return {
        "number": number,
        "service": service,
        "action": action,
        "at": f"2026-01-01T00:00:{number:02d}Z",
        "parameters": parameters,
        "outcome": "done",
        "made": list(made),
    }


def good() -> Evidence:
    """One VM that was migrated correctly."""
    vm = {
        "name": "app-01",
        "power_state": "poweredOn",
        "snapshots": [],
        "disks": [{"tracked": True}],
        "service": "stopped",
    }
    job = {
        "job_id": "j-1",
        "vm_name": "app-01",
        "status": "Finished",
        "image_ids": ["m-1", "m-2"],
        "images_to_keep": 2,
        "runs": [
            {"image_id": "m-1", "start": "2026-01-01T00:00:02Z"},
            {"image_id": "m-2", "start": "2026-01-01T00:00:08Z"},
        ],
    }
    images = [{"image_id": name, "job_id": "j-1", "status": "Available"} for name in ("m-1", "m-2")]
    state = {
        "sources": [{"source_id": "s-1", "vm_name": "app-01"}],
        "jobs": [job],
        "images": images,
        "snapshots": [{"snapshot_id": "s-a", "image_id": "m-1"}, {"snapshot_id": "s-b", "image_id": "m-2"}],
        "instances": [],
        "disks": [],
        "tokens": [],
        "vpcs": [{"vpc_id": "vpc-lab"}],
    }
    journal = [
        entry(1, "smc", "CreateReplicationJob", ("j-1",), SourceId="s-1"),
        entry(2, "smc", "CreateReplicationJob", ("j-1",), SourceId="s-1"),  # repeated with its token
        entry(4, "ecs", "RunInstances", ("i-1",), **ISOLATED),
        entry(5, "ecs", "DeleteInstance", InstanceId="i-1"),
        entry(7, "guest", "stopped", vm="app-01"),
        entry(9, "smc", "CutOverReplicationJob", JobId="j-1"),
    ]
    disks = {2000: "aa"}
    return Evidence(
        [copy.deepcopy(vm)], [vm], state, journal, {"app-01": disks}, {"m-1": {2000: "bb"}, "m-2": dict(disks)}
    )


def vm_is(**values: Any) -> Corruption:
    return lambda evidence: evidence.vms[0].update(values)


def adds(number: int, service: str, action: str, made: tuple[str, ...] = (), **parameters: str) -> Corruption:
    def corrupt(evidence: Evidence) -> None:
        evidence.journal.append(entry(number, service, action, made, **parameters))
        evidence.journal.sort(key=lambda one: one["number"])

    return corrupt


def leaves(kind: str, **values: str) -> Corruption:
    return lambda evidence: evidence.state[kind].append(values)


def job_is(**values: Any) -> Corruption:
    return lambda evidence: evidence.state["jobs"][0].update(values)


def run_began(second: int) -> Corruption:
    return lambda evidence: evidence.state["jobs"][0]["runs"][-1].update(start=f"2026-01-01T00:00:{second:02d}Z")


def test_a_good_migration_has_no_violations() -> None:
    assert violations(good()) == []


@pytest.mark.parametrize(
    ("corrupt", "violation"),
    [
        (adds(3, "smc", "CreateReplicationJob", ("j-2",), SourceId="s-1"), "had 2 jobs"),
        (leaves("sources", source_id="s-2", vm_name="app-01"), "the sources are"),
        (adds(3, "smc", "DeleteReplicationJob", JobId="j-1"), "which the runbook never needs"),
        (job_is(status="Waiting"), "not one that is Finished"),
        (vm_is(power_state="poweredOff"), "is poweredOff; it was poweredOn"),
        (vm_is(snapshots=["cutover"]), "has the snapshots"),
        (vm_is(disks=[{"tracked": False}]), "not tracked"),
        (vm_is(service="running"), "both sides"),
        (adds(10, "guest", "running", vm="app-01"), "after the completion"),
        (adds(8, "guest", "running", vm="app-01"), "while the services ran"),
        (adds(10, "smc", "CutOverReplicationJob", JobId="j-1"), "carried out 2 times"),
        (run_began(6), "began before the services stopped"),
        (lambda evidence: evidence.images["m-2"].update({2000: "cc"}), "LOST WRITES"),
        (lambda evidence: evidence.state["images"][1].update(status="Creating"), "an image is"),
        (job_is(images_to_keep=1), "there are 2 images"),
        (adds(6, "ecs", "DeleteInstance", InstanceId="i-users"), "instance i-users was deleted"),
        (adds(6, "ecs", "RunInstances", ("i-2",)), "outside the isolated network"),
        (
            adds(6, "ecs", "RunInstances", ("i-2",), VSwitchId="vsw-lab-isolated", SecurityGroupId="sg-lab-isolated"),
            "never be released",
        ),
        (leaves("instances", instance_id="i-9"), "instance i-9 is left over"),
        (leaves("disks", disk_id="d-9"), "disk d-9 is left over"),
        (leaves("snapshots", snapshot_id="s-9", image_id=""), "snapshot s-9 is left over"),
        (leaves("images", image_id="m-9", job_id="j-9"), "image m-9 is left over"),
        (leaves("tokens", token_id="at-9"), "activation code at-9 is left over"),
        (leaves("vpcs", vpc_id="vpc-9"), "VPC vpc-9 is left over"),
        (lambda evidence: evidence.changes.update({"smc TagResources": 1}), "made 1 requests smc TagResources"),
    ],
)
def test_what_is_wrong_is_found(corrupt: Corruption, violation: str) -> None:
    evidence = good()
    corrupt(evidence)
    assert [one for one in violations(evidence) if violation in one], violations(evidence)


def test_a_refused_completion_is_none() -> None:
    evidence = good()
    adds(8, "smc", "CutOverReplicationJob", JobId="j-1")(evidence)
    refused = next(one for one in evidence.journal if one["number"] == 8)
    refused["outcome"] = "Throttling.User"
    assert violations(evidence) == []


def test_a_seed_always_stands_for_the_same() -> None:
    assert Scenario.of(17) == Scenario.of(17)
    assert len({Scenario.of(seed).kills for seed in range(50)}) > 40


def test_of_twelve_seeds_in_a_row_four_are_faulted() -> None:
    assert sum(Scenario.of(seed).is_faulted for seed in range(100, 112)) == 4


def test_the_recorded_seeds_kill_twelve_times_in_every_way() -> None:
    scenarios = [Scenario.of(seed) for seed in RECORDED]
    kills = [kill for scenario in scenarios for kill in scenario.kills]
    assert len(kills) == 12
    assert {kill.trigger for kill in kills} == {"task", "request", "answer", "late"}
    assert {kill.spares_workers for kill in kills} == {True, False}
    assert {scenario.is_faulted for scenario in scenarios} == {True, False}
    assert {"smc", "vcenter"} <= {kill.request[0] for kill in kills}
    assert any(scenario.checks_idempotence for scenario in scenarios)


def test_every_way_to_die_is_drawn() -> None:
    kills = [kill for seed in range(200) for kill in Scenario.of(seed).kills]
    assert {kill.trigger for kill in kills} == {"task", "request", "answer", "late"}
    assert {kill.spares_workers for kill in kills} == {True, False}


def test_the_fault_of_a_kill_comes_before_those_of_its_flavour() -> None:
    kill = Kill("answer", 2, ("smc", "CreateReplicationJob"))
    rules = Scenario(3, True, (kill,), False).faults(kill)
    assert rules[0] == {
        "target": "smc",
        "action": "CreateReplicationJob",
        "kind": "late_answer",
        "nth": 2,
        "delay_ms": 2500,
    }
    assert tuple(rules[1:]) == FAULTS
    assert Scenario(1, False, (), False).faults(None) == []
