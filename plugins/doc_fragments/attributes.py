# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of the collection can do besides their options, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    # Every module: both ways to run.
    DOCUMENTATION = r"""
attributes:
  action:
    description: Runs inside the controller, without a process of its own, when the task is for the controller itself.
    support: full
    details:
      - It does when the connection is local, the interpreter is the controller's, and neither C(async), C(become) nor C(environment)
        is used. Otherwise the same code runs as an ordinary module, with the same result.
      - The variable C(cutover_in_process) set to V(false) turns it off.
  async:
    description: Can be run with C(async); it then runs as an ordinary module.
    support: full
"""

    # A module that changes something.
    CHANGING = r"""
attributes:
  check_mode:
    description: Tells in check mode what it would do, and calls nothing that changes anything. The result then has C(check_mode=true).
    support: full
  diff_mode:
    description: Returns what changed, or in check mode what would change.
    support: full
  idempotent:
    description: Run again with the same options and no change in between, it changes nothing.
    support: full
"""

    # A module that only reads.
    READING = r"""
attributes:
  check_mode:
    description: Reads only, so that check mode makes no difference.
    support: full
  diff_mode:
    description: Changes nothing, so that there is no difference to show.
    support: N/A
  idempotent:
    description: Changes nothing.
    support: full
"""

    # Not VMWARE and ALICLOUD: Ansible would find the fragments of these names instead.
    VMWARE_GROUP = r"""
attributes:
  action_group:
    description: Use C(group/cutover.smc.vmware) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - cutover.smc.vmware
"""

    ALICLOUD_GROUP = r"""
attributes:
  action_group:
    description: Use C(group/cutover.smc.alicloud) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - cutover.smc.alicloud
"""
