# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of vCenter: what faults and network errors mean, which API version is used, how tasks and sessions are handled."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from pyVmomi import vim, vmodl

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    InvalidOptionError,
    NotFoundError,
    OutcomeUnknownError,
    PreconditionError,
    UnreachableError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere import client
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import BusyError, Connection, VCenter
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.properties import ExtraRead

HERE = Connection("vcenter.example.com", "operator", "a secret", 443)
REFUSED = ConnectionRefusedError(111, "Connection refused")


class Wire:
    """Stands where pyVmomi's stub does: answers each method by what was laid ready for it, and remembers the calls."""

    cookie = ""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.calls: list[str] = []
        self.arguments: dict[str, Any] = {}
        self.sessions_dropped = 0

    def InvokeMethod(self, _object: Any, info: Any, arguments: Any) -> Any:  # noqa: N802 (pyVmomi's name)
        self.calls.append(info.wsdlName)
        self.arguments[info.wsdlName] = arguments
        ready = self.answers[info.wsdlName]
        answer = ready.pop(0) if len(ready) > 1 else ready[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def ComputeVersionInfo(self, _version: str) -> None:  # noqa: N802 (pyVmomi's name)
        pass

    def SetSessionId(self, _session: str) -> None:  # noqa: N802 (pyVmomi's name)
        self.sessions_dropped += 1

    def DropConnections(self) -> None:  # noqa: N802 (pyVmomi's name)
        pass


def content() -> Any:
    about = vim.AboutInfo(
        name="vCenter",
        fullName="vCenter",
        vendor="",
        version="6.7.0",
        build="1",
        osType="",
        productLineId="vpx",
        apiType="",
        apiVersion="6.7",
    )
    return vim.ServiceInstanceContent(
        rootFolder=vim.Folder("group-d1"),
        propertyCollector=vmodl.query.PropertyCollector("collector"),
        viewManager=vim.view.ViewManager("views"),
        about=about,
        sessionManager=vim.SessionManager("sessions"),
        searchIndex=vim.SearchIndex("index"),
        authorizationManager=vim.AuthorizationManager("rights"),
    )


def connected(monkeypatch: pytest.MonkeyPatch, **answers: list[Any]) -> tuple[VCenter, Wire]:
    """A session on a wire of which the test says what comes back."""
    wire = Wire(**({"Login": [None], "Logout": [None]} | answers))
    present = content()
    for name in (
        "rootFolder",
        "propertyCollector",
        "viewManager",
        "sessionManager",
        "searchIndex",
        "authorizationManager",
    ):
        getattr(present, name)._stub = wire
    wire.answers["RetrieveServiceContent"] = [present]
    monkeypatch.setattr(client, "_stub", lambda _connection: wire)
    return VCenter(HERE, sleep=lambda _seconds: None), wire


def task_answer(state: str, **values: Any) -> Any:
    collector = vmodl.query.PropertyCollector
    properties = [
        vmodl.DynamicProperty(name=f"info.{name}", val=value) for name, value in ({"state": state} | values).items()
    ]
    return collector.RetrieveResult(objects=[collector.ObjectContent(obj=vim.Task("task-1"), propSet=properties)])


def start_task() -> Any:
    return vim.Task("task-1")


def failing(error: BaseException) -> Callable[[], None]:
    """A call that raises."""

    def call() -> None:
        raise error

    return call


def ignore(_line: str) -> None:
    pass


# What it means


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (REFUSED, UnreachableError, "cannot be reached (Connection refused)"),
        (TimeoutError("timed out"), UnreachableError, "no answer in time"),
        (
            socket.gaierror(-2, "Name or service not known"),
            InvalidOptionError,
            "The host name 'vcenter.example.com' cannot be resolved",
        ),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), UnreachableError, "TLS"),
    ],
)
def test_a_network_error_while_connecting(
    monkeypatch: pytest.MonkeyPatch, error: OSError, kind: type[CutoverError], words: str
) -> None:
    vcenter, wire = connected(monkeypatch)
    wire.answers["RetrieveServiceContent"] = [error]
    with pytest.raises(kind) as caught:
        vcenter.__enter__()
    assert words in caught.value.message
    assert caught.value.remedy


def test_an_untrusted_certificate_names_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_message = "self-signed certificate in certificate chain"
    vcenter, wire = connected(monkeypatch)
    wire.answers["RetrieveServiceContent"] = [error]
    with pytest.raises(
        InvalidOptionError, match=r"is not trusted \(self-signed.*SSL_CERT_FILE.*validate_certs to false"
    ):
        vcenter.__enter__()


