# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way to Alibaba Cloud: what goes over the wire, what is sent again, and what an error means."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator

import pytest
from alibabacloud_smc20190601.client import Client

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import api as _alicloud
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import (
    _MEANINGS,
    Api,
    Connection,
    _split_endpoint,
)
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import (
    ConflictError,
    CutoverError,
    InvalidOptionError,
    NotFoundError,
    OutcomeUnknownError,
    PreconditionError,
    UnreachableError,
)
from tests.unit.plugins.wire import CLOCK, HANG_UP, Answer, Cloud, refusal


@pytest.fixture
def api(cloud: Cloud, connection: Connection) -> Api:
    return Api(connection, Client, "2019-06-01", connection.smc_endpoint)


def test_a_call_as_it_is_sent(cloud: Cloud, api: Api):
    cloud.replies({"RequestId": "R", "JobId": "j-1"})
    answer = api.write(
        "CreateReplicationJob", SourceId="s-1", RunOnce=False, Tag=[{"Key": "k", "Value": "v"}], Name=None
    )
    assert answer == {"RequestId": "R", "JobId": "j-1"}
    (request,) = cloud.requests
    assert (request.action, request.version) == ("CreateReplicationJob", "2019-06-01")
    assert request.query == {"SourceId": "s-1", "RunOnce": "False", "Tag.1.Key": "k", "Tag.1.Value": "v"}
    assert request.headers["authorization"].startswith("ACS3-HMAC-SHA256 Credential=AKID,SignedHeaders=")
    assert request.headers["host"] == cloud.endpoint
    assert "cutover.smc" in request.headers["user-agent"]
    assert "key-Secret" not in json.dumps(request.headers) + json.dumps(request.query)


def test_the_clouds_clock_is_kept(cloud: Cloud, api: Api):
    assert api.cloud_time is None
    cloud.replies({})
    api.read("X")
    assert api.cloud_time == CLOCK
    cloud.replies(Answer({}, headers={"Date": "no date at all"}))
    api.read("X")
    assert api.cloud_time is None


def test_temporary_keys_are_sent_with_their_token(cloud: Cloud, connection: Connection):
    api = Api(Connection("STS.AK", "sts-Secret", "the-token"), Client, "2019-06-01", cloud.url)
    cloud.replies({})
    api.read("X")
    assert cloud.requests[0].headers["x-acs-security-token"] == "the-token"


# --- sending again ----------------------------------------------------------------------------------------------

BAD_GATEWAY = Answer(b"<html>502</html>", 502)
OUT_OF_ORDER = refusal("InternalError", 500)
THROTTLED = [
    refusal(code)
    for code in ("Throttling", "Throttling.User", "Throttling.Api", "Throttling.Resource", "Rejected.Throttling")
]


@pytest.mark.parametrize(
    "failed_answer", [HANG_UP, OUT_OF_ORDER, BAD_GATEWAY, refusal("ServiceUnavailable", 503), *THROTTLED]
)
def test_a_read_is_repeated(cloud: Cloud, api: Api, failed_answer: Answer):
    cloud.replies(failed_answer, failed_answer, {"fine": 1})
    assert api.read("DescribeReplicationJobs", JobId=["j-1"]) == {"fine": 1}
    assert cloud.queries == [{"JobId.1": "j-1"}] * 3


@pytest.mark.parametrize("failed_answer", THROTTLED)
def test_a_write_that_was_throttled_did_not_happen_and_is_repeated(cloud: Cloud, api: Api, failed_answer: Answer):
    cloud.replies(failed_answer, {"JobId": "j-1"})
    assert api.write("CreateReplicationJob") == {"JobId": "j-1"}
    assert len(cloud.requests) == 2


@pytest.mark.parametrize("failed_answer", [HANG_UP, OUT_OF_ORDER, BAD_GATEWAY, refusal("ServiceUnavailable", 503)])
def test_any_other_write_without_an_answer_is_sent_once_and_ambiguous(cloud: Cloud, api: Api, failed_answer: Answer):
    cloud.replies(failed_answer, {"JobId": "j-1"})
    with pytest.raises(OutcomeUnknownError):
        api.write("CreateReplicationJob")
    assert len(cloud.requests) == 1


