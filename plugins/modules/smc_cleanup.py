#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clearing up what a migration left."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smc_cleanup
short_description: Clear up what a migration by Alibaba Cloud SMC left, and tell what still costs money
version_added: 0.1.0
description:
  - Removes what a finished migration left behind - an intermediate instance that SMC did not release, its snapshots on the VM, the
    activation codes, and, when told to, older images, the job and the source.
  - It refuses while the job is not finished.
  - An instance is released only by the id that the job names, never by its name.
  - By default the finished job stays as the record by which a later run knows that the VM has moved, and all images stay.
  - It tells what everything costs a day, what goes and what stays. In check mode it tells the same and removes nothing.
  - With O(orphans) it looks through the whole region for what migrations left and no job needs, and removes only what is named by id.
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.alicloud
  - cutover.smc.vmware
  - cutover.smc.waiting
  - cutover.smc.attributes
  - cutover.smc.attributes.changing
  - cutover.smc.attributes.alicloud_group
options:
  job_id:
    description: The id of the job.
    type: str
  source_id:
    description: The id of the source.
    type: str
  vm_uuid:
    description: The instance UUID of the VM, by whose tag (C(cutover:vm-uuid)) job, source and images are found.
    type: str
  delete_job:
    description:
      - Whether to delete the job. Its final image tells by its tags that the VM has moved.
      - The images that stay are tagged C(cutover:image-of-vm) before, because nothing would tell afterwards whose they are.
    type: bool
    default: false
  delete_source:
    description: Whether to delete the source. Needs O(delete_job=true) while there is a job.
    type: bool
    default: false
  images_to_keep:
    description:
      - How many of the job's images to keep, the newest, at least 1. All stay without it.
      - One that an instance uses, that is shared with other accounts, that was verified, or that is the final one stays in any case, and so does one that
        ECS refuses to delete because it is needed. RV(left.kept) tells why. Whether a launch template names an image, it does not see.
      - An image is deleted before its snapshots. They are tagged C(cutover:deleted-image) before, so that they are found if the run is killed in between.
        A snapshot of which a disk was made stays.
    type: int
  access_token_ids:
    description: The ids of the activation codes to delete.
    type: list
    elements: str
  orphans:
    description:
      - Look for orphans in the whole region, and delete those whose ids are given here. With an empty list they are only told, in RV(orphans).
      - Orphans are intermediate instances that no job names, temporary disks of SMC that are attached to nothing, snapshots of images that are gone, and
        verification instances past their purpose.
      - Whether something is an orphan is looked at once more just before it is deleted. What is none is refused with the reason, before anything is
        deleted, and so is what a run in progress may be about to use.
      - An identity that may not see all jobs of the region takes what belongs to the others for orphans. Look at them with one that sees all.
    type: list
    elements: str
  vm_snapshots:
    description:
      - Of the snapshots that SMC took of this VM for jobs that are over or no more, those to be removed, by their references in vCenter such as
        V(snapshot-42). RV(orphans) tells them. The snapshots of the VM's own finished job are removed without being named.
      - Needs O(vm_uuid) and O(hostname).
    type: list
    elements: str
  prices:
    description:
      - Prices that Alibaba Cloud does not tell, such as that of snapshots, or that are to be used instead of those that it tells. Without them
        instances and disks are priced by what C(ecs:DescribePrice) answers, once for each instance type and disk category.
      - What has no known price is told as unknown, never as free.
    type: dict
    suboptions:
      currency:
        description: The currency of these prices, such as V(CNY) or V(USD). It has to be that of the account's own prices.
        type: str
      snapshot_gib_month:
        description: The price of a GiB of snapshot for a month of 30 days.
        type: float
      disk_gib_month:
        description: The price of a GiB of disk for a month of 30 days, by the disk's category, such as V(cloud_essd).
        type: dict
      instance_hour:
        description: The price of an hour, by the instance type, such as V(ecs.c7.large).
        type: dict
  hostname:
    description:
      - Host name or IP address of vCenter. With it, and O(vm_uuid), the snapshots that SMC left on the VM are removed.
      - If it is not given, the environment variable E(VMWARE_HOST) is used. An empty one leaves vCenter out.
      - Only then the library pyvmomi is needed.
    type: str
"""

EXAMPLES = r"""
- name: Show what would be deleted and what costs money
  cutover.smc.smc_cleanup:
    vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    images_to_keep: 1
  check_mode: true

- name: Delete everything but the final image
  cutover.smc.smc_cleanup:
    vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    images_to_keep: 1
    delete_job: true
    delete_source: true

- name: Show the daily cost of all migrations in the region, and the orphans
  cutover.smc.smc_cleanup:
    orphans: []
    prices:
      currency: CNY
      snapshot_gib_month: 0.12
  check_mode: true
  register: region

- name: Delete two orphans after a review
  cutover.smc.smc_cleanup:
    orphans:
      - i-bp1a2b3c4d5e6f
      - s-bp1a2b3c4d5e6f
