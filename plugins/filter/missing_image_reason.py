# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Explains why a job has no image yet."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.plugin_utils._replication import missing_image_reason

DOCUMENTATION = r"""
name: missing_image_reason
short_description: Say why a job has no image yet
version_added: 0.1.0
description:
  - Takes a job that M(cutover.smc.smc_incremental_job_info) has waited for, and says in a few sentences where it is, what SMC reports, and, if the job
    is stalled, the likely cause and the remedy.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The job, as one of RV(cutover.smc.smc_incremental_job_info#module:jobs). An empty dictionary stands for a job that does not exist any more.
    type: dict
    required: true
  job_id:
    description: The ID of the job.
    type: str
    required: true
seealso:
  - module: cutover.smc.smc_incremental_job_info
"""

EXAMPLES = r"""
- name: Fail if the job has no image
  ansible.builtin.fail:
    msg: "{{ read.by_job_id[job_id] | default({}) | cutover.smc.missing_image_reason(job_id) }}"
  when: not read.by_job_id[job_id].reached | default(false)
"""

RETURN = r"""
_value:
  description: The reason, in sentences.
  type: str
  sample: >-
    Job j-bp1a2b3c4d5e6f is Running (Syncing, 42 %). It is stalled, and the likely cause is this: its connector sends no heartbeat. Check that the
    connector runs.
"""


def _missing_image_reason(job: t.Any, job_id: str) -> str:
    if not isinstance(job, Mapping):
        raise AnsibleFilterError("missing_image_reason takes a job as cutover.smc.smc_incremental_job_info returns it")
    return missing_image_reason(job, job_id)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"missing_image_reason": _missing_image_reason}
