# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connector's directory: selection, the client's lines, plans, and a scripted client that is really run."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    InvalidOptionError,
    NotFoundError,
    PreconditionError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._sources.connector_config import (
    Config,
    VmSelection,
    apply_selection,
    format_config,
    lasting_facts,
    parse_config,
    selected_vms,
)
from ansible_collections.cutover.smc.plugins.module_utils._sources.connector_output import ClientOutput, parse_lines
from ansible_collections.cutover.smc.plugins.module_utils._sources.connector_plan import (
    ConnectorSpec,
    ObservedConnector,
    has_client,
    plan,
)
from ansible_collections.cutover.smc.plugins.module_utils._sources.connector_reconciler import (
    PENDING_RERUN,
    ActivationCode,
    run,
)

CODE = "c0de-Secret!"


def vm(number: int, **fields: Any) -> dict[str, Any]:
    facts = {
        "vm_name": f"app-{number:02d}",
        "moref_id": f"vm-{number}",
        "uuid": f"uuid-{number}",
        "CBT_enabled": False,
        "snapshot_state": False,
        "power_state": "poweredOn",
        "ipv4": "10.0.0.1",
        "platform": "CentOS",
        "architecture": "x86_64",
        "migrate": False,
        "disk": [
            {
                "key": 2000,
                "file_name": "[ds] a",
                "capacity": 32768,
                "change_id": "52 aa/1",
                "system_disk": True,
                "migrate": True,
            },
            {
                "key": 2001,
                "file_name": "[ds] b",
                "capacity": 32768,
                "change_id": "52 bb/1",
                "system_disk": False,
                "migrate": True,
            },
        ],
    }
    return {**facts, **fields}


def config(count: int, *chosen: int) -> dict[str, dict[str, Any]]:
    return {f"vm-{number}": vm(number, migrate=number in chosen) for number in range(1, count + 1)}


def declare(*numbers: int, **fields: Any) -> ConnectorSpec:
    return ConnectorSpec(tuple(VmSelection(f"vm-{number}") for number in numbers), has_code=True, **fields)


def edit(before: Config, spec: ConnectorSpec) -> Config:
    return apply_selection(before, spec.vms, spec.deselected)


class TestLines:
    def test_each_source_belongs_to_the_vm_named_before_it(self):
        output = parse_lines(
            [
                "Please input activation id: ",
                "2026-11-22 18:00:00 Import VM [app-01] moref [vm-1] ...",
                "2026-11-22 18:00:01 Import Source Server [s-1] Successfully!",
                "Import VM [app] 2] moref [vm-2] ...",
                "Error: Import VM [app] 2] failed, Quota",
                "Import VM [app-03] moref [vm-3] ...",
                "Import Source Server [s-3] Successfully!",
                "Goto Aliyun Not Finished!",
            ]
        )
        assert output == ClientOutput(
            {"vm-1": "s-1", "vm-3": "s-3"}, {"vm-2": "Error: Import VM [app] 2] failed, Quota"}
        )

    def test_the_last_line_about_a_vm_decides(self):
        lines = [
            "Import VM [a] moref [vm-1] ...",
            "Error: no",
            "Import VM [a] moref [vm-1] ...",
            "Import Source Server [s-9] Successfully!",
        ]
        assert parse_lines(lines) == ClientOutput({"vm-1": "s-9"})

    def test_lines_without_a_vm_are_kept_apart(self):
        output = parse_lines(["Import Source Server [s-1] Successfully!", "Error: connect to SMC failed"])
        assert output == ClientOutput(unnamed=("s-1",), general=("Error: connect to SMC failed",))


