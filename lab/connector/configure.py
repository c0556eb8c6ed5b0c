"""configure.sh: asks for vCenter and the VMs to migrate, and writes the two vmware_*.json files."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Sequence

from lab.connector.home import Connection, ConnectorError, Home
from lab.connector.migrate_config import ARCHITECTURES, PLATFORMS, Config, Entry, merge
from lab.connector.vsphere import read_facts

ALL = "0"
Ask = Callable[[str], str]


def ask_secret(question: str) -> str:
    """An answer that is not echoed."""
    return getpass.getpass(question) if sys.stdin.isatty() else input(question)


def ask_connection(ask: Ask, ask_password: Ask) -> Connection:
    """Address, user, password and port of vCenter."""
    host = ask("vCenter or ESXi address: ").strip()
    user = ask("User: ").strip()
    password = ask_password("Password: ")
    port = ask("Port [443]: ").strip() or "443"
    if not host or not user or not password:
        raise ConnectorError("address, user and password are needed")
    if not port.isdigit():
        raise ConnectorError(f"the port is a number, not {port}")
    return Connection(host=host, port=int(port), user=user, password=password)


def numbers(answer: str, count: int) -> list[int]:
    """The positions that an answer such as `1,3` names; `0` and an empty answer mean all."""
    if answer.strip() in ("", ALL):
        return list(range(count))
    chosen = []
    for word in answer.replace(",", " ").split():
        if not word.isdigit() or not 1 <= int(word) <= count:
            raise ConnectorError(f"{word} is not a number from the list")
        chosen.append(int(word) - 1)
    return chosen


def ask_one(ask: Ask, title: str, choices: Sequence[str], default: str) -> str:
    """One of several words, by its number; an empty answer means the default."""
    listed = "  ".join(f"{position} {choice}" for position, choice in enumerate(choices))
    answer = ask(f"{title} ({listed}) [{default}]: ").strip()
    if not answer:
        return default
    if not answer.isdigit() or int(answer) >= len(choices):
        raise ConnectorError(f"{answer} is not a number from the list")
    return choices[int(answer)]


def ask_vms(ask: Ask, show: Callable[[str], None], config: Config) -> list[Entry]:
    """The VMs to migrate: first the hosts, then the VMs on them."""
    hosts = sorted({vm["host"] for vm in config.values()})
    for position, host in enumerate(hosts, start=1):
        show(f"  {position} {host}")
    on_hosts = {hosts[position] for position in numbers(ask(f"Host number ({ALL} for all): "), len(hosts))}
    vms = [vm for vm in config.values() if vm["host"] in on_hosts]
    for position, vm in enumerate(vms, start=1):
        show(f"  {position} {vm['vm_name']} [{vm['moref_id']}] {vm['guestOS']}")
    return [vms[position] for position in numbers(ask(f"VM number ({ALL} for all): "), len(vms))]


def choose(ask: Ask, show: Callable[[str], None], config: Config) -> None:
    """Mark the VMs that the operator names, and set their operating system."""
    for vm in ask_vms(ask, show, config):
        vm["migrate"] = True
        vm["architecture"] = ask_one(ask, f"Architecture of {vm['vm_name']}", ARCHITECTURES, vm["architecture"])
        if vm["platform"] not in PLATFORMS:
            vm["platform"] = ask_one(ask, f"OS of {vm['vm_name']}", PLATFORMS, "Others Linux")


def configure(home: Home, ask: Ask, ask_password: Ask, show: Callable[[str], None]) -> None:
    """Ask for vCenter, read it, ask for VMs, and write both files."""
    connection = ask_connection(ask, ask_password)
    config = merge(home.read_config(), read_facts(connection, home.read_data().get("ca_file", "")))
    choose(ask, show, config)
    home.write_connection(connection)
    home.write_config(config)
    home.log(f"Configured, {sum(vm['migrate'] for vm in config.values())} of {len(config)} VMs are chosen.")


def main() -> int:
    """The program."""
    home = Home.here()
    try:
        configure(home, input, ask_secret, print)
    except (ConnectorError, EOFError) as error:
        home.log(f"Error: {error}")
        print(f"Error: {error}" if str(error) else "Error: the input ended before the last question")
        return 1
    print("Configure Successfully! Import with: ./go2aliyun_client")
    return 0


if __name__ == "__main__":
    sys.exit(main())
