# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole run at the highest verbosity: no output and no file that it leaves contains a secret."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.chaos.observer import Observation, can_others_read, observing
from tests.chaos.playbook import Ended, Playbook, environment_of
from tests.chaos.runner import collect_evidence, secrets_of
from tests.chaos.secret_forms import search
from tests.chaos.verdict import violations
from tests.integration.lab_harness import BIN, ROOT, WAYS, Lab, start_lab

#: Files that may contain a secret, by the end of their path, and why. Only the owner may be able to read them.
ALLOWED = {
    "env.sh": "what the user sources",
    "vcenter/config.json": "the accounts of the simulated vCenter",
    "alicloud/config.json": "the simulated cloud's key, and its login at vCenter",
    "root/smc/vmware_connect_config.json": "the connector's login at vCenter, where SMC's own client stores it",
}
#: Directories that are not searched, and why.
NOT_SEARCHED = {
    "vcenter-data": "the guests' disks: random bytes that only guests write",
    "images": "copies of the guests' disks",
    "replicas": "copies of the guests' disks",
    "tls": "the key of the lab's own certificate, and public certificates",
}
SHOW_ALL = {
    "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callback_plugins"),
    "ANSIBLE_CALLBACKS_ENABLED": "everything",
    "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "true",
    "ANSIBLE_DEBUG": "false",
}


@dataclass
class Traces:
    """Everything that the runs over a lab have left."""

    lab: Lab
    migration: Ended
    carried: list[Ended] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    before: list[dict[str, object]] = field(default_factory=list)


@pytest.fixture(scope="module")
def traces() -> Iterator[Traces]:
    """The migration, and the tasks with secrets run both ways, observed."""
    lab = start_lab(ROOT / "build" / "chaos" / "secrets", "--vms", "3")
    token = secrets.token_urlsafe(32)
    temporary = lab.directory / "tmp"
    temporary.mkdir()
    show_all = SHOW_ALL | {
        "EVERYTHING_PATH": str(lab.directory / "everything.json"),
        "ANSIBLE_LOG_PATH": str(lab.directory / "ansible.log"),
        "TMPDIR": str(temporary),
    }
    try:
        before = lab.get("/vms")
        run = Playbook(lab, "-vvvv", **show_all)
        with observing(run.pid, lab.directory / "ansible") as observed:
            left = Traces(lab, run.run_until(None), before=before, observations=[observed])
        for way in WAYS:
            _run_secret_tasks(left, way, show_all | {"CARRIED_TOKEN": token})
        known = lab.get("/secrets")
        left.secrets = secrets_of(lab) | {"STS token": token}
        left.secrets |= {f"activation code {number}": code for number, code in enumerate(known["activation_codes"])}
        left.secrets |= {f"session {number}": key for number, key in enumerate(known["sessions"])}
        yield left
    finally:
        lab.stop()


def _run_secret_tasks(left: Traces, way: str, environment: dict[str, str]) -> None:
    variables = {"cutover_in_process": way == "in_process", "connector_path": str(left.lab.connector(1))}
    command = [str(BIN / "ansible-playbook"), str(Path(__file__).parent / "secrets.yml"), "-vvvv", "--diff"]
    with (
        subprocess.Popen(
            [*command, "-e", json.dumps(variables)],
            env=environment_of(left.lab) | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
        observing(process.pid, left.lab.directory / "ansible") as observed,
    ):
        shown = process.communicate(timeout=120)[0].decode(errors="replace")
    left.carried.append(Ended(process.returncode, shown, ""))
    left.observations.append(observed)


def files(lab: Lab) -> Iterator[Path]:
    """The files in the lab's directory, without the directories that are not searched."""
    for directory, inner, names in os.walk(lab.directory):
        inner[:] = [name for name in inner if name not in NOT_SEARCHED]
        for name in names:
            path = Path(directory, name)
            if path.is_file():
                yield path


def is_allowed(lab: Lab, path: Path) -> bool:
    return str(path).endswith(tuple(ALLOWED)) and not can_others_read(path, lab.directory)


def the_runs_went_as_they_should(traces: Traces) -> None:
    """A failed run would show too few secrets. This is also the undisturbed run that the killed ones are compared with."""
    assert traces.migration.status == 0, traces.migration.output[-4000:]
    assert violations(collect_evidence(traces.lab, traces.before, {})) == []
    assert [run.status for run in traces.carried] == [0, 0], "".join(run.output[-4000:] for run in traces.carried)
    kinds = {name.split()[0] for name in traces.secrets}
    assert kinds == {"access", "vCenter", "STS", "activation", "session"}


def no_output_holds_a_secret(traces: Traces) -> None:
    runs = [traces.migration, *traces.carried]
    places = [(f"the output of run {number}", run.output.encode()) for number, run in enumerate(runs)]
    assert search(traces.secrets, places) == []


def no_file_that_stays_holds_a_secret(traces: Traces) -> None:
    lab = traces.lab
    searched = [path for path in files(lab) if not is_allowed(lab, path)]
    assert {"everything.json", "ansible.log", "alicloud.log", "go2aliyun_client.log"} <= {
        path.name for path in searched
    }
    assert search(traces.secrets, ((str(path), path.read_bytes()) for path in searched)) == []


def what_may_hold_a_secret_is_where_the_list_says(traces: Traces) -> None:
    """A file that does not exist, or contains no secret, must not be in the list."""
    lab = traces.lab
    for end in ALLOWED:
        (path,) = [path for path in files(lab) if str(path).endswith("/" + end)]
        assert search(traces.secrets, [(end, path.read_bytes())]), end


def no_process_shows_a_secret_in_its_arguments(traces: Traces) -> None:
    arguments = set().union(*(observed.arguments for observed in traces.observations))
    assert any(b"go2aliyun_client" in one or b"lab.connector.client" in one for one in arguments)
    places = ((one.replace(b"\0", b" ").decode(errors="replace"), one) for one in arguments)
    assert search(traces.secrets, places) == []


def no_environment_but_the_users_own_holds_a_secret(traces: Traces) -> None:
    """The user's environment reaches the processes of the run only."""
    for observed in traces.observations:
        places = [
            (name.replace(b"\0", b" ").decode(errors="replace"), held) for name, held in observed.environments.items()
        ]
        assert search(traces.secrets, places) == []


def what_passes_through_files_is_for_the_owner_alone(traces: Traces) -> None:
    """Ansible passes the arguments of a module in a file, in a directory of mode 0700, and removes the file."""
    passed = {path: held for observed in traces.observations for path, held in observed.passing.items()}
    assert any("AnsiballZ" in path for path in passed)
    assert search(traces.secrets, ((path, content) for path, (content, is_open) in passed.items() if is_open)) == []


def test_a_whole_run_leaks_nothing(traces: Traces) -> None:
    """One test, because pytest's workers do not share a run."""
    the_runs_went_as_they_should(traces)
    no_output_holds_a_secret(traces)
    no_file_that_stays_holds_a_secret(traces)
    what_may_hold_a_secret_is_where_the_list_says(traces)
    no_process_shows_a_secret_in_its_arguments(traces)
    no_environment_but_the_users_own_holds_a_secret(traces)
    what_passes_through_files_is_for_the_owner_alone(traces)