class TestFile:
    @pytest.mark.parametrize("text", ["", "{", "[]", '{"vm-1": 3}', "null"])
    def test_anything_but_an_object_of_vms_is_refused_with_its_path(self, text: str):
        with pytest.raises(PreconditionError, match=r"^/root/smc/x\.json is not"):
            parse_config(text, "/root/smc/x.json")

    @pytest.mark.parametrize(
        "text", ['{"vm-1": {"a": "ü"}}', '{\n    "vm-1": {\n        "a": 1\n    }\n}\n', '{\n\t"vm-1": {}\n}']
    )
    def test_the_layout_stays(self, text: str):
        assert format_config(json.loads(text), text) == text

    def test_a_selection_changes_no_facts(self):
        before = config(2)
        after = edit(before, ConnectorSpec((VmSelection("vm-2", "Ubuntu", "arm64", 2001),)))
        expected = config(2, 2)
        expected["vm-2"].update(platform="Ubuntu", architecture="arm64")
        expected["vm-2"]["disk"][0]["system_disk"] = False
        expected["vm-2"]["disk"][1]["system_disk"] = True
        assert after == expected
        assert before == config(2)

    def test_the_system_disk_is_always_migrated(self):
        before = config(1)
        before["vm-1"]["disk"][1]["migrate"] = False
        after = edit(before, ConnectorSpec((VmSelection("vm-1", system_disk_key=2001),)))
        assert after["vm-1"]["disk"][1]["migrate"] is True

    def test_an_unknown_disk_is_refused_with_the_known_ones(self):
        with pytest.raises(PreconditionError, match="app-01 has no disk with key 7; its disks have: 2000, 2001"):
            edit(config(1), ConnectorSpec((VmSelection("vm-1", system_disk_key=7),)))

    def test_the_selection_of_other_vms_is_kept(self):
        before = config(3, 1, 3)
        before["vm-1"]["platform"] = "Others Linux"
        after = edit(before, declare(2, deselected=("vm-3", "vm-77")))
        assert selected_vms(after) == ["vm-1", "vm-2"]
        assert after["vm-1"] == before["vm-1"]

    @given(st.sets(st.integers(1, 6)), st.sets(st.integers(1, 6)), st.sets(st.integers(1, 6)))
    def test_editing_twice_is_editing_once(self, chosen: set[int], wanted: set[int], over: set[int]):
        spec = declare(*wanted, deselected=tuple(f"vm-{number}" for number in over - wanted))
        once = edit(config(6, *chosen), spec)
        assert edit(once, spec) == once
        assert set(selected_vms(once)) == {f"vm-{number}" for number in (chosen - (over - wanted)) | wanted}

    def test_volatile_facts_are_not_compared_and_the_others_are(self):
        before, after = config(2), config(2, 1)
        after["vm-1"].update(ipv4="10.0.0.9", host_name="", power_state="poweredOff", platform="Ubuntu")
        after["vm-1"]["disk"][0]["change_id"] = "52 aa/2"
        after["vm-2"]["CBT_enabled"] = True
        assert lasting_facts(before, ["vm-1"]) == lasting_facts(after, ["vm-1"])
        assert lasting_facts(before, ["vm-2"]) != lasting_facts(after, ["vm-2"])

    @pytest.mark.parametrize(
        ("chosen", "log", "serves"),
        [
            ((), ClientOutput({"vm-1": "s-1"}), False),
            ((1,), ClientOutput({"vm-1": "s-1"}), True),
            ((1,), ClientOutput(unnamed=("s-1",)), True),
            ((1,), ClientOutput(errors={"vm-1": "Error"}), False),
            ((1,), ClientOutput(), True),
        ],
    )
    def test_there_is_a_client_to_restart_when_something_was_imported(
        self, chosen: tuple[int, ...], log: ClientOutput, serves: bool
    ):
        assert has_client(config(1, *chosen), log) is serves


def actions(spec: ConnectorSpec, observed: ObservedConnector) -> list[str]:
    return [step.action for step in plan(spec, observed).steps]


