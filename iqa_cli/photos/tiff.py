"""The tags of an EXIF block that are wanted; the preview in it; a multi-picture index.

exifread reads the numbers, from directories that list the wanted tags only: given whole blocks it follows every pointer
and was kept busy for 28 s by a hostile one of 64 KB, and for 14 s by the maker notes of a damaged one. Texts are taken
as bytes, because exifread decodes them by guessing. TIFF 6.0, section 2; Exif 2.32, section 4.6; UTF-8: Exif 3.0.
"""

from __future__ import annotations

import io
import logging
import math
import struct
from typing import TYPE_CHECKING, Any

import exifread
import exifread.utils

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# exifread warns about every odd tag of every odd camera, on stderr if nobody configured logging.
logging.getLogger("exifread").setLevel(logging.CRITICAL)

MAKE, MODEL, ORIENTATION = 0x010F, 0x0110, 0x0112
EXPOSURE_TIME, F_NUMBER, ISO, TAKEN = 0x829A, 0x829D, 0x8827, 0x9003
EXPOSURE_BIAS, FLASH, FOCAL_LENGTH, LENS_MODEL = 0x9204, 0x9209, 0x920A, 0xA434

Value = bytes | tuple[float, ...] | None
"""Bytes of a text up to its end, or numbers, with nan for a fraction of 0; None for what cannot be read."""

_Number = tuple[int, int, bytes]
"""Type, count, and the bytes of the values."""

_ENTRY_BYTES = 12
_IN_PLACE = 4
"""Bytes of a value that stand in its entry."""

_EXIF_POINTER = 0x8769
_MAIN_TAGS = frozenset({MAKE, MODEL, ORIENTATION})
_SETTINGS = frozenset({EXPOSURE_TIME, F_NUMBER, ISO, TAKEN, EXPOSURE_BIAS, FLASH, FOCAL_LENGTH, LENS_MODEL})

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
_NUMBER_BYTES = {1: 1, 3: 2, 4: 4, 5: 8, 6: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_FLOATS = {11: "f", 12: "d"}
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
    return _values(block, order, entries)


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
    second = 0 if order is None else _second(block, order)
    if order is None or not second:
        return False
    entries = _entries(block, order, second, frozenset({_SUBFILE_TYPE})) or {}
    return not (_SUBFILE_TYPE in entries and _number(order, entries[_SUBFILE_TYPE]) & 1)


def thumbnail(block: bytes) -> bytes | None:
    """The JPEG thumbnail of an EXIF block (Exif 2.32, 4.5.2), perhaps cut off; None if there is none."""
    order = _byte_order(block)
    second = 0 if order is None else _second(block, order)
    if order is None or not second:
        return None
    entries = _entries(block, order, second, _THUMBNAIL_TAGS) or {}
    if len(entries) < len(_THUMBNAIL_TAGS):
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


def _second(block: bytes, order: str) -> int:
    """Where the directory behind the first begins; 0 if there is none."""
    first = _first(block, order)
    behind = first + 2 + _ENTRY_BYTES * _uint16(block, order, first)
    return int(struct.unpack_from(f"{order}I", block, behind)[0]) if behind + 4 <= len(block) else 0


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


def _values(block: bytes, order: str, entries: Mapping[int, bytes]) -> dict[int, Value]:
    """What entries say: texts as they stand, numbers as exifread reads them."""
    found: dict[int, Value] = dict.fromkeys(entries)
    numbers: dict[int, _Number] = {}
    for tag, entry in entries.items():
        kind, count = struct.unpack_from(f"{order}HI", entry, 2)
        if tag == EXPOSURE_BIAS and kind not in _OWN_TYPES and count * _NUMBER_BYTES.get(kind, 1) == _FRACTION_BYTES:
            kind, count = _SIGNED_FRACTION, 1
        is_text = kind in _TEXT_TYPES
        if not (is_text or kind in _NUMBER_BYTES) or count > (_MAX_TEXT if is_text else _MAX_VALUES):
            continue
        size = count * (1 if is_text else _NUMBER_BYTES[kind])
        (at,) = struct.unpack_from(f"{order}I", entry, 8)
        if size > _IN_PLACE and (at < 8 or at + size > len(block)):
            continue
        data = entry[8 : 8 + size] if size <= _IN_PLACE else block[at : at + size]
        if is_text:
            found[tag] = data.partition(b"\0")[0]
        elif kind in _FLOATS:  # which exifread does not know
            found[tag] = struct.unpack(f"{order}{count}{_FLOATS[kind]}", data)
        else:
            numbers[tag] = kind, count, data
    return found | _numbers(order, numbers)


def _numbers(order: str, numbers: Mapping[int, _Number]) -> dict[int, Value]:
    """Numbers by exifread, from a small block that holds nothing else: that of a raw file may be the whole file."""
    if not numbers:
        return {}
    settings_at = 8 + len(_directory(order, [bytes(_ENTRY_BYTES)]))
    values_at = settings_at + len(_directory(order, [bytes(_ENTRY_BYTES)] * len(numbers)))
    entries, values = [], b""
    for tag, (kind, count, data) in numbers.items():
        is_in_place = len(data) <= _IN_PLACE
        where = data.ljust(_IN_PLACE, b"\0") if is_in_place else struct.pack(f"{order}I", values_at + len(values))
        entries.append(struct.pack(f"{order}HHI", tag, kind, count) + where)
        values += b"" if is_in_place else data
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    main = _directory(order, [struct.pack(f"{order}HHII", _EXIF_POINTER, 4, 1, settings_at)])
    block = start + main + _directory(order, entries) + values
    read = exifread.process_file(io.BytesIO(block), details=False, extract_thumbnail=False)
    found = {entry.tag: entry.values for entry in read.values() if getattr(entry, "tag", None) in numbers}
    return {tag: tuple(map(_plain, found[tag])) if tag in found else None for tag in numbers}


def _directory(order: str, entries: Sequence[bytes]) -> bytes:
    return struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)


def _plain(number: Any) -> float:
    """A number; nan for a fraction of 0."""
    if isinstance(number, exifread.utils.Ratio):
        return number.num / number.den if number.den else math.nan
    return float(number)
