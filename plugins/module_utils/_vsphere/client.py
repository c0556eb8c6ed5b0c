# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vCenter, or a stand-alone ESXi host: the session, reads of many objects in one call, tasks, and what its faults mean.

The only file that imports pyVmomi. Properties are read through the property collector alone, because each attribute of a
managed object costs a round trip, and reading one that is not set is an error. (Private to the collection.)
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
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.properties import (
    ExtraRead,
    ObjectProperties,
    Reference,
    Traversal,
)

PYVMOMI_ERROR: t.Optional[ImportError]
try:
    from pyVmomi import SoapStubAdapter, vim, vmodl
    from pyVmomi.VmomiSupport import GetServiceVersions, versionIdMap
except ImportError as error:
    PYVMOMI_ERROR = error
else:
    PYVMOMI_ERROR = None

T = t.TypeVar("T")

#: The ``ModuleDefinition.required_libraries`` of every vSphere module.
REQUIRES = (("pyvmomi", PYVMOMI_ERROR),)

#: How many objects are read in one call, when many properties of each are read.
PAGE = 100
# An answer about given objects also contains those that they refer to: hosts, datastores, folders. It should still be one page.
# Of a whole inventory few properties are read: so many objects are smaller than a page of VMs with their devices.
_OBJECTS_PER_ANSWER = 10 * PAGE

#: A request without an answer fails after so many seconds.
REQUEST_TIMEOUT = 60
_READ_ATTEMPTS = 4
_OLDEST_VERSION = "vim.version.version9"
_NETWORK_FAULTS = (OSError, HTTPException, ExpatError)

# A task of a few hundred milliseconds must not take a second, and a task of an hour must not be polled ten times a second:
# each phase is (its length, the interval between two polls), in seconds.
_FAST_PHASES = ((0.5, 0.1), (4.0, 0.5))
_SLOW_INTERVAL = 2.0
# No task ends sooner, so an earlier poll would be a wasted call.
_FIRST_POLL_SECONDS = 0.03
_POLLS_WITH_EXTRA_READ = 3


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


# Checked here and not by Ansible's "required", whose message could not name the environment variable.
_REQUIRED = {"hostname": "VMWARE_HOST", "username": "VMWARE_USER", "password": "VMWARE_PASSWORD"}

CONNECTION_RULES = {"required_together": [("proxy_host", "proxy_port")]}


