"""Between thresholds and levels: what a model scores, what the CRF adds up, what a report says.

Works on numpy arrays and torch tensors alike and imports no torch: only methods that both have are used.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from iqa_cli.hexgraph import HexPlan

    Values = TypeVar("Values", NDArray[np.floating], torch.Tensor)

IntArray = NDArray[np.intp]


def unary_from_nodes(node_scores: Values, plan: HexPlan) -> Values:
    """Log-potentials of levels from scores of thresholds.

    node_scores  (B, N) float  log-potential of "at this threshold or above"
    returns      (B, C) float  u[lowest] = 0, u[x] = sum of the scores of all thresholds up to x
    raises       ValueError    if the shape does not fit the plan

    The cumulative bits of a level are on together, so their scores add up (Deng et al., ECCV 2014).
    """
    _expect(node_scores, plan.n_nodes)
    grid, cells = _node_grid(tuple(plan.level_counts.tolist()))
    padded = _with_zero_column(node_scores)
    sums = padded[:, grid.reshape(-1)].reshape(-1, *grid.shape).cumsum(-1)
    return sums.reshape(-1, grid.size)[:, cells]


def cumulative(marginals: Values, plan: HexPlan) -> Values:
    """Probability of every threshold from the probabilities of the levels.

    marginals  (B, C) float  P(level = x), 0..1
    returns    (B, N) float  P(level >= k), never rising along a label; a sum of rounded numbers, so it may
                             pass 1 by some units in the last place
    raises     ValueError    if the shape does not fit the plan
    """
    _expect(marginals, plan.n_cells)
    grid, nodes = _cell_grid(tuple(plan.level_counts.tolist()))
    padded = _with_zero_column(marginals)
    sums = padded[:, grid.reshape(-1)].reshape(-1, *grid.shape).cumsum(-1)
    return sums.reshape(-1, grid.size)[:, nodes]


def _expect(values: Values, columns: int) -> None:
    if values.ndim != 2 or values.shape[1] != columns:
        raise ValueError(f"expected (B, {columns}), got {tuple(values.shape)}")


def _with_zero_column(values: Values) -> Values:
    """The values and one more column of zeros for the padding to point at."""
    rows, columns = values.shape
    if isinstance(values, np.ndarray):
        return cast("Values", np.concatenate([values, np.zeros((rows, 1), dtype=values.dtype)], axis=1))
    padded = values.new_zeros((rows, columns + 1))
    padded[:, :columns] = values
    return padded


@functools.lru_cache(maxsize=16)
def _node_grid(level_counts: tuple[int, ...]) -> tuple[IntArray, IntArray]:
    """(L, K max) node under each level with N for none, and (C,) where each cell stands in that grid."""
    counts = np.array(level_counts, dtype=np.intp)
    position = np.arange(counts.max())
    first = np.concatenate([[0], np.cumsum(counts - 1)[:-1]])
    there = (position > 0) & (position < counts[:, None])
    grid = np.where(there, first[:, None] + position - 1, (counts - 1).sum())
    return grid, np.flatnonzero(position < counts[:, None])


@functools.lru_cache(maxsize=16)
def _cell_grid(level_counts: tuple[int, ...]) -> tuple[IntArray, IntArray]:
    """(L, T max) cells from the highest level down with C for none, and (N,) where each node stands there."""
    counts = np.array(level_counts, dtype=np.intp)
    step = np.arange(counts.max() - 1)
    last = np.cumsum(counts) - 1
    grid = np.where(step < counts[:, None] - 1, last[:, None] - step, counts.sum())
    nodes = [label * len(step) + np.arange(count - 1)[::-1] for label, count in enumerate(level_counts)]
    return grid, np.concatenate(nodes)
