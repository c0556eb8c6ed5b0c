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
