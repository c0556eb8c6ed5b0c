# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A wait includes the jobs of the hosts that have come this far, and of no other."""

from __future__ import annotations

from typing import Any

from ansible_collections.cutover.smc.plugins.plugin_utils._waits import jobs_to_wait_for

HOSTVARS: dict[str, dict[str, Any]] = {
    "a": {"job": "j-1", "started": {"changed": True, "failed": False}},
    "b": {"job": "j-2", "started": {"failed": True}},
    "c": {"job": "j-3"},
    "d": {"job": "", "started": {"changed": True}},
    "e": {"started": {"changed": True}},
    "f": {"job": "j-1", "started": {"changed": True}},
}


def test_every_host_with_a_job_counts():
    assert jobs_to_wait_for("cabdef", HOSTVARS, "job") == ["j-3", "j-1", "j-2"]


def test_after_a_task_only_the_hosts_that_it_did_not_fail_count():
    assert jobs_to_wait_for("abcdef", HOSTVARS, "job", after="started") == ["j-1"]


def test_only_the_hosts_of_the_play_count():
    assert jobs_to_wait_for("c", HOSTVARS, "job") == ["j-3"]
    assert jobs_to_wait_for("", HOSTVARS, "job") == []