@dataclass(frozen=True)
class Connection:
    """The address of vCenter and the user that logs in."""

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

        :raises InvalidOptionError: a required option is missing
        """
        missing = [name for name in _REQUIRED if not params[name]]
        if missing:
            variables = " and ".join(_REQUIRED[name] for name in missing)
            if len(missing) == 1:
                message = f"Option '{missing[0]}' is missing"
                remedy = f"Set it in the task, or set the environment variable {variables}"
            else:
                message = f"Options {' and '.join(map(repr, missing))} are missing"
                remedy = f"Set them in the task, or set the environment variables {variables}"
            raise InvalidOptionError(message, remedy=remedy, code="MissingOption")
        return cls(**{name: params[name] for name in connection_spec()})

    def __str__(self) -> str:
        return f"{self.hostname}:{self.port}"


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
        with self._mapped_errors("connect to vCenter"):
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
            pass  # the session ends by its idle timeout instead; the work is done or has failed before
        finally:
            self._stub.DropConnections()

    @property
    def vcenter_version(self) -> str:
        """The version of vCenter, such as ``6.7.0``; empty on a stand-alone ESXi host."""
        return str(self._content.about.version) if self.is_vcenter else ""

    @property
    def is_vcenter(self) -> bool:
        """Whether it is a vCenter and not a stand-alone ESXi host."""
        return str(self._content.about.apiType) != "HostAgent"

    def reference(self, kind: str, moid: str) -> Reference:
        """The object of a kind (``VirtualMachine``) with a managed object ID; vCenter is not called."""
        return getattr(vim, kind)(moid, self._stub)

    # Reads

    def find_by_uuid(self, uuid: str) -> t.Optional[Reference]:
        """The VM with an instance UUID, or None."""
        return self._ask("find the VM", lambda: self._content.searchIndex.FindByUuid(None, uuid, True, True))

    def read(
        self,
        references: t.Sequence[Reference],
        paths: t.Mapping[str, t.Sequence[str]],
        traversals: t.Sequence[Traversal] = (),
    ) -> list[ObjectProperties]:
        """Read properties of given objects, and of those that they refer to, in one call.

        :param paths: for each kind of object, the properties to read
        :raises NotFoundError: one of the objects no longer exists
        """

        def specify() -> t.Any:
            # Shared by the objects, because building a selection for each costs more than sending it.
            selection = _selection(traversals)
            return _filter([_object(reference, selection) for reference in references], paths)

        if not references:
            return []
        return self._ask("read from vCenter", lambda: self._retrieve(specify()))

    def read_all(self, paths: t.Mapping[str, t.Sequence[str]]) -> list[ObjectProperties]:
        """Read properties of every object of the given kinds that the user may see.

        vCenter traverses the folders itself, which costs one call, while a view must also be created and destroyed. But VMs in
        vApps, which may be nested, are found reliably only by a view.
        """

        def retrieve() -> list[ObjectProperties]:
            objects = self._retrieve(_filter([_whole_inventory(self._content.rootFolder)], paths))
            has_vapps = any(properties.kind == "VirtualApp" for properties in objects)
            return self._read_by_view(paths) if has_vapps else objects

        return self._ask("read the inventory of vCenter", retrieve)

    def _read_by_view(self, paths: t.Mapping[str, t.Sequence[str]]) -> list[ObjectProperties]:
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
        (properties,) = self.read([manager], {"CustomFieldsManager": ("field",)})
        return {field.key: field.name for field in properties.values.get("field") or ()}

    def missing_privileges(
        self, references: t.Sequence[Reference], privileges: t.Sequence[str], user: str = ""
    ) -> dict[str, tuple[str, ...]]:
        """The privileges that a user lacks on objects, by the objects' ids.

        A server that cannot answer is assumed to grant them all. A missing privilege then fails the call that needs it.

        :param user: the user's name; by default the user that is logged in
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
                # A user may lack the privilege to check even its own privileges. The call that needs one fails then.
                if user or isinstance(fault, vim.fault.NotAuthenticated):
                    raise
                return ()

        return {
            entity.entity._moId: tuple(
                privilege.privId for privilege in entity.privAvailability or () if not privilege.isGranted
            )
            for entity in self._ask("check the user's privileges", ask) or ()
        }

    def require_privileges(
        self, machine: Reference, name: str, privileges: t.Sequence[str], planned: t.Sequence[str]
    ) -> None:
        """Check that the user that is logged in has the privileges on a VM that a plan needs.

        :param name: the VM's name
        :param planned: the summaries of the planned steps, for the result
        :raises PreconditionError: it lacks some of them
        """
        missing = self.missing_privileges([machine], privileges).get(machine._moId, ())
        if not missing:
            return
        noun = "privilege" if len(missing) == 1 else "privileges"
        raise PreconditionError(
            f"The user lacks the {noun} {', '.join(missing)} on {name}; nothing was changed",
            remedy=f"Assign the user a role with the {noun} on the VM or above it",
            code="NoPermission",
            details={"privileges": list(missing), "entity": name, "plan": list(planned)},
        )

    def change_ids(self, snapshot: Reference) -> dict[int, str]:
        """The change ID of each disk in a snapshot, by the disk's device key."""
        (properties,) = self.read([snapshot], {"VirtualMachineSnapshot": ("config.hardware.device",)})
        devices = properties.values.get("config.hardware.device") or ()
        disks = [device for device in devices if isinstance(device, vim.vm.device.VirtualDisk)]
        ids = {disk.key: getattr(disk.backing, "changeId", None) for disk in disks}
        return {key: change_id for key, change_id in ids.items() if change_id}

    def query_areas_in_use(self, machine: Reference, snapshot: Reference, disk_key: int) -> t.Any:
        """Query once the areas of a disk that are in use, which works on a tracked disk only."""
        return self._ask(
            "query the areas in use",
            lambda: machine.QueryChangedDiskAreas(snapshot=snapshot, deviceKey=disk_key, startOffset=0, changeId="*"),
        )

    def refresh_storage(self, machine: Reference) -> None:
        """Make vCenter list the VM's files again; the VM is not changed."""
        self._ask("refresh the list of the VM's files", machine.RefreshStorageInfo)

    # Changes

    def submit(self, doing: str, call: t.Callable[[], T]) -> T:
        """Make a call that changes something.

        :param doing: what it does, as an imperative for messages, such as ``power off app-01``
        :raises OutcomeUnknownError: no answer came, so the change may have been applied
        """
        with self._mapped_errors(doing, changes=True):
            try:
                return call()
            except vim.fault.NotAuthenticated:
                # vCenter refused before it did anything, so repeating is safe.
                self._log_in_again()
                return call()

    def run_task(
        self,
        doing: str,
        start: t.Callable[[], Reference],
        progress: t.Callable[[str], None],
        timeout: float,
        extra: t.Optional[ExtraRead] = None,
    ) -> tuple[t.Any, list[ObjectProperties]]:
        """Start a task, wait for its end and return its result.

        :param doing: what it does, as for :meth:`submit`
        :param extra: what to read in the same call as the task's end; returned second, empty when the task took longer

        :raises ConflictError: another task on the VM was running, or the VM was not in the expected state
        :raises WaitTimeoutError: it has not ended in time; it may still end
        """
        task = self.submit(doing, start)

        extra_reads = [extra] * _POLLS_WITH_EXTRA_READ
        others: list[ObjectProperties] = []

        def poll() -> dict[str, t.Any]:
            # Only the first polls read more: during a long task there would be many for nothing.
            answer = self._read_task(task, extra_reads.pop() if extra_reads else None)
            others[:] = [properties for properties in answer if properties.kind != "Task"]
            return next(properties.values for properties in answer if properties.kind == "Task")

        def ended(info: dict[str, t.Any]) -> bool:
            return str(info["info.state"]) in ("success", "error")

        def message(info: dict[str, t.Any]) -> str:
            percent = info.get("info.progress")
            return f"{doing}: {info['info.state']}" + (f", {percent} %" if percent is not None else "")

        self._sleep(_FIRST_POLL_SECONDS)
        try:
            info = self._wait(poll, ended, message, progress, timeout)
        except UnreachableError as error:
            # The task continues without us. This must not look like a read, which would be repeated together with the task's start.
            raise OutcomeUnknownError(
                f"Lost contact with vCenter while '{doing}' was running: {error.message}", remedy=error.remedy
            ) from None
        fault = info.get("info.error")
        if str(info["info.state"]) == "error":
            raise self._explain(fault, doing)
        return info.get("info.result"), others

    def _read_task(self, task: Reference, extra: t.Optional[ExtraRead]) -> list[ObjectProperties]:
        paths: dict[str, t.Sequence[str]] = {"Task": ("info.state", "info.error", "info.result", "info.progress")}
        if extra is None:
            return self.read([task], paths)
        paths.update(extra.paths)

        def retrieve() -> list[ObjectProperties]:
            # The task comes first, so that what is read after it is from after its end.
            wanted = [_object(task), _object(extra.reference, _selection(extra.traversals))]
            return self._retrieve(_filter(wanted, paths))

        return self._ask("read from vCenter", retrieve)

    def reconfigure(
        self, machine: Reference, *, flag: t.Optional[bool], settings: t.Mapping[str, str], change_version: str
    ) -> Reference:
        """Start a task that changes a VM's CBT flag and advanced configuration; an empty value removes an entry.

        :param change_version: the task fails unless the VM still has this change version; empty accepts any
        """
        entries = [vim.option.OptionValue(key=key, value=value) for key, value in settings.items()]
        spec = vim.vm.ConfigSpec(changeTrackingEnabled=flag, extraConfig=entries, changeVersion=change_version or None)
        return machine.ReconfigVM_Task(spec)

    def _wait(
        self,
        poll: t.Callable[[], dict[str, t.Any]],
        done: t.Callable[[dict[str, t.Any]], bool],
        message: t.Callable[[dict[str, t.Any]], str],
        progress: t.Callable[[str], None],
        timeout: float,
    ) -> dict[str, t.Any]:
        left = timeout
        for seconds, interval in _FAST_PHASES:
            if left <= seconds:
                break
            try:
                return Waiter(seconds, interval, lambda line: None, sleep=self._sleep).until(poll, done, message)
            except WaitTimeoutError:
                left -= seconds
        return Waiter(left, _SLOW_INTERVAL, progress, sleep=self._sleep).until(poll, done, message)

    # Internals

    def _log_in(self) -> None:
        session = self._content.sessionManager.Login(self._connection.username, self._connection.password, None)
        self._user = str(session.userName) if session is not None else ""

    def _log_in_again(self) -> None:
        self._stub.SetSessionId("")  # otherwise vCenter refuses the login if the session is still valid after all
        self._log_in()

    def _ask(self, doing: str, call: t.Callable[[], T]) -> T:
        """Make a call that changes nothing, and make it again when the session has expired or the network failed."""
        for attempt in range(1, _READ_ATTEMPTS + 1):
            try:
                with self._mapped_errors(doing):
                    try:
                        return call()
                    except vim.fault.NotAuthenticated:
                        self._log_in_again()
                        return call()
            except UnreachableError:
                if attempt == _READ_ATTEMPTS:
                    raise
                self._sleep(0.5 * 2**attempt)
        raise CutoverError(f"Could not {doing}")  # not reached: the last attempt returns or raises

    def _retrieve(self, specification: t.Any) -> list[ObjectProperties]:
        collector = self._content.propertyCollector
        options = vmodl.query.PropertyCollector.RetrieveOptions(maxObjects=_OBJECTS_PER_ANSWER)
        objects: list[ObjectProperties] = []
        answer = collector.RetrievePropertiesEx([specification], options)
        while answer is not None:
            objects += [_object_properties(content) for content in answer.objects]
            if not answer.token:
                break
            answer = collector.ContinueRetrievePropertiesEx(answer.token)
        return objects

    @contextmanager
    def _mapped_errors(self, doing: str, changes: bool = False) -> t.Iterator[None]:
        """Turn whatever pyVmomi raises into a :class:`CutoverError`, in this one place."""
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
        """The name of an object for a message; its ID if its name may not be read."""
        try:
            answer = self._retrieve(_filter([_object(reference)], {reference._wsdlName: ("name",)}))
            return str(answer[0].values["name"])
        except (vmodl.MethodFault, LookupError, *_NETWORK_FAULTS):
            return str(reference._moId)


