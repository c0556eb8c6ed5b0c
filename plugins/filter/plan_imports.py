# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans the import of VMs through SMC connectors."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.plugin_utils._imports import plan_imports as make_plan

DOCUMENTATION = r"""
name: plan_imports
short_description: Plan the import of VMs through SMC connectors
version_added: 0.1.0
description:
  - Assigns each VM that has no source to a connector, as P(cutover.smc.assign_connectors#filter) does, and finds the connectors whose facts
    of a VM are out of date.
  - A connector's facts are out of date when they differ from vCenter in CBT, or show snapshots that do not exist any more.
  - The role C(cutover.smc.import_source) uses this filter. It changes nothing.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description:
      - For each host, C(vm) as one of RV(cutover.smc.vmware_cbt_info#module:vms), C(migrated) for whether its migration is complete, and
        C(selection) as an element of O(cutover.smc.smc_connector#module:vms).
      - Hosts whose migration is complete are left out of the plan.
    type: dict
    required: true
  connectors:
    description:
      - For each connector, the result of M(cutover.smc.smc_connector).
      - A result without RV(cutover.smc.smc_connector#module:connector) is that of a connector that failed or is unreachable.
    type: dict
    required: true
  sources:
    description: The existing sources, as RV(cutover.smc.smc_source_info#module:by_vm_uuid).
    type: dict
    required: true
  group:
    description: The inventory group of the connectors, for messages.
    type: str
    default: connectors
seealso:
  - plugin: cutover.smc.import_outcomes
    plugin_type: filter
  - module: cutover.smc.smc_connector
"""

EXAMPLES = r"""
- name: Plan the imports
  ansible.builtin.set_fact:
    imports: "{{ hosts | cutover.smc.plan_imports({'connector-1': connector}, sources.by_vm_uuid) }}"
  vars:
    hosts:
      app-01:
        vm: {name: app-01, moid: vm-33, uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b, cbt: {enabled: true}, snapshots: []}
        migrated: false
        selection: {moid: vm-33}
"""

RETURN = r"""
_value:
  description: The plan.
  type: dict
  sample:
    hosts:
      app-01: {moid: vm-33, connector: connector-1, missing: true, stale: false, error: ''}
    work:
      connector-1: {vms: [{moid: vm-33}], refresh: false}
    shares:
      app-01: [connector-1]
    imports: 1
  contains:
    hosts:
      description:
        - For each host that is not migrated, the connector that imports or serves its VM (empty if no connector does), whether the VM has
          no source (C(missing)), whether the connector's facts of it are out of date (C(stale)), and in C(error) why no connector imports
          it, with the remedy.
      type: dict
      sample:
        app-01: {moid: vm-33, connector: connector-1, missing: true, stale: false, error: ''}
    work:
      description: For each connector that has something to do, the VMs that it must import, and whether it must read vCenter again.
      type: dict
      sample:
        connector-1: {vms: [{moid: vm-33}], refresh: false}
    shares:
      description: For each host, the connectors whose work its tasks do, so that the connectors work at the same time.
      type: dict
      sample:
        app-01: [connector-1]
    imports:
      description: How many VMs must be imported.
      type: int
      sample: 1
"""


def plan_imports(hosts: t.Any, connectors: t.Any, sources: t.Any, group: str = "connectors") -> dict[str, t.Any]:
    if not all(isinstance(value, Mapping) for value in (hosts, connectors, sources)):
        raise AnsibleFilterError("plan_imports takes dictionaries of hosts, of connectors and of sources")
    try:
        return make_plan(hosts, connectors, sources, group)
    except (KeyError, TypeError, ValueError) as error:
        raise AnsibleFilterError(
            f"plan_imports: every host needs 'vm', 'migrated' and 'selection', and every connector a result of smc_connector ({error!r})"
        ) from error


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"plan_imports": plan_imports}
