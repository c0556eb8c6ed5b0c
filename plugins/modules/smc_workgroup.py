#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A wave of migration sources."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smc_workgroup
short_description: Manage workgroups (waves of migration sources) of Alibaba Cloud SMC
version_added: 0.1.0
description:
  - Has a workgroup, and the sources in it, and tells what each of them lacks for an incremental migration.
  - An account has at most 50 workgroups, a workgroup has at most 50 sources, and a source is in one workgroup at most. All of that is seen
    to before anything is changed.
  - Sources are never deleted by this module.
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
      - V(present) - there is a workgroup of this name, and the sources named are in it.
      - V(absent) - there is no such workgroup. Refused while sources are in it, unless O(release_members=true).
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - The name of the workgroup, by which it is found when O(workgroup_id) is not given. 2 to 64 letters, digits, colons, periods, underscores
        or hyphens, beginning with a letter.
      - With O(workgroup_id), the name that the workgroup is to have.
    type: str
  workgroup_id:
    description: The id of the workgroup. One that does not exist is an error with O(state=present).
    type: str
  description:
    description: The description of the workgroup, 2 to 256 characters. Without it the description stays.
    type: str
  source_ids:
    description: The ids of sources that are to be in the workgroup.
    type: list
    elements: str
  vm_uuids:
    description:
      - The instance UUIDs of VMs whose sources are to be in the workgroup.
      - The sources are found by the tag C(cutover:vm-uuid), which M(cutover.smc.smc_source) sets.
    type: list
    elements: str
  purge:
    description:
      - Whether sources that neither O(source_ids) nor O(vm_uuids) names are taken out of the workgroup.
      - With an empty list for either, all are.
    type: bool
    default: false
  project:
    description: The project that the wave belongs to, kept as the tag C(cutover:project).
    type: str
  tags:
    description:
      - Further tags of a new workgroup.
      - SMC sets the tags of a workgroup only when it is created. Later differences are told in a warning.
    type: dict
  release_members:
    description: With O(state=absent), whether to take the sources out of the workgroup first. They stay sources, with their jobs.
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

- name: Show what they are missing
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.missing | join(' ') }}"
  loop: "{{ wave.workgroup.members | selectattr('missing') }}"
  loop_control:
    label: "{{ item.name }}"

- name: Dissolve the workgroup of a wave that is over
  cutover.smc.smc_workgroup:
    name: wave-7
    state: absent
    release_members: true
"""

RETURN = r"""
workgroup_id:
  description: The id of the workgroup, null when there is none.
  returned: success
  type: str
  sample: wg-bp1a2b3c4d5e6f
workgroup:
  description: The workgroup, null when there is none.
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
      description: What SMC says of the wave, C(NotStarted), C(InProgress), C(Cutover) or C(Completed).
      type: str
    warnings:
      description: SMC's own warnings, as the kind (C(InError), C(UnRelated), C(NotPassed)) and the ids of the sources that it is about.
      type: dict
    members:
      description: The sources in it, by id, each with the state of its job, and in RV(workgroup.members[].missing) what it is without, in sentences.
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
          description: What the source is without, in sentences.
          type: list
          elements: str
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
