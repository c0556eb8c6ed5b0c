# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bringing an incremental job to its declared state: looks at it, does what a plan says, and waits (private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api as _alicloud
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import ecs as _ecs
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import smc as _smc
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import unused_client_token
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    PreconditionError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import FINAL_RUN_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import converge
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_moment, parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._jobs import job as _job
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job import Sight, Wish
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_plan import decide, is_migrated
from ansible_collections.cutover.smc.plugins.module_utils._jobs.stalls import Watch
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import Identity
from ansible_collections.cutover.smc.plugins.module_utils._sources.lookup import find_job, find_source

#: How the codes begin that refuse a token that has come with other parameters before; which one SMC has is not documented.
_USED_BEFORE = "Idempoten"


class Desk:
    """The job at hand: looks at it, and does what a plan says."""

    def __init__(
        self,
        smc: _smc.Smc,
        connection: _alicloud.Connection,
        wish: Wish,
        identity: Identity,
        params: dict[str, t.Any],
        context: Context,
    ) -> None:
        self._smc = smc
        self._connection = connection
        self._wish = wish
        self._identity = identity
        self._context = context
        self._timeout = parse_duration("wait_timeout", params["wait_timeout"]).total_seconds()
        self._interval = params["poll_interval"]
        self._resumed = False
        self._asked: t.Optional[datetime] = None
        self._fails_on_stall = params["on_stall"] == "fail"
        self.watch = Watch.from_params(smc, connection, params, context)
        self.actions: dict[str, t.Callable[..., None]] = {
            "create_job": self._create,
            "modify_job": smc.modify_job,
            "tag_job": lambda job_id, tags: smc.tag("replicationjob", job_id, tags),
            "start_job": self._start,
            "resume_failed_job": self._resume,
            "run_job": self._run_by_hand,
            "stop_job": self._stop,
            "delete_job": smc.delete_job,
            "wait_idle": self._wait_idle,
            "wait_pausable": self._wait_pausable,
            "wait_gone": self._wait_gone,
        }

    def observe(self) -> Sight:
        job = find_job(self._smc, self._identity, for_deletion=self._wish.state == "absent")
        source = find_source(self._smc, self._identity, job)
        migrated_image = self._migrated_image(job)
        if self._needs_source(job, migrated_image) and not (self._context.check_mode and source is None):
            _job.check_source(source, self._identity)
        self._asked = self._asked or self._smc.now
        return Sight(source, job, self._smc.now, migrated_image, self._resumed, self._asked)

    def _needs_source(self, job: t.Optional[Job], migrated_image: t.Optional[str]) -> bool:
        """A new job needs a source whose connector is there; what goes on, is paused, deleted or done does not."""
        if self._wish.state not in ("present", "synced"):
            return False
        if job is None:
            return migrated_image is None or self._wish.recreate
        return self._wish.recreate and job.status == lifecycle.FINISHED

    def _migrated_image(self, job: t.Optional[Job]) -> t.Optional[str]:
        if job is not None or not self._identity.vm_uuid or self._wish.state not in ("present", "synced"):
            return None
        images = _ecs.Ecs(self._connection).images(tags={VM_TAG: self._identity.vm_uuid})
        # The VM's tag alone would not do: whether SMC hands a job's tags on to its images is not documented.
        final = [image for image in images if FINAL_RUN_TAG in image.tags]
        newest = max(final, key=lambda image: format_moment(image.created) or "", default=None)
        return newest.image_id if newest else None

    def _create(self, parameters: dict[str, t.Any]) -> None:
        """Create the job, once.

        Another token than the derived one may be any: were its answer lost, the next look would find the job, and SMC gives a
        source one unfinished job at most.
        """
        if self._creates(parameters):
            return
        if not self._creates(dict(parameters, ClientToken=unused_client_token())):
            raise PreconditionError("SMC has created a job, and does not list it", remedy="Run it again in a minute")

    def _creates(self, parameters: dict[str, t.Any]) -> bool:
        """Whether it has made a job that is there.

        It has not when the token had made one before that has been deleted since: SMC answers with that one for a day, or refuses,
        because the moments in the parameters have moved on.

        :raises ConflictError: it was refused, and there is a job now
        """
        try:
            job_id = self._smc.create_job(parameters)
        except CutoverError as refusal:
            if not refusal.code.startswith(_USED_BEFORE):
                raise
            jobs = self._smc.jobs(source_ids=[parameters["SourceId"]])
            if any(job.status in lifecycle.UNFINISHED for job in jobs):
                raise ConflictError(refusal.message) from refusal
            return False
        return any(job.status != lifecycle.DELETING for job in self._smc.jobs([job_id]))

    def _resume(self, job_id: str) -> None:
        """Start a failed job. When it has failed again between two looks, nothing moves, and the next decision says so."""
        self._resumed = True
        since = self._smc.now
        self._until_it_moves(
            job_id, lambda: self._smc.start_job(job_id), lambda: self._smc.now - since >= lifecycle.TIME_TO_REACT
        )

    def _start(self, job_id: str) -> None:
        self._until_it_moves(job_id, lambda: self._smc.start_job(job_id))

    def _run_by_hand(self, job_id: str, after: t.Optional[datetime]) -> None:
        if after is not None:
            _job.let_pass(after, self._smc, self._context.progress)
        try:
            self._until_it_moves(job_id, lambda: self._smc.start_job(job_id))
        except PreconditionError as refusal:
            raise _refused(
                refusal,
                "SMC does not run job %s by hand" % job_id,
                "Wait for its next turn (interval), or complete it with smc_job_finalize and final_sync: true, which makes a last run",
            ) from None

    def _stop(self, job_id: str) -> None:
        try:
            self._until_it_moves(job_id, lambda: self._smc.stop_job(job_id))
        except PreconditionError as refusal:
            raise _refused(
                refusal,
                "SMC does not pause job %s now" % job_id,
                "SMC pauses a job while it is Running and Syncing; run this again during its next run",
            ) from None

    def _until_it_moves(
        self, job_id: str, deed: t.Callable[[], None], enough: t.Callable[[], bool] = lambda: False
    ) -> None:
        """Do it and wait until SMC shows it, lest the next look sees the old state and does it twice.

        :param enough: whether to go on though nothing was seen
        """
        before = self._look(job_id)
        deed()
        waiter = Waiter(lifecycle.TIME_TO_REACT.total_seconds(), self._interval, self._context.progress)
        waiter.until(
            lambda: self._look(job_id),
            lambda job: (job.status, job.runs) != (before.status, before.runs) or enough(),
            lambda job: job.told,
        )

    def _wait_idle(self, job_id: str) -> None:
        self._watched(job_id, lambda job: job.status != lifecycle.RUNNING)

    def _wait_pausable(self, job_id: str) -> None:
        self._watched(job_id, lambda job: job.status != lifecycle.RUNNING or lifecycle.may_pause(job.status, job.phase))

    def _watched(self, job_id: str, done: t.Callable[[Job], bool]) -> None:
        self._waiter().until(
            lambda: self.watch.see_or_fail(self._look(job_id), self._fails_on_stall), done, self.watch.tell
        )

    def _wait_gone(self, job_id: str) -> None:
        self._waiter().until(lambda: self._smc.jobs([job_id]), lambda jobs: not jobs, lambda jobs: jobs[0].told)

    def _waiter(self) -> Waiter:
        return Waiter(self._timeout, self._interval, self._context.progress)

    def _look(self, job_id: str) -> Job:
        jobs = self._smc.jobs([job_id])
        if not jobs:
            raise PreconditionError(
                "Job %s is gone: someone has deleted it" % job_id, remedy="Run this again to create a new one"
            )
        return jobs[0]


