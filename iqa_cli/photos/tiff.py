"""The tags of an EXIF block that are wanted, read from its bytes; the preview in it; a multi-picture index.

Two directories are looked through, each once, and no pointer but the one between them is followed: a library that read
whole blocks was kept busy for 28 s by a hostile one of 64 KB, and for 14 s by the maker notes of a damaged one. Beside
finding the entries, reading a value is a line. TIFF 6.0, section 2; Exif 2.32, section 4.6; text in UTF-8: Exif 3.0.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAKE, MODEL, ORIENTATION = 0x010F, 0x0110, 0x0112
EXPOSURE_TIME, F_NUMBER, ISO, TAKEN = 0x829A, 0x829D, 0x8827, 0x9003
EXPOSURE_BIAS, FLASH, LENS_MODEL = 0x9204, 0x9209, 0xA434

Value = bytes | tuple[float, ...] | None
"""Bytes of a text up to its end, or numbers, with nan for a fraction of 0; None for what cannot be read."""

_EXIF_POINTER = 0x8769
_MAIN_TAGS = frozenset({MAKE, MODEL, ORIENTATION})
_SETTINGS = frozenset({EXPOSURE_TIME, F_NUMBER, ISO, TAKEN, EXPOSURE_BIAS, FLASH, LENS_MODEL})

# Of the second directory: JPEGInterchangeFormat, JPEGInterchangeFormatLength. Of the settings: PixelXDimension, Y.
_THUMBNAIL_TAGS = frozenset({0x0201, 0x0202})
_SIZE_TAGS = frozenset({0xA002, 0xA003})
# Of a multi-picture index: MPEntry, 16 bytes a picture (CIPA DC-007, 5.2.3).
_PICTURES_TAG = 0xB002
_PICTURE_BYTES = 16
_MAX_LISTED = 64 * _PICTURE_BYTES

_SUBFILE_TYPE = 0x00FE
_SUB_DIRECTORIES = 0x014A
_SHORT = 3
_UNDEFINED = 7
_TEXT_TYPES = frozenset({2, _UNDEFINED, 129})  # ASCII, UNDEFINED, and the UTF-8 of Exif 3.0
_NUMBER_TYPES = {1: "B", 3: "H", 4: "I", 5: "II", 6: "b", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d"}
_SIGNED_FRACTION = 10
# The type of the bias: Leica's M8, Fujifilm and some phones write -0.7 EV as 4294967289/10, others eight bytes or four
# shorts. As to exiftool, eight bytes are what they should be, but for a float and a text.
_FRACTION_BYTES = 8
_OWN_TYPES = frozenset({2, 11, 12, 129})
_MAX_TEXT = 1000  # bytes of one text; the longest lens names have about 60
_MAX_VALUES = 16  # of one numeric tag; the wanted ones have one, ISO sometimes two or three


def camera_tags(block: bytes) -> dict[int, Value] | None:
    """The values of the wanted tags; None if there is no directory to start from.

    A tag that stands in the other directory than Exif puts it is taken from there if it is missing where it belongs.
    """
    order = _byte_order(block)
    if order is None:
        return None
    main = _entries(block, order, _first(block, order), _MAIN_TAGS | _SETTINGS | {_EXIF_POINTER})
    if main is None:
        return None
    inner: dict[int, bytes] = {}
    if _EXIF_POINTER in main:
        inner = _entries(block, order, _number(order, main.pop(_EXIF_POINTER)), _MAIN_TAGS | _SETTINGS) or {}
    entries = {**main, **inner, **{tag: main[tag] for tag in _MAIN_TAGS & main.keys()}}
    return {tag: _value(block, order, entry) for tag, entry in entries.items()}


def directories(block: bytes, wanted: frozenset[int]) -> Iterator[dict[int, int]]:
    """The first value of each wanted tag in the main directory and in those below it (SubIFDs), each directory once.

    Values that do not stand in the entry itself are what points to them.
    """
    order = _byte_order(block)
    if order is None:
        return
    main = _entries(block, order, _first(block, order), wanted | {_SUB_DIRECTORIES}) or {}
    below = main.pop(_SUB_DIRECTORIES, None)
    yield {tag: _number(order, entry) for tag, entry in main.items()}
    if below is None:
        return
    (count,) = struct.unpack_from(f"{order}I", below, 4)
    at = _number(order, below)
    if count > _MAX_VALUES or (count > 1 and at + 4 * count > len(block)):
        return
    for place in [at] if count == 1 else struct.unpack_from(f"{order}{count}I", block, at):
        yield {tag: _number(order, entry) for tag, entry in (_entries(block, order, place, wanted) or {}).items()}


def has_pages(block: bytes) -> bool:
    """Whether a second picture follows the first that is not a small version of it (TIFF 6.0, NewSubfileType)."""
    order = _byte_order(block)
    if order is None:
        return False
    first = _first(block, order)
    behind = first + 2 + 12 * _uint16(block, order, first)
    if behind + 4 > len(block):
        return False
    (second,) = struct.unpack_from(f"{order}I", block, behind)
    entries = _entries(block, order, second, frozenset({_SUBFILE_TYPE})) or {} if second else None
    return entries is not None and not (_SUBFILE_TYPE in entries and _number(order, entries[_SUBFILE_TYPE]) & 1)


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
    main = _entries(block, order, _first(block, order), frozenset({_EXIF_POINTER})) or {}
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
    entries = _entries(index, order, _first(index, order), frozenset({_PICTURES_TAG})) or {}
    if _PICTURES_TAG not in entries:
        return []
    size, at = struct.unpack_from(f"{order}II", entries[_PICTURES_TAG], 4)
    if size > _MAX_LISTED:
        return []
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


def _entries(block: bytes, order: str, at: int, wanted: frozenset[int]) -> dict[int, bytes] | None:
    """The wanted 12-byte entries of the directory at an offset; None if there is no entry at all."""
    if at + 2 > len(block):
        return None
    (count,) = struct.unpack_from(f"{order}H", block, at)
    entries: dict[int, bytes] = {}
    for start in range(at + 2, min(at + 2 + 12 * count, len(block) - 11), 12):
        (tag,) = struct.unpack_from(f"{order}H", block, start)
        if tag in wanted:
            entries.setdefault(tag, block[start : start + 12])
    return entries if count else None


def _value(block: bytes, order: str, entry: bytes) -> Value:
    """What an entry says; None if it is of no known type, too long, or not in the block."""
    tag, kind, count = struct.unpack_from(f"{order}HHI", entry)
    is_text = kind in _TEXT_TYPES
    numbers = _NUMBER_TYPES.get(kind, "")
    if not (is_text or numbers) or count > (_MAX_TEXT if is_text else _MAX_VALUES):
        return None
    size = count if is_text else count * struct.calcsize(f"{order}{numbers}")
    if tag == EXPOSURE_BIAS and size == _FRACTION_BYTES and kind not in _OWN_TYPES:
        is_text, numbers = False, _NUMBER_TYPES[_SIGNED_FRACTION]
    if size <= 4:
        data = entry[8 : 8 + size]
    else:
        (at,) = struct.unpack_from(f"{order}I", entry, 8)
        data = block[at : at + size]
        if at < 8 or len(data) < size:
            return None
    if is_text:
        return data.partition(b"\0")[0]
    values = struct.iter_unpack(f"{order}{numbers}", data)
    if len(numbers) == 1:
        return tuple(value for (value,) in values)
    return tuple(above / below if below else math.nan for above, below in values)
