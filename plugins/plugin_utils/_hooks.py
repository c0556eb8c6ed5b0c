# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks the users' task files ("hooks") before anything is changed, with Ansible's own parser (private to the collection).

Ansible ends the whole run, for all hosts, at a task file that it cannot parse or whose module it does not find. During a cut-over
the services that had been stopped would then stay stopped.
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.block import Block
from ansible.playbook.helpers import load_list_of_blocks
from ansible.playbook.play import Play
from ansible.playbook.role import Role
from ansible.playbook.task import Task
from ansible.playbook.task_include import TaskInclude
from ansible.vars.manager import VariableManager

#: The ``meta`` tasks that end a host or the play, so that what was stopped would not be started again.
_ENDS = ("end_host", "end_play", "end_batch", "end_role", "clear_host_errors")
_INCLUDES_ROLE = ("include_role", "ansible.builtin.include_role", "ansible.legacy.include_role")
#: A template in a name that :func:`re.escape` has escaped.
_TEMPLATE = re.compile(r"\\{\\{.*?\\}\\}")
_INCLUDES_TASKS = ("include_tasks", "ansible.builtin.include_tasks", "ansible.legacy.include_tasks")


class HookReader:
    """Reads task files as Ansible would when the given task included them; runs nothing.

    :param task: the task that asks, whose play and role say where roles, modules and handlers are looked up
    """

    def __init__(self, loader: DataLoader, task: Task) -> None:
        self._loader = loader
        self._play: Play = task.play
        self._parent: Block = task._parent
        self._role: t.Optional[Role] = task._role
        self._variables = VariableManager(loader=loader)

    def problem(self, path: str) -> t.Optional[str]:
        """What is wrong with a hook, in one sentence without its path, or None.

        :param path: as the user gave it
        """
        if not os.path.isabs(path) or not os.path.isfile(path):
            return "is not the absolute path of a file on the controller, such as '{{ inventory_dir }}/hooks/stop_services.yml'"
        return self._problem_of_file(path, ())

    def _problem_of_file(self, path: str, including: tuple[str, ...]) -> t.Optional[str]:
        try:
            content = self._loader.load_from_file(path, trusted_as_template=True)
            if not isinstance(content, list) or not all(isinstance(task, dict) for task in content):
                return "is not a list of tasks"
            blocks = load_list_of_blocks(
                content,
                play=self._play,
                parent_block=self._include_of(path),
                role=self._role,
                variable_manager=self._variables,
                loader=self._loader,
            )
        except AnsibleError as error:
            return f"cannot be used by Ansible: {_one_line(error)}"
        tasks = list(_tasks_of(blocks))
        for task in tasks:
            problem = self._problem_of_task(task, path, (*including, path)) or self._problem_of_handlers(task, tasks)
            if problem:
                return problem
        return None

    def _include_of(self, path: str) -> TaskInclude:
        """The task that will include a file: Ansible looks up what the file imports beside it."""
        include = {"ansible.builtin.include_tasks": {"file": path}}
        return TaskInclude.load(
            include, block=self._parent, role=self._role, variable_manager=self._variables, loader=self._loader
        )

    def _problem_of_task(self, task: Task, path: str, including: tuple[str, ...]) -> t.Optional[str]:
        if task._get_meta() in _ENDS:
            return f"must not end the host or the play: {_named(task)} is meta: {task._get_meta()}"
        if isinstance(task, TaskInclude) and task.action in _INCLUDES_TASKS:
            return self._problem_of_include(task, path, including)
        return None

    def _problem_of_include(self, task: TaskInclude, path: str, including: tuple[str, ...]) -> t.Optional[str]:
        """What is wrong with a file beside the hook that the hook includes; a name that is a template is known only later."""
        name = str(task.args.get("_raw_params") or task.args.get("file") or "")
        included = os.path.join(os.path.dirname(path), name)
        if "{{" in name or included in including or not os.path.isfile(included):
            return None
        problem = self._problem_of_file(included, including)
        return f"includes {name}, which {problem}" if problem else None

    def _problem_of_handlers(self, task: Task, tasks: t.Iterable[Task]) -> t.Optional[str]:
        """The handlers that a task notifies and that do not exist; those of a role that the hook includes are known only later."""
        if any(each.action in _INCLUDES_ROLE for each in tasks):
            return None
        unknown = sorted(name for name in _listed(task.notify) if "{{" not in name and not self._has_handler(name))
        if unknown:
            return f"notifies a handler that the play does not have: {_named(task)} notifies {', '.join(unknown)}"
        return None

    def _has_handler(self, notified: str) -> bool:
        """Whether Ansible would find a handler; one whose name is a template may be any that fits."""
        for handler in _tasks_of(self._play.handlers):
            names = (handler.name, *(handler.get_name(include_role_fqcn=full) for full in (True, False)))
            patterns = [_TEMPLATE.sub(".*", re.escape(name)) for name in (*names, *_listed(handler.listen)) if name]
            if any(re.fullmatch(pattern, notified) for pattern in patterns):
                return True
        return False


def _tasks_of(blocks: t.Iterable[t.Any]) -> t.Iterator[Task]:
    """Every task of blocks, those of their ``rescue`` and ``always`` too."""
    for part in blocks:
        if isinstance(part, Block):
            yield from _tasks_of([*part.block, *part.rescue, *part.always])
        else:
            yield part


def _named(task: Task) -> str:
    """A task as messages name it; not one that includes a role, whose ``get_name`` takes no argument."""
    return f"its task '{task.get_name(include_role_fqcn=False)}'"


def _listed(names: t.Any) -> list[str]:
    """A keyword that takes one name or a list of them."""
    return [names] if isinstance(names, str) else list(names or ())


def _one_line(error: AnsibleError) -> str:
    """An error of Ansible without the excerpt of the file, in one line."""
    return " ".join(str(error.message).split()).rstrip(".")
