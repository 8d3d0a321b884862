"""Luma and lightness of every pixel, counted into histograms.

    quantity  range   computed from                 source
    luma      0..1    encoded sRGB                  Rec. ITU-R BT.709-6, section 3
    lstar     0..100  linear light of sRGB, then    IEC 61966-2-1:1999; CIE 015:2018, section 8.2.1
                      CIE 1976 lightness

Both are weighted sums of three channels. One table over all pairs of red and green and one over blue, each with both
quantities side by side in 32 bits, give both sums in two look-ups and one addition. The scale is 25 000: the weights
0.2126, 0.7152 and 0.0722 are whole numbers on it, white is exactly 1, and a sum fits 16 bits. Rounding each table costs
at most one step in all: 0.00004 of luma, 0.04 of L* in the deepest black. The bins of lightness are numbered on from
those of luma, so that one pass counts both.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.photometry.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FULL_SCALE = 25_000
REC709_WEIGHTS = (0.2126, 0.7152, 0.0722)

_BINS = FULL_SCALE + 1


def linear_light_iec61966(encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light of encoded sRGB values.

    encoded  any shape, 0..1
    returns  same shape, 0..1

    IEC 61966-2-1:1999, section 5.2.
    """
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def lightness_cie1976(luminance: NDArray[np.float64]) -> NDArray[np.float64]:
    """L* of relative luminance.

    luminance  any shape, 0..1 with the display's white at 1
    returns    same shape, 0..100

    CIE 015:2018, section 8.2.1, with the exact constants (6/29)^3 and (29/3)^3.
    """
    return np.where(luminance > (6 / 29) ** 3, 116.0 * np.cbrt(luminance) - 16.0, (29 / 3) ** 3 * luminance)


def _table(curve: NDArray[np.float64], weights: Sequence[float]) -> NDArray[np.uint32]:
    """Weighted sums of a curve over one or two channels on the integer scale, for all their values together."""
    sums = weights[0] * curve if len(weights) == 1 else np.add.outer(weights[0] * curve, weights[1] * curve)
    return np.rint(FULL_SCALE * sums).astype(np.uint32).ravel()


def _both(luma: NDArray[np.uint32], luminance: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Luma in the first 16 bits as they lie in memory, luminance in the others; sums of two stay apart."""
    return np.stack([luma, luminance], -1).astype(np.uint16).view(np.uint32).ravel()


_ENCODED = np.arange(256) / 255.0
_LINEAR = linear_light_iec61966(_ENCODED)
_RED_GREEN = _both(_table(_ENCODED, REC709_WEIGHTS[:2]), _table(_LINEAR, REC709_WEIGHTS[:2]))
_BLUE = _both(_table(_ENCODED, REC709_WEIGHTS[2:]), _BINS + _table(_LINEAR, REC709_WEIGHTS[2:]))
_LUMA_VALUES = np.arange(_BINS) / FULL_SCALE
_LSTAR_VALUES = lightness_cie1976(_LUMA_VALUES)


@dataclasses.dataclass(frozen=True)
class Tones:
    """Luma and lightness of the pixels of one picture."""

    luma: Histogram
    """Pixels by luma; bins of 0..1 in steps of 1/25 000."""
    lstar: Histogram
    """Pixels by lightness; bins of 0..100, evenly spaced in luminance."""
    luma_bins: NDArray[np.uint16]
    """(H * W,) the bin of each pixel's luma, row by row."""


def count_tones(planes: NDArray[np.uint8]) -> Tones:
    """Count the pixels by luma and by lightness.

    planes  (3, H, W) uint8, encoded sRGB, red first; at least one pixel
    """
    red, green, blue = planes.reshape(3, -1)
    pairs = red.astype(np.uint16)
    pairs <<= 8
    pairs |= green
    # Every index is in range, and "wrap" is the mode that finds that out soonest.
    sums = _RED_GREEN.take(pairs, mode="wrap")
    sums += _BLUE.take(blue, mode="wrap")
    bins = sums.view(np.uint16)
    counts = _count(bins, 2 * _BINS)
    return Tones(Histogram(counts[:_BINS], _LUMA_VALUES), Histogram(counts[_BINS:], _LSTAR_VALUES), luma_bins=bins[::2])


def count_luma_bins(luma_bins: NDArray[np.uint16]) -> NDArray[np.int64]:
    """(V,) pixels in each bin of `Tones.luma`, of some of the pixels of a picture."""
    return _count(luma_bins, _BINS)


def _count(bins: NDArray[np.uint16], length: int) -> NDArray[np.int64]:
    # Not `np.bincount`: it looks for the lowest and the highest bin first and takes a third more time.
    counts = np.zeros(length, np.int64)
    np.add.at(counts, bins.astype(np.intp), 1)
    return counts
