# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is requested and what is in effect of changed block tracking (CBT) on a VM (pure; private to the collection).

What counts as evidence follows the behavior of vSphere:

* ``config.changeTrackingEnabled`` proves nothing: it may be true before tracking starts, and stay false until a stun.
  The keys in the advanced configuration show what is *requested*.
* Tracking takes *effect* at the next power-on or stun of the VM. Then each tracked disk has a ``-ctk.vmdk`` file
  beside it. That file is the proof.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import CBT_VERIFIED_KEY
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import (
    VM_KEY,
    DiskFacts,
    VmFacts,
    setting_is_true,
)

_DISK_KEY = re.compile(r"^(scsi|sata|ide|nvme)\d+:\d+\.ctkenabled$")


@dataclass(frozen=True)
class DiskState:
    """What is requested and what is in effect for one disk.

    :ivar verified: when a query last proved its tracking, if tracking has not restarted since
    """

    disk: DiskFacts
    requested: bool
    effective: bool
    verified: t.Optional[str] = None


@dataclass(frozen=True)
class CbtState:
    """What is requested and what is in effect for one VM.

    :ivar requested: the VM's own request, without its disks'
    :ivar effective: tracking is requested, and proved on every disk that is not skipped
    :ivar needs_stun: what is requested is not in effect; it takes effect at the next stun or power-on
    """

    requested: bool
    effective: bool
    needs_stun: bool
    disks: tuple[DiskState, ...]


def verification_marker(at: str, epochs: t.Mapping[int, str]) -> str:
    """The marker in the VM about a verification: ``2026-11-22T20:00:00Z;2000=52 2d...;2001=...``."""
    return ";".join([at, *(f"{key}={epoch}" for key, epoch in sorted(epochs.items()))])


def verification_of(facts: VmFacts) -> tuple[str, dict[int, str]]:
    """When CBT was last verified by a query, and the epoch of each disk then; empty when it never was."""
    at, *entries = (facts.setting(CBT_VERIFIED_KEY) or "").split(";")
    epochs: dict[int, str] = {}
    for entry in entries:
        key, _equals, epoch = entry.partition("=")
        if key.isdigit():
            epochs[int(key)] = epoch
    return at, epochs


def epochs_changed(facts: VmFacts) -> list[DiskFacts]:
    """The disks whose tracking has restarted since it was last verified, so that no earlier change ID is valid."""
    _at, epochs = verification_of(facts)
    return [disk for disk in facts.disks if disk.epoch and epochs.get(disk.key) and epochs[disk.key] != disk.epoch]


def misspelled_keys(settings: t.Iterable[str]) -> list[str]:
    """Keys that look like CBT keys but are not, such as ``ctkEnable``: vSphere keeps and ignores them."""
    return sorted(key for key in settings if "ctk" in key.lower() and not is_cbt_key(key))


def skipped_disks(facts: VmFacts, names: t.Iterable[str]) -> frozenset[int]:
    """The device keys of disks that are named by label, address (``scsi0:1``) or device key; the case does not matter.

    :raises InvalidOptionError: a name matches no disk
    """
    found: set[int] = set()
    for name in names:
        matches = disks_named(facts, name)
        if not matches:
            raise InvalidOptionError(
                f"{facts.name} has no disk '{name}' (option 'skip_disks')",
                remedy=f"Its disks are: {', '.join(str(disk) for disk in facts.disks)}"
                if facts.disks
                else "The VM has no disks",
            )
        found |= matches
    return frozenset(found)


def disks_named(facts: VmFacts, name: t.Any) -> frozenset[int]:
    """The device keys of the disks with this label, address or device key; empty if no disk has it."""
    wanted = str(name).strip().lower()
    return frozenset(
        disk.key for disk in facts.disks if wanted in (disk.label.lower(), disk.address.lower(), str(disk.key))
    )


def state_of(facts: VmFacts, skip: frozenset[int] = frozenset()) -> CbtState:
    """What is requested and what is in effect, for the VM and for each disk."""
    value = facts.setting(VM_KEY)
    requested = setting_is_true(value) if value is not None else bool(facts.flag)
    disks = tuple(_disk_state(facts, disk, requested) for disk in facts.disks)
    wanted = [state for state in disks if state.disk.key not in skip]
    effective = requested and all(state.effective for state in wanted) and not facts.activation_pending
    tracked = any(state.disk.ctk_file for state in disks)
    needs_stun = facts.activation_pending or (not effective if requested else tracked)
    return CbtState(requested, effective, needs_stun, disks)


def _disk_state(facts: VmFacts, disk: DiskFacts, vm_requested: bool) -> DiskState:
    value = facts.setting(disk.ctk_key) if disk.ctk_key else None
    if value is not None:
        requested = vm_requested and setting_is_true(value)
    else:
        # Backup products enable CBT by the API alone. Where the tracking file exists, the missing key is no fault.
        requested = vm_requested and bool(facts.flag) and disk.ctk_file is not None
    effective = requested and disk.ctk_file is not None
    return DiskState(disk, requested, effective, _verified(facts, disk) if effective else None)


def _verified(facts: VmFacts, disk: DiskFacts) -> t.Optional[str]:
    at, epochs = verification_of(facts)
    known = epochs.get(disk.key)
    return at if known is not None and (not disk.epoch or known == disk.epoch) else None


def is_verified(facts: VmFacts, skip: frozenset[int]) -> bool:
    """Whether a query has proved the tracking of every wanted disk, and tracking has not restarted since."""
    return all(state.verified for state in state_of(facts, skip).disks if state.disk.key not in skip)


def is_tracked(facts: VmFacts) -> bool:
    """Whether any disk is tracked: what was only requested has no change IDs yet that could be wrong."""
    return any(disk.ctk_file for disk in facts.disks)


def is_cbt_key(key: str) -> bool:
    """Whether a key of the advanced configuration requests CBT, for the VM or for a disk."""
    return key.lower() == VM_KEY.lower() or bool(_DISK_KEY.match(key.lower()))
