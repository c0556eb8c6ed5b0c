#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts, checks and releases an instance on which an image is verified."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_verification_instance
short_description: Start, check and release an Alibaba Cloud ECS instance on which an image is verified
version_added: 0.1.0
description:
  - Starts an instance from an image, in an isolated vSwitch and security group, checks it, and releases it.
  - The instance releases itself after O(release_after), so that it does not cost money when no later run releases it.
  - It is found again by a tag that names the image. No other instance is ever released.
  - Runs checks in the instance by Cloud Assistant, whose agent must be in the image, and returns the result of each. The outcome is recorded on the instance
    as the tag C(cutover:checks). Checks that have passed on an instance are not run on it again.
  - When a check fails, or the agent does not answer, the end of the instance's console output is returned. It shows whether the system has started.
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
      - V(present) - ensure that an instance from this image runs.
      - V(absent) - release all verification instances from this image.
    type: str
    choices: [present, absent]
    default: present
  image_id:
    description: The ID of the image.
    type: str
    required: true
  instance_type:
    description: The type of the instance. Required for O(state=present).
    type: str
  vswitch_id:
    description: The vSwitch of the instance. Choose one from which no production system can be reached. Required for O(state=present).
    type: str
  security_group_id:
    description: The security group of the instance. Required for O(state=present).
    type: str
  system_disk_category:
    description: The category of the system disk, such as V(cloud_essd). By default ECS chooses it.
    type: str
  key_pair_name:
    description: The key pair for logging in. Without it, only the accounts in the image can log in.
    type: str
  name:
    description: The name of the instance. The default is C(cutover-verify-) and the ID of the image.
    type: str
  vm_uuid:
    description: The instance UUID of the VM, set as the tag C(cutover:vm-uuid).
    type: str
  project:
    description: The project to which the migration belongs, set as the tag C(cutover:project).
    type: str
  release_after:
    description: The time after which the instance releases itself, at least V(30m).
    type: str
    default: 2h
  wait:
    description: Whether to wait until the instance runs. Required for O(checks).
    type: bool
    default: true
  checks:
    description:
      - The checks to run in the instance, in this order. All of them are run, whether or not the first ones pass.
      - A check passes when its command ends with the required exit code and output.
      - Use commands that change nothing. After an interrupted run it may be unknown whether a command has been run.
    type: list
    elements: dict
    suboptions:
      name:
        description: The unique name of the check.
        type: str
        required: true
      command:
        description: The script, up to 18 kB. It runs as C(root), or as C(System) on Windows.
        type: str
        required: true
      type:
        description: The interpreter of the script. The default is V(shell) on Linux and V(powershell) on Windows.
        type: str
        choices: [shell, powershell, bat]
      timeout:
        description: The timeout after which Cloud Assistant ends the script, V(1s) to V(1d).
        type: str
        default: 1m
      exit_code:
        description: The required exit code of the script.
        type: int
        default: 0
      output_matches:
        description: A regular expression in Python syntax that must be found in the output. V(^) and V($) match at each line.
        type: str
      no_output:
        description: Whether to leave the output out of the result, because it contains secrets. O(checks[].output_matches) still applies.
        type: bool
        default: false
  agent_timeout:
    description: How long to wait for Cloud Assistant to answer from a running instance. If it does not answer, the checks fail.
    type: str
    default: 5m
  fail_on_check_failure:
    description: Whether the task fails when a check fails. Otherwise the failure is only reported, in RV(checks_passed).
    type: bool
    default: true
  release_failed:
    description: Whether to release an instance on which a check failed. Otherwise it is kept for examination until it releases itself.
    type: bool
    default: false
notes:
  - The output of checks and of the console is returned and shown, and it may contain secrets. Use O(checks[].no_output), or C(no_log=true) on the task. A
    command that itself contains a secret requires C(no_log=true).
"""

EXAMPLES = r"""
- name: Start an isolated instance from the newest image
  cutover.smc.ecs_verification_instance:
    image_id: m-bp1a2b3c4d5e6f
    instance_type: ecs.c7.large
    vswitch_id: vsw-bp1isolated
    security_group_id: sg-bp1isolated
  register: verification

- name: Check that the system has started correctly
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

- name: Release the instance
  cutover.smc.ecs_verification_instance:
    image_id: m-bp1a2b3c4d5e6f
    state: absent
"""

RETURN = r"""
instance:
  description: The instance; null when there is no instance.
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
  description: The result of each check, in the declared order; empty in check mode. Also returned when the task fails because of a check.
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
    name:
      description: The name of the check.
      type: str
      sample: SSH answers
    passed:
      description: Whether the check passed.
      type: bool
      sample: true
    message:
      description: That the check passed, or why it failed, in a sentence.
      type: str
      sample: The exit code is 1, not 0.
    exit_code:
      description: The exit code; null when the script did not end by itself, or when the check passed in an earlier run.
      type: int
      sample: 0
    output:
      description: The end of the output, up to 4000 characters; empty with O(checks[].no_output).
      type: str
      sample: "active\n"
    truncated:
      description: Whether the output was longer.
      type: bool
      sample: false
    code:
      description: The error code of Cloud Assistant; empty when the check passed.
      type: str
      sample: ExitCodeNonzero
checks_passed:
  description: Whether all checks passed; null without checks and in check mode.
  returned: always
  type: bool
  sample: false
agent:
  description: Whether Cloud Assistant has answered from the instance; null when it was not needed.
  returned: always
  type: bool
  sample: true
console_output:
  description: The end of the instance's console output, up to 6000 characters, when a check failed; null otherwise.
  returned: always
  type: str
  sample: "[    0.000000] Linux version 5.15.0\n...\napp-01 login: "
plan:
  description: What was done, or in check mode what would be done.
  returned: success
  type: list
  elements: str
  sample: ['start a verification instance from image m-bp1a2b3c4d5e6f, released after 2h', "run check 'SSH answers'"]
diff:
  description: The instances, and the recorded outcome of their checks, before and afterwards.
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
