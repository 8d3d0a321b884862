"""An evaluation as CSV: one row per label. UTF-8, line feeds, a header.

    label               as in the graph
    n                   photos whose level is known; then n_level_1 ... n_level_K: true photos at each level
    accuracy ...        the figures of `metrics.records.FIGURES`, six decimals
    tauc_thresholds     how many thresholds the threshold AUC is a mean of
    accuracy_low ...    ends of the intervals, `<figure>_low` and `<figure>_high`; not there without intervals

What is undefined is an empty cell. A label that a spreadsheet would run as a formula gets a leading apostrophe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iqa_cli.metrics.records import FIGURES
from iqa_cli.report.csv_row import csv_row
from iqa_cli.report.text import harmless, plain_number

if TYPE_CHECKING:
    from iqa_cli.metrics.records import Evaluation, Interval

DIGITS = 6


def evaluation_csv(evaluation: Evaluation) -> bytes:
    """The file's content."""
    return b"".join(map(csv_row, evaluation_rows(evaluation)))


def evaluation_rows(evaluation: Evaluation) -> list[list[str]]:
    """The header, and the cells of each label."""
    levels = max(len(figures.positives) for figures in evaluation.labels.values())
    measured = list(evaluation.mean_intervals)
    rows = [
        [
            "label",
            "n",
            *(f"n_level_{level + 1}" for level in range(levels)),
            *FIGURES,
            "tauc_thresholds",
            *(f"{name}_{end}" for name in measured for end in ("low", "high")),
        ]
    ]
    for label, figures in evaluation.labels.items():
        intervals = [evaluation.intervals[label][name] for name in measured]
        rows.append(
            [
                harmless(label),
                str(figures.n),
                *map(str, figures.positives),
                *[""] * (levels - len(figures.positives)),
                *(plain_number(getattr(figures, name), DIGITS) for name in FIGURES),
                str(figures.tauc_thresholds),
                *(end for interval in intervals for end in ends(interval)),
            ]
        )
    return rows


def ends(interval: Interval | None) -> tuple[str, str]:
    """Both ends as cells; empty ones for no interval."""
    if interval is None:
        return "", ""
    return plain_number(interval.low, DIGITS), plain_number(interval.high, DIGITS)
