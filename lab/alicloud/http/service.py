"""What an API service is to the gateway: its names, and a table of its actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.alicloud.http.wire import Parameters

Action = Callable[[Parameters], dict[str, Any]]


@dataclass(frozen=True)
class Service:
    """One service, as its endpoint presents it.

    :ivar actions: the handler of each action
    :ivar https_only: the actions that refuse plain HTTP
    """

    name: str
    product: str
    version: str
    host: str
    actions: Mapping[str, Action]
    https_only: frozenset[str] = frozenset()
