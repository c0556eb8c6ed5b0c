# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists sources (private to the collection)."""

from __future__ import annotations

from ansible_collections.cutover.smc.plugins.module_utils._alicloud.api import Connection
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc import SmcClient
from ansible_collections.cutover.smc.plugins.module_utils._core.markers import PROJECT_TAG, VM_TAG
from ansible_collections.cutover.smc.plugins.module_utils._core.module import Context, Params, Result
from ansible_collections.cutover.smc.plugins.module_utils._sources.source_plan import to_result


def run_info(params: Params, _context: Context) -> Result:
    """The handler of ``smc_source_info``."""
    tags = dict(params["tags"] or {})
    if params["project"]:
        tags[PROJECT_TAG] = params["project"]
    sources = SmcClient(Connection.from_params(params)).sources(
        params["source_ids"], params["name"], params["state"], tags, params["workgroup_id"]
    )
    if params["vm_uuids"] is not None:
        sources = [source for source in sources if source.tags.get(VM_TAG) in params["vm_uuids"]]
    return {
        "changed": False,
        "sources": [to_result(source) for source in sorted(sources, key=lambda source: source.source_id)],
        "by_vm_uuid": {source.tags[VM_TAG]: to_result(source) for source in sources if source.tags.get(VM_TAG)},
    }
