# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation of cutover.smc.check_hooks, which is an action plugin alone: the files that it reads are on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: check_hooks
short_description: Check task files before a cut-over depends on them
version_added: 0.1.0
description:
  - Reads task files of the user ("hooks") with Ansible's own parser, as an include by this task would, and runs nothing of them.
  - Ansible ends the whole run, for all hosts, at a task file that it cannot parse. During a cut-over that would leave services stopped.
  - Fails if a file does not exist, is not a list of tasks, names a module, role or handler that does not exist, or would end the host or the play
    with C(ansible.builtin.meta). Files that a hook imports, or includes by a name beside it, are checked too.
  - A file whose name is a template is checked only when it is included. The same applies to a role that a hook includes, and to the handlers that the
    tasks of that hook notify, because the role may bring them.
author:
  - The cutover.smc contributors (@cutover-smc)
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
options:
  hooks:
    description:
      - The absolute path of each task file on the controller, by the name of the variable that holds it, which a failure names.
      - An empty path stands for a hook that is not used.
    type: dict
    required: true
seealso:
  - module: ansible.builtin.include_tasks
notes:
  - Runs on the controller only. The connection of the host is not used.
"""

EXAMPLES = r"""
- name: Check the hooks of the cut-over
  cutover.smc.check_hooks:
    hooks:
      cut_over_stop_services_tasks: "{{ inventory_dir }}/hooks/stop_services.yml"
      roll_back_start_services_tasks: "{{ inventory_dir }}/hooks/start_services.yml"
"""

RETURN = r"""
hooks:
  description: The task files that were checked, by the name of their variable.
  returned: always
  type: dict
  sample:
    cut_over_stop_services_tasks: /srv/migration/hooks/stop_services.yml
"""
