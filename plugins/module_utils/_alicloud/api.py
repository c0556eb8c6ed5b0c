# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Alibaba Cloud: connection options, credentials, clients, retry and error mapping (private to the collection)."""

from __future__ import annotations

import logging
import os
import re
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.request import proxy_bypass

from ansible.module_utils.basic import env_fallback

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import clock
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.wire import Wire, listed
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    InvalidOptionError,
    NotFoundError,
    OutcomeUnknownError,
    PreconditionError,
    UnreachableError,
)

IMPORT_ERROR: t.Optional[ImportError] = None
try:
    from alibabacloud_credentials.client import Client as CredentialsClient
    from alibabacloud_credentials.models import Config as CredentialsConfig
    from alibabacloud_credentials.provider import CLIProfileCredentialsProvider
    from alibabacloud_tea_openapi.models import Config, OpenApiRequest, Params
    from alibabacloud_tea_openapi.utils import Utils
    from alibabacloud_tea_util.models import RuntimeOptions
    from darabonba.policy.retry import RetryOptions
    from Tea.exceptions import TeaException, UnretryableException
except ImportError as error:
    IMPORT_ERROR = error

# The credentials library has a log handler of its own, which prints tracebacks and cached values, secrets included.
logging.getLogger("credentials").disabled = True


def _option(environment: str, **details: t.Any) -> dict[str, t.Any]:
    return dict({"type": "str", "fallback": (env_fallback, [environment])}, **details)


CONNECTION_SPEC: dict[str, t.Any] = {
    "access_key_id": _option("ALIBABA_CLOUD_ACCESS_KEY_ID", aliases=["alicloud_access_key"]),
    "access_key_secret": _option("ALIBABA_CLOUD_ACCESS_KEY_SECRET", aliases=["alicloud_secret_key"], no_log=True),
    "security_token": _option("ALIBABA_CLOUD_SECURITY_TOKEN", aliases=["alicloud_security_token"], no_log=True),
    "profile": _option("ALIBABA_CLOUD_PROFILE"),
    "ram_role_arn": _option("CUTOVER_RAM_ROLE_ARN"),
    "region_id": _option("ALIBABA_CLOUD_REGION_ID", aliases=["alicloud_region"]),
    "smc_endpoint": _option("CUTOVER_SMC_ENDPOINT"),
    "ecs_endpoint": _option("CUTOVER_ECS_ENDPOINT"),
}

CONNECTION_RULES: dict[str, t.Any] = {"required_together": [("access_key_id", "access_key_secret")]}


@dataclass(frozen=True)
class Connection:
    """How to reach Alibaba Cloud; its representation holds no secrets."""

    access_key_id: t.Optional[str] = None
    access_key_secret: t.Optional[str] = field(default=None, repr=False)
    security_token: t.Optional[str] = field(default=None, repr=False)
    profile: t.Optional[str] = None
    ram_role_arn: t.Optional[str] = None
    region_id: t.Optional[str] = None
    smc_endpoint: t.Optional[str] = None
    ecs_endpoint: t.Optional[str] = None

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any]) -> Connection:
        return cls(**{name: params.get(name) or None for name in CONNECTION_SPEC})

    @property
    def region(self) -> str:
        """The region, which only reading sources does not need.

        :raises InvalidOptionError: when none was given
        """
        if not self.region_id:
            raise InvalidOptionError(
                "Option 'region_id' is missing",
                remedy="Give the destination region, such as cn-hangzhou, or set ALIBABA_CLOUD_REGION_ID",
            )
        return self.region_id


# Codes by which the platform says that it did not execute a call, so that even a write may be sent again.
# The SDK compares codes exactly.
_THROTTLED = ["Throttling", "Throttling.User", "Throttling.Api", "Throttling.Resource", "Rejected.Throttling"]
_CONNECT_TIMEOUT, _READ_TIMEOUT = 10_000, 30_000  # milliseconds
_ATTEMPTS = 6
# Flow control counts per minute. The attempts last longer than a minute, because an error could stop a cut-over half-way.
_ATTEMPTS_THROTTLED = 10
_BACKOFF = {"policy": "ExponentialWithFullJitter", "period": 500, "cap": 20000}

