# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guides name what exists: files, headings, modules, roles, playbooks, make targets, and the roles' variables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.cutover.smc.plugins.module_utils._core import markers
from tests.unit.test_layers import MAY_IMPORT
from tools import permissions

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("lab/**/*.md"), *ROOT.glob("roles/*/README.md")]
)
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
PLAYBOOKS = {path.stem for path in ROOT.glob("playbooks/*.yml")}
ROLES = {path.parent.parent.name for path in ROOT.glob("roles/*/meta/argument_specs.yml")}
MODULES = {path.stem for path in ROOT.glob("plugins/modules/*.py")}
FILTERS = {path.stem for path in ROOT.glob("plugins/filter/*.py")}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

_FENCE = re.compile(r"^\s*```.*?^\s*```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(document: Path) -> str:
    """A document without its code blocks."""
    return _FENCE.sub("", document.read_text())


def anchors(document: Path) -> set[str]:
    """The anchors that a document's headings have where Markdown is shown."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def role_variables() -> set[str]:
    """Every variable that a role's specification has."""
    found: set[str] = set()
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        found |= set(yaml.safe_load(path.read_text())["argument_specs"]["main"].get("options", {}))
    return found


def marker_names() -> set[str]:
    """Every tag and VM marker."""
    return {value for name, value in vars(markers).items() if name.endswith(("_TAG", "_KEY"))}


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_relative_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in _LINK.findall(prose(document)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _hash, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_paths_of_the_development_guide_exist() -> None:
    """Directories too; ``X`` is a name that the reader chooses."""
    guide = prose(ROOT / "docs" / "development.md")
    named = set(re.findall(r"`((?:plugins|roles|tests|tools|lab|docs|meta|extensions|changelogs)/[\w./-]*)`", guide))
    fixed = {re.sub(r"/_?X\b.*", "", path) for path in named}
    assert len(fixed) > 15
    assert {path for path in fixed if not (ROOT / path).exists()} == set()


def test_the_table_of_packages_is_that_of_the_layers() -> None:
    guide = (ROOT / "docs" / "development.md").read_text()
    rows = re.findall(r"^\| `(_\w+)` \| (.*?) \|", guide, re.MULTILINE)
    assert {package: set(re.findall(r"`(_\w+)`", imports)) for package, imports in rows} == MAY_IMPORT


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_commands_exist(document: Path) -> None:
    text = document.read_text()
    commands = "\n".join(re.findall(r"`[^`\n]+`", prose(document)) + _FENCE.findall(text))
    assert set(re.findall(r"(?:^|[`\s])make ([a-z][a-z-]+)", commands, re.MULTILINE)) <= TARGETS
    assert set(re.findall(r"ansible-playbook cutover\.smc\.([a-z_]+)", commands)) <= PLAYBOOKS
    assert set(re.findall(r"import_playbook: cutover\.smc\.([a-z_]+)", commands)) <= PLAYBOOKS


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_full_names_exist(document: Path) -> None:
    # The markers in a VM's configuration have such names, too; group names are those of runtime.yml.
    others = {name.rpartition(".")[2] for name in marker_names()} | {"vmware", "alicloud", "git", "MODULE"}
    named = set(re.findall(r"\bcutover\.smc\.(\w+)", document.read_text()))
    assert named <= MODULES | ROLES | PLAYBOOKS | FILTERS | others


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_variables_of_roles_exist(document: Path) -> None:
    prefixes = "|".join(sorted(ROLES))
    mentioned = set(re.findall(rf"\b((?:{prefixes})_[a-z_]+)\b", document.read_text()))
    # Facts that roles set, as their descriptions say, are not options.
    facts = {
        "cut_over_evidence",
        "cut_over_downtime",
        "cut_over_forecast",
        "report_vms",
        "verify_image_instance",
        "verify_image_result",
    }
    facts |= {"identify_vm", "identify_job", "identify_images", "identify_migrated", "identify_final_image"}
    assert mentioned - role_variables() - facts - MODULES - FILTERS <= set()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_modules_have_the_fragments_that_they_name(module: str) -> None:
    # Ansible takes COLLECTION.attributes.vmware for the fragment vmware, when there is one, whatever stands before it.
    named = re.findall(
        r"^  - cutover\.smc\.(\w+)\.(\w+)$", (ROOT / "plugins" / "modules" / f"{module}.py").read_text(), re.MULTILINE
    )
    fragments = {path.stem: path.read_text() for path in ROOT.glob("plugins/doc_fragments/*.py")}
    assert [part for _file, part in named if part in fragments] == []
    assert all(f"{part.upper()} = " in fragments[file] for file, part in named)


@pytest.mark.parametrize(
    "names", [MODULES, ROLES, PLAYBOOKS, FILTERS], ids=["modules", "roles", "playbooks", "filters"]
)
def test_readme_lists_everything(names: set[str]) -> None:
    readme = (ROOT / "README.md").read_text()
    assert {name for name in names if not re.search(rf"[`./\[]{name}\b", readme)} == set()


def test_the_architecture_explains_every_tag_and_marker() -> None:
    architecture = (ROOT / "docs" / "architecture.md").read_text()
    assert {name for name in marker_names() if f"`{name}`" not in architecture} == set()


def test_every_playbook_of_a_role_is_explained() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    assert {name for name in PLAYBOOKS if f"ansible-playbook cutover.smc.{name} " not in runbook} == {"migrate"}


class TestPermissions:
    def test_finds_calls_of_every_kind(self) -> None:
        source = 'api.read("DescribeThings", Page=1)\napi.write("DeleteThing")\nself._api.read_pages("ListThings")\nfile.write("text")\n'
        assert permissions.actions_in(source) == {"DescribeThings", "DeleteThing", "ListThings"}

    def test_code_and_purposes_agree(self) -> None:
        permissions.check_purposes(permissions.actions_called())

    def test_a_new_action_has_to_be_explained(self) -> None:
        with pytest.raises(permissions.PermissionsError, match="smc:NewAction"):
            permissions.check_purposes(permissions.actions_called() | {"smc:NewAction"})

    def test_an_action_that_is_gone_has_to_go(self) -> None:
        with pytest.raises(permissions.PermissionsError, match="ecs:RunInstances"):
            permissions.check_purposes(permissions.actions_called() - {"ecs:RunInstances"})
