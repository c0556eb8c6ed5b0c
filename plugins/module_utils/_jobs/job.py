# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The incremental job of a VM: what it should be, what it is, and the steps between (private to the collection)."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import clock as _clock
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import smc as _smc
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import wire as _wire
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.runs import (
    ReplicationRun,
    began_after,
    newest_complete,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import AGENTLESS_VMWARE, Job, Source
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import PROJECT_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.times import (
    format_duration,
    format_moment,
    parse_duration,
    parse_moment,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._sources import source_errors as _source_health
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import Identity

HOUR = timedelta(hours=1)
SMALLEST_DISK = 20
#: By how much more than is asked for a job's life is extended, lest every run extends it by what has passed since the last.
_EXTENSION = timedelta(days=7)
#: What SMC gives a job of which nothing is said.
_DEFAULT_VALIDITY = timedelta(days=30)


#: What results call the attributes of :class:`Job` whose names differ there.
PUBLIC_NAMES = {"interval_hours": "interval", "valid_until": "expires_at"}


@dataclass(frozen=True)
class Wish:
    """The declared job. Attributes that are None are left as they are, or to SMC."""

    state: str
    attributes: dict[str, t.Any] = field(default_factory=dict)
    valid_for: t.Optional[timedelta] = None
    valid_at_least: t.Optional[timedelta] = None
    scheduled_start: t.Optional[datetime] = None
    synced_since: t.Optional[datetime] = None
    max_age: t.Optional[timedelta] = None
    vm_uuid: t.Optional[str] = None
    project: t.Optional[str] = None
    region_id: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    started: bool = True
    recreate: bool = False
    discard_replication: bool = False
    wait: bool = True


@dataclass(frozen=True)
class Sight:
    """What was seen at one look.

    :ivar source: the VM's source, None when it is not imported
    :ivar job: the VM's job, None when it has none
    :ivar now: the cloud's clock
    :ivar migrated_image: the image of an earlier migration whose job is gone
    :ivar resumed: an interrupted job has been resumed by this run already
    :ivar asked: the cloud's clock at the first look: were the age of an image reckoned from a later one, a run might never be young enough
    """

    source: t.Optional[Source]
    job: t.Optional[Job]
    now: datetime
    migrated_image: t.Optional[str] = None
    resumed: bool = False
    asked: t.Optional[datetime] = None

    def synced(self, wish: Wish) -> bool:
        """Whether there is an image as the wish asks for."""
        return self.job is not None and is_synced(wish, self.job.runs, self.asked or self.now)


def wish_from(params: t.Mapping[str, t.Any], region_id: str) -> Wish:
    """Check the options and turn them into a wish.

    :raises InvalidOptionError: names the option, the value and the remedy
    """
    return Wish(
        state=params["state"],
        attributes=_attributes(params),
        valid_for=_validity(params["valid_for"]),
        valid_at_least=_remaining_validity(params["valid_at_least"]),
        scheduled_start=_moment(params, "scheduled_start"),
        synced_since=_moment(params, "synced_since"),
        max_age=parse_duration("max_age", params["max_age"]) if params["max_age"] else None,
        vm_uuid=params["vm_uuid"],
        project=params["project"],
        region_id=region_id,
        tags=params["tags"] or {},
        started=params["started"],
        recreate=params["recreate"],
        discard_replication=params["discard_replication"],
        wait=params["wait"],
    )


def _moment(params: t.Mapping[str, t.Any], option: str) -> t.Optional[datetime]:
    return parse_moment(option, params[option]) if params[option] else None


def _attributes(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The attributes that are declared, in the names of :class:`Job`."""
    given = {
        "name": params["name"],
        "description": params["description"],
        "interval_hours": _interval(params["interval"]),
        "images_to_keep": _in_range("images_to_keep", params["images_to_keep"], 1, 10),
        "image_name": params["image_name"],
        "system_disk_size": _in_range("system_disk_size", params["system_disk_size"], SMALLEST_DISK, 2048),
        "data_disk_sizes": _data_disks(params["data_disks"]),
        "network_mode": params["network_mode"],
        "vswitch_id": params["vswitch_id"],
        "vpc_id": params["vpc_id"],
        "instance_type": params["instance_type"],
        "replication_parameters": _replication_parameters(params),
        "license_type": params["license_type"].upper() if params["license_type"] else None,
        "resource_group_id": params["resource_group_id"],
    }
    return {name: value for name, value in given.items() if value is not None}


def _interval(text: t.Optional[str]) -> t.Optional[int]:
    if text is None:
        return None
    interval = parse_duration("interval", text)
    if interval % HOUR or not HOUR <= interval <= timedelta(days=7):
        raise InvalidOptionError(
            "Option 'interval' is '%s', which SMC does not offer" % text,
            remedy="Choose whole hours from 1h to 7d",
        )
    return int(interval / HOUR)


def _validity(text: t.Optional[str]) -> t.Optional[timedelta]:
    if text is None:
        return None
    validity = parse_duration("valid_for", text)
    if not lifecycle.VALIDITY_FLOOR <= validity <= lifecycle.VALIDITY_CEILING:
        raise InvalidOptionError(
            "Option 'valid_for' is '%s', which SMC does not offer" % text,
            remedy="Choose 7d to 90d, counted from the job's creation",
        )
    return validity


def _remaining_validity(text: t.Optional[str]) -> t.Optional[timedelta]:
    if text is None:
        return None
    remaining, most = parse_duration("valid_at_least", text), lifecycle.VALIDITY_CEILING - _EXTENSION
    if remaining > most:
        raise InvalidOptionError(
            "Option 'valid_at_least' is '%s', which a job cannot have for long" % text,
            remedy="Choose up to %s; SMC lets a job live for 90d from its creation" % format_duration(most),
        )
    return remaining


def _in_range(option: str, value: t.Optional[int], least: int, most: int) -> t.Optional[int]:
    if value is not None and not least <= value <= most:
        raise InvalidOptionError(
            "Option '%s' is %s, which SMC does not offer" % (option, value), remedy="Choose %d to %d" % (least, most)
        )
    return value


def _data_disks(disks: t.Optional[list[dict[str, t.Any]]]) -> t.Optional[dict[int, int]]:
    if disks is None:
        return None
    for disk in disks:
        _in_range("data_disks.index", disk["index"], 1, 16)
        _in_range("data_disks.size", disk["size"], SMALLEST_DISK, 32768)
    return {disk["index"]: disk["size"] for disk in disks}


def _replication_parameters(params: t.Mapping[str, t.Any]) -> t.Optional[dict[str, t.Any]]:
    names = {"bandwidth_limit": "bandwidth_limit", "compress_level": "compression_level", "checksum": "checksum"}
    _in_range("bandwidth_limit", params["bandwidth_limit"], 0, 2**31)
    _in_range("compression_level", params["compression_level"], 0, 10)
    given = {key: params[option] for key, option in names.items() if params[option] is not None}
    return given or None


def check_not_in_the_future(option: str, moment: t.Optional[datetime], smc: _smc.Smc) -> None:
    """A moment from another clock than the cloud's could lie ahead of it, and nothing would ever have begun after it.

    :raises InvalidOptionError: names the option, the value and the cloud's time
    """
    if moment and moment > smc.tell_time() + timedelta(minutes=1):
        raise InvalidOptionError(
            "Option '%s' is %s, which lies in the future of the cloud's clock (%s); %s"
            % (option, format_moment(moment), format_moment(smc.now), _clock.told(smc.clock_offset or 0)),
            remedy="Take the moment from the cloud_time that smc_incremental_job_info returns",
        )


def let_pass(moment: datetime, smc: _smc.Smc, report: t.Callable[[str], None]) -> None:
    """Wait until the cloud's clock has passed the moment, so that a run begun now begins after it: moments have whole seconds."""
    Waiter(90, 0.3, report).until(
        smc.tell_time, lambda now: now > moment, lambda now: "the cloud's clock reads %s" % format_moment(now)
    )


def expiry_told(job: Job) -> str:
    """That a job soon expires, and what can be done about it."""
    told = "Job %s expires at %s and is deleted a week later" % (job.job_id, format_moment(job.valid_until))
    ceiling = job.created + lifecycle.VALIDITY_CEILING if job.created else None
    if ceiling and job.valid_until and ceiling - job.valid_until < HOUR:
        return (
            "%s. A job lives for 90d at most: complete it before, or create a new one, which copies everything anew"
            % told
        )
    return "%s; extend it with valid_for or valid_at_least (90d from its creation at most)" % told


# --- deciding ---------------------------------------------------------------------------------------------------


def drift(wish: Wish, job: Job, now: t.Optional[datetime] = None) -> dict[str, tuple[t.Any, t.Any]]:
    """The declared attributes that the job does not have, as name -> (is, should be).

    :param now: the cloud's clock, by which a life that soon ends is known
    """
    different = {}
    for name, wanted in wish.attributes.items():
        actual = getattr(job, name)
        if name == "replication_parameters":
            actual = {key: actual.get(key) for key in wanted}
        elif name == "data_disk_sizes":
            actual = {index: actual.get(index) for index in wanted}
        if actual != wanted:
            different[name] = (actual, wanted)
    until = _valid_until(wish, job, now)
    # A job is created some moments after its validity was reckoned, so that it ends as much too early: no reason to change it.
    if until and job.valid_until and until - job.valid_until > HOUR:
        different["valid_until"] = (job.valid_until, until)
    return different


def _valid_until(wish: Wish, job: Job, now: t.Optional[datetime]) -> t.Optional[datetime]:
    """SMC counts validity from the creation, to 90 days at most; asking for less than there is changes nothing."""
    if job.created is None:
        return None
    wanted = [job.created + wish.valid_for] if wish.valid_for else []
    if wish.valid_at_least and now and job.valid_until and job.valid_until - now < wish.valid_at_least:
        wanted.append(min(now + wish.valid_at_least + _EXTENSION, job.created + lifecycle.VALIDITY_CEILING))
    return max(wanted, default=None)


def modifiable(wish: Wish, job: Job, now: t.Optional[datetime] = None) -> dict[str, t.Any]:
    """The part of the drift that SMC takes in the job's present state."""
    return {
        name: wanted
        for name, (_actual, wanted) in drift(wish, job, now).items()
        if lifecycle.settable(name, job.status, job.has_run)
    }


def lasting_drift(wish: Wish, job: Job, now: t.Optional[datetime] = None) -> list[dict[str, t.Any]]:
    """The part of the drift that SMC does not take now, with what would be needed."""
    return [
        {
            "attribute": PUBLIC_NAMES.get(name, name),
            "actual": _shown(name, actual),
            "wanted": _shown(name, wanted),
            "remedy": lifecycle.why_not_settable(name, job.status),
        }
        for name, (actual, wanted) in sorted(drift(wish, job, now).items())
        if not lifecycle.settable(name, job.status, job.has_run)
    ]


def is_synced(wish: Wish, runs: t.Iterable[ReplicationRun], now: datetime) -> bool:
    """Whether there is an image of a run that began after the moment asked for."""
    newest = newest_complete(runs)
    if newest is None:
        return False
    if wish.synced_since and not began_after(newest, wish.synced_since):
        return False
    return not (wish.max_age and now - newest.began > wish.max_age)


def creation_parameters(
    wish: Wish, source: t.Optional[Source], previous: t.Optional[Job], now: datetime
) -> dict[str, t.Any]:
    """The parameters of CreateReplicationJob, in SMC's names.

    Destination disks must be larger than the source's; what is not declared is the source's size and one GiB, at least 20 GiB.
    """
    attributes = dict(wish.attributes)
    if source:
        attributes.setdefault("name", default_name(source, previous))
        attributes.setdefault("system_disk_size", larger(source.system_disk_size))
        computed = {index: larger(size) for index, size in source.data_disk_sizes.items()}
        attributes["data_disk_sizes"] = {**computed, **attributes.get("data_disk_sizes", {})}
    attributes.setdefault("interval_hours", 24)
    attributes.setdefault("images_to_keep", 2)
    if attributes.get("name"):
        attributes.setdefault("image_name", attributes["name"])
    lives = [wish.valid_for] if wish.valid_for else []
    if wish.valid_at_least and wish.valid_at_least > (wish.valid_for or _DEFAULT_VALIDITY):
        lives.append(wish.valid_at_least + _EXTENSION)
    if lives:
        attributes["valid_until"] = now + max(lives)
    if wish.scheduled_start:
        attributes["scheduled_start"] = wish.scheduled_start
    parameters = dict(
        to_wire(attributes),
        JobType=AGENTLESS_VMWARE,
        TargetType="Image",
        RunOnce=False,
        RegionId=wish.region_id,
        Tag=[{"Key": key, "Value": value} for key, value in sorted(job_tags(wish, source).items())],
        **({"SourceId": source.source_id} if source else {}),
    )
    return dict(parameters, ClientToken=client_token(parameters, previous))


def default_name(source: Source, previous: t.Optional[Job]) -> str:
    """A name that no job has: SMC wants it unique, and a finished job keeps its own."""
    name = "cutover-%s" % source.source_id
    return "%s-%s" % (name, previous.job_id[-6:]) if previous else name


def larger(size: int) -> int:
    return max(SMALLEST_DISK, size + 1)


def job_tags(wish: Wish, source: t.Optional[Source]) -> dict[str, str]:
    vm_uuid = wish.vm_uuid or (source.tags.get(VM_TAG) if source else None)
    ours = {VM_TAG: vm_uuid, PROJECT_TAG: wish.project}
    return dict(wish.tags, **{key: value for key, value in ours.items() if value})


def client_token(parameters: dict[str, t.Any], previous: t.Optional[Job]) -> str:
    """Derived from what is created and from the job before it: the same creation, however often it is sent, makes one job.

    Moments are left out, for they are reckoned from the clock and differ between two attempts.
    """
    lasting = {key: value for key, value in parameters.items() if key not in ("ValidTime", "ScheduledStartTime")}
    return _wire.client_token(json.dumps([lasting, previous.job_id if previous else None], sort_keys=True))


_WIRE_NAMES = {
    "name": "Name",
    "description": "Description",
    "interval_hours": "Frequency",
    "images_to_keep": "MaxNumberOfImageToKeep",
    "image_name": "ImageName",
    "system_disk_size": "SystemDiskSize",
    "vswitch_id": "VSwitchId",
    "vpc_id": "VpcId",
    "instance_type": "InstanceType",
    "license_type": "LicenseType",
    "resource_group_id": "ResourceGroupId",
}


def to_wire(attributes: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Attributes in SMC's names and shapes."""
    wire = {_WIRE_NAMES[name]: value for name, value in attributes.items() if name in _WIRE_NAMES}
    if "network_mode" in attributes:
        wire["NetMode"] = 2 if attributes["network_mode"] == "vpc" else 0
    if attributes.get("data_disk_sizes"):
        wire["DataDisk"] = [
            {"Index": index, "Size": size} for index, size in sorted(attributes["data_disk_sizes"].items())
        ]
    if "replication_parameters" in attributes:
        wire["ReplicationParameters"] = json.dumps(
            attributes["replication_parameters"], sort_keys=True, separators=(",", ":")
        )
    for name, wire_name in (("valid_until", "ValidTime"), ("scheduled_start", "ScheduledStartTime")):
        if attributes.get(name):
            wire[wire_name] = format_moment(attributes[name])
    return wire


def view(sight: Sight) -> dict[str, t.Any]:
    """The job as a diff shows it: what was declared or matters, not what passes by."""
    job = sight.job
    if job is None:
        return {"status": "absent"}
    return {
        "job_id": job.job_id,
        "status": "started" if job.status in (lifecycle.RUNNING, lifecycle.WAITING) else job.status,
        "name": job.name,
        "description": job.description,
        "interval": format_duration(HOUR * job.interval_hours) if job.interval_hours else None,
        "images_to_keep": job.images_to_keep,
        "image_name": job.image_name,
        "system_disk_size": job.system_disk_size,
        "data_disk_sizes": {str(index): size for index, size in sorted(job.data_disk_sizes.items())},
        "network_mode": job.network_mode,
        "vswitch_id": job.vswitch_id,
        "instance_type": job.instance_type,
        "replication_parameters": job.replication_parameters,
        "expires_at": format_moment(job.valid_until),
        "newest_run_started_at": format_moment(job.newest_run.began) if job.newest_run else None,
    }


def predicted(attributes: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Attributes as :func:`view` shows them."""
    return {PUBLIC_NAMES.get(name, name): _shown(name, value) for name, value in attributes.items()}


def _shown(name: str, value: t.Any) -> t.Any:
    if name == "interval_hours":
        return format_duration(HOUR * value) if value else None
    return _plain(value)


def _plain(value: t.Any) -> t.Any:
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, dict):
        return {str(key): item for key, item in value.items()}
    return value


def check_source(source: t.Optional[Source], identity: Identity) -> Source:
    """:raises PreconditionError: when the source cannot take a job"""
    if source is None:
        raise PreconditionError(
            "SMC has no source for %s" % identity,
            remedy="Import the VM with the connector first (role import_source), then give its source_id, or tag it with smc_source",
        )
    if not source.online:
        meaning, remedy = _source_health.explain(source.state, source.error_code, source.status_info)
        raise PreconditionError(
            "Source %s (%s) is not ready: %s (%s)" % (source.source_id, source.name, meaning, source.trouble),
            remedy=remedy,
        )
    return source