# The SDK wraps an answer that is not JSON (an HTML 502 of a proxy) into an exception without a name.
_NAMELESS = None


def _retry_options(read: bool) -> t.Any:
    conditions: list[dict[str, t.Any]] = [
        {"maxAttempts": _ATTEMPTS_THROTTLED, "errorCode": _THROTTLED, "exception": [], "backoff": _BACKOFF}
    ]
    if read:
        faults = ["ThrottlingException", "ServerException", "RetryError", _NAMELESS]
        conditions.append({"maxAttempts": _ATTEMPTS, "errorCode": [], "exception": faults, "backoff": _BACKOFF})
    return RetryOptions({"retryable": True, "retryCondition": conditions})


class Api:
    """One Alibaba Cloud API, called by action name; answers are plain dicts in the API's own names.

    Reads are repeated after throttling, server errors and network faults; writes only after throttling, because after
    anything else they may have happened.

    :param client_class: the product's client of the official SDK; it knows the endpoints
    :param version: the API version, such as ``2019-06-01``
    :param endpoint: ``host``, ``host:port`` or a URL; None for the SDK's choice
    """

    def __init__(self, connection: Connection, client_class: t.Any, version: str, endpoint: t.Optional[str]) -> None:
        if os.environ.get("DEBUG", "").lower() == "sdk":
            raise InvalidOptionError(
                "The environment variable DEBUG is 'sdk', with which the Alibaba Cloud SDK prints credentials",
                remedy="Unset DEBUG",
            )
        self._version = version
        self._protocol, host = _split_endpoint(endpoint)
        credentials = _credentials(connection)
        self._provider: t.Any = credentials.get("credential")
        self._reader, self._writer = (
            self._client(client_class, connection, credentials, host, read) for read in (True, False)
        )
        self.host: str = self._reader._endpoint
        #: the service's own clock at its last answer
        self.cloud_time: t.Optional[datetime] = None
        #: by how many seconds it was ahead of this machine's
        self.clock_offset: t.Optional[int] = None

    def _client(
        self,
        client_class: t.Any,
        connection: Connection,
        credentials: dict[str, t.Any],
        host: t.Optional[str],
        read: bool,
    ) -> t.Any:
        return client_class(
            Config(
                region_id=connection.region_id,
                endpoint=host,
                protocol=self._protocol,
                connect_timeout=_CONNECT_TIMEOUT,
                read_timeout=_READ_TIMEOUT,
                user_agent="cutover.smc",
                retry_options=_retry_options(read),
                **credentials,
            )
        )

    def read(self, action: str, **parameters: t.Any) -> dict[str, t.Any]:
        """Call an action that changes nothing.

        :raises UnreachableError: when no attempt got an answer
        :raises CutoverError: when the API refused
        """
        return self._call(self._reader, action, parameters, write=False)

    def write(self, action: str, **parameters: t.Any) -> dict[str, t.Any]:
        """Call an action that changes something.

        :raises OutcomeUnknownError: when it is unknown whether it happened
        :raises CutoverError: when the API refused
        """
        return self._call(self._writer, action, parameters, write=True)

    def read_pages(self, action: str, wrapper: tuple[str, str], page_size: int, **parameters: t.Any) -> list[Wire]:
        """Read a list that the API gives by page numbers, to its last page.

        :param wrapper: the names around the items, such as ``("Images", "Image")``
        """
        found: list[Wire] = []
        page = 1
        while True:
            body = self.read(action, PageNumber=page, PageSize=page_size, **parameters)
            items = listed(body, *wrapper)
            found += items
            if not items or page * page_size >= int(body.get("TotalCount") or 0):
                return found
            page += 1

    def read_by_token(self, action: str, wrapper: tuple[str, str], page_size: int, **parameters: t.Any) -> list[Wire]:
        """Read a list that the API gives by tokens, to its last page; the parameters are those of :meth:`read_pages`."""
        found: list[Wire] = []
        token: t.Optional[str] = None
        while True:
            body = self.read(action, MaxResults=page_size, NextToken=token, **parameters)
            found += listed(body, *wrapper)
            token = body.get("NextToken")
            if not token:
                return found

    def _call(self, client: t.Any, action: str, parameters: dict[str, t.Any], write: bool) -> dict[str, t.Any]:
        call = Params(
            action=action,
            version=self._version,
            protocol=self._protocol,
            pathname="/",
            method="POST",
            auth_type="AK",
            style="RPC",
            req_body_type="formData",
            body_type="json",
        )
        request = OpenApiRequest(query=Utils.query(parameters))
        self._check_credentials()
        try:
            with _proxies_that_apply(self.host):
                answer = client.call_api(call, request, RuntimeOptions())
        except TeaException as error:
            raise failure_of(error, action, self.host, write) from None
        self.cloud_time = _date(answer["headers"])
        local_time = datetime.now(timezone.utc)
        self.clock_offset = clock.offset(self.cloud_time, local_time) if self.cloud_time else None
        return t.cast("dict[str, t.Any]", answer["body"])

    def _check_credentials(self) -> None:
        """Check that there are any. During a call the SDK would treat their absence as a network fault."""
        if self._provider is not None:
            try:
                with _proxies_that_apply(_METADATA_HOST, "http_proxy"), _proxies_that_apply(_sts_host(), "https_proxy"):
                    self._provider.get_credential()
            except Exception as error:
                raise _no_credentials(error) from None


