# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan to a desired state of a VM's changed block tracking, CBT (pure; private to the collection)."""

from __future__ import annotations

import enum
import typing as t
from dataclasses import dataclass, field, replace
from datetime import date

from ansible_collections.cutover.smc.plugins.module_utils._concerns.assessment import RULE_IDS, refusals
from ansible_collections.cutover.smc.plugins.module_utils._concerns.waivers import Waiver, read_waivers
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    CBT_BEFORE_KEY,
    CBT_VERIFIED_KEY,
    POWER_ON_AGAIN_KEY,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, View, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._core.times import parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import (
    DiskState,
    is_cbt_key,
    is_tracked,
    is_verified,
    skipped_disks,
    state_of,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import (
    OFF,
    ON,
    VM_KEY,
    VmFacts,
    setting_is_true,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.power_policy import PowerPolicy

#: The steps that change CBT or what it depends on; the others only clean up after an interrupted run.
_RISKY_STEPS = frozenset(("remove_all_snapshots", "consolidate", "configure", "stun", "shut_down", "query"))

_NO_DISKS: frozenset[int] = frozenset()


@dataclass(frozen=True)
class CbtPolicy:
    """How the desired state may be reached.

    :ivar activate: ``auto``, ``power_cycle``, ``stun`` or ``none``
    :ivar method: ``api``, ``advanced_config`` or ``both``
    :ivar snapshots: ``refuse`` or ``remove``
    :ivar verify: ``files``, or ``query``, which also takes a temporary snapshot and queries each disk
    """

    activate: str = "auto"
    method: str = "both"
    snapshots: str = "refuse"
    verify: str = "files"

    @property
    def by_flag(self) -> bool:
        return self.method != "advanced_config"

    @property
    def by_keys(self) -> bool:
        return self.method != "api"


@dataclass(frozen=True)
class CbtSpec:
    """The desired state of a VM's CBT, and what may be done to reach it.

    :ivar state: ``enabled``, ``disabled`` or ``reset``
    :ivar skip_disks: disks to leave alone, by label, address or device key
    :ivar waivers: the accepted concerns
    :ivar today: the day on which the waivers must be valid
    :ivar power: how the VM may be powered off for a power cycle
    :ivar timeout: how many seconds a vCenter task may take
    """

    state: str = "enabled"
    policy: CbtPolicy = field(default_factory=CbtPolicy)
    skip_disks: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    today: date = date.max
    power: PowerPolicy = field(default_factory=PowerPolicy)
    timeout: float = 1800


@dataclass(frozen=True)
class ObservedCbt:
    """A VM, and what this run knows that the VM itself does not show.

    :ivar tracking_ended: this run has observed that no disk was tracked, so a reset has reached its second half
    """

    facts: VmFacts
    tracking_ended: bool = False


def parse_spec(params: t.Mapping[str, t.Any], today: date) -> CbtSpec:
    """The desired state, from the options of ``vmware_cbt``.

    :raises InvalidOptionError: options are invalid, or contradict each other
    """
    if params["state"] == "reset" and params["activate"] == "none":
        raise InvalidOptionError(
            "Option 'activate' cannot be none for state: reset, because tracking must end before it can restart",
            remedy="Set activate to auto, stun or power_cycle",
        )
    return CbtSpec(
        state=params["state"],
        policy=CbtPolicy(params["activate"], params["method"], params["snapshots"], params["verify"]),
        skip_disks=tuple(params["skip_disks"]),
        waivers=read_waivers(params["waivers"], RULE_IDS),
        today=today,
        power=PowerPolicy(
            params["shutdown"],
            parse_duration("shutdown_timeout", params["shutdown_timeout"]).total_seconds(),
            params["shutdown_fallback"],
        ),
        timeout=parse_duration("timeout", params["timeout"]).total_seconds(),
    )


def plan(spec: CbtSpec, observed: ObservedCbt) -> Plan:
    """What remains to be done.

    :raises PreconditionError: a concern blocks it; nothing may be changed
    """
    facts, policy, skip = observed.facts, spec.policy, skipped_disks(observed.facts, spec.skip_disks)
    if spec.state == "enabled":
        found = plan_enable(facts, policy, skip)
    elif spec.state == "disabled":
        found = plan_disable(facts, policy, skip)
    else:
        found = plan_reset(facts, policy, skip, observed.tracking_ended)
    risky = any(step.action in _RISKY_STEPS for step in found.steps)
    if risky or (spec.state == "enabled" and not _is_enabled(facts, policy, skip)):
        _refuse_if_blocked(spec, facts, skip)
    return found


def _is_enabled(facts: VmFacts, policy: CbtPolicy, skip: frozenset[int]) -> bool:
    """Whether CBT is enabled as far as possible now: on a VM that is off, it takes effect only at the next power-on."""
    state = state_of(facts, skip)
    if policy.activate == "none":
        return state.requested and all(disk.requested for disk in state.disks if disk.disk.key not in skip)
    return state.effective or (state.requested and not facts.running)


def _refuse_if_blocked(spec: CbtSpec, facts: VmFacts, skip: frozenset[int]) -> None:
    waived = {waiver.rule for waiver in spec.waivers if waiver.covers(waiver.rule, facts.name, spec.today)}
    found = refusals(facts, spec.state, skip, removing=spec.policy.snapshots == "remove", waived=waived)
    if not found:
        return
    raise PreconditionError(
        f"CBT of {facts.name} cannot be {spec.state} now: {'; '.join(map(str, found))}",
        remedy=" ".join(dict.fromkeys(f"{concern.remedy}." for concern in found)),
        code=found[0].id,
        details={"concerns": [concern.as_result() for concern in found], "plan": []},
    )


def diff_view(facts: VmFacts) -> View:
    """The VM as a diff shows it: only what the plans change."""
    return {
        "power_state": facts.power_state,
        "snapshots": [snapshot.name for snapshot in facts.snapshots],
        "requested": state_of(facts).requested,
        "settings": _cbt_settings(facts),
        "tracked_disks": [disk.address for disk in facts.disks if disk.ctk_file],
    }


# The plan for each state


def plan_enable(facts: VmFacts, policy: CbtPolicy, skip: frozenset[int] = _NO_DISKS) -> Plan:
    """What remains to be done until every wanted disk is tracked, whether or not a concern blocks it."""
    state = state_of(facts, skip)
    wanted = [disk for disk in state.disks if disk.disk.key not in skip]
    # The flag alone proves little. Where its effect is not observed either, the key is set too.
    vm_requested = state.effective or (setting_is_true(facts.setting(VM_KEY)) if policy.by_keys else state.requested)
    request = None
    if not _waits_for_stun(facts, policy) and not (vm_requested and all(disk.requested for disk in wanted)):
        request = _Request(
            flag=True if policy.by_flag else None,
            keys=_enabling_keys(facts, wanted) if policy.by_keys else {},
            summary=f"request CBT for {facts.name} and {_disk_count(len(wanted))}",
        )
    return _steps(_Change(facts, policy, skip, request, enable=True, pending=not state.effective))


def plan_disable(facts: VmFacts, policy: CbtPolicy, skip: frozenset[int] = _NO_DISKS) -> Plan:
    """What remains to be done until no disk is tracked."""
    state = state_of(facts)
    request = None
    if state.requested and not _waits_for_stun(facts, policy):
        request = _disabling_request(facts, policy)
    return _steps(_Change(facts, policy, skip, request, enable=False, pending=state.needs_stun or state.requested))


def plan_reset(
    facts: VmFacts, policy: CbtPolicy, skip: frozenset[int] = _NO_DISKS, tracking_ended: bool = False
) -> Plan:
    """What remains to be done until tracking has ended and restarted, so that no earlier change ID is valid.

    :param tracking_ended: this run has already observed that tracking ended
    """
    if tracking_ended or not is_tracked(facts):
        return plan_enable(facts, policy, skip)
    stop = [step for step in plan_disable(facts, policy, skip).steps if step.action != "clean_up"]
    if not stop or stop[-1].action != "verify_untracked":
        stop.append(_verify_untracked(facts))
    return Plan((*stop, *plan_enable(_after_stopping(facts, stop), policy, skip).steps))


def _waits_for_stun(facts: VmFacts, policy: CbtPolicy) -> bool:
    """Whether this run has already requested the change, which may not be visible before the next stun."""
    return facts.activation_pending and policy.activate == "none"


def _after_stopping(facts: VmFacts, stop: t.Sequence[Step]) -> VmFacts:
    """The VM as it will be when tracking has ended, so that one plan can also show the steps after that."""
    done = {step.action for step in stop}
    settings = {key: "FALSE" if is_cbt_key(key) else value for key, value in facts.settings.items()}
    settings.setdefault(VM_KEY, "FALSE")
    settings.pop(CBT_VERIFIED_KEY, None)
    if "shut_down" in done:
        settings[POWER_ON_AGAIN_KEY] = "TRUE"
    return replace(
        facts,
        flag=False,
        settings=settings,
        activation_pending=False,
        power_state=ON if "power_on" in done else facts.power_state,
        disks=tuple(replace(disk, ctk_file=None) for disk in facts.disks),
        snapshots=() if "remove_all_snapshots" in done else facts.foreign_snapshots,
        consolidation_needed=facts.consolidation_needed and "consolidate" not in done,
    )


# From a change to its steps


@dataclass(frozen=True)
class _Request:
    """One change of the VM's configuration; a key with an empty value is removed."""

    flag: t.Optional[bool]
    keys: dict[str, str]
    summary: str


@dataclass(frozen=True)
class _Change:
    """A change of a VM's CBT.

    :ivar request: the change of the configuration, if one is needed
    :ivar enable: whether tracking is to start, or to end
    :ivar pending: what is requested, now or before, is not in effect yet
    """

    facts: VmFacts
    policy: CbtPolicy
    skip: frozenset[int]
    request: t.Optional[_Request]
    enable: bool
    pending: bool


class _Activation(enum.Enum):
    """How the request takes effect in this run."""

    BY_STUN = "by a stun"
    BY_POWER_CYCLE = "by a power cycle"
    #: An interrupted run has powered the VM off.
    BY_POWER_ON = "by a power-on"
    #: Nothing is pending, or the VM is off, or the policy does not allow it.
    NOT_NOW = "not now"


def _activation(change: _Change) -> _Activation:
    facts, policy = change.facts, change.policy
    if facts.running and change.pending and policy.activate != "none":
        return _Activation.BY_POWER_CYCLE if policy.activate == "power_cycle" else _Activation.BY_STUN
    if facts.power_state == OFF and facts.power_on_again:
        return _Activation.BY_POWER_ON
    return _Activation.NOT_NOW


def _steps(change: _Change) -> Plan:
    """The steps in their order: clean up, remove obstacles, request, activate, verify, remove markers."""
    activation = _activation(change)
    if activation is _Activation.BY_POWER_CYCLE and not change.facts.power_on_again:
        change = replace(change, request=_with_power_marker(change))
    steps = _remove_leftovers(change.facts)
    if change.request or activation in (_Activation.BY_STUN, _Activation.BY_POWER_CYCLE):
        steps += _remove_obstacles(change)
    if change.request:
        steps.append(_configure(change.facts, change.request))
    steps += [make(change) for make in _ACTIVATION_STEPS[activation]]
    if change.enable and _is_observable(change, activation):
        steps += _query(change, activation)
    return Plan((*steps, *_clean_up(change, activation)))


def _is_observable(change: _Change, activation: _Activation) -> bool:
    """Whether the change is in effect on a running VM after these steps."""
    if activation is _Activation.NOT_NOW:
        return change.facts.running and not change.pending
    return True


def _remove_leftovers(facts: VmFacts) -> list[Step]:
    """Remove the collection's snapshots that an interrupted run left, because they grow and nothing else removes them."""
    if facts.sync_running:
        return []
    others = [snapshot.name for snapshot in facts.foreign_snapshots]
    return [
        Step(
            "remove_snapshot",
            f"remove snapshot {snapshot.name} of {facts.name}, which an interrupted run left",
            {"moid": snapshot.moid},
            {"snapshots": others},
        )
        for snapshot in facts.own_snapshots
    ]


def _remove_obstacles(change: _Change) -> list[Step]:
    """Remove what must not exist while CBT is changed, where the policy allows it."""
    facts = change.facts
    if change.policy.snapshots != "remove":
        return []
    if facts.foreign_snapshots:
        names = ", ".join(snapshot.name for snapshot in facts.foreign_snapshots)
        summary = f"PERMANENTLY REMOVE ALL SNAPSHOTS of {facts.name}: {names}"
        return [Step("remove_all_snapshots", summary, changes={"snapshots": []}, replan_after=True)]
    if facts.consolidation_needed:
        return [Step("consolidate", f"consolidate the disks of {facts.name}", replan_after=True)]
    return []


def _configure(facts: VmFacts, request: _Request) -> Step:
    changes: View = {"settings": _settings_after(_cbt_settings(facts), request.keys)}
    if VM_KEY in request.keys or request.flag is not None:
        changes["requested"] = setting_is_true(request.keys.get(VM_KEY, request.flag))
    return Step("configure", request.summary, {"flag": request.flag, "keys": request.keys}, changes)


def _stun(change: _Change) -> Step:
    verb = "activate CBT on" if change.enable else "deactivate CBT on"
    summary = f"{verb} {change.facts.name}: take a snapshot and remove it immediately"
    return Step("stun", summary, changes={"tracked_disks": _tracked_disks_after(change)})


def _shut_down(change: _Change) -> Step:
    return Step("shut_down", f"power off {change.facts.name}", changes={"power_state": OFF}, replan_after=True)


def _power_on(change: _Change) -> Step:
    verb = "activate" if change.enable else "deactivate"
    changes = {"tracked_disks": _tracked_disks_after(change), "power_state": ON}
    return Step("power_on", f"power on {change.facts.name} to {verb} CBT", changes=changes)


def _verify(change: _Change) -> Step:
    if not change.enable:
        return _verify_untracked(change.facts)
    return wait_step("verify_tracked", f"verify that every disk of {change.facts.name} has its change tracking file")


def _verify_untracked(facts: VmFacts) -> Step:
    return wait_step("verify_untracked", f"verify that no disk of {facts.name} is tracked")


#: Situation -> steps: how the request takes effect, and what is done for it.
_ACTIVATION_STEPS: dict[_Activation, tuple[t.Callable[[_Change], Step], ...]] = {
    _Activation.BY_STUN: (_stun, _verify),
    _Activation.BY_POWER_CYCLE: (_shut_down, _power_on, _verify),
    _Activation.BY_POWER_ON: (_power_on, _verify),
    _Activation.NOT_NOW: (),
}


def _query(change: _Change, activation: _Activation) -> list[Step]:
    """The proof by a query, where the policy wants it and tracking has not passed one since it started."""
    facts, restarted = change.facts, activation is not _Activation.NOT_NOW
    if change.policy.verify != "query" or (is_verified(facts, change.skip) and not restarted):
        return []
    summary = f"query the changed areas of every disk of {facts.name}: take a snapshot and remove it immediately"
    return [Step("query", summary)]


def _clean_up(change: _Change, activation: _Activation) -> list[Step]:
    """Remove the markers, and after disabling CBT restore the settings from before it was enabled."""
    facts, request = change.facts, change.request
    power_cycled = activation is _Activation.BY_POWER_CYCLE
    keys = {POWER_ON_AGAIN_KEY: ""} if power_cycled or facts.power_on_again else {}
    if not change.enable and (_is_observable(change, activation) or not facts.running):
        keys.update(_restored_keys(facts))
    if not keys:
        return []
    if CBT_BEFORE_KEY in keys:
        summary = f"restore the settings of {facts.name} from before CBT was enabled"
    elif POWER_ON_AGAIN_KEY in keys:
        summary = f"remove the power-on marker from {facts.name}"
    else:
        summary = f"remove the verification marker from {facts.name}"
    before = _settings_after(_cbt_settings(facts), request.keys if request else {})
    return [Step("clean_up", summary, {"keys": keys}, {"settings": _settings_after(before, keys)})]


# Settings


def _enabling_keys(facts: VmFacts, wanted: t.Sequence[DiskState]) -> dict[str, str]:
    keys = [VM_KEY, *(disk.disk.ctk_key for disk in wanted if disk.disk.ctk_key)]
    changed = dict.fromkeys((key for key in keys if not setting_is_true(facts.setting(key))), "TRUE")
    return {**changed, CBT_BEFORE_KEY: _before_marker(facts, changed)} if changed else {}


def _before_marker(facts: VmFacts, changed: t.Iterable[str]) -> str:
    """The values of keys before they were changed: ``ctkEnabled=;scsi0:0.ctkEnabled=FALSE``; an empty value means no such key."""
    before = settings_before(facts)
    for key in changed:
        before.setdefault(key, facts.setting(key) or "")
    return ";".join(f"{key}={value}" for key, value in sorted(before.items()))


def settings_before(facts: VmFacts) -> dict[str, str]:
    """The values of the CBT keys before they were changed, from the marker; an empty value means no such key."""
    entries = [entry.partition("=") for entry in (facts.setting(CBT_BEFORE_KEY) or "").split(";") if entry]
    return {key: value for key, _equals, value in entries if is_cbt_key(key)}


def _disabling_request(facts: VmFacts, policy: CbtPolicy) -> _Request:
    disk_keys = [disk.ctk_key for disk in facts.disks if disk.ctk_key and setting_is_true(facts.setting(disk.ctk_key))]
    keys = dict.fromkeys([VM_KEY, *disk_keys], "FALSE") if policy.by_keys else {}
    if policy.by_keys and facts.setting(CBT_VERIFIED_KEY):
        keys[CBT_VERIFIED_KEY] = ""
    return _Request(
        flag=False if policy.by_flag else None,
        keys=keys,
        summary=f"withdraw the request for CBT for {facts.name} and {_disk_count(len(facts.disks))}",
    )


def _restored_keys(facts: VmFacts) -> dict[str, str]:
    """The changes that restore the settings from before CBT was enabled, and remove the markers about it."""
    keys = {key: "FALSE" if setting_is_true(value) else value for key, value in settings_before(facts).items()}
    markers = (CBT_BEFORE_KEY, CBT_VERIFIED_KEY)
    return {**keys, **{marker: "" for marker in markers if facts.setting(marker) is not None}}


def _with_power_marker(change: _Change) -> _Request:
    """The request, which also sets the marker that the VM must be powered on again."""
    marker = {POWER_ON_AGAIN_KEY: "TRUE"}
    if change.request is None:
        return _Request(None, marker, f"mark {change.facts.name} to be powered on again")
    return replace(change.request, keys={**change.request.keys, **marker})


def _settings_after(settings: t.Mapping[str, str], changes: t.Mapping[str, str]) -> dict[str, str]:
    """The CBT settings after a change, in which an empty value removes a key."""
    after = {**settings, **{key: value for key, value in changes.items() if is_cbt_key(key)}}
    return {key: value for key, value in after.items() if value != ""}


def _cbt_settings(facts: VmFacts) -> dict[str, str]:
    """The CBT settings, with keys in the standard spelling, so that a diff shows no difference of case."""
    spelling = {key.lower(): key for key in (VM_KEY, *(disk.ctk_key for disk in facts.disks))}
    return {spelling.get(key.lower(), key): value for key, value in sorted(facts.settings.items()) if is_cbt_key(key)}


def _tracked_disks_after(change: _Change) -> list[str]:
    if not change.enable:
        return []
    return [disk.address for disk in change.facts.disks if disk.ctk_file or disk.key not in change.skip]


def _disk_count(count: int) -> str:
    return "1 disk" if count == 1 else f"{count} disks"
