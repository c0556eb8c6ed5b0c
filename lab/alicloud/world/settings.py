"""How the cloud is configured: its config file, and the switches for behavior that no source confirms."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Credential:
    """An access key that may send requests; a temporary one if it has a `security_token`."""

    access_key_id: str
    access_key_secret: str
    security_token: str = ""


@dataclass(frozen=True)
class Choice:
    """One switch: its default, what it may be set to, and why it is a switch."""

    default: bool | int | str
    allowed: tuple[str, ...] = ()
    why: str = ""


# Each of these changes what a client must do, and no source settles it. See README.md.
SWITCHES: dict[str, Choice] = {
    "start_on_waiting": Choice(True, why="the console can run a Waiting job manually; the API page names only Ready, Stopped, InError"),
    "stop_on_waiting": Choice(False, why="the API page allows Stop only while Syncing; an older guide pauses a Waiting job too"),
    "start_after_paused_waiting": Choice("run", ("run", "waiting"), why="what Start does to a job that was stopped while Waiting is not documented"),
    "delete_running": Choice(False, why="the FAQ refuses it; the new console cancels a synchronizing job, perhaps by stopping it first"),
    "residual_snapshot_on_delete": Choice(False, why="a job that is deleted during a synchronization is said to leave its snapshot on the VM"),
    "lower_case_enums": Choice(False, why="the documents write Image and VMWare in several cases"),
    "disk_shape": Choice("both", ("both", "old", "new"), why="DataDisks/SystemDiskParts or Disks: which one agentless sources fill is not documented"),
    "equal_size_accepted": Choice(False, why="the agentless page says larger than the source disk; whether an equal size is accepted is not documented"),
    "source_name": Choice("vm_name", ("vm_name", "hostname", "ip"), why="the name of an imported VM is not documented"),
    "source_name_filter": Choice("exact", ("exact", "part"), why="whether Name of DescribeSourceServers matches the whole name or a part of it"),
    "system_info_escaped": Choice("twice", ("twice", "once"), why="the documented sample of SystemInfo is a JSON string inside a JSON string"),
    "related_job_type_before_job": Choice(True, why="whether RelatedJobType=VMWare finds a source that has no job yet"),
    "unknown_job_error": Choice("not_found", ("not_found", "invalid_status"), why="no table has a code for a JobId that does not exist"),
    "unknown_source_error": Choice("not_found", ("not_found", "invalid_state"), why="no table has a code for a SourceId that does not exist"),
    "waiting_expires": Choice(True, why="the expiry rule names Ready, Stopped, InError; another page implies Waiting as well"),
    "business_status_when_idle": Choice("empty", ("empty", "last"), why="BusinessStatus of a job that is not Running"),
    "job_image_id": Choice("latest", ("latest", "none"), why="what ImageId of an incremental job means"),
    "running_record_listed": Choice(True, why="whether a run in progress is listed among ReplicationJobRuns"),
    "run_order": Choice("oldest_first", ("oldest_first", "newest_first"), why="order of ReplicationJobRuns"),
    "job_type_inferred": Choice(True, why="whether JobType 3 follows from the source when it is not sent"),
    "target_type_inferred": Choice(True, why="whether TargetType defaults to Image"),
    "frequency_when_stopped": Choice(False, why="the text allows Frequency and MaxNumberOfImageToKeep only before execution or while Waiting"),
    "unlisted_data_disks": Choice("skipped", ("skipped", "copied"), why="what happens to a data disk that DataDisk does not name"),
    "powered_off_sources": Choice("copied", ("copied", "refused"), why="whether SMC copies a VM that is powered off is not documented"),
    "job_tags_on_instance": Choice(False, why="whether the intermediate instance gets the tags of its job"),
    "prune_deletes_snapshots": Choice(True, why="whether SMC deletes the snapshots with an image; DeleteImage keeps them"),
    "instance_name_case_sensitive": Choice(True, why="case sensitivity of the InstanceName filter"),
    "strict_description": Choice(True, why="the job page gives Description the pattern of Name, so no spaces; the service may be lenient"),
    "workgroup_codes": Choice("analogous", ("analogous", "generic"), why="no error table of these is published: codes like the others' or generic ones"),
    "workgroup_needs_incremental": Choice(True, why="one page asks for incremental jobs in a workgroup; the API may not require them"),
    "workgroup_move": Choice("refused", ("refused", "moved"), why="a source has one workgroup; associating it with another may move it"),
    "workgroup_repeat": Choice("accepted", ("accepted", "refused"), why="whether associating a member, or dissociating a non-member, is an error"),
    "workgroup_status": Choice("derived", ("derived", "not_started"), why="whether Status follows the jobs, or the console's buttons, which have no action"),
    "workgroup_https_only": Choice(False, why="the metadata names only HTTPS; the lab serves plain HTTP and reads X-Forwarded-Proto instead"),
    "workgroups_limit": Choice(50, why="documented quota, settable to test it"),
    "workgroup_sources_limit": Choice(50, why="documented quota of sources in one workgroup, settable to test it"),
    "cloud_assistant_agent": Choice(False, why="a migrated image usually has no Cloud Assistant; turn on for guests that have it"),
    "command_dry_run": Choice("error", ("error", "answer"), why="whether RepeatMode=DryRun succeeds by the error DryRunOperation or by an answer"),
    "nonzero_record_status": Choice("Finished", ("Finished", "Failed"), why="InvokeRecordStatus of a command that ended with another exit code than 0"),
    "seconds_agent_start": Choice(30, why="virtual time from Running until Cloud Assistant answers"),
    "gateway_codes": Choice("documented", ("documented", "modern"), why="newer gateways answer SignatureDoesNotMatch, InvalidTimeStamp.Expired and others"),
    "token_status": Choice("enabled", ("enabled", "used"), why="activated/unactivated: usable and disabled, or used and not yet used"),
    "client_token_hours": Choice(24, why="how long a ClientToken is remembered, in virtual hours; later the request is a new one"),
    "jobs_limit": Choice(1000, why="documented quota, settable to test it"),
    "running_jobs_limit": Choice(50, why="documented quota, settable to test it"),
    "sources_limit": Choice(1000, why="documented quota, settable to test it"),
    "vpc_quota": Choice(10, why="documented quota of VPCs, one per job without a vSwitch, settable to test it"),
    "seconds_preparing": Choice(120, why="virtual length of Preparing when the intermediate instance is made"),
    "seconds_comparing": Choice(30, why="virtual length of the data comparison before each transfer"),
    "seconds_processing": Choice(60, why="minimum virtual length of Processing; one second more per MiB sent, at most three minutes"),
    "seconds_cleaning": Choice(60, why="virtual length of Cleaning"),
    "seconds_deleting": Choice(30, why="virtual length of Deleting"),
    "seconds_instance_start": Choice(30, why="virtual time from Pending or Starting to Running, and from Stopping to Stopped"),
    "heartbeat_timeout": Choice(30, why="real seconds without heartbeat until a source is Unavailable"),
}  # fmt: skip


class Switches:
    """The current setting of every switch."""

    def __init__(self, values: dict[str, Any] | None = None) -> None:
        self._values: dict[str, bool | int | str] = {name: choice.default for name, choice in SWITCHES.items()}
        self.update(values or {})

    def update(self, values: dict[str, Any]) -> None:
        """Set some switches; ValueError (and nothing set) when one is unknown or has no such value."""
        for name, value in values.items():
            choice = SWITCHES.get(name)
            if choice is None:
                raise ValueError(f"there is no switch {name!r}")
            if type(value) is not type(choice.default):
                raise ValueError(f"switch {name!r} takes a {type(choice.default).__name__}, not {value!r}")
            if choice.allowed and value not in choice.allowed:
                raise ValueError(f"switch {name!r} takes one of {', '.join(choice.allowed)}, not {value!r}")
        self._values.update(values)

    def on(self, name: str) -> bool:
        """Whether a boolean switch is on."""
        return bool(self._values[name])

    def text(self, name: str) -> str:
        """The value of a switch with named values."""
        return str(self._values[name])

    def number(self, name: str) -> int:
        """The value of a switch that is a number."""
        return int(self._values[name])

    def as_dict(self) -> dict[str, bool | int | str]:
        """All switches with their values."""
        return dict(self._values)


@dataclass(frozen=True)
class VCenterSettings:
    """Where the lab's vCenter is and how replication logs in."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    ca_file: str = ""
    control_url: str = ""


@dataclass(frozen=True)
class Settings:
    """The whole configuration of one cloud."""

    directory: Path
    credentials: list[Credential] = field(repr=False)
    region_id: str = "cn-hangzhou"
    smc_listen: str = "127.0.0.1:0"
    ecs_listen: str = "127.0.0.1:0"
    control_listen: str = "127.0.0.1:0"
    vcenter: VCenterSettings | None = None
    clock_scale: float = 600.0
    switches: dict[str, Any] = field(default_factory=dict)
    replication_workers: int = 4
    seed: int = 1

    @classmethod
    def from_file(cls, path: Path) -> Settings:
        """Read the JSON config file."""
        data = json.loads(path.read_text(encoding="utf-8"))
        credentials = [Credential(data["access_key_id"], data["access_key_secret"])]
        # Temporary credentials, as AssumeRole would give them.
        credentials += [Credential(**temporary) for temporary in data.get("sts", [])]
        vcenter = data.get("vcenter")
        known = ("region_id", "smc_listen", "ecs_listen", "control_listen", "clock_scale", "switches", "replication_workers", "seed")  # fmt: skip
        return cls(
            directory=Path(data["directory"]),
            credentials=credentials,
            vcenter=VCenterSettings(**vcenter) if vcenter else None,
            **{name: data[name] for name in known if name in data},
        )
