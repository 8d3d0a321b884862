"""The predictions CSV: one row per photo, every list of levels one quoted cell, in label order.

    filename,pred_label,gt_label,bright_p0,bright_p1,bright_p2,bright_p3,dark_p0,...
    a.jpg,"0,2,0,0,0,0","0,1,0,0,-1,0",0.93,0.05,0.01,0.01,0.1,...

Levels count from 0 (none), as in label files, and are taken as counted from 1 on the same grounds (`labels.counting`);
-1 or blank in `gt_label` is unobserved. `<label>_p<k>` is the
probability of level k; these columns are there for all labels and levels or for none, and name the labels. Without
them the file names no labels. Other columns are passed over.
"""

from __future__ import annotations

import csv
import io
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.errors import LabelsError
from iqa_cli.hexgraph import HexGraph, Label
from iqa_cli.hexgraph.problems import quote
from iqa_cli.labels.counting import understood
from iqa_cli.labels.dialect import FILE_COLUMNS
from iqa_cli.labels.levels import UNOBSERVED, read_level
from iqa_cli.labels.lines import CsvRecord, read_csv
from iqa_cli.labels.table import same_file_key
from iqa_cli.metrics.records import Predictions
from iqa_cli.wording import counted, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SEED_LABELS = ("bright", "dark", "low_contrast", "high_contrast", "overexposed", "over_suppressed")
"""What six positions without names are: the column order of the research's label files, which is not that of its
graph."""
DEFAULT_LEVELS = 4
"""K where the file has no probabilities: none, ordinary, severe, blocking."""
_LAST = sys.maxsize  # a line behind all others
SUM_TOLERANCE = 0.01
"""How far from 1 the probabilities of a label may sum up: four levels rounded to two decimals."""
_PROBABILITY = re.compile(r"(.+)_p(0|[1-9][0-9]{0,2})")


def predictions_csv(predictions: Predictions) -> bytes:
    """The file's content; `read_predictions` gives the same predictions back, to the last digit.

    Photos that could not be read have no prediction and no row.
    """
    columns = [
        f"{label}_p{level}"
        for label, count in zip(predictions.labels, predictions.n_levels, strict=True)
        for level in range(count)
    ]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["filename", "pred_label", "gt_label", *(columns if predictions.marginals is not None else [])])
    for row, name in enumerate(predictions.names):
        lists = [",".join(map(str, table[row].tolist())) for table in (predictions.predicted, predictions.truth)]
        # repr gives the shortest text that reads back as the same number.
        shares = [repr(share) for table in predictions.marginals or () for share in table[row].tolist()]
        writer.writerow([name, *lists, *shares])
    return text.getvalue().encode("utf-8")


def read_predictions(path: str | Path, labels: Sequence[str] | None = None) -> Predictions:
    """Read a predictions CSV.

    labels  the names of the positions, when the file has no columns that name them; None takes `SEED_LABELS` for six
    raises  LabelsError  with every mistake and its line: columns missing, lists of different lengths, levels out of
                         range, photos that come twice, probabilities that are none; or if the number of labels
                         does not fit, or the file cannot be read, is not UTF-8 or not CSV, or has no rows
    """
    path = Path(path)
    records = read_csv(path)
    header = next(records, None)
    if header is None:
        raise LabelsError(f"{path}: the file is empty", hint="expected columns: filename, pred_label, gt_label")
    reading = _Reading(path, header, labels)
    try:
        for record in records:
            reading.add(record)
    except LabelsError as error:
        if not reading.problems:
            raise
        reading.problems.append((_LAST, error.message.removeprefix(f"{path}: ")))
    return reading.predictions()


