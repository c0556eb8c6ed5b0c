#!/usr/bin/python

# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enables, disables or restarts changed block tracking (CBT) of a VM."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vmware_cbt
short_description: Manage changed block tracking (CBT) of a VMware VM
version_added: 0.1.0
description:
  - Requests changed block tracking for a VM and each of its disks, activates it, and proves it by the C(-ctk.vmdk) file
    that vSphere then creates for every disk.
  - Without CBT, every run of an incremental job of Alibaba Cloud SMC is a full copy of the VM.
  - Refuses to change CBT where it is not supported or could not be trusted. The message names each disk, the reason and the remedy.
    A VM whose CBT is already in the desired state is not changed, whatever its concerns are.
  - A VM that was on is on again afterwards, even if a step fails. While the module has a VM powered off, the marker
    C(cutover.smc.powerOnAgain) is in the VM's advanced configuration. If the run is killed, the next run powers the VM on.
  - The only snapshot that the module takes has a name of C(cutover-cbt-) and eight digits. It is removed immediately, by its own reference.
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.attributes
  - cutover.smc.attributes.changing
  - cutover.smc.attributes.vmware_group
  - cutover.smc.vmware
  - cutover.smc.vmware.vm
  - cutover.smc.vmware.skip_disks
  - cutover.smc.vmware.waivers
  - cutover.smc.vmware.power
  - cutover.smc.vmware.tasks
attributes:
  idempotent:
    support: partial
    details:
      - O(state=enabled) and O(state=disabled) are idempotent. O(state=reset) restarts tracking each time.
options:
  state:
    description:
      - V(enabled) ensures that every disk is tracked.
      - V(disabled) ensures that no disk is tracked, and restores the settings from before this module enabled CBT, which are in the marker
        C(cutover.smc.cbtBefore) in the VM's advanced configuration.
      - V(reset) ends tracking and restarts it, so that no earlier change ID is valid. The next run of an SMC job is then a full copy, which
        RV(next_run_full) and a warning report. A VM that is on is reset by two stuns, or with O(activate=power_cycle) by two power cycles.
    type: str
    choices: [enabled, disabled, reset]
    default: enabled
  activate:
    description:
      - How the change takes effect on a VM that is on. A VM that is off is only reconfigured.
      - V(auto) selects the way with the least downtime, which is V(stun).
      - V(stun) takes a snapshot and removes it immediately, which stuns the VM for a short time.
      - V(power_cycle) shuts the VM down and powers it on.
      - V(none) only requests the change. It takes effect at the next stun or power-on, such as a snapshot of a
        backup. Until then C(cbt.needs_stun) in RV(vm) is V(true). Not allowed for O(state=reset).
    type: str
    choices: [auto, power_cycle, stun, none]
    default: auto
  method:
    description:
      - How CBT is requested.
      - V(api) sets the VM's C(changeTrackingEnabled).
      - V(advanced_config) sets C(ctkEnabled) and C(scsiX:Y.ctkEnabled) in the advanced configuration.
      - V(both) sets both in one change, so that the request is visible to every tool.
    type: str
    choices: [api, advanced_config, both]
    default: both
  snapshots:
    description:
      - What to do when the VM has snapshots. CBT must not be changed then, because increments could be wrong.
      - V(refuse) fails and lists them.
      - V(remove) permanently removes B(all snapshots of the VM), and consolidates its disks where necessary. Afterwards the SMC
        connector must read the VM again (see RV(snapshots_removed)). A snapshot of a running SMC synchronization is never removed.
    type: str
    choices: [refuse, remove]
    default: refuse
  verify:
    description:
      - How O(state=enabled) and O(state=reset) prove that tracking works.
      - V(files) checks that every disk has its change tracking file.
      - V(query) also takes a snapshot that is removed immediately, checks that each of its disks has a change ID, and queries once the areas
        of each disk that are in use. The time, and the epoch of each disk, are recorded in the marker C(cutover.smc.cbtVerified) in the VM's
        advanced configuration. As long as the epochs do not change, the query is not repeated.
    type: str
    choices: [files, query]
    default: files
  waivers:
    description:
      - Concerns that are accepted, by the ID of their rule, for a reason, until a date. The module then continues.
      - Where vSphere itself would refuse the change, or increments would be wrong, as with snapshots, a waiver does not make it continue.
      - A waived concern is still returned, with the waiver in C(waived), but it is not in C(blockers).
  shutdown:
    description:
      - How the VM is powered off for O(activate=power_cycle).
      - V(guest) asks the guest OS to shut down, which needs VMware Tools.
      - V(hard) cuts the power.
    type: str
    choices: [guest, hard]
    default: guest
