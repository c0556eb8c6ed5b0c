# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Marks the concerns about a VM that are waived."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.module_utils._concerns.assessment import RULE_IDS
from ansible_collections.cutover.smc.plugins.module_utils._concerns.waivers import apply_waivers, read_waivers, today
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError

DOCUMENTATION = r"""
name: waive_concerns
short_description: Mark the concerns about a VM that are waived
version_added: 0.1.0
description:
  - Returns the concerns of a VM that M(cutover.smc.vmware_cbt_info) has read, each with the waiver that is valid for it today, or null, in C(waived).
  - A waiver that has expired is ignored. A waiver that is incomplete, or that names an unknown rule, is an error.
  - The option O(cutover.smc.vmware_cbt_info#module:waivers) does the same when the VM is read.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: A VM, as one of RV(cutover.smc.vmware_cbt_info#module:vms), of which C(name) and C(concerns) are used.
    type: dict
    required: true
  waivers:
    description:
      - The waivers, each with C(rule), C(reason), C(expires) and, if it is not valid for all VMs, C(vms).
      - The same as O(cutover.smc.vmware_cbt_info#module:waivers).
    type: list
    elements: dict
    required: true
seealso:
  - module: cutover.smc.vmware_cbt_info
"""

EXAMPLES = r"""
- name: Fail if a blocker is not waived
  ansible.builtin.assert:
    that: vm | cutover.smc.waive_concerns(waivers) | selectattr('severity', 'equalto', 'blocker') | rejectattr('waived') | length == 0
  vars:
    waivers:
      - {rule: fault_tolerance, reason: is turned off in the maintenance window (change 4711), expires: "2026-12-31"}
"""

RETURN = r"""
_value:
  description: The concerns.
  type: list
  elements: dict
  sample:
    - id: fault_tolerance
      severity: blocker
      subject: app-01
      message: fault tolerance is on
      waived: {reason: is turned off in the maintenance window (change 4711), expires: "2026-12-31"}
"""


def waive_concerns(vm: t.Any, waivers: t.Any) -> list[dict[str, t.Any]]:
    if not isinstance(vm, Mapping) or "concerns" not in vm or "name" not in vm:
        raise AnsibleFilterError("waive_concerns requires a VM as cutover.smc.vmware_cbt_info returns it")
    try:
        return apply_waivers(vm["concerns"], vm["name"], read_waivers(waivers, RULE_IDS), today())
    except InvalidOptionError as failure:
        raise AnsibleFilterError(f"waive_concerns: {failure}") from failure


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"waive_concerns": waive_concerns}
