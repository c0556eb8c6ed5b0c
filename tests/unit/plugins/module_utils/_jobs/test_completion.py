# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every way a completion can end: what the module says became of it, because the services are started again by that word."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api, job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import SERVICES_STOPPED_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._jobs.completion import completion_of, strongest_answer
from ansible_collections.cutover.smc.plugins.modules.smc_job_finalize import MODULE
from tests.unit.plugins.builders import a_job
from tests.unit.plugins.wire import HANG_UP, Answer, Cloud, Request, refusal

STOPPED_AT = "2026-11-22T17:00:00Z"
RUN = {"StartTime": "2026-11-22T17:30:00Z", "EndTime": "2026-11-22T17:35:00Z", "ImageId": "m-1"}
IMAGE = {"Images": {"Image": [{"ImageId": "m-1", "Status": "Available"}]}}
TAGGED = {SERVICES_STOPPED_TAG: STOPPED_AT}
SERVICES_MAY_START = {"not_sent", "refused"}

# --- the decision -----------------------------------------------------------------------------------------------

# the answer: the job after the failure -> what became of the completion
DECISIONS: dict[str, list[tuple[Any, str]]] = {
    "not_sent": [
        (a_job("Waiting"), "not_sent"),
        (a_job("Waiting", tags=TAGGED), "not_sent"),
        (a_job("Running"), "not_sent"),
        (a_job("Running", tags=TAGGED), "unknown"),
        (a_job("Running", phase="Cleaning"), "accepted"),
        (a_job("InError"), "not_sent"),
        (a_job("InError", tags=TAGGED), "unknown"),
        (a_job("Stopped"), "not_sent"),
        (a_job("Finished"), "accepted"),
        (None, "unknown"),
    ],
    "refused": [
        (a_job("Waiting", tags=TAGGED), "refused"),
        (a_job("Running"), "unknown"),
        (a_job("Running", tags=TAGGED), "unknown"),
        (a_job("Running", phase="Cleaning"), "accepted"),
        (a_job("InError", tags=TAGGED), "unknown"),
        (a_job("Finished"), "accepted"),
        (None, "unknown"),
    ],
    "unknown": [
        (a_job("Waiting", tags=TAGGED), "unknown"),
        (a_job("Running"), "unknown"),
        (a_job("Running", phase="Cleaning"), "accepted"),
        (a_job("InError"), "unknown"),
        (a_job("Finished"), "accepted"),
        (None, "unknown"),
    ],
    "accepted": [
        (a_job("Waiting", tags=TAGGED), "accepted"),
        (a_job("Running"), "accepted"),
        (a_job("InError"), "accepted"),
        (a_job("Finished"), "accepted"),
        (None, "accepted"),
    ],
}
CELLS = [(answer, job, expected) for answer, row in DECISIONS.items() for job, expected in row]


@pytest.mark.parametrize(("answer", "job", "expected"), CELLS)
def test_the_answer_and_the_job_decide_together(answer: str, job: Any, expected: str):
    assert completion_of(answer, job) == expected


@pytest.mark.parametrize(
    ("answer", "status", "tags"),
    list(itertools.product(("unknown", "accepted"), [*job_lifecycle.STATUSES, None], ({}, TAGGED))),
)
def test_no_state_of_the_job_takes_back_a_completion_that_may_have_been_accepted(answer: str, status: Any, tags: Any):
    assert completion_of(answer, a_job(status, tags=tags) if status else None) not in SERVICES_MAY_START


@pytest.mark.parametrize(
    ("answers", "together"),
    [
        (("unknown", "refused"), "unknown"),
        (("refused", "unknown"), "unknown"),
        (("unknown", "accepted"), "accepted"),
        (("refused", "not_sent"), "refused"),
        (("not_sent",), "not_sent"),
    ],
)
def test_a_later_refusal_does_not_hide_an_earlier_lost_answer(answers: Any, together: str):
    assert strongest_answer(*answers) == together


# --- over the wire ----------------------------------------------------------------------------------------------


@dataclass
class Ending:
    """How one completion ends.

    :ivar answer: what SMC answers
    :ivar state: the job's state and phase afterwards, as SMC shows it
    """

    answer: Any
    state: str = "Waiting"


