"""How two models differ, as JSON and CSV: the same numbers as the table, and all of them.

The JSON document is that of `json_file` for the first model, on the photos that both have judged, with two more parts:

    against      the same document of the second model, without `format_version`
    difference   what the first has more or less:
      models       the two models' names, the first first
      labels       by label, each figure of `metrics.differences.COMPARED` (the first's less the second's),
                   `<figure>_ci` likewise, and `right`: {"n", "both", "gained", "lost", "neither", "p", "p_holm"},
                   photos whose level is right, and McNemar's exact test
      mean         the means of these over the labels, `<figure>_ci` likewise; `labels` over how many
      photos       as `right`, of photos by how many of their levels are right; `neither` is 0 there
      verdict      better, worse, mixed or unshown; `sentence` says it
      intervals    how they were made: {"method", "confidence", "resamples"} or null
      changed      [{"filename", "label", "true", "level", "level_against", "change"}]: levels from 0; change is gained
                   (wrong in the second, right in the first) or lost
      only_here, only_against   file names of photos that only one has judged; they are in no figure
      labels_apart              labels that only one knows

What is undefined is null. Figures are rounded to six decimals, p to six significant digits.

The CSV has a row per label: that of `csv_file` for the first model, then `<figure>_against`, `<figure>_difference` and
for those with an interval `<figure>_difference_low` and `..._high`, then `right_both`, `gained`, `lost`,
`right_neither`, `p` and `p_holm`. The CSV of changed photos has the keys of `changed` as its columns.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iqa_cli.metrics.differences import COMPARED, COMPARED_INTERVALS
from iqa_cli.report.csv_row import csv_row
from iqa_cli.report.evaluation.csv_file import DIGITS, ends, evaluation_rows
from iqa_cli.report.evaluation.difference_words import difference_verdict
from iqa_cli.report.evaluation.json_file import evaluation_as_json, intervals_as_json, intervals_made, plain
from iqa_cli.report.text import harmless, plain_number, utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iqa_cli.metrics.differences import Changed, Difference, Right

_CHANGED = ("filename", "label", "true", "level", "level_against", "change")


def difference_as_json(found: Difference) -> dict[str, Any]:
    """The document, ready for `json.dumps`."""
    against = evaluation_as_json(found.second)
    del against["format_version"]
    return {
        **evaluation_as_json(found.first),
        "against": against,
        "difference": {
            "models": [utf8(found.first_name), utf8(found.second_name)],
            "labels": {
                utf8(label): {
                    **{name: plain(value) for name, value in of.figures.items()},
                    **intervals_as_json(of.intervals),
                    "right": _right(of.right),
                }
                for label, of in found.labels.items()
            },
            "mean": {
                **{name: plain(found.mean[name]) for name in COMPARED},
                **intervals_as_json(found.mean_intervals),
                "labels": dict(found.mean_over),
            },
            "photos": _right(found.photos),
            "verdict": found.verdict,
            "sentence": difference_verdict(found),
            "intervals": intervals_made(found.first, "percentile bootstrap over photos, the same for both"),
            "changed": [dict(zip(_CHANGED, _cells(changed), strict=True)) for changed in found.changed],
            "only_here": [utf8(name) for name in found.only_first],
            "only_against": [utf8(name) for name in found.only_second],
            "labels_apart": [utf8(label) for label in found.labels_apart],
        },
    }


def difference_json(found: Difference) -> bytes:
    """The document as it is written: UTF-8, indented, a line feed at the end."""
    return json.dumps(difference_as_json(found), ensure_ascii=False, allow_nan=False, indent=2).encode("utf-8") + b"\n"


def difference_csv(found: Difference) -> bytes:
    """A row per label."""
    measured = COMPARED_INTERVALS if found.mean_intervals else ()
    header, *rows = evaluation_rows(found.first)
    header += [
        *(f"{name}_against" for name in COMPARED),
        *(f"{name}_difference" for name in COMPARED),
        *(f"{name}_difference_{end}" for name in measured for end in ("low", "high")),
        *("right_both", "gained", "lost", "right_neither", "p", "p_holm"),
    ]
    for row, (label, of) in zip(rows, found.labels.items(), strict=True):
        right = of.right
        row += [
            *(plain_number(getattr(found.second.labels[label], name), DIGITS) for name in COMPARED),
            *(plain_number(of.figures[name], DIGITS) for name in COMPARED),
            *(end for name in measured for end in ends(of.intervals[name])),
            *map(str, (right.both, right.gained, right.lost, right.neither)),
            *(f"{p:.6g}" for p in (right.p, right.p_holm)),
        ]
    return b"".join(map(csv_row, [header, *rows]))


def changed_csv(found: Difference) -> Iterator[bytes]:
    """A row for each label of a photo that one model has right and the other wrong."""
    yield csv_row(_CHANGED)
    for changed in found.changed:
        yield csv_row([harmless(cell) if isinstance(cell, str) else str(cell) for cell in _cells(changed)])


def _cells(changed: Changed) -> tuple[str | int, ...]:
    """In the order of `_CHANGED`."""
    return (
        utf8(changed.name),
        utf8(changed.label),
        changed.truth,
        changed.first,
        changed.second,
        "gained" if changed.is_gained else "lost",
    )


def _right(right: Right) -> dict[str, int | float]:
    return {
        "n": right.n,
        "both": right.both,
        "gained": right.gained,
        "lost": right.lost,
        "neither": right.neither,
        "p": float(f"{right.p:.6g}"),
        "p_holm": float(f"{right.p_holm:.6g}"),
    }
