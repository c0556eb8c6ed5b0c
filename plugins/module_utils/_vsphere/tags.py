# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vSphere tags: which VMs have them. Only vCenter's REST API returns them, not the API that pyVmomi uses.

(Private to the collection.)
"""

from __future__ import annotations

import base64
import difflib
import json
import typing as t
from http.client import HTTPException, HTTPSConnection
from urllib.parse import quote

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    CutoverError,
    InvalidOptionError,
    PreconditionError,
)
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.client import (
    REQUEST_TIMEOUT,
    Connection,
    explain_network,
    tls_context,
)

# The paths of vCenter 6.5 to 8.0; 6.7 does not have the newer ones below /api.
_SESSION = "/rest/com/vmware/cis/session"
_TAG = "/rest/com/vmware/cis/tagging/tag"
_CATEGORY = "/rest/com/vmware/cis/tagging/category"
_ATTACHED = "/rest/com/vmware/cis/tagging/tag-association"

_DOING = "read the tags of vCenter"


def tagged_vms(connection: Connection, tags: t.Sequence[str]) -> frozenset[str]:
    """The managed object IDs of the VMs that have all given tags; empty without tags.

    It makes one call for each tag of vCenter, because tags cannot be searched by name, and one for the VMs of each selected tag.

    :param tags: each ``NAME``, which selects every tag of that name, or ``CATEGORY:NAME``
    :raises InvalidOptionError: a tag does not exist
    """
    if not tags:
        return frozenset()
    with _Rest(connection) as rest:
        known = [_Tag(rest, tag_id) for tag_id in rest.ask("GET", _TAG)]
        selected = [_select(tag, known) for tag in tags]  # every name is checked before any VM is read
        sets = [frozenset(moid for tag in matches for moid in tag.vms()) for matches in selected]
    return frozenset.intersection(*sets)


class _Tag:
    """A tag of vCenter; its category and its VMs are read only when they are needed."""

    def __init__(self, rest: _Rest, tag_id: str) -> None:
        self._rest = rest
        self._id = tag_id
        tag = rest.ask("GET", _with_id(_TAG, tag_id))
        self.name = str(tag["name"])
        self._category_id = str(tag["category_id"])

    def full_name(self) -> str:
        return f"{self._rest.category(self._category_id)}:{self.name}"

    def vms(self) -> list[str]:
        path = _with_id(_ATTACHED, self._id) + "?~action=list-attached-objects"
        attached = self._rest.ask("POST", path, body="{}")  # there are no parameters, but a body is required
        return [str(item["id"]) for item in attached if item["type"] == "VirtualMachine"]


def _select(wanted: str, known: t.Sequence[_Tag]) -> list[_Tag]:
    found = [tag for tag in known if tag.name == wanted]
    # A name may contain a colon itself.
    found += [tag for tag in known if wanted.endswith(f":{tag.name}") and tag.full_name() == wanted]
    if found:
        return found
    names = sorted({tag.name for tag in known} | {tag.full_name() for tag in known})
    close = difflib.get_close_matches(wanted, names, n=3)
    raise InvalidOptionError(
        f"vCenter has no tag '{wanted}' (option 'tags')",
        remedy=f"Did you mean {', '.join(close)}?" if close else "Check the spelling: NAME or CATEGORY:NAME",
        details={"close_names": close},
    )


def _with_id(path: str, object_id: str) -> str:
    return f"{path}/id:{quote(object_id, safe=':')}"


class _Rest:
    """A session with vCenter's REST API, as a context manager."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._headers: dict[str, str] = {"Accept": "application/json", "Content-Type": "application/json"}
        self._categories: dict[str, str] = {}
        self._http = _http(connection)

    def __enter__(self) -> _Rest:
        secret = f"{self._connection.username}:{self._connection.password}".encode()
        try:
            session = self.ask("POST", _SESSION, Authorization="Basic " + base64.b64encode(secret).decode())
        except BaseException:
            self._http.close()
            raise
        self._headers["vmware-api-session-id"] = str(session)
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            self.ask("DELETE", _SESSION)
        except CutoverError:
            pass  # the session ends by its idle timeout instead
        finally:
            self._http.close()

    def category(self, category_id: str) -> str:
        """The name of a category, which is read once."""
        if category_id not in self._categories:
            self._categories[category_id] = str(self.ask("GET", _with_id(_CATEGORY, category_id))["name"])
        return self._categories[category_id]

    def ask(self, method: str, path: str, body: t.Optional[str] = None, **headers: str) -> t.Any:
        """The value in vCenter's answer."""
        try:
            self._http.request(method, path, body, dict(self._headers, **headers))
            answer = self._http.getresponse()
            content = answer.read()
        except (OSError, HTTPException) as error:
            raise explain_network(error, self._connection, _DOING, False) from None
        if answer.status >= 300:
            raise _explain(answer.status, content, self._connection)
        try:
            # For an empty list the simulator answers with null, and vCenter with an empty list.
            return (json.loads(content)["value"] or []) if content else None
        except (ValueError, LookupError, TypeError):
            raise CutoverError(
                f"Could not {_DOING}: the answer of {self._connection} is not from vCenter's REST API",
                remedy="Check 'hostname' and 'port'",
            ) from None


def _http(connection: Connection) -> HTTPSConnection:
    first = (connection.proxy_host or connection.hostname, connection.proxy_port or connection.port)
    http = HTTPSConnection(*first, timeout=REQUEST_TIMEOUT, context=tls_context(connection))
    if connection.proxy_host:
        http.set_tunnel(connection.hostname, connection.port)
    return http


def _explain(status: int, content: bytes, connection: Connection) -> CutoverError:
    if status == 401:
        return InvalidOptionError(
            f"The REST API of vCenter at {connection} rejected the user '{connection.username}' or the password",
            remedy="Correct 'username' (VMWARE_USER) and 'password' (VMWARE_PASSWORD)",
            http_status=status,
        )
    if status == 403:
        return PreconditionError(
            f"The user '{connection.username}' may not {_DOING}",
            remedy="Assign the user a role with read access at the root of vCenter",
            http_status=status,
        )
    if status == 404:
        return PreconditionError(
            f"Could not {_DOING}: {connection} does not know the requested path or tag",
            remedy="Tags need vCenter 6.5 or later. A tag may also have been removed meanwhile; run the task again",
            http_status=status,
        )
    return CutoverError(
        f"Could not {_DOING}: HTTP status {status}{_message(content)}",
        remedy="Check whether the services of vCenter are healthy",
        http_status=status,
    )


def _message(content: bytes) -> str:
    """The error message in an answer of the REST API, after a comma; empty without a message."""
    try:
        return ", " + str(json.loads(content)["value"]["messages"][0]["default_message"]).rstrip(".")
    except (ValueError, LookupError, TypeError):
        return ""