class _Reading:
    """One pass over a file: what was understood so far, and what is wrong.

    raises  LabelsError  if the header leaves open what the columns are
    """

    def __init__(self, path: Path, header: CsvRecord, labels: Sequence[str] | None) -> None:
        self._path = path
        self._columns = [cell.strip() for cell in header.cells]
        self._width = len(header.cells)
        self.problems: list[tuple[int, str]] = []
        """Each with its line."""
        folded = [name.casefold() for name in self._columns]
        twice = sorted({quote(name) for name in folded if name and folded.count(name) > 1})
        named = [name for name in FILE_COLUMNS if name in folded]
        absent = [name for name in ("pred_label", "gt_label") if name not in folded]
        if absent or not named:
            wanted = " and ".join([*(() if named else ("filename",)), *absent])
            raise LabelsError(
                f"{path}: not a predictions file: no column {wanted}",
                hint="expected filename,pred_label,gt_label with a quoted list of levels in the last two; found "
                + ", ".join(map(quote, self._columns[:8])),
            )
        if twice or len(named) > 1:
            raise LabelsError(f"{path}: columns that come twice: {', '.join(twice or named)}")
        self._name = folded.index(named[0])
        self._lists = (folded.index("pred_label"), folded.index("gt_label"))
        self._shares = self._probability_columns()
        self._is_named = labels is not None
        self._labels = self._labels_of(labels)
        self._count = len(self._labels)
        self._n_levels = tuple(len(columns) for columns in self._shares.values()) or (DEFAULT_LEVELS,) * self._count
        self._counts: set[int] = set()
        self._names: list[str] = []
        self._lines: dict[str, int] = {}
        self._places: list[tuple[int, str]] = []
        self._texts: tuple[list[list[str]], list[list[str]]] = ([], [])
        self._probabilities: list[list[float]] = []

    def _probability_columns(self) -> dict[str, list[int]]:
        """By label, its columns in order of the level."""
        found: dict[str, dict[int, int]] = {}
        for column, name in enumerate(self._columns):
            if matched := _PROBABILITY.fullmatch(name):
                found.setdefault(matched[1], {})[int(matched[2])] = column
        gaps = [
            f"{label}_p{level}"
            for label, levels in found.items()
            for level in range(max(2, max(levels) + 1))
            if level not in levels
        ]
        if gaps:
            raise LabelsError(
                f"{self._path}: columns of probabilities are missing: {', '.join(shortened(gaps))}",
                hint="<label>_p<k> is the probability of level k, from k = 0 on; give other columns another name",
            )
        return {label: [levels[level] for level in sorted(levels)] for label, levels in found.items()}

    def _labels_of(self, labels: Sequence[str] | None) -> tuple[str, ...]:
        """The names of the positions."""
        in_file = tuple(self._shares)
        if labels is None:
            return in_file or SEED_LABELS
        if in_file and tuple(labels) != in_file:
            raise LabelsError(
                f"{self._path}: its columns name the labels {', '.join(in_file)}; --labels says {', '.join(labels)}",
                hint="leave --labels out",
            )
        return tuple(labels)

    def add(self, record: CsvRecord) -> None:
        """The next row."""
        line = record.line
        place = f"line {line}"
        if len(record.cells) != self._width:
            cells = counted(len(record.cells), "cell")
            told = f"{place}: {cells}, the header has {self._width}; lists of levels need quotes"
            self.problems.append((line, told))
            return
        name = record.cells[self._name]
        if not name.strip():
            self.problems.append((line, f"{place}: no file name"))
        else:
            place = f"{place}, {quote(name)}"
            first = self._lines.setdefault(same_file_key(name), line)
            if first != line:
                self.problems.append((line, f"{place}: the same photo is in line {first}"))
        lists = [record.cells[column].split(",") for column in self._lists]
        self._counts.update(map(len, lists))
        if any(len(entries) != self._count for entries in lists):
            counts = " and ".join(
                f"{len(entries)} in {self._columns[column]}" for column, entries in zip(self._lists, lists, strict=True)
            )
            self.problems.append((line, f"{place}: {counts}, expected {self._count} levels"))
            return
        self._names.append(name)
        self._places.append((line, place))
        for entries, texts in zip(lists, self._texts, strict=True):
            texts.append(entries)
        if self._shares:
            self._add_probabilities(line, place, record.cells)

    def _levels(self) -> tuple[list[NDArray[np.int64]], tuple[str, ...], str | None]:
        """(n, L) predicted and true positions, how they count as notes, and a hint if they are wrong."""
        predicted, truth = self._texts
        first, note, hint = 0, None, None
        if not self._shares:  # whose columns count from 0
            levels = tuple(range(1, DEFAULT_LEVELS + 1))
            graph = HexGraph("predictions", tuple(Label(name, levels) for name in self._labels))
            columns = dict(enumerate(zip(*predicted, *truth, strict=True)))
            found, note, hint = understood(columns, 2 * len(predicted), graph, noun="list")
            first = found.first
        arrays = [
            np.array(
                [
                    [self._level(place, column, position, text, first) for position, text in enumerate(entries)]
                    for place, entries in zip(self._places, rows, strict=True)
                ],
                np.int64,
            )
            for column, rows in zip(self._lists, self._texts, strict=True)
        ]
        return arrays, (f"{self._path}: {note}",) if note else (), hint

    def _level(self, place: tuple[int, str], column: int, position: int, text: str, first: int) -> int:
        n_levels = self._n_levels[position]
        reading = read_level(text, n_levels, first)
        is_truth = column == self._lists[1]
        if reading is None or (reading.position == UNOBSERVED and not is_truth) or reading.at_least:
            label = self._labels[position]
            expected = f"{first}..{n_levels - 1 + first}" + (", -1 or blank" if is_truth else "")
            told = f"{self._columns[column]} of {quote(label)} is {quote(text)}, expected {expected}"
            self.problems.append((place[0], f"{place[1]}: {told}"))
            return 0
        return reading.position

    def _add_probabilities(self, line: int, place: str, cells: Sequence[str]) -> None:
        row: list[float] = []
        for label, columns in self._shares.items():
            shares = [_number(cells[column]) for column in columns]
            row += shares
            if any(not 0 <= share <= 1 for share in shares):
                values = ", ".join(quote(cells[column]) for column in columns)
                self.problems.append((line, f"{place}: probabilities of {quote(label)} are {values}, expected 0..1"))
            elif abs(sum(shares) - 1) > SUM_TOLERANCE:
                told = f"{place}: probabilities of {quote(label)} sum up to {sum(shares):.4g}, not 1"
                self.problems.append((line, told))
        self._probabilities.append(row)

    def predictions(self) -> Predictions:
        """What the file says; raises LabelsError if anything is wrong with it."""
        if not self._names and not self.problems:
            raise LabelsError(f"{self._path}: a header and no rows")
        (predicted, truth), notes, hint = self._levels()
        if self.problems:
            raise self._error(hint)
        ends = np.cumsum(self._n_levels)[:-1]
        return Predictions(
            source=str(self._path),
            names=tuple(self._names),
            labels=self._labels,
            truth=truth,
            predicted=predicted,
            n_levels=self._n_levels,
            marginals=tuple(np.split(np.array(self._probabilities, np.float64), ends, axis=1))
            if self._shares
            else None,
            notes=notes
            if self._is_named or self._shares
            else (*notes, f"the file names no labels: taken as {', '.join(SEED_LABELS)}; --labels names others"),
        )

    def _error(self, hint: str | None) -> LabelsError:
        """What is wrong with the file."""
        if len(self._counts) == 1 and self._count not in self._counts and not self._shares:
            # Every row agrees, so it is the names that do not fit: said once and not for every row.
            lists = f"{self._path}: lists of {counted(self._counts.pop(), 'level')}"
            if self._is_named:
                return LabelsError(f"{lists}, --labels names {self._count}: {', '.join(self._labels)}")
            return LabelsError(
                f"{lists}, and nothing says which labels they are", hint="--labels a,b,... names the positions"
            )
        return LabelsError(
            f"{self._path}: {counted(len(self.problems), 'problem')}",
            problems=shortened([text for _, text in sorted(self.problems, key=lambda found: found[0])]),
            hint=hint,
        )


def _number(text: str) -> float:
    """A number, with a point or a comma, or nan, which is in no range."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return math.nan
