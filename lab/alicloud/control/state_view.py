"""The whole state of the cloud, as JSON for tests and for the demo. Activation codes are left out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lab.alicloud.world.meter import Line
from lab.alicloud.world.prices import CURRENCY
from lab.alicloud.world.records import Image, Instance, Job, Run, Source, Token
from lab.alicloud.world.store import Store
from lab.alicloud.world.timefmt import seconds_format


def state_view(store: Store) -> dict[str, Any]:
    """The answer of `GET /state`; its caller holds the store's lock."""
    return {
        "now": seconds_format(store.now()),
        "jobs": [_job(store, job) for job in store.jobs.values()],
        "sources": [_source(store, source) for source in store.sources.values()],
        "instances": [_instance(instance) for instance in store.instances.values()],
        "images": [_image(store, image) for image in store.images.values()],
        "snapshots": [
            _plain(
                snapshot,
                "snapshot_id",
                "name",
                "status",
                "created",
                "source_disk_id",
                "instance_id",
                "image_id",
                "tags",
            )
            for snapshot in store.snapshots.values()
        ],
        "disks": [
            _plain(disk, "disk_id", "name", "status", "size_gib", "kind", "instance_id", "snapshot_id")
            for disk in store.disks.values()
        ],
        "tokens": [_token(token) for token in store.tokens.values()],
        "workgroups": [
            {
                **_plain(group, "workgroup_id", "name", "description", "created", "tags"),
                "source_ids": [source.source_id for source in store.members(group.workgroup_id)],
            }
            for group in store.workgroups.values()
        ],
        "vpcs": [_plain(vpc, "vpc_id", "name") for vpc in store.vpcs.values()],
    }


def bill_view(store: Store) -> dict[str, Any]:
    """The answer of `GET /bill`; its caller holds the store's lock."""
    now = store.now()
    lines = [_bill_line(store, line, now) for line in store.meter.lines()]
    return {
        "now": seconds_format(now),
        "currency": CURRENCY,
        "per_day": round(sum(line["per_day"] for line in lines), 6),
        "so_far": round(sum(line["so_far"] for line in lines), 6),
        "lines": lines,
    }


def _bill_line(store: Store, line: Line, now: datetime) -> dict[str, Any]:
    snapshot = store.snapshots.get(line.resource_id)
    return {
        **_plain(line, "kind", "resource_id", "name", "job_id", "instance_id", "since"),
        "image_id": snapshot.image_id if snapshot else "",
        "until": seconds_format(line.until),
        "per_day": round(24 * line.per_hour, 6),
        "so_far": round(line.charged(now), 6),
    }


def _plain(record: Any, *names: str) -> dict[str, Any]:
    """Some attributes of a record, times in wire format."""
    values = {name: getattr(record, name) for name in names}
    return {name: seconds_format(value) if isinstance(value, datetime) else value for name, value in values.items()}


def _job(store: Store, job: Job) -> dict[str, Any]:
    source = store.sources.get(job.source_id)
    names = (
        "job_id",
        "job_type",
        "source_id",
        "name",
        "status",
        "business_status",
        "progress",
        "error_code",
        "status_info",
        "created",
        "valid_time",
        "run_once",
        "frequency",
        "images_to_keep",
        "image_name",
        "image_ids",
        "transition_instance_id",
        "tags",
        "vswitch_id",
        "scheduled_start",
        "start",
        "end",
    )
    return {
        **_plain(job, *names),
        "vm_name": source.vm_name if source else "",
        "moref": source.moref if source else "",
        "next_run": seconds_format(job.schedule_timer.due) if job.status == "Waiting" and job.schedule_timer else "",
        "runs": [_run(run) for run in job.runs],
    }


def _run(run: Run) -> dict[str, Any]:
    names = (
        "number",
        "kind",
        "start",
        "end",
        "image_id",
        "bytes_sent",
        "bytes_total",
        "full",
        "final",
        "failed",
        "snapshot_name",
        "snapshot_time",
        "disks",
    )
    return {name: value if value is not None else "" for name, value in _plain(run, *names).items()}


def _source(store: Store, source: Source) -> dict[str, Any]:
    names = ("source_id", "name", "vm_name", "moref", "description", "created", "tags", "deleting", "workgroup_id")
    return {**_plain(source, *names), "state": store.source_state(source), "uuid": source.vm.get("uuid", "")}


def _instance(instance: Instance) -> dict[str, Any]:
    names = (
        "instance_id",
        "name",
        "status",
        "created",
        "image_id",
        "vpc_id",
        "vswitch_id",
        "security_group_ids",
        "private_ip",
        "public_ip",
        "auto_release",
        "deletion_protection",
        "tags",
        "job_id",
    )
    return {**_plain(instance, *names), "auto_release": seconds_format(instance.auto_release)}


def _image(store: Store, image: Image) -> dict[str, Any]:
    disks = [
        {"key": disk.key, "size": disk.size_bytes, "size_gib": disk.size_gib, "kind": disk.kind, "snapshot_id": disk.snapshot_id}
        for disk in image.disks
    ]  # fmt: skip
    names = ("image_id", "name", "status", "created", "job_id", "run_number", "tags")
    return {**_plain(image, *names), "disks": disks, "in_use": bool(store.image_users(image.image_id))}


def _token(token: Token) -> dict[str, Any]:
    return _plain(token, "token_id", "name", "created", "count", "days", "disabled", "registered")
