# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a VM may be powered off (pure; private to the collection)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PowerPolicy:
    """How a VM may be powered off.

    :ivar shutdown: ``guest`` asks the guest OS, ``hard`` cuts the power
    :ivar timeout: how many seconds the guest OS has to shut down
    :ivar fallback: ``fail`` or ``force`` (cut the power), when the guest OS does not shut down in time
    """

    shutdown: str = "guest"
    timeout: float = 300
    fallback: str = "fail"
