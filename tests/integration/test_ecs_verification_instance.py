# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ecs_verification_instance against the lab."""

from __future__ import annotations

from tests.integration.lab_harness import FIRST_VM, Call, Lab


def test_verification_instance_is_made_for_a_while_and_released(lab: Lab, call: Call, no_jobs: dict[str, str]) -> None:
    image = call("smc_incremental_job", vm_uuid=no_jobs[FIRST_VM], interval="7d", wait=True)["job"]["runs"][-1][
        "image_id"
    ]
    wanted = {
        "image_id": image,
        "instance_type": "ecs.c7.large",
        "vswitch_id": "vsw-lab-isolated",
        "security_group_id": "sg-lab-isolated",
    }
    lab.reset_requests()
    assert call("ecs_verification_instance", check=True, **wanted)["changed"]
    assert not lab.mutating_requests()
    made = call("ecs_verification_instance", **wanted)
    assert made["instance"]["status"] == "Running"
    assert made["instance"]["released_at"]
    assert not call("ecs_verification_instance", **wanted)["changed"]
    assert call("ecs_verification_instance", image_id=image, state="absent")["changed"]
    assert not call("ecs_verification_instance", image_id=image, state="absent")["changed"]
    unknown = call("ecs_verification_instance", **dict(wanted, image_id="m-unknown"))
    assert "Image m-unknown does not exist" in unknown["msg"]
