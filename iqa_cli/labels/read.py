"""Label CSVs: a file in, a `LabelTable` out, every mistake of the file at once.

    filename,bright,dark,...        a column `filename` or `image`, one per label, in any order
    a.jpg,0,2,...                   levels from 0 (none) to K-1; `2+` is 2 or worse; blank or -1 is unobserved

`dialect` and `lines` have how such a file may be saved, `counting` when its levels are taken as counted from 1. A label
without a column is unobserved in every row, which the table's notes say. Columns `split` and `scene`, and any other
that holds something else than levels, are kept beside. File names may lead anywhere, also out of the folder of photos
(`../b.jpg`, absolute): a photo is only ever read.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_cli.errors import LabelsError
from iqa_cli.hexgraph.problems import quote
from iqa_cli.labels.columns import Columns, assign_columns, stray_labels
from iqa_cli.labels.counting import Levels, understood
from iqa_cli.labels.dialect import SEPARATOR_RULE
from iqa_cli.labels.levels import UNOBSERVED
from iqa_cli.labels.lines import CsvRecord, read_csv
from iqa_cli.labels.mistaken import refuse_other_tables
from iqa_cli.labels.table import LabelTable, same_file_key
from iqa_cli.wording import counted, shortened

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from iqa_cli.hexgraph import HexGraph

_LAST = sys.maxsize
"""A line after all others."""

_KEPT_PROBLEMS = 10_000
"""A file of a million bad rows does not have to keep a sentence for each."""


def read_labels(path: str | Path, graph: HexGraph, *, no_labels: Collection[str] = ()) -> LabelTable:
    """Read a label CSV for a graph.

    no_labels  names of columns that are none, whatever they hold; case does not count

    raises  LabelsError  with every mistake and its line: label columns that the graph lacks, levels out of range,
                         labels that break the graph's rules, photos that come twice, cells missing from a row; or if
                         the file cannot be read, is no UTF-8 or no CSV, has no rows, or is a list of issues or a
                         report of `iqa assess`
            GraphError   if the graph contradicts itself
    """
    path = Path(path)
    reading = _Reading(path, graph, no_labels)
    try:
        for record in read_csv(path):
            reading.add(record)
    except LabelsError as error:
        if not reading.problems.total:
            raise
        # What was found before the place where reading ended is told as well.
        reading.problems.add(_LAST, error.message.removeprefix(f"{path}: "))
        reading.hint = error.hint
    return reading.table()


class _Problems:
    """Mistakes with their line, as many as a message may need."""

    def __init__(self) -> None:
        self.total = 0
        self._kept: list[tuple[int, str]] = []

    def add(self, line: int, text: str) -> None:
        self.total += 1
        if len(self._kept) < _KEPT_PROBLEMS:
            self._kept.append((line, text))

    def listed(self) -> list[str]:
        """In the order of the file; the header's first."""
        return shortened([text for _, text in sorted(self._kept, key=lambda kept: kept[0])], self.total)


