# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The essential runbook by modules, in the test's process, and every setting of the cloud's switches that it must pass."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api as _alicloud
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import ecs as _ecs
from lab.alicloud.world.settings import SWITCHES
from lab.connector.cloud import Cloud as ConnectorCloud
from lab.connector.home import Connection as ConnectorConnection
from tests.integration.lab_harness import Call, Lab, Outcome


@dataclass(frozen=True)
class Setting:
    """How the cloud is set for one run: what differs from the defaults."""

    name: str
    switches: dict[str, Any]

    def __str__(self) -> str:
        return self.name


#: As fast as the runs' bytes allow, and slow enough that nothing expires in the seconds that a test takes.
CLOCK_SCALE = 3000
POLL_SECONDS = 0.05
VM = "app-02"  # it has two disks

#: What a limit is set to besides its default: what one migration just fits in. A length of time (``seconds_...``) is trebled.
LIMITS: dict[str, int] = {
    "client_token_hours": 1,
    "jobs_limit": 1,
    "running_jobs_limit": 1,
    "sources_limit": 1,
    "vpc_quota": 2,  # the lab has one already
    "workgroups_limit": 1,
    "workgroup_sources_limit": 1,
    "heartbeat_timeout": 60,
}

#: Where SMC refuses what the runbook does: what, and how often. The way round is in the steps.
REFUSALS: dict[str, list[str]] = {
    "start_on_waiting=False": ["run by hand"] * 2,
    "workgroup_https_only=True": ["a workgroup over HTTP"],
}


def other_values(name: str) -> list[Any]:
    """What a switch that is no number can be set to besides its default."""
    choice = SWITCHES[name]
    every = [True, False] if isinstance(choice.default, bool) else list(choice.allowed)
    return [value for value in every if value != choice.default]


def numbers() -> list[Setting]:
    """All lengths of time, and all limits, at other values: two settings, for a number has no two ways."""
    found = {name: int(one.default) for name, one in SWITCHES.items() if type(one.default) is int}
    lengths = {name: 3 * default for name, default in found.items() if name.startswith("seconds_")}
    unknown = found.keys() - lengths.keys() - LIMITS.keys()
    assert not unknown, f"say in LIMITS which other value of {', '.join(sorted(unknown))} must be tried"
    return [Setting("lengths", lengths), Setting("limits", dict(LIMITS))]


def settings(part: int, parts: int) -> list[Setting]:
    """All switches at their defaults, and each at each other value: one of several parts of them."""
    ways = [
        Setting(f"{name}={value}", {name: value})
        for name, choice in SWITCHES.items()
        if type(choice.default) is not int
        for value in other_values(name)
    ]
    return [Setting("defaults", {}), *ways, *numbers()][part::parts]


