"""The signature: what the official SDKs send is accepted, and every defect has its documented error."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from alibabacloud_smc20190601 import models as smc_models
from alibabacloud_tea_openapi import models as open_api
from Tea.exceptions import TeaException

from lab.alicloud.http.signature import SignedRequest, older_signature_of, signature_of
from tests.unit.lab.alicloud.harness import HTTP, KEY, REGION, SECRET, TEMPORARY, Lab, code_of, job_request

NAMES = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"


def signed(lab: Lab, service: str = "smc", query: str = "", body: bytes = b"", **changes: Any) -> httpx.Response:
    """A request signed by the test; changes replace headers before signing, None removes one."""
    method = changes.pop("method", "POST")
    headers = {
        "host": f"127.0.0.1:{lab.ports[service]}",
        "x-acs-action": "DescribeReplicationJobs",
        "x-acs-version": "2019-06-01",
        "x-acs-date": lab.time.wall().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": hashlib.md5(repr((query, body, changes)).encode()).hexdigest(),
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
    }
    after = changes.pop("after", {})
    key, secret = changes.pop("key", KEY), changes.pop("secret", SECRET)
    for name, value in changes.items():
        wire_name = name.replace("_", "-")
        headers.pop(wire_name, None)
        if value is not None:
            headers[wire_name] = value
    names = ";".join(sorted(name for name in headers if name.startswith("x-acs") or name == "host"))
    request = SignedRequest(method, "/", query, headers, body)
    signature = signature_of(request, names, secret)
    headers["authorization"] = f"ACS3-HMAC-SHA256 Credential={key},SignedHeaders={names},Signature={signature}"
    headers.update(after)
    return HTTP.request(method, lab.url(service, f"/?{query}"), headers=headers, content=body)


def refused(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert set(body) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert body["HostId"] == "smc.aliyuncs.com"
    return response.status_code, body["Code"]


def test_known_signature_without_the_sdk() -> None:
    """The canonical form written out, so that the verifier is not only compared with itself."""
    headers = {"host": "h", "x-acs-date": " d "}
    canonical = "POST\n/\na=%20b%2A~&c=%2F\nhost:h\nx-acs-date:d\n\nhost;x-acs-date\n" + hashlib.sha256(b"").hexdigest()
    import hmac

    to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    expected = hmac.new(b"s", to_sign.encode(), hashlib.sha256).hexdigest()
    assert signature_of(SignedRequest("POST", "/", "c=%2F&a=+b%2A~", headers, b""), "host;x-acs-date", "s") == expected


def test_sdk_is_accepted_with_awkward_characters(lab: Lab) -> None:
    request = smc_models.DescribeReplicationJobsRequest(name="job 1*~/ä+&=%", job_id=["j-1", "j-2"])
    assert lab.smc().describe_replication_jobs(request).body.total_count == 0


def test_get_and_form_body_are_accepted(lab: Lab) -> None:
    assert signed(lab, query="PageSize=5", method="GET").json()["PageSize"] == 5
    form = signed(lab, body=b"PageSize=7", **{"content-type": "application/x-www-form-urlencoded"})
    assert form.json()["PageSize"] == 7


def test_temporary_credentials(lab: Lab) -> None:
    client = lab.smc(
        access_key_id=TEMPORARY.access_key_id,
        access_key_secret=TEMPORARY.access_key_secret,
        security_token=TEMPORARY.security_token,
    )
    assert client.describe_replication_jobs(smc_models.DescribeReplicationJobsRequest()).status_code == 200
    key = {"key": TEMPORARY.access_key_id, "secret": TEMPORARY.access_key_secret}
    assert refused(signed(lab, **key)) == (400, "MissingSecurityToken")
    wrong = signed(lab, **key, x_acs_security_token="other")
    assert refused(wrong) == (400, "InvalidSecurityToken.MismatchWithAccessKey")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"secret": "wrong"}, 400, "IncompleteSignature"),
        ({"key": "unknown"}, 400, "InvalidAccessKeyId.NotFound"),
        ({"after": {"authorization": ""}}, 400, "IncompleteSignature"),
        ({"after": {"authorization": "ACS3-HMAC-SHA256 Credential=a"}}, 400, "IncompleteSignature"),
        ({"after": {"x-acs-version": "2014-05-26"}}, 400, "IncompleteSignature"),
        ({"x_acs_date": None}, 400, "MissingParameter"),
        ({"x_acs_signature_nonce": None}, 400, "MissingParameter"),
        ({"x_acs_date": "yesterday"}, 400, "IllegalTimestamp"),
        ({"x_acs_action": None}, 400, "MissingParameter"),
        ({"x_acs_action": "FlyReplicationJob"}, 403, "InvalidAction"),
        ({"x_acs_version": "2014-05-26"}, 400, "InvalidVersion"),
        ({"method": "PUT"}, 403, "UnsupportedHTTPMethod"),
    ],
)
def test_defects(lab: Lab, changes: dict[str, Any], status: int, code: str) -> None:
    assert refused(signed(lab, **changes)) == (status, code)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"secret": "wrong"}, 400, "SignatureDoesNotMatch"),
        ({"key": "unknown"}, 404, "InvalidAccessKeyId.NotFound"),
        ({"x_acs_action": "FlyReplicationJob"}, 404, "InvalidAction.NotFound"),
    ],
)
def test_defects_at_a_newer_gateway(lab: Lab, changes: dict[str, Any], status: int, code: str) -> None:
    lab.switch(gateway_codes="modern")
    assert refused(signed(lab, **changes)) == (status, code)


@pytest.mark.parametrize(("minutes", "accepted"), [(-16, False), (-14, True), (14, True), (16, False)])
def test_skew_of_a_quarter_of_an_hour(lab: Lab, minutes: int, accepted: bool) -> None:
    timestamp = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    response = signed(lab, x_acs_date=timestamp.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert response.status_code == 200 if accepted else refused(response) == (400, "IllegalTimestamp")


def test_virtual_time_does_not_invalidate_signatures(lab: Lab) -> None:
    lab.advance("3d")
    response = signed(lab)
    assert response.status_code == 200
    assert response.headers["date"] == "Wed, 25 Nov 2026 12:00:00 GMT"


def test_replayed_nonce(lab: Lab) -> None:
    assert signed(lab).status_code == 200
    assert refused(signed(lab)) == (400, "SignatureNonceUsed")


def test_body_is_covered(lab: Lab) -> None:
    tampered = signed(lab, x_acs_content_sha256=hashlib.sha256(b"other").hexdigest())
    assert refused(tampered) == (400, "IncompleteSignature")


def test_sdk_recognizes_a_wrong_secret_by_its_code(lab: Lab) -> None:
    config: open_api.Config = lab.config("smc", access_key_secret="wrong")
    assert config.region_id == REGION
    with pytest.raises(TeaException) as failure:
        lab.smc(access_key_secret="wrong").describe_replication_jobs(smc_models.DescribeReplicationJobsRequest())
    assert failure.value.code == "IncompleteSignature"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_older_signature(lab: Lab, method: str) -> None:
    old = lab.smc(signature_algorithm="v2", method=method)
    request = smc_models.CreateAccessTokenRequest(name="older", description="a *~ 100%/+ b", count="3")
    created = old.create_access_token(request).body
    (listed,) = old.list_access_tokens(smc_models.ListAccessTokensRequest()).body.access_tokens.access_token
    assert (listed.access_token_id, listed.description) == (created.access_token_id, request.description)


def test_older_signature_of_temporary_credentials(lab: Lab) -> None:
    keys = {"access_key_id": TEMPORARY.access_key_id, "access_key_secret": TEMPORARY.access_key_secret}
    request = smc_models.ListAccessTokensRequest()
    good = lab.smc(signature_algorithm="v2", security_token=TEMPORARY.security_token, **keys)
    assert code_of(good.list_access_tokens, request) == ""
    without = lab.smc(signature_algorithm="v2", **keys)
    assert code_of(without.list_access_tokens, request) == "MissingSecurityToken"


def test_journal_keeps_nothing_of_the_older_signature(lab: Lab) -> None:
    keys = {"access_key_id": TEMPORARY.access_key_id, "access_key_secret": TEMPORARY.access_key_secret}
    client = lab.smc(signature_algorithm="v2", security_token=TEMPORARY.security_token, **keys)
    client.create_access_token(smc_models.CreateAccessTokenRequest(name="older"))
    (entry,) = lab.control("GET", "/journal")
    assert set(entry["parameters"]) == {"Action", "Format", "Name", "Version"}


def test_older_signature_keeps_idempotency(lab: Lab) -> None:
    source = lab.source()
    old = lab.smc(signature_algorithm="v2")
    request = job_request(source, client_token="t")
    assert old.create_replication_job(request).body.job_id == old.create_replication_job(request).body.job_id


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Signature": "AAAA"}, "IncompleteSignature"),
        ({"Name": "another"}, "IncompleteSignature"),
        ({"SignatureMethod": "HMAC-MD5"}, "IncompleteSignature"),
        ({"SignatureNonce": ""}, "MissingParameter"),
        ({"Timestamp": "2020-01-01T00:00:00Z"}, "IllegalTimestamp"),
        ({"AccessKeyId": "unknown"}, "InvalidAccessKeyId.NotFound"),
        ({}, ""),
    ],
)
def test_defects_of_the_older_signature(lab: Lab, change: dict[str, str], code: str) -> None:
    parameters = {
        "Action": "ListAccessTokens",
        "Version": "2019-06-01",
        "Format": "json",
        "Name": "x",
        "AccessKeyId": KEY,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": f"nonce-{code}",
        "Timestamp": f"{lab.time.wall():%Y-%m-%dT%H:%M:%SZ}",
    }
    parameters |= {"Signature": older_signature_of("POST", parameters, SECRET), **change}
    answer = HTTP.post(lab.url("smc"), data=parameters).json()
    assert answer.get("Code", "") == code
    if not code:
        assert HTTP.post(lab.url("smc"), data=parameters).json()["Code"] == "SignatureNonceUsed"
