"""How many assignments a graph allows, exactly: the passes of inference with whole numbers of any size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from iqa_cli.hexgraph.layout import Layout
    from iqa_cli.hexgraph.segments import Segments

Counts = NDArray[np.object_]
"""Python ints, which never overflow."""

_ONE = np.array([1], dtype=object)
_ZERO = np.array([0], dtype=object)


def count_legal_states(layout: Layout) -> int:
    """Number of legal assignments of all labels."""
    _, messages = _upward(layout)
    return math.prod(messages[0].tolist())


def count_level_states(layout: Layout) -> tuple[int, ...]:
    """For each cell the number of legal assignments that turn it on; 0 says that the level never occurs."""
    rows, messages = _upward(layout)
    total = math.prod(messages[0].tolist())
    above: Counts = np.ones(0, dtype=object)
    whole = []
    for depth, inside, message in zip(layout.depths, rows, messages, strict=True):
        if depth.from_above is None:
            # Every other component takes any of its own assignments.
            outside = total // message
        else:
            # Each row above counted this group's assignments as a factor: exact division takes it out again.
            outside = _reduce(np.append(above, _ZERO), depth.from_above, np.add) // message
        above = np.concatenate(
            [
                (inside[s : s + n * k].reshape(n, k) * part[:, None]).reshape(-1)
                for (s, n, k), part in zip(
                    depth.blocks, np.split(outside, np.cumsum([n for _, n, _ in depth.blocks])[:-1]), strict=True
                )
            ]
        )
        whole.append(above)
    return tuple(_reduce(np.append(np.concatenate(whole), _ZERO), layout.readout, np.add).tolist())


def _upward(layout: Layout) -> tuple[list[Counts], list[Counts]]:
    """Per depth, roots first, the assignments below each row and below each group."""
    real = np.ones(sum(depth.n_rows for depth in layout.depths), dtype=object)
    real[layout.padding] = 0
    rows, messages = [], []
    message: Counts = np.ones(0, dtype=object)
    for depth in reversed(layout.depths):
        inside = real[depth.first_row : depth.first_row + depth.n_rows]
        if depth.from_below is not None:
            inside = inside * _reduce(np.append(message, _ONE), depth.from_below, np.multiply)
        message = np.concatenate([inside[s : s + n * k].reshape(n, k).sum(axis=1) for s, n, k in depth.blocks])
        rows.append(inside)
        messages.append(message)
    return rows[::-1], messages[::-1]


def _reduce(values: Counts, segments: Segments, operation: np.ufunc) -> Counts:
    entries = values[segments.gather]
    done = np.concatenate(
        [operation.reduce(entries[s : s + n * k].reshape(n, k), axis=1) for s, n, k in segments.blocks]
    )
    return done if segments.position is None else done[segments.position]
