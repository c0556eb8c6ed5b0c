# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares the estimated downtime of a cut-over with its limit."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.plugin_utils._downtime import assess

DOCUMENTATION = r"""
name: assess_downtime
short_description: Compare the estimated downtime of a cut-over with its limit
version_added: 0.1.0
description:
  - During its cut-over, a VM is down for as long as the final incremental run takes. M(cutover.smc.smc_incremental_job_info) estimates that
    for each job from the earlier runs. The filter compares the estimate with a limit. The estimate fits if nine of ten runs would fit.
author:
  - The cutover.smc contributors (@cutover-smc)
options:
  _input:
    description: The C(forecast) of a job in RV(cutover.smc.smc_incremental_job_info#module:jobs), or an empty dictionary.
    type: dict
    required: true
  limit:
    description: A duration such as V(15m), or an empty string for no limit.
    type: str
    required: true
  interval:
    description: The interval of the job, for the remedy.
    type: str
seealso:
  - module: cutover.smc.smc_incremental_job_info
  - plugin: cutover.smc.measure_downtime
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Fail if the final run would take too long
  ansible.builtin.assert:
    that: assessment.fits
    fail_msg: "{{ assessment.message }} {{ assessment.remedy }}"
  vars:
    assessment: "{{ found.jobs[0].forecast | cutover.smc.assess_downtime('15m', found.jobs[0].interval) }}"
"""

RETURN = r"""
_value:
  description: The result of the comparison.
  type: dict
  contains:
    fits:
      description: Whether the estimate fits the limit. Null without a limit or without an estimate.
      type: bool
      sample: false
    message:
      description: The estimate and the limit in one sentence.
      type: str
      sample: The last 9 incremental runs took 11m in the median, and nine of ten at most 19m. The limit is 15m.
    remedy:
      description: What would make it fit. Empty if it fits.
      type: str
      sample: >-
        Set a shorter interval (replicate_interval, now 1d), so that each run copies less. Or cut over in quiet hours, when less is written, which may
        be enough, because half of the runs would have fitted. Or set the limit to 19m. Or set cut_over_ignore_max_downtime: true.
    limit:
      description: The limit in seconds.
      type: int
      sample: 900
    median:
      description: The median duration of a run, in seconds.
      type: int
      sample: 660
    percentile_90:
      description: The maximum duration of nine of ten runs, in seconds.
      type: int
      sample: 1140
"""


def assess_downtime(forecast: t.Any, limit: str, interval: t.Optional[str] = None) -> dict[str, t.Any]:
    if not isinstance(forecast, Mapping):
        raise AnsibleFilterError(
            "assess_downtime needs the forecast of a job as cutover.smc.smc_incremental_job_info returns it"
        )
    try:
        return assess(forecast, limit, interval)
    except InvalidOptionError as failure:
        raise AnsibleFilterError(f"assess_downtime: {failure}") from failure


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"assess_downtime": assess_downtime}