def tls_context(connection: Connection) -> ssl.SSLContext:
    """How the certificate of vCenter is verified."""
    context = ssl.create_default_context()
    if not connection.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _stub(connection: Connection) -> t.Any:
    # The context is explicit because pyVmomi without one does not verify the certificate of a server on the loopback.
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

    The server's first answer contains its API version, which saves the request of pyVmomi's own negotiation.
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


def _selection(traversals: t.Sequence[Traversal]) -> list[t.Any]:
    """The property collector's form of traversals; a recursive one also applies to the objects that the others reach."""
    collector = vmodl.query.PropertyCollector
    return [
        collector.TraversalSpec(
            name=traversal.name,
            type=getattr(vim, traversal.kind),
            path=traversal.path,
            skip=False,
            selectSet=[collector.SelectionSpec(name=other.name) for other in traversals if other.recursive],
        )
        for traversal in traversals
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


def _object_properties(content: t.Any) -> ObjectProperties:
    """An object of an answer. A property that may not be read ends the read; one that does not exist is left out."""
    for missing in content.missingSet or ():
        if isinstance(missing.fault, (vim.fault.NoPermission, vim.fault.NotAuthenticated)):
            raise missing.fault
    values = {item.name: item.val for item in content.propSet or ()}
    return ObjectProperties(content.obj, content.obj._wsdlName, content.obj._moId, values)


def explain_network(error: BaseException, connection: Connection, doing: str, changes: bool) -> CutoverError:
    """What a network error means to the user.

    :param doing: what was done, as an imperative
    :param changes: whether it was a change, whose outcome is then unknown
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
            f"The connection to {where} failed during '{doing}' ({reason}); the change may or may not have been applied",
            remedy="Run the task again; it reads the present state first",
        )
    return UnreachableError(
        f"{where} cannot be reached ({reason})",
        remedy="Check 'hostname', 'port', the proxy, and whether a firewall blocks this machine",
        code="Unreachable",
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, socket.timeout):
        return "no answer in time"
    if isinstance(error, ExpatError):
        return "the answer is not from a vCenter"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {getattr(error, 'reason', None) or error}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _explain_fault(fault: t.Any, doing: str, connection: Connection, entity: str = "") -> CutoverError:
    """What a fault of vSphere means to the user.

    :param doing: what was done, as an imperative
    :param entity: the name of the object on which a privilege is missing
    """
    code = getattr(fault, "_wsdlName", "") or type(fault).__name__
    if isinstance(fault, vim.fault.InvalidLogin):
        return InvalidOptionError(
            f"vCenter at {connection} rejected the user '{connection.username}' or the password",
            remedy="Correct 'username' (VMWARE_USER) and 'password' (VMWARE_PASSWORD)",
            code=code,
        )
    if isinstance(fault, vim.fault.NotAuthenticated):
        return UnreachableError(
            f"vCenter at {connection} ended the session, and a new one too",
            remedy="Check whether vCenter limits the number of sessions, or whether something else ends them",
            code=code,
        )
    if isinstance(fault, vim.fault.NoPermission):
        privilege = f"privilege {fault.privilegeId}" if fault.privilegeId else "required privilege"
        return PreconditionError(
            f"Could not {doing}: the user '{connection.username}' lacks the {privilege} on {entity or 'the object'}",
            remedy="Assign the user a role with the privilege on that object",
            code=code,
            details={"privilege": fault.privilegeId, "entity": entity},
        )
    if isinstance(fault, vmodl.fault.ManagedObjectNotFound):
        return NotFoundError(
            f"Could not {doing}: {fault.obj._moId if fault.obj else 'the object'} does not exist",
            remedy="Check whether it was removed, or registered again with a new ID",
            code=code,
            details={"moid": fault.obj._moId if fault.obj else None},
        )
    message = f"Could not {doing}: {_text(fault) or code}"
    if isinstance(fault, vim.fault.TaskInProgress):
        return BusyError(message, remedy="Wait until the other task on the VM has ended", code=code)
    if isinstance(fault, (vim.fault.ConcurrentAccess, vim.fault.InvalidPowerState)):
        return ConflictError(message, remedy="Something else is changing the VM; run it again", code=code)
    return CutoverError(message, remedy="Check the VM's tasks and events in vCenter", code=code)


class BusyError(ConflictError):
    """Another task on the VM is running; after its end, the call can be repeated."""


def _text(fault: t.Any) -> str:
    """The text of a fault, on one line and without a final period."""
    parts = [fault.msg or ""] + [note.message or "" for note in fault.faultMessage or ()]
    return "; ".join(" ".join(part.split()).rstrip(".") for part in parts if part.strip())
