#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists many replication jobs in few calls, and waits for all of them together."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smc_incremental_job_info
short_description: List replication jobs of Alibaba Cloud SMC, and wait for many of them in one loop
version_added: 0.1.0
description:
  - Lists the jobs that match all the options. The result includes the age of the newest image, the duration of the runs, the estimated
    end of the run in progress, and whether an intermediate instance is billed.
  - With O(wait_for) it waits for all of them in one loop, in which 50 jobs cost one call per poll. A job that fails or is late does not
    fail the module. Each host judges its own job afterwards by RV(jobs[].reached).
author:
  - The cutover.smc contributors (@cutover-smc)
extends_documentation_fragment:
  - cutover.smc.alicloud
  - cutover.smc.waiting
  - cutover.smc.waiting.stalling
  - cutover.smc.attributes
  - cutover.smc.attributes.reading
  - cutover.smc.attributes.alicloud_group
options:
  job_ids:
    description: Only the jobs with these IDs.
    type: list
    elements: str
  source_ids:
    description: Only the jobs of these sources.
    type: list
    elements: str
  vm_uuids:
    description: Only the jobs of these VMs, by the tag C(cutover:vm-uuid). For each VM, this is its unfinished job, or else its newest.
    type: list
    elements: str
  name:
    description: Only the job of this name.
    type: str
  status:
    description: Only jobs in this state.
    type: str
    choices: [Ready, Running, Stopped, InError, Finished, Waiting, Expired, Deleting]
  project:
    description: Only jobs of this project, by the tag C(cutover:project).
    type: str
  tags:
    description: Only jobs with all these tags.
    type: dict
  wait_for:
    description:
      - Wait until all the jobs have reached this, or cannot reach it by themselves, or O(wait_timeout) is over.
      - V(idle) - no run is in progress.
      - V(image) - a complete image exists.
      - V(synced) - a complete image exists of a run that started after O(synced_since).
      - V(finished) - the job is Finished.
      - In check mode the module does not wait.
    type: str
    choices: [idle, image, synced, finished]
  synced_since:
    description: With O(wait_for=synced), the time for all jobs, by SMC's clock.
    type: str
  synced_since_by_job:
    description: With O(wait_for=synced), the time for each job, by the ID of the job. It overrides O(synced_since).
    type: dict
  forecast_runs:
    description: How many of the last incremental runs RV(jobs[].forecast) is based on at most.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Wait once for the first images of the whole wave
  cutover.smc.smc_incremental_job_info:
    project: wave-7
    wait_for: image
    wait_timeout: 12h
  run_once: true
  register: wave

- name: Show the jobs that have failed
  ansible.builtin.debug:
    msg: "{{ wave.jobs | rejectattr('reached') | map(attribute='error_reason') }}"

- name: Show the VMs whose final run should take at most ten minutes
  ansible.builtin.debug:
    msg: >-
      {{ wave.jobs | selectattr('forecast.percentile_90', 'ne', none) | selectattr('forecast.percentile_90', 'le', 600)
         | map(attribute='name') }}

- name: Read the SMC clock
  cutover.smc.smc_incremental_job_info:
    job_ids: []
  register: clock
