# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of every module that connects to Alibaba Cloud, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    # The options of CONNECTION_SPEC in module_utils/_alicloud/api.py.
    DOCUMENTATION = r"""
options:
  access_key_id:
    description:
      - The ID of the AccessKey.
      - If it is not given, the environment variable E(ALIBABA_CLOUD_ACCESS_KEY_ID) is used; without that, O(profile); without
        that, the credentials chain of the official SDK (OIDC, profile files, the ECS instance's role, a credentials URI).
    type: str
    aliases: [alicloud_access_key]
  access_key_secret:
    description:
      - The secret of the AccessKey.
      - If it is not given, the environment variable E(ALIBABA_CLOUD_ACCESS_KEY_SECRET) is used.
    type: str
    aliases: [alicloud_secret_key]
  security_token:
    description:
      - The security token that belongs to a temporary AccessKey (STS).
      - If it is not given, the environment variable E(ALIBABA_CLOUD_SECURITY_TOKEN) is used.
    type: str
    aliases: [alicloud_security_token]
  profile:
    description:
      - The name of a profile of the Alibaba Cloud CLI, used when no AccessKey is given.
      - If it is not given, the environment variable E(ALIBABA_CLOUD_PROFILE) is used.
    type: str
  ram_role_arn:
    description:
      - A RAM role to assume with the AccessKey.
      - If it is not given, the environment variable E(CUTOVER_RAM_ROLE_ARN) is used.
    type: str
  region_id:
    description:
      - The destination region.
      - If it is not given, the environment variable E(ALIBABA_CLOUD_REGION_ID) is used.
    type: str
    aliases: [alicloud_region]
  smc_endpoint:
    description:
      - The endpoint of SMC, as a host or a URL. SMC has one for all regions, which is the default.
      - If it is not given, the environment variable E(CUTOVER_SMC_ENDPOINT) is used.
    type: str
  ecs_endpoint:
    description:
      - The endpoint of ECS, as a host or a URL. The default is that of the region.
      - If it is not given, the environment variable E(CUTOVER_ECS_ENDPOINT) is used.
    type: str
requirements:
  - python >= 3.9
  - alibabacloud-smc20190601 >= 1.1.2
  - alibabacloud-ecs20140526 >= 7.11
seealso:
  - name: Server Migration Center
    description: Alibaba Cloud's documentation of the service.
    link: https://www.alibabacloud.com/help/en/smc/
"""
