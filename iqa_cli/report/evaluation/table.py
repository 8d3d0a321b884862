"""An evaluation on a screen, or as text in a pipe.

What is in the data, how good the answers are, which mistakes were made, the tables of true against predicted levels,
and at the end one sentence: does the model beat the constant answer?

Written for 80 columns and up; from `WIDE` columns on intervals stand beside their figures, below that under them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rich.columns import Columns
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from iqa_cli.records import Severity
from iqa_cli.report.evaluation.words import verdict
from iqa_cli.report.screen import PIPED_WIDTH, line, rule_for, screen
from iqa_cli.report.text import shown, utf8

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from rich import box
    from rich.console import Console

    from iqa_cli.metrics.records import Evaluation, Interval, LabelMetrics

WIDE = 110
"""Columns from which intervals stand beside their figures."""
UNREADABLE_SHOWN = 10
"""Photos that could not be read, listed; the JSON has them all."""
_LABEL_WIDTH = 20  # columns a label keeps, wrapped beyond
_CONFUSION_WIDTH = 120  # columns that these tables fill at most, also in a pipe
_UNDEFINED = "-"
_MEAN, _CONSTANT = "mean", 'always "none"'


class _Column(NamedTuple):
    """A figure with its heading."""

    heading: str
    """One or two short lines."""
    figure: str
    """Name of the field of `LabelMetrics`."""
    constant: str | float | None
    """What the constant answer gets: a field's name, a number, or None if it has none."""
    form: str = "{:.3f}"
    """How the figure is written."""
    end: str = "{:.2f}"
    """How the ends of its interval are written."""


_ANSWERS = (
    _Column("accuracy", "accuracy", "accuracy_constant", "{:.6f}"),
    _Column("constant\nanswer", "accuracy_constant", "accuracy_constant", "{:.6f}"),
    _Column("kappa", "qwk", 0.0),
    _Column("threshold\nAUC", "tauc", 0.5),
    _Column("macro\nrecall", "recall_macro", "recall_macro_constant"),
)
_MISTAKES = (
    _Column("macro\nF1", "f1_macro", "f1_macro_constant"),
    _Column("missed", "miss_rate", 1.0, "{:.1%}", "{:.0%}"),
    _Column("false\nalarms", "false_alarm_rate", 0.0, "{:.1%}", "{:.1%}"),
    _Column("severe\nor worse", "false_alarm_rate_severe", 0.0, "{:.1%}", "{:.1%}"),
    _Column("calibration\nerror", "ece", None),
)
_EXPLAINED = (
    'accuracy      exactly the right level; constant answer: always "none"',
    "kappa         with quadratic weights; 1 is perfect, 0 is chance",
    "AUC           mean over the thresholds that occur (how many); 0.5 is chance",
    "macro         mean over the levels, rare ones as much as frequent ones",
    "missed        severe or worse called ordinary or none",
    "false alarms  none called ordinary or worse; none called severe or worse",
    "calibration   error of the probability of ordinary or worse; 0 is perfect",
)


def print_evaluation(evaluation: Evaluation, *, file: TextIO) -> None:
    """Print the whole report.

    file    a terminal gets colours and its own width; anything else gets plain text of any width
    raises  BrokenPipeError  if nobody reads it any more
    """
    with screen(file) as console:
        rule = rule_for(file)
        photos = "1 photo" if evaluation.n == 1 else f"{evaluation.n:,} photos"
        labels = "1 label" if len(evaluation.labels) == 1 else f"{len(evaluation.labels)} labels"
        line(console, f"{photos}, {labels}: {evaluation.source}", style="bold")
        for caveat in evaluation.caveats:
            line(console, f"The model's card warns: {caveat}", style="bold red")
        console.print(Padding(_levels_table(evaluation, rule, console.width), (1, 0, 1, 1)))
        for heading, columns in (("Answers", _ANSWERS), ("Mistakes", _MISTAKES)):
            line(console, heading + _with_intervals(evaluation), style="bold")
            console.print(Padding(_figures_table(evaluation, columns, rule, console.width), (1, 0, 1, 1)))
        for explained in _EXPLAINED:
            line(console, explained, style="dim", indent=1)
        if not evaluation.has_probabilities:
            line(console, "-             only levels are given: AUC and calibration error need probabilities", "dim", 1)
        console.print()
        _print_confusions(console, evaluation)
        if evaluation.unreadable:
            _print_unreadable(console, evaluation)
        line(console, verdict(evaluation), style="bold green" if evaluation.beats_constant else "bold red")


def level_names(count: int) -> tuple[str, ...]:
    """What the levels of a label are called, in order."""
    return (
        tuple(severity.name.lower() for severity in Severity)
        if count == len(Severity)
        else tuple(f"level {level + 1}" for level in range(count))
    )


def _with_intervals(evaluation: Evaluation) -> str:
    if not evaluation.resamples:
        return ""
    return f" ({100 * evaluation.confidence:g}% intervals, {evaluation.resamples:,} bootstrap resamples of the photos)"


def _table(rule: box.Box, evaluation: Evaluation, headings: Sequence[str], width: int) -> Table:
    table = Table(box=rule, pad_edge=False, padding=(0, 1, 0, int(width >= WIDE)), show_edge=False)
    longest = max(map(len, (*evaluation.labels, _CONSTANT)))
    table.add_column("label", min_width=min(longest, _LABEL_WIDTH), overflow="fold", vertical="top")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _levels_table(evaluation: Evaluation, rule: box.Box, width: int) -> Table:
    """How many photos there are at each true level."""
    most = max(len(figures.positives) for figures in evaluation.labels.values())
    table = _table(rule, evaluation, ["photos", *level_names(most)], width)
    for label, figures in evaluation.labels.items():
        counts = [_count(count) for count in figures.positives]
        table.add_row(_name(label), f"{figures.n:,}", *counts)
    return table


