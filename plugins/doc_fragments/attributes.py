# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The attributes that the modules of the collection have in common."""

from __future__ import annotations


class ModuleDocFragment:
    # Every module that runs on the controller: its two execution modes.
    DOCUMENTATION = r"""
attributes:
  action:
    description: Runs inside the controller, without a process of its own, when the task runs on the controller.
    support: full
    details:
      - This requires a local connection and the controller's own interpreter, and neither C(async), C(become) nor C(environment). Otherwise
        the same code runs as an ordinary module, with the same result.
      - The variable C(cutover_in_process) set to V(false) turns this off.
  async:
    description: Supports C(async), and then runs as an ordinary module.
    support: full
"""

    # A module that changes something.
    CHANGING = r"""
attributes:
  check_mode:
    description: Shows in check mode what would be done, and sends no request that changes anything. The result then has C(check_mode=true).
    support: full
  diff_mode:
    description: Returns what has changed, or in check mode what would change.
    support: full
  idempotent:
    description: A second run with the same options changes nothing if nothing else has changed in between.
    support: full
"""

    # A module that only reads.
    READING = r"""
attributes:
  check_mode:
    description: Only reads, so check mode makes no difference.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: N/A
  idempotent:
    description: Changes nothing.
    support: full
"""

    # These are not called VMWARE and ALICLOUD, because Ansible would find the fragments with these names instead.
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
