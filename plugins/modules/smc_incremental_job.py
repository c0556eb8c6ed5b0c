#!/usr/bin/python
# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The incremental replication job of one VM."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smc_incremental_job
short_description: Manage the incremental replication job of a VM in Alibaba Cloud SMC
version_added: 0.1.0
description:
  - Creates, adopts, changes, starts, runs, pauses and deletes the job that copies a VMware VM to Alibaba Cloud again and again.
  - A source has at most one unfinished job. One that exists is adopted, whoever made it, and changed as far as its state allows;
    what SMC does not change any more is returned as RV(drift).
  - A VM whose job is finished, or whose final image carries its tag, has moved. Nothing is done for it unless O(recreate=true).
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
      - V(present) - there is a job with these attributes, and it is started.
      - V(synced) - and there is a complete image from a run that began after O(synced_since), or at most O(max_age) ago. If there
        is none, the job is run by hand.
      - V(paused) - the job makes no run until it is V(present) again. SMC pauses a job only while it is synchronising.
      - V(absent) - there is no job. Its images stay.
    type: str
    choices: [present, synced, paused, absent]
    default: present
  job_id:
    description: The id of the job, when it is known.
    type: str
  source_id:
    description: The id of the source.
    type: str
  vm_uuid:
    description: The instance UUID of the VM, by whose tag (C(cutover:vm-uuid)) the job and the source are found.
    type: str
  project:
    description: The project that the VM's migration belongs to, kept as the tag C(cutover:project).
    type: str
  name:
    description:
      - The name of the job, unique in the account. A new job is called C(cutover-) and the id of its source otherwise.
      - Without O(job_id), O(source_id) and O(vm_uuid) it tells which existing job is meant.
    type: str
  description:
    description: The description of the job.
    type: str
  interval:
    description:
      - How long after the end of a run the next one begins, in whole hours from V(1h) to V(7d). A new job gets V(1d) otherwise.
      - A change takes effect after the next run.
    type: str
  images_to_keep:
    description:
      - How many images are kept, 1 to 10. When there are more, SMC deletes the oldest that no instance uses. A new job gets V(2)
        otherwise.
    type: int
  image_name:
    description: The name of the images, to which SMC adds the number of the run. A new job takes its own name otherwise.
    type: str
  valid_for:
    description:
      - How long the job lives, V(7d) to V(90d), counted from its creation. SMC takes 30 days otherwise, and deletes the job with its
        replica a week after it has expired.
      - More than the job has extends it. Less than it has changes nothing.
    type: str
  valid_at_least:
    description:
      - How long the job is still to live whenever this runs, up to V(83d), such as V(14d). If less is left, its life is extended by
        that and a week, to 90 days from its creation at most.
      - Below 7 days there is a warning, whatever was said.
    type: str
  system_disk_size:
    description:
      - GiB of the destination's system disk, 20 to 2048; it must be larger than the source's. A new job gets the source's size and
        one GiB otherwise.
    type: int
  data_disks:
    description: The destination's data disks that are not to have the source's size and one GiB, at least 20 GiB.
    type: list
    elements: dict
    suboptions:
      index:
        description: The number of the source's data disk, 1 to 16.
        type: int
        required: true
      size:
        description: GiB, 20 to 32768; it must be larger than the source's.
        type: int
        required: true
  network_mode:
    description: V(internet) copies over the Internet; V(vpc) copies over a private line and needs O(vswitch_id).
    type: str
    choices: [internet, vpc]
  vswitch_id:
    description: The vSwitch of the intermediate instance. Without one, SMC makes a VPC for each job, of which there is a quota.
    type: str
  vpc_id:
    description: The VPC of the intermediate instance; it follows from O(vswitch_id).
    type: str
  instance_type:
    description: The type of the intermediate instance. SMC chooses a cheap one otherwise.
    type: str
  bandwidth_limit:
    description:
      - The most that the copying may use of the network; 0 is without limit.
      - The unit is not documented for certain (KB/s, Kbit/s or Mbit/s). Try it out before you rely on it.
    type: int
  compression_level:
    description: How hard the copied data are compressed, 0 to 10.
    type: int
  checksum:
    description: Whether the copied data are checked by checksums, which slows the copying.
    type: bool
  license_type:
    description: V(byol) to bring one's own licences for the operating system.
    type: str
    choices: [byol]
  resource_group_id:
    description: The resource group of the job.
    type: str
  tags:
    description: Further tags that the job is to have. Other tags stay.
    type: dict
  scheduled_start:
    description: When a new job is to make its first run, within 30 days, such as V(2026-11-28T20:00:00Z). Otherwise at once.
    type: str
  started:
    description: Whether a new, paused or failed job is to be started.
    type: bool
    default: true
  synced_since:
    description:
      - With O(state=synced), the moment after which the run of the newest complete image must have begun, by the cloud's clock.
      - Take it from RV(cloud_time) after the services have stopped.
    type: str
  max_age:
    description:
      - With O(state=synced), how long ago the run of the newest complete image may have begun at most, such as V(2h).
      - It is reckoned from the moment at which the module begins, so that V(1s) has the job run once more.
    type: str
  recreate:
    description: Whether to create a new job, which copies everything anew, for a VM that has moved already.
    type: bool
    default: false
  discard_replication:
    description: With O(state=absent), whether to delete a job that has run and is not finished. Its replica is lost.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until the state is reached; for V(present) until the first image is complete.
      - The default is V(false) for O(state=present), which takes as long as a whole copy, and V(true) for the others.
    type: bool
"""

EXAMPLES = r"""
- name: Copy a VM every six hours, and keep three images
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

- name: Give the replication up
  cutover.smc.smc_incremental_job:
    vm_uuid: 50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b
    state: absent
    discard_replication: true
"""

RETURN = r"""
job:
  description: The job, null when there is none. Sizes are in GiB, moments in UTC by the cloud's clock.
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
  description: The id of the job's source, or of the VM's.
  returned: success
  type: str
  sample: s-bp1a2b3c4d5e6f
synced:
  description: Whether there is a complete image as O(synced_since) and O(max_age) ask for; without them, any complete image.
  returned: success
  type: bool
  sample: true
migrated:
  description: Whether the VM has moved already, so that nothing was done.
  returned: success
  type: bool
  sample: false
migrated_image_id:
  description: The final image of a VM that has moved already, else null.
  returned: success
  type: str
  sample: null
drift:
  description: What is not as declared and SMC does not change in the job's present state, with what would be needed.
  returned: success
  type: list
  elements: dict
  sample:
    - attribute: image_name
      actual: app-01
      wanted: app-01-final
      remedy: delete the job and create it again
cloud_time:
  description: The cloud's own clock.
  returned: success
  type: str
  sample: '2026-11-22T20:00:00Z'
stalls:
  description:
    - The times at which the job had stood still for O(stall_after) while it was waited for, with the likely cause; it may have gone on
      afterwards.
  returned: success
  type: list
  elements: dict
  sample: []
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
