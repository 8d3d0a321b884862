"""Measurements and structure equal a plain account, pixel by pixel in Python, of pictures of all kinds."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from iqa_cli.photometry import measure
from iqa_cli.photometry.luma import FULL_SCALE, REC709_WEIGHTS, count_tones
from iqa_cli.photometry.subject import structure

if TYPE_CHECKING:
    from collections.abc import Sequence

Picture = NDArray[np.uint8]
Pixel = tuple[int, int, int]


def card(height: int, width: int, *rgb: int) -> Picture:
    return np.full((height, width, 3), rgb, np.uint8)


def random(height: int, width: int, low: int = 0, high: int = 256) -> Picture:
    return np.random.default_rng(height * width).integers(low, high, (height, width, 3), dtype=np.uint8)


def two_tones(height: int, width: int) -> Picture:
    down, across = np.mgrid[0:height, 0:width] // 3
    return np.where(((down + across) % 2)[..., None], np.uint8(250), np.uint8(30)).repeat(3, 2)


def at_the_ends(height: int, width: int) -> Picture:
    """Pure colours and their nearest neighbours, which are not clipped."""
    ends = np.array([0, 3, 5, 6, 249, 250, 255], np.uint8)
    return ends[np.random.default_rng(3).integers(0, len(ends), (height, width, 3))]


def burnt(height: int, width: int) -> Picture:
    """Half of it even and white, some of it black, the rest texture."""
    picture = random(height, width, 100, 140)
    picture[: height // 2] = 255
    picture[:, : width // 5] = (0, 2, 5)
    return picture


PICTURES: dict[str, Picture] = {
    "one pixel": card(1, 1, 7, 200, 90),
    "one white pixel": card(1, 1, 255, 255, 255),
    "one row": random(1, 37),
    "one column": random(41, 1),
    "a row too low for blocks": random(15, 60),
    "16 x 16": random(16, 16),
    "16 x 16 white": card(16, 16, 255, 255, 255),
    "black": card(18, 33, 0, 0, 0),
    "grey": card(24, 17, 119, 119, 119),
    "blue": card(17, 24, 0, 0, 255),
    "two tones": two_tones(31, 26),
    "noise": random(40, 29),
    "faint noise": random(23, 48, 90, 97),
    "at the ends": at_the_ends(36, 21),
    "burnt": burnt(33, 44),
    "turned": burnt(33, 44).transpose(1, 0, 2),
    "mirrored": burnt(19, 40)[:, ::-1],
    "every other pixel": random(50, 70, 200, 256)[::2, ::3],
}
every_picture = pytest.mark.parametrize("rgb", PICTURES.values(), ids=PICTURES)


def linear(value: int) -> float:
    encoded = value / 255
    return encoded / 12.92 if encoded <= 0.04045 else ((encoded + 0.055) / 1.055) ** 2.4


def lightness(bin_: int) -> float:
    luminance = bin_ / FULL_SCALE
    return 116 * math.cbrt(luminance) - 16 if luminance > (6 / 29) ** 3 else (29 / 3) ** 3 * luminance


def bin_of(red: float, green: float, blue: float) -> int:
    """Red and green rounded together, then blue, as the module says."""
    weights = REC709_WEIGHTS
    return round(FULL_SCALE * (weights[0] * red + weights[1] * green)) + round(FULL_SCALE * weights[2] * blue)


def pixels_of(rgb: Picture) -> list[Pixel]:
    return [(int(red), int(green), int(blue)) for row in rgb for red, green, blue in row]


def lumas_of(pixels: Sequence[Pixel]) -> list[int]:
    return [bin_of(*(value / 255 for value in pixel)) for pixel in pixels]


def luminances_of(pixels: Sequence[Pixel]) -> list[int]:
    return [bin_of(*map(linear, pixel)) for pixel in pixels]


def rank(ordered: Sequence[float], percent: int) -> float:
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]


@every_picture
def test_every_pixel_is_in_the_bins_of_its_luma_and_lightness(rgb: Picture) -> None:
    pixels = pixels_of(rgb)
    tones = count_tones(rgb.transpose(2, 0, 1))
    assert tones.luma_bins.tolist() == lumas_of(pixels)
    for histogram, bins in ((tones.luma, lumas_of(pixels)), (tones.lstar, luminances_of(pixels))):
        assert {int(b): int(histogram.counts[b]) for b in np.flatnonzero(histogram.counts)} == Counter(bins)


@every_picture
def test_measurements_are_those_of_the_sorted_pixels(rgb: Picture) -> None:
    measured = {measurement.name: measurement.value for measurement in measure(rgb)}
    pixels = pixels_of(rgb)
    luma = sorted(bin_ / FULL_SCALE for bin_ in lumas_of(pixels))
    lstar = sorted(map(lightness, luminances_of(pixels)))
    top = lstar[-math.ceil(len(lstar) / 10) :]
    ends = [[value >= 250 for value in pixel] for pixel in pixels]
    exact = {
        "luma_p1": rank(luma, 1),
        "luma_p5": rank(luma, 5),
        "luma_median": rank(luma, 50),
        "luma_p95": rank(luma, 95),
        "luma_p99": rank(luma, 99),
        "dark_fraction": sum(value < 0.02 for value in luma) / len(luma),
        "clipped_fraction": sum(sum(end) >= 2 for end in ends) / len(ends),
        "clipped_fraction_r": sum(end[0] for end in ends) / len(ends),
        "clipped_fraction_g": sum(end[1] for end in ends) / len(ends),
        "clipped_fraction_b": sum(end[2] for end in ends) / len(ends),
    }
    rounded = {
        "luma_mean": statistics.fmean(luma),
        "lstar_mean": statistics.fmean(lstar),
        "lstar_std": statistics.pstdev(lstar),
        "lstar_p5_p95_spread": rank(lstar, 95) - rank(lstar, 5),
        "lstar_top_tenth_mean": statistics.fmean(top),
        "lstar_top_tenth_std": statistics.pstdev(top),
    }
    assert {name: measured[name] for name in exact} == exact
    assert {name: measured[name] for name in rounded} == pytest.approx(rounded, rel=1e-10, abs=1e-10)
    assert exact.keys() | rounded.keys() == measured.keys()


def is_pure(pixel: Sequence[int]) -> bool:
    """All channels at an end, each at either."""
    return all(value <= 5 or value >= 250 for value in pixel)


def neighbours(rgb: Picture) -> list[tuple[list[int], list[int]]]:
    rows: list[list[list[int]]] = rgb.tolist()
    across = [pair for row in rows for pair in itertools.pairwise(row)]
    return across + [pair for upper, lower in itertools.pairwise(rows) for pair in zip(upper, lower, strict=True)]


def bent_places(lines: list[list[int]]) -> int:
    return sum(abs(line[i - 1] - 2 * line[i] + line[i + 1]) > 15 for line in lines for i in range(1, len(line) - 1))


@every_picture
def test_structure_is_that_of_pixels_neighbours_and_blocks(rgb: Picture) -> None:
    found = structure(np.ascontiguousarray(rgb.transpose(2, 0, 1)), count_tones(rgb.transpose(2, 0, 1)))
    height, width = rgb.shape[:2]
    if min(height, width) < 16:
        assert found is None
        return
    assert found is not None
    steps, total = [], 0
    for one, other in neighbours(rgb):
        step = max(abs(a - b) for a, b in zip(one, other, strict=True))
        both = is_pure(one) and is_pure(other)
        total += 1
        if not (both and step <= 5):
            steps.append(step)
    counted = max(1, len(steps))

    sums = [[sum(pixel) for pixel in row] for row in rgb.tolist()]
    columns = [list(column) for column in zip(*sums, strict=True)]
    blocks = [
        [sums[top + y][left + x] for y in range(8) for x in range(8)]
        for top in range(0, height - 7, 8)
        for left in range(0, width - 7, 8)
    ]
    means = [statistics.fmean(block) for block in blocks]
    variance = statistics.pvariance(list(itertools.chain.from_iterable(blocks)))

    pixels = pixels_of(rgb)
    pure = [is_pure(pixel) for pixel in pixels]
    everywhere = Counter(lumas_of(pixels))
    unclipped = Counter(lumas_of([pixel for pixel, out in zip(pixels, pure, strict=True) if not out]))
    left_over = sum(unclipped.values())
    # Rare lumas are not looked at: at most 1 pixel in 256 has them.
    often = [unclipped[luma] for luma, count in everywhere.items() if count > left_over // 256]

    assert found.side == min(height, width)
    assert found.spread == pytest.approx((max(means) - min(means)) / 3)
    assert found.coherence == pytest.approx(64 * statistics.pvariance(means) / variance if variance else 0)
    assert found.bent == (bent_places(sums) + bent_places(columns)) / (2 * height * width)
    assert found.stepped == len(steps) / total
    assert found.equal == steps.count(0) / counted
    assert found.fine == sum(1 <= step <= 16 for step in steps) / counted
    assert found.large == sum(step > 24 for step in steps) / counted
    assert found.huge == sum(step > 48 for step in steps) / counted
    assert found.common == (sum(sorted(often)[-4:]) / left_over if left_over else 1)
