# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which jobs a wait for all hosts of a play must include (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence


def jobs_to_wait_for(
    hosts: Sequence[str],
    hostvars: Mapping[str, Mapping[str, t.Any]],
    fact: str,
    after: t.Optional[str] = None,
) -> list[str]:
    """The jobs of the hosts, each once, in the order of the hosts.

    :param fact: the name of the fact that holds a host's job id; a host without one has no job to wait for
    :param after: the name of a registered result; a host counts only if it has that result and the task did not fail
    """
    found: list[str] = []
    for host in hosts:
        variables = hostvars[host]
        result = variables.get(after) if after else {}
        if result is None or result.get("failed"):
            continue
        found.append(str(variables.get(fact) or ""))
    return list(dict.fromkeys(filter(None, found)))
