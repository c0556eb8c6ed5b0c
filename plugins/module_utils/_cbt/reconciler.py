# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bringing one VM's changed block tracking into a wanted state: the deeds behind the steps of ``_cbt`` (private to the collection).

Two promises are kept whatever fails: a VM that was on is on again, and no snapshot of ours is left.
"""

from __future__ import annotations

import secrets
import time
import typing as t
from dataclasses import replace
from datetime import datetime, timezone

from ansible_collections.cutover.smc.plugins.module_utils._cbt.plan import (
    DELICATE_STEPS,
    Wishes,
    plan_disable,
    plan_enable,
    plan_reset,
    view_of,
)
from ansible_collections.cutover.smc.plugins.module_utils._concerns.cbt import refusals
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    NotFoundError,
    PreconditionError,
    UnreachableError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import CBT_VERIFIED_KEY, OWN_SNAPSHOT_PREFIX
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Outcome, converge
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_moment
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import (
    is_tracked,
    skipped_disks,
    state_of,
    verification_note,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import Also, Reference, Seen, VCenter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import (
    OFF,
    VM_KEY,
    DiskFacts,
    VmFacts,
    epoch_of,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.inventory import (
    facts_in,
    power_state_of,
    read_one,
    snapshots_of,
    with_fresh_files,
    with_task,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.power import Power, PowerPolicy

_POLL_SECONDS = 2.0
_REMOVAL_SECONDS = 10.0
# What was seen so recently, and before anything was done, need not be looked at again before a change.
_FRESH_SECONDS = 2.0

_SNAPSHOT_PRIVILEGES = ("VirtualMachine.State.CreateSnapshot", "VirtualMachine.State.RemoveSnapshot")
#: The privileges that a step needs; a change of the configuration needs more or less, by what it changes.
_PRIVILEGES: dict[str, tuple[str, ...]] = {
    "remove_snapshot": ("VirtualMachine.State.RemoveSnapshot",),
    "remove_all_snapshots": ("VirtualMachine.State.RemoveSnapshot",),
    "consolidate": ("VirtualMachine.State.RemoveSnapshot",),
    "stun": _SNAPSHOT_PRIVILEGES,
    "shut_down": ("VirtualMachine.Interact.PowerOff",),
    "power_on": ("VirtualMachine.Interact.PowerOn",),
    "query": (*_SNAPSHOT_PRIVILEGES, "VirtualMachine.Provisioning.DiskRandomRead"),
    "tidy": ("VirtualMachine.Config.AdvancedConfig",),
}


class Activation:
    """One VM on its way to a state of CBT."""

    def __init__(
        self,
        vcenter: VCenter,
        machine: Reference,
        context: Context,
        *,
        wishes: Wishes,
        power: PowerPolicy,
        timeout: float,
        waived: t.Callable[[str], t.Container[str]] = lambda _name: (),
    ) -> None:
        self._vcenter = vcenter
        self._machine = machine
        self._context = context
        self._wishes = wishes
        self._power = Power(vcenter, machine, context, power, timeout)
        self._waived = waived
        self._name = ""
        self._facts: t.Optional[VmFacts] = None  # what the plan rests on
        self._facts_at = float("-inf")
        self._privileges_known = False
        self._seen: t.Optional[VmFacts] = None  # what a proof has just read, for the look that follows it
        self._unsettled = False
        self._stopped = False
        self._files_looked_at = False
        self._switched_off = False

    def reach(self, state: str, skip_disks: t.Sequence[str] = ()) -> Outcome[VmFacts]:
        """Bring about ``enabled``, ``disabled`` or ``reset``, or in check mode tell how.

        :raises PreconditionError: something forbids it; nothing was changed
        """

        def decide(facts: VmFacts) -> Plan:
            wishes = replace(self._wishes, skip=skipped_disks(facts, skip_disks))
            return self._decide(state, facts, wishes)

        actions: dict[str, t.Callable[..., t.Any]] = {
            "remove_snapshot": self._remove_snapshot,
            "remove_all_snapshots": self._remove_all_snapshots,
            "consolidate": self._consolidate,
            "configure": self._configure,
            "stun": self._stun,
            "shut_down": self._shut_down,
            "power_on": self._power_on,
            "verify_tracked": lambda: self._verify_tracked(skip_disks),
            "verify_untracked": self._verify_untracked,
            "query": lambda: self._query(skip_disks),
            "tidy": self._tidy,
        }
        try:
            return converge(self._observe, decide, actions, view_of, check_mode=self._context.check_mode)
        except BaseException as error:
            self._restore_power(error)
            raise

    def _observe(self) -> VmFacts:
        seen, self._seen = self._seen or read_one(self._vcenter, self._machine), None
        facts = replace(seen, unsettled=self._unsettled)
        self._name = self._power.name = facts.name
        # Switched off by a run that was killed: from here on it is ours to power on, even when nothing else can be done.
        self._switched_off |= facts.power_state == OFF and facts.power_on_again and not self._context.check_mode
        if not self._files_looked_at:
            self._files_looked_at = True
            (facts,) = with_fresh_files(self._vcenter, [(self._machine, facts)])
        self._facts, self._facts_at = facts, time.monotonic()
        return facts

    def _decide(self, state: str, facts: VmFacts, wishes: Wishes) -> Plan:
        if state == "enabled":
            plan = plan_enable(facts, wishes)
        elif state == "disabled":
            plan = plan_disable(facts, wishes)
        else:
            self._stopped |= not is_tracked(facts)
            plan = plan_reset(facts, wishes, stopped=self._stopped)
        delicate = any(step.action in DELICATE_STEPS for step in plan.steps)
        if delicate or (state == "enabled" and not _fulfilled(facts, wishes)):
            self._refuse(state, facts, wishes)
        if plan.changed and not self._privileges_known:
            self._privileges_known = True
            self._refuse_without_privileges(facts, plan)
        return plan

    def _refuse_without_privileges(self, facts: VmFacts, plan: Plan) -> None:
        missing = self._vcenter.missing_privileges([self._machine], needed_privileges(plan)).get(facts.moid, ())
        if not missing:
            return
        noun = "privilege" if len(missing) == 1 else "privileges"
        raise PreconditionError(
            f"The user lacks the {noun} {', '.join(missing)} on {facts.name}, so that nothing was begun",
            remedy="Have a role that holds them assigned to the user on the VM or above it",
            code="NoPermission",
            details={"privileges": list(missing), "entity": facts.name, "plan": plan.summaries},
        )

    def _refuse(self, state: str, facts: VmFacts, wishes: Wishes) -> None:
        waived = self._waived(facts.name)
        found = refusals(facts, state, wishes.skip, removing=wishes.snapshots == "remove", waived=waived)
        if not found:
            return
        reasons = "; ".join(str(concern) for concern in found)
        remedies = " ".join(dict.fromkeys(concern.remedy + "." for concern in found))
        raise PreconditionError(
            f"CBT of {facts.name} cannot be {state} now: {reasons}",
            remedy=remedies,
            code=found[0].id,
            details={"concerns": [concern.as_result() for concern in found], "plan": []},
        )

    # Deeds

    def _remove_snapshot(self, moid: str) -> None:
        """Remove a snapshot of ours, trying again for a while: better late than left behind.

        What the VM looks like then is read in the same breath, so that a proof need not read it again.
        """
        snapshot = self._vcenter.reference("VirtualMachineSnapshot", moid)
        problem: list[CutoverError] = []

        def attempt() -> bool:
            try:
                self._do_and_look(
                    "remove our snapshot", lambda: snapshot.RemoveSnapshot_Task(removeChildren=False, consolidate=True)
                )
            except NotFoundError:
                pass  # somebody was quicker, or an attempt that got no answer had done it
            except CutoverError as failure:
                problem[:] = [failure]
                return False
            return True

        waiter = Waiter(_REMOVAL_SECONDS, _POLL_SECONDS, self._context.progress)
        try:
            waiter.until(attempt, bool, lambda _done: problem[0].message)
        except WaitTimeoutError:
            failure = problem[0]
            failure.message = f"{failure.message}, so that the snapshot is still there ({moid})"
            failure.remedy = "Run it again: it removes the snapshot first"
            raise failure from None

    def _remove_all_snapshots(self) -> None:
        self._do("remove all snapshots", lambda: self._machine.RemoveAllSnapshots_Task(consolidate=True))

    def _consolidate(self) -> None:
        self._do("consolidate the disks", self._machine.ConsolidateVMDisks_Task)

    def _configure(self, flag: t.Optional[bool], keys: t.Mapping[str, str]) -> None:
        """Change the configuration, unless a snapshot has appeared or anything else has changed since the plan was made.

        A snapshot that appears in the very moment of the change is seen right after it, and the change is taken back.
        """
        settled = not self._unsettled
        planned = self._facts

        def start() -> Reference:
            power_state, change_version = self._look_before_leaping()
            self._unsettled = power_state != OFF
            return self._vcenter.reconfigure(self._machine, flag=flag, settings=keys, change_version=change_version)

        also = Also(self._machine, {"VirtualMachine": ("snapshot.rootSnapshotList",)})
        try:
            seen = self._do("withdraw the request for CBT" if flag is False else "request CBT", start, also)[1]
        except ConflictError:
            self._unsettled = not settled
            raise
        seen = seen or self._vcenter.read([self._machine], also.paths)
        trees = seen[0].values.get("snapshot.rootSnapshotList")
        if trees and planned is not None:
            self._take_back(planned, flag, keys)
            self._unsettled = not settled
            raise ConflictError(
                _appeared(self._name, [snapshot.name for snapshot in snapshots_of(trees)]),
                remedy="Run it again when it is gone",
            )

    def _take_back(self, planned: VmFacts, flag: t.Optional[bool], keys: t.Mapping[str, str]) -> None:
        """Put the configuration back to what the plan was made for."""
        former = {key: planned.setting(key) or "" for key in keys}
        if flag is not None:
            former = dict(
                {disk.ctk_key: planned.setting(disk.ctk_key) or "" for disk in planned.disks if disk.ctk_key}, **former
            )
            former[VM_KEY] = planned.setting(VM_KEY) or ""
        back = bool(planned.flag) if flag is not None else None
        self._do(
            "take the request for CBT back",
            lambda: self._vcenter.reconfigure(self._machine, flag=back, settings=former, change_version=""),
        )

    def _look_before_leaping(self) -> tuple[str, str]:
        """The VM's power state and change version in this instant.

        :raises ConflictError: it has a snapshot by now
        """
        facts = self._facts
        if facts is not None and not facts.snapshots and time.monotonic() - self._facts_at < _FRESH_SECONDS:
            self._facts_at = float("-inf")  # once: a second attempt comes after a wait
            return facts.power_state, facts.change_version
        paths = ("config.changeVersion", "runtime.powerState", "snapshot.rootSnapshotList")
        values = self._vcenter.read([self._machine], {"VirtualMachine": paths})[0].values
        present = list(snapshots_of(values.get("snapshot.rootSnapshotList") or ()))
        if present:
            names = [snapshot.name for snapshot in present]
            raise ConflictError(_appeared(self._name, names), remedy="Run it again when it is gone")
        return power_state_of(values), str(values.get("config.changeVersion", ""))

    def _stun(self) -> None:
        """Take a snapshot and remove it at once."""
        self._with_snapshot("take the snapshot that stuns the VM", lambda _snapshot: None)
        self._unsettled = False

    def _with_snapshot(self, doing: str, use: t.Callable[[Reference], None]) -> None:
        """Use a snapshot that is removed afterwards, by its own reference and whatever happens."""
        name = OWN_SNAPSHOT_PREFIX + secrets.token_hex(4)
        snapshot = None
        try:
            snapshot = self._do(
                doing,
                lambda: self._machine.CreateSnapshot_Task(
                    name=name,
                    description="Taken by cutover.smc to make changed block tracking take effect; it is removed at once.",
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
        """The snapshot of that name, which is ours: its creation may have succeeded though no answer came."""
        try:
            present = self._vcenter.read([self._machine], {"VirtualMachine": ("snapshot.rootSnapshotList",)})[0].values
        except CutoverError:
            return []  # vCenter does not answer; the next run finds the snapshot by its name
        trees = present.get("snapshot.rootSnapshotList") or ()
        return [snapshot.moid for snapshot in snapshots_of(trees) if snapshot.name == name]

    def _shut_down(self) -> None:
        self._switched_off = True
        self._power.shut_down(
            "Shut it down from inside, raise 'shutdown_timeout', set shutdown_fallback to 'force' (cuts the power), "
            "or use activate: stun, which needs no downtime. Should it still go down later, the next run powers it on again"
        )

    def _power_on(self) -> None:
        self._do_and_look("power on the VM", self._machine.PowerOnVM_Task)
        self._switched_off = False
        self._unsettled = False

    def _verify_tracked(self, skip_disks: t.Sequence[str]) -> None:
        def untracked(facts: VmFacts) -> list[str]:
            skip = skipped_disks(facts, skip_disks)
            return [str(disk) for disk in facts.disks if disk.key not in skip and disk.ctk_file is None]

        facts = self._look_at_files(lambda seen: not untracked(seen))
        missing = untracked(facts)
        if missing:
            raise CutoverError(
                f"CBT of {facts.name} was requested and activated, but no change tracking file appeared for {', '.join(missing)}",
                remedy="Look at the VM's vmware.log for the disk, or try state: reset",
                code="NoChangeTrackingFile",
            )

    def _verify_untracked(self) -> None:
        facts = self._look_at_files(lambda seen: not is_tracked(seen))
        tracked = [str(disk) for disk in facts.disks if disk.ctk_file]
        if tracked:
            raise CutoverError(
                f"CBT of {facts.name} was switched off, but the change tracking files of {', '.join(tracked)} are still there",
                remedy="A VM that is off loses them at its next power-on: power it on and run it again"
                if not facts.running
                else "Look at the VM's vmware.log; the datastore may have refused to delete them",
                code="ChangeTrackingFileLeft",
            )
        self._stopped = True

    def _query(self, skip_disks: t.Sequence[str]) -> None:
        """Prove tracking by what a replication does first: a snapshot, a change id, and the question what is in use."""
        facts = self._facts
        if facts is None:
            return
        skip = skipped_disks(facts, skip_disks)
        epochs: dict[int, str] = {}

        def ask(snapshot: Reference) -> None:
            ids = self._vcenter.change_ids(snapshot)
            for disk in facts.disks:
                if disk.key not in skip:
                    epochs[disk.key] = epoch_of(ids.get(disk.key))
                    self._ask_for_areas(facts, disk, snapshot, epochs[disk.key])

        self._with_snapshot("take the snapshot that CBT is verified by", ask)
        self._seen = None  # read before the note below
        note = verification_note(format_moment(datetime.now(timezone.utc)), epochs)
        self._do(
            "note the verification",
            lambda: self._vcenter.reconfigure(
                self._machine, flag=None, settings={CBT_VERIFIED_KEY: note}, change_version=""
            ),
        )

    def _ask_for_areas(self, facts: VmFacts, disk: DiskFacts, snapshot: Reference, epoch: str) -> None:
        problem = "" if epoch else "its snapshot carries no change id"
        if epoch:
            try:
                self._vcenter.query_areas_in_use(self._machine, snapshot, disk.key)
            except CutoverError as failure:
                if isinstance(failure, (UnreachableError, PreconditionError)):
                    raise
                problem = failure.message
        if not problem:
            return
        if epoch and disk.datastore_type.upper().startswith("NFS"):
            self._context.warn(
                f"{disk} of {facts.name} lies on NFS, where vSphere cannot tell which blocks are in use: {problem}"
            )
            return
        raise CutoverError(
            f"CBT of {facts.name} is on and has its files, but {disk} cannot be queried: {problem}",
            remedy="Begin tracking anew with state: reset, after which SMC copies everything once",
            code="QueryFailed",
        )

    def _tidy(self, keys: t.Mapping[str, str]) -> None:
        self._do(
            "remove our notes",
            lambda: self._vcenter.reconfigure(self._machine, flag=None, settings=keys, change_version=""),
        )

    def _restore_power(self, error: BaseException) -> None:
        """After a failure: the VM that we switched off is on again, or the failure says that it is not."""
        if not self._switched_off:
            return
        try:
            if self._power.state() == OFF:
                self._power_on()
        except CutoverError as failure:
            note = f"{self._name} was on and is OFF now, because powering it on failed too: {failure.message}"
            self._context.warn(note)
            if isinstance(error, CutoverError):
                error.message = f"{error.message}. {note}"

    # Within

    def _look_at_files(self, enough: t.Callable[[VmFacts], bool]) -> VmFacts:
        """The VM with its files, read anew unless what was read with the last task's end is enough to say so."""
        if self._seen is None or not enough(self._seen):
            self._vcenter.refresh_storage(self._machine)
            self._seen = read_one(self._vcenter, self._machine)
        return self._seen

    def _do_and_look(self, doing: str, start: t.Callable[[], Reference]) -> None:
        """Run a task, and read the VM in the same call as the task's end, if it ends at once."""
        self._seen = None
        seen = self._do(doing, start, with_task(self._machine))[1]
        self._seen = facts_in(self._vcenter, self._machine, seen)

    def _do(
        self, doing: str, start: t.Callable[[], Reference], also: t.Optional[Also] = None
    ) -> tuple[t.Any, list[Seen]]:
        """Run a task on the VM; what was seen of it before holds no more."""
        self._seen = None
        return self._power.do(doing, start, also)


def needed_privileges(plan: Plan) -> tuple[str, ...]:
    """The privileges on the VM without which a plan would stop half way."""
    needed: list[str] = []
    for step in plan.steps:
        needed += _PRIVILEGES.get(step.action, ())
        if step.action == "configure":
            needed += ["VirtualMachine.Config.ChangeTracking"] * (step.arguments["flag"] is not None)
            needed += ["VirtualMachine.Config.AdvancedConfig"] * bool(step.arguments["keys"])
    return tuple(dict.fromkeys(needed))


def _appeared(name: str, snapshots: t.Sequence[str]) -> str:
    return f"A snapshot of {name} has appeared just when CBT was to be changed: {', '.join(snapshots)}"


def _fulfilled(facts: VmFacts, wishes: Wishes) -> bool:
    """Whether CBT is on as far as it can be now: a VM that is off shows it only at its next power-on."""
    state = state_of(facts, wishes.skip)
    if wishes.activate == "none":
        return state.requested and all(one.requested for one in state.disks if one.disk.key not in wishes.skip)
    return state.effective or (state.requested and not facts.running)
