"""go2aliyun_client: imports the chosen VMs with an activation code and leaves a daemon that serves them."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.connector.cloud import Cloud
from lab.connector.home import Connection, ConnectorError, Home
from lab.connector.migrate_config import Config, Entry, chosen, why_refused
from lab.connector.vsphere import session

ACTIVE_SOURCES = 10
NOT_FINISHED = "Goto Aliyun Not Finished!"


@dataclass(frozen=True)
class ActivationCode:
    """The credentials with which a connector imports sources into an account."""

    token_id: str
    token_code: str


def ask(question: str) -> str:
    """One line of input. On a terminal the user's Enter ends the question's line; otherwise the question does."""
    return input(question if sys.stdin.isatty() else f"{question}\n").strip()


def ask_for_code(given_id: str, given_code: str) -> ActivationCode:
    """The activation code from the command line, or from two questions; the code is not echoed."""
    try:
        token_id = given_id or ask("Please input activation id: ")
        if given_code:
            token_code = given_code
        elif sys.stdin.isatty():
            token_code = getpass.getpass("Please input activation code: ").strip()
        else:
            token_code = ask("Please input activation code: ")
    except EOFError as error:
        raise ConnectorError("an activation id and an activation code are needed") from error
    if not token_id or not token_code:
        raise ConnectorError("an activation id and an activation code are needed")
    return ActivationCode(token_id, token_code)


class Client:
    """One run of the client."""

    def __init__(self, home: Home, cloud: Cloud, show: Callable[[str], None]) -> None:
        self.home = home
        self.cloud = cloud
        self.show = show
        self.data = home.read_data()
        self.sources: dict[str, dict[str, str]] = self.data.setdefault("sources", {})

    def report(self, line: str) -> None:
        """Show a line and log it."""
        self.home.log(line)
        self.show(line)

    def forget_deleted_sources(self) -> None:
        """Drop sources that have been deleted in the cloud, so that their VMs can be imported again."""
        ids = [source["source_id"] for source in self.sources.values()]
        unknown = set(self.cloud.heartbeat(ids).get("unknown", [])) if ids else set()
        for moref in [moref for moref, source in self.sources.items() if source["source_id"] in unknown]:
            del self.sources[moref]
        self.home.write_data(self.data)

    def pending(self, config: Config) -> Config:
        """The chosen VMs that have not been imported."""
        return {moref: vm for moref, vm in chosen(config).items() if moref not in self.sources}

    def active(self, config: Config) -> int:
        """How many sources this connector serves: imported, and still chosen."""
        return sum(moref in self.sources for moref in chosen(config))

    def import_vm(self, moref: str, vm: Entry, code: ActivationCode, connection: Connection) -> bool:
        """Import one VM; return whether it succeeded."""
        self.report(f"Import VM [{vm['vm_name']}] moref [{moref}] ...")
        refusal = why_refused(vm)
        try:
            if refusal:
                raise ConnectorError(refusal)
            source_id = self.cloud.register(code.token_id, code.token_code, vm, connection)
        except ConnectorError as error:
            self.report(f"Error: Import VM [{vm['vm_name']}] failed, {error}")
            return False
        self.sources[moref] = {"source_id": source_id, "vm_name": vm["vm_name"]}
        self.home.write_data(self.data)
        self.report(f"Import Source Server [{source_id}] Successfully!")
        return True

    def import_all(self, pending: Config, free_slots: int, code: ActivationCode, connection: Connection) -> bool:
        """Import as many VMs as there are free slots; return whether each import succeeded."""
        results = [
            self.import_vm(moref, vm, code, connection) for moref, vm in list(pending.items())[: max(free_slots, 0)]
        ]
        for vm in list(pending.values())[max(free_slots, 0) :]:
            self.report(
                f"VM [{vm['vm_name']}] waits: {ACTIVE_SOURCES} sources are active, the most that a connector serves."
            )
        return all(results)


def check_vcenter(connection: Connection, ca_file: str) -> None:
    """Check that vCenter answers and accepts the login before anything is imported."""
    with session(connection, ca_file):
        return


def run_import(client: Client, arguments: argparse.Namespace) -> int:
    """Import what is chosen and not imported yet, then leave the daemon running."""
    home = client.home
    connection, config = home.read_connection(), home.read_config()
    check_vcenter(connection, client.data.get("ca_file", ""))
    client.forget_deleted_sources()
    if not chosen(config):
        raise ConnectorError('no VM is chosen, set "migrate": true in vmware_migrate_config.json')
    pending = client.pending(config)
    succeeded = True
    if pending:
        code = ask_for_code(arguments.accesstokenid, arguments.accesstokencode)
        succeeded = client.import_all(pending, ACTIVE_SOURCES - client.active(config), code, connection)
    else:
        client.report("All chosen VMs are imported already.")
    if client.sources and (pending or home.daemon() is None):
        home.stop_daemon()
        home.start_daemon()
    if not succeeded:
        client.report(NOT_FINISHED)
    return 0 if succeeded else 1


def run_again(client: Client) -> int:
    """Restart the daemon, which reads the present configuration."""
    client.home.read_connection()
    client.forget_deleted_sources()
    client.home.stop_daemon()
    if not client.sources:
        raise ConnectorError("no source has been imported")
    client.home.start_daemon()
    client.report(f"Rerun with the present configuration, {len(client.sources)} sources.")
    return 0


def run_abort(client: Client) -> int:
    """Stop the daemon."""
    client.report("Aborted." if client.home.stop_daemon() else "Not running.")
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The command line of go2aliyun_client."""
    parser = argparse.ArgumentParser(prog="go2aliyun_client", description=__doc__, allow_abbrev=False)
    parser.add_argument("--accesstokenid", default="", help="activation id, at-...")
    parser.add_argument("--accesstokencode", default="", help="activation code; safer to type when asked")
    parser.add_argument("--accessid", default="", help="AccessKey id (the lab takes activation codes only)")
    parser.add_argument("--secretkey", default="", help="AccessKey secret (the lab takes activation codes only)")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--rerun", action="store_true", help="restart with the present configuration")
    action.add_argument("--abort", action="store_true", help="stop serving the sources")
    return parser


def run(arguments: argparse.Namespace, home: Home, show: Callable[[str], None]) -> int:
    """Run the command of the command line; a failure is two lines, as of the real client."""
    with contextlib.ExitStack() as stack:
        try:
            if arguments.accessid or arguments.secretkey:
                raise ConnectorError("the lab's connector takes activation codes only")
            data: dict[str, Any] = home.read_data()
            cloud = Cloud(data["smc_endpoint"])
            stack.callback(cloud.close)
            client = Client(home, cloud, show)
            if arguments.abort:
                return run_abort(client)
            return run_again(client) if arguments.rerun else run_import(client, arguments)
        except ConnectorError as error:
            for line in (f"Error: {error}", NOT_FINISHED):
                home.log(line)
                show(line)
            return 1


def main() -> int:
    """The program."""
    arguments = make_parser().parse_args()
    return run(arguments, Home.here(), lambda line: print(line, flush=True))


if __name__ == "__main__":
    sys.exit(main())
