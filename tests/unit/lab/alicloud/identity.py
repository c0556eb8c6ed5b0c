"""STS and the metadata service of an ECS instance at the wire: both are behind an HTTP proxy, which the SDK is configured to use."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from lab.alicloud.world.settings import Credential
from lab.certificates import write_certificates

STS_HOST = "sts.aliyuncs.com"
METADATA_HOST = "100.100.100.200"
SHAPE = "%Y-%m-%dT%H:%M:%SZ"


@dataclass
class Identity:
    """Which keys may assume the role, and the keys that they get.

    :ivar callers: the keys that may assume the role, with or without a token
    :ivar given: the temporary keys of the role
    """

    callers: list[Credential]
    given: Credential
    role_arn: str = "acs:ram::1234567890123456:role/migration"
    oidc_provider_arn: str = "acs:ram::1234567890123456:oidc-provider/ci"
    oidc_token: str = "eyJ.the-oidc-token.sig"
    instance_role: str = "migration-host"
    requests: list[str] = field(default_factory=list)
    _nonces: set[str] = field(default_factory=set)
    _metadata_token: str = "the-metadata-token"

    def sts(self, method: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """STS 2015-04-01."""
        self.requests.append(query.get("Action", ""))
        refusal = {
            "AssumeRole": self._refuse_assume_role,
            "AssumeRoleWithOIDC": self._refuse_oidc,
        }.get(query.get("Action", ""), lambda _method, _query: (400, "InvalidAction"))(method, query)
        if refusal is None and query.get("RoleArn") != self.role_arn:
            refusal = (404, "EntityNotExist.Role")
        if refusal is not None:
            return refusal[0], {"RequestId": "R", "HostId": STS_HOST, "Code": refusal[1], "Message": "No."}
        expires = datetime.now(timezone.utc) + timedelta(seconds=int(query["DurationSeconds"]))
        return 200, {"RequestId": "R", "Credentials": self._keys(expires)}

    def _refuse_assume_role(self, method: str, query: dict[str, str]) -> tuple[int, str] | None:
        caller = next((key for key in self.callers if key.access_key_id == query.get("AccessKeyId")), None)
        if caller is None:
            return 404, "InvalidAccessKeyId.NotFound"
        if query.get("SecurityToken", "") != caller.security_token:
            return 403, "InvalidSecurityToken.Mismatch"
        signed = {name: value for name, value in query.items() if name != "Signature"}
        if not hmac.compare_digest(query.get("Signature", ""), rpc_signature(method, signed, caller.access_key_secret)):
            return 400, "SignatureDoesNotMatch"
        age = datetime.now(timezone.utc) - datetime.strptime(query["Timestamp"], SHAPE).replace(tzinfo=timezone.utc)
        if abs(age) > timedelta(minutes=15):
            return 400, "InvalidTimeStamp.Expired"
        if query["SignatureNonce"] in self._nonces:
            return 400, "SignatureNonceUsed"
        self._nonces.add(query["SignatureNonce"])
        return None

    def _refuse_oidc(self, _method: str, query: dict[str, str]) -> tuple[int, str] | None:
        if query.get("OIDCProviderArn") != self.oidc_provider_arn:
            return 404, "EntityNotExist.OIDCProvider"
        return None if query.get("OIDCToken") == self.oidc_token else (400, "AuthenticationFail.OIDCToken.Invalid")

    def metadata(self, method: str, path: str, headers: Any) -> tuple[int, str]:
        """The metadata service, in its hardened mode: every request needs a token."""
        self.requests.append(f"{method} {path}")
        if (method, path) == ("PUT", "/latest/api/token"):
            return (200, self._metadata_token) if headers["X-aliyun-ecs-metadata-token-ttl-seconds"] else (400, "")
        if headers["X-aliyun-ecs-metadata-token"] != self._metadata_token:
            return 403, ""
        roles = "/latest/meta-data/ram/security-credentials/"
        if path == roles:
            return 200, self.instance_role
        if path == roles + self.instance_role:
            expires = datetime.now(timezone.utc) + timedelta(hours=6)
            return 200, json.dumps(dict(self._keys(expires), Code="Success"))
        return 404, ""

    def _keys(self, expires: datetime) -> dict[str, str]:
        return {
            "AccessKeyId": self.given.access_key_id,
            "AccessKeySecret": self.given.access_key_secret,
            "SecurityToken": self.given.security_token,
            "Expiration": expires.strftime(SHAPE),
        }


def rpc_signature(method: str, query: dict[str, str], secret: str) -> str:
    """The signature of the older RPC style: HMAC-SHA1 over the sorted query, quoted twice."""
    joined = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query.items()))
    text = f"{method}&%2F&{quote(joined, safe='~')}"
    return b64encode(hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()).decode()


class IdentityProxy:
    """An HTTP proxy to STS, by TLS, and to the metadata service, and to no other server."""

    def __init__(self, identity: Identity, directory: Path) -> None:
        self.identity = identity
        certificates = write_certificates(directory, STS_HOST)
        self.authority = certificates.authority
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificates.server, certificates.server_key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        identity, tls = self.identity, self._tls

        class Handler(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                if self.path != f"{STS_HOST}:443":
                    self.send_error(502)
                    return
                self.send_response_only(200)
                self.end_headers()
                self.connection = tls.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                self.handle_one_request()
                self.close_connection = True

            def do_PUT(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.hostname == METADATA_HOST:
                    self._answer(*identity.metadata(self.command, parts.path, self.headers))
                elif isinstance(self.connection, ssl.SSLSocket):
                    status, body = identity.sts(self.command, dict(parse_qsl(parts.query)))
                    self._answer(status, json.dumps(body))
                else:
                    self.send_error(502)

            def _answer(self, status: int, text: str) -> None:
                content = text.encode()
                self.send_response_only(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler
