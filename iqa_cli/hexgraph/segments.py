"""Sums over ragged lists without a scatter: lists of similar length are padded and summed as one block.

A gather and a sum over a contiguous axis run in numpy, torch and ONNX alike, in a fixed order on every
device; scatter additions are slow on a CPU and not reproducible on a GPU.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.intp]

Blocks = tuple[tuple[int, int, int], ...]
"""(first entry, targets n, entries per target k) of every block, in order. A block is k runs of n entries,
the first entry of every target, then the second of every target: whole runs are what array libraries add up fastest."""

BLOCK_COST = 48
"""What one more block costs, in padded entries: to start an operation takes about as long as to add up so
many rows of a batch of some dozen photos."""


@dataclasses.dataclass(frozen=True, eq=False)
class Segments:
    """For each target the list of sources to add up."""

    gather: IntArray
    """(E,) source of every entry, block after block; n_sources stands for "nothing"."""
    blocks: Blocks
    """How the entries are summed."""
    position: IntArray | None
    """(n_targets,) where each target's sum stands in the row of blocks; None if in order already."""
    n_targets: int
    """Number of targets."""
    n_sources: int
    """Number of sources; the values have one more row, which is neutral."""


def frozen(values: NDArray[np.intp]) -> IntArray:
    """The array as intp, made read-only: a plan is shared."""
    made = np.ascontiguousarray(values, dtype=np.intp)
    made.flags.writeable = False
    return made


def make_blocks(sizes: IntArray) -> tuple[IntArray, IntArray]:
    """Which lists to pad to a common length: the cheapest cut of the lengths in order.

    sizes    (n,) lengths of the lists, in rising order
    returns  ((blocks,) lists in each block, (blocks,) padded length of each block)

    Dynamic programming over the distinct lengths; cost = padded entries + BLOCK_COST a block.
    """
    length, count = np.unique(sizes, return_counts=True)
    below = np.concatenate([[0], np.cumsum(count)])
    best = np.zeros(len(length) + 1)
    cut = np.zeros(len(length) + 1, dtype=np.intp)
    for end in range(1, len(length) + 1):
        cost = best[:end] + (below[end] - below[:end]) * length[end - 1] + BLOCK_COST
        cut[end] = np.argmin(cost)
        best[end] = cost[cut[end]]
    ends = [len(length)]
    while ends[-1] > 0:
        ends.append(int(cut[ends[-1]]))
    edges = np.array(ends[::-1], dtype=np.intp)
    return np.diff(below[edges]), length[edges[1:] - 1]


def first_entries(counts: IntArray, lengths: IntArray) -> tuple[IntArray, IntArray]:
    """Where the entries of each target stand, targets block after block: the first, and the step to the next."""
    starts = np.cumsum(counts * lengths) - counts * lengths
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(starts, counts) + within, np.repeat(counts, counts)


def block_tuples(counts: IntArray, lengths: IntArray) -> Blocks:
    """Blocks of these numbers of targets and entries per target."""
    starts = np.cumsum(counts * lengths) - counts * lengths
    return tuple((int(s), int(n), int(k)) for s, n, k in zip(starts, counts, lengths, strict=True))


def make_segments(target: IntArray, source: IntArray, n_targets: int, n_sources: int) -> Segments:
    """Segments of (target, source) pairs; a target without a pair sums to nothing.

    target, source  (P,) pairs, in any order; the sources of a target keep theirs
    """
    sizes = np.bincount(target, minlength=n_targets).astype(np.intp)
    by_size = np.argsort(sizes, kind="stable")
    counts, lengths = make_blocks(np.maximum(sizes[by_size], 1))
    if n_targets * lengths[-1] <= counts @ lengths + (len(counts) - 1) * BLOCK_COST + n_targets:
        counts, lengths = np.array([n_targets]), lengths[-1:]  # one block needs no putting in order afterwards
    if len(counts) == 1:
        by_size = np.arange(n_targets)
    first, step = first_entries(counts, lengths)
    gather = np.full(int(counts @ lengths), n_sources, dtype=np.intp)
    order = np.argsort(target, kind="stable")
    within = np.arange(len(target)) - np.concatenate([[0], np.cumsum(sizes)])[target[order]]
    position = np.empty(n_targets, dtype=np.intp)
    position[by_size] = np.arange(n_targets)
    place = position[target[order]]
    gather[first[place] + within * step[place]] = source[order]
    return Segments(
        gather=frozen(gather),
        blocks=block_tuples(counts, lengths),
        position=None if len(counts) == 1 else frozen(position),
        n_targets=n_targets,
        n_sources=n_sources,
    )
