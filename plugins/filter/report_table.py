# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Formats the report of a migration as a table."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.plugin_utils._report import report_table as lines_of_report

DOCUMENTATION = r"""
name: report_table
short_description: Show the report of a migration as a table
version_added: 0.1.0
description:
  - Formats the report for people - a line for each VM, then warnings about jobs that expire soon, the costs per day, orphaned resources, and the failures.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The report, as P(cutover.smc.migration_report#filter) returns it.
    type: list
    elements: dict
    required: true
  jobs:
    description: The registered result of M(cutover.smc.smc_incremental_job_info), from which the report was built.
    type: dict
    required: true
  region:
    description: The registered result of M(cutover.smc.smc_cleanup), from which the report was built.
    type: dict
    required: true
seealso:
  - plugin: cutover.smc.migration_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the report
  ansible.builtin.debug:
    msg: "{{ report_vms | cutover.smc.report_table(jobs, region) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The lines of the table.
  type: list
  elements: str
  sample:
    - VM                   migration      CBT    runs  images  services stopped      final run started     newest image
    - app-01               Waiting        on        2       1  -                     -                     m-bp1a2b3c4d5e6f
    - app-01               costs <= 5.36 CNY per day
"""


def report_table(vms: t.Any, jobs: t.Any, region: t.Any) -> list[str]:
    if not isinstance(jobs, Mapping) or not isinstance(region, Mapping):
        raise AnsibleFilterError("report_table requires the registered results for 'jobs' and 'region'")
    return lines_of_report(vms, jobs, region)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"report_table": report_table}
