# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The meaning of a source's error, and the remedy (pure; private to the collection).

SMC publishes no list of its error codes. These are the codes that its documentation mentions. Any other code is shown as it is.
"""

from __future__ import annotations

import re
import typing as t

_CHECK_CONNECTOR = "Check that the connector runs (go2aliyun_client) and reaches vCenter and Alibaba Cloud"

#: A pattern of error codes, their meaning, and the remedy. The first pattern that matches decides.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"(^|\.)Offline$",
        "its connector sends no heartbeat",
        f"{_CHECK_CONNECTOR}, that its clock is correct, and that it still lists the VM",
    ),
    (
        r"^S11$",
        "its connector does not reach the intermediate instance",
        "Open TCP 80, 443, 8080 and 8703 from the connector to the intermediate instance, and keep that instance running",
    ),
    (r"^S1$", "rsync is missing on the source", "Install rsync on the source, then start the connector's client again"),
    (
        r"^S\d+$",
        "the connector's client has failed",
        "Read the log of the SMC client on the connector, then start the client again with --rerun",
    ),
    (
        r"^M\d+$",
        "SMC's check of the source's environment has failed",
        "Read the log of the SMC client on the connector, fix the cause that it shows, then start the client again with --rerun",
    ),
    (
        r"InvalidAccessKeyId|InvalidAccessToken|Activation",
        "Alibaba Cloud does not accept the connector's credentials",
        "Import the VM with a new activation code (role import_source)",
    ),
    (r"IllegalTimestamp", "the connector's clock is wrong", "Set the connector's clock (NTP)"),
)


def explain(state: str, error_code: str, status_info: t.Any) -> tuple[str, str]:
    """The meaning of a source's error and its remedy; both are empty when the source is online.

    :param state: the state of the source in SMC
    :param error_code: SMC's error code of the source
    :param status_info: what the connector's client has reported, usually an object with an error code of its own
    """
    if state in ("Available", "InUse"):
        return "", ""
    if state == "Deleting":
        return (
            "it is being deleted",
            "Wait until the source does not exist any more, then import the VM again if it is still needed",
        )
    inner = str(status_info.get("error_code") or "") if isinstance(status_info, dict) else ""
    # The client's own code is closer to the cause than SMC's code, which only says that the client is silent.
    for code in (inner, error_code):
        for pattern, meaning, remedy in _KNOWN:
            if code and re.search(pattern, code):
                return meaning, remedy
    return "SMC gives no known reason", _CHECK_CONNECTOR
