"""Runs the project's checks, mostly one after the other, stops at the first that fails, and prints a summary.

Requires what tools/setup.py creates. Everything runs with a home, caches and a PATH of its own under build/, so that
neither the user's files nor version managers' shims influence the outcome.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from copy_collection import copy_collection

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
VENV_BIN = BUILD / "venv" / "bin"
TREE = BUILD / "tree"
COLLECTION_LINKS = TREE / "ansible_collections" / "cutover" / "smc"
COLLECTION_COPY = BUILD / "sanity" / "ansible_collections" / "cutover" / "smc"
COVERAGE = BUILD / "coverage"
UNIT_TESTS = ["pytest", "-q", "-n", "2", "--dist", "worksteal", "tests/unit"]
PLUGIN_PACKAGES = "ansible_collections.cutover.smc.plugins"

Environment = dict[str, str]


class CheckError(Exception):
    """A check has failed; its text names the command."""


def environment_for_checks() -> Environment:
    """The environment of every check."""
    home = BUILD / "home"
    home.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ)
    real_home = Path(environment.get("HOME", "/"))
    go = Path((BUILD / "stamps" / "go-path").read_text()) if (BUILD / "stamps" / "go-path").is_file() else None
    inherited = [
        part for part in environment.get("PATH", os.defpath).split(os.pathsep) if "shims" not in Path(part).parts
    ]
    environment |= {
        "HOME": str(home),
        "PATH": os.pathsep.join([str(VENV_BIN), *([str(go.parent)] if go else []), *inherited]),
        "VIRTUAL_ENV": str(VENV_BIN.parent),
        "XDG_CACHE_HOME": str(BUILD / "cache"),
        "ANSIBLE_HOME": str(BUILD / "ansible"),
        "ANSIBLE_REMOTE_TEMP": str(BUILD / "ansible" / "tmp"),
        "ANSIBLE_COLLECTIONS_PATH": str(TREE),
        "ANSIBLE_NOCOLOR": "1",
        "PYTHONUNBUFFERED": "1",
        # Downloads are shared with the user's other work; only what Ansible stores in a home is separate.
        "GOPATH": environment.get("GOPATH", str(real_home / "go")),
        "GOCACHE": environment.get(
            "GOCACHE", str(Path(environment.get("XDG_CACHE_HOME", real_home / ".cache")) / "go-build")
        ),
        "PIP_CACHE_DIR": environment.get("PIP_CACHE_DIR", str(real_home / ".cache" / "pip")),
    }
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "DEBUG"):
        environment.pop(name, None)
    # The Alibaba SDKs send even requests for 127.0.0.1 to a proxy and support no exception.
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        environment.pop(name, None)
        environment.pop(name.upper(), None)
    return environment


def run(command: list[str], environment: Environment, directory: Path = ROOT) -> None:
    """Run one command with its output shown; raise when it fails."""
    sys.stdout.flush()
    done = subprocess.run(command, cwd=directory, env=environment, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise CheckError(
            f"{' '.join(command[:6])}{' ...' if len(command) > 6 else ''} ended with status {done.returncode}"
        )


def run_and_refuse(command: list[str], environment: Environment, directory: Path, phrase: str) -> None:
    """Run one command with its output shown; raise when it fails, or prints the phrase that means that it did nothing."""
    has_phrase = False
    with subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            has_phrase = has_phrase or phrase in line
    if process.returncode != 0 or has_phrase:
        raise CheckError(
            f"{' '.join(command[:4])} ended with status {process.returncode}"
            + (f" and {phrase!r}" if has_phrase else "")
        )


@dataclass(frozen=True)
class Stage:
    """One check.

    :ivar name: its name on the command line
    :ivar purpose: what it is for, in one line
    :ivar subject: the directory or file that it checks; without it the stage is skipped
    :ivar action: runs it
    :ivar in_parallel: starts together with the first of several stages; its result is read when its turn comes
    """

    name: str
    purpose: str
    subject: Path
    action: Callable[[Environment], None]
    in_parallel: bool = False


class ParallelStage:
    """A stage that runs in parallel to others, in its own process; its output is kept until its turn."""

    def __init__(self, stage: Stage) -> None:
        self._output = BUILD / "logs" / f"{stage.name}.log"
        self._output.parent.mkdir(parents=True, exist_ok=True)
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, __file__, stage.name],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def action(self, _environment: Environment) -> None:
        """Wait for its end and print its output; raise when it failed."""
        status = self._process.wait()
        print(self._output.read_text(errors="replace"), end="", flush=True)
        if status != 0:
            raise CheckError(f"it ended with status {status}")

    def stop(self) -> None:
        """Kill it and everything that it has started, when its result is not needed any more."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)


def commands(*lines: list[str], directory: Path = ROOT) -> Callable[[Environment], None]:
    """An action that runs commands."""

    def action(environment: Environment) -> None:
        for line in lines:
            run(line, environment, directory)

    return action


