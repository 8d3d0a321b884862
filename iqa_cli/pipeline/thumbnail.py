"""A picture as it was judged, small: for pages that people look at."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from iqa_cli.records import Thumbnail

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iqa_cli.photometry import Examination

LONG_SIDE = 320
"""Pixels."""
QUALITY = 75
"""Of the JPEG: 12 kB a photo; what is judged is not this copy."""
_CLIPPED = (255, 45, 85)
_CRUSHED = (10, 132, 255)
_STRIPE = (255, 255, 255)
_STRIPE_PIXELS = 4
"""Clipped areas are striped like the zebra of cameras, so that nobody needs colours to tell them from crushed ones."""


def thumbnail_of(rgb: NDArray[np.uint8], seen: Examination) -> Thumbnail:
    """The thumbnail of a picture that was examined.

    rgb   (H, W, 3) uint8, encoded sRGB
    seen  what was found in it
    """
    picture = Image.fromarray(rgb)
    picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.HAMMING)
    found = seen.areas()
    found |= (found & 1) * _stripes(found.shape)
    areas = Image.fromarray(found, "P")
    areas.putpalette((0, 0, 0, *_CLIPPED, *_CRUSHED, *_STRIPE))
    return Thumbnail(
        jpeg=_file(picture, "JPEG", quality=QUALITY),
        areas=_file(areas, "PNG", bits=2, transparency=0, compress_level=3),
        luma=seen.luma_histogram().tobytes(),
    )


@functools.lru_cache(maxsize=16)
def _stripes(shape: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W) 2 on every other stripe, else 0: what makes a clipped pixel's 1 a 3."""
    height, width = shape
    down, across = np.ogrid[:height, :width]
    return ((down + across) // _STRIPE_PIXELS % 2 * 2).astype(np.uint8)


def _file(picture: Image.Image, kind: str, **options: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()
