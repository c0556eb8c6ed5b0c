# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One seed: a lab of its own, a migration that is killed and started again, and the verdict."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.playbook import Ended, Playbook
from tests.chaos.scenarios import Draw, Kill
from tests.chaos.secret_forms import search
from tests.chaos.verdict import Evidence, violations
from tests.integration.lab_harness import ROOT, Lab, start_lab

#: How often it is started again after the last kill: what a kill left under way may stand in the way of the next run once.
RUNS_TO_END = {False: 2, True: 3}
VMS = 3


@dataclass
class Verdict:
    """What came of a seed."""

    draw: Draw
    hits: list[str]
    runs: int
    seconds: float
    violations: list[str]
    output: str

    def __str__(self) -> str:
        kind = "faulted" if self.draw.is_faulted else "plain"
        hits = "; ".join(self.hits) or "never hit"
        outcome = "; ".join(self.violations) or "as if nothing had happened"
        return f"seed {self.draw.seed} ({kind}, {self.runs} runs, {self.seconds:.0f} s): {hits}: {outcome}"

    def explain(self) -> str:
        """For a failure: what was drawn, what is wrong, how to see it again, and what the runs showed."""
        drawn = "\n".join(f"  kill {kill}" for kill in self.draw.kills)
        wrong = "\n".join(f"  {told}" for told in self.violations)
        again = f"make chaos N=1 SEED={self.draw.seed}"
        return f"{self}\n{drawn}\n{wrong}\nreplay: {again}\n{self.output[-20000:]}"


def survive(seed: int, directory: Path) -> Verdict:
    """Run a seed in a lab of its own, which is stopped afterwards, and removed when there is nothing to be found out there."""
    verdict = _survive(seed, directory)
    if not verdict.violations:
        shutil.rmtree(directory, ignore_errors=True)
    return verdict


def _survive(seed: int, directory: Path) -> Verdict:
    started = time.monotonic()
    draw = Draw.of(seed)
    lab = start_lab(directory, "--vms", str(VMS), "--switch", f"seed={seed}")
    try:
        before = lab.get("/vms")
        ended = [_run(lab, draw, kill) for kill in draw.kills]
        hits = [one.hit for one in ended if one.hit]
        wrong = [f"the run before the kill ended with {one.status}" for one in ended if not one.hit and one.status]
        for _ in range(RUNS_TO_END[draw.is_faulted]):
            ended.append(_run(lab, draw))
            if ended[-1].status == 0:
                break
        else:
            wrong.append(f"no run came to its end: the last one ended with {ended[-1].status}")
        changes = _changes_of_a_further_run(lab, draw, ended) if draw.looks_again and not wrong else {}
        evidence = gather(lab, before, changes)
        outputs = [(f"the output of run {number}", one.output.encode()) for number, one in enumerate(ended, start=1)]
        leaks = [str(find) for find in search(secrets_of(lab), outputs)]
        text = "\n".join(f"===== run {number} =====\n{one.output}" for number, one in enumerate(ended, start=1))
        return Verdict(draw, hits, len(ended), time.monotonic() - started, wrong + violations(evidence) + leaks, text)
    finally:
        lab.stop()


def _run(lab: Lab, draw: Draw, kill: Kill | None = None) -> Ended:
    lab.control.delete("/faults").raise_for_status()
    lab.faults(*draw.faults(kill))
    return Playbook(lab).run_until(kill)


def _changes_of_a_further_run(lab: Lab, draw: Draw, ended: list[Ended]) -> dict[str, int]:
    lab.forget_requests()
    ended.append(_run(lab, draw))
    return lab.mutating()


def gather(lab: Lab, before: list[dict[str, Any]], changes: dict[str, int]) -> Evidence:
    """All that the lab tells of itself."""
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
    """What no output may hold."""
    return {
        "access key secret": lab.environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        "vCenter password": lab.environment["VMWARE_PASSWORD"],
    }


def seed_directory(seed: int) -> Path:
    """Where a seed's lab lies."""
    return ROOT / "build" / "chaos" / f"seed-{seed}"
