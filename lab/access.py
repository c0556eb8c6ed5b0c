"""Writes what a user needs to work with a lab: env.sh, the inventory, and the task files that the inventory names."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.files import write_private, write_public
from lab.paths import BUILD, COLLECTION_TREE, PYTHON, LabDirectory, connectors_for

# The Alibaba SDKs send requests for 127.0.0.1 to a proxy too, and have no option against that.
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

_SET_SERVICES = """\
---
# {PURPOSE}
- name: "{NAME} | Ensure the guest service is {WANTED}"
  ansible.builtin.uri:
    url: "{{ lookup('ansible.builtin.env', 'LAB_CONTROL') }}/vms/{{ inventory_hostname }}/guest"
    method: POST
    body_format: json
    body:
      service: {WANTED}
    status_code: [200, 202, 204]
  delegate_to: localhost
  changed_when: true
  vars:
    lab_guests: "{{ lookup('ansible.builtin.url', lookup('ansible.builtin.env', 'LAB_CONTROL') ~ '/vms', split_lines=false) | from_json }}"
  when: (lab_guests | selectattr('name', 'equalto', inventory_hostname) | first).service != '{WANTED}'
"""


def _set_services(name: str, wanted: str, purpose: str) -> str:
    """A task file that sets the service of the lab's guest to ``running`` or ``stopped``."""
    # Not str.format: the braces of the text are Ansible's.
    filled = _SET_SERVICES.replace("{NAME}", name).replace("{WANTED}", wanted)
    return filled.replace("{PURPOSE}", purpose)


STOP_SERVICES = _set_services(
    "stop_services",
    "stopped",
    "Stops the service of the lab's guest, as a user's own task file stops theirs. "
    "When the request is answered, nothing writes any more.",
)
START_SERVICES = _set_services(
    "start_services",
    "running",
    "Starts the service of the lab's guest again, as a user's own task file starts theirs.",
)

CHECK_INSTANCE = """\
---
# Checks a verification instance, as a user's own task file would over the network: here, that its image holds disks with bytes.
- name: "check_instance | Check for a running instance whose image has disks"
  ansible.builtin.assert:
    that:
      - verify_image_instance.status == 'Running'
      - lab_image_disks | length > 0
      - lab_image_disks | map(attribute='size') | min > 0
    quiet: true
  vars:
    lab_image: "{{ lookup('ansible.builtin.env', 'LAB_CONTROL') }}/images/{{ verify_image_instance.image_id }}"
    lab_image_disks: "{{ lookup('ansible.builtin.url', lab_image ~ '/disks', split_lines=false) | from_json }}"
"""

HOOKS = {
    "stop_services.yml": STOP_SERVICES,
    "start_services.yml": START_SERVICES,
    "check_instance.yml": CHECK_INSTANCE,
}


@dataclass(frozen=True)
class Endpoints:
    """Where a lab's servers listen."""

    vcenter_port: int
    vcenter_control_port: int
    smc_port: int
    ecs_port: int
    control_port: int

    @property
    def control(self) -> str:
        """The address of the lab's control."""
        return f"http://127.0.0.1:{self.control_port}"

    @property
    def smc(self) -> str:
        """The address of SMC."""
        return f"http://127.0.0.1:{self.smc_port}"

    @property
    def ecs(self) -> str:
        """The address of ECS."""
        return f"http://127.0.0.1:{self.ecs_port}"


@dataclass(frozen=True)
class Credentials:
    """A lab's secrets, new at each start."""

    vcenter_user: str
    vcenter_password: str = field(repr=False)
    access_key_id: str
    access_key_secret: str = field(repr=False)
    region_id: str = "cn-hangzhou"