def test_a_wrong_password_shows_the_user_and_not_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    vcenter, _wire = connected(monkeypatch, Login=[vim.fault.InvalidLogin()])
    with pytest.raises(InvalidOptionError, match="rejected the user 'operator' or the password") as caught:
        vcenter.__enter__()
    assert "a secret" not in str(caught.value) + repr(HERE)


def test_an_error_of_the_network_during_a_change_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    vcenter, _wire = connected(monkeypatch)
    with (
        vcenter,
        pytest.raises(OutcomeUnknownError, match=r"during 'power on app-01' .*may or may not have been applied"),
    ):
        vcenter.submit("power on app-01", failing(REFUSED))


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (vim.fault.TaskInProgress(msg="busy"), BusyError, "busy"),
        (vim.fault.ConcurrentAccess(), ConflictError, "ConcurrentAccess"),
        (vim.fault.InvalidPowerState(), ConflictError, "InvalidPowerState"),
        (vmodl.fault.ManagedObjectNotFound(obj=vim.VirtualMachine("vm-9")), NotFoundError, "vm-9 does not exist"),
        (
            vim.fault.GenericVmConfigFault(reason="no", msg="The disk\n is locked."),
            CutoverError,
            "Could not work: The disk is locked.",
        ),
    ],
)
def test_a_fault_of_a_change(monkeypatch: pytest.MonkeyPatch, fault: Any, kind: type[CutoverError], words: str) -> None:
    vcenter, _wire = connected(monkeypatch)
    with vcenter, pytest.raises(kind) as caught:
        vcenter.submit("work", failing(fault))
    assert words in str(caught.value)
    assert caught.value.code == type(fault).__name__.rpartition(".")[2]


def test_a_missing_privilege_is_reported_with_the_name_of_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    collector = vmodl.query.PropertyCollector
    named = collector.ObjectContent(
        obj=vim.VirtualMachine("vm-9"), propSet=[vmodl.DynamicProperty(name="name", val="app-01")]
    )
    vcenter, _wire = connected(monkeypatch, RetrievePropertiesEx=[collector.RetrieveResult(objects=[named])])
    fault = vim.fault.NoPermission(object=vim.VirtualMachine("vm-9"), privilegeId="VirtualMachine.Interact.PowerOn")
    with (
        vcenter,
        pytest.raises(PreconditionError, match=r"lacks the privilege VirtualMachine\.Interact\.PowerOn on app-01"),
    ):
        vcenter.submit("power on app-01", failing(fault))


# Sessions and repeating


def test_a_session_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    vcenter, wire = connected(monkeypatch)
    with vcenter:
        pass
    assert wire.calls == ["RetrieveServiceContent", "Login", "Logout"]


def test_a_logout_that_fails_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vcenter, _wire = connected(monkeypatch, Logout=[REFUSED])
    with pytest.raises(ZeroDivisionError), vcenter:
        raise ZeroDivisionError


def test_a_read_logs_in_again_when_the_session_has_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    vcenter, wire = connected(monkeypatch, FindByUuid=[vim.fault.NotAuthenticated(), None])
    with vcenter:
        assert vcenter.find_by_uuid("u") is None
    assert wire.calls.count("Login") == 2
    assert wire.sessions_dropped == 1


def test_a_change_is_done_again_when_the_session_had_expired_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [vim.fault.NotAuthenticated(), "done"]

    def change() -> str:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    vcenter, wire = connected(monkeypatch)
    with vcenter:
        assert vcenter.submit("work", change) == "done"
    assert wire.calls.count("Login") == 2


def test_a_read_is_repeated_over_a_bad_network_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    vcenter, wire = connected(monkeypatch, FindByUuid=[REFUSED, REFUSED, None])
    with vcenter:
        assert vcenter.find_by_uuid("u") is None
    assert wire.calls.count("FindByUuid") == 3
    vcenter, wire = connected(monkeypatch, FindByUuid=[REFUSED])
    with vcenter, pytest.raises(UnreachableError):
        vcenter.find_by_uuid("u")
    assert wire.calls.count("FindByUuid") == 4


# Reads and tasks


