# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The search for secrets finds each form that is planted, wherever it lies, and nothing else."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.secret_forms import search

SECRET = 'p4ss/wörd"+\\&=~and?more'


@pytest.mark.parametrize(
    ("form", "planted"),
    [
        ("plain", SECRET.encode()),
        ("URL-encoded", quote(SECRET, safe="").encode()),
        ("URL-encoded", quote(SECRET, safe="").lower().encode()),
        ("URL-encoded", "".join(f"%{byte:02X}" for byte in SECRET.encode()).encode()),
        ("JSON-escaped", json.dumps({"password": SECRET}).encode()),
        ("JSON-escaped", json.dumps(json.dumps({"password": SECRET})).encode()),
        ("JSON-escaped", json.dumps(SECRET).replace("/", "\\/").encode()),
        ("base64", base64.b64encode(SECRET.encode())),
        ("base64", base64.b64encode(b"u:" + SECRET.encode() + b"\n")),
        ("base64", base64.urlsafe_b64encode(b"user:" + SECRET.encode())),
        ("base64", base64.b64encode(b"user" + SECRET.encode() + b"@host")),
    ],
)
def test_each_form_is_found(form: str, planted: bytes) -> None:
    (found,) = search({"password": SECRET}, [("a log", b"before " + planted + b" after"), ("another", b"nothing")])
    assert (found.name, found.form, found.place) == ("password", form, "a log")
    assert SECRET not in str(found)


@given(st.binary(max_size=12), st.text("abcXYZ019-_", min_size=16, max_size=40), st.binary(max_size=12))
def test_base64_is_found_whatever_lies_around_it(before: bytes, secret: str, after: bytes) -> None:
    encoded = base64.b64encode(before + secret.encode() + after)
    assert search({"secret": secret}, [("text", encoded)])


def test_a_part_of_a_secret_is_not_the_secret() -> None:
    assert search({"password": SECRET}, [("a log", SECRET[:-1].encode())]) == []
