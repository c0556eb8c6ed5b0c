# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records: dataclasses whose fields say once how they are read from an answer and shown in a result (pure; private to the collection)."""

from __future__ import annotations

import json
import math
import typing as t
from dataclasses import dataclass, field, fields
from datetime import timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import Wire
from ansible_collections.cutover.smc.plugins.module_utils._core.times import (
    format_duration,
    format_timestamp,
    read_timestamp,
)

R = t.TypeVar("R", bound="Record")
Reader = t.Callable[[Wire], t.Any]

_HOUR = timedelta(hours=1)


def _same(value: t.Any) -> t.Any:
    return value


@dataclass(frozen=True)
class Codec:
    """The three forms of a value besides the one in Python.

    :ivar read: from an answer; None when the answer lacks it
    :ivar write: into a request
    :ivar show: as a result and a diff show it: plain data
    """

    read: t.Callable[[t.Any], t.Any] = _same
    write: t.Callable[[t.Any], t.Any] = _same
    show: t.Callable[[t.Any], t.Any] = _same


def enumeration(*known: str) -> Codec:
    """A name in its documented spelling, whatever its case in the answer; an unknown name is kept as it is."""
    spelling = {name.casefold(): name for name in known}
    return Codec(lambda value: spelling.get((value or "").casefold(), value or ""))


def numbered(numbers: t.Mapping[str, int]) -> Codec:
    """A name that the API has a number for; the first name stands for every other number."""
    names = {number: name for name, number in numbers.items()}
    first = next(iter(numbers))
    return Codec(lambda value: names.get(value, first), lambda name: numbers[name])


def embedded(text: t.Any) -> t.Any:
    """JSON that SMC sends inside a string, sometimes escaped twice; the text itself when it is not JSON."""
    value = text
    for _level in range(3):
        if not isinstance(value, str) or not value.strip():
            break
        try:
            value = json.loads(value)
        except ValueError:
            break
    return value or None


def _embedded_object(text: t.Any) -> dict[str, t.Any]:
    value = embedded(text)
    return value if isinstance(value, dict) else {}


def gib(size: t.Any) -> int:
    """A size in whole GiB, rounded up."""
    return math.ceil(float(size or 0))


TEXT = Codec(lambda value: value or "")
#: The ID of another resource: null in results when there is no such resource.
REFERENCE = Codec(lambda value: value or "", show=lambda value: value or None)
VALUE = Codec()
#: A number that is 0 when it is absent.
COUNT = Codec(lambda value: int(value or 0))
#: A number of days, which results show as a duration.
DAYS = Codec(lambda days: int(days or 0), show=lambda days: f"{days}d")
PERCENT = Codec(lambda value: float(value or 0))
TIME = Codec(read_timestamp, format_timestamp, format_timestamp)
HOURS = Codec(
    lambda hours: None if hours is None else hours * _HOUR,
    lambda duration: int(duration / _HOUR),
    lambda duration: format_duration(duration) if duration else None,
)
EMBEDDED = Codec(embedded)
EMBEDDED_OBJECT = Codec(_embedded_object, lambda value: json.dumps(value, sort_keys=True, separators=(",", ":")))
LIST = Codec(lambda value: tuple(value or ()), show=list)
#: GiB of data disks by their index.
DISK_SIZES = Codec(
    lambda sizes: dict(sizes or {}),
    lambda sizes: [{"Index": index, "Size": size} for index, size in sorted(sizes.items())],
    lambda sizes: {str(index): size for index, size in sorted(sizes.items())},
)


def wire(source: str | Reader, codec: Codec = TEXT, *, shown: bool | str = True, **metadata: t.Any) -> t.Any:
    """A field of a record. Its default is what an answer without it reads as.

    :param source: its name in the API, or a function that takes it from the whole answer
    :param shown: whether results show it; a name when they show it by another name
    :param metadata: what else is declared about the field
    """
    find = source if callable(source) else _named(source)
    # pylint does not see that a field made by a function belongs to a dataclass.
    return field(  # pylint: disable=invalid-field-call
        default_factory=lambda: codec.read(find({})),
        metadata=dict(metadata, read=lambda answer: codec.read(find(answer)), show=codec.show, shown=shown),
    )


def identifier(name: str, *, shown: bool | str = True) -> t.Any:
    """The ID of a record, which every answer has."""
    return field(metadata={"read": lambda answer: answer[name], "show": _same, "shown": shown})  # pylint: disable=invalid-field-call


def _named(name: str) -> Reader:
    return lambda answer: answer.get(name)


@dataclass(frozen=True)
class Record:
    """What an API keeps. The fields are declared by :func:`identifier` and :func:`wire`."""

    @classmethod
    def from_wire(cls: type[R], answer: Wire) -> R:
        """The record that an element of an answer describes."""
        return cls(**{each.name: each.metadata["read"](answer) for each in fields(cls)})

    def as_result(self) -> dict[str, t.Any]:
        """The record as plain data."""
        return {
            each.name if each.metadata["shown"] is True else each.metadata["shown"]: each.metadata["show"](
                getattr(self, each.name)
            )
            for each in fields(self)
            if each.metadata["shown"]
        }
