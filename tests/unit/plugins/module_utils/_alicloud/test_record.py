# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records: a field is declared once, and every form follows from that."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.record import (
    COUNT,
    DISK_SIZES,
    EMBEDDED_OBJECT,
    HOURS,
    REFERENCE,
    TIME,
    Codec,
    Record,
    enumeration,
    identifier,
    numbered,
    wire,
)
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import JOB_ATTRIBUTES, Job
from tests.unit.plugins.builders import NOW


@dataclass(frozen=True)
class Box(Record):
    """A record with a field of each kind."""

    box_id: str = identifier("BoxId")
    count: int = wire("Count", COUNT, shown="how_many")
    owner: str = wire("OwnerId", REFERENCE)
    secret: str = wire("Secret", shown=False)
    area: int = wire(lambda answer: answer.get("Width", 0) * answer.get("Height", 0), COUNT)


def test_a_record_of_a_full_answer():
    box = Box.from_wire({"BoxId": "b-1", "Count": "3", "OwnerId": "o-1", "Secret": "x", "Width": 2, "Height": 5})
    assert box == Box("b-1", 3, "o-1", "x", 10)
    assert box.as_result() == {"box_id": "b-1", "how_many": 3, "owner": "o-1", "area": 10}


@pytest.mark.parametrize("answer", [{"BoxId": "b-1"}, {"BoxId": "b-1", "Count": None, "OwnerId": None}])
def test_what_an_answer_lacks_is_the_default(answer: dict[str, Any]):
    assert Box.from_wire(answer) == Box("b-1")
    assert Box("b-1").as_result()["owner"] is None


def test_an_answer_without_the_id_is_an_error():
    with pytest.raises(KeyError, match="BoxId"):
        Box.from_wire({"Count": 1})


@pytest.mark.parametrize(
    ("codec", "value", "written", "shown"),
    [
        (HOURS, timedelta(days=7), 168, "7d"),
        (HOURS, timedelta(hours=6), 6, "6h"),
        (TIME, NOW, "2026-11-22T18:00:00Z", "2026-11-22T18:00:00Z"),
        (numbered({"internet": 0, "vpc": 2}), "vpc", 2, "vpc"),
        (EMBEDDED_OBJECT, {"checksum": True}, '{"checksum":true}', {"checksum": True}),
        (enumeration("Waiting", "InError"), "Waiting", "Waiting", "Waiting"),
    ],
)
def test_what_is_written_is_read_back(codec: Codec, value: Any, written: Any, shown: Any):
    assert codec.write(value) == written
    assert codec.read(written) == value
    assert codec.show(value) == shown


def test_disk_sizes_are_written_as_a_list_and_shown_by_their_index():
    assert DISK_SIZES.write({2: 40, 1: 20}) == [{"Index": 1, "Size": 20}, {"Index": 2, "Size": 40}]
    assert DISK_SIZES.show({2: 40, 1: 20}) == {"1": 20, "2": 40}


def test_every_attribute_of_a_job_is_a_field_that_results_show():
    shown = Job("j-1").as_result()
    assert {attribute.shown for attribute in JOB_ATTRIBUTES.values()} <= set(shown)
    assert set(JOB_ATTRIBUTES) <= {each.name for each in fields(Job)}
    json.dumps(shown)


@pytest.mark.parametrize("name", sorted(JOB_ATTRIBUTES))
def test_the_default_of_an_attribute_can_be_written_and_shown(name: str):
    attribute = JOB_ATTRIBUTES[name]
    if attribute.default is not None:
        assert attribute.codec.read(attribute.codec.write(attribute.default)) == attribute.default
    json.dumps(attribute.codec.show(getattr(Job("j-1"), name)))
