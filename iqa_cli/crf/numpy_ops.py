"""The steps of a pass in numpy. Overwrites what it may: a pass allocates little and stays in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from iqa_cli.crf.floor import REACH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iqa_cli.crf.passes import Kind
    from iqa_cli.hexgraph.layout import Layout
    from iqa_cli.hexgraph.segments import Blocks, IntArray, Segments

Values = NDArray[Any]

CHUNK_BYTES = 6 * 2**20
"""Working memory per chunk of photos: about what the caches hold, so a large batch is also the fastest in chunks."""

_UFUNCS: dict[str, np.ufunc] = {
    "sum": np.add,
    "product": np.multiply,
    "highest": np.maximum,
    "lowest": np.minimum,
    "any": np.logical_or,
}

_FEW = 255
"""Rows per group that can be counted in a byte."""


class NumpyOps:
    """`passes.Ops` of numpy arrays of one floating type (and masks)."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self._lowest = dtype.type(-REACH[dtype.name])
        _keep_memory()

    def cells(self, values: Values) -> Values:
        """(B, C) of any number type as a new (C, B) of ours."""
        return np.array(values.T, dtype=self.dtype, order="C", copy=True)

    def mask(self, allowed: Values) -> Values:
        """(B, C) bool as (C, B)."""
        return np.ascontiguousarray(allowed.T)

    def column(self, values: Values) -> Values:
        """(n, 1) of (n,)."""
        return values[:, None]

    def empty(self, shape: tuple[int, ...], _like: Values, kind: str) -> Values:
        """An array to write results into: "float", "double" or "position"."""
        dtypes: dict[str, np.dtype[Any]] = {
            "float": self.dtype,
            "double": np.dtype(float),
            "position": np.dtype(np.intp),
        }
        return np.empty(shape, dtype=dtypes[kind])

    def where(self, mask: Values) -> Values:
        """Numbers of the true entries of (B,)."""
        return np.flatnonzero(mask)

    def photos(self, values: Values, index: Values) -> Values:
        """Some photos of (C, B); in the memory order that gathers are fast in, which plain indexing does not give."""
        return values.take(index, axis=1)

    def floored(self, values: Values, mask: Values, floor: float) -> Values:
        """The values, and the floor where the mask is false."""
        return np.where(mask, values, self.dtype.type(floor))

    def positions(self, mask: Values, layout: Layout) -> Values:
        """(B, L) positions 0..K-1 of the cells that are on, of a (C, B) mask with one per label."""
        segments, batch = layout.labels, mask.shape[1]
        entries = self.append(mask, 0.0).take(segments.gather, axis=0, mode="clip").view(np.uint8)
        position = np.zeros((segments.n_targets, batch), dtype=np.uint8)  # a label has at most 100 levels
        first = 0
        for start, n, k in segments.blocks:
            runs, found = entries[start : start + n * k].reshape(k, n, batch), position[first : first + n]
            for level in range(1, k):
                found += np.multiply(runs[level], level, dtype=np.uint8)
            first += n
        if segments.position is not None:
            position = position.take(segments.position, axis=0)
        return position.T

    def take(self, values: Values, index: IntArray) -> Values:
        """See `passes.Ops`, here and below."""
        return values.take(index, axis=0, mode="clip")

    def rows(self, values: Values, start: int, stop: int) -> Values:
        """View."""
        return values[start:stop]

    def append(self, values: Values, fill: float) -> Values:
        """Copy."""
        longer = np.empty((len(values) + 1, values.shape[1]), dtype=values.dtype)
        longer[:-1] = values
        longer[-1] = fill
        return longer

    def concat(self, parts: Sequence[Values]) -> Values:
        """Copy."""
        return np.concatenate(parts)

    def factors(self, cells: Values, index: IntArray, floor: float, below: Values | None, neutral: float) -> Values:
        """Written into one array, so that no part is copied twice."""
        n_cells = len(index)
        n_below = 0 if below is None else len(below)
        values = np.empty((n_cells + n_below + 2, cells.shape[1]), dtype=cells.dtype)
        cells.take(index, axis=0, out=values[:n_cells], mode="clip")
        values[n_cells] = floor
        if below is not None:
            values[n_cells + 1 : -1] = below
        values[-1] = neutral
        return values

    def gather(self, kind: Kind, values: Values, segments: Segments, neutral: float) -> Values:
        """In two steps: the entries of a chunk fit the cache."""
        batch = values.shape[1]
        found = np.empty((segments.n_targets + 1, batch), dtype=values.dtype)
        found[-1] = neutral
        entries = values.take(segments.gather, axis=0, mode="clip")
        if segments.position is None:
            _reduce_blocks(_UFUNCS[kind], entries, segments.blocks, found)
        else:
            sums = np.empty((segments.n_targets, batch), dtype=values.dtype)
            _reduce_blocks(_UFUNCS[kind], entries, segments.blocks, sums)
            sums.take(segments.position, axis=0, out=found[:-1], mode="clip")
        return found

    def group(self, kind: Kind, rows: Values, blocks: Blocks) -> Values:
        """In place of a scatter: the rows of a group lie together."""
        found = np.empty((sum(n for _, n, _ in blocks), rows.shape[1]), dtype=rows.dtype)
        if kind != "log_sum_exp":
            _reduce_blocks(_UFUNCS[kind], rows, blocks, found)
            return found
        first = 0
        for start, n, k in blocks:
            block = rows[start : start + n * k].reshape(k, n, -1)
            # The shift is per group: one per clique would let a whole group underflow.
            highest = block.max(axis=0)
            shifted = self.share(block - highest)
            np.add(np.log(shifted.sum(axis=0)), highest, out=found[first : first + n])
            first += n
        return found

    def plus_groups(self, rows: Values, groups: Values, blocks: Blocks) -> Values:
        """In place."""
        return _by_group(np.add, rows, groups, blocks, rows)

    def times_groups(self, rows: Values, groups: Values, blocks: Blocks, *, keep: bool = False) -> Values:
        """In place unless told to keep the rows."""
        out = np.empty_like(rows) if keep else rows
        out[-1] = 0
        return _by_group(np.multiply, rows, groups, blocks, out)

    def first_reaching(self, rows: Values, groups: Values, blocks: Blocks) -> Values:
        """Of the rows that reach the value all but the first are struck out."""
        reached = np.empty(rows.shape, dtype=np.bool_)
        reached[-1] = False
        _by_group(np.greater_equal, rows, groups, blocks, reached)
        for start, n, k in blocks:
            if k > 1:
                _keep_first(reached[start : start + n * k].reshape(k, n, -1))
        return reached

    def running_sum(self, rows: Values, blocks: Blocks) -> Values:
        """Block by block."""
        running = np.empty_like(rows)
        for start, n, k in blocks:
            block, out = (array[start : start + n * k].reshape(k, n, -1) for array in (rows, running))
            np.cumsum(block, axis=0, out=out)
        running[-1] = 0
        return running

    def last_rows(self, rows: Values, blocks: Blocks) -> Values:
        """Copy."""
        return np.concatenate([rows[start + n * (k - 1) : start + n * k] for start, n, k in blocks])

    def total(self, values: Values) -> Values:
        """In double precision."""
        return np.asarray(np.add.reduce(values, axis=0, dtype=np.float64))

    def add(self, left: Values, right: Values) -> Values:
        """In place."""
        left += right
        return left

    def subtract(self, left: Values, right: Values) -> Values:
        """New."""
        return np.asarray(left - right)

    def multiply(self, left: Values, right: Values) -> Values:
        """In place."""
        left *= right
        return left

    def negative(self, values: Values) -> Values:
        """New."""
        return np.asarray(-values)

    def exp(self, values: Values) -> Values:
        """In place."""
        return np.asarray(np.exp(values, out=values))

    def share(self, values: Values) -> Values:
        """In place. What would underflow is stopped short of it: numpy takes seven times as long for it, the processor
        forty times for numbers that are almost 0.
        """
        np.maximum(values, self._lowest, out=values)
        return self.exp(values)

    def log(self, values: Values) -> Values:
        """New."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(values))

    def inverse(self, values: Values) -> Values:
        """New."""
        if values.size and values.min() > 0:
            return np.asarray(np.reciprocal(values))
        return np.divide(1, values, out=np.zeros_like(values), where=values != 0)

    def constant(self, values: Values) -> Values:
        """There are no derivatives here."""
        return values


def _keep_memory() -> None:
    """Have glibc keep what a pass frees instead of giving it back to the system and taking it again page by page, which
    costs more than the arithmetic. One large block that comes and goes is how it learns: from then on it keeps up to
    twice as much. Other allocators are not impressed.
    """
    np.empty(31 * 2**20, dtype=np.uint8)


def _reduce_blocks(ufunc: np.ufunc, rows: Values, blocks: Blocks, out: Values) -> None:
    """Each block (n * k, B) over its k rows per target to (n, B), block after block into `out`."""
    batch = rows.shape[1]
    first = 0
    for start, n, k in blocks:
        target = out[first : first + n]
        if k == 1:
            target[:] = rows[start : start + n]
        elif k == 2:  # a reduction would copy the first run before adding the second
            ufunc(rows[start : start + n], rows[start + n : start + 2 * n], out=target)
        else:
            ufunc.reduce(rows[start : start + n * k].reshape(k, n, batch), axis=0, out=target)
        first += n


def _by_group(operation: Callable[..., Any], rows: Values, groups: Values, blocks: Blocks, out: Values) -> Values:
    batch = rows.shape[1]
    first = 0
    for start, n, k in blocks:
        stop = start + n * k
        block, target = (array[start:stop].reshape(k, n, batch) for array in (rows, out))
        operation(block, groups[first : first + n], out=target)
        first += n
    return out


def _keep_first(mask: Values) -> None:
    """Of the k in each group of (k, n, B) only the first that is on; in place."""
    k = len(mask)
    if k > _FEW:
        mask &= mask.argmax(axis=0) == np.arange(k)[:, None, None]
        return
    # The earlier the more: the greatest is the first. In bytes, which is many times quicker than to search.
    weight = np.arange(k, 0, -1, dtype=np.uint8)[:, None, None]
    weighted = mask.view(np.uint8) * weight
    np.equal(weighted, np.maximum(weighted.max(axis=0), 1), out=mask)
