"""Label files as they are written: whole tables, and the parts of a split with the rows of their file byte for byte."""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING

from iqa_cli.errors import LabelsError, UsageError
from iqa_cli.labels.levels import UNOBSERVED
from iqa_cli.labels.lines import read_csv
from iqa_cli.writing import staged, told_as_not_replaced

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from iqa_cli.labels.split import Split
    from iqa_cli.labels.table import LabelTable


def label_csv(table: LabelTable) -> bytes:
    """A table as a label file, in UTF-8: `filename` and a column per label, levels from 0, blank where unobserved."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("filename", *table.labels))
    for name, positions, at_least in zip(table.names, table.positions.tolist(), table.at_least.tolist(), strict=True):
        cells = (
            "" if position == UNOBSERVED else f"{position}{'+' if worse else ''}"
            for position, worse in zip(positions, at_least, strict=True)
        )
        writer.writerow((name, *cells))
    return text.getvalue().encode("utf-8")


def part_files(parts: Sequence[str], folder: Path) -> dict[str, Path]:
    """The file of each part: `train.csv`, ..."""
    return {part: folder / f"{part}.csv" for part in parts}


def refuse_overwriting(files: Iterable[Path], source: Path, *, force: bool) -> None:
    """Refuse to write over files that are there; over the label file itself also when forced.

    raises  UsageError  naming the files
    """
    there = [path for path in files if os.path.lexists(path)]
    if any(_is_same(path, source) for path in there):
        raise UsageError(f"{source}: the file that is read would be written over", hint="name another --out")
    folders = [path for path in there if os.path.isdir(path)]  # noqa: PTH112 - see _is_same
    if folders:
        raise UsageError(f"{', '.join(map(str, folders))}: a folder of that name is there", hint="name another --out")
    if there and not force:
        raise UsageError(
            f"{', '.join(map(str, there))}: there already", hint="name another --out, or write over them with --force"
        )


def _is_same(path: Path, other: Path) -> bool:
    """Whether two names lead to one file that is there."""
    try:
        return os.path.samefile(path, other)  # noqa: PTH121 - Path's own raises for names that are too long
    except OSError:
        return False


def write_split(table: LabelTable, split: Split, files: Mapping[str, Path]) -> None:
    """Write every part, in the order of the label file; a full disk leaves all files as they were.

    Cells keep their bytes: quotes, spaces and line ends are those of the label file.

    raises  LabelsError  if the label file is not as it was when the table was read
            OutputError  if a file cannot be written
    """
    header, *records = read_csv(table.path)
    if tuple(record.line for record in records) != table.lines:
        raise LabelsError(f"{table.path}: changed while it was being split", hint="run it again")
    contents = {}
    for part, path in files.items():
        with told_as_not_replaced(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        contents[path] = b"".join((header.raw, *(records[row].raw for row in split.rows(part))))
    with staged(contents) as staged_files:
        for file in staged_files:
            file.commit()
