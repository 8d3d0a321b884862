"""Files by which an attack once broke a promise, or that are made to: drawn in code, and tried in every campaign.

A mutant that does harm is made small (`--keep` has it), understood, and drawn here; its name says what it is.
"""

from __future__ import annotations

import functools
import struct
import zlib
from typing import TYPE_CHECKING

from photos.bombs import BOMBS

from campaign.photographs import encoded, exif, heic, png_chunk, scene

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = 1_000_000


def bad_files() -> tuple[tuple[str, str, Callable[[], bytes]], ...]:
    """(what it is, suffix, how it is made): made when it is its turn, because some are large."""
    return (
        ("jpeg that claims 65,500 pixels square", ".jpg", lambda: _claiming(65_500, 65_500)),
        ("jpeg that claims 299 megapixels", ".jpg", lambda: _claiming(23_000, 13_000)),
        ("progressive jpeg that claims 299 megapixels", ".jpg", lambda: _claiming(23_000, 13_000, progressive=True)),
        ("jpeg of 10,000 scans", ".jpg", lambda: _scans(10_000)),
        ("large jpeg of 490 scans", ".jpg", lambda: _scans(480, 8000, 6000)),
        ("jpeg of 25,000,000 empty segments", ".jpg", lambda: _behind_start(b"\xff\xe5\0\2" * 25 * MANY)),
        ("jpeg of 100 MB of fill bytes", ".jpg", lambda: _behind_start(b"\xff" * 100 * MANY)),
        ("jpeg whose EXIF has 65,535 entries", ".jpg", lambda: _behind_start(_app1(_entries(5000, 0xFFFF)))),
        ("jpeg whose EXIF follows itself", ".jpg", lambda: _behind_start(_app1(_entries(1, 1, following=8)))),
        (
            "jpeg whose EXIF counts to 4 billion",
            ".jpg",
            lambda: _behind_start(_app1(_entries(300, 300, count=0xFFFFFFFF))),
        ),
        ("png that claims 300,000 pixels square", ".png", lambda: _png(300_000, 300_000, _zeros(1000))),
        ("png of 299 megapixels of nothing", ".png", lambda: _png(23_000, 13_000, _zeros(13_000 * (3 * 23_000 + 1)))),
        ("png of a pixel and 1 GB behind it", ".png", lambda: _png(1, 1, _zeros(1000 * MANY))),
        ("png of 8,000,000 empty chunks", ".png", lambda: _png(8, 8, _zeros(200), png_chunk(b"teSt", b"") * 8 * MANY)),
        ("png of a profile of 1 GB", ".png", lambda: _png(8, 8, _zeros(200), _profile())),
        ("webp of 12,000,000 empty chunks", ".webp", _webp),
        ("webp of 100 frames", ".webp", _frames),
        ("heic of 12,000,000 boxes", ".heic", lambda: _heic_with(b"\0\0\0\x08free" * 12 * MANY)),
        ("heic that claims 400 megapixels", ".heic", _heic_claiming),
        *((bomb.name, bomb.suffix, functools.partial(bomb.make, bomb.large)) for bomb in BOMBS),
    )


def _claiming(width: int, height: int, *, progressive: bool = False) -> bytes:
    data = encoded(scene(), "JPEG", progressive=progressive)
    at = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def _scans(count: int, width: int = 320, height: int = 240) -> bytes:
    """The last scan of a progressive JPEG again and again, of a picture that claims this size."""
    data = _claiming(width, height, progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def _behind_start(content: bytes) -> bytes:
    data = encoded(scene(), "JPEG")
    return data[:2] + content + data[2:]


def _app1(block: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block


def _entries(there: int, said: int, count: int = 1, following: int = 0) -> bytes:
    """An EXIF block with so many entries of so many that it says it has."""
    entry = struct.pack("<HHII", 0x010F, 2, count, 8)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, said) + entry * there + struct.pack("<I", following)


def _png(width: int, height: int, compressed: bytes, between: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = png_chunk(b"IDAT", compressed)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + between + body + png_chunk(b"IEND", b"")


def _zeros(count: int) -> bytes:
    """So many zeros compressed, without ever holding them."""
    packer, block = zlib.compressobj(1), bytes(MANY)
    parts = [packer.compress(block) for _ in range(count // MANY)]
    return b"".join((*parts, packer.compress(block[: count % MANY]), packer.flush()))


def _profile() -> bytes:
    return png_chunk(b"iCCP", b"x\0\0" + _zeros(1000 * MANY))


def _webp() -> bytes:
    data = encoded(scene(), "WEBP", exif=exif())
    return data[:4] + struct.pack("<I", len(data) - 8 + 96 * MANY) + data[8:] + b"teSt\0\0\0\0" * 12 * MANY


def _frames() -> bytes:
    frames = [scene(640, 480, 0.5 + number / 200) for number in range(100)]
    return encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], quality=10, method=0)


def _heic_with(boxes: bytes) -> bytes:
    """Boxes behind the picture, whose places in the file stay as they were said."""
    return heic(scene()) + boxes


def _heic_claiming() -> bytes:
    data = heic(scene())
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", 20_000, 20_000) + data[at + 8 :]
