#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists migration sources by ID, name, tag and state."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smc_source_info
short_description: List migration sources of Alibaba Cloud SMC
version_added: 0.1.0
description:
  - Lists the sources that match all given options, 50 in one call, with their heartbeat interval and an explanation of their errors.
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.alicloud
  - cutover.smc.attributes
  - cutover.smc.attributes.reading
  - cutover.smc.attributes.alicloud_group
options:
  source_ids:
    description: Only the sources with these IDs.
    type: list
    elements: str
  vm_uuids:
    description: Only the sources of these VMs, by the tag C(cutover:vm-uuid).
    type: list
    elements: str
  name:
    description: Only the source with this name.
    type: str
  state:
    description: Only sources in this state.
    type: str
    choices: [Available, InUse, Unavailable, Deleting]
  project:
    description: Only sources of this project, by the tag C(cutover:project).
    type: str
  tags:
    description: Only sources with all these tags.
    type: dict
  workgroup_id:
    description: Only the sources in the workgroup with this ID.
    type: str
"""

EXAMPLES = r"""
- name: Find the sources of the wave that are not online
  cutover.smc.smc_source_info:
    project: wave-7
    state: Unavailable
  register: offline

- name: Show the reasons
  ansible.builtin.debug:
    msg: "{{ offline.sources | map(attribute='explanation') }}"
"""

RETURN = r"""
sources:
  description: The sources, as RV(cutover.smc.smc_source#module:source) shows one.
  returned: success
  type: list
  elements: dict
  sample: [{source_id: s-bp1a2b3c4d5e6f, name: app-01, state: Unavailable, error_reason: 'Unavailable, SourceServer.Offline', workgroup_id: null}]
by_vm_uuid:
  description: The sources that are linked to a VM, by the instance UUID of the VM.
  returned: success
  type: dict
  sample: {50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b: {source_id: s-bp1a2b3c4d5e6f}}
"""

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api, smc
from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._sources.source_info import run_info

MODULE = ModuleDefinition(
    argument_spec=dict(
        api.CONNECTION_SPEC,
        source_ids={"type": "list", "elements": "str"},
        vm_uuids={"type": "list", "elements": "str"},
        name={"type": "str"},
        state={"type": "str", "choices": ["Available", "InUse", "Unavailable", "Deleting"]},
        project={"type": "str"},
        tags={"type": "dict"},
        workgroup_id={"type": "str"},
    ),
    handler=run_info,
    required_libraries=(smc.LIBRARY,),
    argument_rules=api.CONNECTION_RULES,
)


def main() -> None:
    run_as_module(MODULE)


if __name__ == "__main__":
    main()
