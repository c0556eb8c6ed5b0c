# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Explains why a job has no image yet (pure; private to the collection)."""

from __future__ import annotations

import typing as t

_SENTENCE_ENDS = (".", "!", "?")


def missing_image_reason(job: t.Mapping[str, t.Any], job_id: str) -> str:
    """Where a job is that was waited for, what SMC says is wrong, and why it is stalled if it still is.

    :param job: as ``smc_incremental_job_info`` returns it; empty if the job was not found
    :param job_id: its id
    """
    if not job:
        return f"Job {job_id} does not exist any more."
    phase = f" ({job['phase']}, {job.get('progress') or 0:.0f} %)" if job.get("phase") else ""
    sentences = [f"Job {job_id} is {job.get('status') or 'in an unknown state'}{phase}"]
    if job.get("error_reason"):
        sentences.append(f"SMC reports: {job['error_reason']}")
    stall = (job.get("stalls") or [{}])[-1]
    # A job that has made progress since is not stalled any more.
    if stall and (stall.get("phase"), stall.get("progress")) == (job.get("phase"), job.get("progress")):
        sentences += [f"It is stalled, and the likely cause is this: {stall['cause']}", str(stall["remedy"])]
    return " ".join(text if text.endswith(_SENTENCE_ENDS) else f"{text}." for text in sentences)
