#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An instance on which an image is verified."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_verification_instance
short_description: Start, check and release an Alibaba Cloud ECS instance on which an image is verified
version_added: 0.1.0
description:
  - Starts an instance from an image, in a vSwitch and a security group that are isolated from what is in service, and releases it.
  - The instance releases itself after O(release_after), so that it does not go on costing money when nobody comes back to it.
  - It is found again by a tag that names the image. Nothing else is ever released.
  - Runs checks in the instance by Cloud Assistant, whose agent has to be in the image, and tells for each what it said. The outcome is noted on
    the instance as the tag C(cutover:checks). Checks that have passed on it are not run on it again.
  - When a check fails, or no agent answers, the end of the instance's console output is returned, which tells whether the system has started.
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.alicloud
  - cutover.smc.waiting
  - cutover.smc.attributes
  - cutover.smc.attributes.changing
  - cutover.smc.attributes.alicloud_group
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
    description: Whether to wait until the instance runs. Checks need it.
    type: bool
    default: true
  checks:
    description:
      - What to check in the instance, one after the other. All of them are run, whatever the first ones say.
      - A check passes when its command ends with the exit code and the output that are demanded.
      - Use commands that change nothing. A run that was interrupted may leave it unknown whether one has been run.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the check, its own among the checks.
        type: str
        required: true
      command:
        description: The script, up to 18 kB. It is run by C(root), or by C(System) on Windows.
        type: str
        required: true
      type:
        description: What runs the script. The default is V(shell) on Linux and V(powershell) on Windows.
        type: str
        choices: [shell, powershell, bat]
      timeout:
        description: After how long Cloud Assistant ends the script, V(1s) to V(1d).
        type: str
        default: 1m
      exit_code:
        description: The exit code that the script has to end with.
        type: int
        default: 0
      output_matches:
        description: A regular expression of Python that has to be found in the output. V(^) and V($) match at each line.
        type: str
      no_output:
        description: Whether to keep the output out of the result, because it holds secrets. O(checks[].output_matches) is looked for nevertheless.
        type: bool
        default: false
  agent_timeout:
    description: How long to wait for Cloud Assistant to answer from an instance that runs. The checks have failed when it does not.
    type: str
    default: 5m
  fail_on_check_failure:
    description: Whether the task fails when a check fails. Otherwise the failure is only reported, in RV(checks_passed).
    type: bool
    default: true
  release_failed:
    description: Whether to release an instance on which a check has failed. Otherwise it stays to be looked at, until it releases itself.
    type: bool
    default: false
notes:
  - The output of checks, and of the console, is returned and shown. It may hold what nobody should read. Use O(checks[].no_output), or C(no_log=true)
    on the task, which a command with a secret in it needs in any case.
"""

EXAMPLES = r"""
- name: Start the newest image where it can do no harm
  cutover.smc.ecs_verification_instance:
    image_id: m-bp1a2b3c4d5e6f
    instance_type: ecs.c7.large
    vswitch_id: vsw-bp1isolated
    security_group_id: sg-bp1isolated
  register: verification

- name: Check that the system has come up as it should
  cutover.smc.ecs_verification_instance:
    image_id: m-bp1a2b3c4d5e6f
    instance_type: ecs.c7.large
    vswitch_id: vsw-bp1isolated
    security_group_id: sg-bp1isolated
    checks:
      - name: the disk of the database is mounted
        command: mountpoint -q /var/lib/postgresql
      - name: SSH answers
        command: systemctl is-active ssh
        output_matches: ^active$
      - name: nothing has failed to start
        command: systemctl is-system-running --wait
        timeout: 5m
        output_matches: running
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
    created_at: '2026-11-22T20:00:00Z'
    image_id: m-bp1a2b3c4d5e6f
    instance_id: i-bp1a2b3c4d5e6f
    instance_type: ecs.c7.large
    name: cutover-verify-m-bp1a2b3c4d5e6f
    os_type: linux
    private_ipv4: [192.168.0.10]
    released_at: '2026-11-22T22:00:00Z'
    status: Running
    tags: {'cutover:verifies-image': m-bp1a2b3c4d5e6f}
checks:
  description: What each check said, in the order given; empty in check mode. Returned when the task fails by a check, too.
  returned: always
  type: list
  elements: dict
  sample:
    - {name: SSH answers, passed: true, message: The check passed., exit_code: 0, output: "active\n", truncated: false, code: ''}
    - name: the disk of the database is mounted
      passed: false
      message: The exit code is 1, not 0.
      exit_code: 1
      output: ''
      truncated: false
      code: ExitCodeNonzero
  contains:
    message:
      description: In a sentence, that it has passed or what was wrong.
      type: str
    exit_code:
      description: The exit code, null when the script came to no end of its own, or has passed in an earlier run.
      type: int
    output:
      description: The end of the output, up to 4000 characters; empty with O(checks[].no_output).
      type: str
    truncated:
      description: Whether there was more output.
      type: bool
    code:
      description: The error code of Cloud Assistant, empty when the check has passed.
      type: str
checks_passed:
  description: Whether all checks have passed; null without checks, and in check mode.
  returned: always
  type: bool
  sample: false
agent:
  description: Whether Cloud Assistant has answered from the instance; null when it was not needed.
  returned: always
  type: bool
  sample: true
console_output:
  description: The end of the instance's console output, up to 6000 characters, when a check has failed; null otherwise.
  returned: always
  type: str
  sample: "[    0.000000] Linux version 5.15.0\n...\napp-01 login: "
plan:
  description: What was done, or in check mode what would be done.
  returned: success
  type: list
  elements: str
  sample: ['start a verification instance from image m-bp1a2b3c4d5e6f, released after 2:00:00', "run check 'SSH answers'"]
diff:
  description: The instances, and what they say of their checks, before and after.
  returned: success
  type: dict
  sample: {before: {instances: []}, after: {instances: [i-bp1a2b3c4d5e6f]}}
"""

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api, ecs
from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import WAITING_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._instances.reconciler import run

MODULE = ModuleDefinition(
    argument_spec=dict(
        api.CONNECTION_SPEC,
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
        checks={
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "command": {"type": "str", "required": True},
                "type": {"type": "str", "choices": ["shell", "powershell", "bat"]},
                "timeout": {"type": "str", "default": "1m"},
                "exit_code": {"type": "int", "default": 0},
                "output_matches": {"type": "str"},
                "no_output": {"type": "bool", "default": False},
            },
        },
        agent_timeout={"type": "str", "default": "5m"},
        fail_on_check_failure={"type": "bool", "default": True},
        release_failed={"type": "bool", "default": False},
    ),
    handler=run,
    required_libraries=(ecs.LIBRARY,),
    argument_rules=dict(
        api.CONNECTION_RULES,
        required_if=[("state", "present", ("instance_type", "vswitch_id", "security_group_id"))],
    ),
)


def main() -> None:
    run_as_module(MODULE)


if __name__ == "__main__":
    main()
