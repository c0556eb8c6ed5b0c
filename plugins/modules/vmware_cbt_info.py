#!/usr/bin/python

# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gathers the CBT state and the migration concerns of VMs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vmware_cbt_info
short_description: Gather CBT state and migration concerns of VMware VMs
version_added: 0.1.0
description:
  - Reads disks, changed block tracking (CBT), snapshots, guest OS and location of many VMs in few calls. For each VM, it returns the concerns
    about CBT or about a migration by Alibaba Cloud SMC, each with its remedy.
  - Returns separately what is requested (settings), what is in effect (the C(-ctk.vmdk) file of each disk) and what is still needed to activate it
    (a stun or a power-on).
  - Without O(names), O(moids) and O(uuids), it reads all VMs of O(folder) and O(datacenter), or all that the user may see. A list that is
    set but empty selects no VM.
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.attributes
  - cutover.smc.attributes.reading
  - cutover.smc.attributes.vmware_group
  - cutover.smc.vmware
  - cutover.smc.vmware.selection
  - cutover.smc.vmware.skip_disks
  - cutover.smc.vmware.waivers
options:
  skip_disks:
    description:
      - Disks that are not changed and whose state blocks nothing, by label (V(Hard disk 2)), address (V(scsi0:1)) or device key (V(2001)).
        The case does not matter. The option means the same as in M(cutover.smc.vmware_cbt).
      - With several VMs, each name applies to every VM that has such a disk. A name that matches no disk of any selected VM is an error.
  snapshots:
    description:
      - What M(cutover.smc.vmware_cbt) will do about snapshots. With V(remove), snapshots and disks that need consolidation are not in
        C(blockers). Nothing is removed.
    type: str
    choices: [refuse, remove]
    default: refuse
notes:
  - Needs the privileges C(System.View) and C(System.Read).
  - Reads the names of all VMs to select from, and then the details of the selected VMs, in one call for each hundred.
seealso:
  - module: cutover.smc.vmware_cbt
"""

EXAMPLES = r"""
- name: Read all VMs of the play in one call
  cutover.smc.vmware_cbt_info:
    names: "{{ ansible_play_hosts }}"
  run_once: true
  delegate_to: localhost
  register: vsphere

- name: Fail when a concern blocks CBT or the migration
  ansible.builtin.assert:
    that: vm.blockers | length == 0
    fail_msg: "{{ vm.blockers | map(attribute='message') | join('; ') }}"
  vars:
    vm: "{{ vsphere.vms | selectattr('name', 'equalto', inventory_hostname) | first }}"

- name: Audit a folder
  cutover.smc.vmware_cbt_info:
    hostname: vcenter.example.com
    username: auditor@vsphere.local
    password: "{{ vcenter_password }}"
    folder: prod
  register: audit

- name: Read the first wave, and accept one concern about one VM until the end of the year
  cutover.smc.vmware_cbt_info:
    name_patterns: ["web-*", "app-*"]
    custom_attributes: {wave: "1"}
    waivers:
      - rule: guest_unsupported
        reason: a copy of the VM boots (change 4711)
        expires: "2026-12-31"
        vms: [app-07]

- name: Read one VM, without a disk that is not migrated
  cutover.smc.vmware_cbt_info:
    names: [app-05]
    skip_disks: ["Hard disk 2"]

- name: Read the VMs of a wave by their vSphere tags
  cutover.smc.vmware_cbt_info:
    tags: ["wave:7", linux]

- name: Show the VMs whose CBT is requested but not in effect
  ansible.builtin.debug:
    var: audit.summary.needs_stun
