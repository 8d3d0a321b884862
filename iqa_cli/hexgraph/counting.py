"""How many assignments a graph allows, exactly: the passes of inference with whole numbers of any size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iqa_cli.hexgraph.layout import Depth, Layout
    from iqa_cli.hexgraph.segments import Segments

Counts = NDArray[np.object_]
"""Python ints, which never overflow."""

_ONE = np.array([1], dtype=object)
_ZERO = np.array([0], dtype=object)


def count_legal_states(layout: Layout) -> int:
    """Number of legal assignments of all labels."""
    return math.prod(_upward(layout)[1][0].tolist())


def count_level_states(layout: Layout) -> tuple[int, ...]:
    """For each cell the number of legal assignments that turn it on; 0 says that the level never occurs."""
    rows, messages = _upward(layout)
    # Every other component takes any of its own assignments.
    outside = math.prod(messages[0].tolist()) // messages[0]
    cells = []
    for depth, inside, below in zip(layout.depths, rows, [*messages[1:], None], strict=True):
        whole = np.concatenate([(block * part).reshape(-1) for block, part in _by_group(inside, outside, depth)])
        sums = _reduce(np.append(whole, _ZERO), depth.shares, np.add)
        cells.append(sums[: len(depth.cells)])
        if below is not None:
            # Each row counted the assignments of a group below it as a factor: exact division takes them out again.
            outside = sums[len(depth.cells) :] // below
    in_a_row = np.concatenate(cells)
    return tuple((in_a_row if layout.cell_place is None else in_a_row[layout.cell_place]).tolist())


def _upward(layout: Layout) -> tuple[list[Counts], list[Counts]]:
    """Per depth, roots first, the assignments below each row and below each group."""
    rows, messages = [], []
    message: Counts = np.ones(0, dtype=object)
    for depth in reversed(layout.depths):
        cells = np.ones(len(depth.cells), dtype=object)
        inside = _reduce(np.concatenate([cells, _ZERO, message, _ONE]), depth.factors, np.multiply)
        message = np.concatenate([inside[s : s + n * k].reshape(k, n).sum(axis=0) for s, n, k in depth.blocks])
        rows.append(inside)
        messages.append(message)
    return rows[::-1], messages[::-1]


def _by_group(rows: Counts, groups: Counts, depth: Depth) -> Iterator[tuple[Counts, Counts]]:
    first = 0
    for start, n, k in depth.blocks:
        yield rows[start : start + n * k].reshape(k, n), groups[first : first + n]
        first += n


def _reduce(values: Counts, segments: Segments, operation: np.ufunc) -> Counts:
    entries = values[segments.gather]
    done = np.concatenate(
        [operation.reduce(entries[s : s + n * k].reshape(k, n), axis=0) for s, n, k in segments.blocks]
    )
    return done if segments.position is None else done[segments.position]
