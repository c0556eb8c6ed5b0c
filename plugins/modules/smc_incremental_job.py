#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manages the incremental replication job of one VM."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smc_incremental_job
short_description: Manage the incremental replication job of a VM in Alibaba Cloud SMC
version_added: 0.1.0
description:
  - Creates, adopts, changes, starts, runs, pauses and deletes the job that replicates a VMware VM to Alibaba Cloud incrementally.
  - A source has at most one unfinished job. An existing job is adopted, no matter how it was created, and changed as far as its state
    allows. What SMC does not change any more is returned as RV(drift).
  - A VM whose job is Finished, or whose final image has its tag, is migrated. Nothing is done for it unless O(recreate=true).
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
  state:
    description:
      - V(present) - the job exists with these attributes, and is started.
      - V(synced) - in addition, a complete image exists from a run that started after O(synced_since), or at most O(max_age) ago. If
        it does not exist, a manual run is started.
      - V(paused) - the job makes no run until it is V(present) again. SMC pauses a job only while it is synchronizing.
      - V(absent) - the job does not exist. Its images are kept.
    type: str
    choices: [present, synced, paused, absent]
    default: present
  job_id:
    description: The ID of the job.
    type: str
  source_id:
    description: The ID of the source.
    type: str
  vm_uuid:
    description: The instance UUID of the VM. The job and the source are found by their tag C(cutover:vm-uuid).
    type: str
  project:
    description: The project that the VM's migration belongs to. It is stored as the tag C(cutover:project).
    type: str
  name:
    description:
      - The name of the job, unique in the account. The default of a new job is C(cutover-) and the ID of its source.
      - Without O(job_id), O(source_id) and O(vm_uuid), the existing job is found by its name.
    type: str
  description:
    description: The description of the job.
    type: str
  interval:
    description:
      - How long after the end of a run the next one starts, in whole hours from V(1h) to V(7d). The default of a new job is V(1d).
      - A change takes effect after the next run.
    type: str
  images_to_keep:
    description:
      - How many images are kept, 1 to 10. When there are more, SMC deletes the oldest that no instance uses. The default of a new job
        is V(2).
    type: int
  image_name:
    description: The name of the images, to which SMC adds the number of the run. The default of a new job is its own name.
    type: str
  valid_for:
    description:
      - How long the job is valid, V(7d) to V(90d), counted from its creation. SMC's default is 30 days. SMC deletes the job with its
        replica a week after it has expired.
      - A longer validity than the job has extends it. A shorter one changes nothing.
    type: str
  valid_at_least:
    description:
      - How long the job must still be valid whenever this module runs, up to V(83d), such as V(14d). If less is left, its validity is
        extended to this duration and a week, to 90 days from its creation at most.
      - Independently of this option, the module warns when less than 7 days are left.
    type: str
  system_disk_size:
    description:
      - The size of the destination's system disk in GiB, 20 to 2048. It must be larger than the source's. The default of a new job is
        the source's size plus one GiB.
    type: int
  data_disks:
    description: The destination's data disks whose size must not be the default, which is the source's size plus one GiB, at least 20 GiB.
    type: list
    elements: dict
    suboptions:
      index:
        description: The number of the source's data disk, 1 to 16.
        type: int
        required: true
      size:
        description: The size in GiB, 20 to 32768. It must be larger than the source's.
        type: int
        required: true
  network_mode:
    description: V(internet) copies over the Internet; V(vpc) copies over a private line and needs O(vswitch_id).
    type: str
    choices: [internet, vpc]
  vswitch_id:
    description: The vSwitch of the intermediate instance. Without it, SMC creates a VPC for each job, for which there is a quota.
    type: str
  vpc_id:
    description: The VPC of the intermediate instance; it follows from O(vswitch_id).
    type: str
  instance_type:
    description: The type of the intermediate instance. By default, SMC chooses a cheap one.
    type: str
  bandwidth_limit:
    description:
      - The maximum bandwidth of the replication. V(0) means no limit.
      - The unit is not documented consistently (KB/s, Kbit/s or Mbit/s). Test it before you rely on it.
    type: int
  compression_level:
    description: The compression level of the replicated data, 0 to 10.
    type: int
  checksum:
    description: Whether the replicated data are verified by checksums. This slows the replication down.
    type: bool
  license_type:
    description: V(byol) to bring your own license for the operating system.
    type: str
    choices: [byol]
  resource_group_id:
    description: The resource group of the job.
    type: str
  tags:
    description: Further tags of the job. Other tags are kept.
    type: dict
  scheduled_start:
    description: When a new job makes its first run, within 30 days, such as V(2026-11-28T20:00:00Z). By default it starts immediately.
    type: str
  started:
    description: Whether to start a new, paused or failed job.
    type: bool
    default: true
  synced_since:
    description:
      - With O(state=synced), the time after which the run of the newest complete image must have started, by SMC's clock.
      - Use RV(cloud_time) of a task that ran after the services had stopped.
    type: str
  max_age:
    description:
      - With O(state=synced), how long ago the run of the newest complete image may have started, such as V(2h).
      - It is calculated from the start of the module, so V(1s) makes the job run once more.
    type: str
  recreate:
    description: Whether to create a new job for a VM that is already migrated. This triggers a full copy.
    type: bool
    default: false
  discard_replication:
    description: With O(state=absent), whether to delete a job that has run and is not Finished. Its replica is lost.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until the state is reached; for V(present) until the first image is complete.
      - The default is V(false) for O(state=present), which takes as long as a full copy, and V(true) for the others.
      - While SMC runs as many jobs as its quota allows (50 by default), the start of a job is waited for in any case, for O(wait_timeout) at most.
    type: bool
