# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with a source, and what to do about it (pure; private to the collection).

SMC publishes no list of its error codes. The ones here are those that its documentation mentions; any other is passed on as it came.
"""

from __future__ import annotations

import re
import typing as t

_ALIVE = "See that the connector runs (go2aliyun_client) and reaches vCenter and Alibaba Cloud"

#: Error codes as a pattern, what they mean, what to do. The first that matches decides.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"(^|\.)Offline$",
        "its connector sends no heartbeat",
        _ALIVE + ", that its clock is right, and that the VM is still listed there",
    ),
    (
        r"^S11$",
        "its connector does not reach the intermediate instance",
        "Open TCP 80, 443, 8080 and 8703 from the connector to the intermediate instance, and leave that running",
    ),
    (r"^S1$", "rsync is missing on the source", "Install rsync there, then start the connector's client again"),
    (
        r"^S\d+$",
        "the connector's client has failed",
        "Look into the log of the SMC client on the connector, then start it again with --rerun",
    ),
    (
        r"^M\d+$",
        "SMC's check of the source's environment has failed",
        "Look into the log of the SMC client on the connector, mend what it names, then start it again with --rerun",
    ),
    (
        r"InvalidAccessKeyId|InvalidAccessToken|Activation",
        "Alibaba Cloud does not accept the connector's credentials",
        "Import the VM with a new activation code (role import_source)",
    ),
    (r"IllegalTimestamp", "the connector's clock is wrong", "Set the connector's clock (NTP)"),
)


def explain(state: str, error_code: str, status_info: t.Any) -> tuple[str, str]:
    """The meaning of a source's trouble and its remedy; both empty when nothing is wrong."""
    if state in ("Available", "InUse"):
        return "", ""
    if state == "Deleting":
        return "it is being deleted", "Wait until it is gone, and import the VM again if it is still needed"
    inner = str(status_info.get("error_code") or "") if isinstance(status_info, dict) else ""
    # What the client says is nearer to the cause than that SMC does not hear of it.
    for code in (inner, error_code):
        for pattern, meaning, remedy in _KNOWN:
            if code and re.search(pattern, code):
                return meaning, remedy
    return "SMC gives no reason that is known here", _ALIVE
