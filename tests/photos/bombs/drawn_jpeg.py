"""JPEG files that ask for much. ITU-T T.81, annex B."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

from PIL import Image

from .pictures import encoded, side

if TYPE_CHECKING:
    from collections.abc import Iterable


def segment(marker: int, body: bytes = b"") -> bytes:
    """A marker with its length and body."""
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def jpeg_with(before: bytes = b"", inside: bytes = b"", behind: bytes = b"", between: bytes = b"") -> bytes:
    """A good file with more after its first marker, before its scan, within its coded data, and before its end."""
    data = encoded("JPEG")
    scan = data.index(b"\xff\xda")
    middle = len(data) - 100
    return b"".join(
        (data[:2], before, data[2:scan], between, data[scan:middle], inside, data[middle:-2], behind, data[-2:])
    )


def claiming(data: bytes, width: int, height: int) -> bytes:
    """The same JPEG file with another size in its frame header."""
    at = next(at for marker in (b"\xff\xc0", b"\xff\xc2", b"\xff\xc9") if (at := data.find(marker)) >= 0)
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def table(data: bytes, marker: bytes) -> bytes:
    """The first segment with that marker."""
    at = data.index(marker)
    return data[at : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")]


def flat_jpeg(
    megapixels: int, *, mode: str = "RGB", subsampling: int = 2, scans: int = 0, end: bytes = b"\xff\xd9"
) -> bytes:
    """A flat picture of that size, complete: rows of blocks that were coded once and are repeated.

    scans  0 for a baseline file; else a progressive one, its last scan repeated so often
    """
    width = side(megapixels)
    buffer = io.BytesIO()
    options = {"progressive": True} if scans else {"restart_marker_rows": 1}
    if mode != "CMYK":
        options["subsampling"] = subsampling
    # 16 rows of blocks, a restart marker behind each: eight of them are one turn of the markers' numbers.
    height = 256 if not scans else width
    Image.new(mode, (width, height), 90 if mode in ("L", "CMYK") else (90, 100, 110)).save(buffer, "JPEG", **options)
    data = buffer.getvalue()
    if scans:
        last = data.rindex(b"\xff\xda")
        return data[:-2] + data[last:-2] * scans + end
    start = data.index(b"\xff\xda")
    start += 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    turn = data[start : data.index(b"\xff\xd7", start) + 2]  # eight rows of blocks
    per_row = 8 if mode in ("L", "CMYK") or subsampling == 0 else 16
    return claiming(data[:start], width, width) + turn * -(-width // (8 * per_row)) + end


def huge_claim(megapixels: int, *, end: bytes = b"\xff\xd9", size: int = 64_000, **options: int | bool) -> bytes:
    """A small file whose header claims that size, filled up with coded data that never end."""
    data = encoded("JPEG", 96, 64, **options)
    rest = bytes((37 * n * n + 91 * n + 17) % 251 for n in range(997)) * (size // 997)
    return claiming(data[:-2], side(megapixels), side(megapixels)) + rest + end


def many_scans(megapixels: int, scans: int = 490) -> bytes:
    """A progressive file of a size it does not hold, its last scan repeated."""
    data = encoded("JPEG", 96, 64, progressive=True)
    last = data.rindex(b"\xff\xda")
    return claiming(data[:-2], side(megapixels), side(megapixels)) + data[last:-2] * scans + b"\xff\xd9"


def icc_chunks(count: int) -> Iterable[bytes]:
    for number in range(count):
        yield segment(0xE2, b"ICC_PROFILE\0" + bytes((1 + number % 255, min(count, 255))) + bytes(65_000))


def exif_block(entries: int = 1, body: bytes = b"") -> bytes:
    """A TIFF block whose first directory has so many entries and points to itself."""
    entry = struct.pack("<HHII", 0x010F, 2, 900, 8)
    return b"II*\0" + struct.pack("<IH", 8, min(entries, 65_535)) + entry * entries + struct.pack("<I", 8) + body


def many_previews(previews: int) -> bytes:
    """A photo with a multi-picture index that lists so many large previews, none of the picture's shape."""
    preview = encoded("JPEG", 1600, 1200, progressive=True)
    listed = [(0x010001, len(preview))] * min(previews, 64)
    photo = encoded("JPEG", 2000, 400)
    entries = b"".join(struct.pack("<III4x", kind, size, 4096) for kind, size in listed)
    index = b"II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHII", 0xB002, 7, len(entries), 26) + bytes(4) + entries
    # The offset leads to where the preview lies: behind the picture.
    head = photo[:2] + segment(0xE2, b"MPF\0" + index)
    offset = len(head) + len(photo) - 2 - 10
    return head.replace(struct.pack("<I", 4096), struct.pack("<I", offset)) + photo[2:] + preview
