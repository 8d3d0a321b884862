"""Size and EXIF block of a photo file, found in its container without a decoder.

One walk per format: markers (JPEG), chunks (PNG, WebP), boxes (HEIF, AVIF, JPEG XL), directories (TIFF). What comes out
is what a decoder is not asked for: the size as stored, which refuses absurd claims before any memory is taken, and the
EXIF block as the camera wrote it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from iqa_cli.photos import jxl, tiff
from iqa_cli.photos.isobmff import PictureBoxes, read_boxes, xmp_spans
from iqa_cli.photos.jpeg import JpegLayout, read_layout
from iqa_cli.photos.limits import MAX_EXIF_BYTES
from iqa_cli.photos.metadata import MAX_XMP_BYTES, Texts
from iqa_cli.photos.png import PngParts
from iqa_cli.photos.raw import is_raw

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from iqa_cli.photos.cicp import ColourCoding
    from iqa_cli.photos.files import Kind

# Most encoders write a PNG in pieces of 8 KB and more: 800 MB would be as many. Each costs Pillow 4 microseconds.
MAX_PNG_CHUNKS = 100_000
# A picture has five, an animation one for each frame.
MAX_WEBP_CHUNKS = 10_000
_WEBP_PICTURES = frozenset({b"VP8 ", b"VP8L", b"ANMF"})


@dataclasses.dataclass(frozen=True, slots=True)
class Header:
    """What a photo file says about itself."""

    kind: Kind
    """The format by its content, whatever the suffix says."""
    width: int
    """Stored pixels across, before orientation; 0 if not stated."""
    height: int
    """Stored pixels down, before orientation; 0 if not stated."""
    exif: bytes | None
    """The EXIF block as a TIFF stream; None if there is none."""
    claimed_bytes: int = 0
    """Length of the file by its own account; 0 if the format does not say."""
    jpeg: JpegLayout | None = None
    """Markers and scans, for a JPEG."""
    png: PngParts | None = None
    """Chunks and colours, for PNG."""
    boxes: PictureBoxes | None = None
    """Boxes, for HEIF and AVIF."""
    coding: ColourCoding | None = None
    """Primaries, transfer curve and matrix, if the container states them as numbers."""
    depth: int = 0
    """Bits of a sample, for PNG; 0 for other formats."""
    colour: int = 2
    """Colour type of PNG: 0 grey, 2 RGB, 3 palette, 4 and 6 with opacity."""
    coded_bytes: int = 0
    """Of the picture that is decoded, for WebP; 0 for other formats."""
    is_interlaced: bool = False
    """Whether a PNG comes in seven passes."""
    excess: str = ""
    """Why the file was not walked to its end and is not to be decoded, for a person; empty if it was."""
    later_exif: tuple[bytes, ...] = ()
    """EXIF blocks behind the first, which programs add."""
    xmp: bytes | None = None
    """The XMP packet; None if there is none, and for HEIF and AVIF with EXIF."""


def read_header(kind: Kind, data: bytes) -> Header:
    """Walk the container; never raises, whatever the bytes are."""
    if kind == "jpeg":
        layout = read_layout(data)
        first = layout.exif[0] if layout.exif else None
        later = layout.exif[1:]
        return Header(
            kind,
            layout.width,
            layout.height,
            first,
            jpeg=layout,
            excess=layout.excess,
            later_exif=later,
            xmp=layout.xmp,
        )
    if kind == "png":
        return _png(data)
    if kind == "webp":
        return _webp(data)
    if kind == "tiff":
        return _tiff(data)
    if kind == "raw":
        return Header(kind, 0, 0, None)
    if kind == "jxl":
        return Header(kind, *jxl.size_of(data), jxl.exif_of(data))
    if kind in ("gif", "bmp"):
        return Header(kind, *(_gif_size(data) if kind == "gif" else _bmp_size(data)), None)
    boxes = read_boxes(data)
    size = (boxes.width, boxes.height)
    header = Header(kind, *size, boxes.exif, boxes.claimed_bytes, boxes=boxes, coding=boxes.coding, excess=boxes.excess)
    if header.exif or header.excess:
        return header
    return dataclasses.replace(header, xmp=_joined(data, xmp_spans(data)))


def _joined(data: bytes, spans: Collection[tuple[int, int]]) -> bytes | None:
    """The XMP packet at these places; None if there is none, or more than one ought to have."""
    if sum(last - first for first, last in spans) > MAX_XMP_BYTES:
        return None
    return b"".join(data[first:last] for first, last in spans) or None


def _tiff(data: bytes) -> Header:
    """TIFF 6.0: the first picture; or a raw file that is built like one."""
    if is_raw(data):
        return Header("raw", 0, 0, data)
    main = next(tiff.directories(data, frozenset({0x0100, 0x0101})), {})
    return Header("tiff", main.get(0x0100, 0), main.get(0x0101, 0), data)


def _gif_size(data: bytes) -> tuple[int, int]:
    """Of the canvas (GIF89a, 18)."""
    return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")


def _bmp_size(data: bytes) -> tuple[int, int]:
    """By either of its headers; a negative height says that the first row comes first."""
    if int.from_bytes(data[14:18], "little") == 12:
        return int.from_bytes(data[18:20], "little"), int.from_bytes(data[20:22], "little")
    width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
    return abs(width), abs(height)


def _png(data: bytes) -> Header:
    """PNG third edition: IHDR, eXIf, texts; the file ends with IEND."""
    width = height = claimed = depth = 0
    colour, is_interlaced = 2, False
    exif = None
    excess = ""
    texts = Texts()
    parts = PngParts(len(data))
    for count, (kind, body, end) in enumerate(_chunks(data, 8, "big", trailer=4)):
        claimed = end
        if count == MAX_PNG_CHUNKS:
            excess = f"could not be decoded: too many chunks; the limit is {MAX_PNG_CHUNKS}"
            break
        if kind == b"IHDR" and width:
            excess = "could not be decoded: more than one header"  # the decoder would take the last before the picture
            break
        parts.add(kind, body, end, data[end - 4 : end])
        if kind == b"IHDR":
            width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
            if len(body) > 12:
                depth, colour, is_interlaced = body[8], body[9], body[12] != 0
        elif kind == b"eXIf" and exif is None:
            exif = bytes(body[:MAX_EXIF_BYTES]).removeprefix(b"Exif\0\0")
        elif kind in (b"zTXt", b"tEXt", b"iTXt"):
            texts.add(kind, body)
        elif kind == b"IEND":
            break
    else:
        claimed = max(claimed, len(data) + 1)  # at least the end chunk is missing
    return Header(
        "png",
        width,
        height,
        exif or texts.exif,
        claimed,
        coding=parts.coding,
        depth=depth,
        colour=colour,
        is_interlaced=is_interlaced,
        excess=excess,
        xmp=texts.xmp,
        png=parts,
    )


def _webp(data: bytes) -> Header:
    """RFC 9649: VP8X, VP8L or VP8 hold the size, EXIF the settings; the RIFF header holds the length."""
    width = height = coded = 0
    exif = xmp = None
    excess = ""
    for count, (kind, body, _) in enumerate(_chunks(data, 12, "little", trailer=0)):
        if count == MAX_WEBP_CHUNKS:
            excess = f"could not be decoded: too many chunks; the limit is {MAX_WEBP_CHUNKS}"
            break
        if kind in _WEBP_PICTURES and not coded:
            coded = len(body)
        if kind == b"VP8X" and not width:  # the first of the three counts
            width, height = (int.from_bytes(body[n : n + 3], "little") + 1 for n in (4, 7))
        elif kind == b"VP8L" and not width:
            bits = int.from_bytes(body[1:5], "little")
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        elif kind == b"VP8 " and not width:
            width, height = (int.from_bytes(body[n : n + 2], "little") & 0x3FFF for n in (6, 8))
        elif kind == b"EXIF" and exif is None:
            exif = bytes(body[:MAX_EXIF_BYTES]).removeprefix(b"Exif\0\0")
        elif kind == b"XMP " and xmp is None:
            xmp = bytes(body[:MAX_XMP_BYTES])
    claimed = int.from_bytes(data[4:8], "little") + 8
    return Header("webp", width, height, exif, claimed, coded_bytes=coded, excess=excess, xmp=xmp)


def _chunks(data: bytes, at: int, order: str, trailer: int) -> Iterator[tuple[bytes, memoryview, int]]:
    """(type, body, end) of the chunks. PNG: length, type, body, checksum; RIFF: type, length, body, padding."""
    view = memoryview(data)
    while at + 8 <= len(data):
        if order == "big":
            size, kind = int.from_bytes(view[at : at + 4], "big"), data[at + 4 : at + 8]
            end = at + 8 + size + trailer
        else:
            kind, size = data[at : at + 4], int.from_bytes(view[at + 4 : at + 8], "little")
            end = at + 8 + size + size % 2
        yield kind, view[at + 8 : at + 8 + size], end
        at = end
