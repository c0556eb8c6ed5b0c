# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clean-ups against the lab: faults at every write, interrupted runs, orphans by ID only, and costs."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from pyVim.connect import Disconnect, SmartConnect
from pyVim.task import WaitForTask

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api as _alicloud
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import ecs as _ecs
from lab.alicloud.world import prices
from tests.integration.lab_harness import FIRST_VM, Call, Lab, import_vms, set_service, smc_time

VM = "app-01"
TRANSITION = "no_delete_SMC_transition_instance"
#: Every write of a clean-up of images, an activation code and a job.
WRITES = {
    "TagResources": "ecs",
    "DeleteImage": "ecs",
    "DeleteSnapshot": "ecs",
    "DeleteAccessToken": "smc",
    "DeleteReplicationJob": "smc",
}
#: Prices that ECS does not return, from the lab's own price list.
PRICES = {"currency": prices.CURRENCY, "snapshot_gib_month": prices.SNAPSHOT_GIB_MONTH}


@pytest.fixture(scope="module")
def known() -> dict[str, str]:
    """The VM's instance UUID, filled by the first test that needs it."""
    return {}


@pytest.fixture
def uuid(known: dict[str, str], lab: Lab, call: Call) -> str:
    """The VM imported, its services stopped, and without traces of an earlier migration."""
    if not known:
        known.update(import_vms(lab, call, VM))
        lab.post(f"/vms/{VM}/guest", {"service": "stopped"})
        assert not call("smc_source", vm_uuid=known[VM], vm_name=VM).failed
    return known[VM]


@pytest.fixture
def ecs(lab: Lab) -> _ecs.EcsClient:
    return _ecs.EcsClient(
        _alicloud.Connection(
            access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
            access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
            region_id=os.environ["ALIBABA_CLOUD_REGION_ID"],
            ecs_endpoint=os.environ["CUTOVER_ECS_ENDPOINT"],
        )
    )


@pytest.fixture
def no_traces(lab: Lab, call: Call, ecs: _ecs.EcsClient, uuid: str) -> Iterator[str]:
    """The VM without a job; afterwards it has none again, and no images and snapshots of one."""
    lab.reset_requests()
    yield uuid
    lab.reset_faults()
    jobs = call("smc_incremental_job_info", vm_uuids=[uuid])["jobs"]
    call("smc_incremental_job", vm_uuid=uuid, state="absent", discard_replication=True)
    images = ecs.images_by_id([image_id for job in jobs for image_id in job["images"]]).values()
    for image in [*images, *ecs.images(tags={"cutover:vm-uuid": uuid})]:
        ecs.delete_image(image.image_id)
        for snapshot_id in image.snapshot_ids:
            ecs.delete_snapshot(snapshot_id)


@pytest.fixture
def replicated(call: Call, no_traces: str) -> str:
    """The VM has an unfinished job and an image, which is returned."""
    job = call("smc_incremental_job", vm_uuid=no_traces, interval="7d", images_to_keep=5, wait=True)["job"]
    return str(job["runs"][-1]["image_id"])


@pytest.fixture
def migrated(lab: Lab, call: Call, uuid: str, replicated: str) -> list[str]:
    """The VM is migrated: a finished job, and the images of its two runs, which are returned, the older one first."""
    done = call("smc_job_finalize", vm_uuid=uuid, services_stopped_at=clock(lab), final_sync=True)
    assert done["finished"], done.result
    lab.reset_requests()
    return [replicated, done["evidence"]["image_id"]]


def clock(lab: Lab) -> str:
    return str(lab.get("/clock")["now"])


def ids(lab: Lab, kind: str) -> set[str]:
    """The IDs of all resources of a kind in the lab's cloud."""
    return {one[f"{kind}_id"] for one in lab.get("/state")[f"{kind}s"]}


def billed_per_day(lab: Lab, identifiers: Iterable[str]) -> float:
    """What the lab charges now for resources, instances with their disks."""
    wanted = set(identifiers)
    return sum(
        line["per_day"] for line in lab.get("/bill")["lines"] if wanted & {line["resource_id"], line["instance_id"]}
    )


def orphans_found(call: Call) -> dict[str, dict[str, Any]]:
    """The orphans of the region, by ID; other tests leave some, too."""
    return {one["id"]: one for one in call("smc_cleanup", orphans=[], check=True)["orphans"]}


def an_instance(ecs: _ecs.EcsClient, image_id: str, name: str, **tags: str) -> str:
    return ecs.run_instance(
        {
            "ImageId": image_id,
            "InstanceType": "ecs.c7.large",
            "VSwitchId": "vsw-lab-isolated",
            "SecurityGroupId": "sg-lab-isolated",
            "InstanceName": name,
            "InstanceChargeType": "PostPaid",
            "Tag": [{"Key": key.replace("_", ":", 1).replace("_", "-"), "Value": value} for key, value in tags.items()],
        }
    )


