# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a job differs from its specification, and which differences SMC lets be changed now (pure; private to the collection)."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

from ansible_collections.cutover.smc.plugins.module_utils._alicloud import job_lifecycle
from ansible_collections.cutover.smc.plugins.module_utils._alicloud.smc_records import JOB_ATTRIBUTES, Job
from ansible_collections.cutover.smc.plugins.module_utils._core.times import format_duration, format_timestamp
from ansible_collections.cutover.smc.plugins.module_utils._jobs.job_spec import EXTENSION, JobSpec

#: A job is created some time after its validity was calculated, so that it ends as much too early: no reason to change it.
_TOLERANCE = timedelta(hours=1)


def to_wire(attributes: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Attributes in SMC's names and shapes; None and empty objects are not sent."""
    return {
        JOB_ATTRIBUTES[name].wire: JOB_ATTRIBUTES[name].codec.write(value)
        for name, value in attributes.items()
        if value is not None and value != {}
    }


def to_view(attributes: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Attributes as a diff shows them."""
    return {JOB_ATTRIBUTES[name].shown: JOB_ATTRIBUTES[name].codec.show(value) for name, value in attributes.items()}


def drift(spec: JobSpec, job: Job, now: t.Optional[datetime] = None) -> dict[str, tuple[t.Any, t.Any]]:
    """The declared attributes that the job does not have, as name -> (actual, wanted).

    :param now: SMC's clock, by which a validity that soon ends is known
    """
    different = {}
    for name, wanted in spec.attributes.items():
        actual = getattr(job, name)
        if isinstance(wanted, dict):
            actual = {key: actual.get(key) for key in wanted}
        if actual != wanted:
            different[name] = (actual, wanted)
    until = _valid_until(spec, job, now)
    if until and job.valid_until and until - job.valid_until > _TOLERANCE:
        different["valid_until"] = (job.valid_until, until)
    return different


def _valid_until(spec: JobSpec, job: Job, now: t.Optional[datetime]) -> t.Optional[datetime]:
    """SMC counts validity from the creation, to 90 days at most; declaring less than there is changes nothing."""
    if job.created is None:
        return None
    wanted = [job.created + spec.valid_for] if spec.valid_for else []
    if spec.valid_at_least and now and job.valid_until and job.valid_until - now < spec.valid_at_least:
        wanted.append(min(now + spec.valid_at_least + EXTENSION, job.created + job_lifecycle.VALIDITY_CEILING))
    return max(wanted, default=None)


def modifiable(spec: JobSpec, job: Job, now: t.Optional[datetime] = None) -> dict[str, t.Any]:
    """The part of the drift that SMC accepts in the job's present state, as name -> wanted."""
    return {name: wanted for name, (_actual, wanted) in drift(spec, job, now).items() if _may_change(name, job)}


def lasting_drift(spec: JobSpec, job: Job, now: t.Optional[datetime] = None) -> list[dict[str, t.Any]]:
    """The part of the drift that SMC does not accept now, with its remedy, as a result shows it."""
    return [
        {
            "attribute": JOB_ATTRIBUTES[name].shown,
            "actual": JOB_ATTRIBUTES[name].codec.show(actual),
            "wanted": JOB_ATTRIBUTES[name].codec.show(wanted),
            "remedy": job_lifecycle.why_unchanged(JOB_ATTRIBUTES[name].change, job.status),
        }
        for name, (actual, wanted) in sorted(drift(spec, job, now).items())
        if not _may_change(name, job)
    ]


def _may_change(name: str, job: Job) -> bool:
    return job_lifecycle.may_change(JOB_ATTRIBUTES[name].change, job.status, job.has_run)


def expiry_warning(job: Job) -> str:
    """The warning that a job expires soon, with the remedy."""
    message = f"Job {job.job_id} expires at {format_timestamp(job.valid_until)}, and SMC deletes it a week later"
    ceiling = job.created + job_lifecycle.VALIDITY_CEILING if job.created else None
    longest = format_duration(job_lifecycle.VALIDITY_CEILING)
    if ceiling and job.valid_until and ceiling - job.valid_until < _TOLERANCE:
        return (
            f"{message}. A job is valid for {longest} at most: complete it before, or create a new one "
            "(this triggers a full copy)"
        )
    return f"{message}. Extend it with valid_for or valid_at_least ({longest} from its creation at most)"
