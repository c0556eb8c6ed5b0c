# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Explains why the newest image of a VM is not verified now."""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.plugin_utils._verification import skip_reason

DOCUMENTATION = r"""
name: verification_skip_reason
short_description: Get the reason why the newest image of a VM is not verified now
version_added: 0.1.0
description:
  - An image is verified once. When an image of a job has passed, newer images are verified on request only, because otherwise each replication run would
    be followed by an instance.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The IDs of the images, oldest first.
    type: list
    elements: str
    required: true
  verified_image:
    description: The image that has been verified before, from the tag C(cutover:verified-image) of the job; an empty string without one.
    type: str
    required: true
  migrated:
    description: Whether the VM has been migrated.
    type: bool
    required: true
  enabled:
    description: Whether verification is enabled.
    type: bool
    required: true
  required_settings:
    description: The vSwitch, the security group and the instance type. Nothing is verified while one of them is empty.
    type: list
    elements: str
    required: true
  force:
    description: Whether to verify the newest image although an image has passed before.
    type: bool
    required: true
seealso:
  - module: cutover.smc.ecs_verification_instance
"""

EXAMPLES = r"""
- name: Show why verification is skipped
  ansible.builtin.debug:
    msg: >-
      {{
        ['m-1', 'm-2'] | cutover.smc.verification_skip_reason(
          verified_image='m-1', migrated=false, enabled=true, required_settings=['vsw-1', 'sg-1', 'ecs.c7.large'], force=false)
      }}
  # => image m-1 has passed; verify_image_force: true verifies the newest one, m-2
"""

RETURN = r"""
_value:
  description: The reason; an empty string when the newest image must be verified.
  type: str
  sample: it has no image yet
"""


def verification_skip_reason(
    images: t.Any, verified_image: str, migrated: bool, enabled: bool, required_settings: t.Any, force: bool
) -> str:
    return skip_reason(
        images[-1] if images else "",
        verified_image,
        migrated=migrated,
        enabled=enabled,
        configured=all(required_settings),
        force=force,
    )


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"verification_skip_reason": verification_skip_reason}
