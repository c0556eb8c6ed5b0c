# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Formats the results of the checks of an image."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.plugin_utils._verification import verification_report as report_of

DOCUMENTATION = r"""
name: verification_report
short_description: Show the results of the checks of an image
version_added: 0.1.0
description:
  - Formats the result of M(cutover.smc.ecs_verification_instance) for people - a line for each check, and the end of its output and of the console output
    when it failed. In check mode it shows what would be done.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The registered result of M(cutover.smc.ecs_verification_instance). A skipped result is allowed.
    type: dict
    required: true
  vm:
    description: The name of the VM.
    type: str
    required: true
  keep_failed:
    description: Whether an instance is kept when a check failed on it.
    type: bool
    required: true
seealso:
  - module: cutover.smc.ecs_verification_instance
"""

EXAMPLES = r"""
- name: Show the results of the checks
  ansible.builtin.debug:
    msg: "{{ (verification | cutover.smc.verification_report('app-01', keep_failed=false)).lines }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    lines:
      description: The lines to show; none without checks.
      type: list
      elements: str
      sample: ['app-01: passed: SSH answers', 'app-01: FAILED: the data disk is mounted: The exit code is 1, not 0.']
    failed:
      description: The names of the checks that failed.
      type: list
      elements: str
      sample: [the data disk is mounted]
    message:
      description: The message of the failure; an empty string when no check failed.
      type: str
      sample: >-
        app-01: image m-bp1a2b3c4d5e6f has not passed its checks: the data disk is mounted. The instance is released. To keep it for examination, set
        verify_image_keep_failed.
"""


def verification_report(started: t.Any, vm: str, keep_failed: bool) -> dict[str, t.Any]:
    if not isinstance(started, Mapping):
        raise AnsibleFilterError(
            "verification_report requires the registered result of cutover.smc.ecs_verification_instance"
        )
    return report_of(vm, started, keep_failed=keep_failed)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"verification_report": verification_report}