"""

RETURN = r"""
vms:
  description: The VMs, sorted by their path in the inventory.
  returned: success
  type: list
  elements: dict
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
    bios_uuid:
      description: The BIOS UUID, which copies of a VM share.
      type: str
      sample: 42290f9c-5a2c-4d62-8a9c-0f3f6ad0f0d2
    path:
      description: The path in the inventory.
      type: str
      sample: /DC0/vm/prod/app-01
    folder:
      description: The path of the folder that contains it.
      type: str
      sample: /DC0/vm/prod
    datacenter:
      description: The name of the datacenter that contains it.
      type: str
      sample: DC0
    template:
      description: Whether it is a template.
      type: bool
      sample: false
    power_state:
      description: V(on), V(off) or V(suspended).
      type: str
      sample: "on"
    guest_os:
      description: The guest OS as VMware Tools report it, otherwise as the VM is configured.
      type: str
      sample: CentOS 7 (64-bit)
    guest_family:
      description: The family of the guest OS; empty without VMware Tools.
      type: str
      sample: linuxGuest
    guest_hostname:
      description: The host name of the guest OS; empty without VMware Tools.
      type: str
      sample: app-01.example.com
    guest_ips:
      description: The IP addresses of the guest OS, the primary one first; empty without VMware Tools.
      type: list
      elements: str
      sample: [192.0.2.11]
    tools_status:
      description: Whether VMware Tools is running, in vSphere's terms.
      type: str
      sample: guestToolsRunning
    boot_mode:
      description: V(bios) or V(efi).
      type: str
      sample: bios
    hardware_version:
      description: The virtual hardware version.
      type: int
      sample: 14
    esxi_version:
      description: The version of the ESXi host that it runs on.
      type: str
      sample: 6.7.0
    esxi_build:
      description: The build of that host.
      type: str
      sample: "8169922"
    vcenter_version:
      description: The version of vCenter; empty on a stand-alone ESXi host.
      type: str
      sample: 6.7.0
    snapshots:
      description: The names of the snapshots.
      type: list
      elements: str
      sample: []
    sync_running:
      description: Whether SMC is synchronizing it, recognized by a snapshot C(smc_...).
      type: bool
      sample: false
    cbt:
      description: The state of changed block tracking.
      type: dict
      contains:
        enabled:
          description: Whether CBT is requested for the VM.
          type: bool
          sample: true
        key:
          description: The value of C(ctkEnabled) in the advanced configuration, or null.
          type: str
          sample: "TRUE"
        misspelled_keys:
          description: Keys in the advanced configuration that look like CBT keys but are not, such as C(ctkEnable).
          type: list
          elements: str
          sample: []
        last_verified:
          description: When M(cutover.smc.vmware_cbt) last proved CBT by a query, or null.
          type: str
          sample: "2026-11-22T20:00:00Z"
        verified:
          description: Whether that proof is still valid for every disk that is not in O(skip_disks).
          type: bool
          sample: true
        effective:
          description: Whether CBT is requested, and proved by its file, for every disk that is not in O(skip_disks).
          type: bool
          sample: true
        needs_stun:
          description: Whether a stun or power-on is still needed to activate what is requested.
          type: bool
          sample: false
        api_flag:
          description: C(config.changeTrackingEnabled) as vSphere returns it, which proves nothing by itself.
          type: bool
          sample: true
        supported:
          description: Whether vSphere reports that the VM supports CBT.
          type: bool
          sample: true
        disks:
          description: For each disk, by its address, whether CBT is in effect.
          type: dict
          sample: {"scsi0:0": true}
    disks:
      description: The disks.
      type: list
      elements: dict
      contains:
        key:
          description: The device key.
          type: int
          sample: 2000
        label:
          description: The label.
          type: str
          sample: Hard disk 1
        address:
          description: The controller and unit.
          type: str
          sample: scsi0:0
        ctk_key:
          description: The key in the advanced configuration that requests tracking of this disk.
          type: str
          sample: scsi0:0.ctkEnabled
        ctk_value:
          description: The value of that key, or null.
          type: str
          sample: "TRUE"
        needs_stun:
          description: Whether a stun or power-on is still needed to activate what is requested for this disk.
          type: bool
          sample: false
        last_verified:
          description: When a query last proved its tracking, or null if it never did, or if tracking has restarted since.
          type: str
          sample: "2026-11-22T20:00:00Z"
        size_bytes:
          description: The capacity.
          type: int
          sample: 33554432
        file:
          description: The disk's descriptor.
          type: str
          sample: "[LocalDS_0] app-01/disk1.vmdk"
        datastore_type:
          description: The type of the datastore's file system.
          type: str
          sample: VMFS
        mode:
          description: The disk mode.
          type: str
          sample: persistent
        backing:
          description: V(flat), V(sparse), V(sesparse), V(rdm_virtual), V(rdm_physical), V(pmem) or V(unknown).
          type: str
          sample: flat
        sharing:
          description: V(sharingNone) or V(sharingMultiWriter).
          type: str
          sample: sharingNone
        requested:
          description: Whether its tracking is requested.
          type: bool
          sample: true
        effective:
          description: Whether its tracking is requested and its change tracking file exists.
          type: bool
          sample: true
        ctk_file:
          description: The change tracking file, or null.
          type: str
          sample: "[LocalDS_0] app-01/disk1-ctk.vmdk"
        change_id:
          description: The change ID of the disk, or null.
          type: str
          sample: 52 2d 7b 8f ac 61 51 cc-77 4c 7b ec 91 50 bb 7b/1
    concerns:
      description: The concerns about CBT or about a migration by SMC, the most severe first.
      type: list
      elements: dict
      contains:
        id:
          description: The ID of the rule.
          type: str
          sample: independent_disk
        severity:
          description: V(blocker), V(warning) or V(note).
          type: str
          sample: blocker
        subject:
          description: The VM or disk that it is about.
          type: str
          sample: Hard disk 2 (scsi0:1)
        disk:
          description: The device key of that disk, or null.
          type: int
          sample: 2001
        message:
          description: What was found.
          type: str
          sample: it is independent (independent_persistent)
        remedy:
          description: What to do about it.
          type: str
          sample: Make it dependent while the VM is off, or name it in skip_disks; snapshots exclude independent disks
        source:
          description: Where the rule comes from.
          type: str
          sample: Broadcom KB 320557
        checked:
          description: The date on which the source was last read.
          type: str
          sample: "2026-11-22"
        waived:
          description: The C(reason) and C(expires) of the waiver that covers it, or null.
          type: dict
          sample: null
    blockers:
      description:
        - The concerns of severity V(blocker) that remain after O(waivers), O(skip_disks) and O(snapshots). The VM can be migrated when it has none.
      type: list
      elements: dict
      sample: []
