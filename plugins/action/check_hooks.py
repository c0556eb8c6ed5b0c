# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads task files of the user before anything depends on them; see the module of the same name for its documentation."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.cutover.smc.plugins.plugin_utils._hooks import HookReader

ARGUMENT_SPEC = {"hooks": {"type": "dict", "required": True}}


class ActionModule(ActionBase):
    _supports_check_mode = True
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        reader = HookReader(self._loader, self._task)
        checked = {str(name): str(path) for name, path in arguments["hooks"].items() if path}
        found = {name: reader.problem(path) for name, path in checked.items()}
        problems = [f"{name} ({checked[name]}) {problem}." for name, problem in found.items() if problem]
        if problems:
            result.update(failed=True, msg=" ".join([*problems, "Nothing was changed."]))
        result.update(changed=False, hooks=checked)
        return result
