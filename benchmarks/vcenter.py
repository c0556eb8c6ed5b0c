"""Measures vSphere: reading CBT facts of a fleet, and enabling CBT on many VMs through Ansible, compared with alternatives."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import yaml

from benchmarks import community_vmware
from benchmarks.figures import Goal, Sample, Series, call_list, comparison, interleave
from benchmarks.running import BenchmarkError, run
from benchmarks.servers import BENCH, LOGS, Server, vcenter
from lab.paths import PYTHON

OURS = "`vmware_cbt_info`: facts, concerns, summary"
RAW = "pyvmomi, one property-collector question, decoded only"
ATTRIBUTES = "pyvmomi, attribute by attribute, not evaluated"
FLEET_OURS = "`cutover.smc.vmware_cbt_info`, one task for all"
FLEET_PEER = "`community.vmware.vmware_guest_info`, a loop, not evaluated"
PING = "`ansible.builtin.ping` (connects to no vCenter)"
IN_PROCESS = "`vmware_cbt`, in process (the default)"
MODULE = "`vmware_cbt`, as a module"
CYCLE = "`vmware_cbt`, in process, by a power cycle"
PEER = "`community.vmware`: `vmware_guest` and a power cycle"

# The properties that a user who knows the API would name to the other collection; each is read once (see vcenter_readers.py about ``snapshot``).
_PEER_PROPERTIES = ["name", "capability", "config", "guest", "layoutEx", "runtime"]


def show(line: str) -> None:
    """Show a line of progress."""
    print(line, flush=True)


def show_sample(name: str, number: int, sample: Sample) -> None:
    show(f"  round {number}: {sample.seconds:8.2f} s, {sum(sample.calls.values()):6} calls  {name}")


def measure_reading(vms: int, few: int, rounds: int) -> tuple[str, list[Goal]]:
    """The tables about reading, and the goals."""
    show(f"starting a vCenter with {vms} VMs (a thousand take two minutes) ...")
    with vcenter("reading", vms) as server:
        readers = {
            title: functools.partial(_read, server, name, vms)
            for title, name in ((OURS, "ours"), (RAW, "raw"), (ATTRIBUTES, "attributes"))
        }
        read = interleave(rounds, readers, show_sample)
        through_ansible = {
            FLEET_OURS: functools.partial(_play, server, "read-ours", _reading_play(None), vms),
            FLEET_PEER: functools.partial(_play, server, "read-peer", _reading_play(_few_moids(server, few)), few),
        }
        played = interleave(rounds, through_ansible, show_sample)
    ours, base = read[OURS], read[RAW]
    aim = f"{vms:,} VMs read at no more than 1.3 times the raw property-collector answer"
    goals = [
        Goal(f"{aim}, by the least wall times", 1.3, ours.least_milliseconds / base.least_milliseconds),
        Goal(f"{aim}, by the median wall times", 1.3, ours.median_milliseconds / base.median_milliseconds),
        Goal(f"{aim}, by the least processor times", 1.3, ours.processor_milliseconds / base.processor_milliseconds),
    ]
    calls = "; ".join(
        f"{title}: {sum(series.samples[0].calls.values())} ({call_list(series.samples[0].calls, 1)})"
        for title, series in read.items()
    )
    text = [
        f"### Reading CBT facts of {vms:,} VMs, in one Python process",
        comparison(read, RAW, calls_named="SOAP calls"),
        f"SOAP calls of one whole read. {calls}.",
        "### The same through `ansible-playbook`, its start included",
        comparison(played, FLEET_OURS, calls_named="SOAP calls"),
    ]
    return "\n\n".join(text), goals


def _read(server: Server, name: str, vms: int) -> Sample:
    server.reset_counts()
    done = run([PYTHON, "-m", "benchmarks.vcenter_readers", name], server.environment, LOGS / f"read-{name}.log")
    measured = json.loads(done.output.splitlines()[-1])
    if measured["units"] != vms:
        raise BenchmarkError(f"{name} has read {measured['units']} VMs instead of {vms}")
    return Sample(
        measured["seconds"], measured["processor_seconds"], vms, server.calls(), memory_mib=measured["memory_mib"]
    )


def _few_moids(server: Server, few: int) -> list[str]:
    return [str(vm["moid"]) for vm in server.vms()[:few]]


def _reading_play(moids: list[str] | None) -> list[dict[str, Any]]:
    """Ours for all VMs, or the other collection's for some, each named by what is cheapest to find."""
    if moids is None:
        task: dict[str, Any] = {"name": "Read", "cutover.smc.vmware_cbt_info": {}, "register": "read"}
    else:
        asked = {"moid": "{{ item }}", "schema": "vsphere", "properties": _PEER_PROPERTIES}
        task = {"name": "Read", "community.vmware.vmware_guest_info": asked, "loop": moids, "register": "read"}
    return [{"name": "Read", "hosts": "localhost", "gather_facts": False, "tasks": [task]}]


