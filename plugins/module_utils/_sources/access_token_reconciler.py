# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Creates, disables and deletes the activation codes with which a connector imports VMs (private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import OutcomeUnknownError
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, Params, Result
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, View
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Actions, Reconciler
from ansible_collections.cutover.smc.plugins.module_utils._sources.access_token_plan import (
    AccessTokenSpec,
    ObservedAccessToken,
    diff_view,
    match_token,
    parse_spec,
    plan,
)


class AccessTokenReconciler(Reconciler[AccessTokenSpec, ObservedAccessToken]):
    """One activation code.

    :ivar code: the code itself, a secret; None unless this run created it
    """

    def __init__(self, smc: SmcClient, spec: AccessTokenSpec, context: Context) -> None:
        super().__init__(spec, context)
        self._smc = smc
        self._created_id: t.Optional[str] = None
        self._disabled = False
        self.code: t.Optional[str] = None

    def observe(self) -> ObservedAccessToken:
        spec = replace(self.spec, token_id=self._created_id or self.spec.token_id)
        tokens = self._smc.access_tokens([spec.token_id]) if spec.token_id else self._smc.access_tokens(name=spec.name)
        return ObservedAccessToken(match_token(tokens, spec), self._disabled)

    def plan(self, observed: ObservedAccessToken) -> Plan:
        return plan(self.spec, observed)

    def diff_view(self, observed: ObservedAccessToken) -> View:
        return diff_view(observed)

    @property
    def actions(self) -> Actions:
        return {"create": self._create, "disable": self._disable, "delete": self._smc.delete_access_token}

    def _create(self) -> None:
        """Create a code. SMC shows it only in the answer, so a code whose answer was lost is deleted and created again."""
        try:
            self._created_id, self.code = self._smc.create_access_token(
                self.spec.name or "", self.spec.description, self.spec.max_uses, self.spec.valid_days
            )
        except OutcomeUnknownError:
            lost = self.observe().token
            if lost is not None and lost.status != "expired":
                self._smc.delete_access_token(lost.token_id)
            raise

    def _disable(self, token_id: str) -> None:
        self._smc.disable_access_token(token_id)
        self._disabled = True


def run(params: Params, context: Context) -> Result:
    """The handler of ``smc_access_token``."""
    reconciler = AccessTokenReconciler(SmcClient(Connection.from_params(params)), parse_spec(params), context)
    outcome = reconciler.run()
    token = outcome.observed.token
    return outcome.result(access_token=token.as_result() if token else None, access_token_code=reconciler.code)
