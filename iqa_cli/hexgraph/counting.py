"""How many assignments a graph allows, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from iqa_cli.hexgraph.layout import Layout
    from iqa_cli.hexgraph.segments import Segments


def count_legal_states(layout: Layout) -> int:
    """Number of legal assignments of all labels: the upward pass with whole numbers of any size."""
    padding = np.zeros(layout.unary.n_sources + 1, dtype=np.bool_)
    padding[layout.unary.n_sources - 1] = True
    is_padding = _reduce(padding, layout.unary, np.logical_or)
    message = np.ones(0, dtype=object)
    for depth in reversed(layout.depths):
        rows = np.ones(depth.n_rows, dtype=object)
        if depth.from_below is not None:
            rows = _reduce(np.append(message, np.array([1], dtype=object)), depth.from_below, np.multiply)
        rows[is_padding[depth.first_row : depth.first_row + depth.n_rows]] = 0
        message = np.concatenate([rows[s : s + n * k].reshape(n, k).sum(axis=1) for s, n, k in depth.blocks])
    total = 1
    for component in message:
        total *= int(component)
    return total


def _reduce(values: np.ndarray, segments: Segments, operation: np.ufunc) -> np.ndarray:
    entries = values[segments.gather]
    done = np.concatenate(
        [operation.reduce(entries[s : s + n * k].reshape(n, k), axis=1) for s, n, k in segments.blocks]
    )
    return done if segments.position is None else done[segments.position]