class TestPlan:
    def test_without_options_nothing_is_done(self):
        assert actions(ConnectorSpec(), ObservedConnector(config(3, 1))) == []

    def test_a_new_vm_is_selected_and_imported(self):
        planned = plan(declare(2), ObservedConnector(config(2)))
        assert planned.summaries == ["update the selection in vmware_migrate_config.json: app-02", "import app-02"]
        assert planned.steps[1].arguments == {"moids": ["vm-2"]}
        assert planned.predicted({"vms": {}})["vms"]["vm-2"]["selected"] is True

    def test_an_imported_vm_is_not_imported_again(self):
        assert actions(declare(1), ObservedConnector(config(1, 1), ClientOutput({"vm-1": "s-1"}))) == []

    def test_a_selected_vm_that_was_never_imported_is_imported(self):
        assert actions(declare(1), ObservedConnector(config(1, 1))) == ["import_vms"]

    def test_a_vm_whose_source_was_deleted_is_imported_again(self):
        observed = ObservedConnector(config(2, 1, 2), ClientOutput({"vm-1": "s-1", "vm-2": "s-2"}))
        planned = plan(declare(1, 2, source_ids=frozenset(["s-2"])), observed)
        assert [step.arguments for step in planned.steps] == [{"moids": ["vm-1"]}]
        assert actions(declare(1, 2, source_ids=frozenset(["s-1", "s-2"])), observed) == []

    def test_no_vm_is_tried_twice(self):
        assert actions(declare(1), ObservedConnector(config(1, 1), tried=frozenset(["vm-1"]))) == []

    def test_an_import_requires_a_code_except_in_check_mode(self):
        with pytest.raises(InvalidOptionError, match="An activation code is required to import app-01"):
            plan(ConnectorSpec((VmSelection("vm-1"),)), ObservedConnector(config(1)))
        planned = plan(ConnectorSpec((VmSelection("vm-1"),)), ObservedConnector(config(1)), check_mode=True)
        assert planned.steps[-1].action == "import_vms"

    def test_an_unknown_vm_is_searched_in_vcenter_once(self):
        assert actions(declare(9), ObservedConnector(config(1)))[0] == "refresh"
        with pytest.raises(PreconditionError, match="does not find vm-9 in vCenter, although"):
            plan(declare(9), ObservedConnector(config(1), refreshed=True))

    def test_the_eleventh_vm_is_refused(self):
        full = config(12, *range(1, 11))
        observed = ObservedConnector(full, ClientOutput({f"vm-{number}": f"s-{number}" for number in range(1, 11)}))
        assert actions(declare(10), observed) == []
        with pytest.raises(PreconditionError, match="at most 10 VMs, and 11 would be selected"):
            plan(declare(11), observed)
        assert actions(declare(11, deselected=("vm-1",)), observed) == ["write_selection", "import_vms"]

    def test_slots_of_a_connector_with_too_many_vms_can_be_freed(self):
        assert actions(ConnectorSpec(deselected=("vm-1",)), ObservedConnector(config(12, *range(1, 13)))) == [
            "write_selection"
        ]

    def test_a_refresh_comes_first_and_restarts_only_a_stale_client(self):
        assert actions(ConnectorSpec(refresh=True), ObservedConnector(config(1, 1))) == ["refresh"]
        assert actions(ConnectorSpec(refresh=True), ObservedConnector(config(1, 1), refreshed=True)) == []
        assert actions(ConnectorSpec(refresh=True), ObservedConnector(config(1, 1), refreshed=True, stale=True)) == [
            "rerun"
        ]
        assert not plan(ConnectorSpec(refresh=True), ObservedConnector(config(1, 1))).changed


# --- with a client that is really run ---------------------------------------------------------------------------

# A line that the shell reads as a command and Python as a string: a "#!" line takes no interpreter whose path has a space.
STARTED_BY_SHELL = f'#!/bin/sh\n"exec" "{sys.executable}" "$0" "$@"\n'

PROGRAM = """{start}import json, os, pathlib, sys
home = pathlib.Path(__file__).resolve().parent
home = home.parent if home.name == "dist" else home
name = os.path.basename(__file__) + "".join(sys.argv[1:])
script = json.loads((home / "script.json").read_text())[name]
with (home / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps([name, sys.stdin.read()]) + "\\n")
for line in script["say"]:
    print(line, flush=True)
    with (home / "Logs" / "go2aliyun_client.log").open("a") as log:
        log.write("2026-11-22 18:00:00 " + line + "\\n")
if "config" in script:
    (home / "vmware_migrate_config.json").write_text(json.dumps(script["config"]))
sys.exit(script["status"])
"""


