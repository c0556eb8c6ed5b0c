#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Completes a replication job with the proof that no write was lost."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smc_job_finalize
short_description: Complete a replication job of Alibaba Cloud SMC without losing a write
version_added: 0.1.0
description:
  - Completes an incremental job. The job is then Finished and its intermediate instance is released. This cannot be undone.
  - The job is completed only with the proof that its newest image holds everything that was written. The proof is a complete run that
    started after the services had stopped, and whose image is available. Without it the module refuses, unless O(final_sync=true) makes
    such a run, or the loss is accepted by the ID of the job.
  - The final image is tagged with the VM, the job and the times of the proof, so that it can be identified when the job no longer exists.
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.alicloud
  - cutover.smc.waiting
  - cutover.smc.waiting.stalling
  - cutover.smc.attributes
  - cutover.smc.attributes.changing
  - cutover.smc.attributes.alicloud_group
options:
  job_id:
    description: The ID of the job.
    type: str
  source_id:
    description: The ID of the source. Its unfinished job is completed.
    type: str
  vm_uuid:
    description: The instance UUID of the VM. Its unfinished job is found by the tag C(cutover:vm-uuid).
    type: str
  services_stopped_at:
    description:
      - The time by which the services on the VM had stopped, by SMC's clock. Use
        RV(cutover.smc.smc_incremental_job_info#module:cloud_time) of a task that ran after they had stopped.
      - It is stored as a tag of the job when the job is completed, and need not be given again for a job that is Finished.
    type: str
  final_sync:
    description:
      - Whether to complete the job with a final synchronization when no run proves that everything is copied.
      - SMC's documentation calls this synchronization a full one, so it may take as long as the first run. A manual run before, with
        M(cutover.smc.smc_incremental_job), is certainly incremental.
    type: bool
    default: false
  accept_data_loss:
    description: The ID of the job, to complete it without proof. What was written after the newest run started is lost.
    type: str
  wait:
    description: Whether to wait until the job is Finished.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Complete the job if a run started after the services stopped
  cutover.smc.smc_job_finalize:
    vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    services_stopped_at: "{{ services_stopped_at }}"

- name: Complete the job with a final synchronization
  cutover.smc.smc_job_finalize:
    vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    services_stopped_at: "{{ services_stopped_at }}"
    final_sync: true
"""

RETURN = r"""
finished:
  description: Whether the job is Finished.
  returned: success
  type: bool
  sample: true
evidence:
  description:
    - The proof that no write was lost. Times are by SMC's clock.
    - C(clock_offset) is by how many seconds SMC's clock was ahead of this machine's. The module warns when the proof would not hold for a
      time that was read from this machine's clock.
    - C(image_exists) is whether the image of the final run exists. If the job is Finished and its image does not exist, C(proven) is V(false), and the
      module warns. No older image takes its place.
  returned: success
  type: dict
  sample:
    clock_offset: 2
    image_exists: true
    image_id: m-bp1a2b3c4d5e6f
    proven: true
    run_started_at: '2026-11-22T20:00:12Z'
    run_ended_at: '2026-11-22T20:09:41Z'
    services_stopped_at: '2026-11-22T20:00:00Z'
job:
  description: The job, as RV(cutover.smc.smc_incremental_job#module:job) shows it.
  returned: success
  type: dict
  sample: {job_id: j-bp1a2b3c4d5e6f, status: Finished}
image:
  description: The final image, null when it does not exist.
  returned: success
  type: dict
  sample:
    created_at: '2026-11-22T20:09:00Z'
    image_id: m-bp1a2b3c4d5e6f
    name: app-01_CYCLE_3
    size: 41
    snapshot_ids: [s-bp1a2b3c4d5e6f]
    status: Available
    tags: {'cutover:vm-uuid': 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b}
    used: false
cloud_time:
  description: SMC's clock.
  returned: success
  type: str
  sample: '2026-11-22T20:10:00Z'
stalls:
  description:
    - Every time the job made no progress for O(stall_after) while it was waited for, with the likely cause. It may have continued
      afterwards.
  returned: success
  type: list
  elements: dict
  sample:
    - cause: 'its source s-bp1a2b3c4d5e6f is not ready: its connector sends no heartbeat (Unavailable, SourceServer.Offline)'
      job_id: j-bp1a2b3c4d5e6f
      phase: Syncing
      progress: 42.0
      remedy: Check that the connector runs (go2aliyun_client) and reaches vCenter and Alibaba Cloud
      seconds: 1830
      stalled_at: '2026-11-22T19:29:30Z'
error:
  description:
    - What went wrong, with C(kind), C(code), C(message), C(remedy), C(request_id), C(http_status) and C(details).
    - C(details.completion) says what became of the completion. Start the services again only after V(not_sent) or V(refused).
      Treat a failure without it as V(unknown).
    - V(not_sent) - this run sent no completion, and the job, read after the failure, shows none. It is also V(not_sent) when an option is
      invalid.
    - V(refused) - SMC refused the completion, and the job, read after the failure, is still Waiting.
    - V(unknown) - the completion may have been accepted, by this run or an earlier one. SMC did not answer, or the job does not show
      whether it was accepted, or the job could not be read.
    - V(accepted) - SMC accepted the completion. The job is Finished, or will be.
  returned: failure
  type: dict
  sample:
    kind: outcome_unknown
    code: ''
    message: 'CutOverReplicationJob: no usable answer from smc.aliyuncs.com: Read timed out'
    remedy: The change may or may not have been made; run this again to find out
    request_id: ''
    http_status: null
    details: {completion: unknown}
plan:
  description: What was done, or in check mode what would be done.
  returned: success
  type: list
  elements: str
  sample: [complete job j-bp1a2b3c4d5e6f without another synchronization]
diff:
  description: The job before and after.
  returned: success
  type: dict
  sample: {before: {status: Waiting}, after: {status: Finished}}
"""

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import ecs, smc
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import CONNECTION_RULES, CONNECTION_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import WAITING_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._jobs.finalize_reconciler import run
from ansible_collections.cutover.smc.plugins.module_utils._jobs.stalls import STALL_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import IDENTITY_SPEC

MODULE = ModuleDefinition(
    argument_spec=dict(
        CONNECTION_SPEC,
        **WAITING_SPEC,
        **STALL_SPEC,
        **IDENTITY_SPEC,
        services_stopped_at={"type": "str"},
        final_sync={"type": "bool", "default": False},
        accept_data_loss={"type": "str"},
        wait={"type": "bool", "default": True},
    ),
    handler=run,
    required_libraries=(smc.LIBRARY, ecs.LIBRARY),
    argument_rules=dict(CONNECTION_RULES, required_one_of=[("job_id", "source_id", "vm_uuid")]),
)


def main() -> None:
    run_as_module(MODULE)


if __name__ == "__main__":
    main()
