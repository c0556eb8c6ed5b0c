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
class Run:
    """How a handler is being run.

    :ivar check_mode: nothing may be changed
    :ivar report: shows one line of progress; a module on another machine has nowhere to show it
    :ivar warn: shows a warning
    """

    check_mode: bool
    report: t.Callable[[str], None]
    warn: t.Callable[[str], None]


@dataclass(frozen=True)
class Task:
    """A module without its documentation.

    :ivar argument_spec: as for ``AnsibleModule``
    :ivar handler: ``(params, run) -> result``; raises :class:`CutoverError` when it cannot
    :ivar requires: the Python libraries, each as (name on the package index, the error of importing it or None)
    :ivar rules: ``mutually_exclusive``, ``required_one_of``, ``required_if``, ... as for ``AnsibleModule``
    :ivar returns_secret: a success holds a secret, and is not shown unless the task failed
    """

    argument_spec: dict[str, t.Any]
    handler: t.Callable[[Params, Run], Result]
    requires: tuple[tuple[str, t.Optional[BaseException]], ...] = ()
    rules: dict[str, t.Any] = field(default_factory=dict)
    returns_secret: bool = False

    def missing_library(self) -> t.Optional[str]:
        """The message about the first library that cannot be imported here, or None."""
        for name, error in self.requires:
            if error is not None:
                return missing_required_lib(name)
        return None

    def execute(self, params: Params, run: Run) -> Result:
        """Call the handler and turn every failure into a result that says what, why and what next."""
        missing = self.missing_library()
        if missing:
            return {"failed": True, "msg": missing}
        try:
            result = self.handler(params, run)
        except CutoverError as failure:
            return dict({"changed": False}, **failure.partial, failed=True, msg=str(failure), error=failure.as_result())
        except Exception as error:  # a bug of ours: say where, so that it can be reported, without spilling a traceback
            place = traceback.extract_tb(error.__traceback__)[-1]
            return {
                "failed": True,
                "msg": "Unexpected %s in %s line %s: %s. This is a bug in cutover.smc; please report it."
                % (type(error).__name__, place.filename.rpartition("/")[2], place.lineno, error),
            }
        # A result that only tells is marked: what counts managed nodes by results must not count it.
        return dict(result, check_mode=True) if run.check_mode else result


def run_as_module(task: Task) -> None:
    """The ``main()`` of every module."""
    module = AnsibleModule(argument_spec=task.argument_spec, supports_check_mode=True, **task.rules)
    run = Run(check_mode=module.check_mode, report=lambda line: None, warn=module.warn)
    result = task.execute(module.params, run)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
