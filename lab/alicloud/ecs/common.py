"""What the ECS actions share: region check, tags in ECS spelling, paging, filters, dry run."""

from __future__ import annotations

import base64
import binascii
import fnmatch
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.errors import error, invalid
from lab.alicloud.world.store import Store
from lab.alicloud.world.timefmt import parse_timestamp

Item = TypeVar("Item")


def check_region(store: Store, parameters: Parameters) -> None:
    """`RegionId` is mandatory and has to be the region that this endpoint serves."""
    if parameters.required("RegionId") != store.region_id:
        raise error("InvalidRegionId.NotFound")


def ecs_tags(tags: dict[str, str]) -> dict[str, Any]:
    """Tags as ECS writes them: `TagKey`/`TagValue`."""
    return {"Tag": [{"TagKey": key, "TagValue": value} for key, value in sorted(tags.items())]}


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
            moment = parse_timestamp(item.text("Value"))
        except ValueError as failure:
            raise error("InvalidFilterValue") from failure
        if (created < moment) if key == "CreationStartTime" else (created > moment):
            return False
    return True


def dry_run(parameters: Parameters, code: str = "DryRunOperation") -> None:
    """Called when a request has passed all checks: with `DryRun` it goes no further, and says so by an error."""
    if parameters.boolean("DryRun"):
        raise error(code)


def paged(
    parameters: Parameters,
    found: Sequence[Item],
    view: Callable[[Item], dict[str, Any]],
    outer: str,
    inner: str,
    most: int = 100,
    least: int = 1,
    default: int = 10,
) -> dict[str, Any]:
    """One page: by `MaxResults` and `NextToken` when either is sent, else by `PageNumber` and `PageSize`."""
    if "MaxResults" in parameters or parameters.text("NextToken"):
        size = max(least, parameters.integer("MaxResults", 1, most) or default)
        start = _position(parameters.text("NextToken"))
        following = _token(start + size) if start + size < len(found) else ""
        page = found[start : start + size]
        head: dict[str, Any] = {"NextToken": following, "PageNumber": 0, "PageSize": 0, "TotalCount": 0}
    else:
        number = parameters.integer("PageNumber", 1, 2**31 - 1) or 1
        size = parameters.integer("PageSize", 1, most) or default
        page = found[(number - 1) * size : number * size]
        head = {"NextToken": "", "PageNumber": number, "PageSize": size, "TotalCount": len(found)}
    return {**head, outer: {inner: [view(item) for item in page]}}


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