def _split_endpoint(endpoint: t.Optional[str]) -> tuple[str, t.Optional[str]]:
    """The protocol, and the host as the SDK wants it (it would sign a URL literally as the host)."""
    match = re.match(r"^(?:(https?)://)?([^/]+)/?$", endpoint or "", re.IGNORECASE)
    if endpoint and not match:
        raise InvalidOptionError(
            f"The endpoint '{endpoint}' is neither a host nor a URL", remedy="Write it as smc.aliyuncs.com"
        )
    if not match:
        return "HTTPS", None
    return (match.group(1) or "https").upper(), match.group(2)


@contextmanager
def _proxies_that_apply(host: str, *variables: str) -> t.Iterator[None]:
    """Prevent the SDK from using a proxy for a host that NO_PROXY excludes, because it ignores that variable.

    :param variables: the proxies that the host would be reached through, in lower case; both by default
    """
    names = [name for name in os.environ if name.lower() in (variables or ("http_proxy", "https_proxy"))]
    hidden = {name: os.environ.pop(name) for name in names} if names and proxy_bypass(host) else {}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _credentials(connection: Connection) -> dict[str, t.Any]:
    """The credentials as arguments of the SDK's Config: explicit keys, a profile, a role, or the SDK's own chain."""
    try:
        if connection.ram_role_arn:
            return {"credential": _assumed_role(connection)}
        if connection.access_key_id:
            return {
                "access_key_id": connection.access_key_id,
                "access_key_secret": connection.access_key_secret,
                "security_token": connection.security_token,
            }
        if connection.profile:
            provider = CLIProfileCredentialsProvider(profile_name=connection.profile)
            return {"credential": CredentialsClient(provider=provider)}
        return {"credential": CredentialsClient()}
    except Exception as error:
        raise _no_credentials(error) from None


def _assumed_role(connection: Connection) -> t.Any:
    if not connection.access_key_id:
        raise InvalidOptionError(
            "Option 'ram_role_arn' needs the 'access_key_id' and 'access_key_secret' of the identity that assumes the role"
        )
    return CredentialsClient(
        CredentialsConfig(
            type="ram_role_arn",
            access_key_id=connection.access_key_id,
            access_key_secret=connection.access_key_secret,
            security_token=connection.security_token,
            role_arn=connection.ram_role_arn,
            role_session_name="cutover-smc",
        )
    )


