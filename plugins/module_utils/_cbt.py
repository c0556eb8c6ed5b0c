# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changed block tracking, pure: a VM's facts, what they say about CBT, and the plan to a wanted state (private to the collection).

What counts as evidence follows what vSphere really does:

* ``config.changeTrackingEnabled`` proves nothing either way: it may read true before tracking starts, and stay
  false until a stun. The keys in the advanced configuration say what is *requested*.
* Tracking takes *effect* at the next power-on or stun of the VM, and then each tracked disk has a ``-ctk.vmdk``
  beside it. That file is the proof.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.cutover.smc.plugins.module_utils._failure import BadInput
from ansible_collections.cutover.smc.plugins.module_utils._plan import Plan, Step, wait_step

#: The name of every snapshot that we take to stun a VM begins so.
OWN_SNAPSHOT_PREFIX = "cutover-cbt-"
#: The name of every snapshot that SMC takes for a synchronisation begins so.
SMC_SNAPSHOT_PREFIX = "smc_"
#: The VM's key. vSphere compares keys without case, and may read them back in another case.
VM_KEY = "ctkEnabled"
#: The steps that touch CBT or what it rests on; the others only tidy up what an interrupted run left.
DELICATE_STEPS = frozenset(("remove_all_snapshots", "consolidate", "configure", "stun", "shut_down", "query"))
#: Stands in the VM's advanced configuration while we have it switched off, so that a run that was killed meanwhile is
#: put right by the next one.
POWER_ON_AGAIN_KEY = "cutover.smc.powerOnAgain"
#: Says what the keys of CBT were before we changed them, so that ``disabled`` can put them back.
BEFORE_KEY = "cutover.smc.cbtBefore"
#: Says when CBT was last verified by a query, and each disk's epoch then.
VERIFIED_KEY = "cutover.smc.cbtVerified"
#: All notes of ours in the advanced configuration.
NOTE_KEYS = (POWER_ON_AGAIN_KEY, BEFORE_KEY, VERIFIED_KEY)

ON, OFF, SUSPENDED = "on", "off", "suspended"

_DISK_KEY = re.compile(r"^(scsi|sata|ide|nvme)\d+:\d+\.ctkenabled$")


@dataclass(frozen=True)
class DiskFacts:
    """One virtual disk, as far as CBT is concerned.

    :ivar key: the device key, unique in the VM
    :ivar bus: the controller's kind, ``scsi``, ``sata``, ``ide`` or ``nvme``; empty when it is of no known kind
    :ivar mode: ``persistent``, ``independent_persistent``, ...
    :ivar backing: ``flat``, ``sparse``, ``sesparse``, ``rdm_virtual``, ``rdm_physical``, ``pmem`` or ``unknown``
    :ivar sharing: the disk's ``sharingMultiWriter`` or ``sharingNone``
    :ivar bus_sharing: the controller's ``noSharing``, ``virtualSharing`` or ``physicalSharing``
    :ivar ctk_file: the disk's ``-ctk.vmdk`` when it has been seen
    :ivar change_id: what the device carries; set by a snapshot, so its absence says nothing
    """

    key: int
    label: str
    bus: str
    bus_number: int
    unit: int
    size_bytes: int = 0
    file: str = ""
    mode: str = "persistent"
    backing: str = "flat"
    sharing: str = "sharingNone"
    bus_sharing: str = "noSharing"
    datastore_type: str = ""
    first_class: bool = False
    ctk_file: t.Optional[str] = None
    change_id: t.Optional[str] = None

    @property
    def address(self) -> str:
        """The disk's place in the VM, such as ``scsi0:1``."""
        return f"{self.bus}{self.bus_number}:{self.unit}" if self.bus else ""

    @property
    def ctk_key(self) -> str:
        """The advanced configuration's key that requests tracking of this disk."""
        return f"{self.address}.{VM_KEY}" if self.bus else ""

    @property
    def epoch(self) -> str:
        """The part of the change id that changes when tracking begins anew; empty when it carries none."""
        return epoch_of(self.change_id)

    def __str__(self) -> str:
        return f"{self.label} ({self.address})" if self.bus else self.label


@dataclass(frozen=True)
class SnapshotFacts:
    """One snapshot of the VM; ``moid`` is its own reference."""

    moid: str
    name: str

    @property
    def ours(self) -> bool:
        return self.name.startswith(OWN_SNAPSHOT_PREFIX)

    @property
    def of_smc(self) -> bool:
        return self.name.startswith(SMC_SNAPSHOT_PREFIX)


@dataclass(frozen=True)
class GuestFacts:
    """What the VM and its Tools say about the guest; nothing here decides about CBT."""

    os: str = ""
    family: str = ""
    hostname: str = ""
    ips: tuple[str, ...] = ()
    tools_status: str = ""

    @property
    def tools_running(self) -> bool:
        return self.tools_status == "guestToolsRunning"


