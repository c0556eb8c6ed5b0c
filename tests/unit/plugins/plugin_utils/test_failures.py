# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a task failed is one sentence, for every kind of result that Ansible gives a rescue section."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.plugin_utils._failures import failure_message

NO_FILE = (
    "Could not find or access '/h/x.yml' on the Ansible Controller: Unable to retrieve file contents.\n"
    "Could not find or access '/h/x.yml' on the Ansible Controller.\n"
)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"msg": "SMC refused it. Run it again."}, "SMC refused it. Run it again."),
        ({"msg": "no such service"}, "no such service."),
        ({"msg": "two\n  lines"}, "two lines."),
        (
            {"msg": "non-zero return code", "stderr": "warning\n\napp: not found\n"},
            "non-zero return code: app: not found.",
        ),
        ({"msg": "non-zero return code", "stderr": " \n", "stdout": "down\n"}, "non-zero return code: down."),
        ({"msg": "non-zero return code"}, "non-zero return code."),
        ({"reason": NO_FILE}, NO_FILE.splitlines()[0]),
        (
            {"msg": "One or more items failed", "results": [{"failed": True, "msg": "a"}, {"msg": "fine"}]},
            "a.",
        ),
        (
            {"msg": "One or more items failed", "results": [{"failed": True, "msg": name} for name in "aab"]},
            "a; b.",
        ),
        ({"msg": "One or more items failed", "results": [{"failed": True}]}, "One or more items failed."),
        (
            {"msg": "Failed to connect to the host via ssh", "unreachable": True},
            "Failed to connect to the host via ssh.",
        ),
        ({"msg": ""}, "Nobody knows."),
        ({"msg": None}, "Nobody knows."),
        ({}, "Nobody knows."),
        ("text", "Nobody knows."),
        (None, "Nobody knows."),
    ],
)
def test_every_result_gives_one_sentence(result: Any, message: str):
    assert failure_message(result, "Nobody knows") == message
