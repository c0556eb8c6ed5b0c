# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Completes a job, and knows what became of the completion when it fails (private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import clock, job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs import EcsClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import evidence
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    InvalidOptionError,
    OutcomeUnknownError,
    PreconditionError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Actions, Outcome, Reconciler
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp, parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._jobs import completion, finalize_plan
from ansible_collections.cutover.smc.plugins.module_utils._jobs.clock_warning import clock_warning
from ansible_collections.cutover.smc.plugins.module_utils._jobs.finalize_plan import FinalizeSpec, ObservedCompletion
from ansible_collections.cutover.smc.plugins.module_utils._jobs.smc_clock import (
    check_not_in_the_future,
    wait_until_after,
)
from ansible_collections.cutover.smc.plugins.module_utils._jobs.stall_detector import StallDetector
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import Identity
from ansible_collections.cutover.smc.plugins.module_utils._sources.lookup import find_job


class FinalizeReconciler(Reconciler[FinalizeSpec, ObservedCompletion]):
    """The completion of a job.

    :ivar stalls: notices when the job stalls while it is waited for
    """

    def __init__(self, spec: FinalizeSpec, params: t.Mapping[str, t.Any], context: Context) -> None:
        super().__init__(spec, context)
        connection = Connection.from_params(params)
        self.smc, self._ecs = SmcClient(connection), EcsClient(connection)
        self._identity = Identity.from_params(params)
        self._timeout = parse_duration("wait_timeout", params["wait_timeout"]).total_seconds()
        self._interval = params["poll_interval"]
        self._warned: set[str] = set()
        self._answer = completion.NOT_SENT
        self._status = ""
        self.stalls = StallDetector.from_params(self.smc, connection, params, context)

    def observe(self) -> ObservedCompletion:
        job = self._read_job()
        image_id = job.newest_run.image_id if job.newest_run else None
        return ObservedCompletion(job, self._ecs.image(image_id) if image_id else None, self.smc.now)

    def plan(self, observed: ObservedCompletion) -> Plan:
        """What is left to do. Warns of a misleading clock before anything is done that cannot be undone."""
        offset, local_time = self.smc.clock_offset, datetime.now(timezone.utc)
        warnings = {
            "skew": clock.skew_warning(offset),
            "evidence": clock_warning(observed.job.runs, self.spec.stopped_at, offset, local_time),
        }
        for kind, warning in warnings.items():
            if warning and kind not in self._warned:
                self._warned.add(kind)
                self.context.warn(warning)
        return finalize_plan.plan(self.spec, observed)

    def diff_view(self, observed: ObservedCompletion) -> dict[str, t.Any]:
        return finalize_plan.diff_view(self.spec, observed)

    @property
    def actions(self) -> Actions:
        return {
            "tag_job": self.smc.tag_job,
            "complete_job": self._complete,
            "wait_idle": lambda: self._wait(lambda job: job.status != job_lifecycle.RUNNING),
            "wait_finished": lambda: self._wait(
                lambda job: job.status not in (job_lifecycle.RUNNING, job_lifecycle.WAITING)
            ),
            "mark_image": self._ecs.tag_image,
        }

    def run(self) -> Outcome[ObservedCompletion]:
        """Do what is left to do.

        :raises CutoverError: ``details.completion`` says what became of the completion
        :raises OutcomeUnknownError: a completion was sent, no answer refused it, and the job does not show yet whether it was accepted
        """
        try:
            check_not_in_the_future("services_stopped_at", self.spec.stopped_at, self.smc)
            return super().run()
        except CutoverError as error:
            error.details["completion"] = self._completion()
            if isinstance(error, (OutcomeUnknownError, WaitTimeoutError)) or not self._may_be_accepted_unseen():
                raise
            raise _outcome_unknown(error) from error

    def _completion(self) -> str:
        """What became of the completion, by the answers and by the job as it is now."""
        try:
            job: t.Optional[Job] = self._read_job()
        except CutoverError:
            job = None
        return completion.completion_of(self._answer, job)

    def _may_be_accepted_unseen(self) -> bool:
        sent = self._answer in (completion.UNKNOWN, completion.ACCEPTED)
        return sent and self._status == job_lifecycle.WAITING

    def _read_job(self) -> Job:
        job = find_job(self.smc, self._identity)
        if job is None:
            raise InvalidOptionError(
                f"There is no job for {self._identity}", remedy="List the jobs with smc_incremental_job_info"
            )
        self._status = job.status
        return job

    def _complete(self, job_id: str, sync_data: bool) -> None:
        """Complete it and wait until SMC shows it, so that the next observation does not see the old state and repeat it."""
        if sync_data and self.spec.stopped_at:
            wait_until_after(self.spec.stopped_at, self.smc, self.context.progress)
        try:
            self._send_completion(job_id, sync_data)
        except PreconditionError:
            # Its next scheduled run has started since the observation: the next plan waits for it.
            if self._read_job().status == job_lifecycle.RUNNING:
                return
            raise
        waiter = Waiter(job_lifecycle.TIME_TO_REACT.total_seconds(), self._interval, self.context.progress)
        waiter.until(self._read_job, lambda job: job.status != job_lifecycle.WAITING, lambda job: job.summary)

    def _send_completion(self, job_id: str, sync_data: bool) -> None:
        """Send it, and keep what the answer means, also when it is missing."""
        answer = completion.UNKNOWN
        try:
            self.smc.complete_job(job_id, sync_data)
            answer = completion.ACCEPTED
        except OutcomeUnknownError:
            raise
        except CutoverError as refusal:
            # Without a code there was no answer, and the request did not leave this machine.
            answer = completion.REFUSED if refusal.code else completion.NOT_SENT
            raise
        finally:
            self._answer = completion.strongest_answer(self._answer, answer)

    def _wait(self, done: t.Callable[[Job], bool]) -> None:
        Waiter(self._timeout, self._interval, self.context.progress).until(
            lambda: self.stalls.record_or_raise(self._read_job()), done, self.stalls.summary
        )