def measure_enabling(vms: int, rounds: int) -> tuple[str, list[Goal]]:
    """The table about enabling, and the goals."""
    show(f"enabling CBT on {vms} VMs; each way gets a fresh vCenter in each round ...")
    ways: dict[str, Callable[[], Sample]] = {
        PING: functools.partial(_enable, "ping", vms, _ping(), enables=False),
        IN_PROCESS: functools.partial(_enable, "in-process", vms, _ours(in_process=True)),
        MODULE: functools.partial(_enable, "module", vms, _ours(in_process=False)),
        CYCLE: functools.partial(_enable, "cycle", vms, _ours(in_process=True, activate="power_cycle")),
        PEER: functools.partial(_enable, "peer", vms, _peer()),
    }
    series = interleave(rounds, ways, show_sample)
    ours = series[IN_PROCESS]
    goals = [
        Goal("to enable one VM takes at most 12 SOAP calls, login included", 12, ours.calls / vms),
        _faster_than_ping(series, "least"),
        _faster_than_ping(series, "median"),
    ]
    calls = [f"{title}: {call_list(one.samples[-1].calls, vms)}" for title, one in series.items() if one.calls]
    text = [
        f"### Enabling CBT on {vms} VMs through `ansible-playbook`, 5 forks, its start included",
        comparison(series, PING, calls_named="SOAP calls"),
        "SOAP calls for one VM:\n\n" + "\n".join(f"- {line}" for line in calls),
    ]
    return "\n\n".join(text), goals


def _faster_than_ping(series: dict[str, Series], which: str) -> Goal:
    ours, ping = (
        candidate.least_milliseconds if which == "least" else candidate.median_milliseconds
        for candidate in (series[IN_PROCESS], series[PING])
    )
    return Goal(
        f"in process faster per VM than `ansible.builtin.ping` (as its multiple, by the {which} wall times)",
        1.0,
        ours / ping,
        strictly=True,
    )


def _ping() -> list[dict[str, Any]]:
    return [{"name": "Ping", "ansible.builtin.ping": {}}]


def _ours(*, in_process: bool, activate: str = "auto") -> list[dict[str, Any]]:
    options = {"moid": "{{ moid }}", "activate": activate}
    return [{"name": "Enable", "cutover.smc.vmware_cbt": options, "vars": {"cutover_in_process": in_process}}]


def _peer() -> list[dict[str, Any]]:
    """The usual recipe. It cannot find out the keys of the disks, so they are given to it."""
    vm = {"uuid": "{{ uuid }}", "use_instance_uuid": True}
    settings = "{{ [{'key': 'ctkEnabled', 'value': 'TRUE'}] + ctk_keys }}"
    power = {**vm, "state_change_timeout": 120}
    return [
        {"name": "Set the keys", "community.vmware.vmware_guest": {**vm, "advanced_settings": settings}},
        {"name": "Shut down", "community.vmware.vmware_guest_powerstate": {**power, "state": "shutdown-guest"}},
        {"name": "Power on", "community.vmware.vmware_guest_powerstate": {**power, "state": "powered-on"}},
    ]


def _enable(name: str, vms: int, tasks: list[dict[str, Any]], *, enables: bool = True) -> Sample:
    """Enable CBT in one way on all VMs of a fresh vCenter, and check the result."""
    with vcenter(f"enabling-{name}", vms) as server:
        play = {"name": "Enable", "hosts": "vms", "gather_facts": False, "tasks": tasks}
        variables = {str(vm["name"]): _variables(vm) for vm in server.vms()}
        sample = _play(server, f"enable-{name}", [play], vms, variables)
        if enables:
            _check_tracked(server, name, vms)
        return sample


def _play(
    server: Server,
    name: str,
    playbook: list[dict[str, Any]],
    units: int,
    variables: dict[str, dict[str, Any]] | None = None,
) -> Sample:
    directory = BENCH / "plays"
    directory.mkdir(parents=True, exist_ok=True)
    inventory, file = directory / f"{name}.inventory.yml", directory / f"{name}.yml"
    inventory.write_text(yaml.safe_dump(_inventory(variables or {}), sort_keys=False))
    file.write_text(yaml.safe_dump(playbook, sort_keys=False, width=160))
    # The collections of the package are in the virtual environment and need no path.
    environment = {key: value for key, value in server.environment.items() if key != "PYTHONPATH"}
    server.reset_counts()
    done = run([community_vmware.PLAYBOOK, "-i", inventory, file], environment, LOGS / f"{name}.log")
    return Sample(done.seconds, done.processor_seconds, units, server.calls())


def _inventory(variables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    local = {"ansible_connection": "local", "ansible_python_interpreter": str(community_vmware.PYTHON)}
    return {
        "all": {"hosts": {"localhost": None}, "vars": local},
        "vms": {"hosts": variables},
    }


def _variables(vm: dict[str, Any]) -> dict[str, Any]:
    """The variables of a host; the keys of its disks are for the other collection."""
    keys = [{"key": f"{disk['address']}.ctkEnabled", "value": "TRUE"} for disk in vm["disks"]]
    return {"moid": vm["moid"], "uuid": vm["uuid"], "ctk_keys": keys}


def _check_tracked(server: Server, name: str, vms: int) -> None:
    """Check the result: a way that does not do its work must not appear fast."""
    tracked = sum(
        vm["power_state"] == "poweredOn" and not vm["snapshots"] and all(disk["tracked"] for disk in vm["disks"])
        for vm in server.vms()
    )
    if tracked != vms:
        raise BenchmarkError(
            f"after {name}, CBT is effective on {tracked} of {vms} VMs that are on and have no snapshot"
        )
