#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The VMs that an SMC connector imports and serves."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smc_connector
short_description: Choose the VMs that an SMC connector imports, and import them
version_added: 0.1.0
description:
  - Works on the host of an Alibaba Cloud SMC connector for VMware, the appliance that imports VMs as migration sources and carries their data.
  - Selects VMs in C(vmware_migrate_config.json), imports them with an activation code, and has the connector read the VMs from vCenter again
    when something has changed there.
  - One connector serves 10 VMs at a time. The filter P(cutover.smc.assign_connectors#filter) shares out VMs among several.
  - The activation code reaches the connector's client by its standard input alone.
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
      - The VMs that are to be imported. Others that are selected already stay so.
      - Without it, nothing is imported.
    type: list
    elements: dict
    suboptions:
      moid:
        description: The VM's managed object id in vCenter, such as V(vm-33).
        type: str
        required: true
      platform:
        description:
          - The guest's system as SMC calls it, such as V(CentOS), V(Others Linux) or V(Windows Server 2019).
          - Needed when what vCenter calls it is no name that SMC knows.
        type: str
      architecture:
        description: The guest's processor.
        type: str
        choices: [x86_64, i386, arm64]
      system_disk_key:
        description: The key, in vCenter, of the disk with the system on it. Needed when it is not the one that the connector takes for it.
        type: int
  deselected_vms:
    description: The managed object ids of VMs whose migration is over, so that their places are free for others.
    type: list
    elements: str
  source_ids:
    description:
      - The sources that SMC has at present, as M(cutover.smc.smc_source_info) lists them.
      - A VM that was imported as a source which is not among them is imported again. Without this option the connector's word counts.
    type: list
    elements: str
  access_token_id:
    description: The id of an activation code, from M(cutover.smc.smc_access_token). Needed when a VM has to be imported.
    type: str
  access_token_code:
    description: The activation code itself.
    type: str
  refresh:
    description:
      - Has the connector read the VMs from vCenter again, and restarts its client when that shows something new about a VM that it serves.
      - Needed after change tracking was turned on, snapshots were removed, or disks were changed.
      - Happens by itself when the connector does not know a VM of O(vms).
    type: bool
    default: false
  timeout:
    description: How long one of the connector's programs may take, such as V(10m).
    type: str
    default: 10m
notes:
  - The module fails when a VM of O(vms) was not imported. Its result then still has RV(imported) and RV(not_imported), and what was imported stays so.
  - What the connector has imported is read from its log. SMC documents neither the log's lines nor the name that an imported source gets. A
    source that the connector does not name is found with M(cutover.smc.smc_source).
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

- name: Free the place of a VM that has moved
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
      description: The managed object ids of the VMs that it serves or is to import.
      type: list
      elements: str
    free:
      description: How many VMs more it can take.
      type: int
    vms:
      description:
        - Every VM that it sees, by managed object id.
        - C(uuid) is what the connector noted as the VM's UUID, C(source_id) the source that it was imported as, null if none.
      type: dict
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
  description: The VMs of O(vms) that are imported, by this run or before. C(source_id) is null when the connector does not say it.
  returned: success, or when some VMs were not imported
  type: list
  elements: dict
  sample: [{moid: vm-33, name: app-01, source_id: s-bp1a2b3c4d5e6f}]
not_imported:
  description: The VMs of O(vms) that this run could not import, each with the line in which the connector says why.
  returned: success, or when some VMs were not imported
  type: list
  elements: dict
  sample: []
plan:
  description: What was done, or in check mode what would be done.
  returned: success
  type: list
  elements: str
  sample: [set in vmware_migrate_config.json what is to be imported of app-01, import app-01]
diff:
  description: The choices before and after.
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
