# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the jobs that a wait for all hosts of a play must include."""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.plugin_utils._waits import jobs_to_wait_for

DOCUMENTATION = r"""
name: jobs_to_wait_for
short_description: Find the jobs of the hosts of a play that a wait must include
version_added: 0.1.0
description:
  - A wait for the jobs of many hosts is one task that runs once. This filter returns the jobs of the hosts that have come this far, so that a host that
    has failed is not waited for.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The names of the hosts, such as C(ansible_play_batch).
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
  fact:
    description: The name of the fact that contains the job ID of a host. An empty fact stands for a host without a job to wait for.
    type: str
    required: true
  after:
    description: The name of a registered result. Only hosts count whose task has run and has not failed.
    type: str
seealso:
  - module: cutover.smc.smc_incremental_job_info
"""

EXAMPLES = r"""
- name: Wait for the jobs that were started
  cutover.smc.smc_incremental_job_info:
    job_ids: "{{ ansible_play_batch | cutover.smc.jobs_to_wait_for(hostvars, 'job_id', after='started') }}"
    wait_for: idle
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The job IDs, each once, in the order of the hosts.
  type: list
  elements: str
  sample: [j-bp1a2b3c4d5e6f]
"""


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"jobs_to_wait_for": jobs_to_wait_for}
