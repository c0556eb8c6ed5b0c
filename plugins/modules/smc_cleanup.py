#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deletes what a migration left, and reports the costs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smc_cleanup
short_description: Remove resources left by an SMC migration and report remaining costs
version_added: 0.1.0
description:
  - Deletes what a finished migration left - an intermediate instance that SMC did not release, its snapshots on the VM, the activation codes, and, on
    request, older images, the job and the source.
  - Refuses to delete anything while the job is not finished.
  - An instance is released only by the ID that the job names, never by its name.
  - By default the finished job is kept as the record by which a later run knows that the VM has been migrated, and all images are kept.
  - Reports what each deleted and each kept resource costs per day. In check mode it reports the same and deletes nothing.
  - With O(orphans) it searches the whole region for resources that migrations left and that no job needs, and deletes only those that are named by ID.
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
    description: The ID of the job.
    type: str
  source_id:
    description: The ID of the source.
    type: str
  vm_uuid:
    description: The instance UUID of the VM. Its job, source and images are found by the tag C(cutover:vm-uuid).
    type: str
  delete_job:
    description:
      - Whether to delete the job. The tags of the final image then show that the VM has been migrated.
      - The kept images are tagged C(cutover:image-of-vm) before, because without the job nothing else shows to which VM they belong.
    type: bool
    default: false
  delete_source:
    description: Whether to delete the source. Needs O(delete_job=true) while there is a job.
    type: bool
    default: false
  images_to_keep:
    description:
      - How many of the job's newest images to keep, at least 1. Without it, all images are kept.
      - The final image, the verified image, an image that an instance uses, an image that is shared with other accounts, and an image that ECS refuses to
        delete because it is needed are kept in any case. RV(left.kept) contains the reasons. The module does not know whether a launch template uses an
        image.
      - An image is deleted before its snapshots. They are tagged C(cutover:deleted-image) before, so that an interrupted run can be resumed. A snapshot from
        which a disk was created is kept.
    type: int
  access_token_ids:
    description: The IDs of the activation codes to delete.
    type: list
    elements: str
  orphans:
    description:
      - The IDs of the orphans to delete. With an empty list, orphans are only searched and reported, in RV(orphans).
      - Orphans are intermediate instances that no job names, temporary disks of SMC that are not attached, snapshots of deleted images, and verification
        instances that are not needed any more.
      - Whether a resource is an orphan is checked again immediately before it is deleted. If one of the named resources is not an orphan, or an active run
        may be using it, the module fails before it deletes anything, and shows the reason.
      - A RAM identity that can see only some jobs of the region regards the intermediate instances of the other jobs as orphans. Therefore orphans are
        deleted only by ID. Examine the orphans with an identity that can see all jobs before you name them.
    type: list
    elements: str
  vm_snapshots:
    description:
      - The references in vCenter, such as V(snapshot-42), of snapshots to remove that SMC took of this VM for jobs that are over or do not exist any more.
        RV(orphans) lists them. The snapshots of the VM's own finished job are removed without being named.
      - Needs O(vm_uuid) and O(hostname).
    type: list
    elements: str
  prices:
    description:
      - Prices that Alibaba Cloud does not return, such as that of snapshots, or that replace those that it returns. All other prices of instances and disks
        are read with C(ecs:DescribePrice), once for each instance type and each disk category.
      - A price that is not known is reported as null, never as 0.
    type: dict
    suboptions:
      currency:
        description: The currency of these prices, such as V(CNY) or V(USD). It must be the currency of the account.
        type: str
      snapshot_gib_month:
        description: The price of a GiB of snapshot for a month of 30 days.
        type: float
      disk_gib_month:
        description: The price of a GiB of disk for a month of 30 days, by the category of the disk, such as V(cloud_essd).
        type: dict
      instance_hour:
        description: The price of an hour, by the instance type, such as V(ecs.c7.large).
        type: dict
  hostname:
    description:
      - Host name or IP address of vCenter. With it and O(vm_uuid), the snapshots that SMC left on the VM are removed.
      - If it is not set, the environment variable E(VMWARE_HOST) is used. With an empty string, vCenter is not used.
      - The library pyvmomi is needed only when vCenter is used.
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
  description: What is left of the migration.
  returned: success
  type: dict
  contains:
    job:
      description: The job, as RV(cutover.smc.smc_incremental_job#module:job) shows it; null when it does not exist.
      type: dict
      returned: always
      sample: {job_id: j-bp1a2b3c4d5e6f, status: Finished}
    source_id:
      description: The ID of the source; null when it does not exist.
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
      description: The images that are kept whatever O(images_to_keep) is, by their IDs, each with the reason.
      type: dict
      returned: always
      sample: {m-bp1a2b3c4d5e6f: it is the final image}
  sample: {job: null, source_id: null, images: [], kept: {}}
costs:
  description:
    - The billed resources that existed at the beginning or exist at the end, those of the migration, or, without O(job_id), O(source_id) and O(vm_uuid), those
      of all migrations of the region. With O(orphans) the orphans are included. Public network traffic is not included.
  returned: success
  type: dict
  contains:
    currency:
      description: The currency of all amounts; null when it is not known.
      type: str
      returned: always
      sample: CNY
    per_day:
      description: What the kept resources cost per day, as far as prices are known; null when there are kept resources and no price is known.
      type: float
      returned: always
      sample: 0.16
    saved_per_day:
      description: What the deleted resources cost per day, or in check mode those that would be deleted; null when there are some and no price is known.
      type: float
      returned: always
      sample: 5.2
    complete:
      description: Whether all prices are known.
      type: bool
      returned: always
      sample: true
    items:
      description: The billed resources.
      type: list
      elements: dict
      returned: always
      contains:
        id:
          description: The ID of the resource.
          type: str
          sample: m-bp1a2b3c4d5e6f
        kind:
          description: One of V(instance), V(verification_instance), V(image), V(disk) and V(snapshot).
          type: str
          sample: image
        name:
          description: The name of the resource.
          type: str
          sample: app-01_CYCLE_3
        vm_uuid:
          description: The instance UUID of the VM to which it belongs; null when that is not known.
          type: str
          sample: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
        job_id:
          description: The job to which it belongs; null when that is not known.
          type: str
          sample: j-bp1a2b3c4d5e6f
        per_day:
          description: The price per day; null when it is not known.
          type: float
          sample: 0.16
        is_upper_bound:
          description: Whether less may be charged. A snapshot is billed by what it stores, which is at most the size of its disk.
          type: bool
          sample: true
        kept:
          description: Whether the resource is kept.
          type: bool
          sample: true
        reason:
          description: Why the resource exists.
          type: str
          sample: it is the final image
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
      description: The resources whose price is not known, each with the reason.
      type: list
      elements: dict
      returned: always
      sample: [{id: m-bp1a2b3c4d5e6f, kind: image, reason: "no price is known for snapshots (option prices, snapshot_gib_month)"}]
    notes:
      description:
        - Why prices could not be read, such as a missing permission.
        - With O(orphans), the jobs that have been paused or in error for two days or more while their intermediate instance is billed.
      type: list
      elements: str
      returned: always
      sample:
        - >-
          Job j-bp1a2b3c4d5e6f is InError and has not run since 2026-11-20T18:00:00Z, but its instance i-bp1a2b3c4d5e6f is billed. Resume the job
          (smc_incremental_job), or abort it (state: absent, discard_replication: true).
  sample: {currency: CNY, per_day: 0.16, saved_per_day: 5.2, complete: true, items: [], unknown: [], notes: []}
orphans:
  description:
    - The resources that no migration needs any more and that were not deleted. With O(orphans) those of the region, and in any case the snapshots of the VM in
      vCenter whose jobs are over or do not exist any more.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The ID of the resource; of a snapshot in vCenter its reference.
      type: str
      sample: i-bp1a2b3c4d5e6f
    kind:
      description: One of V(instance), V(verification_instance), V(disk), V(snapshot) and V(vm_snapshot).
      type: str
      sample: instance
    name:
      description: The name of the resource.
      type: str
      sample: No_Delete_SMC_Transition_Instance
    reason:
      description: Why it is an orphan.
      type: str
      sample: its name is that of an intermediate instance, and no job names it
    blocked_by:
      description: Why it must not be deleted now; empty when it may be deleted.
      type: str
      sample: ''
    created_at:
      description: When it was created; null when that is not known.
      type: str
      sample: '2026-11-22T18:00:00Z'
  sample:
    - id: i-bp1a2b3c4d5e6f
      kind: instance
      name: No_Delete_SMC_Transition_Instance
      reason: its name is that of an intermediate instance, and no job names it
      blocked_by: ''
      created_at: '2026-11-22T18:00:00Z'
connector_refresh_needed:
  description: Whether snapshots of the VM were removed. The connector must then read the VM again before it copies it the next time.
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
  description: What existed before and what exists afterwards.
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
