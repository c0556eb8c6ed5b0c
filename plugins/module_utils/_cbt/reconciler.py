# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring one VM's changed block tracking (CBT) into the desired state: the effects behind the steps of a plan (private to the collection).

Two guarantees hold whatever fails: a VM that was on is on again, and no snapshot of the collection is left.
"""

from __future__ import annotations

import secrets
import time
import typing as t
from dataclasses import replace
from datetime import datetime, timezone

from ansible_collections.cutover.smc.plugins.module_utils._cbt.plan import (
    CbtSpec,
    ObservedCbt,
    diff_view,
    parse_spec,
    plan,
)
from ansible_collections.cutover.smc.plugins.module_utils._cbt.report import describe
from ansible_collections.cutover.smc.plugins.module_utils._concerns.waivers import today
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    NotFoundError,
    PreconditionError,
    UnreachableError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import CBT_VERIFIED_KEY, OWN_SNAPSHOT_PREFIX
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, Params, Result
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, View
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Actions, Outcome, Reconciler
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import (
    is_tracked,
    skipped_disks,
    verification_marker,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import Connection, VCenter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import (
    OFF,
    VM_KEY,
    DiskFacts,
    VmFacts,
    epoch_of,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.inventory import (
    facts_after_task,
    facts_in,
    locate,
    read_one,
    refresh_stale_files,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.power import Power
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.properties import (
    ExtraRead,
    ObjectProperties,
    Reference,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.vm_properties import power_state_of, snapshots_of

_POLL_SECONDS = 2.0
_REMOVAL_SECONDS = 10.0
# What was read so recently, before anything was done, need not be read again before a change.
_FRESH_SECONDS = 2.0
_SNAPSHOT_LIST = {"VirtualMachine": ("snapshot.rootSnapshotList",)}

_SNAPSHOT_PRIVILEGES = ("VirtualMachine.State.CreateSnapshot", "VirtualMachine.State.RemoveSnapshot")
#: The privileges that a step needs. Those of "configure" depend on what it changes.
_PRIVILEGES: dict[str, tuple[str, ...]] = {
    "remove_snapshot": ("VirtualMachine.State.RemoveSnapshot",),
    "remove_all_snapshots": ("VirtualMachine.State.RemoveSnapshot",),
    "consolidate": ("VirtualMachine.State.RemoveSnapshot",),
    "stun": _SNAPSHOT_PRIVILEGES,
    "shut_down": ("VirtualMachine.Interact.PowerOff",),
    "power_on": ("VirtualMachine.Interact.PowerOn",),
    "query": (*_SNAPSHOT_PRIVILEGES, "VirtualMachine.Provisioning.DiskRandomRead"),
    "clean_up": ("VirtualMachine.Config.AdvancedConfig",),
}


class CbtReconciler(Reconciler[CbtSpec, ObservedCbt]):
    """Brings the CBT of one VM into the desired state."""

    def __init__(self, spec: CbtSpec, context: Context, vcenter: VCenter, machine: Reference) -> None:
        super().__init__(spec, context)
        self._vcenter = vcenter
        self._machine = machine
        self._power = Power(vcenter, machine, context, spec.power, spec.timeout)
        self._name = ""
        self._planned_for: t.Optional[VmFacts] = None
        self._observed_at = float("-inf")
        self._privileges_checked = False
        #: What the end of a task or a proof has just read, so that the next observation need not read it again.
        self._latest: t.Optional[VmFacts] = None
        self._activation_pending = False
        self._tracking_ended = False
        self._files_refreshed = False
        self._powered_off_by_us = False

    def run(self) -> Outcome[ObservedCbt]:
        try:
            return super().run()
        except BaseException as error:
            self._restore_power(error)
            raise

    def observe(self) -> ObservedCbt:
        latest, self._latest = self._latest or read_one(self._vcenter, self._machine), None
        facts = replace(latest, activation_pending=self._activation_pending)
        self._name = self._power.name = facts.name
        # A killed run has powered it off: from here on this run must power it on, even if nothing else can be done.
        self._powered_off_by_us |= facts.power_state == OFF and facts.power_on_again and not self.context.check_mode
        if not self._files_refreshed:
            self._files_refreshed = True
            (facts,) = refresh_stale_files(self._vcenter, [self._machine], [facts])
        self._tracking_ended |= not is_tracked(facts)
        self._planned_for, self._observed_at = facts, time.monotonic()
        return ObservedCbt(facts, self._tracking_ended)

    def plan(self, observed: ObservedCbt) -> Plan:
        found = plan(self.spec, observed)
        if found.changed and not self._privileges_checked:
            self._privileges_checked = True
            needed = needed_privileges(found)
            self._vcenter.require_privileges(self._machine, observed.facts.name, needed, found.summaries)
        return found

    def diff_view(self, observed: ObservedCbt) -> View:
        return diff_view(observed.facts)

    @property
    def actions(self) -> Actions:
        return {
            "remove_snapshot": self._remove_snapshot,
            "remove_all_snapshots": self._remove_all_snapshots,
            "consolidate": self._consolidate,
            "configure": self._configure,
            "stun": self._activate_by_snapshot,
            "shut_down": self._shut_down,
            "power_on": self._power_on,
            "verify_tracked": self._verify_tracked,
            "verify_untracked": self._verify_untracked,
            "query": self._query,
            "clean_up": self._clean_up,
        }

    # Snapshots

    def _remove_snapshot(self, moid: str) -> None:
        """Remove a snapshot of the collection, with repeated attempts, because a late removal is better than none.

        The VM is read in the same call, so that a proof need not read it again.
        """
        snapshot = self._vcenter.reference("VirtualMachineSnapshot", moid)
        errors: list[CutoverError] = []

        def attempt() -> bool:
            try:
                self._run_and_refresh(
                    f"remove the snapshot of cutover.smc from {self._name}",
                    lambda: snapshot.RemoveSnapshot_Task(removeChildren=False, consolidate=True),
                )
            except NotFoundError:
                pass  # something else, or an attempt that got no answer, has removed it
            except CutoverError as error:
                errors[:] = [error]
                return False
            return True

        waiter = Waiter(_REMOVAL_SECONDS, _POLL_SECONDS, self.context.progress)
        try:
            waiter.until(attempt, bool, lambda _done: errors[0].message)
        except WaitTimeoutError:
            (error,) = errors
            error.message = f"{error.message}. The snapshot {moid} of {self._name} still exists"
            error.remedy = "Run the task again; it removes the snapshot first"
            raise error from None

    def _remove_all_snapshots(self) -> None:
        self._run_task(
            f"remove all snapshots of {self._name}", lambda: self._machine.RemoveAllSnapshots_Task(consolidate=True)
        )

    def _consolidate(self) -> None:
        self._run_task(f"consolidate the disks of {self._name}", self._machine.ConsolidateVMDisks_Task)

    def _activate_by_snapshot(self) -> None:
        """Stun the VM by a snapshot that is removed immediately."""
        self._with_snapshot(f"take a snapshot of {self._name} to activate CBT", lambda _snapshot: None)
        self._activation_pending = False

    def _with_snapshot(self, doing: str, use: t.Callable[[Reference], None]) -> None:
        """Use a snapshot that is removed afterwards by its own reference, whatever happens."""
        name = OWN_SNAPSHOT_PREFIX + secrets.token_hex(4)
        snapshot = None
        try:
            snapshot = self._run_task(
                doing,
                lambda: self._machine.CreateSnapshot_Task(
                    name=name,
                    description="Taken by cutover.smc to activate changed block tracking; it is removed immediately.",
                    memory=False,
                    quiesce=False,
                ),
            )[0]
            use(snapshot)
        finally:
            moids = [snapshot._moId] if snapshot is not None else self._snapshots_named(name)
            for moid in moids:
                self._remove_snapshot(moid)

    def _snapshots_named(self, name: str) -> list[str]:
        """The snapshot of that name, which is ours: its creation may have succeeded although no answer came."""
        try:
            snapshots = self._read_snapshots()[1]
        except CutoverError:
            return []  # vCenter does not answer; the next run finds the snapshot by its name
        return [snapshot.moid for snapshot in snapshots if snapshot.name == name]

    # Configuration

    def _configure(self, flag: t.Optional[bool], keys: t.Mapping[str, str]) -> None:
        """Change the configuration, unless a snapshot or any other change has appeared since the plan was made.

        A snapshot that appears during the change is noticed immediately after it, and the change is reverted.
        """
        was_pending = self._activation_pending
        planned_for = self._planned_for

        def start() -> Reference:
            power_state, change_version = self._recheck_before_change()
            self._activation_pending = power_state != OFF
            return self._vcenter.reconfigure(self._machine, flag=flag, settings=keys, change_version=change_version)

        verb = "withdraw the request for CBT on" if flag is False else "request CBT on"
        extra = ExtraRead(self._machine, _SNAPSHOT_LIST)
        try:
            objects = self._run_task(f"{verb} {self._name}", start, extra)[1]
        except ConflictError:
            self._activation_pending = was_pending
            raise
        objects = objects or self._vcenter.read([self._machine], extra.paths)
        snapshots = list(snapshots_of(objects[0].values.get("snapshot.rootSnapshotList") or ()))
        if snapshots and planned_for is not None:
            self._revert_configuration(planned_for, flag, keys)
            self._activation_pending = was_pending
            raise self._snapshot_appeared([snapshot.name for snapshot in snapshots])

    def _revert_configuration(self, planned_for: VmFacts, flag: t.Optional[bool], keys: t.Mapping[str, str]) -> None:
        """Restore the configuration that the plan was made for."""
        previous = {key: planned_for.setting(key) or "" for key in keys}
        if flag is not None:
            disk_keys = [disk.ctk_key for disk in planned_for.disks if disk.ctk_key]
            previous = {**{key: planned_for.setting(key) or "" for key in disk_keys}, **previous}
            previous[VM_KEY] = planned_for.setting(VM_KEY) or ""
        previous_flag = bool(planned_for.flag) if flag is not None else None
        self._run_task(
            f"revert the request for CBT on {self._name}",
            lambda: self._vcenter.reconfigure(self._machine, flag=previous_flag, settings=previous, change_version=""),
        )

    def _recheck_before_change(self) -> tuple[str, str]:
        """The VM's power state and change version now.

        :raises ConflictError: a snapshot has appeared since the plan was made
        """
        facts = self._planned_for
        if facts is not None and not facts.snapshots and time.monotonic() - self._observed_at < _FRESH_SECONDS:
            self._observed_at = float("-inf")  # valid once, because a second attempt comes after a wait
            return facts.power_state, facts.change_version
        paths = ("config.changeVersion", "runtime.powerState", *_SNAPSHOT_LIST["VirtualMachine"])
        values, snapshots = self._read_snapshots(paths)
        if snapshots:
            raise self._snapshot_appeared([snapshot.name for snapshot in snapshots])
        return power_state_of(values), str(values.get("config.changeVersion", ""))

    def _read_snapshots(
        self, paths: t.Sequence[str] = _SNAPSHOT_LIST["VirtualMachine"]
    ) -> tuple[dict[str, t.Any], list[t.Any]]:
        """The properties at some paths of the VM, and its snapshots."""
        (properties,) = self._vcenter.read([self._machine], {"VirtualMachine": paths})
        trees = properties.values.get("snapshot.rootSnapshotList") or ()
        return properties.values, list(snapshots_of(trees))

    def _snapshot_appeared(self, names: t.Sequence[str]) -> ConflictError:
        return ConflictError(
            f"A snapshot of {self._name} appeared while CBT was being changed: {', '.join(names)}",
            remedy="Run the task again when the snapshot is gone",
        )

    def _clean_up(self, keys: t.Mapping[str, str]) -> None:
        self._set_keys(f"remove the markers from {self._name}", keys)

    def _set_keys(self, doing: str, keys: t.Mapping[str, str]) -> None:
        self._run_task(
            doing,
            lambda: self._vcenter.reconfigure(self._machine, flag=None, settings=keys, change_version=""),
        )

    # Power

    def _shut_down(self) -> None:
        self._powered_off_by_us = True
        self._power.shut_down(
            "Shut it down from inside, increase shutdown_timeout, set shutdown_fallback to force (cuts the power), "
            "or use activate: stun, which needs no downtime. If it still shuts down later, the next run powers it on again"
        )

    def _power_on(self) -> None:
        self._run_and_refresh(f"power on {self._name}", self._machine.PowerOnVM_Task)
        self._powered_off_by_us = False
        self._activation_pending = False

    def _restore_power(self, error: BaseException) -> None:
        """After an error: power on the VM that was powered off, or say in the error that it is off."""
        if not self._powered_off_by_us:
            return
        try:
            if self._power.state() == OFF:
                self._power_on()
        except CutoverError as second:
            message = f"{self._name} was on and is now OFF, because powering it on failed too: {second.message}"
            self.context.warn(message)
            if isinstance(error, CutoverError):
                error.message = f"{error.message}. {message}"

    # Proof

    def _verify_tracked(self) -> None:
        def untracked(facts: VmFacts) -> list[str]:
            skip = skipped_disks(facts, self.spec.skip_disks)
            return [str(disk) for disk in facts.disks if disk.key not in skip and disk.ctk_file is None]

        facts = self._read_files(lambda latest: not untracked(latest))
        missing = untracked(facts)
        if missing:
            raise CutoverError(
                f"CBT of {facts.name} was requested and activated, but no change tracking file exists for {', '.join(missing)}",
                remedy="Check the VM's vmware.log for messages about the disk, or try state: reset",
                code="NoChangeTrackingFile",
            )

    def _verify_untracked(self) -> None:
        facts = self._read_files(lambda latest: not is_tracked(latest))
        tracked = [str(disk) for disk in facts.disks if disk.ctk_file]
        if tracked:
            raise CutoverError(
                f"CBT of {facts.name} was disabled, but the change tracking files of {', '.join(tracked)} still exist",
                remedy="Check the VM's vmware.log; the datastore may have refused to delete them"
                if facts.running
                else "Power the VM on, which deletes them, and run the task again",
                code="ChangeTrackingFileLeft",
            )
        self._tracking_ended = True

    def _query(self) -> None:
        """Prove tracking as a replication would use it: a snapshot, a change ID, and a query of the areas in use."""
        facts = self._planned_for
        if facts is None:
            return
        skip = skipped_disks(facts, self.spec.skip_disks)
        epochs: dict[int, str] = {}

        def query(snapshot: Reference) -> None:
            ids = self._vcenter.change_ids(snapshot)
            for disk in facts.disks:
                if disk.key not in skip:
                    epochs[disk.key] = epoch_of(ids.get(disk.key))
                    self._query_areas(facts, disk, snapshot, epochs[disk.key])

        self._with_snapshot(f"take a snapshot of {self._name} to verify CBT", query)
        marker = verification_marker(format_timestamp(datetime.now(timezone.utc)), epochs)
        self._set_keys(f"record the verification in {self._name}", {CBT_VERIFIED_KEY: marker})

    def _query_areas(self, facts: VmFacts, disk: DiskFacts, snapshot: Reference, epoch: str) -> None:
        problem = "" if epoch else "its snapshot has no change ID"
        if epoch:
            try:
                self._vcenter.query_areas_in_use(self._machine, snapshot, disk.key)
            except CutoverError as error:
                if isinstance(error, (UnreachableError, PreconditionError)):
                    raise
                problem = error.message
        if not problem:
            return
        if epoch and disk.datastore_type.upper().startswith("NFS"):
            self.context.warn(
                f"{disk} of {facts.name} is on NFS, where vSphere cannot report which blocks are in use: {problem}"
            )
            return
        raise CutoverError(
            f"CBT of {facts.name} is enabled and its files exist, but {disk} cannot be queried: {problem}",
            remedy="Restart tracking with state: reset, after which the next SMC run is a full copy",
            code="QueryFailed",
        )

    # Tasks and reads

    def _read_files(self, suffices: t.Callable[[VmFacts], bool]) -> VmFacts:
        """The VM with its files, read again unless what the end of the last task has read suffices."""
        if self._latest is None or not suffices(self._latest):
            self._vcenter.refresh_storage(self._machine)
            self._latest = read_one(self._vcenter, self._machine)
        return self._latest

    def _run_and_refresh(self, doing: str, start: t.Callable[[], Reference]) -> None:
        """Run a task, and read the VM in the same call as the task's end, if it ends quickly."""
        objects = self._run_task(doing, start, facts_after_task(self._machine))[1]
        self._latest = facts_in(self._vcenter, self._machine, objects)

    def _run_task(
        self, doing: str, start: t.Callable[[], Reference], extra: t.Optional[ExtraRead] = None
    ) -> tuple[t.Any, list[ObjectProperties]]:
        """Run a task on the VM; what was read of it before is no longer valid."""
        self._latest = None
        return self._power.do(doing, start, extra)


