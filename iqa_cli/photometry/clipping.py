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


def clipped_fractions(planes: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """Shares of the pixels that are clipped.

    planes   (3, H, W) uint8, encoded sRGB, red first
    returns  pixel (at least two channels at the end), red, green, blue; each 0..1
    """
    red, green, blue = planes >= CLIPPED_FROM
    at_least_two = (red & green) | (blue & (red | green))
    pixel, *channels = (int(np.count_nonzero(mask)) / red.size for mask in (at_least_two, red, green, blue))
    return pixel, channels[0], channels[1], channels[2]
