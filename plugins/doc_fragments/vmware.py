# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that modules for vCenter share, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    # The connection: connection_spec() in _vsphere/client.py.
    DOCUMENTATION = r"""
options:
  hostname:
    description:
      - Host name or IP address of vCenter, or of a stand-alone ESXi host.
      - The default is the environment variable E(VMWARE_HOST). One of the two is required.
    type: str
  username:
    description:
      - The user that logs in.
      - The default is the environment variable E(VMWARE_USER). One of the two is required.
    type: str
    aliases: [user, admin]
  password:
    description:
      - The user's password.
      - The default is the environment variable E(VMWARE_PASSWORD). One of the two is required.
    type: str
    aliases: [pass, pwd]
  port:
    description:
      - The port of the vSphere API.
      - If it is not set, the environment variable E(VMWARE_PORT) is used.
    type: int
    default: 443
  validate_certs:
    description:
      - Whether the certificate of vCenter must be trusted by this machine.
      - The machine's CA store is used; E(SSL_CERT_FILE) sets another bundle of CA certificates.
      - If it is not set, the environment variable E(VMWARE_VALIDATE_CERTS) is used.
    type: bool
    default: true
  proxy_host:
    description:
      - Host name of an HTTP proxy through which vCenter is reached.
      - If it is not set, the environment variable E(VMWARE_PROXY_HOST) is used.
    type: str
  proxy_port:
    description:
      - Port of the HTTP proxy.
      - If it is not set, the environment variable E(VMWARE_PROXY_PORT) is used.
    type: int
requirements:
  - python >= 3.9
  - pyvmomi >= 8.0.3
"""

    # The selection of one VM: selection_spec() in _vsphere/inventory.py.
    VM = r"""
options:
  moid:
    description:
      - The VM's managed object ID, such as C(vm-42).
      - Exactly one of O(moid), O(uuid) and O(name) is required.
    type: str
  uuid:
    description:
      - The VM's instance UUID, which is unique in a vCenter and does not change.
      - Exactly one of O(moid), O(uuid) and O(name) is required.
    type: str
    aliases: [instance_uuid]
  name:
    description:
      - The VM's name. If several VMs have it, and O(folder) and O(datacenter) do not select one of them, the module
        fails and lists them.
      - Exactly one of O(moid), O(uuid) and O(name) is required.
    type: str
  folder:
    description:
      - The inventory folder that contains the VM with the name O(name), directly or in a subfolder.
      - Its path may begin at the root (V(/DC0/vm/prod/web)) or below the datacenter's V(vm) folder (V(prod/web)).
    type: str
  datacenter:
    description:
      - Name of the datacenter that contains the VM with the name O(name).
    type: str
"""

    # How a guest OS is shut down: PowerPolicy in _vsphere/power_policy.py.
    POWER = r"""
options:
  shutdown_timeout:
    description:
      - How long to wait for the guest OS to shut down, such as V(5m).
    type: str
    default: 5m
  shutdown_fallback:
    description:
      - What to do when the guest OS does not shut down in time, or when VMware Tools is not running.
      - V(fail) leaves the VM on and fails. A guest OS that was asked to shut down may still do so later.
      - V(force) cuts the power. What the guest OS had not written to its disks is lost.
    type: str
    choices: [fail, force]
    default: fail
"""

    # How long tasks of vCenter may take.
    TASKS = r"""
options:
  timeout:
    description:
      - How long a task of vCenter may take, and how long to wait for another task on the VM to end, such as V(30m).
    type: str
    default: 30m
"""

    # Accepted concerns: WAIVERS_SPEC in _concerns/waivers.py.
    WAIVERS = r"""
options:
  waivers:
    description:
      - Concerns that are accepted, by the ID of their rule, for a reason, until a date.
      - A waived concern is still returned, with the waiver in C(waived), but it is not in C(blockers).
    type: list
    elements: dict
    default: []
    suboptions:
      rule:
        description: The C(id) of the rule, as in C(concerns).
        type: str
        required: true
      reason:
        description: Why the risk is accepted, and by whom.
        type: str
        required: true
      expires:
        description: The last day (in UTC) on which the waiver is valid, such as V(2026-12-31).
        type: str
        required: true
      vms:
        description: The names of the VMs for which it is valid. Without names, it is valid for all.
        type: list
        elements: str
        default: []
"""

    # Disks that are not changed: skipped_disks() in _vsphere/cbt_state.py.
    SKIP_DISKS = r"""
options:
  skip_disks:
    description:
      - Disks that are not changed and whose state blocks nothing, by label (V(Hard disk 2)), address (V(scsi0:1)) or device key (V(2001)).
        The case does not matter.
    type: list
    elements: str
    default: []
"""

    # The VMs that are read: FLEET_SELECTION_SPEC in _cbt/selection.py.
    SELECTION = r"""
options:
  names:
    description:
      - Names of VMs. If several VMs have the same name, it selects all of them.
    type: list
    elements: str
  moids:
    description:
      - Managed object IDs of VMs, such as C(vm-42).
    type: list
    elements: str
  uuids:
    description:
      - Instance UUIDs of VMs.
    type: list
    elements: str
  name_patterns:
    description:
      - Only VMs whose names match one of these patterns, such as V(web-*). C(*), C(?) and C([abc]) have their usual meaning, and
        case does not matter.
    type: list
    elements: str
  custom_attributes:
    description:
      - Only VMs that have all of these custom attributes with these values. Each key is the name of an attribute.
    type: dict
  tags:
    description:
      - Only VMs that have all of these vSphere tags. V(NAME) selects every tag of that name, V(CATEGORY:NAME) one of them.
      - Tags of a folder or a host do not count as tags of its VMs. A tag that does not exist in vCenter is an error.
      - They are read with vCenter's REST API, as the same user. This costs a call for each tag of vCenter and for each selected tag,
        however many VMs there are. A stand-alone ESXi host has no tags.
    type: list
    elements: str
  folder:
    description:
      - Only VMs in this inventory folder or its subfolders.
      - Its path may begin at the root (V(/DC0/vm/prod/web)) or below the datacenter's V(vm) folder (V(prod/web)).
    type: str
  datacenter:
    description:
      - Only VMs in the datacenter with this name.
    type: str
  connector_user:
    description:
      - The user with which SMC's connector logs in to vCenter, such as V(VSPHERE.LOCAL\\smc). If that user lacks a privilege on a VM that the
        connector needs, the VM has the concern C(connector_privileges).
    type: str
  fail_on_missing:
    description:
      - Whether to fail when one of the named VMs is not found, instead of listing it in RV(not_found).
    type: bool
    default: false
"""
