"""A summary of evaluations on a screen and as one JSON document, with the same numbers.

    format_version  1
    evaluations     the files, in the order given
    labels          by label, by figure: {"mean", "sd", "n"}; n is in how many of the files it is defined
    mean            the same of the means over the labels
    caveats         what any of the evaluations says of its figures, each once

What is undefined is null: a mean of nothing, a standard deviation of one. Figures are rounded to six decimals.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from iqa_cli.report.screen import line, rule_for, screen
from iqa_cli.report.text import shown, utf8

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from iqa_cli.metrics.records import Spread, Summary

FORMAT_VERSION = 1
_COLUMNS = (
    ("accuracy", "accuracy", "{:.4f}"),
    ("constant\nanswer", "accuracy_constant", "{:.4f}"),
    ("kappa", "qwk", "{:.3f}"),
    ("threshold\nAUC", "tauc", "{:.3f}"),
    ("macro\nrecall", "recall_macro", "{:.3f}"),
    ("missed", "miss_rate", "{:.3f}"),
)


def print_summary(summary: Summary, *, file: TextIO) -> None:
    """Print mean and standard deviation of the figures that count most, per label and in the mean.

    raises  BrokenPipeError  if nobody reads it any more
    """
    table = Table(box=rule_for(file), pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("label", overflow="fold", vertical="top")
    for heading, _, _ in _COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    for label, figures in summary.labels.items():
        table.add_row(Text(shown(utf8(label))), *_cells(figures, len(summary.files)))
    table.add_section()
    table.add_row(Text("mean", style="bold"), *_cells(summary.mean, len(summary.files)))
    with screen(file) as console:
        line(console, f"{len(summary.files)} evaluations: mean ± standard deviation", style="bold")
        for caveat in summary.caveats:
            line(console, f"The model's card warns: {caveat}", style="bold red")
        console.print(Padding(table, (1, 0, 1, 1)))
        line(console, "(n) in how many of them a figure is defined, where not in all", style="dim", indent=1)


def summary_json(summary: Summary) -> bytes:
    """The document as it is written: UTF-8, indented, a line feed at the end."""
    document = {
        "format_version": FORMAT_VERSION,
        "evaluations": [utf8(file) for file in summary.files],
        "labels": {utf8(label): _plain(figures) for label, figures in summary.labels.items()},
        "mean": _plain(summary.mean),
        "caveats": [utf8(caveat) for caveat in summary.caveats],
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2).encode("utf-8") + b"\n"


def _cells(figures: Mapping[str, Spread], of: int) -> list[str]:
    return [_cell(figures[name], form, of) for _, name, form in _COLUMNS]


def _cell(spread: Spread, form: str, of: int) -> str:
    if not spread.n:
        return "-"
    deviation = "" if math.isnan(spread.sd) else f" ± {form.format(spread.sd)}"
    return f"{form.format(spread.mean)}{deviation}{f' ({spread.n})' if spread.n < of else ''}"


def _plain(figures: Mapping[str, Spread]) -> dict[str, Any]:
    return {
        name: {
            key: (round(value, 6) if math.isfinite(value) else None) if isinstance(value, float) else value
            for key, value in dataclasses.asdict(spread).items()
        }
        for name, spread in figures.items()
    }
