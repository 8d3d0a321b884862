"""The pieces that a photo file is made of, found as a decoder finds them, to be mixed up."""

from __future__ import annotations

import dataclasses
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTAINERS = frozenset({b"meta", b"iprp", b"ipco", b"iinf", b"dinf", b"moov", b"trak"})
"""Boxes that hold boxes."""
_HEADS = {b"meta": 12, b"iinf": 14}
"""Where the first box of such a one begins; otherwise 8 bytes behind it."""


@dataclasses.dataclass(frozen=True)
class Piece:
    """A segment, chunk or box."""

    start: int
    end: int
    length_at: int
    """Where its length is written; -1 if nowhere."""
    length_format: str
    """For `struct`."""
    body_at: int
    """Where what it says begins."""


def pieces(data: bytes) -> list[Piece]:
    """Those of a file whose format is known, in order; of boxes the inner ones as well."""
    if data.startswith(b"\xff\xd8"):
        return list(_segments(data))
    if data.startswith(b"\x89PNG"):
        return list(_chunks(data, 8, ">I", trailer=4))
    if data.startswith(b"RIFF"):
        return list(_chunks(data, 12, "<I", trailer=0))
    if data[4:8] == b"ftyp":
        return list(_boxes(data, 0, len(data)))
    return []


def _segments(data: bytes) -> Iterator[Piece]:
    """Of a JPEG and of those behind it: markers with a length, and scans up to the next marker (T.81, annex B)."""
    at = 0
    while 0 <= at < len(data) - 1:
        marker = data[at + 1]
        if data[at] != 0xFF or marker in (0x00, 0xFF):
            at = data.find(b"\xff\xd8", at + 1)
            continue
        if marker in (0xD8, 0xD9, 0x01) or 0xD0 <= marker <= 0xD7:
            yield Piece(at, at + 2, -1, "", at + 2)
            at += 2
            continue
        if at + 4 > len(data):
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield Piece(at, min(end, len(data)), at + 2, ">H", at + 4)
        at = end
        if marker == 0xDA:
            while (at := data.find(b"\xff", at)) >= 0 and data[at + 1 : at + 2] in (b"", b"\0", *_RESTARTS):
                at += 2
            yield Piece(end, at if at >= 0 else len(data), -1, "", end)


_RESTARTS = tuple(bytes([0xD0 + number]) for number in range(8))


def _chunks(data: bytes, at: int, length_format: str, trailer: int) -> Iterator[Piece]:
    """Of PNG (length, kind, content, checksum) and WebP (kind, length, content, filled up to an even length)."""
    is_png = length_format == ">I"
    while at + 8 <= len(data):
        length_at = at if is_png else at + 4
        (length,) = struct.unpack_from(length_format, data, length_at)
        end = min(at + 8 + length + (trailer if is_png else length % 2), len(data))
        yield Piece(at, end, length_at, length_format, at + 8)
        at = end


def _boxes(data: bytes, at: int, end: int) -> Iterator[Piece]:
    """Of HEIF and AVIF (ISO/IEC 14496-12, 4.2)."""
    while at + 8 <= end:
        (length,) = struct.unpack_from(">I", data, at)
        after = at + length if 8 <= length <= end - at else end
        yield Piece(at, after, at, ">I", at + 8)
        kind = data[at + 4 : at + 8]
        if kind in CONTAINERS:
            yield from _boxes(data, at + _HEADS.get(kind, 8), after)
        at = after


def mended(data: bytes) -> bytes:
    """The file with checksums and outer lengths as they should be, so that a reader gets past them to what is wrong."""
    content = bytearray(data)
    if data.startswith(b"RIFF"):
        content[4:8] = struct.pack("<I", (len(data) - 8) & 0xFFFFFFFF)
    elif data.startswith(b"\x89PNG"):
        for piece in pieces(data):
            if piece.end - piece.start >= 12:
                checked = data[piece.start + 4 : piece.end - 4]
                content[piece.end - 4 : piece.end] = struct.pack(">I", zlib.crc32(checked))
    return bytes(content)


def directories(data: bytes) -> list[tuple[int, int, str]]:
    """The TIFF directories of an EXIF block: (start of the block, of the directory, byte order for `struct`)."""
    found = []
    for sign, order in ((b"II*\0", "<"), (b"MM\0*", ">")):
        at = data.find(sign)
        if at >= 0 and at + 8 <= len(data):
            places = [at + struct.unpack_from(order + "I", data, at + 4)[0]]
            while places and len(found) < 8:
                place = places.pop()
                if place + 2 > len(data) or (at, place, order) in found:
                    continue
                found.append((at, place, order))
                places += [
                    at + struct.unpack_from(order + "I", data, entry + 8)[0]
                    for entry in entries(data, place, order)
                    if struct.unpack_from(order + "H", data, entry)[0] == 0x8769
                ]
                behind = place + 2 + 12 * struct.unpack_from(order + "H", data, place)[0]
                if behind + 4 <= len(data) and (following := struct.unpack_from(order + "I", data, behind)[0]):
                    places.append(at + following)
    return found


def entries(data: bytes, directory: int, order: str) -> list[int]:
    """Where the entries of a directory begin, those that are in the file."""
    (count,) = struct.unpack_from(order + "H", data, directory)
    places = range(directory + 2, directory + 2 + 12 * min(count, 200), 12)
    return [place for place in places if place + 12 <= len(data)]
