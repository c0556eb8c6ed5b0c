"""Drives the timers in virtual time and the replication workers in real time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from lab.alicloud.replication.lifecycle import Lifecycle
from lab.alicloud.replication.replicator import CancelledRunError, DiskResult, Order, ReplicationError, Replicator
from lab.alicloud.world.records import Job
from lab.alicloud.world.store import Store

LOG = logging.getLogger(__name__)
Outcome = TypeVar("Outcome")
# The longest real time between two checks of heartbeats.
_CHECK_SECONDS = 1.0


class Workers(Protocol):
    """Where replication runs: a pool of threads, or directly in a unit test."""

    def submit(self, work: Callable[[], None], /) -> object:
        """Do the work now or later."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work."""


class InlineWorkers:
    """Does the work in the caller's thread, before `submit` returns."""

    def submit(self, work: Callable[[], None], /) -> None:
        """Do the work now."""
        work()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Do nothing: no thread has to end."""


class Engine:
    """Lets virtual time pass, and does what is due."""

    def __init__(self, store: Store, lifecycle: Lifecycle, replicator: Replicator, workers: Workers) -> None:
        self._store = store
        self._lifecycle = lifecycle
        self._replicator = replicator
        self._workers = workers
        # Notified whenever a timer is set, a worker is done or time is moved; its lock is the store's.
        self.changed = threading.Condition(store.lock)
        self._outstanding = 0
        self._advancing = False
        self._stopping = False
        self._thread: threading.Thread | None = None
        lifecycle.submit = self._submit
        store.timers.changed = self._wake

    # -- replication ---------------------------------------------------------------------------------------------

    def _submit(self, job: Job, order: Order) -> None:
        self._outstanding += 1
        attempt = job.attempt
        self._workers.submit(lambda: self._replicate(job, attempt, order))

    def _replicate(self, job: Job, attempt: int, order: Order) -> None:
        outcome = self._run_order(job, order)
        with self.changed:
            try:
                if outcome is not None:
                    self._lifecycle.replicated(job, attempt, order, outcome)
            finally:
                self._outstanding -= 1
                self.changed.notify_all()

    def _run_order(self, job: Job, order: Order) -> list[DiskResult] | ReplicationError | None:
        try:
            with job.replicating:  # a run that was stopped removes its snapshot before the next one makes its own
                return self._replicator.run(order)
        except CancelledRunError:
            return None
        except ReplicationError as failure:
            return failure
        except Exception as failure:
            LOG.exception("replication of job %s", order.job_id)
            return ReplicationError("InternalError", f"{type(failure).__name__}: {failure}")

    def background(self, work: Callable[[], Outcome], done: Callable[[Outcome], None]) -> None:
        """Do work that takes real time without the store's lock, then call `done` with the lock; called with the lock held."""
        self._outstanding += 1

        def run() -> None:
            try:
                outcome = work()
                with self.changed:
                    done(outcome)
            except Exception:
                LOG.exception("work in the background failed")
            finally:
                with self.changed:
                    self._outstanding -= 1
                    self.changed.notify_all()

        self._workers.submit(run)

    # -- time ----------------------------------------------------------------------------------------------------

    def run_due(self) -> None:
        """Do everything that is due at the present virtual time."""
        with self.changed:
            while timer := self._store.timers.take_due(self._store.now()):
                self._fire(timer.action)

    @staticmethod
    def _fire(action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:
            LOG.exception("a timer's action failed")

    def advance(self, duration: timedelta, jump: bool = False, patience: float = 300.0) -> datetime:
        """Move virtual time forward and do what becomes due.

        By default the clock is stopped at each event and while bytes are copied, so that six hours of a job with
        an interval of an hour contain the same runs as without advancing. With `jump` the clock moves in one step.
        """
        clock, timers = self._store.clock, self._store.timers
        with self.changed:
            if jump:
                clock.move_to(self._store.now() + duration)
                self.run_due()
                return self._store.now()
            while self._advancing:
                self.changed.wait()
            self._advancing = True
            clock.hold()
            try:
                target = self._store.now() + duration
                self._settle(patience)
                while (due := timers.next_due()) is not None and due <= target:
                    clock.move_to(due)
                    self.run_due()
                    self._settle(patience)
                clock.move_to(target)
                return target
            finally:
                clock.release()
                self._advancing = False
                self.changed.notify_all()

    def _settle(self, patience: float) -> None:
        """Wait in real time until no worker is active."""
        deadline = time.monotonic() + patience
        while self._outstanding and (left := deadline - time.monotonic()) > 0:
            self.changed.wait(left)

    def check_heartbeats(self) -> None:
        """Apply the effects of missing heartbeats."""
        with self.changed:
            self._lifecycle.check_heartbeats()

    # -- the driver ----------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def start(self) -> None:
        """Let time pass by itself from now on."""
        self._thread = threading.Thread(target=self._drive, name="engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the driver, and let active copying end with its snapshots removed."""
        with self.changed:
            self._stopping = True
            for job in self._store.jobs.values():
                job.cancel.set()
            self.changed.notify_all()
        if self._thread:
            self._thread.join(timeout=10)
        self._workers.shutdown(wait=True, cancel_futures=True)

    def _drive(self) -> None:
        with self.changed:
            while not self._stopping:
                if not self._advancing:
                    self.run_due()
                    self._lifecycle.check_heartbeats()
                self.changed.wait(self._pause())

    def _pause(self) -> float:
        due, scale = self._store.timers.next_due(), self._store.clock.scale
        if self._advancing or due is None or scale == 0:
            return _CHECK_SECONDS
        return min(_CHECK_SECONDS, max(0.001, (due - self._store.now()).total_seconds() / scale))


def thread_workers(count: int) -> ThreadPoolExecutor:
    """The workers of a running lab."""
    return ThreadPoolExecutor(max_workers=count, thread_name_prefix="replication")