def _outcome_unknown(error: CutoverError) -> OutcomeUnknownError:
    """The error of a run whose completion SMC may have accepted without showing it yet."""
    unknown = OutcomeUnknownError(
        f"{error.message.rstrip('.')}. A completion was sent before, and SMC does not show yet whether it was accepted",
        remedy="Leave the services stopped, and run this again",
        code=error.code,
        request_id=error.request_id,
        details=error.details,
    )
    unknown.partial = error.partial
    return unknown


def run(params: dict[str, t.Any], context: Context) -> dict[str, t.Any]:
    """The handler of ``smc_job_finalize``."""
    try:
        reconciler = FinalizeReconciler(finalize_plan.parse_spec(params), params, context)
    except CutoverError as error:
        # SMC has not been called yet.
        error.details["completion"] = completion.NOT_SENT
        raise
    outcome = reconciler.run()
    stalls = [stall.as_result() for stall in reconciler.stalls.stalls]
    resource = _resource(reconciler.spec, outcome.observed, reconciler.smc.clock_offset, context)
    return outcome.result(**resource, stalls=stalls)


def _resource(
    spec: FinalizeSpec, observed: ObservedCompletion, clock_offset: t.Optional[int], context: Context
) -> dict[str, t.Any]:
    """The job and its evidence as the result shows them; warns when a Finished job lacks evidence."""
    job = observed.job
    proof = dict(evidence(job.runs, finalize_plan.stopped_at(spec, job)), clock_offset=clock_offset)
    proof["image_exists"] = observed.image is not None
    if job.status == job_lifecycle.FINISHED and proof["image_id"] and not proof["image_exists"]:
        proof["proven"] = False
        context.warn(f"Job {job.job_id} is Finished, but its final image {proof['image_id']} does not exist")
    elif job.status == job_lifecycle.FINISHED and not proof["proven"]:
        context.warn(f"Job {job.job_id} is Finished, but nothing proves that its image holds every write")
    return {
        "job": job.as_result(),
        "image": observed.image.as_result() if observed.image else None,
        "evidence": proof,
        "finished": job.status == job_lifecycle.FINISHED,
        "cloud_time": format_timestamp(observed.now),
    }
