# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges a migration by the lab's control port and journal; what the product reports about itself is not considered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

#: The mutating requests of the runbook. Any other mutating request is an error of the runbook.
KNOWN_ACTIONS = frozenset(
    {
        ("smc", "CreateAccessToken"),
        ("smc", "DisableAccessToken"),
        ("smc", "DeleteAccessToken"),
        ("smc", "ModifySourceServerAttribute"),
        ("smc", "TagResources"),
        ("smc", "UntagResources"),
        ("smc", "CreateReplicationJob"),
        ("smc", "StartReplicationJob"),
        ("smc", "CutOverReplicationJob"),
        ("ecs", "RunInstances"),
        ("ecs", "DeleteInstance"),
        ("ecs", "TagResources"),
        ("guest", "running"),
        ("guest", "stopped"),
    }
)
ISOLATED = {"VSwitchId": "vsw-lab-isolated", "SecurityGroupId": "sg-lab-isolated"}

Entry = dict[str, Any]
Hashes = dict[int, str]


@dataclass
class Evidence:
    """What the lab reports.

    :ivar vms_before: the VMs before the first run
    :ivar disks: the SHA-256 of each VM's disks, by VM and key
    :ivar images: the same of each existing image
    :ivar changes: the mutating requests of a run that should have had nothing to do
    """

    vms_before: list[dict[str, Any]]
    vms: list[dict[str, Any]]
    state: dict[str, Any]
    journal: list[Entry]
    disks: dict[str, Hashes]
    images: dict[str, Hashes]
    changes: dict[str, int] = field(default_factory=dict)


def violations(evidence: Evidence) -> list[str]:
    """Everything that is wrong after a migration, no matter how often it was killed."""
    return [
        *_unknown_actions(evidence),
        *_jobs(evidence),
        *(violation for vm in evidence.vms for violation in _vm(evidence, vm)),
        *_instances(evidence),
        *_left_over(evidence),
        *(
            f"a run with nothing left to do made {count} requests {action}"
            for action, count in evidence.changes.items()
        ),
    ]


def _done(evidence: Evidence, service: str, *actions: str) -> list[Entry]:
    """The requests that were carried out, or whose outcome is unknown."""
    return [
        entry
        for entry in evidence.journal
        if entry["service"] == service and entry["action"] in actions and entry["outcome"] in ("done", "")
    ]


def _unknown_actions(evidence: Evidence) -> Iterator[str]:
    asked = {(entry["service"], entry["action"]) for entry in evidence.journal}
    for service, action in sorted(asked - KNOWN_ACTIONS):
        yield f"{service} {action} was requested, which the runbook never needs"


def _jobs(evidence: Evidence) -> Iterator[str]:
    """One source for each VM, and one job for each source in its whole history."""
    names = sorted(vm["name"] for vm in evidence.vms)
    if sorted(source["vm_name"] for source in evidence.state["sources"]) != names:
        yield f"the sources are {[source['vm_name'] for source in evidence.state['sources']]}, the VMs {names}"
    made: dict[str, set[str]] = {source["source_id"]: set() for source in evidence.state["sources"]}
    for entry in _done(evidence, "smc", "CreateReplicationJob"):
        made.setdefault(entry["parameters"].get("SourceId", ""), set()).update(entry["made"])
    for source_id, jobs in made.items():
        if len(jobs) != 1:
            yield f"source {source_id} had {len(jobs)} jobs: {sorted(jobs)}"


def _vm(evidence: Evidence, vm: dict[str, Any]) -> Iterator[str]:
    name = vm["name"]
    before = next(one for one in evidence.vms_before if one["name"] == name)
    if vm["power_state"] != before["power_state"]:
        yield f"{name} is {vm['power_state']}; it was {before['power_state']}"
    if vm["snapshots"]:
        yield f"{name} has the snapshots {vm['snapshots']}"
    if not all(disk["tracked"] for disk in vm["disks"]):
        yield f"{name} has a disk whose changes are not tracked"
    if vm["service"] != "stopped":
        yield f"{name}: the service runs although its image can be started: both sides may serve"
    jobs = [job for job in evidence.state["jobs"] if job["vm_name"] == name]
    if len(jobs) != 1 or jobs[0]["status"] != "Finished":
        yield f"{name}: its jobs are {[(job['job_id'], job['status']) for job in jobs]}, not one that is Finished"
        return
    yield from _completion(evidence, name, jobs[0])
    yield from _image(evidence, name, jobs[0])


