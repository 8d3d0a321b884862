"""A picture as it was judged, small: for pages that people look at."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from iqa_cli.records import Thumbnail

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from iqa_cli.photometry import Examination

LONG_SIDE = 320
"""Pixels."""
QUALITY = 75
"""Of the JPEG: 12 kB a photo; what is judged is not this copy."""
_CLIPPED = (255, 45, 85)
_CRUSHED = (10, 132, 255)
"""Red and blue as screens warn of highlights and shadows; where they are told apart by more than colour is up to the
page."""


def thumbnail_of(rgb: NDArray[np.uint8], seen: Examination) -> Thumbnail:
    """The thumbnail of a picture that was examined.

    rgb   (H, W, 3) uint8, encoded sRGB
    seen  what was found in it
    """
    picture = Image.fromarray(rgb)
    picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.HAMMING)
    areas = Image.fromarray(seen.areas(), "P")
    areas.putpalette((0, 0, 0, *_CLIPPED, *_CRUSHED))
    return Thumbnail(
        jpeg=_file(picture, "JPEG", quality=QUALITY),
        areas=_file(areas, "PNG", bits=2, transparency=0, compress_level=3),
        luma=seen.luma_histogram().tobytes(),
    )


def _file(picture: Image.Image, kind: str, **options: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()
