"""What the benchmark found, as records: one document that Markdown and JSON are two renderers of."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

CONFIDENCE = 0.95
"""Nominal coverage of every interval."""
RESAMPLES = 1000
"""Bootstrap resamples behind an interval."""
SEED = 0
"""Of the bootstrap."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A figure, with an interval if there is one."""

    value: float
    """nan where it is undefined."""
    low: float | None = None
    """Lower end of the interval."""
    high: float | None = None
    """Upper end."""
    digits: int = 3
    """After the point."""

    def __str__(self) -> str:
        """The figure and its interval in brackets."""
        if math.isnan(self.value):
            return "–"
        text = f"{self.value:.{self.digits}f}"
        if self.low is None or self.high is None:
            return text
        return f"{text} ({self.low:.{self.digits}f} to {self.high:.{self.digits}f})"


@dataclasses.dataclass(frozen=True)
class Share:
    """So many of so many, with an interval."""

    hits: int
    """0..of."""
    of: int
    """Cases."""
    low: float
    """Lower end, 0..1; nan for no case."""
    high: float
    """Upper end."""

    @property
    def value(self) -> float:
        """0..1; nan for no case."""
        return self.hits / self.of if self.of else math.nan

    def __str__(self) -> str:
        """Count, percent and interval."""
        if not self.of:
            return "no case"
        decimals = 1 if self.of >= 200 else 0  # one of 200 is half a percent
        low, high = (f"{100 * end:.{decimals}f}" for end in (self.low, self.high))
        return f"{self.hits}/{self.of} = {100 * self.value:.{decimals}f} % ({low} to {high})"


def share(hits: int, of: int) -> Share:
    """A share of independent cases, with the interval of Wilson (JASA 1927), which is right near 0 and 1 too."""
    if not of:
        return Share(0, 0, math.nan, math.nan)
    interval = stats.binomtest(hits, of).proportion_ci(CONFIDENCE, method="wilson")
    return Share(hits, of, float(interval.low), float(interval.high))


def share_of_groups(hits: Sequence[int], of: Sequence[int]) -> Share:
    """A share of cases that hang together in groups, such as the labels of one photo: groups are resampled.

    hits, of  per group; groups without a case are left out

    Percentile bootstrap. Where no resample can differ (all groups have one share, as with no hit at all) it is Wilson's
    interval with a group as a case: the only thing that is sure is how many groups were looked at.
    """
    count, cases = np.asarray(hits, np.int64), np.asarray(of, np.int64)
    count, cases = count[cases > 0], cases[cases > 0]
    total, everything = int(count.sum()), int(cases.sum())
    if not everything:
        return share(0, 0)
    if (count * everything == cases * total).all():
        whole = share(round(len(cases) * total / everything), len(cases))
        return Share(total, everything, whole.low, whole.high)
    found = stats.bootstrap(
        (count, cases),
        _ratio,
        paired=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(SEED),
    )
    return Share(total, everything, float(found.confidence_interval.low), float(found.confidence_interval.high))


