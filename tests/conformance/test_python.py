# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole job life through the typed models of the official SDKs for Python, none of which may lose a field."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_smc20190601 import models as smc_models
from alibabacloud_tea_openapi.exceptions import ClientException, ThrottlingException
from Tea.exceptions import TeaException

from tests.conformance.checked import Checked
from tests.integration.lab_harness import Lab

REGION = "cn-hangzhou"
# Of all that SMC's models can say, what the lab says only when it was asked for.
NEVER_SENT = {"DescribeReplicationJobsResponseBodyReplicationJobsReplicationJobDisksSystem.lvm"}


def import_vm(lab: Lab, name: str, token_id: str, code: str) -> None:
    """Import a VM as a person does who sits at the connector."""
    home = lab.connector(1)
    config = home / "vmware_migrate_config.json"
    choices = json.loads(config.read_text())
    for entry in choices.values():
        entry["migrate"] = entry["vm_name"] == name
    config.write_text(json.dumps(choices))
    command = [str(home / "go2aliyun_client"), f"--accesstokenid={token_id}", f"--accesstokencode={code}"]
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=home, env={**os.environ, **lab.environment}
    )
    assert "Successfully!" in answer.stdout, answer.stdout + answer.stderr


class Life:
    """One VM's migration, step by step."""

    def __init__(self, lab: Lab, smc: Checked, ecs: Checked) -> None:
        self.lab, self.smc, self.ecs = lab, smc, ecs
        self.source_id = self.job_id = self.image_id = ""

    def advance(self, duration: str) -> None:
        self.lab.post("/clock", {"advance": duration})

    # -- reading -------------------------------------------------------------------------------------------------

    def source(self) -> Any:
        request = smc_models.DescribeSourceServersRequest(source_id=[self.source_id])
        (found,) = self.smc.describe_source_servers(request).source_servers.source_server
        return found

    def jobs(self) -> list[Any]:
        request = smc_models.DescribeReplicationJobsRequest(source_id=[self.source_id], job_type=3)
        return list(self.smc.describe_replication_jobs(request).replication_jobs.replication_job)

    def job(self) -> Any:
        (found,) = self.jobs()
        return found

    def wait_for(self, status: str) -> Any:
        self.advance("10m")
        assert self.job().status == status
        return self.job()

    # -- steps ---------------------------------------------------------------------------------------------------

    def bring_in(self, name: str) -> tuple[str, str]:
        """An activation code, and the VM imported with it."""
        request = smc_models.CreateAccessTokenRequest(name=name, count="2", time_to_live_in_days="7", description="one")
        token = self.smc.create_access_token(request)
        import_vm(self.lab, name, token.access_token_id, token.access_token_code)
        listed = self.smc.list_access_tokens(
            smc_models.ListAccessTokensRequest(access_token_id=[token.access_token_id])
        )
        (shown,) = listed.access_tokens.access_token
        assert (shown.registered_count, shown.status) == ("1", "activated")
        found = self.smc.describe_source_servers(
            smc_models.DescribeSourceServersRequest(name=name, related_job_type=["VMWare"], state="Available")
        )
        (source,) = found.source_servers.source_server
        self.source_id = source.source_id
        return token.access_token_id, token.access_token_code

    def create(self, **changes: Any) -> None:
        tag = smc_models.CreateReplicationJobRequestTag(key="wave", value="one")
        part = smc_models.CreateReplicationJobRequestSystemDiskPart(block=True, device="0_0", size_bytes=1048576)
        values: dict[str, Any] = {
            "client_token": f"create-{self.source_id}",
            "source_id": self.source_id,
            "region_id": REGION,
            "job_type": 3,
            "run_once": False,
            "frequency": 12,
            "max_number_of_image_to_keep": 2,
            "target_type": "Image",
            "image_name": f"conformance-{self.source_id[-6:]}",
            "name": f"job-{self.source_id[-6:]}",
            "description": "conformance",
            "system_disk_size": 20,
            "system_disk_part": [part],
            "net_mode": 0,
            "v_switch_id": "vsw-lab-isolated",
            "vpc_id": "vpc-lab",
            "replication_parameters": '{"bandwidth_limit":0,"compress_level":1,"checksum":true}',
            "instance_type": "ecs.g6.large",
            "resource_group_id": "rg-1",
            "license_type": "BYOL",
            "tag": [tag],
            **changes,
        }
        request = smc_models.CreateReplicationJobRequest(**values)
        self.job_id = self.smc.create_replication_job(request).job_id
        assert self.smc.create_replication_job(request).job_id == self.job_id

    def start(self) -> None:
        self.smc.start_replication_job(smc_models.StartReplicationJobRequest(job_id=self.job_id))

    def start_and_see_every_phase(self) -> None:
        assert self.job().status == "Ready"
        self.start()
        seen = []
        for step in ("1m", "70s", "40s"):
            self.advance(step)
            seen.append(self.job().business_status)
        assert seen == ["Preparing", "Syncing", "Processing"]
        job = self.wait_for("Waiting")
        (run,) = job.replication_job_runs.replication_job_run
        assert (run.type, run.image_id, job.progress) == ("Manual", job.image_id, 100)

    def pause_and_resume(self) -> None:
        self.start()
        assert self.job().business_status == "Syncing"
        self.smc.stop_replication_job(smc_models.StopReplicationJobRequest(job_id=self.job_id))
        assert self.job().status == "Stopped"
        self.start()
        job = self.wait_for("Waiting")
        assert len(job.replication_job_runs.replication_job_run) == 2

    def modify(self) -> None:
        request = smc_models.ModifyReplicationJobAttributeRequest(
            job_id=self.job_id, name=f"renamed-{self.source_id[-6:]}", frequency=24, max_number_of_image_to_keep=3
        )
        self.smc.modify_replication_job_attribute(request)
        job = self.job()
        assert (job.name, job.frequency, job.max_number_of_image_to_keep) == (request.name, 24, 3)

    def complete(self) -> None:
        request = smc_models.CutOverReplicationJobRequest(job_id=self.job_id, sync_data=True)
        self.smc.cut_over_replication_job(request)
        job = self.wait_for("Finished")
        self.image_id = job.image_id
        assert len(job.replication_job_runs.replication_job_run) == 3

    def delete(self) -> None:
        self.smc.delete_replication_job(smc_models.DeleteReplicationJobRequest(job_id=self.job_id))
        assert self.job().status == "Deleting"
        self.advance("1m")
        assert self.jobs() == []
        self.smc.delete_source_server(smc_models.DeleteSourceServerRequest(source_id=self.source_id, force=True))
        assert self.source().state == "Deleting"
        self.advance("1m")

    # -- ECS -----------------------------------------------------------------------------------------------------

    def images(self) -> list[Any]:
        request = ecs_models.DescribeImagesRequest(
            region_id=REGION, image_name=f"conformance-{self.source_id[-6:]}*", status="Creating,Available"
        )
        return list(self.ecs.describe_images(request).images.image)

    def check_what_smc_made(self) -> None:
        transition_id = self.job().transition_instance_id
        instances = ecs_models.DescribeInstancesRequest(region_id=REGION, instance_ids=json.dumps([transition_id]))
        (instance,) = self.ecs.describe_instances(instances).instances.instance
        assert instance.instance_name == "No_Delete_SMC_Transition_Instance"
        disks = ecs_models.DescribeDisksRequest(region_id=REGION, instance_id=transition_id)
        snapshots = ecs_models.DescribeSnapshotsRequest(region_id=REGION, instance_id=transition_id)
        groups = ecs_models.DescribeSecurityGroupsRequest(
            region_id=REGION, security_group_id=instance.security_group_ids.security_group_id[0]
        )
        status = ecs_models.DescribeInstanceStatusRequest(region_id=REGION, instance_id=[transition_id])
        assert len(self.ecs.describe_disks(disks).disks.disk) == 1
        assert len(self.ecs.describe_snapshots(snapshots).snapshots.snapshot) == len(self.images())
        assert len(self.ecs.describe_security_groups(groups).security_groups.security_group) == 1
        assert self.ecs.describe_instance_status(status).instance_statuses.instance_status[0].status == "Running"

    def verify(self) -> None:
        """Start an instance from the image, and compare its disk with the bytes that the lab knows of it."""
        tag = ecs_models.RunInstancesRequestTag(key="cutover", value="verification")
        request = ecs_models.RunInstancesRequest(
            region_id=REGION,
            image_id=self.image_id,
            instance_type="ecs.c7.large",
            instance_name="verify",
            v_switch_id="vsw-lab-isolated",
            security_group_id="sg-lab-isolated",
            client_token="verify",
            tag=[tag],
        )
        (instance_id,) = self.ecs.run_instances(request).instance_id_sets.instance_id_set
        self.advance("2m")
        status = ecs_models.DescribeCloudAssistantStatusRequest(region_id=REGION, instance_id=[instance_id])
        (agent,) = self.ecs.describe_cloud_assistant_status(
            status
        ).instance_cloud_assistant_status_set.instance_cloud_assistant_status
        assert agent.cloud_assistant_status == "true"
        command = ecs_models.RunCommandRequest(
            region_id=REGION,
            type="RunShellScript",
            command_content="sha256sum /dev/vda",
            instance_id=[instance_id],
            timeout=600,
        )
        invoke_id = self.ecs.run_command(command).invoke_id
        self.advance("1m")
        results = ecs_models.DescribeInvocationResultsRequest(
            region_id=REGION, invoke_id=invoke_id, content_encoding="PlainText"
        )
        (result,) = self.ecs.describe_invocation_results(results).invocation.invocation_results.invocation_result
        (disk,) = self.lab.get(f"/images/{self.image_id}/disks")
        assert (result.exit_code, result.output.split()[0]) == (0, disk["sha256"])
        invocations = ecs_models.DescribeInvocationsRequest(region_id=REGION, invoke_id=invoke_id, include_output=True)
        (invocation,) = self.ecs.describe_invocations(invocations).invocations.invocation
        assert invocation.invocation_status == "Success"
        console = ecs_models.GetInstanceConsoleOutputRequest(region_id=REGION, instance_id=instance_id)
        assert self.ecs.get_instance_console_output(console).console_output
        self.move_to_another_zone(instance_id)
        self.ecs.delete_instance(ecs_models.DeleteInstanceRequest(instance_id=instance_id, force=True))

    def move_to_another_zone(self, instance_id: str) -> None:
        request = smc_models.CreateCrossZoneMigrationJobRequest(
            region_id=REGION, instance_id=instance_id, target_zone_id=f"{REGION}-c", client_token="move"
        )
        job_id = self.smc.create_cross_zone_migration_job(request).job_id
        self.advance("10m")
        wanted = smc_models.DescribeReplicationJobsRequest(job_type=2, job_id=[job_id], status="Finished")
        (job,) = self.smc.describe_replication_jobs(wanted).replication_jobs.replication_job
        instances = ecs_models.DescribeInstancesRequest(region_id=REGION, instance_ids=json.dumps([instance_id]))
        (instance,) = self.ecs.describe_instances(instances).instances.instance
        assert (job.instance_id, instance.zone_id, instance.status) == (instance_id, f"{REGION}-c", "Running")
        self.smc.delete_replication_job(smc_models.DeleteReplicationJobRequest(job_id=job_id))
        self.smc.delete_source_server(smc_models.DeleteSourceServerRequest(source_id=job.source_id, force=True))

    def clear_images(self) -> None:
        for image in self.images():
            self.ecs.delete_image(ecs_models.DeleteImageRequest(region_id=REGION, image_id=image.image_id))
            for mapping in image.disk_device_mappings.disk_device_mapping:
                self.ecs.delete_snapshot(ecs_models.DeleteSnapshotRequest(snapshot_id=mapping.snapshot_id))
        assert self.images() == []


