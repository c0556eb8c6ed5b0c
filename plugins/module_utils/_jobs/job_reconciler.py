# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings an incremental job to its declared state (private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs import EcsClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import unused_client_token
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    PreconditionError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import FINAL_RUN_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Actions, Reconciler
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp, parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._jobs import job_plan
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_drift import expiry_warning, lasting_drift
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_plan import ObservedJob
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_spec import JobSpec, parse_spec
from ansible_collections.cutover.smc.plugins.module_utils._jobs.smc_clock import (
    check_not_in_the_future,
    wait_until_after,
)
from ansible_collections.cutover.smc.plugins.module_utils._jobs.stall_detector import StallDetector
from ansible_collections.cutover.smc.plugins.module_utils._sources import source_errors
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import Identity
from ansible_collections.cutover.smc.plugins.module_utils._sources.lookup import find_job, find_source

#: The codes that refuse a token that was sent with other parameters before begin with this; which one SMC has is not documented.
_USED_BEFORE = "Idempoten"
#: The code that refuses a start while as many jobs run as the account may run at the same time, by default 50.
_TOO_MANY_RUNNING = "QuotaExceeded.ReplicationJob"


class JobReconciler(Reconciler[JobSpec, ObservedJob]):
    """The incremental job of a VM.

    :ivar stalls: notices when the job stalls while it is waited for
    """

    def __init__(self, spec: JobSpec, params: t.Mapping[str, t.Any], context: Context) -> None:
        super().__init__(spec, context)
        self._connection = Connection.from_params(params)
        self._smc = SmcClient(self._connection)
        self._identity = Identity.from_params(params, by_name=True)
        self._timeout = parse_duration("wait_timeout", params["wait_timeout"]).total_seconds()
        self._interval = params["poll_interval"]
        self._resumed = False
        self._first_observed_at: t.Optional[datetime] = None
        self.stalls = StallDetector.from_params(self._smc, self._connection, params, context)

    def run(self) -> t.Any:
        check_not_in_the_future("synced_since", self.spec.synced_since, self._smc)
        return super().run()

    def observe(self) -> ObservedJob:
        job = find_job(self._smc, self._identity, for_deletion=self.spec.state == "absent")
        source = find_source(self._smc, self._identity, job)
        migrated_image = self._migrated_image(job)
        if self._needs_source(job, migrated_image) and not (self.context.check_mode and source is None):
            check_source(source, self._identity)
        self._first_observed_at = self._first_observed_at or self._smc.now
        return ObservedJob(source, job, self._smc.now, migrated_image, self._resumed, self._first_observed_at)

    def plan(self, observed: ObservedJob) -> Plan:
        return job_plan.plan(self.spec, observed)

    def diff_view(self, observed: ObservedJob) -> dict[str, t.Any]:
        return job_plan.diff_view(observed)

    @property
    def actions(self) -> Actions:
        return {
            "create_job": self._create,
            "modify_job": self._smc.modify_job,
            "tag_job": self._smc.tag_job,
            "start_job": self._start,
            "resume_failed_job": self._resume,
            "run_job": self._run_manually,
            "stop_job": self._stop,
            "delete_job": self._smc.delete_job,
            "wait_idle": self._wait_idle,
            "wait_pausable": self._wait_pausable,
            "wait_gone": self._wait_gone,
        }

    def _needs_source(self, job: t.Optional[Job], migrated_image: t.Optional[str]) -> bool:
        """A new job needs a source whose connector is online; one that continues, is paused, deleted or finished does not."""
        if self.spec.state not in ("present", "synced"):
            return False
        if job is None:
            return migrated_image is None or self.spec.recreate
        return self.spec.recreate and job.status == job_lifecycle.FINISHED

    def _migrated_image(self, job: t.Optional[Job]) -> t.Optional[str]:
        if job is not None or not self._identity.vm_uuid or self.spec.state not in ("present", "synced"):
            return None
        images = EcsClient(self._connection).images(tags={VM_TAG: self._identity.vm_uuid})
        # The VM's tag alone is not enough: whether SMC copies a job's tags to its images is not documented.
        final = [image for image in images if FINAL_RUN_TAG in image.tags]
        newest = max(final, key=lambda image: format_timestamp(image.created) or "", default=None)
        return newest.image_id if newest else None

    def _create(self, parameters: dict[str, t.Any]) -> None:
        """Create the job, once.

        A token other than the derived one may be any: if its answer were lost, the next observation would find the job, and SMC
        gives a source one unfinished job at most.
        """
        if self._creates(parameters):
            return
        if not self._creates(dict(parameters, ClientToken=unused_client_token())):
            raise PreconditionError("SMC has created a job, but does not list it", remedy="Run this again in a minute")

    def _creates(self, parameters: dict[str, t.Any]) -> bool:
        """Whether it has created a job that exists.

        It has not when the token had created one before that was deleted since: SMC answers with that one for a day, or refuses,
        because the times in the parameters are different now.

        :raises ConflictError: it was refused, and there is a job now
        """
        try:
            job_id = self._smc.create_job(parameters)
        except CutoverError as refusal:
            if not refusal.code.startswith(_USED_BEFORE):
                raise
            jobs = self._smc.jobs(source_ids=[parameters["SourceId"]])
            if any(job.status in job_lifecycle.UNFINISHED for job in jobs):
                raise ConflictError(refusal.message) from refusal
            return False
        return any(job.status != job_lifecycle.DELETING for job in self._smc.jobs([job_id]))

    def _start(self, job_id: str) -> None:
        self._until_it_reacts(job_id, self._start_when_quota_allows)

    def _start_when_quota_allows(self, job_id: str) -> None:
        """Start a job, and wait while SMC runs as many jobs as its quota allows: a slot is free as soon as a run of another ends.

        This is for a VM that serves. A manual run of a cut-over does not wait, because the services of its VM are stopped.
        """

        def start() -> bool:
            try:
                self._smc.start_job(job_id)
            except PreconditionError as refusal:
                if refusal.code != _TOO_MANY_RUNNING:
                    raise
                return False
            return True

        self._waiter().until(
            start,
            lambda started: started,
            lambda started: (
                f"job {job_id}: "
                + ("started" if started else "waiting until SMC's quota of running jobs allows a start")
            ),
        )

    def _resume(self, job_id: str) -> None:
        """Start a failed job. When it fails again between two polls, nothing seems to happen, and the next plan reports it."""
        self._resumed = True
        since = self._smc.now
        self._until_it_reacts(job_id, self._smc.start_job, lambda: self._smc.now - since >= job_lifecycle.TIME_TO_REACT)

    def _run_manually(self, job_id: str, after: t.Optional[datetime]) -> None:
        if after is not None:
            wait_until_after(after, self._smc, self.context.progress)
        try:
            self._until_it_reacts(job_id, self._smc.start_job)
        except PreconditionError as refusal:
            raise _explained(
                refusal,
                f"SMC does not start a manual run of job {job_id}",
                "Wait for its next scheduled run (interval), or complete it with smc_job_finalize and final_sync: true, which makes "
                "a final run",
            ) from None

    def _stop(self, job_id: str) -> None:
        try:
            self._until_it_reacts(job_id, self._smc.stop_job)
        except PreconditionError as refusal:
            raise _explained(
                refusal,
                f"SMC does not pause job {job_id} now",
                "SMC pauses a job while it is Running and Syncing; run this again during its next run",
            ) from None

    def _until_it_reacts(
        self, job_id: str, act: t.Callable[[str], None], enough: t.Callable[[], bool] = lambda: False
    ) -> None:
        """Act and wait until SMC shows it, so that the next observation does not see the old state and repeat the action.

        :param enough: whether to continue although nothing was seen
        """
        before = self._read(job_id)
        act(job_id)
        waiter = Waiter(job_lifecycle.TIME_TO_REACT.total_seconds(), self._interval, self.context.progress)
        waiter.until(
            lambda: self._read(job_id),
            lambda job: (job.status, job.runs) != (before.status, before.runs) or enough(),
            lambda job: job.summary,
        )

    def _wait_idle(self, job_id: str) -> None:
        self._wait_watching(job_id, lambda job: job.status != job_lifecycle.RUNNING)

    def _wait_pausable(self, job_id: str) -> None:
        self._wait_watching(
            job_id,
            lambda job: job.status != job_lifecycle.RUNNING or job_lifecycle.may_pause(job.status, job.phase),
        )

    def _wait_watching(self, job_id: str, done: t.Callable[[Job], bool]) -> None:
        self._waiter().until(lambda: self.stalls.record_or_raise(self._read(job_id)), done, self.stalls.summary)

    def _wait_gone(self, job_id: str) -> None:
        self._waiter().until_gone(lambda: self._smc.jobs([job_id]), lambda job: job.summary)

    def _waiter(self) -> Waiter:
        return Waiter(self._timeout, self._interval, self.context.progress)

    def _read(self, job_id: str) -> Job:
        jobs = self._smc.jobs([job_id])
        if not jobs:
            raise PreconditionError(
                f"Job {job_id} no longer exists: someone has deleted it", remedy="Run this again to create a new one"
            )
        return jobs[0]


