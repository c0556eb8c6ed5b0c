# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of every module that waits, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  wait_timeout:
    description: How long to wait at most, such as V(90m) or V(6h). When it is run again, the module continues to wait.
    type: str
    default: 6h
  poll_interval:
    description:
      - Seconds between two polls while waiting.
      - SMC's client reports about every 30 seconds, so more frequent polls show nothing new.
    type: float
    default: 30
"""

    STALLING = r"""
options:
  stall_after:
    description:
      - How long a run may show no progress, neither of its phase nor in percent, before it counts as stalled. The stall is reported with
        its likely cause as a warning, on the progress line and in the result, and again after the same time. V(0s) turns this off.
      - It is measured by SMC's clock. Finding the cause costs one call each time, for all jobs together.
    type: str
    default: 30m
  on_stall:
    description:
      - V(warn) - warn about a stalled run and continue to wait.
      - V(fail) - end the wait for it.
    type: str
    choices: [warn, fail]
    default: warn
"""
