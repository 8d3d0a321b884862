"""Clipped pixels: where the sensor or the processing ran into its end.

One channel at its end is a saturated colour: a red flower, a blue neon sign. Two channels at their end have
lost hue and detail both, and that is what the eye sees as burnt out. So a pixel counts as clipped when its
second-highest channel is at the end; the three channels are given apart as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLIPPED_FROM = 250
"""Of 255. Not 255 itself: JPEG's quantisation and chroma subsampling scatter a burnt area just below it."""


def is_clipped(planes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(H, W) pixels with at least two channels at the end, of (3, H, W) uint8 encoded sRGB, red first."""
    return _at_least_two(*(planes >= CLIPPED_FROM))


def clipped_fractions(planes: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """Shares of the pixels that are clipped.

    planes   (3, H, W) uint8, encoded sRGB, red first
    returns  pixel (at least two channels at the end), red, green, blue; each 0..1
    """
    red, green, blue = planes >= CLIPPED_FROM
    masks = (_at_least_two(red, green, blue), red, green, blue)
    pixel, *channels = (int(np.count_nonzero(mask)) / red.size for mask in masks)
    return pixel, channels[0], channels[1], channels[2]


def _at_least_two(red: NDArray[np.bool_], green: NDArray[np.bool_], blue: NDArray[np.bool_]) -> NDArray[np.bool_]:
    both: NDArray[np.bool_] = (red & green) | (blue & (red | green))
    return both
