"""The demonstration: starts a lab, migrates its VMs by the runbook, checks and shows the result, and stops the lab."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from lab.access import sourced
from lab.launcher import Options, directory_at, down, up
from lab.paths import BUILD, PYTHON, LabDirectory

MEBIBYTE = 1 << 20
DEMO = BUILD / "demo"


@dataclass(frozen=True)
class Migration:
    """What happened to one VM, as the simulated vCenter and cloud report it.

    :ivar bytes_sent: the bytes that each run sent, in the order of the runs
    :ivar disks: key, sha256 of the VM's disk now, and sha256 of the same disk in the final image
    """

    vm: str
    cbt: bool
    job_id: str
    status: str
    runs: int
    images: list[str]
    bytes_sent: list[int]
    services_stopped_at: str
    final_run_started_at: str
    final_image: str
    disks: list[dict[str, Any]]

    @property
    def is_equal(self) -> bool:
        return bool(self.disks) and all(disk["source"] == disk["image"] for disk in self.disks)

    @property
    def is_proven(self) -> bool:
        return bool(self.services_stopped_at) and self.final_run_started_at > self.services_stopped_at

    @property
    def is_good(self) -> bool:
        return self.status == "Finished" and self.cbt and self.is_equal and self.is_proven


class Control:
    """The lab's control interface."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, trust_env=False, timeout=60)

    def get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()


def migration_of(vm: dict[str, Any], state: dict[str, Any], control: Control) -> Migration:
    """Read what happened to a VM."""
    job: dict[str, Any] = next((job for job in reversed(state["jobs"]) if job["vm_name"] == vm["name"]), {})
    runs = [run for run in job.get("runs", []) if run["image_id"]]
    last: dict[str, Any] = runs[-1] if runs else {"start": "", "image_id": ""}
    source = control.get(f"/vms/{vm['name']}/disks")
    image = {disk["key"]: disk["sha256"] for disk in control.get(f"/images/{last['image_id']}/disks")} if runs else {}
    present = [known["image_id"] for known in state["images"] if known["job_id"] == job.get("job_id")]
    return Migration(
        vm=vm["name"],
        cbt=all(disk["tracked"] for disk in vm["disks"]),
        job_id=job.get("job_id", ""),
        status=job.get("status", "no job"),
        runs=len(runs),
        images=present,
        bytes_sent=[run["bytes_sent"] for run in runs],
        services_stopped_at=job.get("tags", {}).get("cutover:services-stopped-at", ""),
        final_run_started_at=last["start"],
        final_image=last["image_id"],
        disks=[{"key": disk["key"], "source": disk["sha256"], "image": image.get(disk["key"], "")} for disk in source],
    )


def left_over(state: dict[str, Any], vms: list[dict[str, Any]]) -> list[str]:
    """What remains in addition to the images, their snapshots, and what existed before."""
    images = {image["image_id"] for image in state["images"]}
    return [
        *(f"instance {instance['instance_id']} {instance['name']}" for instance in state["instances"]),
        *(f"disk {disk['disk_id']}" for disk in state["disks"]),
        *(
            f"snapshot {snapshot['snapshot_id']}"
            for snapshot in state["snapshots"]
            if snapshot["image_id"] not in images
        ),
        *(f"activation code {token['token_id']}" for token in state["tokens"]),
        *(f"VPC {vpc['vpc_id']}" for vpc in state["vpcs"] if vpc["vpc_id"] != "vpc-lab"),
        *(f"VM snapshot {name} of {vm['name']}" for vm in vms for name in vm["snapshots"]),
    ]


def table(migrations: list[Migration]) -> str:
    """What happened, one line per VM."""
    titles = (
        "VM",
        "CBT",
        "job",
        "runs",
        "images",
        "first run",
        "later runs",
        "services stopped",
        "final run started",
        "image = disk (sha256)",
    )
    rows = [titles, *(_row(migration) for migration in migrations)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _row(migration: Migration) -> tuple[str, ...]:
    hashes = ", ".join(f"{disk['source'][:12]}" for disk in migration.disks)
    first, later = migration.bytes_sent[:1], migration.bytes_sent[1:]
    return (
        migration.vm,
        "on" if migration.cbt else "OFF",
        migration.status,
        str(migration.runs),
        str(len(migration.images)),
        " ".join(_mebibytes(sent) for sent in first) or "-",
        " ".join(_mebibytes(sent) for sent in later) or "-",
        migration.services_stopped_at or "-",
        migration.final_run_started_at or "-",
        f"{'yes' if migration.is_equal else 'NO'}: {hashes}",
    )


def _mebibytes(count: int) -> str:
    return f"{count / MEBIBYTE:.1f} MiB"


def run_playbook(directory: LabDirectory, arguments: list[str]) -> int:
    """Run the runbook and show its output."""
    environment = sourced(directory.environment) | {"ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false"}
    playbook = str(Path(PYTHON).parent / "ansible-playbook")
    command = [playbook, "cutover.smc.migrate", "-i", str(directory.inventory), *arguments]
    print(f"\n$ ansible-playbook {' '.join(command[1:2])} -i {os.path.relpath(directory.inventory)}\n", flush=True)
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


def show(control: Control, evidence: Path, exit_code: int) -> bool:
    """Show what happened and write it to a file; return whether all checks passed."""
    state, vms = control.get("/state"), control.get("/vms")
    migrations = [migration_of(vm, state, control) for vm in vms]
    leftovers = left_over(state, vms)
    is_good = exit_code == 0 and not leftovers and all(migration.is_good for migration in migrations)
    evidence.write_text(
        json.dumps(
            {
                "good": is_good,
                "playbook_exit_code": exit_code,
                "cloud_time": state["now"],
                "migrations": [
                    dict(asdict(migration), image_equals_disk=migration.is_equal, proven=migration.is_proven)
                    for migration in migrations
                ],
                "left_over_besides_images": leftovers,
            },
            indent=2,
        )
        + "\n"
    )
    print(f"\n{table(migrations)}\n")
    print(
        "Times are virtual: the clock of the simulated cloud runs faster than real time, and an interval of hours takes seconds."
    )
    print(f"Left over besides the images: {', '.join(leftovers) or 'nothing'}.")
    print(f"The same data as JSON: {os.path.relpath(evidence)}")
    verdict = "Every image equals its disk, and its run started after the services had stopped: no write was lost."
    print(f"\n{verdict if is_good else 'FAILED: at least one check did not pass. See the table and the list above.'}")
    return is_good


def main() -> int:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(prog="python -m lab.demo", description=__doc__)
    parser.add_argument("--vms", type=int, default=3, help="how many VMs (3)")
    parser.add_argument("--keep", action="store_true", help="leave the lab running")
    parser.add_argument("arguments", nargs="*", help="more arguments for ansible-playbook, after --")
    options = parser.parse_args()
    DEMO.mkdir(parents=True, exist_ok=True)
    directory = directory_at(DEMO / "lab")
    down(directory)
    try:
        lab, _is_new = up(directory, Options(vms=options.vms))
        print(
            f"A vCenter {lab.options.vcenter_version} with {lab.options.vms} VMs and an Alibaba Cloud run on this machine."
        )
        exit_code = run_playbook(directory, options.arguments)
        is_good = show(Control(lab.endpoints.control), DEMO / "evidence.json", exit_code)
    finally:
        if not options.keep:
            down(directory)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
