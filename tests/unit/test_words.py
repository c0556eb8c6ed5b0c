# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people read is written in the words of the glossary in docs/development.md, and tasks are named by what they do."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "development.md"

#: Texts in which a word of the glossary has to stay, because it is somebody else's or a former name: the file and the line's words.
QUOTED: dict[str, set[str]] = {"changelogs/fragments/public-names.yml": {"``told`` is", "``trouble`` is"}}

DOCUMENTS = ("*.md", "docs/*.md", "roles/*/README.md", "lab/**/README.md", "benchmarks/*.md", "tests/*/README.md")
TEXTS = ("roles/**/*.yml", "roles/**/*.j2", "playbooks/*.yml", "extensions/**/*.yml", "meta/*.yml", "galaxy.yml")
TEXTS += ("changelogs/fragments/*.yml", "Makefile")
PROGRAMS = ("plugins/**/*.py", "lab/**/*.py", "tools/*.py", "benchmarks/*.py", "tests/chaos/**/*.py")
TASK_FILES = ("roles/*/tasks/*.yml", "playbooks/*.yml", "extensions/molecule/**/*.yml")

#: First words of names that do not say what is done.
VAGUE = ("Do", "Have", "Keep", "Let", "Look", "Note", "Put", "Say", "See", "Share", "Tell", "That", "What", "Whether")
#: "Stop" stops something; "Stop unless ..." means "Fail unless ...".
_STOPS_NOTHING = re.compile(r"Stop (?:if|unless|when|where)\b")


def matching(*patterns: str) -> list[str]:
    """The files that match, named from the root."""
    paths = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    return sorted(str(path.relative_to(ROOT)) for path in paths)


def forbidden_words() -> set[str]:
    """The words in backticks in the first column of the glossary."""
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", GLOSSARY.read_text().partition("## Glossary")[2], re.MULTILINE)
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row)}


WORDS = forbidden_words()
_FORBIDDEN = re.compile(
    r"\b(?:" + "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in sorted(WORDS)) + r")\b", re.IGNORECASE
)


def offences(name: str, text: str, first_line: int = 1) -> Iterator[str]:
    """The forbidden words in a text, each with its line and what stands around it."""
    for hit in _FORBIDDEN.finditer(text):
        if "None" in hit.group():
            continue  # Python's None
        around = " ".join(text[max(0, hit.start() - 40) : hit.end() + 40].split())
        if not any(quoted in around for quoted in QUOTED.get(name, ())):
            yield f"{name}:{first_line + text.count(chr(10), 0, hit.start())}: {hit.group()!r} in ...{around}..."


def without_the_glossary(name: str) -> str:
    """A document; of the one with the glossary what stands before it."""
    text = (ROOT / name).read_text()
    return text.partition("## Glossary")[0] if ROOT / name == GLOSSARY else text


def words_of_a_program(source: str) -> Iterator[tuple[int, str]]:
    """The strings, docstrings and comments of a Python file, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def names_of_a_program(source: str) -> Iterator[tuple[int, str]]:
    """What a Python file defines: functions, classes, parameters, variables and attributes, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def parts_of_a_name(name: str) -> set[str]:
    """The words of a name in snake case or in camel case."""
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def named(node: Any) -> Iterator[str]:
    """The names of the plays, blocks and tasks in a file of them."""
    for entry in node or ():
        if isinstance(entry.get("name"), str):
            yield entry["name"]
        for inner in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always"):
            yield from named(entry.get(inner))


def task_names(name: str) -> list[str]:
    """The names of a YAML file of plays or tasks; of other files none."""
    loaded = yaml.safe_load((ROOT / name).read_text())
    return list(named(loaded)) if isinstance(loaded, list) else []


def is_vague(task_name: str) -> bool:
    """Whether a name begins with a word that does not say what is done; ``File | `` before it does not count."""
    said = task_name.rpartition(" | ")[2]
    return said.split()[0] in VAGUE or bool(_STOPS_NOTHING.match(said))


@pytest.mark.parametrize("name", matching(*DOCUMENTS))
def test_documents_are_in_plain_words(name: str) -> None:
    assert list(offences(name, without_the_glossary(name))) == []


@pytest.mark.parametrize("name", matching(*TEXTS))
def test_roles_and_playbooks_are_in_plain_words(name: str) -> None:
    assert list(offences(name, (ROOT / name).read_text())) == []


@pytest.mark.parametrize("name", matching(*PROGRAMS))
def test_programs_speak_and_comment_in_plain_words(name: str) -> None:
    source = (ROOT / name).read_text()
    assert [line for first, text in words_of_a_program(source) for line in offences(name, text, first)] == []


@pytest.mark.parametrize("name", matching(*PROGRAMS))
def test_programs_name_with_the_words_of_the_field(name: str) -> None:
    source = (ROOT / name).read_text()
    assert [
        f"{name}:{line}: {said}" for line, said in names_of_a_program(source) if parts_of_a_name(said) & WORDS
    ] == []


@pytest.mark.parametrize("name", matching(*TASK_FILES))
def test_tasks_are_named_by_what_they_do(name: str) -> None:
    assert [said for said in task_names(name) if is_vague(said)] == []


class TestTheTestItself:
    def test_the_glossary_has_words(self) -> None:
        assert {"told", "anew", "give up"} <= WORDS

    def test_words_are_found_across_lines_and_in_any_case(self) -> None:
        assert list(offences("x", "One\nIt will Give\n  up. Told you.")) == [
            "x:2: 'Give\\n  up' in ...One It will Give up. Told you....",
            "x:3: 'Told' in ...One It will Give up. Told you....",
        ]

    def test_parts_of_words_are_not_words(self) -> None:
        assert list(offences("x", "amend, indeed, recommend, nothing, upgrade")) == []

    def test_strings_docstrings_and_comments_are_read(self) -> None:
        source = 'def f():\n    """One."""\n    return f"two {x} three"  # four\n'
        assert [text for _line, text in words_of_a_program(source)] == ["One.", "two ", " three", "# four"]

    def test_names_are_taken_apart(self) -> None:
        assert parts_of_a_name("JobWish") == {"job", "wish"}
        assert parts_of_a_name("_is_told") == {"is", "told"}

    def test_vague_names_are_found(self) -> None:
        vague = ["Have CBT on", "Abort | Say why", "Stop unless there is a job"]
        assert [name for name in [*vague, "Stop the VM", "Ensure | Check the job"] if is_vague(name)] == vague

    def test_tasks_are_found_in_blocks_and_plays(self) -> None:
        play = [{"name": "a", "tasks": [{"name": "b", "block": [{"name": "c"}], "rescue": [{"name": "d"}]}]}]
        assert list(named(play)) == ["a", "b", "c", "d"]
