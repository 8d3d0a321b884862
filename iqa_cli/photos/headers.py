"""Size and EXIF block of a photo file, found in its container without a decoder.

One walk per format: markers (JPEG), chunks (PNG, WebP), boxes (HEIF, AVIF). What comes out is what a decoder
is not asked for: the size as stored, which refuses absurd claims before any memory is taken, and the EXIF
block as the camera wrote it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from iqa_cli.photos.cicp import ColourCoding, of_bytes
from iqa_cli.photos.isobmff import PictureBoxes, read_boxes, xmp_spans
from iqa_cli.photos.jpeg import JpegLayout, read_layout
from iqa_cli.photos.metadata import MAX_XMP_BYTES, Texts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from iqa_cli.photos.files import Kind


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
    boxes: PictureBoxes | None = None
    """Boxes, for HEIF and AVIF."""
    coding: ColourCoding | None = None
    """Primaries, transfer curve and matrix, if the container states them as numbers."""
    depth: int = 0
    """Bits of a sample, for PNG; 0 for other formats."""
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
        return Header(kind, layout.width, layout.height, first, jpeg=layout, later_exif=later, xmp=layout.xmp)
    if kind == "png":
        return _png(data)
    if kind == "webp":
        return _webp(data)
    boxes = read_boxes(data)
    header = Header(kind, boxes.width, boxes.height, boxes.exif, boxes.claimed_bytes, boxes=boxes, coding=boxes.coding)
    return header if header.exif else dataclasses.replace(header, xmp=_joined(data, xmp_spans(data)))


def _joined(data: bytes, spans: Collection[tuple[int, int]]) -> bytes | None:
    """The XMP packet at these places; None if there is none, or more than one ought to have."""
    if sum(last - first for first, last in spans) > MAX_XMP_BYTES:
        return None
    return b"".join(data[first:last] for first, last in spans) or None


def _png(data: bytes) -> Header:
    """PNG third edition: IHDR, cICP, eXIf; the file ends with IEND."""
    width = height = claimed = depth = 0
    exif = coding = None
    texts = Texts()
    for kind, body, end in _chunks(data, 8, "big", trailer=4):
        claimed = end
        if kind == b"IHDR":
            width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
            depth = body[8] if len(body) > 8 else 0
        elif kind == b"cICP":
            coding = of_bytes(bytes(body))
        elif kind == b"eXIf" and exif is None:
            exif = bytes(body).removeprefix(b"Exif\0\0")
        elif kind in (b"zTXt", b"tEXt", b"iTXt"):
            texts.add(kind, body)
        elif kind == b"IEND":
            break
    else:
        claimed = max(claimed, len(data) + 1)  # at least the end chunk is missing
    return Header("png", width, height, exif or texts.exif, claimed, coding=coding, depth=depth, xmp=texts.xmp)


def _webp(data: bytes) -> Header:
    """RFC 9649: VP8X, VP8L or VP8 hold the size, EXIF the settings; the RIFF header holds the length."""
    width = height = 0
    exif = xmp = None
    for kind, body, _ in _chunks(data, 12, "little", trailer=0):
        if kind == b"VP8X":
            width, height = (int.from_bytes(body[n : n + 3], "little") + 1 for n in (4, 7))
        elif kind == b"VP8L" and not width:
            bits = int.from_bytes(body[1:5], "little")
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        elif kind == b"VP8 " and not width:
            width, height = (int.from_bytes(body[n : n + 2], "little") & 0x3FFF for n in (6, 8))
        elif kind == b"EXIF" and exif is None:
            exif = bytes(body).removeprefix(b"Exif\0\0")
        elif kind == b"XMP " and xmp is None:
            xmp = bytes(body[:MAX_XMP_BYTES])
    return Header("webp", width, height, exif, int.from_bytes(data[4:8], "little") + 8, xmp=xmp)


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
