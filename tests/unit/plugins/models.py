# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries out the plans of a subject on a model of what it manages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Actions, Reconciler


class ModelReconciler(Reconciler[Any, Any]):
    """The subject's pure functions, with the model in place of the effects.

    :param observe: what the model shows
    :param plan: the subject's plan for it
    """

    def __init__(
        self,
        observe: Callable[[], Any],
        plan: Callable[[Any], Plan],
        diff_view: Callable[[Any], dict[str, Any]],
        actions: Actions,
        check_mode: bool = False,
    ) -> None:
        super().__init__(None, Context(check_mode, lambda line: None, lambda line: None))
        self._observe, self._plan, self._diff_view, self._actions = observe, plan, diff_view, actions

    def observe(self) -> Any:
        return self._observe()

    def plan(self, observed: Any) -> Plan:
        return self._plan(observed)

    def diff_view(self, observed: Any) -> dict[str, Any]:
        return self._diff_view(observed)

    @property
    def actions(self) -> Actions:
        return self._actions
