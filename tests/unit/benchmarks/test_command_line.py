"""What the benchmarks' command line asks for."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import README, parse
from benchmarks.figures import between_markers


def test_everything_is_measured_at_full_size_by_default() -> None:
    options = parse([])
    assert (options.vms, options.few, options.jobs, options.rounds, options.only, options.quick) == (
        1000,
        50,
        120,
        3,
        None,
        False,
    )


def test_a_sketch_is_small_unless_a_size_is_given() -> None:
    options = parse(["--quick"])
    assert options.vms < 100
    assert parse(["--quick", "--vms", "200"]).vms == 200


def test_more_vms_cannot_be_enabled_than_there_are() -> None:
    with pytest.raises(SystemExit):
        parse(["--vms", "10"])


def test_the_document_has_its_place_for_results() -> None:
    assert "42 x" in between_markers(README.read_text(), "42 x")