@dataclass
class Service:
    """SMC and ECS with one job."""

    endings: list[Ending]
    state: str = "Waiting"
    tags: dict[str, str] = field(default_factory=dict)
    readable: bool = True
    completions: int = 0
    listed: bool = True

    def answer(self, request: Request) -> Any:
        if request.action == "CutOverReplicationJob":
            self.completions += 1
            ending = self.endings.pop(0)
            self.state = ending.state
            if ending.state == "unreadable":
                self.readable = False
            return ending.answer
        if request.action == "TagResources":
            self.tags[request.query["Tag.1.Key"]] = request.query["Tag.1.Value"]
            return {}
        if request.action == "DescribeImages":
            return IMAGE
        return self._jobs() if self.readable else refusal("InternalError", 500)

    def _jobs(self) -> dict[str, Any]:
        status, phase = [*self.state.split("/"), ""][:2]
        tags = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        job = {
            "JobId": "j-1",
            "SourceId": "s-1",
            "Status": status,
            "BusinessStatus": phase,
            "RunOnce": False,
            "Tags": {"Tag": tags},
            "ReplicationJobRuns": {"ReplicationJobRun": [RUN]},
        }
        return {"TotalCount": 1, "ReplicationJobs": {"ReplicationJob": [job] if self.listed else []}}


def finalize(cloud: Cloud, connection: Any, service: Service, **params: Any) -> dict[str, Any]:
    """Run the module against the service; returns its result."""

    def answer(request: Request) -> Answer:
        cloud.requests.append(request)
        answered = service.answer(request)
        return answered if isinstance(answered, Answer) else Answer(answered)

    cloud._next = answer  # type: ignore[method-assign]
    own = {
        name: getattr(connection, name)
        for name in ("access_key_id", "access_key_secret", "region_id", "smc_endpoint", "ecs_endpoint")
    }
    defaults = {name: spec.get("default") for name, spec in MODULE.argument_spec.items()}
    given = {"job_id": "j-1", "services_stopped_at": STOPPED_AT, "wait_timeout": "0s", "poll_interval": 0.0}
    return MODULE.execute({**defaults, **own, **given, **params}, Context(False, lambda line: None, lambda line: None))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_lifecycle, "TIME_TO_REACT", timedelta(milliseconds=50))
    monkeypatch.setattr(api, "_READ_TIMEOUT", 200)


LATE = Answer({}, delay=0.4)
THROTTLED = refusal("Throttling.User", 400)
INVALID = refusal("ReplicationJob.InvalidStatus", 400)
ENDINGS: dict[str, tuple[list[Ending], str, int]] = {
    # SMC has accepted it
    "accepted, and never shown": ([Ending({})], "accepted", 1),
    "accepted, and the job fails": ([Ending({}, "InError")], "accepted", 1),
    "accepted, and cleaning takes too long": ([Ending({}, "Running/Cleaning")], "accepted", 1),
    "accepted, and the job cannot be read": ([Ending({}, "unreadable")], "accepted", 1),
    # the answer is lost after the commit
    "lost after the commit, and shown": ([Ending(HANG_UP, "Running/Cleaning")], "accepted", 1),
    "lost after the commit, and syncing": ([Ending(HANG_UP, "Running/Syncing")], "unknown", 1),
    "lost after the commit, and the job cannot be read": ([Ending(HANG_UP, "unreadable")], "unknown", 1),
    "lost after the commit, and the job fails": ([Ending(HANG_UP, "InError")], "unknown", 1),
    # the answer is lost before the commit
    "lost before the commit, then refused": ([Ending(HANG_UP), Ending(refusal("Forbidden", 403))], "unknown", 2),
    "lost before the commit, then an invalid state": ([Ending(HANG_UP), Ending(INVALID)], "unknown", 2),
    "lost before the commit, then accepted": ([Ending(HANG_UP), Ending({}, "Running/Cleaning")], "accepted", 2),
    "lost again and again": ([Ending(HANG_UP)] * 5, "unknown", 5),
    # time-outs and broken answers
    "timed out after the commit": ([Ending(LATE, "Running/Cleaning")], "accepted", 1),
    "timed out, and syncing": ([Ending(LATE, "Running/Syncing")], "unknown", 1),
    "timed out before the commit, then refused": ([Ending(LATE), Ending(INVALID)], "unknown", 2),
    "a server error, then refused": ([Ending(refusal("InternalError", 500)), Ending(INVALID)], "unknown", 2),
    "an answer of a proxy, then refused": ([Ending(Answer(b"<html>", 502)), Ending(INVALID)], "unknown", 2),
    # throttling: SMC did not execute it
    "throttled to the end": ([Ending(THROTTLED)] * 50, "refused", 10),
    "throttled, then accepted": ([Ending(THROTTLED), Ending({}, "Running/Cleaning")], "accepted", 2),
    "throttled, then lost": ([Ending(THROTTLED), Ending(HANG_UP), Ending(INVALID)], "unknown", 3),
    # refusals by code
    "an invalid state": ([Ending(INVALID)], "refused", 1),
    "an invalid phase": ([Ending(refusal("ReplicationJob.InvalidBusinessStatus", 400))], "refused", 1),
    "not permitted": ([Ending(refusal("Forbidden.RAM", 403))], "refused", 1),
    "the key was disabled": ([Ending(refusal("Forbidden.AccessKeyDisabled", 403))], "refused", 1),
    "the quota is used up": ([Ending(refusal("QuotaExceeded.ReplicationJob", 400))], "refused", 1),
    "the source is offline": ([Ending(refusal("SourceServerState.Invalid", 400))], "refused", 1),
    "the account has no funds": ([Ending(refusal("NotEnoughBalance", 400))], "refused", 1),
    "a code that nobody knows": ([Ending(refusal("New.Code", 400))], "refused", 1),
    "a conflict each time": ([Ending(refusal("OperationConflict", 400))] * 5, "refused", 5),
    "the job was not found": ([Ending(refusal("InvalidJobId.NotFound", 404))], "refused", 1),
    "refused, and the job cannot be read": ([Ending(refusal("Forbidden", 403), "unreadable")], "unknown", 1),
    "refused, and the job is completing all the same": ([Ending(refusal("Forbidden", 403), "Finished")], "accepted", 1),
    "refused because a run had begun that lasts": ([Ending(INVALID, "Running/Syncing")], "unknown", 1),
}


