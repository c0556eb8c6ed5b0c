# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long and how often a module looks while it waits, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  wait_timeout:
    description: How long to wait at most, such as V(90m) or V(6h). Run again, the module goes on waiting where it was.
    type: str
    default: 6h
  poll_interval:
    description:
      - Seconds between two looks while waiting.
      - SMC's client reports about every 30 seconds, so that looking more often shows nothing new.
    type: float
    default: 30
"""

    STALLING = r"""
options:
  stall_after:
    description:
      - How long a run may show no progress, neither of its phase nor in percent, before that is told with its likely cause, as a
        warning, on the progress line and in the result, and again after as long. V(0s) never tells.
      - It is measured by the cloud's clock. Finding the cause costs one call each time, for all jobs together.
    type: str
    default: 30m
  on_stall:
    description:
      - V(warn) - a run without progress is told and waited for.
      - V(fail) - the wait for it ends.
    type: str
    choices: [warn, fail]
    default: warn
"""
