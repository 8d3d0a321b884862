"""From what a decoder gives to the working picture: 8 bit, small, opaque, sRGB, upright, nothing around it.

Shrinking comes first, so that everything after it is cheap, and averages areas, so that mean tone is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from iqa_cli.photos.cicp import of_profile
from iqa_cli.photos.colour import to_srgb
from iqa_cli.photos.limits import MAX_PROFILE_BYTES
from iqa_cli.photos.rendition import decoding_table, rendition
from iqa_cli.photos.surroundings import find_surroundings
from iqa_cli.records import Photo

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iqa_cli.photos.cicp import ColourCoding
    from iqa_cli.records import UnclearColours

# The photographs of the tone ladder have this long side: what the model learned from is what it is shown, and
# fractions of pixels mean the same in training and in an audit.
WORKING_LONG_SIDE = 512

KEPT_SHORT_SIDE = 288
"""Of a working picture of 16 : 9. A model that asks for a larger one gets another picture for itself: what is measured
is the working picture, whatever model it is for."""

_GAP = 2.0
"""Boxes leave this many pixels for one of the result."""
_BAND_ROWS = 64
"""Of boxes, at once."""
_COPIED_ROWS = 8
"""The same, where several copies are made of them."""
_LARGE_PIXELS = 50_000_000
"""Above these a picture is not copied whole."""

FIRST_PAGE = "a file of several pages: the first is judged"
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
    return f"an HDR picture ({curve} curve): judged in a standard rendition (ITU-R BT.2408)"


def unconverted_note(coding: ColourCoding) -> str:
    """What to know about a picture of which no standard rendition can be made."""
    numbers = f"primaries {coding.primaries}, transfer {coding.transfer}, matrix {coding.matrix} of ITU-T H.273"
    return f"its colours ({numbers}) cannot be converted to sRGB: judged without conversion"


def finish(
    image: Image.Image,
    *,
    size: tuple[int, int],
    orientation: int,
    rows: int | None = None,
    notes: tuple[str, ...] = (),
    coding: ColourCoding | None = None,
    is_halved: bool = False,
    damage: str | None = None,
    short_side: int = 0,
) -> Photo:
    """Make the working picture.

    image        as decoded, any mode, perhaps already scaled down; its ICC profile in `info`
    size         (across, down) pixels as stored in the file
    orientation  EXIF orientation 1..8, still to be applied
    rows         how many rows from the top are picture; None for all
    coding       which light the numbers stand for, by the container; it counts before an ICC profile for HDR curves
                 only: a profile's own tables would not follow ITU-R BT.2408
    is_halved    whether the decoder dropped the lower half of 16-bit samples
    damage       as in `Photo`
    short_side   as in `working_size`, of `Photo.large`
    returns      a Photo whose long side is at most WORKING_LONG_SIDE; never enlarged; bars and borders are cut
                 off, which does not change its stated size
    raises       ValueError  for a float picture with values outside 0..1
    """
    profile = image.info.get("icc_profile")
    is_asked = isinstance(profile, bytes) and len(profile) <= MAX_PROFILE_BYTES
    if is_asked and (coding is None or coding.hdr_curve is None):
        coding = of_profile(profile)
    unclear: UnclearColours | None = None
    if coding is not None and not coding.is_plain and image.mode != "CMYK":
        profile = None
        if coding.is_convertible:
            image, rows = _converted(image, coding, rows, is_halved, short_side), None
            notes = notes if coding.hdr_curve is None else (*notes, hdr_note(coding.hdr_curve))
        else:
            unclear = "coding"
            notes = (*notes, unconverted_note(coding))
    if image.width * image.height > _LARGE_PIXELS and rows is None and _is_copied(image):
        small = _shrink_in_bands(image, short_side)
    elif image.mode in _SHRUNK_AS_IT_IS:
        small = _eight_bit(shrink(image, rows, short_side))
    else:
        small = shrink(_eight_bit(image), rows, short_side)
    if small.mode == "RGBA":
        small, has_holes = _on_white(small)
        notes = (*notes, TRANSPARENT) if has_holes else notes
    small, note = to_srgb(small, profile if isinstance(profile, bytes) else None)
    if note is not None:
        notes = (*notes, note)
    if orientation in _UPRIGHT:
        small = small.transpose(_UPRIGHT[orientation])
    width, height = upright_size(size, orientation)
    large = np.asarray(small) if max(small.size) > WORKING_LONG_SIDE else None
    rgb = np.asarray(shrink(small))
    found = find_surroundings(rgb)
    if found.box is not None:
        notes = (*notes, found.note(rgb.shape[1], rgb.shape[0]))
        large = None if large is None else _cut(large, found.box, rgb.shape)
        rgb = _cut(rgb, found.box, rgb.shape)
    return Photo(rgb, width, height, notes, unclear or found.unclear, damage, large)


def _cut(rgb: NDArray[np.uint8], box: tuple[int, int, int, int], of: tuple[int, ...]) -> NDArray[np.uint8]:
    """What is within a box (left, top, right, bottom) that was found in a picture of another size (H, W, 3)."""
    left, top, right, bottom = box
    height, width = of[:2]
    # Up to the next pixel that is wholly within: none of what is around it.
    rows = slice(-(-top * rgb.shape[0] // height), bottom * rgb.shape[0] // height)
    columns = slice(-(-left * rgb.shape[1] // width), right * rgb.shape[1] // width)
    return np.ascontiguousarray(rgb[rows, columns])


def _converted(
    image: Image.Image, coding: ColourCoding, rows: int | None, is_halved: bool, short_side: int
) -> Image.Image:
    if coding.has_sdr_curve:  # averaged as it is, like any other picture in SDR
        image, rows = shrink(_eight_bit(image), rows, short_side), None
    elif not image.mode.startswith("I;16"):
        image = _eight_bit(image)
    is_halved = is_halved and not coding.has_sdr_curve
    return in_standard(image, coding, rows=rows, is_halved=is_halved, short_side=short_side)


def in_standard(
    samples: NDArray[np.uint8 | np.uint16] | Image.Image,
    coding: ColourCoding,
    *,
    rows: int | None = None,
    is_halved: bool = False,
    bits: int | None = None,
    short_side: int = 0,
) -> Image.Image:
    """The standard rendition of a picture, as small as the working picture.

    samples    (H, W) grey, (H, W, 2) with opacity, (H, W, 3) or (H, W, 4); uint8 or uint16; or an image like that
    coding     a convertible one
    rows       as in `finish`
    is_halved  as in `finish`
    bits       how many of the upper bits of a uint16 hold the sample; None for all
    short_side as in `working_size`
    returns    8 bit sRGB, RGB or RGBA

    Every sample goes through a table and is averaged then, band by band: the whole picture is never there in floats.
    """
    first = _rows(samples, 0, 1)
    channels = first.shape[2]
    colours = channels - (channels in (2, 4))
    is_deep = first.dtype.itemsize == 2
    white = float(((1 << (bits or 16)) - 1) << 16 - (bits or 16)) if is_deep else 256.0 if is_halved else 255.0
    offset = 0.5 if is_halved and not is_deep else 0.0
    if not coding.full_range:  # ITU-T H.273: 16..235 in 8 bit
        unit = 256 if is_deep else 1
        white, offset = 219.0 * unit, offset - 16.0 * unit
    table = decoding_table(coding.transfer, 1 << 8 * first.dtype.itemsize, offset, white)
    height = rows or (samples.height if isinstance(samples, Image.Image) else len(samples))
    planes = _averaged(samples, (first.shape[1], height), table, colours, short_side)
    image = Image.fromarray(rendition(np.stack(planes * (3 // colours), axis=-1), coding))
    if colours < channels:
        alpha = _rows(samples, 0, height)[:, :, -1]
        opacity = Image.fromarray(alpha if not is_deep else (alpha >> 8).astype(np.uint8))
        image.putalpha(shrink(opacity, short_side=short_side))
    return image


def _rows(samples: NDArray[np.uint8 | np.uint16] | Image.Image, top: int, bottom: int) -> NDArray[np.uint8 | np.uint16]:
    """Some rows of a picture, (rows, W, channels)."""
    if isinstance(samples, Image.Image):
        samples, top, bottom = np.asarray(samples.crop((0, top, samples.width, bottom))), 0, bottom - top
    band = samples[top:bottom]
    return band[:, :, None] if band.ndim == 2 else band


def _averaged(
    samples: NDArray[np.uint8 | np.uint16] | Image.Image,
    whole_size: tuple[int, int],
    table: NDArray[np.float32],
    colours: int,
    short_side: int,
) -> list[NDArray[np.float32]]:
    """(H, W) of each colour: the samples through a table, as `shrink` makes them small."""
    width, height = whole_size
    size = working_size(whole_size, short_side)
    factor = max(1, int(min(width / size[0], height / size[1]) / _GAP))
    band = _BAND_ROWS * factor
    parts: list[list[NDArray[np.float32]]] = [[] for _ in range(colours)]
    for top in range(0, height, band):
        rows = _rows(samples, top, min(height, top + band))
        for channel, plane in enumerate(parts):
            plane.append(np.asarray(Image.fromarray(table[rows[:, :, channel]]).reduce(factor)))
    box = (0.0, 0.0, width / factor, height / factor)
    planes = []
    for plane in parts:
        whole = Image.fromarray(np.concatenate(plane))
        small = whole if whole.size == size else whole.resize(size, Image.Resampling.BILINEAR, box=box)
        planes.append(np.asarray(small))
    return planes


def working_size(size: tuple[int, int], short_side: int = 0) -> tuple[int, int]:
    """(across, down) of the picture that is worked on, made of one of `size`: a long side of at most WORKING_LONG_SIDE.

    short_side  pixels that the shorter side has to keep, if it has them; up to KEPT_SHORT_SIDE nothing changes
    """
    scale = WORKING_LONG_SIDE / max(size)
    if short_side > KEPT_SHORT_SIDE:
        scale = max(scale, short_side / min(size))
    scale = min(1.0, scale)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def shrink(image: Image.Image, rows: int | None = None, short_side: int = 0) -> Image.Image:
    """The top `rows` rows in `working_size`, areas averaged; never enlarged.

    Whole factors are boxes (`reducing_gap`), the rest is a triangle as wide as two pixels of the result.
    Cutting and shrinking are one call: `Image.crop` would apply Pillow's global pixel limit.
    """
    width, height = image.width, image.height if rows is None else rows
    size = working_size((width, height), short_side)
    if size == image.size:
        return image
    reducing_gap = None if image.mode == "I;16" else _GAP  # Pillow has no boxes for 16 bit
    return image.resize(size, Image.Resampling.BILINEAR, box=(0, 0, width, height), reducing_gap=reducing_gap)


def _is_copied(image: Image.Image) -> bool:
    """Whether `shrink` or `_eight_bit` would make a second picture of its size."""
    return image.mode in ("RGBA", "LA", "P", "PA", "1") or (image.mode in ("L", "RGB") and "transparency" in image.info)


def _shrink_in_bands(image: Image.Image, short_side: int) -> Image.Image:
    """The same pixels as `shrink` of `_eight_bit`, without a copy of a large picture in another mode.

    image  larger than _LARGE_PIXELS, so that there are whole boxes to average
    """
    width, height = image.size
    size = working_size(image.size, short_side)
    # As Pillow does for `reducing_gap`; opacity is multiplied in before averaging.
    across, down = (max(1, int(whole / small / _GAP)) for whole, small in zip((width, height), size, strict=True))
    parts = []
    rows = _COPIED_ROWS * down
    for top in range(0, height, rows):
        band = _eight_bit(image.crop((0, top, width, min(height, top + rows))))
        parts.append((band.convert("RGBa") if band.mode == "RGBA" else band).reduce((across, down)))
    boxes = Image.new(parts[0].mode, (parts[0].width, sum(part.height for part in parts)))
    for number, part in enumerate(parts):
        boxes.paste(part, (0, number * _COPIED_ROWS))
    box = (0, 0, width / across, height / down)
    small = boxes.resize(size, Image.Resampling.BILINEAR, box=box)
    return small.convert("RGBA") if small.mode == "RGBa" else small


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """(across, down) of a picture once an EXIF orientation is applied: 5 to 8 exchange its sides."""
    return size[::-1] if orientation >= 5 else size


def with_exponent(image: Image.Image, exponent: float) -> Image.Image:
    """A picture with its values 0..1 raised to a power, opacity left as it is, in 8 bit."""
    image = _eight_bit(image)
    values = [round(255 * (value / 255) ** exponent) for value in range(256)]
    as_they_are = list(range(256))
    colours = len(image.getbands()) - (image.mode == "RGBA")
    changed = image.point(values * colours + as_they_are * (image.mode == "RGBA"))
    changed.info = image.info
    return changed


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
