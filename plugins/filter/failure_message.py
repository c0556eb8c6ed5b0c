# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the message about a failed task."""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.plugin_utils._failures import failure_message

DOCUMENTATION = r"""
name: failure_message
short_description: Say why a task failed
version_added: 0.1.0
description:
  - Takes the result of a failed task, such as C(ansible_failed_result) in a C(rescue) section, and returns the reason as one sentence on one line.
  - Works for a module, for a loop, of which each different reason is named once, for a program, whose last line of output is the reason, and for
    a task file that Ansible could not load, whose result has a C(reason) instead of a C(msg).
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The result of the task.
    type: dict
    required: true
  default:
    description: What to say if the result holds no reason.
    type: str
    default: The task failed without a message
seealso:
  - plugin: cutover.smc.measure_downtime
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show why the application did not stop
  ansible.builtin.debug:
    msg: "{{ ansible_failed_result | default({}) | cutover.smc.failure_message }}"
"""

RETURN = r"""
_value:
  description: The reason, a sentence.
  type: str
  sample: "non-zero return code: app.service: Unit not found."
"""


def _failure_message(result: t.Any, default: str = "The task failed without a message") -> str:
    return failure_message(result, default)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"failure_message": _failure_message}
