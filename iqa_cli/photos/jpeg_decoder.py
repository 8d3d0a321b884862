"""A JPEG's pixels, and what the decoder complained about.

libjpeg goes on where data are corrupt and leaves a warning. Pillow drops it, and what comes out looks like any other
picture: a file with a damaged sector got a confident, wrong judgement. simplejpeg hands libjpeg-turbo's pixels and
warnings through; the pixels are the same, byte by byte. See docs/decisions/0103.
"""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING, Literal

import simplejpeg
from PIL import Image, JpegImagePlugin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from iqa_cli.photos.jpeg import JpegLayout

# Scaled decoding shrinks by 2, 4 or 8 inside the DCT as long as the long side keeps this many pixels: 3/4 of
# the working size, so a 3264-pixel photo (the commonest) is decoded at 1/8 and never enlarged.
SCALED_LONG_SIDE = 384

_COLOURS = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
"""What libjpeg is asked for, by what Pillow calls the picture."""

_OF_THE_INTERFACE = "tj"
"""How messages begin that are not libjpeg's: with the name of a function."""

# simplejpeg's array and Pillow's picture exist side by side for a moment: 7 bytes a pixel instead of 4.
MAX_CHECKED_PIXELS = 100_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded JPEG."""

    image: Image.Image
    """Any mode that JPEG has, with its colour profile in `info`."""
    complaint: str | None = None
    """What libjpeg says is wrong with the data, if anything; None with a `tail`, and where it could not be asked."""


def factor_of(
    size: tuple[int, int], mode: Literal["scaled", "full"], *, long_side: int = SCALED_LONG_SIDE, short_side: int = 0
) -> int:
    """By how much a picture of a size is made smaller while it is decoded, see `load`: 1, 2, 4 or 8."""
    if mode == "full":
        return 1
    return next((f for f in (8, 4, 2) if -(-max(size) // f) >= long_side and -(-min(size) // f) >= short_side), 1)


def load(
    layout: JpegLayout,
    mode: Literal["scaled", "full"],
    tail: bytes = b"",
    *,
    long_side: int = SCALED_LONG_SIDE,
    short_side: int = 0,
) -> Decoded:
    """Decode the picture of a layout, as if the file ended with `tail` and an end marker.

    Scaled decoding takes the smallest of 1, 1/2, 1/4, 1/8 that leaves the long side `long_side` pixels and the short
    one `short_side`. Only the first picture of a multi-picture file and only the SDR base of an Ultra HDR file is in
    the layout.

    raises  whatever Pillow raises if there is nothing to decode
    """
    data = layout.plain if layout.plain is not None and not tail else layout.stream(tail)
    # Pillow reads size, kind and colour profile. The plug-in is called by name: `Image.open` would apply Pillow's
    # global pixel limit and could end up in another format.
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(layout.start()))
    width, height = image.size
    factor = factor_of((width, height), mode, long_side=long_side, short_side=short_side)
    complaint = None
    if not tail and image.mode in _COLOURS and width * height <= MAX_CHECKED_PIXELS * factor**2:
        smallest = (0, 0) if factor == 1 else (max(1, width // factor), max(1, height // factor))
        try:
            pixels = _by_libjpeg(data, _COLOURS[image.mode], smallest)
        except ValueError as error:
            # What the interface does not take says nothing about the file.
            complaint = None if str(error).startswith(_OF_THE_INTERFACE) else str(error)
        else:
            plain = Image.fromarray(pixels[:, :, 0] if image.mode == "L" else pixels, image.mode)
            plain.info = image.info
            return Decoded(plain)
        # libjpeg wonders about zeros between the data and the end marker.
        unpadded = layout.without_padding() if complaint is not None and layout.has_end else None
        if unpadded is not None:
            return load(unpadded, mode, long_side=long_side, short_side=short_side)
    # simplejpeg goes on after complaints as well, but leaves rows that never came as the memory happened to be.
    return Decoded(_by_pillow(image, data, factor), complaint)


def _by_libjpeg(data: bytes, colours: str, smallest: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W, C) pixels.

    smallest  pixels across and down that suffice; 0 for all
    raises    ValueError  with what it complained about
    """
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, colours, min_width=smallest[0], min_height=smallest[1])
    # Every writer of CMYK does as Photoshop did and stores it inverted; Pillow takes that for granted as well.
    return 255 - pixels if colours == "CMYK" else pixels


def _by_pillow(image: JpegImagePlugin.JpegImageFile, data: bytes, factor: int) -> Image.Image:
    """A picture of which Pillow has read the header; its data may hold segments that Pillow must not see."""
    width, height = image.size
    image.fp = io.BytesIO(data)
    image.decodermaxblock = len(data)  # all at once: in blocks of 64 KiB every one is copied twice
    if factor > 1:
        image.draft(None, (max(1, width // factor), max(1, height // factor)))
    image.load()
    return image
