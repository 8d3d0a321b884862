"""What a split holds, on a screen or as text in a pipe: photos with and without an issue, and every label by level.

Parts that do not fit beside each other are printed below each other, so that no number is ever cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from iqa_cli.findings import in_percent
from iqa_cli.labels.counts import together
from iqa_cli.report.screen import line, rule_for, screen
from iqa_cli.report.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TextIO

    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.labels.counts import PartCounts

_GAP = 2  # columns between two parts
_LABEL_WIDTH = 20  # columns of a label where not all parts fit beside it; a longer one is wrapped between its words

_UNKNOWN = 3  # the row of photos without an issue that were not looked at for every label


class _Cell(NamedTuple):
    """A number and what it is made of."""

    number: int
    """Photos."""
    detail: str = ""
    """A share, or the photos by level."""
    style: str = ""
    """How it is written; a zero is dim unless told."""


class _Column(NamedTuple):
    """A part as it is printed."""

    name: str
    """Its head."""
    cells: Sequence[Text]
    """One per row of the table."""

    @property
    def width(self) -> int:
        """Columns of the screen that it takes, with the gap before it."""
        return _GAP + max(cell_len(self.name), *(text.cell_len for text in self.cells))


def print_split_table(parts: Mapping[str, PartCounts], graph: HexGraph, *, title: str, file: TextIO) -> None:
    """Print the counts of every part, and of all together in the first column.

    parts   by name, in the order of the columns; at least one
    title   the line above
    raises  BrokenPipeError  if nobody reads it any more
    """
    whole = together(list(parts.values()))
    heads = ["photos", "has issue", "no issue", "not all looked at", *(shown(label.name) for label in graph.labels)]
    rows = [row for row in range(len(heads)) if row != _UNKNOWN or whole.unknown]
    last_of_photos = max(row for row in rows if row <= _UNKNOWN)
    columns = []
    for name, counts in (("all", whole), *parts.items()):
        cells = [*_photos(counts), *_labels(counts, whole)]
        columns.append(_Column(shown(name), _texts([cells[row] for row in rows])))
    with screen(file) as console:
        line(console, title, style="bold")
        line(console, _legend(whole, graph), style="dim")
        room = console.width - 1
        longest = max(cell_len(heads[row]) for row in rows)
        label_width = min(longest, max(_LABEL_WIDTH, room - sum(column.width for column in columns)))
        for group in _groups(columns, room - label_width):
            table = Table(box=rule_for(file), pad_edge=False, padding=(0, _GAP, 0, 0), show_edge=False)
            table.add_column("", max_width=label_width, overflow="fold")
            for column in group:
                table.add_column(Text(column.name), justify="right", no_wrap=True)
            for place, row in enumerate(rows):
                table.add_row(Text(heads[row]), *(column.cells[place] for column in group))
                if row == last_of_photos:
                    table.add_row()
            console.print(Padding(table, (1, 0, 0, 1)))
        console.print()
        for name, counts in parts.items():
            lost = _lost(counts, whole, graph)
            if lost:
                line(console, f"{name} has no positive of {', '.join(lost)}", style="yellow")


def _lost(part: PartCounts, whole: PartCounts, graph: HexGraph) -> list[str]:
    """Labels that the whole has positives of and the part has none."""
    both = zip(graph.label_names, whole.labels, part.labels, strict=True)
    return [name for name, everywhere, here in both if everywhere.positives and not here.positives]


def _legend(whole: PartCounts, graph: HexGraph) -> str:
    longest = max((label.levels for label in graph.labels), key=len)
    words = f"of each label the positives, and of them {' / '.join(graph.level_name(x, 'en') for x in longest[1:])}"
    if any(label.at_least for label in whole.labels):
        words += "; +n only known as a level or worse"
    if any(label.unobserved for label in whole.labels):
        words += "; ?n not looked at"
    return words


def _photos(part: PartCounts) -> Iterator[_Cell]:
    """Cells of the rows about whole photos."""
    yield _Cell(part.total, style="bold")
    for number in (part.has_issue, part.no_issue, part.unknown):
        yield _Cell(number, in_percent(number / part.total) if part.total and number else "")


def _labels(part: PartCounts, whole: PartCounts) -> Iterator[_Cell]:
    """Cells of the rows about labels; red where the part lacks what the whole has."""
    for label, everywhere in zip(part.labels, whole.labels, strict=True):
        details = ["/".join(map(str, label.levels[1:]))] if label.positives else []
        details += [f"{mark}{n}" for mark, n in (("+", label.at_least), ("?", label.unobserved)) if n]
        lost = everywhere.positives and not label.positives
        yield _Cell(label.positives, " ".join(details), "red" if lost else "")


def _texts(cells: Sequence[_Cell]) -> list[Text]:
    """The cells of a column, both numbers and details right-aligned among themselves."""
    numbers = max(len(f"{cell.number:,}") for cell in cells)
    details = max(len(cell.detail) for cell in cells)
    return [
        Text.assemble(
            (f"{f'{cell.number:,}' if cell.number else '-':>{numbers}}", cell.style or ("" if cell.number else "dim")),
            (f"  {cell.detail:>{details}}" if details else "", "dim"),
        )
        for cell in cells
    ]


def _groups(columns: Sequence[_Column], width: int) -> Iterator[list[_Column]]:
    """Parts that fit beside each other in so many columns of the screen, at least one at a time."""
    group: list[_Column] = []
    left = width
    for column in columns:
        if group and column.width > left:
            yield group
            group, left = [], width
        group.append(column)
        left -= column.width
    yield group
