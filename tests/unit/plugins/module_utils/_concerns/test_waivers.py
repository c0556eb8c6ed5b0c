# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waivers: what they cover and until when, and how incomplete ones are rejected."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._concerns.assessment import RULE_IDS
from ansible_collections.cutover.smc.plugins.module_utils._concerns.waivers import apply_waivers, read_waivers
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError

WAIVER = {"rule": "fault_tolerance", "reason": "change 4711", "expires": "2026-12-31"}


@pytest.mark.parametrize(
    ("fields", "vm", "day", "holds"),
    [
        ({}, "app-01", "2026-12-31", True),
        ({}, "app-01", "2027-01-01", False),
        ({"vms": ["app-02"]}, "app-01", "2026-12-01", False),
        ({"vms": ["app-02"]}, "app-02", "2026-12-01", True),
        ({"rule": "snapshots"}, "app-01", "2026-12-01", False),
    ],
)
def test_a_waiver_covers_its_rule_its_vms_and_its_days(fields: dict[str, Any], vm: str, day: str, holds: bool) -> None:
    waivers = read_waivers([WAIVER | fields], RULE_IDS)
    (concern,) = apply_waivers([{"id": "fault_tolerance"}], vm, waivers, date.fromisoformat(day))
    assert concern["waived"] == ({"reason": "change 4711", "expires": "2026-12-31"} if holds else None)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([WAIVER | {"rule": "no such"}], "Unknown rule 'no such' in a waiver"),
        ([WAIVER | {"reason": " "}], "has no reason"),
        ([WAIVER | {"expires": "soon"}], "has no valid expiry date"),
        ([WAIVER | {"expires": "2026-02-30"}], "expiry date of the waiver .* does not exist"),
        (["fault_tolerance"], "not a dictionary"),
        ("fault_tolerance", "must be a list"),
    ],
)
def test_an_incomplete_waiver_is_rejected(given: Any, words: str) -> None:
    with pytest.raises(InvalidOptionError, match=words):
        read_waivers(given, RULE_IDS)
