# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which VM's source and job the options name: by ID, by tag or by name (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

#: The options that name the source or the job of a VM.
IDENTITY_SPEC: dict[str, t.Any] = {
    "job_id": {"type": "str"},
    "source_id": {"type": "str"},
    "vm_uuid": {"type": "str"},
}


@dataclass(frozen=True)
class Identity:
    """What the options name; the most exact one decides: the job's ID, the source's ID, the VM's tag, the job's name."""

    job_id: t.Optional[str] = None
    source_id: t.Optional[str] = None
    vm_uuid: t.Optional[str] = None
    name: t.Optional[str] = None

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any], by_name: bool = False) -> Identity:
        """Read the options of :data:`IDENTITY_SPEC`.

        :param by_name: the option ``name`` identifies the job when none of the other options is given
        """
        job_id, source_id, vm_uuid = (params.get(option) or None for option in IDENTITY_SPEC)
        needs_name = by_name and not (job_id or source_id or vm_uuid)
        return cls(job_id, source_id, vm_uuid, params["name"] if needs_name else None)

    def __str__(self) -> str:
        given = {"job_id": self.job_id, "source_id": self.source_id, "vm_uuid": self.vm_uuid, "name": self.name}
        return ", ".join(f"{option} {value}" for option, value in given.items() if value)
