#!/usr/bin/python

# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changed block tracking of a VM: on and taking effect, off, or begun anew."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vmware_cbt
short_description: Switch changed block tracking (CBT) of a VMware VM on, so that it takes effect
version_added: 0.1.0
description:
  - Requests changed block tracking for a VM and each of its disks, has it take effect, and proves it by the C(-ctk.vmdk) file
    that then lies beside every disk.
  - Without CBT, Alibaba Cloud SMC copies the whole VM at every run of an incremental job.
  - Refuses with the reason, disk by disk, where CBT cannot be had or could not be trusted, and says what to do about it.
    A VM whose CBT is in the wanted state already is left alone, whatever else speaks against it.
  - A VM that was on is on again afterwards, also when a step fails. While the module has a VM switched off, it keeps the note
    C(cutover.smc.powerOnAgain) in the VM's advanced configuration, so that the next run puts right what a killed run left.
  - The only snapshot that the module takes is called C(cutover-cbt-) and eight digits, and is removed at once by its own reference.
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.attributes
  - cutover.smc.attributes.changing
  - cutover.smc.attributes.vmware_group
  - cutover.smc.vmware
  - cutover.smc.vmware.vm
attributes:
  idempotent:
    support: partial
    details:
      - O(state=enabled) and O(state=disabled) are idempotent. O(state=reset) begins tracking anew each time.
options:
  state:
    description:
      - V(enabled) has every disk tracked.
      - V(disabled) has no disk tracked, and puts the settings back to what they were before this module enabled CBT, as the note
        C(cutover.smc.cbtBefore) in the VM's advanced configuration tells.
      - V(reset) ends tracking and begins it anew, so that no earlier change id is valid. The next run of an SMC job then copies everything, as
        RV(next_run_full) and a warning say. A VM that is on is reset by two stuns, or with O(activate=power_cycle) by two power cycles.
    type: str
    choices: [enabled, disabled, reset]
    default: enabled
  activate:
    description:
      - How a VM that is on is brought to do what was requested. A VM that is off is only reconfigured.
      - V(auto) costs the least downtime, which is V(stun).
      - V(stun) takes a snapshot and removes it at once; the VM stands still for moments.
      - V(power_cycle) shuts the VM down and powers it on.
      - V(none) only requests. What is requested takes effect at the next stun or power-on that comes along, such as the snapshot of a
        backup; until then C(cbt.needs_stun) in RV(vm) says so. Not for O(state=reset).
    type: str
    choices: [auto, power_cycle, stun, none]
    default: auto
  method:
    description:
      - How CBT is requested.
      - V(api) sets the VM's C(changeTrackingEnabled).
      - V(advanced_config) sets C(ctkEnabled) and C(scsiX:Y.ctkEnabled) in the advanced configuration.
      - V(both) does both at once, so that it shows wherever somebody looks.
    type: str
    choices: [api, advanced_config, both]
    default: both
  snapshots:
    description:
      - What to do when the VM has snapshots, with which CBT must not be changed, because increments could be wrong.
      - V(refuse) fails and names them.
      - V(remove) removes B(all snapshots of the VM), for good, and consolidates its disks where that is needed. Afterwards the SMC
        connector must read the VM again (see RV(snapshots_removed)). A snapshot of a running SMC synchronisation is never removed.
    type: str
    choices: [refuse, remove]
    default: refuse
  skip_disks:
    description:
      - Disks that are left alone, and whose state forbids nothing, by label (V(Hard disk 2)), address (V(scsi0:1)) or device key (V(2001)).
    type: list
    elements: str
    default: []
  verify:
    description:
      - How far O(state=enabled) and O(state=reset) prove that tracking works.
      - V(files) sees the change tracking file of every disk.
      - V(query) also takes a snapshot that is removed at once, sees a change id on each of its disks, and asks once for the areas of each
        disk that are in use. When that was, and each disk's epoch then, is kept as the note C(cutover.smc.cbtVerified) in the VM's
        advanced configuration. As long as the epochs stay the same, it is not done again.
    type: str
    choices: [files, query]
    default: files
  waivers:
    description:
      - Decisions that what a rule finds is acceptable, so that the module goes on. What vSphere itself would refuse, or what would make
        increments wrong, such as snapshots, cannot be waived.
    type: list
    elements: dict
    default: []
    suboptions:
      rule:
        description: The C(id) of the rule, as in C(concerns).
        type: str
        required: true
      reason:
        description: Why the risk is taken, and by whom.
        type: str
        required: true
      expires:
        description: The last day (in UTC) on which the waiver holds, such as V(2026-12-31).
        type: str
        required: true
      vms:
        description: The names of the VMs for which it holds. Without, it holds for all.
        type: list
        elements: str
        default: []
  shutdown:
    description:
      - How the VM is switched off for O(activate=power_cycle).
      - V(guest) asks the guest's system, which needs VMware Tools.
      - V(hard) cuts the power.
    type: str
    choices: [guest, hard]
    default: guest
  shutdown_timeout:
    description:
      - How long to wait for the guest to shut down, such as V(5m).
    type: str
    default: 5m
  shutdown_fallback:
    description:
      - What to do when the guest does not shut down in time, or has no VMware Tools.
      - V(fail) leaves the VM on and fails.
      - V(force) cuts the power.
    type: str
    choices: [fail, force]
    default: fail
  timeout:
    description:
      - How long one task of vCenter may take, and how long to wait for another task to leave the VM, such as V(30m).
    type: str
    default: 30m
