# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CBT: keys, state and plans; the plans are also carried out on a model of what vSphere does."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._cbt.plan import (
    CbtPolicy,
    CbtSpec,
    ObservedCbt,
    diff_view,
    parse_spec,
    plan,
    plan_enable,
)
from ansible_collections.cutover.smc.plugins.module_utils._cbt.reconciler import needed_privileges
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    InvalidOptionError,
    PreconditionError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    CBT_VERIFIED_KEY,
    OWN_SNAPSHOT_PREFIX,
    POWER_ON_AGAIN_KEY,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, View
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Actions, Outcome, Reconciler
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.cbt_state import (
    epochs_changed,
    is_tracked,
    is_verified,
    misspelled_keys,
    skipped_disks,
    state_of,
    verification_marker,
    verification_of,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import (
    OFF,
    ON,
    VM_KEY,
    DiskFacts,
    SnapshotFacts,
    VmFacts,
    ctk_file_of,
    setting_is_true,
)
from ansible_collections.cutover.smc.plugins.modules.vmware_cbt import MODULE

_CHANGES = ("configure", "stun", "shut_down", "power_on", "query", "clean_up", "remove_snapshot")
_ACTIONS = (*_CHANGES, "remove_all_snapshots", "consolidate", "verify_tracked", "verify_untracked")
KEY = re.compile(r"^(scsi|sata|ide|nvme)[0-9]+:[0-9]+\.ctkEnabled$")


def disk(unit: int = 0, bus: str = "scsi", bus_number: int = 0, **fields: object) -> DiskFacts:
    defaults = {
        "key": 2000 + 100 * bus_number + unit,
        "label": f"Hard disk {unit + 1}",
        "bus": bus,
        "bus_number": bus_number,
        "unit": unit,
        "file": f"[ds] vm/{bus}{bus_number}_{unit}.vmdk",
    }
    return DiskFacts(**(defaults | fields))


def vm(*disks: DiskFacts, **fields: object) -> VmFacts:
    return VmFacts(**({"moid": "vm-1", "name": "app-01", "disks": disks or (disk(),)} | fields))


def tracked(facts: VmFacts) -> VmFacts:
    """The VM as it is once CBT has taken effect."""
    keys = [VM_KEY] + [one.ctk_key for one in facts.disks]
    disks = tuple(replace(one, ctk_file=ctk_file_of(one.file)) for one in facts.disks)
    return replace(facts, settings=dict.fromkeys(keys, "TRUE"), flag=True, disks=disks)


def actions_of(plan: Plan) -> list[str]:
    return [step.action for step in plan.steps]


class ModelVm:
    """A VM that behaves as vSphere's do: what is requested takes effect at a stun or a power-on."""

    def __init__(self, facts: VmFacts, flag_is_set_immediately: bool = True) -> None:
        self.facts = facts
        self.flag_is_set_immediately = flag_is_set_immediately
        self.tracking_ended = False
        self.epochs = 1 if is_tracked(facts) else 0

    def reach(self, state: str, policy: CbtPolicy, check_mode: bool = False) -> Outcome[ObservedCbt]:
        self.tracking_ended = False
        spec = CbtSpec(state=state, policy=policy)
        return ModelReconciler(spec, Context(check_mode, lambda _line: None, lambda _line: None), self).run()

    def configure(self, flag: bool | None, keys: dict[str, str]) -> None:
        assert not self.facts.snapshots, "CBT was changed while a snapshot was there"
        changes = (
            dict.fromkeys([VM_KEY, *(one.ctk_key for one in self.facts.disks)], str(flag)) if flag is not None else {}
        )
        self._set(changes | keys)
        shown = flag if flag is not None and self.flag_is_set_immediately else self.facts.flag
        self.facts = replace(self.facts, flag=shown, activation_pending=self.facts.running)
        if flag is not None and not self.facts.running:
            self._take_effect()

    def stun(self) -> None:
        assert self.facts.running
        self._take_effect()

    def shut_down(self) -> None:
        assert self.facts.power_on_again, "powered off without the marker that it must be powered on again"
        self.facts = replace(self.facts, power_state=OFF)

    def power_on(self) -> None:
        self.facts = replace(self.facts, power_state=ON)
        self._take_effect()

    def remove_snapshot(self, moid: str) -> None:
        kept = tuple(one for one in self.facts.snapshots if one.moid != moid)
        self.facts = replace(self.facts, snapshots=kept)

    def remove_all_snapshots(self) -> None:
        self.facts = replace(self.facts, snapshots=(), consolidation_needed=False)

    def consolidate(self) -> None:
        self.facts = replace(self.facts, consolidation_needed=False)

    def verify_tracked(self) -> None:
        assert state_of(self.facts).effective

    def verify_untracked(self) -> None:
        if any(one.ctk_file for one in self.facts.disks):
            raise CutoverError("change tracking files are left")
        self.tracking_ended = True

    def query(self) -> None:
        assert not self.facts.snapshots, "CBT was queried while a snapshot was there"
        assert all(one.effective for one in state_of(self.facts).disks)
        marker = verification_marker("2026-11-22T20:00:00Z", {one.key: one.epoch for one in self.facts.disks})
        self._set({CBT_VERIFIED_KEY: marker})

    def clean_up(self, keys: dict[str, str]) -> None:
        self._set(keys)

    def restart_tracking(self) -> None:
        """What ESXi does after a crash, and other tools at will."""
        self.epochs += 1
        disks = tuple(
            replace(one, change_id=f"epoch {self.epochs}/1" if one.ctk_file else None) for one in self.facts.disks
        )
        self.facts = replace(self.facts, disks=disks)

    def _set(self, changes: dict[str, str]) -> None:
        changed = {key.lower() for key in changes}
        unlike = {key: value for key, value in self.facts.settings.items() if key.lower() not in changed}
        added = {key: value for key, value in changes.items() if value != ""}
        self.facts = replace(self.facts, settings=unlike | added)

    def _take_effect(self) -> None:
        requested = setting_is_true(self.facts.setting(VM_KEY))
        disks = tuple(
            replace(
                one,
                ctk_file=ctk_file_of(one.file)
                if requested and setting_is_true(self.facts.setting(one.ctk_key))
                else None,
            )
            for one in self.facts.disks
        )
        begins = any(new.ctk_file and not old.ctk_file for new, old in zip(disks, self.facts.disks, strict=True))
        self.epochs += begins
        disks = tuple(
            replace(new, change_id=_change_id(new, old, self.epochs))
            for new, old in zip(disks, self.facts.disks, strict=True)
        )
        self.facts = replace(self.facts, disks=disks, flag=requested, activation_pending=False)


class ModelReconciler(Reconciler[CbtSpec, ObservedCbt]):
    """Carries out plans on a model."""

    def __init__(self, spec: CbtSpec, context: Context, model: ModelVm) -> None:
        super().__init__(spec, context)
        self.model = model

    def observe(self) -> ObservedCbt:
        self.model.tracking_ended |= not is_tracked(self.model.facts)
        return ObservedCbt(self.model.facts, self.model.tracking_ended)

    def plan(self, observed: ObservedCbt) -> Plan:
        return plan(self.spec, observed)

    def diff_view(self, observed: ObservedCbt) -> View:
        return diff_view(observed.facts)

    @property
    def actions(self) -> Actions:
        return {name: getattr(self.model, name) for name in _ACTIONS}


def _change_id(new: DiskFacts, old: DiskFacts, epoch: int) -> str | None:
    if not new.ctk_file:
        return None
    return old.change_id if old.ctk_file else f"epoch {epoch}/1"


places = st.tuples(st.sampled_from(["scsi", "sata", "ide", "nvme"]), st.integers(0, 3), st.integers(0, 14))


@st.composite
def machines(draw: st.DrawFn) -> VmFacts:
    """A VM with any disks, in any state of CBT that a VM can be in between two runs of ours."""
    taken = draw(st.lists(places, min_size=1, max_size=6, unique=True))
    disks = [
        disk(unit, bus, number, key=2000 + index, file=f"[ds] vm/{index}.vmdk")
        for index, (bus, number, unit) in enumerate(taken)
    ]
    power = draw(st.sampled_from([ON, OFF]))
    keys = [VM_KEY] + [one.ctk_key for one in disks]
    settings = {
        draw(st.sampled_from([key, key.upper(), key.lower()])): draw(st.sampled_from(["TRUE", "true", "FALSE"]))
        for key in draw(st.lists(st.sampled_from(keys), unique=True))
    }
    if draw(st.booleans()):
        settings[POWER_ON_AGAIN_KEY] = "TRUE"
    if power == ON and draw(st.booleans()):
        disks = [replace(one, ctk_file=ctk_file_of(one.file)) for one in disks]
    snapshots = (SnapshotFacts("snapshot-1", OWN_SNAPSHOT_PREFIX + "0badcafe"),) if draw(st.booleans()) else ()
    flag = draw(st.sampled_from([None, True, False]))
    return vm(*disks, power_state=power, settings=settings, flag=flag, snapshots=snapshots)


policies = st.builds(
    CbtPolicy,
    activate=st.sampled_from(["auto", "stun", "power_cycle"]),
    method=st.sampled_from(["both", "advanced_config"]),
    verify=st.sampled_from(["files", "query"]),
)
states = st.sampled_from(["enabled", "disabled", "reset"])


@given(machines())
def test_keys_are_well_formed_and_unique(facts: VmFacts) -> None:
    keys = [one.ctk_key for one in facts.disks]
    assert all(KEY.match(key) for key in keys)
    assert len(set(keys)) == len(keys)


@given(machines(), states, policies, st.booleans())
def test_a_plan_reaches_its_goal_and_a_second_plan_is_empty(
    facts: VmFacts, state: str, policy: CbtPolicy, immediately: bool
) -> None:
    model = ModelVm(facts, immediately)
    was_on = facts.running or facts.power_on_again
    first = model.reach(state, policy)
    assert model.facts.running == was_on
    assert not model.facts.power_on_again
    assert not first.done or not any(one.ours for one in model.facts.snapshots) or not _changes_cbt(first)
    assert state_of(model.facts).requested == (state != "disabled")
    if model.facts.running:
        assert all((one.ctk_file is not None) == (state != "disabled") for one in model.facts.disks)
    if state != "reset":
        assert model.reach(state, policy).done == []


def _changes_cbt(outcome: Outcome[ObservedCbt]) -> bool:
    return any(step.action in ("configure", "stun") for step in outcome.done)


@given(machines(), states, policies, st.booleans())
def test_check_mode_shows_what_is_then_done(facts: VmFacts, state: str, policy: CbtPolicy, immediately: bool) -> None:
    checked = ModelVm(facts, immediately).reach(state, policy, check_mode=True)
    done = ModelVm(facts, immediately).reach(state, policy)
    assert [step.summary for step in checked.done] == [step.summary for step in done.done]
    assert checked.after["tracked_disks"] == done.after["tracked_disks"] or not facts.running
    assert checked.after["power_state"] == done.after["power_state"]
    assert checked.after["requested"] == done.after["requested"]


@given(machines(), policies)
def test_disabling_restores_what_was_there_before_enabling(facts: VmFacts, policy: CbtPolicy) -> None:
    untouched = {key: value for key, value in facts.settings.items() if not setting_is_true(value)}
    facts = replace(
        facts, settings=untouched, flag=None, disks=tuple(replace(one, ctk_file=None) for one in facts.disks)
    )
    model = ModelVm(facts)
    model.reach("enabled", policy)
    model.reach("disabled", policy)
    # By the flag, vSphere writes the keys of disks that had none as well; what the marker names is as it was.
    assert {key.lower(): value for key, value in model.facts.settings.items()} == {
        key.lower(): value for key, value in untouched.items()
    }
    assert model.reach("disabled", policy).done == []


@given(
    machines(), st.sampled_from(["enabled", "disabled"]), st.sampled_from(["both", "advanced_config"]), st.booleans()
)
def test_a_request_alone_activates_nothing_and_is_made_once(
    facts: VmFacts, state: str, method: str, immediately: bool
) -> None:
    model = ModelVm(facts, immediately)
    policy = CbtPolicy(activate="none", method=method)
    done = model.reach(state, policy)
    assert not {"stun", "shut_down"} & {step.action for step in done.done}
    assert [step.action for step in done.done].count("configure") <= 1
    assert state_of(model.facts).requested == (state != "disabled")
    assert model.reach(state, policy).done == []


@given(machines(), policies)
def test_a_verification_is_valid_until_tracking_restarts(facts: VmFacts, policy: CbtPolicy) -> None:
    model = ModelVm(replace(facts, power_state=ON))
    policy = replace(policy, verify="query")
    model.reach("enabled", policy)
    assert is_verified(model.facts, frozenset())
    assert epochs_changed(model.facts) == []
    model.restart_tracking()
    assert not is_verified(model.facts, frozenset())
    assert epochs_changed(model.facts) == [one for one in model.facts.disks if verification_of(model.facts)[1][one.key]]
    again = model.reach("enabled", policy)
    assert [step.action for step in again.done] == ["query"]
    assert is_verified(model.facts, frozenset())


@given(st.dictionaries(st.integers(2000, 40000), st.text("0123456789abcdef -")))
def test_the_marker_of_a_verification_is_read_as_it_was_written(epochs: dict[int, str]) -> None:
    facts = vm(settings={CBT_VERIFIED_KEY.upper(): verification_marker("2026-11-22T20:00:00Z", epochs)})
    assert verification_of(facts) == ("2026-11-22T20:00:00Z", epochs)
    assert verification_of(vm()) == ("", {})


@given(machines(), policies)
def test_a_reset_begins_a_new_epoch_on_a_running_vm(facts: VmFacts, policy: CbtPolicy) -> None:
    model = ModelVm(replace(tracked(facts), power_state=ON))
    model.reach("reset", policy)
    assert model.epochs == 2
    assert state_of(model.facts).effective


@given(machines(), states, policies, st.integers(1, 8))
def test_a_run_that_was_killed_is_completed_by_the_next(
    facts: VmFacts, state: str, policy: CbtPolicy, survived: int
) -> None:
    model = ModelVm(facts)
    was_on = facts.running or facts.power_on_again
    _kill_after(model, state, policy, survived)
    model.facts = replace(model.facts, activation_pending=False)  # the killed run knew, the next does not
    model.reach(state, policy)
    assert model.facts.running == was_on
    assert state_of(model.facts).requested == (state != "disabled")
    assert not model.facts.power_on_again


class Killed(BaseException):
    """What a killed process is to the code in it."""


def _kill_after(model: ModelVm, state: str, policy: CbtPolicy, survived: int) -> None:
    left = [survived]
    for name in _CHANGES:
        action = getattr(model, name)

        def mortal(action: object = action, **arguments: object) -> None:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            action(**arguments)

        setattr(model, name, mortal)
    try:
        model.reach(state, policy)
    except Killed:
        pass
    for name in _CHANGES:
        delattr(model, name)


def test_an_untouched_running_vm_is_configured_stunned_and_proven() -> None:
    planned = plan_enable(vm(disk(0), disk(1)), CbtPolicy())
    assert actions_of(planned) == ["configure", "stun", "verify_tracked"]
    assert planned.steps[0].arguments == {
        "flag": True,
        "keys": {
            "ctkEnabled": "TRUE",
            "scsi0:0.ctkEnabled": "TRUE",
            "scsi0:1.ctkEnabled": "TRUE",
            "cutover.smc.cbtBefore": "ctkEnabled=;scsi0:0.ctkEnabled=;scsi0:1.ctkEnabled=",
        },
    }


def test_a_power_cycle_marks_the_vm_before_it_is_shut_down() -> None:
    planned = plan_enable(vm(), CbtPolicy(activate="power_cycle"))
    assert actions_of(planned) == ["configure", "shut_down", "power_on", "verify_tracked", "clean_up"]
    assert planned.steps[0].arguments["keys"][POWER_ON_AGAIN_KEY] == "TRUE"


def test_a_vm_that_is_off_is_only_configured() -> None:
    assert actions_of(plan_enable(vm(power_state=OFF), CbtPolicy(activate="power_cycle"))) == ["configure"]


def test_a_vm_that_a_killed_run_left_off_is_powered_on() -> None:
    left = replace(tracked(vm()), power_state=OFF)
    left = replace(left, settings=dict(left.settings, **{POWER_ON_AGAIN_KEY: "TRUE"}))
    assert actions_of(plan_enable(left, CbtPolicy())) == ["power_on", "verify_tracked", "clean_up"]


def test_a_request_that_never_took_effect_is_only_activated() -> None:
    facts = vm(settings={"CTKENABLED": "true", "SCSI0:0.ctkEnabled": "TRUE"}, flag=True)
    assert state_of(facts).needs_stun
    assert actions_of(plan_enable(facts, CbtPolicy())) == ["stun", "verify_tracked"]


def test_a_flag_without_keys_and_files_proves_nothing() -> None:
    facts = vm(flag=True)
    assert not state_of(facts).effective
    assert actions_of(plan_enable(facts, CbtPolicy())) == ["configure", "stun", "verify_tracked"]


def test_cbt_that_a_backup_product_enabled_by_the_api_alone_is_not_changed() -> None:
    facts = vm(replace(disk(), ctk_file="[ds] vm/scsi0_0-ctk.vmdk"), flag=True)
    assert state_of(facts).effective
    assert plan_enable(facts, CbtPolicy()).steps == ()


def test_one_disk_that_was_added_later_is_requested_alone() -> None:
    facts = tracked(vm(disk(0)))
    facts = replace(facts, disks=(*facts.disks, disk(1)))
    planned = plan_enable(facts, CbtPolicy())
    assert planned.steps[0].arguments["keys"] == {
        "scsi0:1.ctkEnabled": "TRUE",
        "cutover.smc.cbtBefore": "scsi0:1.ctkEnabled=",
    }


def test_a_key_set_to_false_counts_more_than_the_flag() -> None:
    facts = replace(tracked(vm()), settings={"ctkenabled": "FALSE"})
    assert not state_of(facts).requested


def test_skipped_disks_are_not_requested_and_not_waited_for() -> None:
    facts = vm(disk(0), disk(1, mode="independent_persistent"))
    planned = plan_enable(facts, CbtPolicy(), skipped_disks(facts, ["hard disk 2"]))
    assert "scsi0:1.ctkEnabled" not in planned.steps[0].arguments["keys"]
    assert planned.predicted(diff_view(facts))["tracked_disks"] == ["scsi0:0"]


@pytest.mark.parametrize("name", ["scsi0:1", "SCSI0:1", "2001", "Hard disk 2"])
def test_a_disk_is_named_by_label_address_or_key(name: str) -> None:
    assert skipped_disks(vm(disk(0), disk(1)), [name]) == {2001}


def test_an_unknown_disk_is_rejected_with_those_that_exist() -> None:
    with pytest.raises(InvalidOptionError, match=r"'scsi9:9'.*Hard disk 1 \(scsi0:0\)"):
        skipped_disks(vm(), ["scsi9:9"])


def test_snapshots_are_removed_first_and_only_when_asked() -> None:
    facts = vm(snapshots=(SnapshotFacts("snapshot-7", "before patch"),))
    assert "remove_all_snapshots" not in actions_of(plan_enable(facts, CbtPolicy()))
    planned = plan_enable(facts, CbtPolicy(snapshots="remove"))
    assert actions_of(planned)[0] == "remove_all_snapshots"
    assert "before patch" in planned.steps[0].summary
    assert planned.predicted(diff_view(facts))["snapshots"] == []


def test_snapshots_of_a_vm_that_is_tracked_already_are_left_alone() -> None:
    facts = replace(tracked(vm()), snapshots=(SnapshotFacts("snapshot-7", "before patch"),))
    assert plan_enable(facts, CbtPolicy(snapshots="remove")).steps == ()


def test_a_leftover_snapshot_of_ours_is_removed_by_its_reference() -> None:
    facts = vm(snapshots=(SnapshotFacts("snapshot-9", OWN_SNAPSHOT_PREFIX + "12345678"),))
    step = plan_enable(facts, CbtPolicy()).steps[0]
    assert (step.action, step.arguments) == ("remove_snapshot", {"moid": "snapshot-9"})


def test_the_api_method_writes_no_keys_and_the_other_no_flag() -> None:
    by_api = plan_enable(vm(), CbtPolicy(method="api")).steps[0].arguments
    by_keys = plan_enable(vm(), CbtPolicy(method="advanced_config")).steps[0].arguments
    assert by_api == {"flag": True, "keys": {}}
    assert by_keys["flag"] is None
    assert by_keys["keys"]


def test_a_reset_of_a_vm_that_is_off_fails_when_tracking_files_remain() -> None:
    facts = replace(tracked(vm()), power_state=OFF)
    with pytest.raises(CutoverError, match="left"):
        ModelVm(facts).reach("reset", CbtPolicy(method="advanced_config"))


def test_misspelled_keys_are_found_and_proper_ones_are_not() -> None:
    keys = ["ctkEnabled", "SCSI0:0.ctkEnabled", "nvme0:1.ctkEnabled", "ctkEnable", "scsi0.0.ctkEnabled"]
    assert misspelled_keys(keys) == ["ctkEnable", "scsi0.0.ctkEnabled"]


def test_the_diff_spells_keys_in_one_way() -> None:
    facts = vm(settings={"SCSI0:0.CTKENABLED": "TRUE", "ctkenabled": "TRUE", POWER_ON_AGAIN_KEY: "TRUE"})
    assert diff_view(facts)["settings"] == {"scsi0:0.ctkEnabled": "TRUE", "ctkEnabled": "TRUE"}


# The plan for a spec


BLOCKED = vm(fault_tolerant=True, snapshots=(SnapshotFacts("snapshot-7", "before patch"),))
WAIVER = {"rule": "fault_tolerance", "reason": "change 4711", "expires": "2026-12-31"}


def spec_of(**options: object) -> CbtSpec:
    defaults = {name: option.get("default") for name, option in MODULE.argument_spec.items()}
    return parse_spec(defaults | options, date(2026, 12, 1))


def refused(spec: CbtSpec, facts: VmFacts) -> list[str]:
    """The concerns that block the plan."""
    with pytest.raises(PreconditionError) as caught:
        plan(spec, ObservedCbt(facts))
    assert caught.value.code == caught.value.details["concerns"][0]["id"]
    assert caught.value.remedy
    return [concern["id"] for concern in caught.value.details["concerns"]]


def test_a_plan_is_refused_with_every_concern_that_blocks_it() -> None:
    assert refused(spec_of(), BLOCKED) == ["snapshots", "fault_tolerance"]
    assert refused(spec_of(state="disabled"), tracked(BLOCKED)) == ["snapshots"]


def test_a_waiver_lifts_only_what_is_waivable_and_only_while_it_is_valid() -> None:
    snapshots = WAIVER | {"rule": "snapshots"}
    assert refused(spec_of(waivers=[WAIVER, snapshots]), BLOCKED) == ["snapshots"]
    assert refused(spec_of(waivers=[WAIVER | {"expires": "2026-11-30"}]), BLOCKED) == ["snapshots", "fault_tolerance"]
    assert refused(spec_of(waivers=[WAIVER | {"vms": ["app-02"]}]), BLOCKED) == ["snapshots", "fault_tolerance"]
    planned = plan(spec_of(waivers=[WAIVER], snapshots="remove"), ObservedCbt(BLOCKED))
    assert actions_of(planned)[0] == "remove_all_snapshots"


def test_a_vm_in_the_desired_state_is_not_refused_whatever_its_concerns_are() -> None:
    assert plan(spec_of(), ObservedCbt(tracked(BLOCKED))).steps == ()
    assert plan(spec_of(state="disabled"), ObservedCbt(BLOCKED)).steps == ()


def test_cleaning_up_after_a_killed_run_is_not_refused() -> None:
    left = replace(tracked(BLOCKED), power_state=OFF)
    left = replace(left, settings=left.settings | {POWER_ON_AGAIN_KEY: "TRUE"})
    assert actions_of(plan(spec_of(), ObservedCbt(left))) == ["power_on", "verify_tracked", "clean_up"]


def test_a_skipped_disk_is_not_asked_about() -> None:
    facts = vm(disk(0), disk(1, mode="independent_persistent"))
    assert refused(spec_of(), facts) == ["independent_disk"]
    assert actions_of(plan(spec_of(skip_disks=["SCSI0:1"]), ObservedCbt(facts))) == [
        "configure",
        "stun",
        "verify_tracked",
    ]


def test_a_reset_that_has_seen_tracking_end_only_enables() -> None:
    facts = vm()
    whole = plan(spec_of(state="reset"), ObservedCbt(tracked(facts)))
    rest = plan(spec_of(state="reset"), ObservedCbt(facts, tracking_ended=True))
    assert actions_of(whole) == ["configure", "stun", "verify_untracked", *actions_of(rest)]


def test_a_reset_must_take_effect() -> None:
    with pytest.raises(InvalidOptionError, match="'activate' cannot be none for state: reset"):
        spec_of(state="reset", activate="none")


@pytest.mark.parametrize(
    ("options", "privileges"),
    [
        ({}, {"Config.ChangeTracking", "Config.AdvancedConfig", "State.CreateSnapshot", "State.RemoveSnapshot"}),
        ({"method": "api", "activate": "none"}, {"Config.ChangeTracking"}),
        ({"method": "advanced_config", "activate": "none"}, {"Config.AdvancedConfig"}),
        (
            {"activate": "power_cycle"},
            {"Config.ChangeTracking", "Config.AdvancedConfig", "Interact.PowerOff", "Interact.PowerOn"},
        ),
    ],
)
def test_a_plan_needs_the_privileges_of_its_steps(options: dict[str, str], privileges: set[str]) -> None:
    needed = needed_privileges(plan(spec_of(**options), ObservedCbt(vm())))
    assert {name.removeprefix("VirtualMachine.") for name in needed} == privileges
