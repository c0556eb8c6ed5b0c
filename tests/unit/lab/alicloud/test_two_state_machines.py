"""The collection's state table and proof against the lab's state machine, which was written independently of them.

Random lives of a job: the guest writes, services stop and start, time passes, connectors send no heartbeats, actions are sent whether
they are allowed or not, and the modules must do what they promise, while answers get lost and the controller is killed and
started again. UNCONFIRMED behaviour is drawn at random.
"""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import runs as _evidence
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import JOB_ATTRIBUTES, Job
from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp
from ansible_collections.cutover.smc.plugins.modules import smc_incremental_job, smc_job_finalize
from lab.alicloud.world import records
from lab.alicloud.world.errors import CloudError
from tests.unit.lab.alicloud.in_process import REGION, InProcessCloud, KilledError

SWITCHES = st.fixed_dictionaries(
    {
        "start_on_waiting": st.booleans(),
        "stop_on_waiting": st.booleans(),
        "start_after_paused_waiting": st.sampled_from(["run", "waiting"]),
        "delete_running": st.booleans(),
        "lower_case_enums": st.booleans(),
        "disk_shape": st.sampled_from(["both", "old", "new"]),
        "waiting_expires": st.booleans(),
        "business_status_when_idle": st.sampled_from(["empty", "last"]),
        "job_image_id": st.sampled_from(["latest", "none"]),
        "running_record_listed": st.booleans(),
        "run_order": st.sampled_from(["oldest_first", "newest_first"]),
        "frequency_when_stopped": st.booleans(),
        "unknown_job_error": st.sampled_from(["not_found", "invalid_status"]),
    }
)
# An attribute of the collection with a value that SMC takes, in SMC's names.
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "name": {"Name": "another-name"},
    "description": {"Description": "another-description"},
    "interval": {"Frequency": 7},
    "images_to_keep": {"MaxNumberOfImageToKeep": 3},
    "image_name": {"ImageName": "another-image"},
    "system_disk_size": {"SystemDiskSize": 50},
    "network_mode": {"NetMode": 0},
    "vswitch_id": {"VSwitchId": "vsw-lab-other-zone"},
    "instance_type": {"InstanceType": "ecs.t6-c1m1.large"},
    "replication_parameters": {"ReplicationParameters": '{"bandwidth_limit":5}'},
    "valid_until": {},
}
SECONDS = st.sampled_from([0.4, 1, 20, 60, 200, 3700, 25000, 100000])


