# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all rules find about a VM: its concerns, and what blocks a change of its CBT (pure; private to the collection)."""

from __future__ import annotations

import typing as t

from ansible_collections.cutover.smc.plugins.module_utils._concerns.cbt import (
    CBT_DISK_RULES,
    CBT_VM_RULES,
    SNAPSHOTS,
    SYNC,
    snapshot_names,
    sync_names,
)
from ansible_collections.cutover.smc.plugins.module_utils._concerns.esxi_bugs import ESXI_BUG_RULES
from ansible_collections.cutover.smc.plugins.module_utils._concerns.rules import (
    BLOCKER,
    NOTE,
    WARNING,
    Concern,
    Rule,
)
from ansible_collections.cutover.smc.plugins.module_utils._concerns.smc import SMC_DISK_RULES, SMC_VM_RULES
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import DiskFacts, VmFacts

VM_RULES: tuple[Rule[VmFacts], ...] = (*CBT_VM_RULES, *ESXI_BUG_RULES, *SMC_VM_RULES)
DISK_RULES: tuple[Rule[DiskFacts], ...] = (*CBT_DISK_RULES, *SMC_DISK_RULES)

#: The IDs of all rules, which waivers may name.
RULE_IDS = frozenset([rule.id for rule in VM_RULES] + [rule.id for rule in DISK_RULES])

#: The rules that block nothing where ``vmware_cbt`` may remove snapshots.
REMOVABLE = frozenset(("snapshots", "consolidation_needed"))


def concerns(facts: VmFacts, skip: frozenset[int] = frozenset()) -> list[Concern]:
    """Everything that the rules find, the most severe first. Skipped disks are not checked."""
    found = [Concern(rule, facts.name, message) for rule in VM_RULES for message in [rule.when(facts)] if message]
    found += [
        Concern(rule, str(disk), message, disk)
        for disk in facts.disks
        if disk.key not in skip
        for rule in DISK_RULES
        for message in [rule.when(disk)]
        if message
    ]
    return sorted(found, key=lambda concern: (BLOCKER, WARNING, NOTE).index(concern.severity))


def refusals(
    facts: VmFacts,
    state: str,
    skip: frozenset[int] = frozenset(),
    removing: bool = False,
    waived: t.Container[str] = (),
) -> list[Concern]:
    """What blocks bringing the VM's CBT into a state now.

    :param removing: the VM's snapshots may be removed, so that they block nothing
    :param waived: the IDs of waived rules; a rule that is not waivable blocks all the same
    """
    return [
        concern
        for concern in _concerns_of_change(facts, skip)
        if state in concern.rule.blocks
        and not (removing and concern.id in REMOVABLE)
        and (concern.id not in waived or not concern.rule.waivable)
    ]


def _concerns_of_change(facts: VmFacts, skip: frozenset[int]) -> list[Concern]:
    """The concerns, and the snapshots also where they block only a change and not the present state."""
    found = concerns(facts, skip)
    known = {concern.id for concern in found}
    extra = [
        Concern(rule, facts.name, message)
        for rule, message in ((SNAPSHOTS, snapshot_names(facts)), (SYNC, sync_names(facts)))
        if message and rule.id not in known
    ]
    return extra + found
