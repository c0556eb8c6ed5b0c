# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the guides quote, messages and task names, is in the code in the same words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
#: Where messages are written: plugins as f-strings, roles as Jinja templates in YAML.
PROGRAMS = sorted(ROOT.glob("plugins/**/*.py"))
TEXTS = sorted([*ROOT.glob("roles/**/*.yml"), *ROOT.glob("roles/**/*.j2")])

_FENCE = re.compile(r"^\s*```text\n(.*?)^\s*```", re.MULTILINE | re.DOTALL)
_QUOTED_TASK = re.compile(r"^TASK \[cutover\.smc\.\w+ : (.+?)\] \*+$", re.MULTILINE)
_QUOTED_MESSAGE = re.compile(r"`([^`]+)`")
#: What is replaced by a value: an expression in Jinja, %s of a template; \0 is what f-strings are given here.
_VALUE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|%[sdr]|\0", re.DOTALL)
#: A sentence that is shorter than this, without its values, is not looked for.
_LETTERS_OF_A_SENTENCE = 12
#: A sentence of a guide that is not longer may be all value, such as "job j-1 is Finished".
_SHORT = 40
#: What messages quote: the answers of services and SDKs, and names that the user has chosen.
_OF_SERVICES = [
    re.compile(pattern)
    for pattern in (
        r".* \((?:\w+\.\w+|IncompleteSignature)\)",
        r"unable to load credentials from any of the providers in the chain",
        r"Failed to establish a new connection",
        r"\[Errno 111\] Connection refused",
    )
]


def text_of(node: ast.expr) -> str:
    """A string or an f-string with \\0 for its values; of anything else nothing."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) if isinstance(part, ast.Constant) else "\0" for part in node.values)
    return ""


def strings_in(value: Any) -> Iterator[str]:
    """Every string in a YAML document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_in(inner)


@cache
def code() -> str:
    """Every text that a plugin or a role can show, one a line, with \\0 for values."""
    texts = [text_of(node) for path in PROGRAMS for node in ast.walk(ast.parse(path.read_text()))]
    for path in TEXTS:
        content = path.read_text()
        texts += [content] if path.suffix == ".j2" else list(strings_in(yaml.safe_load(content)))
        # A message may be put together in an expression, of literals and values.
        texts += ["\0".join(re.findall(r"'([^']*)'", expression)) for expression in _VALUE.findall(content)]
    return "\n".join(" ".join(_VALUE.sub("\0", text).split()) for text in texts if text)


@cache
def templates() -> list[re.Pattern[str]]:
    """A pattern for each sentence of the code that says enough."""
    sentences = {sentence for line in code().splitlines() for sentence in sentences_of(line)}
    return [pattern_of(sentence) for sentence in sentences if len(sentence.replace("\0", "")) >= _LETTERS_OF_A_SENTENCE]


def sentences_of(text: str) -> list[str]:
    """The parts between full stops, colons and semicolons, without these."""
    return [part.strip(" .;:,") for part in re.split(r"[.:;!?](?:\s+|$)", text) if part.strip(" .;:,")]


def pattern_of(sentence: str) -> re.Pattern[str]:
    """A sentence of the code with anything in the place of its values."""
    # A sentence may follow a value that is a sentence itself.
    first, rest = ("(?:.* )?", sentence[2:]) if sentence.startswith("\0 ") else ("", sentence)
    return re.compile(first + ".*".join(re.escape(part) for part in rest.split("\0")), re.DOTALL)


def is_in_the_code(sentence: str) -> bool:
    """Whether a sentence of a guide is one of the code with values, or quotes a service."""
    forms = (sentence, re.sub(r" \([^()]*\)$", "", sentence))
    return any(template.fullmatch(form) for template in (*templates(), *_OF_SERVICES) for form in forms)


def messages_of(guide: Path) -> list[str]:
    """The messages in the first columns of the tables of messages of a guide."""
    tables = re.findall(r"^\| message \| .*\n\|[- |]+\n((?:\|.*\n)+)", guide.read_text(), re.MULTILINE)
    rows = [row for table in tables for row in table.splitlines()]
    return [message for row in rows for message in _QUOTED_MESSAGE.findall(row.split(" | ")[0])]


@cache
def task_names() -> set[str]:
    """The names of the tasks of the roles, with \\0 for values, and those of the lab's hooks."""
    names = set(re.findall(r"^\s*- name: (.+)$", "\n".join(path.read_text() for path in TEXTS), re.MULTILINE))
    hooks = re.findall(r'^- name: "?(.+?)"?$', (ROOT / "lab" / "access.py").read_text(), re.MULTILINE)
    return {_VALUE.sub("\0", name.strip("\"'")) for name in names} | {
        re.sub(r"\{[A-Z]+\}", "\0", name) for name in hooks
    }


@pytest.mark.parametrize("message", messages_of(ROOT / "docs" / "troubleshooting.md"))
def test_messages_are_in_the_code(message: str) -> None:
    sentences = [sentence for sentence in sentences_of(message.replace("...", "")) if len(sentence) > _SHORT]
    assert [sentence for sentence in sentences if not is_in_the_code(sentence)] == []


@pytest.mark.parametrize("guide", GUIDES, ids=[path.name for path in GUIDES])
def test_tasks_are_in_the_roles(guide: Path) -> None:
    quoted = [name for fence in _FENCE.findall(guide.read_text()) for name in _QUOTED_TASK.findall(fence)]
    patterns = [pattern_of(name) for name in task_names()]
    assert [name for name in quoted if not any(pattern.fullmatch(name) for pattern in patterns)] == []


class TestTheTestItself:
    def test_messages_are_found(self) -> None:
        assert len(messages_of(ROOT / "docs" / "troubleshooting.md")) > 20

    def test_values_stand_for_anything(self) -> None:
        assert pattern_of("job \0 is \0").fullmatch("job j-1 is Waiting")
        assert not pattern_of("job \0 is \0").fullmatch("job j-1 was Waiting")

    def test_strings_are_put_together(self) -> None:
        (node,) = ast.parse('f"a {b} c" " d"').body
        assert isinstance(node, ast.Expr)
        assert text_of(node.value) == "a \0 c d"
