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
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.alicloud
  - cutover.smc.vmware
  - cutover.smc.waiting
  - cutover.smc.attributes
  - cutover.smc.attributes.changing
  - cutover.smc.attributes.alicloud
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
    description: Whether to delete the job. Its final image tells by its tags that the VM has moved.
    type: bool
    default: false
  delete_source:
    description: Whether to delete the source. Needs O(delete_job=true) while there is a job.
    type: bool
    default: false
  images_to_keep:
    description: How many of the job's images to keep, the newest, at least 1. One that an instance uses stays. All stay without it.
    type: int
  access_token_ids:
    description: The ids of the activation codes to delete.
    type: list
    elements: str
  hostname:
    description:
      - Host name or IP address of vCenter. With it, and O(vm_uuid), the snapshots that SMC left on the VM are removed.
      - If it is not given, the environment variable E(VMWARE_HOST) is used. An empty one leaves vCenter out.
    type: str
"""

EXAMPLES = r"""
- name: See what would go, and what costs money
  cutover.smc.smc_cleanup:
    vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    images_to_keep: 1
  check_mode: true

- name: Leave nothing but the final image
  cutover.smc.smc_cleanup:
    vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    images_to_keep: 1
    delete_job: true
    delete_source: true
"""

RETURN = r"""
left:
  description: What is left - the job, the source and the images.
  returned: success
  type: dict
  sample: {job: null, source_id: null, images: [{image_id: m-bp1a2b3c4d5e6f, name: app-01_CYCLE_3}]}
billed:
  description: What goes on costing money, and why it is there. The size is in GiB.
  returned: success
  type: list
  elements: dict
  sample:
    - id: m-bp1a2b3c4d5e6f
      kind: image
      name: app-01_CYCLE_3
      size: 41
      snapshot_ids: [s-bp1a2b3c4d5e6f]
      why: an image itself is free, the snapshots behind it are not
connector_must_reread:
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

from ansible_collections.cutover.smc.plugins.module_utils import _alicloud, _cleanup, _ecs, _job, _smc, _vcenter
from ansible_collections.cutover.smc.plugins.module_utils._task import Task, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._waiting import WAITING_SPEC

TASK = Task(
    argument_spec=dict(
        _alicloud.CONNECTION_SPEC,
        **WAITING_SPEC,
        **_job.IDENTITY_SPEC,
        **_vcenter.connection_spec(),
        delete_job={"type": "bool", "default": False},
        delete_source={"type": "bool", "default": False},
        images_to_keep={"type": "int"},
        access_token_ids={"type": "list", "elements": "str", "no_log": False},
    ),
    handler=_cleanup.ensure,
    requires=(_smc.LIBRARY, _ecs.LIBRARY, *_vcenter.REQUIRES),
    rules={
        "required_one_of": [("job_id", "source_id", "vm_uuid")],
        "required_together": [
            *_alicloud.CONNECTION_RULES["required_together"],
            *_vcenter.CONNECTION_RULES["required_together"],
        ],
    },
)


def main() -> None:
    run_as_module(TASK)


if __name__ == "__main__":
    main()
