# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""smc_access_token against the lab: each verb done, done again and checked; the code is never shown."""

from __future__ import annotations

import pytest

from tests.integration.lab_harness import WAYS, Call, Lab, import_vms


def test_access_token_life(lab: Lab, call: Call) -> None:
    checked = call("smc_access_token", name="life", check=True)
    assert checked["changed"]
    assert checked["access_token_code"] is None
    assert not lab.mutating_requests()

    made = call("smc_access_token", name="life", max_uses=3, valid_for="2d")
    assert made["changed"]
    assert made["access_token_code"]
    token = made["access_token"]
    assert (token["max_uses"], token["valid_for"], token["used"]) == (3, "2d", 0)

    again = call("smc_access_token", name="life")
    assert not again["changed"]
    assert again["access_token_code"] is None

    assert call("smc_access_token", access_token_id=token["access_token_id"], state="disabled")["changed"]

    assert call("smc_access_token", access_token_id=token["access_token_id"], state="absent")["changed"]
    assert not call("smc_access_token", access_token_id=token["access_token_id"], state="absent")["changed"]


@pytest.mark.parametrize("reading", ["enabled", "used"])
def test_used_access_token_is_disabled_once(lab: Lab, call: Call, imported: dict[str, str], reading: str) -> None:
    lab.post("/switches", {"token_status": reading})
    made = call("smc_access_token", name=f"used-{reading}")
    import_vms(lab, call, "app-04" if reading == "enabled" else "app-05", token=made)
    named = {"access_token_id": made["access_token"]["access_token_id"], "state": "disabled"}
    assert call("smc_access_token", **named)["changed"]
    assert not call("smc_access_token", **named)["changed"]


def test_access_token_of_too_many_uses_is_refused_before_anything_is_sent(lab: Lab, call: Call) -> None:
    refused = call("smc_access_token", name="many", max_uses=1001)
    assert refused.failed
    assert "Option 'max_uses' is 1001" in refused["msg"]
    assert not lab.mutating_requests()


@pytest.mark.parametrize("way", WAYS)
def test_access_token_is_never_shown(lab: Lab, ansible: Call, way: str) -> None:
    made = ansible("smc_access_token", way=way, name=f"hidden-{way}", verbosity=3)
    assert not made.failed
    known = {token["name"] for token in lab.get("/state")["tokens"]}
    assert f"hidden-{way}" in known
    assert "access_token_code" not in made.shown
