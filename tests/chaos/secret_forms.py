# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Searches for secrets in every form: plain, URL-encoded, in base64, or escaped in JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus


@dataclass(frozen=True)
class Find:
    """A secret where it should not be. The secret itself is not part of it."""

    name: str
    form: str
    place: str

    def __str__(self) -> str:
        return f"{self.name} ({self.form}) in {self.place}"


def forms(secret: str) -> dict[str, frozenset[bytes]]:
    """The forms of a secret, by name."""
    value = secret.encode()
    percent = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    everything = "".join(f"%{byte:02x}" for byte in value)
    escaped = json.dumps(secret)[1:-1]
    unicode_escaped = "".join(f"\\u{ord(letter):04x}" for letter in secret)
    return {
        "plain": frozenset({value}),
        "URL-encoded": _encoded(
            percent | {text.lower() for text in percent if "%" in text} | {everything, everything.upper()}
        ),
        "base64": frozenset(_base64(value)),
        "JSON-escaped": _encoded({escaped, json.dumps(escaped)[1:-1], escaped.replace("/", "\\/"), unicode_escaped}),
    }


def _encoded(texts: Iterable[str]) -> frozenset[bytes]:
    return frozenset(text.encode() for text in texts)


def _base64(value: bytes) -> Iterator[bytes]:
    """The common part of the encodings of all texts that contain the value, for each of its three alignments."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + value)
        first = -(-before * 8 // 6)  # characters that also depend on what comes before
        last = (before + len(value)) * 8 // 6  # from here on they also depend on what follows
        core = encoded[first:last]
        yield core
        yield core.translate(bytes.maketrans(b"+/", b"-_"))


def search(secrets: Mapping[str, str], places: Iterable[tuple[str, bytes]]) -> list[Find]:
    """Search every place, which is a name and its content, for every secret in every form."""
    wanted = {name: forms(secret) for name, secret in secrets.items()}
    found = []
    for place, content in places:
        for name, by_form in wanted.items():
            form = next((form for form, texts in by_form.items() if any(text in content for text in texts)), "")
            if form:
                found.append(Find(name, form, place))
    return found