notes:
  - Needs the privileges C(System.Read), C(VirtualMachine.Config.ChangeTracking) (not for O(method=advanced_config)),
    C(VirtualMachine.Config.AdvancedConfig), for a stun C(VirtualMachine.State.CreateSnapshot) and C(VirtualMachine.State.RemoveSnapshot),
    for a power cycle C(VirtualMachine.Interact.PowerOff) and C(VirtualMachine.Interact.PowerOn), for O(verify=query) also
    C(VirtualMachine.Provisioning.DiskRandomRead). Those that the plan needs are looked at before anything is done.
  - Each VM is worked on in a session of its own, which is ended afterwards. When it expires meanwhile, it is opened again.
seealso:
  - module: cutover.smc.vmware_cbt_info
"""

EXAMPLES = r"""
- name: Ensure CBT is enabled and active, without downtime
  cutover.smc.vmware_cbt:
    hostname: vcenter.example.com
    username: migration@vsphere.local
    password: "{{ vcenter_password }}"
    name: app-01

- name: The same for every VM of the inventory, connection from VMWARE_HOST, VMWARE_USER and VMWARE_PASSWORD
  cutover.smc.vmware_cbt:
    name: "{{ inventory_hostname }}"
    folder: prod/web
  delegate_to: localhost

- name: The way by hand, automated, with a clean shutdown that may be forced after ten minutes
  cutover.smc.vmware_cbt:
    uuid: 50290f9c-5a2c-4d62-8a9c-0f3f6ad0f0d2
    method: advanced_config
    activate: power_cycle
    shutdown_timeout: 10m
    shutdown_fallback: force

- name: Show what would be done and what blocks it
  cutover.smc.vmware_cbt:
    moid: vm-42
  check_mode: true
  diff: true

- name: Request CBT now, and let the next backup's snapshot have it take effect
  cutover.smc.vmware_cbt:
    name: app-01
    activate: none

- name: Prove it as a replication would see it, and accept a finding until the end of the year
  cutover.smc.vmware_cbt:
    name: app-01
    verify: query
    waivers:
      - rule: first_class_disk
        reason: every node of the cluster has CBT on (change 4711)
        expires: "2026-12-31"

