# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module cutover.smc.migration_info inside the controller."""

from __future__ import annotations

from ansible_collections.cutover.smc.plugins.modules.migration_info import MODULE
from ansible_collections.cutover.smc.plugins.plugin_utils._in_process import in_process

ActionModule = in_process(MODULE)
