# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The SMC connector's directory: its choice of VMs, what its client says, and what is left to do (private to the collection).

Everything but :class:`Desk` is pure. Source: the dossier of the SMC 2019-06-01 API, its section 3.2.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
import tempfile
import typing as t
from dataclasses import dataclass, field, replace
from datetime import timedelta

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    InvalidOptionError,
    NotFoundError,
    PreconditionError,
    WaitTimeoutError,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.cutover.smc.plugins.module_utils._core.reconciler import converge
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_duration, parse_duration

#: One connector imports and serves at most so many sources at a time.
PLACES = 10

CHOICES_FILE = "vmware_migrate_config.json"
CLIENT = "go2aliyun_client"
LOGS = "Logs"
#: The documentation writes ``dist`` in one place and ``disk``, a slip, in another.
REFRESHERS = ("dist/migrate_configure", "disk/migrate_configure")
#: Stands in the directory from before a re-read until the client has been restarted on its account: an interrupted one is made up for.
PENDING_RERUN = ".cutover-rerun-pending"

#: What vCenter shows otherwise at every look, without the client having to know.
_PASSING = frozenset(
    ("ipv4", "host_name", "tools_state", "power_state", "connect_state", "platform", "architecture", "migrate")
)
_PASSING_OF_A_DISK = frozenset(("change_id", "system_disk", "migrate"))

Config = dict[str, dict[str, t.Any]]


@dataclass(frozen=True)
class Choice:
    """A VM that is to be imported, and what the operator knows better than vCenter."""

    moid: str
    platform: t.Optional[str] = None
    architecture: t.Optional[str] = None
    system_disk_key: t.Optional[int] = None


@dataclass(frozen=True)
class Wish:
    """What is declared.

    :ivar source_ids: the sources that SMC has at present; None believes the client's word for what it has imported
    """

    vms: tuple[Choice, ...] = ()
    deselected: tuple[str, ...] = ()
    refresh: bool = False
    source_ids: t.Optional[frozenset[str]] = None
    has_code: bool = False


@dataclass(frozen=True)
class Told:
    """What the client's lines say about imports.

    :ivar sources: the source of each VM that was imported, by the VM's managed object id
    :ivar errors: what was said about each VM that could not be
    :ivar unnamed: sources of VMs that the client did not name
    :ivar general: complaints that name no VM
    """

    sources: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    unnamed: tuple[str, ...] = ()
    general: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sight:
    """What was seen at one look.

    :ivar config: the content of the file of choices
    :ivar log: what the client's log says about imports
    :ivar told: what the client has said about imports to this run
    :ivar reread: whether this run has had the VMs read from vCenter again
    :ivar stale: whether the client runs with facts that a re-read has overtaken
    :ivar tried: the VMs whose import this run has asked for
    """

    config: Config
    log: Told = Told()
    told: Told = Told()
    reread: bool = False
    stale: bool = False
    tried: frozenset[str] = frozenset()


# --- the client's lines -----------------------------------------------------------------------------------------

_VM_LINE = re.compile(r"Import VM \[(?P<name>.*)\] moref \[(?P<moid>[^\[\]]+)\]")
_SOURCE_LINE = re.compile(r"Import Source Server \[(?P<source>[^\[\]]+)\] Successfully")
_ERROR_LINE = re.compile(r"\bError\b", re.IGNORECASE)
NOT_FINISHED = "Goto Aliyun Not Finished!"


def read_lines(lines: t.Iterable[str]) -> Told:
    """Gather what lines of the client, on its output or in its log, say about imports; the last word on a VM counts."""
    sources: dict[str, str] = {}
    errors: dict[str, str] = {}
    unnamed: list[str] = []
    general: list[str] = []
    current: t.Optional[str] = None
    for line in lines:
        named, imported = _VM_LINE.search(line), _SOURCE_LINE.search(line)
        if named:
            current = named.group("moid")
        elif imported and current:
            sources[current] = imported.group("source")
            errors.pop(current, None)
            current = None
        elif imported:
            unnamed.append(imported.group("source"))
        elif _ERROR_LINE.search(line) and current:
            errors[current] = line.strip()
            current = None
        elif _ERROR_LINE.search(line):
            general.append(line.strip())
    return Told(sources, errors, tuple(unnamed), tuple(general))


def without_secret(text: str, secret: t.Optional[str]) -> str:
    """The text as it may be quoted."""
    return text.replace(secret, "********") if secret else text


# --- the file of choices ----------------------------------------------------------------------------------------


