"""TagResources, ListTagResources and UntagResources, which SMC and ECS share except for the spelling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.errors import error, missing

_PAGE = 50
# The tags of all resources of a type, by their IDs.
TagsOf = Callable[[], Mapping[str, dict[str, str]]]


class Tagging:
    """The three actions over the resource types of one service."""

    def __init__(
        self, kinds: Mapping[str, TagsOf], key_limit: int, value_limit: int, shown: Callable[[str], str]
    ) -> None:
        self._kinds = kinds
        self._key_limit = key_limit
        self._value_limit = value_limit
        self._shown = shown

    def tag(self, parameters: Parameters) -> dict[str, Any]:
        """TagResources."""
        _, resources = self._named(parameters, required=True)
        tags = parameters.tags(self._key_limit, self._value_limit)
        if not tags:
            raise missing("Tag.1.Key")
        if any(len({**held, **tags}) > 20 for held in resources.values()):
            raise error("NumberExceed.Tags")
        for held in resources.values():
            held.update(tags)
        return {}

    def untag(self, parameters: Parameters) -> dict[str, Any]:
        """UntagResources."""
        _, resources = self._named(parameters, required=True)
        keys = parameters.texts("TagKey")
        if len(keys) > 20:
            raise error("NumberExceed.Tags")
        everything = bool(parameters.boolean("All")) and not keys
        for held in resources.values():
            for key in list(held) if everything else keys:
                held.pop(key, None)
        return {}

    def list(self, parameters: Parameters) -> dict[str, Any]:
        """ListTagResources: pages by NextToken; an empty one means the end."""
        kind, resources = self._named(parameters, required=False)
        wanted = parameters.objects("Tag")
        if len(wanted) > 20:
            raise error("NumberExceed.Tags")
        if any(item.text("Value") and not item.text("Key") for item in wanted):
            raise error("InvalidParameter.TagValue")
        keys = {item.text("Key") for item in wanted}
        rows = [
            {"ResourceId": resource_id, "ResourceType": self._shown(kind), "TagKey": key, "TagValue": value}
            for resource_id, held in resources.items()
            if all(item.text("Key") in held and item.text("Value") in ("", held[item.text("Key")]) for item in wanted)
            for key, value in sorted(held.items())
            if not keys or key in keys
        ]
        start = int(parameters.text("NextToken", "0")) if parameters.text("NextToken", "0").isdigit() else 0
        following = str(start + _PAGE) if start + _PAGE < len(rows) else ""
        return {"NextToken": following, "TagResources": {"TagResource": rows[start : start + _PAGE]}}

    def _named(self, parameters: Parameters, required: bool) -> tuple[str, dict[str, dict[str, str]]]:
        kind = parameters.text("ResourceType").lower()
        if not kind:
            raise error("MissingParameter.ResourceType")
        if kind not in self._kinds:
            raise error("InvalidResourceType.NotFound")
        held = self._kinds[kind]()
        ids = parameters.texts("ResourceId")
        if len(ids) > 50:
            raise error("NumberExceed.ResourceIds")
        if len(set(ids)) != len(ids):
            raise error("Duplicate.ResourceId")
        if required and not ids:
            raise missing("ResourceId.1")
        if required and any(resource_id not in held for resource_id in ids):
            raise error("InvalidResourceId.NotFound")
        return kind, {resource_id: tags for resource_id, tags in held.items() if not ids or resource_id in ids}
