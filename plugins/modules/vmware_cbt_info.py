#!/usr/bin/python

# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs with their disks, their changed block tracking, and what speaks against it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vmware_cbt_info
short_description: Read changed block tracking (CBT) of many VMware VMs, and what speaks against it
version_added: 0.1.0
description:
  - Reads disks, changed block tracking, snapshots, guest and place of many VMs in few calls, and tells for each VM what speaks
    against CBT or against a migration by Alibaba Cloud SMC, each concern with its remedy.
  - Keeps apart what is requested (settings), what takes effect (the C(-ctk.vmdk) file of each disk) and what is still to be done
    for it (a stun or a power-on).
  - Without O(names), O(moids) and O(uuids), all VMs of O(folder) and O(datacenter), or all that the user may see. A list that is
    given but empty means no VM.
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.attributes
  - cutover.smc.attributes.reading
  - cutover.smc.attributes.vmware_group
  - cutover.smc.vmware
options:
  names:
    description:
      - Names of VMs. A name that several VMs have gives them all.
    type: list
    elements: str
  moids:
    description:
      - Managed object ids of VMs, such as C(vm-42).
    type: list
    elements: str
  uuids:
    description:
      - Instance UUIDs of VMs.
    type: list
    elements: str
  name_patterns:
    description:
      - Only VMs whose names fit one of these patterns, such as V(web-*), in which C(*), C(?) and C([abc]) have their usual meaning and
        case does not matter.
    type: list
    elements: str
  custom_attributes:
    description:
      - Only VMs that have all of these custom attributes with these values, each the attribute's name and its value.
    type: dict
  tags:
    description:
      - Only VMs that have all of these vSphere tags, each given as V(NAME), which means every tag of that name, or as V(CATEGORY:NAME).
      - Tags of a folder or a host do not count as its VMs'. A tag that vCenter does not know is an error.
      - They are read through vCenter's REST API, with the same user, and cost a call for each tag that vCenter knows and for each that is given,
        however many VMs there are. A stand-alone ESXi host has none.
    type: list
    elements: str
  folder:
    description:
      - Only VMs in this inventory folder or below.
      - Its path may begin at the root (V(/DC0/vm/prod/web)) or below the datacenter's V(vm) folder (V(prod/web)).
    type: str
  datacenter:
    description:
      - Only VMs in the datacenter of this name.
    type: str
  connector_user:
    description:
      - The user as whom SMC's connector logs in to vCenter, such as V(VSPHERE.LOCAL\\smc). Where that user lacks a privilege on a VM that the
        connector needs, the concern C(connector_privileges) tells it.
    type: str
  waivers:
    description:
      - Decisions that what a rule finds is acceptable. Such a concern is still told, with the waiver in C(waived), and
        is not counted in RV(summary).
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
  fail_on_missing:
    description:
      - Whether to fail when one of the named VMs is not found, instead of listing it in RV(not_found).
    type: bool
    default: false
notes:
  - Needs the privileges C(System.View) and C(System.Read).
  - Reads a little of all VMs to select from, in one call for each hundred, and the rest of the selected ones likewise.
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

- name: Stop where something forbids CBT
  ansible.builtin.assert:
    that: blockers | length == 0
    fail_msg: "{{ blockers | map(attribute='message') | join('; ') }}"
  vars:
    vm: "{{ vsphere.vms | selectattr('name', 'equalto', inventory_hostname) | first }}"
    blockers: "{{ vm.concerns | selectattr('severity', 'equalto', 'blocker') }}"

- name: Audit a folder
  cutover.smc.vmware_cbt_info:
    hostname: vcenter.example.com
    username: auditor@vsphere.local
    password: "{{ vcenter_password }}"
    folder: prod
  register: audit

- name: Read the first wave, and accept one finding for one VM for a while
  cutover.smc.vmware_cbt_info:
    name_patterns: ["web-*", "app-*"]
    custom_attributes: {wave: "1"}
    waivers:
      - rule: guest_unsupported
        reason: tried with a copy, boots (change 4711)
        expires: "2026-12-31"
        vms: [app-07]

- name: Read the VMs of a wave by their vSphere tags
  cutover.smc.vmware_cbt_info:
    tags: ["wave:7", linux]

- name: Show the VMs whose CBT was requested but takes no effect
  ansible.builtin.debug:
    var: audit.summary.needs_stun
