# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells how long a VM was down for its cut-over, against what had been foretold."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.plugin_utils._downtime import measure

DOCUMENTATION = r"""
name: measure_downtime
short_description: Tell how long a VM was down for its cut-over
version_added: 0.1.0
description:
  - Reckons how long it took from the stop of the services until the final image was there, and until the job was Finished, by the cloud's clock,
    and compares it with what P(cutover.smc.assess_downtime#filter) had said before.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: What P(cutover.smc.assess_downtime#filter) returned, or an empty dictionary.
    type: dict
    required: true
  services_stopped_at:
    description: When the services had stopped.
    type: str
    required: true
  image_at:
    description: When the final run ended. When it is empty, it is not known.
    type: str
    required: true
  finished_at:
    description: When the job was Finished. When it is empty, it is not known.
    type: str
    required: true
seealso:
  - plugin: cutover.smc.assess_downtime
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the measured downtime
  ansible.builtin.debug:
    msg: "{{ (assessment | cutover.smc.measure_downtime(evidence.services_stopped_at, evidence.run_ended_at, done.job.ended_at)).message }}"
"""

RETURN = r"""
_value:
  description: What it was, and what had been foretold; lengths are in seconds.
  type: dict
  sample:
    services_stopped_at: "2026-11-23T13:01:10Z"
    image_at: "2026-11-23T13:04:45Z"
    finished_at: "2026-11-23T13:06:02Z"
    seconds_to_image: 215
    seconds_to_finished: 292
    median: 190
    percentile_90: 240
    budget: 900
    within_forecast: true
    within_budget: true
    message: >-
      The final image was there 3m35s after the services had stopped, and the job Finished after 4m52s; foretold were 3m10s in the median and at
      most 4m; the budget of 15m was kept.
"""


def measure_downtime(
    assessment: t.Any, services_stopped_at: t.Any, image_at: t.Any, finished_at: t.Any
) -> dict[str, t.Any]:
    if not isinstance(assessment, Mapping):
        raise AnsibleFilterError("measure_downtime takes what the filter cutover.smc.assess_downtime returned")
    try:
        return measure(assessment, services_stopped_at, image_at, finished_at)
    except InvalidOptionError as failure:
        raise AnsibleFilterError("measure_downtime: %s" % failure) from failure


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"measure_downtime": measure_downtime}
