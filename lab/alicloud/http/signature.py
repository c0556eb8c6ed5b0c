"""ACS3-HMAC-SHA256 as the official SDKs compute it, and the older HMAC-SHA1 of other clients, verified: section 1.2 of the reference."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, quote

from lab.alicloud.world.errors import CloudError, error, missing
from lab.alicloud.world.settings import Credential
from lab.alicloud.world.timefmt import parse_timestamp

ALGORITHM = "ACS3-HMAC-SHA256"
ALLOWED_SKEW = timedelta(minutes=15)
# Headers that a signature must cover.
MANDATORY_HEADERS = ("host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version")  # fmt: skip
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM}\s+Credential=(?P<key>[^,\s]+),\s*SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-fA-F]+)$"
)


@dataclass(frozen=True)
class SignedRequest:
    """The parts of an HTTP request that a signature covers."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def canonical_query(query: str) -> str:
    """The query decoded and encoded again: sorted by key, values quoted by RFC 3986, keys as they are."""
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{key}={quote(value, safe='~')}" for key, value in sorted(pairs.items()))


def signature_of(request: SignedRequest, signed_headers: str, secret: str) -> str:
    """The hex signature of a request under a secret."""
    names = sorted(signed_headers.lower().split(";"))
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in names)
    canonical = "\n".join(
        (
            request.method,
            request.path or "/",
            canonical_query(request.query),
            headers,
            ";".join(names),
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


def older_parameters(request: SignedRequest) -> dict[str, str]:
    """All parameters of a request, which the older signature covers: those of the query and of a form."""
    pairs = parse_qsl(request.query, keep_blank_values=True)
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        pairs += parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    return dict(pairs)


def older_signature_of(method: str, parameters: Mapping[str, str], secret: str) -> str:
    """The HMAC-SHA1 signature over all parameters but itself."""
    signed = sorted((key, value) for key, value in parameters.items() if key != "Signature")
    canonical = "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in signed)
    to_sign = f"{method}&%2F&{quote(canonical, safe='~')}"
    return base64.b64encode(hmac.new(f"{secret}&".encode(), to_sign.encode(), hashlib.sha1).digest()).decode()


class Verifier:
    """Checks requests against the known keys; remembers nonces as long as a request with them could be fresh."""

    def __init__(
        self, credentials: list[Credential], wall_time: Callable[[], datetime], modern_codes: Callable[[], bool]
    ) -> None:
        self._credentials = {credential.access_key_id: credential for credential in credentials}
        self._wall_time = wall_time
        self._modern_codes = modern_codes
        self._nonces: dict[str, datetime] = {}

    def _code(self, documented: str, modern: str) -> CloudError:
        return error(modern if self._modern_codes() else documented)

    def verify(self, request: SignedRequest) -> None:
        """Raise the documented error unless the request is signed by a known key, fresh and not replayed."""
        if "authorization" not in request.headers and "Signature" in (parameters := older_parameters(request)):
            return self._verify_older(request.method, parameters)
        found = _AUTHORIZATION.match(request.headers.get("authorization", "").strip())
        if found is None:
            raise error("IncompleteSignature")
        names = found["headers"].lower().split(";")
        for name in MANDATORY_HEADERS:
            if name not in request.headers:
                raise missing(name)
        # A header that is not signed could have been changed on the way.
        if any(name not in request.headers for name in names) or any(name not in names for name in MANDATORY_HEADERS):
            raise error("IncompleteSignature")
        self._check_date(request.headers["x-acs-date"])
        credential = self._credential(found["key"])
        self._check_signature(request, found["headers"], found["signature"], credential)
        self._check_security_token(request.headers.get("x-acs-security-token", ""), credential)
        return self._check_nonce(request.headers["x-acs-signature-nonce"])

    def _verify_older(self, method: str, parameters: Mapping[str, str]) -> None:
        """The signature of clients that send it among the parameters."""
        for name in ("AccessKeyId", "SignatureMethod", "SignatureNonce", "SignatureVersion", "Timestamp"):
            if not parameters.get(name):
                raise missing(name)
        if parameters["SignatureMethod"] != "HMAC-SHA1" or parameters["SignatureVersion"] != "1.0":
            raise error("IncompleteSignature")
        self._check_date(parameters["Timestamp"])
        credential = self._credential(parameters["AccessKeyId"])
        expected = older_signature_of(method, parameters, credential.access_key_secret)
        if not hmac.compare_digest(expected.encode(), parameters["Signature"].encode()):
            raise self._code("IncompleteSignature", "SignatureDoesNotMatch")
        self._check_security_token(parameters.get("SecurityToken", ""), credential)
        self._check_nonce(parameters["SignatureNonce"])

    def _credential(self, access_key_id: str) -> Credential:
        credential = self._credentials.get(access_key_id)
        if credential is None:
            raise error("InvalidAccessKeyId.NotFound", status=404 if self._modern_codes() else None)
        return credential

    def _check_date(self, text: str) -> None:
        try:
            sent = parse_timestamp(text)
        except ValueError as failure:
            raise error("IllegalTimestamp") from failure
        if abs(self._wall_time() - sent) > ALLOWED_SKEW:
            raise self._code("IllegalTimestamp", "InvalidTimeStamp.Expired")

    def _check_signature(
        self, request: SignedRequest, signed_headers: str, signature: str, credential: Credential
    ) -> None:
        declared = request.headers["x-acs-content-sha256"].lower()
        honest = hmac.compare_digest(declared, hashlib.sha256(request.body).hexdigest())
        expected = signature_of(request, signed_headers, credential.access_key_secret)
        if not honest or not hmac.compare_digest(expected, signature.lower()):
            raise self._code("IncompleteSignature", "SignatureDoesNotMatch")

    @staticmethod
    def _check_security_token(token: str, credential: Credential) -> None:
        if credential.security_token and not token:
            raise error("MissingSecurityToken")
        if not hmac.compare_digest(token.encode(), credential.security_token.encode()):
            raise error("InvalidSecurityToken.MismatchWithAccessKey")

    def _check_nonce(self, nonce: str) -> None:
        now = self._wall_time()
        if nonce in self._nonces:
            raise error("SignatureNonceUsed")
        self._nonces[nonce] = now
        if len(self._nonces) > 20_000:
            oldest_useful = now - 2 * ALLOWED_SKEW
            self._nonces = {key: seen for key, seen in self._nonces.items() if seen >= oldest_useful}
