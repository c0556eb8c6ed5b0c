# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same life through the official SDKs for Node.js: node/life.cjs, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.lab_harness import Lab

HERE = Path(__file__).parent
MODULES = HERE.parents[1] / "build" / "node" / "node_modules"
VM = "app-04"  # app-03 is a Windows guest


@pytest.mark.skipif(
    shutil.which("node") is None or not MODULES.is_dir(),
    reason="the SDKs for Node.js are not set up (tools/bootstrap.sh node, with Node.js on PATH)",
)
def test_job_life(lab: Lab) -> None:
    lab.post("/switches", {"cloud_assistant_agent": True})
    lab.reset_requests()
    environment = {
        **os.environ,
        **lab.environment,
        "NODE_PATH": str(MODULES),
        "LAB_CONNECTOR_HOME": str(lab.connector(1)),
        "LAB_VM": VM,
    }
    command = ["node", str(HERE / "node" / "life.cjs")]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(run.stdout)
    state = lab.get("/state")
    for kind, name in (("jobs", "job_id"), ("images", "job_id"), ("instances", "job_id"), ("sources", "source_id")):
        assert result[{"job_id": "jobId", "source_id": "sourceId"}[name]] not in {one[name] for one in state[kind]}
    called = {request["action"] for request in lab.get("/requests")}
    assert {"CreateWorkgroup", "CutOverReplicationJob", "RunCommand", "DeleteSnapshot"} <= called
