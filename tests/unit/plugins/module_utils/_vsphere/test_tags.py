# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vSphere tags: which VMs are meant, how often vCenter is asked, and what its refusals mean."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    InvalidOptionError,
    PreconditionError,
    UnreachableError,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere import tags as vsphere_tags
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import Connection
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.tags import tagged_vms

HERE = Connection("vcenter.example.com", "operator", "a secret", 443)
SESSION = "/rest/com/vmware/cis/session"
TAGGING = "/rest/com/vmware/cis/tagging"
ATTACHED = "?~action=list-attached-objects"


class Answer:
    def __init__(self, status: int, content: bytes) -> None:
        self.status = status
        self._content = content

    def read(self) -> bytes:
        return self._content


class Rest:
    """Stands where the connection to vCenter does."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.closed = False

    def request(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> None:
        assert body == ("{}" if "~action=" in path else None)
        self.asked.append((f"{method} {path}", headers))

    def getresponse(self) -> Answer:
        answer = self.answers[self.asked[-1][0]]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Answer):
            return answer
        return Answer(200, json.dumps({"value": answer}).encode())

    def close(self) -> None:
        self.closed = True


def vcenter(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Rest:
    """A vCenter with the tags wave:7 (vm-1, vm-2 and a host), wave:8 (none) and floor:7 (vm-3)."""
    answers: dict[str, Any] = {
        f"POST {SESSION}": "a session",
        f"DELETE {SESSION}": Answer(200, b""),
        f"GET {TAGGING}/tag": ["urn:1", "urn:2", "urn:3"],
        f"GET {TAGGING}/tag/id:urn:1": {"name": "7", "category_id": "wave"},
        f"GET {TAGGING}/tag/id:urn:2": {"name": "8", "category_id": "wave"},
        f"GET {TAGGING}/tag/id:urn:3": {"name": "7", "category_id": "floor"},
        f"GET {TAGGING}/category/id:wave": {"name": "wave"},
        f"GET {TAGGING}/category/id:floor": {"name": "floor"},
        f"POST {TAGGING}/tag-association/id:urn:1{ATTACHED}": [
            {"type": "VirtualMachine", "id": "vm-1"},
            {"type": "VirtualMachine", "id": "vm-2"},
            {"type": "HostSystem", "id": "host-1"},
        ],
        f"POST {TAGGING}/tag-association/id:urn:2{ATTACHED}": None,
        f"POST {TAGGING}/tag-association/id:urn:3{ATTACHED}": [{"type": "VirtualMachine", "id": "vm-3"}],
    }
    rest = Rest(answers | {f"POST {SESSION}" if name == "session" else name: one for name, one in changes.items()})
    monkeypatch.setattr(vsphere_tags, "_http", lambda _connection: rest)
    return rest


@pytest.mark.parametrize(
    ("tags", "vms"),
    [
        (["wave:7"], {"vm-1", "vm-2"}),
        (["7"], {"vm-1", "vm-2", "vm-3"}),
        (["floor:7"], {"vm-3"}),
        (["8"], set()),
        (["7", "wave:7"], {"vm-1", "vm-2"}),
        (["wave:7", "floor:7"], set()),
    ],
)
def test_vms_are_those_with_all_tags(monkeypatch: pytest.MonkeyPatch, tags: list[str], vms: set[str]) -> None:
    rest = vcenter(monkeypatch)
    assert tagged_vms(HERE, tags) == vms
    assert rest.asked[-1][0] == f"DELETE {SESSION}"
    assert rest.closed


def test_the_password_is_sent_once_and_then_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = vcenter(monkeypatch)
    tagged_vms(HERE, ["8"])
    (_login, first), *others = rest.asked
    assert base64.b64decode(first["Authorization"].removeprefix("Basic ")) == b"operator:a secret"
    assert all(headers.get("vmware-api-session-id") == "a session" for _call, headers in others)
    assert not any("Authorization" in headers for _call, headers in others)


def test_no_tags_cost_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = vcenter(monkeypatch)
    assert tagged_vms(HERE, []) == frozenset()
    assert rest.asked == []


def test_an_unknown_tag_is_rejected_with_similar_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = vcenter(monkeypatch)
    with pytest.raises(InvalidOptionError, match="vCenter has no tag 'wave:9'") as caught:
        tagged_vms(HERE, ["wave:7", "wave:9"])
    assert {"wave:7", "wave:8"} <= set(caught.value.details["close_names"])
    assert not any("tag-association" in call for call, _headers in rest.asked)
    assert rest.closed


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer(401, b""), InvalidOptionError, "rejected the user 'operator' or the password"),
        (Answer(403, b""), PreconditionError, "may not read the tags"),
        (Answer(404, b"not found"), PreconditionError, "does not know the requested path or tag"),
        (
            Answer(503, json.dumps({"value": {"messages": [{"default_message": "It starts."}]}}).encode()),
            CutoverError,
            "HTTP status 503, It starts",
        ),
        (Answer(200, b"<html>"), CutoverError, "is not from vCenter's REST API"),
        (ConnectionRefusedError(111, "Connection refused"), UnreachableError, "cannot be reached"),
    ],
)
def test_a_refusal(monkeypatch: pytest.MonkeyPatch, answer: Any, kind: type[CutoverError], words: str) -> None:
    rest = vcenter(monkeypatch, session=answer)
    with pytest.raises(CutoverError, match=words) as caught:
        tagged_vms(HERE, ["7"])
    assert caught.value.__class__ is kind
    assert "a secret" not in str(caught.value.as_result())
    assert rest.closed
