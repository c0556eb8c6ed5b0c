# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packages of module_utils import one way only, and what decides reaches no SDK and no clock."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

MODULE_UTILS = Path(__file__).resolve().parents[2] / "plugins" / "module_utils"
PREFIX = "ansible_collections.cutover.smc.plugins.module_utils."
CLOUD, FLEET = {"_alicloud", "_core"}, {"_vsphere", "_core"}
MAY_IMPORT = {
    "_core": set(),
    "_alicloud": {"_core"},
    "_vsphere": {"_core"},
    "_concerns": FLEET,
    "_sources": CLOUD,
    "_cbt": FLEET | {"_concerns"},
    "_guest_power": FLEET,
    "_jobs": CLOUD | {"_sources"},
    "_instances": CLOUD,
    "_cleanup": CLOUD | FLEET | {"_sources"},
    "_migration": CLOUD | FLEET | {"_sources", "_concerns", "_cbt", "_jobs"},
}
#: The files that do something; every other file is pure: it decides, describes or declares.
EFFECTS = {
    "_core": {"module", "reconciler", "waiting"},
    "_alicloud": {"api", "smc", "ecs"},
    "_vsphere": {"client", "inventory", "power", "smc_snapshots", "tags"},
    "_sources": {
        "access_token_reconciler",
        "connector_reconciler",
        "lookup",
        "source_info",
        "source_reconciler",
        "workgroup_reconciler",
    },
    "_cbt": {"info", "reconciler"},
    "_guest_power": {"reconciler"},
    "_jobs": {"finalize_reconciler", "info", "job_reconciler", "smc_clock", "stall_detector"},
    "_instances": {"check_runner", "reconciler"},
    "_cleanup": {"reconciler", "region"},
    "_migration": {"info"},
}
SDKS = ("alibabacloud", "darabonba", "Tea", "pyVim", "pyVmomi", "ansible.")
EFFECTFUL_STANDARD_LIBRARY = {"time", "socket", "subprocess", "threading", "urllib", "http", "ssl", "os", "shutil"}
FILES = {f"{path.parent.name}.{path.stem}": path for path in MODULE_UTILS.rglob("*.py")}


def imports_of(path: Path) -> set[str]:
    """The full names of the modules that a file imports anywhere, ours as ``_package.module``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            deeper = {f"{node.module}.{alias.name}" for alias in node.names}
            names = (
                deeper
                if node.module.startswith(PREFIX) and node.module.count(".") == PREFIX.count(".")
                else {node.module}
            )
            found |= {name.removeprefix(PREFIX) for name in names}
    return found


def is_pure(name: str) -> bool:
    """Whether a file, named ``_package.module``, must do nothing but compute."""
    package, _dot, module = name.partition(".")
    return module not in EFFECTS.get(package, set())


def test_every_file_is_in_a_package_that_the_arrows_know() -> None:
    assert {path.parent.name for path in FILES.values()} == set(MAY_IMPORT)
    named = {f"{package}.{module}" for package, modules in EFFECTS.items() for module in modules}
    assert named - set(FILES) == set()


@pytest.mark.parametrize("name", sorted(FILES))
def test_imports_follow_the_arrows(name: str) -> None:
    package = name.partition(".")[0]
    packages = {found.partition(".")[0] for found in imports_of(FILES[name]) if found in FILES}
    assert packages - {package} <= MAY_IMPORT[package]


@pytest.mark.parametrize("name", sorted(filter(is_pure, FILES)))
def test_a_pure_file_reaches_pure_files_alone(name: str) -> None:
    imported = imports_of(FILES[name])
    assert {found for found in imported if found in FILES and not is_pure(found)} == set()
    assert {found for found in imported if found.startswith(SDKS)} == set()
    assert {found.partition(".")[0] for found in imported} & EFFECTFUL_STANDARD_LIBRARY == set()


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_only_the_clients_import_sdks(package: str) -> None:
    importing = {
        name
        for name, path in FILES.items()
        if name.startswith(f"{package}.") and any(found.startswith(SDKS[:-1]) for found in imports_of(path))
    }
    assert package in ("_alicloud", "_vsphere") or importing == set()


def test_the_connector_module_needs_the_standard_library_and_ansible_alone() -> None:
    seen: set[str] = set()
    todo = {"_sources.connector_reconciler"}
    while todo:
        name = todo.pop()
        seen.add(name)
        found = imports_of(FILES[name])
        todo |= {other for other in found if other in FILES} - seen
        assert {other for other in found if other.startswith(SDKS[:-1])} == set(), name