def parse_config(text: str, place: str) -> Config:
    """Read the file of choices.

    :raises PreconditionError: when it is not an object of VMs
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise PreconditionError(
            "%s is not JSON: %s" % (place, error), remedy="Mend it by hand, or run configure.sh on the connector"
        ) from None
    if not isinstance(content, dict) or not all(isinstance(vm, dict) for vm in content.values()):
        raise PreconditionError(
            "%s is not an object with one object for each VM" % place, remedy="Run configure.sh on the connector"
        )
    return t.cast(Config, content)


def format_config(config: Config, like: str) -> str:
    """The file of choices as text, laid out as it was."""
    indent = re.search(r"^\{\s*\n([ \t]+)\"", like)
    return json.dumps(config, indent=indent.group(1) if indent else None, ensure_ascii=False) + (
        "\n" if like.endswith("\n") else ""
    )


def is_true(value: t.Any) -> bool:
    return value is True or str(value).strip().lower() == "true"


def selected(config: Config) -> list[str]:
    """The VMs that the connector serves or is to import, in the order of the file."""
    return [moid for moid, vm in config.items() if is_true(vm.get("migrate"))]


def edited(config: Config, wish: Wish) -> Config:
    """The choices as they are wished; facts stay as they are, and so do choices that nobody spoke of.

    :raises PreconditionError: when a disk that is named does not exist
    """
    result = copy.deepcopy(config)
    for moid in wish.deselected:
        if is_true(result.get(moid, {}).get("migrate")):
            result[moid]["migrate"] = False
    for choice in wish.vms:
        vm = result.get(choice.moid)
        if vm is None:
            continue
        if not is_true(vm.get("migrate")):
            vm["migrate"] = True
        for name in ("platform", "architecture"):
            if getattr(choice, name):
                vm[name] = getattr(choice, name)
        if choice.system_disk_key is not None:
            _make_system_disk(vm, choice.system_disk_key)
    return result


def _make_system_disk(vm: dict[str, t.Any], key: int) -> None:
    disks = vm.get("disk") or []
    if key not in [disk.get("key") for disk in disks]:
        raise PreconditionError(
            "VM %s has no disk with key %s; its disks have: %s"
            % (_name(vm), key, ", ".join(str(disk.get("key")) for disk in disks) or "none"),
            remedy="Take the key from vmware_cbt_info, or have the connector read vCenter again with refresh: true",
        )
    for disk in disks:
        system = disk.get("key") == key
        if is_true(disk.get("system_disk")) != system:
            disk["system_disk"] = system
        if system and not is_true(disk.get("migrate")):
            disk["migrate"] = True


def lasting_facts(config: Config, moids: t.Iterable[str]) -> dict[str, t.Any]:
    """What the client must know of the VMs, without what passes by and without the choices."""
    facts = {}
    for moid in moids:
        vm = {name: value for name, value in config.get(moid, {}).items() if name not in _PASSING}
        vm["disk"] = [
            {name: value for name, value in disk.items() if name not in _PASSING_OF_A_DISK}
            for disk in vm.get("disk") or []
        ]
        facts[moid] = vm
    return facts


def _name(vm: t.Mapping[str, t.Any]) -> str:
    return str(vm.get("vm_name") or vm.get("moref_id") or "")


def _names(config: Config, moids: t.Iterable[str]) -> str:
    return ", ".join(_name(config.get(moid, {})) or moid for moid in moids)


def serves_something(config: Config, log: Told) -> bool:
    """Whether there is a client that could be restarted; a log that says nothing of imports leaves it to the choices."""
    return bool(selected(config)) and (bool(log.sources or log.unnamed) or not log.errors)


# --- deciding ---------------------------------------------------------------------------------------------------


def imported(wish: Wish, sight: Sight) -> dict[str, str]:
    """The VMs that have been imported and not been lost since, with their sources."""
    before = sight.log.sources
    if wish.source_ids is not None:
        before = {moid: source for moid, source in before.items() if source in wish.source_ids}
    return {**before, **sight.told.sources}


def to_import(wish: Wish, sight: Sight) -> list[str]:
    there = imported(wish, sight)
    return [choice.moid for choice in wish.vms if choice.moid not in there and choice.moid not in sight.tried]


def decide(wish: Wish, sight: Sight) -> Plan:
    """What is left to do; pure.

    :raises PreconditionError: when the connector does not see a VM, or has no place for it
    :raises InvalidOptionError: when an activation code is needed and none was given
    """
    missing = [choice.moid for choice in wish.vms if choice.moid not in sight.config]
    if missing and sight.reread:
        raise PreconditionError(
            "The connector does not see %s in vCenter, though it has read it again" % ", ".join(missing),
            remedy="Check the managed object id, and that the connector's vCenter user may see the VM",
        )
    steps: list[Step] = []
    if not sight.reread and (wish.refresh or missing):
        steps.append(
            Step("reread", "have the connector read the VMs from vCenter again", mutates=False, replan_after=True)
        )
    steps += _selection(wish, sight)
    pending = to_import(wish, sight)
    if pending:
        if not wish.has_code:
            raise InvalidOptionError(
                "Importing %s takes an activation code" % _names(sight.config, pending),
                remedy="Make one with smc_access_token and give access_token_id and access_token_code",
            )
        steps.append(
            Step("import_vms", "import %s" % _names(sight.config, pending), {"moids": pending}, replan_after=True)
        )
    elif sight.stale:
        steps.append(Step("rerun", "restart the connector's client with what it has read", replan_after=True))
    return Plan(tuple(steps))


def _selection(wish: Wish, sight: Sight) -> t.Iterator[Step]:
    after = edited(sight.config, wish)
    now_selected = selected(after)
    if len(now_selected) > PLACES and wish.vms:
        raise PreconditionError(
            "The connector serves at most %d VMs, and %d would be selected: %s"
            % (PLACES, len(now_selected), _names(after, now_selected)),
            remedy="Import the others on another connector (assign_connectors), or free places with deselected_vms once their migrations are over",
        )
    if after != sight.config:
        changed = [moid for moid in after if after[moid] != sight.config[moid]]
        summary = "set in %s what is to be imported of %s" % (CHOICES_FILE, _names(after, changed))
        yield Step("write_choices", summary, changes={"vms": view_of(after)})


def view(sight: Sight) -> dict[str, t.Any]:
    return {"vms": view_of(sight.config)}


def view_of(config: Config) -> dict[str, t.Any]:
    """The choices as a diff shows them."""
    shown = {}
    for moid, vm in config.items():
        system = [disk.get("key") for disk in vm.get("disk") or [] if is_true(disk.get("system_disk"))]
        shown[moid] = {
            "name": _name(vm),
            "selected": is_true(vm.get("migrate")),
            "platform": vm.get("platform"),
            "architecture": vm.get("architecture"),
            "system_disk_key": system[0] if system else None,
        }
    return shown


def as_result(wish: Wish, sight: Sight) -> dict[str, t.Any]:
    """The connector as the module returns it."""
    there = imported(wish, sight)
    choices = view_of(sight.config)
    vms = {}
    for moid, vm in sight.config.items():
        vms[moid] = dict(
            choices[moid],
            uuid=vm.get("uuid"),
            cbt_enabled=is_true(vm.get("CBT_enabled")),
            has_snapshot=is_true(vm.get("snapshot_state")),
            power_state=vm.get("power_state"),
            disks=[
                {"key": disk.get("key"), "file": disk.get("file_name"), "capacity_kib": disk.get("capacity")}
                for disk in vm.get("disk") or []
            ],
            source_id=there.get(moid),
        )
    chosen = selected(sight.config)
    return {"selected": chosen, "free": max(0, PLACES - len(chosen)), "vms": vms}


def imports_as_result(wish: Wish, sight: Sight) -> dict[str, t.Any]:
    """What became of the VMs asked for."""
    there = imported(wish, sight)
    names = {choice.moid: _name(sight.config.get(choice.moid, {})) or None for choice in wish.vms}
    return {
        "imported": [
            {"moid": moid, "name": name, "source_id": there.get(moid)}
            for moid, name in names.items()
            if moid in there or (moid in sight.tried and moid not in sight.told.errors)
        ],
        "not_imported": [
            {"moid": moid, "name": name, "reason": sight.told.errors[moid]}
            for moid, name in names.items()
            if moid not in there and moid in sight.tried and moid in sight.told.errors
        ],
    }


# --- doing ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Code:
    """An activation code; kept out of representations."""

    token_id: str
    token_code: str = field(repr=False)

    @property
    def typed(self) -> str:
        """As it is typed when the client asks for it."""
        return "%s\n%s\n" % (self.token_id, self.token_code)


class Desk:
    """The connector's directory at hand: looks at it, and does what a plan says."""

    def __init__(self, home: str, wish: Wish, code: t.Optional[Code], timeout: timedelta, context: Context) -> None:
        self._home = home
        self._wish = wish
        self._code = code
        self._timeout = timeout
        self._context = context
        self._reread_done = False
        self._told = Told()
        self._tried: set[str] = set()
        self.actions: dict[str, t.Callable[..., None]] = {
            "reread": self._reread,
            "write_choices": self._write_choices,
            "import_vms": self._import,
            "rerun": self._rerun,
        }

    def observe(self) -> Sight:
        config = parse_config(self._read_choices(), self._path(CHOICES_FILE))
        log = read_lines(self._log_lines())
        stale = self._wish.refresh and os.path.exists(self._path(PENDING_RERUN)) and serves_something(config, log)
        return Sight(config, log, self._told, self._reread_done, stale, frozenset(self._tried))

    def _path(self, *names: str) -> str:
        return os.path.join(self._home, *names)

    def _read_choices(self) -> str:
        if not os.path.isdir(self._home):
            raise NotFoundError(
                "There is no directory %s, so that this is no SMC connector" % self._home,
                remedy="Run the task on the connector's host, or give its directory with path",
            )
        try:
            with open(self._path(CHOICES_FILE), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            raise PreconditionError(
                "There is no %s, so the connector has not been configured" % self._path(CHOICES_FILE),
                remedy="Run configure.sh on the connector, which asks for vCenter's address and user",
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise PreconditionError(
                "Cannot read %s: %s" % (self._path(CHOICES_FILE), error), remedy="Run the task as the connector's user"
            ) from None

    def _log_lines(self) -> t.Iterator[str]:
        """The client's log, oldest file first."""
        try:
            names = [self._path(LOGS, name) for name in os.listdir(self._path(LOGS)) if ".log" in name]
        except OSError:
            return
        for name in sorted((name for name in names if os.path.isfile(name)), key=os.path.getmtime):
            with open(name, encoding="utf-8", errors="replace") as file:
                yield from file

    def _write_choices(self) -> None:
        """Write the choices beside the file and rename: the client sees the old content or the new."""
        path = os.path.realpath(self._path(CHOICES_FILE))
        before = self._read_choices()
        after = format_config(edited(parse_config(before, path), self._wish), before)
        handle, beside = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".%s." % CHOICES_FILE)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(after)
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(path, beside)
            _keep_owner(path, beside)
            os.replace(beside, path)
        except BaseException:
            os.unlink(beside)
            raise

    def _reread(self) -> None:
        program = next((name for name in REFRESHERS if os.path.isfile(self._path(name))), REFRESHERS[0])
        before = parse_config(self._read_choices(), self._path(CHOICES_FILE))
        served = selected(before)
        marker, pending = self._path(PENDING_RERUN), os.path.exists(self._path(PENDING_RERUN))
        with open(marker, "w", encoding="utf-8"):
            pass
        status, lines = self._call([self._path(program)], "read vCenter again")
        if status != 0:
            raise PreconditionError(
                "The connector could not read the VMs from vCenter again: %s" % _last_word(lines, status),
                remedy=self._remedy(),
            )
        after = parse_config(self._read_choices(), self._path(CHOICES_FILE))
        if not pending and lasting_facts(after, served) == lasting_facts(before, served):
            os.unlink(marker)
        self._reread_done = True

    def _import(self, moids: list[str]) -> None:
        if self._code is None:
            raise InvalidOptionError("Option 'access_token_code' is missing")
        status, lines = self._call([self._path(CLIENT)], "import %s" % ", ".join(moids), self._code.typed)
        told = read_lines(lines)
        if len(moids) == 1 and len(told.unnamed) == 1 and not told.sources:
            told = Told({moids[0]: told.unnamed[0]}, told.errors, (), told.general)
        if status != 0:
            reason = " ".join(told.general) or _last_word(lines, status)
            told = Told(
                told.sources,
                dict({moid: reason for moid in moids if moid not in told.sources}, **told.errors),
                told.unnamed,
                told.general,
            )
        self._told = told
        self._tried.update(moids)

    def _rerun(self) -> None:
        status, lines = self._call([self._path(CLIENT), "--rerun"], "restart")
        if status != 0:
            raise PreconditionError(
                "The connector's client did not restart: %s" % _last_word(lines, status), remedy=self._remedy()
            )
        try:
            os.unlink(self._path(PENDING_RERUN))
        except FileNotFoundError:
            pass

    def _call(self, command: list[str], purpose: str, typed: str = "") -> tuple[int, list[str]]:
        """Run one of the connector's programs; the answer is its status and its lines, without the code.

        The output goes to a file: the daemon that the client leaves behind would keep a pipe open for ever. Without a
        terminal of its own session the client asks its questions on its standard input.
        """
        self._context.progress("connector: %s" % purpose)
        with tempfile.TemporaryFile() as output:
            try:
                done = subprocess.run(
                    command,
                    cwd=self._home,
                    input=typed.encode(),
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=self._timeout.total_seconds(),
                    check=False,
                    start_new_session=True,
                )
            except subprocess.TimeoutExpired:
                raise WaitTimeoutError(
                    f"The connector's {os.path.basename(command[0])} did not end within {format_duration(self._timeout)}",
                    remedy="Look into %s, and run it again, which goes on where it was, or raise the timeout"
                    % self._path(LOGS),
                ) from None
            except OSError as error:
                raise PreconditionError(
                    "Cannot run the connector's %s: %s" % (command[0], error.strerror or error),
                    remedy="See that path is the connector's directory, and that the file is there and may be executed",
                ) from None
            output.seek(0)
            text = output.read().decode(errors="replace")
        secret = self._code.token_code if self._code else None
        return done.returncode, [line.strip() for line in without_secret(text, secret).splitlines() if line.strip()]

    def _remedy(self) -> str:
        return "Look into %s" % self._path(LOGS)


def _keep_owner(path: str, beside: str) -> None:
    """Give the new file the owner of the old one, where that is ours to give."""
    owner = os.stat(path)
    if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
        try:
            os.chown(beside, owner.st_uid, owner.st_gid)
        except PermissionError as error:
            raise PreconditionError(
                "Cannot keep the owner of %s: %s" % (path, error), remedy="Run the task as the connector's user"
            ) from None


def _last_word(lines: list[str], status: int) -> str:
    """The line in which a program says why it failed."""
    telling = [line for line in lines if NOT_FINISHED not in line]
    errors = [line for line in telling if _ERROR_LINE.search(line)]
    return (errors or telling or ["it ended with status %d and said nothing" % status])[-1]


def wish_from(params: t.Mapping[str, t.Any]) -> Wish:
    """:raises InvalidOptionError: when a VM is to be imported and left out at once"""
    vms = tuple(
        Choice(vm["moid"], vm["platform"], vm["architecture"], vm["system_disk_key"]) for vm in params["vms"] or ()
    )
    deselected = tuple(params["deselected_vms"] or ())
    both = sorted({choice.moid for choice in vms} & set(deselected))
    if both:
        raise InvalidOptionError(
            "Options 'vms' and 'deselected_vms' both name %s" % ", ".join(both), remedy="Name each VM in one of them"
        )
    source_ids = params["source_ids"]
    return Wish(
        vms,
        deselected,
        params["refresh"],
        None if source_ids is None else frozenset(source_ids),
        bool(params["access_token_code"]),
    )


def ensure(params: dict[str, t.Any], context: Context) -> dict[str, t.Any]:
    """The handler of ``smc_connector``; VMs that were imported stay so when others could not be."""
    wish = wish_from(params)
    if context.check_mode:
        # The code is made by a task before this one, which in check mode made none.
        wish = replace(wish, has_code=True)
    code = Code(params["access_token_id"], params["access_token_code"]) if params["access_token_code"] else None
    timeout = parse_duration("timeout", params["timeout"])
    desk = Desk(params["path"], wish, code, timeout, context)
    outcome = converge(
        desk.observe, lambda sight: decide(wish, sight), desk.actions, view, check_mode=context.check_mode
    )
    sight = outcome.observed
    result = outcome.result(connector=as_result(wish, sight), **imports_as_result(wish, sight))
    if result["not_imported"]:
        raise _refusal(result)
    for vm in result["imported"]:
        if vm["source_id"] is None:
            context.warn(
                "The connector's client does not say which source VM %s became; find it with smc_source" % vm["name"]
            )
    return result


def _refusal(result: dict[str, t.Any]) -> CutoverError:
    refused = result["not_imported"]
    reasons = dict.fromkeys(vm["reason"] for vm in refused)
    about_the_code = any(re.search(r"token|activation", reason, re.IGNORECASE) for reason in reasons)
    failure = PreconditionError(
        "The connector did not import %s: %s"
        % (", ".join(vm["name"] or vm["moid"] for vm in refused), "; ".join(reasons)),
        remedy="Make a new activation code with smc_access_token: one serves until it has expired, is used up or disabled"
        if about_the_code
        else "Mend what it says and run this again; the connector's directory Logs says more",
    )
    failure.partial = result
    return failure
