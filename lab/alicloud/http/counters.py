"""How often each action was requested, and whether it changes anything."""

from __future__ import annotations

from collections import Counter
from typing import Any

from lab.alicloud.http.wire import Parameters


def is_mutating(action: str, parameters: Parameters) -> bool:
    """Describe*, List* and Get* read; so does any ECS request with DryRun."""
    if action.startswith(("Describe", "List", "Get")):
        return False
    dry = parameters.text("DryRun").lower() == "true" or parameters.text("RepeatMode") == "DryRun"
    return not dry


class Counters:
    """Counts of requests by service and action; its caller holds the store's lock."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, bool]] = Counter()

    def count(self, service: str, action: str, mutating: bool) -> None:
        """Count one request."""
        self._counts[(service, action, mutating)] += 1

    def clear(self) -> None:
        """Reset all counts."""
        self._counts.clear()

    def as_list(self) -> list[dict[str, Any]]:
        """All counts, by service and action."""
        return [
            {"service": service, "action": action, "count": count, "mutating": mutating}
            for (service, action, mutating), count in sorted(self._counts.items())
        ]