class Connector:
    """A connector's directory whose programs do what a script says and record how they were called."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.script: dict[str, dict[str, Any]] = {}
        (home / "dist").mkdir(parents=True)
        (home / "Logs").mkdir()
        for name in ("go2aliyun_client", "dist/migrate_configure"):
            (home / name).write_text(PROGRAM.replace("{start}", STARTED_BY_SHELL))
            (home / name).chmod(0o755)

    @property
    def selection_file(self) -> Path:
        return self.home / "vmware_migrate_config.json"

    def will(self, name: str, *say: str, status: int = 0, **more: Any) -> None:
        self.script[name] = {"say": say, "status": status, **more}
        (self.home / "script.json").write_text(json.dumps(self.script))

    def calls(self) -> list[list[str]]:
        path = self.home / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def run(self, check_mode: bool = False, warnings: list[str] | None = None, **params: Any) -> dict[str, Any]:
        defaults = dict.fromkeys(("vms", "deselected_vms", "source_ids", "access_token_id", "access_token_code"))
        given = {**defaults, "path": str(self.home), "refresh": False, "timeout": "60s", **params}
        if given["vms"]:
            given["vms"] = [
                {"platform": None, "architecture": None, "system_disk_key": None, **choice} for choice in given["vms"]
            ]
        shown = [] if warnings is None else warnings
        return run(given, Context(check_mode, lambda line: None, shown.append))


@pytest.fixture
def connector(tmp_path: Path) -> Connector:
    connector = Connector(tmp_path / "root" / "smc")
    connector.selection_file.write_text(json.dumps(config(3), indent=2) + "\n")
    return connector


WITH_CODE = {"access_token_id": "at-1", "access_token_code": CODE}


def test_the_code_is_on_standard_input_and_nowhere_else(connector: Connector):
    connector.will(
        "go2aliyun_client", "Import VM [app-01] moref [vm-1] ...", "Import Source Server [s-1] Successfully!"
    )
    result = connector.run(vms=[{"moid": "vm-1"}], **WITH_CODE)
    assert result["changed"] is True
    assert result["imported"] == [{"moid": "vm-1", "name": "app-01", "source_id": "s-1"}]
    assert result["connector"]["selected"] == ["vm-1"]
    assert result["connector"]["free"] == 9
    assert result["connector"]["vms"]["vm-1"]["source_id"] == "s-1"
    assert connector.calls() == [["go2aliyun_client", f"at-1\n{CODE}\n"]]
    assert CODE not in json.dumps(result)

    again = connector.run(vms=[{"moid": "vm-1"}], **WITH_CODE)
    assert (again["changed"], again["plan"], again["imported"]) == (False, [], result["imported"])
    assert len(connector.calls()) == 1


def test_check_mode_shows_the_plan_and_changes_nothing(connector: Connector):
    before = connector.selection_file.read_bytes()
    result = connector.run(check_mode=True, vms=[{"moid": "vm-1"}])
    assert result["plan"] == ["update the selection in vmware_migrate_config.json: app-01", "import app-01"]
    assert result["changed"] is True
    assert result["diff"]["before"]["vms"]["vm-1"]["selected"] is False
    assert result["diff"]["after"]["vms"]["vm-1"]["selected"] is True
    assert connector.selection_file.read_bytes() == before
    assert connector.calls() == []


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_the_file_keeps_its_mode_and_layout(connector: Connector, mode: int):
    connector.selection_file.chmod(mode)
    connector.run(deselected_vms=["vm-1"])
    assert connector.selection_file.read_text() == json.dumps(config(3), indent=2) + "\n"
    connector.selection_file.write_text(json.dumps(config(3, 1), indent=2) + "\n")
    result = connector.run(deselected_vms=["vm-1"])
    assert result["plan"] == ["update the selection in vmware_migrate_config.json: app-01"]
    assert connector.selection_file.read_text() == json.dumps(config(3), indent=2) + "\n"
    assert stat.S_IMODE(connector.selection_file.stat().st_mode) == mode
    assert [path.name for path in connector.home.iterdir() if path.name.startswith(".")] == []


def test_one_refused_vm_leaves_the_others_imported(connector: Connector):
    connector.will(
        "go2aliyun_client",
        "Import VM [app-01] moref [vm-1] ...",
        f"Error: Import VM [app-01] failed, platform is not supported ({CODE})",
        "Import VM [app-02] moref [vm-2] ...",
        "Import Source Server [s-2] Successfully!",
        "Goto Aliyun Not Finished!",
        status=1,
    )
    with pytest.raises(PreconditionError) as caught:
        connector.run(vms=[{"moid": "vm-1"}, {"moid": "vm-2"}], **WITH_CODE)
    reason = "Error: Import VM [app-01] failed, platform is not supported (********)"
    assert caught.value.message == f"The connector did not import app-01: {reason}"
    assert caught.value.partial["imported"] == [{"moid": "vm-2", "name": "app-02", "source_id": "s-2"}]
    assert caught.value.partial["not_imported"] == [{"moid": "vm-1", "name": "app-01", "reason": reason}]
    assert caught.value.partial["changed"] is True
    assert CODE not in json.dumps(caught.value.partial)


def test_a_wrong_code_is_reported_with_a_remedy(connector: Connector):
    connector.will(
        "go2aliyun_client",
        "Import VM [app-01] moref [vm-1] ...",
        "Error: Import VM [app-01] failed, InvalidAccessToken.NotFound",
        "Goto Aliyun Not Finished!",
        status=1,
    )
    with pytest.raises(PreconditionError, match=r"InvalidAccessToken\.NotFound\. Create a new activation code"):
        connector.run(vms=[{"moid": "vm-1"}], **WITH_CODE)


def test_a_general_error_is_reported_for_every_vm(connector: Connector):
    connector.will("go2aliyun_client", "Error: connect to SMC failed", "Goto Aliyun Not Finished!", status=1)
    with pytest.raises(PreconditionError) as caught:
        connector.run(vms=[{"moid": "vm-1"}, {"moid": "vm-2"}], **WITH_CODE)
    assert caught.value.message == "The connector did not import app-01, app-02: Error: connect to SMC failed"


def test_an_unnamed_source_belongs_to_the_only_vm(connector: Connector):
    connector.will("go2aliyun_client", "Import Source Server [s-7] Successfully!")
    assert connector.run(vms=[{"moid": "vm-1"}], **WITH_CODE)["imported"][0]["source_id"] == "s-7"


def test_of_several_unnamed_sources_none_is_guessed(connector: Connector):
    connector.will(
        "go2aliyun_client", "Import Source Server [s-7] Successfully!", "Import Source Server [s-8] Successfully!"
    )
    warnings: list[str] = []
    result = connector.run(vms=[{"moid": "vm-1"}, {"moid": "vm-2"}], warnings=warnings, **WITH_CODE)
    assert [vm["source_id"] for vm in result["imported"]] == [None, None]
    assert len(warnings) == 2
    assert "which source VM app-01 became" in warnings[0]


def test_an_unknown_vm_is_found_by_reading_vcenter_again(connector: Connector):
    connector.will("migrate_configure", config=config(4))
    connector.will(
        "go2aliyun_client", "Import VM [app-04] moref [vm-4] ...", "Import Source Server [s-4] Successfully!"
    )
    result = connector.run(vms=[{"moid": "vm-4"}], **WITH_CODE)
    assert [name for name, _typed in connector.calls()] == ["migrate_configure", "go2aliyun_client"]
    assert result["imported"] == [{"moid": "vm-4", "name": "app-04", "source_id": "s-4"}]


def import_first(connector: Connector) -> None:
    connector.will(
        "go2aliyun_client", "Import VM [app-01] moref [vm-1] ...", "Import Source Server [s-1] Successfully!"
    )
    connector.run(vms=[{"moid": "vm-1"}], **WITH_CODE)
    (connector.home / "calls.jsonl").unlink()


def test_new_facts_restart_the_client_once(connector: Connector):
    import_first(connector)
    fresh = config(3, 1)
    fresh["vm-1"]["CBT_enabled"] = True
    connector.will("migrate_configure", config=fresh)
    connector.will("go2aliyun_client--rerun", "Rerun")
    result = connector.run(refresh=True)
    assert result["changed"] is True
    assert [name for name, _typed in connector.calls()] == ["migrate_configure", "go2aliyun_client--rerun"]
    assert result["connector"]["vms"]["vm-1"]["cbt_enabled"] is True

    again = connector.run(refresh=True)
    assert again["changed"] is False
    assert [name for name, _typed in connector.calls()][2:] == ["migrate_configure"]


def test_an_interrupted_restart_is_repeated(connector: Connector):
    import_first(connector)
    fresh = config(3, 1)
    fresh["vm-1"]["CBT_enabled"] = True
    connector.will("migrate_configure", config=fresh)
    connector.will("go2aliyun_client--rerun", "Error: busy", status=1)
    with pytest.raises(PreconditionError, match="did not restart: Error: busy"):
        connector.run(refresh=True)
    assert (connector.home / PENDING_RERUN).exists()
    connector.will("go2aliyun_client--rerun", "Rerun")
    assert connector.run(refresh=True)["changed"] is True
    assert not (connector.home / PENDING_RERUN).exists()


def test_a_failed_refresh_is_reported_with_its_line(connector: Connector):
    connector.will("migrate_configure", "Error: vCenter refused the login", status=1)
    with pytest.raises(
        PreconditionError, match="could not read the VMs from vCenter again: Error: vCenter refused the login"
    ):
        connector.run(refresh=True)


def test_a_directory_without_a_connector_or_its_configuration(connector: Connector, tmp_path: Path):
    with pytest.raises(NotFoundError, match=r"The directory .*nowhere does not exist, so this is not an SMC connector"):
        connector.run(path=str(tmp_path / "nowhere"))
    connector.selection_file.unlink()
    with pytest.raises(
        PreconditionError, match=r"vmware_migrate_config\.json does not exist, so the connector is not configured"
    ):
        connector.run()


def test_a_client_that_cannot_be_run_is_an_error(connector: Connector):
    (connector.home / "go2aliyun_client").chmod(0o644)
    with pytest.raises(PreconditionError, match=r"Cannot run the connector's .*go2aliyun_client: Permission denied"):
        connector.run(vms=[{"moid": "vm-1"}], **WITH_CODE)


def test_a_client_that_hangs_is_aborted(connector: Connector):
    (connector.home / "go2aliyun_client").write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    with pytest.raises(WaitTimeoutError, match="go2aliyun_client did not end within 0s"):
        connector.run(vms=[{"moid": "vm-1"}], timeout="0s", **WITH_CODE)


def test_a_daemon_that_keeps_the_output_open_does_not_hold_up_the_run(connector: Connector):
    pid = connector.home / "daemon.pid"
    (connector.home / "go2aliyun_client").write_text(
        f"#!/bin/sh\ncat > /dev/null\ntail -f /dev/null & echo $! > '{pid}'\necho 'Import Source Server [s-1] Successfully!'\n"
    )
    try:
        result = connector.run(vms=[{"moid": "vm-1"}], timeout="20s", **WITH_CODE)
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)
    assert result["imported"][0]["source_id"] == "s-1"


def test_the_client_has_no_terminal_to_ask_on_but_its_input(connector: Connector):
    noted = connector.home / "session"
    (connector.home / "go2aliyun_client").write_text(
        f"{STARTED_BY_SHELL}import os, pathlib\n"
        f"pathlib.Path({str(noted)!r}).write_text(str(os.getsid(0) == os.getpid()))\n"
        "print('Import Source Server [s-1] Successfully!')\n"
    )
    connector.run(vms=[{"moid": "vm-1"}], **WITH_CODE)
    assert noted.read_text() == "True"


def test_a_vm_cannot_be_imported_and_deselected(connector: Connector):
    with pytest.raises(InvalidOptionError, match="both name vm-1"):
        connector.run(vms=[{"moid": "vm-1"}], deselected_vms=["vm-1"], **WITH_CODE)


def test_the_code_is_in_no_representation():
    assert CODE not in repr(ActivationCode("at-1", CODE))


def test_a_source_made_just_now_counts_though_it_was_not_there_before(connector: Connector):
    connector.will(
        "go2aliyun_client", "Import VM [app-01] moref [vm-1] ...", "Import Source Server [s-1] Successfully!"
    )
    result = connector.run(vms=[{"moid": "vm-1"}], source_ids=[], **WITH_CODE)
    assert result["imported"] == [{"moid": "vm-1", "name": "app-01", "source_id": "s-1"}]
    assert result["connector"]["vms"]["vm-1"]["source_id"] == "s-1"


def test_an_old_error_does_not_count_for_this_run(connector: Connector):
    log = connector.home / "Logs" / "go2aliyun_client.log"
    log.write_text("Import VM [app-01] moref [vm-1] ...\nError: Import VM [app-01] failed, quota\n")
    connector.will("go2aliyun_client", "All chosen VMs are imported already.")
    result = connector.run(vms=[{"moid": "vm-1"}], **WITH_CODE)
    assert result["imported"] == [{"moid": "vm-1", "name": "app-01", "source_id": None}]
    assert result["not_imported"] == []
