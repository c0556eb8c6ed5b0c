# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The states of an incremental job: what is left to do for each (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from datetime import datetime

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import Job
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_moment
from ansible_collections.cutover.smc.plugins.module_utils._jobs import job as _job
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job import Sight, Wish


def decide(wish: Wish, sight: Sight) -> Plan:
    """What is left to do for the declared state; pure.

    :raises PreconditionError: when nothing that may be done leads there
    """
    return {"present": _present, "synced": _synced, "paused": _paused, "absent": _absent}[wish.state](wish, sight)


def _present(wish: Wish, sight: Sight) -> Plan:
    job = sight.job
    if is_migrated(wish, sight):
        return Plan()
    if job is None or job.status == lifecycle.FINISHED:
        return Plan(_creation(wish, sight))
    if job.status == lifecycle.EXPIRED:
        raise PreconditionError(
            "Job %s has expired at %s" % (job.job_id, format_moment(job.valid_until)),
            remedy="Its images remain; delete the job (state: absent, discard_replication: true) and create it again, which copies everything anew",
        )
    if job.status == lifecycle.DELETING:
        raise PreconditionError(
            "Job %s is being deleted" % job.job_id, remedy="Run this again once it is gone, without its job_id"
        )
    if not job.incremental:
        raise PreconditionError(
            "Job %s of this source is a one-time job, which SMC cannot turn into an incremental one" % job.job_id,
            remedy="Let it finish or delete it, then run this again",
        )
    return Plan(
        tuple(_amendments(wish, job, sight.now)) + tuple(_start(wish, sight, job)) + tuple(_first_image(wish, job))
    )


def is_migrated(wish: Wish, sight: Sight) -> bool:
    """Whether the VM has moved already, by its finished job or, when that is gone, by the tags of its image."""
    if wish.recreate:
        return False
    return sight.migrated_image is not None if sight.job is None else sight.job.status == lifecycle.FINISHED


def _creation(wish: Wish, sight: Sight) -> tuple[Step, ...]:
    parameters = _job.creation_parameters(wish, sight.source, sight.job, sight.now)
    shown = _job.predicted(
        dict(
            wish.attributes, interval_hours=parameters["Frequency"], images_to_keep=parameters["MaxNumberOfImageToKeep"]
        )
    )
    create = Step(
        "create_job",
        "create the incremental job of %s"
        % (sight.source.source_id if sight.source else "the source, once it is imported"),
        {"parameters": parameters},
        dict(shown, status=lifecycle.READY),
        replan_after=True,
    )
    if wish.scheduled_start or not wish.started:
        return (create,)
    return create, Step("start_job", "start it", {"job_id": ""}, {"status": "started"}, replan_after=True)


def _amendments(wish: Wish, job: Job, now: datetime) -> t.Iterator[Step]:
    changes = _job.modifiable(wish, job, now)
    if changes:
        yield Step(
            "modify_job",
            "modify job %s: %s" % (job.job_id, ", ".join(sorted(changes))),
            {"job_id": job.job_id, "parameters": _job.to_wire(changes)},
            _job.predicted(changes),
        )
    tags = {key: value for key, value in _job.job_tags(wish, None).items() if job.tags.get(key) != value}
    if tags:
        yield Step(
            "tag_job", "tag job %s: %s" % (job.job_id, ", ".join(sorted(tags))), {"job_id": job.job_id, "tags": tags}
        )


def _start(wish: Wish, sight: Sight, job: Job) -> t.Iterator[Step]:
    if not wish.started or job.status not in lifecycle.STARTABLE:
        return
    if job.status == lifecycle.READY and job.scheduled_start and job.scheduled_start > sight.now:
        return
    if job.status == lifecycle.IN_ERROR and sight.resumed:
        raise PreconditionError(
            "Job %s failed again after it was resumed: %s" % (job.job_id, job.trouble or "SMC gives no reason"),
            remedy="Mend the cause and run this again; meanwhile instance %s is billed"
            % (job.intermediate_instance_id or "of the job"),
        )
    told = {
        lifecycle.READY: "start job %s",
        lifecycle.STOPPED: "resume job %s, which was paused",
        lifecycle.IN_ERROR: "resume job %s, which had failed",
    }[job.status]
    action = "resume_failed_job" if job.status == lifecycle.IN_ERROR else "start_job"
    yield Step(action, told % job.job_id, {"job_id": job.job_id}, {"status": "started"}, replan_after=True)


