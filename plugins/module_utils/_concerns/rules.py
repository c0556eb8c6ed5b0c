# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rule and a concern are (pure; private to the collection).

A rule is an id, a severity, a small pure condition and a remedy. The condition checks a VM or one of its disks
and returns what it finds, or nothing. A finding of a rule is a concern.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import DiskFacts, VmFacts

BLOCKER, WARNING, NOTE = "blocker", "warning", "note"

ALL_STATES = frozenset(("enabled", "disabled", "reset"))
TRACKING_STATES = frozenset(("enabled", "reset"))

Subject = t.TypeVar("Subject", VmFacts, DiskFacts)


class Rule(t.Generic[Subject]):
    """A rule about a VM (``Rule[VmFacts]``) or about each of its disks (``Rule[DiskFacts]``).

    :ivar id: the name of the rule, for waivers and playbooks
    :ivar severity: ``blocker``, ``warning`` or ``note``
    :ivar when: returns what it finds, as a clause about "it", or None
    :ivar remedy: what the user should do, an imperative sentence without a period
    :ivar source: where the rule comes from
    :ivar checked: the date on which the source was last read
    :ivar blocks: the states that ``vmware_cbt`` refuses to bring about while the rule finds something
    :ivar waivable: whether a waiver lets ``vmware_cbt`` continue; not where vSphere would refuse it or increments would be wrong
    """

    when: t.Callable[[Subject], t.Optional[str]]

    def __init__(
        self,
        *,
        id: str,  # noqa: A002 (the name in results)
        severity: str,
        when: t.Callable[[Subject], t.Optional[str]],
        remedy: str,
        source: str,
        checked: str,
        blocks: frozenset[str] = frozenset(),
        waivable: bool = True,
    ) -> None:
        self.id = id
        self.severity = severity
        self.when = when
        self.remedy = remedy
        self.source = source
        self.checked = checked
        self.blocks = blocks
        self.waivable = waivable


AnyRule = t.Union[Rule[VmFacts], Rule[DiskFacts]]


@dataclass(frozen=True)
class Concern:
    """What a rule finds about a VM, or about one of its disks.

    :ivar subject: the name of the VM or disk
    """

    rule: AnyRule
    subject: str
    message: str
    disk: t.Optional[DiskFacts] = None

    @property
    def id(self) -> str:
        return self.rule.id

    @property
    def severity(self) -> str:
        return self.rule.severity

    @property
    def remedy(self) -> str:
        return self.rule.remedy

    def as_result(self) -> dict[str, t.Any]:
        """The concern as the modules return it."""
        return {
            "id": self.id,
            "severity": self.severity,
            "subject": self.subject,
            "disk": self.disk.key if self.disk else None,
            "message": self.message,
            "remedy": self.remedy,
            "source": self.rule.source,
            "checked": self.rule.checked,
            "waived": None,
        }

    def __str__(self) -> str:
        return f"{self.subject}: {self.message}"
