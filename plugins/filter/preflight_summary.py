# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Formats the report of the preflight checks as lines."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.plugin_utils._preflight import summarize

DOCUMENTATION = r"""
name: preflight_summary
short_description: Show the report of the preflight checks as lines
version_added: 0.1.0
description:
  - Formats the report for people - a line for each VM, a line for each concern about it, and a line for each connector.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The report, as P(cutover.smc.preflight_report#filter) returns it.
    type: dict
    required: true
seealso:
  - plugin: cutover.smc.preflight_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the findings
  ansible.builtin.debug:
    msg: "{{ ansible_play_batch | cutover.smc.preflight_report(hostvars) | cutover.smc.preflight_summary }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
  sample:
    - "app-01: on, 1 disk, CBT is off, no job yet"
    - "app-02: on, 2 disks, CBT is in effect, job j-bp1a2b3c4d5e6f is Waiting"
    - "app-02: blocker: Hard disk 2 (scsi0:1): it is independent (independent_persistent). Make it dependent while the VM is off, or name it in
      skip_disks; snapshots exclude independent disks. [independent_disk]"
    - "connector-1: 1 VM selected, 9 slots free"
"""


def preflight_summary(report: t.Any) -> list[str]:
    if not isinstance(report, Mapping) or "vms" not in report or "connectors" not in report:
        raise AnsibleFilterError(
            "preflight_summary requires the report that the filter cutover.smc.preflight_report returns"
        )
    return summarize(report)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"preflight_summary": preflight_summary}
