# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role clean_up tells at its end, by its own template and Ansible's own templating."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[2] / "roles" / "clean_up"


def costs(*notes: str) -> dict[str, Any]:
    return {"currency": "CNY", "items": [], "unknown": [], "notes": list(notes)}


def told(region: dict[str, Any]) -> list[str]:
    """The lines that people read, for one VM of which nothing costs money."""
    loader = DataLoader()
    result = {"left": {}, "orphans": [], "costs": costs("No price.")}
    host = {"inventory_hostname": "app-01", "identify_vm": {"name": "app-01", "uuid": "u-1"}, "clean_up_result": result}
    variables = loader.load_from_file(str(ROLE / "vars" / "main.yml"), trusted_as_template=True) | {
        "ansible_play_batch": ["app-01"],
        "hostvars": {"app-01": host},
        "clean_up_region": region,
    }
    text = trust_as_template((ROLE / "templates" / "ledger.j2").read_text())
    return str(Templar(loader, variables=variables).template(text)).splitlines()


def test_what_was_noted_of_the_vms_and_of_the_region_is_told_once() -> None:
    lines = told({"costs": costs("No price.", "Job j-9 is InError."), "orphans": []})
    assert lines.count("No price.") == 1
    assert lines.count("Job j-9 is InError.") == 1


def test_a_region_that_could_not_be_read_is_told() -> None:
    lines = told({"failed": True, "msg": "DescribeDisks: no"})
    assert "Orphans could not be looked for: DescribeDisks: no" in lines
    assert "No price." in lines


def test_what_the_region_has_of_a_vm_is_told_as_its_own() -> None:
    kept = {
        "id": "i-9",
        "kind": "verification_instance",
        "name": "",
        "kept": True,
        "per_day": 1.5,
        "is_upper_bound": False,
    }
    mine = kept | {"vm_uuid": "u-1", "reason": "it verifies an image until tomorrow"}
    region = costs() | {"items": [mine, mine | {"id": "i-8", "vm_uuid": "u-2"}, mine | {"id": "i-7"}]}
    lines = told(
        {
            "costs": region,
            "orphans": [{"id": "i-7", "kind": "verification_instance", "name": "", "reason": "", "blocked_by": ""}],
        }
    )
    rows = [line.split() for line in lines]
    assert ["app-01", "keep", "verification", "instance", "i-9", "1.50", "CNY"] in [row[:7] for row in rows]
    assert ["total", "keep", "1", "resource", "1.50", "CNY"] in [row[:6] for row in rows]
    assert not any("i-8" in row for row in rows)
