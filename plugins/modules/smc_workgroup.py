#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manages a workgroup, which is a wave of migration sources."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smc_workgroup
short_description: Manage workgroups (waves of migration sources) of Alibaba Cloud SMC
version_added: 0.1.0
description:
  - Creates, fills and deletes a workgroup, and reports what each source in it still needs for an incremental migration.
  - An account has at most 50 workgroups, a workgroup has at most 50 sources, and a source is in one workgroup at most. The module checks all
    of that before it changes anything.
  - The module never deletes a source.
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.alicloud
  - cutover.smc.attributes
  - cutover.smc.attributes.changing
  - cutover.smc.attributes.alicloud_group
options:
  state:
    description:
      - V(present) ensures that the workgroup exists and contains the given sources.
      - V(absent) deletes the workgroup. This is refused while it contains sources, unless O(release_members=true).
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - The name of the workgroup. It is found by this name when O(workgroup_id) is not given. 2 to 64 letters, digits, colons, periods, underscores
        or hyphens, beginning with a letter.
      - With O(workgroup_id), the new name of the workgroup.
    type: str
  workgroup_id:
    description: The ID of the workgroup. With O(state=present) it must exist.
    type: str
  description:
    description: The description of the workgroup, 2 to 256 characters. Without this option the description is not changed.
    type: str
  source_ids:
    description: The IDs of the sources that must be in the workgroup.
    type: list
    elements: str
  vm_uuids:
    description:
      - The instance UUIDs of the VMs whose sources must be in the workgroup.
      - The sources are found by the tag C(cutover:vm-uuid), which M(cutover.smc.smc_source) sets.
    type: list
    elements: str
  purge:
    description:
      - Whether sources that are neither in O(source_ids) nor in O(vm_uuids) are taken out of the workgroup.
      - An empty list in one of these options takes out all others.
    type: bool
    default: false
  project:
    description: The project that the wave belongs to, as the tag C(cutover:project).
    type: str
  tags:
    description:
      - Further tags of a new workgroup.
      - SMC sets the tags of a workgroup only when it creates the workgroup. The module warns about later differences.
    type: dict
  release_members:
    description: With O(state=absent), whether to take the sources out of the workgroup first. The sources and their jobs are kept.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Ensure the workgroup contains exactly the VMs of wave_7
  cutover.smc.smc_workgroup:
    name: wave-7
    description: the shop, 28 November
    vm_uuids:
      - 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
      - 50391b2c-3d4e-4f50-9bac-1d2e3f4a5b6c
    purge: true
  register: wave

- name: Show what the VMs still need
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.missing | join(' ') }}"
  loop: "{{ wave.workgroup.members | selectattr('missing') }}"
  loop_control:
    label: "{{ item.name }}"

- name: Delete the workgroup of a finished wave
  cutover.smc.smc_workgroup:
    name: wave-7
    state: absent
    release_members: true
"""

RETURN = r"""
workgroup_id:
  description: The ID of the workgroup, null when it does not exist.
  returned: success
  type: str
  sample: wg-bp1a2b3c4d5e6f
workgroup:
  description: The workgroup, null when it does not exist.
  returned: success
  type: dict
  sample:
    description: the shop, 28 November
    name: wave-7
    status: InProgress
    tags: {'cutover:project': wave-7}
    warnings: {UnRelated: [s-bp1b2c3d4e5f60]}
    workgroup_id: wg-bp1a2b3c4d5e6f
  contains:
    status:
      description: The status that SMC shows, C(NotStarted), C(InProgress), C(Cutover) or C(Completed).
      type: str
      sample: InProgress
    warnings:
      description: SMC's own warnings - for each kind (C(InError), C(UnRelated), C(NotPassed)) the IDs of the sources.
      type: dict
      sample: {UnRelated: [s-bp1b2c3d4e5f60]}
    members:
      description: The sources in the workgroup in the order of their IDs, each with the state of its job and with what it still needs.
      type: list
      elements: dict
      sample:
        - job: {incremental: true, job_id: j-bp1a2b3c4d5e6f, phase: '', progress: 100.0, status: Waiting, error_reason: ''}
          missing: []
          name: app-01
          source_id: s-bp1a2b3c4d5e6f
          state: InUse
          vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
        - job: null
          missing: [It has no job. Create an incremental job with smc_incremental_job.]
          name: app-02
          source_id: s-bp1b2c3d4e5f60
          state: Available
          vm_uuid: 50391b2c-3d4e-4f50-9bac-1d2e3f4a5b6c
      contains:
        missing:
          description: What the source still needs for an incremental migration, in sentences.
          type: list
          elements: str
          sample: [It has no job. Create an incremental job with smc_incremental_job.]
plan:
  description: What was done, or in check mode what would be done.
  returned: success
  type: list
  elements: str
  sample: [create workgroup wave-7, 'put into workgroup wave-7: s-bp1a2b3c4d5e6f, s-bp1b2c3d4e5f60']
diff:
  description: The workgroup before and after.
  returned: success
  type: dict
  sample:
    before: {state: absent}
    after: {state: present, name: wave-7, description: '', source_ids: [s-bp1a2b3c4d5e6f, s-bp1b2c3d4e5f60]}
"""

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api, smc
from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._sources.workgroup_reconciler import run

MODULE = ModuleDefinition(
    argument_spec=dict(
        api.CONNECTION_SPEC,
        state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        name={"type": "str"},
        workgroup_id={"type": "str"},
        description={"type": "str"},
        source_ids={"type": "list", "elements": "str"},
        vm_uuids={"type": "list", "elements": "str"},
        purge={"type": "bool", "default": False},
        project={"type": "str"},
        tags={"type": "dict"},
        release_members={"type": "bool", "default": False},
    ),
    handler=run,
    required_libraries=(smc.LIBRARY,),
    argument_rules=dict(
        api.CONNECTION_RULES,
        required_one_of=[("name", "workgroup_id")],
        required_if=[("purge", True, ("source_ids", "vm_uuids"), True)],
    ),
)


def main() -> None:
    run_as_module(MODULE)


if __name__ == "__main__":
    main()
