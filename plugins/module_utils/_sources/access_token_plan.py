# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which activation code is declared, and what is left to do for it (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import AccessToken
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, View
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_duration, parse_duration

MAX_USES = 1000
DAY = timedelta(days=1)
MAX_VALIDITY = timedelta(days=90)


@dataclass(frozen=True)
class AccessTokenSpec:
    """The declared activation code, found by its ID or else by its name."""

    state: str
    name: t.Optional[str]
    token_id: t.Optional[str]
    description: t.Optional[str]
    max_uses: int
    valid_days: int


@dataclass(frozen=True)
class ObservedAccessToken:
    """What was read of the activation code.

    :ivar token: the code without its secret; None when it does not exist
    :ivar disabled: whether this run has disabled it
    """

    token: t.Optional[AccessToken]
    disabled: bool = False


def parse_spec(params: t.Mapping[str, t.Any]) -> AccessTokenSpec:
    """Read the module's options.

    :raises InvalidOptionError: names the option, the value and the remedy
    """
    if not 1 <= params["max_uses"] <= MAX_USES:
        raise InvalidOptionError(
            f"Option 'max_uses' is {params['max_uses']}, which SMC does not offer", remedy=f"Choose 1 to {MAX_USES}"
        )
    valid_for = parse_duration("valid_for", params["valid_for"])
    if valid_for % DAY or not DAY <= valid_for <= MAX_VALIDITY:
        raise InvalidOptionError(
            f"Option 'valid_for' is {params['valid_for']}, which SMC does not offer",
            remedy=f"Choose whole days, 1d to {format_duration(MAX_VALIDITY)}",
        )
    return AccessTokenSpec(
        params["state"],
        params["name"],
        params["access_token_id"],
        params["description"],
        params["max_uses"],
        valid_for.days,
    )


def match_token(tokens: t.Iterable[AccessToken], spec: AccessTokenSpec) -> t.Optional[AccessToken]:
    """The declared code among those that SMC lists; of several with the same name one that has not expired.

    SMC's filter by name is not relied on: it may compare only a part of the name.
    """
    matching = [
        token for token in tokens if (token.token_id == spec.token_id if spec.token_id else token.name == spec.name)
    ]
    return max(matching, key=lambda token: (token.status != "expired", token.token_id), default=None)


def plan(spec: AccessTokenSpec, observed: ObservedAccessToken) -> Plan:
    """What is left to do for the declared state."""
    token = observed.token
    if spec.state == "present":
        exists = token is not None and token.status != "expired"
        return Plan() if exists else Plan((_creation(spec),))
    if token is None:
        return Plan()
    if spec.state == "absent":
        return Plan((_change("delete", token, "absent"),))
    return Plan() if observed.disabled or _is_surely_unusable(token) else Plan((_change("disable", token, "disabled"),))


def _creation(spec: AccessTokenSpec) -> Step:
    return Step("create", f"create the activation code {spec.name}", changes={"name": spec.name, "state": spec.state})


def _change(action: str, token: AccessToken, state: str) -> Step:
    return Step(
        action, f"{action} the activation code {token.token_id}", {"token_id": token.token_id}, {"state": state}
    )


def _is_surely_unusable(token: AccessToken) -> bool:
    """Whether nothing can be imported with the code.

    SMC does not document the status of a disabled code: "unactivated" may mean disabled, or not used yet. Therefore a code that was
    never used counts as usable. It may be disabled twice, but it never stays usable by mistake.
    """
    return token.status == "expired" or (token.status == "unactivated" and token.used > 0)


def diff_view(observed: ObservedAccessToken) -> View:
    """The activation code as the diff shows it, without its secret."""
    token = observed.token
    if token is None:
        return {"state": "absent"}
    return {"access_token_id": token.token_id, "name": token.name, "state": token.status}
