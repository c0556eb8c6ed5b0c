# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recorded seeds: a migration that is killed and started again ends as if it had not been killed."""

from __future__ import annotations

import pytest

from tests.chaos.runner import seed_directory, survive
from tests.chaos.scenarios import RECORDED


@pytest.mark.parametrize("seed", RECORDED)
def test_a_killed_migration_survives(seed: int) -> None:
    verdict = survive(seed, seed_directory(seed))
    print(verdict)
    assert len(verdict.hits) == len(verdict.scenario.kills), f"not killed as recorded; choose another seed: {verdict}"
    if verdict.violations:
        pytest.fail(verdict.explain(), pytrace=False)
