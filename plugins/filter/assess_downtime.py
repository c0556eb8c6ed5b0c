# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Assesses what a job's history foretells of a cut-over's downtime against what may be spent."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.plugin_utils._downtime import assess

DOCUMENTATION = r"""
name: assess_downtime
short_description: Compare the forecast of a cut-over's downtime with a budget
version_added: 0.1.0
description:
  - A VM that is cut over is down for as long as its last incremental run takes. What the earlier runs foretell of it, which
    M(cutover.smc.smc_incremental_job_info) returns for each job, is compared with what may be spent. It fits when nine runs of ten would.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The C(forecast) of a job in RV(cutover.smc.smc_incremental_job_info#module:jobs), or an empty dictionary.
    type: dict
    required: true
  budget:
    description: A duration such as V(15m), or an empty string for none.
    type: str
    required: true
  interval:
    description: The interval of the job, for the advice.
    type: str
seealso:
  - module: cutover.smc.smc_incremental_job_info
  - plugin: cutover.smc.measure_downtime
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Stop when the last run would take too long
  ansible.builtin.assert:
    that: assessment.fits
    fail_msg: "{{ assessment.message }} {{ assessment.remedy }}"
  vars:
    assessment: "{{ found.jobs[0].forecast | cutover.smc.assess_downtime('15m', found.jobs[0].interval) }}"
"""

RETURN = r"""
_value:
  description: What is to be said of it.
  type: dict
  contains:
    fits:
      description: Whether it fits; null without a budget, and when nothing can be foretold.
      type: bool
      sample: false
    message:
      description: Forecast and budget in a sentence.
      type: str
      sample: The last 9 incremental runs took 11m in the median, and nine of ten at most 19m. The budget is 15m.
    remedy:
      description: What would make it fit, or nothing.
      type: str
      sample: >-
        A shorter interval (replicate_interval, now 24h) leaves each run less to copy; half of the runs would have fitted, so that quiet hours, in
        which less is written, may do; a budget of 19m would fit. Or say cut_over_ignore_max_downtime: true.
    budget:
      description: The budget in seconds.
      type: int
      sample: 900
    median:
      description: How long a run takes in the median, in seconds.
      type: int
      sample: 660
    percentile_90:
      description: How long nine runs of ten take at most, in seconds.
      type: int
      sample: 1140
"""


def assess_downtime(forecast: t.Any, budget: str, interval: t.Optional[str] = None) -> dict[str, t.Any]:
    if not isinstance(forecast, Mapping):
        raise AnsibleFilterError(
            "assess_downtime takes the forecast of a job as cutover.smc.smc_incremental_job_info returns it"
        )
    try:
        return assess(forecast, budget, interval)
    except InvalidOptionError as failure:
        raise AnsibleFilterError("assess_downtime: %s" % failure) from failure


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"assess_downtime": assess_downtime}
