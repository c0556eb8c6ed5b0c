#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manages the migration source of one VM."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smc_source
short_description: Manage the migration source of a VM in Alibaba Cloud SMC
version_added: 0.1.0
description:
  - Finds the source that a connector has imported for a VM, names and tags it, puts it into a workgroup, and waits until it is online.
  - SMC has no API to import a VM. The role C(cutover.smc.import_source) uses the connector for that.
  - The tag C(cutover:vm-uuid) links a source to its VM. Once it is set, the names of the source and of the VM can change.
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.alicloud
  - cutover.smc.waiting
  - cutover.smc.attributes
  - cutover.smc.attributes.changing
  - cutover.smc.attributes.alicloud_group
options:
  state:
    description:
      - V(present) ensures that the source has the name and the tags, and is V(Available), or in use by its own job.
      - V(absent) deletes the source. This is refused while an unfinished job uses it.
    type: str
    choices: [present, absent]
    default: present
  source_id:
    description: The ID of the source, when it is known.
    type: str
  vm_uuid:
    description: The instance UUID of the VM. The source is found by this tag, or gets this tag.
    type: str
  vm_name:
    description: The name of the VM. An untagged source is recognized by this name first.
    type: str
  hostname:
    description: The host name of the guest. An untagged source is recognized by it when no source has O(vm_name).
    type: str
  ipv4:
    description:
      - The IPv4 addresses of the guest. An untagged source is recognized by one of them when neither O(vm_name) nor O(hostname) matches,
        unless the source has another host name.
      - An address alone is not enough for O(state=absent), because several guests can have the same one.
    type: list
    elements: str
  name:
    description:
      - The name of the source, 2 to 128 letters, digits, colons, underscores or hyphens, beginning with a letter. The filter
        P(cutover.smc.smc_name#filter) makes such a name from the name of a VM.
      - Without this option the name is not changed.
    type: str
  description:
    description: The description of the source. Without this option the description is not changed.
    type: str
  project:
    description: The project that the migration of the VM belongs to, as the tag C(cutover:project).
    type: str
  tags:
    description: Further tags of the source. Other tags are kept.
    type: dict
  workgroup:
    description:
      - The name or the ID of the workgroup of the source. The source is taken out of any other workgroup. An empty value takes it out of
        its workgroup. Without this option the workgroup is not changed.
      - The workgroup must exist. M(cutover.smc.smc_workgroup) creates it, and can also put sources into it.
    type: str
  delete_jobs:
    description: With O(state=absent), whether to delete the finished job of the source with it.
    type: bool
    default: false
  wait:
    description: Whether to wait until the source is online.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Link the imported source to its VM
  cutover.smc.smc_source:
    vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    vm_name: app-01
    name: app-01
    project: wave-7

- name: Move the source to the workgroup of another wave
  cutover.smc.smc_source:
    vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    workgroup: wave-8

- name: Delete the source of a migrated VM
  cutover.smc.smc_source:
    vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    state: absent
    delete_jobs: true
"""

RETURN = r"""
source_id:
  description: The ID of the source, null when it does not exist.
  returned: success
  type: str
  sample: s-bp1a2b3c4d5e6f
source:
  description:
    - The source, null when it does not exist. Sizes are in GiB.
    - C(heartbeat_seconds) is the interval at which the connector reports. C(error_reason) is the error that SMC shows, C(explanation) its
      meaning, and C(remedy) what to do. All three are empty when the source is online.
  returned: success
  type: dict
  sample:
    agent_version: 1.5.2.3
    architecture: x86_64
    created_at: '2026-11-22T18:00:00Z'
    data_disk_sizes: {'1': 100}
    description: ''
    error_code: ''
    explanation: ''
    heartbeat_seconds: 30
    hostname: app-01.example.com
    ipv4: [192.0.2.10]
    job_id: null
    name: app-01
    platform: CentOS
    remedy: ''
    source_id: s-bp1a2b3c4d5e6f
    state: Available
    status_info: null
    system_disk_size: 40
    tags: {'cutover:vm-uuid': 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b}
    error_reason: ''
    workgroup_id: wg-bp1a2b3c4d5e6f
plan:
  description: What was done, or in check mode what would be done.
  returned: success
  type: list
  elements: str
  sample: ['tag source s-bp1a2b3c4d5e6f: cutover:vm-uuid']
diff:
  description: The source before and after.
  returned: success
  type: dict
  sample: {before: {name: app-01, tags: {}, workgroup_id: null}, after: {name: app-01, tags: {'cutover:project': wave-7}, workgroup_id: null}}
"""

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api, smc
from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import WAITING_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._sources.source_reconciler import run

MODULE = ModuleDefinition(
    argument_spec=dict(
        api.CONNECTION_SPEC,
        **WAITING_SPEC,
        state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        source_id={"type": "str"},
        vm_uuid={"type": "str"},
        vm_name={"type": "str"},
        hostname={"type": "str"},
        ipv4={"type": "list", "elements": "str"},
        name={"type": "str"},
        description={"type": "str"},
        project={"type": "str"},
        tags={"type": "dict"},
        workgroup={"type": "str"},
        delete_jobs={"type": "bool", "default": False},
        wait={"type": "bool", "default": True},
    ),
    handler=run,
    required_libraries=(smc.LIBRARY,),
    argument_rules=dict(api.CONNECTION_RULES, required_one_of=[("source_id", "vm_uuid", "vm_name")]),
)


def main() -> None:
    run_as_module(MODULE)


if __name__ == "__main__":
    main()