@pytest.mark.parametrize("kind", ["reset_before_commit", "reset_after_commit"])
def test_a_fault_at_every_write_leaves_the_desired_state_and_nothing_else(
    lab: Lab, call: Call, ecs: _ecs.EcsClient, uuid: str, migrated: list[str], kind: str
) -> None:
    older, final = migrated
    others = ids(lab, "image") - set(migrated)
    snapshots = {image.image_id: set(image.snapshot_ids) for image in ecs.images()}
    token = call("smc_access_token", name=f"clean-up-{kind}")["access_token"]["access_token_id"]
    wanted = {"vm_uuid": uuid, "images_to_keep": 1, "delete_job": True, "access_token_ids": [token], "prices": PRICES}
    lab.reset_requests()
    checked = call("smc_cleanup", check=True, **wanted)
    assert checked["changed"]
    assert not lab.mutating_requests()

    for action, target in WRITES.items():
        lab.faults(
            {"target": target, "action": action, "kind": "throttle"},
            {"target": target, "action": action, "kind": kind, "nth": 2},
        )
    cleared = call("smc_cleanup", **wanted)
    assert not cleared.failed, cleared.result
    assert ids(lab, "image") == others | {final}
    assert snapshots[final] <= ids(lab, "snapshot")
    assert not snapshots[older] & ids(lab, "snapshot")
    assert token not in {one["token_id"] for one in lab.get("/state")["tokens"]}
    assert {job["vm_name"] for job in lab.get("/state")["jobs"]} & {VM} == set()
    assert set(checked["plan"]) <= set(cleared["plan"])
    assert checked["diff"] == cleared["diff"]
    assert {item["id"]: item["kept"] for item in cleared["costs"]["items"]} == {older: False, final: True}
    assert {name: checked["costs"][name] for name in ("per_day", "saved_per_day", "complete")} == {
        name: cleared["costs"][name] for name in ("per_day", "saved_per_day", "complete")
    }
    # The lab calculates its bill independently.
    assert cleared["costs"]["per_day"] == pytest.approx(billed_per_day(lab, snapshots[final]), abs=1e-3)
    assert cleared["costs"]["saved_per_day"] > 0
    assert billed_per_day(lab, snapshots[older]) == 0

    lab.reset_requests()
    assert not call("smc_cleanup", **wanted)["changed"]
    assert not call("smc_cleanup", check=True, **wanted)["changed"]
    assert not lab.mutating_requests()


def test_images_are_found_when_their_job_is_deleted(lab: Lab, call: Call, uuid: str, migrated: list[str]) -> None:
    lab.faults({"target": "ecs", "action": "TagResources", "kind": "reset_before_commit"})
    assert not call("smc_cleanup", vm_uuid=uuid, delete_job=True).failed
    region = call("smc_cleanup", orphans=[], check=True)["costs"]["items"]
    assert {item["id"] for item in region if item["vm_uuid"] == uuid} == set(migrated)
    cleared = call("smc_cleanup", vm_uuid=uuid, images_to_keep=1)
    assert [image["image_id"] for image in cleared["left"]["images"]] == migrated[1:]
    assert call("smc_incremental_job", vm_uuid=uuid, interval="6h", check=True)["migrated_image_id"] == migrated[1]


def test_what_an_interrupted_run_left_and_what_ecs_refuses_to_delete(
    lab: Lab, call: Call, ecs: _ecs.EcsClient, uuid: str, replicated: str
) -> None:
    """The first run ends after an image and before its snapshots; in the second, ECS refuses to delete the next image."""
    second = call("smc_incremental_job", vm_uuid=uuid, state="synced", synced_since=clock(lab))["job"]["runs"][-1]
    done = call("smc_job_finalize", vm_uuid=uuid, services_stopped_at=clock(lab), final_sync=True)
    kept = [second["image_id"], done["evidence"]["image_id"]]
    forbidden = {"kind": "error", "status": 403, "code": "Forbidden.RAM", "count": 0}
    lab.faults({"target": "ecs", "action": "DeleteSnapshot", **forbidden})
    wanted = {"vm_uuid": uuid, "images_to_keep": 1}
    before = orphans_found(call)
    failed = call("smc_cleanup", **wanted)
    assert failed.failed
    assert failed["changed"]
    assert replicated not in ids(lab, "image")
    lab.reset_faults()
    left = {identifier: one for identifier, one in orphans_found(call).items() if identifier not in before}
    assert {one["reason"] for one in left.values()} == {f"its image {replicated} was deleted by a clean-up"}

    lab.faults({"target": "ecs", "action": "DeleteImage", "kind": "error", "status": 403, "code": "ImageIsExporting"})
    cleared = call("smc_cleanup", **wanted)
    assert not cleared.failed, cleared.result
    assert [image["image_id"] for image in cleared["left"]["images"]] == kept
    assert set(cleared["left"]["kept"]) == set(kept)
    assert not any("delete the image" in step for step in cleared["plan"])
    assert not set(left) & ids(lab, "snapshot")
    assert orphans_found(call) == before


