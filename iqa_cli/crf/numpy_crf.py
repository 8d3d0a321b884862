"""The executor that needs numpy alone: log-partition, marginals and the best assignment.

Inside, arrays are (rows, B): a gather then copies whole runs of the batch. Per depth of the plan one
reduction goes up and one sum goes down; the work grows with the legal states of the cliques, not with those
of the graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike, NDArray

from iqa_cli.crf.beliefs import Beliefs
from iqa_cli.crf.floor import FLOOR, LIMIT
from iqa_cli.crf.unary import cumulative

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_cli.hexgraph.plan import HexPlan
    from iqa_cli.hexgraph.segments import Segments

Floats = NDArray[np.floating]

Blocks = tuple[tuple[int, int, int], ...]


class NumpyCRF:
    """Inference on one plan; holds no state between calls and can be shared between threads.

    plan   the compiled graph
    dtype  float64, or float32 for half the memory: messages are then shifted to zero depth by depth, so that
           long chains lose no precision
    """

    def __init__(self, plan: HexPlan, dtype: DTypeLike = np.float64) -> None:
        self.plan = plan
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.dtype(np.float64), np.dtype(np.float32)):
            raise ValueError(f"expected float64 or float32, got {self.dtype}")
        self._layout = plan.layout
        self._shifted = self.dtype == np.dtype(np.float32)
        self._position_in_label = (np.arange(plan.n_cells) - plan.cell_start[plan.cell_label]).astype(self.dtype)

    def log_partition(self, unary: Floats) -> Floats:
        """Log of the sum over all legal assignments of exp(score).

        unary    (B, C) float    log-potential of every level, finite
        returns  (B,)   float64  nats
        raises   ValueError      if the shape does not fit the plan or a value is not finite
        """
        u, centre = self._checked(unary)
        return self._upward(self._rows(u), _log_sum_exp)[2] + centre

    def marginals(self, unary: Floats) -> Floats:
        """Probability of every level: the gradient of `log_partition`.

        unary    (B, C) float  log-potential of every level, finite
        returns  (B, C) float  0..1, sums to 1 over a label up to rounding
        raises   ValueError    if the shape does not fit the plan or a value is not finite
        """
        u, _ = self._checked(unary)
        theta, message, _ = self._upward(self._rows(u), _log_sum_exp)
        return self._cell_probabilities(theta, message)

    def map(self, unary: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """The assignment of highest score; of equals always the same one.

        unary    (B, C) float                  log-potential of every level, finite
        returns  (B,) float64 and (B, L) intp  its score, and positions 0..K-1
        raises   ValueError                    if the shape does not fit the plan or a value is not finite
        """
        u, centre = self._checked(unary)
        score, positions = self._best(self._rows(u))
        return score + centre, positions

    def infer(self, unary: Floats) -> Beliefs:
        """Everything a report needs in one pass.

        unary   (B, C) float  log-potential of every level, finite
        raises  ValueError    if the shape does not fit the plan or a value is not finite
        """
        u, centre = self._checked(unary)
        rows = self._rows(u)
        score, positions = self._best(rows.copy())
        theta, message, log_partition = self._upward(rows, _log_sum_exp)
        marginals = self._cell_probabilities(theta, message)
        entropy = log_partition - (marginals * u.T).sum(axis=1, dtype=np.float64)
        return Beliefs(
            marginals=marginals,
            at_least=np.minimum(cumulative(marginals, self.plan), 1.0),
            positions=positions,
            levels=self.plan.cell_level[self.plan.cell_start + positions],
            map_score=score + centre,
            log_partition=log_partition + centre,
            entropy=np.maximum(entropy, 0.0),
        )

    def _checked(self, unary: Floats) -> tuple[Floats, Floats]:
        """(C, B) unaries in our dtype, and what was taken off per photo (float32 only)."""
        given = np.asarray(unary)
        if given.ndim != 2 or given.shape[1] != self.plan.n_cells:
            raise ValueError(f"expected (B, {self.plan.n_cells}), got {given.shape}")
        good = np.abs(given) < LIMIT
        if not good.all():
            row, cell = np.argwhere(~good)[0]
            label = self.plan.label_names[self.plan.cell_label[cell]]
            raise ValueError(f"unary of photo {row}, label {label!r} is {given[row, cell]}, expected a finite number")
        u = np.ascontiguousarray(given.T, dtype=self.dtype)
        if not self._shifted:
            return u, np.zeros(u.shape[1])
        highest = np.maximum.reduceat(u, self.plan.cell_start, axis=0)
        return u - highest[self.plan.cell_label], highest.sum(axis=0, dtype=np.float64)

    def _rows(self, u: Floats) -> Floats:
        """(rows, B) sum of the unaries that each row owns; padding rows get the floor."""
        n_cells, batch = u.shape
        padded = np.empty((n_cells + 2, batch), dtype=self.dtype)
        padded[:n_cells] = u
        padded[n_cells] = FLOOR
        padded[n_cells + 1] = 0.0
        return _gathered_sum(padded, self._layout.unary)

    def _upward(self, theta: Floats, reduce: Callable[[Floats, Blocks], Floats]) -> tuple[Floats, Floats, Floats]:
        """(rows, B) potentials with all messages from below (in place), (groups, B) messages, (B,) total."""
        batch = theta.shape[1]
        last = self._layout.depths[-1]
        message = np.empty((last.first_group + last.n_groups, batch), dtype=self.dtype)
        total = np.zeros(batch)
        sent = message[:0]
        for depth in reversed(self._layout.depths):
            rows = theta[depth.first_row : depth.first_row + depth.n_rows]
            if depth.from_below is not None:
                rows += _segment_sum(sent, depth.from_below)
            sent = reduce(rows, depth.blocks)
            message[depth.first_group : depth.first_group + depth.n_groups] = sent
            if self._shifted and depth.from_above is not None:
                highest = _segment_max(sent, depth.groups)
                total += highest.sum(axis=0, dtype=np.float64)
                sent = sent - highest[depth.group_clique]
        return theta, message, total + sent.sum(axis=0, dtype=np.float64)

    def _cell_probabilities(self, theta: Floats, message: Floats) -> Floats:
        """(B, C) from the upward pass: how probable each row is in its group, then from the roots down."""
        theta -= message[self._layout.row_group]
        np.exp(theta, out=theta)
        return np.ascontiguousarray(self._downward(theta).T)

    def _downward(self, share: Floats) -> Floats:
        """(C, B) probability of every cell from the (rows, B) share of each row in its group; in place."""
        above = share[:0]
        for depth in self._layout.depths:
            rows = share[depth.first_row : depth.first_row + depth.n_rows]
            if depth.from_above is not None:
                rows *= _segment_sum(above, depth.from_above)[depth.row_group]
            above = rows
        return _segment_sum(share, self._layout.readout)

    def _best(self, theta: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """Score and positions: the marginals' way down with each group's best row instead of shares."""
        theta, _, score = self._upward(theta, _highest)
        chosen = np.zeros_like(theta)
        for depth in self._layout.depths:
            for start, groups, size in depth.blocks:
                rows = slice(depth.first_row + start, depth.first_row + start + groups * size)
                block = theta[rows].reshape(groups, size, -1)
                best = block.argmax(axis=1)[:, None]
                np.put_along_axis(chosen[rows].reshape(block.shape), best, 1.0, axis=1)
        on = self._downward(chosen) * self._position_in_label[:, None]
        positions = np.add.reduceat(on, self.plan.cell_start, axis=0)
        return score, np.ascontiguousarray(positions.T).astype(np.intp)


def _blocks(rows: Floats, blocks: Blocks, reduce: Callable[[Floats], Floats]) -> Floats:
    """Reduce each block (n * k, B) over its k rows per group to (n, B); all groups in order."""
    batch = rows.shape[1]
    parts = [
        rows[start : start + n * k] if k == 1 else reduce(rows[start : start + n * k].reshape(n, k, batch))
        for start, n, k in blocks
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _log_sum_exp(rows: Floats, blocks: Blocks) -> Floats:
    return _blocks(rows, blocks, _log_sum_exp_block)


def _log_sum_exp_block(block: Floats) -> Floats:
    # The shift is per group: one per clique would let a whole group underflow.
    highest = block.max(axis=1)
    shifted = block - highest[:, None]
    np.exp(shifted, out=shifted)
    return np.asarray(highest + np.log(shifted.sum(axis=1)))


def _highest(rows: Floats, blocks: Blocks) -> Floats:
    return _blocks(rows, blocks, lambda block: np.asarray(block.max(axis=1)))


def _gathered_sum(padded: Floats, segments: Segments) -> Floats:
    """Sum of each segment over values that end in a neutral row; always a new array."""
    entries = padded.take(segments.gather, axis=0)
    sums = _blocks(entries, segments.blocks, lambda block: np.asarray(block.sum(axis=1)))
    return sums if segments.position is None else sums.take(segments.position, axis=0)


def _segment_sum(values: Floats, segments: Segments) -> Floats:
    if segments.padded:
        values = np.concatenate([values, np.zeros((1, values.shape[1]), dtype=values.dtype)])
    return _gathered_sum(values, segments)


def _segment_max(values: Floats, segments: Segments) -> Floats:
    if segments.padded:
        values = np.concatenate([values, np.full((1, values.shape[1]), -np.inf, dtype=values.dtype)])
    best = _highest(values.take(segments.gather, axis=0), segments.blocks)
    return best if segments.position is None else best.take(segments.position, axis=0)
