"""What the page shows of the pixels is what was counted."""

from __future__ import annotations

import numpy as np
import pytest

from iqa_cli.photometry import examine
from iqa_cli.photometry.measure import LUMA_BINS


@pytest.fixture
def picture() -> np.ndarray:
    """A grey ramp with a burnt stripe, a black one, and one of a single channel at its end."""
    ramp = np.linspace(30, 220, 120).astype(np.uint8)
    rgb = np.repeat(np.repeat(ramp[None, :, None], 90, 0), 3, 2)
    rgb[:10] = 252
    rgb[10:30] = 3
    rgb[30:35] = (255, 10, 10)
    return rgb


def test_areas_are_the_pixels_that_the_fractions_count(picture: np.ndarray) -> None:
    seen = examine(picture)
    values = {entry.name: entry.value for entry in seen.measurements}
    areas = seen.areas()
    assert areas.shape == picture.shape[:2]
    assert np.mean(areas == 1) == values["clipped_fraction"] == pytest.approx(10 / 90)
    assert np.mean(areas == 2) == values["dark_fraction"] == pytest.approx(20 / 90)
    assert (areas[:10] == 1).all()
    assert (areas[10:30] == 2).all()
    assert (areas[30:] == 0).all()


def test_noise_is_counted_alike() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    rgb[::7] //= 40
    seen = examine(rgb)
    values = {entry.name: entry.value for entry in seen.measurements}
    assert np.mean(seen.areas() == 1) == values["clipped_fraction"] > 0
    assert np.mean(seen.areas() == 2) == values["dark_fraction"] > 0


def test_the_histogram_is_that_of_luma(picture: np.ndarray) -> None:
    histogram = examine(picture).luma_histogram().astype(float)
    assert histogram.shape == (LUMA_BINS,)
    assert histogram.max() == 255
    luma = picture.astype(float) @ [0.2126, 0.7152, 0.0722] / 255
    expected, _ = np.histogram(luma, np.linspace(0, 1, LUMA_BINS + 1))
    # A pixel at the edge of a bin may be rounded into the next one.
    np.testing.assert_allclose(histogram, 255 * expected / expected.max(), atol=16)
    assert ((histogram > 0) == (expected > 0)).mean() > 0.95


def test_one_value_is_one_bin() -> None:
    histogram = examine(np.full((20, 20, 3), 255, np.uint8)).luma_histogram()
    assert histogram[-1] == 255
    assert histogram[:-1].max() == 0