def _ratio(hits: NDArray[np.int64], of: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
    return np.asarray(hits.sum(axis) / of.sum(axis))


Cell = str | int | Estimate | Share | None
"""None is a cell that does not apply."""


@dataclasses.dataclass(frozen=True)
class Goal:
    """What a figure should reach."""

    limit: float
    """In the figure's own unit; shares 0..1."""
    at_most: bool = False
    """Whether it is an upper limit."""

    def met(self, value: float) -> str:
        """Yes or no for the figure itself, whatever its interval says; a dash if it is undefined."""
        if math.isnan(value):
            return "–"
        return "yes" if (value <= self.limit if self.at_most else value >= self.limit) else "no"

    def sure(self, figure: Estimate | Share) -> str:
        """The same for the whole interval; "open" if the goal lies within it, a dash if there is none."""
        low, high = figure.low, figure.high
        if low is None or high is None or math.isnan(figure.value):
            return "–"
        ends = {self.met(low), self.met(high)}
        return ends.pop() if len(ends) == 1 else "open"

    def percent(self) -> str:
        """The goal of a share, for people."""
        return f"{'≤' if self.at_most else '≥'} {100 * self.limit:g} %"


@dataclasses.dataclass(frozen=True)
class Table:
    """One table."""

    title: str
    """Above it; may be empty."""
    columns: tuple[str, ...]
    """Their heads."""
    rows: tuple[tuple[Cell, ...], ...]
    """As many cells as columns each."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """A case that was judged wrongly."""

    where: str
    """The photo, and what is known of it."""
    said: str
    """What was said of it."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A goal and what every judge has of it."""

    what: str
    """For people."""
    goal: Goal
    """What is wanted."""
    figures: Mapping[str, Estimate | Share]
    """By judge."""
    wanted: str = ""
    """The goal for people where it is no share."""

    def row(self) -> tuple[Cell, ...]:
        """Goal, then for every judge the figure, whether it reaches the goal and whether its interval does."""
        words = {"yes": "met", "no": "missed"}
        cells: list[Cell] = [self.what, self.wanted or self.goal.percent()]
        for figure in self.figures.values():
            met, sure = self.goal.met(figure.value), self.goal.sure(figure)
            cells += [figure, words.get(met, met), words.get(sure, sure)]
        return tuple(cells)


@dataclasses.dataclass(frozen=True)
class Part:
    """One question and its answers."""

    name: str
    """Short, for programs."""
    title: str
    """For people."""
    notes: tuple[str, ...] = ()
    """A paragraph each: what was done, and what to know."""
    tables: tuple[Table, ...] = ()
    """The figures."""
    failures: tuple[Failure, ...] = ()
    """Wrong judgements of the checkpoint, the gravest first where there is an order."""
    failures_are: str = "Judged wrongly"
    """What the list of them is called."""
    name_all: bool = False
    """Whether people see all of them, however many were asked for."""
    verdicts: tuple[Verdict, ...] = ()
    """Goals, which the document shows first."""


@dataclasses.dataclass(frozen=True)
class Document:
    """Everything one run found."""

    about: dict[str, str]
    """What was run, on what."""
    parts: tuple[Part, ...]
    """In the order in which they were run."""
    title: str = "Quality"
    """For people."""

    def goals(self) -> Table:
        """Every goal and who meets it; without rows if no part has any."""
        verdicts = [verdict for part in self.parts for verdict in part.verdicts]
        judges = list(verdicts[0].figures) if verdicts else []
        heads = [head for name in judges for head in (name, "figure", "interval")]
        return Table("Goals", ("what", "goal", *heads), tuple(verdict.row() for verdict in verdicts))

    def markdown(self, failures: int) -> str:
        """For people.

        failures  how many wrong judgements each part names
        """
        lines = [f"# {self.title}", ""]
        lines += [f"- {key}: {value}" for key, value in self.about.items()]
        goals = self.goals()
        if goals.rows:
            lines += ["", f"## {goals.title}", "", _ABOUT_GOALS, "", *_pipes(goals)]
        for part in self.parts:
            lines += ["", f"## {part.title}"]
            for note in part.notes:
                lines += ["", note]
            for table in part.tables:
                lines += ["", *([f"### {table.title}", ""] if table.title else []), *_pipes(table)]
            if part.failures:
                shown = part.failures if part.name_all else part.failures[:failures]
                more = f", {len(shown)} shown" if len(shown) < len(part.failures) else ""
                lines += ["", f"{part.failures_are} ({len(part.failures)}{more}):", ""]
                lines += [f"- {failure.where}: {failure.said}" for failure in shown]
        return "\n".join(lines) + "\n"

    def json(self) -> dict[str, Any]:
        """For programs: the same numbers, all failures."""
        return {
            "format_version": 1,
            "about": self.about,
            "confidence": CONFIDENCE,
            "goals": _json_of(self.goals()),
            "parts": [
                {
                    "name": part.name,
                    "title": part.title,
                    "notes": list(part.notes),
                    "tables": [_json_of(table) for table in part.tables],
                    "failures": [dataclasses.asdict(failure) for failure in part.failures],
                }
                for part in self.parts
            ],
        }


_ABOUT_GOALS = (
    "*Figure*: whether the figure reaches the goal. *Interval*: whether all of its 95 % interval does; open if the "
    "goal lies within it, so that these cases cannot tell."
)


def _json_of(table: Table) -> dict[str, Any]:
    rows = [[_plain(cell) for cell in row] for row in table.rows]
    return {"title": table.title, "columns": list(table.columns), "rows": rows}


def _pipes(table: Table) -> list[str]:
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join("–" if cell is None else str(cell) for cell in row) + " |" for row in table.rows]
    return lines


def _plain(cell: Cell) -> Any:
    """A cell in JSON, which knows no nan."""
    if isinstance(cell, Share):
        return {"hits": cell.hits, "of": cell.of, **{key: _number(getattr(cell, key)) for key in ("low", "high")}}
    if isinstance(cell, Estimate):
        return {key: _number(getattr(cell, key)) for key in ("value", "low", "high")}
    return cell


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 6)
