"""The packages of the simulated cloud import one way only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ALICLOUD = Path(__file__).resolve().parents[4] / "lab" / "alicloud"
PREFIX = "lab.alicloud."
SERVICES = {"world", "http", "replication"}
MAY_IMPORT: dict[str, set[str]] = {
    "world": set(),
    "http": {"world"},
    "guest": {"world"},
    "replication": {"world", "http"},
    "smc": SERVICES,
    "ecs": {"world", "http", "guest"},
    "control": SERVICES | {"smc"},
}
#: The files at the root put the parts together, so they may import all.
ROOT = {"__init__", "__main__", "cloud"}


def packages_imported(path: Path) -> set[str]:
    """The packages of the simulated cloud that a file imports, inside functions too."""
    modules = {
        node.module
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    return {name.removeprefix(PREFIX).partition(".")[0] for name in modules if name.startswith(PREFIX)}


def test_every_file_is_in_a_known_package() -> None:
    assert {path.stem for path in ALICLOUD.glob("*.py")} == ROOT
    assert {path.parent.name for path in ALICLOUD.glob("*/*.py")} == set(MAY_IMPORT)


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_imports_follow_the_arrows(package: str) -> None:
    imported = {name for path in (ALICLOUD / package).glob("*.py") for name in packages_imported(path)}
    assert imported - {package} <= MAY_IMPORT[package]


def test_the_arrows_make_no_circle() -> None:
    order: list[str] = []
    while len(order) < len(MAY_IMPORT):
        free = [name for name, below in MAY_IMPORT.items() if name not in order and below <= set(order)]
        assert free, order
        order += free
