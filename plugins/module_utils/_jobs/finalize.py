# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Completing a job: only with the proof that no write was lost, or with the loss accepted by name (private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime, timezone

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import (
    api as _alicloud,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import (
    clock as _clock,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import (
    ecs as _ecs,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import (
    runs as _evidence,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import (
    smc as _smc,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Image
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    InvalidOptionError,
    OutcomeUnknownError,
    PreconditionError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    FINAL_RUN_TAG,
    JOB_TAG,
    PROJECT_TAG,
    SERVICES_STOPPED_TAG,
    VM_TAG,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Outcome, converge
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_moment, parse_duration, parse_moment
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._jobs import job as _job
from ansible_collections.cutover.smc.plugins.module_utils._jobs.clock_warning import misleading
from ansible_collections.cutover.smc.plugins.module_utils._jobs.stalls import Watch
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import Identity
from ansible_collections.cutover.smc.plugins.module_utils._sources.lookup import find_job


@dataclass(frozen=True)
class Wish:
    """What the user says about the end of the job."""

    stopped_at: t.Optional[datetime] = None
    final_sync: bool = False
    accept_data_loss: t.Optional[str] = None
    vm_uuid: t.Optional[str] = None
    wait: bool = True


#: What became of the completion, as far as it is known. ``error.details.completion`` of a failure is one of these.
NOT_SENT = "not_sent"
REFUSED = "refused"
UNKNOWN = "unknown"
ACCEPTED = "accepted"
#: A later answer replaces an earlier one only when it is further to the right: a refusal does not undo a completion that may
#: have been accepted before.
_ANSWERS = (NOT_SENT, REFUSED, UNKNOWN, ACCEPTED)


def strongest_answer(*answers: str) -> str:
    """What several completions in a row mean together."""
    return max(answers, key=_ANSWERS.index)


def completion_of(answer: str, job: t.Optional[Job]) -> str:
    """What became of the completion when a run of the module failed; pure.

    Services must not be started again after ``unknown`` or ``accepted``, because what they write would be in no image. So the
    outcome is ``not_sent`` or ``refused`` only when a job that was read after the failure confirms it.

    :param answer: the strongest answer to the completions that this run sent; ``not_sent`` when it sent none
    :param job: the job, read after the failure; None when it could not be read
    """
    if answer == ACCEPTED or (job is not None and job.completion_accepted):
        return ACCEPTED
    if job is None or answer == UNKNOWN or job.completing:
        return UNKNOWN
    if answer == REFUSED:
        return REFUSED if job.status == lifecycle.WAITING else UNKNOWN
    # A completion of an earlier run may have failed: the job would complete when it is resumed.
    failed = job.status == lifecycle.IN_ERROR and bool(job.tags.get(SERVICES_STOPPED_TAG))
    return UNKNOWN if failed else NOT_SENT


@dataclass(frozen=True)
class Sight:
    """What was seen at one look: the job, its newest image, and the cloud's clock."""

    job: Job
    image: t.Optional[Image]
    now: datetime


def wish_from(params: t.Mapping[str, t.Any]) -> Wish:
    """Check the options and turn them into a wish."""
    moment = params["services_stopped_at"]
    return Wish(
        parse_moment("services_stopped_at", moment) if moment else None,
        params["final_sync"],
        params["accept_data_loss"],
        params["vm_uuid"],
        params["wait"],
    )


def stopped_at(wish: Wish, job: Job) -> t.Optional[datetime]:
    """When the services stopped: as said now or, for a job that is over, as noted on it when it was completed.

    The note on a job that goes on proves nothing: the services may have been started since.
    """
    noted = job.tags.get(SERVICES_STOPPED_TAG) if job.status == lifecycle.FINISHED else None
    return wish.stopped_at or (parse_moment(SERVICES_STOPPED_TAG, noted) if noted else None)


def decide(wish: Wish, sight: Sight) -> Plan:
    """The steps that are left until the job is Finished and its image says what it is; pure.

    :raises PreconditionError: when completing would lose writes, or cannot be done
    """
    job = sight.job
    if job.status == lifecycle.FINISHED:
        return Plan(tuple(_mark(wish, sight)))
    if job.status == lifecycle.RUNNING and job.phase == lifecycle.CLEANING:
        return Plan((_finished_step(job),) if wish.wait else ())
    sync_data = _must_sync(wish, job)
    if sync_data is not None and not sync_data:
        _check_image(sight)
    if job.status == lifecycle.RUNNING:
        return Plan(
            (wait_step("wait_idle", "wait until the run of job %s has ended" % job.job_id),) if wish.wait else ()
        )
    if job.status != lifecycle.WAITING:
        raise PreconditionError(
            "Job %s is %s; SMC completes a job only while it is Waiting" % (job.job_id, job.status),
            remedy="Bring it there with smc_incremental_job and state: synced",
        )
    return Plan(tuple(_completion(wish, job, bool(sync_data))))


def _must_sync(wish: Wish, job: Job) -> t.Optional[bool]:
    """Whether completing has to make one last run; None when a run in progress will tell.

    :raises PreconditionError: when neither the runs, nor a last run, nor the user's word covers what was written
    """
    moment = stopped_at(wish, job)
    if moment is not None and _evidence.proving_run(job.runs, moment):
        return False
    if wish.final_sync:
        return True
    if wish.accept_data_loss == job.job_id:
        return False
    if moment is not None and job.status == lifecycle.RUNNING and wish.wait:
        return None
    missing = (
        _evidence.what_is_missing(job.runs, moment)
        if moment
        else "it is not said when the services stopped (services_stopped_at)"
    )
    raise PreconditionError(
        "Job %s was not completed, for writes may be lost: %s" % (job.job_id, missing),
        remedy="Run the job once more (smc_incremental_job, state: synced, synced_since), or say final_sync: true, "
        "or accept the loss with accept_data_loss: %s" % job.job_id,
    )


def _check_image(sight: Sight) -> None:
    """The run's word is not enough: its image has to be there."""
    run = sight.job.newest_run
    if run is None:
        return
    if sight.image is None or sight.image.status != "Available":
        state = "does not exist" if sight.image is None else "is %s" % sight.image.status
        raise PreconditionError(
            "Job %s was not completed: the image %s of its newest run %s" % (sight.job.job_id, run.image_id, state),
            remedy="Run the job once more with smc_incremental_job and state: synced",
        )


def _completion(wish: Wish, job: Job, sync_data: bool) -> t.Iterator[Step]:
    moment = stopped_at(wish, job)
    if moment is not None and job.tags.get(SERVICES_STOPPED_TAG) != format_moment(moment):
        tags = {SERVICES_STOPPED_TAG: format_moment(moment)}
        yield Step(
            "tag_job",
            "note on job %s when the services stopped" % job.job_id,
            {"job_id": job.job_id, "tags": tags},
            {"services_stopped_at": format_moment(moment)},
        )
    how = "with one last synchronisation" if sync_data else "without another synchronisation"
    yield Step(
        "complete_job",
        "complete job %s %s" % (job.job_id, how),
        {"job_id": job.job_id, "sync_data": sync_data},
        {"status": lifecycle.FINISHED if wish.wait else lifecycle.RUNNING},
        replan_after=True,
    )
    if wish.wait:
        yield _finished_step(job)
        yield Step("mark_image", "tag the final image", changes={"image_marked": True})


def _finished_step(job: Job) -> Step:
    return wait_step("wait_finished", "wait until job %s is Finished" % job.job_id)


def _mark(wish: Wish, sight: Sight) -> t.Iterator[Step]:
    tags = image_tags(wish, sight.job)
    image = sight.image
    if image is None or all(image.tags.get(key) == value for key, value in tags.items()):
        return
    yield Step(
        "mark_image",
        "tag the final image %s" % image.image_id,
        {"image_id": image.image_id, "tags": tags},
        {"image_marked": True},
        replan_after=True,
    )


def image_tags(wish: Wish, job: Job) -> dict[str, str]:
    """What the final image says once the job is gone."""
    run = job.newest_run
    moment = stopped_at(wish, job)
    tags = {
        VM_TAG: wish.vm_uuid or job.tags.get(VM_TAG),
        PROJECT_TAG: job.tags.get(PROJECT_TAG),
        JOB_TAG: job.job_id,
        FINAL_RUN_TAG: format_moment(run.began) if run else None,
        SERVICES_STOPPED_TAG: format_moment(moment),
    }
    return {key: value for key, value in tags.items() if value}


def view(wish: Wish, sight: Sight) -> dict[str, t.Any]:
    job = sight.job
    return {
        "job_id": job.job_id,
        "status": job.status,
        "services_stopped_at": job.tags.get(SERVICES_STOPPED_TAG),
        "image_marked": job.status == lifecycle.FINISHED and not list(_mark(wish, sight)),
    }


# --- doing ------------------------------------------------------------------------------------------------------


class Desk:
    """The job at hand: looks at it, and does what a plan says."""

    def __init__(
        self,
        smc: _smc.Smc,
        ecs: _ecs.Ecs,
        identity: Identity,
        params: dict[str, t.Any],
        context: Context,
        watch: Watch,
        wish: Wish,
    ) -> None:
        self._smc = smc
        self._ecs = ecs
        self._identity = identity
        self._context = context
        self._watch = watch
        self._wish = wish
        self._warned: set[str] = set()
        self._answer = NOT_SENT
        self._status = ""
        self._fails_on_stall = params["on_stall"] == "fail"
        self._timeout = parse_duration("wait_timeout", params["wait_timeout"]).total_seconds()
        self._interval = params["poll_interval"]
        self.actions: dict[str, t.Callable[..., None]] = {
            "tag_job": lambda job_id, tags: smc.tag("replicationjob", job_id, tags),
            "complete_job": self._complete,
            "wait_idle": lambda: self._wait(lambda job: job.status != lifecycle.RUNNING),
            "wait_finished": lambda: self._wait(lambda job: job.status not in (lifecycle.RUNNING, lifecycle.WAITING)),
            "mark_image": ecs.tag_image,
        }

    def observe(self) -> Sight:
        job = self._job()
        image_id = job.newest_run.image_id if job.newest_run else None
        return Sight(job, self._ecs.image(image_id) if image_id else None, self._smc.now)

    def plan(self, sight: Sight) -> Plan:
        """What is left to do; a clock that can mislead is told before anything is done that cannot be undone."""
        offset, here = self._smc.clock_offset, datetime.now(timezone.utc)
        warnings = {
            "refusal": _clock.near_refusal(offset),
            "misleading": misleading(sight.job.runs, self._wish.stopped_at, offset, here),
        }
        for kind, warning in warnings.items():
            if warning and kind not in self._warned:
                self._warned.add(kind)
                self._context.warn(warning)
        return decide(self._wish, sight)

    def _job(self) -> Job:
        job = find_job(self._smc, self._identity)
        if job is None:
            raise InvalidOptionError(
                "There is no job for %s" % self._identity, remedy="List the jobs with smc_incremental_job_info"
            )
        self._status = job.status
        return job

    def finish(self, check_mode: bool) -> Outcome[Sight]:
        """Do what is left to do.

        :raises CutoverError: ``details.completion`` says what became of the completion
        :raises OutcomeUnknownError: a completion was sent, no answer refused it, and the job does not show yet whether it was accepted
        """
        try:
            _job.check_not_in_the_future("services_stopped_at", self._wish.stopped_at, self._smc)
            return converge(
                self.observe, self.plan, self.actions, lambda sight: view(self._wish, sight), check_mode=check_mode
            )
        except (OutcomeUnknownError, WaitTimeoutError) as failure:
            failure.details["completion"] = self._completion()
            raise
        except CutoverError as failure:
            failure.details["completion"] = self._completion()
            if self._answer not in (UNKNOWN, ACCEPTED) or self._status != lifecycle.WAITING:
                raise
            unknown = OutcomeUnknownError(
                "%s. A completion was sent before, and SMC does not show yet whether it was accepted"
                % failure.message.rstrip("."),
                remedy="Leave the services stopped, and run this again",
                code=failure.code,
                request_id=failure.request_id,
                details=failure.details,
            )
            unknown.partial = failure.partial
            raise unknown from failure

    def _completion(self) -> str:
        """What became of the completion, by the answers and by the job as it is now."""
        try:
            job: t.Optional[Job] = self._job()
        except CutoverError:
            job = None
        return completion_of(self._answer, job)

    def _complete(self, job_id: str, sync_data: bool) -> None:
        """Complete it and wait until SMC shows it, lest the next look sees the old state and does it twice."""
        if sync_data and self._wish.stopped_at:
            _job.let_pass(self._wish.stopped_at, self._smc, self._context.progress)
        try:
            self._send_completion(job_id, sync_data)
        except PreconditionError:
            # Its next scheduled run has begun between the look and the deed: the next look waits for it.
            if self._job().status == lifecycle.RUNNING:
                return
            raise
        waiter = Waiter(lifecycle.TIME_TO_REACT.total_seconds(), self._interval, self._context.progress)
        waiter.until(self._job, lambda job: job.status != lifecycle.WAITING, lambda job: job.told)

    def _send_completion(self, job_id: str, sync_data: bool) -> None:
        """Send it, and keep what the answer means, also when there is none."""
        answer = UNKNOWN
        try:
            self._smc.complete_job(job_id, sync_data)
            answer = ACCEPTED
        except OutcomeUnknownError:
            raise
        except CutoverError as refusal:
            # Without a code nothing answered: the request did not leave this machine.
            answer = REFUSED if refusal.code else NOT_SENT
            raise
        finally:
            self._answer = strongest_answer(self._answer, answer)

    def _wait(self, done: t.Callable[[Job], bool]) -> None:
        Waiter(self._timeout, self._interval, self._context.progress).until(
            lambda: self._watch.see_or_fail(self._job(), self._fails_on_stall), done, self._watch.tell
        )


def ensure(params: dict[str, t.Any], context: Context) -> dict[str, t.Any]:
    """The handler of ``smc_job_finalize``."""
    try:
        wish = wish_from(params)
        connection = _alicloud.Connection.from_params(params)
        smc, ecs = _smc.Smc(connection), _ecs.Ecs(connection)
        watch = Watch.from_params(smc, connection, params, context)
        desk = Desk(smc, ecs, Identity.from_params(params), params, context, watch, wish)
    except CutoverError as failure:
        # Nothing has been asked of SMC yet.
        failure.details["completion"] = NOT_SENT
        raise
    outcome = desk.finish(context.check_mode)
    told = {"stalls": [stall.as_result() for stall in watch.stalls]}
    return _result(wish, outcome.result(**told), outcome.observed, smc.clock_offset, context)


def _result(
    wish: Wish, result: dict[str, t.Any], sight: Sight, clock_offset: t.Optional[int], context: Context
) -> dict[str, t.Any]:
    job = sight.job
    evidence = dict(_evidence.evidence(job.runs, stopped_at(wish, job)), clock_offset=clock_offset)
    if job.status == lifecycle.FINISHED and not evidence["proven"]:
        context.warn("Job %s is Finished, but nothing proves that its image holds every write" % job.job_id)
    return dict(
        result,
        job=job.as_result(),
        image=sight.image.as_result() if sight.image else None,
        evidence=evidence,
        finished=job.status == lifecycle.FINISHED,
        cloud_time=format_moment(sight.now),
    )