def test_job_life(lab: Lab, smc: Checked, ecs: Checked) -> None:
    lab.post("/switches", {"cloud_assistant_agent": True})
    life = Life(lab, smc, ecs)
    token_id, code = life.bring_in("app-01")
    smc.modify_source_server_attribute(
        smc_models.ModifySourceServerAttributeRequest(source_id=life.source_id, name="renamed-01", description="x y")
    )
    group = smc.create_workgroup(smc_models.CreateWorkgroupRequest(name="wave-1", description="first wave"))
    members = {"workgroup_id": group.workgroup_id, "source_id": [life.source_id]}
    smc.associate_source_servers(smc_models.AssociateSourceServersRequest(**members))
    life.create()
    assert (life.source().state, life.job().workgroup_id) == ("InUse", group.workgroup_id)
    life.start_and_see_every_phase()
    life.check_what_smc_made()
    life.modify()
    life.pause_and_resume()
    life.complete()
    (wave,) = smc.describe_workgroups(smc_models.DescribeWorkgroupsRequest(name="wave-1")).workgroups.workgroup
    assert wave.status == "Completed"
    smc.disassociate_source_servers(smc_models.DisassociateSourceServersRequest(**members))
    smc.modify_workgroup_attribute(
        smc_models.ModifyWorkgroupAttributeRequest(workgroup_id=group.workgroup_id, name="wave-2")
    )
    smc.delete_workgroup(smc_models.DeleteWorkgroupRequest(workgroup_id=group.workgroup_id))
    life.verify()
    life.delete()
    life.clear_images()
    for request, method in (
        (smc_models.DisableAccessTokenRequest(access_token_id=token_id), smc.disable_access_token),
        (smc_models.DeleteAccessTokenRequest(access_token_id=token_id), smc.delete_access_token),
    ):
        method(request)
    assert code
    assert smc.never_sent() <= NEVER_SENT


