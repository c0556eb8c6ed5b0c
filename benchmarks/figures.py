"""Samples, what is made of them, and the tables in which they are told (pure)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

BEGIN = "<!-- results: begin (python -m benchmarks writes what follows) -->"
END = "<!-- results: end -->"


@dataclass(frozen=True)
class Sample:
    """One measurement of one contestant.

    :ivar seconds: wall time
    :ivar processor_seconds: of the contestant's processes, without the server's
    :ivar things: how many VMs (or jobs) were dealt with
    :ivar calls: requests that the server counted, by action
    :ivar memory_mib: the most memory that was held at once; None where it was not measured
    """

    seconds: float
    processor_seconds: float
    things: int
    calls: Mapping[str, int] = field(default_factory=dict)
    memory_mib: float | None = None


@dataclass(frozen=True)
class Series:
    """All samples of one contestant."""

    name: str
    samples: Sequence[Sample]

    def __post_init__(self) -> None:
        if not self.samples:
            raise ValueError(f"{self.name} has not been measured")

    @property
    def things(self) -> int:
        return self.samples[0].things

    @property
    def least_milliseconds(self) -> float:
        """Wall time for one thing, in the best round."""
        return 1000 * min(sample.seconds / sample.things for sample in self.samples)

    @property
    def median_milliseconds(self) -> float:
        """Wall time for one thing, in the middle round."""
        return 1000 * statistics.median(sample.seconds / sample.things for sample in self.samples)

    @property
    def processor_milliseconds(self) -> float:
        """Processor time for one thing, in the best round."""
        return 1000 * min(sample.processor_seconds / sample.things for sample in self.samples)

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
    """What was aimed at, and what came of it."""

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
    """A figure with as many digits as it deserves."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ratio(value: float, base: float) -> str:
    """How many times as much it is."""
    return f"{number(value / base)} x"


def interleave(
    rounds: int, contestants: Mapping[str, Callable[[], Sample]], tell: Callable[[str, int, Sample], None]
) -> dict[str, Series]:
    """Measure all in turn, round after round, so that what else the machine does falls on all of them."""
    samples: dict[str, list[Sample]] = {name: [] for name in contestants}
    for number_of_round in range(1, rounds + 1):
        for name, measure in contestants.items():
            samples[name].append(measure())
            tell(name, number_of_round, samples[name][-1])
    return {name: Series(name, found) for name, found in samples.items()}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column holds text, the others figures."""
    marks = ["---"] + ["--:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, marks, *rows))


def comparison(series: Mapping[str, Series], base: str, *, calls_named: str, thing: str = "VM") -> str:
    """All series beside the one that the ratios refer to."""
    reference = series[base]
    with_memory = any(one.memory_mib is not None for one in series.values())
    header = ["", f"{thing}s", f"ms per {thing}, least", "median", "ratio of the least", "of the median"]
    header += [f"processor ms per {thing}", f"{calls_named} per {thing}"] + ["peak memory, MiB"] * with_memory
    rows = [
        [
            one.name,
            f"{one.things:,}",
            number(one.least_milliseconds),
            number(one.median_milliseconds),
            ratio(one.least_milliseconds, reference.least_milliseconds),
            ratio(one.median_milliseconds, reference.median_milliseconds),
            number(one.processor_milliseconds),
            number(one.calls / one.things),
        ]
        + [number(one.memory_mib)] * with_memory
        for one in series.values()
    ]
    return table(header, rows)


def call_list(calls: Mapping[str, int], things: int) -> str:
    """The requests for one thing, the most frequent first."""
    ordered = sorted(calls.items(), key=lambda entry: (-entry[1], entry[0]))
    return ", ".join(f"{action} {number(count / things)}" for action, count in ordered)


def between_markers(document: str, results: str) -> str:
    """The document with new results between its markers.

    :raises ValueError: it does not have them, once and in order
    """
    before, begin, rest = document.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in after:
        raise ValueError(f"the document needs, once each and in this order, the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{results.strip()}\n\n{END}{after}"
