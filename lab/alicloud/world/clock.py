"""The cloud's virtual clock: an hour can last a second, and time can be moved forward on request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

UTC = timezone.utc


class VirtualClock:
    """Time that runs `scale` times as fast as real time and never goes back.

    While held, it is stopped: the engine holds it to step from event to event exactly.
    """

    def __init__(
        self,
        scale: float = 1.0,
        start: datetime | None = None,
        real: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if scale < 0:
            raise ValueError("the clock's scale must not be negative")
        self._real = real
        self._wall = wall
        self._scale = scale
        self._virtual = (start or wall()).astimezone(UTC)
        self._since = real()
        self._held = False
        self._lock = threading.Lock()

    @property
    def scale(self) -> float:
        """How many virtual seconds pass in a real second."""
        return self._scale

    def real_seconds(self) -> float:
        """Monotonic real seconds, for what is not simulated: heartbeats and pacing."""
        return self._real()

    def wall_time(self) -> datetime:
        """The real time of day, which signatures are checked against."""
        return self._wall()

    def _current(self) -> datetime:
        if self._held:
            return self._virtual
        return self._virtual + timedelta(seconds=(self._real() - self._since) * self._scale)

    def now(self) -> datetime:
        """The virtual time."""
        with self._lock:
            return self._current()

    def _rebase(self, virtual: datetime) -> None:
        self._virtual = virtual
        self._since = self._real()

    def set_scale(self, scale: float) -> None:
        """Change the speed from now on; 0 freezes time."""
        if scale < 0:
            raise ValueError("the clock's scale must not be negative")
        with self._lock:
            self._rebase(self._current())
            self._scale = scale

    def hold(self) -> None:
        """Stop until released."""
        with self._lock:
            self._rebase(self._current())
            self._held = True

    def release(self) -> None:
        """Continue from the current time."""
        with self._lock:
            self._rebase(self._virtual if self._held else self._current())
            self._held = False

    def move_to(self, target: datetime) -> None:
        """Jump forward to a time; an earlier one has no effect."""
        with self._lock:
            current = self._current()
            self._rebase(max(current, target))

    def tolerance(self) -> timedelta:
        """The virtual time that may pass while a request is on its way: checks against now allow that much.

        At scale 600 the five real seconds between a client's reading of the clock and its request are 50 virtual minutes.
        """
        return timedelta(seconds=5 * self._scale)