def test_a_read_follows_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    collector = vmodl.query.PropertyCollector

    def page(moid: str, token: str | None) -> Any:
        name = vmodl.DynamicProperty(name="name", val=f"name of {moid}")
        return collector.RetrieveResult(
            token=token, objects=[collector.ObjectContent(obj=vim.VirtualMachine(moid), propSet=[name])]
        )

    vcenter, _wire = connected(
        monkeypatch,
        RetrievePropertiesEx=[page("vm-1", "more")],
        ContinueRetrievePropertiesEx=[page("vm-2", "more"), page("vm-3", None)],
    )
    with vcenter:
        seen = vcenter.read([vim.VirtualMachine("vm-1")], {"VirtualMachine": ("name",)})
    assert [(one.moid, one.kind, one.values["name"]) for one in seen] == [
        (moid, "VirtualMachine", f"name of {moid}") for moid in ("vm-1", "vm-2", "vm-3")
    ]


def test_no_objects_cost_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    vcenter, wire = connected(monkeypatch)
    with vcenter:
        assert vcenter.read([], {"VirtualMachine": ("name",)}) == []
    assert "RetrievePropertiesEx" not in wire.calls


def test_a_task_is_waited_for_and_its_result_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    states = [task_answer("running", progress=40), task_answer("success", result="made")]
    vcenter, _wire = connected(monkeypatch, RetrievePropertiesEx=states)
    with vcenter:
        assert vcenter.run_task("work", start_task, ignore, 60) == ("made", [])


def test_a_vm_is_read_together_with_the_end_of_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_vm(answer: Any, name: str) -> Any:
        properties = [vmodl.DynamicProperty(name="name", val=name)]
        answer.objects.append(
            vmodl.query.PropertyCollector.ObjectContent(obj=vim.VirtualMachine("vm-1"), propSet=properties)
        )
        return answer

    states = [with_vm(task_answer("running"), "before"), with_vm(task_answer("success"), "after")]
    vcenter, wire = connected(monkeypatch, RetrievePropertiesEx=states)
    extra = ExtraRead(vim.VirtualMachine("vm-1"), {"VirtualMachine": ("name",)})
    with vcenter:
        _result, seen = vcenter.run_task("work", start_task, ignore, 60, extra)
    assert [(one.moid, one.values) for one in seen] == [("vm-1", {"name": "after"})]
    assert wire.calls.count("RetrievePropertiesEx") == 2


@pytest.mark.parametrize(("user", "asked"), [("", "LAB\\operator"), ("smc", "smc")])
def test_missing_privileges_are_asked_for_in_one_call(monkeypatch: pytest.MonkeyPatch, user: str, asked: str) -> None:
    availability = vim.AuthorizationManager.PrivilegeAvailability
    answer = vim.AuthorizationManager.EntityPrivilege(
        entity=vim.VirtualMachine("vm-1"),
        privAvailability=[availability(privId="A", isGranted=True), availability(privId="B", isGranted=False)],
    )
    session = vim.UserSession(userName="LAB\\operator")
    vcenter, wire = connected(monkeypatch, Login=[session], HasUserPrivilegeOnEntities=[[answer]])
    with vcenter:
        assert vcenter.missing_privileges([vim.VirtualMachine("vm-1")], ["A", "B"], user) == {"vm-1": ("B",)}
    assert wire.arguments["HasUserPrivilegeOnEntities"][1] == asked


@pytest.mark.parametrize(("granted", "words"), [(False, "lacks the privileges A, B on app-01"), (True, "")])
def test_required_privileges_are_checked(monkeypatch: pytest.MonkeyPatch, granted: bool, words: str) -> None:
    availability = vim.AuthorizationManager.PrivilegeAvailability
    answer = vim.AuthorizationManager.EntityPrivilege(
        entity=vim.VirtualMachine("vm-1"),
        privAvailability=[availability(privId=name, isGranted=granted) for name in ("A", "B")],
    )
    vcenter, _wire = connected(
        monkeypatch, Login=[vim.UserSession(userName="root")], HasUserPrivilegeOnEntities=[[answer]]
    )
    with vcenter, nullcontext() if granted else pytest.raises(PreconditionError, match=words) as caught:
        vcenter.require_privileges(vim.VirtualMachine("vm-1"), "app-01", ["A", "B"], ["work"])
    if not granted:
        assert caught.value.code == "NoPermission"
        assert caught.value.details == {"privileges": ["A", "B"], "entity": "app-01", "plan": ["work"]}


