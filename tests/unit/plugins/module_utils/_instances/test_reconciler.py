# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""There is one verification instance for an image, without a public address, released by its tag and by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Image, Instance, Invocation
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    InvalidOptionError,
    OutcomeUnknownError,
    PreconditionError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    CHECKS_TAG,
    PROJECT_TAG,
    VERIFIES_IMAGE_TAG,
    VM_TAG,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._instances import check_runner, reconciler
from ansible_collections.cutover.smc.plugins.module_utils._instances.check_runner import CheckRunner
from ansible_collections.cutover.smc.plugins.module_utils._instances.checks import parse_checks
from ansible_collections.cutover.smc.plugins.module_utils._instances.plan import (
    ObservedVerification,
    VerificationSpec,
    parse_spec,
    plan,
)
from ansible_collections.cutover.smc.plugins.module_utils._instances.reconciler import VerificationReconciler, run
from ansible_collections.cutover.smc.plugins.modules.ecs_verification_instance import MODULE
from tests.unit.plugins.builders import NOW, an_image, an_instance

OPTIONS = {name: option.get("default") for name, option in MODULE.argument_spec.items()} | {
    "image_id": "m-1",
    "instance_type": "ecs.c7.large",
    "vswitch_id": "vsw-1",
    "security_group_id": "sg-1",
}


def spec(**params: Any) -> VerificationSpec:
    return parse_spec({**OPTIONS, **params})


def test_it_is_billed_by_use_and_has_no_public_address():
    parameters = spec(vm_uuid="u-1", project="spring", system_disk_category="cloud_essd").parameters
    assert parameters["InternetMaxBandwidthOut"] == 0
    assert parameters["InstanceChargeType"] == "PostPaid"
    assert parameters["SystemDisk"] == {"Category": "cloud_essd"}
    assert {tag["Key"]: tag["Value"] for tag in parameters["Tag"]} == {
        VERIFIES_IMAGE_TAG: "m-1",
        VM_TAG: "u-1",
        PROJECT_TAG: "spring",
    }
    assert "SystemDisk" not in spec(system_disk_category=None).parameters


def test_ecs_releases_nothing_within_half_an_hour():
    with pytest.raises(InvalidOptionError, match="Option 'release_after' is '29m'"):
        spec(release_after="29m")
    assert spec(release_after="30m").release_after == timedelta(minutes=30)


TABLE = [
    ("present", ObservedVerification(an_image()), ["start", "wait_running"]),
    ("present", ObservedVerification(an_image(), (an_instance(status="Running"),)), []),
    ("present", ObservedVerification(an_image(), (an_instance(status="Starting"),)), ["wait_running"]),
    ("present", ObservedVerification(None, (an_instance(status="Running"),)), []),
    ("absent", ObservedVerification(None), []),
    ("absent", ObservedVerification(None, (an_instance("i-1"), an_instance("i-2"))), ["release", "release"]),
]


@pytest.mark.parametrize(("state", "observed", "expected"), TABLE)
def test_every_state(state: str, observed: ObservedVerification, expected: list[str]):
    assert [step.action for step in plan(spec(state=state), observed).steps] == expected


def test_without_waiting():
    assert [step.action for step in plan(spec(wait=False), ObservedVerification(an_image())).steps] == ["start"]
    assert plan(spec(wait=False), ObservedVerification(an_image(), (an_instance(status="Starting"),))).steps == ()


@pytest.mark.parametrize("image", [None, an_image(status="Creating")])
def test_an_image_that_cannot_be_used_fails(image: Image | None):
    with pytest.raises(PreconditionError, match=r"Image m-1 (does not exist|is Creating)"):
        plan(spec(), ObservedVerification(image))


class Ecs:
    """Instances in memory; one that is made runs when it is read a second time."""

    def __init__(self, *instances: Instance) -> None:
        self.there = {instance.instance_id: instance for instance in instances}
        self.made: list[dict[str, Any]] = []
        self.released: list[str] = []

    @property
    def now(self) -> datetime:
        return NOW.replace(second=42)

    def image(self, image_id: str) -> Image:
        return an_image(image_id)

    def instances(self, instance_ids: list[str] | None = None, tags: dict[str, str] | None = None) -> list[Instance]:
        found = [
            instance
            for instance in self.there.values()
            if (instance_ids is None or instance.instance_id in instance_ids)
            and (tags or {}).items() <= instance.tags.items()
        ]
        for instance in found:
            self.there[instance.instance_id] = an_instance(instance.instance_id, tags=instance.tags)
        return found

    def run_instance(self, parameters: dict[str, Any]) -> str:
        self.made.append(parameters)
        tags = {tag["Key"]: tag["Value"] for tag in parameters["Tag"]}
        self.there["i-new"] = an_instance("i-new", status="Pending", tags=tags)
        return "i-new"

    def delete_instance(self, instance_id: str) -> None:
        self.released.append(instance_id)
        del self.there[instance_id]


