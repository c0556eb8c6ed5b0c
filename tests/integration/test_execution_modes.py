# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both ways to run a module return the same, and the same errors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.lab_harness import SECOND_VM, WAYS, Call, Lab


def _steady(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what a clock or the way of running puts into it."""
    passing = ("cloud_time", "invocation", "_ansible_no_log", "warnings", "rpo_seconds", "expires_in", "clock_offset")
    if isinstance(result, dict):
        return {key: _steady(value) for key, value in result.items() if key not in passing}
    return [_steady(item) for item in result] if isinstance(result, list) else result  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("module", "params", "check"),
    [
        ("smc_source_info", {}, False),
        ("smc_source", {"vm_name": "nowhere"}, False),
        ("smc_incremental_job_info", {}, False),
        ("smc_incremental_job", {"vm_uuid": "VM", "interval": "6h"}, True),
        ("smc_incremental_job", {"vm_uuid": "VM", "interval": "30m"}, False),
        ("smc_job_finalize", {"vm_uuid": "VM"}, False),
        ("smc_cleanup", {"vm_uuid": "VM", "orphans": [], "prices": {"snapshot_gib_month": 0.1}}, True),
        ("smc_access_token", {"name": "both"}, True),
        ("ecs_verification_instance", {"image_id": "m-unknown", "state": "absent"}, False),
    ],
)
def test_both_ways_return_the_same(
    lab: Lab, ansible: Call, imported: dict[str, str], module: str, params: dict[str, Any], check: bool
) -> None:
    params = {key: imported[SECOND_VM] if value == "VM" else value for key, value in params.items()}
    results = [_steady(ansible(module, way=way, check=check, **params).result) for way in WAYS]
    assert results[0] == results[1]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "wrong-secret-7b1f"}, "Alibaba Cloud refused the signature"),
        ({"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAIunknown"}, "Alibaba Cloud does not accept the access key"),
        ({"CUTOVER_SMC_ENDPOINT": "http://127.0.0.1:9"}, "no usable answer from 127.0.0.1:9"),
        ({"DEBUG": "sdk"}, "prints credentials"),
    ],
)
def test_an_error_is_one_sentence_without_a_secret(
    lab: Lab, ansible: Call, way: str, environment: dict[str, str], sentence: str
) -> None:
    failed = ansible("smc_source_info", way=way, environment=environment, verbosity=3)
    assert failed.failed
    assert sentence in failed["msg"]
    assert "Traceback" not in failed.shown
    for secret in ("wrong-secret-7b1f", lab.environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]):
        assert secret not in failed.shown
