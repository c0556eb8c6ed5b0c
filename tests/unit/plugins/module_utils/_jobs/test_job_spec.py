# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The declared job: what options may say, what differs, what is sent to create it, and how it is found again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import JOB_ATTRIBUTES, Job
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import unused_client_token
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError, PreconditionError
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import PROJECT_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_timestamp
from ansible_collections.cutover.smc.plugins.module_utils._jobs import job_creation, job_drift, job_plan, job_reconciler
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_plan import ObservedJob
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_spec import JobSpec, parse_spec
from ansible_collections.cutover.smc.plugins.module_utils._sources.identity import Identity
from ansible_collections.cutover.smc.plugins.modules.smc_incremental_job import MODULE
from tests.unit.plugins.builders import NOW, VM_UUID, a_job, a_run, a_source, at

DEFAULTS = {name: spec.get("default") for name, spec in MODULE.argument_spec.items()} | {"wait": True}


def spec(**params: Any) -> JobSpec:
    return parse_spec({**DEFAULTS, **params}, "cn-hangzhou")


# --- options ----------------------------------------------------------------------------------------------------

REFUSED = [
    ({"interval": "30m"}, "Option 'interval' is '30m', which SMC does not offer. Choose whole hours from 1h to 7d."),
    ({"interval": "90m"}, "Choose whole hours"),
    ({"interval": "0h"}, "Choose whole hours"),
    ({"interval": "7d1h"}, "Choose whole hours"),
    ({"interval": "often"}, "Option 'interval' is not a duration: 'often'"),
    ({"valid_for": "6d23h"}, "Option 'valid_for' is '6d23h', which SMC does not offer. Choose 7d to 90d"),
    ({"valid_for": "91d"}, "Choose 7d to 90d"),
    ({"valid_at_least": "84d"}, "Option 'valid_at_least' is '84d', which is too long. Choose up to 83d"),
    ({"valid_at_least": "long"}, "Option 'valid_at_least' is not a duration"),
    ({"images_to_keep": 0}, "Option 'images_to_keep' is 0, which SMC does not offer. Choose 1 to 10."),
    ({"images_to_keep": 11}, "Choose 1 to 10"),
    ({"system_disk_size": 19}, "Choose 20 to 2048"),
    ({"system_disk_size": 2049}, "Choose 20 to 2048"),
    ({"data_disks": [{"index": 0, "size": 40}]}, "Option 'data_disks.index' is 0"),
    ({"data_disks": [{"index": 17, "size": 40}]}, "Choose 1 to 16"),
    ({"data_disks": [{"index": 1, "size": 19}]}, "Option 'data_disks.size' is 19"),
    ({"data_disks": [{"index": 1, "size": 32769}]}, "Choose 20 to 32768"),
    ({"compression_level": 11}, "Choose 0 to 10"),
    ({"bandwidth_limit": -1}, "Option 'bandwidth_limit' is -1"),
    ({"synced_since": "now"}, "Option 'synced_since' is not a time"),
    ({"scheduled_start": "2026-11-28"}, "Option 'scheduled_start' is not a time"),
    ({"max_age": "old"}, "Option 'max_age' is not a duration"),
]


@pytest.mark.parametrize(("params", "words"), REFUSED)
def test_what_smc_does_not_offer_is_refused_with_its_option(params: dict[str, Any], words: str):
    with pytest.raises(InvalidOptionError) as caught:
        spec(**params)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("params", "attributes"),
    [
        ({}, {}),
        ({"interval": "1h"}, {"interval": timedelta(hours=1)}),
        ({"interval": "7d"}, {"interval": timedelta(days=7)}),
        ({"interval": "1d12h"}, {"interval": timedelta(hours=36)}),
        ({"images_to_keep": 10}, {"images_to_keep": 10}),
        ({"license_type": "byol"}, {"license_type": "BYOL"}),
        ({"data_disks": [{"index": 2, "size": 20}, {"index": 1, "size": 30}]}, {"data_disk_sizes": {1: 30, 2: 20}}),
        ({"bandwidth_limit": 0}, {"replication_parameters": {"bandwidth_limit": 0}}),
        (
            {"bandwidth_limit": 5, "compression_level": 7, "checksum": False},
            {"replication_parameters": {"bandwidth_limit": 5, "compress_level": 7, "checksum": False}},
        ),
        ({"description": ""}, {"description": ""}),
    ],
)
def test_only_given_options_are_declared(params: dict[str, Any], attributes: dict[str, Any]):
    assert spec(**params).attributes == attributes


