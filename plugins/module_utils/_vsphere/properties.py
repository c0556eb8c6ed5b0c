# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to read with the property collector, and the objects that it returns (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

#: A managed object of pyVmomi.
Reference = t.Any


@dataclass(frozen=True)
class ObjectProperties:
    """One object as the property collector returned it. A property that is not set is absent from ``values``."""

    reference: Reference
    kind: str
    moid: str
    values: dict[str, t.Any]


@dataclass(frozen=True)
class Traversal:
    """From objects of a kind, also read the objects that one of their properties refers to.

    :ivar recursive: follow the same property of those objects too, as from a folder to its parent's parent
    """

    kind: str
    path: str
    recursive: bool = False

    @property
    def name(self) -> str:
        return f"{self.kind}.{self.path}"


@dataclass(frozen=True)
class ExtraRead:
    """An object that is read in the same call as the end of a task, which saves a call.

    :ivar paths: for each kind of object, the properties to read
    """

    reference: Reference
    paths: t.Mapping[str, t.Sequence[str]]
    traversals: t.Sequence[Traversal] = ()
