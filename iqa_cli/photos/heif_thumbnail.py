"""The thumbnail item of a HEIC file, as a small HEIC file of its own.

libheif opens whole files only, and reading all of one to show its thumbnail would defeat the purpose. So the coded
picture and its properties are put into the smallest file that can hold them: ISO/IEC 23008-12, 10.2 (brand `heic`),
14496-12 (boxes).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_ITEM = 1
_MAX_PROPERTIES = 127  # numbered in 7 bits below; a thumbnail has about five


def as_file(properties: Sequence[tuple[bytes, bytes]], coded: bytes) -> bytes:
    """A HEIC file with one picture.

    properties  (type, body) of the property boxes of the picture, at most 127
    coded       its HEVC data
    raises      ValueError  for more properties
    """
    if len(properties) > _MAX_PROPERTIES:
        raise ValueError(f"expected at most {_MAX_PROPERTIES} properties, got {len(properties)}")
    start = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
    place = len(start) + len(_meta(properties, 0, len(coded))) + 8
    return start + _meta(properties, place, len(coded)) + _box(b"mdat", coded)


def _meta(properties: Sequence[tuple[bytes, bytes]], place: int, size: int) -> bytes:
    """The `meta` box of a file whose only item lies at `place`."""
    entry = _full_box(b"infe", struct.pack(">HH4sx", _ITEM, 0, b"hvc1"), version=2)
    links = bytes(range(1, len(properties) + 1))
    association = struct.pack(">IHB", 1, _ITEM, len(links)) + links
    boxes = b"".join(_box(kind, body) for kind, body in properties)
    return _full_box(
        b"meta",
        _full_box(b"hdlr", struct.pack(">4x4s12xx", b"pict"))
        + _full_box(b"pitm", struct.pack(">H", _ITEM))
        + _full_box(b"iloc", struct.pack(">BBHHHHII", 0x44, 0, 1, _ITEM, 0, 1, place, size))
        + _full_box(b"iinf", struct.pack(">H", 1) + entry)
        + _box(b"iprp", _box(b"ipco", boxes) + _full_box(b"ipma", association)),
    )


def _full_box(kind: bytes, body: bytes, version: int = 0) -> bytes:
    return _box(kind, bytes((version, 0, 0, 0)) + body)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body
