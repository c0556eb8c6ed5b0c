# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vCenter (or a stand-alone ESXi host): the session, reads of many objects in one call, tasks, and what its faults mean.

The only room that imports pyVmomi. Properties are read through the property collector alone: an attribute of a managed
object costs a round trip each, and reading one that is not set is an error. (Private to the collection.)
"""

from __future__ import annotations

import socket
import ssl
import time
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from xml.parsers.expat import ExpatError

from ansible.module_utils.basic import env_fallback

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
from ansible_collections.cutover.smc.plugins.module_utils._core.waiting import Waiter

PYVMOMI_ERROR: t.Optional[ImportError]
try:
    from pyVmomi import SoapStubAdapter, vim, vmodl
    from pyVmomi.VmomiSupport import GetServiceVersions, versionIdMap
except ImportError as error:
    PYVMOMI_ERROR = error
else:
    PYVMOMI_ERROR = None

T = t.TypeVar("T")
Reference = t.Any

#: What ``ModuleDefinition.required_libraries`` of every vSphere module says.
REQUIRES = (("pyvmomi", PYVMOMI_ERROR),)

#: How many objects are asked for at once, when much is asked of each.
PAGE = 100
# An answer about given objects also holds those that they refer to: hosts, datastores, folders. It should still be one.
# Of a whole inventory little is asked: so many objects weigh less than a page of VMs with their devices.
_OBJECTS_IN_AN_ANSWER = 10 * PAGE

#: After how many seconds without an answer a request has failed.
REQUEST_TIMEOUT = 60
_READ_ATTEMPTS = 4
_OLDEST_VERSION = "vim.version.version9"
_NETWORK_FAULTS = (OSError, HTTPException, ExpatError)

# A task of a few hundred milliseconds should not wait a second, nor one of an hour be asked about ten times a second:
# for so many seconds, a look every so many.
_HASTE = ((0.5, 0.1), (4.0, 0.5))
_SLOW_INTERVAL = 2.0
# No task ends sooner, so that an earlier look would be a call for nothing.
_FIRST_LOOK_SECONDS = 0.03
_LOOKS_AT_BOTH = 3


def connection_spec() -> dict[str, t.Any]:
    """The argument spec of the connection options, as ``doc_fragments/vmware.py`` documents them."""
    return {
        "hostname": {"type": "str", "fallback": (env_fallback, ["VMWARE_HOST"])},
        "username": {
            "type": "str",
            "aliases": ["user", "admin"],
            "fallback": (env_fallback, ["VMWARE_USER"]),
        },
        "password": {
            "type": "str",
            "no_log": True,
            "aliases": ["pass", "pwd"],
            "fallback": (env_fallback, ["VMWARE_PASSWORD"]),
        },
        "port": {"type": "int", "default": 443, "fallback": (env_fallback, ["VMWARE_PORT"])},
        "validate_certs": {"type": "bool", "default": True, "fallback": (env_fallback, ["VMWARE_VALIDATE_CERTS"])},
        "proxy_host": {"type": "str", "fallback": (env_fallback, ["VMWARE_PROXY_HOST"])},
        "proxy_port": {"type": "int", "fallback": (env_fallback, ["VMWARE_PROXY_PORT"])},
    }


# Missed by us and not by Ansible's "required", whose message could not say which variable would do as well.
_NEEDED = {"hostname": "VMWARE_HOST", "username": "VMWARE_USER", "password": "VMWARE_PASSWORD"}

CONNECTION_RULES = {"required_together": [("proxy_host", "proxy_port")]}


@dataclass(frozen=True)
class Connection:
    """Where vCenter is and who logs in."""

    hostname: str
    username: str
    password: str = field(repr=False)
    port: int = 443
    validate_certs: bool = True
    proxy_host: t.Optional[str] = None
    proxy_port: t.Optional[int] = None

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any]) -> Connection:
        """The connection that the options describe.

        :raises InvalidOptionError: one that is needed is missing
        """
        missing = [name for name in _NEEDED if not params[name]]
        if missing:
            several = len(missing) > 1
            raise InvalidOptionError(
                f"{'Options' if several else 'Option'} {' and '.join(map(repr, missing))} {'are' if several else 'is'} missing",
                remedy=f"Give {'them' if several else 'it'} to the task, or set the environment variable"
                f"{'s' * several} {' and '.join(_NEEDED[name] for name in missing)}",
                code="MissingOption",
            )
        return cls(**{name: params[name] for name in connection_spec()})

    def __str__(self) -> str:
        return f"{self.hostname}:{self.port}"


@dataclass(frozen=True)
class Seen:
    """One object as the property collector showed it. A property that is not set is absent from ``values``."""

    reference: Reference
    kind: str
    moid: str
    values: dict[str, t.Any]


@dataclass(frozen=True)
class Follow:
    """From objects of a kind, also read the objects that a property of theirs refers to.

    :ivar again: follow the same property of those objects too, as from a folder to its parent's parent
    """

    kind: str
    path: str
    again: bool = False

    @property
    def name(self) -> str:
        return f"{self.kind}.{self.path}"


@dataclass(frozen=True)
class Also:
    """An object that is read together with the end of a task, which spares a call."""

    reference: Reference
    paths: t.Mapping[str, t.Sequence[str]]
    follow: t.Sequence[Follow] = ()


class VCenter:
    """A session with vCenter, as a context manager: it logs in on entering and logs out on leaving."""

    def __init__(self, connection: Connection, *, sleep: t.Callable[[float], None] = time.sleep) -> None:
        self._connection = connection
        self._sleep = sleep
        self._stub: t.Any = None
        self._content: t.Any = None
        self._user = ""

    def __enter__(self) -> VCenter:
        self._stub = _stub(self._connection)
        with self._told("connect to vCenter"):
            try:
                self._content = vim.ServiceInstance("ServiceInstance", self._stub).RetrieveContent()
                self._stub.ComputeVersionInfo(_best_version(self._content.about.apiVersion))
                self._log_in()
            except BaseException:
                self._stub.DropConnections()
                raise
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            self._content.sessionManager.Logout()
        except (vmodl.MethodFault, *_NETWORK_FAULTS):
            pass  # the session ends by its idle timeout instead; what was asked for has been done or has failed before
        finally:
            self._stub.DropConnections()

    @property
    def version(self) -> str:
        return str(self._content.about.version)

    @property
    def is_vcenter(self) -> bool:
        """Whether it is a vCenter and not a stand-alone ESXi host."""
        return str(self._content.about.apiType) != "HostAgent"

    def reference(self, kind: str, moid: str) -> Reference:
        """The object of a kind (``VirtualMachine``) with a managed object id; nothing is asked of vCenter."""
        return getattr(vim, kind)(moid, self._stub)

    # Reads

    def find_by_uuid(self, uuid: str) -> t.Optional[Reference]:
        """The VM with an instance UUID, or None."""
        return self._ask("look for the VM", lambda: self._content.searchIndex.FindByUuid(None, uuid, True, True))

    def read(
        self,
        references: t.Sequence[Reference],
        paths: t.Mapping[str, t.Sequence[str]],
        follow: t.Sequence[Follow] = (),
    ) -> list[Seen]:
        """Read properties of given objects, and of those that they refer to, in one call for each page.

        :param paths: for each kind of object, the properties to read
        :raises NotFoundError: one of the objects does not exist any more
        """

        def specify() -> t.Any:
            selection = _selection(follow)  # shared: to build it anew for each of a hundred costs more than to send it
            return _filter([_object(reference, selection) for reference in references], paths)

        if not references:
            return []
        return self._ask("read from vCenter", lambda: self._retrieve(specify()))

    def read_all(self, paths: t.Mapping[str, t.Sequence[str]]) -> list[Seen]:
        """Read properties of every object of the given kinds that the user may see.

        vCenter walks the folders itself, which costs one call; a view has to be made and removed as well. But VMs in
        vApps, which may lie in each other, only a view shows surely.
        """

        def retrieve() -> list[Seen]:
            seen = self._retrieve(_filter([_whole_inventory(self._content.rootFolder)], paths))
            return self._read_by_view(paths) if any(one.kind == "VirtualApp" for one in seen) else seen

        return self._ask("read the inventory of vCenter", retrieve)

    def _read_by_view(self, paths: t.Mapping[str, t.Sequence[str]]) -> list[Seen]:
        kinds = [getattr(vim, kind) for kind in paths]
        content = self._content
        view = content.viewManager.CreateContainerView(container=content.rootFolder, type=kinds, recursive=True)
        collector = vmodl.query.PropertyCollector
        members = collector.TraversalSpec(name="members", type=vim.view.ContainerView, path="view", skip=False)
        whole = collector.ObjectSpec(obj=view, skip=True, selectSet=[members])
        try:
            return self._retrieve(_filter([whole], paths))
        finally:
            view.DestroyView()

    def custom_fields(self) -> dict[int, str]:
        """The names of the custom attributes, by their keys; a stand-alone host has none."""
        manager = self._content.customFieldsManager
        if manager is None:
            return {}
        seen = self.read([manager], {"CustomFieldsManager": ("field",)})
        return {field.key: field.name for field in seen[0].values.get("field") or ()}

    def missing_privileges(
        self, references: t.Sequence[Reference], privileges: t.Sequence[str], user: str = ""
    ) -> dict[str, tuple[str, ...]]:
        """The privileges that a user lacks on objects, by the objects' ids; the one who is logged in, unless another is named.

        A server that cannot tell is taken to grant them all: what is missing then shows when it is needed.
        """
        asked = user or self._user
        manager = self._content.authorizationManager
        if not asked or manager is None or not references or not privileges:
            return {}

        def ask() -> t.Any:
            try:
                return manager.HasUserPrivilegeOnEntities(list(references), asked, list(privileges))
            except (vmodl.fault.NotSupported, vmodl.fault.MethodNotFound, vmodl.fault.NotImplemented):
                return ()
            except vmodl.MethodFault as fault:
                # Somebody may not be allowed to ask even about himself; then it shows when it is done.
                if user or isinstance(fault, vim.fault.NotAuthenticated):
                    raise
                return ()

        return {
            entity.entity._moId: tuple(one.privId for one in entity.privAvailability or () if not one.isGranted)
            for entity in self._ask("look at the user's privileges", ask) or ()
        }

    def change_ids(self, snapshot: Reference) -> dict[int, str]:
        """The change id of each disk as a snapshot froze it, by the disk's device key."""
        (seen,) = self.read([snapshot], {"VirtualMachineSnapshot": ("config.hardware.device",)})
        disks = [
            one for one in seen.values.get("config.hardware.device") or () if isinstance(one, vim.vm.device.VirtualDisk)
        ]
        ids = {disk.key: getattr(disk.backing, "changeId", None) for disk in disks}
        return {key: change_id for key, change_id in ids.items() if change_id}

    def query_areas_in_use(self, machine: Reference, snapshot: Reference, disk_key: int) -> t.Any:
        """Ask once for the areas of a disk that are in use, which only a tracked disk can tell."""
        return self._ask(
            "ask for the areas in use",
            lambda: machine.QueryChangedDiskAreas(snapshot=snapshot, deviceKey=disk_key, startOffset=0, changeId="*"),
        )

    def refresh_storage(self, machine: Reference) -> None:
        """Have vCenter look at the VM's files again; it changes nothing of the VM."""
        self._ask("have vCenter look at the VM's files", machine.RefreshStorageInfo)

    # Deeds

    def submit(self, doing: str, call: t.Callable[[], T]) -> T:
        """Make a call that changes something.

        :param doing: what it does, for the message when it fails
        :raises OutcomeUnknownError: no answer came, so it may have happened
        """
        with self._told(doing, changes=True):
            try:
                return call()
            except vim.fault.NotAuthenticated:
                # vCenter refused before it did anything, so that repeating is safe.
                self._log_in_anew()
                return call()

    def run_task(
        self,
        doing: str,
        start: t.Callable[[], Reference],
        report: t.Callable[[str], None],
        timeout: float,
        also: t.Optional[Also] = None,
    ) -> tuple[t.Any, list[Seen]]:
        """Start a task, wait for its end and return its result.

        :param also: what to read in the same call as the task's end; returned second, empty when the task took longer

        :raises ConflictError: another task had the VM, or it was in another state than expected
        :raises WaitTimeoutError: it has not ended in time; it may still do so
        """
        task = self.submit(doing, start)

        together = [also] * _LOOKS_AT_BOTH
        seen: list[Seen] = []

        def look() -> dict[str, t.Any]:
            # Only the first looks are worth it: a task that takes long would make them many.
            wanted = together.pop() if together else None
            answer = self._read_task(task, wanted)
            seen[:] = [one for one in answer if one.kind != "Task"]
            return next(one.values for one in answer if one.kind == "Task")

        def ended(info: dict[str, t.Any]) -> bool:
            return str(info["info.state"]) in ("success", "error")

        def tell(info: dict[str, t.Any]) -> str:
            progress = info.get("info.progress")
            return f"{doing}: {info['info.state']}" + (f", {progress} %" if progress is not None else "")

        self._sleep(_FIRST_LOOK_SECONDS)
        try:
            info = self._wait(look, ended, tell, report, timeout)
        except UnreachableError as failure:
            # The task goes on without us, so that this must not look like a read that may be repeated with its start.
            raise OutcomeUnknownError(
                f"Could not see how it ended to {doing}: {failure.message}", remedy=failure.remedy
            ) from None
        fault = info.get("info.error")
        if str(info["info.state"]) == "error":
            raise self._explain(fault, doing)
        return info.get("info.result"), seen

    def _read_task(self, task: Reference, also: t.Optional[Also]) -> list[Seen]:
        paths: dict[str, t.Sequence[str]] = {"Task": ("info.state", "info.error", "info.result", "info.progress")}
        if also is None:
            return self.read([task], paths)
        paths.update(also.paths)

        def retrieve() -> list[Seen]:
            # The task comes first, so that what is read after it is from after its end.
            wanted = [_object(task), _object(also.reference, _selection(also.follow))]
            return self._retrieve(_filter(wanted, paths))

        return self._ask("read from vCenter", retrieve)

    def reconfigure(
        self, machine: Reference, *, flag: t.Optional[bool], settings: t.Mapping[str, str], change_version: str
    ) -> Reference:
        """Begin to change a VM's CBT flag and advanced configuration; an empty value removes an entry.

        :param change_version: what the VM's must still be, or the task fails; empty for whatever it is
        """
        entries = [vim.option.OptionValue(key=key, value=value) for key, value in settings.items()]
        spec = vim.vm.ConfigSpec(changeTrackingEnabled=flag, extraConfig=entries, changeVersion=change_version or None)
        return machine.ReconfigVM_Task(spec)

    def _wait(
        self,
        look: t.Callable[[], dict[str, t.Any]],
        done: t.Callable[[dict[str, t.Any]], bool],
        tell: t.Callable[[dict[str, t.Any]], str],
        report: t.Callable[[str], None],
        timeout: float,
    ) -> dict[str, t.Any]:
        left = timeout
        for seconds, interval in _HASTE:
            if left <= seconds:
                break
            try:
                return Waiter(seconds, interval, lambda line: None, sleep=self._sleep).until(look, done, tell)
            except WaitTimeoutError:
                left -= seconds
        return Waiter(left, _SLOW_INTERVAL, report, sleep=self._sleep).until(look, done, tell)

    # Within

    def _log_in(self) -> None:
        session = self._content.sessionManager.Login(self._connection.username, self._connection.password, None)
        self._user = str(session.userName) if session is not None else ""

    def _log_in_anew(self) -> None:
        self._stub.SetSessionId("")  # else a session that lives on after all would make vCenter refuse the login
        self._log_in()

    def _ask(self, doing: str, call: t.Callable[[], T]) -> T:
        """Make a call that changes nothing, and make it again when the session has expired or the network failed."""
        for attempt in range(1, _READ_ATTEMPTS + 1):
            try:
                with self._told(doing):
                    try:
                        return call()
                    except vim.fault.NotAuthenticated:
                        self._log_in_anew()
                        return call()
            except UnreachableError:
                if attempt == _READ_ATTEMPTS:
                    raise
                self._sleep(0.5 * 2**attempt)
        raise CutoverError(f"Could not {doing}")  # not reached: the last attempt returns or raises

    def _retrieve(self, specification: t.Any) -> list[Seen]:
        collector = self._content.propertyCollector
        options = vmodl.query.PropertyCollector.RetrieveOptions(maxObjects=_OBJECTS_IN_AN_ANSWER)
        seen: list[Seen] = []
        answer = collector.RetrievePropertiesEx([specification], options)
        while answer is not None:
            seen += [_seen(one) for one in answer.objects]
            if not answer.token:
                break
            answer = collector.ContinueRetrievePropertiesEx(answer.token)
        return seen

    @contextmanager
    def _told(self, doing: str, changes: bool = False) -> t.Iterator[None]:
        """Turn whatever pyVmomi raises into one clear failure, in this one place."""
        try:
            yield
        except vmodl.MethodFault as fault:
            raise self._explain(fault, doing) from None
        except _NETWORK_FAULTS as error:
            raise explain_network(error, self._connection, doing, changes) from None

    def _explain(self, fault: t.Any, doing: str) -> CutoverError:
        entity = self._name_of(fault.object) if getattr(fault, "object", None) else ""
        return _explain_fault(fault, doing, self._connection, entity)

    def _name_of(self, reference: Reference) -> str:
        """The name of an object for a message; its id where even that may not be read."""
        try:
            answer = self._retrieve(_filter([_object(reference)], {reference._wsdlName: ("name",)}))
            return str(answer[0].values["name"])
        except (vmodl.MethodFault, LookupError, *_NETWORK_FAULTS):
            return str(reference._moId)


def tls_context(connection: Connection) -> ssl.SSLContext:
    """What the certificate of vCenter has to be."""
    context = ssl.create_default_context()
    if not connection.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _stub(connection: Connection) -> t.Any:
    # An explicit context, because pyVmomi without one does not verify the certificate of a server on the loopback.
    return SoapStubAdapter(
        host=connection.hostname,
        port=connection.port,
        version=_OLDEST_VERSION,
        sslContext=tls_context(connection),
        httpProxyHost=connection.proxy_host,
        httpProxyPort=connection.proxy_port,
        httpConnectionTimeout=REQUEST_TIMEOUT,
    )


def _best_version(api_version: str) -> str:
    """pyVmomi's newest version that a server of an API version understands.

    What the server says of itself in its first answer spares the request that pyVmomi's own negotiation makes.
    """
    offered = _numbers(api_version)
    known = [version for version in GetServiceVersions("vim25") if _numbers(versionIdMap[version])]
    fitting = [version for version in known if _numbers(versionIdMap[version]) <= offered]
    return max(fitting, key=lambda version: _numbers(versionIdMap[version]), default=_OLDEST_VERSION)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def _object(reference: Reference, selection: t.Sequence[t.Any] = ()) -> t.Any:
    return vmodl.query.PropertyCollector.ObjectSpec(obj=reference, skip=False, selectSet=list(selection))


def _selection(follow: t.Sequence[Follow]) -> list[t.Any]:
    """The way from an object to those that it refers to."""
    collector = vmodl.query.PropertyCollector
    return [
        collector.TraversalSpec(
            name=one.name,
            type=getattr(vim, one.kind),
            path=one.path,
            skip=False,
            selectSet=[collector.SelectionSpec(name=other.name) for other in follow if other.again],
        )
        for one in follow
    ]


def _whole_inventory(root: Reference) -> t.Any:
    """From the root folder to every VM and vApp in a folder."""
    collector = vmodl.query.PropertyCollector
    folders = collector.SelectionSpec(name="folders")
    datacenters = collector.SelectionSpec(name="datacenters")
    into_folders = collector.TraversalSpec(
        name="folders", type=vim.Folder, path="childEntity", skip=False, selectSet=[folders, datacenters]
    )
    into_datacenters = collector.TraversalSpec(
        name="datacenters", type=vim.Datacenter, path="vmFolder", skip=False, selectSet=[folders]
    )
    return collector.ObjectSpec(obj=root, skip=False, selectSet=[into_folders, into_datacenters])


def _filter(objects: t.Sequence[t.Any], paths: t.Mapping[str, t.Sequence[str]]) -> t.Any:
    collector = vmodl.query.PropertyCollector
    properties = [
        collector.PropertySpec(type=getattr(vim, kind), pathSet=list(names), all=False) for kind, names in paths.items()
    ]
    return collector.FilterSpec(objectSet=list(objects), propSet=properties)