- name: Restart tracking, after which SMC makes a full copy
  cutover.smc.vmware_cbt:
    name: app-01
    state: reset
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be done, step by step.
  returned: always
  type: list
  elements: str
  sample:
    - request CBT for app-01 and 2 disks
    - stun app-01 by a snapshot that is removed at once, so that it takes effect
    - see the change tracking file of every disk of app-01
next_run_full:
  description: Whether tracking has begun anew by O(state=reset), so that the next run of the VM's SMC job copies everything.
  returned: success
  type: bool
  sample: false
snapshots_removed:
  description: Whether snapshots of the VM were removed, so that the SMC connector must read the VM again.
  returned: success
  type: bool
  sample: false
diff:
  description: Power state, snapshots, CBT settings and tracked disks before and after.
  returned: success
  type: dict
  sample:
    before: {power_state: "on", requested: false, settings: {}, snapshots: [], tracked_disks: []}
    after:
      power_state: "on"
      requested: true
      settings: {ctkEnabled: "TRUE", "scsi0:0.ctkEnabled": "TRUE"}
      snapshots: []
      tracked_disks: ["scsi0:0"]
vm:
  description: The VM as it is now; the same as one of RV(cutover.smc.vmware_cbt_info#module:vms).
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: app-01
    moid:
      description: Its managed object id.
      type: str
      sample: vm-42
    uuid:
      description: Its instance UUID.
      type: str
      sample: 50290f9c-5a2c-4d62-8a9c-0f3f6ad0f0d2
    power_state:
      description: V(on), V(off) or V(suspended).
      type: str
      sample: "on"
    cbt:
      description: What is requested and what takes effect.
      type: dict
      sample:
        enabled: true
        key: "TRUE"
        api_flag: true
        effective: true
        needs_stun: false
        verified: false
        last_verified: null
        near_miss_keys: []
        supported: true
        disks: {"scsi0:0": true}
    disks:
      description: Its disks.
      type: list
      elements: dict
      sample: []
    concerns:
      description: What speaks against CBT or against a migration by SMC.
      type: list
      elements: dict
      sample: []
error:
  description: What failed, in parts. In C(details.concerns) stands what forbids it.
  returned: failure
  type: dict
  sample:
    kind: PreconditionError
    code: snapshots
    message: "CBT of app-01 cannot be enabled now: app-01: it has 1 snapshot: before-patch"
    remedy: "Remove the snapshots (snapshots: remove does it) before CBT is changed, because increments can be wrong otherwise."
    details: {concerns: [{id: snapshots, severity: blocker}]}
"""

from ansible_collections.cutover.smc.plugins.module_utils._cbt.reconciler import run
from ansible_collections.cutover.smc.plugins.module_utils._concerns.waivers import WAIVERS_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import (
    CONNECTION_RULES,
    REQUIRES,
    connection_spec,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.inventory import SELECTION_RULES, selection_spec

MODULE = ModuleDefinition(
    argument_spec=dict(
        connection_spec(),
        **selection_spec(),
        state={"type": "str", "choices": ["enabled", "disabled", "reset"], "default": "enabled"},
        activate={"type": "str", "choices": ["auto", "power_cycle", "stun", "none"], "default": "auto"},
        method={"type": "str", "choices": ["api", "advanced_config", "both"], "default": "both"},
        snapshots={"type": "str", "choices": ["refuse", "remove"], "default": "refuse"},
        skip_disks={"type": "list", "elements": "str", "default": []},
        verify={"type": "str", "choices": ["files", "query"], "default": "files"},
        waivers=WAIVERS_SPEC,
        shutdown={"type": "str", "choices": ["guest", "hard"], "default": "guest"},
        shutdown_timeout={"type": "str", "default": "5m"},
        shutdown_fallback={"type": "str", "choices": ["fail", "force"], "default": "fail"},
        timeout={"type": "str", "default": "30m"},
    ),
    handler=run,
    required_libraries=REQUIRES,
    argument_rules=dict(CONNECTION_RULES, **SELECTION_RULES),
)


def main() -> None:
    run_as_module(MODULE)


if __name__ == "__main__":
    main()