notes:
  - Needs the privileges C(System.Read), C(VirtualMachine.Config.ChangeTracking) (not for O(method=advanced_config)),
    C(VirtualMachine.Config.AdvancedConfig), for a stun C(VirtualMachine.State.CreateSnapshot) and C(VirtualMachine.State.RemoveSnapshot),
    for a power cycle C(VirtualMachine.Interact.PowerOff) and C(VirtualMachine.Interact.PowerOn), for O(verify=query) also
    C(VirtualMachine.Provisioning.DiskRandomRead). The module checks those that the plan needs before it changes anything.
  - The module uses a vCenter session of its own for each VM, and ends it afterwards. If the session expires in between, the module logs in again.
seealso:
  - module: cutover.smc.vmware_cbt_info
"""

EXAMPLES = r"""
- name: Ensure that CBT is enabled and in effect, without downtime
  cutover.smc.vmware_cbt:
    hostname: vcenter.example.com
    username: migration@vsphere.local
    password: "{{ vcenter_password }}"
    name: app-01

- name: Ensure the same for every VM of the inventory, with VMWARE_HOST, VMWARE_USER and VMWARE_PASSWORD from the environment
  cutover.smc.vmware_cbt:
    name: "{{ inventory_hostname }}"
    folder: prod/web
  delegate_to: localhost

- name: Enable CBT by a power cycle, with a clean shutdown that is forced after ten minutes
  cutover.smc.vmware_cbt:
    uuid: 50290f9c-5a2c-4d62-8a9c-0f3f6ad0f0d2
    method: advanced_config
    activate: power_cycle
    shutdown_timeout: 10m
    shutdown_fallback: force

- name: Show what would be done, or what blocks it
  cutover.smc.vmware_cbt:
    moid: vm-42
  check_mode: true
  diff: true

- name: Enable CBT on all disks but one
  cutover.smc.vmware_cbt:
    name: app-01
    skip_disks: ["Hard disk 2"]

- name: Request CBT now, and let the snapshot of the next backup activate it
  cutover.smc.vmware_cbt:
    name: app-01
    activate: none

- name: Prove CBT by a query, and accept one concern until the end of the year
  cutover.smc.vmware_cbt:
    name: app-01
    verify: query
    waivers:
      - rule: first_class_disk
        reason: every node of the cluster has CBT enabled (change 4711)
        expires: "2026-12-31"

- name: Restart tracking, after which the next run of the SMC job is a full copy
  cutover.smc.vmware_cbt:
    name: app-01
    state: reset
"""

RETURN = r"""
plan:
  description: The steps that were done, or in check mode would be done.
  returned: always
  type: list
  elements: str
  sample:
    - request CBT for app-01 and 2 disks
    - "activate CBT on app-01: take a snapshot and remove it immediately"
    - verify that every disk of app-01 has its change tracking file
next_run_full:
  description: Whether O(state=reset) has restarted tracking, so that the next run of the VM's SMC job is a full copy.
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
  description: The VM after the task; the same as one of RV(cutover.smc.vmware_cbt_info#module:vms).
  returned: success
  type: dict
  contains:
    name:
      description: The name.
      type: str
      sample: app-01
    moid:
      description: The managed object ID.
      type: str
      sample: vm-42
    uuid:
      description: The instance UUID.
      type: str
      sample: 50290f9c-5a2c-4d62-8a9c-0f3f6ad0f0d2
    power_state:
      description: V(on), V(off) or V(suspended).
      type: str
      sample: "on"
    cbt:
      description: What is requested and what is in effect.
      type: dict
      sample:
        enabled: true
        key: "TRUE"
        api_flag: true
        effective: true
        needs_stun: false
        verified: false
        last_verified: null
        misspelled_keys: []
        supported: true
        disks: {"scsi0:0": true}
    disks:
      description: The disks.
      type: list
      elements: dict
      sample:
        - key: 2000
          label: Hard disk 1
          address: "scsi0:0"
          ctk_key: "scsi0:0.ctkEnabled"
          ctk_value: "TRUE"
          requested: true
          effective: true
          needs_stun: false
          ctk_file: "[LocalDS_0] app-01/disk1-ctk.vmdk"
    concerns:
      description: The concerns about CBT or about a migration by SMC, the most severe first.
      type: list
      elements: dict
      sample: []
    blockers:
      description: The concerns that block, after O(waivers), O(skip_disks) and O(snapshots).
      type: list
      elements: dict
      sample: []
error:
  description: What failed, in parts. C(details.concerns) contains the concerns that block the change.
  returned: failure
  type: dict
  sample:
    kind: precondition
    code: snapshots
    message: "CBT of app-01 cannot be enabled now: app-01: it has 1 snapshot: before-patch"
    remedy: "Remove the snapshots before CBT is changed (snapshots: remove does it), because increments can be wrong otherwise."
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