def _seen(answer: t.Any) -> Seen:
    """An object of an answer; a property that may not be read ends the read, one that does not exist there is left out."""
    for missing in answer.missingSet or ():
        if isinstance(missing.fault, (vim.fault.NoPermission, vim.fault.NotAuthenticated)):
            raise missing.fault
    values = {item.name: item.val for item in answer.propSet or ()}
    return Seen(answer.obj, answer.obj._wsdlName, answer.obj._moId, values)


def explain_network(error: BaseException, connection: Connection, doing: str, changes: bool) -> CutoverError:
    """What an error of the network means to the user.

    :param changes: whether what was done is a write, whose outcome is unknown then
    """
    where = f"vCenter at {connection}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return InvalidOptionError(
            f"The certificate of {where} is not trusted ({error.verify_message})",
            remedy="Install the certificate of its CA (SSL_CERT_FILE names a bundle), or set validate_certs to false",
            code="CertificateNotTrusted",
        )
    if isinstance(error, socket.gaierror):
        return InvalidOptionError(
            f"The host name '{connection.proxy_host or connection.hostname}' cannot be resolved ({error.strerror})",
            remedy="Correct 'hostname' (or 'proxy_host'), or the name resolution of this machine",
            code="UnknownHost",
        )
    reason = _reason(error)
    if changes:
        return OutcomeUnknownError(
            f"The connection to {where} failed while it was to {doing} ({reason}), so that it may have happened",
            remedy="Run it again: it looks first",
        )
    return UnreachableError(
        f"{where} cannot be reached ({reason})",
        remedy="Check 'hostname', 'port', the proxy, and that the network lets this machine through",
        code="Unreachable",
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, socket.timeout):
        return "no answer in time"
    if isinstance(error, ExpatError):
        return "its answer is not that of a vCenter"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {getattr(error, 'reason', None) or error}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _explain_fault(fault: t.Any, doing: str, connection: Connection, entity: str = "") -> CutoverError:
    """What a fault of vSphere means to the user.

    :param entity: the name of the object that a missing privilege is about
    """
    code = getattr(fault, "_wsdlName", "") or type(fault).__name__
    if isinstance(fault, vim.fault.InvalidLogin):
        return InvalidOptionError(
            f"vCenter at {connection} refuses the user '{connection.username}' or the password",
            remedy="Correct 'username' (VMWARE_USER) and 'password' (VMWARE_PASSWORD)",
            code=code,
        )
    if isinstance(fault, vim.fault.NotAuthenticated):
        return UnreachableError(
            f"vCenter at {connection} ended the session and does not keep a new one",
            remedy="Look whether it limits sessions, or ends them from elsewhere",
            code=code,
        )
    if isinstance(fault, vim.fault.NoPermission):
        privilege = f"privilege {fault.privilegeId}" if fault.privilegeId else "needed privilege"
        return PreconditionError(
            f"The user '{connection.username}' lacks the {privilege} on {entity or 'the object'}, so could not {doing}",
            remedy="Have a role that holds it assigned to the user there",
            code=code,
            details={"privilege": fault.privilegeId, "entity": entity},
        )
    if isinstance(fault, vmodl.fault.ManagedObjectNotFound):
        return NotFoundError(
            f"Could not {doing}: {fault.obj._moId if fault.obj else 'the object'} does not exist",
            remedy="Look whether it was removed or registered anew",
            code=code,
            details={"moid": fault.obj._moId if fault.obj else None},
        )
    message = f"Could not {doing}: {_text(fault) or code}"
    if isinstance(fault, vim.fault.TaskInProgress):
        return Busy(message, remedy="Wait until the other task on the VM has ended", code=code)
    if isinstance(fault, (vim.fault.ConcurrentAccess, vim.fault.InvalidPowerState)):
        return ConflictError(message, remedy="Something else is changing the VM; run it again", code=code)
    return CutoverError(message, remedy="See the VM's tasks and events in vCenter", code=code)


class Busy(ConflictError):
    """Another task has the VM; once it has ended, the same can be tried again."""


def _text(fault: t.Any) -> str:
    """What a fault says, on one line and without the period that follows."""
    parts = [fault.msg or ""] + [note.message or "" for note in fault.faultMessage or ()]
    return "; ".join(" ".join(part.split()).rstrip(".") for part in parts if part.strip())