@pytest.mark.parametrize(
    ("failed_answer", "attempts"), [(HANG_UP, 6), (OUT_OF_ORDER, 6), (BAD_GATEWAY, 6), (refusal("Throttling"), 10)]
)
def test_reads_are_aborted_at_last(cloud: Cloud, api: Api, naps: list[int], failed_answer: Answer, attempts: int):
    cloud.replies(*[failed_answer] * 20)
    with pytest.raises(UnreachableError):
        api.read("X")
    assert len(cloud.requests) == attempts
    assert len(naps) == attempts - 1
    assert all(0 <= nap <= 20000 for nap in naps)


def test_a_write_that_stays_throttled_is_known_not_to_have_happened(cloud: Cloud, api: Api):
    cloud.replies(*[refusal("Throttling.User")] * 20)
    with pytest.raises(UnreachableError, match=r"Throttling\.User") as caught:
        api.write("X")
    assert len(cloud.requests) == 10
    assert "fewer forks" in str(caught.value)


@pytest.mark.parametrize(
    "failed_answer", [refusal("MissingParameter", 400), refusal("Forbidden.RAM", 403), refusal("X.NotFound", 404)]
)
def test_a_refusal_is_final(cloud: Cloud, api: Api, failed_answer: Answer):
    for call in (api.read, api.write):
        cloud.replies(failed_answer)
        with pytest.raises(CutoverError):
            call("X")
    assert len(cloud.requests) == 2


def test_the_services_word_on_when_to_come_again_is_heard(cloud: Cloud, api: Api, naps: list[int]):
    cloud.replies(refusal("Throttling", 400, x_acs_retry_after="1234"), {})
    api.read("X")
    assert naps == [1234]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens, and nobody else will meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.mark.parametrize("write", [False, True])
def test_what_never_left_this_machine_is_not_ambiguous(
    cloud: Cloud, connection: Connection, closed_port: int, write: bool
):
    api = Api(connection, Client, "2019-06-01", f"http://127.0.0.1:{closed_port}")
    with pytest.raises(UnreachableError) as caught:
        (api.write if write else api.read)("DeleteReplicationJob", JobId="j-1")
    reported = str(caught.value)
    assert reported.startswith(f"DeleteReplicationJob: no usable answer from 127.0.0.1:{closed_port}: ")
    assert reported.removeprefix(f"DeleteReplicationJob: no usable answer from 127.0.0.1:{closed_port}: ").startswith(
        "Failed to establish a new connection: [Errno 111] Connection refused. Check the endpoint"
    )
    assert "key-Secret" not in reported


@pytest.mark.parametrize(
    ("cause", "brief"),
    [
        (
            "HTTPConnectionPool(host='h', port=80): Max retries exceeded with url: /?a=b (Caused by NewConnectionError("
            "'<urllib3.connection.HTTPConnection object at 0x7f00>: Failed to establish: [Errno 111] Connection refused'))",
            "Failed to establish: [Errno 111] Connection refused",
        ),
        (
            "HTTPSConnectionPool(host='h', port=443): Max retries exceeded with url: / (Caused by ProxyError("
            "'Unable to connect to proxy', NewConnectionError(\"HTTPSConnection(host='p', port=3128): No route\")))",
            "No route",
        ),
        (
            "HTTPSConnectionPool(host='h', port=443): Max retries exceeded with url: / (Caused by SSLError("
            "SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] self signed (_ssl.c:1006)')))",
            "[SSL: CERTIFICATE_VERIFY_FAILED] self signed (_ssl.c:1006)",
        ),
        (
            "HTTPConnectionPool(host='h', port=80): Read timed out. (read timeout=30)",
            "Read timed out. (read timeout=30)",
        ),
        ("('Connection aborted.', RemoteDisconnected('Remote end closed it'))", "Remote end closed it"),
        ("something else", "something else"),
    ],
)
def test_of_a_nested_error_the_innermost_reason_is_reported(cause: str, brief: str):
    assert _alicloud._brief(cause) == brief


