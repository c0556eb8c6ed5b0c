"""The lifecycle of a replication job: section 2 of the reference as transitions, each caused by a timer, an action or a result."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from lab.alicloud.http.faults import Faults
from lab.alicloud.replication.replicator import DiskResult, Order, ReplicationError
from lab.alicloud.world.compute import Compute, NewDisk, NewInstance, os_type_of
from lab.alicloud.world.diskfiles import DiskFiles
from lab.alicloud.world.records import TRANSITION_INSTANCE_NAME, Image, Job, Run, SecurityGroup, Source, Vpc
from lab.alicloud.world.store import Store

LOG = logging.getLogger(__name__)
KEPT_AFTER_EXPIRY = timedelta(days=7)
# The progress of the run at the end of a phase, in percent.
_PREPARED, _SYNCED, _PROCESSED = 5.0, 90.0, 99.0


class Submit(Protocol):
    """Passes an order to the replication workers; they report the outcome to `Lifecycle.replicated`."""

    def __call__(self, job: Job, order: Order) -> None: ...


class Lifecycle:
    """Moves jobs through their states; its caller holds the store's lock."""

    def __init__(self, store: Store, compute: Compute, files: DiskFiles, faults: Faults) -> None:
        self._store = store
        self._compute = compute
        self._files = files
        self._faults = faults
        self.submit: Submit | None = None

    # -- small helpers -------------------------------------------------------------------------------------------

    def _after(self, job: Job, seconds: float, action: Callable[[], None]) -> None:
        """Schedule the job's next step; it replaces any earlier one."""
        self._cancel_step(job)
        job.step_timer = self._store.timers.at(self._store.now() + timedelta(seconds=seconds), action)

    @staticmethod
    def _cancel_step(job: Job) -> None:
        if job.step_timer:
            job.step_timer.cancel()
            job.step_timer = None

    @staticmethod
    def _cancel_schedule(job: Job) -> None:
        if job.schedule_timer:
            job.schedule_timer.cancel()
            job.schedule_timer = None

    def _seconds(self, phase: str) -> int:
        return self._store.switches.number(f"seconds_{phase}")

    def _enter(self, job: Job, phase: str) -> bool:
        """Begin a phase; False when a fault ends the run here."""
        job.business_status = phase
        fault = self._faults.job_fault("job_in_error", job, self._source(job), phase)
        if fault is not None:
            self.fail(job, str(fault.options.get("error_code", "InternalError")), str(fault.options.get("message", "")))
            return False
        if self._faults.job_fault("instance_gone", job, self._source(job), phase) is not None:
            self._compute.delete_instance(job.transition_instance_id)
        return True

    def _source(self, job: Job) -> Source:
        return self._store.sources[job.source_id]

    def running_count(self) -> int:
        """How many jobs run now."""
        return sum(job.status == "Running" for job in self._store.jobs.values())

    # -- creation, schedule and expiry ---------------------------------------------------------------------------

    def created(self, job: Job) -> None:
        """A new job is Ready; its scheduled start and its expiry are set."""
        self._store.jobs[job.job_id] = job
        self._source(job).last_job_id = job.job_id
        self.set_scheduled_start(job, job.scheduled_start)
        self.set_valid_time(job, job.valid_time)

    def set_scheduled_start(self, job: Job, time: datetime | None) -> None:
        """Start a Ready job automatically at a time; None cancels that."""
        self._cancel_schedule(job)
        job.scheduled_start = time
        if time is not None:
            job.schedule_timer = self._store.timers.at(time, lambda: self._scheduled(job, "Ready"))

    def set_valid_time(self, job: Job, time: datetime) -> None:
        """Let the job expire at a time."""
        if job.expiry_timer:
            job.expiry_timer.cancel()
        job.valid_time = time
        job.expiry_timer = self._store.timers.at(time, lambda: self._expire(job))

    def _expire(self, job: Job) -> None:
        expiring = ("Ready", "Stopped", "InError") + (
            ("Waiting",) if self._store.switches.on("waiting_expires") else ()
        )
        if job.status not in expiring:
            return  # a Running job continues, and is checked again when it is idle
        job.status, job.business_status = "Expired", ""
        self._cancel_step(job)
        self._cancel_schedule(job)
        self._release_resources(job)
        job.expiry_timer = self._store.timers.at(self._store.now() + KEPT_AFTER_EXPIRY, lambda: self._remove(job))

    def _scheduled(self, job: Job, from_status: str) -> None:
        if job.status != from_status:
            return
        if self.running_count() >= self._store.switches.number("running_jobs_limit"):
            job.schedule_timer = self._store.timers.at(
                self._store.now() + timedelta(seconds=60), lambda: self._scheduled(job, from_status)
            )
            return
        if not self._store.source_online(self._source(job)):
            self._begin_run(job, "Schedule")
            self.fail(job, "SourceServer.Offline", "The source server is offline.")
            return
        self.run(job, "Schedule")

    # -- a run ---------------------------------------------------------------------------------------------------

    def _begin_run(self, job: Job, kind: str, final: bool = False) -> Run:
        run = job.current_run
        if run is None:
            run = Run(number=len(job.runs) + 1, kind=kind, start=self._store.now(), final=final)
            job.runs.append(run)
        run.failed = False
        return run

    def run(self, job: Job, kind: str, final: bool = False) -> None:
        """Ready, Waiting, Stopped or InError -> Running: a new run, or the interrupted one again."""
        self._cancel_step(job)
        self._cancel_schedule(job)
        job.status, job.error_code, job.status_info = "Running", "", ""
        job.paused_in_waiting = False
        job.progress, job.end = 0.0, None
        job.start = job.start or self._store.now()
        self._begin_run(job, kind, final)
        if not self._enter(job, "Preparing"):
            return
        if job.transition_instance_id and job.transition_instance_id not in self._store.instances:
            self.fail(job, "InvalidInstanceId.NotFound", "The intermediate instance was released.")
        elif job.transition_instance_id:
            self._sync(job)
        elif self._create_transition_instance(job):
            self._after(job, self._seconds("preparing"), lambda: self._sync(job))

    def _create_transition_instance(self, job: Job) -> bool:
        store = self._store
        vpc_id, vswitch_id = job.vpc_id, job.vswitch_id
        if not vswitch_id:
            if len(store.vpcs) >= store.switches.number("vpc_quota"):
                self.fail(job, "QuotaExceeded.Vpc", "Create transition vpc failed (QuotaExceeded.Vpc).")
                return False
            vpc_id = job.own_vpc_id = store.identifiers.make("vpc")
            store.vpcs[vpc_id] = Vpc(vpc_id, f"SMC_{job.job_id}", store.now(), "192.168.0.0/16")
            vswitch_id = store.identifiers.make("vsw")
        group_id = job.own_security_group_id = store.identifiers.make("sg")
        store.security_groups[group_id] = SecurityGroup(group_id, vpc_id, f"SMC_{job.job_id}", store.now())
        platform = str(self._source(job).vm.get("platform", ""))
        disks = [NewDisk("system", job.system_disk.size_gib)]
        disks += [NewDisk("data", disk.size_gib) for disk in job.data_disks]
        instance = self._compute.create_instance(
            NewInstance(
                name=TRANSITION_INSTANCE_NAME,
                instance_type=job.instance_type or "ecs.t5-lc1m2.small",
                image_id="",
                vpc_id=vpc_id,
                vswitch_id=vswitch_id,
                security_group_ids=[group_id],
                disks=disks,
                public=job.net_mode == 0,
                job_id=job.job_id,
                os_type=os_type_of(platform),
                running_immediately=True,
                tags=dict(job.tags) if store.switches.on("job_tags_on_instance") else {},
            )
        )
        job.transition_instance_id = instance.instance_id
        return True

    def _sync(self, job: Job) -> None:
        """Preparing -> Syncing: the data comparison comes first."""
        job.progress = _PREPARED
        if self._enter(job, "Syncing"):
            self._after(job, self._seconds("comparing"), lambda: self._transfer(job))

    def _transfer(self, job: Job) -> None:
        run, source = job.runs[-1], self._source(job)
        self._cancel_step(job)
        job.attempt += 1
        run.snapshot_time = self._store.now()
        run.snapshot_name = f"smc_{job.job_id}_{run.snapshot_time:%Y-%m-%d-%H:%M:%S}"
        attempt = job.attempt
        cancel = job.cancel = threading.Event()

        def progress(sent: int, total: int) -> None:
            with self._store.lock:
                if job.attempt == attempt and job.status == "Running":
                    run.bytes_sent, run.bytes_total = sent, total
                    job.progress = _PREPARED + (_SYNCED - _PREPARED) * (sent / total if total else 1.0)

        order = Order(
            job_id=job.job_id,
            moref=source.moref,
            snapshot_name=run.snapshot_name,
            image_id=self._store.identifiers.make("m"),
            disk_keys=self._selected_disks(job, source),
            change_ids=job.change_ids,
            cancel=cancel,
            keep_snapshot=lambda: (
                job.status in ("Deleting", "Deleted") and self._store.switches.on("residual_snapshot_on_delete")
            ),
            progress=progress,
            refuses_powered_off=self._store.switches.text("powered_off_sources") == "refused",
        )
        if self.submit is None:
            raise RuntimeError("no replication workers are attached")
        self.submit(job, order)

    def _selected_disks(self, job: Job, source: Source) -> list[int]:
        keys = [source.system_disk.key]
        listed = {disk.index for disk in job.data_disks}
        copy_all = self._store.switches.text("unlisted_data_disks") == "copied"
        return keys + [disk.key for index, disk in enumerate(source.data_disks, start=1) if copy_all or index in listed]

    def replicated(self, job: Job, attempt: int, order: Order, outcome: list[DiskResult] | ReplicationError) -> None:
        """A worker is done: Syncing -> Processing, or InError. The result of a stopped or deleted job is dropped."""
        if job.attempt != attempt or job.status != "Running" or job.business_status != "Syncing":
            self._files.delete_image(order.image_id)
            return
        if isinstance(outcome, ReplicationError):
            self.fail(job, outcome.code, outcome.message)
            return
        run = job.runs[-1]
        run.bytes_sent = run.bytes_total = sum(result.bytes_sent for result in outcome)
        run.full = any(result.full for result in outcome)
        run.disks = [
            {"key": r.key, "size": r.size, "bytes_sent": r.bytes_sent, "full": r.full, "reason": r.reason, "change_id": r.change_id}
            for r in outcome
        ]  # fmt: skip
        job.change_ids = {result.key: result.change_id for result in outcome if result.change_id}
        if not self._enter(job, "Processing"):
            self._files.delete_image(order.image_id)
            return
        job.progress = _SYNCED
        files = {result.key: (result.size, result.file) for result in outcome}
        image = self._compute.create_image(job, self._source(job), order.image_id, self._image_name(job, run), files)
        seconds = min(max(180, self._seconds("processing")), self._seconds("processing") + run.bytes_sent // 2**20)
        self._after(job, seconds, lambda: self._processed(job, run, image))

    def _image_name(self, job: Job, run: Run) -> str:
        name = job.image_name if job.run_once else f"{job.image_name}_CYCLE_{run.number}"
        taken = {image.name for image in self._store.images.values()}
        return f"{name}_{job.job_id}" if name in taken else name

    def _processed(self, job: Job, run: Run, image: Image) -> None:
        """The image exists: the run is complete."""
        if image.image_id in self._store.images:
            self._compute.finish_image(image)
        run.end, run.image_id = self._store.now(), image.image_id
        job.image_ids.append(image.image_id)
        job.progress = _PROCESSED
        self._prune_images(job)
        if job.run_once or run.final:
            self.clean(job)
        else:
            self._wait(job)

    def _prune_images(self, job: Job) -> None:
        """Delete the oldest unused images beyond the maximum; an image that an instance uses is kept, even beyond it."""
        if job.images_to_keep is None:
            return
        present = [image_id for image_id in job.image_ids if image_id in self._store.images]
        excess = len(present) - job.images_to_keep
        for image_id in present[:-1]:
            if excess <= 0:
                return
            if not self._store.image_users(image_id):
                self._compute.delete_image(image_id, self._store.switches.on("prune_deletes_snapshots"))
                excess -= 1

    def _wait(self, job: Job) -> None:
        """Running -> Waiting; the interval counts from this end of the run."""
        self._cancel_step(job)
        job.status, job.business_status, job.progress = "Waiting", self._idle_phase(job), 100.0
        now = self._store.now()
        job.schedule_timer = self._store.timers.at(
            now + timedelta(hours=job.frequency or 1), lambda: self._scheduled(job, "Waiting")
        )
        if job.valid_time <= now:
            self._expire(job)

    def _idle_phase(self, job: Job) -> str:
        return job.business_status if self._store.switches.text("business_status_when_idle") == "last" else ""

    # -- ends ----------------------------------------------------------------------------------------------------

    def clean(self, job: Job) -> None:
        """-> Cleaning -> Finished: the intermediate resources are released."""
        job.status = "Running"
        self._cancel_schedule(job)
        if not self._enter(job, "Cleaning"):
            return

        def finished() -> None:
            self._release_resources(job)
            job.status, job.business_status, job.progress = "Finished", self._idle_phase(job), 100.0
            job.end = self._store.now()
            self._files.delete_replicas(job.job_id)

        self._after(job, self._seconds("cleaning"), finished)

    def fail(self, job: Job, code: str, message: str) -> None:
        """Running -> InError: the intermediate instance is kept, and costs."""
        LOG.info("job %s is in error: %s %s", job.job_id, code, message)
        self._cancel_step(job)
        self._cancel_schedule(job)
        job.cancel.set()
        job.attempt += 1
        job.status, job.business_status = "InError", self._idle_phase(job)
        job.error_code = code
        job.status_info = message
        if job.current_run:
            job.current_run.failed = True
        if job.valid_time <= self._store.now():
            self._expire(job)

    def stop(self, job: Job) -> None:
        """Syncing (or, by switch, Waiting) -> Stopped."""
        self._cancel_step(job)
        self._cancel_schedule(job)
        job.paused_in_waiting = job.status == "Waiting"
        job.cancel.set()
        job.attempt += 1
        job.status, job.business_status = "Stopped", self._idle_phase(job)
        if job.valid_time <= self._store.now():
            self._expire(job)

    def resume(self, job: Job, kind: str) -> None:
        """Start of a Ready, Stopped, InError or, by switch, Waiting job."""
        if job.paused_in_waiting and self._store.switches.text("start_after_paused_waiting") == "waiting":
            job.paused_in_waiting = False
            self._wait(job)
        else:
            self.run(job, kind)

    def cut_over(self, job: Job, sync_data: bool) -> None:
        """Waiting -> (one last run ->) Cleaning -> Finished."""
        if sync_data:
            self.run(job, "Manual", final=True)
        else:
            self.clean(job)

    def delete(self, job: Job) -> None:
        """-> Deleting -> removed."""
        self._cancel_step(job)
        self._cancel_schedule(job)
        job.cancel.set()
        job.attempt += 1
        job.status, job.business_status = "Deleting", ""
        if job.expiry_timer:
            job.expiry_timer.cancel()
        self._after(job, self._seconds("deleting"), lambda: self._remove(job))

    def _remove(self, job: Job) -> None:
        self._release_resources(job)
        job.status = "Deleted"
        self._store.jobs.pop(job.job_id, None)
        self._files.delete_replicas(job.job_id)

    def _release_resources(self, job: Job) -> None:
        self._compute.delete_instance(job.transition_instance_id)
        self._store.security_groups.pop(job.own_security_group_id, None)
        if job.own_vpc_id:
            self._store.vpcs.pop(job.own_vpc_id, None)
            job.own_vpc_id = ""

    def delete_source(self, source: Source) -> None:
        """-> Deleting -> removed, with all its jobs."""
        source.deleting = True
        for job in self._store.jobs_of(source.source_id):
            if job.status != "Deleting":
                self.delete(job)
        due = self._store.now() + timedelta(seconds=self._seconds("deleting"))
        self._store.timers.at(due, lambda: self._remove_source(source))

    def _remove_source(self, source: Source) -> None:
        # The deletion of its jobs was scheduled earlier for the same time, so they do not exist any more.
        self._store.sources.pop(source.source_id, None)

    def check_heartbeats(self) -> None:
        """A running job whose source has gone offline is in error."""
        for job in list(self._store.jobs.values()):
            needs_source = job.status == "Running" and job.business_status in ("Preparing", "Syncing")
            if needs_source and not self._store.source_online(self._source(job)):
                self.fail(job, "SourceServer.Offline", "The source server is offline.")
