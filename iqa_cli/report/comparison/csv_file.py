"""A comparison as CSV: one row for each pair, compared or not.

UTF-8, line feeds, a header. Columns, in order:

    file_a, file_b              the photos' paths; no name that exiftool would take for its own
    status_a, status_b          ok, uncertain, damaged, unreadable; levels count where both are ok
    largest_rise, largest_fall  levels of the label that got worse most, and of the one that got better most
    <label>_a, <label>_b        per label in graph order its level, 1..4
    <measurement>_a, ..._b      per measurement its value

What is not known is an empty cell. A text that a spreadsheet would run as a formula gets a leading apostrophe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iqa_cli.comparison.records import PairChange
from iqa_cli.report.csv_row import csv_row
from iqa_cli.report.text import harmless, plain_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iqa_cli.comparison import Comparison
    from iqa_cli.comparison.shots import Shot

_FIRST = ("file_a", "file_b", "status_a", "status_b", "largest_rise", "largest_fall")
_DIGITS = 6
_ROWS = 1_000


def comparison_csv(found: Comparison) -> Iterator[bytes]:
    """The file in pieces of whole rows."""
    labels = found.a.labels
    places = [{name: place for place, (name, _) in enumerate(side.measurements)} for side in (found.a, found.b)]
    measurements = [name for name in places[0] if name in places[1]]
    names = [f"{name}_{side}" for name in (*labels, *measurements) for side in "ab"]
    rows = [[*_FIRST, *map(harmless, names)]]
    for a, b in found.pairs.pairs:
        cells = [harmless(a.source_file), harmless(b.source_file), a.status, b.status, *_moves(a, b)]
        for index in range(len(labels)):
            cells += [str(shot.levels[index]) if shot.levels else "" for shot in (a, b)]
        for name in measurements:
            cells += [
                plain_number(shot.values[place[name]], _DIGITS) if shot.values else ""
                for shot, place in zip((a, b), places, strict=True)
            ]
        rows.append(cells)
        if len(rows) == _ROWS:
            yield b"".join(map(csv_row, rows))
            rows = []
    yield b"".join(map(csv_row, rows))


def _moves(a: Shot, b: Shot) -> tuple[str, str]:
    if (a.status, b.status) != ("ok", "ok"):
        return "", ""
    change = PairChange(a, b)
    return str(change.rise[0]), str(change.fall[0])