def test_timestamps_and_durations():
    declared = spec(
        synced_since="2026-11-22T18:00:00Z", max_age="2h", valid_for="90d", scheduled_start="2026-11-22T19:00:00+01:00"
    )
    assert (declared.synced_since, declared.max_age, declared.valid_for, declared.scheduled_start) == (
        NOW,
        timedelta(hours=2),
        timedelta(90),
        NOW,
    )


# --- what differs -----------------------------------------------------------------------------------------------


def test_no_drift_of_undeclared_attributes():
    assert job_drift.drift(spec(), a_job()) == {}


@pytest.mark.parametrize(
    ("params", "drift"),
    [
        ({"interval": "24h", "images_to_keep": 2, "name": "cutover-s-1"}, {}),
        ({"interval": "6h"}, {"interval": (timedelta(hours=24), timedelta(hours=6))}),
        ({"data_disks": [{"index": 2, "size": 101}]}, {}),
        ({"data_disks": [{"index": 2, "size": 200}]}, {"data_disk_sizes": ({2: 101}, {2: 200})}),
        ({"data_disks": [{"index": 3, "size": 40}]}, {"data_disk_sizes": ({3: None}, {3: 40})}),
        ({"checksum": True}, {}),
        ({"checksum": False}, {"replication_parameters": ({"checksum": True}, {"checksum": False})}),
        ({"network_mode": "vpc"}, {"network_mode": ("internet", "vpc")}),
    ],
)
def test_drift_is_of_declared_attributes(params: dict[str, Any], drift: dict[str, Any]):
    job = a_job(replication_parameters={"checksum": True, "bandwidth_limit": 9})
    assert job_drift.drift(spec(**params), job) == drift


@pytest.mark.parametrize(("valid_for", "extends"), [("90d", True), ("30d", False), ("7d", False)])
def test_validity_is_only_ever_extended(valid_for: str, extends: bool):
    job = a_job(created=NOW, valid_until=NOW + timedelta(days=30))
    drift = job_drift.drift(spec(valid_for=valid_for), job)
    assert drift == ({"valid_until": (NOW + timedelta(30), NOW + timedelta(90))} if extends else {})


@pytest.mark.parametrize(
    ("age", "left", "declared", "until"),
    [
        (20, 10, {"valid_at_least": "14d"}, 21),
        (20, 14, {"valid_at_least": "14d"}, None),
        (20, 10, {}, None),
        (80, 3, {"valid_at_least": "14d"}, 10),  # to the ceiling, and no further
        (83, 7, {"valid_at_least": "14d"}, None),  # it lives as long as it can
        (20, 10, {"valid_at_least": "14d", "valid_for": "60d"}, 40),
        (50, 10, {"valid_at_least": "14d", "valid_for": "60d"}, 21),
        (20, -1, {"valid_at_least": "14d"}, 21),
    ],
)
def test_a_life_that_soon_ends_is_extended_in_time(age: int, left: int, declared: dict[str, Any], until: int | None):
    job = a_job(created=NOW - timedelta(age), valid_until=NOW + timedelta(left))
    drift = job_drift.drift(spec(**declared), job, NOW)
    assert drift == ({"valid_until": (NOW + timedelta(left), NOW + timedelta(until))} if until else {})
    if until:
        extended = replace(job, valid_until=NOW + timedelta(until))
        # Neither now nor at the next runs is there anything to do, until the week has passed.
        for days in (0, 1, 6):
            assert job_drift.drift(spec(**declared), extended, NOW + timedelta(days)) == {}


def test_an_expired_job_is_not_extended_but_reported():
    job = a_job("Expired", created=NOW - timedelta(31), valid_until=NOW - timedelta(1))
    (reported,) = job_drift.lasting_drift(spec(valid_at_least="14d"), job, NOW)
    assert (reported["attribute"], reported["remedy"]) == ("expires_at", "the job has ended; create a new one")


