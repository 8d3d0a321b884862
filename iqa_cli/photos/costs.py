"""What decoding a photo would take, reckoned from its header: memory and processor time.

Both are upper ends of what was measured with `benchmarks/bounded.py` and on noise, which is the most that coded data
can hold. Decoders work by the pixel and by the byte, so a picture that is empty and one that is full of noise cost
about what this says, and photographs less.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from iqa_cli.photos import isobmff
from iqa_cli.photos.jpeg_decoder import MAX_CHECKED_PIXELS, factor_of
from iqa_cli.photos.limits import MAX_MEMORY_BYTES, MAX_SECONDS, ExcessError

if TYPE_CHECKING:
    from typing import Literal

    from iqa_cli.photos.headers import Header
    from iqa_cli.photos.jpeg import JpegLayout

    Decoded = Literal["scaled", "full"]

_BLOCK_BYTES = 128
"""Of 64 coefficients that are kept until all scans were read."""
_BLOCK_NS = 50
"""Of a block in one scan, however little the scan says about it."""

_SCALED_NS = {1: 5, 2: 3, 4: 1}
"""Of a JPEG's pixel, by how much smaller the picture is made."""

_PNG_BYTES = {0: 1.0, 3: 1.0}
"""Of a pixel by colour type: Pillow keeps grey and palettes in one, everything else in four, and copies some rows."""

SCALED_INSTEAD = "decoded at a fraction of its size: all of its pixels would take too much memory or time"


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """Of one reading."""

    memory_bytes: int
    """At once, the file included."""
    seconds: float
    """Of processor time."""

    @property
    def is_affordable(self) -> bool:
        """Whether it is within the limits."""
        return self.memory_bytes <= MAX_MEMORY_BYTES and self.seconds <= MAX_SECONDS


@dataclasses.dataclass(frozen=True, slots=True)
class _Rate:
    """Of a decoder."""

    pixel_bytes: float
    pixel_ns: float
    byte_ns: float


_RATES = {
    # Two canvases with opacity, what Pillow is handed and what it makes of it.
    "webp": _Rate(16, 15, 105),
    # Planes, RGB as the library gives it, and Pillow's copy of it. Deep samples take twice as much.
    "avif": _Rate(10, 20, 110),
    "heif": _Rate(10, 30, 110),
    "png": _Rate(4.1, 10, 9),
    "tiff": _Rate(4, 20, 20),
    "bmp": _Rate(4, 10, 2),
    "gif": _Rate(5, 20, 40),
    "jxl": _Rate(14, 150, 300),
    "raw": _Rate(0, 0, 5),
}


def of_jpeg(layout: JpegLayout, mode: Decoded, *, pictures: int = 1, short_side: int = 0) -> Cost:
    """Of decoding a JPEG as often as `pictures` says, all of them kept; `truncated.measure` does it twice.

    short_side  as in `jpeg_decoder.load`
    """
    # At 1/8 at best, at 1/4 of a smaller one, of which little is asked anyway.
    factor = 1 if mode == "full" else 4
    if short_side:
        factor = min(factor, factor_of((layout.width, layout.height), mode, short_side=short_side))
    pixels = layout.width * layout.height
    keeps_all = layout.is_progressive or len(layout.scans) > 1
    blocks = sum(layout.blocks.values())
    visits = sum(layout.blocks.get(component, 0) for scan in layout.scans for component in scan.components)
    kept = blocks * _BLOCK_BYTES if keeps_all else 0
    shrunk = factor**2
    made = pixels * (1 if len(layout.components) == 1 else 4) // shrunk
    handed = pixels * 3 // shrunk if pixels // shrunk <= MAX_CHECKED_PIXELS else 0  # what simplejpeg gives, copied from
    memory = (
        len(layout.file) + (0 if layout.plain is not None else len(layout.picture)) + kept + pictures * made + handed
    )
    nanoseconds = pixels * _SCALED_NS[factor] + len(layout.picture) * (26 if keeps_all else 9)
    nanoseconds += visits * _BLOCK_NS if keeps_all else 0
    return Cost(memory, (pictures + 1) * nanoseconds / 1e9)  # once more where the decoder complains


def of_other(header: Header, data: bytes) -> Cost:
    """Of decoding anything but a JPEG; of a raw file, of finding its preview."""
    rate = _RATES[header.kind]
    pixels = largest = header.width * header.height
    coded = header.coded_bytes or len(data)
    pixel_bytes = rate.pixel_bytes
    pixel_ns = rate.pixel_ns
    if header.kind == "png":
        is_deep = header.depth == 16
        pixel_bytes = _PNG_BYTES.get(header.colour, rate.pixel_bytes) * (2 if is_deep and header.colour == 0 else 1)
        pixel_ns *= (1.5 if is_deep else 1) * (1.5 if header.is_interlaced else 1)
    elif header.boxes is not None:
        demand = isobmff.read_demand(data)
        pixels, largest = max(pixels, demand.pixels), max(pixels, demand.largest_pixels)
        coded = demand.coded_bytes
    if header.kind != "heif" and header.coding is not None and not header.coding.has_sdr_curve:
        pixel_bytes += 4  # converted from a copy
    # The decoders of other kinds may copy it; of a PNG a copy is made to leave chunks out.
    is_copied = header.kind != "png" or (header.png is not None and not header.png.is_whole)
    held = len(data) * (2 if is_copied else 1)
    return Cost(int(held + largest * pixel_bytes), (pixels * pixel_ns + coded * rate.byte_ns) / 1e9)


def affordable(layout: JpegLayout, mode: Decoded, *, pictures: int = 1, short_side: int = 0) -> tuple[Decoded, int]:
    """The mode and the short side that were asked for; "scaled" where decoding every pixel would take too much, and 0
    where so large a picture would.

    raises  ExcessError  where that does, too
    """
    cost = of_jpeg(layout, mode, pictures=pictures, short_side=short_side)
    if cost.is_affordable:
        return mode, short_side
    if mode == "full":
        return affordable(layout, "scaled", pictures=pictures, short_side=short_side)
    if short_side:
        return affordable(layout, mode, pictures=pictures)
    scans = f" in {len(layout.scans)} scans" if len(layout.scans) > 1 else ""
    raise _excess(cost, f"{layout.width} x {layout.height} pixels{scans}")


def check_other(header: Header, data: bytes) -> None:
    """Raise ExcessError if decoding anything but a JPEG would take too much."""
    cost = of_other(header, data)
    if not cost.is_affordable:
        raise _excess(cost, f"{header.width} x {header.height} pixels")


def _excess(cost: Cost, what: str) -> ExcessError:
    # Rounded up, so that it never seems to be within the limit.
    if cost.memory_bytes > MAX_MEMORY_BYTES:
        needed, limit = f"{math.ceil(cost.memory_bytes / 1e8) / 10} GB of memory", f"{MAX_MEMORY_BYTES / 1e9:g} GB"
    else:
        needed, limit = f"about {math.ceil(cost.seconds)} s", f"{MAX_SECONDS:g} s"
    return ExcessError(f"takes too much to decode ({what}: {needed}; the limit is {limit})")
