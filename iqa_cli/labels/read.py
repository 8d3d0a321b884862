"""Label CSVs: a file in, a `LabelTable` out, every mistake of the file at once.

    filename,bright,dark,...        a column `filename` or `image`, one per label, in any order
    a.jpg,0,2,...                   levels from 0 (none) to K-1; `2+` is 2 or worse; blank or -1 is unobserved

UTF-8, with or without a byte order mark; LF or CRLF. A label without a column is unobserved in every row, which the
table's notes say. Columns `split` and `scene`, and any other that holds something else than levels, are kept beside.
File names may lead anywhere, also out of the folder of photos (`../b.jpg`, absolute): a photo is only ever read.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.errors import LabelsError
from iqa_cli.hexgraph.problems import quote
from iqa_cli.labels.columns import Columns, assign_columns, stray_labels
from iqa_cli.labels.levels import UNOBSERVED, Reading, read_level
from iqa_cli.labels.lines import CsvRecord, read_csv
from iqa_cli.labels.rules import broken_rules
from iqa_cli.labels.table import LabelTable, same_file_key
from iqa_cli.wording import counted, shortened

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

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
                         the file cannot be read, is no UTF-8 or no CSV, or has no rows
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
        self.n_levels = graph.n_levels  # counted anew at every access
        self.problems = _Problems()
        self.header: tuple[str, ...] | None = None
        self.columns: Columns
        self.hint: str | None = None
        self.names: list[str] = []
        self.lines: list[int] = []
        self.levels: list[list[Reading]] = []
        self.others: dict[str, list[str]] = {}
        self._seen: dict[str, int] = {}
        self._readings: dict[tuple[str, int], Reading | None] = {}
        self._is_one_based = False

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
        if len(record.cells) == 1 and any(mark in record.cells[0] for mark in ";\t|"):
            raise LabelsError(f"{self.path}: one column only", hint="save it with commas between the cells")
        self.columns, problems = assign_columns(record.cells, self.graph)
        for problem in problems:
            self.problems.add(0, problem)
        self.others = {name: [] for name in self.columns.others}

    def _add_row(self, record: CsvRecord) -> None:
        cells, columns = record.cells, self.columns
        name = cells[columns.name] if columns.name >= 0 else ""
        place = f"line {record.line}"
        if columns.name >= 0:
            place = f"{place}, {quote(name)}" if name.strip() else place
            if not name.strip():
                self.problems.add(record.line, f"{place}: no file name")
            elif "\0" in name:
                self.problems.add(record.line, f"{place}: no file name can hold a NUL character")
        if columns.split is not None and not cells[columns.split].strip():
            self.problems.add(record.line, f"{place}: the split column is blank")
        row = [Reading(UNOBSERVED)] * len(self.graph.labels)
        for label, column in columns.labels.items():
            row[label] = self._level(record.line, place, label, cells[column])
        for other, column in columns.others.items():
            self.others[other].append(cells[column])
        self.names.append(name)
        self.lines.append(record.line)
        self.levels.append(row)
        self._check_twice(record.line, place, len(self.names) - 1)

    def _level(self, line: int, place: str, label: int, text: str) -> Reading:
        n_levels = self.n_levels[label]
        key = (text, n_levels)
        if key not in self._readings:
            self._readings[key] = read_level(text, n_levels)
        reading = self._readings[key]
        if reading is not None:
            return reading
        self._is_one_based |= text.strip() == str(n_levels)
        expected = f"0..{n_levels - 1}, {'1+' if n_levels == 2 else f'1+..{n_levels - 1}+'}, -1 or blank"
        self.problems.add(
            line, f"{place}: {quote(self.graph.label_names[label])} is {quote(text)}, expected {expected}"
        )
        return Reading(UNOBSERVED)

    def _check_twice(self, line: int, place: str, row: int) -> None:
        if not self.names[row].strip():
            return
        first = self._seen.setdefault(same_file_key(self.names[row]), row)
        if first == row:
            return
        differing = [
            f"{quote(self.graph.label_names[label])} {_written(old)} there, {_written(new)} here"
            for label, (old, new) in enumerate(zip(self.levels[first], self.levels[row], strict=True))
            if old != new
        ]
        how = f"with other labels ({', '.join(differing[:3])})" if differing else "with the same labels"
        self.problems.add(line, f"{place}: the same photo is in line {self.lines[first]}, {how}")

    def table(self) -> LabelTable:
        """What the file says; raises LabelsError if anything is wrong with it."""
        if self.header is None:
            raise LabelsError(f"{self.path}: the file is empty", hint="its first line names the columns: filename, ...")
        known, names = self.columns.labels, self.graph.label_names
        without = [name for label, name in enumerate(names) if label not in known]
        doubtful = {name: cells for name, cells in self.others.items() if name.casefold() not in self.no_labels}
        stray = stray_labels(doubtful, without, self.graph)
        for problem in stray:
            self.problems.add(0, problem)
        if not known:
            self.problems.add(0, f"header: no column is a label of graph {quote(self.graph.name)} ({', '.join(names)})")
        if not self.names and not self.problems.total:
            self.problems.add(0, "a header and no rows")
        cells = np.array(self.levels, dtype=np.int64).reshape(len(self.names), len(names), 2)
        positions, at_least = cells[:, :, 0], cells[:, :, 1].astype(np.bool_)
        for row, words in broken_rules(positions, at_least, self.graph):
            self.problems.add(self.lines[row], f"line {self.lines[row]}, {quote(self.names[row])}: {words}")
        if self.problems.total:
            count = counted(self.problems.total, "problem")
            raise LabelsError(f"{self.path}: {count}", problems=self.problems.listed(), hint=self._hint(stray))
        columns = self.columns
        split, scene = (
            None if column is None else tuple(cell.strip() for cell in self.others[self._name_of(column)])
            for column in (columns.split, columns.scene)
        )
        return LabelTable(
            path=self.path,
            names=tuple(self.names),
            labels=names,
            positions=positions.copy(),
            at_least=at_least,
            lines=tuple(self.lines),
            split=split,
            scene=scene,
            others={name: tuple(cells) for name, cells in self.others.items()},
            notes=tuple(self._notes(without, positions)),
        )

    def _name_of(self, column: int) -> str:
        return next(name for name, index in self.columns.others.items() if index == column)

    def _hint(self, stray: list[str]) -> str | None:
        if self.hint is None and self._is_one_based:
            return "levels in a label file count from 0: 0 is none"
        if self.hint is None and any("did you mean" not in problem for problem in stray):
            return "let the name of a column that is no label begin with _, or choose another graph"
        return self.hint

    def _notes(self, without: list[str], positions: NDArray[np.int64]) -> Iterator[str]:
        if without:
            names = ", ".join(map(quote, without))
            yield f"no column for {names}: unobserved in every row"
        if self.columns.nameless:
            yield f"not read: {counted(self.columns.nameless, 'column')} without a name"
        observed = positions[positions != UNOBSERVED]
        if len(observed) and observed.min() > 0:
            yield "no label is 0 (none) in any row: levels in a label file count from 0"


def _written(reading: Reading) -> str:
    if reading.position == UNOBSERVED:
        return "unobserved"
    return f"{reading.position}{'+' if reading.at_least else ''}"
