"""What a split holds, on a screen or as text in a pipe: photos with and without an issue, and every label by level.

Parts that do not fit beside each other are printed below each other, so that no number is ever cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from iqa_cli.findings import in_percent
from iqa_cli.report.screen import line, rule_for, screen
from iqa_cli.report.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TextIO

    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.labels.counts import PartCounts

_GAP = 2  # columns between two parts
_LABEL_WIDTH = 20  # columns that a label keeps at most; a longer one is wrapped between its words


class _Cell(NamedTuple):
    """A number and what it is made of."""

    number: int
    """Photos."""
    detail: str = ""
    """A share, or the photos by level."""
    style: str = ""
    """How it is written; a zero is dim unless told."""


def print_split_table(parts: Mapping[str, PartCounts], graph: HexGraph, *, title: str, file: TextIO) -> None:
    """Print the counts of every part.

    parts   by name, in the order of the columns; the first is the whole that the others are parts of
    title   the line above
    raises  BrokenPipeError  if nobody reads it any more
    """
    names = [shown(label.name) for label in graph.labels]
    heads = ["photos", "has issue", "no issue", "not all looked at", *names]
    whole = next(iter(parts.values()))
    columns = {shown(part): [*_photos(counts), *_labels(counts, whole)] for part, counts in parts.items()}
    kept = [row for row, cell in enumerate(columns[shown(next(iter(parts)))]) if row != 3 or cell.number]
    with screen(file) as console:
        line(console, title, style="bold")
        line(console, _legend(whole, graph), style="dim")
        label_width = min(_LABEL_WIDTH, max(len(heads[row]) for row in kept))
        for group in _groups(columns, console.width - label_width - 1):
            table = Table(box=rule_for(file), pad_edge=False, padding=(0, _GAP, 0, 0), show_edge=False)
            table.add_column("", max_width=label_width, overflow="fold")
            for part in group:
                table.add_column(Text(part), justify="right", no_wrap=True)
            texts = [_texts([columns[part][row] for row in kept]) for part in group]
            for place, row in enumerate(kept):
                table.add_row(Text(heads[row]), *(column[place] for column in texts))
                if row == 3 or (row == 2 and 3 not in kept):
                    table.add_row()
            console.print(Padding(table, (1, 0, 0, 1)))
        console.print()
        for part, counts in list(parts.items())[1:]:
            both = zip(names, whole.labels, counts.labels, strict=True)
            lost = [name for name, everywhere, here in both if everywhere.positives and not here.positives]
            if lost:
                line(console, f"{part} has no positive of {', '.join(lost)}", style="yellow")


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


def _groups(columns: Mapping[str, Sequence[_Cell]], width: int) -> Iterator[list[str]]:
    """Names of parts that fit beside each other in so many columns, at least one at a time."""
    group: list[str] = []
    left = width
    for part, cells in columns.items():
        needed = _GAP + max(len(part), *(text.cell_len for text in _texts(cells)))
        if group and needed > left:
            yield group
            group, left = [], width
        group.append(part)
        left -= needed
    yield group
