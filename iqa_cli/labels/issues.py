"""Issue lists: a row for each thing that somebody found wrong with a photo, as laboratories keep them.

    图片,问题点,严重程度            picture, issue, severity, in Chinese or English; other columns are not read
    a.jpg,整体偏暗,严重             one finding
    b.jpg,无,                      looked at, and nothing found

Such a list says what was found, and not what was looked for: what becomes of labels that a photo is not listed with has
to be chosen. A list is read as strictly as a label file, by the same reader: every mistake at once, each with its line.
"""

from __future__ import annotations

import collections
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from iqa_cli.errors import LabelsError
from iqa_cli.hexgraph.problems import Suggester, quote, suggested
from iqa_cli.labels.columns import LabelNames
from iqa_cli.labels.levels import UNOBSERVED, is_number
from iqa_cli.labels.lines import read_csv
from iqa_cli.labels.rules import broken_rules
from iqa_cli.labels.table import LabelTable, same_file_key
from iqa_cli.wording import counted, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iqa_cli.hexgraph import HexGraph
    from iqa_cli.labels.lines import CsvRecord

Unlisted = Literal["none", "unknown"]
"""What a photo is taken to have of a label that it is not listed with: level none, or nobody knows."""

COLUMNS = {
    "picture": ("picture", "image", "filename", "photo", "图片"),
    "issue": ("issue", "problem", "label", "问题点"),
    "severity": ("severity", "level", "严重程度"),
}
"""What each column may be called, in any case."""

NOTHING = ("none", "无")
"""Written as an issue: nothing was found. Blank means the same."""

_SEVERITIES = {1: NOTHING, 2: ("ordinary", "普通"), 3: ("severe", "严重"), 4: ("blocking", "阻塞", "堵塞")}
"""Words for each level, by the graph's number of it; the graph's own names of its levels count as well."""


def read_issues(
    path: str | Path, graph: HexGraph, *, unlisted: Unlisted = "none", skip_unknown: bool = False
) -> LabelTable:
    """Read an issue list for a graph.

    unlisted      what a photo has of labels that it is not listed with; one that is listed without any issue has none
    skip_unknown  pass over issues that are no labels of the graph, with a note, instead of refusing them
    returns       a row per photo, in the order in which they are first listed
    raises        LabelsError  with every mistake and its line: issues and severities that are not known, two severities
                               of one issue, a photo with and without issues, findings that break the graph's rules
                  GraphError   if the graph contradicts itself
    """
    path = Path(path)
    records = read_csv(path)
    header = next(records, None)
    if header is None:
        raise LabelsError(f"{path}: the file is empty", hint="its first line names the columns: picture,issue,severity")
    reading = _Reading(path, graph, _columns(path, header.cells), skip_unknown=skip_unknown)
    for record in records:
        reading.add(record, len(header.cells))
    return reading.table(unlisted)


def _columns(path: Path, header: Sequence[str]) -> Mapping[str, int]:
    """The column of each thing."""
    names = [cell.strip().casefold() for cell in header]
    found = {what: [column for column, name in enumerate(names) if name in known] for what, known in COLUMNS.items()}
    problems = [
        f"header: no column {' or '.join(map(quote, COLUMNS[what]))}"
        if not columns
        else f"header: columns {' and '.join(quote(header[column].strip()) for column in columns)} both hold the {what}"
        for what, columns in found.items()
        if len(columns) != 1
    ]
    if problems:
        raise LabelsError(
            f"{path}: no list of issues: {counted(len(problems), 'problem')}",
            problems=problems,
            hint="a list has a row for each finding; a table with a column per label needs no import",
        )
    return {what: columns[0] for what, columns in found.items()}


