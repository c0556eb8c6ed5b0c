# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the table of deleted and kept resources with their costs per day."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.plugin_utils._costs import cost_table as lines_of_costs

DOCUMENTATION = r"""
name: cost_table
short_description: Show what a clean-up deleted and what is kept, with costs
version_added: 0.1.0
description:
  - Formats the results of M(cutover.smc.smc_cleanup) for people - a line for each billed resource with its price per day, then the totals, the orphaned
    resources, and why prices are unknown. In check mode it shows what would be deleted.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The inventory names of the hosts. A host without a result of M(cutover.smc.smc_cleanup) in C(clean_up_result) is left out.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of the hosts. The facts C(identify_vm) and C(clean_up_result) are read from it.
    type: dict
    required: true
  region:
    description:
      - The registered result of M(cutover.smc.smc_cleanup) with O(cutover.smc.smc_cleanup#module:orphans). A failed or skipped result is allowed.
    type: dict
    required: true
seealso:
  - module: cutover.smc.smc_cleanup
"""

EXAMPLES = r"""
- name: Show the costs
  ansible.builtin.debug:
    msg: "{{ ansible_play_batch | cutover.smc.cost_table(hostvars, region) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The lines of the table; none when no host has a result.
  type: list
  elements: str
  sample:
    - VM                   action resource               id                                  per day  reason
    - app-01               keep   image                  m-bp1a2b3c4d5e6f                <= 0.16 CNY  it is the final image (app-01_CYCLE_3)
    - total                keep   1 resource                                             <= 0.16 CNY  per day
    - total                delete 0 resources                                               0.00 CNY  per day
"""


def cost_table(hosts: t.Any, hostvars: t.Any, region: t.Any) -> list[str]:
    if not isinstance(region, Mapping):
        raise AnsibleFilterError("cost_table requires the registered result for 'region'")
    cleaned = []
    for host in hosts:
        facts = hostvars[host]
        result = facts.get("clean_up_result") or {}
        if "left" in result:
            cleaned.append((facts["identify_vm"]["name"], facts["identify_vm"]["uuid"], result))
    return lines_of_costs(cleaned, region)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"cost_table": cost_table}
