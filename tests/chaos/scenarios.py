# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a seed stands for: which faults the clouds have, when the playbook is killed, and how much of it dies."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

#: Every third seed has them: of any twelve in a row eight are plain and four are faulted.
SEEDS_A_FAULTED_ONE = 3
#: Those that CI runs: twelve kills, every kind of them, and both flavours of the clouds.
RECORDED = (202, 639, 1646, 1711, 1731, 2453)
#: An undisturbed run over three VMs shows about so many task lines and makes about so many requests that change something.
TASKS = 118
REQUESTS = 36
#: Requests around which it is worth dying, and how many of each an undisturbed run makes.
DEEDS = {
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
MILLISECONDS_TO_DIE_IN = 2500
FAULTS: tuple[dict[str, Any], ...] = (
    {"target": "smc", "kind": "throttle", "probability": 0.05, "count": 0},
    {"target": "ecs", "kind": "throttle", "probability": 0.05, "count": 0},
    {"target": "smc", "kind": "reset_after_commit", "probability": 0.02, "count": 0},
    {"target": "ecs", "kind": "reset_after_commit", "probability": 0.02, "count": 0},
    {"target": "vcenter", "method": "*", "fault": "EndSession", "probability": 0.03, "count": -1},
)


@dataclass(frozen=True)
class Kill:
    """When a run dies.

    :ivar trigger: ``task``: so many seconds after the N-th task line; ``request``: at the N-th request that changes
        something; ``answer``: the N-th request of a kind has been done, and its answer does not arrive any more; ``late``: that
        request is done only when its client is dead and its successor is at work
    :ivar spares_workers: the playbook's process group dies, and what its workers had begun comes to its end, beside
        the next run; otherwise everything dies that runs on the controller
    """

    trigger: str
    number: int
    deed: tuple[str, str] = ("", "")
    after_seconds: float = 0.0
    spares_workers: bool = False

    def __str__(self) -> str:
        reach = "the process group" if self.spares_workers else "everything"
        where = {
            "task": f"{self.after_seconds:.2f} s after task line {self.number}",
            "request": f"request {self.number} that changes something",
            "answer": f"before the answer to {' '.join(self.deed)} {self.number}",
            "late": f"before {' '.join(self.deed)} {self.number} is done",
        }[self.trigger]
        return f"{reach} at {where}"

    def rules(self) -> tuple[dict[str, Any], ...]:
        """The fault by which the cloud, or vCenter, makes the moment last long enough."""
        service, action = self.deed
        if service == "vcenter":
            # It is carried out as soon as its client is gone.
            delay = {"method": action, "fault": "", "skip": self.number - 1, "delay_ms": MILLISECONDS_TO_DIE_IN}
            return ({"target": "vcenter", **delay},)
        kind = {"answer": "late_answer", "late": "slow"}.get(self.trigger)
        if kind is None:
            return ()
        delay = {"kind": kind, "nth": self.number, "delay_ms": MILLISECONDS_TO_DIE_IN}
        return ({"target": service, "action": action, **delay},)


@dataclass(frozen=True)
class Draw:
    """All that a seed decides.

    :ivar looks_again: a run after the last one has to find that there is nothing to do
    """

    seed: int
    is_faulted: bool
    kills: tuple[Kill, ...]
    looks_again: bool

    @classmethod
    def of(cls, seed: int) -> Draw:
        chance = random.Random(seed)
        kills = tuple(_kill(chance) for _ in range(chance.choice((1, 1, 1, 2))))
        return cls(seed, seed % SEEDS_A_FAULTED_ONE == 0, kills, chance.random() < 0.25)

    def faults(self, kill: Kill | None) -> list[dict[str, Any]]:
        """The rules for a run. That of the kill comes first: the first that matches holds."""
        return [*(kill.rules() if kill else ()), *(FAULTS if self.is_faulted else ())]


def _kill(chance: random.Random) -> Kill:
    trigger = chance.choices(("task", "request", "answer", "late"), (4, 3, 3, 2))[0]
    spares_workers = chance.random() < 0.25
    if trigger == "task":
        return Kill(trigger, chance.randint(1, TASKS), ("", ""), round(chance.uniform(0, 0.6), 2), spares_workers)
    if trigger == "request":
        return Kill(trigger, chance.randint(1, REQUESTS), spares_workers=spares_workers)
    deed = chance.choice(list(DEEDS))
    trigger = "late" if deed[0] == "vcenter" else trigger
    return Kill(trigger, chance.randint(1, DEEDS[deed]), deed, spares_workers=spares_workers)
