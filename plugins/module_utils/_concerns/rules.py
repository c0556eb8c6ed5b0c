# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rule about a VM is, what it finds, and how a finding is waived: by its id, for a reason, until a date.

A rule is an id, a severity, a small pure condition and a remedy. The condition looks at a VM or at one of its disks
and answers with the finding, or with nothing. (Pure; private to the collection.)
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import DiskFacts, VmFacts

BLOCKER, WARNING, NOTE = "blocker", "warning", "note"

ALL_STATES = frozenset(("enabled", "disabled", "reset"))
TRACKING_STATES = frozenset(("enabled", "reset"))
_NEVER: frozenset[str] = frozenset()


@dataclass(frozen=True)
class VmRule:
    """A rule about a whole VM.

    :ivar refuses: the states that ``vmware_cbt`` refuses to bring about while the rule finds something
    :ivar source: where the rule comes from
    :ivar checked: when somebody last looked there, as a date
    :ivar absolute: that no waiver lets ``vmware_cbt`` go on, because vSphere would refuse it or data would be wrong
    """

    id: str
    severity: str
    find: t.Callable[[VmFacts], t.Optional[str]]
    remedy: str
    source: str
    checked: str
    refuses: frozenset[str] = _NEVER
    absolute: bool = False


@dataclass(frozen=True)
class DiskRule:
    """A rule about each disk; what it holds means the same as in :class:`VmRule`."""

    id: str
    severity: str
    find: t.Callable[[DiskFacts], t.Optional[str]]
    remedy: str
    source: str
    checked: str
    refuses: frozenset[str] = _NEVER
    absolute: bool = False


Rule = t.Union[VmRule, DiskRule]


@dataclass(frozen=True)
class Concern:
    """One finding about one VM, or about one of its disks."""

    rule: Rule
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


@dataclass(frozen=True)
class Waiver:
    """The decision that what a rule finds is acceptable.

    :ivar expires: the last day on which it holds
    :ivar vms: the names of the VMs for which it holds; empty for all
    """

    rule: str
    reason: str
    expires: date
    vms: frozenset[str] = frozenset()

    def covers(self, rule: str, vm: str, today: date) -> bool:
        return rule == self.rule and today <= self.expires and (not self.vms or vm in self.vms)


#: The argument spec of an option that takes waivers.
WAIVERS_SPEC: dict[str, t.Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "rule": {"type": "str", "required": True},
        "reason": {"type": "str", "required": True},
        "expires": {"type": "str", "required": True},
        "vms": {"type": "list", "elements": "str", "default": []},
    },
}


def today() -> date:
    """This day, in the time zone in which waivers expire."""
    return datetime.now(timezone.utc).date()


def read_waivers(given: t.Any, known: t.Collection[str]) -> tuple[Waiver, ...]:
    """Waivers as a user writes them.

    :param known: the ids of all rules
    :raises InvalidOptionError: one of them is incomplete, or about a rule that there is not
    """
    if not isinstance(given, (list, tuple)):
        raise InvalidOptionError(
            "Waivers have to be a list", remedy="Give each as {rule: ..., reason: ..., expires: 2026-12-31}"
        )
    return tuple(_read_waiver(one, known) for one in given)


def _read_waiver(given: t.Any, known: t.Collection[str]) -> Waiver:
    if not isinstance(given, Mapping):
        raise InvalidOptionError(f"A waiver is not a dictionary: {given}", remedy="It has rule, reason and expires")
    rule, reason = str(given.get("rule") or ""), str(given.get("reason") or "").strip()
    if rule not in known:
        raise InvalidOptionError(
            f"A waiver is about the rule '{rule}', which there is not",
            remedy="The rules are " + ", ".join(sorted(known)),
        )
    if not reason:
        raise InvalidOptionError(f"The waiver of {rule} has no reason", remedy="Say why the risk is taken, and by whom")
    expires = str(given.get("expires") or "")
    if not re.match(r"^\d{4}-\d{2}-\d{2}$", expires):
        raise InvalidOptionError(
            f"The waiver of {rule} does not say when it expires ('{expires}')", remedy="Give a date such as 2026-12-31"
        )
    try:
        day = date(*(int(part) for part in expires.split("-")))
    except ValueError:
        raise InvalidOptionError(f"The waiver of {rule} expires on a day that there is not: {expires}") from None
    return Waiver(rule, reason, day, frozenset(str(name) for name in given.get("vms") or ()))


def apply_waivers(
    concerns: t.Sequence[Mapping[str, t.Any]], vm: str, waivers: t.Sequence[Waiver], on: date
) -> list[dict[str, t.Any]]:
    """The concerns of a VM, as results, each with the waiver that covers it in ``waived``, or null."""
    return [dict(concern, waived=_waiver_of(concern["id"], vm, waivers, on)) for concern in concerns]


def _waiver_of(rule: str, vm: str, waivers: t.Sequence[Waiver], on: date) -> t.Optional[dict[str, str]]:
    for waiver in waivers:
        if waiver.covers(rule, vm, on):
            return {"reason": waiver.reason, "expires": waiver.expires.isoformat()}
    return None
