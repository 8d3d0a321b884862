"""The tags that are wanted of an EXIF block, and the preview in it.

Nothing else is looked at: a reader that follows every pointer and expands every list is kept busy for 28 s by a
hostile block of 64 KB (exifread), and takes several times as long for any other. TIFF 6.0, section 2; Exif 2.32,
section 4.6.
"""

from __future__ import annotations

import math
import struct

_EXIF_POINTER = 0x8769
_MAIN_TAGS = frozenset({0x010F, 0x0110, 0x0112, _EXIF_POINTER})  # Make, Model, Orientation
# ExposureTime, FNumber, ISO, DateTimeOriginal, ExposureBias, Flash, LensModel
_EXIF_TAGS = frozenset({0x829A, 0x829D, 0x8827, 0x9003, 0x9204, 0x9209, 0xA434})

# Of the second directory: JPEGInterchangeFormat, JPEGInterchangeFormatLength. Of the settings: PixelXDimension, Y.
_THUMBNAIL_TAGS = frozenset({0x0201, 0x0202})
_SIZE_TAGS = frozenset({0xA002, 0xA003})
# Of a multi-picture index: MPEntry, 16 bytes a picture (CIPA DC-007, 5.2.3).
_PICTURES_TAG = 0xB002
_PICTURE_BYTES = 16
_MAX_LISTED = 64 * _PICTURE_BYTES

_ENTRY_BYTES = 12
_INLINE_BYTES = 4

# Types of values (TIFF 6.0, section 2; IFD is from its supplement 1) as `struct` writes them.
_CODES = {
    1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I",
}  # fmt: skip
_FRACTIONS = frozenset({5, 10})
_ASCII = 2
_SHORT = 3
_MAX_TEXT = 1000  # bytes of one text; the longest lens names have about 60
_MAX_VALUES = 16  # of one numeric tag; the wanted ones have one, ISO sometimes two or three


def wanted_values(block: bytes) -> dict[int, list[int | float | bytes]] | None:
    """The values of the wanted tags, by number: whole numbers, fractions as floats, text as bytes up to its first zero.

    A fraction over 0 is nan. Values of an unknown type, and numbers that lie outside the block, are an empty list.
    None if there is no directory to start from.
    """
    order = _byte_order(block)
    if order is None:
        return None
    entries = _entries(block, order, _first(block, order), _MAIN_TAGS)
    if entries is None:
        return None
    pointer = entries.pop(_EXIF_POINTER, None)
    if pointer is not None:
        entries.update(_entries(block, order, _number(order, pointer), _EXIF_TAGS) or {})
    return {tag: _values(block, order, entry) for tag, entry in entries.items()}


def thumbnail(block: bytes) -> bytes | None:
    """The JPEG thumbnail of an EXIF block (Exif 2.32, 4.5.2), perhaps cut off; None if there is none."""
    order = _byte_order(block)
    if order is None:
        return None
    first = _first(block, order)
    behind = first + 2 + 12 * _uint16(block, order, first)
    if behind + 4 > len(block):
        return None
    (second,) = struct.unpack_from(f"{order}I", block, behind)
    entries = _entries(block, order, second, _THUMBNAIL_TAGS) or {}
    if not second or len(entries) < len(_THUMBNAIL_TAGS):
        return None
    at, size = _number(order, entries[0x0201]), _number(order, entries[0x0202])
    return block[at : at + size] or None


def stated_size(block: bytes) -> tuple[int, int] | None:
    """Pixels across and down as the camera wrote them into its settings; None where one is missing or 0.

    A program that makes a picture smaller and copies the EXIF block leaves them as they were.
    """
    order = _byte_order(block)
    if order is None:
        return None
    main = _entries(block, order, _first(block, order), _MAIN_TAGS) or {}
    if _EXIF_POINTER not in main:
        return None
    sizes = _entries(block, order, _number(order, main[_EXIF_POINTER]), _SIZE_TAGS) or {}
    width, height = (_number(order, sizes[tag]) if tag in sizes else 0 for tag in (0xA002, 0xA003))
    return (width, height) if width and height else None


def pictures(index: bytes) -> list[tuple[int, int, int]]:
    """(attributes, bytes, offset) of the pictures that a multi-picture index lists (CIPA DC-007, 5.2.3.3).

    Offsets count from the byte-order mark of the index; the first picture's is 0 whatever its place.
    """
    order = _byte_order(index)
    if order is None:
        return []
    entries = _entries(index, order, _first(index, order), frozenset({_PICTURES_TAG}), _MAX_LISTED) or {}
    if _PICTURES_TAG not in entries:
        return []
    size, at = struct.unpack_from(f"{order}II", entries[_PICTURES_TAG], 4)
    listed = index[at : at + size]
    return list(struct.iter_unpack(f"{order}III4x", listed[: len(listed) - len(listed) % _PICTURE_BYTES]))


def _byte_order(block: bytes) -> str | None:
    return {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4]) if len(block) >= 8 else None


def _first(block: bytes, order: str) -> int:
    """Where the first directory begins."""
    return int(struct.unpack_from(f"{order}I", block, 4)[0])


def _number(order: str, entry: bytes) -> int:
    """The value of an entry that has one: a short or a long."""
    (kind,) = struct.unpack_from(f"{order}H", entry, 2)
    return int(struct.unpack_from(f"{order}{'H' if kind == _SHORT else 'I'}", entry, 8)[0])


def _uint16(block: bytes, order: str, at: int) -> int:
    return int(struct.unpack_from(f"{order}H", block, at)[0]) if at + 2 <= len(block) else 0


def _entries(
    block: bytes, order: str, at: int, wanted: frozenset[int], most: int = _MAX_VALUES
) -> dict[int, bytes] | None:
    """The wanted 12-byte entries of the directory at an offset; None if there is no entry at all."""
    if at + 2 > len(block):
        return None
    (count,) = struct.unpack_from(f"{order}H", block, at)
    entries: dict[int, bytes] = {}
    start = at + 2
    whole = min(count, (len(block) - start) // _ENTRY_BYTES)
    for tag, kind, values in struct.iter_unpack(f"{order}HHI4x", block[start : start + whole * _ENTRY_BYTES]):
        if tag in wanted and values <= (_MAX_TEXT if kind == _ASCII else most):
            entries.setdefault(tag, block[start : start + _ENTRY_BYTES])
        start += _ENTRY_BYTES
    return entries if count else None


def _values(block: bytes, order: str, entry: bytes) -> list[int | float | bytes]:
    """What an entry says, or what lies where it points to if that is more than four bytes (TIFF 6.0, section 2)."""
    kind, count, at = struct.unpack_from(f"{order}HII", entry, 2)
    code = _CODES.get(kind)
    if code is None:
        return []
    size = count * struct.calcsize(f"={code}")
    data = block[at : at + size] if size > _INLINE_BYTES else entry[8 : 8 + size]
    if kind == _ASCII:
        return [data.split(b"\0", 1)[0]]
    if len(data) < size:
        return []
    values = struct.iter_unpack(f"{order}{code}", data)
    if kind in _FRACTIONS:
        return [above / below if below else math.nan for above, below in values]
    return [value for (value,) in values]
