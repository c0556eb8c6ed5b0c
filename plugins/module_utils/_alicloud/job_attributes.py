# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an attribute of a job is: its options, its forms, and when it may be changed (pure; private to the collection).

The attributes themselves are fields of :class:`.smc_records.Job`; each is declared there, once. The loops over them are here.
"""

from __future__ import annotations

import typing as t
from dataclasses import Field, dataclass
from datetime import timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.job_lifecycle import Change
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.record import TEXT, Codec, Reader, wire
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_duration, parse_duration

Params = t.Mapping[str, t.Any]
#: Checks the value of an option and turns it into the attribute's; takes the option and its value.
Parser = t.Callable[[str, t.Any], t.Any]

#: The smallest disk that SMC creates, in GiB.
SMALLEST_DISK = 20


@dataclass(frozen=True)
class Attribute:
    """An attribute of a job that a user can declare.

    :ivar name: the field of ``Job``
    :ivar shown: its name in results and diffs
    :ivar wire: its name in CreateReplicationJob and ModifyReplicationJobAttribute
    :ivar codec: its forms
    :ivar change: when SMC lets it be changed
    :ivar declared: reads it from the options of a module; None when they do not declare it
    :ivar default: what a new job gets when it is not declared; None leaves that to SMC
    """

    name: str
    shown: str
    wire: str
    codec: Codec
    change: Change
    declared: t.Callable[[str, Params], t.Any]
    default: t.Any = None


def option(parse: Parser = lambda _option, value: value) -> t.Callable[[str, Params], t.Any]:
    """An attribute that the option of the same name declares."""
    return lambda name, params: None if params[name] is None else parse(name, params[name])


def calculated(_name: str, _params: Params) -> None:
    """An attribute that no option declares as it is."""


def attribute(
    wire_name: str,
    codec: Codec = TEXT,
    *,
    change: Change = Change.BEFORE_FIRST_RUN,
    declared: t.Callable[[str, Params], t.Any] = option(),
    default: t.Any = None,
    read: t.Optional[Reader] = None,
    shown: t.Optional[str] = None,
) -> t.Any:
    """A field of ``Job`` that a user can declare.

    :param shown: its name in results and diffs, when that is not the name of the field
    :param read: takes it from the whole answer when that does not have it under ``wire_name`` alone
    """
    return wire(
        read or wire_name,
        codec,
        shown=shown or True,
        attribute=lambda name: Attribute(name, shown or name, wire_name, codec, change, declared, default),
    )


def attributes_of(fields: t.Iterable[Field[t.Any]]) -> dict[str, Attribute]:
    """The attributes among the fields of a record, by their names."""
    return {each.name: each.metadata["attribute"](each.name) for each in fields if "attribute" in each.metadata}


# --- the forms of options ---------------------------------------------------------------------------------------


def whole_hours(least: str, most: str) -> Parser:
    """A duration in whole hours."""

    def parse(option: str, text: str) -> timedelta:
        duration = parse_duration(option, text)
        within = parse_duration(option, least) <= duration <= parse_duration(option, most)
        if duration % timedelta(hours=1) or not within:
            raise _not_offered(option, f"'{text}'", f"Choose whole hours from {least} to {most}")
        return duration

    return parse


def duration_within(least: timedelta, most: timedelta, meaning: str) -> Parser:
    """A duration; the meaning completes the remedy."""

    def parse(option: str, text: str) -> timedelta:
        duration = parse_duration(option, text)
        if not least <= duration <= most:
            limits = f"{format_duration(least)} to {format_duration(most)}"
            raise _not_offered(option, f"'{text}'", f"Choose {limits}, {meaning}")
        return duration

    return parse


def integer(least: int, most: int) -> Parser:
    """A number within limits."""

    def parse(option: str, number: int) -> int:
        if not least <= number <= most:
            raise _not_offered(option, str(number), f"Choose {least} to {most}")
        return number

    return parse


def upper_case(_option: str, text: str) -> str:
    """A name that SMC spells in capital letters."""
    return text.upper()


def data_disks(_name: str, params: Params) -> t.Optional[dict[int, int]]:
    """The option ``data_disks``: GiB by the index of the disk."""
    disks = params["data_disks"]
    if disks is None:
        return None
    index, size = integer(1, 16), integer(SMALLEST_DISK, 32768)
    return {index("data_disks.index", disk["index"]): size("data_disks.size", disk["size"]) for disk in disks}


def parts(options: t.Mapping[str, tuple[str, Parser]]) -> t.Callable[[str, Params], t.Optional[dict[str, t.Any]]]:
    """An object of which each part has an option of its own.

    :param options: by the name of the part in SMC: the option and its parser
    """

    def declared(_name: str, params: Params) -> t.Optional[dict[str, t.Any]]:
        given = {part: option(parse)(named, params) for part, (named, parse) in options.items()}
        return {part: value for part, value in given.items() if value is not None} or None

    return declared


def _not_offered(option: str, value: str, remedy: str) -> InvalidOptionError:
    return InvalidOptionError(f"Option '{option}' is {value}, which SMC does not offer", remedy=remedy)
