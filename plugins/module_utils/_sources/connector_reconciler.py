# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Works on the appliance of an SMC connector: its files, and the programs of its client (private to the collection).

Runs on the appliance itself, so it and all that it imports need only Python 3.9, its standard library and Ansible.
Source: the dossier of the SMC 2019-06-01 API, its section 3.2.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import typing as t
from dataclasses import dataclass, field
from datetime import timedelta

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    InvalidOptionError,
    NotFoundError,
    PreconditionError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, Params, Result
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, View
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Actions, Reconciler
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_duration, parse_duration
from ansible_collections.cutover.smc.plugins.module_utils._sources.connector_config import (
    CONFIG_FILE,
    Config,
    apply_selection,
    format_config,
    lasting_facts,
    parse_config,
    selected_vms,
)
from ansible_collections.cutover.smc.plugins.module_utils._sources.connector_output import (
    NO_OUTPUT,
    error_line,
    parse_import,
    parse_lines,
    without_secret,
)
from ansible_collections.cutover.smc.plugins.module_utils._sources.connector_plan import (
    ConnectorSpec,
    ObservedConnector,
    diff_view,
    has_client,
    import_error,
    import_results,
    parse_spec,
    plan,
    to_result,
)

CLIENT = "go2aliyun_client"
LOGS = "Logs"
#: The program that reads vCenter. The documentation writes ``dist`` in one place and ``disk``, a slip, in another.
REFRESHERS = ("dist/migrate_configure", "disk/migrate_configure")
#: This file exists from before a refresh until the client has been restarted for it, so that an interrupted restart is repeated.
PENDING_RERUN = ".cutover-rerun-pending"


@dataclass(frozen=True)
class ActivationCode:
    """An activation code; its representation does not show the secret."""

    token_id: str
    token_code: str = field(repr=False)

    @property
    def client_input(self) -> str:
        """The answers to the client's two questions."""
        return f"{self.token_id}\n{self.token_code}\n"


