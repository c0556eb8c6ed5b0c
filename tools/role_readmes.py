"""Writes README.md of each role from its meta/argument_specs.yml; with --check reports what is out of date or contradicts a module.

Defaults that are expressions are only in defaults/main.yml; the descriptions explain them.

A role passes many of its options on to a module. --check compares type, choices and default of both. Which option is passed to
which is read from the role's tasks.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
ROLES = ROOT / "roles"
INTERNAL = {"identify"}
COLLECTION = "cutover.smc."
#: Differences between a role's option and the module's option that are intended: (role's option, what differs), each with the reason.
INTENDED: dict[tuple[str, str], str] = {
    (
        "clean_up_wait_timeout",
        "default",
    ): "what is waited for is deleted within minutes; the module also serves long waits",
    (
        "import_source_wait_timeout",
        "default",
    ): "a source that is not online after minutes does not come online by itself",
    (
        "replicate_wait_timeout",
        "default",
    ): "the first run is a full copy, which takes longer than the runs that the module expects",
    (
        "roll_back_settle_time",
        "default",
    ): "one option for the guest OS (2m) and for SMC, which shows a completion within 3m",
    ("roll_back_wait_timeout", "default"): "an instance is released within minutes",
    ("verify_image_wait_timeout", "default"): "an instance starts, is checked and is released within minutes",
}

Option = dict[str, Any]
Spec = dict[str, Option]

#: An argument that is nothing but an option of the role: as it is, with defaults, or omitted under a condition.
_PASSED = re.compile(r"\{\{ *(\w+)(?: *\| *default\([^()]*\))*(?: +if .+ else omit)? *\}\}")
#: A default that another variable can replace.
_REPLACEABLE = re.compile(r"\{\{ *\w+ *\| *default\(([^()]*)\) *\}\}")


def plain(text: str) -> str:
    """Ansible's documentation markup as Markdown."""
    text = re.sub(r"\bC\(([^()]*)\)", r"`\1`", text)
    return re.sub(r"\bB\(([^()]*)\)", r"**\1**", text)


def sentences(description: str | list[str]) -> str:
    """A description, which may be a list, as one paragraph."""
    return plain(description if isinstance(description, str) else " ".join(description))


def cell(text: str) -> str:
    """Text as a table's cell."""
    return text.replace("|", "\\|")


def literal(value: Any) -> str:
    """A default as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()
    return f"`{text}`"


def option_rows(options: dict[str, Any], prefix: str = "") -> list[str]:
    """A table row for each option, suboptions included."""
    rows = []
    for name, option in options.items():
        kind = f"list of {option['elements']}" if option.get("type") == "list" else option.get("type", "str")
        default = literal(option["default"]) if "default" in option else "required" if option.get("required") else ""
        choices = f" One of {', '.join(f'`{choice}`' for choice in option['choices'])}." if "choices" in option else ""
        text = sentences(option["description"]) + choices
        rows.append(f"| `{prefix}{name}` | {kind} | {default} | {cell(text)} |")
        rows += option_rows(option.get("options", {}), f"{prefix}{name}[].")
    return rows


def specification_of(role: Path) -> dict[str, Any]:
    """The interface of one role, of which ``options`` are the options."""
    specification: dict[str, Any] = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())[
        "argument_specs"
    ]["main"]
    return specification


def readme(role: Path) -> str:
    """The README of one role."""
    specification = specification_of(role)
    description = specification["description"]
    paragraphs = [description] if isinstance(description, str) else description
    lines = [
        f"# cutover.smc.{role.name}",
        "",
        f"{plain(specification['short_description'])}.",
        "",
        *[f"- {plain(paragraph)}" for paragraph in paragraphs],
        "",
        "## Variables",
        "",
        "| variable | type | default | meaning |",
        "| --- | --- | --- | --- |",
        *option_rows(specification.get("options", {})),
        "",
    ]
    if role.name in INTERNAL:
        lines += ["The other roles use this role. It has no playbook.", ""]
    else:
        lines += [
            "## Use",
            "",
            "```sh",
            f"ansible-playbook cutover.smc.{role.name} -i inventory.yml",
            "```",
            "",
            "Each VM is a host of the group `migration`, or of the hosts that `cutover_hosts` names. The controller connects to vCenter and Alibaba Cloud",
            "with the credentials in its environment (`VMWARE_*`, `ALIBABA_CLOUD_*`). Only your hooks use a VM's own connection.",
            "",
        ]
    lines.append("<!-- Generated by tools/role_readmes.py from meta/argument_specs.yml. -->")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, order=True)
class PassedOption:
    """An option of a role that a task passes to a module."""

    role_option: str
    module: str
    module_option: str

    def __str__(self) -> str:
        return f"{self.role_option} is passed to {self.module_option} of {self.module}"


def tasks_of(entries: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Every task of a task file, including those in blocks."""
    for task in entries:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_of(task.get(part) or ())


