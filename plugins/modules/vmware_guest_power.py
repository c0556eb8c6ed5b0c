#!/usr/bin/python

# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shuts down a VM through its guest OS, powers it on, or restores its power state."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vmware_guest_power
short_description: Shut down a VMware VM through its guest OS, and restore its power state
version_added: 0.1.0
description:
  - Asks the guest OS of a VM to shut down, with VMware Tools, and waits for a limited time. The power is cut only with
    O(shutdown_fallback=force).
  - A VM that was on has the marker C(cutover.smc.shutDown) in its advanced configuration from before the shutdown until it is on
    again. So O(state=restored) can distinguish it from a VM that was off before, even after a killed run. A VM without the marker is
    not changed by O(state=restored).
  - The role C(cut_over) uses it with C(cut_over_stop_method=guest_shutdown), and C(roll_back) to undo that.
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.attributes
  - cutover.smc.attributes.changing
  - cutover.smc.attributes.vmware_group
  - cutover.smc.vmware
  - cutover.smc.vmware.vm
  - cutover.smc.vmware.power
  - cutover.smc.vmware.tasks
options:
  state:
    description:
      - V(shut_down) ensures that the VM is off, and marks a VM that was on before.
      - V(running) ensures that it is on and has no marker, whatever powered it off.
      - V(restored) powers it on if the marker shows that this module shut it down, and removes the marker. Otherwise it does nothing.
    type: str
    choices: [running, shut_down, restored]
    required: true
  wait:
    description:
      - Whether to wait until the VM is off.
      - With V(false), the guest OS is only asked to shut down, so that many VMs can shut down at the same time. A later run with O(wait=true)
        waits, and applies O(shutdown_fallback).
    type: bool
    default: true
  settle_time:
    description:
      - How long O(state=restored) and O(state=running) watch a VM that is on although it was asked to shut down. If it shuts down late, it is
        powered on again.
    type: str
    default: 2m
notes:
  - Needs the privileges C(System.Read), C(VirtualMachine.Interact.PowerOff), C(VirtualMachine.Interact.PowerOn) and
    C(VirtualMachine.Config.AdvancedConfig). The module checks those that the plan needs before it changes anything.
seealso:
  - module: cutover.smc.vmware_cbt
"""

EXAMPLES = r"""
- name: Shut down a VM through its guest OS
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

- name: Wait until they are off
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
  description: The steps that were done, or in check mode would be done.
  returned: always
  type: list
  elements: str
  sample:
    - mark app-01 as shut down by this module
    - shut down app-01
powered_on:
  description: Whether the VM was powered on by this run, or in check mode would be.
  returned: success
  type: bool
  sample: false
diff:
  description: The power state and the marker before and after.
  returned: success
  type: dict
  sample:
    before: {power_state: "on", shut_down_here: false}
    after: {power_state: "off", shut_down_here: true}
vm:
  description: The VM after the task.
  returned: success
  type: dict
  contains:
    name:
      description: The name.
      type: str
      sample: app-01
    moid:
      description: The managed object ID.
      type: str
      sample: vm-42
    uuid:
      description: The instance UUID.
      type: str
      sample: 50290f9c-5a2c-4d62-8a9c-0f3f6ad0f0d2
    power_state:
      description: V(on), V(off) or V(suspended).
      type: str
      sample: "off"
    tools_running:
      description: Whether VMware Tools is running in its guest OS.
      type: bool
      sample: false
    shut_down_here:
      description: Whether the marker shows that this module shut it down.
      type: bool
      sample: true
error:
  description: What failed, in parts.
  returned: failure
  type: dict
  sample:
    kind: precondition
    code: GuestShutdown
    message: The guest OS of app-01 did not shut down within 5m
    remedy: >-
      Shut it down from inside, increase shutdown_timeout, or set shutdown_fallback: force, which cuts its power. It may still shut down
      later; state: restored then powers it on again
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
