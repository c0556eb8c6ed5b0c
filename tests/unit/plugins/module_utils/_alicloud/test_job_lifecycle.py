# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SMC's state table, against the table of the dossier written out in full."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle as lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.record import enumeration
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import JOB_ATTRIBUTES

NOW = datetime(2026, 11, 22, 18, tzinfo=timezone.utc)
NEVER = frozenset()
ALIVE = {"Ready", "Running", "Stopped", "InError", "Waiting"}

# Where ModifyReplicationJobAttribute takes an attribute: (before the first run, after it).
SETTABLE = {
    "name": (set(lifecycle.STATUSES), set(lifecycle.STATUSES)),
    "description": (set(lifecycle.STATUSES), set(lifecycle.STATUSES)),
    "interval": ({"Ready", "Waiting"}, {"Waiting"}),
    "images_to_keep": ({"Ready", "Waiting"}, {"Waiting"}),
    "valid_until": (ALIVE, ALIVE),
    "image_name": ({"Ready"}, NEVER),
    "system_disk_size": ({"Ready"}, NEVER),
    "data_disk_sizes": ({"Ready"}, NEVER),
    "network_mode": ({"Ready"}, NEVER),
    "vswitch_id": ({"Ready"}, NEVER),
    "instance_type": ({"Ready"}, NEVER),
    "replication_parameters": ({"Ready"}, NEVER),
    "vpc_id": ({"Ready"}, NEVER),
    "scheduled_start": ({"Ready"}, NEVER),
    "license_type": (NEVER, NEVER),
    "resource_group_id": (NEVER, NEVER),
}


@pytest.mark.parametrize("attribute", sorted(SETTABLE))
@pytest.mark.parametrize("has_run", [False, True])
def test_settable(attribute: str, has_run: bool):
    actual = {
        status
        for status in lifecycle.STATUSES
        if lifecycle.may_change(JOB_ATTRIBUTES[attribute].change, status, has_run)
    }
    assert actual == set(SETTABLE[attribute][has_run])


def test_the_table_has_every_attribute():
    assert set(SETTABLE) == set(JOB_ATTRIBUTES)


@pytest.mark.parametrize(
    ("status", "phase", "may"),
    [
        ("Running", "Syncing", True),
        ("Running", "Preparing", False),
        ("Running", "Processing", False),
        ("Running", "Cleaning", False),
        ("Waiting", "Syncing", False),
        ("Stopped", "Syncing", False),
    ],
)
def test_pausing(status: str, phase: str, may: bool):
    assert lifecycle.may_pause(status, phase) is may


def test_sets_of_states():
    assert ALIVE | {"Expired"} == lifecycle.UNFINISHED
    assert lifecycle.ALIVE == ALIVE
    assert ALIVE - {"Ready"} == lifecycle.BILLED
    assert {"Ready", "Stopped", "InError"} == lifecycle.STARTABLE
    assert {status for status in lifecycle.STATUSES if lifecycle.may_delete(status)} == set(lifecycle.STATUSES) - {
        "Running",
        "Deleting",
    }


@pytest.mark.parametrize(
    ("sent", "known"),
    [("waiting", "Waiting"), ("INERROR", "InError"), ("Waiting", "Waiting"), ("Novel", "Novel"), (None, ""), ("", "")],
)
def test_spelling(sent: str, known: str):
    assert enumeration(*lifecycle.STATUSES).read(sent) == known


@pytest.mark.parametrize(
    ("left", "soon"),
    [(None, False), (timedelta(days=7), False), (timedelta(days=7, seconds=-1), True), (-timedelta(1), True)],
)
def test_expiring_soon(left: timedelta | None, soon: bool):
    assert lifecycle.expires_soon(None if left is None else NOW + left, NOW) is soon


@pytest.mark.parametrize(
    ("attribute", "status", "words"),
    [
        ("interval", "Running", "when the job is Waiting"),
        ("interval", "Finished", "create it again"),
        ("valid_until", "Expired", "create a new one"),
        ("image_name", "Waiting", "full copy"),
    ],
)
def test_what_a_user_can_do_about_it(attribute: str, status: str, words: str):
    assert words in lifecycle.why_unchanged(JOB_ATTRIBUTES[attribute].change, status)
