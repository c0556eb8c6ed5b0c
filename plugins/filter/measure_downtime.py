# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures the downtime of a finished cut-over, and compares it with the estimate."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.plugin_utils._downtime import measure

DOCUMENTATION = r"""
name: measure_downtime
short_description: Measure the downtime of a finished cut-over
version_added: 0.1.0
description:
  - Calculates the time from the stop of the services until the final image existed, and until the job was Finished, by SMC's clock.
  - Compares it with the estimate of P(cutover.smc.assess_downtime#filter).
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The result of P(cutover.smc.assess_downtime#filter) before the cut-over, or an empty dictionary.
    type: dict
    required: true
  services_stopped_at:
    description: The time at which the services had stopped.
    type: str
    required: true
  image_at:
    description: The time at which the final run ended. Empty if it is not known.
    type: str
    required: true
  finished_at:
    description: The time at which the job was Finished. Empty if it is not known.
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
  description: The measured downtime and the estimate. Durations are in seconds.
  type: dict
  sample:
    services_stopped_at: "2026-11-23T13:01:10Z"
    image_at: "2026-11-23T13:04:45Z"
    finished_at: "2026-11-23T13:06:02Z"
    seconds_to_image: 215
    seconds_to_finished: 292
    median: 190
    percentile_90: 240
    limit: 900
    within_forecast: true
    within_limit: true
    message: >-
      The final image existed 3m35s after the services had stopped, and the job was Finished after 4m52s; the estimate was 3m10s in the median
      and at most 4m; the limit of 15m was kept.
"""


def measure_downtime(
    assessment: t.Any, services_stopped_at: t.Any, image_at: t.Any, finished_at: t.Any
) -> dict[str, t.Any]:
    if not isinstance(assessment, Mapping):
        raise AnsibleFilterError("measure_downtime needs the result of the filter cutover.smc.assess_downtime")
    try:
        return measure(assessment, services_stopped_at, image_at, finished_at)
    except InvalidOptionError as failure:
        raise AnsibleFilterError(f"measure_downtime: {failure}") from failure


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"measure_downtime": measure_downtime}