@dataclass(frozen=True)
class VmFacts:
    """One VM, as far as CBT is concerned.

    :ivar flag: ``config.changeTrackingEnabled`` as read; no proof of anything
    :ivar settings: the entries of the advanced configuration that concern CBT or us, as they are spelt
    :ivar esxi_version: of the host it runs on; empty when it could not be read
    :ivar connector_lacks: the privileges on the VM that SMC's connector needs and its user has not, if that was asked
    :ivar unsettled: this run has reconfigured CBT, and no stun followed yet
    """

    moid: str
    name: str
    uuid: str = ""
    bios_uuid: str = ""
    path: str = ""
    folder: str = ""
    datacenter: str = ""
    power_state: str = ON
    connection_state: str = "connected"
    template: bool = False
    hardware_version: t.Optional[int] = None
    esxi_version: str = ""
    esxi_build: str = ""
    vcenter_version: str = ""
    boot_mode: str = "bios"
    change_version: str = ""
    capability: t.Optional[bool] = None
    consolidation_needed: bool = False
    fault_tolerant: bool = False
    flag: t.Optional[bool] = None
    settings: t.Mapping[str, str] = field(default_factory=dict)
    snapshots: tuple[SnapshotFacts, ...] = ()
    disks: tuple[DiskFacts, ...] = ()
    guest: GuestFacts = GuestFacts()
    connector_lacks: tuple[str, ...] = ()
    unsettled: bool = False

    def setting(self, key: str) -> t.Optional[str]:
        """The value of an entry of the advanced configuration, found as vSphere finds it: without case."""
        wanted = key.lower()
        return next((value for name, value in self.settings.items() if name.lower() == wanted), None)

    @property
    def running(self) -> bool:
        return self.power_state == ON

    @property
    def power_on_again(self) -> bool:
        return is_true(self.setting(POWER_ON_AGAIN_KEY))

    @property
    def own_snapshots(self) -> tuple[SnapshotFacts, ...]:
        return tuple(snapshot for snapshot in self.snapshots if snapshot.ours)

    @property
    def foreign_snapshots(self) -> tuple[SnapshotFacts, ...]:
        return tuple(snapshot for snapshot in self.snapshots if not snapshot.ours)

    @property
    def sync_running(self) -> bool:
        """Whether SMC is reading the VM at this moment."""
        return any(snapshot.of_smc for snapshot in self.snapshots)


@dataclass(frozen=True)
class DiskState:
    """What is asked for and what is seen of one disk, kept apart.

    :ivar verified: when a query last proved its tracking, if that is still the same tracking
    """

    disk: DiskFacts
    requested: bool
    effective: bool
    verified: t.Optional[str] = None


@dataclass(frozen=True)
class CbtState:
    """What is asked for and what is seen of one VM, kept apart.

    :ivar requested: the VM's own request, apart from its disks'
    :ivar effective: tracking is requested and seen on every disk that is not skipped
    :ivar needs_stun: what is requested has not taken effect; it does at the next stun or power-on
    """

    requested: bool
    effective: bool
    needs_stun: bool
    disks: tuple[DiskState, ...]


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


def is_true(value: t.Any) -> bool:
    """Whether a value of the advanced configuration means yes."""
    return str(value).strip().lower() in ("true", "1", "yes", "on")


def epoch_of(change_id: t.Optional[str]) -> str:
    """The part of a change id before the slash, which stays the same as long as tracking goes on."""
    return (change_id or "").rpartition("/")[0]


def verification_note(at: str, epochs: t.Mapping[int, str]) -> str:
    """What is noted in the VM about a verification: ``2026-11-22T20:00:00Z;2000=52 2d...;2001=...``."""
    return ";".join([at, *(f"{key}={epoch}" for key, epoch in sorted(epochs.items()))])


def verification_of(facts: VmFacts) -> tuple[str, dict[int, str]]:
    """When CBT was last verified by a query, and the epoch of each disk then; nothing when it never was."""
    at, *entries = (facts.setting(VERIFIED_KEY) or "").split(";")
    epochs: dict[int, str] = {}
    for entry in entries:
        key, _equals, epoch = entry.partition("=")
        if key.isdigit():
            epochs[int(key)] = epoch
    return at, epochs


def epochs_changed(facts: VmFacts) -> list[DiskFacts]:
    """The disks whose tracking has begun anew since it was last verified, so that no earlier change id is valid."""
    _at, epochs = verification_of(facts)
    return [disk for disk in facts.disks if disk.epoch and epochs.get(disk.key) and epochs[disk.key] != disk.epoch]


def ctk_file_of(disk_file: str) -> str:
    """The change tracking file that belongs to a disk's descriptor."""
    return (disk_file[: -len(".vmdk")] if disk_file.endswith(".vmdk") else disk_file) + "-ctk.vmdk"


def misspelt_keys(settings: t.Iterable[str]) -> list[str]:
    """Keys that look like CBT keys but are none, such as ``ctkEnable``: vSphere keeps and ignores them."""
    return sorted(key for key in settings if "ctk" in key.lower() and not _is_cbt_key(key))


