# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one polling loop: a deadline, jitter, a line of progress, and a clock that tests can turn (private to the collection)."""

from __future__ import annotations

import random
import time
import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import UnreachableError, WaitTimeoutError

T = t.TypeVar("T")

# Long enough not to flood a log, short enough that nobody thinks the run hangs.
_QUIET_SECONDS = 30.0


class Waiter:
    """Looks at something again and again until it is done or the deadline passes.

    :param timeout: seconds until the wait is given up
    :param interval: seconds between two looks, spread by up to 20 % so that many waiters do not march in step
    :param report: receives one line whenever what is told changes, and at least every 30 seconds
    """

    def __init__(
        self,
        timeout: float,
        interval: float,
        report: t.Callable[[str], None],
        *,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
        jitter: t.Callable[[], float] = random.random,
    ) -> None:
        self._timeout = timeout
        self._interval = interval
        self._report = report
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._deadline = clock() + timeout
        self._last_line = ""
        self._last_told = float("-inf")

    def until(self, look: t.Callable[[], T], done: t.Callable[[T], bool], tell: t.Callable[[T], str]) -> T:
        """Return the first look that is done.

        A look that fails with :class:`UnreachableError` is repeated; the last such failure ends the wait at its deadline.

        :raises WaitTimeoutError: with the last line told
        """
        line = "nothing was seen"
        while True:
            fault: t.Optional[UnreachableError] = None
            try:
                seen = look()
                if done(seen):
                    return seen
                line = tell(seen)
            except UnreachableError as failure:
                fault, line = failure, str(failure)
            self._tell(line)
            remaining = self._deadline - self._clock()
            if remaining <= 0:
                if fault is not None:
                    raise fault
                raise WaitTimeoutError(
                    "Gave up after %d seconds; the last state was: %s" % (self._timeout, line),
                    remedy="Run it again to go on waiting, or raise the timeout",
                )
            self._sleep(min(remaining, self._interval * (0.8 + 0.4 * self._jitter())))

    def _tell(self, line: str) -> None:
        now = self._clock()
        if line != self._last_line or now - self._last_told >= _QUIET_SECONDS:
            self._report(line)
            self._last_line, self._last_told = line, now


#: The options of every module that waits, as ``doc_fragments/waiting.py`` documents them.
WAITING_SPEC: dict[str, t.Any] = {
    "wait_timeout": {"type": "str", "default": "6h"},
    "poll_interval": {"type": "float", "default": 30.0},
}
