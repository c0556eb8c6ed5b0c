"""Every way to prove who one is: each in a process of its own, with the official library, against a cloud that checks signatures.

STS and the metadata service have fixed addresses, so they are put behind the proxy that the environment names; the cloud itself,
on loopback, is excluded from it by NO_PROXY.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.alicloud.world.settings import Credential
from tests.unit.lab.alicloud.harness import KEY, REGION, SECRET, TEMPORARY, Lab
from tests.unit.lab.alicloud.identity import Identity, IdentityProxy

# A module's handler with its arguments, in a process that trusts the proxy's CA besides, and no other.
RUN = """
import json, sys
import requests.adapters
requests.adapters.DEFAULT_CA_BUNDLE_PATH = sys.argv[1]
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.modules.smc_source_info import MODULE
checked = ArgumentSpecValidator(MODULE.argument_spec, **MODULE.argument_rules).validate(json.loads(sys.argv[2]))
assert not checked.error_messages, checked.error_messages
print(json.dumps(MODULE.execute(checked.validated_parameters, Context(False, print, print))))
"""
BASE = Credential("LTAIbase", "base-secret-1")
BASE_TEMPORARY = Credential("STS.base", "base-secret-2", "base-token-2")
SECRETS = (SECRET, *TEMPORARY.__dict__.values(), "base-secret", "base-token", "the-oidc-token", "the-metadata-token")
SAFE = (TEMPORARY.access_key_id,)
WITHOUT_METADATA = {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}


@dataclass
class Desk:
    """Calls the module as somebody, and shows who that was."""

    lab: Lab
    proxy: IdentityProxy
    home: Path

    @property
    def identity(self) -> Identity:
        return self.proxy.identity

    def ask(self, environment: dict[str, str] | None = None, **params: Any) -> dict[str, Any]:
        """Read the sources; a success says that the cloud has accepted the signature."""
        clean = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join(sys.path),
            "HTTP_PROXY": self.proxy.url,
            "HTTPS_PROXY": self.proxy.url,
            "NO_PROXY": "127.0.0.1",
        }
        own = {"smc_endpoint": self.lab.url("smc"), "region_id": REGION}
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(self.proxy.authority), json.dumps({**own, **params})],
            env=clean | (environment or {}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        shown = done.stdout + done.stderr
        for secret in SECRETS:
            assert secret in SAFE or secret not in shown, f"{secret} is shown"
        assert done.returncode == 0, shown
        result = json.loads(done.stdout.splitlines()[-1])
        assert isinstance(result, dict)
        return result

    def profile(self, name: str, **fields: str) -> None:
        """Write the configuration of the Alibaba Cloud CLI."""
        directory = self.home / ".aliyun"
        directory.mkdir(parents=True)
        profiles = [{"name": name, **fields}, {"name": "other", "mode": "AK", "access_key_id": "LTAIother"}]
        (directory / "config.json").write_text(json.dumps({"current": "other", "profiles": profiles}))


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    proxy = IdentityProxy(Identity([BASE, BASE_TEMPORARY], TEMPORARY), tmp_path / "certificates")
    (tmp_path / "home").mkdir()
    yield Desk(lab, proxy, tmp_path / "home")
    proxy.close()


def accepted(result: dict[str, Any]) -> bool:
    assert not result.get("failed"), result
    return result["sources"] == []


def test_keys_as_options(desk: Desk):
    assert accepted(desk.ask(access_key_id=KEY, access_key_secret=SECRET))
    assert desk.identity.requests == []


def test_temporary_keys_as_options(desk: Desk):
    keys = {"access_key_id": TEMPORARY.access_key_id, "access_key_secret": TEMPORARY.access_key_secret}
    assert accepted(desk.ask(**keys, security_token=TEMPORARY.security_token))


def test_the_environment(desk: Desk):
    environment = {"ALIBABA_CLOUD_ACCESS_KEY_ID": KEY, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET}
    assert accepted(desk.ask(environment))


def test_a_profile_of_the_cli(desk: Desk):
    desk.profile("migration", mode="AK", access_key_id=KEY, access_key_secret=SECRET)
    assert accepted(desk.ask(WITHOUT_METADATA, profile="migration"))


def test_a_profile_that_assumes_a_role(desk: Desk):
    desk.profile(
        "migration",
        mode="RamRoleArn",
        access_key_id=BASE.access_key_id,
        access_key_secret=BASE.access_key_secret,
        ram_role_arn=desk.identity.role_arn,
        ram_session_name="from-the-profile",
    )
    assert accepted(desk.ask({**WITHOUT_METADATA, "ALIBABA_CLOUD_PROFILE": "migration"}))
    assert desk.identity.requests == ["AssumeRole"]


@pytest.mark.parametrize("base", [BASE, BASE_TEMPORARY], ids=["keys", "temporary-keys"])
def test_a_role(desk: Desk, base: Credential):
    keys = {
        "access_key_id": base.access_key_id,
        "access_key_secret": base.access_key_secret,
        "security_token": base.security_token or None,
    }
    assert accepted(desk.ask(**keys, ram_role_arn=desk.identity.role_arn))
    assert desk.identity.requests == ["AssumeRole"]


def test_a_role_that_is_refused_says_why(desk: Desk):
    refused = desk.ask(
        access_key_id=BASE.access_key_id,
        access_key_secret="base-secret-9",
        ram_role_arn=desk.identity.role_arn,
    )
    assert refused["failed"]
    assert refused["msg"].startswith("No usable Alibaba Cloud credentials: ")
    assert "SignatureDoesNotMatch" in refused["msg"]


def test_the_role_of_an_ecs_instance(desk: Desk):
    assert accepted(desk.ask())
    assert f"GET /latest/meta-data/ram/security-credentials/{desk.identity.instance_role}" in desk.identity.requests


def oidc(desk: Desk, token: str) -> dict[str, str]:
    file = desk.home / "token"
    file.write_text(token)
    return {
        **WITHOUT_METADATA,
        "ALIBABA_CLOUD_ROLE_ARN": desk.identity.role_arn,
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": desk.identity.oidc_provider_arn,
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(file),
    }


def test_a_token_of_an_identity_provider(desk: Desk):
    assert accepted(desk.ask(oidc(desk, desk.identity.oidc_token)))
    assert desk.identity.requests == ["AssumeRoleWithOIDC"]
    refused = desk.ask(oidc(desk, "another"))
    assert "AuthenticationFail.OIDCToken.Invalid" in refused["msg"]


def test_a_token_is_not_told_when_sts_cannot_be_reached(desk: Desk):
    """The library quotes the whole URL, in which the token stands."""
    unreachable = {**oidc(desk, desk.identity.oidc_token), "HTTPS_PROXY": "http://127.0.0.1:9"}
    result = desk.ask(unreachable)
    assert "sts.aliyuncs.com" in result["msg"]
    assert "AssumeRoleWithOIDC" not in result["msg"]


def test_nobody(desk: Desk):
    result = desk.ask(WITHOUT_METADATA)
    assert result["failed"]
    for way in ("access_key_id", "profile", "ALIBABA_CLOUD_OIDC_TOKEN_FILE", "RAM role"):
        assert way in result["error"]["remedy"]
