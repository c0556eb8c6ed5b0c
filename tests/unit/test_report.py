# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role report makes of jobs, costs and orphans, by its own templates and Ansible's own templating."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[2] / "roles" / "report"
NOW = "2026-11-22T18:00:00Z"
UUID = "50390a1b-2c3d-4e5f-8a9b-0c1d2e3f4a5b"


def an_item(identifier: str, kind: str = "image", per_day: float | None = 0.25, **fields: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "kind": kind,
        "name": "",
        "vm_uuid": UUID,
        "job_id": "j-1",
        "per_day": per_day,
        "is_upper_bound": kind == "image",
        "kept": True,
        "reason": "",
    } | fields


def a_region(*items: dict[str, Any], orphans: tuple[dict[str, Any], ...] = (), **costs: Any) -> dict[str, Any]:
    return {"costs": {"currency": "CNY", "notes": [], "items": list(items)} | costs, "orphans": list(orphans)}


A_VM = {"name": "app-01", "uuid": UUID, "power_state": "on", "cbt": {"effective": True}}


def report(region: dict[str, Any], vm: dict[str, Any] | None = None, **job: Any) -> tuple[dict[str, Any], list[str]]:
    """The one VM of a report as data, and the lines that people read."""
    loader = DataLoader()
    known = {
        "job_id": "j-1",
        "status": "Waiting",
        "expires_at": "2026-12-22T18:00:00Z",
        "expires_in": "30d",
        "images": ["m-1", "m-2"],
        "runs": [{}, {}],
        "tags": {},
    }
    variables: dict[str, Any] = loader.load_from_file(str(ROLE / "vars" / "main.yml"), trusted_as_template=True) | {
        "ansible_play_hosts_all": ["app-01"],
        "ansible_play_hosts": ["app-01"],
        "hostvars": {"app-01": {"identify_vm": A_VM if vm is None else vm}},
        "report_jobs": {"cloud_time": NOW, "by_vm_uuid": {UUID: known | job}},
        "report_region": region,
    }

    def render(name: str, **more: Any) -> Any:
        text = (ROLE / "templates" / name).read_text()
        return Templar(loader, variables=variables | more).template(trust_as_template(text))

    vms = render("vms.json.j2")
    vms = loader.load(vms) if isinstance(vms, str) else vms
    return vms[0], [line for line in str(render("table.j2", report_vms=vms)).splitlines() if line]


def test_images_that_are_gone_are_not_counted() -> None:
    vm, lines = report(a_region(an_item("m-2")))
    assert vm["images"] == ["m-2"]
    assert lines[1].split()[1:5] == ["Waiting", "on", "2", "1"]


def test_without_a_look_at_the_region_the_images_of_the_runs_are_told() -> None:
    vm, lines = report({"skipped": True})
    assert vm["images"] == ["m-1", "m-2"]
    assert vm["costs"] is None
    assert len(lines) == 2
    failed = report({"failed": True, "msg": "DescribeDisks: no"})[1]
    assert failed[2] == "Costs could not be read: DescribeDisks: no"


@pytest.mark.parametrize(
    ("expires_at", "expires_in", "told"),
    [
        ("2026-11-29T18:00:01Z", "7d1s", ""),
        ("2026-11-29T06:00:00Z", "6d12h", "app-01 NOTE: job j-1 expires in 6d12h; complete it, or extend it"),
        ("2026-11-25T06:00:00Z", "2d12h", "app-01 SOON: job j-1 expires in 2d12h; complete it, or extend it"),
        ("2026-11-23T06:00:00Z", "12h", "app-01 URGENT: job j-1 expires in 12h; complete it, or extend it"),
        ("2026-11-22T06:00:00Z", None, "app-01 EXPIRED: job j-1 has expired and does not run any more; SMC deletes it"),
    ],
)
def test_a_job_about_to_expire_is_warned_of(expires_at: str, expires_in: str | None, told: str) -> None:
    lines = report(a_region(), expires_at=expires_at, expires_in=expires_in)[1]
    warnings = [line for line in lines if "expire" in line]
    assert len(warnings) == bool(told)
    assert not told or warnings[0].startswith(told)


def test_a_finished_job_does_not_expire() -> None:
    assert not any("expire" in line for line in report(a_region(), status="Finished", expires_at=NOW)[1])


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ((), "costs nothing"),
        ((an_item("m-1"), an_item("i-1", "instance", 2.0)), "costs <= 2.25 CNY per day"),
        ((an_item("i-1", "instance", 2.0),), "costs 2.00 CNY per day"),
        ((an_item("m-1", per_day=None),), "costs an unknown amount per day"),
        (
            (an_item("m-1", per_day=None), an_item("i-1", "instance", 2.0)),
            "costs <= 2.00 CNY per day, and 1 of unknown price",
        ),
        ((an_item("m-1", vm_uuid=None), an_item("m-9", vm_uuid="other", job_id="j-2")), "costs <= 0.25 CNY per day"),
    ],
)
def test_what_a_vm_costs(items: tuple[dict[str, Any], ...], told: str) -> None:
    vm, lines = report(a_region(*items))
    assert lines[2].split(None, 1) == ["app-01", told]
    assert vm["costs"]["complete"] == all(item["per_day"] is not None for item in items)


def test_what_a_vm_costs_is_not_told_when_it_was_not_found() -> None:
    lines = report(a_region(), vm={})[1]
    assert lines[1].split()[:3] == ["app-01", "unknown", "?"]
    assert not any("costs" in line for line in lines)


@pytest.mark.parametrize(
    ("power_state", "status", "told"), [("off", "Waiting", 1), ("on", "Waiting", 0), ("off", "Finished", 0)]
)
def test_a_vm_that_was_left_off_is_told(power_state: str, status: str, told: int) -> None:
    vm, lines = report(a_region(), vm=A_VM | {"power_state": power_state}, status=status)
    assert vm["power_state"] == power_state
    assert sum(line.startswith("app-01 is off; if its cut-over was interrupted") for line in lines) == told


def test_orphans_are_told_and_belong_to_no_vm() -> None:
    orphan = {"id": "i-9", "kind": "instance", "name": "No_Delete", "reason": "no job names it"}
    priced = an_item("i-9", "instance", 5.2)
    vm, lines = report(a_region(priced, orphans=(orphan,), notes=["Grant it."]))
    assert vm["costs"]["items"] == []
    assert lines[3:] == ["orphan: instance i-9 No_Delete, 5.20 CNY per day: no job names it", "Grant it."]
