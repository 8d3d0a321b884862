"""What the cells of the label columns say, and whether they count from 0, as documented, or from 1.

Many tools count from 1, as our own reports do. A file is read so only where nothing else can be meant: no cell is 0,
counted from 0 something is impossible (a level above the highest, labels that exclude each other), counted from 1
nothing is, and most cells are 1, for most labels of most photos are absent. Where both can be meant the documented
count holds, which a note says. A 4 that is a slip of the finger turns no file round: the other conditions see to it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.hexgraph.problems import quote
from iqa_cli.labels.levels import UNOBSERVED, Reading, read_level
from iqa_cli.labels.rules import broken_rules
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from iqa_cli.hexgraph import HexGraph

COUNT_FROM_0 = "levels count from 0: 0 is none"
"""For files that may have been made otherwise."""

_NONSENSE = Reading(-2)


@dataclasses.dataclass(frozen=True, eq=False)
class Levels:
    """The cells of n photos and L labels under one way to count."""

    first: int
    """0 or 1: what is written for none."""
    cells: Mapping[int, Sequence[str]]
    """The n cells of each label that has a column, as written."""
    positions: NDArray[np.int64]
    """(n, L) 0..K-1, -1 = unobserved, also where a cell means nothing."""
    at_least: NDArray[np.bool_]
    """(n, L) whether it says "this or worse"."""
    nonsense: NDArray[np.bool_]
    """(n, L) cells that are no level of the label."""
    graph: HexGraph

    def mistakes(self) -> Iterator[tuple[int, str]]:
        """(row, what is wrong): cells that are no levels, then rows that break the graph's rules."""
        for row, label in zip(*(found.tolist() for found in np.nonzero(self.nonsense)), strict=True):
            none, one, last = (self.first + level for level in (0, 1, self.graph.n_levels[label] - 1))
            worse = f"{one}+" if last == one else f"{one}+..{last}+"
            name, cell = quote(self.graph.label_names[label]), quote(self.cells[label][row])
            yield row, f"{name} is {cell}, expected {none}..{last}, {worse}, -1 or blank"
        yield from broken_rules(self.positions, self.at_least, self.graph, first=self.first)

    @property
    def is_possible(self) -> bool:
        """Whether nothing is wrong."""
        return next(self.mistakes(), None) is None

    @property
    def impossible_rows(self) -> int:
        """How many of the n have a mistake."""
        return len({row for row, _ in self.mistakes()})

    @property
    def is_mostly_none(self) -> bool:
        """Whether at least half of the cells with a level say none."""
        return 2 * int((self.positions == 0).sum()) >= int((self.positions != UNOBSERVED).sum())


def understood(
    cells: Mapping[int, Sequence[str]], n: int, graph: HexGraph, *, noun: str = "row"
) -> tuple[Levels, str | None, str | None]:
    """What n photos' cells say, by the label's position; how they count is the likelier way if both have mistakes.

    noun     what the n are in the file
    returns  the levels, a note on how they count and a hint if they are wrong; either may be None
    raises   GraphError  if the graph contradicts itself
    """
    from_0 = _read(cells, n, graph, first=0)
    from_1 = _read(cells, n, graph, first=1)
    has_0 = bool((from_1.nonsense & ~from_0.nonsense).any())
    if from_0.is_possible:
        is_doubtful = not has_0 and (from_0.positions > 0).any() and from_1.is_possible
        return from_0, _doubt(graph) if is_doubtful else None, None
    has_above = bool((from_0.nonsense & ~from_1.nonsense).any())
    if has_0:
        return from_0, None, COUNT_FROM_0 if has_above else None
    impossible, still = from_0.impossible_rows, from_1.impossible_rows
    if still >= impossible:
        return from_0, None, None
    if not from_1.is_mostly_none:
        return from_0, None, f"{COUNT_FROM_0}; if 1 is none in this one, take 1 from every level"
    how = f"levels are read as counted from 1: 1 is none, {max(graph.n_levels)} the worst"
    if still:
        return from_1, None, f"{how}; no cell is 0"
    return from_1, f"{how} (no cell is 0, and counted from 0, {impossible:,} of {counted(n, noun)} could not be)", None


def _doubt(graph: HexGraph) -> str:
    second = max((label.levels for label in graph.labels), key=len)[1]
    return (
        f"no label is 0 in any row: levels are read as counted from 0, so that 1 is {graph.level_name(second, 'en')}; "
        "if 1 is none in this file, take 1 from every level"
    )


def _read(cells: Mapping[int, Sequence[str]], n: int, graph: HexGraph, *, first: int) -> Levels:
    read = np.zeros((n, len(graph.labels), 2), dtype=np.int64)
    read[:, :, 0] = UNOBSERVED
    for label, column in cells.items():
        n_levels = graph.n_levels[label]
        meaning = {text: read_level(text, n_levels, first) or _NONSENSE for text in set(column)}
        if n:
            read[:, label] = [meaning[text] for text in column]
    nonsense = read[:, :, 0] == _NONSENSE.position
    positions = np.where(nonsense, UNOBSERVED, read[:, :, 0])
    return Levels(first, cells, positions, read[:, :, 1].astype(np.bool_), nonsense, graph)
