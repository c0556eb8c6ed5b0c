# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which connector imports which VM, and which host works on which connector (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence


def assign(vms: Mapping[str, str], connectors: Mapping[str, Mapping[str, t.Any]]) -> dict[str, str]:
    """Give every VM a connector: the one that has it selected, or else the first with a free slot.

    :param vms: the VM's managed object ID for each host
    :param connectors: for each connector, ``selected`` (managed object IDs) and ``free`` (how many more it can take)
    :return: the connector of each host; a host without one is not in it
    """
    free = {name: max(0, int(connector["free"])) for name, connector in connectors.items()}
    homes: dict[str, str] = {}
    for name, connector in connectors.items():
        for moid in connector["selected"]:
            homes.setdefault(moid, name)
    for moid in vms.values():
        available = [name for name, slots in free.items() if slots > 0]
        if moid not in homes and available:
            free[available[0]] -= 1
            homes[moid] = available[0]
    return {host: homes[moid] for host, moid in vms.items() if moid in homes}


def distribute(connectors: Sequence[str], hosts: Sequence[str]) -> dict[str, list[str]]:
    """Give every host its share of the connectors, in their order; shares differ by one connector at most.

    :return: the connectors of each host; without hosts it is empty
    """
    if not hosts:
        return {}
    size, larger_shares = divmod(len(connectors), len(hosts))
    shares = {}
    start = 0
    for number, host in enumerate(hosts):
        end = start + size + (number < larger_shares)
        shares[host] = list(connectors[start:end])
        start = end
    return shares