class TwoStateMachines(RuleBasedStateMachine):
    """One VM, the lab's cloud, and the collection."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.serving = True
        self.stopped_at: datetime | None = None
        self.writes = 0

    @initialize(switches=SWITCHES)
    def begin(self, switches: dict[str, Any]) -> None:
        self.lab = InProcessCloud(Path(self.directory.name), **switches)
        self.switches = switches
        self.source = self.lab.add_source()
        (self.disk,) = self.lab.vms.vms["vm-1"]
        self.write()

    def teardown(self) -> None:
        self.directory.cleanup()

    # --- the environment --------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.serving)
    @rule()
    def write(self) -> None:
        self.writes += 1
        self.disk.write(0, self.writes.to_bytes(4, "big"))

    @precondition(lambda self: self.serving)
    @rule()
    def stop_services(self) -> None:
        self.serving, self.stopped_at = False, self.lab.now()

    @precondition(lambda self: not self.serving)
    @rule()
    def start_services(self) -> None:
        self.serving, self.stopped_at = True, None

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.lab.advance(seconds)

    @rule()
    def connector_stops_or_continues_its_heartbeats(self) -> None:
        self.source.heartbeat_lost = not self.source.heartbeat_lost
        self.lab.cloud.engine.check_heartbeats()

    @rule(
        write_faults=st.lists(
            st.tuples(st.sampled_from(["lost", "killed"]), st.sampled_from(["before", "after"])), max_size=4
        )
    )
    def next_writes_fail(self, write_faults: list[tuple[str, str]]) -> None:
        self.lab.write_faults = write_faults

    # --- the state table: SMC accepts exactly what the table, or a switch, allows ---------------

    def accepted(self, action: str, **parameters: Any) -> bool:
        assert self.job is not None
        try:
            self.lab.act("smc", action, JobId=self.job.job_id, **parameters)
        except CloudError as refused:
            code = refused.code
        else:
            return True
        assert code.startswith(("ReplicationJob.Invalid", "SourceServerState.Invalid")), code
        return False

    @precondition(lambda self: self.job is not None)
    @rule()
    def start(self) -> None:
        may = self.job.status in lifecycle.STARTABLE
        may_by_switch = self.job.status == "Waiting" and self.switches["start_on_waiting"]
        online = not self.source.heartbeat_lost
        assert self.accepted("StartReplicationJob") is ((may or may_by_switch) and online)

    @precondition(lambda self: self.job is not None)
    @rule()
    def pause(self) -> None:
        may = lifecycle.may_pause(self.job.status, self.job.business_status)
        may_by_switch = self.job.status == "Waiting" and self.switches["stop_on_waiting"]
        assert self.accepted("StopReplicationJob") is (may or may_by_switch)

    @precondition(lambda self: self.job is not None)
    @rule()
    def delete(self) -> None:
        may = lifecycle.may_delete(self.job.status)
        may_by_switch = self.job.status == "Running" and self.switches["delete_running"]
        assert self.accepted("DeleteReplicationJob") is (may or may_by_switch)

    @precondition(lambda self: self.job is not None and self.job.status != "Deleting")
    @rule(attribute=st.sampled_from(sorted(ATTRIBUTES)))
    def modify(self, attribute: str) -> None:
        job = self.job
        assert job is not None
        wire = ATTRIBUTES[attribute] or {"ValidTime": format_timestamp(job.created + timedelta(days=60))}
        may = lifecycle.may_change(JOB_ATTRIBUTES[attribute].change, job.status, has_run=bool(job.runs))
        by_switch = self.switches["frequency_when_stopped"] and attribute in ("interval", "images_to_keep")
        may_by_switch = by_switch and job.status in ("Stopped", "InError")
        assert self.accepted("ModifyReplicationJobAttribute", **wire) is (may or may_by_switch)

    # --- the modules: they keep what they promise --------------------------------------------------------------------

    def declare(self, state: str, **params: Any) -> dict[str, Any]:
        """Ensure a state; a second run must plan no change."""
        options = {"source_id": self.source.source_id, "state": state, "vswitch_id": "vsw-lab-isolated", **params}
        options = {"wait": True, "poll_interval": 20.0, "wait_timeout": "2h", **options}
        result = self.run_module(smc_incremental_job.MODULE, **options)
        if result.get("failed"):
            self.check_obstacle(result)
        else:
            again, _lines = self.lab.call(smc_incremental_job.MODULE, check_mode=True, **options)
            assert not again["changed"], again
        return result

    def run_module(self, definition: ModuleDefinition, **params: Any) -> dict[str, Any]:
        """Run a module, and again whenever the controller is killed."""
        while True:
            try:
                result, _lines = self.lab.call(definition, **params)
            except KilledError:
                continue
            self.lab.write_faults = []
            return result

    def check_obstacle(self, failure: dict[str, Any]) -> None:
        """Only these errors may keep a module from its goal, and each has a remedy."""
        error = failure["error"]
        assert error["remedy"], failure
        silent = self.source.heartbeat_lost
        status = self.job.status if self.job else "none"
        assert (
            silent
            or status in ("Expired", "Finished", "Deleting", "none")
            or (status == "Waiting" and not self.switches["start_on_waiting"] and "manual run" in error["message"])
            or (status == "Waiting" and not self.switches["stop_on_waiting"] and "does not pause" in error["message"])
            or (error["kind"] == "precondition" and "discard its replica" in error["message"])
        ), failure

    @rule()
    def present(self) -> None:
        result = self.declare("present")
        if not result.get("failed") and not result["migrated"]:
            assert self.job is not None
            assert self.job.status in ("Running", "Waiting"), self.job.status
            assert self.job.completed_runs

    @rule()
    def synced(self) -> None:
        since = self.stopped_at or self.lab.now()
        result = self.declare("synced", synced_since=format_timestamp(since))
        if not result.get("failed") and not result["migrated"]:
            assert result["synced"]
            assert self.job is not None
            assert max(run.start for run in self.job.completed_runs) > since.replace(microsecond=0)

    @rule()
    def paused(self) -> None:
        result = self.declare("paused")
        if not result.get("failed"):
            assert self.job is not None
            assert self.job.status not in ("Running", "Waiting")

    @rule(discard=st.booleans(), by_id=st.booleans())
    def absent(self, discard: bool, by_id: bool) -> None:
        had_run = self.job is not None and self.job.status in lifecycle.ALIVE and bool(self.job.runs)
        named = {"source_id": None, "job_id": self.job.job_id} if by_id and self.job else {}
        result = self.declare("absent", discard_replication=discard, **named)
        if not result.get("failed"):
            assert discard or not had_run
            assert self.job is None

    @precondition(lambda self: self.stopped_at is not None and self.job is not None)
    @rule(final_sync=st.booleans())
    def finalize(self, final_sync: bool) -> None:
        assert self.stopped_at is not None
        assert self.job is not None
        proven_before = self.proven(self.job)
        was = self.job.status
        result = self.run_module(
            smc_job_finalize.MODULE,
            source_id=self.source.source_id,
            services_stopped_at=format_timestamp(self.stopped_at),
            final_sync=final_sync,
            poll_interval=20.0,
            wait_timeout="2h",
        )
        if result.get("failed"):
            assert result["error"]["remedy"], result
            assert not (was == "Waiting" and (proven_before or (final_sync and not self.source.heartbeat_lost))), result
        elif was != "Finished":
            assert result["evidence"]["proven"], result
            assert self.holds_every_write(result["evidence"]["image_id"])

    @precondition(lambda self: self.serving)
    @rule(seconds=st.sampled_from([0, 0, 1, 4000]), final_sync=st.booleans())
    def cut_over(self, seconds: float, final_sync: bool) -> None:
        """The runbook's sequence of steps, which random single steps rarely make up."""
        self.declare("present")
        self.write()
        self.stop_services()
        self.lab.advance(seconds)
        if self.job is not None:
            self.finalize(final_sync=final_sync)

    # --- what is always true ------------------------------------------------------------------------------------------

    @property
    def job(self) -> records.Job | None:
        """The job that matters: the unfinished one, or else the newest."""
        jobs = self.lab.store.jobs_of(self.source.source_id)
        return self.lab.store.unfinished_job(self.source.source_id) or (jobs[-1] if jobs else None)

    def proven(self, job: records.Job) -> bool:
        assert self.stopped_at is not None
        return _evidence.proving_run(self.seen(job).runs, self.stopped_at) is not None

    def seen(self, job: records.Job) -> Job:
        """The job as the collection sees it."""
        shown = self.lab.act("smc", "DescribeReplicationJobs", JobId=[job.job_id], RegionId=REGION)
        return Job.from_wire(shown["ReplicationJobs"]["ReplicationJob"][0])

    def holds_every_write(self, image_id: str) -> bool:
        image = self.lab.store.images[image_id]
        (disk,) = image.disks
        return Path(disk.file).read_bytes() == bytes(self.disk.data)

    @invariant()
    def a_source_has_at_most_one_unfinished_job(self) -> None:
        if hasattr(self, "lab"):
            jobs = self.lab.store.jobs_of(self.source.source_id)
            assert sum(job.unfinished for job in jobs) <= 1

    @invariant()
    def what_is_proven_is_true(self) -> None:
        """The services have not written since they stopped, so the image must equal the disk."""
        if not hasattr(self, "lab") or self.stopped_at is None:
            return
        for job in self.lab.store.jobs_of(self.source.source_id):
            run = _evidence.proving_run(self.seen(job).runs, self.stopped_at)
            if run is not None:
                assert run.image_id is not None
                assert self.holds_every_write(run.image_id)

    @invariant()
    def states_and_phases_are_known(self) -> None:
        if hasattr(self, "lab") and self.job is not None:
            seen = self.seen(self.job)
            assert seen.status in lifecycle.STATUSES
            assert not seen.phase or seen.phase in lifecycle.PHASES
            assert (seen.status in lifecycle.UNFINISHED) is self.job.unfinished
            billed = self.job.transition_instance_id in self.lab.store.instances
            assert not billed or seen.status in lifecycle.BILLED | {lifecycle.DELETING}


