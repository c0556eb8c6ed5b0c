# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Assigns VMs to SMC connectors."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.plugin_utils._assignment import assign

DOCUMENTATION = r"""
name: assign_connectors
short_description: Assign VMs to SMC connectors
version_added: 0.1.0
description:
  - An SMC connector serves 10 VMs at a time. This filter determines which connector imports which VM.
  - A VM that a connector has already selected stays with it. The other VMs get the free slots, in the order of the VMs and of the connectors.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The managed object ID of each host's VM, by the inventory name of the host.
    type: dict
    required: true
  connectors:
    description:
      - The RV(cutover.smc.smc_connector#module:connector) of each connector, by its inventory name. C(selected) and C(free) are used.
    type: dict
    required: true
seealso:
  - module: cutover.smc.smc_connector
  - plugin: cutover.smc.distribute_connectors
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show which connector imports which VM
  ansible.builtin.set_fact:
    connector_of: "{{ vms | cutover.smc.assign_connectors(connectors) }}"
  vars:
    vms: {app-01: vm-33, app-02: vm-34}
    connectors:
      connector-1: {selected: [vm-34], free: 0}
      connector-2: {selected: [], free: 10}
  # => {"app-01": "connector-2", "app-02": "connector-1"}
"""

RETURN = r"""
_value:
  description: The connector of each host. A host is left out if there is no slot for its VM.
  type: dict
  sample: {app-01: connector-2, app-02: connector-1}
"""


def assign_connectors(vms: t.Any, connectors: t.Any) -> dict[str, str]:
    if not isinstance(vms, Mapping) or not isinstance(connectors, Mapping):
        raise AnsibleFilterError("assign_connectors requires a dictionary of hosts and one of connectors")
    try:
        return assign(vms, connectors)
    except (KeyError, TypeError, ValueError) as error:
        raise AnsibleFilterError(
            f"assign_connectors: every connector requires 'selected', a list, and 'free', a number ({error})"
        ) from error


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"assign_connectors": assign_connectors}