def passed_options(tasks: Iterable[dict[str, Any]], options: Iterable[str]) -> set[PassedOption]:
    """The options of a role that its tasks pass to modules of this collection, by their arguments or by module defaults.

    :param options: the names of the role's options
    """
    known = set(options)
    found = set()
    for task in tasks:
        for name, arguments in {**task, **task.get("module_defaults", {})}.items():
            if not name.startswith(COLLECTION) or not isinstance(arguments, dict):
                continue
            for argument, value in arguments.items():
                match = _PASSED.fullmatch(value) if isinstance(value, str) else None
                if match and match[1] in known:
                    found.add(PassedOption(match[1], name.removeprefix(COLLECTION), argument))
    return found


def final_default(value: Any) -> Any:
    """A default of a role, or the constant behind a variable that replaces it; other expressions stay as they are."""
    match = _REPLACEABLE.fullmatch(value) if isinstance(value, str) else None
    return yaml.safe_load(match[1]) if match else value


def differences(role_option: Option, module_option: Option) -> dict[str, str]:
    """What of a role's option contradicts the module's option, by the name of the attribute.

    Defaults are compared only if both have one. An empty default of a role counts as none, because it means the same as to omit the option.
    """
    pairs = {
        "type": (role_option.get("type", "str"), module_option.get("type", "str")),
        "elements": (role_option.get("elements"), module_option.get("elements")),
        "choices": (sorted(role_option.get("choices", ())), sorted(module_option.get("choices", ()))),
    }
    defaults = (role_option.get("default"), module_option.get("default"))
    if all(default not in (None, "", [], {}) for default in defaults):
        pairs["default"] = defaults
    found = {name: f"{name} {ours} instead of {theirs}" for name, (ours, theirs) in pairs.items() if ours != theirs}
    for name, suboption in role_option.get("options", {}).items():
        counterpart = module_option.get("options", {}).get(name)
        if counterpart is None:
            found[name] = f"suboption {name}, which the module does not have"
        else:
            found |= {f"{name}.{key}": f"{name}: {text}" for key, text in differences(suboption, counterpart).items()}
    return found


def contradictions(role: Path, spec_of: Callable[[str], Spec]) -> dict[tuple[str, str], str]:
    """The contradictions between a role's options and those of its modules, by (role's option, attribute), each as a sentence.

    :param spec_of: returns the argument spec of a module by its name
    """
    options: Spec = specification_of(role).get("options", {})
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text()) or {}
    tasks = [task for file in role.glob("tasks/*.yml") for task in tasks_of(yaml.safe_load(file.read_text()))]
    found = {}
    for passed in sorted(passed_options(tasks, options)):
        module_option = spec_of(passed.module).get(passed.module_option)
        if module_option is None:
            found[passed.role_option, passed.module_option] = f"{passed}, which does not exist"
            continue
        option = dict(options[passed.role_option])
        if passed.role_option in defaults:
            option["default"] = final_default(defaults[passed.role_option])
        for attribute, text in differences(option, module_option).items():
            found[passed.role_option, attribute] = f"{passed}, but has {text}"
    return found


def unexpected(found: dict[tuple[str, str], str], intended: Iterable[tuple[str, str]]) -> list[str]:
    """The contradictions that are not intended, and the intended ones that do not exist any more."""
    stale = [
        f"{option}: its {attribute} does not differ; remove it from INTENDED"
        for option, attribute in intended
        if (option, attribute) not in found
    ]
    return [text for key, text in found.items() if key not in intended] + stale


def module_spec(module: str) -> Spec:
    """The argument spec of a module of this collection."""
    tree = str(ROOT / "build" / "tree")
    if tree not in sys.path:
        sys.path.insert(0, tree)
    definition = importlib.import_module(f"ansible_collections.cutover.smc.plugins.modules.{module}").MODULE
    spec: Spec = definition.argument_spec
    return spec


def outdated(write: bool) -> list[str]:
    """The READMEs that are out of date.

    :param write: whether to write them
    """
    found = []
    for role in roles():
        file, wanted = role / "README.md", readme(role)
        if file.is_file() and file.read_text() == wanted:
            continue
        found.append(str(file.relative_to(ROOT)))
        if write:
            file.write_text(wanted)
    return found


def roles() -> list[Path]:
    """The directories of the roles."""
    return sorted(path.parent.parent for path in ROLES.glob("*/meta/argument_specs.yml"))


def main() -> int:
    """Write the READMEs, or compare them with the specifications and the specifications with the modules."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; fail if a README is out of date or an option contradicts a module",
    )
    check = parser.parse_args().check
    files = outdated(write=not check)
    if files:
        print(f"{'out of date, run tools/role_readmes.py' if check else 'written'}: {', '.join(files)}")
    wrong = []
    if check:
        found = {key: text for role in roles() for key, text in contradictions(role, module_spec).items()}
        wrong = unexpected(found, INTENDED)
    for line in wrong:
        print(line)
    return 1 if check and (files or wrong) else 0


if __name__ == "__main__":
    sys.exit(main())
