# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every tag, VM marker and snapshot name that the collection writes or recognizes (pure; private to the collection).

The cloud is the journal: what a later run needs to know is found by these. A tag is on an Alibaba Cloud resource, a marker key is
in the advanced configuration of a VM.
"""

from __future__ import annotations

import typing as t

#: On sources, jobs, images and workgroups: the instance UUID of the VM that they belong to.
VM_TAG = "cutover:vm-uuid"
#: On sources, jobs, images and workgroups: the user's name of the migration project.
PROJECT_TAG = "cutover:project"

#: On a job: when the services of the VM stopped, so that a resumed run still knows.
SERVICES_STOPPED_TAG = "cutover:services-stopped-at"
#: On a job: the image that was verified.
VERIFIED_IMAGE_TAG = "cutover:verified-image"
#: On a final image: its job. It identifies the image when the job no longer exists.
JOB_TAG = "cutover:job-id"
#: On a final image: when the run that made it started. Only a completion sets it.
FINAL_RUN_TAG = "cutover:final-run-began-at"

#: On an instance: the image that it verifies. Only an instance with this tag is ever released by the collection.
VERIFIES_IMAGE_TAG = "cutover:verifies-image"
#: On an instance: the outcome of its checks.
CHECKS_TAG = "cutover:checks"

#: On an image that is kept when its job is deleted: the instance UUID of its VM.
IMAGE_OF_VM_TAG = "cutover:image-of-vm"
#: On the snapshots of an image, before the image is deleted: an interrupted clean-up finds them by it.
DELETED_IMAGE_TAG = "cutover:deleted-image"

#: In a VM that ``vmware_cbt`` has powered off, until it is on again. The next run of that module powers the VM on.
POWER_ON_AGAIN_KEY = "cutover.smc.powerOnAgain"
#: In a VM whose CBT keys were changed: their values before, so that ``state: disabled`` can restore them.
CBT_BEFORE_KEY = "cutover.smc.cbtBefore"
#: In a VM whose CBT was verified by a query: when, and the epoch of each disk then.
CBT_VERIFIED_KEY = "cutover.smc.cbtVerified"
#: The marker keys of ``vmware_cbt``.
CBT_MARKER_KEYS = (POWER_ON_AGAIN_KEY, CBT_BEFORE_KEY, CBT_VERIFIED_KEY)
#: In a VM that was on and that ``vmware_guest_power`` has shut down, until it is on again. ``vmware_cbt`` does not act on it,
#: because a VM that has been migrated must never be powered on automatically.
SHUT_DOWN_KEY = "cutover.smc.shutDown"
#: Every marker key that a VM can have.
VM_MARKER_KEYS = (*CBT_MARKER_KEYS, SHUT_DOWN_KEY)

#: The beginning of the name of every snapshot that ``vmware_cbt`` takes to stun a VM.
OWN_SNAPSHOT_PREFIX = "cutover-cbt-"
#: The beginning of the name of every snapshot that SMC takes for a synchronization.
SMC_SNAPSHOT_PREFIX = "smc_"


def of(*, vm_uuid: t.Optional[str] = None, project: t.Optional[str] = None) -> dict[str, str]:
    """The tags of what belongs to a VM and a project, as far as they are known."""
    return {key: value for key, value in ((VM_TAG, vm_uuid), (PROJECT_TAG, project)) if value}
