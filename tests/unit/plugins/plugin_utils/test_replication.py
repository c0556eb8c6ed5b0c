# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A job without an image is explained by where it is, by what SMC reports, and by a stall that still lasts."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.plugin_utils._replication import missing_image_reason

STALL = {"phase": "Syncing", "progress": 42.0, "cause": "its connector is silent", "remedy": "Start the connector."}


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ({}, "Job j-1 does not exist any more."),
        ({"status": "Ready", "phase": ""}, "Job j-1 is Ready."),
        ({"status": "Running", "phase": "Syncing", "progress": 42.4}, "Job j-1 is Running (Syncing, 42 %)."),
        ({"status": "Running", "phase": "Preparing", "progress": None}, "Job j-1 is Running (Preparing, 0 %)."),
        (
            {"status": "InError", "phase": "Syncing", "progress": 9.0, "error_reason": "Disk.Full, the disk is full"},
            "Job j-1 is InError (Syncing, 9 %). SMC reports: Disk.Full, the disk is full.",
        ),
        (
            {"status": "Running", "phase": "Syncing", "progress": 42.0, "stalls": [STALL]},
            "Job j-1 is Running (Syncing, 42 %). It is stalled, and the likely cause is this: its connector is silent. Start the connector.",
        ),
        (
            {"status": "Running", "phase": "Syncing", "progress": 43.0, "stalls": [STALL]},
            "Job j-1 is Running (Syncing, 43 %).",
        ),
        (
            {"status": "Running", "phase": "Processing", "progress": 42.0, "stalls": [STALL]},
            "Job j-1 is Running (Processing, 42 %).",
        ),
        (
            {"status": "Running", "phase": "Syncing", "progress": 42.0, "stalls": [{**STALL, "progress": 7.0}, STALL]},
            "Job j-1 is Running (Syncing, 42 %). It is stalled, and the likely cause is this: its connector is silent. Start the connector.",
        ),
        ({"status": "Running", "phase": "Syncing", "stalls": []}, "Job j-1 is Running (Syncing, 0 %)."),
        ({"status": "Running", "phase": "Syncing", "stalls": None}, "Job j-1 is Running (Syncing, 0 %)."),
    ],
)
def test_a_missing_image_is_explained(job: dict[str, Any], reason: str):
    assert missing_image_reason(job, "j-1") == reason
