"""Size and EXIF block of a JPEG XL picture, told from its boxes and the first bytes of its codestream (ISO/IEC 18181).

The decoder gives it together with all pixels, which is too late to refuse what would not fit into memory.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from iqa_cli.photos.isobmff import tiff_block, walk
from iqa_cli.photos.limits import MAX_EXIF_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

CODESTREAM = b"\xff\x0a"
CONTAINER = b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a"

_DIGITS = (9, 13, 18, 30)
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_HEAD_BYTES = 18
_MAX_BOXES = 1000


def size_of(data: bytes) -> tuple[int, int]:
    """Pixels across and down as stored; zeros where they are not to be found."""
    stream = data[:_HEAD_BYTES] if data.startswith(CODESTREAM) else _codestream(data)
    if not stream.startswith(CODESTREAM):
        return 0, 0
    bits = _Bits(stream[len(CODESTREAM) :])
    is_small = bits.take(1)
    height = bits.take(5) * 8 + 8 if is_small else bits.number()
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio]
        return height * across // down, height
    return bits.take(5) * 8 + 8 if is_small else bits.number(), height


def exif_of(data: bytes) -> bytes | None:
    """The EXIF block, from its byte-order mark on; None if there is none, as in a bare codestream."""
    if data.startswith(CODESTREAM):
        return None
    return next(
        (tiff_block(data[start:end][:MAX_EXIF_BYTES]) for kind, start, end in _boxes(data) if kind == b"Exif"), None
    )


class _Bits:
    """Numbers from the lowest bit on."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value

    def number(self) -> int:
        return 1 + self.take(_DIGITS[self.take(2)])


def _codestream(data: bytes) -> bytes:
    """How the codestream begins in a container; empty if there is none."""
    for kind, start, _ in _boxes(data):
        if kind == b"jxlc":
            return data[start : start + _HEAD_BYTES]
        if kind == b"jxlp":  # a part of it, after its number
            return data[start + 4 : start + 4 + _HEAD_BYTES]
    return b""


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of the body, end) of the first boxes of a container."""
    return itertools.islice(walk(data, 0, len(data)), _MAX_BOXES)
