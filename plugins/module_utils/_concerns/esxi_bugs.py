# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bugs of ESXi that make changed block tracking lie, as rules by version and build (pure; private to the collection).

Only what its vendor's article could be read for is listed.
"""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._concerns.rules import WARNING, VmRule
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
    return (
        f"on ESXi {facts.esxi_version}, changes are lost once a tracked disk has grown past 128 GiB: {', '.join(large)}"
    )


def _consolidation(facts: VmFacts) -> t.Optional[str]:
    build = int(facts.esxi_build) if facts.esxi_build.isdigit() else 0
    if release_of(facts.esxi_version) != (6, 0) or build >= _CONSOLIDATION_FIXED_BUILD:
        return None
    return f"on ESXi {facts.esxi_version} build {facts.esxi_build or 'unknown'}, changes during a snapshot's removal are lost"


CBT_BUG_RULES: tuple[VmRule, ...] = (
    VmRule(
        "cbt_bug_grown_disk",
        WARNING,
        _grown_disk,
        "Update ESXi, then begin tracking anew (state: reset); for ESXi 4 there is no fix",
        "Broadcom KB 310751 (old 2090639)",
        _CHECKED,
    ),
    VmRule(
        "cbt_bug_consolidation",
        WARNING,
        _consolidation,
        "Update ESXi to patch ESXi600-201511001 or later, then begin tracking anew (state: reset)",
        "Broadcom KB 317933 (old 2136854)",
        _CHECKED,
    ),
)
