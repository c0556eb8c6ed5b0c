#!/usr/bin/python

# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A VM that is shut down through its guest, on, or as it was before."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vmware_guest_power
short_description: Shut a VMware VM down through its guest, and bring it back as it was
version_added: 0.1.0
description:
  - Asks a VM's guest to shut down, by VMware Tools, and waits for it for a limited time. The power is never cut unless
    O(shutdown_fallback=force) says so.
  - A VM that was on keeps the note C(cutover.smc.shutDown) in its advanced configuration from before it is shut down until it is on
    again, so that O(state=restored) can tell it from one that was off before, also after a run that was killed. A VM without that note is
    left as it is by O(state=restored).
  - The role C(cut_over) uses it where C(cut_over_stop_method=guest_shutdown), and C(roll_back) to undo that.
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.attributes
  - cutover.smc.attributes.changing
  - cutover.smc.attributes.vmware_group
  - cutover.smc.vmware
  - cutover.smc.vmware.vm
options:
  state:
    description:
      - V(shut_down) has the VM off, and notes in it when it was on before.
      - V(running) has it on, whoever switched it off, and without the note.
      - V(restored) powers it on when the note says that this module shut it down, and removes the note. Otherwise it does nothing.
    type: str
    choices: [running, shut_down, restored]
    required: true
  wait:
    description:
      - Whether to wait until the VM is off.
      - Without, its guest is only asked, so that many VMs can go down at the same time. A later run with O(wait=true) waits, and does what
        O(shutdown_fallback) says.
    type: bool
    default: true
  shutdown_timeout:
    description:
      - How long to wait for the guest to shut down, such as V(5m).
    type: str
    default: 5m
  shutdown_fallback:
    description:
      - What to do when the guest does not shut down in time, or has no VMware Tools.
      - V(fail) leaves the VM on and fails. A guest that was asked may still go down later; see O(settle_time).
      - V(force) cuts the power. What the guest had not written to its disks is lost.
    type: str
    choices: [fail, force]
    default: fail
  settle_time:
    description:
      - How long O(state=restored) and O(state=running) watch a VM that is on though it was asked to shut down. Should it go down late, it is powered on again.
    type: str
    default: 2m
  timeout:
    description:
      - How long one task of vCenter may take, and how long to wait for another task to leave the VM, such as V(30m).
    type: str
    default: 30m
notes:
  - Needs the privileges C(System.Read), C(VirtualMachine.Interact.PowerOff), C(VirtualMachine.Interact.PowerOn) and
    C(VirtualMachine.Config.AdvancedConfig). Those that the plan needs are looked at before anything is done.
seealso:
  - module: cutover.smc.vmware_cbt
"""

EXAMPLES = r"""
- name: Shut a VM down through its guest
  cutover.smc.vmware_guest_power:
    name: app-01
    state: shut_down
    shutdown_timeout: 10m

- name: Restore the power state from before
  cutover.smc.vmware_guest_power:
    name: app-01
    state: restored

- name: Request the shutdown of many VMs at the same time
  cutover.smc.vmware_guest_power:
    name: "{{ inventory_hostname }}"
    state: shut_down
    wait: false
  delegate_to: localhost

- name: Wait for them
  cutover.smc.vmware_guest_power:
    name: "{{ inventory_hostname }}"
    state: shut_down
  delegate_to: localhost

- name: Show what would be done
  cutover.smc.vmware_guest_power:
    uuid: 50290f9c-5a2c-4d62-8a9c-0f3f6ad0f0d2
    state: running
  check_mode: true
  diff: true
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be done, step by step.
  returned: always
  type: list
  elements: str
  sample:
    - note in app-01 that it is on and to be shut down
    - shut down app-01
powered_on:
  description: Whether the VM was powered on by this run, or in check mode would be.
  returned: success
  type: bool
  sample: false
diff:
  description: The power and the note before and after.
  returned: success
  type: dict
  sample:
    before: {power_state: "on", shut_down_here: false}
    after: {power_state: "off", shut_down_here: true}
vm:
  description: The VM as it is now.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: app-01
    moid:
      description: Its managed object id.
      type: str
      sample: vm-42
    uuid:
      description: Its instance UUID.
      type: str
      sample: 50290f9c-5a2c-4d62-8a9c-0f3f6ad0f0d2
    power_state:
      description: V(on), V(off) or V(suspended).
      type: str
      sample: "off"
    tools_running:
      description: Whether VMware Tools run in its guest.
      type: bool
      sample: false
    shut_down_here:
      description: Whether the note says that this module shut it down.
      type: bool
      sample: true
error:
  description: What failed, in parts.
  returned: failure
  type: dict
  sample:
    kind: PreconditionError
    code: GuestShutdown
    message: The guest of app-01 did not shut down within 300 seconds
    remedy: >-
      Shut it down from inside, raise 'shutdown_timeout', or say shutdown_fallback: force, which cuts its power. It may still go down later; state:
      restored then powers it on again
"""

from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._guest_power.reconciler import run
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import (
    CONNECTION_RULES,
    REQUIRES,
    connection_spec,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.inventory import SELECTION_RULES, selection_spec

MODULE = ModuleDefinition(
    argument_spec=dict(
        connection_spec(),
        **selection_spec(),
        state={"type": "str", "choices": ["running", "shut_down", "restored"], "required": True},
        wait={"type": "bool", "default": True},
        shutdown_timeout={"type": "str", "default": "5m"},
        shutdown_fallback={"type": "str", "choices": ["fail", "force"], "default": "fail"},
        settle_time={"type": "str", "default": "2m"},
        timeout={"type": "str", "default": "30m"},
    ),
    handler=run,
    required_libraries=REQUIRES,
    argument_rules=dict(CONNECTION_RULES, **SELECTION_RULES),
)


def main() -> None:
    run_as_module(MODULE)


if __name__ == "__main__":
    main()