def skipped_disks(facts: VmFacts, named: t.Iterable[str]) -> frozenset[int]:
    """The device keys of disks named by label, address (``scsi0:1``) or device key.

    :raises BadInput: a name fits no disk
    """
    found: set[int] = set()
    for name in named:
        wanted = str(name).strip().lower()
        hits = {disk.key for disk in facts.disks if wanted in (disk.label.lower(), disk.address.lower(), str(disk.key))}
        if not hits:
            raise BadInput(
                f"Option 'skip_disks' names the disk '{name}', which {facts.name} does not have",
                remedy="Its disks are " + (", ".join(str(disk) for disk in facts.disks) or "none"),
            )
        found |= hits
    return frozenset(found)


def state_of(facts: VmFacts, skip: frozenset[int] = frozenset()) -> CbtState:
    """What is requested and what has taken effect, of the VM and of each disk."""
    asked = facts.setting(VM_KEY)
    requested = is_true(asked) if asked is not None else bool(facts.flag)
    disks = tuple(_disk_state(facts, disk, requested) for disk in facts.disks)
    wanted = [state for state in disks if state.disk.key not in skip]
    effective = requested and all(state.effective for state in wanted) and not facts.unsettled
    tracked = any(state.disk.ctk_file for state in disks)
    needs_stun = facts.unsettled or (not effective if requested else tracked)
    return CbtState(requested, effective, needs_stun, disks)


def _disk_state(facts: VmFacts, disk: DiskFacts, vm_requested: bool) -> DiskState:
    asked = facts.setting(disk.ctk_key) if disk.ctk_key else None
    if asked is not None:
        requested = vm_requested and is_true(asked)
    else:
        # Backup products switch CBT on by the API alone; where that shows in a file, the missing key is no fault.
        requested = vm_requested and bool(facts.flag) and disk.ctk_file is not None
    effective = requested and disk.ctk_file is not None
    return DiskState(disk, requested, effective, _verified(facts, disk) if effective else None)


def _verified(facts: VmFacts, disk: DiskFacts) -> t.Optional[str]:
    at, epochs = verification_of(facts)
    known = epochs.get(disk.key)
    return at if known is not None and (not disk.epoch or known == disk.epoch) else None


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


def is_verified(facts: VmFacts, skip: frozenset[int]) -> bool:
    """Whether a query has proved the tracking of every wanted disk, and it is still the same tracking."""
    return all(one.verified for one in state_of(facts, skip).disks if one.disk.key not in skip)


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


def is_tracked(facts: VmFacts) -> bool:
    """Whether tracking is seen on any disk: what was only requested has no change ids yet that could be wrong."""
    return any(disk.ctk_file for disk in facts.disks)


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
    return dict(changed, **{BEFORE_KEY: _before_note(facts, changed)}) if changed else {}


def _before_note(facts: VmFacts, changed: t.Iterable[str]) -> str:
    """What keys were before we changed them: ``ctkEnabled=;scsi0:0.ctkEnabled=FALSE``; nothing stands for no such key."""
    noted = settings_before(facts)
    for key in changed:
        noted.setdefault(key, facts.setting(key) or "")
    return ";".join(f"{key}={value}" for key, value in sorted(noted.items()))


def settings_before(facts: VmFacts) -> dict[str, str]:
    """What the keys of CBT were before we changed them, as our note tells; empty values stand for no such key."""
    entries = [entry.partition("=") for entry in (facts.setting(BEFORE_KEY) or "").split(";") if entry]
    return {key: value for key, _equals, value in entries if _is_cbt_key(key)}


def _disabling_request(facts: VmFacts, wishes: Wishes) -> _Request:
    disk_keys = [disk.ctk_key for disk in facts.disks if disk.ctk_key and is_true(facts.setting(disk.ctk_key))]
    keys = dict.fromkeys([VM_KEY, *disk_keys], "FALSE") if wishes.by_keys else {}
    if wishes.by_keys and facts.setting(VERIFIED_KEY):
        keys[VERIFIED_KEY] = ""
    return _Request(
        flag=False if wishes.by_flag else None,
        keys=keys,
        summary=f"withdraw the request for CBT of {facts.name} and {_disks(len(facts.disks))}",
    )


def _restored(facts: VmFacts) -> dict[str, str]:
    """The changes that put back what was there before CBT was enabled, and remove our notes about it."""
    keys = {key: "FALSE" if is_true(value) else value for key, value in settings_before(facts).items()}
    return dict(keys, **{note: "" for note in (BEFORE_KEY, VERIFIED_KEY) if facts.setting(note) is not None})


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
        return [Step("remove_all_snapshots", summary, changes={"snapshots": []}, look_again=True)]
    if facts.consolidation_needed:
        return [Step("consolidate", f"consolidate the disks of {facts.name}", look_again=True)]
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
    return Step("shut_down", f"power off {facts.name}", changes={"power_state": OFF}, look_again=True)


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
    if BEFORE_KEY in keys:
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
    settings.pop(VERIFIED_KEY, None)
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


def _is_cbt_key(key: str) -> bool:
    return key.lower() == VM_KEY.lower() or bool(_DISK_KEY.match(key.lower()))


def _disks(count: int) -> str:
    return "1 disk" if count == 1 else f"{count} disks"