# --- what errors mean -------------------------------------------------------------------------------------------

MEANINGS = [
    ("InvalidAccessKeyId.NotFound", 404, InvalidOptionError, "does not accept the access key"),
    ("InvalidAccessKeyId.Inactive", 400, InvalidOptionError, "Check access_key_id"),
    ("InvalidSecurityToken.Expired", 400, InvalidOptionError, "security_token"),
    ("MissingSecurityToken", 400, InvalidOptionError, "security_token"),
    ("InvalidAccessKeySecret", 400, InvalidOptionError, "does not accept the access key"),
    ("InvalidCredentials", 400, InvalidOptionError, "Check access_key_id"),
    ("SignatureDoesNotMatch", 400, InvalidOptionError, "refused the signature"),
    ("IncompleteSignature", 400, InvalidOptionError, "Check access_key_secret"),
    ("IllegalTimestamp", 400, InvalidOptionError, "clock"),
    ("InvalidTimeStamp.Expired", 400, InvalidOptionError, "clock"),
    ("InvalidProtocol.NeedSsl", 400, InvalidOptionError, "with https://"),
    ("Forbidden.AccessKeyDisabled", 403, InvalidOptionError, "Enable the access key"),
    ("Forbidden.RAM", 403, CutoverError, "in RAM"),
    ("Forbidden.SubUser", 403, CutoverError, "in RAM"),
    ("NoPermission", 403, CutoverError, "in RAM"),
    ("EntityNotExist.Role", 404, PreconditionError, "AliyunServiceRoleForSMC"),
    ("RealNameAuthenticationError", 403, PreconditionError, "real-name"),
    ("QuotaExceeded.ReplicationJob", 400, PreconditionError, "quota"),
    ("QuotaExceed.ElasticQuota", 403, PreconditionError, "quota"),
    ("NotEnoughBalance", 403, PreconditionError, "funds"),
    ("OperationDenied.NoStock", 403, PreconditionError, "another instance type or zone"),
    ("Zone.NotOnSale", 403, PreconditionError, "another instance type or zone"),
    ("ReplicationJobName.Duplicate", 400, InvalidOptionError, "not in use"),
    ("SourceServerName.Duplicate", 400, InvalidOptionError, "not in use"),
    ("ImageName.UsedByReplicationJob", 400, InvalidOptionError, "another image_name"),
    ("InvalidImageName.Duplicated", 400, InvalidOptionError, "another image_name"),
    ("SourceServerState.Invalid", 400, PreconditionError, "connector"),
    ("ReplicationJob.InvalidStatus", 400, PreconditionError, "Wait until the job"),
    ("ReplicationJob.InvalidBusinessStatus", 400, PreconditionError, "Wait until the job"),
    ("OperationConflict", 409, ConflictError, "Run this again"),
    ("Operation.Conflict", 403, ConflictError, "Run this again"),
    ("LastTokenProcessing", 403, ConflictError, "Run this again"),
    ("InvalidInstanceId.NotFound", 404, NotFoundError, ""),
    ("InvalidImageId.NotFound", 404, NotFoundError, ""),
    ("MissingParameter", 400, CutoverError, ""),
    ("IdempotentParameterMismatch", 400, CutoverError, ""),
]


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize(("code", "status", "kind", "words"), MEANINGS, ids=[row[0] for row in MEANINGS])
def test_what_an_error_means(
    cloud: Cloud, api: Api, code: str, status: int, kind: type[CutoverError], words: str, write: bool
):
    cloud.replies(refusal(code, status, "It says so."))
    with pytest.raises(CutoverError) as caught:
        (api.write if write else api.read)("StartReplicationJob")
    failure = caught.value
    assert failure.__class__ is kind
    assert failure.message.startswith("StartReplicationJob: ")
    assert failure.message.endswith(f"It says so ({code})")
    assert (failure.code, failure.http_status, failure.request_id) == (code, status, "REQ-1")
    assert words in str(failure)
    assert len(cloud.requests) == 1


