"""The steps of a pass in numpy. Overwrites what it may: a pass allocates little and stays in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iqa_cli.crf.passes import Kind
    from iqa_cli.hexgraph.segments import Blocks, IntArray

Values = NDArray[Any]

_UFUNCS: dict[str, np.ufunc] = {
    "sum": np.add,
    "product": np.multiply,
    "highest": np.maximum,
    "lowest": np.minimum,
    "any": np.logical_or,
}

_FEW = 4
"""Rows per group up to which a narrow batch is reduced row by row: numpy's own reduction has more to set up."""

_NARROW = 100
"""Photos up to which a batch is narrow."""


class NumpyOps:
    """`passes.Ops` of numpy arrays of one floating type (and masks)."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype

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
        """An array to write results into: "float", "double" or "cells"."""
        return np.empty(shape, dtype={"float": self.dtype, "double": np.float64, "cells": np.intp}[kind])

    def where(self, mask: Values) -> Values:
        """Numbers of the true entries of (B,)."""
        return np.flatnonzero(mask)

    def floored(self, values: Values, mask: Values, floor: float) -> Values:
        """The values, and the floor where the mask is false."""
        return np.where(mask, values, self.dtype.type(floor))

    def numbers(self, mask: Values, n_labels: int) -> Values:
        """(B, L) cells that are on, of a (C, B) mask with one per label."""
        return np.nonzero(np.ascontiguousarray(mask.T))[1].reshape(-1, n_labels)

    def take(self, values: Values, index: IntArray) -> Values:
        return values.take(index, axis=0)

    def rows(self, values: Values, start: int, count: int) -> Values:
        return values[start : start + count]

    def append(self, values: Values, *fills: float) -> Values:
        rows = len(values)
        longer = np.empty((rows + len(fills), values.shape[1]), dtype=values.dtype)
        longer[:rows] = values
        for place, fill in enumerate(fills, start=rows):
            longer[place] = fill
        return longer

    def concat(self, parts: Sequence[Values]) -> Values:
        return np.concatenate(parts)

    def reduce(self, kind: Kind, values: Values, n: int, k: int) -> Values:
        block = values.reshape(n, k, values.shape[1])
        if kind == "log_sum_exp":
            # The shift is per group: one per clique would let a whole group underflow.
            highest = block.max(axis=1)
            shifted = block - highest[:, None]
            np.exp(shifted, out=shifted)
            return np.asarray(np.log(shifted.sum(axis=1)) + highest)
        ufunc = _UFUNCS[kind]
        if k <= _FEW and values.shape[1] <= _NARROW:
            reduced = ufunc(block[:, 0], block[:, 1])
            for j in range(2, k):
                ufunc(reduced, block[:, j], out=reduced)
            return np.asarray(reduced)
        return np.asarray(ufunc.reduce(block, axis=1))

    def total(self, values: Values) -> Values:
        return np.asarray(values.sum(axis=0, dtype=np.float64))

    def add(self, left: Values, right: Values) -> Values:
        left += right
        return left

    def subtract(self, left: Values, right: Values) -> Values:
        return np.asarray(left - right)

    def multiply(self, left: Values, right: Values) -> Values:
        left *= right
        return left

    def plus_groups(self, values: Values, groups: Values, blocks: Blocks) -> Values:
        return _by_group(np.add, values, groups, blocks, values)

    def times_groups(self, values: Values, groups: Values, blocks: Blocks, *, keep: bool = False) -> Values:
        return _by_group(np.multiply, values, groups, blocks, np.empty_like(values) if keep else values)

    def first_reaching(self, values: Values, groups: Values, blocks: Blocks) -> Values:
        reached = np.empty(values.shape, dtype=np.bool_)
        _by_group(np.greater_equal, values, groups, blocks, reached)
        for start, n, k in blocks:
            if k > 1:
                _keep_first(reached[start : start + n * k].reshape(n, k, -1))
        return reached

    def running_sum(self, values: Values, blocks: Blocks) -> Values:
        running = np.empty_like(values)
        for start, n, k in blocks:
            shape = (n, k, values.shape[1])
            block, out = (array[start : start + n * k].reshape(shape) for array in (values, running))
            np.cumsum(block, axis=1, out=out)
        return running

    def last_rows(self, values: Values, blocks: Blocks) -> Values:
        batch = values.shape[1]
        return np.concatenate([values[start : start + n * k].reshape(n, k, batch)[:, -1] for start, n, k in blocks])

    def negative(self, values: Values) -> Values:
        return np.asarray(-values)

    def exp(self, values: Values) -> Values:
        return np.asarray(np.exp(values))

    def log(self, values: Values) -> Values:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(values))

    def inverse(self, values: Values) -> Values:
        with np.errstate(divide="ignore"):
            inverse = np.divide(1.0, values, dtype=values.dtype)
        inverse[values == 0] = 0.0
        return np.asarray(inverse)

    def constant(self, values: Values) -> Values:
        return values


def _by_group(operation: Callable[..., Any], values: Values, groups: Values, blocks: Blocks, out: Values) -> Values:
    batch = values.shape[1]
    first = 0
    for start, n, k in blocks:
        rows = slice(start, start + n * k)
        operation(
            values[rows].reshape(n, k, batch), groups[first : first + n, None], out=out[rows].reshape(n, k, batch)
        )
        first += n
    return out


def _keep_first(mask: Values) -> None:
    """Of the k in each group of (n, k, B) only the first that is on; in place."""
    n, k, batch = mask.shape
    if n * batch < 2048 or k > 64:  # few: the fewer calls the better
        first = mask.argmax(axis=1)
        mask &= first[:, None] == np.arange(k)[:, None]
        return
    taken = mask[:, 0].copy()
    for j in range(1, k):
        np.greater(mask[:, j], taken, out=mask[:, j])
        np.logical_or(taken, mask[:, j], out=taken)
