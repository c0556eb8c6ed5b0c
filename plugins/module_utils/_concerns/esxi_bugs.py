# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bugs of ESXi that make changed block tracking report wrong changes, as rules by version and build (pure; private to the collection).

Only bugs whose vendor article could be read are listed.
"""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._concerns.rules import WARNING, Rule
from ansible_collections.cutover.smc.plugins.module_utils._concerns.smc import release_of
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import VmFacts

_CHECKED = "2026-11-22"
_GROWN_BYTES = 128 << 30
#: The build of patch ESXi600-201511001.
_CONSOLIDATION_FIXED_BUILD = 3247720


def _grown_disk(facts: VmFacts) -> t.Optional[str]:
    release = release_of(facts.esxi_version)
    large = [str(disk) for disk in facts.disks if disk.size_bytes > _GROWN_BYTES]
    if not release or not (4, 0) <= release <= (5, 5) or not large:
        return None
    return f"on ESXi {facts.esxi_version}, changes are lost after a tracked disk has grown beyond 128 GiB: {', '.join(large)}"


def _consolidation(facts: VmFacts) -> t.Optional[str]:
    build = int(facts.esxi_build) if facts.esxi_build.isdigit() else 0
    if release_of(facts.esxi_version) != (6, 0) or build >= _CONSOLIDATION_FIXED_BUILD:
        return None
    build_name = facts.esxi_build or "unknown"
    return f"on ESXi {facts.esxi_version} build {build_name}, changes are lost while a snapshot is removed"


ESXI_BUG_RULES: tuple[Rule[VmFacts], ...] = (
    Rule(
        id="cbt_bug_grown_disk",
        severity=WARNING,
        when=_grown_disk,
        remedy="Update ESXi, then restart tracking (state: reset); for ESXi 4 there is no fix",
        source="Broadcom KB 310751 (old 2090639)",
        checked=_CHECKED,
    ),
    Rule(
        id="cbt_bug_consolidation",
        severity=WARNING,
        when=_consolidation,
        remedy="Update ESXi to patch ESXi600-201511001 or later, then restart tracking (state: reset)",
        source="Broadcom KB 317933 (old 2136854)",
        checked=_CHECKED,
    ),
)
