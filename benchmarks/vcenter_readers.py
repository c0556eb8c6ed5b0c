"""The ways to read CBT facts of all VMs; `python -m benchmarks.vcenter_readers NAME` reads once and prints what it took.

Each reader runs in its own process, because peak memory is known only per process.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from pyVmomi import SoapStubAdapter, vim, vmodl

from ansible_collections.cutover.smc.plugins.module_utils._cbt import info
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context
from ansible_collections.cutover.smc.plugins.module_utils._vsphere import client
from ansible_collections.cutover.smc.plugins.module_utils._vsphere.vm_properties import ALL_PATHS
from ansible_collections.cutover.smc.plugins.modules import vmware_cbt_info

# These contain the properties that the collection's own read names one by one. What a VM may not have, such as ``snapshot``, is
# left out, to this reader's advantage: pyvmomi cannot decode the simulator's answer about an attribute that is not set.
_ATTRIBUTES = ("name", "parent", "capability", "config", "datastore", "guest", "layoutEx", "runtime")


def options() -> dict[str, Any]:
    """The options of ``vmware_cbt_info`` for all VMs, the connection from the environment."""
    definition = vmware_cbt_info.MODULE
    checked = ArgumentSpecValidator(definition.argument_spec, **definition.argument_rules).validate({})
    if checked.error_messages:
        raise SystemExit("; ".join(checked.error_messages))
    return dict(checked.validated_parameters)


def ours() -> int:
    """As the module does it: facts, concerns about CBT or a migration, and a summary."""
    result = info.run(options(), Context(check_mode=False, progress=lambda line: None, warn=lambda line: None))
    return len(result["vms"])


def log_in() -> Any:
    """A session by pyvmomi alone, with the newest API version that the server offers, as ours does."""
    stub = SoapStubAdapter(
        host=os.environ["VMWARE_HOST"],
        port=int(os.environ["VMWARE_PORT"]),
        version="vim.version.version9",
        sslContext=ssl.create_default_context(),
    )
    content: Any = vim.ServiceInstance("ServiceInstance", stub).RetrieveContent()
    stub.ComputeVersionInfo(client._best_version(content.about.apiVersion))
    content.sessionManager.Login(os.environ["VMWARE_USER"], os.environ["VMWARE_PASSWORD"], None)
    return content


def raw() -> int:
    """The answer of the property collector to one question about everything that ours reads, decoded only."""
    content = log_in()
    collector = vmodl.query.PropertyCollector
    kinds = [getattr(vim, kind) for kind in ALL_PATHS]
    view = content.viewManager.CreateContainerView(container=content.rootFolder, type=kinds, recursive=True)
    members = collector.TraversalSpec(name="members", type=vim.view.ContainerView, path="view", skip=False)
    question = collector.FilterSpec(
        objectSet=[collector.ObjectSpec(obj=view, skip=True, selectSet=[members])],
        propSet=[
            collector.PropertySpec(type=getattr(vim, kind), pathSet=list(names)) for kind, names in ALL_PATHS.items()
        ],
    )
    service = content.propertyCollector
    answer = service.RetrievePropertiesEx([question], collector.RetrieveOptions(maxObjects=client.PAGE))
    kept = list(answer.objects)
    while answer.token:
        answer = service.ContinueRetrievePropertiesEx(answer.token)
        kept += answer.objects
    content.sessionManager.Logout()
    return sum(isinstance(content.obj, vim.VirtualMachine) for content in kept)


def attributes() -> int:
    """A careful pyvmomi script: each attribute of a VM is read once, each host once; nothing is evaluated."""
    content = log_in()
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
    hosts: dict[str, str] = {}
    kept = []
    for machine in view.view:
        facts = {name: getattr(machine, name) for name in _ATTRIBUTES}
        host = facts["runtime"].host
        if host is not None and host._moId not in hosts:
            hosts[host._moId] = host.config.product.version
        kept.append(facts)
    content.sessionManager.Logout()
    return len(kept)


READERS: dict[str, Callable[[], int]] = {"ours": ours, "raw": raw, "attributes": attributes}


def peak_memory_mib() -> float:
    """The peak memory of this process."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0


def main(name: str) -> None:
    """Read once and print what it took, without the start of Python and the imports, which are the same for all."""
    before = peak_memory_mib()
    processor, started = time.process_time(), time.perf_counter()
    units = READERS[name]()
    seconds, processor_seconds = time.perf_counter() - started, time.process_time() - processor
    measured = {"seconds": seconds, "processor_seconds": processor_seconds, "units": units}
    print(json.dumps(measured | {"memory_mib": peak_memory_mib(), "memory_before_mib": before}))


if __name__ == "__main__":
    main(sys.argv[1])