class _Reading:
    """One pass over a list: what was understood so far, and what is wrong."""

    def __init__(self, path: Path, graph: HexGraph, columns: Mapping[str, int], *, skip_unknown: bool) -> None:
        self._path, self._graph, self._columns, self._skip_unknown = path, graph, columns, skip_unknown
        self._names = LabelNames(graph)
        self._severities = _severity_words(graph)
        self._words = dict.fromkeys(word for words in (*self._severities, *_SEVERITIES.values()) for word in words)
        self._suggester = Suggester(dict.fromkeys(word for words in self._severities for word in words))
        self._problems: list[tuple[int, str]] = []
        self._photos: dict[str, tuple[str, int]] = {}  # by the name's key: the name as written, the line
        self._found: dict[str, dict[int, tuple[int, int]]] = {}  # by key and label: the position, the line
        self._without: dict[str, int] = {}  # photos listed without an issue: the line
        self._with: dict[str, int] = {}  # those listed with one that is no label, or is one at a level above none
        self._skipped: collections.Counter[str] = collections.Counter()

    def add(self, record: CsvRecord, width: int) -> None:
        """The next finding."""
        if len(record.cells) != width:
            count = counted(len(record.cells), "cell")
            self._problems.append((record.line, f"line {record.line}: {count}, the header has {width}"))
            return
        name, issue, severity = (record.cells[self._columns[what]].strip() for what in COLUMNS)
        if not name or "\0" in name:
            self._problems.append((record.line, f"line {record.line}: no name of a picture"))
            return
        key = same_file_key(name)
        self._photos.setdefault(key, (name, record.line))
        problem = self._understand(key, issue, severity, record.line)
        if problem:
            self._problems.append((record.line, f"line {record.line}, {quote(name)}: {problem}"))

    def _understand(self, key: str, issue: str, severity: str, line: int) -> str | None:
        """Keep a finding; what is wrong with it, if anything is."""
        if not issue or issue.casefold() in NOTHING:
            if severity and severity.casefold() not in NOTHING:
                return f"severity {quote(severity)} of no issue"
            self._without.setdefault(key, line)
            return None
        labels = self._names.find(issue)
        if not labels and self._skip_unknown:
            self._skipped[issue] += 1
            self._with.setdefault(key, line)
            return None
        if len(labels) != 1:
            if labels:
                return f"issue {quote(issue)} may be {' and '.join(quote(self._graph.label_names[k]) for k in labels)}"
            return f"graph {quote(self._graph.name)} has no issue {quote(issue)}{suggested(self._names.near(issue))}"
        (label,) = labels
        position = self._severities[label].get(severity.casefold())
        if position is None:
            if not severity:
                return f"no severity of {quote(issue)}"
            known = f" ({', '.join(self._severities[label])})"
            if severity.casefold() in self._words:
                return f"{quote(issue)} has no severity {quote(severity)}{known}"
            if is_number(severity):
                return f"severity {quote(severity)} is a number, which may count from 0 or from 1: write a word{known}"
            return f"severity {quote(severity)} is not known{suggested(self._suggester.hint(severity)) or known}"
        there, first = self._found.setdefault(key, {}).setdefault(label, (position, line))
        if position:
            self._with.setdefault(key, line)
        return None if there == position else f"{quote(issue)} has another severity in line {first}"

    def table(self, unlisted: Unlisted) -> LabelTable:
        """What the list says; raises LabelsError if anything is wrong with it."""
        for key, line in self._without.items():
            if key in self._with:
                name, other = quote(self._photos[key][0]), self._with[key]
                problem = f"line {line}, {name}: listed without an issue, and with one in line {other}"
                self._problems.append((line, problem))
        positions = np.full((len(self._photos), len(self._graph.labels)), UNOBSERVED, dtype=np.int64)
        for row, key in enumerate(self._photos):
            if unlisted == "none" or key in self._without:
                positions[row] = 0
            for label, (position, _) in self._found.get(key, {}).items():
                positions[row, label] = position
        at_least = np.zeros_like(positions, dtype=np.bool_)
        photos = list(self._photos.values())
        for row, words in broken_rules(positions, at_least, self._graph):
            name, line = photos[row]
            self._problems.append((line, f"line {line}, {quote(name)}: {words}"))
        if not photos and not self._problems:
            self._problems.append((0, "a header and no rows"))
        if self._problems:
            told = [problem for _, problem in sorted(self._problems, key=lambda found: found[0])]
            raise LabelsError(
                f"{self._path}: {counted(len(told), 'problem')}", problems=shortened(told), hint=self._hint(told)
            )
        return LabelTable(
            path=self._path,
            names=tuple(name for name, _ in photos),
            labels=self._graph.label_names,
            positions=positions,
            at_least=at_least,
            lines=tuple(line for _, line in photos),
            notes=tuple(self._notes()),
        )

    def _hint(self, told: Sequence[str]) -> str | None:
        if any(" is a number, " in problem for problem in told):
            return "severities are words; numbers are not taken, because 0..3 cannot be told from 1..4"
        if any(" has no issue " in problem for problem in told):
            return (
                "--skip-unknown passes over issues that are no labels of the graph; one that is called otherwise there "
                "goes into its `aliases`"
            )
        return None

    def _notes(self) -> Iterator[str]:
        if self._skipped:
            kinds = shortened([f"{quote(issue)} ({count:,})" for issue, count in self._skipped.most_common()])
            total = counted(self._skipped.total(), "finding")
            yield f"passed over: {total} of issues that are no labels of the graph: {', '.join(kinds)}"


def _severity_words(graph: HexGraph) -> list[dict[str, int]]:
    """For each label the position that a severity's word means, in lower case."""
    words = []
    for label in graph.labels:
        meaning = dict.fromkeys(NOTHING, 0)  # the lowest level is none, whatever its number
        for position, level in enumerate(label.levels):
            if position:
                meaning |= dict.fromkeys(_SEVERITIES.get(level, ()), position)
        for position, level in enumerate(label.levels):
            meaning |= {name.strip().casefold(): position for name in graph.level_names.get(level, {}).values()}
        words.append(meaning)
    return words
