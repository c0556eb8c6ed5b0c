#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gathers the stage of many migrations, the steps that they need, and what blocks them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_info
short_description: Gather the stage, the needed steps and the obstacles of many migrations
version_added: 0.1.0
description:
  - Reads many VMs from vCenter, and all sources and jobs from SMC, and joins them with the images and the verification instances in ECS.
  - For each VM it returns the stage of its migration, the steps of the runbook that it still needs, and what blocks them, each with a remedy.
  - The stages are, in their order, C(discovered), C(tracked) (CBT is in effect), C(imported) (SMC has a source), C(replicating) (it has a job),
    C(replicated) (the job has made an image that still exists), C(verified) (an image was verified and still exists), C(cutting_over) (its services
    are stopped, or its job is being completed), C(cut_over) (the job is Finished) and C(cleaned_up) (only the final image is left).
  - A source or a job without the collection's tag is found by the job or the source that it belongs to, and a source also by the name of the VM or the
    host name of its guest. An IP address is no evidence in a fleet, because different guests can have the same address.
  - The whole fleet costs a few calls of vCenter, one call of SMC for each 50 sources and for each 50 jobs, and one call of ECS for each 100 images.
  - What cannot be read is null, not empty. If ECS cannot be read, the rest is returned, with the reason in RV(unread).
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.alicloud
  - cutover.smc.vmware
  - cutover.smc.vmware.selection
  - cutover.smc.vmware.skip_disks
  - cutover.smc.vmware.waivers
  - cutover.smc.attributes
  - cutover.smc.attributes.reading
  - cutover.smc.attributes.vmware_group
  - cutover.smc.attributes.alicloud_group
attributes:
  action_group:
    description: Use C(group/cutover.smc.vmware) and C(group/cutover.smc.alicloud) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - cutover.smc.vmware
      - cutover.smc.alicloud
options:
  snapshots:
    description:
      - What M(cutover.smc.vmware_cbt) will do about snapshots. With V(remove), snapshots and disks that need consolidation block nothing. Nothing is
        removed.
    type: str
    choices: [refuse, remove]
    default: refuse
  steps:
    description: The steps of the runbook that are wanted, by the names of their roles. Other steps are not in RV(migrations[].steps).
    type: list
    elements: str
    choices: [enable_cbt, import_source, replicate, verify_image, cut_over, clean_up]
    default: [enable_cbt, import_source, replicate, verify_image, cut_over, clean_up]
  forecast_runs:
    description: How many of a job's last incremental runs count for its forecast.
    type: int
    default: 10
notes:
  - Needs the vCenter privileges C(System.View) and C(System.Read), and the RAM actions C(smc:DescribeSourceServers),
    C(smc:DescribeReplicationJobs), C(ecs:DescribeImages) and C(ecs:DescribeInstances).
seealso:
  - module: cutover.smc.vmware_cbt_info
  - module: cutover.smc.smc_source_info
  - module: cutover.smc.smc_incremental_job_info
"""

EXAMPLES = r"""
- name: Read the migrations of all VMs of the play
  cutover.smc.migration_info:
    names: "{{ ansible_play_hosts }}"
  run_once: true
  delegate_to: localhost
  register: fleet

- name: Show the stage of each VM
  ansible.builtin.debug:
    msg: "{{ inventory_hostname }} is {{ fleet.by_name[inventory_hostname].stage }}"

- name: Fail if something blocks the migration of the VM
  ansible.builtin.assert:
    that: fleet.by_name[inventory_hostname].blocked_by | length == 0
    fail_msg: "{{ fleet.by_name[inventory_hostname].blocked_by | map(attribute='reason') | join('; ') }}"

- name: List the VMs of a folder that could be cut over tonight
  cutover.smc.migration_info:
    folder: prod/web
    steps: [cut_over]
  register: web
