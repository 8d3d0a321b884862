"""Damage inside a file that decodes all the same: a sector that went bad, a copy with a hole.

What libjpeg complains about is in `jpeg_decoder`, what shows in HEVC data in `hevc`. Here is what libjpeg cannot know:
zeros are valid codes, and where a hole of them decodes into as many blocks as stood there before, nothing is out of
step afterwards. An encoder that looks for short codes (ITU-T T.81, annex K.2) may write zeros itself, for flat areas;
its tables say so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iqa_cli.photos import hevc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iqa_cli.photos.isobmff import Items
    from iqa_cli.photos.jpeg import JpegLayout

HOLE = "the file is damaged: zeros stand where picture data should"
"""Why a picture is damaged of which `has_hole`."""

CORRUPT = "the file is damaged: its picture data are corrupt"
"""Why a picture is damaged whose coded data lead nowhere, in whatever format."""

_HOLE = bytes(64)
"""As few zeros as are no coincidence in coded data; disks lose 512 bytes or more at once."""

_PREFACE = re.compile("^(Corrupt JPEG data|Invalid JPEG file structure): ")
_TABLES = 0xC4  # DHT
_COUNTS = 17  # class and number, then how many codes there are of each length


def corrupt(complaint: str | None) -> str | None:
    """Why a picture is damaged of which libjpeg said this; None if it said nothing."""
    if complaint is None:
        return None
    # Without how many bytes and which marker: what is the same trouble should read the same in every file.
    said = re.sub(r"^\d+ | 0x\w+|\.$", "", _PREFACE.sub("", complaint))
    return f"{CORRUPT} (libjpeg: {said})"


def of_heif(items: Items | None, read: Callable[[int, int], bytes], file_bytes: int) -> str | None:
    """Why a picture in HEVC is damaged; None if nothing is seen. Arguments and errors as of `hevc.trouble`."""
    found = None if items is None else hevc.trouble(items, read, file_bytes)
    return None if found is None else {"hole": HOLE, "corrupt": CORRUPT}[found]


def ends_early(percent: int) -> str:
    """Why a picture is damaged whose file has an end, but not all the data."""
    return f"the file is damaged: its picture data end early, {percent} % of the picture is there"


def has_hole(layout: JpegLayout) -> bool:
    """Whether zeros stand in the data of a picture that cannot have so many.

    Later passes of a progressive file, which refine bits, may have them anywhere.
    """
    return len(layout.scans) == 1 and layout.picture_has(_HOLE) and not _zeros_are_flat(layout.head)


def _zeros_are_flat(head: bytes) -> bool:
    """Whether a row of zeros says "as before, and nothing else", block after block.

    Codes of zeros alone are the first of each table. In those of annex K.3, which most cameras use, they give all 63
    coefficients of a block the same value, over and over, which no picture has.
    """
    return all(values[:1] == b"\0" for values in _tables(head))


def _tables(head: bytes) -> Iterator[bytes]:
    """What the codes of each Huffman table stand for, in the order of the codes (T.81, B.2.4.2)."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        end = at + 2 + int.from_bytes(head[at + 2 : at + 4], "big")
        place = at + 4
        while head[at + 1] == _TABLES and place + _COUNTS <= end:
            count = sum(head[place + 1 : place + _COUNTS])
            yield head[place + _COUNTS : place + _COUNTS + count]
            place += _COUNTS + count
        at = end