def _first_image(wish: Wish, job: Job) -> t.Iterator[Step]:
    if (
        wish.wait
        and wish.state == "present"
        and wish.started
        and job.newest_run is None
        and job.status == lifecycle.RUNNING
    ):
        yield wait_step(
            "wait_idle", "wait until the first run of job %s has made its image" % job.job_id, job_id=job.job_id
        )


def _synced(wish: Wish, sight: Sight) -> Plan:
    job = sight.job
    if job is None and sight.migrated_image and not wish.recreate:
        return Plan()
    if sight.synced(wish):
        return _present(wish, sight)
    if job is not None and job.status == lifecycle.FINISHED and not wish.recreate:
        raise PreconditionError(
            "Job %s is Finished, and its newest run is older than asked for" % job.job_id,
            remedy="A finished job does not run again; create a new one with recreate: true, which copies everything anew",
        )
    steps = _present(wish, sight).steps
    if job is None or (steps and steps[-1].replan_after):
        return Plan(
            (
                *steps,
                wait_step(
                    "wait_idle",
                    "wait until the run has made its image",
                    {"newest_run_started_at": "a later one"},
                    job_id="",
                ),
            )
        )
    if job.status == lifecycle.WAITING:
        begin = Step(
            "run_job",
            "run job %s by hand" % job.job_id,
            {"job_id": job.job_id, "after": wish.synced_since},
            {"newest_run_started_at": "a later one"},
            replan_after=True,
        )
        return Plan((*steps, begin))
    if job.status != lifecycle.RUNNING:
        raise PreconditionError(
            "Job %s is %s and is not to be started now, so that no run makes the image" % (job.job_id, job.status),
            remedy="Say started: true, or wait until its scheduled start (%s)"
            % (format_moment(job.scheduled_start) or "it has none"),
        )
    if wish.wait:
        return Plan(
            (*steps, wait_step("wait_idle", "wait until the run of job %s has ended" % job.job_id, job_id=job.job_id))
        )
    return Plan(steps)


def _paused(wish: Wish, sight: Sight) -> Plan:
    job = sight.job
    if job is None:
        raise PreconditionError("There is no job to pause", remedy="Create it first with state: present")
    if job.status == lifecycle.WAITING or lifecycle.may_pause(job.status, job.phase):
        return Plan(
            (
                Step(
                    "stop_job",
                    "pause job %s" % job.job_id,
                    {"job_id": job.job_id},
                    {"status": lifecycle.STOPPED},
                    replan_after=True,
                ),
            )
        )
    if job.status == lifecycle.RUNNING and wish.wait:
        wait = wait_step(
            "wait_pausable", "wait until job %s can be paused (it is %s)" % (job.job_id, job.phase), job_id=job.job_id
        )
        return Plan(
            (
                wait,
                Step("stop_job", "pause it", {"job_id": job.job_id}, {"status": lifecycle.STOPPED}, replan_after=True),
            )
        )
    return Plan()


def _absent(wish: Wish, sight: Sight) -> Plan:
    job = sight.job
    if job is None:
        return Plan()
    gone = wait_step("wait_gone", "wait until SMC has deleted it and released its instance", job_id=job.job_id)
    if job.status == lifecycle.DELETING:
        return Plan((gone,) if wish.wait else ())
    if job.status in lifecycle.ALIVE and job.has_run and not wish.discard_replication:
        raise PreconditionError(
            "Job %s is %s: deleting it throws its replica away" % (job.job_id, job.status),
            remedy="Complete it with smc_job_finalize, or say discard_replication: true",
        )
    delete = Step(
        "delete_job",
        "delete job %s" % job.job_id,
        {"job_id": job.job_id},
        {"status": "absent"},
        replan_after=not wish.wait,
    )
    tail = (delete, gone) if wish.wait else (delete,)
    if job.status != lifecycle.RUNNING:
        return Plan(tail)
    return Plan(_paused(replace(wish, state="paused", wait=True), sight).steps + tail)
