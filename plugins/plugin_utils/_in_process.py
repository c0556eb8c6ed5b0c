# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one action class behind every module of the collection: runs it inside the controller (private to the collection)."""

from __future__ import annotations

import os
import sys
import typing as t
from collections.abc import Mapping
from datetime import date

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, ModuleDefinition, Result

display = Display()

SWITCH = "cutover_in_process"


def in_process(definition: ModuleDefinition) -> type[ActionBase]:
    """The action plugin of a module: the same spec, the same handler, without a process of its own.

    Starting a Python process and importing an SDK costs more than most API calls take. The strategy loads action plugins in the
    parent process, so what a module file imports at its top is imported once and shared by all forks.
    """

    class ActionModule(InProcessAction):
        MODULE = definition

    return ActionModule


class InProcessAction(ActionBase):  # type: ignore[misc]  # ansible-core carries no types
    MODULE: ModuleDefinition

    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None) -> Result:
        task_vars = task_vars or {}
        result: Result = super().run(tmp, task_vars)
        del tmp
        if not self._can_run_here(task_vars):
            result.update(self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val))
        else:
            result.update(self._run_here(task_vars))
        if self.MODULE.returns_secret and not result.get("failed"):
            # What a user who forgets no_log would want: the result can be registered, and is not shown.
            result["_ansible_no_log"] = True
        return result

    def _can_run_here(self, task_vars: dict[str, t.Any]) -> bool:
        """Whether the result would be the same as that of a module process on the target."""
        return (
            self._connection.transport == "local"
            and not self._task.async_val
            and not self._connection.become
            and boolean(self._templar.template(task_vars.get(SWITCH, True)), strict=False)
            and self.MODULE.missing_library() is None
            and self._same_interpreter(task_vars)
            and not self._environment()
        )

    def _same_interpreter(self, task_vars: dict[str, t.Any]) -> bool:
        variables = task_vars
        if self._task.delegate_to:
            variables = task_vars.get("ansible_delegated_vars", {}).get(self._task.delegate_to, task_vars)
        interpreter = self._templar.template(variables.get("ansible_python_interpreter")) or "auto"
        if interpreter.startswith("auto"):
            return True
        return os.path.realpath(interpreter) == os.path.realpath(sys.executable)

    def _environment(self) -> dict[str, t.Any]:
        environment: dict[str, t.Any] = {}
        self._compute_environment_string(environment)
        return environment

    def _run_here(self, task_vars: dict[str, t.Any]) -> Result:
        validation = ArgumentSpecValidator(self.MODULE.argument_spec, **self.MODULE.argument_rules).validate(
            _plain(self._task.args)
        )
        secrets = validation._no_log_values
        if validation.error_messages:
            message = validation.errors.msg
            if isinstance(validation.errors[0], UnsupportedError):
                message = "Unsupported parameters for (%s) module: %s" % (self._task.resolved_action, message)
            return t.cast(Result, remove_values({"failed": True, "msg": message}, secrets))
        host = task_vars.get("inventory_hostname", "localhost")
        context = Context(
            check_mode=self._task.check_mode,
            progress=lambda line: display.display(f"  [{host}] {line}"),
            warn=display.warning,
        )
        parameters = validation.validated_parameters
        result = self.MODULE.execute(parameters, context)
        result.setdefault("invocation", {"module_args": parameters})
        return t.cast(Result, remove_values(_plain(result), secrets))


def _plain(value: t.Any) -> t.Any:
    """The value as it would be after JSON: without the tags of the templating engine, or the types of an SDK."""
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int.__index__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, date):
        return value.isoformat()
    return value