class ConnectorReconciler(Reconciler[ConnectorSpec, ObservedConnector]):
    """The directory of one connector.

    :param path: the directory
    :param code: the activation code for imports
    :param timeout: how long one program of the connector may run
    """

    def __init__(
        self,
        path: str,
        spec: ConnectorSpec,
        context: Context,
        code: t.Optional[ActivationCode],
        timeout: timedelta,
    ) -> None:
        super().__init__(spec, context)
        self._directory = path
        self._code = code
        self._timeout = timeout
        self._refreshed = False
        self._output = NO_OUTPUT
        self._tried: set[str] = set()

    def observe(self) -> ObservedConnector:
        config = self._read_config()
        log = parse_lines(self._log_lines())
        stale = self.spec.refresh and os.path.exists(self._path(PENDING_RERUN)) and has_client(config, log)
        return ObservedConnector(config, log, self._output, self._refreshed, stale, frozenset(self._tried))

    def plan(self, observed: ObservedConnector) -> Plan:
        return plan(self.spec, observed, check_mode=self.context.check_mode)

    def diff_view(self, observed: ObservedConnector) -> View:
        return diff_view(observed)

    @property
    def actions(self) -> Actions:
        return {
            "refresh": self._refresh,
            "write_selection": self._write_selection,
            "import_vms": self._import_vms,
            "rerun": self._rerun,
        }

    def _path(self, *names: str) -> str:
        return os.path.join(self._directory, *names)

    def _read_config(self) -> Config:
        return parse_config(self._read_config_text(), self._path(CONFIG_FILE))

    def _read_config_text(self) -> str:
        path = self._path(CONFIG_FILE)
        if not os.path.isdir(self._directory):
            raise NotFoundError(
                f"The directory {self._directory} does not exist, so this is not an SMC connector",
                remedy="Run the task on the connector's host, or set path to the connector's directory",
            )
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            raise PreconditionError(
                f"{path} does not exist, so the connector is not configured",
                remedy="Run configure.sh on the connector, which asks for the address and the user of vCenter",
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise PreconditionError(
                f"Cannot read {path}: {error}", remedy="Run the task as the connector's user"
            ) from None

    def _log_lines(self) -> t.Iterator[str]:
        """The lines of the client's log, oldest file first."""
        try:
            paths = [self._path(LOGS, name) for name in os.listdir(self._path(LOGS)) if ".log" in name]
        except OSError:
            return
        for path in sorted((path for path in paths if os.path.isfile(path)), key=os.path.getmtime):
            with open(path, encoding="utf-8", errors="replace") as file:
                yield from file

    def _write_selection(self) -> None:
        """Write a new file beside the old one and rename it, so that the client reads either the old or the new content."""
        path = os.path.realpath(self._path(CONFIG_FILE))
        before = self._read_config_text()
        after = apply_selection(parse_config(before, path), self.spec.vms, self.spec.deselected)
        handle, new_path = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{CONFIG_FILE}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(format_config(after, before))
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(path, new_path)
            _copy_owner(path, new_path)
            os.replace(new_path, path)
        except BaseException:
            os.unlink(new_path)
            raise

    def _refresh(self) -> None:
        program = next((name for name in REFRESHERS if os.path.isfile(self._path(name))), REFRESHERS[0])
        before = self._read_config()
        served = selected_vms(before)
        marker = self._path(PENDING_RERUN)
        rerun_was_pending = os.path.exists(marker)
        with open(marker, "w", encoding="utf-8"):
            pass
        status, lines = self._call([self._path(program)], "read vCenter again")
        if status != 0:
            raise PreconditionError(
                f"The connector could not read the VMs from vCenter again: {error_line(lines, status)}",
                remedy=self._log_remedy,
            )
        after = self._read_config()
        if not rerun_was_pending and lasting_facts(after, served) == lasting_facts(before, served):
            os.unlink(marker)
        self._refreshed = True

    def _import_vms(self, moids: list[str]) -> None:
        if self._code is None:
            raise InvalidOptionError("Option 'access_token_code' is missing")
        status, lines = self._call([self._path(CLIENT)], f"import {', '.join(moids)}", self._code.client_input)
        self._output = parse_import(moids, status, lines)
        self._tried.update(moids)

    def _rerun(self) -> None:
        status, lines = self._call([self._path(CLIENT), "--rerun"], "restart")
        if status != 0:
            raise PreconditionError(
                f"The connector's client did not restart: {error_line(lines, status)}", remedy=self._log_remedy
            )
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(PENDING_RERUN))

    def _call(self, command: list[str], purpose: str, client_input: str = "") -> tuple[int, list[str]]:
        """Run one of the connector's programs.

        The output goes to a file, because the daemon that the client leaves behind would keep a pipe open for ever. The new session
        has no terminal, so the client asks its questions on standard input.

        :return: the exit status, and the lines of the output without the activation code
        """
        self.context.progress(f"connector: {purpose}")
        program = os.path.basename(command[0])
        with tempfile.TemporaryFile() as output:
            try:
                finished = subprocess.run(
                    command,
                    cwd=self._directory,
                    input=client_input.encode(),
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=self._timeout.total_seconds(),
                    check=False,
                    start_new_session=True,
                )
            except subprocess.TimeoutExpired:
                raise WaitTimeoutError(
                    f"The connector's {program} did not end within {format_duration(self._timeout)}",
                    remedy=f"{self._log_remedy}. Run it again, which continues where it was interrupted, or increase the timeout",
                ) from None
            except OSError as error:
                raise PreconditionError(
                    f"Cannot run the connector's {command[0]}: {error.strerror or error}",
                    remedy="Check that path is the connector's directory, and that the file exists and is executable",
                ) from None
            output.seek(0)
            text = output.read().decode(errors="replace")
        secret = self._code.token_code if self._code else None
        lines = [line.strip() for line in without_secret(text, secret).splitlines()]
        return finished.returncode, [line for line in lines if line]

    @property
    def _log_remedy(self) -> str:
        return f"Read the log in {self._path(LOGS)}"


def _copy_owner(path: str, new_path: str) -> None:
    """Give the new file the owner of the old one.

    :raises PreconditionError: when this user is not allowed to do that
    """
    owner = os.stat(path)
    if (owner.st_uid, owner.st_gid) == (os.geteuid(), os.getegid()):
        return
    try:
        os.chown(new_path, owner.st_uid, owner.st_gid)
    except PermissionError as error:
        raise PreconditionError(
            f"Cannot keep the owner of {path}: {error}", remedy="Run the task as the connector's user"
        ) from None


def run(params: Params, context: Context) -> Result:
    """The handler of ``smc_connector``; imported VMs stay imported when others could not be.

    :raises PreconditionError: when a VM was not imported
    """
    token_id, token_code = params["access_token_id"], params["access_token_code"]
    reconciler = ConnectorReconciler(
        params["path"],
        parse_spec(params),
        context,
        ActivationCode(token_id, token_code) if token_code else None,
        parse_duration("timeout", params["timeout"]),
    )
    outcome = reconciler.run()
    result = outcome.result(
        connector=to_result(reconciler.spec, outcome.observed), **import_results(reconciler.spec, outcome.observed)
    )
    if result["not_imported"]:
        raise import_error(result)
    for vm in result["imported"]:
        if vm["source_id"] is None:
            context.warn(
                f"The connector's client does not say which source VM {vm['name']} became. Find the source with smc_source"
            )
    return result
