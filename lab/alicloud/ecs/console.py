"""GetInstanceConsoleOutput: what an instance wrote to its serial console when it started."""

from __future__ import annotations

import base64
import re
from datetime import timedelta, timezone
from typing import Any

from lab.alicloud.ecs.common import check_region
from lab.alicloud.guest.guest import console_log, guest_of
from lab.alicloud.http.wire import Parameters
from lab.alicloud.world.errors import error
from lab.alicloud.world.store import Store

_SYMBOLS = re.compile(r"\x1b\[[0-9;]*m|\r")
_CHINA = timezone(timedelta(hours=8))


class Console:
    """The action of the serial console."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def output(self, parameters: Parameters) -> dict[str, Any]:
        """GetInstanceConsoleOutput: empty before the first start, and of Windows, which writes none."""
        check_region(self._store, parameters)
        instance = self._store.instances.get(parameters.required("InstanceId"))
        if instance is None:
            raise error("InvalidInstanceId.NotFound")
        silent = instance.started is None or instance.os_type == "windows"
        text = "" if silent else console_log(guest_of(self._store, instance))
        if parameters.boolean("RemoveSymbols"):
            text = _SYMBOLS.sub("", text)
        time = (instance.started or instance.created).astimezone(_CHINA)
        return {
            "InstanceId": instance.instance_id,
            "ConsoleOutput": base64.b64encode(text.encode()).decode(),
            "LastUpdateTime": f"{time:%Y-%m-%d %H:%M:%S}",
        }