def _sts_host() -> str:
    """Where the credentials library assumes roles; it reads the same variables."""
    region = os.environ.get("ALIBABA_CLOUD_STS_REGION")
    inside = os.environ.get("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "").lower() == "true"
    return ".".join(part for part in ("sts-vpc" if inside else "sts", region, "aliyuncs.com") if part)


def _no_credentials(error: Exception) -> CutoverError:
    if isinstance(error, CutoverError):
        return error
    return InvalidOptionError(
        f"No usable Alibaba Cloud credentials: {_without_secrets(str(error))}",
        remedy="Set access_key_id and access_key_secret (and security_token), or a profile of the Alibaba Cloud CLI; or set "
        "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or ALIBABA_CLOUD_ROLE_ARN with "
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN and ALIBABA_CLOUD_OIDC_TOKEN_FILE; or attach a RAM role to the ECS instance that this runs on",
    )


def _without_secrets(text: str) -> str:
    """The text of the credentials library, without the tokens in its URLs and in its quotations of answers."""
    text = re.sub(r"(with url: [^\s?]*)\?\S*", r"\1", text)
    return re.sub(r"""(?i)((?:secret|token)\w*\\?["']?\s*[:=]\s*\\?["']?)[^"'\\,}\s&]+""", r"\1...", text)


def _date(headers: t.Mapping[str, str]) -> t.Optional[datetime]:
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(timezone.utc)
    except (KeyError, TypeError, ValueError):
        return None


@dataclass(frozen=True)
class _Meaning:
    """What an error code means to a user."""

    pattern: str
    kind: type[CutoverError]
    remedy: str
    sentence: str = ""


# The first match wins. Source: the error codes of SMC and ECS in their API metadata and help pages.
_MEANINGS = (
    _Meaning(
        r"InvalidAccessKeyId|InvalidCredentials|InvalidSecurityToken|MissingSecurityToken|InvalidAccessKeySecret",
        InvalidOptionError,
        "Check access_key_id (ALIBABA_CLOUD_ACCESS_KEY_ID) and, for temporary keys, security_token",
        "Alibaba Cloud does not accept the access key",
    ),
    _Meaning(
        r"SignatureDoesNotMatch|IncompleteSignature",
        InvalidOptionError,
        "Check access_key_secret (ALIBABA_CLOUD_ACCESS_KEY_SECRET): it does not belong to the access key ID",
        "Alibaba Cloud refused the signature",
    ),
    _Meaning(
        r"IllegalTimestamp|InvalidTimeStamp",
        InvalidOptionError,
        "Correct this machine's clock; Alibaba Cloud allows 15 minutes",
    ),
    _Meaning(
        r"InvalidProtocol",
        InvalidOptionError,
        "Write the endpoint with https:// or as a host name alone, which means HTTPS",
    ),
    _Meaning(r"Forbidden\.AccessKeyDisabled", InvalidOptionError, "Enable the access key, or use another one"),
    _Meaning(r"Forbidden|NoPermission", CutoverError, "Grant the action to this identity in RAM"),
    _Meaning(
        r"EntityNotExist\.Role",
        PreconditionError,
        "Create the service-linked role AliyunServiceRoleForSMC (importing a first source in the console creates it)",
    ),
    _Meaning(r"RealNameAuthenticationError", PreconditionError, "Complete the real-name verification of the account"),
    _Meaning(
        r"QuotaExceeded|QuotaExceed",
        PreconditionError,
        "Delete resources that are no longer needed, or request a higher quota",
    ),
    _Meaning(r"NotEnoughBalance", PreconditionError, "Add funds to the account"),
    _Meaning(r"NoStock|Zone\.NotOnSale", PreconditionError, "Choose another instance type or zone"),
    _Meaning(
        r"(ReplicationJobName|SourceServerName)\.Duplicate", InvalidOptionError, "Choose a name that is not in use"
    ),
    _Meaning(
        r"ImageName\.UsedByReplicationJob|InvalidImageName\.Duplicated", InvalidOptionError, "Choose another image_name"
    ),
    _Meaning(
        r"SourceServerState\.Invalid",
        PreconditionError,
        "Check that the connector runs and reaches Alibaba Cloud, and that the source has no unfinished job",
    ),
    _Meaning(
        r"ReplicationJob\.Invalid(Business)?Status",
        PreconditionError,
        "Wait until the job is in one of the states named, then run this again",
    ),
    _Meaning(r"Throttling", UnreachableError, "Run this again in a minute, or with fewer forks"),
    _Meaning(r"OperationConflict|Operation\.Conflict|LastTokenProcessing", ConflictError, "Run this again"),
    _Meaning(r"\.NotFound$|NotFound", NotFoundError, ""),
)

#: Where an ECS instance asks for the keys of its RAM role.
_METADATA_HOST = "100.100.100.200"

# The text of urllib3 when a request cannot have left this machine.
_NEVER_SENT = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError"
    r"|CERTIFICATE_VERIFY_FAILED|WRONG_VERSION_NUMBER|HANDSHAKE_FAILURE"
)