def _refused(refusal: PreconditionError, message: str, remedy: str) -> PreconditionError:
    """What SMC's refusal of an action in the job's state means; any other refusal as it is."""
    if not refusal.code.startswith("ReplicationJob.Invalid"):
        return refusal
    return PreconditionError(
        "%s: %s" % (message, refusal.message),
        remedy=remedy,
        code=refusal.code,
        request_id=refusal.request_id,
        http_status=refusal.http_status,
    )


def ensure(params: dict[str, t.Any], context: Context) -> dict[str, t.Any]:
    """The handler of ``smc_incremental_job``."""
    connection = _alicloud.Connection.from_params(params)
    wish = _job.wish_from(
        dict(params, wait=params["state"] != "present" if params["wait"] is None else params["wait"]), connection.region
    )
    identity = Identity.from_params(params, by_name=True)
    smc = _smc.Smc(connection)
    _job.check_not_in_the_future("synced_since", wish.synced_since, smc)
    desk = Desk(smc, connection, wish, identity, params, context)
    outcome = converge(
        desk.observe, lambda sight: decide(wish, sight), desk.actions, _job.view, check_mode=context.check_mode
    )
    stalls = [stall.as_result() for stall in desk.watch.stalls]
    return dict(outcome.result(**_resource(wish, outcome.observed, context), stalls=stalls))


def _resource(wish: Wish, sight: Sight, context: Context) -> dict[str, t.Any]:
    job = sight.job
    unsettled = (
        _job.lasting_drift(wish, job, sight.now)
        if job and wish.state in ("present", "synced") and not is_migrated(wish, sight)
        else []
    )
    for item in unsettled:
        context.warn(
            "%s of job %s is %s, not %s: %s"
            % (item["attribute"], job.job_id if job else "", item["actual"], item["wanted"], item["remedy"])
        )
    if job and job.status in lifecycle.ALIVE and lifecycle.expires_soon(job.valid_until, sight.now):
        context.warn(_job.expiry_told(job))
    return {
        "job": job.as_result() if job else None,
        "source_id": (job.source_id if job else None) or (sight.source.source_id if sight.source else None),
        "synced": sight.synced(wish),
        "migrated": is_migrated(wish, sight),
        "migrated_image_id": sight.migrated_image
        or (job.image_id if job and job.status == lifecycle.FINISHED else None),
        "drift": unsettled,
        "cloud_time": format_moment(sight.now),
    }
