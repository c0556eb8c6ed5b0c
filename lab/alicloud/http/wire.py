"""Request parameters as they arrive: flattened (`Tag.1.Key=k`), in the query or in a form body, booleans in any case."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from urllib.parse import parse_qsl

from lab.alicloud.world.errors import error, invalid, missing
from lab.alicloud.world.timefmt import parse_timestamp

# The parameters of the older signature.
SIGNING = frozenset(
    {
        "AccessKeyId",
        "SecurityToken",
        "Signature",
        "SignatureMethod",
        "SignatureNonce",
        "SignatureType",
        "SignatureVersion",
        "Timestamp",
    }
)
# Parameters of the envelope: they are no part of what is requested, so idempotency does not compare them.
ENVELOPE = SIGNING | {"Action", "Version", "Format", "ClientToken", "OwnerId", "ResourceOwnerAccount", "ResourceOwnerId", "OwnerAccount"}  # fmt: skip


class Parameters(Mapping[str, str]):
    """One request's parameters, or those below a prefix such as `DataDisk.1.`, read by type."""

    def __init__(self, values: Mapping[str, str], prefix: str = "") -> None:
        self._values = dict(values)
        self._prefix = prefix

    @classmethod
    def from_request(cls, query: str, body: bytes = b"", content_type: str = "") -> Parameters:
        """Read the query string and, when the body is a form, the body too."""
        pairs = parse_qsl(query, keep_blank_values=True)
        if content_type.split(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            pairs += parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        return cls(dict(pairs))

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def name_of(self, name: str) -> str:
        """The full wire name of a parameter, for error messages."""
        return self._prefix + name

    def fingerprint(self) -> str:
        """The request without its envelope: equal for two requests for the same."""
        return json.dumps(sorted((key, value) for key, value in self._values.items() if key not in ENVELOPE))

    def text(self, name: str, default: str = "") -> str:
        """A text; absent and empty are the same."""
        return self._values.get(name) or default

    def required(self, name: str) -> str:
        """A text that must be present and not empty."""
        value = self._values.get(name)
        if not value:
            raise missing(self.name_of(name))
        return value

    def integer(self, name: str, low: int | None = None, high: int | None = None) -> int | None:
        """A whole number within limits; None if absent."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        if not re.fullmatch(r"-?\d{1,18}", value):
            raise invalid(self.name_of(name), "It must be an integer.")
        number = int(value)
        if (low is not None and number < low) or (high is not None and number > high):
            raise invalid(self.name_of(name), f"It must be between {low} and {high}.")
        return number

    def boolean(self, name: str) -> bool | None:
        """`True`, `true`, `False`, `false`; None if absent."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        if value.lower() not in ("true", "false"):
            raise invalid(self.name_of(name), "It must be true or false.")
        return value.lower() == "true"

    def timestamp(self, name: str) -> datetime | None:
        """A time in UTC; None if absent or empty."""
        value = self._values.get(name)
        if not value:
            return None
        try:
            return parse_timestamp(value)
        except ValueError as failure:
            raise invalid(self.name_of(name), "The format is YYYY-MM-DDThh:mm:ssZ.") from failure

    def indexes(self, name: str) -> list[int]:
        """The N of all `Name.N` and `Name.N.…` that were sent, in order."""
        pattern = re.compile(re.escape(name) + r"\.(\d+)(?:\.|$)")
        found = {int(match.group(1)) for match in map(pattern.match, self._values) if match}
        return sorted(found)

    def texts(self, name: str, limit: int | None = None) -> list[str]:
        """A repeat list `Name.1`, `Name.2`; empty elements are dropped."""
        values = [self._values.get(f"{name}.{index}", "") for index in self.indexes(name)]
        kept = [value for value in values if value]
        if limit is not None and len(kept) > limit:
            raise invalid(self.name_of(name), f"At most {limit} values are allowed.")
        return kept

    def json_texts(self, name: str, limit: int) -> list[str] | None:
        """A JSON array of texts in one parameter (`InstanceIds=["i-1"]`); None if absent."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        try:
            items = json.loads(value)
        except ValueError as failure:
            raise invalid(self.name_of(name), "It must be a JSON array.") from failure
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise invalid(self.name_of(name), "It must be a JSON array of strings.")
        if len(items) > limit:
            raise invalid(self.name_of(name), f"At most {limit} values are allowed.")
        return items

    def below(self, name: str) -> Parameters:
        """The parameters whose names start with `name.`, with that prefix removed."""
        start = f"{name}."
        found = {key[len(start) :]: value for key, value in self._values.items() if key.startswith(start)}
        return Parameters(found, self._prefix + start)

    def objects(self, name: str, limit: int | None = None) -> list[Parameters]:
        """A list of objects `Name.1.Field`, `Name.2.Field`."""
        found = [self.below(f"{name}.{index}") for index in self.indexes(name)]
        if limit is not None and len(found) > limit:
            raise invalid(self.name_of(name), f"At most {limit} elements are allowed.")
        return found

    def tags(self, key_limit: int = 128, value_limit: int = 128, name: str = "Tag") -> dict[str, str]:
        """`Tag.N.Key` and `Tag.N.Value`, checked as the documentation asks."""
        objects = self.objects(name)
        if len(objects) > 20:
            raise error("NumberExceed.Tags")
        tags: dict[str, str] = {}
        for item in objects:
            key, value = item.text("Key"), item.text("Value")
            if not key or len(key) > key_limit or not _tag_text_allowed(key, prefixes=True):
                raise invalid(item.name_of("Key"))
            if len(value) > value_limit or not _tag_text_allowed(value, prefixes=False):
                raise invalid(item.name_of("Value"))
            if key in tags:
                raise error("Duplicate.TagKey")
            tags[key] = value
        return tags


def _tag_text_allowed(text: str, prefixes: bool) -> bool:
    if "http://" in text or "https://" in text:
        return False
    return not (prefixes and text.lower().startswith(("aliyun", "acs:")))


def page_bounds(parameters: Parameters, default: int = 10, most: int = 50) -> tuple[int, int]:
    """`PageNumber` and `PageSize`, checked."""
    number = parameters.integer("PageNumber", 1, 2**31 - 1) or 1
    size = parameters.integer("PageSize", 1, most) or default
    return number, size
