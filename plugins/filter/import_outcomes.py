# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Determines the outcome of a planned import for each host."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.plugin_utils._imports import import_outcomes as find_outcomes

DOCUMENTATION = r"""
name: import_outcomes
short_description: Determine the outcome of a planned import for each host
version_added: 0.1.0
description:
  - Combines a plan of P(cutover.smc.plan_imports#filter) with the results of the connectors that carried it out.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The C(hosts) of the plan.
    type: dict
    required: true
  results:
    description: For each connector that had something to do, the result of M(cutover.smc.smc_connector), of a failure too.
    type: dict
    required: true
seealso:
  - plugin: cutover.smc.plan_imports
    plugin_type: filter
  - module: cutover.smc.smc_connector
"""

EXAMPLES = r"""
- name: Fail if the import of the VM failed
  ansible.builtin.fail:
    msg: "{{ outcomes[inventory_hostname].error }}"
  when: outcomes[inventory_hostname].error != ''
  vars:
    outcomes: "{{ imports.hosts | cutover.smc.import_outcomes({'connector-1': connector}) }}"
"""

RETURN = r"""
_value:
  description:
    - For each host, in C(source_id) the source that its VM was imported as, null when the connector does not report it, and in C(error) why
      the connector did not do its work, empty when it did.
  type: dict
  sample:
    app-01: {source_id: s-bp1a2b3c4d5e6f, error: ''}
    app-02: {source_id: null, error: 'connector-1: The connector did not import app-02: Error: quota exceeded.'}
"""


def import_outcomes(hosts: t.Any, results: t.Any) -> dict[str, dict[str, t.Any]]:
    if not isinstance(hosts, Mapping) or not isinstance(results, Mapping):
        raise AnsibleFilterError("import_outcomes takes a dictionary of hosts and one of results")
    try:
        return find_outcomes(hosts, results)
    except (KeyError, TypeError) as error:
        raise AnsibleFilterError(
            f"import_outcomes takes the hosts of plan_imports and results of smc_connector ({error!r})"
        ) from error


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"import_outcomes": import_outcomes}
