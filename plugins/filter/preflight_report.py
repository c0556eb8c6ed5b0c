# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the report of the preflight checks."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.plugin_utils._preflight import build_report

DOCUMENTATION = r"""
name: preflight_report
short_description: Build the report of the preflight checks
version_added: 0.1.0
description:
  - Joins the findings of the role C(cutover.smc.preflight) about the VMs and the connectors of a play. It reads nothing from vCenter or Alibaba Cloud.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The inventory names of the hosts, such as C(ansible_play_batch). A host whose VM was not checked is left out.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of the hosts. The facts C(preflight_vm), C(preflight_connectors), C(identify_job) and C(identify_migrated) are read from it.
    type: dict
    required: true
seealso:
  - module: cutover.smc.vmware_cbt_info
  - module: cutover.smc.smc_connector
  - plugin: cutover.smc.preflight_summary
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the findings as JSON
  ansible.builtin.copy:
    dest: preflight.json
    content: "{{ ansible_play_batch | cutover.smc.preflight_report(hostvars) | to_nice_json }}"
    mode: "0640"
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    vms:
      description:
        - The VMs, in the order of the hosts. Each is one of RV(cutover.smc.vmware_cbt_info#module:vms), with C(host) (the inventory name), C(job) (the
          job, as M(cutover.smc.smc_incremental_job_info) returns it, empty without one), and C(migrated) (whether the VM is migrated).
      type: list
      elements: dict
      sample: [{host: app-01, name: app-01, moid: vm-33, power_state: "on", concerns: [], job: {}, migrated: false}]
    connectors:
      description:
        - The connectors. Each has C(host) (the inventory name), C(works) (whether it could be read), C(message) (why not), and C(connector), which is
          RV(cutover.smc.smc_connector#module:connector).
      type: list
      elements: dict
      sample:
        - {host: connector-1, works: true, message: '', connector: {selected: [vm-33], free: 9, vms: {}}}
        - {host: connector-2, works: false, message: 'Failed to connect to the host via ssh', connector: {}}
"""


def preflight_report(hosts: t.Any, hostvars: t.Any) -> dict[str, list[dict[str, t.Any]]]:
    if not isinstance(hostvars, Mapping):
        raise AnsibleFilterError("preflight_report requires a list of hosts, and hostvars")
    return build_report({host: hostvars[host] for host in hosts})


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"preflight_report": preflight_report}
