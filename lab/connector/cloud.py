"""The client's requests to SMC: the registration of a VM, and heartbeats (the lab's own protocol)."""

from __future__ import annotations

from typing import Any

import httpx

from lab.connector.home import Connection, ConnectorError
from lab.connector.migrate_config import Entry

SECONDS_TO_ANSWER = 30.0


class Cloud:
    """SMC as a connector sees it."""

    def __init__(self, endpoint: str, transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(base_url=endpoint, timeout=SECONDS_TO_ANSWER, trust_env=False, transport=transport)

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._client.post(path, json=body)
            content = answer.json()
        except httpx.HTTPError as error:
            raise ConnectorError(f"connect to SMC failed: {error}") from error
        except ValueError as error:
            raise ConnectorError(f"SMC answered HTTP {answer.status_code} without JSON") from error
        if answer.status_code >= 400:
            code = content.get("Code", f"HTTP {answer.status_code}")
            raise ConnectorError(f"{code}: {content.get('Message', 'no message')}")
        return dict(content)

    def register(self, token_id: str, token_code: str, vm: Entry, connection: Connection) -> str:
        """Import a VM with an activation code; return the id of its source."""
        body = {
            "token_id": token_id,
            "token_code": token_code,
            "vm": vm,
            "vcenter": {"host": connection.host, "port": connection.port, "username": connection.user},
        }
        return str(self._post("/connector/register", body)["source_id"])

    def heartbeat(self, sources: list[str], facts: dict[str, Entry] | None = None) -> dict[str, Any]:
        """Report that the sources are served and, after a start, the facts of their VMs."""
        body: dict[str, Any] = {"sources": sources}
        if facts:
            body["facts"] = facts
        return self._post("/connector/heartbeat", body)
