# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Distributes SMC connectors across the hosts that work on them."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.plugin_utils._assignment import distribute

DOCUMENTATION = r"""
name: distribute_connectors
short_description: Distribute SMC connectors across hosts
version_added: 0.1.0
description:
  - Returns the connectors on which each host of a play works, by delegation. All hosts then work at the same time, each on its share.
  - The work is not done by one host with C(run_once), because a connector that cannot be reached would then end the play.
  - The shares are in the order of the connectors and of the hosts. They differ by one connector at most.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The inventory names of the connectors.
    type: list
    elements: str
    required: true
  hosts:
    description: The inventory names of the hosts.
    type: list
    elements: str
    required: true
seealso:
  - module: cutover.smc.smc_connector
  - plugin: cutover.smc.assign_connectors
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Distribute the connectors across hosts
  ansible.builtin.set_fact:
    shares: "{{ groups['connectors'] | cutover.smc.distribute_connectors(ansible_play_batch) }}"
  run_once: true
  # => {"app-01": ["connector-1", "connector-2"], "app-02": ["connector-3"]}

- name: Read the connectors
  cutover.smc.smc_connector:
  loop: "{{ shares[inventory_hostname] }}"
  delegate_to: "{{ item }}"
"""

RETURN = r"""
_value:
  description: The connectors of each host, which may be an empty list. Without hosts it is empty.
  type: dict
  sample: {app-01: [connector-1, connector-2], app-02: [connector-3]}
"""


def distribute_connectors(connectors: t.Any, hosts: t.Any) -> dict[str, list[str]]:
    if not all(isinstance(names, Sequence) and not isinstance(names, str) for names in (connectors, hosts)):
        raise AnsibleFilterError("distribute_connectors requires a list of connectors and a list of hosts")
    return distribute(connectors, hosts)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"distribute_connectors": distribute_connectors}
