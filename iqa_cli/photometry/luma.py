"""Luma and lightness of every pixel, counted into histograms.

    quantity  range   computed from                 source
    luma      0..1    encoded sRGB                  Rec. ITU-R BT.709-6, section 3
    lstar     0..100  linear light of sRGB, then    IEC 61966-2-1:1999; CIE 015:2018, section 8.2.1
                      CIE 1976 lightness

Both are weighted sums of three channels, so three tables of 256 integers and two additions do the work of a
matrix product. The scale is 50 000: the weights 0.2126, 0.7152 and 0.0722 are whole numbers on it, white is
exactly 1, and the sum still fits 16 bits. Rounding each table costs at most 1.5 steps: 0.00003 of luma, 0.03
of L* in the deepest black.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.photometry.histogram import Histogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

FULL_SCALE = 50_000
REC709_WEIGHTS = (0.2126, 0.7152, 0.0722)


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


def _tables(curve: NDArray[np.float64]) -> tuple[NDArray[np.uint16], ...]:
    """Per channel, 256 weighted values of a curve on the integer scale."""
    return tuple(np.rint(weight * FULL_SCALE * curve).astype(np.uint16) for weight in REC709_WEIGHTS)


_ENCODED = np.arange(256) / 255.0
_LUMA_TABLES = _tables(_ENCODED)
_LUMINANCE_TABLES = _tables(linear_light_iec61966(_ENCODED))
_LUMA_VALUES = np.arange(FULL_SCALE + 1) / FULL_SCALE
_LSTAR_VALUES = lightness_cie1976(_LUMA_VALUES)


def _count(rgb: NDArray[np.uint8], tables: tuple[NDArray[np.uint16], ...]) -> NDArray[np.int64]:
    red, green, blue = (table.take(rgb[..., channel]) for channel, table in enumerate(tables))
    return np.bincount((red + green + blue).ravel(), minlength=FULL_SCALE + 1)


def luma_rec709_histogram(rgb: NDArray[np.uint8]) -> Histogram:
    """Pixels by luma.

    rgb      (H, W, 3) uint8, encoded sRGB
    returns  bins of 0..1 in steps of 1/50 000
    """
    return Histogram(_count(rgb, _LUMA_TABLES), _LUMA_VALUES)


def lstar_cie1976_histogram(rgb: NDArray[np.uint8]) -> Histogram:
    """Pixels by lightness.

    rgb      (H, W, 3) uint8, encoded sRGB
    returns  bins of 0..100, evenly spaced in luminance
    """
    return Histogram(_count(rgb, _LUMINANCE_TABLES), _LSTAR_VALUES)