def test_every_meaning_is_tried_above():
    codes = [code for code, *_rest in MEANINGS] + ["Throttling"]
    first = [
        next((meaning for meaning in _MEANINGS if _alicloud.re.search(meaning.pattern, code)), None) for code in codes
    ]
    assert [meaning.pattern for meaning in _MEANINGS if meaning not in first] == []


@pytest.mark.parametrize(("write", "kind"), [(False, UnreachableError), (True, OutcomeUnknownError)])
def test_an_unknown_error_of_the_service_leaves_a_write_open(
    cloud: Cloud, api: Api, write: bool, kind: type[CutoverError]
):
    cloud.replies(*[refusal("Whatever.Broke", 503)] * 6)
    with pytest.raises(
        kind, match=r"X: the service answered HTTP 503 Whatever\.Broke: No\. Run this again\."
    ) as caught:
        (api.write if write else api.read)("X")
    assert (caught.value.http_status, caught.value.request_id) == (503, "REQ-1")


# --- the connection ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "split"),
    [
        (None, ("HTTPS", None)),
        ("", ("HTTPS", None)),
        ("smc.aliyuncs.com", ("HTTPS", "smc.aliyuncs.com")),
        ("smc.aliyuncs.com/", ("HTTPS", "smc.aliyuncs.com")),
        ("127.0.0.1:8080", ("HTTPS", "127.0.0.1:8080")),
        ("http://127.0.0.1:8080", ("HTTP", "127.0.0.1:8080")),
        ("HTTP://127.0.0.1:8080/", ("HTTP", "127.0.0.1:8080")),
        ("https://smc-vpc.cn-hangzhou.aliyuncs.com", ("HTTPS", "smc-vpc.cn-hangzhou.aliyuncs.com")),
    ],
)
def test_endpoints(endpoint: str | None, split: tuple[str, str | None]):
    assert _split_endpoint(endpoint) == split


@pytest.mark.parametrize("endpoint", ["ftp://smc.aliyuncs.com", "http://host/path", "https://", "a/b"])
def test_what_is_no_endpoint_is_refused(endpoint: str):
    with pytest.raises(InvalidOptionError, match="is neither a host nor a URL"):
        _split_endpoint(endpoint)


@pytest.mark.parametrize("value", ["sdk", "SDK"])
def test_an_sdk_that_would_print_credentials_is_refused(
    cloud: Cloud, connection: Connection, monkeypatch: pytest.MonkeyPatch, value: str
):
    monkeypatch.setenv("DEBUG", value)
    with pytest.raises(InvalidOptionError, match=r"prints credentials\. Unset DEBUG"):
        Api(connection, Client, "2019-06-01", cloud.url)


def test_secrets_are_in_no_representation(connection: Connection):
    assert "key-Secret" not in repr(connection)
    assert "the-token" not in repr(Connection("A", "B", "the-token"))


def test_a_missing_region_is_named():
    with pytest.raises(InvalidOptionError, match=r"Option 'region_id' is missing\. .*ALIBABA_CLOUD_REGION_ID"):
        print(Connection("A", "B").region)


def test_empty_options_are_no_options():
    assert Connection.from_params({"access_key_id": "", "region_id": "r", "other": 1}) == Connection(region_id="r")


def test_a_role_needs_an_identity_that_assumes_it(cloud: Cloud):
    with pytest.raises(InvalidOptionError, match="'ram_role_arn' needs the 'access_key_id'"):
        Api(Connection(ram_role_arn="acs:ram::1:role/x"), Client, "2019-06-01", cloud.url)


@pytest.mark.parametrize("write", [False, True])
def test_a_missing_profile_fails_immediately_in_one_sentence(cloud: Cloud, naps: list[int], write: bool):
    with pytest.raises(InvalidOptionError, match=r"No usable Alibaba Cloud credentials: .*Set access_key_id"):
        api = Api(Connection(profile="nobody"), Client, "2019-06-01", cloud.url)
        (api.write if write else api.read)("X")
    assert (cloud.requests, naps) == ([], [])


