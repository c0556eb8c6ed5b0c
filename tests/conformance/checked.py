# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The official clients with an eye on what their typed models make of an answer: a field that they lose is the lab's mistake."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from alibabacloud_tea_openapi import models as open_api

# Both generations of generated models carry these two methods; nothing else in an answer does.
_MODEL_METHODS = ("to_map", "from_map")


def config(environment: dict[str, str], endpoint: str) -> open_api.Config:
    """How the lab is reached, as its environment tells it."""
    return open_api.Config(
        access_key_id=environment["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        region_id=environment["ALIBABA_CLOUD_REGION_ID"],
        endpoint=environment[endpoint].removeprefix("http://"),
        protocol="HTTP",
    )


def lost(raw: Any, kept: Any, path: str = "") -> Iterator[str]:
    """Where an answer says something that its typed model does not: missing, or of another value."""
    if isinstance(raw, dict):
        for name, value in raw.items():
            if not isinstance(kept, dict) or name not in kept:
                yield f"{path}.{name}"
            else:
                yield from lost(value, kept[name], f"{path}.{name}")
    elif isinstance(raw, list):
        if not isinstance(kept, list) or len(kept) != len(raw):
            yield f"{path}[]"
        else:
            for value, kept_value in zip(raw, kept, strict=True):
                yield from lost(value, kept_value, f"{path}[]")
    elif raw != kept or type(raw) is not type(kept):
        yield f"{path}={raw!r}, not {kept!r}"


class Checked:
    """A typed client of which every answer is compared with what came over the wire.

    :ivar sent: by model class, the attributes that were filled in at least once
    :ivar known: by model class, all its attributes
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._raw: Any = None
        self.sent: dict[str, set[str]] = {}
        self.known: dict[str, set[str]] = {}
        call_api = client.call_api

        def recording(*arguments: Any) -> Any:
            answer = call_api(*arguments)
            self._raw = copy.deepcopy(answer["body"])
            return answer

        client.call_api = recording

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(request: Any) -> Any:
            body = method(request).body
            missing = list(lost(self._raw, body.to_map(), name))
            assert not missing, f"the typed model of {name} loses {missing}"
            assert body.request_id
            self._note(body)
            return body

        return call

    def _note(self, model: Any) -> None:
        """Remember what this model, and those within it, can say and what they say."""
        if isinstance(model, list):
            for item in model:
                self._note(item)
        if not all(hasattr(model, method) for method in _MODEL_METHODS):
            return
        attributes = {name: value for name, value in vars(model).items() if not name.startswith("_")}
        kind = type(model).__name__
        self.known.setdefault(kind, set()).update(attributes)
        self.sent.setdefault(kind, set()).update(name for name, value in attributes.items() if value is not None)
        for value in attributes.values():
            self._note(value)

    def never_sent(self) -> set[str]:
        """What models can say that the lab never said, as `Model.attribute`."""
        return {f"{kind}.{name}" for kind, names in self.known.items() for name in names - self.sent[kind]}