def failure_of(error: t.Any, action: str, host: str, write: bool) -> CutoverError:
    """Map an error of the SDK to one of ours; the only place that does.

    :param error: a ``TeaException`` or a subclass
    :param action: the action called, such as ``CreateReplicationJob``
    """
    if isinstance(error, UnretryableException) or not getattr(error, "code", None):
        return _network_failure(error, action, host, write)
    code, status = str(error.code), getattr(error, "status_code", None) or getattr(error, "statusCode", None)
    data = error.data if isinstance(getattr(error, "data", None), dict) else {}
    facts: dict[str, t.Any] = {"code": code, "http_status": status, "request_id": str(data.get("RequestId") or "")}
    text = str(data.get("Message") or error.message or code).strip()
    for meaning in _MEANINGS:
        if re.search(meaning.pattern, code):
            text = f"{meaning.sentence}: {text}" if meaning.sentence else text
            return meaning.kind(f"{action}: {text.rstrip('.')} ({code})", remedy=meaning.remedy, **facts)
    if status and status >= 500:
        message = f"{action}: the service answered HTTP {status} {code}: {text.rstrip('.')}"
        return (OutcomeUnknownError if write else UnreachableError)(message, remedy="Run this again", **facts)
    return CutoverError(f"{action}: {text.rstrip('.')} ({code})", **facts)


def _network_failure(error: t.Any, action: str, host: str, write: bool) -> CutoverError:
    inner = getattr(error, "inner_exception", None) or error
    # The SDK wraps the text into a dictionary.
    wrapped = inner.args[0] if inner.args and isinstance(inner.args[0], dict) else {}
    cause = str(wrapped.get("message") or inner)
    message = f"{action}: no usable answer from {host}: {_brief(cause)}"
    if write and not _NEVER_SENT.search(cause):
        return OutcomeUnknownError(
            message, remedy="The change may or may not have been made; run this again to find out"
        )
    return UnreachableError(message, remedy="Check the endpoint, the network and the proxy, then run this again")


def _brief(cause: str) -> str:
    """The innermost reason of a nested network error."""
    cause = re.sub(r"<[^<>]*object at 0x[0-9a-f]+>:?\s*", "", cause)
    cause = re.sub(r"HTTPS?Connection(Pool)?\(host='[^']*', port=\d+\):\s*", "", cause)
    match = re.search(r"""\w\((?:\d+, )?(["'])(?P<reason>.+?)\1\)+$""", cause)
    return (match.group("reason") if match else cause).strip(" '\"")[:200]