def environment_variables(endpoints: Endpoints, credentials: Credentials, bundle: Path) -> dict[str, str]:
    """What a client of the lab finds in its environment."""
    return {
        "VMWARE_HOST": "127.0.0.1",
        "VMWARE_PORT": str(endpoints.vcenter_port),
        "VMWARE_USER": credentials.vcenter_user,
        "VMWARE_PASSWORD": credentials.vcenter_password,
        "VMWARE_VALIDATE_CERTS": "true",
        "SSL_CERT_FILE": str(bundle),
        "ALIBABA_CLOUD_ACCESS_KEY_ID": credentials.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": credentials.access_key_secret,
        "ALIBABA_CLOUD_REGION_ID": credentials.region_id,
        "CUTOVER_SMC_ENDPOINT": endpoints.smc,
        "CUTOVER_ECS_ENDPOINT": endpoints.ecs,
        "LAB_CONTROL": endpoints.control,
    }


def ansible_variables() -> dict[str, str]:
    """What keeps Ansible inside the checkout: the collection tree, and a home that is not the user's."""
    return {
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION_TREE),
        "ANSIBLE_HOME": str(BUILD / "ansible"),
        "ANSIBLE_REMOTE_TEMP": str(BUILD / "ansible" / "tmp"),
    }


def environment_script(variables: dict[str, str]) -> str:
    """A POSIX shell script that sets the variables and puts the project's tools first."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join(
        [
            "# How to reach this lab; source it. It holds the lab's passwords.",
            f"unset {' '.join(PROXY_VARIABLES)}",
            *exports,
            f'export PATH={shlex.quote(str(Path(PYTHON).parent))}:"$PATH"',
            "",
        ]
    )


def sourced(script: Path) -> dict[str, str]:
    """The environment of a shell that has sourced a script."""
    command = ["sh", "-c", f". {shlex.quote(str(script))} && env -0"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(line.split("=", 1) for line in shown.split("\0") if "=" in line)


def vm_name(number: int) -> str:
    """The name of the lab's VM with this number, from 1."""
    return f"app-{number:02d}"


def inventory(vms: int, directory: LabDirectory) -> dict[str, Any]:
    """The inventory: each VM a host of the group migration, each connector one of the group connectors."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    connectors = {
        f"connector-{number}": {"cutover_connector_path": str(directory.connector_home(number))}
        for number in range(1, connectors_for(vms) + 1)
    }
    return {
        "migration": {
            "hosts": {vm_name(number): None for number in range(1, vms + 1)},
            "vars": local
            | {
                "cutover_poll_interval": 1,
                # The lab's clock runs fast: with the default interval a small machine would only replicate, and an
                # instance with a release time of two hours would be deleted after seconds.
                "replicate_interval": "7d",
                "verify_image_release_after": "7d",
                "replicate_vswitch_id": "vsw-lab-isolated",
                "verify_image_vswitch_id": "vsw-lab-isolated",
                "verify_image_security_group_id": "sg-lab-isolated",
                "verify_image_instance_type": "ecs.c7.large",
                "verify_image_checks_tasks": str(directory.hooks / "check_instance.yml"),
                "cut_over_stop_services_tasks": str(directory.hooks / "stop_services.yml"),
                "roll_back_start_services_tasks": str(directory.hooks / "start_services.yml"),
            },
        },
        "connectors": {"hosts": connectors, "vars": dict(local)},
    }


def write_access(
    directory: LabDirectory, vms: int, endpoints: Endpoints, credentials: Credentials, bundle: Path
) -> None:
    """Write env.sh, the inventory and its task files."""
    directory.hooks.mkdir(exist_ok=True)
    for name, content in HOOKS.items():
        write_public(directory.hooks / name, content)
    groups = yaml.safe_dump(inventory(vms, directory), sort_keys=False, width=160)
    write_public(
        directory.inventory, f"---\n# The lab's VMs and connectors, with the variables that a user would set.\n{groups}"
    )
    variables = environment_variables(endpoints, credentials, bundle) | ansible_variables()
    write_private(directory.environment, environment_script(variables))
