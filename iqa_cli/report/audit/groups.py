"""Photos counted by group while the audit runs, and at its end the groups that differ from all others.

Memory holds counts: some kilobytes a group, and of groups no more than `GROUPS_KEPT` for each grouping.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Literal

from iqa_cli.significance import ALPHA, fisher_exact, holm, wilson_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iqa_cli.grouping import Grouping, Value
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.records import PhotoReport

GROUPS_KEPT = 1_000
"""Groups told apart, the first to come up; the photos of later ones are counted together."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rate:
    """How many photos of a group have a label at some level or worse."""

    level: int
    """From 2 on."""
    count: int
    """Photos at this level or worse."""
    interval: tuple[float, float] | None
    """Of the share, 95 %, by Wilson; None without a judged photo."""
    p: float
    """Exact two-sided p of Fisher's test against all photos that are not in the group."""
    p_holm: float
    """The same, corrected over all groups, labels and levels of the grouping."""
    differs: Literal["more", "fewer"] | None
    """Whether it has more or fewer than the others, beyond chance."""


@dataclasses.dataclass(frozen=True, slots=True)
class GroupRow:
    """One group at the end of the run."""

    values: tuple[str, ...]
    """One for each key; empty where it is not known."""
    photos: int
    """Photos found, judged or not."""
    judged: int
    """Photos with status ok; all rates are of these."""
    rates: Mapping[str, tuple[Rate, ...]]
    """By label in graph order, by rising level."""
    means: Mapping[str, float]
    """By measurement, over the judged photos; empty without any."""

    @property
    def differs(self) -> bool:
        """Whether any of its rates does."""
        return any(rate.differs for rates in self.rates.values() for rate in rates)


class _Counts:
    """One group while the run goes on."""

    __slots__ = ("judged", "levels", "photos", "sums")

    def __init__(self) -> None:
        self.photos = 0
        self.judged = 0
        self.levels: collections.Counter[tuple[str, int]] = collections.Counter()
        self.sums: dict[str, float] = {}

    def add(self, report: PhotoReport) -> None:
        self.photos += 1
        if report.status != "ok":
            return
        self.judged += 1
        for finding in report.findings:
            self.levels[finding.label, finding.level] += 1
        for measurement in report.measurements:
            self.sums[measurement.name] = self.sums.get(measurement.name, 0.0) + measurement.value

    def from_level(self, label: str, level: int) -> int:
        """Photos that have the label at this level or worse."""
        return sum(count for (name, at), count in self.levels.items() if name == label and at >= level)


class Groups:
    """The groups of one grouping.

    grouping  what makes them
    """

    def __init__(self, grouping: Grouping) -> None:
        self.grouping = grouping
        self.beyond = 0
        """Photos of groups that came up after `GROUPS_KEPT` others."""
        self._counts: dict[tuple[Value, ...], _Counts] = {}
        self._all = _Counts()

    @property
    def judged(self) -> int:
        """Photos with status ok, of all groups."""
        return self._all.judged

    def from_level(self, label: str, level: int) -> int:
        """Photos of all groups that have a label at this level or worse."""
        return self._all.from_level(label, level)

    def add(self, report: PhotoReport) -> None:
        """Count one photo."""
        self._all.add(report)
        values = self.grouping.values(report.source_file, report.capture)
        counts = self._counts.get(values)
        if counts is None:
            if len(self._counts) >= GROUPS_KEPT:
                self.beyond += 1
                return
            counts = self._counts[values] = _Counts()
        counts.add(report)

    def rows(self, graph: HexGraph) -> tuple[GroupRow, ...]:
        """Every group, sorted by its values, unknown ones last."""
        ordered = sorted(self._counts.items())
        asked = [(label.name, level) for label in graph.labels for level in label.levels if level > label.levels[0]]
        whole = {question: self._all.from_level(*question) for question in asked}
        # What no photo has cannot set a group apart: the margins alone say so, and it needs no test.
        told = [question for question in asked if whole[question]]
        tables = [
            (counts.from_level(*question), counts.judged, whole[question], self._all.judged)
            for _, counts in ordered
            for question in told
        ]
        ps = [fisher_exact(count, judged, of_all - count, total - judged) for count, judged, of_all, total in tables]
        tests = iter(zip(ps, holm(ps), strict=True))
        rows = []
        for values, counts in ordered:
            found = {question: next(tests) for question in told}
            rates = {
                label.name: tuple(
                    self._rate(counts, question, whole[question], *found.get(question, (1.0, 1.0)))
                    for question in asked
                    if question[0] == label.name
                )
                for label in graph.labels
            }
            means = {name: total / counts.judged for name, total in counts.sums.items()}
            rows.append(GroupRow(tuple(value.text for value in values), counts.photos, counts.judged, rates, means))
        return tuple(rows)

    def _rate(self, counts: _Counts, question: tuple[str, int], of_all: int, p: float, p_holm: float) -> Rate:
        count = counts.from_level(*question)
        differs: Literal["more", "fewer"] | None = None
        if p_holm <= ALPHA:
            differs = "more" if count * self._all.judged > of_all * counts.judged else "fewer"
        return Rate(question[1], count, wilson_interval(count, counts.judged), p, p_holm, differs)


def most_telling(rows: Sequence[GroupRow], most: int) -> tuple[GroupRow, ...]:
    """Those that differ, and of the others the ones with the most photos, in their order."""
    ranked = sorted(range(len(rows)), key=lambda place: (not rows[place].differs, -rows[place].judged, place))
    return tuple(rows[place] for place in sorted(ranked[:most]))
