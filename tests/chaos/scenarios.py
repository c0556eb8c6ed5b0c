# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scenario of a seed: the faults of the clouds, when the playbook is killed, and which of its processes die."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

#: Every third seed has faults: of any twelve in a row, eight are plain and four are faulted.
FAULTED_SEED_INTERVAL = 3
#: The seeds that CI runs: twelve kills of every kind, with and without faults.
RECORDED = (202, 639, 1646, 1711, 1731, 2453)
#: The approximate numbers of task lines and of mutating requests of an undisturbed run over three VMs.
TASKS = 118
REQUESTS = 36
#: The requests around which a run is killed, and how many of each an undisturbed run makes.
REQUEST_COUNTS = {
    ("smc", "CreateAccessToken"): 1,
    ("smc", "DisableAccessToken"): 1,
    ("smc", "DeleteAccessToken"): 1,
    ("smc", "CreateReplicationJob"): 3,
    ("smc", "StartReplicationJob"): 6,
    ("smc", "TagResources"): 9,
    ("smc", "CutOverReplicationJob"): 3,
    ("ecs", "RunInstances"): 3,
    ("ecs", "DeleteInstance"): 3,
    ("vcenter", "ReconfigVM_Task"): 3,
    ("vcenter", "CreateSnapshot_Task"): 3,
    ("vcenter", "RemoveSnapshot_Task"): 3,
}
KILL_WINDOW_MS = 2500
FAULTS: tuple[dict[str, Any], ...] = (
    {"target": "smc", "kind": "throttle", "probability": 0.05, "count": 0},
    {"target": "ecs", "kind": "throttle", "probability": 0.05, "count": 0},
    {"target": "smc", "kind": "reset_after_commit", "probability": 0.02, "count": 0},
    {"target": "ecs", "kind": "reset_after_commit", "probability": 0.02, "count": 0},
    {"target": "vcenter", "method": "*", "fault": "EndSession", "probability": 0.03, "count": -1},
)


@dataclass(frozen=True)
class Kill:
    """When a run is killed.

    :ivar trigger: ``task``: some seconds after the N-th task line; ``request``: at the N-th mutating request;
        ``answer``: the N-th request of a kind has been carried out, but its answer never arrives; ``late``: that request is
        carried out only after its client has died, while the next run is active
    :ivar spares_workers: only the playbook's process group dies; its workers finish what they have begun, in parallel to
        the next run. Otherwise every process on the controller dies
    """

    trigger: str
    number: int
    request: tuple[str, str] = ("", "")
    after_seconds: float = 0.0
    spares_workers: bool = False

    def __str__(self) -> str:
        reach = "the process group" if self.spares_workers else "everything"
        where = {
            "task": f"{self.after_seconds:.2f} s after task line {self.number}",
            "request": f"mutating request {self.number}",
            "answer": f"before the answer to {' '.join(self.request)} {self.number}",
            "late": f"before {' '.join(self.request)} {self.number} is done",
        }[self.trigger]
        return f"{reach} at {where}"

    def rules(self) -> tuple[dict[str, Any], ...]:
        """The fault that extends the request, so that the kill happens during it."""
        service, action = self.request
        if service == "vcenter":
            # vCenter carries it out as soon as its client has disconnected.
            delay = {"method": action, "fault": "", "skip": self.number - 1, "delay_ms": KILL_WINDOW_MS}
            return ({"target": "vcenter", **delay},)
        kind = {"answer": "late_answer", "late": "slow"}.get(self.trigger)
        if kind is None:
            return ()
        delay = {"kind": kind, "nth": self.number, "delay_ms": KILL_WINDOW_MS}
        return ({"target": service, "action": action, **delay},)


@dataclass(frozen=True)
class Scenario:
    """Everything that a seed decides.

    :ivar checks_idempotence: a further run after the last one must change nothing
    """

    seed: int
    is_faulted: bool
    kills: tuple[Kill, ...]
    checks_idempotence: bool

    @classmethod
    def of(cls, seed: int) -> Scenario:
        chance = random.Random(seed)
        kills = tuple(_kill(chance) for _ in range(chance.choice((1, 1, 1, 2))))
        return cls(seed, seed % FAULTED_SEED_INTERVAL == 0, kills, chance.random() < 0.25)

    def faults(self, kill: Kill | None) -> list[dict[str, Any]]:
        """The fault rules of a run. Those of the kill come first, because the first match applies."""
        return [*(kill.rules() if kill else ()), *(FAULTS if self.is_faulted else ())]


def _kill(chance: random.Random) -> Kill:
    trigger = chance.choices(("task", "request", "answer", "late"), (4, 3, 3, 2))[0]
    spares_workers = chance.random() < 0.25
    if trigger == "task":
        return Kill(trigger, chance.randint(1, TASKS), ("", ""), round(chance.uniform(0, 0.6), 2), spares_workers)
    if trigger == "request":
        return Kill(trigger, chance.randint(1, REQUESTS), spares_workers=spares_workers)
    request = chance.choice(list(REQUEST_COUNTS))
    trigger = "late" if request[0] == "vcenter" else trigger
    return Kill(trigger, chance.randint(1, REQUEST_COUNTS[request]), request, spares_workers=spares_workers)
