# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role replicate says of a job that stands still, by its own expressions and Ansible's own templating."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROLE = Path(__file__).resolve().parents[2] / "roles" / "replicate"
STALL = {"phase": "Syncing", "progress": 42.0, "cause": "its source s-1 is offline", "remedy": "Start the connector"}


@pytest.mark.parametrize(
    ("job", "told"),
    [
        ({"stalls": []}, ""),
        ({}, ""),
        ({"stalls": [STALL], "progress": 43.0}, ""),
        ({"stalls": [STALL], "phase": "Processing"}, ""),
        ({"stalls": [{**STALL, "progress": 7.0}, STALL]}, STALL["cause"]),
    ],
)
def test_the_cause_is_told_while_the_job_stands_still(job: dict[str, Any], told: str) -> None:
    loader = DataLoader()
    known = {"job_id": "j-1", "status": "Running", "phase": "Syncing", "progress": 42.0}
    variables = loader.load_from_file(str(ROLE / "vars" / "main.yml"), trusted_as_template=True) | {
        "replicate_result": {"job": {"job_id": "j-1"}},
        "replicate_image": {"jobs": [{"job_id": "j-0"}, known | job]},
    }
    said = Templar(loader, variables=variables).template(variables["__replicate_stall_message"])
    assert (told in said) if told else not said