"""

EXAMPLES = r"""
- name: Replicate a VM every six hours and keep three images
  cutover.smc.smc_incremental_job:
    vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    name: app-01
    interval: 6h
    images_to_keep: 3
    valid_for: 60d
    vswitch_id: vsw-bp1a2b3c4d5e6f

- name: Ensure an image of everything written until the services stopped
  cutover.smc.smc_incremental_job:
    vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    state: synced
    synced_since: "{{ services_stopped_at }}"
    wait_timeout: 2h

- name: Delete the job and its replica
  cutover.smc.smc_incremental_job:
    vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    state: absent
    discard_replication: true
"""

RETURN = r"""
job:
  description: The job, null when it does not exist. Sizes are in GiB, times in UTC by SMC's clock.
  returned: success
  type: dict
  sample:
    created_at: '2026-11-22T18:00:00Z'
    data_disk_sizes: {'1': 101}
    description: ''
    ended_at: null
    error_code: ''
    expires_at: '2027-01-21T18:00:00Z'
    image_id: m-bp1a2b3c4d5e6f
    image_name: app-01
    images_to_keep: 3
    incremental: true
    instance_type: ''
    intermediate_instance_id: i-bp1a2b3c4d5e6f
    interval: 6h
    job_id: j-bp1a2b3c4d5e6f
    license_type: ''
    name: app-01
    network_mode: internet
    phase: ''
    progress: 100.0
    region_id: cn-hangzhou
    replication_parameters: {}
    resource_group_id: ''
    runs:
      - {started_at: '2026-11-22T18:01:00Z', ended_at: '2026-11-22T19:10:00Z', image_id: m-bp1a2b3c4d5e6f, type: Manual}
    scheduled_start_at: null
    source_id: s-bp1a2b3c4d5e6f
    status: Waiting
    status_info: null
    system_disk_size: 41
    tags: {'cutover:vm-uuid': 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b}
    vpc_id: ''
    vswitch_id: vsw-bp1a2b3c4d5e6f
source_id:
  description: The ID of the job's source, or of the VM's.
  returned: success
  type: str
  sample: s-bp1a2b3c4d5e6f
synced:
  description: Whether a complete image exists as O(synced_since) and O(max_age) require. Without them, any complete image counts.
  returned: success
  type: bool
  sample: true
migrated:
  description: Whether the VM is already migrated, so that nothing was done.
  returned: success
  type: bool
  sample: false
migrated_image_id:
  description: The final image of a VM that is already migrated, else null.
  returned: success
  type: str
  sample: m-bp1a2b3c4d5e6f
drift:
  description: The declared attributes that SMC does not change in the job's present state, each with a remedy.
  returned: success
  type: list
  elements: dict
  sample:
    - attribute: image_name
      actual: app-01
      wanted: app-01-final
      remedy: >-
        SMC does not change it once the job exists and has run; delete the job (state: absent) and create it again (this triggers a full copy)
cloud_time:
  description: SMC's clock.
  returned: success
  type: str
  sample: '2026-11-22T20:00:00Z'
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
plan:
  description: What was done, or in check mode what would be done.
  returned: success
  type: list
  elements: str
  sample: [create the incremental job of s-bp1a2b3c4d5e6f, start job j-bp1a2b3c4d5e6f]
diff:
  description: The job before and after.
  returned: success
  type: dict
  sample: {before: {status: absent}, after: {status: started, interval: 6h, images_to_keep: 3}}
"""

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import ecs, smc
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import CONNECTION_RULES, CONNECTION_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._core.module import ModuleDefinition, run_as_module
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import WAITING_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_reconciler import run
from ansible_collections.cutover.smc.plugins.module_utils._jobs.stalls import STALL_SPEC
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import IDENTITY_SPEC

MODULE = ModuleDefinition(
    argument_spec=dict(
        CONNECTION_SPEC,
        **WAITING_SPEC,
        **STALL_SPEC,
        **IDENTITY_SPEC,
        state={"type": "str", "choices": ["present", "synced", "paused", "absent"], "default": "present"},
        project={"type": "str"},
        name={"type": "str"},
        description={"type": "str"},
        interval={"type": "str"},
        images_to_keep={"type": "int"},
        image_name={"type": "str"},
        valid_for={"type": "str"},
        valid_at_least={"type": "str"},
        system_disk_size={"type": "int"},
        data_disks={
            "type": "list",
            "elements": "dict",
            "options": {"index": {"type": "int", "required": True}, "size": {"type": "int", "required": True}},
        },
        network_mode={"type": "str", "choices": ["internet", "vpc"]},
        vswitch_id={"type": "str"},
        vpc_id={"type": "str"},
        instance_type={"type": "str"},
        bandwidth_limit={"type": "int"},
        compression_level={"type": "int"},
        checksum={"type": "bool"},
        license_type={"type": "str", "choices": ["byol"]},
        resource_group_id={"type": "str"},
        tags={"type": "dict"},
        scheduled_start={"type": "str"},
        started={"type": "bool", "default": True},
        synced_since={"type": "str"},
        max_age={"type": "str"},
        recreate={"type": "bool", "default": False},
        discard_replication={"type": "bool", "default": False},
        wait={"type": "bool"},
    ),
    handler=run,
    required_libraries=(smc.LIBRARY, ecs.LIBRARY),
    argument_rules=dict(
        CONNECTION_RULES,
        required_one_of=[("job_id", "source_id", "vm_uuid", "name")],
        required_if=[("state", "synced", ("synced_since", "max_age"), True), ("network_mode", "vpc", ("vswitch_id",))],
    ),
)


def main() -> None:
    run_as_module(MODULE)


if __name__ == "__main__":
    main()