@dataclass
class Runbook:
    """One VM on its way, as a person would take it by the modules; what was refused on the way is kept."""

    lab: Lab
    call: Call
    refused: list[str] = field(default_factory=list)

    def module(self, name: str, /, **params: Any) -> Outcome:
        """Run a module, which must not fail."""
        outcome = self.attempt(name, **params)
        assert not outcome.failed, f"{name} {params}: {outcome.result}"
        return outcome

    def attempt(self, name: str, /, **params: Any) -> Outcome:
        waits = name in (
            "smc_source",
            "smc_incremental_job",
            "smc_job_finalize",
            "smc_cleanup",
            "ecs_verification_instance",
        )
        return self.call(name, **({"poll_interval": POLL_SECONDS} if waits else {}), **params)

    def clock(self) -> str:
        return str(self.module("smc_incremental_job_info", job_ids=[])["cloud_time"])

    # The steps

    def import_vm(self) -> dict[str, Any]:
        """As the connector does, with an activation code; then the source is tied to its VM."""
        self.token = self.module("smc_access_token", name="runbook")
        chosen = json.loads((self.lab.connector(1) / "vmware_migrate_config.json").read_text())
        entry: dict[str, Any] = next(one for one in chosen.values() if one["vm_name"] == VM)
        cloud = ConnectorCloud(self.lab.environment["CUTOVER_SMC_ENDPOINT"])
        environment = self.lab.environment
        vcenter = ConnectorConnection(
            environment["VMWARE_HOST"], int(environment["VMWARE_PORT"]), environment["VMWARE_USER"], ""
        )
        token_id = self.token["access_token"]["access_token_id"]
        cloud.register(token_id, self.token["access_token_code"], entry, vcenter)
        cloud.close()
        self.uuid = str(self.lab.vm(VM)["uuid"])
        self.module("smc_access_token", access_token_id=token_id, state="disabled")
        source = self.module(
            "smc_source", vm_uuid=self.uuid, vm_name=VM, hostname=entry["host_name"], ipv4=[entry["ipv4"]]
        )
        assert source["source"]["tags"]["cutover:vm-uuid"] == self.uuid
        wave = self.attempt("smc_workgroup", name="runbook", vm_uuids=[self.uuid])
        if wave.failed:
            assert wave["error"]["code"] == "InvalidProtocol.NeedSsl", wave.result
            assert "https" in wave["error"]["remedy"]
            self.refused.append("a workgroup over HTTP")
        return dict(source["source"])

    def replicate(self) -> None:
        """A job, its first run, and once more; the same again changes nothing."""
        wanted = {"vm_uuid": self.uuid, "interval": "7d", "images_to_keep": 2, "description": "runbook"}
        job = self.module("smc_incremental_job", wait=True, **wanted)
        assert (job["job"]["status"], job["synced"]) == ("Waiting", True)
        self.job_id = str(job["job"]["job_id"])
        self.lab.reset_requests()
        assert self.module("smc_incremental_job", **wanted)["changed"] is False
        assert self.lab.mutating_requests() == {}
        self.run_again()

    def run_again(self) -> str:
        """A run that began after now; where SMC makes none by hand, its refusal is kept."""
        since = self.clock()
        run = self.attempt("smc_incremental_job", vm_uuid=self.uuid, state="synced", synced_since=since)
        if run.failed:
            assert run["error"]["code"] == "ReplicationJob.InvalidStatus", run.result
            assert "final_sync: true" in run["error"]["remedy"]
            self.refused.append("run by hand")
        return since

    def try_the_image(self) -> None:
        """The newest image, on an instance apart, which is released at once."""
        image = self.module("smc_incremental_job_info", job_ids=[self.job_id])["jobs"][0]["newest_image_id"]
        place = {"vswitch_id": "vsw-lab-isolated", "security_group_id": "sg-lab-isolated"}
        self.module("ecs_verification_instance", image_id=image, instance_type="ecs.c7.large", **place)
        self.module("ecs_verification_instance", image_id=image, state="absent")

    def cut_over(self) -> None:
        """The services stopped, a run after that, and the job completed; what proves it is the disk itself."""
        self.lab.post(f"/vms/{VM}/guest", {"service": "stopped"})
        stopped_at = self.run_again()
        done = self.module(
            "smc_job_finalize",
            vm_uuid=self.uuid,
            services_stopped_at=stopped_at,
            final_sync="run by hand" in self.refused,
        )
        assert (done["finished"], done["evidence"]["proven"]) == (True, True)
        assert done["image"]["tags"]["cutover:job-id"] == self.job_id
        self.image_id = str(done["evidence"]["image_id"])
        images = {disk["key"]: disk["sha256"] for disk in self.lab.get(f"/images/{self.image_id}/disks")}
        assert images == {disk["key"]: disk["sha256"] for disk in self.lab.get(f"/vms/{VM}/disks")}
        self.lab.reset_requests()
        assert self.module("smc_job_finalize", vm_uuid=self.uuid)["changed"] is False
        assert self.lab.mutating_requests() == {}

    def clean_up(self) -> None:
        """Nothing is left but the final image."""
        # Without a login to vCenter, as where SMC has left no snapshot on the VM.
        options = {"vm_uuid": self.uuid, "delete_job": True, "delete_source": True, "images_to_keep": 1, "hostname": ""}
        if "a workgroup over HTTP" not in self.refused:
            self.module("smc_workgroup", name="runbook", state="absent", release_members=True)
        self.module("smc_cleanup", access_token_ids=[self.token["access_token"]["access_token_id"]], **options)
        self.lab.post("/clock", {"advance": "10m"})  # a source is deleted after its answer
        state = self.lab.get("/state")
        assert (state["jobs"], state["sources"], state["tokens"], state["instances"]) == ([], [], [], [])
        assert [image["image_id"] for image in state["images"]] == [self.image_id]
        assert self.lab.vm(VM)["snapshots"] == []

    def run(self) -> None:
        if not all(disk["tracked"] for disk in self.lab.vm(VM)["disks"]):
            self.module("vmware_cbt", name=VM)
        self.lab.post(f"/vms/{VM}/guest", {"service": "running"})
        self.import_vm()
        self.replicate()
        self.try_the_image()
        self.cut_over()
        self.clean_up()


def forget(lab: Lab, call: Call) -> None:
    """Whatever a runbook has left, also one that failed: the next one begins anew."""
    lab.reset_faults()
    lab.post("/clock", {"scale": CLOCK_SCALE})
    names = {"access_key_id": "ALIBABA_CLOUD_ACCESS_KEY_ID", "access_key_secret": "ALIBABA_CLOUD_ACCESS_KEY_SECRET"}
    names |= {"region_id": "ALIBABA_CLOUD_REGION_ID", "ecs_endpoint": "CUTOVER_ECS_ENDPOINT"}
    ecs = _ecs.EcsClient(_alicloud.Connection(**{name: os.environ[variable] for name, variable in names.items()}))
    runbook = Runbook(lab, call)
    state = lab.get("/state")
    for job in state["jobs"]:
        runbook.module("smc_incremental_job", job_id=job["job_id"], state="absent", discard_replication=True)
    for source in state["sources"]:
        runbook.module("smc_source", source_id=source["source_id"], state="absent")
    for image in lab.get("/state")["images"]:
        ecs.delete_image(image["image_id"])
    for token in state["tokens"]:
        runbook.module("smc_access_token", access_token_id=token["token_id"], state="absent")


def go_through(lab: Lab, call: Call, setting: Setting) -> None:
    """The runbook with one setting. It ends in the same way, by the documented alternative where the setting blocks the usual one."""
    forget(lab, call)
    lab.post("/switches", setting.switches)
    runbook = Runbook(lab, call)
    runbook.run()
    assert runbook.refused == REFUSALS.get(setting.name, [])
