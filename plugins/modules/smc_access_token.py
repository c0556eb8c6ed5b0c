#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manages the activation codes with which an SMC connector imports VMs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smc_access_token
short_description: Manage activation codes of Alibaba Cloud SMC
version_added: 0.1.0
description:
  - Creates, disables and deletes the activation codes with which an SMC connector imports VMs as migration sources.
  - SMC shows the code only once, when it is created. The module returns it then, and never again.
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
      - V(present) ensures that a code with this name exists and has not expired. An existing one is not changed, and its code is not returned.
      - V(disabled) ensures that nothing can be imported with the code any more. Imported VMs stay imported.
      - V(absent) deletes the code.
    type: str
    choices: [present, disabled, absent]
    default: present
  name:
    description: The name of the code, 2 to 128 characters. Required for O(state=present).
    type: str
  access_token_id:
    description: The ID of the code, for O(state=disabled) or O(state=absent).
    type: str
  description:
    description: The description of the code.
    type: str
  max_uses:
    description: How many VMs can be imported with the code, 1 to 1000.
    type: int
    default: 10
  valid_for:
    description: How long the code can be used, in whole days from V(1d) to V(90d).
    type: str
    default: 1d
notes:
  - Use C(no_log=true) on a task that creates a code, so that the code is not shown.
  - SMC does not document the status of a disabled code. Therefore a code that was never used may be disabled again and reported as changed.
"""

EXAMPLES = r"""
- name: Create a code for one wave of imports
  cutover.smc.smc_access_token:
    name: wave-7
    max_uses: 10
  no_log: true
  register: token

- name: Disable the code
  cutover.smc.smc_access_token:
    access_token_id: "{{ token.access_token.access_token_id }}"
    state: disabled
"""

RETURN = r"""
access_token:
  description: The code without its secret, null when it does not exist.
  returned: success
  type: dict
  sample:
    access_token_id: at-bp1a2b3c4d5e6f
    created: '2026-11-22T18:00:00Z'
    description: ''
    name: wave-7
    status: unactivated
    used: 0
    max_uses: 10
    valid_for: 1d
access_token_code:
  description: The code itself, a secret. It is null unless this run created it.
  returned: success
  type: str
  sample: null
plan:
  description: What was done, or in check mode what would be done.
  returned: success
  type: list
  elements: str
  sample: [create the activation code wave-7]
diff:
  description: The code before and after.
  returned: success
  type: dict
  sample: {before: {state: absent}, after: {state: unactivated, name: wave-7, access_token_id: at-bp1a2b3c4d5e6f}}
"""

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api, smc
from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._sources.access_token_reconciler import run

MODULE = ModuleDefinition(
    argument_spec=dict(
        api.CONNECTION_SPEC,
        state={"type": "str", "choices": ["present", "disabled", "absent"], "default": "present"},
        name={"type": "str"},
        access_token_id={"type": "str", "no_log": False},
        description={"type": "str"},
        max_uses={"type": "int", "default": 10},
        valid_for={"type": "str", "default": "1d"},
    ),
    handler=run,
    required_libraries=(smc.LIBRARY,),
    returns_secret=True,
    argument_rules=dict(
        api.CONNECTION_RULES,
        required_if=[
            ("state", "present", ("name",)),
            ("state", "disabled", ("name", "access_token_id"), True),
            ("state", "absent", ("name", "access_token_id"), True),
        ],
    ),
)


def main() -> None:
    run_as_module(MODULE)


if __name__ == "__main__":
    main()