def reconcile(ecs: Ecs, wanted: VerificationSpec, check_mode: bool = False) -> dict[str, Any]:
    context = Context(check_mode, lambda line: None, lambda line: None)
    return VerificationReconciler(ecs, wanted, context, timedelta(minutes=1), 0.0).run().result()  # type: ignore[arg-type]


def test_one_is_started_and_then_left_alone():
    ecs = Ecs(an_instance("i-other", tags={VERIFIES_IMAGE_TAG: "m-2"}), an_instance("i-plain"))
    assert reconcile(ecs, spec())["changed"] is True
    assert reconcile(ecs, spec())["changed"] is False
    (made,) = ecs.made
    assert made["AutoReleaseTime"] == "2026-11-22T20:00:00Z"
    assert len(made["ClientToken"]) <= 64


class Late(Ecs):
    """What is made is listed only after some reads."""

    reads_until_listed = 30

    def instances(self, instance_ids: list[str] | None = None, tags: dict[str, str] | None = None) -> list[Instance]:
        self.reads_until_listed -= bool(self.made)
        return super().instances(instance_ids, tags) if self.reads_until_listed <= 0 else []


def test_one_that_ecs_does_not_list_yet_is_not_started_again():
    ecs = Late()
    assert reconcile(ecs, spec(wait=False))["changed"] is True
    assert len(ecs.made) == 1


def test_check_mode_starts_none():
    ecs = Ecs()
    assert reconcile(ecs, spec(), check_mode=True)["changed"] is True
    assert ecs.made == []


def test_only_what_carries_the_tag_is_released():
    ecs = Ecs(
        an_instance("i-1", tags={VERIFIES_IMAGE_TAG: "m-1"}),
        an_instance("i-2", tags={VERIFIES_IMAGE_TAG: "m-2"}),
        an_instance("i-3", name="cutover-verify-m-1"),
    )
    assert reconcile(ecs, spec(state="absent"))["changed"] is True
    assert ecs.released == ["i-1"]
    assert reconcile(ecs, spec(state="absent"))["changed"] is False


# --- checks -----------------------------------------------------------------------------------------------------

CHECK_SPEC = MODULE.argument_spec["checks"]["options"]
CHECK_DEFAULTS = {name: option.get("default") for name, option in CHECK_SPEC.items()}
CHECKS = [{**CHECK_DEFAULTS, "name": name, "command": name} for name in ("disks", "ssh")]


class Guest(Ecs):
    """An instance with Cloud Assistant; commands answer by script, and a token that was used answers with the same."""

    def __init__(self, *outcomes: Invocation, agent: bool = True, tag: str = "") -> None:
        tags = {VERIFIES_IMAGE_TAG: "m-1", **({CHECKS_TAG: tag} if tag else {})}
        super().__init__(an_instance("i-1", tags=tags, image_id="m-1", os_type="linux", released_at=NOW))
        self.script = list(outcomes)
        self.agent = agent
        self.refusal: CutoverError | None = None
        self.lost_answers = 0
        self.ran: dict[str, tuple[str, Invocation]] = {}

    def instances(self, instance_ids: list[str] | None = None, tags: dict[str, str] | None = None) -> list[Instance]:
        return [one for one in self.there.values() if instance_ids is None or one.instance_id in instance_ids]

    def agent_answers(self, instance_id: str) -> bool:
        return self.agent

    def run_command(self, instance_id: str, parameters: dict[str, Any]) -> str:
        if self.refusal:
            raise self.refusal
        token = parameters["ClientToken"]
        if token not in self.ran:
            self.ran[token] = (parameters["Name"], self.script.pop(0))
        if self.lost_answers:
            self.lost_answers -= 1
            raise OutcomeUnknownError("no answer")
        return str(token)

    def invocation(self, invoke_id: str, instance_id: str) -> Invocation:
        return self.ran[invoke_id][1]

    def console_output(self, instance_id: str) -> str:
        return "\x1b[1mbooting\x1b[0m\nlogin: "

    def tag_instance(self, instance_id: str, tags: dict[str, str]) -> None:
        one = self.there[instance_id]
        self.there[instance_id] = replace(one, tags=one.tags | tags)


GOOD, BAD = Invocation("Success", 0, "fine"), Invocation("Failed", 1, "broken", 0, "ExitCodeNonzero")


