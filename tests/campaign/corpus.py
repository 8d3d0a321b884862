"""Files by which an attack once broke a promise, or that are made to: drawn in code, and tried in every campaign.

A mutant that does harm is made small (`--keep` has it), understood, and drawn here; its name says what it is.
"""

from __future__ import annotations

import functools
import struct
import zlib
from typing import TYPE_CHECKING

from photos.bombs import BOMBS
from photos.bombs.drawn_jpeg import segment

from campaign.photographs import encoded, heic, png_chunk, scene

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = 1_000_000


def bad_files() -> tuple[tuple[str, str, Callable[[], bytes]], ...]:
    """(what it is, suffix, how it is made): made when it is its turn, because some are large."""
    return (
        ("jpeg that claims 65,500 pixels square", ".jpg", lambda: _claiming(65_500, 65_500)),
        ("jpeg of 10,000 scans", ".jpg", lambda: _scans(10_000)),
        ("jpeg whose EXIF says that it has 65,535 entries", ".jpg", lambda: _with_exif(5000, 0xFFFF)),
        ("jpeg whose EXIF counts to 4 billion", ".jpg", lambda: _with_exif(300, 300, count=0xFFFFFFFF)),
        ("png that claims 300,000 pixels square", ".png", lambda: _png(300_000, _zeros(1000))),
        ("png of a pixel and 1 GB behind it", ".png", lambda: _png(1, _zeros(1000 * MANY))),
        ("heic that claims 400 megapixels", ".heic", _heic_claiming),
        *((bomb.name, bomb.suffix, functools.partial(bomb.make, bomb.large)) for bomb in BOMBS),
    )


def _claiming(width: int, height: int) -> bytes:
    data = encoded(scene(), "JPEG")
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def _scans(count: int) -> bytes:
    """The last scan of a progressive JPEG again and again."""
    data = encoded(scene(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def _with_exif(there: int, said: int, count: int = 1) -> bytes:
    """A JPEG whose EXIF block has so many entries of so many that it says it has, of so many bytes each."""
    data = encoded(scene(), "JPEG")
    entry = struct.pack("<HHII", 0x010F, 2, count, 8)
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, said) + entry * there + bytes(4)
    return data[:2] + segment(0xE1, block) + data[2:]


def _png(side: int, compressed: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = png_chunk(b"IDAT", compressed)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + body + png_chunk(b"IEND", b"")


def _zeros(count: int) -> bytes:
    """So many zeros compressed, without ever holding them."""
    packer, block = zlib.compressobj(1), bytes(MANY)
    parts = [packer.compress(block) for _ in range(count // MANY)]
    return b"".join((*parts, packer.compress(block[: count % MANY]), packer.flush()))


def _heic_claiming() -> bytes:
    data = heic(scene())
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", 20_000, 20_000) + data[at + 8 :]
