"""From what a decoder gives to the working picture: 8 bit, small, opaque, sRGB, upright.

Shrinking comes first, so that everything after it is cheap, and averages areas, so that mean tone is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from iqa_cli.photos.colour import to_srgb
from iqa_cli.records import Photo

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The photographs of the tone ladder have this long side: what the model learned from is what it is shown, and
# fractions of pixels mean the same in training and in an audit.
WORKING_LONG_SIDE = 512

FIRST_FRAME = "an animation: its first frame is judged"
TRANSPARENT = "transparent areas are shown on white"

# Modes that Pillow shrinks correctly by itself: turned into 8 bit or RGBA first, a large picture would take more
# memory, six times as much in 16 bit.
_SHRUNK_AS_IT_IS = frozenset({"I;16", "LA", "La", "RGBA", "RGBa"})

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def hdr_note(curve: str) -> str:
    """What to know about a picture with an HDR transfer curve, "PQ" or "HLG"."""
    return f"an HDR picture ({curve} curve): it is judged without tone mapping"


def finish(
    image: Image.Image,
    *,
    size: tuple[int, int],
    orientation: int,
    rows: int | None = None,
    notes: tuple[str, ...] = (),
) -> Photo:
    """Make the working picture.

    image        as decoded, any mode, perhaps already scaled down; its ICC profile in `info`
    size         (across, down) pixels as stored in the file
    orientation  EXIF orientation 1..8, still to be applied
    rows         how many rows from the top are picture; None for all
    returns      a Photo whose long side is at most WORKING_LONG_SIDE; never enlarged
    raises       ValueError  for a float picture with values outside 0..1
    """
    profile = image.info.get("icc_profile")
    small = _eight_bit(shrink(image, rows)) if image.mode in _SHRUNK_AS_IT_IS else shrink(_eight_bit(image), rows)
    if small.mode == "RGBA":
        small, has_holes = _on_white(small)
        notes = (*notes, TRANSPARENT) if has_holes else notes
    small, note = to_srgb(small, profile if isinstance(profile, bytes) else None)
    if note is not None:
        notes = (*notes, note)
    if orientation in _UPRIGHT:
        small = small.transpose(_UPRIGHT[orientation])
    width, height = size[::-1] if orientation >= 5 else size
    return Photo(np.asarray(small), width, height, notes)


def shrink(image: Image.Image, rows: int | None = None) -> Image.Image:
    """The top `rows` rows with a long side of at most WORKING_LONG_SIDE, areas averaged; never enlarged.

    Whole factors are boxes (`reducing_gap`), the rest is a triangle as wide as two pixels of the result.
    Cutting and shrinking are one call: `Image.crop` would apply Pillow's global pixel limit.
    """
    width, height = image.width, image.height if rows is None else rows
    scale = min(1.0, WORKING_LONG_SIDE / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size == image.size:
        return image
    reducing_gap = None if image.mode == "I;16" else 2.0  # Pillow has no boxes for 16 bit
    return image.resize(size, Image.Resampling.BILINEAR, box=(0, 0, width, height), reducing_gap=reducing_gap)


def image_of_array(array: NDArray[np.generic]) -> Image.Image:
    """A PIL image of an array.

    array   (H, W), (H, W, 3) or (H, W, 4); uint8 0..255, uint16 0..65535 or floating 0..1
    raises  ValueError  for another shape or type, no pixels, or floats outside 0..1
    """
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or (array.ndim == 3 and channels not in (3, 4)) or array.size == 0:
        raise ValueError(f"expected (H, W), (H, W, 3) or (H, W, 4) with pixels, got {array.shape}")
    return Image.fromarray(_to_uint8(array))


def _to_uint8(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array, dtype=np.uint8)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:  # either byte order
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"expected uint8, uint16 or floating values, got {array.dtype}")
    values = array.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0.0 and high <= 1.0):  # false for nan, too
        raise ValueError(f"expected floating values in 0..1, got {low:g}..{high:g}")
    eight: NDArray[np.uint8] = np.rint(values * 255.0).astype(np.uint8)
    return eight


def _eight_bit(image: Image.Image) -> Image.Image:
    """The picture as L, RGB, RGBA or CMYK.

    16-bit grey goes through numpy: Pillow's own conversion to 8 bit clips at 255 instead of scaling. Mode I
    is what 16-bit grey was before Pillow had a mode for it.
    """
    if image.mode in ("L", "RGB", "CMYK") and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16") or image.mode == "F":
        return Image.fromarray(_to_uint8(np.asarray(image)))
    if image.mode == "I":
        return Image.fromarray(_to_uint8(np.asarray(image).clip(0, 65535).astype(np.uint16)))
    if image.mode == "1":
        return image.convert("L")
    has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")


def _on_white(image: Image.Image) -> tuple[Image.Image, bool]:
    """An RGBA picture laid on white, and whether any of the white shows."""
    alpha = image.getchannel("A")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image.convert("RGB"), mask=alpha)
    return white, alpha.getextrema() != (255, 255)