def check(guest: Guest, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    """Run the module's handler with a cloud in memory."""
    options = {**OPTIONS, "poll_interval": 0.0, "checks": CHECKS, **params}
    warnings: list[str] = []
    with mock.patch.object(reconciler, "EcsClient", return_value=guest):
        result = run(options, Context(check_mode, lambda line: None, warnings.append))
    return dict(result, warnings=warnings)


def test_checks_that_pass_are_run_once():
    guest = Guest(GOOD, GOOD)
    planned = check(guest, check_mode=True)
    assert guest.ran == {}
    done = check(guest)
    assert planned["plan"] == done["plan"]
    assert done["plan"][1:] == [
        "run check 'disks'",
        "run check 'ssh'",
        "record the outcome of the checks on the instance",
    ]
    assert [one["passed"] for one in done["checks"]] == [True, True]
    assert (done["checks_passed"], done["agent"], done["console_output"]) == (True, True, None)
    again = check(guest)
    assert (again["changed"], again["checks_passed"], again["agent"]) == (False, True, None)
    assert [one["message"] for one in again["checks"]] == ["The check passed on this instance before."] * 2
    assert check(guest, check_mode=True)["plan"] == []


def test_other_checks_are_run():
    guest = Guest(GOOD, GOOD, GOOD)
    check(guest)
    assert check(guest, checks=[{**CHECKS[0], "command": "other"}])["changed"] is True


def test_a_failed_check_fails_the_task_after_all_have_run():
    guest = Guest(BAD, GOOD)
    with pytest.raises(PreconditionError) as caught:
        check(guest)
    result = caught.value.partial
    assert "1 of 2 checks failed on instance i-1 of image m-1. 'disks': The exit code is 1, not 0." in str(caught.value)
    assert "which releases itself at 2026-11-22T18:00:00Z" in str(caught.value)
    assert [one["passed"] for one in result["checks"]] == [False, True]
    assert (result["changed"], result["checks_passed"]) == (True, False)
    assert result["console_output"] == "booting\nlogin: "
    assert guest.released == []


def test_failed_checks_are_run_again():
    guest = Guest(BAD, GOOD, GOOD, GOOD)
    assert check(guest, fail_on_check_failure=False)["checks_passed"] is False
    assert check(guest)["checks_passed"] is True
    assert len(guest.ran) == 4


def test_a_killed_run_continues_with_what_it_had_sent():
    guest = Guest(GOOD, GOOD)
    with pytest.raises(KeyboardInterrupt), mock.patch.object(guest, "tag_instance", side_effect=KeyboardInterrupt):
        check(guest)
    assert check(guest)["checks_passed"] is True
    assert len(guest.ran) == 2


def test_a_lost_response_runs_no_check_twice():
    guest = Guest(GOOD, GOOD)
    guest.lost_answers = 1
    assert check(guest)["checks_passed"] is True
    assert len(guest.ran) == 2


def test_without_an_agent_the_console_output_is_returned():
    guest = Guest(agent=False)
    with pytest.raises(
        PreconditionError, match="'ssh': The check was not run, because Cloud Assistant's agent did not answer"
    ) as caught:
        check(guest, agent_timeout="0s")
    result = caught.value.partial
    assert (result["agent"], result["console_output"]) == (False, "booting\nlogin: ")
    assert [one["code"] for one in result["checks"]] == ["ClientNotRunning"] * 2
    assert "console_output shows whether the system started" in str(caught.value)


def test_a_console_that_cannot_be_read_hides_no_result():
    guest = Guest(BAD, GOOD)
    with mock.patch.object(guest, "console_output", side_effect=CutoverError("forbidden")):
        result = check(guest, fail_on_check_failure=False)
    assert (result["checks_passed"], result["console_output"]) == (False, None)
    assert result["warnings"] == ["The console of instance i-1 could not be read: forbidden."]


def test_a_check_that_is_refused_has_failed():
    guest = Guest()
    guest.refusal = CutoverError("no", code="InvalidInstance.NotMatch")
    result = check(guest, fail_on_check_failure=False)
    assert [one["code"] for one in result["checks"]] == ["InvalidInstance.NotMatch"] * 2


def test_waiting_for_a_missing_result_ends(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(check_runner, "DELIVERY_TIME", timedelta(0))
    guest = Guest(Invocation("Running"))
    runner = CheckRunner(guest, parse_checks(CHECKS), timedelta(0), 0.0, Context(False, print, print))  # type: ignore[arg-type]
    with mock.patch.object(check_runner.Waiter, "until", side_effect=WaitTimeoutError("late")):
        runner.run_check(an_instance("i-1"), "disks", "")
    result = runner.results["disks"]
    assert (result.passed, result.code) == (False, "ResultTimeout")
    assert result.message == "Cloud Assistant returned no result within 1m."


def test_a_failed_instance_is_released_on_request():
    guest = Guest(BAD, GOOD)
    with pytest.raises(PreconditionError, match=r"The instance was released\.$"):
        check(guest, release_failed=True)
    assert guest.released == ["i-1"]


def test_checks_need_an_instance_that_runs():
    with pytest.raises(InvalidOptionError, match="Option 'checks' requires wait: true"):
        spec(checks=CHECKS, wait=False)
    assert spec(state="absent", checks=CHECKS).checks == ()


def test_the_complete_plan_is_known_before_there_is_an_instance():
    assert [step.action for step in plan(spec(checks=CHECKS), ObservedVerification(an_image())).steps] == [
        "start",
        "wait_running",
        "wait_agent",
        "check",
        "check",
        "record",
    ]
