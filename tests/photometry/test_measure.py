"""Measurements: known values, ranges, what must not change them, and the smallest picture there is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from iqa_cli.photometry import MEASUREMENT_NAMES, measure
from iqa_cli.photometry.luma import (
    FULL_SCALE,
    REC709_WEIGHTS,
    count_tones,
    lightness_cie1976,
    linear_light_iec61966,
)

pictures = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12).map(lambda shape: (*shape, 3)))


def values(rgb: np.ndarray) -> dict[str, float]:
    return {measurement.name: measurement.value for measurement in measure(rgb)}


def card(*rgb: int, height: int = 6, width: int = 8) -> np.ndarray:
    return np.full((height, width, 3), rgb, np.uint8)


def lstar_by_the_book(rgb: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1 and CIE 015:2018 pixel by pixel in floating point."""
    encoded = rgb.astype(np.float64) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array(REC709_WEIGHTS)
    return np.where(luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, 24389 / 27 * luminance)


@pytest.mark.parametrize(
    ("grey", "lstar"), [(0, 0.0), (1, 0.2742), (46, 18.94), (119, 50.03), (128, 53.59), (200, 80.60), (255, 100.0)]
)
def test_greys_have_their_tabled_lightness(grey: int, lstar: float) -> None:
    assert values(card(grey, grey, grey))["lstar_mean"] == pytest.approx(lstar, abs=0.04)


@pytest.mark.parametrize(
    ("rgb", "luma", "lstar"), [((255, 0, 0), 0.2126, 53.24), ((0, 255, 0), 0.7152, 87.74), ((0, 0, 255), 0.0722, 32.30)]
)
def test_primaries_have_their_tabled_luma_and_lightness(rgb: tuple[int, int, int], luma: float, lstar: float) -> None:
    measured = values(card(*rgb))
    assert measured["luma_mean"] == pytest.approx(luma, abs=1e-9)
    assert measured["lstar_mean"] == pytest.approx(lstar, abs=0.02)


def test_white_is_exactly_one() -> None:
    assert sum(round(weight * FULL_SCALE) for weight in REC709_WEIGHTS) == FULL_SCALE
    assert linear_light_iec61966(np.array([1.0])) == pytest.approx(1.0)
    assert lightness_cie1976(np.array([1.0])) == pytest.approx(100.0)


@given(pictures)
@settings(deadline=None)
def test_all_agree_with_formulas_in_floating_point(rgb: np.ndarray) -> None:
    luma, lstar = rgb / 255 @ np.array(REC709_WEIGHTS), lstar_by_the_book(rgb)
    measured = values(rgb)
    assert measured["luma_mean"] == pytest.approx(luma.mean(), abs=1e-4)
    assert measured["luma_median"] == pytest.approx(np.percentile(luma, 50, method="inverted_cdf"), abs=1e-4)
    assert measured["lstar_mean"] == pytest.approx(lstar.mean(), abs=0.04)
    assert measured["lstar_std"] == pytest.approx(lstar.std(), abs=0.04)
    tenth = np.sort(lstar, axis=None)[-math.ceil(lstar.size / 10) :]
    assert measured["lstar_top_tenth_mean"] == pytest.approx(tenth.mean(), abs=0.04)
    assert measured["clipped_fraction"] == np.mean(np.sort(rgb, axis=-1)[..., 1] >= 250)


@given(pictures)
@settings(deadline=None)
def test_names_units_and_ranges_hold_for_any_picture(rgb: np.ndarray) -> None:
    measured = measure(rgb)
    assert tuple(measurement.name for measurement in measured) == MEASUREMENT_NAMES
    for measurement in measured:
        assert type(measurement.value) is float
        assert 0 <= measurement.value <= {"luma": 1, "fraction": 1, "lstar": 100}[measurement.unit], measurement


@given(pictures)
@settings(deadline=None)
def test_mirrored_and_turned_pictures_measure_the_same(rgb: np.ndarray) -> None:
    assert measure(rgb) == measure(rgb[:, ::-1]) == measure(rgb[::-1]) == measure(rgb.transpose(1, 0, 2))


@given(pictures, st.integers(1, 60))
@settings(deadline=None)
def test_brightening_never_lowers_luma(rgb: np.ndarray, step: int) -> None:
    before, after = values(rgb), values(np.minimum(rgb.astype(np.int64) + step, 255).astype(np.uint8))
    for name in MEASUREMENT_NAMES:
        if name.startswith(("luma", "clipped", "lstar_mean", "lstar_top_tenth_mean")):
            assert after[name] >= before[name], name
    assert after["dark_fraction"] <= before["dark_fraction"]


def test_a_grey_card_has_no_clipping_and_no_contrast() -> None:
    measured = values(card(119, 119, 119))
    assert [measured[name] for name in MEASUREMENT_NAMES if "fraction" in name] == [0] * 5
    assert [measured[name] for name in ("lstar_std", "lstar_p5_p95_spread", "lstar_top_tenth_std")] == [0] * 3


def test_a_saturated_colour_is_not_clipped_but_two_full_channels_are() -> None:
    red, yellow = values(card(255, 40, 30)), values(card(255, 252, 30))
    assert (red["clipped_fraction"], red["clipped_fraction_r"]) == (0, 1)
    assert (yellow["clipped_fraction"], yellow["clipped_fraction_b"]) == (1, 0)


def test_clipping_begins_at_250_and_darkness_below_2_percent() -> None:
    assert values(card(249, 249, 249))["clipped_fraction"] == 0
    assert values(card(250, 250, 250))["clipped_fraction"] == 1
    assert values(card(5, 5, 5))["dark_fraction"] == 1
    assert values(card(6, 6, 6))["dark_fraction"] == 0


def test_half_black_half_white_has_the_full_spread() -> None:
    measured = values(np.concatenate([card(0, 0, 0), card(255, 255, 255)]))
    assert measured["lstar_p5_p95_spread"] == pytest.approx(100)
    assert measured["lstar_std"] == pytest.approx(50)
    assert measured["luma_mean"] == pytest.approx(0.5)


def test_one_pixel_is_enough() -> None:
    measured = values(card(255, 255, 255, height=1, width=1))
    assert measured["luma_p1"] == measured["luma_p99"] == 1
    assert measured["lstar_std"] == 0


def test_a_read_only_strided_view_measures_like_its_copy() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    view = picture[::2, ::3]
    view.flags.writeable = False
    assert measure(view) == measure(view.copy())


def test_every_colour_is_as_near_as_promised() -> None:
    """All of red and green beside each other, with some blue: luma within 0.00004, L* within 0.04."""
    red, green = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    for blue in (0, 1, 7, 100, 255):
        rgb = np.stack([red, green, np.full_like(red, blue)], -1)
        tones = count_tones(rgb.transpose(2, 0, 1))
        luma, lstar = rgb / 255 @ np.array(REC709_WEIGHTS), lstar_by_the_book(rgb)
        assert np.abs(tones.luma_bins / FULL_SCALE - luma.ravel()).max() <= 0.00004
        counted = np.repeat(tones.lstar.values, tones.lstar.counts)
        assert np.abs(counted - np.sort(lstar, axis=None)).max() <= 0.04
