# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is requested and what is in effect of changed block tracking on a VM (pure; private to the collection).

What counts as evidence follows what vSphere really does:

* ``config.changeTrackingEnabled`` proves nothing either way: it may read true before tracking starts, and stay
  false until a stun. The keys in the advanced configuration say what is *requested*.
* Tracking takes *effect* at the next power-on or stun of the VM, and then each tracked disk has a ``-ctk.vmdk``
  beside it. That file is the proof.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    CBT_VERIFIED_KEY,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import (
    VM_KEY,
    DiskFacts,
    VmFacts,
    is_true,
)

_DISK_KEY = re.compile(r"^(scsi|sata|ide|nvme)\d+:\d+\.ctkenabled$")


@dataclass(frozen=True)
class DiskState:
    """What is asked for and what is seen of one disk, kept apart.

    :ivar verified: when a query last proved its tracking, if that is still the same tracking
    """

    disk: DiskFacts
    requested: bool
    effective: bool
    verified: t.Optional[str] = None


@dataclass(frozen=True)
class CbtState:
    """What is asked for and what is seen of one VM, kept apart.

    :ivar requested: the VM's own request, apart from its disks'
    :ivar effective: tracking is requested and seen on every disk that is not skipped
    :ivar needs_stun: what is requested has not taken effect; it does at the next stun or power-on
    """

    requested: bool
    effective: bool
    needs_stun: bool
    disks: tuple[DiskState, ...]


def verification_note(at: str, epochs: t.Mapping[int, str]) -> str:
    """What is noted in the VM about a verification: ``2026-11-22T20:00:00Z;2000=52 2d...;2001=...``."""
    return ";".join([at, *(f"{key}={epoch}" for key, epoch in sorted(epochs.items()))])


def verification_of(facts: VmFacts) -> tuple[str, dict[int, str]]:
    """When CBT was last verified by a query, and the epoch of each disk then; nothing when it never was."""
    at, *entries = (facts.setting(CBT_VERIFIED_KEY) or "").split(";")
    epochs: dict[int, str] = {}
    for entry in entries:
        key, _equals, epoch = entry.partition("=")
        if key.isdigit():
            epochs[int(key)] = epoch
    return at, epochs


def epochs_changed(facts: VmFacts) -> list[DiskFacts]:
    """The disks whose tracking has begun anew since it was last verified, so that no earlier change id is valid."""
    _at, epochs = verification_of(facts)
    return [disk for disk in facts.disks if disk.epoch and epochs.get(disk.key) and epochs[disk.key] != disk.epoch]


def misspelt_keys(settings: t.Iterable[str]) -> list[str]:
    """Keys that look like CBT keys but are none, such as ``ctkEnable``: vSphere keeps and ignores them."""
    return sorted(key for key in settings if "ctk" in key.lower() and not _is_cbt_key(key))


def skipped_disks(facts: VmFacts, named: t.Iterable[str]) -> frozenset[int]:
    """The device keys of disks named by label, address (``scsi0:1``) or device key.

    :raises InvalidOptionError: a name fits no disk
    """
    found: set[int] = set()
    for name in named:
        wanted = str(name).strip().lower()
        hits = {disk.key for disk in facts.disks if wanted in (disk.label.lower(), disk.address.lower(), str(disk.key))}
        if not hits:
            raise InvalidOptionError(
                f"Option 'skip_disks' names the disk '{name}', which {facts.name} does not have",
                remedy="Its disks are " + (", ".join(str(disk) for disk in facts.disks) or "none"),
            )
        found |= hits
    return frozenset(found)


def state_of(facts: VmFacts, skip: frozenset[int] = frozenset()) -> CbtState:
    """What is requested and what has taken effect, of the VM and of each disk."""
    asked = facts.setting(VM_KEY)
    requested = is_true(asked) if asked is not None else bool(facts.flag)
    disks = tuple(_disk_state(facts, disk, requested) for disk in facts.disks)
    wanted = [state for state in disks if state.disk.key not in skip]
    effective = requested and all(state.effective for state in wanted) and not facts.unsettled
    tracked = any(state.disk.ctk_file for state in disks)
    needs_stun = facts.unsettled or (not effective if requested else tracked)
    return CbtState(requested, effective, needs_stun, disks)


def _disk_state(facts: VmFacts, disk: DiskFacts, vm_requested: bool) -> DiskState:
    asked = facts.setting(disk.ctk_key) if disk.ctk_key else None
    if asked is not None:
        requested = vm_requested and is_true(asked)
    else:
        # Backup products switch CBT on by the API alone; where that shows in a file, the missing key is no fault.
        requested = vm_requested and bool(facts.flag) and disk.ctk_file is not None
    effective = requested and disk.ctk_file is not None
    return DiskState(disk, requested, effective, _verified(facts, disk) if effective else None)


def _verified(facts: VmFacts, disk: DiskFacts) -> t.Optional[str]:
    at, epochs = verification_of(facts)
    known = epochs.get(disk.key)
    return at if known is not None and (not disk.epoch or known == disk.epoch) else None


def is_verified(facts: VmFacts, skip: frozenset[int]) -> bool:
    """Whether a query has proved the tracking of every wanted disk, and it is still the same tracking."""
    return all(one.verified for one in state_of(facts, skip).disks if one.disk.key not in skip)


def is_tracked(facts: VmFacts) -> bool:
    """Whether tracking is seen on any disk: what was only requested has no change ids yet that could be wrong."""
    return any(disk.ctk_file for disk in facts.disks)


def _is_cbt_key(key: str) -> bool:
    return key.lower() == VM_KEY.lower() or bool(_DISK_KEY.match(key.lower()))
