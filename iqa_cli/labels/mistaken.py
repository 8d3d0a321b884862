"""Tables that are taken for label files and are something else of ours, told by their header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iqa_cli.errors import LabelsError
from iqa_cli.labels.issues import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_REPORT = ("SourceFile", "status")
"""How the header of `iqa assess --csv` begins."""


def refuse_other_tables(path: Path, header: Sequence[str]) -> None:
    """Refuse a list of issues and a report, which have no mistakes that could be mended one by one.

    header  of a table in which no column is a label
    raises  LabelsError  saying what it is, and what to do
    """
    cells = [cell.strip() for cell in header]
    if tuple(cells[: len(_REPORT)]) == _REPORT:
        raise LabelsError(
            f"{path}: this is a report of iqa assess (its header begins {','.join(_REPORT)},), not a label file",
            hint="a label file says what people saw: a column filename, and one per label with levels from 0, none",
        )
    names = {cell.casefold() for cell in cells}
    if all(names.intersection(known) for known in COLUMNS.values()):
        raise LabelsError(
            f"{path}: this is a list of issues, not a label file",
            hint=f"iqa labels {path} --out labels.csv makes a label file of it",
        )
