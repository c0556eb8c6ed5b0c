# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connector's file of VMs: their facts, which the client writes, and which of them are selected (pure; private to the collection).

Source: the dossier of the SMC 2019-06-01 API, its section 3.2.
"""

from __future__ import annotations

import copy
import json
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.cutover.smc.plugins.module_utils._core.errors import PreconditionError

CONFIG_FILE = "vmware_migrate_config.json"

#: The content of the file: the facts of each VM, by managed object ID.
Config = dict[str, dict[str, t.Any]]

#: Fields that differ in vCenter at any time, and which the client does not need to know; and the selection itself.
_VOLATILE = frozenset(
    ("ipv4", "host_name", "tools_state", "power_state", "connect_state", "platform", "architecture", "migrate")
)
_VOLATILE_OF_DISK = frozenset(("change_id", "system_disk", "migrate"))


@dataclass(frozen=True)
class VmSelection:
    """A VM that must be imported, and what the user knows better than vCenter."""

    moid: str
    platform: t.Optional[str] = None
    architecture: t.Optional[str] = None
    system_disk_key: t.Optional[int] = None


def parse_config(text: str, path: str) -> Config:
    """Read the file.

    :param path: where the file is, for messages
    :raises PreconditionError: when it is not an object with one object for each VM
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise PreconditionError(
            f"{path} is not JSON: {error}", remedy="Fix the file manually, or run configure.sh on the connector"
        ) from None
    if not isinstance(content, dict) or not all(isinstance(vm, dict) for vm in content.values()):
        raise PreconditionError(
            f"{path} is not an object with one object for each VM", remedy="Run configure.sh on the connector"
        )
    return t.cast(Config, content)


def format_config(config: Config, like: str) -> str:
    """The file as text, in the layout that it had.

    :param like: the previous text
    """
    indent = re.search(r"^\{\s*\n([ \t]+)\"", like)
    text = json.dumps(config, indent=indent.group(1) if indent else None, ensure_ascii=False)
    return f"{text}\n" if like.endswith("\n") else text


def is_json_true(value: t.Any) -> bool:
    """Whether a field of the file is true, as a JSON boolean or as a text."""
    return value is True or str(value).strip().lower() == "true"


def selected_vms(config: Config) -> list[str]:
    """The managed object IDs of the VMs that the connector serves or will import, in the order of the file."""
    return [moid for moid, vm in config.items() if is_json_true(vm.get("migrate"))]


def apply_selection(config: Config, vms: t.Iterable[VmSelection], deselected: t.Iterable[str]) -> Config:
    """The file with other VMs selected. Facts are kept, and so is the selection of VMs that are not named.

    :raises PreconditionError: when a system disk is named that does not exist
    """
    result = copy.deepcopy(config)
    for moid in deselected:
        if is_json_true(result.get(moid, {}).get("migrate")):
            result[moid]["migrate"] = False
    for selection in vms:
        vm = result.get(selection.moid)
        if vm is not None:
            _select(vm, selection)
    return result


def _select(vm: dict[str, t.Any], selection: VmSelection) -> None:
    if not is_json_true(vm.get("migrate")):
        vm["migrate"] = True
    if selection.platform:
        vm["platform"] = selection.platform
    if selection.architecture:
        vm["architecture"] = selection.architecture
    if selection.system_disk_key is not None:
        _set_system_disk(vm, selection.system_disk_key)


def _set_system_disk(vm: dict[str, t.Any], key: int) -> None:
    disks = vm.get("disk") or []
    keys = [disk.get("key") for disk in disks]
    if key not in keys:
        raise PreconditionError(
            f"VM {vm_name(vm)} has no disk with key {key}; its disks have: {', '.join(map(str, keys)) or 'none'}",
            remedy="Take the key from vmware_cbt_info, or update the connector's facts with refresh: true",
        )
    for disk in disks:
        is_system = disk.get("key") == key
        if is_json_true(disk.get("system_disk")) != is_system:
            disk["system_disk"] = is_system
        if is_system and not is_json_true(disk.get("migrate")):
            disk["migrate"] = True


def lasting_facts(config: Config, moids: t.Iterable[str]) -> Config:
    """The facts of VMs that the client must know: when one of them changes, the client must be restarted."""
    facts: Config = {}
    for moid in moids:
        vm = config.get(moid, {})
        facts[moid] = {name: value for name, value in vm.items() if name not in _VOLATILE}
        facts[moid]["disk"] = [
            {name: value for name, value in disk.items() if name not in _VOLATILE_OF_DISK}
            for disk in vm.get("disk") or []
        ]
    return facts


def vm_name(vm: t.Mapping[str, t.Any]) -> str:
    return str(vm.get("vm_name") or vm.get("moref_id") or "")


def vm_names(config: Config, moids: t.Iterable[str]) -> str:
    """The names of VMs for a message; a VM that is not in the file is named by its managed object ID."""
    return ", ".join(vm_name(config.get(moid, {})) or moid for moid in moids)


def selection_view(config: Config) -> dict[str, dict[str, t.Any]]:
    """The selection as the diff shows it, by managed object ID."""
    view = {}
    for moid, vm in config.items():
        system_disks = [disk.get("key") for disk in vm.get("disk") or [] if is_json_true(disk.get("system_disk"))]
        view[moid] = {
            "name": vm_name(vm),
            "selected": is_json_true(vm.get("migrate")),
            "platform": vm.get("platform"),
            "architecture": vm.get("architecture"),
            "system_disk_key": system_disks[0] if system_disks else None,
        }
    return view


def facts_view(vm: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The facts of one VM as the module returns them. Capacities are in KiB."""
    return {
        "uuid": vm.get("uuid"),
        "cbt_enabled": is_json_true(vm.get("CBT_enabled")),
        "has_snapshot": is_json_true(vm.get("snapshot_state")),
        "power_state": vm.get("power_state"),
        "disks": [
            {"key": disk.get("key"), "file": disk.get("file_name"), "capacity_kib": disk.get("capacity")}
            for disk in vm.get("disk") or []
        ],
    }
