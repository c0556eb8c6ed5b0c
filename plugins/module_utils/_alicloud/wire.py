# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Alibaba Cloud's answers and parameters share in all its services: lists, tags and client tokens (private to the collection)."""

from __future__ import annotations

import hashlib
import typing as t
import uuid

Wire = dict[str, t.Any]


def listed(body: t.Mapping[str, t.Any], wrapper: str, item: str) -> list[t.Any]:
    """The items of a list, which these APIs always wrap; empty when it is absent."""
    return (body.get(wrapper) or {}).get(item) or []


def wire_tags(tags: t.Optional[t.Mapping[str, t.Optional[str]]]) -> t.Optional[list[dict[str, t.Any]]]:
    """Tags as these APIs take them; a value of None filters by key alone."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())] if tags else None


def client_token(text: str) -> str:
    """A ``ClientToken``, within the 64 characters that are allowed: the same for the same text."""
    return "cutover-" + hashlib.sha256(text.encode()).hexdigest()[:48]


def unused_client_token() -> str:
    """A token for what was created with a derived one and deleted since."""
    return client_token(uuid.uuid4().hex)
