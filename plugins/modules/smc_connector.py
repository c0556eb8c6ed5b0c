#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Selects the VMs that an SMC connector imports and serves, and imports them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smc_connector
short_description: Select the VMs that an SMC connector imports, and import them
version_added: 0.1.0
description:
  - Runs on the host of an Alibaba Cloud SMC connector for VMware, the appliance that imports VMs as migration sources and transfers their data.
  - Selects VMs in C(vmware_migrate_config.json), imports them with an activation code, and makes the connector read the VMs from vCenter
    again when something has changed there.
  - One connector serves 10 VMs at a time. The filter P(cutover.smc.assign_connectors#filter) assigns VMs to several connectors.
  - The connector's client receives the activation code only on its standard input.
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.attributes.changing
attributes:
  platform:
    description: Runs on the connector's host, with Python 3.9 or later and no further library.
    support: full
    platforms: posix
options:
  path:
    description: The connector's directory.
    type: path
    default: /root/smc
  vms:
    description:
      - The VMs that must be imported. Other VMs that are already selected stay selected.
      - Without this option nothing is imported.
    type: list
    elements: dict
    suboptions:
      moid:
        description: The managed object ID of the VM in vCenter, such as V(vm-33).
        type: str
        required: true
      platform:
        description:
          - The guest's operating system in the terms of SMC, such as V(CentOS), V(Others Linux) or V(Windows Server 2019).
          - Required when SMC does not know the name that vCenter shows.
        type: str
      architecture:
        description: The guest's processor architecture.
        type: str
        choices: [x86_64, i386, arm64]
      system_disk_key:
        description: The device key, in vCenter, of the system disk. Required when the connector selects another disk.
        type: int
  deselected_vms:
    description: The managed object IDs of VMs whose migration is finished, so that their slots are free for other VMs.
    type: list
    elements: str
  source_ids:
    description:
      - The IDs of the sources that SMC has now, as M(cutover.smc.smc_source_info) lists them.
      - A VM whose source is not among them is imported again. Without this option the connector's own log decides what is imported.
    type: list
    elements: str
  access_token_id:
    description: The ID of an activation code, from M(cutover.smc.smc_access_token). Required to import a VM.
    type: str
  access_token_code:
    description: The activation code itself.
    type: str
  refresh:
    description:
      - Makes the connector read the VMs from vCenter again, and restarts its client when a VM that it serves has changed.
      - Required after CBT was enabled, snapshots were removed, or disks were changed.
      - Happens automatically when the connector does not know a VM of O(vms).
    type: bool
    default: false
  timeout:
    description: How long one of the connector's programs may run, such as V(10m).
    type: str
    default: 10m
notes:
  - The module fails when a VM of O(vms) was not imported. Its result still has RV(imported) and RV(not_imported), and imported VMs stay imported.
  - The module reads the connector's log to find out what was imported. SMC documents neither the lines of that log nor the name of an
    imported source. M(cutover.smc.smc_source) finds a source that the connector does not name.
seealso:
  - module: cutover.smc.smc_access_token
  - module: cutover.smc.smc_source
"""

EXAMPLES = r"""
- name: Read what the connector serves
  cutover.smc.smc_connector:
  delegate_to: connector-1
  register: connector

- name: Import a VM
  cutover.smc.smc_connector:
    vms:
      - moid: vm-33
        platform: CentOS
    access_token_id: "{{ token.access_token.access_token_id }}"
    access_token_code: "{{ token.access_token_code }}"
  delegate_to: connector-1

- name: Make the connector read the VM again after CBT was enabled
  cutover.smc.smc_connector:
    refresh: true
  delegate_to: connector-1

- name: Free the slot of a migrated VM
  cutover.smc.smc_connector:
    deselected_vms: [vm-33]
  delegate_to: connector-1
"""

RETURN = r"""
connector:
  description: The connector after this run.
  returned: success
  type: dict
  contains:
    selected:
      description: The managed object IDs of the VMs that the connector serves or will import.
      type: list
      elements: str
      sample: [vm-33]
    free:
      description: The number of free slots.
      type: int
      sample: 9
    vms:
      description:
        - Every VM that the connector knows, by managed object ID.
        - C(uuid) is the UUID of the VM as the connector has recorded it. C(source_id) is the source that it was imported as, null if it was not.
      type: dict
      sample: {vm-33: {name: app-01, selected: true, cbt_enabled: true, has_snapshot: false, source_id: s-bp1a2b3c4d5e6f}}
  sample:
    selected: [vm-33]
    free: 9
    vms:
      vm-33:
        name: app-01
        uuid: 423a8d2c-6e5c-1f5b-9c1e-0d5d4f6a7b80
        selected: true
        platform: CentOS
        architecture: x86_64
        system_disk_key: 2000
        cbt_enabled: true
        has_snapshot: false
        power_state: poweredOn
        disks:
          - {key: 2000, file: '[LocalDS_0] app-01/disk1.vmdk', capacity_kib: 20971520}
        source_id: s-bp1a2b3c4d5e6f
imported:
  description: The VMs of O(vms) that are imported, by this run or before. C(source_id) is null when the connector does not show it.
  returned: success, or when some VMs were not imported
  type: list
  elements: dict
  sample: [{moid: vm-33, name: app-01, source_id: s-bp1a2b3c4d5e6f}]
not_imported:
  description: The VMs of O(vms) that this run could not import, each with the connector's error line.
  returned: success, or when some VMs were not imported
  type: list
  elements: dict
  sample: [{moid: vm-34, name: app-02, reason: 'Error: Import VM [app-02] failed, platform is not supported'}]
plan:
  description: What was done, or in check mode what would be done.
  returned: success
  type: list
  elements: str
  sample: ['update the selection in vmware_migrate_config.json: app-01', import app-01]
diff:
  description: The selection before and after.
  returned: success
  type: dict
  sample:
    before: {vms: {vm-33: {name: app-01, selected: false, platform: CentOS, architecture: x86_64, system_disk_key: 2000}}}
    after: {vms: {vm-33: {name: app-01, selected: true, platform: CentOS, architecture: x86_64, system_disk_key: 2000}}}
"""

from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._sources.connector_reconciler import run

MODULE = ModuleDefinition(
    argument_spec={
        "path": {"type": "path", "default": "/root/smc"},
        "vms": {
            "type": "list",
            "elements": "dict",
            "options": {
                "moid": {"type": "str", "required": True},
                "platform": {"type": "str"},
                "architecture": {"type": "str", "choices": ["x86_64", "i386", "arm64"]},
                "system_disk_key": {"type": "int", "no_log": False},
            },
        },
        "deselected_vms": {"type": "list", "elements": "str"},
        "source_ids": {"type": "list", "elements": "str"},
        "access_token_id": {"type": "str", "no_log": False},
        "access_token_code": {"type": "str", "no_log": True},
        "refresh": {"type": "bool", "default": False},
        "timeout": {"type": "str", "default": "10m"},
    },
    handler=run,
    argument_rules={"required_together": [("access_token_id", "access_token_code")]},
)


def main() -> None:
    run_as_module(MODULE)


if __name__ == "__main__":
    main()