@pytest.mark.parametrize(
    "fault", [vmodl.fault.NotSupported(), vim.fault.NoPermission(privilegeId="Authorization.View")]
)
def test_a_server_that_cannot_show_privileges_is_taken_to_grant_them(
    monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    vcenter, _wire = connected(
        monkeypatch, Login=[vim.UserSession(userName="root")], HasUserPrivilegeOnEntities=[fault]
    )
    with vcenter:
        assert vcenter.missing_privileges([vim.VirtualMachine("vm-1")], ["A"]) == {}


def test_a_missing_privilege_to_check_another_user_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = vim.fault.NoPermission(privilegeId="Authorization.View")
    vcenter, _wire = connected(monkeypatch, HasUserPrivilegeOnEntities=[fault])
    with vcenter, pytest.raises(PreconditionError, match=r"Authorization\.View"):
        vcenter.missing_privileges([vim.VirtualMachine("vm-1")], ["A"], "smc")


@pytest.mark.parametrize(("kind", "views"), [("Folder", 0), ("VirtualApp", 1)])
def test_the_inventory_is_read_by_a_view_only_where_there_are_vapps(
    monkeypatch: pytest.MonkeyPatch, kind: str, views: int
) -> None:
    collector = vmodl.query.PropertyCollector
    answer = collector.RetrieveResult(objects=[collector.ObjectContent(obj=getattr(vim, kind)("one"), propSet=[])])
    vcenter, wire = connected(monkeypatch, RetrievePropertiesEx=[answer], DestroyView=[None])
    view = vim.view.ContainerView("view")
    view._stub = wire
    wire.answers["CreateContainerView"] = [view]
    with vcenter:
        assert [one.kind for one in vcenter.read_all({kind: ("name",)})] == [kind]
    assert wire.calls.count("CreateContainerView") == wire.calls.count("DestroyView") == views


def test_a_task_that_fails_reports_its_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = task_answer("error", error=vim.fault.TaskInProgress(msg="Another task is already in progress."))
    vcenter, _wire = connected(monkeypatch, RetrievePropertiesEx=[failed])
    with vcenter, pytest.raises(BusyError, match="Could not work: Another task is already in progress"):
        vcenter.run_task("work", start_task, ignore, 60)


def test_a_task_that_takes_too_long_ends_with_what_it_was_doing(monkeypatch: pytest.MonkeyPatch) -> None:
    vcenter, _wire = connected(monkeypatch, RetrievePropertiesEx=[task_answer("running", progress=40)])
    with vcenter, pytest.raises(WaitTimeoutError, match="work: running, 40 %"):
        vcenter.run_task("work", start_task, ignore, 0)


def test_a_task_whose_end_cannot_be_seen_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    vcenter, _wire = connected(monkeypatch, RetrievePropertiesEx=[REFUSED])
    with vcenter, pytest.raises(OutcomeUnknownError, match="Lost contact with vCenter while 'work' was running"):
        vcenter.run_task("work", start_task, ignore, 0)


@pytest.mark.parametrize(
    ("offered", "spoken"),
    [
        ("6.5", "vim.version.version11"),
        ("6.7.3", "vim.version.version15"),
        ("8.0.2.0", "vim.version.v8_0_2_0"),
        ("8.0.2.9", "vim.version.v8_0_2_0"),
        ("unknown", "vim.version.version9"),
    ],
)
def test_the_newest_version_that_both_sides_know_is_spoken(offered: str, spoken: str) -> None:
    assert client._best_version(offered) == spoken


def test_certificates_are_verified_on_the_loopback_too() -> None:
    context = client._stub(Connection("127.0.0.1", "u", "p")).schemeArgs["context"]
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    careless = client._stub(Connection("127.0.0.1", "u", "p", validate_certs=False)).schemeArgs["context"]
    assert careless.verify_mode == ssl.CERT_NONE


def params(**given: Any) -> dict[str, Any]:
    return {name: given.get(name, option.get("default")) for name, option in client.connection_spec().items()}


@pytest.mark.parametrize(
    ("given", "message", "variables"),
    [
        (
            {"username": "operator", "password": "a secret"},
            "Option 'hostname' is missing",
            "the environment variable VMWARE_HOST",
        ),
        (
            {"hostname": "vcenter.example.com", "username": ""},
            "Options 'username' and 'password' are missing",
            "the environment variables VMWARE_USER and VMWARE_PASSWORD",
        ),
    ],
)
def test_a_missing_option_is_reported_with_its_environment_variable(
    given: dict[str, Any], message: str, variables: str
) -> None:
    with pytest.raises(InvalidOptionError) as caught:
        Connection.from_params(params(**given))
    assert caught.value.message == message
    assert variables in caught.value.remedy


def test_a_connection_is_made_of_the_options() -> None:
    given = {"hostname": "vcenter.example.com", "username": "operator", "password": "a secret"}
    assert Connection.from_params(params(**given)) == HERE
