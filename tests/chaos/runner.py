# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs one seed: a lab of its own, a migration that is killed and started again, and the verdict."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.playbook import Ended, Playbook
from tests.chaos.scenarios import Kill, Scenario
from tests.chaos.secret_forms import search
from tests.chaos.verdict import Evidence, violations
from tests.integration.lab_harness import ROOT, Lab, start_lab

#: How often it is started again after the last kill, without and with faults: an operation that a kill left active may block the next run once.
RUNS_TO_END = {False: 2, True: 3}
VMS = 3


@dataclass
class Verdict:
    """The outcome of a seed."""

    scenario: Scenario
    hits: list[str]
    runs: int
    seconds: float
    violations: list[str]
    output: str

    def __str__(self) -> str:
        kind = "faulted" if self.scenario.is_faulted else "plain"
        hits = "; ".join(self.hits) or "never hit"
        outcome = "; ".join(self.violations) or "as if nothing had happened"
        return f"seed {self.scenario.seed} ({kind}, {self.runs} runs, {self.seconds:.0f} s): {hits}: {outcome}"

    def explain(self) -> str:
        """The explanation of a failure: the kills, the violations, how to replay it, and the output of the runs."""
        drawn = "\n".join(f"  kill {kill}" for kill in self.scenario.kills)
        wrong = "\n".join(f"  {violation}" for violation in self.violations)
        again = f"make chaos N=1 SEED={self.scenario.seed}"
        return f"{self}\n{drawn}\n{wrong}\nreplay: {again}\n{self.output[-20000:]}"


def survive(seed: int, directory: Path) -> Verdict:
    """Run a seed in a lab of its own, which is stopped afterwards and, without violations, removed."""
    verdict = _survive(seed, directory)
    if not verdict.violations:
        shutil.rmtree(directory, ignore_errors=True)
    return verdict


def _survive(seed: int, directory: Path) -> Verdict:
    started = time.monotonic()
    scenario = Scenario.of(seed)
    lab = start_lab(directory, "--vms", str(VMS), "--switch", f"seed={seed}")
    try:
        before = lab.get("/vms")
        ended = [_run(lab, scenario, kill) for kill in scenario.kills]
        hits = [one.hit for one in ended if one.hit]
        wrong = [f"the run before the kill ended with {one.status}" for one in ended if not one.hit and one.status]
        for _ in range(RUNS_TO_END[scenario.is_faulted]):
            ended.append(_run(lab, scenario))
            if ended[-1].status == 0:
                break
        else:
            wrong.append(f"no run succeeded: the last one ended with {ended[-1].status}")
        changes = _changes_of_a_further_run(lab, scenario, ended) if scenario.checks_idempotence and not wrong else {}
        evidence = collect_evidence(lab, before, changes)
        outputs = [(f"the output of run {number}", one.output.encode()) for number, one in enumerate(ended, start=1)]
        leaks = [str(find) for find in search(secrets_of(lab), outputs)]
        text = "\n".join(f"===== run {number} =====\n{one.output}" for number, one in enumerate(ended, start=1))
        return Verdict(
            scenario, hits, len(ended), time.monotonic() - started, wrong + violations(evidence) + leaks, text
        )
    finally:
        lab.stop()


def _run(lab: Lab, scenario: Scenario, kill: Kill | None = None) -> Ended:
    lab.control.delete("/faults")
    lab.faults(*scenario.faults(kill))
    return Playbook(lab).run_until(kill)


def _changes_of_a_further_run(lab: Lab, scenario: Scenario, ended: list[Ended]) -> dict[str, int]:
    lab.reset_requests()
    ended.append(_run(lab, scenario))
    return lab.mutating_requests()


def collect_evidence(lab: Lab, before: list[dict[str, Any]], changes: dict[str, int]) -> Evidence:
    """Read everything from the lab."""
    state, vms = lab.get("/state"), lab.get("/vms")
    return Evidence(
        before,
        vms,
        state,
        lab.get("/journal"),
        {vm["name"]: _hashes(lab, f"/vms/{vm['name']}/disks") for vm in vms},
        {image["image_id"]: _hashes(lab, f"/images/{image['image_id']}/disks") for image in state["images"]},
        changes,
    )


def _hashes(lab: Lab, path: str) -> dict[int, str]:
    return {disk["key"]: disk["sha256"] for disk in lab.get(path)}


def secrets_of(lab: Lab) -> dict[str, str]:
    """The secrets that no output may contain."""
    return {
        "access key secret": lab.environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        "vCenter password": lab.environment["VMWARE_PASSWORD"],
    }


def seed_directory(seed: int) -> Path:
    """The directory of a seed's lab."""
    return ROOT / "build" / "chaos" / f"seed-{seed}"
