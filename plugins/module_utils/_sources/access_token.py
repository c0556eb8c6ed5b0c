# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Activation codes with which the connector imports VMs (private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api as _alicloud
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import smc as _smc
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import AccessToken
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, OutcomeUnknownError
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import converge
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_duration, parse_duration

MOST_USES = 1000
DAY = timedelta(days=1)
LONGEST_VALIDITY = timedelta(days=90)


@dataclass(frozen=True)
class Wish:
    """The declared activation code."""

    state: str
    name: t.Optional[str]
    token_id: t.Optional[str]
    description: t.Optional[str]
    uses: int
    valid_days: int


def wish_from(params: t.Mapping[str, t.Any]) -> Wish:
    """:raises InvalidOptionError: names the option, the value and the remedy"""
    if not 1 <= params["max_uses"] <= MOST_USES:
        raise InvalidOptionError(
            f"Option 'max_uses' is {params['max_uses']}, which SMC does not offer", remedy=f"Choose 1 to {MOST_USES}"
        )
    valid_for = parse_duration("valid_for", params["valid_for"])
    if valid_for % DAY or not DAY <= valid_for <= LONGEST_VALIDITY:
        raise InvalidOptionError(
            f"Option 'valid_for' is {params['valid_for']}, which SMC does not offer",
            remedy=f"Choose whole days, 1d to {format_duration(LONGEST_VALIDITY)}",
        )
    return Wish(
        params["state"],
        params["name"],
        params["access_token_id"],
        params["description"],
        params["max_uses"],
        valid_for.days,
    )


def decide(wish: Wish, token: t.Optional[AccessToken], disabled_here: bool = False) -> Plan:
    """What is left to do for the declared state; pure.

    What SMC shows of a disabled code is not documented: "unactivated" may mean disabled, or not used yet. A code is taken for
    disabled only when it cannot be usable, so that one that was never used may be disabled twice, and never not at all.
    """
    if wish.state == "present":
        if token is not None and token.status != "expired":
            return Plan()
        return Plan(
            (
                Step(
                    "create",
                    "create the activation code %s" % wish.name,
                    changes={"name": wish.name, "state": "present"},
                ),
            )
        )
    if token is None:
        return Plan()
    if wish.state == "absent":
        return Plan(
            (
                Step(
                    "delete",
                    "delete the activation code %s" % token.token_id,
                    {"token_id": token.token_id},
                    {"state": "absent"},
                ),
            )
        )
    surely_disabled = token.status == "expired" or (token.status == "unactivated" and token.used > 0)
    if surely_disabled or disabled_here:
        return Plan()
    return Plan(
        (
            Step(
                "disable",
                "disable the activation code %s" % token.token_id,
                {"token_id": token.token_id},
                {"state": "disabled"},
            ),
        )
    )


def view(token: t.Optional[AccessToken]) -> dict[str, t.Any]:
    if token is None:
        return {"state": "absent"}
    return {"access_token_id": token.token_id, "name": token.name, "state": token.status}


class Desk:
    """The activation code at hand."""

    def __init__(self, smc: _smc.Smc, wish: Wish) -> None:
        self._smc = smc
        self._wish = wish
        self.code: t.Optional[str] = None
        self.disabled = False
        self._made: t.Optional[str] = None
        self.actions: dict[str, t.Callable[..., None]] = {
            "create": self._create,
            "disable": self._disable,
            "delete": smc.delete_access_token,
        }

    def observe(self) -> t.Optional[AccessToken]:
        token_id = self._made or self._wish.token_id
        tokens = self._smc.access_tokens([token_id] if token_id else None, None if token_id else self._wish.name)
        matching = [
            token for token in tokens if token.token_id == token_id or (not token_id and token.name == self._wish.name)
        ]
        return max(matching, key=lambda token: (token.status != "expired", token.token_id), default=None)

    def _create(self) -> None:
        """Make a code. One whose answer was lost is known to nobody, and is deleted, so that the next look finds none."""
        try:
            self._made, self.code = self._smc.create_access_token(
                self._wish.name or "", self._wish.description, self._wish.uses, self._wish.valid_days
            )
        except OutcomeUnknownError:
            lost = self.observe()
            if lost is not None and lost.status != "expired":
                self._smc.delete_access_token(lost.token_id)
            raise

    def _disable(self, token_id: str) -> None:
        self._smc.disable_access_token(token_id)
        self.disabled = True


def ensure(params: dict[str, t.Any], context: Context) -> dict[str, t.Any]:
    """The handler of ``smc_access_token``."""
    wish = wish_from(params)
    desk = Desk(_smc.Smc(_alicloud.Connection.from_params(params)), wish)
    outcome = converge(
        desk.observe,
        lambda token: decide(wish, token, desk.disabled),
        desk.actions,
        view,
        check_mode=context.check_mode,
    )
    token = outcome.observed
    return outcome.result(access_token=token.as_result() if token else None, access_token_code=desk.code)
