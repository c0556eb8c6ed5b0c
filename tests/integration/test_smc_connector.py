# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""smc_connector against the lab's connector: imports, imports again, re-reads, refusals; as a module of its own, too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.lab_harness import Call, Lab, Outcome

# Not used by other files: choosing them takes places of the lab's only connector.
FIRST = "app-09"
SECOND = "app-10"


@pytest.fixture
def connector(lab: Lab, call: Call) -> Call:
    """The module, for the lab's connector."""

    def run(**params: Any) -> Outcome:
        return call("smc_connector", path=str(lab.connector(1)), **params)

    return run


def choices(lab: Lab) -> dict[str, dict[str, Any]]:
    return json.loads((lab.connector(1) / "vmware_migrate_config.json").read_text())


def moid_of(lab: Lab, name: str) -> str:
    return lab.vm(name)["moid"]


def code(call: Call, name: str, uses: int = 10) -> dict[str, str]:
    token = call("smc_access_token", name=name, max_uses=uses)
    return {
        "access_token_id": token["access_token"]["access_token_id"],
        "access_token_code": token["access_token_code"],
    }


def forget(connector: Call, call: Call, lab: Lab, name: str) -> None:
    """As if the VM had never been imported."""
    moid = moid_of(lab, name)
    source = connector()["connector"]["vms"][moid]["source_id"]
    if source:
        call("smc_source", source_id=source, state="absent")
    connector(deselected_vms=[moid])


@pytest.fixture
def fresh(connector: Call, call: Call, lab: Lab) -> None:
    for name in (FIRST, SECOND):
        forget(connector, call, lab, name)
    lab.reset_requests()


@pytest.mark.usefixtures("fresh")
def test_import_and_again(lab: Lab, call: Call, connector: Call) -> None:
    moid = moid_of(lab, FIRST)
    sources = [source["source_id"] for source in call("smc_source_info")["sources"]]
    wanted = {"vms": [{"moid": moid}], "source_ids": sources}

    checked = connector(check=True, **wanted)
    assert checked["changed"]
    assert checked["plan"][-1] == f"import {FIRST}"
    assert not lab.mutating_requests()
    assert not choices(lab)[moid]["migrate"]

    refused = connector(**wanted)
    assert refused.failed
    assert refused["msg"].startswith(f"An activation code is required to import {FIRST}.")

    secret = code(call, "connector-import")
    done = connector(**wanted, **secret)
    assert not done.failed, done.result
    (imported,) = done["imported"]
    known = call("smc_source_info", source_ids=[imported["source_id"]])["sources"]
    assert [source["state"] for source in known] == ["Available"]
    assert choices(lab)[moid]["migrate"] is True
    assert secret["access_token_code"] not in json.dumps(done.result) + done.shown

    again = connector(vms=[{"moid": moid}], source_ids=[*sources, imported["source_id"]])
    assert (again["changed"], again["plan"], again["imported"]) == (False, [], [imported])

    # The source was deleted in SMC, so the line about it in the connector's log does not count.
    assert call("smc_source", source_id=imported["source_id"], state="absent")["changed"]
    repeated = connector(vms=[{"moid": moid}], source_ids=sources, **secret)
    assert not repeated.failed, repeated.result
    assert repeated["imported"][0]["source_id"] not in (None, imported["source_id"])


@pytest.mark.usefixtures("fresh")
def test_one_vm_refused_leaves_the_other_imported(lab: Lab, call: Call, connector: Call) -> None:
    first, second = moid_of(lab, FIRST), moid_of(lab, SECOND)
    platform = choices(lab)[second]["platform"]
    half = connector(
        vms=[{"moid": first}, {"moid": second, "platform": "Plan 9"}], source_ids=[], **code(call, "connector-half")
    )
    assert half.failed
    assert f"did not import {SECOND}: Error:" in half["msg"]
    assert "platform [Plan 9] is not supported" in half["msg"]
    assert [vm["name"] for vm in half["imported"]] == [FIRST]
    assert [vm["name"] for vm in half["not_imported"]] == [SECOND]

    corrected = connector(
        vms=[{"moid": first}, {"moid": second, "platform": platform}],
        source_ids=[half["imported"][0]["source_id"]],
        **code(call, "connector-corrected"),
    )
    assert not corrected.failed, corrected.result
    assert corrected["plan"][-1] == f"import {SECOND}"
    assert corrected["imported"][0] == half["imported"][0]


@pytest.mark.usefixtures("fresh")
def test_a_wrong_code_is_one_clear_sentence(lab: Lab, call: Call, connector: Call) -> None:
    given = dict(code(call, "connector-wrong"), access_token_code="Wr0ng-C0de")
    refused = connector(vms=[{"moid": moid_of(lab, FIRST)}], source_ids=[], **given)
    assert refused.failed
    assert "InvalidAccessToken" in refused["msg"]
    assert "Create a new activation code with smc_access_token" in refused["msg"]
    assert "Traceback" not in refused["msg"]
    assert "Wr0ng-C0de" not in json.dumps(refused.result)


def test_a_vm_that_does_not_exist_is_searched_and_refused(connector: Call) -> None:
    refused = connector(vms=[{"moid": "vm-99999"}], access_token_id="at-1", access_token_code="x-y-z-1")
    assert refused.failed
    assert "does not find vm-99999 in vCenter, although it has read the VMs again" in refused["msg"]


@pytest.mark.usefixtures("fresh")
def test_change_tracking_is_noticed_by_a_refresh(lab: Lab, call: Call, connector: Call) -> None:
    moid = moid_of(lab, FIRST)
    assert not call("vmware_cbt", moid=moid, state="disabled").failed
    connector(refresh=True)
    assert not connector(vms=[{"moid": moid}], source_ids=[], **code(call, "connector-cbt")).failed
    assert not call("vmware_cbt", moid=moid, state="enabled").failed
    assert connector()["connector"]["vms"][moid]["cbt_enabled"] is False

    noticed = connector(refresh=True)
    assert noticed["changed"]
    assert noticed["connector"]["vms"][moid]["cbt_enabled"] is True
    again = connector(refresh=True)
    assert not again.failed
    assert not again["changed"], again.shown + json.dumps(again.result)


def test_as_a_module_with_its_secret_kept(lab: Lab, call: Call, connector: Call, ansible: Call) -> None:
    forget(connector, call, lab, SECOND)
    secret = code(call, "connector-module")
    done = ansible(
        "smc_connector",
        path=str(lab.connector(1)),
        vms=[{"moid": moid_of(lab, SECOND)}],
        source_ids=[],
        verbosity=3,
        **secret,
    )
    assert not done.failed, done.shown
    assert done["changed"]
    assert [vm["name"] for vm in done["imported"]] == [SECOND]
    assert secret["access_token_code"] not in done.shown + json.dumps(done.result)
    log = (lab.connector(1) / "Logs" / "go2aliyun_client.log").read_text()
    assert secret["access_token_code"] not in log


def test_no_connector_is_one_clear_sentence(ansible: Call) -> None:
    refused = ansible("smc_connector", path="/nowhere/smc", verbosity=3)
    assert refused.failed
    assert "The directory /nowhere/smc does not exist, so this is not an SMC connector." in refused["msg"]
    assert "Traceback" not in refused.shown
