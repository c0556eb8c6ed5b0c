"""Samples, the figures that follow from them, and the tables that show them (pure)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

BEGIN = "<!-- results: begin (python -m benchmarks writes what follows) -->"
END = "<!-- results: end -->"


@dataclass(frozen=True)
class Sample:
    """One measurement of one candidate.

    :ivar seconds: wall time
    :ivar processor_seconds: of the candidate's processes, without the server's
    :ivar units: how many VMs (or jobs) were processed
    :ivar calls: requests that the server counted, by action
    :ivar memory_mib: the peak memory; None where it was not measured
    """

    seconds: float
    processor_seconds: float
    units: int
    calls: Mapping[str, int] = field(default_factory=dict)
    memory_mib: float | None = None


@dataclass(frozen=True)
class Series:
    """All samples of one candidate."""

    name: str
    samples: Sequence[Sample]

    def __post_init__(self) -> None:
        if not self.samples:
            raise ValueError(f"{self.name} has not been measured")

    @property
    def units(self) -> int:
        return self.samples[0].units

    @property
    def least_milliseconds(self) -> float:
        """Wall time of one unit in the best round."""
        return 1000 * min(sample.seconds / sample.units for sample in self.samples)

    @property
    def median_milliseconds(self) -> float:
        """Wall time of one unit in the median round."""
        return 1000 * statistics.median(sample.seconds / sample.units for sample in self.samples)

    @property
    def processor_milliseconds(self) -> float:
        """Processor time of one unit in the best round."""
        return 1000 * min(sample.processor_seconds / sample.units for sample in self.samples)

    @property
    def calls(self) -> int:
        """Requests in the round that needed the most."""
        return max(sum(sample.calls.values()) for sample in self.samples)

    @property
    def memory_mib(self) -> float | None:
        """The most memory in any round."""
        measured = [sample.memory_mib for sample in self.samples if sample.memory_mib is not None]
        return max(measured, default=None)


@dataclass(frozen=True)
class Goal:
    """A goal and the measured figure."""

    text: str
    limit: float
    reached: float
    strictly: bool = False

    @property
    def met(self) -> bool:
        return self.reached < self.limit if self.strictly else self.reached <= self.limit

    def __str__(self) -> str:
        return f"{'met' if self.met else '**missed**'}: {self.text}; measured {number(self.reached)}"


def number(value: float | None) -> str:
    """A figure with three significant digits."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ratio(value: float, base: float) -> str:
    """The value as a multiple of the base."""
    return f"{number(value / base)} x"


def interleave(
    rounds: int, candidates: Mapping[str, Callable[[], Sample]], report: Callable[[str, int, Sample], None]
) -> dict[str, Series]:
    """Measure all in turn, round after round, so that other load on the machine affects all of them alike."""
    samples: dict[str, list[Sample]] = {name: [] for name in candidates}
    for number_of_round in range(1, rounds + 1):
        for name, measure in candidates.items():
            samples[name].append(measure())
            report(name, number_of_round, samples[name][-1])
    return {name: Series(name, found) for name, found in samples.items()}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column contains text, the others figures."""
    marks = ["---"] + ["--:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, marks, *rows))


def comparison(series: Mapping[str, Series], base: str, *, calls_named: str, unit: str = "VM") -> str:
    """All series, compared with the one that the ratios refer to."""
    reference = series[base]
    with_memory = any(candidate.memory_mib is not None for candidate in series.values())
    header = ["", f"{unit}s", f"ms per {unit}, least", "median", "ratio of the least", "of the median"]
    header += [f"processor ms per {unit}", f"{calls_named} per {unit}"] + ["peak memory, MiB"] * with_memory
    rows = [
        [
            candidate.name,
            f"{candidate.units:,}",
            number(candidate.least_milliseconds),
            number(candidate.median_milliseconds),
            ratio(candidate.least_milliseconds, reference.least_milliseconds),
            ratio(candidate.median_milliseconds, reference.median_milliseconds),
            number(candidate.processor_milliseconds),
            number(candidate.calls / candidate.units),
        ]
        + [number(candidate.memory_mib)] * with_memory
        for candidate in series.values()
    ]
    return table(header, rows)


def call_list(calls: Mapping[str, int], units: int) -> str:
    """The requests of one unit, the most frequent first."""
    ordered = sorted(calls.items(), key=lambda entry: (-entry[1], entry[0]))
    return ", ".join(f"{action} {number(count / units)}" for action, count in ordered)


def between_markers(document: str, results: str) -> str:
    """The document with new results between its markers.

    :raises ValueError: it does not have them, once and in order
    """
    before, begin, rest = document.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in after:
        raise ValueError(f"the document needs, once each and in this order, the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{results.strip()}\n\n{END}{after}"
