# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The instance on which an image is verified: made for a while, checked, and always released (private to the collection)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api as _alicloud
from ansible_collections.cutover.smc.plugins.module_utils._alicloud import ecs as _ecs
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.ecs_records import Image, Instance, Invocation
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import client_token
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    InvalidOptionError,
    OutcomeUnknownError,
    PreconditionError,
    UnreachableError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import (
    CHECKS_TAG,
    PROJECT_TAG,
    VERIFIES_IMAGE_TAG,
    VM_TAG,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step, wait_step
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import Outcome, converge
from ansible_collections.cutover.smc.plugins.module_utils._core.times import (
    format_duration,
    format_moment,
    parse_duration,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter
from ansible_collections.cutover.smc.plugins.module_utils._instances import checks as _checks

SHORTEST = timedelta(minutes=30)
#: A command of a second should not be waited for as long as a job of hours.
MOST_SECONDS_BETWEEN_LOOKS = 5.0
#: Longer than the minute for which an instance that was released at once is the answer to the same request.
SECONDS_UNTIL_LISTED = 90
#: Cloud Assistant gives up a delivery after a minute.
DELIVERY = timedelta(minutes=2)


@dataclass(frozen=True)
class Wish:
    """The declared verification instance."""

    state: str
    image_id: str
    parameters: dict[str, t.Any] = field(default_factory=dict)
    release_after: timedelta = timedelta(hours=2)
    wait: bool = True
    checks: tuple[_checks.Check, ...] = ()


@dataclass(frozen=True)
class Sight:
    """What was seen at one look: the image, and its verification instances that are not on their way out.

    :ivar agent: Cloud Assistant has answered from the instance to this run, or been given up
    :ivar checked: the names of the checks that this run has results of
    :ivar noted: this run has noted the outcome of the checks
    """

    image: t.Optional[Image]
    instances: tuple[Instance, ...] = ()
    agent: bool = False
    checked: frozenset[str] = frozenset()
    noted: bool = False

    @property
    def running(self) -> t.Optional[Instance]:
        return next((instance for instance in self.instances if instance.status == "Running"), None)

    @property
    def outcome(self) -> str:
        """What the instance says of its checks."""
        instance = self.running or next(iter(self.instances), None)
        return instance.tags.get(CHECKS_TAG, "") if instance else ""


def wish_from(params: t.Mapping[str, t.Any]) -> Wish:
    """:raises InvalidOptionError: names the option, the value and the remedy"""
    release_after = parse_duration("release_after", params["release_after"])
    if release_after < SHORTEST:
        raise InvalidOptionError(
            "Option 'release_after' is '%s'" % params["release_after"],
            remedy="ECS releases an instance after 30m at the earliest",
        )
    tags = {VERIFIES_IMAGE_TAG: params["image_id"]}
    tags.update({key: value for key, value in ((VM_TAG, params["vm_uuid"]), (PROJECT_TAG, params["project"])) if value})
    parameters = {
        "ImageId": params["image_id"],
        "InstanceType": params["instance_type"],
        "VSwitchId": params["vswitch_id"],
        "SecurityGroupId": params["security_group_id"],
        "InstanceName": params["name"] or "cutover-verify-%s" % params["image_id"],
        "InstanceChargeType": "PostPaid",
        "InternetMaxBandwidthOut": 0,
        "KeyPairName": params["key_pair_name"],
        "Tag": [{"Key": key, "Value": value} for key, value in sorted(tags.items())],
    }
    if params["system_disk_category"]:
        parameters["SystemDisk"] = {"Category": params["system_disk_category"]}
    checks = _checks.checks_from(params["checks"]) if params["state"] == "present" else ()
    if checks and not params["wait"]:
        raise InvalidOptionError(
            "Option 'checks' cannot be had with wait: false", remedy="Checks need an instance that runs"
        )
    return Wish(params["state"], params["image_id"], parameters, release_after, params["wait"], checks)


def decide(wish: Wish, sight: Sight) -> Plan:
    """What is left to do for the declared state; pure.

    :raises PreconditionError: when there is no image to start from
    """
    if wish.state == "absent":
        return Plan(
            tuple(
                Step(
                    "release",
                    "release the verification instance %s" % instance.instance_id,
                    {"instance_id": instance.instance_id},
                    {"instances": []},
                )
                for instance in sight.instances
            )
        )
    if not sight.instances:
        if sight.image is None or sight.image.status != "Available":
            raise PreconditionError(
                "Image %s %s"
                % (wish.image_id, "does not exist" if sight.image is None else "is %s" % sight.image.status),
                remedy="Take an image that smc_incremental_job_info lists as newest_image_id",
            )
        summary = "start a verification instance from image %s, released after %s" % (wish.image_id, wish.release_after)
        start = Step("run", summary, changes={"instances": ["a new one"]}, replan_after=True)
        return Plan((start, *_wait(wish, ""), *_checking(wish, sight, "")))
    if sight.running:
        return Plan(tuple(_checking(wish, sight, sight.running.instance_id)))
    instance_id = sight.instances[0].instance_id
    return Plan((*_wait(wish, instance_id), *_checking(wish, sight, instance_id)))


def _wait(wish: Wish, instance_id: str) -> t.Iterator[Step]:
    if wish.wait:
        yield wait_step("wait_running", "wait until the instance runs", instance_id=instance_id)


def _checking(wish: Wish, sight: Sight, instance_id: str) -> t.Iterator[Step]:
    """The checks that are left, one after the other; none when the instance says that these very checks have passed."""
    if not wish.checks or sight.noted or _checks.have_passed(wish.checks, sight.outcome):
        return
    left = [check for check in wish.checks if check.name not in sight.checked]
    if left and not sight.agent:
        yield wait_step("wait_agent", "wait until Cloud Assistant answers from the instance", instance_id=instance_id)
    for check in left:
        yield Step("check", "run check '%s'" % check.name, {"instance_id": instance_id, "name": check.name})
    changes = {"checks": _checks.outcome_tag(wish.checks, True, "")}
    yield Step("note", "note on the instance what the checks said", {"instance_id": instance_id}, changes)


def view(sight: Sight) -> dict[str, t.Any]:
    shown: dict[str, t.Any] = {"instances": [instance.instance_id for instance in sight.instances]}
    return dict(shown, checks=sight.outcome) if sight.outcome else shown


class Desk:
    """The verification instances of one image."""

    def __init__(self, ecs: _ecs.Ecs, wish: Wish, params: dict[str, t.Any], context: Context) -> None:
        self._ecs = ecs
        self._wish = wish
        self._context = context
        self._timeout = parse_duration("wait_timeout", params["wait_timeout"]).total_seconds()
        self._interval = params["poll_interval"]
        self.actions: dict[str, t.Callable[..., None]] = {
            "run": self._start,
            "release": self._release,
            "wait_running": self._wait_running,
            "wait_agent": self._wait_agent,
            "check": self._check,
            "note": self._note,
        }
        self._patience = parse_duration("agent_timeout", params["agent_timeout"])
        self._agent: t.Optional[bool] = None
        self._noted = False
        self._seen = Sight(None)
        #: what this run's checks have said, by name
        self.results: dict[str, _checks.Result] = {}

    def observe(self) -> Sight:
        image = self._ecs.image(self._wish.image_id) if self._wish.state == "present" else None
        found = self._ecs.instances(tags={VERIFIES_IMAGE_TAG: self._wish.image_id})
        instances = tuple(one for one in found if one.tags.get(VERIFIES_IMAGE_TAG) == self._wish.image_id)
        self._seen = Sight(image, instances, self._agent is not None, frozenset(self.results), self._noted)
        return self._seen

    def _start(self) -> None:
        released_at = self._ecs.tell_time() + self._wish.release_after
        parameters = dict(self._wish.parameters, AutoReleaseTime=format_moment(released_at.replace(second=0)))
        # ECS compares the parameters that come with a token: the moment of release belongs into it.
        text = repr(sorted(parameters.items(), key=lambda item: item[0]))
        instance_id = self._ecs.run_instance(dict(parameters, ClientToken=client_token(text)))
        # Until ECS lists it, the next look would find none and start another one.
        waiter = Waiter(SECONDS_UNTIL_LISTED, min(self._interval, MOST_SECONDS_BETWEEN_LOOKS), self._context.progress)
        waiter.until(
            lambda: self._ecs.instances([instance_id]),
            bool,
            lambda found: "instance %s is not listed yet" % instance_id,
        )

    def _release(self, instance_id: str) -> None:
        """Release it and wait until it is gone, so that nothing is billed when this ends."""
        self._ecs.delete_instance(instance_id)
        waiter = Waiter(self._timeout, self._interval, self._context.progress)
        waiter.until(lambda: self._ecs.instances([instance_id]), lambda found: not found, lambda found: found[0].told)

    def _wait_running(self, instance_id: str) -> None:
        waiter = Waiter(self._timeout, self._interval, self._context.progress)
        waiter.until(
            lambda: self._ecs.instances([instance_id]),
            lambda found: bool(found) and found[0].status == "Running",
            lambda found: found[0].told if found else "instance %s is not there" % instance_id,
        )

    # -- checking ------------------------------------------------------------------------------------------------

    def _wait_agent(self, instance_id: str) -> None:
        """Wait for the agent; an image that has none is a result, too."""
        waiter = Waiter(self._patience.total_seconds(), self._interval, self._context.progress)
        try:
            waiter.until(
                lambda: self._ecs.agent_answers(instance_id),
                bool,
                lambda answers: "instance %s: Cloud Assistant does not answer yet" % instance_id,
            )
            self._agent = True
        except WaitTimeoutError:
            self._agent = False
            missing = [check for check in self._wish.checks if check.name not in self.results]
            told = format_duration(self._patience)
            self.results.update({check.name: _checks.without_agent(check, told) for check in missing})

    def _check(self, instance_id: str, name: str) -> None:
        check = next(check for check in self._wish.checks if check.name == name)
        os_type = self._seen.running.os_type if self._seen.running else ""
        sent = _checks.parameters(check, instance_id, os_type, self._seen.outcome)
        self._context.progress("instance %s: check '%s'" % (instance_id, name))
        try:
            invoke_id = self._ecs.run_command(instance_id, sent)
        except (OutcomeUnknownError, UnreachableError):
            raise
        except CutoverError as refusal:
            self.results[name] = _checks.refused(check, refusal)
            return
        self.results[name] = self._result(check, invoke_id, instance_id)

    def _result(self, check: _checks.Check, invoke_id: str, instance_id: str) -> _checks.Result:
        patience = (check.timeout + DELIVERY).total_seconds()
        waiter = Waiter(patience, min(self._interval, MOST_SECONDS_BETWEEN_LOOKS), self._context.progress)
        try:
            invocation = waiter.until(
                lambda: self._ecs.invocation(invoke_id, instance_id),
                lambda found: found is not None and found.ended,
                lambda found: "check '%s': %s" % (check.name, found.status if found else "not there yet"),
            )
        except WaitTimeoutError:
            return _checks.overdue(check, patience)
        return _checks.judge(check, t.cast("Invocation", invocation))

    def _note(self, instance_id: str) -> None:
        value = _checks.outcome_tag(self._wish.checks, self.passed, self._seen.outcome)
        self._ecs.tag_instance(instance_id, {CHECKS_TAG: value})
        self._noted = True

    @property
    def agent(self) -> t.Optional[bool]:
        """Whether Cloud Assistant has answered from the instance; None when nobody had to know."""
        return self._agent

    @property
    def passed(self) -> bool:
        return all(result.passed for result in self.results.values())

    def all_results(self) -> list[_checks.Result]:
        """A result for each check, in the order in which they were declared."""
        return [self.results.get(check.name) or _checks.known(check) for check in self._wish.checks]

    def console(self, instance_id: str) -> t.Optional[str]:
        """The end of what the instance has written to its console; None when it cannot be had, which must not hide what the checks said."""
        try:
            text = _checks.clean(self._ecs.console_output(instance_id))
        except CutoverError as failure:
            self._context.warn("The console of instance %s could not be read: %s" % (instance_id, failure))
            return None
        return _checks.tail(text, _checks.MOST_CONSOLE)

    def release_failed(self, instance_id: str) -> None:
        self._release(instance_id)


def ensure(params: dict[str, t.Any], context: Context) -> dict[str, t.Any]:
    """The handler of ``ecs_verification_instance``."""
    wish = wish_from(params)
    connection = _alicloud.Connection.from_params(params)
    desk = Desk(_ecs.Ecs(connection), wish, params, context)
    outcome = converge(
        desk.observe, lambda sight: decide(wish, sight), desk.actions, view, check_mode=context.check_mode
    )
    return conclude(outcome, desk, wish, params, context)


def conclude(
    outcome: Outcome[Sight], desk: Desk, wish: Wish, params: t.Mapping[str, t.Any], context: Context
) -> dict[str, t.Any]:
    """The module's result; the failure of a check is raised only now, when all have said what they have to say.

    :raises PreconditionError: when a check has failed, unless that is only to be reported
    """
    sight = outcome.observed
    instance = sight.running or next(iter(sight.instances), None)
    told: dict[str, t.Any] = {"instance": instance.as_result() if instance else None}
    if context.check_mode or not wish.checks or instance is None:
        return outcome.result(checks=[], checks_passed=None, agent=None, console_output=None, **told)
    results = desk.all_results()
    told.update(
        checks=[result.as_result() for result in results],
        checks_passed=desk.passed,
        agent=desk.agent,
        console_output=None if desk.passed else desk.console(instance.instance_id),
    )
    result = outcome.result(**told)
    if desk.passed:
        return result
    if params["release_failed"]:
        desk.release_failed(instance.instance_id)
        result["plan"] = [*result["plan"], "release the verification instance %s" % instance.instance_id]
    if params["report_only"]:
        return result
    failure = _failed(results, instance, desk.agent, params["release_failed"])
    failure.partial = result
    raise failure


def _failed(
    results: list[_checks.Result], instance: Instance, agent: t.Optional[bool], released: bool
) -> PreconditionError:
    failed = [result for result in results if not result.passed]
    said = " ".join("'%s': %s" % (result.name, result.told) for result in failed)
    where = (
        "The instance was released"
        if released
        else "Look at the instance, which releases itself at %s" % format_moment(instance.released_at)
    )
    cause = (
        "; an image has the agent only if the VM had it when it was copied, and console_output tells whether the system started"
        if agent is False
        else ""
    )
    return PreconditionError(
        "%d of %d checks failed on instance %s of image %s. %s"
        % (len(failed), len(results), instance.instance_id, instance.image_id, said),
        remedy=where + cause,
    )
