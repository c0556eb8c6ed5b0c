# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the report of a migration."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.plugin_utils._report import build_report

DOCUMENTATION = r"""
name: migration_report
short_description: Build the report of a migration
version_added: 0.1.0
description:
  - Joins what the roles know of each VM, its job, its images and its costs. The role C(cutover.smc.report) stores the result as the fact
    C(report_vms). It changes nothing and reads nothing from vCenter or Alibaba Cloud.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The inventory names of the hosts to report, including the failed ones, such as C(ansible_play_hosts_all).
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of the hosts. The facts of the roles are read from it, such as C(identify_vm) and C(cut_over_evidence).
    type: dict
    required: true
  active_hosts:
    description: The hosts that have not failed, such as C(ansible_play_hosts).
    type: list
    elements: str
    required: true
  jobs:
    description: The registered result of M(cutover.smc.smc_incremental_job_info). A failed result is allowed; the jobs are unknown then.
    type: dict
    required: true
  region:
    description:
      - The registered result of M(cutover.smc.smc_cleanup) with O(cutover.smc.smc_cleanup#module:orphans). A failed or skipped result is allowed; the
        costs are unknown then, and the images are those that the runs have created, whether or not they still exist.
    type: dict
    required: true
seealso:
  - module: cutover.smc.smc_incremental_job_info
  - module: cutover.smc.smc_cleanup
  - plugin: cutover.smc.report_table
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Build the report
  ansible.builtin.set_fact:
    report_vms: "{{ ansible_play_hosts_all | cutover.smc.migration_report(hostvars, ansible_play_hosts, jobs, region) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The VMs, in the order of the hosts.
  type: list
  elements: dict
  contains:
    host:
      description: The inventory name of the host.
      type: str
      sample: app-01
    vm:
      description: The name of the VM, or the inventory name when the VM was not found.
      type: str
      sample: app-01
    uuid:
      description: The instance UUID of the VM; null when it was not found.
      type: str
      sample: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    moid:
      description: The managed object ID of the VM; null when it was not found.
      type: str
      sample: vm-33
    power_state:
      description: The power state of the VM; null when it was not found.
      type: str
      sample: 'on'
    cbt:
      description: Whether changed block tracking is effective; null when that is unknown.
      type: bool
      sample: true
    migrated:
      description: Whether the VM has been migrated.
      type: bool
      sample: false
    job_id:
      description: The ID of the job; null without a job. C(status), C(phase), C(progress), C(error_reason), C(runs), C(rpo_seconds), C(expires_in) and
        C(is_billed) are those of the job, as RV(cutover.smc.smc_incremental_job_info#module:jobs) shows them.
      type: str
      sample: j-bp1a2b3c4d5e6f
    images:
      description: The IDs of the images, oldest first.
      type: list
      elements: str
      sample: [m-bp1a2b3c4d5e6f]
    expires_in_days:
      description: In how many days the job expires, negative when it has expired; null when it does not expire, or that is unknown.
      type: float
      sample: 29.5
    costs:
      description: The costs per day, with C(currency), C(per_day), C(complete) and C(items); null when they are unknown. C(per_day) is null when no price is
        known. The items are those of RV(cutover.smc.smc_cleanup#module:costs.items).
      type: dict
      sample: {currency: CNY, per_day: 5.36, complete: true, items: []}
    services_stopped_at:
      description: When the services of the VM stopped; null when they have not been stopped for a cut-over.
      type: str
      sample: '2026-11-22T18:00:00Z'
    evidence:
      description: The evidence that the final image contains every write, as RV(cutover.smc.smc_job_finalize#module:evidence); null before the cut-over.
      type: dict
      sample: {services_stopped_at: '2026-11-22T18:00:00Z', run_started_at: '2026-11-22T18:00:30Z'}
    failure:
      description: The C(step) that failed and the C(message); null when the host has not failed.
      type: dict
      sample: {step: Verify the newest image, message: 'app-01: image m-bp1a2b3c4d5e6f has not passed its checks: SSH answers.'}
"""


def migration_report(
    hosts: t.Any, hostvars: t.Any, active_hosts: t.Any, jobs: t.Any, region: t.Any
) -> list[dict[str, t.Any]]:
    if not isinstance(jobs, Mapping) or not isinstance(region, Mapping):
        raise AnsibleFilterError("migration_report requires the registered results for 'jobs' and 'region'")
    return build_report({host: hostvars[host] for host in hosts}, set(active_hosts), jobs, region)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"migration_report": migration_report}