def _figures_table(evaluation: Evaluation, columns: Sequence[_Column], rule: box.Box, width: int) -> Table:
    """Figures per label, their means, and what the constant answer gets in the mean."""
    headings: list[str] = []
    cells: list[list[Text]] = []
    for column in columns:
        values, ends = _values(column, evaluation), _all_ends(column, evaluation)
        headings.append(column.heading)
        if width < WIDE:
            values = [
                value.append(f"\n{end}" if end else "", style="dim") for value, end in zip(values, ends, strict=True)
            ]
        cells.append(values)
        if width >= WIDE and any(ends):
            headings.append("")
            cells.append([Text(end, style="dim") for end in ends])
    table = _table(rule, evaluation, headings, width)
    *labels, mean, constant = zip(*cells, strict=True)
    for label, row in zip(evaluation.labels, labels, strict=True):
        table.add_row(_name(label), *row)
    table.add_section()
    table.add_row(Text(_MEAN, style="bold"), *mean)
    table.add_row(Text(_CONSTANT, style="dim"), *constant)
    return table


def _values(column: _Column, evaluation: Evaluation) -> list[Text]:
    """A column: a figure per label, their mean, and what the constant answer gets in the mean."""
    cells = [Text(_number(getattr(figures, column.figure), column.form)) for figures in evaluation.labels.values()]
    if column.figure == "tauc":
        for cell, figures in zip(cells, evaluation.labels.values(), strict=True):
            cell.append(f" ({figures.tauc_thresholds})" if figures.tauc_thresholds else "")
    mean = Text(_number(evaluation.mean[column.figure], column.form), style="bold")
    return [*cells, mean, _constant(column, evaluation)]


def _all_ends(column: _Column, evaluation: Evaluation) -> list[str]:
    """The intervals of such a column."""
    per_label = [evaluation.intervals.get(label, {}).get(column.figure) for label in evaluation.labels]
    return [*(_ends(column, interval) for interval in (*per_label, evaluation.mean_intervals.get(column.figure))), ""]


def _ends(column: _Column, interval: Interval | None) -> str:
    """An interval as it is written; "" if there is none, or none worth its room."""
    if column.figure == "accuracy_constant" or interval is None:
        return ""
    low, high = (_number(end, column.end) for end in (interval.low, interval.high))
    return f"{low.removesuffix('%')}..{high}"


def _constant(column: _Column, evaluation: Evaluation) -> Text:
    value = evaluation.mean[column.constant] if isinstance(column.constant, str) else column.constant
    if value is None or math.isnan(evaluation.mean[column.figure]):
        return Text(_UNDEFINED, style="dim")
    return Text(_number(value, column.form), style="dim")


def _number(value: float, form: str) -> str:
    """A figure as it is written; never "-0.00"."""
    if math.isnan(value):
        return _UNDEFINED
    text = form.format(value)
    return text.removeprefix("-") if not text.strip("-0.%") else text


def _count(count: int) -> Text:
    return Text(f"{count:,}") if count else Text(_UNDEFINED, style="dim")


def _name(label: str) -> Text:
    return Text(shown(utf8(label)))


def _print_confusions(console: Console, evaluation: Evaluation) -> None:
    """The table of true against predicted levels of every label that has a problem, true or predicted."""
    quiet = [
        label
        for label, figures in evaluation.labels.items()
        if sum(map(sum, figures.confusion)) == figures.confusion[0][0]
    ]
    names = level_names(max(len(figures.positives) for figures in evaluation.labels.values()))
    told = ", ".join(f"{number} {name}" for number, name in enumerate(names, 1))
    line(console, f"True level (rows) against predicted level (columns): {told}", style="bold")
    grids = [_confusion(label, figures) for label, figures in evaluation.labels.items() if label not in quiet]
    if grids:
        width = _CONFUSION_WIDTH if console.width == PIPED_WIDTH else console.width
        console.print(Padding(Columns(grids, padding=(1, 3), equal=True, width=None), (1, 0, 0, 1)), width=width)
    console.print()
    if quiet:
        line(console, f'nothing but "none", true and predicted: {", ".join(quiet)}', style="dim", indent=1)
        console.print()


def _confusion(label: str, figures: LabelMetrics) -> Table:
    digits = max(len(f"{count:,}") for row in figures.confusion for count in row)
    grid = Table(title=_name(label), title_justify="left", title_style="bold", box=None, padding=(0, 1), pad_edge=False)
    grid.add_column("", style="dim")
    for level in range(len(figures.confusion)):
        grid.add_column(str(level + 1), justify="right", min_width=digits, header_style="dim")
    for level, row in enumerate(figures.confusion):
        cells = [
            Text(f"{count:,}" if count else ".", style="dim" if not count else "green" if level == column else "")
            for column, count in enumerate(row)
        ]
        grid.add_row(str(level + 1), *cells)
    return grid


def _print_unreadable(console: Console, evaluation: Evaluation) -> None:
    line(console, f"Could not be read and are in none of these figures ({len(evaluation.unreadable)})", style="bold")
    for name, error in evaluation.unreadable[:UNREADABLE_SHOWN]:
        console.print(Text(f"  {shown(utf8(name))}: {shown(utf8(error))}"), soft_wrap=True)
    if len(evaluation.unreadable) > UNREADABLE_SHOWN:
        line(console, f"... and {len(evaluation.unreadable) - UNREADABLE_SHOWN} more: --json FILE lists all", "dim", 2)
    console.print()
