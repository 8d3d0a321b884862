"""The rows of a report in CSV, as `report/audit/csv_file.py` writes them.

The columns that a pick needs are looked up by name, so new ones may join. A report that lacks one of them is of another
version, and so is one that says so; the first ones had no column for it.
"""

from __future__ import annotations

import csv
import datetime as dt
from typing import TYPE_CHECKING

from iqa_cli.errors import InvalidInput
from iqa_cli.picking.lines import Lines
from iqa_cli.picking.rows import STATUSES, Row
from iqa_cli.report.audit.csv_version import FORMAT_VERSION, VERSION_COLUMN
from iqa_cli.report.text import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

_NEEDED = ("SourceFile", "status", "Make", "Model", "DateTimeOriginal", "ISO")
_LEVEL, _PROBABILITY = "_level", "_p"
_WORST = "worst_level"
"""The one column of a level that belongs to no label. A label may be called `worst`: its own stands behind that."""


def csv_rows(file: BinaryIO, name: str) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    """Labels and rows.

    file    open for reading bytes
    name    of it, for messages
    raises  InvalidInput  if it is no report, one of another version, damaged, or cut off; the message names the line
            OSError       as reading does
    """
    lines = Lines(file, name)
    reader = csv.reader(lines, strict=True)
    try:
        header = [unharmed(cell) for cell in next(reader, [])]
        columns = _Columns(header, lines)
        rows = []
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                if not lines.is_complete:
                    break
                raise lines.damaged(f"has {len(cells)} cells where the first line has {len(header)}")
            rows.append(columns.row(cells, lines))
    except csv.Error as error:
        raise lines.cut_off() if lines.at_end else lines.damaged(f"is no CSV ({error})") from None
    if not lines.is_complete:
        raise lines.cut_off()
    return columns.labels, tuple(rows)


def unharmed(cell: str) -> str:
    """What `harmless` was given to write this cell; see `Row.also` for the one text that it does not tell apart."""
    return cell[1:] if cell.startswith("'") and harmless(cell[1:]) == cell else cell


class _Columns:
    """Where the cells of a row stand."""

    def __init__(self, header: Sequence[str], lines: Lines) -> None:
        at = {column: index for index, column in reversed(list(enumerate(header)))}
        if "SourceFile" not in at:
            if not lines.is_complete:
                raise lines.cut_off()
            raise InvalidInput(
                f"{lines.name}: no report of iqa assess (its first line has no column SourceFile)",
                hint="iqa assess PATH --csv audit.csv writes one",
            )
        levels = _levels(header)
        labels = [header[index].removesuffix(_LEVEL) for index in levels]
        needed = [*_NEEDED, *(label + _PROBABILITY for label in labels)]
        missing = [column for column in needed if column not in at]
        if missing or not labels:
            if not lines.is_complete:
                raise lines.cut_off()
            what = f"no column {missing[0]}" if missing else f"no column that ends in {_LEVEL}"
            raise InvalidInput(
                f"{lines.name}: a report of another version of iqa, or one that was changed ({what})",
                hint="let this iqa assess write it: iqa assess PATH --csv audit.csv",
            )
        self.labels = tuple(labels)
        self._at = at
        self._version = at.get(VERSION_COLUMN)
        self._levels = levels
        self._probabilities = [at[label + _PROBABILITY] for label in labels]

    def row(self, cells: Sequence[str], lines: Lines) -> Row:
        """One photo. Raises InvalidInput if the cells are not those of a report, or of another version."""
        if self._version is not None and cells[self._version] != str(FORMAT_VERSION):
            raise InvalidInput(
                f"{lines.name}: a report of another version of iqa ({VERSION_COLUMN} {cells[self._version][:40]}, "
                f"this one reads {FORMAT_VERSION})",
                hint="let this iqa assess write it: iqa assess PATH --csv audit.csv",
            )
        path = cells[self._at["SourceFile"]]
        status = cells[self._at["status"]]
        if status not in STATUSES:
            raise lines.damaged(f'has the status "{status[:40]}"')
        levels, probabilities = ([cells[index] for index in columns] for columns in (self._levels, self._probabilities))
        iso = cells[self._at["ISO"]]
        is_judged = any(levels)
        try:
            return Row(
                source_file=unharmed(path),
                also=path if unharmed(path) != path else None,
                status=status,
                levels=tuple(map(_level, levels)) if is_judged else (),
                probabilities=tuple(map(_probability, probabilities)) if is_judged else (),
                make=unharmed(cells[self._at["Make"]]),
                model=unharmed(cells[self._at["Model"]]),
                taken_at=_time(cells[self._at["DateTimeOriginal"]]),
                iso=int(iso) if iso else None,
            )
        except ValueError as error:
            raise lines.damaged(f"holds what no report does ({error})") from None


def _levels(header: Sequence[str]) -> list[int]:
    """Where the levels of labels stand: in all such columns but the first of the name `worst_level`.

    Who took that out of a report left that of a label, which has a probability.
    """
    levels = [index for index, column in enumerate(header) if column.endswith(_LEVEL)]
    worst = [index for index in levels if header[index] == _WORST]
    if len(worst) == 1 and _WORST.removesuffix(_LEVEL) + _PROBABILITY in header:
        return levels
    return [index for index in levels if index not in worst[:1]]


def _level(cell: str) -> int:
    level = int(cell)
    if level < 1:
        raise ValueError(f"a level of {level}")
    return level


def _probability(cell: str) -> float:
    probability = float(cell)
    if not 0 <= probability <= 1:
        raise ValueError(f"a probability of {cell}")
    return probability


def _time(cell: str) -> dt.datetime | None:
    """EXIF's spelling. None for any other: a spreadsheet may have put its own there, and few picks ask for it."""
    try:
        return dt.datetime.fromisoformat(cell.replace(":", "-", 2)).replace(tzinfo=None)
    except ValueError:
        return None
