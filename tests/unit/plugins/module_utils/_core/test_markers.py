# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tags of what belongs to a VM and a project."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._core import markers


@pytest.mark.parametrize(
    ("known", "tags"),
    [
        ({}, {}),
        ({"vm_uuid": "u-1"}, {"cutover:vm-uuid": "u-1"}),
        ({"project": "spring"}, {"cutover:project": "spring"}),
        ({"vm_uuid": "u-1", "project": "spring"}, {"cutover:vm-uuid": "u-1", "cutover:project": "spring"}),
        ({"vm_uuid": None, "project": ""}, {}),
    ],
)
def test_only_what_is_known_is_tagged(known: dict[str, Any], tags: dict[str, str]):
    assert markers.of(**known) == tags
