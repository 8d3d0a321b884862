"""Whether the HEVC data of a picture are whole, as far as that shows without decoding them.

A decoder does not say: libheif gives a picture of whatever is there, with grey where a hole of zeros was, and no
warning. But coded data are units, each behind its length (ISO/IEC 14496-15, 4.3.3), and within a unit two zero bytes
are never followed by a third: encoders write a 3 between them (H.265, 7.4.2.1, emulation prevention). So a hole, as a
bad sector or a copy that broke off leaves it, shows as zeros or as lengths that lead nowhere. Other bytes in place of
the right ones may go unseen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iqa_cli.photos.isobmff import Items

HOLE_BYTES = 64
"""Zeros in a row that are a hole. By the standard three are; disks lose 512 or more at once, and a writer may pad."""
_HOLE = bytes(HOLE_BYTES)
_LEAST_UNIT = 3
"""Bytes: a header of two, and something behind it."""
_MOST_UNITS = 10_000
"""Units that are counted: a tile has one or a few, a file made to waste time a hundred million."""
_MOST_DEPTH = 8
"""Pictures made of pictures made of pictures; cameras write two levels."""


def coded_items(items: Items) -> Iterator[int]:
    """The HEVC items that the picture of a file is made of, each once: its tiles, or itself."""
    level, seen = {items.primary}, {items.primary}
    for _ in range(_MOST_DEPTH):
        yield from sorted(item for item in level if items.types.get(item) == b"hvc1")
        level = {part for item, parts in items.references[b"dimg"] if item in level for part in parts} - seen
        seen |= level


def length_size(configuration: bytes | None) -> int | None:
    """Bytes of the length before each unit, from the body of an `hvcC` box (14496-15, 8.3.3.1); None if it is none."""
    if configuration is None or len(configuration) < 23 or configuration[0] != 1:
        return None
    return (configuration[21] & 3) + 1


def has_hole(coded: bytes) -> bool:
    """Whether zeros stand in coded data where no encoder writes them."""
    return _HOLE in coded


def is_in_step(coded: bytes, length_bytes: int) -> bool:
    """Whether coded data are units one behind the other, up to their end or a few zeros before it.

    length_bytes  as `length_size` gives it
    """
    at = 0
    for _ in range(_MOST_UNITS):
        if at == len(coded):
            return at > 0
        start = at + length_bytes
        end = start + int.from_bytes(coded[at:start], "big")
        if end - start < _LEAST_UNIT or end > len(coded) or coded[start] & 0x80:  # a unit's first bit is 0 (7.4.2.2)
            return at > 0 and not any(coded[at:])
        at = end
    return True


def trouble(items: Items, read: Callable[[int, int], bytes], file_bytes: int) -> Literal["hole", "corrupt"] | None:
    """What is wrong with the coded data of a picture; None if nothing is seen.

    read        gives the bytes of the file from a place on, so many of them
    file_bytes  of the whole file: pictures that claim more share their data, and are not looked at
    raises      OSError as `read` does
    """
    parts = list(coded_items(items))
    if sum(last - first for item in parts for first, last in items.spans.get(item, ())) > file_bytes:
        return None
    for item in parts:
        coded = b"".join(read(first, last - first) for first, last in items.spans.get(item, ()))
        if has_hole(coded):
            return "hole"
        length_bytes = length_size(items.property_of(item, b"hvcC"))
        if length_bytes is not None and not is_in_step(coded, length_bytes):
            return "corrupt"
    return None
