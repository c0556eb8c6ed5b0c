"""What the benchmarks make of their samples: figures, ratios, tables, and the place in the document where they stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import (
    BEGIN,
    END,
    Goal,
    Sample,
    Series,
    between_markers,
    call_list,
    comparison,
    interleave,
    number,
    ratio,
    table,
)

QUICK = Series("quick", [Sample(2.0, 1.0, 10, {"Read": 10}), Sample(1.0, 0.5, 10, {"Read": 12}), Sample(3.0, 2.0, 10)])
SLOW = Series("slow", [Sample(8.0, 4.0, 4, {"Read": 8, "Log": 4}, memory_mib=50.0), Sample(12.0, 4.0, 4)])


def test_a_series_shows_least_and_median_per_unit() -> None:
    assert (QUICK.least_milliseconds, QUICK.median_milliseconds) == (100, 200)
    assert QUICK.processor_milliseconds == 50
    assert (SLOW.least_milliseconds, SLOW.median_milliseconds) == (2000, 2500)


def test_a_series_shows_the_most_calls_and_memory() -> None:
    assert (QUICK.calls, SLOW.calls) == (12, 12)
    assert (QUICK.memory_mib, SLOW.memory_mib) == (None, 50.0)


def test_a_series_without_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody has not been measured"):
        Series("nobody", [])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0"),
        (12, "12"),
        (1.0, "1"),
        (1.304, "1.3"),
        (0.0123456, "0.0123"),
        (99.96, "100"),
        (3171.4, "3,171"),
        (200, "200"),
    ],
)
def test_a_number_has_three_digits_that_count(value: float | None, text: str) -> None:
    assert number(value) == text


@given(st.floats(min_value=1e-3, max_value=1e6))
def test_a_number_is_shown_to_half_a_percent(value: float) -> None:
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=0.005)


def test_a_ratio_shows_how_many_times() -> None:
    assert ratio(30, 20) == "1.5 x"
    assert ratio(20, 20) == "1 x"


def test_the_comparison_refers_to_the_base() -> None:
    lines = comparison({"quick": QUICK, "slow": SLOW}, "quick", calls_named="SOAP calls").splitlines()
    assert lines[0].startswith("|  | VMs | ms per VM, least | median | ratio of the least | of the median |")
    assert lines[2] == "| quick | 10 | 100 | 200 | 1 x | 1 x | 50 | 1.2 | - |"
    assert lines[3] == "| slow | 4 | 2,000 | 2,500 | 20 x | 12.5 x | 1,000 | 3 | 50 |"


def test_the_comparison_leaves_out_memory_that_no_one_measured() -> None:
    text = comparison({"quick": QUICK}, "quick", calls_named="calls", unit="job")
    assert "memory" not in text
    assert "ms per job" in text


def test_every_line_of_a_table_has_as_many_cells() -> None:
    lines = table(["", "a", "b"], [["x", "1", "2"], ["y", "3", "4"]]).splitlines()
    assert [line.count("|") for line in lines] == [4, 4, 4, 4]
    assert lines[1] == "| --- | --: | --: |"


def test_calls_are_listed_with_the_most_frequent_first() -> None:
    assert call_list({"Login": 10, "Read": 25, "Act": 10}, 10) == "Read 2.5, Act 1, Login 1"


@pytest.mark.parametrize(
    ("limit", "reached", "strictly", "met"),
    [(12, 12, False, True), (12, 12.02, False, False), (1, 1, True, False), (1, 0.99, True, True)],
)
def test_a_goal_is_met_or_missed(limit: float, reached: float, strictly: bool, met: bool) -> None:
    goal = Goal("few calls", limit, reached, strictly)
    assert goal.met is met
    assert str(goal).startswith("met: few calls" if met else "**missed**: few calls")


def test_candidates_take_turns() -> None:
    turns: list[str] = []

    def contestant(name: str) -> Sample:
        turns.append(name)
        return Sample(len(turns), 0, 1)

    reported: list[tuple[str, int]] = []
    series = interleave(
        2,
        {name: lambda name=name: contestant(name) for name in "ab"},
        lambda name, count, _: reported.append((name, count)),
    )
    assert turns == ["a", "b", "a", "b"]
    assert reported == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert [sample.seconds for sample in series["b"].samples] == [2, 4]


def test_results_go_between_the_markers_and_nowhere_else() -> None:
    document = f"# Title\n\n{BEGIN}\n\nold\n\n{END}\n\nAfter.\n"
    once = between_markers(document, "new\n")
    assert once == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nAfter.\n"
    assert between_markers(once, "new") == once


@pytest.mark.parametrize("document", ["", BEGIN, END, f"{END} {BEGIN}", f"{BEGIN} {END} {END}"])
def test_a_document_without_its_markers_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match="once each and in this order"):
        between_markers(document, "new")
