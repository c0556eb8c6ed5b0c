# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Explains why a VM fails the preflight checks."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.plugin_utils._preflight import failure_message

DOCUMENTATION = r"""
name: preflight_failure
short_description: Explain why a VM cannot be migrated
version_added: 0.1.0
description:
  - Returns the blockers of a VM with their remedies as one message. The message is empty if nothing blocks the migration.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: A VM, as one of RV(cutover.smc.vmware_cbt_info#module:vms), of which C(name) and C(blockers) are used.
    type: dict
    required: true
  accepted_concerns:
    description: The IDs of the rules whose blockers are accepted, such as V(snapshots).
    type: list
    elements: str
    default: []
seealso:
  - module: cutover.smc.vmware_cbt_info
"""

EXAMPLES = r"""
- name: Fail if a blocker was found
  ansible.builtin.fail:
    msg: "{{ vm | cutover.smc.preflight_failure }}"
  when: vm | cutover.smc.preflight_failure != ''
"""

RETURN = r"""
_value:
  description: The message, or an empty string.
  type: str
  sample: >-
    app-01 cannot be migrated as it is: Hard disk 2 (scsi0:1): it is independent (independent_persistent). Make it dependent while the VM is off, or
    name it in skip_disks; snapshots exclude independent disks.
"""


def preflight_failure(vm: t.Any, accepted_concerns: t.Sequence[str] = ()) -> str:
    if not isinstance(vm, Mapping) or "blockers" not in vm or "name" not in vm:
        raise AnsibleFilterError("preflight_failure requires a VM as cutover.smc.vmware_cbt_info returns it")
    return failure_message(vm, accepted_concerns)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"preflight_failure": preflight_failure}
