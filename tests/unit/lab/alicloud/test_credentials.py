"""Every way to authenticate: each in a process of its own, with the official library, against a cloud that checks signatures.

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

# A module's handler with its arguments, in a process of its own that also trusts the proxy's CA.
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
class Controller:
    """Runs the module with some credentials, and shows which ones it used."""

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
def controller(lab: Lab, tmp_path: Path) -> Iterator[Controller]:
    proxy = IdentityProxy(Identity([BASE, BASE_TEMPORARY], TEMPORARY), tmp_path / "certificates")
    (tmp_path / "home").mkdir()
    yield Controller(lab, proxy, tmp_path / "home")
    proxy.close()


def accepted(result: dict[str, Any]) -> bool:
    assert not result.get("failed"), result
    return result["sources"] == []


def test_keys_as_options(controller: Controller):
    assert accepted(controller.ask(access_key_id=KEY, access_key_secret=SECRET))
    assert controller.identity.requests == []


def test_temporary_keys_as_options(controller: Controller):
    keys = {"access_key_id": TEMPORARY.access_key_id, "access_key_secret": TEMPORARY.access_key_secret}
    assert accepted(controller.ask(**keys, security_token=TEMPORARY.security_token))


def test_the_environment(controller: Controller):
    environment = {"ALIBABA_CLOUD_ACCESS_KEY_ID": KEY, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET}
    assert accepted(controller.ask(environment))


def test_a_profile_of_the_cli(controller: Controller):
    controller.profile("migration", mode="AK", access_key_id=KEY, access_key_secret=SECRET)
    assert accepted(controller.ask(WITHOUT_METADATA, profile="migration"))


def test_a_profile_that_assumes_a_role(controller: Controller):
    controller.profile(
        "migration",
        mode="RamRoleArn",
        access_key_id=BASE.access_key_id,
        access_key_secret=BASE.access_key_secret,
        ram_role_arn=controller.identity.role_arn,
        ram_session_name="from-the-profile",
    )
    assert accepted(controller.ask({**WITHOUT_METADATA, "ALIBABA_CLOUD_PROFILE": "migration"}))
    assert controller.identity.requests == ["AssumeRole"]


@pytest.mark.parametrize("base", [BASE, BASE_TEMPORARY], ids=["keys", "temporary-keys"])
def test_a_role(controller: Controller, base: Credential):
    keys = {
        "access_key_id": base.access_key_id,
        "access_key_secret": base.access_key_secret,
        "security_token": base.security_token or None,
    }
    assert accepted(controller.ask(**keys, ram_role_arn=controller.identity.role_arn))
    assert controller.identity.requests == ["AssumeRole"]


def test_a_refused_role_reports_the_reason(controller: Controller):
    refused = controller.ask(
        access_key_id=BASE.access_key_id,
        access_key_secret="base-secret-9",
        ram_role_arn=controller.identity.role_arn,
    )
    assert refused["failed"]
    assert refused["msg"].startswith("No usable Alibaba Cloud credentials: ")
    assert "SignatureDoesNotMatch" in refused["msg"]


def test_the_role_of_an_ecs_instance(controller: Controller):
    assert accepted(controller.ask())
    assert (
        f"GET /latest/meta-data/ram/security-credentials/{controller.identity.instance_role}"
        in controller.identity.requests
    )


def oidc(controller: Controller, token: str) -> dict[str, str]:
    file = controller.home / "token"
    file.write_text(token)
    return {
        **WITHOUT_METADATA,
        "ALIBABA_CLOUD_ROLE_ARN": controller.identity.role_arn,
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": controller.identity.oidc_provider_arn,
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(file),
    }


def test_a_token_of_an_identity_provider(controller: Controller):
    assert accepted(controller.ask(oidc(controller, controller.identity.oidc_token)))
    assert controller.identity.requests == ["AssumeRoleWithOIDC"]
    refused = controller.ask(oidc(controller, "another"))
    assert "AuthenticationFail.OIDCToken.Invalid" in refused["msg"]


def test_a_token_is_not_shown_when_sts_cannot_be_reached(controller: Controller):
    """The library quotes the whole URL, which contains the token."""
    unreachable = {**oidc(controller, controller.identity.oidc_token), "HTTPS_PROXY": "http://127.0.0.1:9"}
    result = controller.ask(unreachable)
    assert "sts.aliyuncs.com" in result["msg"]
    assert "AssumeRoleWithOIDC" not in result["msg"]


def test_no_credentials(controller: Controller):
    result = controller.ask(WITHOUT_METADATA)
    assert result["failed"]
    for way in ("access_key_id", "profile", "ALIBABA_CLOUD_OIDC_TOKEN_FILE", "RAM role"):
        assert way in result["error"]["remedy"]