def needed_privileges(plan: Plan) -> tuple[str, ...]:
    """The privileges on the VM without which a plan would fail halfway."""
    needed: list[str] = []
    for step in plan.steps:
        needed += _PRIVILEGES.get(step.action, ())
        if step.action == "configure":
            needed += ["VirtualMachine.Config.ChangeTracking"] * (step.arguments["flag"] is not None)
            needed += ["VirtualMachine.Config.AdvancedConfig"] * bool(step.arguments["keys"])
    return tuple(dict.fromkeys(needed))


def run(params: Params, context: Context) -> Result:
    """The handler of ``vmware_cbt``."""
    spec = parse_spec(params, today())
    with VCenter(Connection.from_params(params)) as vcenter:
        outcome = CbtReconciler(spec, context, vcenter, locate(vcenter, params)).run()
    facts = outcome.observed.facts
    restarted = spec.state == "reset" and any(step.mutates for step in outcome.done)
    if restarted and not context.check_mode:
        context.warn(f"Tracking of {facts.name} has restarted: the next run of its SMC job is a full copy")
    removals = ("remove_snapshot", "remove_all_snapshots")
    return outcome.result(
        next_run_full=restarted,
        vm=describe(facts, skipped_disks(facts, spec.skip_disks), spec.waivers, spec.today, spec.policy.snapshots),
        snapshots_removed=any(step.action in removals for step in outcome.done),
    )