TwoStateMachines.TestCase.settings = settings(
    max_examples=90, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestTwoStateMachines = TwoStateMachines.TestCase


def test_a_final_run_proves_a_stop_in_the_same_second(tmp_path: Path):
    """Moments have whole seconds, so a last run that began in the second of the stop would prove nothing, and be the last."""
    lab = InProcessCloud(tmp_path)
    named = {"source_id": lab.add_source().source_id, "poll_interval": 20.0}
    created, _lines = lab.call(smc_incremental_job.MODULE, **named, wait=True, vswitch_id="vsw-lab-isolated")
    assert created["job"]["status"] == "Waiting"
    stopped = format_timestamp(lab.now())
    finished, lines = lab.call(smc_job_finalize.MODULE, **named, services_stopped_at=stopped, final_sync=True)
    assert finished["evidence"]["proven"], finished
    assert not any("nothing proves" in line for line in lines)


def test_deleting_is_waited_for_and_repeated_by_the_id_of_the_job(tmp_path: Path):
    lab = InProcessCloud(tmp_path)
    source = lab.add_source()
    created, _lines = lab.call(smc_incremental_job.MODULE, source_id=source.source_id, vswitch_id="vsw-lab-isolated")
    job_id = created["job"]["job_id"]
    lab.advance(600)
    lab.act("smc", "DeleteReplicationJob", JobId=job_id)
    for named in ({"source_id": source.source_id}, {"job_id": job_id}, {"job_id": job_id}):
        gone, _lines = lab.call(smc_incremental_job.MODULE, state="absent", poll_interval=20.0, **named)
        assert not gone.get("failed"), gone
        assert (gone["changed"], gone["job"]) == (False, None)
        assert lab.store.jobs == {}
