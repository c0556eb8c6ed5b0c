#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An instance on which an image is verified."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_verification_instance
short_description: Start and release an Alibaba Cloud ECS instance on which an image is verified
version_added: 0.1.0
description:
  - Starts an instance from an image, in a vSwitch and a security group that are isolated from what is in service, and releases it.
  - The instance releases itself after O(release_after), so that it does not go on costing money when nobody comes back to it.
  - It is found again by a tag that names the image. Nothing else is ever released.
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.alicloud
  - cutover.smc.waiting
  - cutover.smc.attributes
  - cutover.smc.attributes.changing
  - cutover.smc.attributes.alicloud
options:
  state:
    description:
      - V(present) - an instance from this image runs.
      - V(absent) - there is no verification instance from this image.
    type: str
    choices: [present, absent]
    default: present
  image_id:
    description: The image.
    type: str
    required: true
  instance_type:
    description: The type of the instance. Required for O(state=present).
    type: str
  vswitch_id:
    description: The vSwitch of the instance. Choose one from which nothing that is in service can be reached. Required for O(state=present).
    type: str
  security_group_id:
    description: The security group of the instance. Required for O(state=present).
    type: str
  system_disk_category:
    description: The category of the system disk, such as V(cloud_essd). ECS chooses one otherwise.
    type: str
  key_pair_name:
    description: The key pair for logging in. Without it the image's own accounts are all there is.
    type: str
  name:
    description: The name of the instance; C(cutover-verify-) and the image's id otherwise.
    type: str
  vm_uuid:
    description: The instance UUID of the VM, kept as the tag C(cutover:vm-uuid).
    type: str
  project:
    description: The project that the VM's migration belongs to, kept as the tag C(cutover:project).
    type: str
  release_after:
    description: After how long the instance releases itself, V(30m) at least.
    type: str
    default: 2h
  wait:
    description: Whether to wait until the instance runs.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Start the newest image where it can do no harm
  cutover.smc.ecs_verification_instance:
    image_id: m-bp1a2b3c4d5e6f
    instance_type: ecs.c7.large
    vswitch_id: vsw-bp1isolated
    security_group_id: sg-bp1isolated
  register: verification

- name: Release it
  cutover.smc.ecs_verification_instance:
    image_id: m-bp1a2b3c4d5e6f
    state: absent
"""

RETURN = r"""
instance:
  description: The instance, null when there is none.
  returned: success
  type: dict
  sample:
    created: '2026-11-22T20:00:00Z'
    image_id: m-bp1a2b3c4d5e6f
    instance_id: i-bp1a2b3c4d5e6f
    instance_type: ecs.c7.large
    name: cutover-verify-m-bp1a2b3c4d5e6f
    private_ipv4: [192.168.0.10]
    released_at: '2026-11-22T22:00:00Z'
    status: Running
    tags: {'cutover:verifies-image': m-bp1a2b3c4d5e6f}
plan:
  description: What was done, or in check mode what would be done.
  returned: success
  type: list
  elements: str
  sample: [start a verification instance from image m-bp1a2b3c4d5e6f]
diff:
  description: The instances before and after.
  returned: success
  type: dict
  sample: {before: {instances: []}, after: {instances: [i-bp1a2b3c4d5e6f]}}
"""

from ansible_collections.cutover.smc.plugins.module_utils import _alicloud, _ecs, _verification
from ansible_collections.cutover.smc.plugins.module_utils._task import Task, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._waiting import WAITING_SPEC

TASK = Task(
    argument_spec=dict(
        _alicloud.CONNECTION_SPEC,
        **WAITING_SPEC,
        state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        image_id={"type": "str", "required": True},
        instance_type={"type": "str"},
        vswitch_id={"type": "str"},
        security_group_id={"type": "str"},
        system_disk_category={"type": "str"},
        key_pair_name={"type": "str", "no_log": False},
        name={"type": "str"},
        vm_uuid={"type": "str"},
        project={"type": "str"},
        release_after={"type": "str", "default": "2h"},
        wait={"type": "bool", "default": True},
    ),
    handler=_verification.ensure,
    requires=(_ecs.LIBRARY,),
    rules=dict(
        _alicloud.CONNECTION_RULES,
        required_if=[("state", "present", ("instance_type", "vswitch_id", "security_group_id"))],
    ),
)


def main() -> None:
    run_as_module(TASK)


if __name__ == "__main__":
    main()