"""

RETURN = r"""
jobs:
  description: The jobs, as RV(cutover.smc.smc_incremental_job#module:job) shows one, and what follows from them.
  returned: success
  type: list
  elements: dict
  contains:
    vm_uuid:
      description: The instance UUID of the VM, by the job's tag; null without it.
      type: str
      returned: always
      sample: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    rpo_seconds:
      description: How long ago the run of the newest complete image started; null without one. What was written since would be lost.
      type: int
      returned: always
      sample: 5400
    eta_seconds:
      description: The same as RV(jobs[].forecast.eta).
      type: int
      returned: always
      sample: 600
    forecast:
      description: What the complete runs suggest. Durations are in seconds.
      type: dict
      returned: always
      contains:
        runs:
          description:
            - How many incremental runs the figures are based on, at most O(forecast_runs).
            - SMC does not distinguish a full run from an incremental one. The first run is full and is left out.
          type: int
          returned: always
          sample: 8
        median:
          description: The median duration of these runs; null without any.
          type: int
          returned: always
          sample: 540
        percentile_90:
          description: The duration that nine of ten of these runs do not exceed. Of fewer than ten runs, the longest; null without any.
          type: int
          returned: always
          sample: 780
        longest:
          description: The duration of the longest of these runs; null without any.
          type: int
          returned: always
          sample: 780
        first_run:
          description: The duration of the first run, which is a full copy; null while it is not complete.
          type: int
          returned: always
          sample: 4200
        probably_full_copy:
          description:
            - Whether the newest of these runs took so much longer than the others that it was probably a full copy, as when changed
              block tracking was off or was restarted.
          type: bool
          returned: always
          sample: false
        eta:
          description: How long the run in progress should still take; null without one, and when it is unknown.
          type: int
          returned: always
          sample: 600
        eta_from:
          description:
            - What RV(jobs[].forecast.eta) was calculated from - V(progress) of the run, the V(history) of earlier runs, or V(unknown).
              It is V(none) when no run is in progress.
          type: str
          returned: always
          sample: progress
        text:
          description: The forecast in a sentence.
          type: str
          returned: always
          sample: "The last 8 incremental runs took 9m in the median, and nine of ten at most 13m; run in progress: about 10m left."
    expires_in:
      description: How long the job is still valid; null when it does not expire, or has expired.
      type: str
      returned: always
      sample: 29d4h
    images:
      description: The IDs of the images of all complete runs, oldest first. SMC may have deleted the older ones.
      type: list
      elements: str
      returned: always
      sample: [m-bp1a2b3c4d5e6f]
    newest_image_id:
      description: The image of the newest complete run; null without one.
      type: str
      returned: always
      sample: m-bp1a2b3c4d5e6f
    is_billed:
      description: Whether an intermediate instance is billed.
      type: bool
      returned: always
      sample: true
    completing:
      description:
        - Whether SMC has accepted the completion of the job, or may have accepted it, and the job is not Finished yet.
        - It is V(true) for a job that is Running in the phase C(Cleaning), or Running with the tag C(cutover:services-stopped-at), which
          M(cutover.smc.smc_job_finalize) sets immediately before it completes the job.
        - Do not start the services of such a VM. What they write would be in no image.
      type: bool
      returned: always
      sample: false
    error_reason:
      description: What SMC says is wrong; empty when nothing is.
      type: str
      returned: always
      sample: ''
    reached:
      description: Whether the job has reached what was waited for.
      type: bool
      returned: when O(wait_for) is given
      sample: true
    stalls:
      description:
        - Every time the job made no progress for O(stall_after) while it was waited for, with the likely cause. It may have continued
          afterwards.
      type: list
      elements: dict
      returned: when O(wait_for) is given
      sample:
        - cause: 'its source s-bp1a2b3c4d5e6f is not ready: its connector sends no heartbeat (Unavailable, SourceServer.Offline)'
          job_id: j-bp1a2b3c4d5e6f
          phase: Syncing
          progress: 42.0
          remedy: Check that the connector runs (go2aliyun_client) and reaches vCenter and Alibaba Cloud
          seconds: 1830
          stalled_at: '2026-11-22T19:29:30Z'
  sample: [{job_id: j-bp1a2b3c4d5e6f, status: Waiting, rpo_seconds: 5400, reached: true}]
by_job_id:
  description: The jobs, by their IDs.
  returned: success
  type: dict
  sample: {j-bp1a2b3c4d5e6f: {job_id: j-bp1a2b3c4d5e6f, status: Waiting, completing: false}}
by_vm_uuid:
  description: The jobs that belong to a VM, by its instance UUID.
  returned: success
  type: dict
  sample: {50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b: {job_id: j-bp1a2b3c4d5e6f}}
cloud_time:
  description: SMC's clock.
  returned: success
  type: str
  sample: '2026-11-22T20:00:00Z'
clock_offset:
  description:
    - By how many seconds SMC's clock is ahead of this machine's. It is negative when it is behind, and null when SMC sent no time.
    - Times are compared by SMC's clock alone.
  returned: success
  type: int
  sample: 2
"""

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import smc
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import CONNECTION_RULES, CONNECTION_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import WAITING_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._jobs.info import run
from ansible_collections.cutover.smc.plugins.module_utils._jobs.stalls import STALL_SPEC

MODULE = ModuleDefinition(
    argument_spec=dict(
        CONNECTION_SPEC,
        **WAITING_SPEC,
        **STALL_SPEC,
        job_ids={"type": "list", "elements": "str"},
        source_ids={"type": "list", "elements": "str"},
        vm_uuids={"type": "list", "elements": "str"},
        name={"type": "str"},
        status={
            "type": "str",
            "choices": ["Ready", "Running", "Stopped", "InError", "Finished", "Waiting", "Expired", "Deleting"],
        },
        project={"type": "str"},
        tags={"type": "dict"},
        wait_for={"type": "str", "choices": ["idle", "image", "synced", "finished"]},
        synced_since={"type": "str"},
        synced_since_by_job={"type": "dict"},
        forecast_runs={"type": "int", "default": 10},
    ),
    handler=run,
    required_libraries=(smc.LIBRARY,),
    argument_rules=dict(
        CONNECTION_RULES, required_if=[("wait_for", "synced", ("synced_since", "synced_since_by_job"), True)]
    ),
)


def main() -> None:
    run_as_module(MODULE)


if __name__ == "__main__":
    main()