not_found:
  description: Names, managed object IDs and UUIDs that match no VM.
  returned: success
  type: list
  elements: str
  sample: []
summary:
  description: How many VMs are in which state, and the names of those with concerns that are not waived.
  returned: success
  type: dict
  sample:
    total: 3
    requested: 2
    effective: 1
    needs_stun: [app-02]
    with_blockers: []
    with_warnings: [app-02]
    with_notes: []
    not_found: 0
"""

from ansible_collections.cutover.smc.plugins.module_utils._cbt.info import run
from ansible_collections.cutover.smc.plugins.module_utils._cbt.selection import FLEET_SELECTION_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._concerns.waivers import WAIVERS_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import (
    CONNECTION_RULES,
    REQUIRES,
    connection_spec,
)

MODULE = ModuleDefinition(
    argument_spec=dict(
        connection_spec(),
        **FLEET_SELECTION_SPEC,
        skip_disks={"type": "list", "elements": "str", "default": []},
        snapshots={"type": "str", "choices": ["refuse", "remove"], "default": "refuse"},
        waivers=WAIVERS_SPEC,
    ),
    handler=run,
    required_libraries=REQUIRES,
    argument_rules=CONNECTION_RULES,
)


def main() -> None:
    run_as_module(MODULE)


if __name__ == "__main__":
    main()
