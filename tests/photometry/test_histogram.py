"""Statistics of a histogram equal numpy's statistics of the pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_cli.photometry.histogram import Histogram

pixel_lists = st.lists(st.integers(0, 20), min_size=1, max_size=200)


def counted(pixels: list[int]) -> Histogram:
    return Histogram(np.bincount(pixels, minlength=21), np.arange(21.0))


@given(pixel_lists)
def test_mean_and_deviation_are_those_of_the_pixels(pixels: list[int]) -> None:
    histogram = counted(pixels)
    assert histogram.total == len(pixels)
    assert histogram.mean() == pytest.approx(np.mean(pixels))
    assert histogram.std() == pytest.approx(np.std(pixels), abs=1e-12)


@given(pixel_lists)
def test_percentiles_are_the_nearest_ranks(pixels: list[int]) -> None:
    percents = (0, 1, 5, 50, 95, 99, 100)
    expected = np.percentile(pixels, percents, method="inverted_cdf")
    assert counted(pixels).percentiles(*percents) == expected.tolist()


@given(pixel_lists, st.integers(0, 22))
def test_fraction_below_counts_strictly_smaller_pixels(pixels: list[int], value: int) -> None:
    assert counted(pixels).fraction_below(value) == pytest.approx(np.mean(np.array(pixels) < value))


@given(pixel_lists, st.sampled_from([0.01, 0.1, 0.5, 1.0]))
def test_top_holds_the_highest_pixels_and_no_others(pixels: list[int], fraction: float) -> None:
    wanted = sorted(pixels)[-math.ceil(len(pixels) * fraction) :]
    top = counted(pixels).top(fraction)
    assert top.total == len(wanted)
    assert top.mean() == pytest.approx(np.mean(wanted))


def test_values_outside_the_range_are_refused() -> None:
    histogram = counted([1, 2, 3])
    with pytest.raises(ValueError, match="percent"):
        histogram.percentiles(50, 101)
    with pytest.raises(ValueError, match="fraction"):
        histogram.top(0)
    with pytest.raises(ValueError, match="one pixel"):
        Histogram(np.zeros(3, np.int64), np.arange(3.0))
    with pytest.raises(ValueError, match="two"):
        Histogram(np.ones(3, np.int64), np.arange(4.0))
