# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names that SMC accepts, by the rules and by the filter that makes them."""

from __future__ import annotations

import re

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.filter.smc_name import FilterModule
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._sources.names import SOURCE_NAME, WORKGROUP_NAME

smc_name = FilterModule().filters()["smc_name"]


@pytest.mark.parametrize("name", ["ab", "app-01", "a:b_c-d", "\u5e97\u94fa-1", "a" * 128])
def test_names_of_sources_that_smc_accepts(name: str):
    SOURCE_NAME.check("name", name)


@pytest.mark.parametrize("name", ["", "a", "1a", "-a", "a b", "a.b", "a/b", "ab\n", "a" * 129])
def test_names_of_sources_that_smc_does_not_accept(name: str):
    with pytest.raises(InvalidOptionError, match=r"(?s)Option 'name' is '.*', which SMC does not accept") as refusal:
        SOURCE_NAME.check("name", name)
    assert refusal.value.remedy == "Use 2 to 128 letters, digits, ':', '_' or '-', beginning with a letter"


def test_a_workgroup_may_have_a_period_and_64_characters():
    assert WORKGROUP_NAME.accepts("wave.7")
    assert WORKGROUP_NAME.accepts("a" * 64)
    assert not WORKGROUP_NAME.accepts("a" * 65)


@pytest.mark.parametrize(
    ("vm", "expected"),
    [
        ("app-01", "app-01"),
        ("App_01", "App_01"),
        ("shop.example.com", "shop-example-com"),
        ("01 shop (production)", "vm-01-shop--production-"),
        ("_hidden", "vm-_hidden"),
        ("\u00fcber", "vm--ber"),
        ("x", "vm-x"),
        ("a" * 200, "a" * 128),
    ],
)
def test_the_name_made_from_the_name_of_a_vm(vm: str, expected: str):
    assert smc_name(vm) == expected


@given(st.text())
def test_every_name_that_is_made_is_accepted_and_stays_as_it_is(vm: str):
    name = smc_name(vm)
    assert SOURCE_NAME.accepts(name)
    assert smc_name(name) == name


@given(st.from_regex(re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,127}"), fullmatch=True))
def test_a_plain_name_is_not_changed(vm: str):
    assert smc_name(vm) == vm


@pytest.mark.parametrize("value", [None, 7, ["app-01"]])
def test_only_a_text_has_a_name(value: object):
    with pytest.raises(AnsibleFilterError, match="smc_name takes a text"):
        smc_name(value)
