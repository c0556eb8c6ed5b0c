# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of every module that talks to vCenter, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    # The connection: _vcenter.connection_spec().
    DOCUMENTATION = r"""
options:
  hostname:
    description:
      - Host name or IP address of vCenter, or of a stand-alone ESXi host.
      - If it is not given, the environment variable E(VMWARE_HOST) is used; one of the two is needed.
    type: str
  username:
    description:
      - The user that logs in.
      - If it is not given, the environment variable E(VMWARE_USER) is used; one of the two is needed.
    type: str
    aliases: [user, admin]
  password:
    description:
      - The user's password.
      - If it is not given, the environment variable E(VMWARE_PASSWORD) is used; one of the two is needed.
    type: str
    aliases: [pass, pwd]
  port:
    description:
      - The port of the vSphere API.
      - If it is not given, the environment variable E(VMWARE_PORT) is used.
    type: int
    default: 443
  validate_certs:
    description:
      - Whether the certificate of vCenter must be one that this machine trusts.
      - The machine's own CA store decides; E(SSL_CERT_FILE) names another bundle of CA certificates.
      - If it is not given, the environment variable E(VMWARE_VALIDATE_CERTS) is used.
    type: bool
    default: true
  proxy_host:
    description:
      - Host name of an HTTP proxy on the way to vCenter.
      - If it is not given, the environment variable E(VMWARE_PROXY_HOST) is used.
    type: str
  proxy_port:
    description:
      - Port of the HTTP proxy.
      - If it is not given, the environment variable E(VMWARE_PROXY_PORT) is used.
    type: int
requirements:
  - python >= 3.9
  - pyvmomi >= 8.0.3
"""

    # Naming one VM: _machines.selection_spec().
    VM = r"""
options:
  moid:
    description:
      - The VM's managed object id, such as C(vm-42).
      - Exactly one of O(moid), O(uuid) and O(name) is required.
    type: str
  uuid:
    description:
      - The VM's instance UUID, which names one VM in a vCenter for as long as the VM exists.
      - Exactly one of O(moid), O(uuid) and O(name) is required.
    type: str
    aliases: [instance_uuid]
  name:
    description:
      - The VM's name. When several VMs have it, and O(folder) and O(datacenter) do not decide between them, the module
        fails and lists them.
      - Exactly one of O(moid), O(uuid) and O(name) is required.
    type: str
  folder:
    description:
      - The inventory folder that the VM called O(name) lies in, or below.
      - Its path may begin at the root (V(/DC0/vm/prod/web)) or below the datacenter's V(vm) folder (V(prod/web)).
    type: str
  datacenter:
    description:
      - Name of the datacenter that the VM called O(name) lies in.
    type: str
"""