def test_the_costs_are_what_the_lab_charges(
    lab: Lab, call: Call, ecs: _ecs.EcsClient, uuid: str, replicated: str
) -> None:
    machines = [an_instance(ecs, replicated, TRANSITION), lab.job(VM)["transition_instance_id"]]
    lab.post("/clock", {"advance": "2m"})
    lab.reset_requests()
    costs = call("smc_cleanup", orphans=[], prices=PRICES, check=True)["costs"]
    counts = {request["action"]: request["count"] for request in lab.get("/requests")}
    prices_per_day = {item["id"]: item["per_day"] for item in costs["items"]}
    for machine in machines:
        assert prices_per_day[machine] == pytest.approx(billed_per_day(lab, [machine]), abs=1e-3)
    snapshots = ecs.images_by_id([replicated])[replicated].snapshot_ids
    assert prices_per_day[replicated] == pytest.approx(billed_per_day(lab, snapshots), abs=1e-3)
    assert costs["per_day"] == pytest.approx(sum(prices_per_day.values()), abs=1e-3)
    assert (costs["complete"], costs["notes"], costs["currency"]) == (True, [], prices.CURRENCY)
    listings = ("DescribeInstances", "DescribeDisks", "DescribeSnapshots", "DescribeImages", "DescribeReplicationJobs")
    assert [counts[action] for action in listings] == [1, 1, 1, 1, 1]
    # Once for each instance type and each category of disks.
    asked = counts["DescribePrice"]
    priced = [item["id"] for item in costs["items"] if "instance" in item["kind"]]
    assert asked == len({one.instance_type for one in ecs.instances(priced)}) + 1
    ecs.delete_instance(machines[0])


def test_orphans_are_listed_and_deleted_by_id_only(
    lab: Lab, call: Call, ecs: _ecs.EcsClient, uuid: str, replicated: str
) -> None:
    named = lab.job(VM)["transition_instance_id"]
    before = orphans_found(call)
    orphan = an_instance(ecs, replicated, TRANSITION)
    overdue = an_instance(ecs, replicated, "verify", cutover_verifies_image=replicated, cutover_vm_uuid=uuid)
    bystander = an_instance(ecs, replicated, "web")
    lab.post("/clock", {"advance": "2m"})
    lab.reset_requests()

    found = call("smc_cleanup", orphans=[], check=True)
    assert {one["id"]: one["kind"] for one in found["orphans"] if one["id"] not in before} == {
        orphan: "instance",
        overdue: "verification_instance",
    }
    assert {item["vm_uuid"] for item in found["costs"]["items"] if item["id"] == named} == {uuid}
    assert not call("smc_cleanup", orphans=[])["changed"]
    for no_orphan, reason in (
        (bystander, "it is neither an intermediate instance of SMC"),
        (named, f"job {lab.job(VM)['job_id']}, which is Waiting, names it as its intermediate instance"),
    ):
        refused = call("smc_cleanup", orphans=[orphan, no_orphan])
        assert refused.failed
        assert f"{no_orphan} (option 'orphans') is not an orphan: {reason}" in refused["msg"]
    wanted = [orphan, overdue, "i-gone"]
    assert call("smc_cleanup", orphans=wanted, check=True)["changed"]
    assert not lab.mutating_requests()

    lab.faults({"target": "ecs", "action": "DeleteInstance", "kind": "reset_after_commit"})
    done = call("smc_cleanup", orphans=wanted)
    assert not done.failed, done.result
    assert ids(lab, "instance") & {orphan, overdue, bystander, named} == {bystander, named}
    assert {one["id"] for one in done["orphans"]} == set(before)
    lab.reset_requests()
    assert not call("smc_cleanup", orphans=wanted)["changed"]
    assert not call("smc_cleanup", orphans=wanted, check=True)["changed"]
    assert not lab.mutating_requests()
    ecs.delete_instance(bystander)

    forbidden = {"kind": "error", "status": 403, "code": "Forbidden.RAM", "count": 0}
    lab.faults({"target": "ecs", "action": "DescribePrice", **forbidden})
    unpriced = call("smc_cleanup", orphans=[], check=True)
    assert not unpriced.failed
    assert not unpriced["costs"]["complete"]
    assert any("Grant ecs:DescribePrice" in note for note in unpriced["costs"]["notes"])
    assert [item["per_day"] for item in unpriced["costs"]["items"] if item["id"] == named] == [None]