class _Reading:
    """One pass over a file: what was understood so far, and what is wrong."""

    def __init__(self, path: Path, graph: HexGraph, no_labels: Collection[str]) -> None:
        self.path = path
        self.no_labels = {"split", "scene", *map(str.casefold, no_labels)}
        self.graph = graph
        self.problems = _Problems()
        self.header: tuple[str, ...] | None = None
        self.columns: Columns
        self.hint: str | None = None
        self.names: list[str] = []
        self.lines: list[int] = []
        self.cells: dict[int, list[str]] = {}
        self.others: dict[str, list[str]] = {}
        self._texts: dict[str, str] = {}
        self._rows: dict[str, int] = {}
        self._twice: list[tuple[int, int]] = []
        self._unread: set[int] = set()

    def add(self, record: CsvRecord) -> None:
        """The next record; the first is the header."""
        if self.header is None:
            self._add_header(record)
        elif len(record.cells) != len(self.header):
            count = counted(len(record.cells), "cell")
            self.problems.add(record.line, f"line {record.line}: {count}, the header has {len(self.header)}")
        else:
            self._add_row(record)

    def _add_header(self, record: CsvRecord) -> None:
        self.header = record.cells
        if len(record.cells) == 1:
            raise LabelsError(f"{self.path}: line {record.line}: one column only", hint=SEPARATOR_RULE)
        self.columns, problems = assign_columns(record.cells, self.graph)
        if not self.columns.labels:
            refuse_other_tables(self.path, record.cells)
        for problem in problems:
            self.problems.add(0, problem)
        if self.columns.name < 0:
            self.hint = SEPARATOR_RULE
        self.cells = {label: [] for label in self.columns.labels}
        self.others = {name: [] for name in self.columns.others}

    def _add_row(self, record: CsvRecord) -> None:
        cells, columns = record.cells, self.columns
        name = cells[columns.name] if columns.name >= 0 else ""
        row = len(self.names)
        self.names.append(name)
        self.lines.append(record.line)
        if columns.name >= 0:
            if not name.strip():
                self._add_problem(row, "no file name")
            elif "\0" in name:
                self._add_problem(row, "no file name can hold a NUL character")
        if columns.split is not None and not cells[columns.split].strip():
            self._add_problem(row, "the split column is blank")
        for label, column in columns.labels.items():
            # A million cells hold few different texts: each is kept once.
            self.cells[label].append(self._texts.setdefault(cells[column], cells[column]))
        for other, column in columns.others.items():
            self.others[other].append(cells[column])
        self._unread.update(column for column in columns.nameless if cells[column].strip())
        if name.strip():
            first = self._rows.setdefault(same_file_key(name), row)
            if first != row:
                self._twice.append((first, row))

    def _add_problem(self, row: int, text: str) -> None:
        line, name = self.lines[row], self.names[row]
        place = f"line {line}, {quote(name)}" if name.strip() else f"line {line}"
        self.problems.add(line, f"{place}: {text}")

    def _add_twice(self, first: int, row: int, levels: Levels) -> None:
        def written(row: int, label: int) -> str:
            position = levels.positions[row, label]
            if position == UNOBSERVED:
                return "unobserved"
            return f"{position + levels.first}{'+' if levels.at_least[row, label] else ''}"

        differing = [
            f"{quote(name)} {written(first, label)} there, {written(row, label)} here"
            for label, name in enumerate(self.graph.label_names)
            if written(first, label) != written(row, label)
        ]
        how = f"with other labels ({', '.join(differing[:3])})" if differing else "with the same labels"
        self._add_problem(row, f"the same photo is in line {self.lines[first]}, {how}")

    def table(self) -> LabelTable:
        """What the file says; raises LabelsError if anything is wrong with it."""
        if self.header is None:
            raise LabelsError(f"{self.path}: the file is empty", hint="its first line names the columns: filename, ...")
        known, names = self.columns.labels, self.graph.label_names
        levels, note, hint = understood(self.cells, len(self.names), self.graph)
        without = [name for label, name in enumerate(names) if label not in known]
        doubtful = {name: cells for name, cells in self.others.items() if name.casefold() not in self.no_labels}
        stray = stray_labels(doubtful, without, self.graph, first=levels.first)
        for problem in stray:
            self.problems.add(0, problem)
        if not known:
            self.problems.add(0, f"header: no column is a label of graph {quote(self.graph.name)} ({', '.join(names)})")
        if not self.names and not self.problems.total:
            self.problems.add(0, "a header and no rows")
        for row, words in levels.mistakes():
            self._add_problem(row, words)
        for first, row in self._twice:
            self._add_twice(first, row, levels)
        if self.problems.total:
            count = counted(self.problems.total, "problem")
            hint = hint or self.hint or _hint(stray)
            raise LabelsError(f"{self.path}: {count}", problems=self.problems.listed(), hint=hint)
        columns = self.columns
        split, scene = (
            None if column is None else tuple(cell.strip() for cell in self.others[self._name_of(column)])
            for column in (columns.split, columns.scene)
        )
        return LabelTable(
            path=self.path,
            names=tuple(self.names),
            labels=names,
            positions=levels.positions,
            at_least=levels.at_least,
            first_level=levels.first,
            lines=tuple(self.lines),
            split=split,
            scene=scene,
            others={name: tuple(cells) for name, cells in self.others.items()},
            notes=tuple(self._notes(note, without)),
        )

    def _name_of(self, column: int) -> str:
        return next(name for name, index in self.columns.others.items() if index == column)

    def _notes(self, counting: str | None, without: list[str]) -> Iterator[str]:
        if counting:
            yield f"{self.path}: {counting}"
        if without:
            names = ", ".join(map(quote, without))
            yield f"no column for {names}: unobserved in every row"
        if self._unread:
            yield f"not read: {counted(len(self._unread), 'column')} without a name"


def _hint(stray: list[str]) -> str | None:
    if any("did you mean" not in problem for problem in stray):
        return (
            "let the name of a column that is no label begin with _, choose another graph, or write what the column "
            "calls a label into the graph's `aliases` of that label"
        )
    return None
