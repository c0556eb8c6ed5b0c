"""What the ECS actions share: region check, tags in ECS spelling, paging, filters, dry run."""

from __future__ import annotations

import base64
import binascii
import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.errors import error, invalid
from lab.alicloud.world.store import Store
from lab.alicloud.world.timefmt import parse_timestamp

Item = TypeVar("Item")


def check_region(store: Store, parameters: Parameters) -> None:
    """`RegionId` is mandatory and must be the region that this endpoint serves."""
    if parameters.required("RegionId") != store.region_id:
        raise error("InvalidRegionId.NotFound")


def ecs_tags(tags: dict[str, str]) -> dict[str, Any]:
    """Tags as ECS writes them: `TagKey`/`TagValue`."""
    return {"Tag": [{"TagKey": key, "TagValue": value} for key, value in sorted(tags.items())]}


def equals_filters(parameters: Parameters, fields: Mapping[str, str]) -> bool:
    """Whether each of the fields, by its wire name, has the value that the request filters by, if it does."""
    return all(parameters.text(name) in ("", value) for name, value in fields.items())


def tags_match(tags: dict[str, str], parameters: Parameters) -> bool:
    """Whether all `Tag.N` filters hold."""
    wanted = parameters.objects("Tag", 20)
    return all(
        item.text("Key") in tags and ("Value" not in item or tags[item.text("Key")] == item["Value"]) for item in wanted
    )


def name_matches(pattern: str, name: str, case_sensitive: bool = True) -> bool:
    """A name filter with `*` as wildcard; an empty one matches all."""
    if not pattern:
        return True
    escaped = pattern.replace("[", "[[]").replace("?", "[?]")
    if not case_sensitive:
        escaped, name = escaped.lower(), name.lower()
    return fnmatch.fnmatchcase(name, escaped)


def created_in_range(created: datetime, parameters: Parameters) -> bool:
    """The filters `CreationStartTime` and `CreationEndTime`."""
    for item in parameters.objects("Filter"):
        key = item.text("Key")
        if key not in ("CreationStartTime", "CreationEndTime"):
            raise error("InvalidFilterKey.NotFound")
        try:
            time = parse_timestamp(item.text("Value"))
        except ValueError as failure:
            raise error("InvalidFilterValue") from failure
        if (created < time) if key == "CreationStartTime" else (created > time):
            return False
    return True


def dry_run(parameters: Parameters, code: str = "DryRunOperation") -> None:
    """Called when a request has passed all checks: with `DryRun` it ends here, with an error as its success."""
    if parameters.boolean("DryRun"):
        raise error(code)


@dataclass(frozen=True)
class Listing:
    """How an action returns a list: the names around it, and what page sizes it accepts."""

    outer: str
    inner: str
    largest: int = 100
    smallest_by_token: int = 1
    default: int = 10

    def page(
        self, parameters: Parameters, found: Sequence[Item], view: Callable[[Item], dict[str, Any]]
    ) -> dict[str, Any]:
        """One page: by `MaxResults` and `NextToken` when either is sent, else by `PageNumber` and `PageSize`."""
        by_token = "MaxResults" in parameters or parameters.text("NextToken")
        head, page = (self._by_token if by_token else self._by_number)(parameters, found)
        return {**head, self.outer: {self.inner: [view(item) for item in page]}}

    def _by_token(self, parameters: Parameters, found: Sequence[Item]) -> tuple[dict[str, Any], Sequence[Item]]:
        size = max(self.smallest_by_token, parameters.integer("MaxResults", 1, self.largest) or self.default)
        start = _position(parameters.text("NextToken"))
        following = _token(start + size) if start + size < len(found) else ""
        head = {"NextToken": following, "PageNumber": 0, "PageSize": 0, "TotalCount": 0}
        return head, found[start : start + size]

    def _by_number(self, parameters: Parameters, found: Sequence[Item]) -> tuple[dict[str, Any], Sequence[Item]]:
        number = parameters.integer("PageNumber", 1, 2**31 - 1) or 1
        size = parameters.integer("PageSize", 1, self.largest) or self.default
        head = {"NextToken": "", "PageNumber": number, "PageSize": size, "TotalCount": len(found)}
        return head, found[(number - 1) * size : number * size]


def _token(position: int) -> str:
    return base64.urlsafe_b64encode(f"position={position}".encode()).decode()


def _position(token: str) -> int:
    if not token:
        return 0
    try:
        text = base64.urlsafe_b64decode(token.encode()).decode()
        return int(text.removeprefix("position="))
    except (binascii.Error, ValueError) as failure:
        raise invalid("NextToken") from failure
