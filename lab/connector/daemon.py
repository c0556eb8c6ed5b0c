"""The part of the client that stays: it tells SMC again and again that this connector serves its sources.

It holds the configuration as it was at its start. What changes in vCenter afterwards it learns when it is started
again (`go2aliyun_client --rerun`) after `dist/migrate_configure` has been run, as the real one.
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
    """The sources of one connector, and what their VMs were like when the daemon started."""

    def __init__(self, home: Home, cloud: Cloud) -> None:
        self.home = home
        self.cloud = cloud
        sources: dict[str, dict[str, str]] = home.read_data().get("sources", {})
        config = home.read_config()
        self.sources = [source["source_id"] for source in sources.values()]
        self.facts: dict[str, Entry] = {
            source["source_id"]: config[moref] for moref, source in sources.items() if moref in config
        }
        self.trouble = ""
        self.told_facts = False

    def beat(self) -> None:
        """Send one heartbeat; the first that arrives carries the facts. Trouble is logged when it begins and ends."""
        try:
            answer: dict[str, Any] = self.cloud.heartbeat(self.sources, None if self.told_facts else self.facts)
        except ConnectorError as error:
            if str(error) != self.trouble:
                self.home.log(f"Error: {error}")
            self.trouble = str(error)
            return
        if self.trouble:
            self.home.log("Connected to SMC again.")
        self.trouble, self.told_facts = "", True
        gone = set(answer.get("unknown", []))
        for source_id in gone.intersection(self.sources):
            self.home.log(f"Source Server [{source_id}] is no longer in SMC.")
        self.sources = [source_id for source_id in self.sources if source_id not in gone]


def main() -> int:
    """Beat until told to stop, or until the lab's directory has been removed."""
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