def test_the_credentials_library_keeps_quiet():
    assert not logging.getLogger("credentials").isEnabledFor(logging.CRITICAL)


# --- proxies ----------------------------------------------------------------------------------------------------


def test_a_host_that_no_proxy_names_is_reached_without_one(
    cloud: Cloud, api: Api, closed_port: int, monkeypatch: pytest.MonkeyPatch
):
    proxy = f"http://127.0.0.1:{closed_port}"
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("no_proxy", "example.com,127.0.0.1")
    cloud.replies({"fine": 1})
    assert api.read("X") == {"fine": 1}
    assert (os.environ["http_proxy"], os.environ["HTTPS_PROXY"]) == (proxy, proxy)


def test_any_other_host_is_reached_through_it(
    cloud: Cloud, api: Api, closed_port: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("no_proxy", "example.com")
    with pytest.raises(UnreachableError, match="the proxy"):
        api.read("X")
    assert cloud.requests == []


@pytest.mark.parametrize(
    ("no_proxy", "hidden"),
    [
        ("127.0.0.1", []),
        ("127.0.0.1,100.100.100.200", ["http_proxy"]),
        ("127.0.0.1,.aliyuncs.com", ["https_proxy"]),
        ("127.0.0.1,sts.cn-hangzhou.aliyuncs.com", ["https_proxy"]),
        ("127.0.0.1,sts.aliyuncs.com", []),
        ("*", ["http_proxy", "https_proxy"]),
    ],
)
def test_credentials_are_fetched_past_the_proxy_too(
    cloud: Cloud, connection: Connection, monkeypatch: pytest.MonkeyPatch, no_proxy: str, hidden: list[str]
):
    """The metadata service is asked by HTTP, STS by HTTPS; the library would not look at NO_PROXY."""
    proxies = {"http_proxy": "http://proxy.example:3128", "https_proxy": "http://proxy.example:3129"}
    for name, value in {**proxies, "no_proxy": no_proxy, "ALIBABA_CLOUD_STS_REGION": "cn-hangzhou"}.items():
        monkeypatch.setenv(name, value)
    seen: list[str] = []

    class Provider:
        def get_credential(self) -> None:
            seen.extend(name for name in proxies if name not in os.environ)

    api = Api(connection, Client, "2019-06-01", connection.smc_endpoint)
    api._provider = Provider()
    cloud.replies({})
    api.read("X")
    assert seen == hidden
    assert {name: os.environ[name] for name in proxies} == proxies


@pytest.mark.parametrize(
    ("reported", "shown"),
    [
        (
            "HTTPSConnectionPool(host='sts.aliyuncs.com', port=443): Max retries exceeded with url: "
            "/?Action=AssumeRole&SecurityToken=tok%2Ben&Signature=x (Caused by NewConnectionError('refused'))",
            "HTTPSConnectionPool(host='sts.aliyuncs.com', port=443): Max retries exceeded with url: "
            "/ (Caused by NewConnectionError('refused'))",
        ),
        (
            'result: {"Credentials": {"AccessKeyId": "STS.x", "AccessKeySecret": "top/secret+", "Expiration": ""}}',
            'result: {"Credentials": {"AccessKeyId": "STS.x", "AccessKeySecret": "...", "Expiration": ""}}',
        ),
        ("{'SecurityToken': 'tok+en/==', 'x': 1}", "{'SecurityToken': '...', 'x': 1}"),
        ("No such file or directory: '/run/secrets/token'", "No such file or directory: '/run/secrets/token'"),
    ],
)
def test_what_the_credentials_library_quotes_holds_no_secret(reported: str, shown: str):
    assert _alicloud._without_secrets(reported) == shown


def test_the_proxy_is_put_back_after_a_failure_too(cloud: Cloud, api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    cloud.replies(refusal("X.NotFound", 404))
    with pytest.raises(NotFoundError):
        api.read("X")
    assert os.environ["https_proxy"] == "http://proxy.example:3128"
