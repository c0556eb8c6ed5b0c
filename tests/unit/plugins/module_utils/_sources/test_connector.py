# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connector's directory: choices, the client's lines, plans, and a scripted client that is really run."""

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
from ansible_collections.cutover.smc.plugins.module_utils._sources import connector as _connector
from ansible_collections.cutover.smc.plugins.module_utils._sources.connector import (
    PENDING_RERUN,
    Choice,
    Sight,
    Told,
    Wish,
    decide,
    edited,
    format_config,
    lasting_facts,
    parse_config,
    read_lines,
    selected,
    serves_something,
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


def want(*numbers: int, **fields: Any) -> Wish:
    return Wish(tuple(Choice(f"vm-{number}") for number in numbers), has_code=True, **fields)


class TestLines:
    def test_each_source_belongs_to_the_vm_named_before_it(self):
        told = read_lines(
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
        assert told == Told({"vm-1": "s-1", "vm-3": "s-3"}, {"vm-2": "Error: Import VM [app] 2] failed, Quota"})

    def test_the_last_word_on_a_vm_counts(self):
        lines = [
            "Import VM [a] moref [vm-1] ...",
            "Error: no",
            "Import VM [a] moref [vm-1] ...",
            "Import Source Server [s-9] Successfully!",
        ]
        assert read_lines(lines) == Told({"vm-1": "s-9"})

    def test_what_names_no_vm_stays_apart(self):
        told = read_lines(["Import Source Server [s-1] Successfully!", "Error: connect to SMC failed"])
        assert told == Told(unnamed=("s-1",), general=("Error: connect to SMC failed",))


class TestFile:
    @pytest.mark.parametrize("text", ["", "{", "[]", '{"vm-1": 3}', "null"])
    def test_anything_but_an_object_of_vms_is_refused_with_its_place(self, text: str):
        with pytest.raises(PreconditionError, match=r"^/root/smc/x\.json is not"):
            parse_config(text, "/root/smc/x.json")

    @pytest.mark.parametrize(
        "text", ['{"vm-1": {"a": "ü"}}', '{\n    "vm-1": {\n        "a": 1\n    }\n}\n', '{\n\t"vm-1": {}\n}']
    )
    def test_the_layout_stays(self, text: str):
        assert format_config(json.loads(text), text) == text

    def test_a_choice_changes_nothing_but_choices(self):
        before = config(2)
        after = edited(before, Wish((Choice("vm-2", "Ubuntu", "arm64", 2001),)))
        expected = config(2, 2)
        expected["vm-2"].update(platform="Ubuntu", architecture="arm64")
        expected["vm-2"]["disk"][0]["system_disk"] = False
        expected["vm-2"]["disk"][1]["system_disk"] = True
        assert after == expected
        assert before == config(2)

    def test_the_system_disk_is_always_migrated(self):
        before = config(1)
        before["vm-1"]["disk"][1]["migrate"] = False
        after = edited(before, Wish((Choice("vm-1", system_disk_key=2001),)))
        assert after["vm-1"]["disk"][1]["migrate"] is True

    def test_an_unknown_disk_is_refused_with_those_there_are(self):
        with pytest.raises(PreconditionError, match="app-01 has no disk with key 7; its disks have: 2000, 2001"):
            edited(config(1), Wish((Choice("vm-1", system_disk_key=7),)))

    def test_choices_that_nobody_speaks_of_stay(self):
        before = config(3, 1, 3)
        before["vm-1"]["platform"] = "Others Linux"
        after = edited(before, want(2, deselected=("vm-3", "vm-77")))
        assert selected(after) == ["vm-1", "vm-2"]
        assert after["vm-1"] == before["vm-1"]

    @given(st.sets(st.integers(1, 6)), st.sets(st.integers(1, 6)), st.sets(st.integers(1, 6)))
    def test_editing_twice_is_editing_once(self, chosen: set[int], wanted: set[int], over: set[int]):
        wish = want(*wanted, deselected=tuple(f"vm-{number}" for number in over - wanted))
        once = edited(config(6, *chosen), wish)
        assert edited(once, wish) == once
        assert set(selected(once)) == {f"vm-{number}" for number in (chosen - (over - wanted)) | wanted}

    def test_what_passes_by_is_no_news_and_the_rest_is(self):
        before, after = config(2), config(2, 1)
        after["vm-1"].update(ipv4="10.0.0.9", host_name="", power_state="poweredOff", platform="Ubuntu")
        after["vm-1"]["disk"][0]["change_id"] = "52 aa/2"
        after["vm-2"]["CBT_enabled"] = True
        assert lasting_facts(before, ["vm-1"]) == lasting_facts(after, ["vm-1"])
        assert lasting_facts(before, ["vm-2"]) != lasting_facts(after, ["vm-2"])

    @pytest.mark.parametrize(
        ("chosen", "log", "serves"),
        [
            ((), Told({"vm-1": "s-1"}), False),
            ((1,), Told({"vm-1": "s-1"}), True),
            ((1,), Told(unnamed=("s-1",)), True),
            ((1,), Told(errors={"vm-1": "Error"}), False),
            ((1,), Told(), True),
        ],
    )
    def test_there_is_a_client_to_restart_when_something_was_imported(
        self, chosen: tuple[int, ...], log: Told, serves: bool
    ):
        assert serves_something(config(1, *chosen), log) is serves


def actions(wish: Wish, sight: Sight) -> list[str]:
    return [step.action for step in decide(wish, sight).steps]


class TestDecide:
    def test_nothing_asked_is_nothing_done(self):
        assert actions(Wish(), Sight(config(3, 1))) == []

    def test_a_new_vm_is_chosen_and_imported(self):
        plan = decide(want(2), Sight(config(2)))
        assert plan.summaries == ["set in vmware_migrate_config.json what is to be imported of app-02", "import app-02"]
        assert plan.steps[1].arguments == {"moids": ["vm-2"]}
        assert plan.predicted({"vms": {}})["vms"]["vm-2"]["selected"] is True

    def test_an_imported_vm_is_left_alone(self):
        assert actions(want(1), Sight(config(1, 1), Told({"vm-1": "s-1"}))) == []

    def test_a_chosen_vm_that_was_never_imported_is(self):
        assert actions(want(1), Sight(config(1, 1))) == ["import_vms"]

    def test_a_vm_whose_source_is_gone_is_imported_again(self):
        sight = Sight(config(2, 1, 2), Told({"vm-1": "s-1", "vm-2": "s-2"}))
        plan = decide(want(1, 2, source_ids=frozenset(["s-2"])), sight)
        assert [step.arguments for step in plan.steps] == [{"moids": ["vm-1"]}]
        assert actions(want(1, 2, source_ids=frozenset(["s-1", "s-2"])), sight) == []

    def test_no_vm_is_tried_twice(self):
        assert actions(want(1), Sight(config(1, 1), tried=frozenset(["vm-1"]))) == []

    def test_an_import_takes_a_code(self):
        with pytest.raises(InvalidOptionError, match="Importing app-01 takes an activation code"):
            decide(Wish((Choice("vm-1"),)), Sight(config(1)))

    def test_an_unknown_vm_is_looked_for_in_vcenter_once(self):
        assert actions(want(9), Sight(config(1)))[0] == "reread"
        with pytest.raises(PreconditionError, match="does not see vm-9 in vCenter, though"):
            decide(want(9), Sight(config(1), reread=True))

    def test_the_eleventh_vm_is_refused(self):
        full = config(12, *range(1, 11))
        sight = Sight(full, Told({f"vm-{number}": f"s-{number}" for number in range(1, 11)}))
        assert actions(want(10), sight) == []
        with pytest.raises(PreconditionError, match="at most 10 VMs, and 11 would be selected"):
            decide(want(11), sight)
        assert actions(want(11, deselected=("vm-1",)), sight) == ["write_choices", "import_vms"]

    def test_places_can_be_freed_of_a_connector_that_has_too_many(self):
        assert actions(Wish(deselected=("vm-1",)), Sight(config(12, *range(1, 13)))) == ["write_choices"]

    def test_rereading_comes_first_and_restarts_the_client_only_when_it_is_stale(self):
        assert actions(Wish(refresh=True), Sight(config(1, 1))) == ["reread"]
        assert actions(Wish(refresh=True), Sight(config(1, 1), reread=True)) == []
        assert actions(Wish(refresh=True), Sight(config(1, 1), reread=True, stale=True)) == ["rerun"]
        assert not decide(Wish(refresh=True), Sight(config(1, 1))).changed


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
    """A connector's directory whose programs do what a script says and note how they were called."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.script: dict[str, dict[str, Any]] = {}
        (home / "dist").mkdir(parents=True)
        (home / "Logs").mkdir()
        for name in ("go2aliyun_client", "dist/migrate_configure"):
            (home / name).write_text(PROGRAM.replace("{start}", STARTED_BY_SHELL))
            (home / name).chmod(0o755)

    @property
    def choices(self) -> Path:
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
        heard = [] if warnings is None else warnings
        return _connector.ensure(given, Context(check_mode, lambda line: None, heard.append))


@pytest.fixture
def connector(tmp_path: Path) -> Connector:
    connector = Connector(tmp_path / "root" / "smc")
    connector.choices.write_text(json.dumps(config(3), indent=2) + "\n")
    return connector


WITH_CODE = {"access_token_id": "at-1", "access_token_code": CODE}


def test_the_code_is_typed_and_nowhere_else(connector: Connector):
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


def test_check_mode_tells_and_touches_nothing(connector: Connector):
    before = connector.choices.read_bytes()
    result = connector.run(check_mode=True, vms=[{"moid": "vm-1"}])
    assert result["plan"] == ["set in vmware_migrate_config.json what is to be imported of app-01", "import app-01"]
    assert result["changed"] is True
    assert result["diff"]["before"]["vms"]["vm-1"]["selected"] is False
    assert result["diff"]["after"]["vms"]["vm-1"]["selected"] is True
    assert connector.choices.read_bytes() == before
    assert connector.calls() == []


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_the_file_keeps_its_mode_and_layout(connector: Connector, mode: int):
    connector.choices.chmod(mode)
    connector.run(deselected_vms=["vm-1"])
    assert connector.choices.read_text() == json.dumps(config(3), indent=2) + "\n"
    connector.choices.write_text(json.dumps(config(3, 1), indent=2) + "\n")
    result = connector.run(deselected_vms=["vm-1"])
    assert result["plan"] == ["set in vmware_migrate_config.json what is to be imported of app-01"]
    assert connector.choices.read_text() == json.dumps(config(3), indent=2) + "\n"
    assert stat.S_IMODE(connector.choices.stat().st_mode) == mode
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


def test_a_wrong_code_is_told_with_what_to_do(connector: Connector):
    connector.will(
        "go2aliyun_client",
        "Import VM [app-01] moref [vm-1] ...",
        "Error: Import VM [app-01] failed, InvalidAccessToken.NotFound",
        "Goto Aliyun Not Finished!",
        status=1,
    )
    with pytest.raises(PreconditionError, match=r"InvalidAccessToken\.NotFound\. Make a new activation code"):
        connector.run(vms=[{"moid": "vm-1"}], **WITH_CODE)


def test_a_client_that_only_complains_is_quoted_for_every_vm(connector: Connector):
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


def test_news_from_vcenter_restart_the_client_once(connector: Connector):
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


def test_an_interrupted_restart_is_made_up_for(connector: Connector):
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


def test_a_failed_reread_is_told_with_its_line(connector: Connector):
    connector.will("migrate_configure", "Error: vCenter refused the login", status=1)
    with pytest.raises(
        PreconditionError, match="could not read the VMs from vCenter again: Error: vCenter refused the login"
    ):
        connector.run(refresh=True)


def test_no_connector_here_and_no_configuration_yet(connector: Connector, tmp_path: Path):
    with pytest.raises(NotFoundError, match=r"There is no directory .*nowhere, so that this is no SMC connector"):
        connector.run(path=str(tmp_path / "nowhere"))
    connector.choices.unlink()
    with pytest.raises(
        PreconditionError, match=r"There is no .*vmware_migrate_config\.json, so the connector has not been configured"
    ):
        connector.run()


def test_a_client_that_cannot_be_run_is_no_traceback(connector: Connector):
    (connector.home / "go2aliyun_client").chmod(0o644)
    with pytest.raises(PreconditionError, match=r"Cannot run the connector's .*go2aliyun_client: Permission denied"):
        connector.run(vms=[{"moid": "vm-1"}], **WITH_CODE)


def test_a_client_that_hangs_is_given_up(connector: Connector):
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


def test_a_vm_cannot_be_wanted_and_unwanted(connector: Connector):
    with pytest.raises(InvalidOptionError, match="both name vm-1"):
        connector.run(vms=[{"moid": "vm-1"}], deselected_vms=["vm-1"], **WITH_CODE)


def test_the_code_is_in_no_representation():
    assert CODE not in repr(_connector.Code("at-1", CODE))


def test_a_source_made_just_now_counts_though_it_was_not_there_before(connector: Connector):
    connector.will(
        "go2aliyun_client", "Import VM [app-01] moref [vm-1] ...", "Import Source Server [s-1] Successfully!"
    )
    result = connector.run(vms=[{"moid": "vm-1"}], source_ids=[], **WITH_CODE)
    assert result["imported"] == [{"moid": "vm-1", "name": "app-01", "source_id": "s-1"}]
    assert result["connector"]["vms"]["vm-1"]["source_id"] == "s-1"


def test_an_old_complaint_does_not_speak_against_this_run(connector: Connector):
    log = connector.home / "Logs" / "go2aliyun_client.log"
    log.write_text("Import VM [app-01] moref [vm-1] ...\nError: Import VM [app-01] failed, quota\n")
    connector.will("go2aliyun_client", "All chosen VMs are imported already.")
    result = connector.run(vms=[{"moid": "vm-1"}], **WITH_CODE)
    assert result["imported"] == [{"moid": "vm-1", "name": "app-01", "source_id": None}]
    assert result["not_imported"] == []
