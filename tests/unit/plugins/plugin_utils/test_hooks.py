# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hooks are judged with Ansible's own parser: what would end a run in mid-cut-over is refused, what would work is not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Answers each path that it reads with what is wrong with that hook. A process of its own, because Ansible's plugin loader
#: replaces the importer of collections.
SERVER = """
import json, sys
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader(sys.argv[1:])
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.vars.manager import VariableManager
from ansible_collections.cutover.smc.plugins.plugin_utils._hooks import HookReader
PLAY = {
    "name": "test",
    "hosts": "all",
    "tasks": [{"name": "Check", "ansible.builtin.debug": {"msg": "x"}}],
    "roles": ["test.hooks.web"],
    "handlers": [
        {"name": "Restart the balancer", "listen": "drain", "ansible.builtin.debug": {"msg": "x"}},
        {"name": "Restart {{ web_server }}", "ansible.builtin.debug": {"msg": "x"}},
    ],
}
for line in sys.stdin:
    loader = DataLoader()
    play = Play.load(PLAY, variable_manager=VariableManager(loader=loader), loader=loader)
    play.handlers = play.compile_roles_handlers() + play.handlers  # as Ansible does before it runs a play
    print(json.dumps(HookReader(loader, play.tasks[0].block[0]).problem(json.loads(line))), flush=True)
"""
TREE = Path(__file__).resolve().parents[4] / "build" / "tree"


class HookServer:
    """Ansible in another process, which judges hooks."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def problem(self, path: str) -> str | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(path) + "\n")
        self._process.stdin.flush()
        found: str | None = json.loads(self._process.stdout.readline())
        return found


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HookServer]:
    collections = tmp_path_factory.mktemp("collections")
    handlers = collections / "ansible_collections" / "test" / "hooks" / "roles" / "web" / "handlers"
    handlers.mkdir(parents=True)
    (handlers / "main.yml").write_text("- name: Reload\n  ansible.builtin.debug: {msg: x}\n")
    command = [sys.executable, "-c", SERVER, str(TREE), str(collections)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield HookServer(process)
        assert process.stdin is not None
        process.stdin.close()


GOOD = """
- name: Stop the service
  ansible.builtin.service: {name: app, state: stopped}
"""


def problem(reader: HookServer, directory: Path, text: str, **beside: str) -> str | None:
    for name, content in beside.items():
        (directory / f"{name}.yml").write_text(content)
    hook = directory / "hook.yml"
    hook.write_text(text)
    return reader.problem(str(hook))


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "[]",
        # A module that only this collection has, by its short and by its full name.
        "- cutover.smc.vmware_cbt_info: {names: [app-01]}",
        # What a task registers is known only when it has run.
        GOOD
        + "- name: On the balancer\n  ansible.builtin.command: drain app\n  delegate_to: '{{ balancer.stdout }}'\n",
        "- ansible.builtin.service: {name: '{{ item }}'}\n  loop: '{{ not_there.results }}'",
        "- ansible.builtin.include_tasks: '{{ os_family }}.yml'",
        "- ansible.builtin.include_role: {name: the_role, tasks_from: stop}",
        "- ansible.builtin.meta: flush_handlers",
        "- ansible.builtin.command: drain\n  notify: [Restart the balancer, drain]",
        "- ansible.builtin.command: drain\n  notify: drain",
        "- ansible.builtin.command: drain\n  notify: '{{ its_handler }}'",
        # A handler whose name is a template is found by its value.
        "- ansible.builtin.command: drain\n  notify: Restart nginx",
        # A handler of a role is found by its name, and by that with the name of the role, in full or without the collection.
        "- ansible.builtin.command: drain\n  notify: [Reload, 'web : Reload', 'test.hooks.web : Reload']",
        # Which handlers a role brings that is included is known only when it is.
        "- ansible.builtin.include_role: {name: '{{ the_role }}'}\n- ansible.builtin.command: drain\n  notify: A handler of the role",
        "- block:\n    - ansible.builtin.command: /bin/true\n  rescue:\n    - ansible.builtin.fail: {msg: no}",
    ],
)
def test_a_hook_that_works_is_accepted(reader: HookServer, tmp_path: Path, text: str):
    assert problem(reader, tmp_path, text) is None


@pytest.mark.parametrize("path", ["/no/stop.yml", "hooks/stop.yml", "/", "", "{{ inventory_dir }}/hooks/stop.yml"])
def test_a_hook_is_named_by_the_absolute_path_of_a_file(reader: HookServer, path: str):
    assert "is not the absolute path of a file on the controller" in str(reader.problem(path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- name: [", "cannot be used by Ansible: YAML parsing failed"),
        ("just words", "is not a list of tasks"),
        ("", "is not a list of tasks"),
        ("- just words", "is not a list of tasks"),
        ("name: Stop\nansible.builtin.command: x", "is not a list of tasks"),
        ("- ansible.builtin.servize: {name: app}", "cannot be used by Ansible: .*ansible.builtin.servize"),
        ("- ansible.builtin.service: {name: app}\n  whem: true", "conflicting action statements: .*whem"),
        ("- ansible.builtin.command: a\n  ansible.builtin.shell: b", "conflicting action statements"),
        ("- ansible.builtin.import_role: {name: not_there}", "role 'not_there' was not found"),
        ("- ansible.builtin.meta: end_host", "must not end the host or the play: .* is meta: end_host"),
        ("- block:\n    - block:\n        - meta: end_play", "is meta: end_play"),
        ("- block: [{ansible.builtin.command: a}]\n  always: [{meta: end_batch}]", "is meta: end_batch"),
        (
            "- name: Drain\n  ansible.builtin.command: a\n  notify: [drain, Restrat]",
            "its task 'Drain' notifies Restrat",
        ),
    ],
)
def test_what_would_end_a_run_is_refused(reader: HookServer, tmp_path: Path, text: str, words: str):
    found = problem(reader, tmp_path, text)
    assert re.search(words, str(found)), found
    assert "\n" not in str(found)


@pytest.mark.parametrize("directory", ["hooks", "of = all {VMs}"])
def test_a_file_that_a_hook_imports_is_found_beside_it(reader: HookServer, tmp_path: Path, directory: str):
    beside = tmp_path / directory
    (beside / "common").mkdir(parents=True)
    (beside / "common" / "drain.yml").write_text("- ansible.builtin.import_tasks: more.yml\n")
    (beside / "common" / "more.yml").write_text("- meta: end_host\n")
    text = "- ansible.builtin.import_tasks: {file: common/drain.yml}"
    assert "is meta: end_host" in str(problem(reader, beside, text))
    assert problem(reader, beside, text, **{"common/more": GOOD}) is None
    assert "cannot be used by Ansible" in str(problem(reader, beside, "- import_tasks: not_there.yml"))


@pytest.mark.parametrize("keyword", ["include_tasks", "ansible.builtin.include_tasks"])
@pytest.mark.parametrize("form", ["{file: more.yml}", "more.yml"])
def test_a_file_that_a_hook_includes_is_checked_too(reader: HookServer, tmp_path: Path, keyword: str, form: str):
    text = f"- {keyword}: {form}"
    assert problem(reader, tmp_path, text, more=GOOD) is None
    assert "includes more.yml, which must not end" in str(problem(reader, tmp_path, text, more="- meta: end_host"))


def test_files_that_include_each_other_are_read_once(reader: HookServer, tmp_path: Path):
    assert problem(reader, tmp_path, "- include_tasks: more.yml", more="- include_tasks: hook.yml") is None
