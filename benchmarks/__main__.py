"""python -m benchmarks: measures everything, side by side in one run, and writes the results into README.md."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from benchmarks import community_vmware, machine
from benchmarks.figures import Goal, between_markers
from benchmarks.running import BenchmarkError
from benchmarks.servers import copy_collection
from benchmarks.vcenter import measure_enabling, measure_reading
from lab.access import PROXY_VARIABLES
from lab.processes import LabError

README = Path(__file__).with_name("README.md")

# A loop of the other collection's module takes seconds for each VM; more of them would not change the figure.
ONE_BY_ONE = 20

BUSY = " The machine was busy with other work, so wall times are less reliable than processor times and counts."

Part = Callable[[argparse.Namespace], tuple[str, list[Goal]]]


def poll(options: argparse.Namespace) -> tuple[str, list[Goal]]:
    """Measure what runs in this process, which can be imported only after it has been copied."""
    from benchmarks.smc import measure_polling

    return measure_polling(options.jobs)


PARTS: dict[str, Part] = {
    "read": lambda options: measure_reading(options.vms, min(options.few, ONE_BY_ONE), options.rounds),
    "enable": lambda options: measure_enabling(options.few, options.rounds),
    "smc": poll,
}


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--vms", type=int, help="how many VMs are read (1000)")
    parser.add_argument("--few", type=int, help="how many VMs are enabled (50)")
    parser.add_argument("--jobs", type=int, default=120, help="how many SMC jobs are polled (120)")
    parser.add_argument("--rounds", type=int, help="how often each is measured (3)")
    parser.add_argument("--commit", help="what is measured (the files as they are)")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; nothing is written")
    parser.add_argument("--quick", action="store_true", help="60 VMs, 6 of them, 1 round; nothing is written")
    return parser


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options of the command line, with defaults."""
    options = make_parser().parse_args(arguments)
    vms, few, rounds = (60, 6, 1) if options.quick else (1000, 50, 3)
    options.vms, options.few, options.rounds = options.vms or vms, options.few or few, options.rounds or rounds
    if options.few > options.vms:
        raise SystemExit("--few must not be more than --vms")
    return options


def measure(options: argparse.Namespace, arguments: list[str]) -> str:
    """Measure the parts and return the report as Markdown."""
    texts: list[str] = []
    goals: list[Goal] = []
    loads = [machine.load()]
    revision = machine.revision(options.commit)
    copy_collection(options.commit)
    started = time.monotonic()
    for name in options.only or PARTS:
        text, reached = PARTS[name](options)
        texts.append(text)
        goals += reached
        loads.append(machine.load())
    command = " ".join(["python -m benchmarks", *arguments])
    made = f"{datetime.now(timezone.utc):%Y-%m-%d}, in {(time.monotonic() - started) / 60:.0f} minutes"
    head = [
        f"Made by `{command}` on {made}; {options.rounds} rounds. Load average of the machine before and after each part: "
        f"{', '.join(loads)}.{BUSY if float(loads[0]) > 1 else ''}",
        machine.describe(revision),
        "### Goals",
        "\n".join(f"- {goal}" for goal in goals),
    ]
    return "\n\n".join([*head, *texts])


def main(arguments: list[str]) -> int:
    """Measure and show; write the results unless --only or --quick is set."""
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped
    for name in PROXY_VARIABLES:  # the Alibaba SDKs send even requests for this machine to a proxy
        os.environ.pop(name, None)
    try:
        community_vmware.set_up()
        results = measure(options, arguments)
    except (BenchmarkError, LabError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"\n{results}")
    if not options.quick and not options.only:
        README.write_text(between_markers(README.read_text(), results))
        print(f"\nwritten into {README}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
