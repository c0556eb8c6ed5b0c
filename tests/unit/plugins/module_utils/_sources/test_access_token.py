# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Activation codes: created once, shown once, and surely disabled."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import AccessToken
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, OutcomeUnknownError
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._sources.access_token_plan import (
    AccessTokenSpec,
    ObservedAccessToken,
    diff_view,
    parse_spec,
    plan,
)
from ansible_collections.cutover.smc.plugins.module_utils._sources.access_token_reconciler import AccessTokenReconciler
from tests.unit.plugins.builders import a_token


def spec(
    state: str = "present", name: str | None = "wave", token_id: str | None = None, **more: Any
) -> AccessTokenSpec:
    params = {
        "state": state,
        "name": name,
        "access_token_id": token_id,
        "description": None,
        "max_uses": 10,
        "valid_for": "1d",
    }
    return parse_spec({**params, **more})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"max_uses": 0}, "Option 'max_uses' is 0, which SMC does not offer. Choose 1 to 1000."),
        ({"max_uses": 1001}, "Choose 1 to 1000"),
        ({"valid_for": "0d"}, "Option 'valid_for' is 0d, which SMC does not offer"),
        ({"valid_for": "91d"}, "Choose whole days, 1d to 90d"),
        ({"valid_for": "36h"}, "Choose whole days, 1d to 90d"),
        ({"valid_for": "soon"}, "Option 'valid_for' is not a duration: 'soon'"),
    ],
)
def test_what_smc_does_not_offer(more: dict[str, int], words: str):
    with pytest.raises(InvalidOptionError) as caught:
        spec(**more)
    assert words in str(caught.value)


ACTIVE, FRESH, EXPIRED = (a_token(status=status) for status in ("activated", "unactivated", "expired"))
PERHAPS_DISABLED = a_token(status="unactivated", used=2)

TABLE = [
    ("present", None, ["create"]),
    ("present", ACTIVE, []),
    ("present", FRESH, []),
    ("present", EXPIRED, ["create"]),
    ("disabled", None, []),
    ("disabled", ACTIVE, ["disable"]),
    ("disabled", FRESH, ["disable"]),
    ("disabled", EXPIRED, []),
    ("disabled", PERHAPS_DISABLED, []),
    ("absent", None, []),
    ("absent", ACTIVE, ["delete"]),
    ("absent", FRESH, ["delete"]),
    ("absent", EXPIRED, ["delete"]),
]


@pytest.mark.parametrize(("state", "token", "expected"), TABLE)
def test_every_state_with_every_declared_state(state: str, token: AccessToken | None, expected: list[str]):
    assert [step.action for step in plan(spec(state), ObservedAccessToken(token)).steps] == expected


def test_what_this_run_has_disabled_is_not_disabled_again():
    assert plan(spec("disabled"), ObservedAccessToken(ACTIVE, disabled=True)).steps == ()
    assert plan(spec("disabled"), ObservedAccessToken(FRESH, disabled=True)).steps == ()


class Smc:
    """Activation codes in memory."""

    def __init__(self, *tokens: AccessToken) -> None:
        self.tokens = {token.token_id: token for token in tokens}
        self.writes: list[str] = []

    def access_tokens(self, token_ids: list[str] | None = None, name: str | None = None) -> list[AccessToken]:
        # It is not documented whether SMC compares the complete name or only a part of it.
        found = [token for token in self.tokens.values() if token_ids is None or token.token_id in token_ids]
        return [token for token in found if name is None or name in token.name]

    def create_access_token(self, name: str, description: str | None, uses: int, valid_days: int) -> tuple[str, str]:
        token_id = f"at-{len(self.tokens) + 1}"
        self.writes.append("create")
        self.tokens[token_id] = AccessToken(token_id, name, status="unactivated", uses=uses, valid_days=valid_days)
        return token_id, f"code-{token_id}"

    def disable_access_token(self, token_id: str) -> None:
        self.writes.append(f"disable {token_id}")

    def delete_access_token(self, token_id: str) -> None:
        self.writes.append(f"delete {token_id}")
        del self.tokens[token_id]


def run(smc: Smc, declared: AccessTokenSpec, check_mode: bool = False) -> tuple[dict[str, Any], AccessTokenReconciler]:
    context = Context(check_mode, lambda line: None, lambda line: None)
    reconciler = AccessTokenReconciler(smc, declared, context)  # type: ignore[arg-type]
    outcome = reconciler.run()
    return outcome.result(token=outcome.observed.token), reconciler


def test_the_code_is_shown_once():
    smc = Smc()
    created, reconciler = run(smc, spec(max_uses=3))
    assert (created["changed"], reconciler.code, created["token"].uses) == (True, "code-at-1", 3)
    again, reconciler = run(smc, spec(max_uses=3))
    assert (again["changed"], reconciler.code) == (False, None)
    assert smc.writes == ["create"]


class Forgetful(Smc):
    """The answer to its first creation is lost."""

    def __init__(self, *tokens: AccessToken, does_it: bool) -> None:
        super().__init__(*tokens)
        self.losses = [does_it]

    def create_access_token(self, name: str, description: str | None, uses: int, valid_days: int) -> tuple[str, str]:
        if self.losses and not self.losses[0]:
            self.losses.pop()
            raise OutcomeUnknownError("no answer")
        answer = super().create_access_token(name, description, uses, valid_days)
        if self.losses:
            self.losses.pop()
            raise OutcomeUnknownError("no answer")
        return answer


@pytest.mark.parametrize(("does_it", "writes"), [(True, ["create", "delete at-2", "create"]), (False, ["create"])])
def test_a_code_whose_answer_was_lost_is_created_again(does_it: bool, writes: list[str]):
    smc = Forgetful(a_token("at-1", status="expired"), does_it=does_it)
    _created, reconciler = run(smc, spec())
    assert reconciler.code == "code-at-2"
    assert smc.writes == writes


def test_check_mode_creates_none():
    smc = Smc()
    checked, reconciler = run(smc, spec(), check_mode=True)
    assert (checked["changed"], reconciler.code, smc.writes) == (True, None, [])
    assert checked["diff"]["after"] == {"state": "present", "name": "wave"}


def test_an_expired_code_is_followed_by_a_new_one_of_the_same_name():
    smc = Smc(a_token("at-1", status="expired"))
    created, reconciler = run(smc, spec())
    assert reconciler.code == "code-at-2"
    assert created["token"].token_id == "at-2"
    assert run(smc, spec())[0]["changed"] is False


def test_another_name_that_contains_it_is_another_code():
    smc = Smc(a_token("at-9", name="wave-77"))
    run(smc, spec())
    run(smc, spec("absent"))
    assert smc.writes == ["create", "delete at-2"]


def test_a_code_is_disabled_by_id_or_name():
    for declared in (spec("disabled", None, "at-1"), spec("disabled")):
        smc = Smc(ACTIVE, a_token("at-2", name="other"))
        done, _reconciler = run(smc, declared)
        assert (done["changed"], smc.writes) == (True, ["disable at-1"])


def test_a_code_is_deleted_once():
    smc = Smc(ACTIVE)
    assert run(smc, spec("absent"))[0]["changed"] is True
    assert run(smc, spec("absent"))[0]["changed"] is False
    assert smc.writes == ["delete at-1"]


def test_the_view_holds_no_code():
    assert set(diff_view(ObservedAccessToken(ACTIVE))) == {"access_token_id", "name", "state"}