@pytest.mark.parametrize(("endings", "completion", "sent"), ENDINGS.values(), ids=ENDINGS)
def test_every_ending_of_a_completion(cloud: Cloud, connection: Any, endings: Any, completion: str, sent: int):
    service = Service(list(endings))
    result = finalize(cloud, connection, service)
    assert result["failed"] is True
    assert result["error"]["details"]["completion"] == completion
    assert service.completions == sent
    assert service.tags == TAGGED


def test_a_lost_completion_that_smc_has_not_shown_is_reported_as_one(cloud: Cloud, connection: Any):
    result = finalize(cloud, connection, Service([Ending(HANG_UP), Ending(INVALID)]))
    assert result["error"]["kind"] == "outcome_unknown"
    assert "A completion was sent before" in result["msg"]
    assert result["error"]["code"] == "ReplicationJob.InvalidStatus"


def test_a_completion_that_did_not_leave_this_machine_was_not_sent(
    cloud: Cloud, connection: Any, monkeypatch: pytest.MonkeyPatch
):
    """The endpoint refuses the connection for the completion alone."""
    client_class = api.Api

    def write(self: Any, action: str, **parameters: Any) -> dict[str, Any]:
        if action == "CutOverReplicationJob":
            with monkeypatch.context() as patch:
                patch.setattr(self._writer, "_endpoint", "127.0.0.1:9")
                return original(self, action, **parameters)
        return original(self, action, **parameters)

    original = client_class.write
    monkeypatch.setattr(client_class, "write", write)
    result = finalize(cloud, connection, Service([]))
    assert (result["error"]["kind"], result["error"]["details"]["completion"]) == ("unreachable", "not_sent")


@pytest.mark.parametrize(
    ("service", "params", "completion"),
    [
        (Service([]), {"services_stopped_at": "2026-11-22T17:40:00Z"}, "not_sent"),
        (Service([]), {"services_stopped_at": "2030-01-01T00:00:00Z"}, "not_sent"),
        (Service([]), {"services_stopped_at": "yesterday"}, "not_sent"),
        (Service([]), {"region_id": ""}, "not_sent"),
        (Service([], state="Stopped"), {}, "not_sent"),
        (Service([], state="Running/Syncing"), {}, "not_sent"),
        (Service([], state="Running/Syncing", tags=dict(TAGGED)), {}, "unknown"),
        (Service([], state="Running/Cleaning"), {}, "accepted"),
        (Service([], state="InError", tags=dict(TAGGED)), {}, "unknown"),
        (Service([], listed=False), {}, "unknown"),
        (Service([], readable=False), {}, "unknown"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_a_failure_before_the_completion(cloud: Cloud, connection: Any, service: Service, params: Any, completion: str):
    result = finalize(cloud, connection, service, **params)
    assert result["failed"] is True
    assert result["error"]["details"]["completion"] == completion
    assert service.completions == 0


@pytest.mark.parametrize("params", [{"services_stopped_at": "2026-11-22T17:40:00Z", "final_sync": True}])
def test_the_last_synchronization_may_be_lost_too(cloud: Cloud, connection: Any, params: Any):
    result = finalize(cloud, connection, Service([Ending(HANG_UP, "Running/Syncing")]), **params)
    assert result["error"]["details"]["completion"] == "unknown"