"""

RETURN = r"""
migrations:
  description: The migrations, in the order of vCenter's inventory.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the VM.
      type: str
      sample: app-01
    moid:
      description: The managed object ID of the VM.
      type: str
      sample: vm-42
    uuid:
      description: The instance UUID of the VM.
      type: str
      sample: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    stage:
      description: The last stage that the migration has reached.
      type: str
      sample: replicated
    steps:
      description: The steps that it still needs, in their order, out of O(steps).
      type: list
      elements: str
      sample: [verify_image, cut_over]
    blocked_by:
      description: What blocks the migration, the first step first. For a finished migration, what endangers its result.
      type: list
      elements: dict
      contains:
        step:
          description: The first step that it blocks.
          type: str
          sample: replicate
        reason:
          description: What is wrong.
          type: str
          sample: "Source s-bp1a2b3c4d5e6f is Unavailable: its connector sends no heartbeat"
        remedy:
          description: What to do.
          type: str
          sample: Check that the connector runs
      sample: []
    vm:
      description: The VM, as one of RV(cutover.smc.vmware_cbt_info#module:vms).
      type: dict
      sample: {name: app-01, moid: vm-42, power_state: "on", blockers: []}
    source:
      description: The source in SMC, as one of RV(cutover.smc.smc_source_info#module:sources); null without one.
      type: dict
      sample: {source_id: s-bp1a2b3c4d5e6f, state: InUse}
    job:
      description: The job in SMC, as one of RV(cutover.smc.smc_incremental_job_info#module:jobs); null without one.
      type: dict
      sample: {job_id: j-bp1a2b3c4d5e6f, status: Waiting}
    images:
      description: The images of the VM that exist in ECS; null if ECS could not be read.
      type: list
      elements: dict
      sample: [{image_id: m-bp1a2b3c4d5e6f, name: app-01_CYCLE_1, status: Available}]
    newest_image_id:
      description: The image of the newest complete run, whether it still exists or not; null without one.
      type: str
      sample: m-bp1a2b3c4d5e6f
    verified_image_id:
      description: The image that was verified and still exists; null without one.
      type: str
      sample: m-bp1a2b3c4d5e6f
    final_image:
      description: The image that a finished migration resulted in; null before that.
      type: dict
      contains:
        image_id:
          description: Its ID.
          type: str
          sample: m-bp1a2b3c4d5e6f
        exists:
          description: Whether it still exists; null if ECS could not be read.
          type: bool
          sample: true
      sample: {image_id: m-bp1a2b3c4d5e6f, exists: true}
    instances:
      description: The instances that verify an image of the VM; null if ECS could not be read.
      type: list
      elements: dict
      sample: []
    services_stopped_at:
      description: When the services of the VM stopped, by SMC's clock, as the job records it immediately before its completion; null otherwise.
      type: str
      sample: '2026-11-22T20:00:00Z'
    expires_at:
      description: When the unfinished job expires; null without one.
      type: str
      sample: '2027-01-21T18:00:00Z'
by_name:
  description: The migrations by the names of their VMs. If several VMs have one name, the last of them.
  returned: success
  type: dict
  sample: {app-01: {stage: replicated, steps: [verify_image, cut_over]}}
summary:
  description: The fleet in numbers.
  returned: success
  type: dict
  contains:
    total:
      description: How many VMs were read.
      type: int
      sample: 120
    stages:
      description: How many VMs are in each stage.
      type: dict
      sample: {discovered: 0, tracked: 0, imported: 2, replicating: 10, replicated: 100, verified: 8, cutting_over: 0, cut_over: 0, cleaned_up: 0}
    steps:
      description: The names of the VMs that need each step.
      type: dict
      sample: {cut_over: [app-01, app-02]}
    blocked:
      description: The names of the VMs that something blocks.
      type: list
      elements: str
      sample: [app-02]
    not_found:
      description: How many names and IDs match no VM.
      type: int
      sample: 0
not_found:
  description: The names and IDs that match no VM.
  returned: success
  type: list
  elements: str
  sample: []
unread:
  description: Why ECS could not be read; empty if it could.
  returned: success
  type: str
  sample: ""
cloud_time:
  description: SMC's clock.
  returned: success
  type: str
  sample: '2026-11-22T20:00:00Z'
clock_offset:
  description: By how many seconds SMC's clock is ahead of this machine's; null when SMC sent no time.
  returned: success
  type: int
  sample: 2
"""

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api, ecs, smc
from ansible_collections.cutover.smc.plugins.module_utils._cbt.selection import FLEET_SELECTION_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._concerns.waivers import WAIVERS_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._migration.info import run
from ansible_collections.cutover.smc.plugins.module_utils._migration.migration import STEPS
from ansible_collections.cutover.smc.plugins.module_utils._vsphere import client as vsphere

MODULE = ModuleDefinition(
    argument_spec=dict(
        api.CONNECTION_SPEC,
        **vsphere.connection_spec(),
        **FLEET_SELECTION_SPEC,
        skip_disks={"type": "list", "elements": "str", "default": []},
        snapshots={"type": "str", "choices": ["refuse", "remove"], "default": "refuse"},
        waivers=WAIVERS_SPEC,
        steps={"type": "list", "elements": "str", "choices": list(STEPS), "default": list(STEPS)},
        forecast_runs={"type": "int", "default": 10},
    ),
    handler=run,
    required_libraries=(*vsphere.REQUIRES, smc.LIBRARY, ecs.LIBRARY),
    argument_rules={
        "required_together": [
            *api.CONNECTION_RULES["required_together"],
            *vsphere.CONNECTION_RULES["required_together"],
        ],
    },
)


def main() -> None:
    run_as_module(MODULE)


if __name__ == "__main__":
    main()
