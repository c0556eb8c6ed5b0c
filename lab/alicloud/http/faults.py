"""Fault injection by rules: which call or job is hit, how often, and how."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from lab.alicloud.world.records import Image, Job, Source

REQUEST_KINDS = frozenset(
    {
        "throttle",
        "throttle_retry_after",
        "internal_error",
        "service_unavailable",
        "html_502",
        "reset_before_commit",
        "reset_after_commit",
        "slow",
        "late_answer",
        "clock_skew",
        "error",
    }
)
JOB_KINDS = frozenset({"job_in_error", "instance_gone"})
INSTANCE_KINDS = frozenset({"boot_fails"})
SOURCE_KINDS = frozenset({"heartbeat_lost"})
_KNOWN = frozenset({"target", "kind", "action", "nth", "count", "probability"})


@dataclass
class Rule:
    """One fault: it hits `count` matching calls, the `nth` being the first; 0 means every one from then on."""

    target: str
    kind: str
    action: str = "*"
    nth: int = 1
    count: int = 1
    probability: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    hits: int = 0

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Rule:
        """Read a rule; ValueError says what is wrong with it."""
        target, kind = str(data.get("target", "smc")), str(data.get("kind", ""))
        if target not in ("smc", "ecs"):
            raise ValueError(f"a fault's target is smc, ecs or vcenter, not {target!r}")
        if kind not in REQUEST_KINDS | JOB_KINDS | SOURCE_KINDS | INSTANCE_KINDS:
            raise ValueError(f"there is no fault of kind {kind!r}")
        nth, count = int(data.get("nth", 1)), int(data.get("count", 1))
        probability = float(data.get("probability", 1.0))
        if nth < 1 or count < 0 or not 0 <= probability <= 1:
            raise ValueError("nth starts at 1, count at 0, and probability is between 0 and 1")
        options = {name: value for name, value in data.items() if name not in _KNOWN}
        return cls(target, kind, str(data.get("action", "*")), nth, count, probability, options)

    def hit(self, generator: random.Random) -> bool:
        """Count one matching call; return whether it is hit."""
        self.seen += 1
        if self.seen < self.nth or (self.count and self.hits >= self.count) or generator.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def as_dict(self) -> dict[str, Any]:
        """The rule and how often it has hit."""
        return {
            "target": self.target,
            "kind": self.kind,
            "action": self.action,
            "nth": self.nth,
            "count": self.count,
            "probability": self.probability,
            "seen": self.seen,
            "hits": self.hits,
            **self.options,
        }


class Faults:
    """All rules. Its caller holds the store's lock."""

    def __init__(self, seed: int = 1) -> None:
        self._rules: list[Rule] = []
        self._random = random.Random(seed)

    def add(self, rule: Rule) -> None:
        """Add a rule."""
        self._rules.append(rule)

    def clear(self) -> None:
        """Remove all rules."""
        self._rules.clear()

    def rules(self) -> list[Rule]:
        """The rules in effect."""
        return list(self._rules)

    def request_fault(self, service: str, action: str) -> Rule | None:
        """The rule that hits this call, if one does."""
        for rule in self._rules:
            matches = rule.kind in REQUEST_KINDS and rule.target == service and rule.action in ("*", action)
            if matches and rule.hit(self._random):
                return rule
        return None

    def job_fault(self, kind: str, job: Job, source: Source, phase: str) -> Rule | None:
        """The rule that hits this job at this phase; a rule names a phase (default Syncing) and a job or source."""
        for rule in self._rules:
            if rule.kind != kind or rule.options.get("phase", "Syncing") != phase:
                continue
            wanted_job, wanted_source = rule.options.get("job", "*"), rule.options.get("source", "*")
            matches = wanted_job in ("*", job.job_id, job.name) and source_matches(wanted_source, source)
            if matches and rule.hit(self._random):
                return rule
        return None

    def boot_fault(self, image: Image) -> Rule | None:
        """The rule that keeps an instance of this image from starting; a rule may name the image by id or name."""
        for rule in self._rules:
            matches = rule.kind == "boot_fails" and rule.options.get("image", "*") in ("*", image.image_id, image.name)
            if matches and rule.hit(self._random):
                return rule
        return None


def source_matches(wanted: str, source: Source) -> bool:
    """Whether a rule's `source` names this one: by id, name or the VM's name."""
    return wanted in ("*", source.source_id, source.name, source.vm_name)
