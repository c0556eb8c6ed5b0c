# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Failures: what a person reads, and what a result holds."""

from __future__ import annotations

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    InvalidOptionError,
    NotFoundError,
    OutcomeUnknownError,
    PreconditionError,
    UnreachableError,
    WaitTimeoutError,
)


@pytest.mark.parametrize(
    ("message", "remedy", "reported"),
    [
        ("It broke", "", "It broke."),
        ("It broke.", "Mend it", "It broke. Mend it."),
        ("It broke!", "Why?", "It broke! Why?"),
    ],
)
def test_it_reads_as_sentences(message: str, remedy: str, reported: str):
    assert str(CutoverError(message, remedy=remedy)) == reported


def test_the_result_holds_everything_under_its_kind():
    failure = PreconditionError(
        "Busy", remedy="Wait", code="X.Y", request_id="R-1", http_status=403, details={"states": ["Waiting"]}
    )
    assert failure.as_result() == {
        "kind": "precondition",
        "code": "X.Y",
        "message": "Busy",
        "remedy": "Wait",
        "request_id": "R-1",
        "http_status": 403,
        "details": {"states": ["Waiting"]},
    }


def test_nothing_is_shared_between_failures():
    first, second = CutoverError("a"), CutoverError("b")
    first.partial["changed"] = True
    first.details["x"] = 1
    assert second.partial == {}
    assert second.details == {}


@pytest.mark.parametrize(
    "kind",
    [
        InvalidOptionError,
        PreconditionError,
        NotFoundError,
        UnreachableError,
        OutcomeUnknownError,
        ConflictError,
        WaitTimeoutError,
    ],
)
def test_no_kind_is_another(kind: type[CutoverError]):
    assert kind.__bases__ == (CutoverError,)
