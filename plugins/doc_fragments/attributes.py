# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The attributes of the modules of the collection, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    # Every module: both execution modes.
    DOCUMENTATION = r"""
attributes:
  action:
    description: Runs inside the controller, without a separate process, if the task runs on the controller.
    support: full
    details:
      - This requires a local connection, the interpreter of the controller, and a task without C(async), C(become) and C(environment).
        Otherwise the same code runs as an ordinary module, with the same result.
      - Set the variable C(cutover_in_process) to V(false) to disable it.
  async:
    description: Can be run with C(async). It then runs as an ordinary module.
    support: full
"""

    # A module that changes something.
    CHANGING = r"""
attributes:
  check_mode:
    description: Returns in check mode what it would do, and sends no request that changes anything. The result then has C(check_mode=true).
    support: full
  diff_mode:
    description: Returns what changed, or in check mode what would change.
    support: full
  idempotent:
    description: A second run with the same options changes nothing, if nothing else was changed in between.
    support: full
"""

    # A module that only reads.
    READING = r"""
attributes:
  check_mode:
    description: Only reads. Check mode makes no difference.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
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