def check_source(source: t.Optional[Source], identity: Identity) -> Source:
    """:raises PreconditionError: when the source cannot take a job"""
    if source is None:
        raise PreconditionError(
            f"SMC has no source for {identity}",
            remedy="Import the VM with the connector first (role import_source), then give its source_id, or tag it with smc_source",
        )
    if not source.online:
        meaning, remedy = source_errors.explain(source.state, source.error_code, source.status_info)
        raise PreconditionError(
            f"Source {source.source_id} ({source.name}) is not ready: {meaning} ({source.error_reason})", remedy=remedy
        )
    return source


def _explained(refusal: PreconditionError, message: str, remedy: str) -> PreconditionError:
    """What SMC's refusal of an action in the job's state means; any other refusal as it is."""
    if not refusal.code.startswith("ReplicationJob.Invalid"):
        return refusal
    return PreconditionError(
        f"{message}: {refusal.message}",
        remedy=remedy,
        code=refusal.code,
        request_id=refusal.request_id,
        http_status=refusal.http_status,
    )


def run(params: dict[str, t.Any], context: Context) -> dict[str, t.Any]:
    """The handler of ``smc_incremental_job``."""
    spec = parse_spec(params, Connection.from_params(params).region)
    reconciler = JobReconciler(spec, params, context)
    outcome = reconciler.run()
    stalls = [stall.as_result() for stall in reconciler.stalls.stalls]
    return outcome.result(**_resource(spec, outcome.observed, context), stalls=stalls)


def _resource(spec: JobSpec, observed: ObservedJob, context: Context) -> dict[str, t.Any]:
    """The job as the result shows it; warns of what is not as declared."""
    job = observed.job
    migrated = job_plan.is_migrated(spec, observed)
    drift = []
    if job and spec.state in ("present", "synced") and not migrated:
        drift = lasting_drift(spec, job, observed.now)
        for item in drift:
            context.warn(
                f"{item['attribute']} of job {job.job_id} is {item['actual']}, not {item['wanted']}: {item['remedy']}"
            )
    if job and job.status in job_lifecycle.ALIVE and job_lifecycle.expires_soon(job.valid_until, observed.now):
        context.warn(expiry_warning(job))
    source_id = (job.source_id if job else None) or (observed.source.source_id if observed.source else None)
    final_image = job.image_id if job and job.status == job_lifecycle.FINISHED else None
    return {
        "job": job.as_result() if job else None,
        "source_id": source_id,
        "synced": observed.is_synced(spec),
        "migrated": migrated,
        "migrated_image_id": observed.migrated_image or final_image,
        "drift": drift,
        "cloud_time": format_timestamp(observed.now),
    }
