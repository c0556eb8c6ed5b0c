"""The daemon of the client: it reports to SMC periodically that this connector serves its sources.

It keeps the configuration that it read at its start. Like the real one, it learns what has changed in vCenter only when it
is restarted (`go2aliyun_client --rerun`) after a run of `dist/migrate_configure`.
"""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

from lab.connector.cloud import Cloud
from lab.connector.home import ConnectorError, Home
from lab.connector.migrate_config import Entry

SECONDS_BETWEEN_HEARTBEATS = 1.0


class Heartbeat:
    """The sources of one connector, and the facts of their VMs when the daemon started."""

    def __init__(self, home: Home, cloud: Cloud) -> None:
        self.home = home
        self.cloud = cloud
        sources: dict[str, dict[str, str]] = home.read_data().get("sources", {})
        config = home.read_config()
        self.sources = [source["source_id"] for source in sources.values()]
        self.facts: dict[str, Entry] = {
            source["source_id"]: config[moref] for moref, source in sources.items() if moref in config
        }
        self.last_error = ""
        self.facts_sent = False

    def beat(self) -> None:
        """Send one heartbeat; the first that arrives contains the facts. An error is logged once, and so is its end."""
        try:
            answer: dict[str, Any] = self.cloud.heartbeat(self.sources, None if self.facts_sent else self.facts)
        except ConnectorError as error:
            if str(error) != self.last_error:
                self.home.log(f"Error: {error}")
            self.last_error = str(error)
            return
        if self.last_error:
            self.home.log("Connected to SMC again.")
        self.last_error, self.facts_sent = "", True
        deleted = set(answer.get("unknown", []))
        for source_id in deleted.intersection(self.sources):
            self.home.log(f"Source Server [{source_id}] is no longer in SMC.")
        self.sources = [source_id for source_id in self.sources if source_id not in deleted]


def main() -> int:
    """Send heartbeats until SIGTERM, or until the lab's directory has been removed."""
    home = Home.here()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stopping.set())
    heartbeat = Heartbeat(home, Cloud(home.read_data()["smc_endpoint"]))
    home.log(f"Serving {len(heartbeat.sources)} sources.")
    while home.client_data.is_file():
        heartbeat.beat()
        if stopping.wait(SECONDS_BETWEEN_HEARTBEATS):
            home.log("Stopped.")
            break
    return 0


if __name__ == "__main__":
    sys.exit(main())