@pytest.mark.parametrize(
    ("declared", "lives"),
    [
        ({}, None),
        ({"valid_for": "60d"}, 60),
        ({"valid_at_least": "14d"}, None),  # SMC's own 30 days are enough
        ({"valid_at_least": "40d"}, 47),
        ({"valid_for": "60d", "valid_at_least": "40d"}, 60),
        ({"valid_for": "60d", "valid_at_least": "80d"}, 87),
    ],
)
def test_a_new_job_lives_long_enough_from_the_start(declared: dict[str, Any], lives: int | None):
    parameters = job_creation.creation_parameters(spec(**declared), a_source(), None, NOW)
    assert parameters.get("ValidTime") == (format_timestamp(NOW + timedelta(lives)) if lives else None)


@pytest.mark.parametrize(
    ("age", "left", "words"),
    [
        (85, 5, "A job is valid for 90d at most: complete it before"),
        (20, 5, "Extend it with valid_for or valid_at_least"),
    ],
)
def test_the_end_of_a_life_is_reported_with_what_can_be_done(age: int, left: int, words: str):
    job = a_job(created=NOW - timedelta(age), valid_until=NOW + timedelta(left))
    assert words in job_drift.expiry_warning(job)


ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "interval": st.sampled_from(["1h", "6h", "1d", "7d"]),
        "images_to_keep": st.integers(1, 10),
        "name": st.sampled_from(["cutover-s-1", "other"]),
        "image_name": st.sampled_from(["cutover-s-1", "other"]),
        "system_disk_size": st.sampled_from([41, 60]),
        "license_type": st.just("byol"),
        "valid_for": st.sampled_from(["7d", "90d"]),
    },
)
STATUSES = st.sampled_from(["Ready", "Running", "Stopped", "InError", "Waiting", "Finished", "Expired"])


@given(ATTRIBUTES, STATUSES)
def test_drift_is_either_changed_or_reported(params: dict[str, Any], status: str):
    declared, job = spec(**params), a_job(status)
    changed = {JOB_ATTRIBUTES[name].shown for name in job_drift.modifiable(declared, job)}
    reported = {item["attribute"] for item in job_drift.lasting_drift(declared, job)}
    assert changed | reported == {JOB_ATTRIBUTES[name].shown for name in job_drift.drift(declared, job)}
    assert changed & reported == set()
    assert all(item["remedy"] for item in job_drift.lasting_drift(declared, job))
    json.dumps(job_drift.lasting_drift(declared, job))


# --- synced -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "runs", "synced"),
    [
        ({}, [], False),
        ({}, [a_run(-600)], True),
        ({}, [a_run(-5, None, None)], False),
        ({"synced_since": "2026-11-22T17:30:00Z"}, [a_run(-30)], False),
        ({"synced_since": "2026-11-22T17:29:59Z"}, [a_run(-30)], True),
        ({"synced_since": "2026-11-22T17:29:59Z"}, [a_run(-30, None, None), a_run(-60)], False),
        ({"max_age": "30m"}, [a_run(-30)], True),
        ({"max_age": "29m"}, [a_run(-30)], False),
        ({"max_age": "1h", "synced_since": "2026-11-22T17:40:00Z"}, [a_run(-30)], False),
    ],
)
def test_synced_means_a_complete_run_that_began_late_enough(params: dict[str, Any], runs: list[Any], synced: bool):
    assert spec(**params).is_synced(runs, NOW) is synced


# --- creating ---------------------------------------------------------------------------------------------------


def test_a_new_job_gets_sensible_values():
    made = job_creation.creation_parameters(
        spec(vm_uuid=VM_UUID, project="spring", tags={"b": "2"}), a_source(), None, NOW
    )
    token = made.pop("ClientToken")
    assert made == {
        "Name": "cutover-s-1",
        "ImageName": "cutover-s-1",
        "SourceId": "s-1",
        "JobType": 3,
        "TargetType": "Image",
        "RunOnce": False,
        "RegionId": "cn-hangzhou",
        "Frequency": 24,
        "MaxNumberOfImageToKeep": 2,
        "SystemDiskSize": 41,
        "DataDisk": [{"Index": 1, "Size": 20}, {"Index": 2, "Size": 101}],
        "Tag": [
            {"Key": "b", "Value": "2"},
            {"Key": PROJECT_TAG, "Value": "spring"},
            {"Key": VM_TAG, "Value": VM_UUID},
        ],
    }
    assert 0 < len(token) <= 64
    assert token.isascii()


