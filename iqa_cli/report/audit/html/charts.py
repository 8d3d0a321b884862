"""Distributions of a run as bars: counted photo by photo, laid out at the end.

Three measurements in fixed bins, and the photos by month, or by year where the months are many. What is drawn is
decided here; the template puts it into SVG.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iqa_cli.records import PhotoReport

WIDTH, HEIGHT = 360, 150
LEFT, BOTTOM, TOP = 34, 18, 8
"""Room for numbers beside the bars, names below, and air above; user units of the SVG, like all lengths here."""
MOST_MONTHS = 36
"""More months are put together by year."""
MOST_YEARS = 60
"""The latest so many are shown: a camera whose clock was never set says 1970 or 2099."""
_GAP = 1.0

_EDGES: Mapping[str, Sequence[float]] = {
    "luma_median": [step / 25 for step in range(26)],
    "clipped_fraction": (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
    "lstar_p5_p95_spread": [4.0 * step for step in range(26)],
}
"""Edges of the bins; the last one belongs to the last bin."""


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """One bar, and the part of it that has a problem drawn over its foot."""

    said: str
    """In words."""
    x: float
    y: float
    width: float
    height: float
    flawed_y: float
    flawed_height: float


@dataclasses.dataclass(frozen=True, slots=True)
class Tick:
    """A line across, with its count."""

    text: str
    y: float


@dataclasses.dataclass(frozen=True, slots=True)
class Name:
    """A name below the bars."""

    text: str
    x: float
    anchor: str
    """As SVG's `text-anchor`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Chart:
    """A distribution, laid out."""

    title: str
    said: str
    """All of it in words, for who cannot see it."""
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    names: tuple[Name, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


class Distributions:
    """Counts photos with status ok."""

    def __init__(self) -> None:
        self._bins = {name: [[0, 0] for _ in edges[1:]] for name, edges in _EDGES.items()}
        self._months: collections.Counter[tuple[int, int]] = collections.Counter()
        self._flawed_months: collections.Counter[tuple[int, int]] = collections.Counter()

    def add(self, report: PhotoReport) -> None:
        """Count one photo; one that is not judged for sure counts for nothing."""
        if report.status != "ok":
            return
        is_flawed = report.worst is not None
        for measurement in report.measurements:
            if measurement.name in _EDGES:
                count = self._bins[measurement.name][_bin(_EDGES[measurement.name], measurement.value)]
                count[0] += 1
                count[1] += is_flawed
        if report.capture.taken_at is not None:
            month = report.capture.taken_at.year, report.capture.taken_at.month
            self._months[month] += 1
            self._flawed_months[month] += is_flawed

    def charts(self, words: Mapping[str, str]) -> list[Chart]:
        """The charts that have anything to show; words as in `words.PAGE`."""
        found = [
            _chart(words[name], _named(name), counts, words)
            for name, counts in self._bins.items()
            if any(count for count, _ in counts)
        ]
        if len(self._months) > 1:
            times, counts = self._over_time()
            found.append(_chart(words["over_time"], times, counts, words))
        return found

    def _over_time(self) -> tuple[list[str], list[list[int]]]:
        """Names and counts of the months, or years, from the first to the last, also of those without a photo."""
        first, last = min(self._months), max(self._months)
        months = [
            (index // 12, index % 12 + 1) for index in range(first[0] * 12 + first[1] - 1, last[0] * 12 + last[1])
        ]
        if len(months) <= MOST_MONTHS:
            return (
                [f"{year:04}-{month:02}" for year, month in months],
                [[self._months[month], self._flawed_months[month]] for month in months],
            )
        years: dict[int, list[int]] = {}
        for month, count in self._months.items():
            of_year = years.setdefault(month[0], [0, 0])
            of_year[0] += count
            of_year[1] += self._flawed_months[month]
        shown = range(min(years), max(years) + 1) if max(years) - min(years) < MOST_YEARS else sorted(years)
        latest = list(shown)[-MOST_YEARS:]
        return [f"{year:04}" for year in latest], [years.get(year, [0, 0]) for year in latest]


def _bin(edges: Sequence[float], value: float) -> int:
    """The last bin that begins at or below a value; values outside go to the bin at that end."""
    below = sum(1 for edge in edges[1:-1] if value >= edge)
    return min(below, len(edges) - 2)


def _named(name: str) -> list[str]:
    """The bins of a measurement by their edges."""
    if name == "clipped_fraction":
        return [f"{100 * low:g}-{100 * high:g}%" for low, high in itertools.pairwise(_EDGES[name])]
    return [f"{low:g}-{high:g}" for low, high in itertools.pairwise(_EDGES[name])]


def _chart(title: str, names: Sequence[str], counts: Sequence[Sequence[int]], words: Mapping[str, str]) -> Chart:
    most = max(count for count, _ in counts)
    scale = (HEIGHT - BOTTOM - TOP) / most
    foot = HEIGHT - BOTTOM
    step = (WIDTH - LEFT) / len(counts)
    bars = tuple(
        Bar(
            said=words["bar"].format(name=name, count=count, flawed=flawed),
            x=_short(LEFT + index * step + _GAP / 2),
            y=_short(foot - scale * count),
            width=_short(max(0.5, step - _GAP)),
            height=_short(scale * count),
            flawed_y=_short(foot - scale * flawed),
            flawed_height=_short(scale * flawed),
        )
        for index, (name, (count, flawed)) in enumerate(zip(names, counts, strict=True))
        if count
    )
    return Chart(
        title=title,
        said=words["chart"].format(
            title=title, count=sum(count for count, _ in counts), bars=words["between"].join(bar.said for bar in bars)
        ),
        bars=bars,
        ticks=tuple(Tick(str(value), _short(foot - scale * value)) for value in sorted({0, most // 2, most})),
        names=_few_names(names, step),
    )


def _few_names(names: Sequence[str], step: float) -> tuple[Name, ...]:
    """First, middle and last: more would run into each other."""
    first = Name(names[0], LEFT, "start")
    last = Name(names[-1], WIDTH, "end")
    middle = len(names) // 2
    between = Name(names[middle], _short(LEFT + (middle + 0.5) * step), "middle")
    return (first, between, last) if len(names) > 2 else (first, last) if len(names) > 1 else (first,)


def _short(value: float) -> float:
    return round(value, 2)
