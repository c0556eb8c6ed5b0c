# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds a name that SMC accepts from the name of a VM."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.module_utils._sources.names import smc_name as make_smc_name

DOCUMENTATION = r"""
name: smc_name
short_description: Make a name that SMC accepts from the name of a VM
version_added: 0.1.0
description:
  - SMC accepts fewer characters in the names of sources, jobs and images than vCenter does in the names of VMs.
  - Every character other than an ASCII letter, a digit, C(_) and C(-) is replaced by C(-).
  - A name that does not begin with a letter, or is shorter than two characters, gets the prefix C(vm-).
  - A name is cut at 128 characters.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The name of a VM.
    type: str
    required: true
seealso:
  - module: cutover.smc.smc_source
  - module: cutover.smc.smc_incremental_job
"""

EXAMPLES = r"""
- name: Name the source after its VM
  cutover.smc.smc_source:
    vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    vm_name: "{{ vm_name }}"
    name: "{{ vm_name | cutover.smc.smc_name }}"
  vars:
    vm_name: 01 shop (production)
  # => vm-01-shop--production-
"""

RETURN = r"""
_value:
  description: The name.
  type: str
  sample: vm-01-shop--production-
"""


def smc_name(text: t.Any) -> str:
    if not isinstance(text, str):
        raise AnsibleFilterError(f"smc_name takes a text, not {type(text).__name__}")
    return make_smc_name(text)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"smc_name": smc_name}
