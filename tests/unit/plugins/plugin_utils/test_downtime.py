# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The messages about the downtime of a cut-over, before and after it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.cutover.smc.plugins.filter.assess_downtime import assess_downtime
from ansible_collections.cutover.smc.plugins.filter.measure_downtime import measure_downtime
from ansible_collections.cutover.smc.plugins.module_utils._core.errors import InvalidOptionError
from ansible_collections.cutover.smc.plugins.module_utils._jobs.forecast import forecast
from ansible_collections.cutover.smc.plugins.plugin_utils._downtime import assess, measure
from tests.unit.plugins.builders import NOW, a_run


def history(*minutes: float) -> dict[str, Any]:
    """The forecast of a job whose incremental runs took so long, after a full one of an hour."""
    runs = [a_run(-6000, lasted=60)]
    runs += [a_run(-1000 + 60 * number, lasted=length) for number, length in enumerate(minutes)]
    return forecast(False, 100, runs, NOW)


@pytest.mark.parametrize(
    ("minutes", "limit", "fits"),
    [
        ((10, 10, 10), "", None),
        ((10, 10, 10), "10m", True),
        ((10, 10, 10), "9m59s", False),
        ((5, 5, 5, 5, 5, 5, 5, 5, 5, 60), "5m", True),
        ((5, 5, 5, 60), "5m", False),
        ((10,), "1h", True),
        ((), "1d", None),
    ],
)
def test_nine_runs_of_ten_have_to_fit(minutes: tuple[float, ...], limit: str, fits: bool | None) -> None:
    assert assess(history(*minutes), limit)["fits"] is fits


def test_without_a_budget_the_forecast_is_reported_all_the_same() -> None:
    assessment = assess(history(10, 12, 14), "")
    assert assessment["message"] == "The last 3 incremental runs took 12m in the median, and nine of ten at most 14m."
    assert (assessment["remedy"], assessment["limit"], assessment["percentile_90"]) == ("", None, 840)


def test_what_would_make_it_fit() -> None:
    far = assess(history(30, 30, 31), "15m", "24h")
    assert far["message"].endswith("The limit is 15m.")
    assert (
        "Set a shorter interval (replicate_interval, now 24h), so that each run copies less. Or cut over in quiet hours, when less is written."
        in far["remedy"]
    )
    assert "Or set the limit to 31m." in far["remedy"]
    assert "cut_over_ignore_max_downtime: true" in far["remedy"]
    near = assess(history(5, 5, 30), "15m", "24h")
    assert (
        "quiet hours, when less is written, which may be enough, because half of the runs would have fitted."
        in near["remedy"]
    )
    assert assess(history(5, 5, 5), "15m", "24h")["remedy"] == ""


def test_too_few_runs_are_reported() -> None:
    assert "Too few runs for a reliable estimate." in assess(history(5, 5), "1h")["message"]
    assert "Too few runs" not in assess(history(5, 5, 5), "1h")["message"]
    none = assess(history(), "1h", "6h")
    assert "none is complete; the first run, a full copy, took 60m" in none["message"].replace("1h.", "60m.")
    assert "Let the job run once or twice more (at its interval of 6h" in none["remedy"]
    assert assess({}, "1h")["message"].startswith("The duration of the final run is unknown, because there is no job.")


def test_a_wrong_budget_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="cut_over_max_downtime"):
        assess(history(5), "soon")
    with pytest.raises(AnsibleFilterError, match="cut_over_max_downtime"):
        assess_downtime(history(5), "soon")
    with pytest.raises(AnsibleFilterError, match="needs the forecast"):
        assess_downtime([], "1h")
    with pytest.raises(AnsibleFilterError, match="result of the filter"):
        measure_downtime("", "", "", "")
    with pytest.raises(AnsibleFilterError, match="services_stopped_at"):
        measure_downtime({}, "yesterday", "", "")


def test_what_it_was_against_what_was_estimated() -> None:
    timestamps = ("2026-11-23T13:01:10Z", "2026-11-23T13:05:10Z", "2026-11-23T13:06:10Z")
    kept = measure(assess(history(3, 4, 5), "15m"), *timestamps)
    assert (kept["seconds_to_image"], kept["seconds_to_finished"]) == (240, 300)
    assert (kept["within_forecast"], kept["within_limit"]) == (True, True)
    assert kept["message"] == (
        "The final image existed 4m after the services had stopped, and the job was Finished after 5m; "
        "the estimate was 4m in the median and at most 5m; the limit of 15m was kept."
    )
    missed = measure(assess(history(1, 2, 3), "3m"), *timestamps)
    assert (missed["within_forecast"], missed["within_limit"]) == (False, False)
    assert "at most 3m, which was exceeded; the limit of 3m was EXCEEDED." in missed["message"]


@pytest.mark.parametrize(("stopped", "image"), [("", "2026-11-23T13:05:10Z"), ("2026-11-23T13:01:10Z", None), ("", "")])
def test_a_timestamp_that_is_not_known(stopped: str, image: str | None) -> None:
    unknown = measure(assess(history(3), "1h"), stopped, image, "")
    assert (unknown["seconds_to_image"], unknown["within_forecast"], unknown["within_limit"]) == (None, None, None)
    assert unknown["message"] == "The downtime is not known."


def test_a_job_that_nothing_was_estimated_of() -> None:
    reported = measure(assess(history(), ""), "2026-11-23T13:01:10Z", "2026-11-23T13:05:10Z", None)["message"]
    assert reported == "The final image existed 4m after the services had stopped; there was no estimate."