def test_workgroups_and_their_pages(smc: Checked) -> None:
    tag = smc_models.CreateWorkgroupRequestTag(key="wave", value="paged")
    ids = [
        smc.create_workgroup(smc_models.CreateWorkgroupRequest(name=f"paged-{number:02}", tag=[tag])).workgroup_id
        for number in range(12)
    ]
    wanted = smc_models.DescribeWorkgroupsRequestTag(key="wave")
    found: list[str] = []
    for number in (1, 2, 3):
        request = smc_models.DescribeWorkgroupsRequest(page_number=number, page_size=5, tag=[wanted])
        page = smc.describe_workgroups(request)
        assert (page.page_number, page.page_size, page.total_count) == (number, 5, 12)
        found += [group.workgroup_id for group in page.workgroups.workgroup]
    assert found == ids[::-1]
    for workgroup_id in ids:
        smc.delete_workgroup(smc_models.DeleteWorkgroupRequest(workgroup_id=workgroup_id))


def test_tags_of_sources_and_jobs(lab: Lab, smc: Checked, ecs: Checked) -> None:
    life = Life(lab, smc, ecs)
    life.bring_in("app-02")
    data_disk = smc_models.CreateReplicationJobRequestDataDisk(index=1, size=40)
    life.create(run_once=True, frequency=None, max_number_of_image_to_keep=None, data_disk=[data_disk])
    for kind, resource_id, tags in (
        ("sourceserver", life.source_id, lambda: life.source().tags.tag),
        ("replicationjob", life.job_id, lambda: life.job().tags.tag),
    ):
        named: dict[str, Any] = {"resource_type": kind, "resource_id": [resource_id]}
        new = [smc_models.TagResourcesRequestTag(key=key, value="v") for key in ("a", "b")]
        smc.tag_resources(smc_models.TagResourcesRequest(**named, tag=new))
        listed = smc.list_tag_resources(smc_models.ListTagResourcesRequest(**named)).tag_resources.tag_resource
        assert {(row.tag_key, row.tag_value) for row in listed} >= {("a", "v"), ("b", "v")}
        assert listed[0].resource_type == f"ALIYUN::SMC::{kind.upper()}"
        smc.untag_resources(smc_models.UntagResourcesRequest(**named, tag_key=["a"]))
        assert "a" not in {tag.key for tag in tags()}
    life.start()
    assert life.wait_for("Finished").data_disks.data_disk[0].size == 40
    life.delete()
    life.clear_images()