@pytest.fixture
def machine(lab: Lab) -> Iterator[Any]:
    """The VM, by another client than that of the collection."""
    environment = lab.environment
    connection = SmartConnect(
        host=environment["VMWARE_HOST"],
        port=int(environment["VMWARE_PORT"]),
        user=environment["VMWARE_USER"],
        pwd=environment["VMWARE_PASSWORD"],
        sslContext=ssl.create_default_context(cafile=environment["SSL_CERT_FILE"]),
    )
    try:
        yield connection.content.searchIndex.FindByUuid(None, lab.vm(VM)["uuid"], True, True)
    finally:
        Disconnect(connection)


def test_a_snapshot_of_a_deleted_job_is_listed_and_removed_by_its_reference_only(
    lab: Lab, call: Call, uuid: str, machine: Any
) -> None:
    for name in ("smc_j-bp1gone00000000000000_2026-11-22-18:00:00", "smc_by_hand"):
        WaitForTask(machine.CreateSnapshot_Task(name=name, description="", memory=False, quiesce=False))
    lab.reset_requests()
    found = call("smc_cleanup", vm_uuid=uuid)
    assert not found["changed"]
    assert [(one["kind"], one["name"]) for one in found["orphans"]] == [
        ("vm_snapshot", "smc_j-bp1gone00000000000000_2026-11-22-18:00:00")
    ]
    wanted = [found["orphans"][0]["id"]]
    assert call("smc_cleanup", vm_uuid=uuid, vm_snapshots=wanted, check=True)["changed"]
    assert not lab.mutating_requests()
    done = call("smc_cleanup", vm_uuid=uuid, vm_snapshots=wanted)
    assert done["changed"]
    assert done["connector_refresh_needed"]
    assert lab.vm(VM)["snapshots"] == ["smc_by_hand"] or [one["name"] for one in lab.vm(VM)["snapshots"]] == [
        "smc_by_hand"
    ]
    assert not call("smc_cleanup", vm_uuid=uuid, vm_snapshots=wanted)["changed"]
    refused = call("smc_cleanup", source_id="s-1", vm_snapshots=wanted)
    assert "Option 'vm_snapshots' needs vm_uuid" in refused["msg"]
    WaitForTask(machine.RemoveAllSnapshots_Task())


def test_the_source_is_deleted_on_request(lab: Lab, call: Call, no_traces: str) -> None:
    wanted = {"vm_uuid": no_traces, "delete_source": True}
    assert call("smc_cleanup", check=True, **wanted)["changed"]
    assert not lab.mutating_requests()
    lab.faults(
        {"target": "smc", "action": "DeleteSourceServer", "kind": "throttle"},
        {"target": "smc", "action": "DeleteSourceServer", "kind": "reset_after_commit", "nth": 2},
    )
    done = call("smc_cleanup", **wanted)
    assert not done.failed, done.result
    lab.post("/clock", {"advance": "2m"})
    assert call("smc_source_info", vm_uuids=[no_traces])["sources"] == []
    lab.reset_requests()
    assert not call("smc_cleanup", **wanted)["changed"]
    assert not call("smc_cleanup", check=True, **wanted)["changed"]
    assert not lab.mutating_requests()


def test_clean_up_waits_for_the_end_and_keeps_what_it_is_reported_to(
    lab: Lab, call: Call, no_jobs: dict[str, str]
) -> None:
    set_service(lab, FIRST_VM, "stopped")
    call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="7d", images_to_keep=5, wait=True)
    lab.reset_requests()
    early = call("smc_cleanup", vm_uuid=no_jobs[FIRST_VM])
    assert early.failed
    assert "the migration is not over" in early["msg"]
    assert not lab.mutating_requests()
    final = call("smc_job_finalize", vm_uuid=no_jobs[FIRST_VM], services_stopped_at=smc_time(call), final_sync=True)[
        "evidence"
    ]["image_id"]

    lab.reset_requests()
    assert call("smc_cleanup", vm_uuid=no_jobs[FIRST_VM], images_to_keep=1, delete_job=True, check=True)["changed"]
    assert not lab.mutating_requests()
    cleared = call("smc_cleanup", vm_uuid=no_jobs[FIRST_VM], images_to_keep=1, delete_job=True)
    assert [image["image_id"] for image in cleared["left"]["images"]] == [final]
    assert cleared["left"]["job"] is None
    assert [item["id"] for item in cleared["costs"]["items"] if item["kept"]] == [final]
    lab.reset_requests()
    assert not call("smc_cleanup", vm_uuid=no_jobs[FIRST_VM], images_to_keep=1, delete_job=True)["changed"]
    moved = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="6h")
    assert moved["migrated"]
    assert moved["migrated_image_id"] == final
    assert not lab.mutating_requests()