def mypy(environment: Environment) -> None:
    """Check types: the lab and the tools as files, the plugins by the names by which Ansible imports them."""
    run(["mypy", "--no-error-summary"], environment)
    packages = [name for name in ("module_utils", "plugin_utils") if any((ROOT / "plugins" / name).rglob("*.py"))]
    for name in packages:
        run(["mypy", "--no-error-summary", "-p", f"{PLUGIN_PACKAGES}.{name}"], environment)


def shell_scripts() -> list[str]:
    """The project's shell scripts, and the commands of the lab's instances."""
    commands = (ROOT / "lab" / "alicloud" / "guest" / "bin").iterdir()
    scripts = [*sorted((ROOT / "tools").glob("*.sh")), ROOT / ".ci" / "run", *sorted(commands)]
    return [str(path.relative_to(ROOT)) for path in scripts]


def sanity(environment: Environment) -> None:
    """Run ansible-test sanity on a copy of the collection, with no ignore file."""
    if ignored := sorted((ROOT / "tests" / "sanity").glob("ignore*.txt")):
        raise CheckError(f"{ignored[0].name} ignores failures; this collection ignores none")
    place_get_pip(Path(environment["HOME"]))
    copy_collection(ROOT, COLLECTION_COPY)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = ["ansible-test", "sanity", "--python", version, "--color", "no", "--truncate", "0"]
    run_and_refuse(command, environment, COLLECTION_COPY, "All targets skipped")


