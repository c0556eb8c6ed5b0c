"""Timers in virtual time: a queue of callbacks that can be cancelled."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(order=True)
class Timer:
    """One callback and its time; ordered by time, then by the order of creation."""

    due: datetime
    sequence: int
    action: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Drop the callback."""
        self.cancelled = True


class Timers:
    """The queue. Not thread-safe by itself: the store's lock guards it."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._sequence = itertools.count()
        self.changed: Callable[[], None] = lambda: None

    def at(self, due: datetime, action: Callable[[], None]) -> Timer:
        """Call `action` once virtual time reaches `due`."""
        timer = Timer(due, next(self._sequence), action)
        heapq.heappush(self._heap, timer)
        self.changed()
        return timer

    def next_due(self) -> datetime | None:
        """The time of the earliest timer that is not cancelled."""
        while self._heap and self._heap[0].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0].due if self._heap else None

    def take_due(self, time: datetime) -> Timer | None:
        """Remove and return the earliest timer that is due at `time`."""
        due = self.next_due()
        if due is None or due > time:
            return None
        return heapq.heappop(self._heap)
