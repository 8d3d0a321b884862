"""How two models differ, on a screen or as text in a pipe: what is right, figures, photos left out, one sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from iqa_cli.report.evaluation.difference_words import difference_verdict, p_said
from iqa_cli.report.screen import line, rule_for, screen
from iqa_cli.report.text import shown, utf8

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

    from rich import box
    from rich.console import Console

    from iqa_cli.metrics.differences import Difference, Right
    from iqa_cli.metrics.records import Interval

NAMES_SHOWN = 10
"""Photos or labels of a list that is cut; the JSON has them all."""
_LABEL_WIDTH = 20  # columns a label keeps, wrapped beyond
_UNDEFINED = "-"
_STYLES = {"better": "bold green", "worse": "bold red"}


class _Column(NamedTuple):
    """A figure with its heading."""

    heading: str
    """One or two short lines."""
    figure: str
    """One of `COMPARED`."""
    digits: int
    """After the point."""
    is_share: bool = False
    """Whether it is written in percentage points."""


_ANSWERS = (
    _Column("accuracy", "accuracy", 4),
    _Column("kappa", "qwk", 3),
    _Column("threshold\nAUC", "tauc", 3),
    _Column("macro\nrecall", "recall_macro", 3),
    _Column("macro\nF1", "f1_macro", 3),
)
_MISTAKES = (
    _Column("missed", "miss_rate", 1, is_share=True),
    _Column("false\nalarms", "false_alarm_rate", 1, is_share=True),
    _Column("severe\nor worse", "false_alarm_rate_severe", 1, is_share=True),
    _Column("calibration\nerror", "ece", 3),
)


def print_difference(found: Difference, *, file: TextIO) -> None:
    """Print the whole report.

    file    a terminal gets colours and its own width; anything else gets plain text of any width
    raises  BrokenPipeError  if nobody reads it any more
    """
    with screen(file) as console:
        rule = rule_for(file)
        photos = "1 photo" if found.first.n == 1 else f"{found.first.n:,} photos"
        labels = "1 label" if len(found.labels) == 1 else f"{len(found.labels)} labels"
        line(console, f"{photos}, {labels}: {found.first_name}, against {found.second_name}", style="bold")
        for name, caveats in ((found.first_name, found.first.caveats), (found.second_name, found.second.caveats)):
            for caveat in caveats:
                line(console, f"The card of {name} warns: {caveat}", style="bold red")
        console.print()
        line(console, "Photos whose level is right (McNemar's exact test; p by Holm over all rows)", style="bold")
        console.print(Padding(_rights(found, rule), (1, 0, 1, 1)))
        for heading, columns in (("Answers", _ANSWERS), ("Mistakes", _MISTAKES)):
            line(console, f"{heading}: the first less the second{_with_intervals(found)}", style="bold")
            console.print(Padding(_figures(found, columns, rule), (1, 0, 1, 1)))
        if not (found.first.has_probabilities and found.second.has_probabilities):
            line(console, "-  AUC and calibration error need probabilities of both", "dim", 1)
            console.print()
        _print_left_out(console, found)
        line(console, difference_verdict(found), style=_STYLES.get(found.verdict, "bold"))


def _with_intervals(found: Difference) -> str:
    of = found.first
    if not of.resamples:
        return ""
    return f" ({100 * of.confidence:g}% intervals, {of.resamples:,} bootstrap resamples of the same photos for both)"


def _table(found: Difference, rule: box.Box, headings: Sequence[str]) -> Table:
    table = Table(box=rule, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    longest = max(map(len, (*found.labels, "all levels of a photo")))
    table.add_column("label", min_width=min(longest, _LABEL_WIDTH), overflow="fold", vertical="top")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _rights(found: Difference, rule: box.Box) -> Table:
    """Who is right where, and what that proves."""
    headings = ("photos", "both\nright", "wrong ->\nright", "right ->\nwrong", "both\nwrong", "p", "p (Holm)", "shown")
    table = _table(found, rule, headings)
    for label, of in found.labels.items():
        table.add_row(_name(label), *_right_cells(of.right))
    table.add_section()
    cells = _right_cells(found.photos)
    cells[1] = Text(f"{found.photos.both:,}")
    cells[4] = Text("")
    table.add_row(Text("all levels of a photo", style="bold"), *cells)
    return table


def _right_cells(right: Right) -> list[Text]:
    counts = [_count(count) for count in (right.n, right.both, right.gained, right.lost, right.neither)]
    if not right.n:
        return [*counts, *(Text(_UNDEFINED, style="dim") for _ in range(3))]
    way = right.shown
    told = Text(way, style=_STYLES[way]) if way else Text("no", style="dim")
    return [*counts, Text(p_said(right.p)), Text(p_said(right.p_holm)), told]


def _figures(found: Difference, columns: Sequence[_Column], rule: box.Box) -> Table:
    """Differences per label with their intervals below them, their means, and the means of both models."""
    table = _table(found, rule, [column.heading for column in columns])
    for label, of in found.labels.items():
        table.add_row(_name(label), *(_difference(column, of.figures, of.intervals) for column in columns))
    table.add_section()
    means = [_difference(column, found.mean, found.mean_intervals) for column in columns]
    table.add_row(Text("mean", style="bold"), *means)
    for name, model in (("first, mean", found.first), ("second, mean", found.second)):
        values = [Text(_number(model.mean[column.figure], column, sign=""), style="dim") for column in columns]
        table.add_row(Text(name, style="dim"), *values)
    return table


def _difference(column: _Column, figures: Mapping[str, float], intervals: Mapping[str, Interval | None]) -> Text:
    text = Text(_number(figures[column.figure], column))
    interval = intervals.get(column.figure)
    if interval is not None:
        low, high = (_number(end, column) for end in (interval.low, interval.high))
        text.append(f"\n{low.removesuffix('%')}..{high}", style="dim")
    return text


def _number(value: float, column: _Column, sign: str = "+") -> str:
    """A figure as it is written, a difference with its sign; never "-0.00" or "+0.00"."""
    if math.isnan(value):
        return _UNDEFINED
    text = f"{100 * value if column.is_share else value:{sign}.{column.digits}f}"
    text = text.lstrip("+-") if not text.strip("+-0.") else text
    return f"{text}%" if column.is_share else text


def _count(count: int) -> Text:
    return Text(f"{count:,}") if count else Text(_UNDEFINED, style="dim")


def _name(label: str) -> Text:
    return Text(shown(utf8(label)))


def _print_left_out(console: Console, found: Difference) -> None:
    """What is in none of these figures."""
    unreadable = tuple(dict.fromkeys(name for of in (found.first, found.second) for name, _ in of.unreadable))
    lists = (
        ("Could not be read", unreadable),
        (f"Only {found.first_name} has judged", found.only_first),
        (f"Only {found.second_name} has judged", found.only_second),
        ("Labels that only one of them knows", found.labels_apart),
    )
    for heading, names in lists:
        if not names:
            continue
        line(console, f"{heading} ({len(names):,}): in none of these figures", style="bold")
        for name in names[:NAMES_SHOWN]:
            console.print(Text(f"  {shown(utf8(name))}"), soft_wrap=True)
        if len(names) > NAMES_SHOWN:
            line(console, f"... and {len(names) - NAMES_SHOWN:,} more: --json FILE lists all", "dim", 2)
        console.print()
