# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action class behind every module of the collection: runs the module inside the controller (private to the collection).

Starting a Python process and importing an SDK takes longer than most API calls. Ansible loads action plugins in its parent process,
so the SDK is imported once, and all forks share it.
"""

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

#: The variable that turns this off, so that every task runs as an ordinary module.
SWITCH = "cutover_in_process"


def in_process(definition: ModuleDefinition) -> type[ActionBase]:
    """The action plugin of a module: it has the module's argument spec and handler."""

    class ActionModule(InProcessAction):
        MODULE = definition

    return ActionModule


class InProcessAction(ActionBase):  # type: ignore[misc]  # ansible-core has no type information
    """Runs a module in this process if the result is the same as that of a module process, and as a module otherwise."""

    MODULE: ModuleDefinition

    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None) -> Result:
        variables = task_vars or {}
        result: Result = super().run(tmp, variables)
        if self._can_run_here(variables):
            result.update(self._run_here(variables))
        else:
            result.update(self._execute_module(task_vars=variables, wrap_async=self._task.async_val))
        if self.MODULE.returns_secret and not result.get("failed"):
            # The result can be registered but is not shown, even if the task has no no_log.
            result["_ansible_no_log"] = True
        return result

    def _can_run_here(self, variables: dict[str, t.Any]) -> bool:
        """Whether a module process would run on this machine, with this interpreter, as this user, and with this environment."""
        return (
            self._connection.transport == "local"
            and not self._connection.become
            and not self._task.async_val
            and self._is_switched_on(variables)
            and self.MODULE.missing_library() is None
            and self._has_same_interpreter(variables)
            and not self._task_environment()
        )

    def _is_switched_on(self, variables: dict[str, t.Any]) -> bool:
        return bool(boolean(self._templar.template(variables.get(SWITCH, True)), strict=False))

    def _has_same_interpreter(self, variables: dict[str, t.Any]) -> bool:
        """Whether the host, or the host to which the task is delegated, uses the interpreter that runs Ansible."""
        if self._task.delegate_to:
            variables = variables.get("ansible_delegated_vars", {}).get(self._task.delegate_to, variables)
        interpreter = self._templar.template(variables.get("ansible_python_interpreter")) or "auto"
        return interpreter.startswith("auto") or os.path.realpath(interpreter) == os.path.realpath(sys.executable)

    def _task_environment(self) -> dict[str, t.Any]:
        """The variables that the keyword ``environment`` sets for a module process."""
        environment: dict[str, t.Any] = {}
        self._compute_environment_string(environment)
        return environment

    def _run_here(self, variables: dict[str, t.Any]) -> Result:
        """Validate the options as ``AnsibleModule`` does, call the handler, and remove secrets from the result."""
        validator = ArgumentSpecValidator(self.MODULE.argument_spec, **self.MODULE.argument_rules)
        validation = validator.validate(_plain(self._task.args))
        secrets = validation._no_log_values
        if validation.error_messages:
            message = validation.errors.msg
            if isinstance(validation.errors[0], UnsupportedError):
                message = f"Unsupported parameters for ({self._task.resolved_action}) module: {message}"
            return t.cast(Result, remove_values({"failed": True, "msg": message}, secrets))
        params = validation.validated_parameters
        result = self.MODULE.execute(params, self._context(variables))
        result.setdefault("invocation", {"module_args": params})
        return t.cast(Result, remove_values(_plain(result), secrets))

    def _context(self, variables: dict[str, t.Any]) -> Context:
        host = variables.get("inventory_hostname", "localhost")
        return Context(
            check_mode=self._task.check_mode,
            progress=lambda line: display.display(f"  [{host}] {line}"),
            warn=display.warning,
        )


def _plain(value: t.Any) -> t.Any:
    """The value as it would be after JSON: without the tags of the templating engine and without the types of an SDK."""
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
