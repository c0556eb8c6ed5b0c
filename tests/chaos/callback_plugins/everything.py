# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A callback that writes every result as JSON, as a job runner with a database does.

The task as its user wrote it is not included: Ansible hides it only where the user sets `no_log`.
"""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: everything
type: aggregate
short_description: Writes every result as a line of JSON
description: For the test of secrets; writes to the file that the environment variable EVERYTHING_PATH names.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible-core carries no types
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "everything"
    CALLBACK_NEEDS_ENABLED = True

    def v2_on_any(self, *args: Any, **kwargs: Any) -> None:
        with open(os.environ["EVERYTHING_PATH"], "a", encoding="utf-8") as lines:
            for one in (*args, *kwargs.values()):
                result = getattr(one, "result", getattr(one, "_result", None))
                if result is not None:
                    lines.write(json.dumps(result, default=str) + "\n")