"""

RETURN = r"""
left:
  description: What is left.
  returned: success
  type: dict
  contains:
    job:
      description: The job, as RV(cutover.smc.smc_incremental_job#module:job) shows one; null when it is gone.
      type: dict
      returned: always
      sample: {job_id: j-bp1a2b3c4d5e6f, status: Finished}
    source_id:
      description: The id of the source; null when it is gone.
      type: str
      returned: always
      sample: s-bp1a2b3c4d5e6f
    images:
      description: The images, oldest first. The size is in GiB.
      type: list
      elements: dict
      returned: always
      sample: [{image_id: m-bp1a2b3c4d5e6f, name: app-01_CYCLE_3, size: 41, used: false, snapshot_ids: [s-bp1a2b3c4d5e6f]}]
    kept:
      description: The images that stay however many are to be kept, by their ids, each with the reason.
      type: dict
      returned: always
      sample: {m-bp1a2b3c4d5e6f: it is the final image}
  sample: {job: null, source_id: null, images: [], kept: {}}
costs:
  description:
    - What the migration has, or had at the first look, that is paid for. Without O(job_id), O(source_id) and O(vm_uuid) that of all migrations
      of the region. Orphans are in it when they were looked for. Public traffic is not.
  returned: success
  type: dict
  contains:
    currency:
      description: The currency of all amounts; null when it is not known.
      type: str
      returned: always
      sample: CNY
    per_day:
      description: What that which stays costs a day, as far as prices are known.
      type: float
      returned: always
      sample: 0.16
    saved_per_day:
      description: What that which was removed, or in check mode would be, has cost a day, as far as prices are known.
      type: float
      returned: always
      sample: 5.2
    complete:
      description: Whether all prices are known.
      type: bool
      returned: always
      sample: true
    items:
      description:
        - Each resource with its C(id), C(kind) (V(instance), V(verification_instance), V(image), V(disk), V(snapshot)), C(name), C(vm_uuid)
          and C(job_id) where known, C(per_day) (null when unknown), whether less may be charged (C(is_upper_bound), for what is stored in a
          snapshot may be less than its disk), whether it is C(kept), and the C(reason) that it is there.
      type: list
      elements: dict
      returned: always
      sample:
        - id: m-bp1a2b3c4d5e6f
          kind: image
          name: app-01_CYCLE_3
          vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
          job_id: j-bp1a2b3c4d5e6f
          per_day: 0.16
          is_upper_bound: true
          kept: true
          reason: it is the final image
    unknown:
      description: The resources whose price is not known, and why.
      type: list
      elements: dict
      returned: always
      sample: [{id: m-bp1a2b3c4d5e6f, kind: image, reason: "no price is known of snapshots (option prices, snapshot_gib_month)"}]
    notes:
      description:
        - Why prices could not be had, such as a missing permission.
        - With O(orphans), which jobs have been paused or in error for two days or more while their intermediate instance is paid for.
      type: list
      elements: str
      returned: always
      sample:
        - >-
          Job j-bp1a2b3c4d5e6f is InError and has not run since 2026-11-20T18:00:00Z, while instance i-bp1a2b3c4d5e6f is paid for: resume it
          (smc_incremental_job), or give it up (state: absent, discard_replication: true)
  sample: {currency: CNY, per_day: 0.16, saved_per_day: 5.2, complete: true, items: [], unknown: [], notes: []}
orphans:
  description:
    - What nothing needs any more and was not removed - with O(orphans) that of the region, and the snapshots of the VM in vCenter whose
      jobs are over or no more.
    - C(blocked_by) says why something must not be removed now, and is empty when it may be.
  returned: success
  type: list
  elements: dict
  sample:
    - id: i-bp1a2b3c4d5e6f
      kind: instance
      name: No_Delete_SMC_Transition_Instance
      reason: it is an intermediate instance by its name, and no job names it
      blocked_by: ''
      created_at: '2026-11-22T18:00:00Z'
connector_refresh_needed:
  description: Whether snapshots of the VM were removed, after which the connector has to read the VM anew before it copies it again.
  returned: success
  type: bool
  sample: false
plan:
  description: What was done, or in check mode what would be done.
  returned: success
  type: list
  elements: str
  sample: [delete the image m-bp1a2b3c4d5e6f (app-01_CYCLE_1)]
diff:
  description: What was there before and is there after.
  returned: success
  type: dict
  sample: {before: {images: [m-bp1, m-bp2]}, after: {images: [m-bp2]}}
"""

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api, ecs, smc
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.prices import PRICES_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._cleanup.reconciler import run
from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import WAITING_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import IDENTITY_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._vsphere import client as vsphere

MODULE = ModuleDefinition(
    argument_spec=dict(
        api.CONNECTION_SPEC,
        **WAITING_SPEC,
        **IDENTITY_SPEC,
        **vsphere.connection_spec(),
        delete_job={"type": "bool", "default": False},
        delete_source={"type": "bool", "default": False},
        images_to_keep={"type": "int"},
        access_token_ids={"type": "list", "elements": "str", "no_log": False},
        orphans={"type": "list", "elements": "str"},
        vm_snapshots={"type": "list", "elements": "str"},
        **PRICES_SPEC,
    ),
    handler=run,
    required_libraries=(smc.LIBRARY, ecs.LIBRARY),
    argument_rules={
        "required_one_of": [("job_id", "source_id", "vm_uuid", "orphans")],
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
