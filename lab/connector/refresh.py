"""dist/migrate_configure: reads the VMs from vCenter again, keeping what the operator chose."""

from __future__ import annotations

import sys

from lab.connector.home import ConnectorError, Home
from lab.connector.migrate_config import merge
from lab.connector.vsphere import read_facts


def refresh(home: Home) -> int:
    """Rewrite vmware_migrate_config.json; returns the number of VMs."""
    facts = read_facts(home.read_connection(), home.read_data().get("ca_file", ""))
    config = merge(home.read_config(), facts)
    home.write_config(config)
    home.log(f"Configuration of {len(config)} VMs read from vCenter.")
    return len(config)


def main() -> int:
    """The program."""
    home = Home.here()
    try:
        print(f"Configure {refresh(home)} VMs Successfully! Restart the client: ./go2aliyun_client --rerun")
    except ConnectorError as error:
        home.log(f"Error: {error}")
        print(f"Error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
