# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runbook with what no source settles set the one way and the other: the first half of the switches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration import runbook
from tests.integration.lab_harness import LABS, Call, Lab, start_lab


@pytest.fixture(scope="module")
def session_lab() -> Iterator[Lab]:
    """A lab of these tests' own, for its clock is fast."""
    lab = start_lab(LABS / "switches-1", "--vms", "2")
    yield lab
    lab.stop()


@pytest.mark.parametrize("setting", runbook.settings(0, 2), ids=str)
def test_the_runbook_gets_through(lab: Lab, call: Call, setting: runbook.Setting) -> None:
    runbook.go_through(lab, call, setting)
