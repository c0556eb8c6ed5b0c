# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The polling loop of every wait: deadline, jitter, progress, and a clock that tests can set (private to the collection)."""

from __future__ import annotations

import random
import time
import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import UnreachableError, WaitTimeoutError
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_seconds

T = t.TypeVar("T")

# Long enough not to flood a log, short enough that the run does not seem to hang.
_QUIET_SECONDS = 30.0


class Waiter:
    """Polls until something is done or the deadline passes.

    :param timeout: seconds until the wait ends
    :param interval: seconds between two polls, spread by up to 20 % so that many waiters do not poll at the same time
    :param progress: receives one line whenever the summary changes, and at least every 30 seconds
    """

    def __init__(
        self,
        timeout: float,
        interval: float,
        progress: t.Callable[[str], None],
        *,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
        jitter: t.Callable[[], float] = random.random,
    ) -> None:
        self._timeout = timeout
        self._interval = interval
        self._progress = progress
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._deadline = clock() + timeout
        self._last_line = ""
        self._last_shown = float("-inf")

    def until(self, poll: t.Callable[[], T], done: t.Callable[[T], bool], summary: t.Callable[[T], str]) -> T:
        """Return what the first poll that is done has read.

        A poll that fails with :class:`UnreachableError` is repeated; the last such error ends the wait at its deadline.

        :param summary: describes what was read, for the progress and the error
        :raises WaitTimeoutError: with the last summary
        """
        line = "nothing was read"
        while True:
            error: t.Optional[UnreachableError] = None
            try:
                observed = poll()
                if done(observed):
                    return observed
                line = summary(observed)
            except UnreachableError as unreachable:
                error, line = unreachable, str(unreachable)
            self._show(line)
            remaining = self._deadline - self._clock()
            if remaining <= 0:
                if error is not None:
                    raise error
                raise WaitTimeoutError(
                    f"Timed out after {format_seconds(self._timeout)}; the last state was: {line}",
                    remedy="Run this again to continue waiting, or increase the timeout",
                )
            self._sleep(min(remaining, self._interval * (0.8 + 0.4 * self._jitter())))

    def until_gone(self, poll: t.Callable[[], t.Sequence[T]], summary: t.Callable[[T], str]) -> None:
        """Wait until a poll reads nothing any more.

        :param poll: reads what still exists
        :param summary: describes the first of it
        :raises WaitTimeoutError: with the last summary
        """
        self.until(poll, lambda found: not found, lambda found: summary(found[0]))

    def _show(self, line: str) -> None:
        now = self._clock()
        if line != self._last_line or now - self._last_shown >= _QUIET_SECONDS:
            self._progress(line)
            self._last_line, self._last_shown = line, now


#: The options of every module that waits, as ``doc_fragments/waiting.py`` documents them.
WAITING_SPEC: dict[str, t.Any] = {
    "wait_timeout": {"type": "str", "default": "6h"},
    "poll_interval": {"type": "float", "default": 30.0},
}
