# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan to a desired state of changed block tracking: its policy and steps (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    CBT_BEFORE_KEY,
    CBT_VERIFIED_KEY,
    POWER_ON_AGAIN_KEY,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import (
    DiskState,
    _is_cbt_key,
    is_tracked,
    is_verified,
    state_of,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import (
    OFF,
    ON,
    VM_KEY,
    VmFacts,
    is_true,
)

#: The steps that touch CBT or what it rests on; the others only tidy up what an interrupted run left.
DELICATE_STEPS = frozenset(("remove_all_snapshots", "consolidate", "configure", "stun", "shut_down", "query"))


def plan_enable(facts: VmFacts, wishes: Wishes) -> Plan:
    """What is to be done until every disk is tracked. Whether it may be done is for the rules to say."""
    state = state_of(facts, wishes.skip)
    wanted = [one for one in state.disks if one.disk.key not in wishes.skip]
    # The flag alone says little; where its effect is not seen either, the key is set too.
    asked = state.effective or (is_true(facts.setting(VM_KEY)) if wishes.by_keys else state.requested)
    request = None
    waiting = facts.unsettled and wishes.activate == "none"  # asked for by this run, which may not show before a stun
    if not waiting and (not asked or not all(one.requested for one in wanted)):
        request = _Request(
            flag=True if wishes.by_flag else None,
            keys=_enabling_keys(facts, wanted) if wishes.by_keys else {},
            summary=f"request CBT for {facts.name} and {_disks(len(wanted))}",
        )
    return _steps(facts, wishes, request, activate=not state.effective, prove="verify_tracked")


def plan_disable(facts: VmFacts, wishes: Wishes) -> Plan:
    """What is to be done until no disk is tracked."""
    state = state_of(facts)
    waiting = facts.unsettled and wishes.activate == "none"
    request = _disabling_request(facts, wishes) if state.requested and not waiting else None
    return _steps(facts, wishes, request, activate=state.needs_stun or state.requested, prove="verify_untracked")


def plan_reset(facts: VmFacts, wishes: Wishes, stopped: bool = False) -> Plan:
    """What is to be done until tracking has ended and begun anew, so that no change id from before is valid.

    :param stopped: this run has already seen tracking end
    """
    if stopped or not is_tracked(facts):
        return plan_enable(facts, wishes)
    stop = [step for step in plan_disable(facts, wishes).steps if step.action != "tidy"]
    if not stop or stop[-1].action != "verify_untracked":
        stop.append(_prove("verify_untracked", facts))
    return Plan(tuple(stop) + plan_enable(_after_stopping(facts, stop), wishes).steps)


def view_of(facts: VmFacts) -> dict[str, t.Any]:
    """The VM as a diff shows it: what the plans change, and nothing else."""
    return {
        "power_state": facts.power_state,
        "snapshots": [snapshot.name for snapshot in facts.snapshots],
        "requested": state_of(facts).requested,
        "settings": _known_settings(facts),
        "tracked_disks": [disk.address for disk in facts.disks if disk.ctk_file],
    }


@dataclass(frozen=True)
class _Request:
    """One change of the VM's configuration."""

    flag: t.Optional[bool]
    keys: dict[str, str]
    summary: str


def _enabling_keys(facts: VmFacts, wanted: t.Sequence[DiskState]) -> dict[str, str]:
    keys = [VM_KEY] + [one.disk.ctk_key for one in wanted if one.disk.ctk_key]
    changed = dict.fromkeys((key for key in keys if not is_true(facts.setting(key))), "TRUE")
    return dict(changed, **{CBT_BEFORE_KEY: _before_note(facts, changed)}) if changed else {}


def _before_note(facts: VmFacts, changed: t.Iterable[str]) -> str:
    """What keys were before we changed them: ``ctkEnabled=;scsi0:0.ctkEnabled=FALSE``; nothing stands for no such key."""
    noted = settings_before(facts)
    for key in changed:
        noted.setdefault(key, facts.setting(key) or "")
    return ";".join(f"{key}={value}" for key, value in sorted(noted.items()))


def settings_before(facts: VmFacts) -> dict[str, str]:
    """What the keys of CBT were before we changed them, as our note tells; empty values stand for no such key."""
    entries = [entry.partition("=") for entry in (facts.setting(CBT_BEFORE_KEY) or "").split(";") if entry]
    return {key: value for key, _equals, value in entries if _is_cbt_key(key)}


def _disabling_request(facts: VmFacts, wishes: Wishes) -> _Request:
    disk_keys = [disk.ctk_key for disk in facts.disks if disk.ctk_key and is_true(facts.setting(disk.ctk_key))]
    keys = dict.fromkeys([VM_KEY, *disk_keys], "FALSE") if wishes.by_keys else {}
    if wishes.by_keys and facts.setting(CBT_VERIFIED_KEY):
        keys[CBT_VERIFIED_KEY] = ""
    return _Request(
        flag=False if wishes.by_flag else None,
        keys=keys,
        summary=f"withdraw the request for CBT of {facts.name} and {_disks(len(facts.disks))}",
    )


def _restored(facts: VmFacts) -> dict[str, str]:
    """The changes that put back what was there before CBT was enabled, and remove our notes about it."""
    keys = {key: "FALSE" if is_true(value) else value for key, value in settings_before(facts).items()}
    return dict(keys, **{note: "" for note in (CBT_BEFORE_KEY, CBT_VERIFIED_KEY) if facts.setting(note) is not None})


def _steps(facts: VmFacts, wishes: Wishes, request: t.Optional[_Request], activate: bool, prove: str) -> Plan:
    """The steps in their order: clear the way, request, let it take effect, prove it."""
    stun = facts.running and activate and wishes.activate != "none"
    cycle = stun and wishes.activate == "power_cycle"
    resume = facts.power_state == OFF and facts.power_on_again
    steps = [] if facts.sync_running else _remove_leftovers(facts)
    if request or stun:
        steps += _clear_the_way(facts, wishes)
    if cycle and not facts.power_on_again:
        request = _remembering_power(facts, request)
    if request:
        steps.append(_configure(facts, request))
    if cycle:
        steps.append(_shut_down(facts))
    elif stun:
        steps.append(_stun(facts, prove, wishes))
    if cycle or resume:
        steps.append(_power_on(facts, prove, wishes))
    if stun or resume:
        steps.append(_prove(prove, facts))
    shown = stun or resume or not activate  # what is requested takes effect by then
    if prove == "verify_tracked" and shown and (facts.running or resume):
        steps += _queries(facts, wishes, renewed=stun or resume)
    steps += _tidying(facts, request, cycle, restore=prove == "verify_untracked" and (shown or not facts.running))
    return Plan(tuple(steps))


def _remove_leftovers(facts: VmFacts) -> list[Step]:
    """Snapshots of ours that an interrupted run left: they grow, and nobody else knows what they are."""
    others = [snapshot.name for snapshot in facts.foreign_snapshots]
    return [
        Step(
            "remove_snapshot",
            f"remove the snapshot {snapshot.name} that an interrupted run left on {facts.name}",
            {"moid": snapshot.moid},
            {"snapshots": others},
        )
        for snapshot in facts.own_snapshots
    ]


def _clear_the_way(facts: VmFacts, wishes: Wishes) -> list[Step]:
    """What has to be gone before CBT is changed, and may be removed."""
    if wishes.snapshots != "remove":
        return []
    if facts.foreign_snapshots:
        names = ", ".join(snapshot.name for snapshot in facts.foreign_snapshots)
        summary = f"REMOVE ALL SNAPSHOTS of {facts.name} for good: {names}"
        return [Step("remove_all_snapshots", summary, changes={"snapshots": []}, replan_after=True)]
    if facts.consolidation_needed:
        return [Step("consolidate", f"consolidate the disks of {facts.name}", replan_after=True)]
    return []


def _remembering_power(facts: VmFacts, request: t.Optional[_Request]) -> _Request:
    """The request, and with it the note that the VM has to be switched on again."""
    if request is None:
        return _Request(None, {POWER_ON_AGAIN_KEY: "TRUE"}, f"note in {facts.name} that it is to be powered on again")
    return replace(request, keys=dict(request.keys, **{POWER_ON_AGAIN_KEY: "TRUE"}))


def _configure(facts: VmFacts, request: _Request) -> Step:
    changes: dict[str, t.Any] = {"settings": _settings_with(_known_settings(facts), request.keys)}
    if VM_KEY in request.keys or request.flag is not None:
        changes["requested"] = is_true(request.keys.get(VM_KEY, request.flag))
    return Step("configure", request.summary, {"flag": request.flag, "keys": request.keys}, changes)


def _stun(facts: VmFacts, prove: str, wishes: Wishes) -> Step:
    summary = f"stun {facts.name} by a snapshot that is removed at once, so that it takes effect"
    return Step("stun", summary, changes=_tracked_after(facts, prove, wishes))


def _shut_down(facts: VmFacts) -> Step:
    return Step("shut_down", f"power off {facts.name}", changes={"power_state": OFF}, replan_after=True)


def _power_on(facts: VmFacts, prove: str, wishes: Wishes) -> Step:
    changes = dict(_tracked_after(facts, prove, wishes), power_state=ON)
    return Step("power_on", f"power on {facts.name}, so that it takes effect", changes=changes)


def _prove(action: str, facts: VmFacts) -> Step:
    if action == "verify_tracked":
        return wait_step(action, f"see the change tracking file of every disk of {facts.name}")
    return wait_step(action, f"see that no disk of {facts.name} is tracked any more")


def _queries(facts: VmFacts, wishes: Wishes, renewed: bool) -> list[Step]:
    """The proof by a query, where it is asked for and the present tracking has not passed it."""
    if wishes.verify != "query" or (is_verified(facts, wishes.skip) and not renewed):
        return []
    summary = f"ask for the changed areas of every disk of {facts.name}, by a snapshot that is removed at once"
    return [Step("query", summary)]


def _tidying(facts: VmFacts, request: t.Optional[_Request], cycle: bool, restore: bool) -> list[Step]:
    """Remove our notes, and put back what was there before them."""
    keys = {POWER_ON_AGAIN_KEY: ""} if cycle or facts.power_on_again else {}
    keys.update(_restored(facts) if restore else {})
    if not keys:
        return []
    if CBT_BEFORE_KEY in keys:
        summary = f"put the settings of {facts.name} back to what they were before CBT was enabled"
    elif POWER_ON_AGAIN_KEY in keys:
        summary = f"remove the note in {facts.name} that it is to be powered on again"
    else:
        summary = f"remove the note in {facts.name} about its verification"
    before = _settings_with(_known_settings(facts), request.keys if request else {})
    return [Step("tidy", summary, {"keys": keys}, {"settings": _settings_with(before, keys)})]


def _settings_with(settings: t.Mapping[str, str], changes: t.Mapping[str, str]) -> dict[str, str]:
    """The CBT entries after a change, in which an empty value removes one."""
    after = dict(settings, **{key: value for key, value in changes.items() if _is_cbt_key(key)})
    return {key: value for key, value in after.items() if value != ""}


def _tracked_after(facts: VmFacts, prove: str, wishes: Wishes) -> dict[str, t.Any]:
    if prove != "verify_tracked":
        return {"tracked_disks": []}
    return {"tracked_disks": [disk.address for disk in facts.disks if disk.ctk_file or disk.key not in wishes.skip]}


def _after_stopping(facts: VmFacts, stop: t.Sequence[Step]) -> VmFacts:
    """The VM as it will be once tracking has ended: for telling, in one plan, what comes after that."""
    done = {step.action for step in stop}
    settings = {key: "FALSE" if _is_cbt_key(key) else value for key, value in facts.settings.items()}
    settings.setdefault(VM_KEY, "FALSE")
    settings.pop(CBT_VERIFIED_KEY, None)
    if "shut_down" in done:
        settings[POWER_ON_AGAIN_KEY] = "TRUE"
    return replace(
        facts,
        flag=False,
        settings=settings,
        unsettled=False,
        power_state=ON if "power_on" in done else facts.power_state,
        disks=tuple(replace(disk, ctk_file=None) for disk in facts.disks),
        snapshots=() if "remove_all_snapshots" in done else facts.foreign_snapshots,
        consolidation_needed=facts.consolidation_needed and "consolidate" not in done,
    )


def _known_settings(facts: VmFacts) -> dict[str, str]:
    """The CBT entries, spelt as we spell them, so that a diff shows no difference of case."""
    spelling = {key.lower(): key for key in [VM_KEY] + [disk.ctk_key for disk in facts.disks]}
    return {spelling.get(key.lower(), key): value for key, value in sorted(facts.settings.items()) if _is_cbt_key(key)}


def _disks(count: int) -> str:
    return "1 disk" if count == 1 else f"{count} disks"


@dataclass(frozen=True)
class Wishes:
    """How the wanted state may be reached.

    :ivar activate: ``auto``, ``power_cycle``, ``stun`` or ``none``
    :ivar method: ``api``, ``advanced_config`` or ``both``
    :ivar snapshots: ``refuse`` or ``remove``
    :ivar verify: ``files`` or ``query``, which is more: a throwaway snapshot, and a question about each disk
    :ivar skip: the device keys of the disks that are left alone
    """

    activate: str = "auto"
    method: str = "both"
    snapshots: str = "refuse"
    verify: str = "files"
    skip: frozenset[int] = frozenset()

    @property
    def by_flag(self) -> bool:
        return self.method != "advanced_config"

    @property
    def by_keys(self) -> bool:
        return self.method != "api"