def _completion(evidence: Evidence, name: str, job: dict[str, Any]) -> Iterator[str]:
    """The services stopped, the last run started, the completion was sent, and the services never ran again."""
    sent = [
        one for one in _done(evidence, "smc", "CutOverReplicationJob") if one["parameters"]["JobId"] == job["job_id"]
    ]
    guest = [one for one in _done(evidence, "guest", "running", "stopped") if one["parameters"]["vm"] == name]
    if len([one for one in sent if one["outcome"] == "done"]) != 1:
        yield f"{name}: the completion was carried out {len(sent)} times"
        return
    before = [one for one in guest if one["number"] < sent[0]["number"]]
    if not before or before[-1]["action"] != "stopped":
        yield f"{name}: the completion was sent while the services ran"
        return
    for again in guest[len(before) :]:
        if again["action"] == "running":
            yield f"{name}: the services were started (entry {again['number']}) after the completion (entry {sent[0]['number']})"
    stops = [one for index, one in enumerate(before) if one["action"] == "stopped"]
    runs = [run for run in job["runs"] if run["image_id"]]
    if not runs or runs[-1]["start"] < stops[-1]["at"]:
        yield f"{name}: the last run began before the services stopped at {stops[-1]['at']}"


def _image(evidence: Evidence, name: str, job: dict[str, Any]) -> Iterator[str]:
    final = job["image_ids"][-1] if job["image_ids"] else ""
    if evidence.images.get(final) != evidence.disks[name]:
        yield f"{name}: LOST WRITES: the final image {final} is not what is on the disks"
    mine = [image for image in evidence.state["images"] if image["job_id"] == job["job_id"]]
    if any(image["status"] != "Available" for image in mine):
        yield f"{name}: an image is {[image['status'] for image in mine]}"
    if not 1 <= len(mine) <= job["images_to_keep"]:
        yield f"{name}: there are {len(mine)} images; {job['images_to_keep']} should have been kept"


def _instances(evidence: Evidence) -> Iterator[str]:
    """Our instances are isolated and have a release time, and only they are deleted."""
    ours = set()
    for entry in _done(evidence, "ecs", "RunInstances"):
        ours.update(entry["made"])
        if any(entry["parameters"].get(name) != value for name, value in ISOLATED.items()):
            yield f"an instance was started outside the isolated network: entry {entry['number']}"
        if not entry["parameters"].get("AutoReleaseTime"):
            yield f"an instance was started that would never be released automatically: entry {entry['number']}"
    for entry in _done(evidence, "ecs", "DeleteInstance", "DeleteInstances"):
        meant = entry["parameters"].get("InstanceId", "?")
        if meant not in ours:
            yield f"instance {meant} was deleted, which was not made for verification"


def _left_over(evidence: Evidence) -> Iterator[str]:
    state = evidence.state
    images = {image["image_id"] for image in state["images"]}
    jobs = {job["job_id"] for job in state["jobs"]}
    left = {
        "instance": [one["instance_id"] for one in state["instances"]],
        "disk": [one["disk_id"] for one in state["disks"]],
        "snapshot": [one["snapshot_id"] for one in state["snapshots"] if one["image_id"] not in images],
        "image": [one["image_id"] for one in state["images"] if one["job_id"] not in jobs],
        "activation code": [one["token_id"] for one in state["tokens"]],
        "VPC": [one["vpc_id"] for one in state["vpcs"] if one["vpc_id"] != "vpc-lab"],
    }
    for kind, names in left.items():
        for name in names:
            yield f"{kind} {name} is left over"