def test_declared_attributes_are_sent():
    made = job_creation.creation_parameters(
        spec(
            name="n",
            image_name="i",
            interval="6h",
            images_to_keep=5,
            system_disk_size=100,
            data_disks=[{"index": 2, "size": 500}],
            network_mode="vpc",
            vswitch_id="vsw-1",
            compression_level=0,
            license_type="byol",
            valid_for="90d",
            scheduled_start="2026-11-28T20:00:00Z",
        ),
        a_source(),
        None,
        NOW,
    )
    assert made["DataDisk"] == [{"Index": 1, "Size": 20}, {"Index": 2, "Size": 500}]
    assert made["ReplicationParameters"] == '{"compress_level":0}'
    expected = {
        "Name": "n",
        "ImageName": "i",
        "Frequency": 6,
        "MaxNumberOfImageToKeep": 5,
        "SystemDiskSize": 100,
        "NetMode": 2,
        "VSwitchId": "vsw-1",
        "LicenseType": "BYOL",
        "ValidTime": "2027-02-20T18:00:00Z",
        "ScheduledStartTime": "2026-11-28T20:00:00Z",
    }
    assert {name: made[name] for name in expected} == expected


def test_without_tags_of_its_own_the_source_shows_whose_job_it_is():
    made = job_creation.creation_parameters(spec(), a_source(), None, NOW)
    assert made["Tag"] == [{"Key": VM_TAG, "Value": VM_UUID}]


@given(st.integers(0, 3000))
def test_a_destination_disk_is_always_larger(size: int):
    assert job_creation.larger(size) > size
    assert job_creation.larger(size) >= 20


def test_the_token_is_the_same_for_the_same_creation_only():
    def token(declared: JobSpec, source_id: str = "s-1", previous: Job | None = None, minutes: int = 0) -> str:
        return job_creation.creation_parameters(declared, a_source(source_id=source_id), previous, at(minutes))[
            "ClientToken"
        ]

    plain = spec(valid_for="90d")
    assert token(plain) == token(plain, minutes=5)
    others = [
        token(spec(valid_for="90d", interval="6h")),
        token(plain, "s-2"),
        token(plain, previous=a_job("Finished", job_id="j-0")),
        token(plain, previous=a_job("Finished", job_id="j-9")),
        unused_client_token(),
        unused_client_token(),
    ]
    assert len({token(plain), *others}) == len(others) + 1
    assert all(len(other) <= 64 for other in others)


@given(ATTRIBUTES, STATUSES)
def test_what_is_modified_is_drift_no_more(params: dict[str, Any], status: str):
    declared, job = spec(**params), a_job(status)
    after = replace(job, **job_drift.modifiable(declared, job))
    assert job_drift.modifiable(declared, after) == {}


# --- sources ---------------------------------------------------------------------------------------------------


OF_VM = Identity(vm_uuid=VM_UUID)


def test_a_source_that_cannot_take_a_job():
    assert job_reconciler.check_source(a_source(state="InUse"), OF_VM).source_id == "s-1"
    with pytest.raises(PreconditionError, match=rf"SMC has no source for vm_uuid {VM_UUID}\. Import the VM"):
        job_reconciler.check_source(None, OF_VM)
    with pytest.raises(
        PreconditionError,
        match=r"Source s-1 \(app-01\) is not ready: its connector sends no heartbeat \(.*Offline\)\. Check that",
    ):
        job_reconciler.check_source(a_source(state="Unavailable", error_code="SourceServer.Offline"), OF_VM)


# --- showing ----------------------------------------------------------------------------------------------------


def test_the_view_does_not_change_by_itself():
    running, waiting = a_job("Running"), a_job("Waiting")
    views = [job_plan.diff_view(ObservedJob(None, job, now)) for job, now in ((running, NOW), (waiting, at(5)))]
    assert views[0] == views[1]
    assert job_plan.diff_view(ObservedJob(None, None, NOW)) == {"status": "absent"}


@given(ATTRIBUTES)
def test_a_prediction_shows_attributes_as_the_view_does(params: dict[str, Any]):
    attributes = spec(**params).attributes
    job = a_job(**attributes)
    shown = job_plan.diff_view(ObservedJob(None, job, NOW))
    predicted = job_drift.to_view(attributes)
    assert {name: shown[name] for name in predicted} == predicted