"""

RETURN = r"""
vms:
  description: The VMs, sorted by their place in the inventory.
  returned: success
  type: list
  elements: dict
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
    bios_uuid:
      description: Its BIOS UUID, which copies of a VM share.
      type: str
      sample: 42290f9c-5a2c-4d62-8a9c-0f3f6ad0f0d2
    path:
      description: Its place in the inventory.
      type: str
      sample: /DC0/vm/prod/app-01
    folder:
      description: The folder of that place.
      type: str
      sample: /DC0/vm/prod
    datacenter:
      description: The datacenter that it lies in.
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
      description: The guest's system, as VMware Tools tell it, or else as the VM is configured.
      type: str
      sample: CentOS 7 (64-bit)
    guest_family:
      description: The family of the guest's system; empty without VMware Tools.
      type: str
      sample: linuxGuest
    guest_hostname:
      description: The guest's host name; empty without VMware Tools.
      type: str
      sample: app-01.example.com
    guest_ips:
      description: The guest's addresses, the first one first; none without VMware Tools.
      type: list
      elements: str
      sample: [192.0.2.11]
    tools_status:
      description: Whether VMware Tools run, as vSphere calls it.
      type: str
      sample: guestToolsRunning
    boot_mode:
      description: V(bios) or V(efi).
      type: str
      sample: bios
    hardware_version:
      description: Its virtual hardware version.
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
      description: Names of its snapshots.
      type: list
      elements: str
      sample: []
    sync_running:
      description: Whether SMC is synchronising it, which its snapshot C(smc_...) tells.
      type: bool
      sample: false
    cbt:
      description: Its changed block tracking.
      type: dict
      contains:
        enabled:
          description: Whether it is requested for the VM.
          type: bool
          sample: true
        key:
          description: The value of C(ctkEnabled) in the advanced configuration, or null.
          type: str
          sample: "TRUE"
        near_miss_keys:
          description: Entries of the advanced configuration that look like keys of CBT but are none, such as C(ctkEnable).
          type: list
          elements: str
          sample: []
        last_verified:
          description: When M(cutover.smc.vmware_cbt) last proved it by a query, or null.
          type: str
          sample: "2026-11-22T20:00:00Z"
        verified:
          description: Whether that proof holds still, for every disk.
          type: bool
          sample: true
        effective:
          description: Whether it is requested, and seen to work, for every disk.
          type: bool
          sample: true
        needs_stun:
          description: Whether a stun or power-on is still needed for what is requested.
          type: bool
          sample: false
        api_flag:
          description: C(config.changeTrackingEnabled) as vSphere reads it back, which proves nothing by itself.
          type: bool
          sample: true
        supported:
          description: Whether vSphere says that the VM supports it.
          type: bool
          sample: true
        disks:
          description: For each disk, by its address, whether it takes effect.
          type: dict
          sample: {"scsi0:0": true}
    disks:
      description: Its disks.
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
          description: Controller and unit.
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
          description: Whether a stun or power-on is still needed for what is requested of this disk.
          type: bool
          sample: false
        last_verified:
          description: When a query last proved its tracking, or null when that was never or of an earlier tracking.
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
          description: The kind of the datastore's file system.
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
          description: Whether its tracking is requested and its change tracking file is there.
          type: bool
          sample: true
        ctk_file:
          description: Its change tracking file, or null.
          type: str
          sample: "[LocalDS_0] app-01/disk1-ctk.vmdk"
        change_id:
          description: The change id that it carries, or null.
          type: str
          sample: 52 2d 7b 8f ac 61 51 cc-77 4c 7b ec 91 50 bb 7b/1
    concerns:
      description: What speaks against CBT or against a migration by SMC, the gravest first.
      type: list
      elements: dict
      contains:
        id:
          description: Names the rule.
          type: str
          sample: independent_disk
        severity:
          description: V(blocker), V(warning) or V(note).
          type: str
          sample: blocker
        subject:
          description: The VM or the disk that it is about.
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
          sample: Make it dependent while the VM is off, or name it in skip_disks; snapshots leave independent disks out
        source:
          description: Where the rule comes from.
          type: str
          sample: Broadcom KB 320557
        checked:
          description: When somebody last looked there.
          type: str
          sample: "2026-11-22"
        waived:
          description: The C(reason) and C(expires) of the waiver that covers it, or null.
          type: dict
          sample: null
not_found:
  description: Names, managed object ids and UUIDs that fit no VM.
  returned: success
  type: list
  elements: str
  sample: []
summary:
  description: How many VMs stand where.
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
        names={"type": "list", "elements": "str"},
        moids={"type": "list", "elements": "str"},
        uuids={"type": "list", "elements": "str"},
        folder={"type": "str"},
        datacenter={"type": "str"},
        name_patterns={"type": "list", "elements": "str"},
        custom_attributes={"type": "dict"},
        tags={"type": "list", "elements": "str"},
        connector_user={"type": "str"},
        skip_disks={"type": "list", "elements": "str", "default": []},
        snapshots={"type": "str", "choices": ["refuse", "remove"], "default": "refuse"},
        waivers=WAIVERS_SPEC,
        fail_on_missing={"type": "bool", "default": False},
    ),
    handler=run,
    required_libraries=REQUIRES,
    argument_rules=CONNECTION_RULES,
)


def main() -> None:
    run_as_module(MODULE)


if __name__ == "__main__":
    main()
