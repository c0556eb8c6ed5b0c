# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors of a source: every state and the codes that SMC's documentation mentions."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._sources.source_errors import explain


@pytest.mark.parametrize("state", ["Available", "InUse"])
def test_a_source_that_is_online_has_no_error(state: str):
    assert explain(state, "SourceServer.Offline", {"error_code": "S11"}) == ("", "")


@pytest.mark.parametrize(
    ("state", "code", "info", "meaning", "remedy"),
    [
        ("Unavailable", "SourceServer.Offline", None, "sends no heartbeat", "go2aliyun_client"),
        ("Unavailable", "", {"error_code": "S11"}, "does not reach the intermediate instance", "8080 and 8703"),
        # The code of the client decides before the code of SMC.
        ("Unavailable", "SourceServer.Offline", {"error_code": "S11"}, "the intermediate instance", "8080"),
        ("Unavailable", "", {"error_code": "S1"}, "rsync is missing", "Install rsync"),
        ("Unavailable", "", {"error_code": "S42"}, "client has failed", "--rerun"),
        ("Unavailable", "", {"error_code": "M199"}, "check of the source's environment", "log of the SMC client"),
        ("Unavailable", "InvalidAccessKeyId.NotFound", None, "credentials", "activation code"),
        ("Unavailable", "IllegalTimestamp", "text", "clock is wrong", "NTP"),
        ("Unavailable", "Novel.Code", ["odd"], "no known reason", "go2aliyun_client"),
        ("Unavailable", "", None, "no known reason", "go2aliyun_client"),
        ("Deleting", "", None, "is being deleted", "import the VM again"),
    ],
)
def test_an_error_is_explained_with_a_remedy(state: str, code: str, info: Any, meaning: str, remedy: str):
    explained = explain(state, code, info)
    assert meaning in explained[0]
    assert remedy in explained[1]