def test_pages_by_token(ecs: Checked) -> None:
    request = ecs_models.DescribeInstanceTypesRequest(max_results=20)
    seen = []
    while True:
        page = ecs.describe_instance_types(request)
        seen += [one.instance_type_id for one in page.instance_types.instance_type]
        request.next_token = page.next_token
        if not page.next_token:
            break
    assert len(seen) == len(set(seen)) > 20
    assert ecs.describe_regions(ecs_models.DescribeRegionsRequest()).regions.region[0].region_id == REGION
    price = ecs.describe_price(ecs_models.DescribePriceRequest(region_id=REGION, instance_type=seen[0]))
    assert price.price_info.price.trade_price > 0


def refusal(method: Any, request: Any) -> TeaException:
    with pytest.raises(TeaException) as refused:
        method(request)
    return refused.value


def test_refusals_reach_the_client_whole(lab: Lab, smc: Checked, ecs: Checked) -> None:
    start = smc_models.StartReplicationJobRequest(job_id="j-none")
    unknown = refusal(smc.start_replication_job, start)
    assert isinstance(unknown, ClientException)
    assert (unknown.code, unknown.status_code) == ("InvalidJobId.NotFound", 404)
    assert len(unknown.request_id) == 36
    assert {"RequestId", "HostId", "Code", "Message", "Recommend"} <= set(unknown.data)
    missing = refusal(smc.start_replication_job, smc_models.StartReplicationJobRequest())
    assert (missing.code, "JobId" in missing.message) == ("MissingParameter", True)
    dry = ecs_models.DescribeInstancesRequest(region_id=REGION, dry_run=True)
    assert refusal(ecs.describe_instances, dry).code == "DryRunOperation"
    for kind, hint in (("throttle", None), ("throttle_retry_after", 1500)):
        lab.faults({"target": "smc", "kind": kind, "retry_after_ms": 1500, "action": "ListAccessTokens"})
        throttled = refusal(smc.list_access_tokens, smc_models.ListAccessTokensRequest())
        assert throttled.code == "Throttling.User"
        assert isinstance(throttled, ThrottlingException) == (hint is not None)
        assert getattr(throttled, "retry_after", None) == hint
    lab.faults({"target": "smc", "kind": "error", "status": 403, "code": "Forbidden.RAM", "message": "No."})
    assert refusal(smc.list_access_tokens, smc_models.ListAccessTokensRequest()).accessDeniedDetail
