"""The lab's command line: python -m lab up, down, status."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from lab.alicloud.world.settings import SWITCHES
from lab.files import read_json
from lab.launcher import VCENTER_SWITCHES, Lab, Options, default_directory, directory_at, down, explain_dead, status, up
from lab.paths import LabDirectory
from lab.processes import LabError

NOT_RUNNING = 3  # as service managers answer


def parse_switch(text: str) -> tuple[str, Any]:
    """`name=value` with the value as JSON, or as text if it is not JSON: `true`, `3`, `lower`."""
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def positive(text: str) -> int:
    """A number of VMs."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--directory", type=directory_at, default=default_directory(), help="the lab's files")
    starting = commands.add_parser("up", parents=[common], help="start a lab, unless it runs already")
    starting.add_argument("--vms", type=positive, default=3, help="how many VMs (3)")
    starting.add_argument("--clock-scale", type=float, default=600.0, help="cloud seconds in a second (600)")
    starting.add_argument("--vcenter-version", default="6.7.0", help="of vCenter and its hosts (6.7.0)")
    starting.add_argument("--vm-overrides", type=Path, help="JSON file: VM name to what differs from the usual VM")
    starting.add_argument(
        "--switch",
        type=parse_switch,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="how the lab behaves where no source says how SMC does; `python -m lab switches` lists the names",
    )
    commands.add_parser("down", parents=[common], help="stop the lab and its connectors")
    asking = commands.add_parser(
        "status", parents=[common], help=f"show the state of the lab; exit {NOT_RUNNING} if it is down"
    )
    asking.add_argument("--json", action="store_true", help="for programs")
    commands.add_parser("switches", help="list what --switch can set, and why it is a switch")
    return parser


def shown_path(path: Path) -> str:
    """A path as short as it can be from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def describe(lab: Lab) -> str:
    """How to use a lab that runs."""
    environment, inventory = shown_path(lab.directory.environment), shown_path(lab.directory.inventory)
    return "\n".join(
        [
            f"  vCenter {lab.options.vcenter_version}   127.0.0.1:{lab.endpoints.vcenter_port}, {lab.options.vms} VMs",
            f"  SMC             {lab.endpoints.smc}",
            f"  ECS             {lab.endpoints.ecs}",
            f"  control         {lab.endpoints.control}",
            f"Use it: . {environment} && ansible-playbook cutover.smc.migrate -i {inventory}",
        ]
    )


def run_up(arguments: argparse.Namespace) -> int:
    """Start a lab."""
    options = Options(
        vms=arguments.vms,
        clock_scale=arguments.clock_scale,
        vcenter_version=arguments.vcenter_version,
        vm_overrides=read_json(arguments.vm_overrides) if arguments.vm_overrides else {},
        switches=dict(arguments.switch),
    )
    started = time.monotonic()
    lab, is_new = up(arguments.directory, options)
    if is_new:
        print(f"The lab is up after {time.monotonic() - started:.1f} s.")
    else:
        note = (
            ""
            if lab.options == options
            else " Its options differ from the requested ones. To change them, stop the lab first."
        )
        print(f"The lab was up already.{note}")
    print(describe(lab))
    return 0


def run_down(directory: LabDirectory) -> int:
    """Stop a lab."""
    stopped = down(directory)
    print(f"Stopped {', '.join(stopped)}." if stopped else "The lab was not running.")
    return 0


def run_status(directory: LabDirectory, as_json: bool) -> int:
    """Show the state of a lab."""
    present = status(directory)
    if as_json:
        print(json.dumps({"up": present.is_up, "dead": present.dead, **(present.lab.as_dict() if present.lab else {})}))
    elif present.lab is None:
        print("The lab is down.")
    elif present.dead:
        print(explain_dead(directory, present.dead))
    else:
        print(f"The lab is up.\n{describe(present.lab)}")
    return 0 if present.is_up else NOT_RUNNING


def run_switches() -> int:
    """List the switches."""
    for name, choice in SWITCHES.items():
        allowed = f" (of {', '.join(choice.allowed)})" if choice.allowed else ""
        print(f"{name}={json.dumps(choice.default)}{allowed}\n    {choice.why}")
    for name, why in VCENTER_SWITCHES.items():
        print(f"{name}\n    {why}")
    return 0


def main() -> int:
    """Run the command of the command line."""
    arguments = make_parser().parse_args()
    try:
        if arguments.command == "up":
            return run_up(arguments)
        if arguments.command == "down":
            return run_down(arguments.directory)
        if arguments.command == "switches":
            return run_switches()
        return run_status(arguments.directory, arguments.json)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
