"""The bars that cameras put around a preview whose shape is not that of the picture.

Many cameras write every preview as 160 x 120 and fill what a wider picture leaves free with black. Bars are not
looked for, which would cut into a night sky: the picture's shape says where they must be, and the pixels are only
asked whether they are there. If not, the preview shows something else than the picture does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

# Shapes within so much are the same: encoders round the shorter side of a preview, to whole blocks at worst.
SAME_SHAPE = 0.03

# JPEG blurs the border of a bar by about a pixel on either side, and rings in it.
_BLURRED = 1
_EVEN = 24.0
_SHARE_EVEN = 0.98
_NEUTRAL = 16.0


def without_bars(image: Image.Image, width: int, height: int) -> Image.Image | None:
    """A preview without bars, or None if it cannot be a picture of that shape.

    image          the preview as stored, any mode that converts to RGB
    width, height  pixels of the picture as stored
    returns        the same image if its shape is the picture's within `SAME_SHAPE`; else what is left between two
                   even, neutral bars of equal width at top and bottom or left and right
    """
    stretch = (image.width * height) / (image.height * width)  # above 1: the preview is the wider one
    if abs(math.log(stretch)) <= math.log1p(SAME_SHAPE):
        return image
    is_upright = stretch < 1  # bars above and below
    across, down = image.size if is_upright else image.size[::-1]
    bar = (down - down * min(stretch, 1 / stretch)) / 2
    outer, inner = math.floor(bar) - _BLURRED, math.ceil(bar) + _BLURRED
    if outer < 1 or 2 * inner >= down:
        return None
    pixels = np.asarray(image.convert("RGB"), dtype=np.float32)
    rows = pixels if is_upright else pixels.swapaxes(0, 1)  # (down, across, 3)
    colours = [_bar_colour(part) for part in (rows[:outer], rows[-outer:])]
    if colours[0] is None or colours[1] is None or abs(colours[0] - colours[1]) > _NEUTRAL:
        return None
    return image.crop((0, inner, across, down - inner) if is_upright else (inner, 0, down - inner, across))


def _bar_colour(part: NDArray[np.float32]) -> float | None:
    """The grey of a bar, 0..255; None if the pixels (rows, across, 3) are not of one grey."""
    middle = np.median(part.reshape(-1, 3), axis=0)
    if float(np.ptp(middle)) > _NEUTRAL:
        return None
    grey = part.mean(axis=2)
    level = float(np.median(grey))
    return level if float((np.abs(grey - level) <= _EVEN).mean()) >= _SHARE_EVEN else None
