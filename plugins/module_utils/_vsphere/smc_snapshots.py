# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and removing the snapshots that SMC took of one VM in vCenter (private to the collection)."""

from __future__ import annotations

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import NotFoundError
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import VCenter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.facts import SnapshotFacts
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.inventory import locate, read_one


class MachineSnapshots:
    """The snapshots of one VM that are SMC's by their names."""

    def __init__(self, vcenter: VCenter, vm_uuid: str, context: Context, timeout: float) -> None:
        self._vcenter = vcenter
        self._machine = locate(vcenter, {"uuid": vm_uuid})
        self._context = context
        self._timeout = timeout

    def read(self) -> list[SnapshotFacts]:
        facts = read_one(self._vcenter, self._machine)
        return [snapshot for snapshot in facts.snapshots if snapshot.smc_job_id]

    def remove(self, moid: str) -> None:
        """Remove one snapshot by its own reference; one that no longer exists is fine."""
        snapshot = self._vcenter.reference("VirtualMachineSnapshot", moid)
        try:
            self._vcenter.run_task(
                "remove a snapshot of SMC",
                lambda: snapshot.RemoveSnapshot_Task(removeChildren=False, consolidate=True),
                self._context.progress,
                self._timeout,
            )
        except NotFoundError:
            pass
