"""Rules between two labels as rectangles of forbidden levels, and which of them two thresholds can say.

A set of positions 0..K-1 is a bit mask. A side of a rectangle is a threshold if it is all levels from one on, all up to
one, or all; a rectangle of two such sides is "not both", a clause of two literals. Graphs made of such clauses are
decided in time that is linear in their size, however wide they are (Aspvall, Plass and Tarjan, 1979).
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.hexgraph.parts import Exclusion, Subsumption

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.hexgraph.problems import Steps

Rectangle = tuple[int, int]
"""Masks of the first and the second label's positions: none of the one goes with any of the other."""

Corner = tuple[int | None, int | None]
"""A rectangle of thresholds, each side as k for "position >= k", -k for "position < k", None for any."""


@dataclasses.dataclass(frozen=True)
class PairRule:
    """A rule between two labels."""

    steps: Steps
    """Where it stands in the file."""
    rule: Exclusion | Subsumption
    """As it is written."""
    first: int
    """The label of lower index."""
    second: int
    """The label of higher index."""
    rectangles: tuple[Rectangle, ...]
    """What it forbids; empty if nothing."""

    @property
    def pair(self) -> tuple[int, int]:
        """Both labels."""
        return self.first, self.second

    @functools.cached_property
    def rows(self) -> dict[int, int]:
        """For positions of the first label, the positions of the second that are forbidden with it."""
        return rows_of(self.rectangles)


def pair_rules(graph: HexGraph, steps: Sequence[Steps]) -> list[PairRule]:
    """All rules between two different labels, exclusions first.

    steps  where each rule stands: those of the exclusions, then those of the subsumptions
    """
    positions = [{level: k for k, level in enumerate(label.levels)} for label in graph.labels]
    made = []
    rules: list[Exclusion | Subsumption] = [*graph.exclusions, *graph.subsumptions]
    for where, rule in zip(steps, rules, strict=True):
        a, b = graph.index(rule.label_a), graph.index(rule.label_b)
        if a == b:
            continue
        if isinstance(rule, Exclusion):
            sides = [(_mask(positions[a], rule.a_levels), _mask(positions[b], rule.b_levels))]
        else:
            full = (1 << len(positions[a])) - 1
            strongest: dict[int, int] = {}
            for x, y in rule.map:
                strongest[y] = min(x, strongest.get(y, x))
            sides = [
                (full & ~((1 << positions[a][x]) - 1), (1 << positions[b][y]) - 1)
                for y, x in strongest.items()
                if positions[b][y] > 0
            ]
        if a > b:
            sides = [(second, first) for first, second in sides]
        made.append(PairRule(where, rule, min(a, b), max(a, b), tuple(sides)))
    return made


def _mask(positions: dict[int, int], levels: Iterable[int]) -> int:
    return functools.reduce(int.__or__, (1 << positions[level] for level in levels), 0)


def rows_of(rectangles: Iterable[Rectangle]) -> dict[int, int]:
    """For positions of the first label, the mask of positions of the second that are forbidden with it."""
    rows: dict[int, int] = {}
    for left, right in rectangles:
        for k in bits(left):
            rows[k] = rows.get(k, 0) | right
    return rows


def bits(mask: int) -> list[int]:
    """The positions in a mask, rising."""
    return [k for k in range(mask.bit_length()) if mask >> k & 1]


def table_of(rectangles: Iterable[Rectangle], n_first: int, n_second: int) -> NDArray[np.bool_]:
    """(K of the first, K of the second) bool, True where allowed."""
    table = np.ones((n_first, n_second), dtype=np.bool_)
    for k, mask in rows_of(rectangles).items():
        table[k, bits(mask)] = False
    return table


def threshold(mask: int, n: int) -> int | None:
    """A side as k for "position >= k" or -k for "position < k", None for all positions.

    raises  ValueError  if it is no threshold
    """
    full = (1 << n) - 1
    if mask == full:
        return None
    if mask and mask & (mask + 1) == 0:
        return -mask.bit_length()
    low = mask & -mask
    if mask and mask | (low - 1) == full:
        return low.bit_length() - 1
    raise ValueError("not a threshold")


def corner(rectangle: Rectangle, n_first: int, n_second: int) -> Corner | None:
    """A rectangle as two thresholds, or None if it is none."""
    try:
        return threshold(rectangle[0], n_first), threshold(rectangle[1], n_second)
    except ValueError:
        return None


def corners_within(rectangles: Iterable[Rectangle], n_first: int, n_second: int) -> tuple[list[Corner], bool]:
    """The largest rectangles of thresholds in which everything is forbidden, and whether they cover all that is."""
    rows = rows_of(rectangles)
    sides_first, sides_second = _sides(n_first), _sides(n_second)
    inside = []
    for left in sides_first:
        common = functools.reduce(int.__and__, (rows.get(k, 0) for k in bits(left)))
        inside += [(left, right) for right in sides_second if right & ~common == 0]
    largest = [
        one
        for one in inside
        if not any(one != other and one[0] & ~other[0] == 0 and one[1] & ~other[1] == 0 for other in inside)
    ]
    covered = rows_of(largest)
    complete = all(mask & ~covered.get(k, 0) == 0 for k, mask in rows.items())
    return [(threshold(left, n_first), threshold(right, n_second)) for left, right in largest], complete


def _sides(n: int) -> list[int]:
    full = (1 << n) - 1
    ends = [(1 << k) - 1 for k in range(1, n)]
    return [full, *ends, *(full & ~end for end in ends)]
