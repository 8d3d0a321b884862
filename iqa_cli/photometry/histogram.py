"""Statistics of a histogram: what the measurements have in common.

A histogram is two arrays of the same length: how many pixels fall in each bin, and which value the bin stands
for, rising. Statistics of it are exact statistics of the binned pixels.

Axes: V bins.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Histogram:
    """Pixels counted by value."""

    counts: NDArray[np.int64]
    """(V,) pixels per bin; at least one pixel in all."""
    values: NDArray[np.float64]
    """(V,) the value each bin stands for, rising."""

    def __post_init__(self) -> None:
        """Refuse shapes that differ and a histogram of nothing."""
        if self.counts.ndim != 1 or self.counts.shape != self.values.shape:
            raise ValueError(f"expected two (V,) arrays, got {self.counts.shape} and {self.values.shape}")
        if self.total < 1:
            raise ValueError("a histogram needs at least one pixel")

    @functools.cached_property
    def _cumulative(self) -> NDArray[np.int64]:
        """(V,) pixels in this bin and all below it."""
        return np.cumsum(self.counts)

    @functools.cached_property
    def _mean(self) -> float:
        return self._sum(self.values) / self.total

    @functools.cached_property
    def total(self) -> int:
        """Pixels counted."""
        return int(self._cumulative[-1])

    def mean(self) -> float:
        """Arithmetic mean of the pixels."""
        return self._mean

    def std(self) -> float:
        """Standard deviation of the pixels (of the whole population, not of a sample)."""
        deviations = self.values - self._mean
        return math.sqrt(self._sum(np.square(deviations, out=deviations)) / self.total)

    def percentiles(self, *percents: float) -> list[float]:
        """For each percent the smallest value that at least so many of the pixels do not exceed.

        percents  0..100
        raises    ValueError  outside that range

        Nearest rank, numpy's `inverted_cdf`: always a value that occurs in the picture.
        """
        for percent in percents:
            if not 0 <= percent <= 100:
                raise ValueError(f"percent must be in 0..100, got {percent}")
        ranks = [max(1, math.ceil(self.total * percent / 100)) for percent in percents]
        found: list[float] = self.values[np.searchsorted(self._cumulative, ranks)].tolist()
        return found

    def fraction_below(self, value: float) -> float:
        """Share of the pixels that lie strictly below a value; 0..1."""
        bins = int(np.searchsorted(self.values, value))
        return int(self._cumulative[bins - 1]) / self.total if bins else 0.0

    def top(self, fraction: float) -> Histogram:
        """The highest pixels alone: `fraction` of them, rounded up, so at least one.

        fraction  0..1, above 0
        raises    ValueError  outside that range
        """
        if not 0 < fraction <= 1:
            raise ValueError(f"fraction must be above 0 and at most 1, got {fraction}")
        left_out = self.total - math.ceil(self.total * fraction)
        first = int(np.searchsorted(self._cumulative, left_out, side="right"))
        counts = self.counts[first:].copy()
        counts[0] = self._cumulative[first] - left_out  # the bin that the limit runs through counts in part
        return Histogram(counts, self.values[first:])

    def _sum(self, terms: NDArray[np.float64]) -> float:
        # Not `counts @ terms`: BLAS wakes all its threads for this length, which costs ten times the sum
        # itself.
        return float((self.counts * terms).sum())
