# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module is (argument spec and handler) and how it runs, as a module or in process (private to the collection)."""

from __future__ import annotations

import traceback
import typing as t
from dataclasses import dataclass, field

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import CutoverError

Params = dict[str, t.Any]
Result = dict[str, t.Any]


@dataclass(frozen=True)
class Context:
    """How a handler is being run.

    :ivar check_mode: nothing may be changed
    :ivar progress: shows one line of progress; a module on another machine has no way to show it
    :ivar warn: shows a warning
    """

    check_mode: bool
    progress: t.Callable[[str], None]
    warn: t.Callable[[str], None]


@dataclass(frozen=True)
class ModuleDefinition:
    """A module without its documentation.

    :ivar argument_spec: as for ``AnsibleModule``
    :ivar handler: ``(params, context) -> result``; raises :class:`CutoverError` when it cannot
    :ivar required_libraries: the Python libraries, each as (name on the package index, the error of importing it or None)
    :ivar argument_rules: ``mutually_exclusive``, ``required_one_of``, ``required_if``, ... as for ``AnsibleModule``
    :ivar returns_secret: a success holds a secret, and is not shown unless the task failed
    """

    argument_spec: dict[str, t.Any]
    handler: t.Callable[[Params, Context], Result]
    required_libraries: tuple[tuple[str, t.Optional[BaseException]], ...] = ()
    argument_rules: dict[str, t.Any] = field(default_factory=dict)
    returns_secret: bool = False

    def missing_library(self) -> t.Optional[str]:
        """The message about the first library that cannot be imported here, or None."""
        for name, error in self.required_libraries:
            if error is not None:
                return missing_required_lib(name)
        return None

    def execute(self, params: Params, context: Context) -> Result:
        """Call the handler and turn every error into a result that says what happened, why, and what to do."""
        missing = self.missing_library()
        if missing:
            return {"failed": True, "msg": missing}
        try:
            result = self.handler(params, context)
        except CutoverError as error:
            return dict({"changed": False}, **error.partial, failed=True, msg=str(error), error=error.as_result())
        except Exception as error:  # a bug of ours: say where, so that it can be reported, without showing a traceback
            origin = traceback.extract_tb(error.__traceback__)[-1]
            file_name = origin.filename.rpartition("/")[2]
            return {
                "failed": True,
                "msg": f"Unexpected {type(error).__name__} in {file_name} line {origin.lineno}: {error}. "
                "This is a bug in cutover.smc; please report it.",
            }
        # A prediction is marked as one: a query that counts managed nodes by results must not count it.
        return dict(result, check_mode=True) if context.check_mode else result


def run_as_module(definition: ModuleDefinition) -> None:
    """The ``main()`` of every module."""
    module = AnsibleModule(
        argument_spec=definition.argument_spec, supports_check_mode=True, **definition.argument_rules
    )
    context = Context(check_mode=module.check_mode, progress=lambda line: None, warn=module.warn)
    result = definition.execute(module.params, context)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