def place_get_pip(home: Path) -> None:
    """Give ansible-test a get-pip.py, so that it does not download one: a closed network does not reach the host."""
    source = next(VENV_BIN.parent.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py"))
    versions = set(re.findall(r"pip='(\d[\d.]*)'", source.read_text()))
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in versions:
        shutil.copy(ROOT / "tools" / "get_pip_stand_in.py", cache / f"get_pip_{version.replace('.', '_')}.py")


def coverage(environment: Environment) -> None:
    """Run the unit tests and measure their coverage, which takes twice as long."""
    shutil.rmtree(COVERAGE, ignore_errors=True)
    COVERAGE.mkdir(parents=True)
    run(["coverage", "run", "-m", *UNIT_TESTS], environment)
    run(["coverage", "combine", "--quiet"], environment)
    run(["coverage", "json", "--quiet", "-o", str(COVERAGE / "coverage.json")], environment)
    run(["coverage", "html", "--quiet"], environment)
    print(coverage_line())


def coverage_line() -> str:
    """The coverage of the unit tests, in one line."""
    measured = json.loads((COVERAGE / "coverage.json").read_text())
    areas: dict[str, list[int]] = {}
    for name, file in measured["files"].items():
        area = areas.setdefault("plugins" if name.startswith("plugins") else "lab", [0, 0])
        area[0] += file["summary"]["covered_lines"] + file["summary"].get("covered_branches", 0)
        area[1] += file["summary"]["num_statements"] + file["summary"].get("num_branches", 0)
    parts = [f"{area} {100 * covered / total:.0f} %" for area, (covered, total) in sorted(areas.items()) if total]
    return f"coverage by unit tests (lines and branches): {', '.join(parts)}; details in build/coverage/html/index.html"


def integration(environment: Environment) -> None:
    """Run every module and role against the lab."""
    run(["pytest", "-q", "-n", "3", "--dist", "loadfile", "tests/integration"], environment)


def chaos(environment: Environment) -> None:
    """Kill migrations at the recorded points, and search the output of a whole run for secrets."""
    run(["pytest", "-q", "-n", "2", "--dist", "load", "--maxschedchunk", "1", "tests/chaos"], environment)


def conformance(environment: Environment) -> None:
    """Drive the lab by the official SDKs; without Node.js only by those for Python, which is a failure in CI."""
    if not (BUILD / "node" / "node_modules").is_dir():
        missing = "build/node is missing: the SDKs for Node.js are skipped (is Node.js on PATH?)"
        if environment.get("CI"):
            raise CheckError(missing)
        print(missing, flush=True)
    run(["pytest", "-q", "tests/conformance"], environment)


def molecule(environment: Environment) -> None:
    """Run each molecule scenario: converge, idempotence, verify."""
    for scenario in sorted((ROOT / "extensions" / "molecule").glob("*/molecule.yml")):
        plain = {"NO_COLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "160"}
        run(["molecule", "test", "-s", scenario.parent.name], environment | plain)


LINT = (
    Stage("ruff", "Python style and likely bugs", ROOT / "pyproject.toml", commands(["ruff", "check", "--quiet", "."])),
    Stage("format", "Python layout", ROOT / "pyproject.toml", commands(["ruff", "format", "--check", "--quiet", "."])),
    Stage("mypy", "types of the lab, the tools and module_utils", ROOT / "pyproject.toml", mypy),
    Stage("yamllint", "YAML style", ROOT / ".yamllint", commands(["yamllint", "--strict", "."])),
    Stage("shellcheck", "shell scripts", ROOT / "tools", commands(["shellcheck", *shell_scripts()])),
    Stage(
        "role-readmes",
        "roles' READMEs, and options as their modules have them",
        ROOT / "roles",
        commands(["python", "tools/role_readmes.py", "--check"]),
    ),
    Stage("permissions", "list of permissions", ROOT / "docs", commands(["python", "tools/permissions.py", "--check"])),
    Stage("changelog", "changelog fragments", ROOT / "changelogs", commands(["antsibull-changelog", "lint"])),
    Stage(
        "ansible-lint",
        "playbooks and roles, profile production",
        ROOT / ".ansible-lint",
        commands(["ansible-lint", "--offline", "--profile", "production", "--strict", "-q", "--nocolor"]),
    ),
    Stage(
        "docs",
        "documentation of modules and roles",
        ROOT / "plugins" / "modules",
        commands(
            ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "self", "."],
            directory=COLLECTION_LINKS,
        ),
    ),
    Stage(
        "go-vet",
        "the simulated vCenter",
        ROOT / "lab" / "vcenter",
        commands(["go", "vet", "./..."], directory=ROOT / "lab" / "vcenter"),
    ),
)
TESTS = (
    Stage(
        "go-test",
        "the simulated vCenter's own tests",
        ROOT / "lab" / "vcenter",
        commands(["go", "test", "./..."], directory=ROOT / "lab" / "vcenter"),
    ),
    Stage("unit", "unit tests", ROOT / "tests" / "unit", commands(UNIT_TESTS)),
    # It spends more than a minute on its own environments, which need little processor time and nothing of ours.
    Stage("sanity", "ansible-test sanity", ROOT / "plugins", sanity, in_parallel=True),
    Stage("integration", "modules and roles against the lab", ROOT / "tests" / "integration", integration),
    Stage("conformance", "the lab by the official SDKs", ROOT / "tests" / "conformance", conformance),
    Stage("chaos", "migrations that are killed, and secrets", ROOT / "tests" / "chaos", chaos),
    Stage("molecule", "the whole runbook, twice", ROOT / "extensions" / "molecule", molecule),
)
COVERED = (Stage("coverage", "coverage of the unit tests", ROOT / "tests" / "unit", coverage),)
GROUPS = {"lint": LINT, "test": LINT + TESTS} | {stage.name: (stage,) for stage in LINT + TESTS + COVERED}
EVIDENCE_OF_TESTS = ("*.py", "*.yml", "*.yaml", "*.go", ".yamllint", ".ansible-lint", "*.toml", "*.sh", "*.md")


def has_subject(stage: Stage) -> bool:
    """Whether there is something that the stage can check."""
    if stage.name in {"unit", "coverage", "integration", "conformance", "chaos"}:
        return any(stage.subject.rglob("test_*.py"))
    if stage.name == "molecule":
        return any(stage.subject.glob("*/molecule.yml"))
    return stage.subject.is_file() or any(
        path for pattern in EVIDENCE_OF_TESTS for path in stage.subject.rglob(pattern)
    )


def summary(results: list[tuple[str, str, float]]) -> str:
    """The table of stages, with outcomes and durations."""
    lines = [f"  {name:<14}{outcome:<18}{seconds:8.1f} s" for name, outcome, seconds in results]
    return "\n".join(["", *lines, f"  {'total':<32}{sum(result[2] for result in results):8.1f} s"])


def main() -> int:
    """Run the groups of stages that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="+", choices=GROUPS)
    stages = [stage for group in parser.parse_args().groups for stage in GROUPS[group]]
    parallel = {
        stage.name: ParallelStage(stage)
        for stage in stages
        if stage.in_parallel and len(stages) > 1 and has_subject(stage)
    }
    try:
        results, failure = run_stages(stages, parallel)
    finally:
        for running in parallel.values():
            running.stop()
    print(summary(results))
    print(failure or f"All {sum(result[1] == 'passed' for result in results)} stages passed.", flush=True)
    return 1 if failure else 0


def run_stages(stages: list[Stage], parallel: dict[str, ParallelStage]) -> tuple[list[tuple[str, str, float]], str]:
    """Run stages one after the other until one fails; returns the rows of the summary, and the failure."""
    environment = environment_for_checks()
    results: list[tuple[str, str, float]] = []
    for stage in stages:
        started = time.monotonic()
        if not has_subject(stage):
            results.append((stage.name, "nothing to check", 0.0))
            continue
        print(f"\n=== {stage.name}: {stage.purpose}", flush=True)
        try:
            (parallel[stage.name].action if stage.name in parallel else stage.action)(environment)
        except CheckError as error:
            results.append((stage.name, "FAILED", time.monotonic() - started))
            return results, f"FAILED in stage {stage.name}: {error}"
        results.append((stage.name, "passed", time.monotonic() - started))
    return results, ""


if __name__ == "__main__":
    sys.exit(main())
