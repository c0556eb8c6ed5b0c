# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names that SMC accepts for sources and workgroups (pure; private to the collection).

Source: the SMC 2019-06-01 API reference, parameter ``Name`` of ModifySourceServerAttribute and CreateWorkgroup.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError

#: SMC accepts Chinese characters as letters.
_LETTERS = r"A-Za-z\u4e00-\u9fff"
_SHORTEST = 2


@dataclass(frozen=True)
class NameRule:
    """Which names SMC accepts for one kind of resource.

    :ivar longest: the greatest number of characters
    :ivar punctuation: the characters that are allowed besides letters and digits, after the first
    """

    longest: int
    punctuation: str

    def accepts(self, name: str) -> bool:
        pattern = f"[{_LETTERS}][{_LETTERS}0-9{re.escape(self.punctuation)}]{{{_SHORTEST - 1},{self.longest - 1}}}"
        return re.fullmatch(pattern, name) is not None

    def check(self, option: str, name: str) -> None:
        """:raises InvalidOptionError: names the option, the value and the rule"""
        if self.accepts(name):
            return
        *others, last = (f"'{character}'" for character in self.punctuation)
        raise InvalidOptionError(
            f"Option '{option}' is '{name}', which SMC does not accept as a name",
            remedy=f"Use {_SHORTEST} to {self.longest} letters, digits, {', '.join(others)} or {last}, beginning with a letter",
        )


SOURCE_NAME = NameRule(128, ":_-")
WORKGROUP_NAME = NameRule(64, ":._-")


def smc_name(text: str) -> str:
    """A name that SMC accepts for a source, a job and an image, made from any text such as the name of a VM.

    A text that uses only ASCII letters, digits, ``_`` and ``-``, and begins with a letter, is returned unchanged up to 128
    characters. Two texts can have the same name.
    """
    name = re.sub(r"[^A-Za-z0-9_-]", "-", text)
    if len(name) < _SHORTEST or not name[0].isalpha():
        name = f"vm-{name}"
    return name[: SOURCE_NAME.longest]
